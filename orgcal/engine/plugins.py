"""The azuread plugin of a stack: the real one, or our stand-in where that cannot be had.

The choice is made once per stack and kept in its directory, because a state made with one is read back by
the same; only AZUREAD_PLUGIN changes it. The stand-in serves the emulator and no other.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, cast

from orgcal.child_environ import ENGINE, passed_on
from orgcal.engine.cache import cache_dir
from orgcal.engine.checksums import plugin_checksum
from orgcal.engine.child import run_child
from orgcal.engine.errors import trouble_in
from orgcal.engine.find import Engine
from orgcal.engine.plugin_trust import installed_program, refuse_changed, refuse_foreign
from orgcal.engine.progress import Progress, in_words
from orgcal.engine.versions import AZUREAD_PLUGIN_VERSION
from orgcal.entra.cloud_guard import AZUREAD_PROGRAM, STANDIN_CALL, azuread_on_path, refuse_standin_on_path
from orgcal.errors import CloudMismatch, EngineError, PlatformError, UsageError
from orgcal.files.whole import write_whole

ORGCAL_PROGRAM = "pulumi-resource-orgcal"
"""The plugin of our own resources: a console script, which Pulumi.yaml names by the folder `.venv/bin`."""
PLUGIN_VARIABLE = "AZUREAD_PLUGIN"
INSTALL_LIMIT_S = 180.0
_LIST_LIMIT_S = 30.0
REMEMBER_FAILURE_S = 86_400.0
_KEPT = "azuread-plugin.json"

Kind = Literal["real", "standin"]


@dataclass(frozen=True, slots=True)
class AzureadPlugin:
    """The plugin a stack uses.

    Attributes:
        kind: `real` or `standin`.
        path_dir: folder of the stand-in's launcher, to go first on PATH; None for the real plugin.
        line: one line for the user: which, and why.
    """

    kind: Kind
    path_dir: Path | None
    line: str


def write_standin(stack_dir: Path) -> Path:
    """The folder of the stand-in's launcher in a stack's own directory; the launcher is written where it differs.

    It starts the stand-in with the Python that runs now. It is no console script: in a virtual environment that is
    on PATH, one would take the real plugin's place on every stack.

    Raises:
        PlatformError: it cannot be written.
    """
    launcher = stack_dir / "plugins" / AZUREAD_PROGRAM
    text = f"""#!/bin/sh
# Starts the azuread stand-in for the engine, which takes it because this folder is first on PATH. Written by orgcal.
exec {shlex.quote(sys.executable)} {STANDIN_CALL} "$@"
"""
    try:
        if not launcher.exists() or launcher.read_bytes() != text.encode():
            write_whole(launcher, text)
        launcher.chmod(0o700)
    except OSError as error:
        raise PlatformError(
            f"cannot be written ({error.strerror})", where=str(launcher), repair="see who owns that file"
        ) from None
    return launcher.parent


def installed_azuread(engine: Engine, environ: Mapping[str, str]) -> bool:
    """Whether the engine finds the real plugin in the version we pinned among its own.

    Only the engine knows where those are: in PULUMI_HOME, or in the home of the account (passwd), which HOME need not
    be; and which of them are complete.

    Raises:
        EngineError: the engine cannot list them.
    """
    try:
        listed = subprocess.run(
            [str(engine.pulumi), "plugin", "ls", "--json"],
            env={**passed_on(environ, ENGINE), "PULUMI_SKIP_UPDATE_CHECK": "true"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIST_LIMIT_S,
            check=True,
        ).stdout
        plugins = [plugin for plugin in json.loads(listed) if isinstance(plugin, dict)]
    except (OSError, ValueError, TypeError, subprocess.SubprocessError) as error:
        raise EngineError(
            f"the engine does not list its plugins ({type(error).__name__})",
            where="azuread plugin",
            repair=f"see what it says: {engine.pulumi} plugin ls",
        ) from None
    wanted = {"kind": "resource", "name": "azuread", "version": AZUREAD_PLUGIN_VERSION}
    return any(wanted.items() <= plugin.items() for plugin in plugins)


def kept_choice(stack_dir: Path) -> Kind | None:
    """What the stack uses since it was first brought up; None before."""
    try:
        said = json.loads((stack_dir / _KEPT).read_text(encoding="utf-8"))["plugin"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return cast(Kind, said) if said in ("real", "standin") else None


def choose_azuread(
    engine: Engine,
    *,
    stack_dir: Path,
    cloud: str,
    environ: Mapping[str, str],
    progress: Progress | None = None,
    system: str = sys.platform,
) -> AzureadPlugin:
    """The plugin for a stack; the real one is installed first where it is wanted and missing.

    Args:
        stack_dir: the stack's own directory; the choice is kept there, and the stand-in's launcher.
        environ: read are AZUREAD_PLUGIN (`real`, `standin`; `auto` chooses anew; unset keeps the stack's
            choice), PATH and PULUMI_HOME.
        progress: told what takes long; standard error if None.

    Raises:
        UsageError: AZUREAD_PLUGIN is none of the choices.
        CloudMismatch: the stand-in is chosen, or stands on PATH, outside the emulator.
        EngineError: the real one is needed and cannot be installed.
        PlatformError: the stack's own directory cannot be written.
    """
    progress = Progress() if progress is None else progress
    asked = _asked(environ)
    kept = kept_choice(stack_dir)
    wanted = asked or kept or "auto"
    by = f"{PLUGIN_VARIABLE}={asked}" if asked in ("real", "standin") else "kept from this stack's first run"
    real = partial(_real, engine, cloud, environ, progress, again=asked is not None)
    if cloud != "emulator":
        _refuse_standin(wanted, by, environ, cloud)
        plugin = real(why="the only one outside the emulator")
    elif system == "darwin":
        plugin = _standin(stack_dir, "Go on macOS does not read SSL_CERT_FILE, so the real one trusts no emulator")
    elif wanted == "standin":
        plugin = _standin(stack_dir, by)
    elif wanted == "real":
        plugin = real(why=by)
    else:
        try:
            plugin = real(why="it is installed")
        except EngineError as error:
            # The engine's own words, in brackets, are for `AZUREAD_PLUGIN=real`; one line says enough here.
            plugin = _standin(stack_dir, error.what.split(" (", 1)[0])
    if plugin.kind != kept:
        write_whole(stack_dir / _KEPT, json.dumps({"plugin": plugin.kind}) + "\n")
    return plugin


def _refuse_standin(wanted: str, by: str, environ: Mapping[str, str], cloud: str) -> None:
    if wanted == "standin":
        raise CloudMismatch(
            f"the azuread stand-in ({by}) serves the emulator only, and this stack lives in cloud {cloud}",
            where=PLUGIN_VARIABLE,
            repair=f"{PLUGIN_VARIABLE}=real",
        )
    refuse_standin_on_path(cloud, environ)


def _standin(stack_dir: Path, why: str) -> AzureadPlugin:
    return AzureadPlugin("standin", write_standin(stack_dir), f"azuread plugin: our stand-in ({why})")


def _real(
    engine: Engine, cloud: str, environ: Mapping[str, str], progress: Progress, *, again: bool, why: str
) -> AzureadPlugin:
    """The real plugin as the engine will find it, on PATH before its own; installed first if need be.

    A failed try is remembered for a day, so that not every run on a closed network waits for it, unless
    the user asks for it by name (`again`).
    """
    on_path = azuread_on_path(environ)
    if on_path:
        refuse_foreign(on_path, groups=True)
        return AzureadPlugin("real", None, f"azuread plugin: {on_path}, since the engine takes the one on PATH first")
    failed = cache_dir(environ) / f"azuread-{AZUREAD_PLUGIN_VERSION}.failed"
    if not installed_azuread(engine, environ):
        trouble = "" if again else _remembered(failed)
        if not trouble:
            trouble = _install(engine, environ, progress)
            if trouble:
                with contextlib.suppress(PlatformError):  # the next run tries again
                    write_whole(failed, json.dumps({"at": time.time(), "why": trouble}) + "\n")
        if trouble:
            raise EngineError(
                f"the real one cannot be installed: {trouble}",
                where="azuread plugin",
                repair=f"pulumi plugin install resource azuread {AZUREAD_PLUGIN_VERSION}"
                + (f", or {PLUGIN_VARIABLE}=standin" if cloud == "emulator" else ""),
            )
    failed.unlink(missing_ok=True)
    refuse_changed(installed_program(environ), environ)
    return AzureadPlugin("real", None, f"azuread plugin: real, {AZUREAD_PLUGIN_VERSION} ({why})")


def _install(engine: Engine, environ: Mapping[str, str], progress: Progress) -> str:
    """Let the engine install the real plugin; why it could not, in a few words, empty where it did."""
    checksum = plugin_checksum(environ)
    pinned = ["--checksum", checksum] if checksum else []
    told = "" if checksum else "; the checksum of its archive is not pinned, so its first download is believed"
    progress.say(f"azuread plugin: installing the real one, {AZUREAD_PLUGIN_VERSION}{told}")
    ended = run_child(
        [str(engine.pulumi), "plugin", "install", "resource", "azuread", AZUREAD_PLUGIN_VERSION, *pinned],
        env={**passed_on(environ, ENGINE), "PULUMI_SKIP_UPDATE_CHECK": "true"},
        cwd=Path("/"),
        limit_s=INSTALL_LIMIT_S,
        on_tick=lambda seconds: progress.pulse(f"azuread plugin: installing, {in_words(seconds)}"),
    )
    progress.clear()
    if ended.status != 0:
        return trouble_in(ended)[0]
    if not installed_azuread(engine, environ):
        return "the engine installed it and does not find it; see pulumi plugin ls, and PULUMI_HOME"
    return ""


def _remembered(failed: Path) -> str:
    """Why it failed last time, if that was less than a day ago; otherwise empty."""
    try:
        said = json.loads(failed.read_text(encoding="utf-8"))
        age_s = time.time() - float(said["at"])
        return str(said["why"]) if 0 <= age_s < REMEMBER_FAILURE_S else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _asked(environ: Mapping[str, str]) -> str | None:
    asked = environ.get(PLUGIN_VARIABLE, "")
    if asked not in ("", "real", "standin", "auto"):
        raise UsageError(
            f"there is no azuread plugin {asked!r}; known are real, standin, auto",
            where=PLUGIN_VARIABLE,
            repair=f"unset {PLUGIN_VARIABLE}",
        )
    return asked or None
