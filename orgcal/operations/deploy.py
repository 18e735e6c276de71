"""`pulumi up` and `pulumi destroy` as our commands do them.

They work on a stack that is where its state was made, wait until no other update runs, and finish interrupted runs.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orgcal.errors import CloudMismatch, OrgcalError
from orgcal.printable import counted
from orgcal.resource_types import CONNECTOR_CREDENTIALS
from orgcal.stack.engine_events import EngineStep, OnStep, UpdateResult
from orgcal.stack.known_credentials import note_credentials
from orgcal.stack.open_stack import OpenStack
from orgcal.stack.outputs import StackOutputs
from orgcal.stack.state import DeploymentPlace, StackState

if TYPE_CHECKING:
    from orgcal.operations.interrupted import InterruptedRuns
    from orgcal.operations.plan import Plan

Tell = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Deployed:
    """What an update did.

    Attributes:
        outputs: of the stack, without the secret.
    """

    result: UpdateResult
    outputs: StackOutputs


def prepare(stack: OpenStack, *, tell: Tell) -> StackState:
    """The state of a stack that can be brought up: where it was made, with no interrupted run in it.

    Args:
        tell: is told in one line what had to be done for that.

    Raises:
        UsageError: the stack lives on an emulator that does not run.
        CloudMismatch: the stack's state was made in another cloud.
        EngineError: the engine refused; its sentence.
    """
    stack.environment.running_endpoints()
    runner = stack.runner
    runner.release_dead_lock()
    state = runner.state()
    if _follow_emulator(stack, state.place, tell):
        state = runner.state()
    if state.unfinished()[0]:
        _interrupted_runs(stack, tell).settle_pending(state)
        return runner.state()
    return state


def preview(
    stack: OpenStack, *, state: StackState | None = None, on_step: OnStep, tell: Tell, save_plan: Path | None = None
) -> Plan:
    """What `deploy` would do; nothing is written, but the engine's plan where `save_plan` names a file.

    Args:
        state: as `prepare` gave it; else the stack is looked at as it is, and what would have to be prepared is told.

    Raises:
        UsageError: the stack lives on an emulator that does not run.
        CloudMismatch: the stack's state was made in another cloud.
        EngineError: the engine refused; its sentence.
    """
    if state is None:
        stack.environment.running_endpoints()
        state = stack.runner.state()
        if why := _emulator_left(stack, state.place)[0]:
            tell(f"{why} than when the stack was deployed: an update refreshes first, which this preview does not")
        if state.unfinished()[0]:
            tell("the last run was interrupted: an update first takes over what it made, which this preview does not")
    importing = threading.Thread(target=_import_what_follows, name="import")
    importing.start()
    try:
        result = stack.runner.preview(on_step=on_step, save_plan=save_plan)
    finally:
        importing.join()
    from orgcal.operations.plan import read_plan

    return read_plan(stack, state, result, tell)


def _import_what_follows() -> None:
    """Import what comes after a preview, while the engine leaves a core idle: a third of a second."""
    for module in ("orgcal.operations.plan", "orgcal.tenants.registry", "orgcal.operations.interrupted"):
        importlib.import_module(module)


def deploy(
    stack: OpenStack,
    *,
    on_step: OnStep,
    tell: Tell,
    credential_only: bool = False,
    prepared: StackState | None = None,
    plan: Path | None = None,
) -> Deployed:
    """Brings a stack up; `tell` is told in one line what else was needed.

    Args:
        credential_only: whatever else the checkout changes is not deployed (`StackRunner.up_credential`).
        prepared: the state that `prepare` gave, if somebody has seen the `preview` of the update.
        plan: file of a `preview`; the engine does nothing else.

    Raises:
        UsageError: the stack lives on an emulator that does not run.
        CloudMismatch: the stack's state was made in another cloud.
        EngineError: the engine refused; its sentence.
    """
    state = prepare(stack, tell=tell) if prepared is None else prepared
    before = state.declared()
    pushed = False

    def watch(step: EngineStep) -> None:
        nonlocal pushed
        pushed |= step.type == CONNECTOR_CREDENTIALS and step.done and step.operation != "same"
        on_step(step)

    result = _interrupted_runs(stack, tell).up(
        preview_first=stack.core.protected,
        previewed=prepared is not None,
        on_step=watch,
        credential_only=credential_only,
        plan=plan,
    )
    stack.forget_outputs()
    outputs = stack.outputs_without_secret(stack.runner.state())
    if result.changed:
        _tell_registry(stack, outputs, before, pushed=pushed, tell=tell)
    return Deployed(result, outputs)


def destroy(stack: OpenStack, *, on_step: OnStep, tell: Tell) -> UpdateResult:
    """Removes everything that a stack made; its settings and its (empty) state stay. Raises as `deploy` does."""
    stack.environment.running_endpoints()
    stack.runner.release_dead_lock()
    runs = _interrupted_runs(stack, tell)
    runs.settle_pending(stack.runner.state())
    return runs.destroy(preview_first=stack.core.protected, on_step=on_step)


def _interrupted_runs(stack: OpenStack, tell: Tell) -> InterruptedRuns:
    from orgcal.operations.interrupted import InterruptedRuns  # Graph's client, which most runs do not need

    return InterruptedRuns(stack.runner, stack.core.tag, stack.home_graph, tell)


def _tell_registry(
    stack: OpenStack, outputs: StackOutputs, before: tuple[str, frozenset[str]], *, pushed: bool, tell: Tell
) -> None:
    """Note a push in the log; say how many organisations have not consented to all that is declared now.

    Args:
        before: hash and names of the permissions that were declared until now.
    """
    from orgcal.operations.stale_consents import good_hashes, is_stale
    from orgcal.tenants.model import ACTIVE

    declared = {item.name for item in outputs.permissions}
    good = good_hashes(outputs.permission_hash, declared, *before)
    try:
        note_credentials(stack.registry, outputs)
        if pushed:
            kind = str(outputs.platform.get("kind"))
            stack.registry.note(
                "push", outputs.client_id, "pushed", generation=outputs.active_generation, platform=kind
            )
        stale = sum(tenant.state in ACTIVE and is_stale(tenant, declared, good) for tenant in stack.registry.tenants())
    except OrgcalError as error:
        tell(f"deployed, but the registry does not know of it: {error.what}")
        return
    if stale:
        check = f"orgcal consent check --all --stack {stack.name}"
        tell(f"{counted(stale, 'organisation')} consented to other permissions than are declared now; see: {check}")


def _follow_emulator(stack: OpenStack, recorded: DeploymentPlace | None, tell: Tell) -> bool:
    """Brings the state up to date where the emulator was replaced or moved, and says whether; refuses another cloud."""
    why, moved = _emulator_left(stack, recorded)
    if why:
        tell(f"{why} than when the stack was deployed: refreshing first")
        if moved:  # a refresh asks where the state's providers point: they must follow first
            stack.runner.up(preview_first=False)
        stack.runner.refresh()
    return bool(why)


def _emulator_left(stack: OpenStack, recorded: DeploymentPlace | None) -> tuple[str, bool]:
    """Why the emulator is not the one that a stack was deployed to (empty where it is), and whether its port differs.

    Refuses another cloud.
    """
    if recorded is None:
        return "", False
    if recorded.cloud != stack.cloud:
        raise CloudMismatch(
            f"the stack was made in cloud {recorded.cloud!r} and cannot move to {stack.cloud!r}",
            where=stack.where,
            repair="give the other cloud a stack of its own: orgcal:entra.cloud in a new Pulumi.NAME.yaml",
        )
    endpoints = stack.endpoints
    if endpoints.emulated is None:
        return "", False
    replaced = recorded.directory_id != endpoints.emulated.directory_id
    # The port is part of the callback URL, so of the redirect URI.
    moved = recorded.callback_url.startswith("https://localhost:") and not recorded.callback_url.startswith(
        f"{endpoints.login_url}/"
    )
    if replaced:
        return "the emulator's directory is another one", moved
    return "the emulator has another port" if moved else "", moved
