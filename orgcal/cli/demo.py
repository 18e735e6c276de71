"""`orgcal demo`: the whole job on this machine, for real, against the emulator.

Set-up, `pulumi up`, one organisation's administrator consents and another's does not, both are verified.
It can be killed anywhere; the next run completes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from filelock import FileLock, Timeout

from orgcal.cli.emulator import emulator_of
from orgcal.engine.stacks import DEV_STACK
from orgcal.errors import OrgcalError, UsageError

if TYPE_CHECKING:
    from orgcal.cli.demo_story import Story
    from orgcal.consent.service import ConsentService
    from orgcal.engine.emulated import EmulatorProcess
    from orgcal.engine.tools import Prepared
    from orgcal.outputs import StackOutputs
    from orgcal.tenants.model import Tenant
    from orgcal.tenants.registry import Registry
    from verify.summary import Summary

CONSENT_TIMEOUT_S = 60.0


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the emulator running and say where to look.")] = False,
) -> None:
    """Run the whole job against the emulator: up, consent of one organisation, verification of two."""
    from orgcal.cli.demo_story import Story

    emulator = emulator_of(DEV_STACK)
    story = Story()
    with _alone(emulator.state_dir.parent / "demo.lock"), ExitStack() as ending:
        process, started = emulator.start()
        if started and not keep:
            ending.callback(emulator.stop)
        story.emulator(process, started=started)
        well = _run(story, process, report=emulator.state_dir.parent / "report.html", keep=keep)
    if not well:
        raise typer.Exit(1)


def _run(story: Story, process: EmulatorProcess, *, report: Path, keep: bool) -> bool:
    """The job; whether it ended as a demo should."""
    from orgcal.engine.tools import prepare
    from orgcal.tenants.registry import open_stack_registry

    prepared = prepare(DEV_STACK, os.environ, tell=story.line)
    outputs = _deploy(story, prepared)
    registry = open_stack_registry(prepared.environment.stack_dir, DEV_STACK, prepared.environ)
    try:
        with _consent(registry, outputs, prepared) as service:
            consenting, waiting = [registry.add(*named) for named in _customers(process)]
            _consent_once(story, service, consenting, process)
            link = _one_link(service, waiting)
        summary = _verify(story, registry, outputs, prepared, report)
        entry = _connector_entry(outputs, prepared)
        registered = [registry.wanted(tenant.tenant_id) for tenant in (consenting, waiting)]
    finally:
        registry.close()
    story.steps(outputs, entry)
    story.organisations(registered, summary)
    story.invitation(waiting, link)
    well = story.verdict(summary, proven=consenting, pending=waiting)
    if keep:
        story.where_to_look(process, outputs, report=report, link=link)
    return well


def _deploy(story: Story, prepared: Prepared) -> StackOutputs:
    from orgcal.upkeep.deploy import deploy

    with story.engine(prepared.engine.reason) as on_step:
        result, outputs = deploy(prepared, on_step=on_step, tell=story.line)
    story.deployed(result)
    return outputs


def _customers(process: EmulatorProcess) -> Iterator[tuple[str, str]]:
    """Tenant id and name of two seeded customer organisations."""
    customers = [tenant for tenant in process.ready["tenants"] if not tenant["home"]]
    if len(customers) < 2:
        raise UsageError("the emulator's seed holds fewer than two customer organisations", repair="make clean")
    for tenant in customers[:2]:
        yield tenant["tenant_id"], tenant["display_name"]


@contextmanager
def _consent(registry: Registry, outputs: StackOutputs, prepared: Prepared) -> Iterator[ConsentService]:
    from orgcal.consent.service import ConsentService

    environment = prepared.environment
    assert environment.world is not None
    service = ConsentService(registry, outputs, environment.world, environment.applied_to(prepared.environ))
    try:
        yield service
    finally:
        service.close()


def _consent_once(story: Story, service: ConsentService, tenant: Tenant, process: EmulatorProcess) -> None:
    """The administrator of `tenant` consents, unless that has been proved already."""
    from orgcal.cli.demo_administrator import accept_consent
    from orgcal.consent.outcomes import Outcome
    from orgcal.tenants.model import State

    known = service.registry.wanted(tenant.tenant_id)
    # What the registry knows may be of an application that is gone; a fresh token is not.
    if known.state in (State.CONSENTED, State.VERIFIED) and service.prover.look(tenant.tenant_id).access == "granted":
        story.line(f"{tenant.name}: its administrator has consented before")
        return
    administrator = _administrator(process, tenant.tenant_id)
    with story.working(f"{tenant.name}: {administrator} opens the link and accepts"), service.serve_in_thread():
        link = service.link(tenant)
        accept_consent(service.world, link.url, administrator=administrator)
        result = service.wait_for(link.handle, CONSENT_TIMEOUT_S)
    if result.outcome is not Outcome.DONE:
        ended = result.outcome.value if result.outcome else "unused"
        raise OrgcalError(f"consent of {tenant.name} ended as {ended!r}: {result.detail}", where=tenant.tenant_id)
    story.line(f"{tenant.name}: {administrator} consented, proved by a fresh token")


def _administrator(process: EmulatorProcess, tenant_id: str) -> str:
    return next(str(item["administrator"]) for item in process.ready["tenants"] if item["tenant_id"] == tenant_id)


def _one_link(service: ConsentService, tenant: Tenant) -> str:
    """A link to send to the organisation that has not consented; earlier ones that nobody used are useless now."""
    from orgcal.tenants import links

    links.revoke(service.registry, tenant.tenant_id)
    return service.link(tenant).url


def _verify(story: Story, registry: Registry, outputs: StackOutputs, prepared: Prepared, report: Path) -> Summary:
    from orgcal.tenants.model import State
    from verify import Options, Target
    from verify.command import record
    from verify.report import Reports
    from verify.report.html import HtmlReport
    from verify.runner import run
    from verify.sources import from_outputs
    from verify.summary import Summary

    connector, given = from_outputs(outputs)
    environ = prepared.environment.applied_to(prepared.environ)
    targets = [Target(item.tenant_id, item.name, invited=item.state is State.INVITED) for item in registry.tenants()]
    summary = Summary()
    with Reports([HtmlReport(report)]) as reports, story.working("verifying users and calendars"):
        for result in run(targets, Options(connector, environ=environ, given_credentials=given, listener=reports)):
            summary.add(result)
            reports.result(result)
        reports.end(summary)
    record(registry, summary)
    return summary


def _connector_entry(outputs: StackOutputs, prepared: Prepared) -> dict[str, Any]:
    """What the platform itself says of the connector, for the summary."""
    from orgcal.platforms import open_platform

    platform = open_platform(outputs.platform, prepared.environment.applied_to(prepared.environ))
    entry = platform.read_connector(outputs.connector_key)
    held = platform.read_credentials(outputs.connector_key)
    if entry is None or held is None:
        raise OrgcalError("the connector is not complete", where=platform.place, repair="make clean, then make demo")
    return {
        "description": entry.description,
        "scopes": entry.scopes,
        "published": entry.published,
        "updated_at": held.updated_at,
        "generation": held.generation,
    }


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Only one demo of a checkout at a time."""
    try:
        with FileLock(path, timeout=0, mode=0o600):
            yield
    except Timeout:
        raise UsageError("another demo is running in this checkout", where=str(path), repair="wait for it") from None
