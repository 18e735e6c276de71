"""`pulumi up` as our commands do it: on a stack that is where its state was made, and free to be worked on."""

from __future__ import annotations

from collections.abc import Callable

from orgcal.engine.drive import Drive, OnStep, Result, Step
from orgcal.engine.tools import Prepared
from orgcal.errors import OrgcalError, WorldMismatch
from orgcal.msgraph.worlds import World
from orgcal.outputs import StackOutputs

_PUSH = "orgcal:index:ConnectorCredentials"


def deploy(prepared: Prepared, *, on_step: OnStep, tell: Callable[[str], object]) -> tuple[Result, StackOutputs]:
    """Brings a stack up.

    Args:
        prepared: the stack.
        on_step: is told of each resource.
        tell: is told in one line what else was needed.

    Returns:
        What was changed, and the stack's outputs.

    Raises:
        UsageError: the stack lives on an emulator that does not run.
        WorldMismatch: the stack's state was made in another cloud.
        EngineError: the engine refused; its sentence.
    """
    prepared.environment.running_world()
    drive = prepared.drive()
    drive.release_dead_lock()
    _settle_place(drive, prepared, tell)
    pushes: list[Step] = []

    def watch(step: Step) -> None:
        if step.type == _PUSH and step.done and step.operation != "same":
            pushes.append(step)
        on_step(step)

    result = drive.up(preview_first=prepared.guarded, on_step=watch)
    outputs = drive.outputs()
    if result.changed:
        _tell_registry(prepared, outputs, pushed=bool(pushes), tell=tell)
    return result, outputs


def _tell_registry(prepared: Prepared, outputs: StackOutputs, *, pushed: bool, tell: Callable[[str], object]) -> None:
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


def _settle_place(drive: Drive, prepared: Prepared, tell: Callable[[str], object]) -> None:
    """Refuses another cloud; brings the state up to date where the emulator was replaced or has moved."""
    recorded, environment = drive.recorded_place(), prepared.environment
    if recorded is None:
        return
    if recorded.cloud != environment.cloud:
        raise WorldMismatch(
            f"the stack was made in the world {recorded.cloud!r} and cannot move to {environment.cloud!r}",
            where=f"stack {environment.stack}",
            repair="give the other world a stack of its own: orgcal:entra.cloud in a new Pulumi.NAME.yaml",
        )
    world: World | None = environment.world
    if world is None or world.emulated is None:
        return
    replaced = recorded.directory_id != world.emulated.directory_id
    # The port is part of the callback URL, so of the redirect URI.
    moved = recorded.callback_url.startswith("https://localhost:") and not recorded.callback_url.startswith(
        f"{world.login_url}/"
    )
    if replaced or moved:
        why = "the emulator's directory is another one" if replaced else "the emulator has another port"
        tell(f"{why} than when the stack was deployed: refreshing first")
    if moved:
        drive.up(preview_first=False)  # a refresh asks where the state's providers point: they must follow first
    if replaced or moved:
        drive.refresh()
