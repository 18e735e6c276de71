"""Kind `file`: modes, git, atomicity, several writers; with real files, git and processes."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orgcal.entra.credentials import ClientCertificate, ClientSecret
from orgcal.errors import ConfigError, PlatformError
from orgcal.files.whole import write_whole
from orgcal.platforms import ConnectorSettings, PlatformCredential, ensure_connector, open_platform
from orgcal.platforms.file import format_of

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


def test_file_that_is_new_is_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "settings.yaml"
    open_platform(settings_of(path), {}).push_credentials("outlook", CREDENTIAL)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


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


def test_file_in_a_repository_where_git_refuses_to_answer_is_refused_with_its_sentence(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container whose checkout belongs to another user: git exits with 128 (F3 of the security trials)."""
    (repository / "bin").mkdir()
    fake = repository / "bin" / "git"
    fake.write_text(
        "#!/bin/sh\n"
        "echo \"fatal: detected dubious ownership in repository at '/x'\" >&2\n"
        "printf 'To add an exception, call:\\n\\n\\tgit config --global --add safe.directory /x\\n' >&2\n"
        "exit 128\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:/usr/bin:/bin")
    path = repository / "new.yaml"
    with pytest.raises(PlatformError, match="detected dubious ownership in repository") as error:
        open_platform(settings_of(path), {}).push_credentials("outlook", CREDENTIAL)
    assert error.value.repair == "git config --global --add safe.directory /x"
    assert not path.exists()


def test_file_in_a_broken_repository_is_refused(repository: Path) -> None:
    (repository / ".gitignore").write_text("settings.yaml\n")
    (repository / ".git" / "config").write_text("[core\n")
    with pytest.raises(PlatformError, match="git does not tell whether it would track this file"):
        open_platform(settings_of(repository / "settings.yaml"), {}).push_credentials("outlook", CREDENTIAL)
    assert not (repository / "settings.yaml").exists()


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


def test_file_behind_a_link_that_leads_out_of_the_project_is_refused(tmp_path: Path) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside.env"
    project.mkdir()
    outside.write_text("A=1\n")
    (project / ".env").symlink_to(outside)
    settings = settings_of(Path(".env"), names={"client_id": "ID", "client_secret": "SECRET"})
    with pytest.raises(PlatformError, match="leads from here out of the project"):
        open_platform(settings, {"ORGCAL_PROJECT": str(project)}).push_credentials("outlook", CREDENTIAL)
    assert outside.read_text() == "A=1\n"


CERTIFICATE = PlatformCredential("cid", 3, ClientCertificate("-----BEGIN KEY-----\nk\n", "-----BEGIN CERT-----\nc\n"))
PEM_NAMES = {"client_id": "ID", "certificate_pem": "CERT", "private_key_pem": "KEY", "generation": "GENERATION"}


def test_file_dotenv_refuses_a_certificate_as_text_and_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\n")
    with pytest.raises(PlatformError, match="line breaks alike") as error:
        open_platform(settings_of(path, names=PEM_NAMES), {}).push_credentials("outlook", CERTIFICATE)
    assert "base64" in error.value.repair
    assert "BEGIN" not in str(error.value)
    assert path.read_text() == "A=1\n"


def test_file_dotenv_keeps_a_certificate_in_base64(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    settings = settings_of(path, names=PEM_NAMES, base64=["certificate_pem", "private_key_pem"])
    platform = open_platform(settings, {})
    platform.push_credentials("outlook", CERTIFICATE)
    entries = dict(line.split("=", 1) for line in path.read_text().splitlines())
    assert base64.b64decode(entries["KEY"]).decode() == "-----BEGIN KEY-----\nk\n"
    held = platform.read_credentials("outlook")
    assert held is not None
    assert held.credential == CERTIFICATE


def test_file_dotenv_keeps_a_certificate_in_files_of_its_own(tmp_path: Path) -> None:
    files = {"certificate_pem": "certs/cert.pem", "private_key_pem": "certs/key.pem"}
    names = {name: shown for name, shown in PEM_NAMES.items() if name != "certificate_pem"}
    platform = open_platform(settings_of(Path(".env"), names=names, files=files), {"ORGCAL_PROJECT": str(tmp_path)})
    platform.push_credentials("outlook", CERTIFICATE)
    assert (tmp_path / ".env").read_text() == "ID=cid\nGENERATION=3\nKEY=certs/key.pem\n"
    assert (tmp_path / "certs" / "key.pem").read_text() == "-----BEGIN KEY-----\nk\n"
    assert (tmp_path / "certs" / "key.pem").stat().st_mode & 0o777 == 0o600
    held = platform.read_credentials("outlook")
    assert held is not None
    assert held.credential == CERTIFICATE
    platform.remove_credentials("outlook")
    assert [each.name for each in (tmp_path / "certs").iterdir()] == []
    assert platform.read_credentials("outlook") is None


def test_file_of_its_own_that_git_would_add_is_refused_before_anything_is_written(repository: Path) -> None:
    (repository / ".gitignore").write_text(".env\n")
    settings = settings_of(
        Path(".env"), names=PEM_NAMES, files={"private_key_pem": "key.pem"}, base64=["certificate_pem"]
    )
    with pytest.raises(PlatformError, match="git would track this file"):
        open_platform(settings, {"ORGCAL_PROJECT": str(repository)}).push_credentials("outlook", CERTIFICATE)
    assert not (repository / ".env").exists()
    assert not (repository / "key.pem").exists()


@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        (".env", "dotenv"),
        (".env.production", "dotenv"),
        (".env.local", "dotenv"),
        ("web.env", "dotenv"),
        (".env.yaml", "yaml"),
        ("A.YML", "yaml"),
        ("a.json", "json"),
        ("tsconfig.jsonc", "jsonc"),
        ("a.toml", "toml"),
        ("settings.conf", None),
        (".envrc", None),
    ],
)
def test_file_format_is_what_the_name_says_by_convention(name: str, format_name: str | None) -> None:
    assert format_of(name) == format_name


@pytest.mark.parametrize("name", [".env.production", ".env"])
def test_file_that_holds_yaml_in_place_of_dotenv_is_refused_and_stays(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("connectors:\n  outlook: {}\n")
    settings = settings_of(path, names={"client_id": "ID", "client_secret": "SECRET"})
    with pytest.raises(PlatformError, match="not dotenv"):
        open_platform(settings, {}).push_credentials("outlook", CREDENTIAL)
    assert path.read_text() == "connectors:\n  outlook: {}\n"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.yaml", "a: " + "[" * 200_000, "nested too deeply"),
        ("a.yaml", "- " * 200_000 + "x\n", "nested too deeply"),
        ("a.yaml", "a: " + "[" * 400 + "]" * 400 + "\n", None),
        (
            "a.yaml",
            "a: &a [x]\n"
            + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
            "aliases of this file stand for more than",
        ),
        ("a.json", '{"a":' * 200_000, "nested too deeply"),
        ("a.json", '{"a":' + "9" * 6000 + "}", "not JSON"),
        ("a.toml", "a = " + "9" * 6000, "not TOML"),
        ("a.yaml", "connectors: {outlook: {client_id: 2001-99-99, generation: x, scopes: 5, published: [1]}}\n", None),
        ("a.json", '{"connectors": {"outlook": {"scopes": 5, "client_id": {"a": 1}, "client_secret": 7}}}', None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_file_with_unusual_content_is_edited_or_one_sentence(
    tmp_path: Path, name: str, content: str, sentence: str | None
) -> None:
    path = tmp_path / name
    path.write_text(content)
    platform = open_platform(settings_of(path), {})
    if sentence is None:
        ensure_connector(platform, DECLARED)
        platform.push_credentials("outlook", CREDENTIAL)
        held = platform.read_credentials("outlook")
        assert held is not None
        assert held.client_id == "cid"
        return
    with pytest.raises(PlatformError, match=sentence) as error:
        platform.push_credentials("outlook", CREDENTIAL)
    assert "hush-1" not in str(error.value)
    assert path.read_text() == content


def test_file_in_the_home_of_nobody_is_one_sentence() -> None:
    with pytest.raises(PlatformError, match="there is no such user"):
        open_platform(settings_of(Path("~no-such-user/x.yaml")), {})


@pytest.mark.parametrize(
    ("more", "setting"),
    [
        ({"path": "a\0.yaml"}, "path"),
        ({"files": {"client_secret": "./x.yaml"}}, "files"),
        ({"files": {"certificate_pem": "x.pem", "private_key_pem": "x.pem"}}, "files"),
        ({"names": {"client_id": "A", "client_secret": "A"}}, "names"),
    ],
)
def test_file_settings_in_which_one_place_would_hold_two_things_are_refused(more: dict[str, Any], setting: str) -> None:
    with pytest.raises(ConfigError, match=rf"platform\.{setting}: found"):
        open_platform({**settings_of(Path("x.yaml")), **more}, {})


def test_file_of_its_own_that_is_a_link_to_the_other_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    (tmp_path / "secret").symlink_to(path)
    names = {"client_id": "ID", "client_secret": "SECRET_FILE"}
    settings = settings_of(path, names=names, files={"client_secret": str(tmp_path / "secret")})
    with pytest.raises(PlatformError, match="lead to the same file"):
        open_platform(settings, {}).push_credentials("outlook", CREDENTIAL)
    assert not path.exists()
