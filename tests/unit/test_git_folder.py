"""A project's folder in its git repository: where it lies, what it is called, what git keeps of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgcal.ci.place import place_in_repository
from orgcal.errors import UsageError
from orgcal.stack.git_folder import find_git_folder, folder_slug

ENVIRON = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, env=ENVIRON, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a project in a folder."""
    root = tmp_path / "app"
    (root / "infra" / "orgcal").mkdir(parents=True)
    git(root, "init", "-q")
    return root


def test_folder_of_a_larger_repository_is_told_from_its_root(repository: Path) -> None:
    project = repository / "infra" / "orgcal"
    elsewhere = {**ENVIRON, "GIT_DIR": "/nowhere"}

    inside, root = find_git_folder(project, elsewhere), find_git_folder(repository, ENVIRON)

    assert inside is not None
    assert root is not None
    assert (inside.root, inside.path, inside.slug) == (repository.resolve(), "infra/orgcal", "infra--orgcal")
    assert (root.root, root.path, root.slug) == (repository.resolve(), "", "")


def test_folder_in_no_repository_is_none_and_without_git_one_sentence(tmp_path: Path) -> None:
    assert find_git_folder(tmp_path, {**ENVIRON, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}) is None
    with pytest.raises(UsageError, match="git is not installed"):
        find_git_folder(tmp_path, {"PATH": str(tmp_path)})


def test_files_that_git_tracks_and_ignores_are_told_apart(repository: Path) -> None:
    project = repository / "infra" / "orgcal"
    for name in ("Pulumi.dev.yaml", "Pulumi.prod.yaml", "Pulumi.yaml"):
        (project / name).write_text("x\n")
    (project / ".gitignore").write_text("Pulumi.*.yaml\n!Pulumi.dev.yaml\n")
    git(project, "add", "Pulumi.dev.yaml")
    found = find_git_folder(project, ENVIRON)

    assert found is not None
    names = ["Pulumi.dev.yaml", "Pulumi.prod.yaml", "Pulumi.yaml"]
    assert found.tracked(names) == {"Pulumi.dev.yaml"}
    assert found.ignored(names) == {"Pulumi.prod.yaml"}


@pytest.mark.parametrize(
    ("path", "slug"), [("", ""), ("orgcal", "orgcal"), ("infra/orgcal", "infra--orgcal"), ("a-b/c-1", "a-b--c-1")]
)
def test_slug_of_a_plain_folder_is_readable(path: str, slug: str) -> None:
    assert folder_slug(path) == slug


def test_slugs_of_folders_that_read_alike_differ() -> None:
    paths = ["a/b", "a-b", "a--b", "A/b", "a_b", "a b", "a/b-", "ä/b", "a." + "b" * 60, "a." + "b" * 61]

    assert len({folder_slug(path) for path in paths}) == len(paths)


@given(st.text(min_size=1, max_size=80))
def test_slug_of_any_folder_fits_into_every_name(path: str) -> None:
    slug = folder_slug(path)

    assert 0 < len(slug) <= 40
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not slug.startswith("-")


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/Acme/Calendar-App.git",
        "https://ada:hush@github.com/acme/calendar-app/",
        "git@github.com:acme/calendar-app.git",
        "ssh://git@github.com:22/acme/calendar-app",
    ],
)
def test_place_in_a_repository_with_a_fitting_remote_is_taken(repository: Path, address: str) -> None:
    git(repository, "remote", "add", "upstream", "https://git.example/else/where.git")
    git(repository, "remote", "add", "origin", address)

    assert place_in_repository(repository / "infra" / "orgcal", "acme/calendar-app", ENVIRON).path == "infra/orgcal"


def test_place_in_a_repository_without_a_remote_is_taken(repository: Path) -> None:
    assert place_in_repository(repository, "acme/calendar-app", ENVIRON).path == ""


def test_place_in_no_repository_or_in_another_is_refused_in_one_sentence(repository: Path, tmp_path: Path) -> None:
    git(repository, "remote", "add", "origin", "https://ada:hush@github.com/acme/other.git")
    outside = {**ENVIRON, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}

    with pytest.raises(UsageError, match="lies in no git repository") as none:
        place_in_repository(tmp_path, "acme/calendar-app", outside)
    with pytest.raises(UsageError, match=r"belongs to another repository \(origin is acme/other\)") as other:
        place_in_repository(repository / "infra" / "orgcal", "acme/calendar-app", ENVIRON)

    for caught in (none, other):
        assert "\n" not in caught.value.what
        assert caught.value.repair
        assert "hush" not in str(caught.value)
