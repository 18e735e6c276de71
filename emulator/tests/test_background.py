"""`orgcal-emulator start` and `stop`, and the variables by which any program finds the emulator and logs in."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
import ssl
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

SMALL_SEED = """\
tenants:
  - tenant_id: 44444444-4444-4444-4444-444444444444
    domain: mine.example
    users: { count: 20, mailboxes: { without: 3 } }
operator:
  client_id: 55555555-5555-4555-8555-555555555555
  permissions: [User.Read.All, Calendars.Read]
"""
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Runs `orgcal-emulator` in an empty folder; an emulator that is left over is stopped."""
    started: list[psutil.Process] = []
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("ORGCAL_", "SSL_"))}

    def command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            [sys.executable, "-m", "orgcal_emulator", *arguments], cwd=tmp_path, env=environ | variables,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if arguments[:1] == ("start",) and ended.returncode == 0:
            record = Path(variables_of(ended.stdout)["ORGCAL_EMULATOR_FILE"])
            started.append(psutil.Process(json.loads(record.read_text())["pid"]))
        return ended

    yield command
    for process in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
            process.wait(20)


def variables_of(printed: str) -> dict[str, str]:
    """What `start` printed, in either form."""
    pairs = (line.removeprefix("export ").split("=", 1) for line in printed.splitlines())
    return {name: shlex.split(value)[0] for name, value in pairs}


def test_start_prints_variables_of_an_emulator_that_serves(run: Run) -> None:
    variables = variables_of(run("start").stdout)
    trust = ssl.create_default_context(cafile=variables["SSL_CERT_FILE"])
    address = f"{variables['ORGCAL_EMULATOR_URL']}/metadata/endpoints?api-version=2022-09-01"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
    with opener.open(address, timeout=20) as answer:
        assert json.load(answer)["portal"] == variables["AZURE_AUTHORITY_HOST"]


def test_start_names_files_for_this_user_only_and_prints_no_secret(run: Run) -> None:
    printed = run("start").stdout
    variables = variables_of(printed)
    folder = Path(variables["ORGCAL_EMULATOR_FILE"]).parent
    for name in ("operator-secret", "platform-api-key", "control-token"):
        assert (folder / name).read_text() not in printed
    files = [Path(value) for value in variables.values() if value.startswith("/")]
    assert len(files) >= 6
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_start_hands_no_login_of_the_caller_to_the_process_that_stays(run: Run) -> None:
    logins = {"AZURE_CLIENT_SECRET": "s3cret", "AWS_SECRET_ACCESS_KEY": "s3cret", "GITHUB_TOKEN": "s3cret"}
    variables = variables_of(run("start", **logins).stdout)
    process = psutil.Process(json.loads(Path(variables["ORGCAL_EMULATOR_FILE"]).read_text())["pid"])
    assert "PATH" in process.environ()
    assert "s3cret" not in process.environ().values()


def test_start_gives_a_login_as_pem_and_as_pkcs12(run: Run) -> None:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs12

    variables = variables_of(run("start").stdout)
    pem = Path(variables["AZURE_CLIENT_CERTIFICATE_PATH"]).read_bytes()
    key, certificate, _ = pkcs12.load_key_and_certificates(
        Path(variables["ARM_CLIENT_CERTIFICATE_PATH"]).read_bytes(), None
    )
    assert key is not None
    assert certificate is not None
    own = load_pem_private_key(pem, None)
    assert own.public_key() == key.public_key() == certificate.public_key()


def test_start_keeps_public_roots_in_what_programs_trust(run: Run, tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_text("# roots of this machine\n")
    variables = variables_of(run("start", SSL_CERT_FILE=str(roots)).stdout)
    own = Path(variables["NODE_EXTRA_CA_CERTS"]).read_text()
    assert Path(variables["SSL_CERT_FILE"]).read_text() == f"# roots of this machine\n{own}"


def test_start_prints_a_file_of_variables_when_asked(run: Run) -> None:
    printed = run("start", "--format", "env").stdout
    assert "export" not in printed
    assert variables_of(printed)["AZURE_TENANT_ID"] == "11111111-1111-1111-1111-111111111111"


def test_start_takes_a_seed_of_less_than_ten_lines(run: Run, tmp_path: Path) -> None:
    (tmp_path / "seed.yaml").write_text(SMALL_SEED)
    variables = variables_of(run("start", "--seed", "seed.yaml").stdout)
    assert len(SMALL_SEED.splitlines()) < 10
    assert variables["AZURE_TENANT_ID"] == "44444444-4444-4444-4444-444444444444"
    assert variables["AZURE_CLIENT_ID"] == "55555555-5555-4555-8555-555555555555"
    [tenant] = json.loads(Path(variables["ORGCAL_EMULATOR_FILE"]).read_text())["tenants"]
    assert (tenant["home"], tenant["display_name"], tenant["users"]) == (True, "mine.example", 20)
    assert tenant["administrator"] == "admin@mine.example"


def test_start_with_a_wrong_seed_says_where_and_leaves_nothing_running(run: Run, tmp_path: Path) -> None:
    (tmp_path / "seed.yaml").write_text(SMALL_SEED.replace("Calendars.Read", "Calendars.Reed"))
    ended = run("start", "--seed", "seed.yaml", "--state", "state")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("emulator: seed.yaml:7: ")
    assert len(ended.stderr.splitlines()) == 1
    assert "not running" in run("stop", "--state", "state").stdout


def test_start_that_cannot_write_its_files_leaves_nothing_running(run: Run, tmp_path: Path) -> None:
    (tmp_path / "state" / "trust.pem").mkdir(parents=True)
    ended = run("start", "--state", "state")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("emulator: [Errno 21] Is a directory: ")
    assert run("stop", "--state", "state").stdout == "the emulator was not running\n"


def test_start_on_a_taken_port_says_so(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("start", "--port", str(port))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"emulator: port {port} of 127.0.0.1 cannot be used: Address already in use.\n"


def test_stop_ends_the_emulator_that_the_variables_name(run: Run) -> None:
    record = Path(variables_of(run("start").stdout)["ORGCAL_EMULATOR_FILE"])
    assert run("stop", ORGCAL_EMULATOR_FILE=str(record)).stdout == "the emulator has stopped\n"
    assert not record.exists()
    assert run("stop", ORGCAL_EMULATOR_FILE=str(record)).stdout == "the emulator was not running\n"


def test_stop_keeps_the_state_that_the_next_start_finds(run: Run, tmp_path: Path) -> None:
    first = variables_of(run("start", "--state", "state").stdout)
    assert run("stop", "--state", "state").stdout == "the emulator has stopped\n"
    login = Path(first["AZURE_CLIENT_CERTIFICATE_PATH"]).read_bytes()
    second = variables_of(run("start", "--state", "state").stdout)
    assert Path(second["AZURE_CLIENT_CERTIFICATE_PATH"]).read_bytes() == login


def test_stop_after_a_kill_ends_nobody(run: Run, tmp_path: Path) -> None:
    """The record of a killed emulator names a process id that may be anybody's."""
    record = Path(variables_of(run("start", "--state", "state").stdout)["ORGCAL_EMULATOR_FILE"])
    ready = json.loads(record.read_text())
    assert run("stop", "--state", "state").returncode == 0
    record.write_text(json.dumps({**ready, "pid": os.getpid()}))
    assert run("stop", "--state", "state").stdout == "the emulator was not running\n"


def test_stop_without_a_name_says_how_to_give_one(run: Run) -> None:
    ended = run("stop")
    assert ended.returncode == 2
    assert ended.stderr.startswith("emulator: ORGCAL_EMULATOR_FILE names no emulator; ")
