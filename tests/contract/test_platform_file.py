"""Kind `file`: modes, git, atomicity, several writers; with real files, git and processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orgcal.entra.credentials import ClientSecret
from orgcal.errors import PlatformError
from orgcal.files.whole import write_whole
from orgcal.platforms import ConnectorSettings, PlatformCredential, ensure_connector, open_platform

PROJECT_ROOT = Path(__file__).resolve().parents[2]
CALLBACK = "https://app.example.com/oauth/callback"
DECLARED = ConnectorSettings("outlook", "Outlook", "text", ("Calendars.Read",))
CREDENTIAL = PlatformCredential("cid", 1, ClientSecret("hush-1"))


def settings_of(path: Path, **more: Any) -> dict[str, Any]:
    return {"kind": "file", "path": str(path), "callback_url": CALLBACK, **more}


def git(folder: Path, *arguments: str) -> None:
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    return tmp_path


def test_file_is_private_even_if_it_was_not(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "settings.yaml"
    open_platform(settings_of(path), {}).push_credentials("outlook", CREDENTIAL)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.chmod(0o644)
    open_platform(settings_of(path), {}).push_credentials(
        "outlook", PlatformCredential("cid", 2, ClientSecret("hush-2"))
    )
    assert path.stat().st_mode & 0o777 == 0o600


def test_file_lies_in_the_projects_folder_whatever_folder_a_command_is_run_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    relative = settings_of(Path("settings.yaml"))
    open_platform(relative, {"ORGCAL_PROJECT": str(project)}).push_credentials("outlook", CREDENTIAL)
    open_platform(relative, {}).push_credentials("outlook", CREDENTIAL)
    assert (project / "settings.yaml").is_file()
    assert (elsewhere / "settings.yaml").is_file(), "a program of one's own has no such variable"


def test_file_other_connectors_and_comments_stay(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("# ours\nport: 8080  # web\nconnectors:\n  google:\n    client_id: g\n")
    platform = open_platform(settings_of(path), {})
    ensure_connector(platform, DECLARED)
    platform.push_credentials("outlook", CREDENTIAL)
    platform.remove_credentials("outlook")
    platform.delete_connector("outlook")
    assert path.read_text() == "# ours\nport: 8080  # web\nconnectors:\n  google:\n    client_id: g\n"


@pytest.mark.parametrize(
    ("name", "names"), [("settings.yaml", None), (".env", {"client_id": "ID", "client_secret": "SECRET"})]
)
def test_file_with_ends_of_lines_of_windows_keeps_them(tmp_path: Path, name: str, names: dict[str, str] | None) -> None:
    path = tmp_path / name
    path.write_bytes(b"# ours\r\n\r\n")
    platform = open_platform(settings_of(path, **({"names": names} if names else {})), {})
    platform.push_credentials("outlook", CREDENTIAL)
    written = path.read_bytes()
    assert written.startswith(b"# ours\r\n\r\n")
    assert b"hush-1" in written
    assert written.count(b"\n") == written.count(b"\r\n")
    platform.push_credentials("outlook", CREDENTIAL)
    assert path.read_bytes() == written
    held = platform.read_credentials("outlook")
    assert held is not None
    assert held.credential is not None
    assert held.credential.credential == ClientSecret("hush-1")


def test_file_json_keeps_foreign_keys(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"port": 8080, "connectors": {"outlook": {"color": "blue"}}}')
    open_platform(settings_of(path), {}).push_credentials("outlook", CREDENTIAL)
    expected = {"color": "blue", "client_id": "cid", "client_secret": "hush-1", "generation": 1}
    assert json.loads(path.read_text()) == {"port": 8080, "connectors": {"outlook": expected}}


def test_file_unchanged_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    platform = open_platform(settings_of(path), {})
    platform.push_credentials("outlook", CREDENTIAL)
    before = path.stat()
    platform.push_credentials("outlook", CREDENTIAL)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_file_that_git_would_add_is_refused_before_anything_is_written(repository: Path) -> None:
    path = repository / "sub" / "settings.yaml"
    with pytest.raises(PlatformError, match="git would track this file") as error:
        open_platform(settings_of(path), {}).push_credentials("outlook", CREDENTIAL)
    assert "settings.yaml to .gitignore" in error.value.repair
    assert not path.parent.exists()


def test_file_that_git_ignores_is_written(repository: Path) -> None:
    (repository / ".gitignore").write_text("settings.yaml\n")
    path = repository / "settings.yaml"
    open_platform(settings_of(path), {}).push_credentials("outlook", CREDENTIAL)
    assert "hush-1" in path.read_text()


def test_file_that_git_tracks_is_refused_even_if_it_is_ignored(repository: Path) -> None:
    path = repository / "settings.yaml"
    path.write_text("a: 1\n")
    git(repository, "add", "settings.yaml")
    git(repository, "commit", "-qm", "tracked")
    (repository / ".gitignore").write_text("settings.yaml\n")
    with pytest.raises(PlatformError, match="git would track this file"):
        open_platform(settings_of(path), {}).push_credentials("outlook", CREDENTIAL)
    assert path.read_text() == "a: 1\n"


def test_file_without_git_at_hand_is_refused_inside_a_repository(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(repository / "empty"))
    with pytest.raises(PlatformError, match="git cannot be asked"):
        open_platform(settings_of(repository / "settings.yaml"), {}).push_credentials("outlook", CREDENTIAL)


def test_file_behind_a_link_is_changed_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "settings.yaml"
    link.symlink_to(tmp_path / "real" / "settings.yaml")
    open_platform(settings_of(link), {}).push_credentials("outlook", CREDENTIAL)
    assert link.is_symlink()
    assert "hush-1" in (tmp_path / "real" / "settings.yaml").read_text()


@pytest.mark.parametrize(("content", "sentence"), [(b"\xff\xfe", "not UTF-8 text"), (b"{", "is not JSON")])
def test_file_of_another_kind_is_one_sentence_and_stays(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(content)
    with pytest.raises(PlatformError, match=sentence):
        open_platform(settings_of(path), {}).push_credentials("outlook", CREDENTIAL)
    assert path.read_bytes() == content


def test_file_where_nothing_can_be_written_is_one_sentence_and_leaves_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "taken"
    path.mkdir()
    with pytest.raises(PlatformError, match="cannot be written"):
        write_whole(path, "x")
    assert [each.name for each in tmp_path.iterdir()] == ["taken"]


def test_file_several_writers_lose_nothing(tmp_path: Path) -> None:
    """Eight processes write five connectors each into one file at the same time."""
    path = tmp_path / "settings.yaml"
    path.write_text("# keep me\n")
    script = """
import json, sys
from orgcal.entra.credentials import ClientSecret
from orgcal.platforms import PlatformCredential, open_platform
settings, number = json.loads(sys.argv[1]), sys.argv[2]
platform = open_platform(settings, {})
for each in range(5):
    credential = PlatformCredential("cid", 1, ClientSecret(f"hush-{number}-{each}"))
    platform.push_credentials(f"connector-{number}-{each}", credential)
"""
    command = [sys.executable, "-P", "-c", script, json.dumps(settings_of(path))]
    environ = {"PYTHONPATH": str(PROJECT_ROOT), "PATH": "/usr/bin:/bin"}
    writers = [subprocess.Popen([*command, str(number)], env=environ) for number in range(8)]
    assert [writer.wait(timeout=60) for writer in writers] == [0] * 8
    platform = open_platform(settings_of(path), {})
    for number in range(8):
        for each in range(5):
            found = platform.read_credentials(f"connector-{number}-{each}")
            assert found is not None
            assert found.credential is not None
            assert found.credential.credential == ClientSecret(f"hush-{number}-{each}")
    assert path.read_text().startswith("# keep me\n")
    assert [each.name for each in tmp_path.iterdir()] == ["settings.yaml"]
