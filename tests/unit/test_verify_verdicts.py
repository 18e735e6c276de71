"""Verdicts on what reading an organisation came to, and on tokens: nothing green by accident, nothing red by guess."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from orgcal.entra.auth import claims_of
from orgcal.errors import EntraError, GraphError, OrgcalError, Unreachable
from orgcal.patience import Clock
from tests.scripted_graph import GivenTokens
from verify.access import TOKEN_ATTEMPTS, Access, PatientTokens
from verify.classification import ReadingStats
from verify.models import Mailbox, MailboxClass, Verdict
from verify.verdicts import calendars_verdict, roles_verdict, users_verdict

QUICK = Clock(sleep=lambda seconds: None)
AGAIN = "orgcal consent link t --stack prod"
REQUIRED = frozenset({"Calendars.Read", "Directory.Read.All"})
DENIED = GraphError("no", status=403, code="Authorization_RequestDenied")
OK, RESTRICTED, FAILED = MailboxClass.OK, MailboxClass.RESTRICTED, MailboxClass.FAILED


def outcome(*classes: MailboxClass, undecided: bool = False, **fields: Any) -> ReadingStats:
    """An outcome with a mailbox of each of `classes`."""
    found = ReadingStats(**{"listed": len(classes), "listing_complete": True, "complete": True, **fields})
    for number, mailbox_class in enumerate(classes):
        calendars = 1 if mailbox_class is OK else 0
        unknown = undecided and mailbox_class is FAILED
        found.tally.add(Mailbox(f"u{number}", mailbox_class, calendars, "reason", f"r{number}", undecided=unknown))
    return found


def access(*roles: str, source: str = "token") -> Access:
    return Access((), GivenTokens(), frozenset(roles), source)


@pytest.mark.parametrize(
    ("roles", "classes", "verdict", "says"),
    [
        (REQUIRED, [OK], Verdict.PASS, "effective: Calendars.Read, Directory.Read.All"),
        ({"Directory.Read.All"}, [OK, RESTRICTED], Verdict.WARN, "RBAC for Applications"),
        ({"Directory.Read.All"}, [RESTRICTED], Verdict.FAIL, "missing: Calendars.Read"),
        ({"Calendars.Read"}, [], Verdict.FAIL, "missing: Directory.Read.All"),
        (set(), [], Verdict.FAIL, "no permission is effective"),
        ({*REQUIRED, "Mail.Read"}, [OK], Verdict.WARN, "more is granted than declared: Mail.Read"),
        ({"Calendars.ReadWrite", "Directory.Read.All"}, [OK], Verdict.WARN, "than declared: Calendars.ReadWrite"),
        ({*REQUIRED, "Calendars.ReadBasic.All"}, [OK], Verdict.PASS, "included in these: Calendars.ReadBasic.All"),
        ({"Calendars.ReadBasic.All", "Directory.Read.All"}, [OK], Verdict.FAIL, "missing: Calendars.Read"),
    ],
)
def test_roles_verdict_follows_the_calls_where_the_token_lacks_a_role(
    roles: set[str], classes: list[MailboxClass], verdict: Verdict, says: str
) -> None:
    result = roles_verdict(AGAIN, access(*roles), REQUIRED, outcome(*classes))

    assert (result.verdict, says in result.sentence) == (verdict, True), result.sentence


def test_roles_verdict_takes_no_reading_that_a_role_explains_for_a_right_to_write() -> None:
    required = frozenset({"Calendars.ReadWrite", "Directory.Read.All"})

    grown = roles_verdict(AGAIN, access("Calendars.Read", "Directory.Read.All"), required, outcome(OK))
    by_exchange = roles_verdict(AGAIN, access("Directory.Read.All"), required, outcome(OK))

    assert (grown.verdict, grown.sentence) == (Verdict.FAIL, "missing: Calendars.ReadWrite")
    assert by_exchange.verdict is Verdict.WARN
    assert grown.repair.endswith(AGAIN)


def test_roles_verdict_on_a_token_that_nobody_can_read_warns_and_the_grants_are_named_as_such() -> None:
    unknown = roles_verdict(AGAIN, Access((), GivenTokens()), REQUIRED, outcome(OK))
    by_grants = roles_verdict(AGAIN, access(*REQUIRED, source="grants"), REQUIRED, outcome(OK))

    assert unknown.verdict is Verdict.WARN
    assert by_grants.verdict is Verdict.PASS
    assert "by the grants in the tenant" in by_grants.sentence


@pytest.mark.parametrize(
    ("roles", "repair"),
    [
        (REQUIRED, "a policy of the customer's Exchange leaves out everybody: ask for its scope"),
        ({"Directory.Read.All"}, "no calendar permission is effective: send"),
        (None, "the calendar permission is missing, or a policy"),
    ],
)
def test_calendars_verdict_where_everybody_is_denied_fails_and_tells_role_from_policy(
    roles: set[str] | None, repair: str
) -> None:
    result = calendars_verdict(outcome(*[RESTRICTED] * 30), None if roles is None else frozenset(roles))

    assert result.verdict is Verdict.FAIL
    assert repair in result.repair
    assert result.evidence["request_ids"] == {"reason": "r0"}


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (outcome(OK, RESTRICTED), Verdict.PASS),
        (outcome(OK, FAILED), Verdict.FAIL),
        (outcome(OK, FAILED, undecided=True), Verdict.ERROR),
        (outcome(FAILED, FAILED, undecided=True), Verdict.ERROR),
        (outcome(MailboxClass.NO_MAILBOX), Verdict.ERROR),
        (outcome(OK, MailboxClass.NOT_READ, complete=False), Verdict.ERROR),
        (outcome(OK, reading_error=Unreachable("no answer")), Verdict.ERROR),
        (outcome(OK, reading_error=EntraError("not accepted")), Verdict.FAIL),
        (outcome(listing_error=DENIED, listing_complete=False, complete=False), Verdict.SKIP),
        (outcome(OK, listing_error=DENIED, listing_complete=False, complete=False), Verdict.ERROR),
        (outcome(), Verdict.ERROR),
    ],
)
def test_calendars_verdict_fails_for_the_organisation_and_errs_where_nobody_can_tell(
    found: ReadingStats, verdict: Verdict
) -> None:
    assert calendars_verdict(found).verdict is verdict


@pytest.mark.parametrize(
    ("found", "verdict", "says"),
    [
        (outcome(OK, expected=1), Verdict.PASS, "1 user listed"),
        (outcome(*[OK] * 100, expected=500), Verdict.WARN, "Microsoft Graph counts 500"),
        (outcome(OK, listed=100, expected=90), Verdict.PASS, "100 users listed"),
        (outcome(OK, listed=100, expected=89), Verdict.WARN, "Microsoft Graph counts 89"),
        (outcome(OK, listed=5000, expected=5050), Verdict.PASS, "5,000 users listed"),
        (outcome(OK, listed=5000, expected=5051), Verdict.WARN, "Microsoft Graph counts 5051"),
        (outcome(), Verdict.ERROR, "nothing is proved"),
        (outcome(OK, listing_complete=False), Verdict.ERROR, "the run ended when 1 user"),
        (outcome(OK, complete=False), Verdict.PASS, "1 user listed"),
        (outcome(listing_error=DENIED), Verdict.FAIL, "listing users ended after 0: the permission to list users is"),
        (outcome(listing_error=GraphError("a proxy", status=403)), Verdict.ERROR, "something between here and there"),
        (outcome(listing_error=GraphError("no", status=500)), Verdict.ERROR, "listing users ended after 0"),
        (outcome(listing_error=Unreachable("circle")), Verdict.ERROR, "circle"),
    ],
)
def test_users_verdict_says_how_far_listing_came(found: ReadingStats, verdict: Verdict, says: str) -> None:
    result = users_verdict(found)

    assert (result.verdict, says in result.sentence) == (verdict, True), result.sentence


class Flaky:
    """Tokens that come after some errors."""

    def __init__(self, *errors: OrgcalError) -> None:
        self.errors = list(errors)
        self.asked = 0

    def token(self) -> str:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "t"

    def renewed(self, refused: str) -> str:
        return self.token()


@pytest.mark.parametrize("method", ["token", "renewed"])
def test_tokens_after_a_lost_connection_are_asked_for_again(method: str) -> None:
    slept: list[float] = []
    source = Flaky(Unreachable("lost"), Unreachable("busy", retry_after_s=7.0))
    tokens = PatientTokens(source, 900.0, clock=Clock(sleep=slept.append))

    assert (tokens.token() if method == "token" else tokens.renewed("old")) == "t"
    assert 7.0 < sum(slept) < 9.0, "the wait that Entra ID asked for, and a moment before"


def test_tokens_that_never_come_end_after_a_few_tries_and_a_refusal_at_once() -> None:
    lost = Flaky(*[Unreachable("lost")] * 9)
    refused = Flaky(EntraError("wrong secret"))
    too_long = Flaky(Unreachable("busy", retry_after_s=86_400.0))
    for source, error in ((lost, Unreachable), (refused, EntraError), (too_long, Unreachable)):
        with pytest.raises(error):
            PatientTokens(source, 900.0, clock=Clock(sleep=lambda seconds: None)).token()

    assert (lost.asked, refused.asked, too_long.asked) == (TOKEN_ATTEMPTS, 1, 1)


def test_roles_verdict_tells_missing_effective_and_surplus() -> None:
    result = roles_verdict(AGAIN, access("Calendars.ReadWrite", "Mail.Read"), REQUIRED, outcome(OK))

    told = {name: result.evidence[name] for name in ("missing", "effective", "surplus")}
    assert told == {
        "missing": ["Directory.Read.All"],
        "effective": ["Calendars.ReadWrite", "Mail.Read"],
        "surplus": ["Calendars.ReadWrite", "Mail.Read"],
    }


def test_calendars_verdict_of_a_connector_without_a_scope_for_them_never_asks_for_a_consent_that_cannot_help() -> None:
    declared = frozenset({"Contacts.Read", "Directory.Read.All"})

    denied = calendars_verdict(outcome(*[RESTRICTED] * 30), declared, declared)
    about_others = calendars_verdict(outcome(*[RESTRICTED] * 30), declared, declared, "none")

    assert denied.verdict is Verdict.FAIL
    assert "consent link" not in denied.repair
    assert "add Calendars.Read to its scopes" in denied.repair
    assert "Application Calendars.Read" in denied.repair
    assert about_others.verdict is Verdict.SKIP


def test_roles_verdict_on_a_name_that_orgcals_table_lacks_asks_to_check_its_spelling() -> None:
    result = roles_verdict(AGAIN, access(*REQUIRED), REQUIRED | {"Calender.Read"}, outcome(OK))

    assert result.verdict is Verdict.FAIL
    assert result.repair.startswith("check the spelling of Calender.Read")
    assert result.repair.endswith(AGAIN)


class Arriving:
    """Tokens that name their principal from the second or so on, as Entra ID gives them after a consent."""

    def __init__(self, without: int) -> None:
        self.without = without
        self.asked = 0

    def token(self) -> str:
        return self.renewed("")

    def renewed(self, refused: str) -> str:
        self.asked += 1
        claims = {"appid": "client", "iat": self.asked} | ({} if self.asked <= self.without else {"oid": "principal"})
        return jwt.encode(claims, "k" * 32, algorithm="HS256")


def test_token_that_names_no_principal_yet_is_asked_for_again() -> None:
    """Source: Entra's retirement of service-principal-less authentication, 2026-03-31."""
    soon, late = Arriving(2), Arriving(99)

    assert "oid" in (claims_of(PatientTokens(soon, 900.0, clock=QUICK).token()) or {})
    with pytest.raises(Unreachable, match="has not arrived everywhere"):
        PatientTokens(late, 900.0, clock=QUICK).token()

    assert (soon.asked, late.asked) == (3, TOKEN_ATTEMPTS)


def test_tokens_of_an_entra_that_is_busy_are_asked_for_again() -> None:
    busy = Flaky(EntraError("busy", aadsts=90055), EntraError("busy", error="temporarily_unavailable"))

    assert PatientTokens(busy, 900.0, clock=QUICK).token() == "t"
