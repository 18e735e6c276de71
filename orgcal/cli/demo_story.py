"""What the demo prints: progress on a terminal, plain lines in CI, and a summary that a person enjoys reading."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from orgcal.output import plain_markup, styled
from orgcal.stack.emulator import EmulatorProcess
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants.model import State, Tenant
from verify.models import MailboxClass
from verify.summary import OrganisationSummary, Summary

if TYPE_CHECKING:
    from orgcal.cli.demo_result import DemoResult, Invited

_SKIPPED = {
    MailboxClass.NO_MAILBOX: "without mailbox",
    MailboxClass.RESTRICTED: "restricted by policy",
    MailboxClass.DELETED: "deleted meanwhile",
    MailboxClass.FAILED: "failed",
}
_PLAIN_WIDTH = 120
_MOST_ROWS = 20


class Story:
    """Prints the demo as it goes.

    Args:
        quiet: print nothing, as one JSON object is asked for.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        terminal = sys.stdout.isatty()
        self._console = Console(
            file=styled(sys.stdout), highlight=False, width=None if terminal else _PLAIN_WIDTH, quiet=quiet
        )
        self._started = time.monotonic()
        self._console.rule("[bold]orgcal demo[/]: deploys an Outlook Calendar (Admin) connector and verifies it")

    def line(self, text: str) -> None:
        """One line of progress."""
        self._console.print(f"  {plain_markup(text)}", soft_wrap=True)

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """Shows that something goes on."""
        if not self._console.is_terminal:
            self.line(text)
        with self._console.status(plain_markup(text)) if self._console.is_terminal else nullcontext():
            yield

    def steps(self, outputs: StackOutputs, entry: dict[str, Any]) -> None:
        """The guide's eight steps, with what each made."""
        table = Table(title="The eight steps", title_justify="left", show_edge=False, pad_edge=False)
        table.add_column("", justify="right", style="bold")
        table.add_column("step", style="cyan", no_wrap=True)
        table.add_column("made", overflow="fold")
        secret = next(item for item in outputs.credentials if item.generation == outputs.active_generation)
        permissions = ", ".join(permission.name for permission in outputs.permissions)
        rows = [
            ("connector added", f"{outputs.connector_name} ({outputs.connector_key})\ncallback {outputs.callback_url}"),
            (
                "application registered",
                f"{outputs.display_name}, multitenant\nclient id {outputs.client_id}\n"
                + "\n".join(f"redirect {uri}" for uri in outputs.redirect_uris),
            ),
            (
                "client secret made",
                f"generation {secret.generation}, key id {secret.key_id}\nexpires {secret.expires_at:%Y-%m-%d}",
            ),
            ("credentials pushed", f"generation {entry['generation']}, stored {entry['updated_at']}"),
            ("catalog settings", str(entry["description"] or "no description")),
            ("connector scopes", ", ".join(entry["scopes"] or ())),
            ("Graph permissions", permissions),
            ("connector saved", "published" if entry["published"] else "not published"),
        ]
        for number, (step, made) in enumerate(rows, start=1):
            table.add_row(str(number), step, plain_markup(made))
        self._console.print()
        self._console.print(table)

    def organisations(self, tenants: Sequence[Tenant], summary: Summary) -> None:
        """A row for each organisation."""
        table = Table(title="Organisations", title_justify="left", show_edge=False, pad_edge=False)
        table.add_column("organisation", style="cyan", no_wrap=True)
        table.add_column("consent", no_wrap=True)
        table.add_column("users", justify="right")
        table.add_column("calendars", justify="right")
        table.add_column("mailboxes skipped")
        for tenant in tenants[:_MOST_ROWS]:
            read = summary.organisations.get(tenant.tenant_id)
            numbers = [str(read.users), str(read.calendars), _skipped_text(read)] if read and read.read else []
            table.add_row(plain_markup(tenant.label), _consent_text(tenant), *(numbers or ["-"] * 3))
        self._console.print()
        self._console.print(table)
        if len(tenants) > _MOST_ROWS:
            self._console.print(f"and {len(tenants) - _MOST_ROWS} more: orgcal tenants list")

    def invitation(self, invited: Invited, *, stopping: bool) -> None:
        """The link to send to an organisation that has not consented; leads nowhere if the emulator is `stopping`."""
        name = invited.tenant.label
        if invited.tenant.state is not State.INVITED:
            why = f": {invited.tenant.reason}" if invited.tenant.reason else ""
            text = f"{name} has to consent again{why}. Send its administrator this link"
        elif invited.declined:
            text = f"{name} has declined. To ask its administrator again, send this link"
        else:
            text = f"{name} has not consented yet. Send its administrator this link"
        self._console.print(f"\n{plain_markup(text)}, good for 7 days:")
        # A link must come out whole, however wide the terminal is, so that it can be copied.
        self._console.print(invited.link, soft_wrap=True, style="blue", markup=False)
        if stopping:
            self._console.print("The emulator stops with this demo. Until it runs again, the link leads nowhere:")
            self._commands(
                ("orgcal emulator start", "starts it again"),
                ("orgcal consent serve", "receives the answer"),
                ("orgcal demo --keep", "or this: keeps it, and makes a new link"),
            )

    def result(self, result: DemoResult) -> None:
        """The last lines: what was proved, or why the demo did not end as it should."""
        if result.others:
            self._console.print("\nOrganisations of your own that could not be read; the demo does not depend on them:")
            for line in result.others:
                self._console.print(f"  [yellow]{plain_markup(line)}[/]", soft_wrap=True)
        seconds = time.monotonic() - self._started
        if result.ok:
            proven = f"\n[bold green]proven[/]: {plain_markup(result.text)} ({seconds:.0f} s)"
            self._console.print(proven, soft_wrap=True)
            return
        self._console.print(f"\n[bold red]{plain_markup(result.text)}[/] ({seconds:.0f} s):")
        for line in result.reasons:
            self._console.print(f"[red]{plain_markup(line)}[/]", soft_wrap=True)

    def where_to_look(self, process: EmulatorProcess, outputs: StackOutputs, *, report: Path, link: str) -> None:
        """With `--keep`: pages, files and commands to try next; `link` is a consent page that nobody has answered."""
        self._console.print("\nThe emulator goes on running. Look at")
        for what, where in (
            ("the connector's page", f"{process.ready['platform']['url']}/connectors/{outputs.connector_key}/page"),
            *((("a consent page", link),) if link else ()),
            ("the report", str(report)),
        ):
            self._console.print(f"  {what:<21}{plain_markup(where)}", soft_wrap=True)
        self._console.print("(a browser asks about the emulator's own certificate once) and try")
        serve = ("orgcal consent serve", "then open the consent page, and accept or cancel")
        self._commands(
            ('eval "$(orgcal env)"', "then pulumi preview, up, destroy --stack dev"),
            *((serve,) if link else ()),
            ("orgcal tenants list", "who has consented"),
            ("orgcal verify", "verify again"),
            ("orgcal emulator stop", "stop the emulator"),
        )

    def page(self, page: Path) -> None:
        """Where the history lies as a page: the last line of a demo that did what it should."""
        self._console.print(f"the history as a page: {plain_markup(str(page))}", soft_wrap=True)

    def _commands(self, *commands: tuple[str, str]) -> None:
        """Commands to type, each with what it is for."""
        for command, why in commands:
            self._console.print(f"  [bold]{plain_markup(command):<32}[/]{why}", soft_wrap=True)


def _consent_text(tenant: Tenant) -> str:
    if tenant.state in (State.CONSENTED, State.VERIFIED):
        when = f" {tenant.consented_at:%Y-%m-%d}" if tenant.consented_at else ""
        return f"[green]{tenant.state.value}[/]{when}"
    return f"[yellow]{tenant.state.value}[/]"


def _skipped_text(read: OrganisationSummary) -> str:
    parts = [f"{read.mailboxes[kind]} {words}" for kind, words in _SKIPPED.items() if read.mailboxes[kind]]
    return ", ".join(parts) or "none"
