"""What `orgcal doctor` looks at in a stack's surroundings: emulator, trust, backend, settings, cloud."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from orgcal.engine.proxies import proxies_of_loopback
from orgcal.entra.cloud_guard import refuse_other_cloud
from orgcal.entra.clouds import CloudEndpoints, load_endpoints
from orgcal.operations.doctor import DoctorCheck, failed
from orgcal.platforms.model import PROJECT_VARIABLE
from orgcal.settings import load_stack_file, project_name, read_settings
from orgcal.settings.placeholders import placeholders
from orgcal.stack.emulator import EmulatorOfStack
from orgcal.stack.environment import CHANGED_VARIABLE, StackEnvironment
from orgcal.stack.files import DEV_STACK
from orgcal.stack.passphrase import FILE_VARIABLE, copied_salt, missing_passphrase, passphrase_fits

if TYPE_CHECKING:
    import requests

_backend_wrong = partial(DoctorCheck, "backend", False)


def check_project(project: Path, environ: Mapping[str, str], named_by: str) -> DoctorCheck:
    """Which project commands work on, and why that one.

    Args:
        environ: the process environment, as it was before `orgcal env`.
        named_by: the option that named it; empty without one.
    """
    by = named_by or (PROJECT_VARIABLE if environ.get(PROJECT_VARIABLE) else "")
    why = f"named by {by}" if by else f"the nearest Pulumi.yaml from {Path.cwd()}"
    return DoctorCheck("project", True, f"{project_name(project)} in {project} ({why})")


def check_emulator(surroundings: StackEnvironment) -> DoctorCheck:
    """The stack's emulator runs; nothing to look at outside its cloud."""
    if surroundings.cloud != "emulator":
        return DoctorCheck("emulator", True, f"not needed in cloud {surroundings.cloud}")
    running = EmulatorOfStack(surroundings.emulator_home or surroundings.stack_dir).running()
    if running is None:
        repair = f"orgcal emulator start --stack {surroundings.stack}"
        return DoctorCheck("emulator", False, "not running", repair)
    return DoctorCheck("emulator", True, f"running at {running.base_url} (pid {running.pid})")


def check_trust(endpoints: CloudEndpoints | None, variables: Mapping[str, str]) -> DoctorCheck:
    """The servers of the cloud answer, and their certificates are trusted by us and by the plugins."""
    from orgcal.entra.session import new_session

    wrong = partial(DoctorCheck, "trust", False)
    if endpoints is None:
        return wrong("not looked at while the emulator does not run", "orgcal emulator start")
    session = new_session(endpoints)
    if endpoints.emulated is None:
        repair = "connect to the network; behind a proxy set HTTPS_PROXY, and its authority in REQUESTS_CA_BUNDLE"
        configuration = f"{endpoints.login_url}/common/v2.0/.well-known/openid-configuration"
        addresses = [configuration, f"{endpoints.graph_url}/v1.0/"]
    else:
        repair = "orgcal emulator stop, then orgcal emulator start"
        addresses = [f"{endpoints.login_url}/metadata/endpoints?api-version=2022-09-01"]
        bundle = Path(variables.get("SSL_CERT_FILE", ""))
        authority = endpoints.emulated.ca_file.read_text(encoding="utf-8").strip()
        if not bundle.is_file() or authority not in bundle.read_text(encoding="utf-8", errors="replace"):
            return wrong(f"{bundle} does not hold the emulator's authority", 'eval "$(orgcal env)"')
    for address in addresses:
        trouble = _trouble_with(session, address)
        if trouble:
            return wrong(trouble, repair)
    hosts = " and ".join(sorted({urlsplit(address).netloc for address in addresses}))
    return DoctorCheck("trust", True, f"certificates of {hosts} are trusted")


def _trouble_with(session: requests.Session, address: str) -> str:
    """Why `address` gives no answer that can be trusted, in a few words; any HTTP status is an answer."""
    import requests

    host = urlsplit(address).netloc
    try:
        session.get(address, timeout=10.0)
    except requests.exceptions.SSLError:
        return f"the certificate of {host} is not trusted"
    except requests.exceptions.RequestException as error:
        return f"{host} does not answer ({type(error).__name__})"
    return ""


def check_proxy(stack: str, environ: Mapping[str, str]) -> DoctorCheck:
    """No proxy of the shell takes what the engine and the program say to each other.

    Our own commands except loopback addresses by themselves, and so does `orgcal env`.
    """
    taken = proxies_of_loopback(environ)
    if not taken:
        return DoctorCheck("proxy", True, "none takes what stays on this machine")
    says = f"{' and '.join(taken)} would take what pulumi, typed in this shell, says to its program on 127.0.0.1"
    return DoctorCheck("proxy", False, says, f'eval "$(orgcal env --stack {stack})"')


def check_backend(surroundings: StackEnvironment, environ: Mapping[str, str], salt: str | None) -> DoctorCheck:
    """The stack's state can be written, and its passphrase fits.

    Args:
        environ: the process environment, for a passphrase that the user set there.
        salt: `encryptionsalt` of the stack's file; None where there is none (yet) or a key service is used.
    """
    url = surroundings.backend_url
    if not url:
        where = "Pulumi's own login decides"
    elif urlsplit(url).scheme == "file":
        folder = Path(unquote(urlsplit(url).path)).expanduser()
        if not os.access(folder, os.W_OK | os.X_OK):
            return _backend_wrong(f"{folder} cannot be written", f"mkdir -p {folder}; chmod u+rwx {folder}")
        if stat.S_IMODE(folder.stat().st_mode) & 0o077:
            return _backend_wrong(f"{folder} is open to other users", f"chmod 700 {folder}")
        where = str(folder)
    else:
        where = url
    problem = _passphrase_problem(surroundings, environ, salt)
    if problem is not None:
        return problem
    fits = salt and surroundings.to_environ(environ).keys() & {FILE_VARIABLE, "PULUMI_CONFIG_PASSPHRASE"}
    return DoctorCheck("backend", True, f"{where}{', passphrase fits' if fits else ''}")


def _passphrase_problem(
    surroundings: StackEnvironment, environ: Mapping[str, str], salt: str | None
) -> DoctorCheck | None:
    """What is wrong with the stack's passphrase, if there is one; arguments as of `check_backend`."""
    known, stack = surroundings.to_environ(environ), surroundings.stack
    passphrase, named = known.get("PULUMI_CONFIG_PASSPHRASE"), known.get(FILE_VARIABLE, "")  # Pulumi's own order
    if passphrase is None and named:
        path = Path(named)
        if not path.is_file():
            if not salt and FILE_VARIABLE in surroundings.variables:
                return None  # a new stack's passphrase is made when it is first needed
            missing = missing_passphrase(surroundings.project_dir, stack, path, environ)
            if missing is not None:
                return failed("backend", missing)
            repair = f"name the right file in {FILE_VARIABLE}"
            return _backend_wrong(f"{path}: the passphrase's file is missing", repair)
        if stack != DEV_STACK and stat.S_IMODE(path.stat().st_mode) & 0o077:
            return _backend_wrong(f"{path} is open to other users", f"chmod 600 {path}")
        try:
            passphrase = path.read_text(encoding="utf-8").strip()
        except UnicodeDecodeError:
            return _backend_wrong(f"{path} is not UTF-8 text", f"save the passphrase as UTF-8, in {path}")
    if not salt or passphrase is None or passphrase_fits(salt, passphrase):
        return None
    copied = copied_salt(surroundings.project_dir, stack, environ)
    if copied is not None:
        return failed("backend", copied)
    repair = f"set {FILE_VARIABLE} to the file of this stack's passphrase"
    return _backend_wrong(f"the passphrase does not fit encryptionsalt in Pulumi.{stack}.yaml", repair)


def check_settings(project_dir: Path, stack: str) -> DoctorCheck:
    """The stack's settings are right, and none is left from the example; raises as `read_settings` does."""
    read_settings(project_dir, stack)
    if left := placeholders(load_stack_file(project_dir, stack)):
        repair = f"write your own values into Pulumi.{stack}.yaml; orgcal ci lint --stack {stack} lists them all"
        return DoctorCheck("settings", False, left[0].partition("; expected")[0], repair)
    return DoctorCheck("settings", True, f"Pulumi.{stack}.yaml is as the program wants it")


def check_cloud(surroundings: StackEnvironment, tenant_id: str, environ: Mapping[str, str]) -> DoctorCheck:
    """The shell and the stack speak of the same cloud; raises CloudMismatch where a variable is another cloud's.

    Args:
        tenant_id: the home tenant; empty for the emulator's own.
        environ: the process environment, as the shell has it.
    """
    cloud, stack = surroundings.cloud, surroundings.stack
    if cloud != "emulator":
        refuse_other_cloud(load_endpoints(cloud, environ), tenant_id, environ)
        return DoctorCheck("cloud", True, f"stack {stack} lives in cloud {cloud}")
    changed = environ.get(CHANGED_VARIABLE)
    stale = sorted(name for name, value in surroundings.variables.items() if changed and environ.get(name) != value)
    if stale:
        says = f"this shell is set up for another stack or run ({', '.join(stale)})"
        return DoctorCheck("cloud", False, says, f'eval "$(orgcal env --stack {stack})"')
    return DoctorCheck("cloud", True, f"stack {stack} lives on the emulator")
