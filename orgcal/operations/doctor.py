"""What `orgcal doctor` looks at, one function a part; none installs or starts anything that stays."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from orgcal.child_environ import ENGINE, passed_on
from orgcal.engine.checksums import plugin_checksum
from orgcal.engine.child import ProcessResult, run_child
from orgcal.engine.find import Engine, look_for_engine
from orgcal.engine.plugin_trust import installed_program, refuse_changed, refuse_foreign
from orgcal.engine.plugins import ORGCAL_PROGRAM, PLUGIN_VARIABLE, installed_azuread, kept_choice, write_standin
from orgcal.engine.versions import AZUREAD_PLUGIN_VERSION
from orgcal.entra.cloud_guard import azuread_on_path
from orgcal.errors import ConfigError, OrgcalError
from orgcal.files.trust import who_else_may_change
from orgcal.numbers import whole_number
from orgcal.stack.environment import StackEnvironment
from orgcal.stack.project import install_command, lock_file

MAKE_ENGINE = "python -m orgcal.engine ensure"
START_LIMIT_S = 10.0


@dataclass(frozen=True, slots=True)
class DoctorCheck:
    """What one check found: `says` is half a sentence, `repair` a command or an action, empty where all is well."""

    name: str
    ok: bool
    says: str
    repair: str = ""


def checked(name: str, check: Callable[[], DoctorCheck]) -> DoctorCheck:
    """What `check` finds, or the error it ended with as a finding."""
    try:
        return check()
    except (OrgcalError, OSError) as error:
        return failed(name, error)


def failed(name: str, error: OrgcalError | OSError) -> DoctorCheck:
    """An error as a finding; wrong settings are a repair each."""
    if isinstance(error, OSError):
        says = f"{error.filename or name}: {error.strerror or error}"
        return DoctorCheck(name, False, says, "see who owns that file")
    where = f"{error.where}: " if error.where else ""
    if isinstance(error, ConfigError):
        return DoctorCheck(name, False, f"{where}{error.summary}", "; ".join(error.problems))
    return DoctorCheck(name, False, f"{where}{error.what}", error.repair)


def check_python(
    project_dir: Path, *, prefix: str = sys.prefix, found: tuple[int, ...] = tuple(sys.version_info[:3])
) -> DoctorCheck:
    """The Python that runs is new enough, is the project's own, and has the locked packages."""
    shown, wrong = ".".join(map(str, found)), partial(DoctorCheck, "python", False)
    venv, lock = project_dir / ".venv", lock_file(project_dir)
    install = install_command(project_dir)
    if found < (3, 11):
        return wrong(f"Python {shown}, and 3.11 or newer is needed", f"python3.11 -m venv .venv && .venv/bin/{install}")
    if not (venv / "bin" / "python").exists():
        repair = f"cd {shlex.quote(str(project_dir))} && python3 -m venv .venv && .venv/bin/{install}"
        return wrong(f"there is no {venv}, with which the engine runs the program", repair)
    if Path(prefix).resolve() != venv.resolve():
        says = f"this orgcal runs from {prefix}, and the engine runs the program with {venv}"
        return wrong(says, f". {shlex.quote(str(venv / 'bin' / 'activate'))}, then orgcal again")
    differing = differing_packages(lock)
    if differing:
        more = f", and {len(differing) - 3} more" if len(differing) > 3 else ""
        return wrong(f"{lock.name} is not what is installed: {', '.join(differing[:3])}{more}", install)
    packages = "packages as locked" if lock.is_file() else f"no {lock.name} to compare its packages with"
    return DoctorCheck("python", True, f"Python {shown}, {packages}")


def differing_packages(lock: Path) -> list[str]:
    """The packages whose installed version is another than the lock's, in a few words each; none without a lock."""
    from packaging.requirements import InvalidRequirement, Requirement

    differing = []
    for line in lock.read_text(encoding="utf-8", errors="replace").splitlines() if lock.is_file() else ():
        if not line[:1].isalnum():  # comments, options, hashes
            continue
        try:
            asked = Requirement(line.split(" #", 1)[0].split(" --hash", 1)[0].rstrip(" \\"))
        except InvalidRequirement:  # a file or an address, which pip judges
            continue
        if asked.marker is not None and not asked.marker.evaluate():
            continue
        try:
            installed = version(asked.name)
        except PackageNotFoundError:
            differing.append(f"{asked.name} is missing")
            continue
        if not asked.specifier.contains(installed, prereleases=True):
            differing.append(f"{asked.name} is {installed}, not {str(asked.specifier).removeprefix('==')}")
    return differing


def check_engine(environ: Mapping[str, str]) -> tuple[DoctorCheck, Engine | None]:
    """There is an engine, and it is unchanged since it was made; also the engine itself."""
    try:
        engine = look_for_engine(environ)
    except (OrgcalError, OSError) as error:
        return failed("engine", error), None
    if isinstance(engine, str):
        return DoctorCheck("engine", False, f"no Pulumi engine: {engine}", MAKE_ENGINE), None
    return DoctorCheck("engine", True, f"{engine.reason} ({engine.bin_dir})"), engine


def check_language_host(engine: Engine | None, environ: Mapping[str, str]) -> DoctorCheck:
    """The engine's Python language host starts."""
    name = "language host"
    if engine is None:
        return DoctorCheck(name, False, "not looked at without an engine", MAKE_ENGINE)
    path = os.pathsep.join([str(engine.bin_dir), environ.get("PATH", "")])
    trouble = serving_trouble([str(engine.language_host), "127.0.0.1:1"], {**environ, "PATH": path})
    if trouble:
        says = f"{engine.language_host} does not start: {trouble}"
        return DoctorCheck(name, False, says, f"ENGINE=build {MAKE_ENGINE}")
    return DoctorCheck(name, True, f"{engine.language_host.name} starts")


def check_our_plugin(project_dir: Path, environ: Mapping[str, str]) -> DoctorCheck:
    """The plugin of our own resources starts."""
    program = project_dir / ".venv" / "bin" / ORGCAL_PROGRAM
    other = who_else_may_change([program], groups=True)
    if other:
        repair = "give the virtual environment, and every folder above it, to you alone: chown, chmod go-w"
        return DoctorCheck("plugin orgcal", False, f"others could replace it: {other}", repair)
    trouble = serving_trouble([str(program), "127.0.0.1:1"], environ)
    if trouble:
        repair = "pip install -r requirements.txt in the project's virtual environment"
        return DoctorCheck("plugin orgcal", False, f"{program} does not start: {trouble}", repair)
    return DoctorCheck("plugin orgcal", True, "starts")


def check_azuread(
    engine: Engine | None,
    surroundings: StackEnvironment,
    environ: Mapping[str, str],
    tenant_id: str,
) -> DoctorCheck:
    """The azuread plugin that the stack uses, or would use, is there, and logs in.

    Args:
        environ: the stack's environment, as its engine has it.
        tenant_id: the home tenant; empty for the emulator's own.
    """
    from orgcal.engine.plugin_login import login_trouble

    name, cloud = "plugin azuread", surroundings.cloud
    if engine is None:
        return DoctorCheck(name, False, "not looked at without an engine", MAKE_ENGINE)
    asked = environ.get(PLUGIN_VARIABLE) or kept_choice(surroundings.stack_dir) or "auto"
    if cloud != "emulator" and asked == "standin":
        return DoctorCheck(name, False, f"the stand-in is chosen, and cloud {cloud} is real", f"{PLUGIN_VARIABLE}=real")
    real = asked != "standin" and (cloud != "emulator" or sys.platform != "darwin")
    found = real and (azuread_on_path(environ) or installed_azuread(engine, environ))
    if real and not found and (asked == "real" or cloud != "emulator"):
        repair = f"pulumi plugin install resource azuread {AZUREAD_PLUGIN_VERSION}"
        repair += f", or {PLUGIN_VARIABLE}=standin" if cloud == "emulator" else ""
        return DoctorCheck(name, False, f"the real one, {AZUREAD_PLUGIN_VERSION}, is not installed", repair)
    which = f"real, {AZUREAD_PLUGIN_VERSION}" if found else "our stand-in"
    if isinstance(found, Path):
        which = f"{found}, which the engine takes first"
    elif found and asked == "auto":
        which += "; not yet used by this stack"
    if isinstance(found, Path):
        refuse_foreign(found, groups=True)
    elif found:
        refuse_changed(installed_program(environ), environ)
        which += "" if plugin_checksum(environ) else "; no checksum of its archive is pinned"
    if not found:
        standin = write_standin(surroundings.stack_dir)
        environ = {**environ, "PATH": os.pathsep.join([str(standin), environ.get("PATH", "")])}
    endpoints = surroundings.endpoints
    if endpoints is None:
        return DoctorCheck(name, True, f"{which}; its login is not tried while the emulator does not run")
    trouble, repair = login_trouble(engine, environ, endpoints, endpoints.home_tenant_id(tenant_id))
    if trouble:
        return DoctorCheck(name, False, f"{which}: {trouble}", repair)
    return DoctorCheck(name, True, f"{which}, logs in")


class _Serving(Exception):  # no error: it ends the wait
    pass


def serving_trouble(command: list[str], environ: Mapping[str, str], limit_s: float = START_LIMIT_S) -> str:
    """Why a plugin or language host does not come up, in a few words; empty if it does.

    All of them print the port they serve on as their first line and then wait for the engine. What was
    started is ended.
    """

    def stop_at_port(line: str) -> None:
        if whole_number(line.strip()) is not None:
            raise _Serving

    try:
        passed = passed_on(environ, ENGINE)
        ended: ProcessResult = run_child(command, env=passed, cwd=Path("/"), limit_s=limit_s, on_line=stop_at_port)
    except _Serving:
        return ""
    return f"no port after {limit_s:g} s" if ended.timed_out else ended.last_words[:200]
