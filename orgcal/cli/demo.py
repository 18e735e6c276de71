"""`orgcal demo`: the whole job on this machine, for real, against the emulator.

Set-up, `pulumi up`, one organisation's administrator consents and another's does not, both are verified.
It can be killed anywhere; the next run completes it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from filelock import FileLock, Timeout

from orgcal.cli.common import JsonOption, consent_service, open_stack, print_object
from orgcal.cli.emulator import emulator_of
from orgcal.errors import OrgcalError, UsageError
from orgcal.stack.files import DEV_STACK, START_OVER

if TYPE_CHECKING:
    from orgcal.cli.demo_result import DemoResult, Invited
    from orgcal.cli.demo_story import Story
    from orgcal.consent.service import ConsentService
    from orgcal.stack.emulator import EmulatorProcess
    from orgcal.stack.open_stack import OpenStack
    from orgcal.tenants.model import Tenant
    from orgcal.tenants.registry import Registry
    from verify.summary import Summary

CONSENT_TIMEOUT_S = 60.0


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the emulator running and say where to look.")] = False,
    scoped: Annotated[
        bool, typer.Option("--scoped", help="With a third organisation, which limits the connector to some mailboxes.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the whole job against the emulator: up, consent of one organisation, verification of two.

    It can be run again and again, whatever was done with it meanwhile. Organisations that you added are verified too;
    what fails there is told, and does not decide how the demo ends.
    """
    from orgcal.cli.demo_story import Story

    emulator = emulator_of(DEV_STACK)
    story = Story(quiet=as_json)
    with _alone(emulator.state_dir.parent / "demo.lock"), ExitStack() as ending:
        process, started = emulator.start()
        if started and not keep:
            ending.callback(emulator.stop)
        state = "started" if started else "runs"
        story.line(f"emulator of Entra ID, Graph and a platform: {process.base_url} ({state})")
        report, page = (emulator.state_dir.parent / name for name in ("report.html", "health.html"))
        stopping = started and not keep
        result = _run(story, process, report=report, page=page, keep=keep, stopping=stopping, scoped=scoped)
    if as_json:
        told = {"conclusion": result.text, "reasons": list(result.reasons), "others": list(result.others)}
        print_object({**told, "report": str(report), "page": str(page)}, ok=result.ok)
    if not result.ok:
        raise typer.Exit(1)


def _run(
    story: Story, process: EmulatorProcess, *, report: Path, page: Path, keep: bool, stopping: bool, scoped: bool
) -> DemoResult:
    """Run the job and write the HTML report and the page of its history; whether it did what a demo should."""
    from orgcal.cli.demo_result import judge_demo
    from orgcal.cli.progress import StepPrinter
    from orgcal.operations.deploy import deploy

    with open_stack(DEV_STACK) as stack:
        stack.choose_plugin(story.line)
        story.line(f"engine: {stack.engine.reason}")
        with StepPrinter(stream=sys.stdout, quiet=story.quiet) as printer:
            deployed = deploy(stack, on_step=printer, tell=story.line).result
        story.line(f"pulumi up: {deployed.changed} changed, {deployed.unchanged} unchanged")
        with consent_service(stack) as service:
            proven, second = [_take_in(story, stack.registry, *customer) for customer in _customers(process)]
            _consent_once(story, service, proven, process)
            invited = _look_at(service, second)
            limited = _limited(story, service, process) if scoped else None
        summary = _verify(story, stack, report)
        entry = _connector_entry(stack)
        registered, outputs = list(stack.registry.tenants()), stack.outputs
        _write_page(stack, page)
    story.steps(outputs, entry)
    story.organisations(registered, summary)
    if invited.link:
        story.invitation(invited, stopping=stopping)
    result = judge_demo(summary, proven=proven, second=invited.tenant, consented=not invited.link, limited=limited)
    # Of a demo that failed the last lines say why.
    if result.ok:
        story.result(result)
    if keep:
        story.where_to_look(process, outputs, report=report, link=invited.link)
    story.page(page)
    if not result.ok:
        story.result(result)
    return result


def _limited(story: Story, service: ConsentService, process: EmulatorProcess) -> Tenant:
    """The organisation that limits the connector, proved."""
    from orgcal.cli.demo_scoped import limit_once

    return limit_once(story, service, process)


def _customers(process: EmulatorProcess) -> Iterator[tuple[str, str, str]]:
    """Tenant id, name and domain of two seeded customer organisations."""
    customers = [tenant for tenant in process.ready["tenants"] if not tenant["home"]]
    if len(customers) < 2:
        raise UsageError("the emulator's seed holds fewer than two customer organisations", repair=START_OVER)
    for tenant in customers[:2]:
        yield tenant["tenant_id"], tenant["display_name"], tenant["default_domain"]


def _take_in(story: Story, registry: Registry, tenant_id: str, name: str, domain: str) -> Tenant:
    """The organisation in the registry; one that is known stays as the user has it."""
    from orgcal.tenants.model import State

    known = registry.get(tenant_id)
    if known is not None and known.state is not State.REMOVED:
        return known
    if known is not None:
        story.line(f"{name} was removed, and is taken in again")
    return registry.add(tenant_id, name, domain=domain)


def _consent_once(story: Story, service: ConsentService, tenant: Tenant, process: EmulatorProcess) -> None:
    """The administrator of `tenant` consents, unless that has been proved already."""
    from orgcal.cli.demo_administrator import accept_consent
    from orgcal.consent.outcomes import ConsentOutcome
    from orgcal.consent.server import serving
    from orgcal.tenants.model import State

    known = service.registry.wanted(tenant.tenant_id)
    # What the registry knows may be of an application that is gone; a fresh token is not.
    if known.state in (State.CONSENTED, State.VERIFIED) and service.prober.probe(tenant.tenant_id).access == "granted":
        story.line(f"{tenant.label}: its administrator has consented before")
        return
    tenants = {item["tenant_id"]: item for item in process.ready["tenants"]}
    administrator = str(tenants[tenant.tenant_id]["administrator"])
    with story.working(f"{tenant.label}: {administrator} opens the link and accepts"), serving(service):
        link = service.link(tenant)
        accept_consent(service.endpoints, link.url, administrator=administrator)
        result = service.wait_for(link.handle, CONSENT_TIMEOUT_S)
    if result.outcome is not ConsentOutcome.DONE:
        ended = result.outcome.value if result.outcome else "unused"
        raise OrgcalError(
            f"consent of {tenant.label} ended as {ended!r}{f': {result.detail}' if result.detail else ''}",
            where=tenant.tenant_id,
            repair=f"orgcal demo again; if it ends so again: {START_OVER}, then orgcal demo",
        )
    story.line(f"{tenant.label}: {administrator} consented, proved by a fresh token")


def _look_at(service: ConsentService, tenant: Tenant) -> Invited:
    """The organisation that the demo only invites, as it is now: the user may have let it consent, or decline.

    Where it has not consented, it gets a new link; earlier ones that nobody used are useless then.
    """
    from orgcal.cli.demo_result import Invited
    from orgcal.consent.check import check_tenants
    from orgcal.consent.outcomes import ConsentOutcome
    from orgcal.tenants import links

    checked = next(check_tenants(service, [tenant]))
    if checked.probe.access == "granted":
        return Invited(checked.tenant)
    answers = [entry.result for entry in service.registry.log(tenant.tenant_id) if entry.action == "consent"]
    links.revoke(service.registry, tenant.tenant_id)
    declined = answers[-1:] == [ConsentOutcome.DECLINED.value]
    return Invited(checked.tenant, service.link(checked.tenant).url, declined=declined)


def _verify(story: Story, stack: OpenStack, report: Path) -> Summary:
    from verify import Options
    from verify.recording import record, registered_targets
    from verify.report.base import FileReport
    from verify.report.html import html
    from verify.run_description import describe
    from verify.runner import run
    from verify.sources import from_outputs
    from verify.summary import Summary

    connector, given = from_outputs(stack.outputs)
    targets = list(registered_targets(stack.registry))
    with FileReport(report, "--html", html) as page, story.working("verifying users and calendars"):
        options = Options(connector, environ=stack.environ, given_credential=given, listener=page)
        summary, began = Summary(run=describe(options)), time.perf_counter()
        for result in run(targets, options):
            summary.add(result)
        summary.duration_s = time.perf_counter() - began
        page.end(summary)
    record(stack.registry, summary, keep=stack.history.keep_time)
    return summary


def _write_page(stack: OpenStack, page: Path) -> None:
    """The page of the registry's history; `orgcal report` writes it too."""
    from orgcal.files.whole import write_whole
    from orgcal.health.page import page_of
    from orgcal.stack.known_credentials import note_credentials

    note_credentials(stack.registry, stack.outputs)
    write_whole(page, page_of(stack.registry, stack.alerts))


def _connector_entry(stack: OpenStack) -> dict[str, Any]:
    """What the platform itself says of the connector, for the summary."""
    platform, key = stack.platform(), stack.outputs.connector_key
    entry, stored = platform.read_connector(key), platform.read_credentials(key)
    if entry is None or stored is None:
        raise OrgcalError(
            "the connector is not complete", where=platform.place, repair=f"{START_OVER}, then orgcal demo"
        )
    return {
        "description": entry.description,
        "scopes": entry.scopes,
        "published": entry.published,
        "updated_at": stored.updated_at,
        "generation": stored.generation,
    }


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Only one demo of a project at a time."""
    try:
        with FileLock(path, timeout=0, mode=0o600):
            yield
    except Timeout:
        raise UsageError("another demo is running in this project", where=str(path), repair="wait for it") from None
