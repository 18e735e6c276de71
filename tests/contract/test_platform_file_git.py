"""Kind `file` in repositories of git that are not plain: others in the environment, folders that are yet to be made."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from orgcal.entra.credentials import ClientSecret
from orgcal.errors import PlatformError
from orgcal.platforms import PlatformCredential, open_platform

CREDENTIAL = PlatformCredential("cid", 1, ClientSecret("hush-1"))


def settings_of(path: Path) -> dict[str, Any]:
    return {"kind": "file", "path": str(path), "callback_url": "https://app.example.com/oauth/callback"}


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    return tmp_path


def test_file_is_judged_by_the_repository_that_it_lies_in_whatever_the_environment_names(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a hook of git, which sets GIT_DIR and GIT_WORK_TREE."""
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "-q")
    (other / ".git" / "info").mkdir(exist_ok=True)
    (other / ".git" / "info" / "exclude").write_text("*\n")
    path = repository / "settings.yaml"
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(repository))

    with pytest.raises(PlatformError, match="git would track this file"):
        open_platform(settings_of(path), {}).push_credentials("outlook", CREDENTIAL)

    assert not path.exists()


def test_file_two_missing_folders_deep_is_judged_by_the_repository_above(repository: Path) -> None:
    (repository / ".gitignore").write_text("private/\n")
    kept, refused = (repository / name / "deep" / "settings.yaml" for name in ("private", "public"))

    open_platform(settings_of(kept), {}).push_credentials("outlook", CREDENTIAL)
    with pytest.raises(PlatformError, match="git would track this file"):
        open_platform(settings_of(refused), {}).push_credentials("outlook", CREDENTIAL)

    assert "hush-1" in kept.read_text()
    assert not (repository / "public").exists()
