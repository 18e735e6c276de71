"""The emulator as a program: ready line, state on disk, stopping, being killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from orgcal_emulator.__main__ import main
from orgcal_emulator.seed import DEFAULT_SEED
from orgcal_emulator.server import RunningEmulator

Start = Callable[..., "Process"]


class Process:
    """`python -m orgcal_emulator` with what it said."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "orgcal_emulator", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.ready: dict[str, Any] = json.loads(line) if line else {}

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Exit code and what was said on stderr."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, said = self.process.communicate(timeout=20)
        return self.process.returncode, said

    def control(self, method: str, path: str, body: Any = None) -> requests.Response:
        control = self.ready["control"]
        token = Path(control["token_file"]).read_text()
        return requests.request(
            method, control["url"] + path, json=body, headers={"Authorization": f"Bearer {token}"},
            verify=self.ready["ca_file"], timeout=20,
        )  # fmt: skip

    def platform(self, method: str, path: str, body: Any = None) -> requests.Response:
        platform = self.ready["platform"]
        key = Path(platform["api_key_file"]).read_text()
        return requests.request(
            method, platform["url"] + path, json=body, headers={"Authorization": f"Bearer {key}"},
            verify=self.ready["ca_file"], timeout=20,
        )  # fmt: skip


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[Process] = []

    def begin(*arguments: str) -> Process:
        running.append(Process(*arguments))
        return running[-1]

    yield begin
    for each in running:
        each.stop(signal.SIGKILL)


def test_program_prints_where_everything_is_and_stops_cleanly(start: Start, tmp_path: Path) -> None:
    state = tmp_path / "state"
    emulator = start("--state", str(state))
    assert json.loads((state / "ready.json").read_text()) == emulator.ready
    assert emulator.ready["pid"] == emulator.process.pid
    assert emulator.ready["base_url"] == f"https://localhost:{emulator.ready['port']}"
    assert [(each["default_domain"], each["users"]) for each in emulator.ready["tenants"]] == [
        ("isv.example", 3), ("contoso.example", 57), ("fabrikam.example", 20), ("northwind.example", 24),
    ]  # fmt: skip
    assert emulator.control("GET", "/health").json()["status"] == "ok"
    assert emulator.stop() == (0, "")
    assert not (state / "ready.json").exists()


def test_state_survives_a_stop_with_the_same_ids_keys_and_port(start: Start, tmp_path: Path) -> None:
    first = start("--state", str(tmp_path))
    first.platform("POST", "/connectors", {"key": "outlook", "name": "Outlook"})
    first.control("POST", "/clock", {"advance_s": 1000})
    keys = requests.get(f"{first.ready['base_url']}/common/discovery/v2.0/keys", verify=first.ready["ca_file"]).json()
    first.stop()
    second = start("--state", str(tmp_path), "--port", str(first.ready["port"]))
    assert {**second.ready, "pid": 0} == {**first.ready, "pid": 0}
    assert second.platform("GET", "/connectors/outlook").json()["name"] == "Outlook"
    assert second.control("GET", "/clock").json()["offset_s"] == 1000
    again = requests.get(f"{first.ready['base_url']}/common/discovery/v2.0/keys", verify=first.ready["ca_file"]).json()
    assert again == keys


def test_acknowledged_writes_survive_being_killed(start: Start, tmp_path: Path) -> None:
    names = []
    for turn in range(3):
        emulator = start("--state", str(tmp_path))
        for number in range(10):
            name = f"c{turn}-{number}"
            assert emulator.platform("POST", "/connectors", {"key": name, "name": name}).status_code == 201
            names.append(name)
        emulator.stop(signal.SIGKILL)
        assert (tmp_path / "ready.json").exists()
    emulator = start("--state", str(tmp_path))
    assert [each["key"] for each in emulator.platform("GET", "/connectors").json()["connectors"]] == names


def test_files_are_for_this_user_only_and_hold_no_hash_free_secret(start: Start, tmp_path: Path) -> None:
    state = tmp_path / "state"
    emulator = start("--state", str(state))
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    for file in state.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    secret = Path(emulator.ready["operator"]["client_secret_file"]).read_text()
    emulator.stop()
    assert secret.encode() not in (state / "state.sqlite").read_bytes()


def test_second_emulator_on_the_same_state_is_refused_in_one_sentence(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start("--state", str(tmp_path))
    assert main(["--state", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "another emulator" in said


def test_process_id_that_is_used_again_keeps_no_emulator_from_its_state(start: Start, tmp_path: Path) -> None:
    (tmp_path / "ready.json").write_text(json.dumps({"pid": os.getppid()}))

    emulator = start("--state", str(tmp_path))

    assert emulator.ready["pid"] == json.loads((tmp_path / "ready.json").read_text())["pid"] != os.getppid()


def test_taken_port_is_refused_in_one_sentence(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = start("--port", str(port)).stop()
    assert code == 2
    assert said.count("\n") == 1
    assert str(port) in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tenants: []\n", "'operator' is missing"),
        ("tenants:\n  - name: x\noperator: {}\n", ":2: tenants[0].name: there is no field 'name'"),
        ("tenants: {\n", "no YAML"),
        ("", "empty"),
        ("tenants:\n  - {tenant_id: 1, display_name: a, domain: a.example, users: {count: 1}}\noperator: x\n",
         ":2: tenants[0].tenant_id: expected a text"),
    ],
)  # fmt: skip
def test_wrong_seed_is_refused_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, expected: str
) -> None:
    seed = tmp_path / "seed.yaml"
    seed.write_text(text)
    assert main(["--seed", str(seed)]) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert said.count("\n") == 1


def test_interrupt_is_a_clean_stop_and_memory_leaves_nothing(start: Start) -> None:
    emulator = start("--memory")
    folder = Path(emulator.ready["ca_file"]).parent
    assert emulator.stop(signal.SIGINT) == (0, "")
    assert not folder.exists()


def test_stale_ready_file_of_a_dead_process_is_overwritten(start: Start, tmp_path: Path) -> None:
    (tmp_path / "ready.json").write_text(json.dumps({"pid": 2**22 + 1}))
    emulator = start("--state", str(tmp_path))
    assert json.loads((tmp_path / "ready.json").read_text())["pid"] == emulator.process.pid


def test_control_routes_need_the_token_and_refuse_web_pages(emulator: RunningEmulator) -> None:
    url, verify = emulator.ready["control"]["url"], emulator.ready["ca_file"]
    token = {"Authorization": "Bearer " + Path(emulator.ready["control"]["token_file"]).read_text()}
    assert requests.post(f"{url}/reset", verify=verify).status_code == 401
    assert requests.post(f"{url}/reset", headers={"Authorization": "Bearer x"}, verify=verify).status_code == 401
    evil = {**token, "Origin": "https://evil.example"}
    assert requests.post(f"{url}/reset", headers=evil, verify=verify).status_code == 403
    rebound = {**token, "Host": f"evil.example:{emulator.ready['port']}"}
    assert requests.post(f"{url}/reset", headers=rebound, verify=verify).status_code == 421
    own = {**token, "Origin": emulator.ready["base_url"]}
    assert requests.post(f"{url}/reset", headers=own, verify=verify).status_code == 200


def test_reset_brings_the_seed_back_and_keeps_secrets(operator: Any, emulator: RunningEmulator) -> None:
    operator.post("applications", {"displayName": "x"})
    emulator.move_clock(500)
    emulator.reset()
    assert operator.fresh().get("applications").json()["value"][0]["displayName"] == "orgcal operator"
    assert len(operator.get("applications").json()["value"]) == 1
    assert emulator.cloud.clock.offset_s == 0


def test_journal_is_bounded_and_holds_no_secret(operator: Any, emulator: RunningEmulator) -> None:
    operator.get("users?access_token=hidden-1&$filter=startswith(displayName,'a')")
    operator.session.get(f"{operator.base_url}/nothing?client_secret=hidden-2")
    text = json.dumps(emulator.journal())
    assert "startswith" in text
    assert "hidden" not in text
    journal = emulator.cloud.journal
    for _ in range(25_000):
        journal.write("GET", "/x", 200, at=0.0)
    assert len(journal.entries()) == 20_000
    assert journal.dropped >= 5_000


def test_only_loopback_is_served(emulator: RunningEmulator) -> None:
    connections = psutil.Process().net_connections(kind="inet")
    listening = [each.laddr for each in connections if each.laddr.port == emulator.ready["port"] and not each.raddr]
    assert [each.ip for each in listening] == ["127.0.0.1"]


def test_state_remembers_its_seed_and_refuses_another(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = tmp_path / "seed.yaml"
    seed.write_text(DEFAULT_SEED.read_text().replace("isv.example", "own.example"))
    state = str(tmp_path / "state")
    first = start("--state", state, "--seed", str(seed))
    assert first.ready["tenants"][0]["default_domain"] == "own.example"
    first.stop()
    again = start("--state", state)
    assert again.ready["tenants"] == first.ready["tenants"]
    assert again.control("POST", "/reset").status_code == 200
    again.stop()
    assert main(["--state", state, "--seed", str(DEFAULT_SEED)]) == 2
    assert "another seed" in capsys.readouterr().err
