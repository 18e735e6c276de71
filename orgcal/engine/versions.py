"""The versions that were measured together, and the names of the platforms they run on."""

from __future__ import annotations

import platform
import re
import sys

from orgcal.errors import EngineError

PULUMI_VERSION = "3.274.1"
"""Version of the engine."""

PULUMI_SDK_VERSION = "3.272.0"
"""Version of the Python SDK (`pulumi` in requirements.lock): the newest release that is not newer than the engine."""

LANGUAGE_HOST_VERSION = "3.79.0"
"""Newest `sdk/v3` that holds the Python language host as a Go package. Its protocol serves PULUMI_VERSION;
later hosts live in a module that the Go module mirror does not have."""

AZUREAD_PLUGIN_VERSION = "6.11.1"
"""Version of the azuread plugin (`pulumi-azuread` in requirements.lock)."""

GO_MINIMUM = (1, 26, 6)
"""What `gomod/pulumi/go.mod` asks for in its `go` line."""

_SYSTEMS = {"linux": "linux", "darwin": "darwin"}
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def platform_name(system: str = sys.platform, machine: str | None = None) -> str:
    """The machine in Go's words, such as `linux-amd64`; `machine` is asked of the machine if None.

    Raises:
        EngineError: the engine is not built for such a machine.
    """
    machine = platform.machine() if machine is None else machine
    try:
        return f"{_SYSTEMS[system]}-{_MACHINES[machine.lower()]}"
    except KeyError:
        raise EngineError(
            f"the engine is neither built nor installed for {system} on {machine}",
            repair="use Linux or macOS on x86-64 or arm64; on Windows work inside WSL",
        ) from None


def parse_version(text: str) -> tuple[int, int, int] | None:
    """The numbers of a version such as `v3.274.1`, or None where `text` is no released version.

    A pre-release (`3.274.1-alpha.1`) is not the release it precedes and counts as None.
    """
    found = re.fullmatch(r"v?([0-9]+)\.([0-9]+)\.([0-9]+)(\+\S*)?", text.strip())
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def engine_version_fits(text: str) -> bool:
    """Whether an engine of version `text` may run our program: PULUMI_VERSION or newer, same major."""
    found, wanted = parse_version(text), parse_version(PULUMI_VERSION)
    assert wanted is not None
    return found is not None and found[0] == wanted[0] and found >= wanted
