"""What an administrator sees after Entra ID sent them back: one page for each outcome, each with what to do next.

Pages work without JavaScript, load nothing from elsewhere, and hold neither secrets nor names of people. The page that
waits has a script that looks whether it is over and only then loads the page anew: a screen reader is not made to begin
again every few seconds. Where there are no scripts, the browser loads it anew by itself.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Literal

import jinja2
from markupsafe import Markup

from orgcal.consent.outcomes import ConsentOutcome
from orgcal.settings.logo import media_type

REFRESH_S = 2
"""Seconds between two looks of the page that waits; `templates/working.js` has the same number."""

PURPOSES: Mapping[str, str] = {
    "Calendars.Read": "read events of all calendars",
    "Calendars.ReadBasic.All": "read times of events in all calendars, without their texts and attachments",
    "Calendars.ReadWrite": "read and write events of all calendars",
    "Directory.Read.All": "list the users of your organisation",
    "User.Read.All": "list the users of your organisation",
    "MailboxSettings.Read": "read time zones and working hours of mailboxes",
    "Place.Read.All": "list rooms",
}
"""Words for people; the names are in https://learn.microsoft.com/en-us/graph/permissions-reference."""


@dataclass(frozen=True, slots=True)
class Page:
    """The words of one page."""

    title: str
    paragraphs: tuple[str, ...]
    steps: tuple[str, ...] = ()
    mark: Literal["good", "wait", "bad"] = "bad"
    status: int = 200


_ASK = "ask the person who sent you the link for a new one."
_ASK_AGAIN = _ASK.capitalize()

PAGES: Mapping[ConsentOutcome, Page] = {
    ConsentOutcome.DONE: Page(
        "Done",
        ("Your organisation is connected. Microsoft confirmed the permissions to us just now.",),
        (
            "Nothing more is needed; you can close this page.",
            "To take the consent back, open Enterprise applications in the Microsoft Entra admin center.",
        ),
        mark="good",
    ),
    ConsentOutcome.PROVING: Page(
        "Working on it",
        (
            "You agreed, and Microsoft is passing the permissions on. This takes seconds, sometimes a few minutes.",
            "This page looks again by itself.",
        ),
        ("Keep it open to see the result, or close it: your answer is recorded, and we go on without it.",),
        mark="wait",
    ),
    ConsentOutcome.DECLINED: Page(
        "Not connected: the request was declined",
        ("Nothing was changed in your organisation.",),
        ("If this was a mistake, ask the person who sent you the link for a new one, and choose Accept.",),
    ),
    ConsentOutcome.NOT_ADMINISTRATOR: Page(
        "Not connected: an administrator has to agree",
        ("The account you signed in with may not agree for the whole organisation. Nothing was changed.",),
        (
            "Pass the request on to a Global Administrator or a Privileged Role Administrator of your organisation.",
            _ASK_AGAIN,
        ),
    ),
    ConsentOutcome.WRONG_ORGANISATION: Page(
        "Not connected: this link is for another organisation",
        ("The account you signed in with belongs to another organisation than the one this link was made for.",),
        (
            "If you work for both, sign out, and sign in with an account of the organisation that the link names.",
            _ASK_AGAIN,
        ),
    ),
    ConsentOutcome.SERVICE_MISSING: Page(
        "Not connected: a service is missing in your organisation",
        (
            "The application asks for access to a Microsoft service that your organisation does not have, or has not "
            "enabled. Nothing was changed.",
        ),
        (
            "Check in the Microsoft 365 admin center that your organisation has Exchange Online, and enable it.",
            f"{_ASK_AGAIN} Send them the code below if your organisation has it.",
        ),
    ),
    ConsentOutcome.MISCONFIGURED: Page(
        "Not connected: the fault is on our side",
        ("Microsoft does not accept how our application is registered. Nothing was changed in your organisation.",),
        ("You cannot mend this: send the code below to the person who sent you the link.",),
    ),
    ConsentOutcome.BLOCKED: Page(
        "Not connected: a policy of your organisation stopped it",
        (
            "Microsoft did not let the sign-in or the application pass, because of a policy such as Conditional "
            "Access. Nothing was changed.",
        ),
        (
            "Sign in from a device and a place that your organisation allows, or ask whoever keeps its policies; "
            "they find the code below in the sign-in logs.",
            _ASK_AGAIN,
        ),
    ),
    ConsentOutcome.BUSY: Page(
        "Not connected yet: Microsoft could not answer",
        ("Microsoft's sign-in service had a problem of its own. Nothing was changed.",),
        (f"Wait some minutes. {_ASK_AGAIN}",),
        mark="wait",
    ),
    ConsentOutcome.NOT_ARRIVED: Page(
        "Agreed, but not visible yet",
        ("You agreed, but Microsoft has not shown us the permissions within five minutes.",),
        (
            "You need not do anything: we look again later.",
            "If an administrator has withdrawn the consent meanwhile, ask for a new link.",
        ),
        mark="wait",
    ),
    ConsentOutcome.WITHDRAWN: Page(
        "Not connected: we have removed your organisation",
        ("The person who sent you the link has removed your organisation meanwhile.",),
        (
            "If this is a mistake, ask them for a new link.",
            "If not, delete the application under Enterprise applications in the Microsoft Entra admin center.",
        ),
    ),
    ConsentOutcome.FAILED: Page(
        "Not connected",
        ("Microsoft answered with an error.",),
        (_ASK_AGAIN, "If it happens again, send them the code below."),
    ),
    ConsentOutcome.LINK_USED: Page(
        "This link was used already",
        ("Each link works once. With this one an administrator agreed, and your organisation was connected.",),
        (
            "If it was you who used it, nothing more is needed.",
            f"If you meant to agree again: {_ASK}",
        ),
        mark="wait",
        status=410,
    ),
    ConsentOutcome.LINK_USED_WAITING: Page(
        "This link was used already",
        (
            "Each link works once. With this one an administrator agreed, and we wait until Microsoft shows us the "
            "permissions.",
        ),
        (
            "If it was you who used it, you need not do anything.",
            f"If it takes longer than an hour: {_ASK}",
        ),
        mark="wait",
        status=410,
    ),
    ConsentOutcome.LINK_USED_IN_VAIN: Page(
        "This link was used already",
        (
            "Each link works once. The first answer with this one did not connect your organisation, and no other "
            "can be taken.",
        ),
        (f"If you have chosen Accept now, Microsoft knows of it, and we do not yet: {_ASK}",),
        status=410,
    ),
    ConsentOutcome.LINK_EXPIRED: Page(
        "This link is not valid any more",
        ("Links work for a few days only, and can be withdrawn.",),
        (_ASK_AGAIN,),
        status=410,
    ),
    ConsentOutcome.NOT_OURS: Page(
        "This did not start with us",
        ("The answer belongs to no link of ours. Nothing was recorded.",),
        (
            "If you followed a link from somebody you do not know, sign in to the Microsoft Entra admin center "
            "and look under Enterprise applications for something that you did not expect.",
            "If you expected this, open the link again as a whole; mail programs sometimes break long links.",
        ),
        status=400,
    ),
    ConsentOutcome.UNAVAILABLE: Page(
        "Please try again in a minute",
        ("Our database does not answer at the moment, so we cannot tell you whether your answer was recorded.",),
        ("Reload this page in a minute: it shows then how it stands, or takes your answer.",),
        mark="wait",
        status=503,
    ),
}


class Renderer:
    """Makes HTML of outcomes.

    Args:
        application: its name, as Microsoft's consent page shows it.
        publisher: who publishes it, as that page shows it; empty where nobody knows.
        permissions: names of those that the application declares.
        logo: the application's picture (PNG, JPEG or GIF), as that page shows it; empty where there is none.
    """

    def __init__(self, application: str, publisher: str, permissions: Sequence[str], logo: bytes = b"") -> None:
        self._application = application
        self._publisher = publisher
        self._permissions = tuple(permissions)
        kind = media_type(logo)
        self._logo = f"data:{kind};base64,{base64.b64encode(logo).decode()}" if kind else ""

    def page(self, outcome: ConsentOutcome, *, stylesheet: str, code: str = "", permissions: Sequence[str] = ()) -> str:
        """The page of `outcome`.

        Args:
            stylesheet: the relative address of the style sheet.
            code: Microsoft's, about errors.
            permissions: names of those that were agreed to; the declared ones unless given.
        """
        agreed = (permissions or self._permissions) if outcome is ConsentOutcome.DONE else ()
        return self._template.render(
            page=PAGES[outcome],
            application=self._application,
            publisher=self._publisher,
            permissions=[(name, PURPOSES.get(name, "")) for name in agreed],
            logo=self._logo,
            refresh_s=REFRESH_S if outcome is ConsentOutcome.PROVING else 0,
            script=Markup(_text_of("working.js")),  # noqa: S704  # ours
            stylesheet=stylesheet,
            code=code,
        )

    @property
    def stylesheet(self) -> str:
        """The style sheet of all pages."""
        return _text_of("style.css")

    @staticmethod
    def script_source(outcome: ConsentOutcome) -> str:
        """The source of scripts that a content security policy has to allow on the page of `outcome`; mostly none."""
        if outcome is not ConsentOutcome.PROVING:
            return ""
        digest = hashlib.sha256(_text_of("working.js").encode()).digest()
        return f"'sha256-{base64.b64encode(digest).decode()}'"

    @cached_property
    def _template(self) -> jinja2.Template:
        loader = jinja2.PackageLoader("orgcal.consent")
        environment = jinja2.Environment(
            loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
        )
        return environment.get_template("page.html.j2")


def _text_of(name: str) -> str:
    """A file that lies beside the templates."""
    return (resources.files("orgcal.consent") / "templates" / name).read_text(encoding="utf-8")
