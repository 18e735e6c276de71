"""The workflow that releases this project, and the notes that it takes from the changelog."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from orgcal import __version__
from scripts.release_notes import PACKAGES, NotReleasable, release_notes

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"
TEXT = WORKFLOW.read_text(encoding="utf-8")
JOBS: dict[str, Any] = yaml.safe_load(TEXT)["jobs"]


def test_actions_of_the_release_are_pinned_by_a_commit_that_two_projects_agree_on() -> None:
    used = re.findall(r"uses: (.+)", TEXT)

    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line) for line in used)
    for action in {line.split("@")[0] for line in used}:
        named = re.search(rf"^#   [^:\n]*{re.escape(action)}[^:\n]*:\n((?:#     .+\n)+)", TEXT, re.MULTILINE)
        assert named, action
        sources = re.findall(r"^#     (\S+) \.github/workflows/\S+ @ [0-9a-f]{40}$", named[1], re.MULTILINE)
        assert len(set(sources)) == 2, action


def test_each_job_of_the_release_has_the_rights_that_it_needs_and_no_secret() -> None:
    rights = {name: job["permissions"] for name, job in JOBS.items()}

    assert yaml.safe_load(TEXT)["permissions"] == {}
    assert rights == {
        "build": {"contents": "read"},
        "attest": {"attestations": "write", "id-token": "write"},
        "publish": {"id-token": "write"},
        "announce": {"contents": "write"},
    }
    assert "secrets." not in TEXT
    assert [JOBS[name].get("needs") for name in JOBS] == [None, "build", "attest", "publish"]


def test_tag_of_a_fork_releases_nothing() -> None:
    assert JOBS["build"]["if"] == "github.repository == 'orgcal/orgcal'"


def test_no_script_of_the_release_takes_text_of_an_expression() -> None:
    scripts = [step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step]

    assert scripts
    assert [script for script in scripts if "${{" in script] == []


def test_distributions_of_the_release_are_those_that_make_dist_builds() -> None:
    assert JOBS["publish"]["strategy"]["matrix"]["distribution"] == ["orgcal_emulator", "orgcal"]


@pytest.fixture
def releasable(tmp_path: Path) -> Path:
    for package in PACKAGES:
        (tmp_path / package).parent.mkdir(parents=True)
        (tmp_path / package).write_text('"""A package."""\n\n__version__ = "1.2.0"\n', encoding="utf-8")
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## [Unreleased]\n\n"
        "## [1.2.0] - 2027-01-31\n\n### Added\n- This.\n\n## [1.1.0] - 2027-01-01\n- Old.\n",
        encoding="utf-8",
    )
    return tmp_path


def test_notes_of_a_release_are_its_section_of_the_changelog(releasable: Path) -> None:
    assert release_notes("v1.2.0", releasable) == "### Added\n- This.\n"


@pytest.mark.parametrize("tag", ["v1.3.0", "1.2.0", "v1.2.0rc1", "v"])
def test_tag_of_another_version_is_refused(releasable: Path, tag: str) -> None:
    with pytest.raises(NotReleasable, match=r"the tag is .*, and this has 1\.2\.0"):
        release_notes(tag, releasable)


def test_tag_of_a_version_that_only_one_package_has_is_refused(releasable: Path) -> None:
    (releasable / PACKAGES[1]).write_text('__version__ = "1.1.0"\n', encoding="utf-8")

    with pytest.raises(NotReleasable, match=r"emulator/orgcal_emulator/__init__\.py: .* has 1\.1\.0"):
        release_notes("v1.2.0", releasable)


@pytest.mark.parametrize(
    "section", ["", "## [1.2.0]\n- No date.\n", "## [1.2.0] - 2027-01-31\n\n## [1.1.0] - 2027-01-01\n"]
)
def test_version_without_notes_is_refused(releasable: Path, section: str) -> None:
    (releasable / "CHANGELOG.md").write_text(f"# Changelog\n\n{section}", encoding="utf-8")

    with pytest.raises(NotReleasable, match=r"no section with text for 1\.2\.0"):
        release_notes("v1.2.0", releasable)


def test_changelog_collects_what_is_not_released_and_versions_are_found_in_the_packages() -> None:
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    with pytest.raises(NotReleasable, match=f"this has {re.escape(__version__)}"):
        release_notes("v0.0.0")
