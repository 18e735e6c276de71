"""Verdicts on organisations that limit the connector to some mailboxes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from orgcal.tenants.scope import GroupReading, MailboxScope
from verify.access import Access
from verify.classification import ReadingStats
from verify.models import Mailbox, MailboxClass, Verdict
from verify.scope import ScopeTally, scope_verdict
from verify.scoped_organisation import scoped_checks

OK, RESTRICTED, FAILED = MailboxClass.OK, MailboxClass.RESTRICTED, MailboxClass.FAILED
OUTSIDE = "22222222-2222-4222-8222-222222222222"
SCRIPT = "orgcal consent script contoso.example --stack prod"


def calendars(*classes: MailboxClass) -> tuple[Verdict, str]:
    """The check `calendars` of an organisation with a mailbox of each of `classes`."""
    stats = ReadingStats(listed=len(classes), listing_complete=True, complete=True)

    def read(each: Any) -> ReadingStats:
        for number, kind in enumerate(classes):
            mailbox = Mailbox(f"u{number}", kind, calendars=1 if kind is OK else 0, reason="timeout")
            stats.tally.add(mailbox)
            each(mailbox)
        return stats

    connector = SimpleNamespace(
        script_command=lambda _: SCRIPT, permissions=("Calendars.Read",), client_id="c", calendars="exchange"
    )
    context = cast(Any, SimpleNamespace(options=SimpleNamespace(connector=connector)))
    target = cast(Any, SimpleNamespace(organisation="contoso.example", tenant_id="t"))
    results, _, members = scoped_checks(
        target, MailboxScope(outside=OUTSIDE), Access((), roles=frozenset({"Directory.Read.All"})), context, read
    )
    assert members is None
    [found] = [result for result in results if result.check == "calendars"]
    return found.verdict, found.sentence


def test_calendars_that_are_all_refused_are_left_to_the_check_of_the_scope() -> None:
    assert calendars(RESTRICTED, RESTRICTED) == (Verdict.SKIP, "every mailbox is refused (2)")


@pytest.mark.parametrize(
    ("classes", "verdict"),
    [
        ((OK, RESTRICTED), Verdict.PASS),
        ((OK,), Verdict.PASS),
        ((RESTRICTED, FAILED), Verdict.FAIL),
        ((FAILED, FAILED), Verdict.FAIL),
        ((OK, FAILED), Verdict.FAIL),
    ],
)
def test_calendars_that_fail_or_are_read_keep_their_verdict(
    classes: tuple[MailboxClass, ...], verdict: Verdict
) -> None:
    found, sentence = calendars(*classes)

    assert found is verdict
    assert "every mailbox is refused" not in sentence


@pytest.mark.parametrize(
    ("by_policy", "told"),
    [
        (0, "5 of 8 mailboxes of the group read, 3 refused; "),
        (2, "5 of 8 mailboxes of the group read, 3 refused (2 by an application access policy); "),
    ],
)
def test_refusal_inside_of_the_scope_is_told_with_what_refused_it(by_policy: int, told: str) -> None:
    tally = ScopeTally(frozenset("abcdefgh"), read=5, refused=3, by_policy=by_policy, outside_refused=1)

    found = scope_verdict(SCRIPT, MailboxScope("Pilot"), GroupReading("g", "Pilot", frozenset("abcdefgh")), tally)

    assert (found.verdict, found.repair) == (Verdict.WARN, SCRIPT)
    assert found.sentence.startswith(told)
