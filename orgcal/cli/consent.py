"""`orgcal consent link|script|serve|check`: consent of customer organisations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orgcal.cli.common import (
    JsonLinesOption,
    JsonOption,
    StackOption,
    consent_service,
    open_stack,
    print_json_line,
    print_result,
)
from orgcal.cli.completion import complete_tenant
from orgcal.cli.grammar import CommandGroup
from orgcal.errors import UsageError
from orgcal.printable import counted

if TYPE_CHECKING:
    from orgcal.consent.check import CheckedTenant
    from orgcal.consent.service import ConsentLink, ConsentResult, ConsentService
    from orgcal.health.sender import AlertSender
    from orgcal.stack.open_stack import OpenStack
    from orgcal.stack.outputs import StackOutputs
    from orgcal.tenants.model import Tenant

app = CommandGroup(help="Consent of customer organisations: links, callback, proof.")


@app.command(short_help="Make a link for an administrator")
def link(
    tenant: Annotated[
        str, typer.Argument(help="Tenant id, domain or name.", metavar="TENANT", autocompletion=complete_tenant)
    ] = "",
    reconsent: Annotated[bool, typer.Option("--reconsent", help="One for each organisation that needs it.")] = False,
    days: Annotated[float, typer.Option(help="How many days it works.", metavar="DAYS", min=0.01, max=90)] = 7,
    revoke: Annotated[bool, typer.Option("--revoke", help="Make its unused links useless instead.")] = False,
    wait: Annotated[str, typer.Option(help="Wait so long for the answer, such as 10m.", metavar="DURATION")] = "",
    stack: StackOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Make a link that an organisation's administrator opens, with a text to send.

    With --reconsent one for each organisation in state reconsent-needed; with --json then a line each.
    With --wait it waits until the answer is proved, which `orgcal consent serve` or your own server receives: exit code
    0 where the organisation has consented, 1 otherwise; with --json the answer is a second line.
    """
    from orgcal.durations import parse_duration

    if bool(tenant) == reconsent or (revoke and reconsent):
        raise UsageError("name one organisation", where="orgcal consent link", repair="TENANT, or --reconsent")
    if wait and (reconsent or revoke):
        raise UsageError("--wait is for one new link", where="orgcal consent link", repair="TENANT --wait 10m")
    limit = parse_duration(wait, "--wait") if wait else None
    with open_stack(stack) as opened:
        if revoke:
            from orgcal.tenants import links

            known = opened.registry.wanted(tenant)
            count = links.revoke(opened.registry, known.tenant_id)
            print_result({"revoked": count}, [f"unused links of {known.label} made useless: {count}"], as_json=as_json)
            return
        opened.begin_reading_outputs()
        if tenant:
            wanted = [opened.registry.current(tenant)]
        else:
            from orgcal.tenants.model import State

            wanted = [item for item in opened.registry.tenants() if item.state is State.RECONSENT_NEEDED]
        if not wanted:
            if not as_json:
                typer.echo("no organisation needs a new consent")
            return
        with consent_service(opened) as service:
            for number, known in enumerate(wanted):
                made = service.link(known, lifetime=timedelta(days=days))
                if as_json and (reconsent or limit is not None):
                    print_json_line(made.as_json())
                else:
                    print_result(made.as_json(), [("\n" if number else "") + made.message], as_json=as_json)
                if limit is not None:
                    _wait_for(service, made, known, limit, as_json=as_json)


def _wait_for(service: ConsentService, made: ConsentLink, tenant: Tenant, limit: timedelta, *, as_json: bool) -> None:
    """Wait for the answer to a link and tell it; exit code 1 unless it says yes. Progress is on standard error."""
    import time

    from orgcal.consent.answers import news_of, unanswered
    from orgcal.consent.outcomes import ConsentOutcome
    from orgcal.durations import in_words
    from orgcal.engine.progress import Progress
    from orgcal.engine.progress import in_words as elapsed

    if not made.handle:
        check = f"orgcal consent check {tenant.tenant_id} --stack {service.outputs.stack}"
        raise UsageError("the platform takes this answer itself", where="--wait", repair=f"ask for it: {check}")
    progress, began = Progress(), time.monotonic()

    def show(result: ConsentResult) -> None:
        doing = "its permissions are looked for" if result.outcome is ConsentOutcome.PROVING else "no answer yet"
        progress.pulse(f"waiting for {tenant.label}: {doing}, {elapsed(time.monotonic() - began)}")

    if not as_json:
        progress.say(
            f"waiting for the answer, at most {in_words(limit)}; Ctrl-C ends the waiting, and the link stays good"
        )
    try:
        result = service.wait_for(made.handle, limit.total_seconds(), (lambda _: None) if as_json else show)
    finally:
        progress.clear()
    registry, stack = service.registry, service.outputs.stack
    if result.outcome is None:
        news = unanswered(tenant, stack, in_words(limit), registry.now())
    else:
        news = news_of(registry, stack, tenant.tenant_id, result.outcome, result.detail)
    if as_json:
        print_json_line(news.as_json())
    else:
        typer.echo(news.line())
    if result.outcome is not ConsentOutcome.DONE:
        raise typer.Exit(1)


@app.command(short_help="Print the steps of a customer who limits the connector")
def script(
    tenant: Annotated[
        str, typer.Argument(help="Tenant id, domain or name.", metavar="TENANT", autocompletion=complete_tenant)
    ] = "",
    powershell: Annotated[bool, typer.Option("--powershell", help="As a program for PowerShell.")] = False,
    m365: Annotated[bool, typer.Option("--m365", help="As a program for CLI for Microsoft 365.")] = False,
    graph: Annotated[bool, typer.Option("--graph", help="As requests to Microsoft Graph.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write the page to send.", metavar="FILE")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Only what takes everything back.")] = False,
    home: Annotated[bool, typer.Option("--home", help="For the stack's own home tenant, as a trial.")] = False,
    group: Annotated[
        str, typer.Option(help="Name or id of the group of mailboxes; the known one unless given.", metavar="GROUP")
    ] = "",
    stack: StackOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Print the filled-in steps for administrators of an organisation that limits the connector to some mailboxes.

    It reads the registry and the stack alone, and changes nothing anywhere.
    """
    from orgcal.consent.script import as_script, as_text, as_undo, limit_guide
    from orgcal.consent.script_commands import Form

    forms: dict[Form, bool] = {"powershell": powershell, "m365": m365, "graph": graph}
    chosen = [form for form, wanted in forms.items() if wanted]
    if len(chosen) + bool(html) + as_json > 1 or bool(tenant) == home or (undo and (html or as_json)):
        repair = "TENANT or --home, and at most one of --powershell, --m365, --graph, --html, --json"
        raise UsageError("that does not go together", where="orgcal consent script", repair=repair)
    with open_stack(stack) as opened:
        outputs, endpoints = opened.outputs, opened.endpoints
        known = _home_of(outputs) if home else opened.registry.current(tenant)
        guide = limit_guide(known, outputs, endpoints, group=group.strip(), home=home)
    if html is not None:
        from orgcal.consent.script_page import guide_page
        from orgcal.files.whole import write_whole

        write_whole(html, guide_page(guide))
        typer.echo(f"{html} written")
        return
    form: Form = chosen[0] if chosen else "powershell"
    lines = as_undo(guide, form) if undo else as_script(guide, form) if chosen else as_text(guide)
    print_result(guide.as_json() if as_json else {}, lines, as_json=as_json)


def _home_of(outputs: StackOutputs) -> Tenant:
    """The stack's home tenant as an organisation, which no registry holds."""
    from datetime import UTC, datetime

    from orgcal.tenants.model import State, Tenant

    now = datetime.now(UTC)
    named = "your own tenant"
    return Tenant(outputs.tenant_id, named, "", State.INVITED, access="scoped", added_at=now, changed_at=now)


@app.command(short_help="Receive the answers of administrators")
def serve(
    port: Annotated[
        int | None, typer.Option(help="Loopback port; that of the redirect URI unless given.", metavar="PORT")
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None, typer.Option(help="Address whose forwarded headers count.", metavar="ADDRESS")
    ] = None,
    metrics: Annotated[str, typer.Option(help="Serve /metrics and /healthz there too.", metavar="127.0.0.1:PORT")] = "",
    stack: StackOption = "dev",
    as_json: JsonLinesOption = False,
) -> None:
    """Receive the answers of administrators on a loopback port until Ctrl-C.

    Standard error tells who accepted or declined, and what comes next; with --json standard output does, a line each.
    The targets in orgcal:alerts hear of it at once.
    """
    import logging

    from orgcal.consent.server import serve_here

    _log_to_stderr(logging.WARNING if as_json else logging.INFO)
    with (
        open_stack(stack) as opened,
        consent_service(opened) as service,
        _alerts_beside(opened) as sender,
        _metrics_beside(opened, metrics, as_json=as_json),
        suppress(KeyboardInterrupt),
    ):
        if as_json:
            service.listeners = [lambda news: print_json_line(news.as_json())]
        service.listeners.append(sender.wake)
        serve_here(
            service,
            port,
            trusted_proxies=tuple(trusted_proxy or ()),
            on_listening=lambda address: _announce(
                "listening",
                f"waiting for consents at {address}; Ctrl-C ends",
                address.partition(",")[0],
                as_json=as_json,
            ),
        )


def _log_to_stderr(level: int) -> None:
    """Lines of the server, with times in UTC."""
    import logging
    import time

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%SZ"))
    handler.formatter.converter = time.gmtime  # type: ignore[union-attr]  # set one line above
    logging.basicConfig(handlers=[handler])
    for name in ("orgcal.consent", "orgcal.alerts"):
        logging.getLogger(name).setLevel(level)


def _announce(event: str, line: str, address: str, *, as_json: bool) -> None:
    """Tell where something is served."""
    from datetime import UTC, datetime

    from orgcal.durations import rfc3339

    if as_json:
        now = rfc3339(datetime.now(UTC))
        print_json_line({"event": event, "address": address, "time": now})
        return
    typer.echo(line)


@contextmanager
def _alerts_beside(opened: OpenStack) -> Iterator[AlertSender]:
    """Send alerts while answers are received, where the stack's file names targets."""
    from orgcal.health.sender import AlertSender
    from orgcal.health.targets import targets_of

    targets = targets_of(opened.alerts, opened.shell_environ, opened.project_dir)
    with AlertSender(opened.registry, opened.alerts, targets) as sender:
        yield sender


@contextmanager
def _metrics_beside(opened: OpenStack, address: str, *, as_json: bool) -> Iterator[None]:
    """Serve metrics while answers are received; on a port of its own, as a proxy shows the other one to the world."""
    if not address:
        yield
        return
    from orgcal.health.metrics import CONTENT_TYPE, metrics_text
    from orgcal.health.server import listening_socket, make_app, serving
    from orgcal.health.snapshot import read_snapshot

    listening = listening_socket(address, where="--metrics")
    served = f"http://127.0.0.1:{listening.getsockname()[1]}/metrics"
    _announce("metrics", f"metrics at {served}", served, as_json=as_json)
    app = make_app(lambda: metrics_text(read_snapshot(opened.registry)), CONTENT_TYPE)
    with serving(app, listening):
        yield


@app.command(short_help="Check consent with fresh tokens")
def check(
    tenant: Annotated[
        list[str] | None,
        typer.Argument(help="Tenant ids, domains or names.", metavar="TENANT", autocompletion=complete_tenant),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All organisations.")] = False,
    stack: StackOption = "dev",
    as_json: JsonLinesOption = False,
) -> None:
    """Take fresh tokens and bring the registry up to what is true.

    Exit code 1 where an organisation could not be checked, has revoked its consent, has lost access that it had given,
    or gives more or less than the mailboxes that it should; 5 where each of them waits for Exchange, which takes up to
    2 hours.
    """
    from orgcal.consent.check import check_tenants
    from orgcal.tenants.model import State

    if bool(tenant) == every:
        raise UsageError("name organisations, or all", where="orgcal consent check", repair="--all")
    failed, waiting = False, list[bool]()
    with open_stack(stack) as opened:
        keep = opened.history.keep_time
        opened.begin_reading_outputs()
        wanted = [opened.registry.current(each) for each in tenant] if tenant else opened.registry.tenants()
        with consent_service(opened) as service:
            for checked in check_tenants(service, wanted, keep=keep):
                failed |= checked.failed
                waiting.append(checked.tenant.state is State.WAITING)
                if as_json:
                    print_json_line({"ok": not checked.failed, **checked.tenant.as_json(), **checked.as_json()})
                    continue
                reason = f" ({checked.tenant.reason})" if checked.tenant.reason else ""
                typer.echo(f"{checked.tenant.label}: {checked.tenant.state.value}{reason}")
                if not checked.probe.decided:
                    typer.echo(f"  could not be checked: {checked.probe.sentence}")
                    if repair := checked.probe.repair_for(checked.tenant.tenant_id):
                        typer.echo(f"  repair: {repair}")
                if checked.verdict is not None and (checked.verdict.state or checked.probe.access == "granted"):
                    for line in _scope_lines(checked, service.outputs.client_id, stack):
                        typer.echo(line)
                    continue
                if checked.lost:
                    typer.echo(f"  has lost: {', '.join(checked.lost)}")
                if checked.lost or checked.tenant.state is State.RECONSENT_NEEDED:
                    typer.echo(f"  next: orgcal consent link {checked.tenant.tenant_id} --stack {stack}")
    if failed:
        raise typer.Exit(1)
    if waiting and all(waiting):
        raise typer.Exit(5)


def _scope_lines(checked: CheckedTenant, client_id: str, stack: str) -> Iterator[str]:
    """What is to be said of the scope of an organisation that limits the connector."""
    from orgcal.consent.scoped import scope_repair
    from orgcal.tenants.model import State

    verdict, scope = checked.verdict, checked.scope
    assert verdict is not None
    assert scope is not None
    if verdict.sentence and verdict.sentence != checked.tenant.reason:
        yield f"  {verdict.sentence}"
    yield from (f"  warning: {warning}" for warning in verdict.warnings)
    if verdict.state is State.VERIFIED and scope.group is not None:
        members = counted(len(scope.group.members), "member")
        yield f"  {members} of {scope.group.name}; one inside was read, one outside refused"
    if checked.failed:
        yield f"  repair: {scope_repair(checked.tenant, scope, client_id, stack)}"
