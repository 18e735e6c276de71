"""`orgcal alerts`: who is told when something changes."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from orgcal.cli.common import JsonOption, StackOption, open_stack, print_result
from orgcal.cli.grammar import CommandGroup
from orgcal.errors import UsageError
from orgcal.printable import counted, printable

if TYPE_CHECKING:
    from orgcal.health.targets import MessageTarget
    from orgcal.stack.open_stack import OpenStack

app = CommandGroup(help="Messages when something changes, to the targets in orgcal:alerts.")


@app.command(short_help="Send messages about what has changed")
def send(stack: StackOption = "dev", as_json: JsonOption = False) -> None:
    """Look for what has changed since the last time, and send a message of each change to every target.

    Exit code 1 where a target took no message; it gets them the next time.
    """
    from orgcal.health.alerts import update_alerts
    from orgcal.health.delivery import deliver
    from orgcal.tenants.alerts import open_alerts, waiting

    with open_stack(stack) as opened:
        targets = _targets(opened)
        update_alerts(opened.registry, opened.alerts)
        done = deliver(opened.registry, targets)
        wrong, left = open_alerts(opened.registry), waiting(opened.registry)
    lines = [f"{message.target}: {printable(message.content['title'])}" for message in done.sent]
    lines += [f"{name}: not sent: {printable(why)}" for name, why in done.failed.items()]
    lines.append(
        f"{counted(len(done.sent), 'message')} sent, {left} waiting; "
        f"{counted(len(wrong), 'thing is', 'things are')} wrong"
    )
    if not targets:
        lines.append("nobody is told: orgcal:alerts.targets names no target (docs/health.md)")
    found = {
        "sent": [{"target": message.target, **message.content} for message in done.sent],
        "failed": done.failed,
        "waiting": left,
        "alerts": [alert.as_json() for alert in wrong],
    }
    print_result(found, lines, as_json=as_json, ok=not done.failed)


@app.command("test", short_help="Send a test message to every target")
def send_test(stack: StackOption = "dev", as_json: JsonOption = False) -> None:
    """Send a test message to every target now, whatever the quiet hours are; exit code 1 where one did not take it."""
    from datetime import UTC, datetime

    from orgcal.errors import explained
    from orgcal.health.messages import Notice, content_of

    with open_stack(stack) as opened:
        targets = _targets(opened)
        connector = f"{opened.core.project}/{opened.name}"
    if not targets:
        raise UsageError(
            "no target is named",
            where="orgcal:alerts.targets",
            repair="name one in the stack's file, such as {ops: {url_file: /run/secrets/alerts}} (docs/health.md)",
        )
    now = datetime.now(UTC)
    told = Notice("test", "test", "test", "this is a test: messages of orgcal arrive here", "", "info", now)
    content = {**content_of(told, connector, now, None), "id": str(uuid.uuid4())}
    failed: dict[str, str] = {}
    for name, target in targets.items():
        try:
            target.send(content)
        except Exception as error:  # noqa: BLE001  # whatever a target breaks, the others are tried
            failed[name] = str(explained(error))
    lines = [f"{name}: {printable(failed[name]) if name in failed else 'sent'}" for name in targets]
    print_result({"sent": sorted(targets.keys() - failed), "failed": failed}, lines, as_json=as_json, ok=not failed)


@app.command("list", short_help="List what is wrong")
def list_alerts(stack: StackOption = "dev", as_json: JsonOption = False) -> None:
    """List what is wrong and since when, as of the last `orgcal alerts send`."""
    from orgcal.tenants.alerts import open_alerts

    with open_stack(stack) as opened:
        wrong = open_alerts(opened.registry)
    lines = [printable(f"{alert.since:%Y-%m-%d %H:%M} UTC  {alert.rule}  {alert.sentence}") for alert in wrong] or [
        "nothing is wrong"
    ]
    print_result({"alerts": [alert.as_json() for alert in wrong]}, lines, as_json=as_json)


def _targets(opened: OpenStack) -> dict[str, MessageTarget]:
    from orgcal.health.targets import targets_of

    return targets_of(opened.alerts, opened.shell_environ, opened.project_dir)
