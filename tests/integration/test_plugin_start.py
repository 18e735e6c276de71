"""Our plugins as processes: how they start, and when they end."""

from __future__ import annotations

import ast
import contextlib
import os
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import psutil
import pytest
import yaml

from orgcal.engine.plugins import ORGCAL_PROGRAM, write_standin
from orgcal.entra.cloud_guard import AZUREAD_PROGRAM, is_standin

PROJECT_ROOT = Path(__file__).resolve().parents[2]


def script_of_orgcal() -> Path:
    """The console script as Pulumi.yaml leads the engine to it."""
    described = yaml.safe_load((PROJECT_ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))
    (plugin,) = described["plugins"]["providers"]
    return PROJECT_ROOT / str(plugin["path"]) / f"pulumi-resource-{plugin['name']}"


def programs(folder: Path) -> dict[str, Path]:
    return {"orgcal": script_of_orgcal(), "stand-in": write_standin(folder / "a 'stack'") / AZUREAD_PROGRAM}


@pytest.mark.parametrize("name", ["orgcal", "stand-in"])
def test_plugin_started_from_anywhere_says_its_port_and_ends_with_its_engine(name: str, tmp_path: Path) -> None:
    """The executable finds its environment by itself; the process that started it stands for the engine."""
    engine = f"""
import subprocess, sys
plugin = subprocess.Popen([{str(programs(tmp_path)[name])!r}, "127.0.0.1:1"], stdout=subprocess.PIPE)
sys.stdout.write(f"{{plugin.pid}} {{plugin.stdout.readline().decode()}}")
"""
    environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PATH", "VIRTUAL_ENV")}
    said = subprocess.run(
        [sys.executable, "-c", engine],
        cwd="/",
        env={**environ, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout.split()
    pid, port = int(said[0]), int(said[1])
    assert port > 0
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(timeout=20)  # raises TimeoutExpired for a plugin that stays
    assert not psutil.pid_exists(pid)


def test_only_our_own_plugin_is_a_console_script() -> None:
    """A stand-in in a virtual environment that is on PATH would take the real plugin's place on every stack."""
    declared = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]

    assert [name for name in declared if name.startswith("pulumi-")] == [ORGCAL_PROGRAM]
    assert entry_points(group="console_scripts")[ORGCAL_PROGRAM].value == declared[ORGCAL_PROGRAM]
    assert script_of_orgcal().name == ORGCAL_PROGRAM


def test_launchers_of_the_standin_are_known_by_what_they_hold(tmp_path: Path) -> None:
    launchers = programs(tmp_path)
    older = tmp_path / AZUREAD_PROGRAM
    older.write_text('#!/bin/sh\nPYTHONPATH="$project" exec "$python" -P -m orgcal.provider.azuread "$@"\n')

    assert is_standin(launchers["stand-in"])
    assert is_standin(older)
    assert not is_standin(launchers["orgcal"])
    assert not is_standin(tmp_path / "missing")


def loaded_by(script: str) -> set[str]:
    """Modules that a Python with this checkout has loaded after `script`."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"{script}; import sys; print(sorted(sys.modules))"],
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return set(ast.literal_eval(done.stdout))


@pytest.mark.parametrize("plugin", ["connector", "azuread"])
def test_plugin_loads_at_its_start_only_what_it_needs(plugin: str) -> None:
    """Every pulumi command pays for the start: HTTP and cryptography load with the first call that needs them."""
    loaded = loaded_by(f"import orgcal.provider.{plugin}.__main__")

    heavy = {"cryptography", "pydantic", "msal", "starlette", "sqlalchemy", "pulumi", "opentelemetry", "dill"}
    assert loaded.isdisjoint(heavy | ({"requests"} if plugin == "connector" else set()))
    assert "grpc" in loaded


@pytest.mark.parametrize("kind", ["azure-key-vault", "aws-secrets-manager", "hashicorp-vault"])
def test_settings_of_a_secret_store_load_no_sdk(kind: str) -> None:
    """What a program reads of a stack; a kind's SDK is loaded as the kind is opened, and by no other kind."""
    loaded = loaded_by(
        "from orgcal.platforms import capabilities_of; from orgcal.platforms.docs_tables import example; "
        f"capabilities_of(example({kind!r}))"
    )

    assert "pydantic" in loaded
    assert loaded.isdisjoint({"azure.keyvault.secrets", "azure.core", "azure.identity", "boto3", "botocore", "hvac"})


def test_start_of_the_plugin_takes_three_tenths_of_a_second_at_most() -> None:
    """Of processor time, the best of three: a busy machine proves nothing."""
    script = "import time, orgcal.provider.connector.__main__; print(time.process_time())"
    environ = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}
    command = [sys.executable, "-P", "-c", script]
    times = [float(subprocess.check_output(command, env=environ, timeout=30)) for _ in range(3)]

    assert min(times) <= 0.3


def test_sdk_that_is_loaded_after_the_messages_is_whole() -> None:
    loaded = loaded_by(
        "from orgcal.provider._messages import provider_pb2; import pulumi; from pulumi.runtime import proto; "
        "assert proto.CheckRequest is provider_pb2.CheckRequest; "
        "assert pulumi.runtime.proto is proto; import pulumi.provider.experimental.server; pulumi.CustomResource"
    )

    assert {"pulumi.automation", "pulumi.runtime.rpc"} <= loaded


def test_messages_that_are_loaded_after_the_sdk_are_the_sdks() -> None:
    loaded_by(
        "import pulumi; from pulumi.runtime.proto import provider_pb2 as first; "
        "from orgcal.provider._messages import provider_pb2; assert provider_pb2 is first; pulumi.CustomResource"
    )


def test_messages_without_the_sdk_say_what_is_missing() -> None:
    loaded = loaded_by(
        "import sys; sys.path = [folder for folder in sys.path if 'site-packages' not in folder]\n"
        "try: import orgcal.provider._messages\n"
        "except ModuleNotFoundError as error: assert error.name == 'pulumi'\n"
        "else: raise AssertionError('it is there')\n"
        "pass"
    )

    assert "pulumi" not in loaded
