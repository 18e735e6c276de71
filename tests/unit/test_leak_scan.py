"""The leak scan of the engine tests: each kind of leak, planted once, is found, and its text is not repeated."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest

from tests.support.leak_scan import LeakedSecretError, LeakScan, shown_on_purpose

SECRET = "abc8Q~" + "x" * 34
TOKEN = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"RS256"}', b'{"aud":"graph"}', b"s" * 32)
)
KEY = f"-----BEGIN PRIVATE KEY-----\n{'M' * 64}\n-----END PRIVATE KEY-----\n"


def leaks(scan: LeakScan) -> list[str]:
    """What the scan says; empty where there is no leak."""
    try:
        scan.check()
    except LeakedSecretError as error:
        return str(error).splitlines()
    return []


def repository(folder: Path) -> Path:
    """A git repository that ignores `kept/`."""
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / ".gitignore").write_text("kept/\n")
    return folder


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def write(path: Path, text: str, mode: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"secret={SECRET}!", "a client secret"),
        (f"Authorization: Bearer {TOKEN}", "a token"),
        (KEY, "a private key"),
        (json.dumps(json.dumps({"key": KEY})), "a private key"),
        (base64.b64encode(f"client:{SECRET}".encode()).decode(), "a client secret"),
    ],
)
def test_secret_is_known_by_its_form_and_not_repeated(text: str, kind: str) -> None:
    scan = LeakScan()
    scan.hear_output("orgcal up", text)
    assert leaks(scan) == [f"{kind} is in the output of `orgcal up`"]
    assert leaks(scan) == [], "each leak fails one test"


def test_login_that_says_example_is_no_secret() -> None:
    scan = LeakScan()
    scan.hear_environ("pulumi up", {"ARM_CLIENT_SECRET": "abc8Q~" + "x" * 34 + "EXAMPLE"})
    assert leaks(scan) == []


def test_argument_list_is_told_without_its_secret() -> None:
    scan = LeakScan()
    scan.hear_arguments(f"curl -u client:{SECRET}")
    (leak,) = leaks(scan)
    assert leak == "a client secret is in the arguments of `curl -u client:abc***`"


def test_variable_with_a_secret_is_named() -> None:
    scan = LeakScan()
    scan.hear_environ("pulumi up", {"ARM_CLIENT_SECRET": SECRET, "HOME": "/home/of/somebody-or-other"})
    assert leaks(scan) == ["a client secret is in variable ARM_CLIENT_SECRET of `pulumi up`"]


@pytest.mark.parametrize(
    "name", ["passphrase", "emulator/operator-secret", "emulator/platform-api-key", "emulator/control-token"]
)
def test_secret_without_a_form_is_learned_from_its_file(tmp_path: Path, name: str) -> None:
    scan = LeakScan()
    scan.hear_output("orgcal up", "it is correct-horse-battery")
    write(tmp_path / ".local" / "own" / name, "correct-horse-battery\n", 0o600)
    scan.learn(tmp_path)
    assert leaks(scan) == [f"the content of {Path(name).name} is in the output of `orgcal up`"], "learned later"


def test_secret_in_a_file_that_a_variable_names_is_learned(tmp_path: Path) -> None:
    key = write(tmp_path / "nango.key", "correct-horse-battery", 0o600)
    scan = LeakScan()
    scan.learn(tmp_path, {"NANGO_API_KEY_FILE": str(key), "OTHER_KEY_FILE": str(tmp_path / "absent")})
    scan.hear_output("pulumi up", "correct-horse-battery")
    assert leaks(scan) == ["the content of nango.key is in the output of `pulumi up`"]


def test_line_that_masks_a_secret_is_no_leak_and_one_beside_it_is() -> None:
    scan = LeakScan()
    scan.hear_output("orgcal up", f"::add-mask::{SECRET}\nis up\n")
    assert leaks(scan) == []
    scan.hear_output("orgcal up", f"::add-mask::{SECRET}\nis up with {SECRET}\n")
    assert leaks(scan) == ["a client secret is in the output of `orgcal up`"]


def test_secret_of_a_users_own_stack_is_learned_from_the_data_directory(tmp_path: Path) -> None:
    scan = LeakScan()
    write(
        tmp_path / "data" / "projects" / "calendars" / "stacks" / "prod" / "passphrase", "correct-horse-battery", 0o600
    )
    write(tmp_path / "home/.local/share/orgcal/stacks/prod/emulator/control-token", "of-the-other-emulator", 0o600)
    scan.learn(tmp_path / "project", {"ORGCAL_DATA_DIR": str(tmp_path / "data"), "HOME": str(tmp_path / "home")})
    assert sorted(scan.known) == [b"correct-horse-battery", b"of-the-other-emulator"]


def test_output_shown_on_purpose_is_no_leak_and_arguments_are() -> None:
    scan = LeakScan()
    with shown_on_purpose("the test reads the secret"):
        scan.hear_output("pulumi stack output --show-secrets", SECRET)
        scan.hear_arguments(f"echo {SECRET}")
    assert leaks(scan) == ["a client secret is in the arguments of `echo abc***`"]


def test_file_that_others_may_read_is_a_leak(tmp_path: Path) -> None:
    scan = LeakScan()
    write(tmp_path / "home" / "private", SECRET, 0o600)
    log = write(tmp_path / "home" / "engine.log", f"\0\xff{SECRET}\n", 0o640)
    scan.read_files(tmp_path)
    assert leaks(scan) == [f"a client secret is in {log}, which others may use (mode 0640)"]


@pytest.mark.parametrize("made", [True, False], ids=["repository", "copy-without-one"])
def test_private_file_that_git_would_commit_is_a_leak(tmp_path: Path, made: bool) -> None:
    project = tmp_path / "project"
    if made:
        repository(project)
    write(project / ".gitignore", "kept/\n", 0o644)
    write(project / "kept" / "secret", SECRET, 0o600)
    settings = write(project / "sub" / "settings.yaml", SECRET, 0o600)
    scan = LeakScan()
    scan.read_files(tmp_path)
    assert leaks(scan) == [f"a client secret is in {settings}, which git would commit"]


def test_file_that_git_tracks_is_a_leak_although_it_is_ignored(tmp_path: Path) -> None:
    project = repository(tmp_path / "project")
    tracked = write(project / "kept" / "secret", SECRET, 0o600)
    git(project, "add", "--force", "kept/secret")
    scan = LeakScan()
    scan.read_files(project)
    assert f"a client secret is in {tracked}, which git would commit" in leaks(scan)


@pytest.mark.parametrize("bare", [False, True], ids=["beside-files", "bare"])
def test_secret_that_git_keeps_is_a_leak_although_its_file_is_gone(tmp_path: Path, bare: bool) -> None:
    project = repository(tmp_path / "project")
    settings = write(project / "settings.yaml", SECRET, 0o600)
    for message in ("with it", "without it"):
        git(project, "add", "-A")
        git(project, "commit", "-q", "-m", message)
        settings.unlink(missing_ok=True)
    place = project / ".git"
    if bare:
        place = tmp_path / "remote" / "of.git"
        git(project, "clone", "-q", "--bare", ".", str(place))
    scan = LeakScan()
    scan.read_files(place.parent)
    assert leaks(scan) == [f"a client secret is in the objects of {place}"]


def test_folder_without_secrets_is_no_leak(tmp_path: Path) -> None:
    project = repository(tmp_path / "project")
    write(project / "README.md", "Write `-----BEGIN PRIVATE KEY-----` above the key; secrets begin like 8Q~.", 0o644)
    scan = LeakScan()
    scan.read_files(tmp_path)
    assert leaks(scan) == []
