"""`pulumi up` and `pulumi destroy` as our commands do them.

They work on a stack that is where its state was made, wait until no other update runs, and finish interrupted runs.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from orgcal.entra.exchange_roles import split_permissions
from orgcal.entra.role_relation import compare
from orgcal.errors import CloudMismatch, OrgcalError
from orgcal.operations.interrupted import InterruptedRuns
from orgcal.operations.sweep import Tell
from orgcal.printable import counted
from orgcal.resource_types import CONNECTOR_CREDENTIALS
from orgcal.stack.known_credentials import note_credentials
from orgcal.stack.open_stack import OpenStack
from orgcal.stack.outputs import StackOutputs
from orgcal.stack.runner import EngineStep, OnStep, UpdateResult
from orgcal.stack.state import DeploymentPlace

if TYPE_CHECKING:
    from orgcal.tenants.model import Tenant


def deploy(stack: OpenStack, *, on_step: OnStep, tell: Tell, credential_only: bool = False) -> UpdateResult:
    """Brings a stack up; `stack.outputs` are the new ones then, and `tell` is told in one line what else was needed.

    With `credential_only`, whatever else the checkout changes is not deployed (`StackRunner.up_credential`).

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
    before = state.declared()
    pushed = False

    def watch(step: EngineStep) -> None:
        nonlocal pushed
        pushed |= step.type == CONNECTOR_CREDENTIALS and step.done and step.operation != "same"
        on_step(step)

    result = _interrupted_runs(stack, tell).up(
        state, preview_first=stack.core.protected, on_step=watch, credential_only=credential_only
    )
    stack.outputs = runner.outputs()
    if result.changed:
        _tell_registry(stack, good_hashes(stack.outputs, *before), pushed=pushed, tell=tell)
    return result


def destroy(stack: OpenStack, *, on_step: OnStep, tell: Tell) -> UpdateResult:
    """Removes everything that a stack made; its settings and its (empty) state stay. Raises as `deploy` does."""
    stack.environment.running_endpoints()
    stack.runner.release_dead_lock()
    runs = _interrupted_runs(stack, tell)
    return runs.destroy(stack.runner.state(), preview_first=stack.core.protected, on_step=on_step)


def _interrupted_runs(stack: OpenStack, tell: Tell) -> InterruptedRuns:
    return InterruptedRuns(stack.runner, stack.core.tag, stack.home_graph, tell)


def good_hashes(outputs: StackOutputs, hash_before: str, names_before: frozenset[str]) -> frozenset[str]:
    """Hashes of permissions that, once consented to, leave nothing missing of what is declared now.

    Args:
        outputs: of the update.
        hash_before: of the permissions that were declared before it.
        names_before: their names.
    """
    enough = not compare((item.name for item in outputs.permissions), names_before).missing
    return frozenset({outputs.permission_hash, *([hash_before] if enough else [])})


def _tell_registry(stack: OpenStack, good: frozenset[str], *, pushed: bool, tell: Tell) -> None:
    """Note a push in the log; say how many organisations have not consented to all that is declared now."""
    from orgcal.tenants.model import ACTIVE

    outputs = stack.outputs
    declared = {item.name for item in outputs.permissions}
    try:
        note_credentials(stack.registry, outputs)
        if pushed:
            kind = str(outputs.platform.get("kind"))
            stack.registry.note(
                "push", outputs.client_id, "pushed", generation=outputs.active_generation, platform=kind
            )
        stale = sum(tenant.state in ACTIVE and _is_stale(tenant, declared, good) for tenant in stack.registry.tenants())
    except OrgcalError as error:
        tell(f"deployed, but the registry does not know of it: {error.what}")
        return
    if stale:
        check = f"orgcal consent check --all --stack {stack.name}"
        tell(f"{counted(stale, 'organisation')} consented to other permissions than are declared now; see: {check}")


def _is_stale(tenant: Tenant, declared: Collection[str], good: frozenset[str]) -> bool:
    """Whether the consent lacks something declared; only its hash tells where the names were not yet recorded."""
    if tenant.access == "scoped":  # the others are granted in Exchange, where nobody sees them
        return bool(compare(split_permissions(declared).in_entra, tenant.permissions).missing)
    if tenant.permissions:
        return bool(compare(declared, tenant.permissions).missing)
    return tenant.permission_hash not in good


def _follow_emulator(stack: OpenStack, recorded: DeploymentPlace | None, tell: Tell) -> bool:
    """Refuses another cloud; brings the state up to date where the emulator was replaced or moved, and says whether."""
    if recorded is None:
        return False
    if recorded.cloud != stack.cloud:
        raise CloudMismatch(
            f"the stack was made in cloud {recorded.cloud!r} and cannot move to {stack.cloud!r}",
            where=stack.where,
            repair="give the other cloud a stack of its own: orgcal:entra.cloud in a new Pulumi.NAME.yaml",
        )
    endpoints = stack.endpoints
    if endpoints.emulated is None:
        return False
    replaced = recorded.directory_id != endpoints.emulated.directory_id
    # The port is part of the callback URL, so of the redirect URI.
    moved = recorded.callback_url.startswith("https://localhost:") and not recorded.callback_url.startswith(
        f"{endpoints.login_url}/"
    )
    if not (replaced or moved):
        return False
    why = "the emulator's directory is another one" if replaced else "the emulator has another port"
    tell(f"{why} than when the stack was deployed: refreshing first")
    if moved:
        stack.runner.up(preview_first=False)  # a refresh asks where the state's providers point: they must follow first
    stack.runner.refresh()
    return True
