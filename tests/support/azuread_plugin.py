"""The azuread plugin that the tests run with: the stand-in, or with AZUREAD_PLUGIN=real the one the engine finds."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from orgcal.engine.find import Engine
from orgcal.engine.plugins import PLUGIN_VARIABLE, installed_azuread
from orgcal.engine.versions import AZUREAD_PLUGIN_VERSION
from orgcal.entra.cloud_guard import azuread_on_path, is_standin

BESIDE_OTHERS_FACTOR = 2.5
"""How much longer a test may take with the stand-in than it was allowed on an idle machine: `make e2e` runs two at a
time, and CI's machines are slow. A time-out is there for what hangs."""

REAL_TIME_FACTOR = 4
"""How much longer a test may take with the real plugin, which polls each deletion until it is sure: a destroy of stack
`dev` takes 40 to 90 s instead of 4."""


def plugin_kind(environ: Mapping[str, str] = os.environ) -> str:
    """`standin` or `real`, as AZUREAD_PLUGIN says; the stand-in unless it is set."""
    return environ.get(PLUGIN_VARIABLE) or "standin"


def plugin_variables(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a checkout of a test needs to use that plugin: its kind, and where the engine finds the real one.

    Without PULUMI_HOME the engine looks in the home of the account, whatever HOME is, and on PATH.
    """
    variables = {PLUGIN_VARIABLE: plugin_kind(environ)}
    if plugin_kind(environ) == "real" and environ.get("PULUMI_HOME"):
        variables["PULUMI_HOME"] = environ["PULUMI_HOME"]
    return variables


def limit_s(seconds: float) -> float:
    """A time-out that was chosen for the stand-in and an idle machine, as long as plugin and other tests need it."""
    return seconds * (REAL_TIME_FACTOR if plugin_kind() == "real" else BESIDE_OTHERS_FACTOR)


def why_not_real(engine: Engine, environ: Mapping[str, str], system: str = sys.platform) -> str:
    """Why tests with AZUREAD_PLUGIN=real would not run with the real plugin, in one sentence; empty where they would.

    Raises:
        EngineError: the engine cannot list its plugins.
    """
    if system == "darwin":
        return "on macOS stacks of the emulator always use the azuread stand-in"
    on_path = azuread_on_path(environ)
    if on_path and is_standin(on_path):
        return f'the azuread stand-in is first on PATH ({on_path}): eval "$(orgcal env --unset)"'
    if on_path or installed_azuread(engine, environ):
        return ""
    install = f"pulumi plugin install resource azuread {AZUREAD_PLUGIN_VERSION}"
    return f"the engine finds no real azuread plugin {AZUREAD_PLUGIN_VERSION}, on PATH or among its own: {install}"
