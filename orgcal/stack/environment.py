"""Decides what a stack needs in an environment, for `orgcal env` and for our own calls.

Stack `dev` keeps everything in the project under `.local/dev/`, every other stack under the user's data
directory. No value is a secret: secrets are named by the path of a file.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from orgcal.child_environ import ENGINE, passed_on
from orgcal.engine.proxies import loopback_variables
from orgcal.entra.clouds import EMULATOR_FILE_VARIABLE, CloudEndpoints, load_endpoints, read_emulator_file
from orgcal.entra.login import LOGIN_VARIABLES, SECRET_VARIABLES
from orgcal.entra.operator import federated_login
from orgcal.errors import UsageError
from orgcal.files.whole import private_dir, write_whole
from orgcal.platforms.model import PROJECT_VARIABLE
from orgcal.settings import read_core_settings
from orgcal.stack.emulator import EmulatorOfStack
from orgcal.stack.engine_variables import engine_variables
from orgcal.stack.files import DEV_STACK, data_dir, emulator_home, stack_dir
from orgcal.stack.passphrase import passphrase_variables

KEPT_PREFIX = "ORGCAL_OLD_"
"""A shell that `orgcal env` has set up keeps the old value of each changed variable under this prefix."""
CHANGED_VARIABLE = "ORGCAL_ENV"
"""Names of the variables that `orgcal env` has changed in this shell, PATH among them."""

# Who deploys, and where: on stacks on the emulator each of these is ours to set or to take away,
# so that a shell that is set up for a real tenant cannot leak into the emulator or the other way.
_PLACE_VARIABLES = ("ARM_ENVIRONMENT", "ARM_METADATA_HOST", "ARM_METADATA_HOSTNAME", "ARM_TENANT_ID")

HIDDEN_VARIABLES = SECRET_VARIABLES | {"PULUMI_CONFIG_PASSPHRASE"}
"""Of these a shell keeps the old value to itself: a real tenant's secret has no business on the emulator."""


@dataclass(frozen=True)
class StackEnvironment:
    """What one stack needs in an environment, and the places that it names.

    Attributes:
        backend_url: where its state is; empty where Pulumi's own login decides.
        endpoints: addresses; None where the stack lives on the emulator and none runs.
        variables: to be set; no value is a secret.
        path_first: directories to put first on PATH, in this order.
        removed: variables to unset, since they would contradict the stack's cloud.
        emulator_home: directory whose emulator the stack lives on; another stack's where it is a copy of that.
    """

    project_dir: Path
    stack: str
    cloud: str
    stack_dir: Path
    backend_url: str
    endpoints: CloudEndpoints | None
    variables: Mapping[str, str] = field(default_factory=dict)
    path_first: tuple[Path, ...] = ()
    removed: tuple[str, ...] = ()
    emulator_home: Path | None = None

    def running_endpoints(self) -> CloudEndpoints:
        """Addresses of the stack's cloud.

        Raises:
            UsageError: the stack lives on an emulator that does not run.
        """
        if self.endpoints is None:
            raise UsageError(
                "the stack's emulator does not run",
                where=f"stack {self.stack}",
                repair=f"orgcal emulator start --stack {self.stack}",
            )
        return self.endpoints

    def to_environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """A copy of `environ` as the stack needs it, for our own calls."""
        kept = {name: value for name, value in environ.items() if name not in self.removed}
        path = os.pathsep.join([*map(str, self.path_first), environ.get("PATH", os.defpath)])
        return {**kept, **self.variables, "PATH": path}

    def to_engine_environ(self, environ: Mapping[str, str], further: Iterable[str] = ()) -> dict[str, str]:
        """The same for the engine's processes, which get what they need of `environ`; `further` names more of it."""
        needed = engine_variables(self.project_dir, self.stack, self.backend_url)
        return self.to_environ(passed_on(environ, (*ENGINE, *needed, *further)))


def original_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment as it was before `orgcal env` changed it, so that settings never build on settings."""
    changed = environ.get(CHANGED_VARIABLE, "").split()
    kept = {name: value for name, value in environ.items() if name not in (*changed, CHANGED_VARIABLE)}
    for name in changed:
        old = kept.pop(f"{KEPT_PREFIX}{name}", None)
        if old is not None:
            kept[name] = old
    return kept


def stack_environment(project_dir: Path, stack: str, environ: Mapping[str, str]) -> StackEnvironment:
    """The environment of `stack`; makes the directories that it names, and the emulator's trust.

    Args:
        environ: the environment that the stack would be run in, as `original_environment` gives it.

    Raises:
        UsageError: there is no such stack, or its file names no cloud.
    """
    core = read_core_settings(project_dir, stack)
    cloud = core.entra.cloud
    own_dir = private_dir(stack_dir(project_dir, stack, environ))
    shared_dir = emulator_home(project_dir, core, environ)
    beside_proxies, proxies = loopback_variables(environ)
    variables = {
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        PROJECT_VARIABLE: str(project_dir),
        **passphrase_variables(project_dir, stack, own_dir, environ),
        **beside_proxies,
    }
    backend_url = environ.get("PULUMI_BACKEND_URL", "")
    if stack == DEV_STACK or not backend_url:
        kept_in = own_dir if stack == DEV_STACK else data_dir(environ)
        backend_url = private_dir(kept_in / "state").as_uri()
        variables["PULUMI_BACKEND_URL"] = backend_url
    endpoints: CloudEndpoints | None
    # Pulumi looks at the passphrase itself before the file.
    removed = (*(["PULUMI_CONFIG_PASSPHRASE"] if stack == DEV_STACK else []), *proxies)
    if cloud == "emulator":
        emulator = EmulatorOfStack(shared_dir)
        endpoints = read_emulator_file(emulator.ready_file) if emulator.running() else None
        if endpoints is not None:
            variables |= _emulator_variables(endpoints, emulator.ready_file, own_dir, environ)
        runner = endpoints is not None and federated_login(endpoints, environ)
        foreign = [] if runner else sorted(LOGIN_VARIABLES)
        removed += tuple(name for name in (*_PLACE_VARIABLES, *foreign) if name not in variables)
    else:
        endpoints = load_endpoints(cloud, environ)
    return StackEnvironment(
        project_dir=project_dir,
        stack=stack,
        cloud=cloud,
        stack_dir=own_dir,
        backend_url=backend_url,
        endpoints=endpoints,
        variables=variables,
        removed=removed,
        emulator_home=shared_dir,
    )


def of_own_stacks(environment: StackEnvironment, environ: Mapping[str, str]) -> StackEnvironment:
    """The same environment for stacks of the user's own, whose states are elsewhere than that of `dev`."""
    backend_url = environ.get("PULUMI_BACKEND_URL") or private_dir(data_dir(environ) / "state").as_uri()
    variables = {**environment.variables, "PULUMI_BACKEND_URL": backend_url}
    return replace(environment, backend_url=backend_url, variables=variables)


def _emulator_variables(
    endpoints: CloudEndpoints, ready_file: Path, own_dir: Path, environ: Mapping[str, str]
) -> dict[str, str]:
    assert endpoints.emulated is not None
    variables = {
        EMULATOR_FILE_VARIABLE: str(ready_file),
        "ARM_METADATA_HOSTNAME": endpoints.metadata_host,
        "ARM_TENANT_ID": endpoints.emulated.operator_tenant_id,
        "SSL_CERT_FILE": str(_trust_bundle(endpoints.emulated.ca_file, own_dir / "trust.pem", environ)),
    }
    if not federated_login(endpoints, environ):
        variables["ARM_CLIENT_ID"] = endpoints.emulated.operator_client_id
        variables["ARM_CLIENT_CERTIFICATE_PATH"] = str(endpoints.emulated.operator_client_certificate_file)
    return variables


def _trust_bundle(emulator_ca: Path, bundle: Path, environ: Mapping[str, str]) -> Path:
    """Public roots and the emulator's: SSL_CERT_FILE replaces the system's roots, so both must be in it."""
    path = environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().openssl_cafile
    if path and Path(path).exists():
        roots = Path(path).read_text(encoding="utf-8-sig", errors="replace")  # comments may be in any encoding
    else:
        import certifi

        roots = certifi.contents()
    text = f"{roots.rstrip()}\n{emulator_ca.read_text(encoding='utf-8')}"
    if not bundle.exists() or bundle.read_text(encoding="utf-8") != text:
        write_whole(bundle, text)
    return bundle
