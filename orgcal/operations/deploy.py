"""`pulumi up` and `pulumi destroy` as our commands do them: on a stack that is where its state was made, is free to be
worked on, and knows what interrupted runs left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.graph import GraphClient
from orgcal.errors import CloudMismatch, OrgcalError
from orgcal.operations.home_graph import home_graph
from orgcal.operations.interrupted import Settling
from orgcal.settings import read_core_settings
from orgcal.stack.exported import DeploymentPlace, place_in
from orgcal.stack.outputs import StackOutputs
from orgcal.stack.prepare import OpenStack
from orgcal.stack.runner import EngineStep, OnStep, StackRunner, UpdateResult

_PUSH = "orgcal:index:ConnectorCredentials"


def deploy(prepared: OpenStack, *, on_step: OnStep, tell: Callable[[str], object]) -> tuple[UpdateResult, StackOutputs]:
    """Brings a stack up.

    Args:
        prepared: the stack.
        on_step: is told of each resource.
        tell: is told in one line what else was needed.

    Returns:
        What was changed, and the stack's outputs.

    Raises:
        UsageError: the stack lives on an emulator that does not run.
        CloudMismatch: the stack's state was made in another cloud.
        EngineError: the engine refused; its sentence.
    """
    prepared.environment.running_endpoints()
    drive = prepared.drive()
    drive.release_dead_lock()
    exported = drive.export()
    if _settle_place(drive, place_in(exported), prepared, tell):
        exported = drive.export()
    pushes: list[EngineStep] = []

    def watch(step: EngineStep) -> None:
        if step.type == _PUSH and step.done and step.operation != "same":
            pushes.append(step)
        on_step(step)

    result = _settling(prepared, drive, tell).up(exported, preview_first=prepared.guarded, on_step=watch)
    outputs = drive.outputs()
    if result.changed:
        _tell_registry(prepared, outputs, pushed=bool(pushes), tell=tell)
    return result, outputs


def destroy(prepared: OpenStack, *, on_step: OnStep, tell: Callable[[str], object]) -> UpdateResult:
    """Removes everything that a stack made; its settings and its (empty) state stay.

    Args:
        prepared: the stack.
        on_step: is told of each resource.
        tell: is told in one line what else was needed.

    Raises:
        UsageError: the stack lives on an emulator that does not run.
        EngineError: the engine refused; its sentence.
    """
    prepared.environment.running_endpoints()
    drive = prepared.drive()
    drive.release_dead_lock()
    return _settling(prepared, drive, tell).destroy(drive.export(), preview_first=prepared.guarded, on_step=on_step)


def _settling(prepared: OpenStack, drive: StackRunner, tell: Callable[[str], object]) -> Settling:
    environment = prepared.environment
    core = read_core_settings(environment.project_dir, environment.stack)

    def graph() -> AbstractContextManager[GraphClient]:
        environ = environment.to_environ(prepared.environ)
        return home_graph(environment.running_endpoints(), core.entra.tenant_id, environ)

    return Settling(drive, core.tag, graph, tell)


def _tell_registry(prepared: OpenStack, outputs: StackOutputs, *, pushed: bool, tell: Callable[[str], object]) -> None:
    """Note a push in the log; say how many organisations consented to other permissions than are declared now."""
    from orgcal.tenants.model import ACTIVE
    from orgcal.tenants.registry import open_stack_registry

    environment = prepared.environment
    try:
        registry = open_stack_registry(environment.stack_dir, environment.stack, prepared.environ)
        try:
            if pushed:
                kind = str(outputs.platform.get("kind"))
                registry.note("push", outputs.client_id, "pushed", generation=outputs.active_generation, platform=kind)
            stale = sum(
                tenant.state in ACTIVE and tenant.permission_hash != outputs.permission_hash
                for tenant in registry.tenants()
            )
        finally:
            registry.close()
    except OrgcalError as error:
        tell(f"deployed, but the registry does not know of it: {error.what}")
        return
    if stale:
        check = f"orgcal consent check --all --stack {environment.stack}"
        tell(f"{stale} organisations consented to other permissions than are declared now; see: {check}")


def _settle_place(
    drive: StackRunner, recorded: DeploymentPlace | None, prepared: OpenStack, tell: Callable[[str], object]
) -> bool:
    """Refuses another cloud; brings the state up to date where the emulator was replaced or moved, and says whether."""
    environment = prepared.environment
    if recorded is None:
        return False
    if recorded.cloud != environment.cloud:
        raise CloudMismatch(
            f"the stack was made in cloud {recorded.cloud!r} and cannot move to {environment.cloud!r}",
            where=f"stack {environment.stack}",
            repair="give the other cloud a stack of its own: orgcal:entra.cloud in a new Pulumi.NAME.yaml",
        )
    endpoints: CloudEndpoints | None = environment.endpoints
    if endpoints is None or endpoints.emulated is None:
        return False
    replaced = recorded.directory_id != endpoints.emulated.directory_id
    # The port is part of the callback URL, so of the redirect URI.
    moved = recorded.callback_url.startswith("https://localhost:") and not recorded.callback_url.startswith(
        f"{endpoints.login_url}/"
    )
    if replaced or moved:
        why = "the emulator's directory is another one" if replaced else "the emulator has another port"
        tell(f"{why} than when the stack was deployed: refreshing first")
    if moved:
        drive.up(preview_first=False)  # a refresh asks where the state's providers point: they must follow first
    if replaced or moved:
        drive.refresh()
    return replaced or moved
