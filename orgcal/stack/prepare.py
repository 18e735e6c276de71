"""Everything a stack needs to be worked on, found or made: engine, azuread plugin, surroundings."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orgcal.engine.command import run_engine
from orgcal.engine.find import Engine, find_engine
from orgcal.engine.plugins import AzureadPlugin, choose_azuread
from orgcal.errors import EngineError, OrgcalError, UsageError
from orgcal.files.whole import private_dir
from orgcal.settings import load_stack_file, read_core_settings
from orgcal.stack.environment import StackEnvironment, original_environment, stack_environment
from orgcal.stack.files import project_dir, stack_dir
from orgcal.stack.passphrase import ensure_passphrase
from orgcal.stack.state_files import remove_empty_sidecars

if TYPE_CHECKING:
    from orgcal.stack.outputs import StackOutputs
    from orgcal.stack.runner import StackRunner


@dataclass(frozen=True)
class OpenStack:
    """A stack, ready to be worked on.

    Attributes:
        plugin: None where none was asked for; then the engine must not be made to run a program or destroy anything.
        guarded: whether the stack's resources are protected, so that nothing may be written without a preview.
    """

    engine: Engine
    plugin: AzureadPlugin | None
    environment: StackEnvironment
    environ: Mapping[str, str]
    guarded: bool

    def drive(self) -> StackRunner:
        """The engine at the wheel of this stack."""
        from orgcal.stack.runner import StackRunner  # pulumi is slow to import, and `orgcal env` does not need it

        # A copy's file names the key service that is to encrypt its state.
        file = load_stack_file(self.environment.project_dir, self.environment.stack)
        secrets_provider = file.values.get("secretsprovider")
        return StackRunner(self.engine, self.environment, self.environ, secrets_provider=secrets_provider)

    def outputs(self) -> StackOutputs:
        """The stack's outputs, secret included; raises as `StackRunner.outputs` does.

        The engine is asked without the Automation API, whose import takes as long as the answer. Only where the engine
        refuses, the API says why, or makes the stack.
        """
        from orgcal.stack.outputs import read_outputs

        where = self.environment
        ran = run_engine(
            self.engine.pulumi,
            ["stack", "output", "--json", "--show-secrets", "--stack", where.stack],
            cwd=where.project_dir,
            environ=where.to_environ(self.environ),
        )
        if ran.code:
            return self.drive().outputs()
        return read_outputs(json.loads(ran.out), where=f"stack {where.stack}")


def prepare(
    stack: str, environ: Mapping[str, str], *, plugin: bool = True, tell: Callable[[str], object] | None = None
) -> OpenStack:
    """Finds or makes what `stack` needs.

    Args:
        stack: name of a stack with a `Pulumi.<stack>.yaml`.
        environ: the process environment; what `orgcal env` changed in it is taken back first.
        plugin: whether the engine will need the azuread plugin; not where only its state or outputs are read.
        tell: is told in one line which azuread plugin is used, and why.

    Raises:
        UsageError: there is no such stack, its passphrase is missing, or a variable asks for what does not exist.
        EngineError: there is no engine and none can be made, or no azuread plugin.
        CloudMismatch: the azuread plugin asked for does not fit the stack's cloud.
    """
    environ = original_environment(environ)
    project = project_dir()
    core = read_core_settings(project, stack)
    cloud = core.entra.cloud
    own_dir = private_dir(stack_dir(project, stack, environ))
    ensure_passphrase(project, stack, own_dir, environ)
    engine = find_engine(environ)
    chosen = _chosen(engine, stack, cloud, environ) if plugin else None
    if chosen is not None and tell:
        tell(chosen.line)
    environment = stack_environment(project, stack, environ, tools=_on_path(engine, chosen))
    remove_empty_sidecars(environment.backend_url, stack)
    return OpenStack(
        engine=engine,
        plugin=chosen,
        environment=environment,
        environ=environ,
        guarded=core.protected,
    )


def shell_environment(
    stack: str, environ: Mapping[str, str], warn: Callable[[OrgcalError], object]
) -> StackEnvironment:
    """What a shell needs for `pulumi` typed by hand; whatever else is missing, the engine is on PATH.

    Args:
        stack: name of a stack with a `Pulumi.<stack>.yaml`.
        environ: the process environment; what `orgcal env` changed in it is taken back first.
        warn: is told what is missing, with its repair.

    Raises:
        UsageError: there is no such stack, or a variable asks for what does not exist.
        EngineError: there is no engine and none can be made.
    """
    environ = original_environment(environ)
    project = project_dir()
    cloud = read_core_settings(project, stack).entra.cloud
    try:
        ensure_passphrase(project, stack, private_dir(stack_dir(project, stack, environ)), environ)
    except UsageError as error:
        warn(error)
    engine = find_engine(environ)
    chosen = None
    if cloud == "emulator":  # elsewhere there is only the real one, which the engine finds or installs by itself
        try:
            chosen = _chosen(engine, stack, cloud, environ)
        except EngineError as error:
            warn(error)
    found = stack_environment(project, stack, environ, tools=_on_path(engine, chosen))
    remove_empty_sidecars(found.backend_url, stack)
    if cloud != "emulator" and engine.source == "path":
        # A shell for a real tenant keeps the order of its own tools.
        found = replace(found, path_first=found.path_first[:-1])
    return found


def _chosen(engine: Engine, stack: str, cloud: str, environ: Mapping[str, str]) -> AzureadPlugin:
    project = project_dir()
    return choose_azuread(
        engine,
        stack_dir=private_dir(stack_dir(project, stack, environ)),
        cloud=cloud,
        project_dir=project,
        environ=environ,
    )


def _on_path(engine: Engine, plugin: AzureadPlugin | None) -> tuple[Path, ...]:
    """Directories for PATH, as `stack_environment` takes them."""
    standin = plugin.path_dir if plugin is not None else None
    return (*([standin] if standin else []), engine.bin_dir)
