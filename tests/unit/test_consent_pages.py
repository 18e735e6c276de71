"""The pages of administrators: what each outcome says, in which colour, and that it needs nothing from elsewhere."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html import unescape
from typing import NamedTuple

import pytest

from orgcal.consent.outcomes import SHOWS_CODE, ConsentOutcome
from orgcal.consent.pages import PAGES, REFRESH_S, Renderer

Outcome = ConsentOutcome
ASK = "Ask the person who sent you the link for a new one."


class Told(NamedTuple):
    """What a page says: its status and mark, its title, and words of each paragraph and each step."""

    status: int
    mark: str
    title: str
    paragraphs: tuple[str, ...]
    steps: tuple[str, ...]


AGREED, NOT_CONNECTED = "With this one an administrator agreed", "Not connected: "

TOLD: dict[ConsentOutcome, Told] = {
    Outcome.DONE: Told(
        200,
        "good",
        "Done",
        ("Your organisation is connected.",),
        ("Nothing more is needed", "To take the consent back, open Enterprise applications"),
    ),
    Outcome.PROVING: Told(
        200,
        "wait",
        "Working on it",
        ("You agreed, and Microsoft is passing the permissions on.", "This page looks again by itself."),
        ("Keep it open to see the result, or close it",),
    ),
    Outcome.DECLINED: Told(
        200,
        "bad",
        f"{NOT_CONNECTED}the request was declined",
        ("Nothing was changed in your organisation.",),
        ("If this was a mistake, ask the person who sent you the link",),
    ),
    Outcome.NOT_ADMINISTRATOR: Told(
        200,
        "bad",
        f"{NOT_CONNECTED}an administrator has to agree",
        ("may not agree for the whole organisation. Nothing was changed.",),
        ("Pass the request on to a Global Administrator or a Privileged Role Administrator", ASK),
    ),
    Outcome.WRONG_ORGANISATION: Told(
        200,
        "bad",
        f"{NOT_CONNECTED}this link is for another organisation",
        ("belongs to another organisation than the one this link was made for.",),
        ("sign in with an account of the organisation that the link names.", ASK),
    ),
    Outcome.SERVICE_MISSING: Told(
        200,
        "bad",
        f"{NOT_CONNECTED}a service is missing in your organisation",
        ("a Microsoft service that your organisation does not have",),
        ("that your organisation has Exchange Online", f"{ASK} Send them the code below"),
    ),
    Outcome.MISCONFIGURED: Told(
        200,
        "bad",
        f"{NOT_CONNECTED}the fault is on our side",
        ("Microsoft does not accept how our application is registered.",),
        ("send the code below to the person who sent you the link.",),
    ),
    Outcome.BLOCKED: Told(
        200,
        "bad",
        f"{NOT_CONNECTED}a policy of your organisation stopped it",
        ("because of a policy such as Conditional Access. Nothing was changed.",),
        ("they find the code below in the sign-in logs.", ASK),
    ),
    Outcome.BUSY: Told(
        200,
        "wait",
        "Not connected yet: Microsoft could not answer",
        ("had a problem of its own. Nothing was changed.",),
        (f"Wait some minutes. {ASK}",),
    ),
    Outcome.NOT_ARRIVED: Told(
        200,
        "wait",
        "Agreed, but not visible yet",
        ("Microsoft has not shown us the permissions within five minutes.",),
        ("You need not do anything", "withdrawn the consent meanwhile, ask for a new link."),
    ),
    Outcome.WITHDRAWN: Told(
        200,
        "bad",
        f"{NOT_CONNECTED}we have removed your organisation",
        ("has removed your organisation meanwhile.",),
        ("If this is a mistake, ask them for a new link.", "If not, delete the application under Enterprise"),
    ),
    Outcome.FAILED: Told(
        200,
        "bad",
        "Not connected",
        ("Microsoft answered with an error.",),
        (ASK, "If it happens again, send them the code below."),
    ),
    Outcome.LINK_USED: Told(
        410,
        "wait",
        "This link was used already",
        (f"{AGREED}, and your organisation was connected.",),
        ("If it was you who used it, nothing more is needed.", "If you meant to agree again: ask the person"),
    ),
    Outcome.LINK_USED_WAITING: Told(
        410,
        "wait",
        "This link was used already",
        (f"{AGREED}, and we wait until Microsoft shows us the permissions.",),
        ("If it was you who used it, you need not do anything.", "longer than an hour: ask the person"),
    ),
    Outcome.LINK_USED_IN_VAIN: Told(
        410,
        "bad",
        "This link was used already",
        ("The first answer with this one did not connect your organisation",),
        ("Microsoft knows of it, and we do not yet: ask the person",),
    ),
    Outcome.LINK_EXPIRED: Told(
        410,
        "bad",
        "This link is not valid any more",
        ("Links work for a few days only, and can be withdrawn.",),
        (ASK,),
    ),
    Outcome.NOT_OURS: Told(
        400,
        "bad",
        "This did not start with us",
        ("The answer belongs to no link of ours. Nothing was recorded.",),
        ("look under Enterprise applications for something that you did not expect.", "open the link again as a whole"),
    ),
    Outcome.UNAVAILABLE: Told(
        503,
        "wait",
        "Please try again in a minute",
        ("we cannot tell you whether your answer was recorded.",),
        ("Reload this page in a minute",),
    ),
}

PLAIN, HOSTILE = Renderer("Acme Sync", "", []), Renderer("<Acme> & Calendar", "<b>acme.example", ["Calendars.Read"])
SYMBOLS = {"good": "\u2713", "wait": "\u2026", "bad": "\u2715"}


@pytest.mark.parametrize("outcome", list(ConsentOutcome))
def test_page_of_each_outcome_has_its_mark_and_says_what_to_do(outcome: ConsentOutcome) -> None:
    told, page = TOLD[outcome], PAGES[outcome]
    html = unescape(PLAIN.page(outcome, stylesheet="style.css"))
    [(mark, symbol, title)] = re.findall(r'<h1><span class="mark (\w+).*?<i.*?>(.)</i></span> (.*?)</h1>', html)
    body = html[html.index("</h1>") :]
    paragraphs, steps = re.findall(r"<p>(.*?)</p>", body), re.findall(r"<li>(.*?)</li>", body)

    assert (page.status, mark, symbol, title) == (told.status, told.mark, SYMBOLS[told.mark], told.title)
    assert f"<title>{told.title} \u2013 Acme Sync</title>" in html
    assert (len(paragraphs), len(steps)) == (len(told.paragraphs), len(told.steps))
    for words, shown in zip((*told.paragraphs, *told.steps), (*paragraphs, *steps), strict=True):
        assert words in shown


@pytest.mark.parametrize("outcome", list(PAGES))
def test_page_of_each_outcome_needs_nothing_from_elsewhere(outcome: ConsentOutcome) -> None:
    page = HOSTILE.page(outcome, stylesheet="style.css", code="AADSTS1")

    assert "&lt;Acme&gt; &amp; Calendar" in page
    assert "&lt;b&gt;acme.example" in page
    assert "Microsoft's code: <code>AADSTS1</code>" in page
    assert not re.search(r"(?i)https?://|\son\w+=", page)
    scripts = re.findall(r"(?s)<script>(.*?)</script>", page)
    digests = [b64encode(sha256(script.encode()).digest()).decode() for script in scripts]
    assert Renderer.script_source(outcome) == "".join(f"'sha256-{digest}'" for digest in digests)
    assert page.count("<script") == len(scripts) == (outcome is ConsentOutcome.PROVING)
    assert all(f"setTimeout(look, {REFRESH_S * 1000})" in script for script in scripts)
    refreshed = re.findall(r'http-equiv="refresh" content="(\d+)"', page)
    assert refreshed == ([str(REFRESH_S)] if outcome is ConsentOutcome.PROVING else [])
    assert page.count("<h1>") == 1
    assert "<h2>What to do next</h2>" in page
    assert REFRESH_S <= 5


def test_pages_that_send_a_code_on_are_those_that_show_it() -> None:
    named = {outcome for outcome, page in PAGES.items() if any("the code below" in step for step in page.steps)}

    assert named | {Outcome.BUSY} == SHOWS_CODE, "of a fault of Microsoft's own nobody else has to know"


PURPOSES = {
    "Calendars.Read": "read events of all calendars",
    "Calendars.ReadBasic.All": "read times of events in all calendars, without their texts and attachments",
    "Calendars.ReadWrite": "read and write events of all calendars",
    "Directory.Read.All": "list the users of your organisation",
    "MailboxSettings.Read": "read time zones and working hours of mailboxes",
    "Place.Read.All": "list rooms",
    "User.Read.All": "list the users of your organisation",
    "Mail.Read": "",
}
"""As https://learn.microsoft.com/en-us/graph/permissions-reference describes them, in words for people."""


def listed(page: str) -> dict[str, str]:
    """What was agreed to, and what it is for."""
    return dict(re.findall(r"<li><code>(.*?)</code>(?:<span>(.*?)</span>)?</li>", page))


def test_permissions_are_listed_where_they_were_granted_with_what_they_are_for() -> None:
    renderer = Renderer("Acme", "", list(PURPOSES))

    for outcome in ConsentOutcome:
        assert listed(renderer.page(outcome, stylesheet="s")) == (PURPOSES if outcome is Outcome.DONE else {})
    agreed = renderer.page(Outcome.DONE, stylesheet="s", permissions=["Place.Read.All"])
    assert listed(agreed) == {"Place.Read.All": "list rooms"}


def test_page_has_no_code_publisher_or_logo_where_there_is_none() -> None:
    page = PLAIN.page(Outcome.FAILED, stylesheet="../style.css")

    assert "Microsoft's code" not in page
    assert "<img" not in page
    assert '<span class="names"><b>Acme Sync</b></span>' in page
    assert '<link rel="stylesheet" href="../style.css">' in page
    assert "\n\n" not in page


@pytest.mark.parametrize(
    ("logo", "source"),
    [
        (b"GIF89a", "data:image/gif;base64,R0lGODlh"),
        (b"\x89PNG\r\n\x1a\n", "data:image/png;base64,iVBORw0KGgo="),
        (b"<svg/>", ""),
    ],
)
def test_logo_is_in_the_page_itself_and_only_a_picture(logo: bytes, source: str) -> None:
    page = Renderer("Acme", "acme.example", [], logo).page(Outcome.DONE, stylesheet="s")

    assert re.findall(r'<img src="(.*?)"', page) == ([source] if source else [])
