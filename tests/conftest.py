"""Fixtures that several kinds of tests share."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from emulator_testing.fixtures import emulator, emulator_keys, log_in_to, operator, start_emulator
from orgcal_emulator.server import RunningEmulator

from orgcal.entra.clouds import CloudEndpoints, read_emulator_file
from tests.support.closed_loop import FEWEST, Share, mark_closed_loops, share_of
from tests.support.watched_commands import watched_commands

__all__ = ["emulator", "emulator_keys", "log_in_to", "operator", "start_emulator", "watched_commands"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--live`, for `make live`."""
    parser.addoption("--live", action="store_true", help="run the witness tests, and only them, on a real tenant")


UNIT = "tests/unit/"
_SHARE = pytest.StashKey[Share]()

# What is imported here stays until the end, so the collector of circles looks at it seldom: a sixth of the time of the
# unit tests was its own.
gc.set_threshold(100_000, 50, 100)

# OpenSSL proves the primes of every RSA key that is read, for 40 ms, and many tests read the same few keys.
for _module, _name in (
    (serialization, "load_pem_private_key"),
    (pkcs12, "load_pkcs12"),
    (jwt.algorithms, "load_pem_private_key"),
):
    setattr(_module, _name, cache(getattr(_module, _name)))


@pytest.hookimpl(trylast=True)  # after pytest-randomly, which shuffles
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark closed loops; put long modules first; with `--live`, leave only tests that are made for a real tenant.

    Modules run side by side (`--dist loadfile`), so one that is long and begins last keeps one processor busy alone.
    Unit tests are short whatever their number, and come last.
    """
    mark_closed_loops(items)
    if config.getoption("--live"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("live") is None])
        items[:] = [item for item in items if item.get_closest_marker("live") is not None]
    modules: dict[str, list[pytest.Item]] = {}
    for item in items:
        modules.setdefault(item.nodeid.partition("::")[0], []).append(item)
    in_order = sorted(
        modules,
        key=lambda name: (-max(map(_limit_s, modules[name])), name.startswith(UNIT), -len(modules[name]), name),
    )
    items[:] = [item for name in in_order for item in modules[name]]


def _limit_s(item: pytest.Item) -> float:
    """The time limit that a test has of its own; 0 without one."""
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker is not None else 0.0


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep the share of closed loops for the end; a worker of pytest-xdist sends it to whoever prints it."""
    gc.freeze()
    session.config.stash[_SHARE] = share = share_of(session.items)
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["closed_loop"] = tuple(share)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker has ended: each of them collects every test."""
    if "closed_loop" in getattr(node, "workeroutput", {}):
        node.config.stash[_SHARE] = Share(*node.workeroutput["closed_loop"])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell how many tests show only that our own two sides agree."""
    share = config.stash.get(_SHARE, None)
    if share is not None and share.every >= FEWEST:
        terminalreporter.write_line(str(share))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose system program is missing, but never in CI: there it must run."""
    for marker in item.iter_markers("needs"):
        for program in marker.args:
            if shutil.which(program) is None:
                message = f"the program {program!r} is not installed"
                (pytest.fail if os.environ.get("CI") else pytest.skip)(message)


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_reaches_programs() -> Iterator[None]:
    """A shell starts a background job with SIGINT ignored, and what the job starts inherits that."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def emulator_file(emulator: RunningEmulator) -> Path:
    """The `ready.json` of the `emulator` fixture."""
    return Path(emulator.ready["ca_file"]).with_name("ready.json")


@pytest.fixture
def endpoints(emulator_file: Path) -> CloudEndpoints:
    """The emulator."""
    return read_emulator_file(emulator_file)


@pytest.fixture
def emulator_environ(emulator: RunningEmulator, emulator_file: Path) -> dict[str, str]:
    """Variables by which programs find the emulator and log in as its operator."""
    assert json.loads(emulator_file.read_text())["port"] == emulator.ready["port"]
    operator = emulator.ready["operator"]
    return {
        "ORGCAL_EMULATOR_FILE": str(emulator_file),
        "ARM_METADATA_HOSTNAME": f"localhost:{emulator.ready['port']}",
        "ARM_TENANT_ID": operator["tenant_id"],
        "ARM_CLIENT_ID": operator["client_id"],
        "ARM_CLIENT_CERTIFICATE_PATH": operator["client_certificate_file"],
    }
