"""Verdicts on what reading an organisation came to, whole: sentence, repair and evidence."""

from __future__ import annotations

from typing import Any

import pytest

from orgcal.entra.permissions import READS_CALENDARS
from orgcal.errors import EntraError, GraphError, Unreachable
from tests.scripted_graph import GivenTokens
from verify.access import Access
from verify.classification import ReadingStats
from verify.models import CheckResult, Mailbox, MailboxClass, Verdict
from verify.verdicts import calendars_verdict, plural, roles_verdict, users_verdict

AGAIN = "orgcal consent link t --stack prod"
RECONSENT = f"send the organisation's administrator a new consent link: {AGAIN}"
REQUIRED = frozenset({"Calendars.Read", "Directory.Read.All"})
BOTH = ["Calendars.Read", "Directory.Read.All"]
OK, RESTRICTED, FAILED = MailboxClass.OK, MailboxClass.RESTRICTED, MailboxClass.FAILED
NO_MAILBOX, DELETED, NOT_READ = MailboxClass.NO_MAILBOX, MailboxClass.DELETED, MailboxClass.NOT_READ
POLICY = "application access policy"


def outcome(*mailboxes: Mailbox | MailboxClass, **fields: Any) -> ReadingStats:
    """An outcome with these mailboxes, one calendar in each that was read."""
    found = ReadingStats(**{"listed": len(mailboxes), "listing_complete": True, "complete": True, **fields})
    for number, given in enumerate(mailboxes):
        calendars = 1 if given is OK else 0
        found.tally.add(given if isinstance(given, Mailbox) else Mailbox(f"u{number}", given, calendars, "reason"))
    return found


def access(*roles: str, source: str = "token") -> Access:
    return Access((), GivenTokens(), frozenset(roles), source)


def roles_result(verdict: Verdict, sentence: str, repair: str = "", **evidence: Any) -> CheckResult:
    told = {"declared": BOTH, "effective": BOTH, "missing": [], "surplus": [], "read_from": "token", **evidence}
    return CheckResult("roles", verdict, sentence, repair, evidence=told)


@pytest.mark.parametrize(
    ("roles", "found", "result"),
    [
        (BOTH, outcome(OK), roles_result(Verdict.PASS, "effective: Calendars.Read, Directory.Read.All")),
        (
            [*BOTH, "User.Read.All"],
            outcome(OK),
            roles_result(
                Verdict.PASS,
                "effective: Calendars.Read, Directory.Read.All; granted besides, and included in these: User.Read.All",
                effective=[*BOTH, "User.Read.All"],
                surplus=["User.Read.All"],
            ),
        ),
        (
            [*BOTH, "Mail.Read"],
            outcome(OK),
            roles_result(
                Verdict.WARN,
                "more is granted than declared: Mail.Read",
                "remove the grant in the customer's tenant, or add the scope to the connector",
                effective=[*BOTH, "Mail.Read"],
                surplus=["Mail.Read"],
            ),
        ),
        (
            ["Directory.Read.All"],
            outcome(OK),
            roles_result(
                Verdict.WARN,
                "missing from the token: Calendars.Read; the calls that need it succeed, so it is granted elsewhere "
                "(RBAC for Applications)",
                effective=["Directory.Read.All"],
                missing=["Calendars.Read"],
            ),
        ),
        (
            ["Directory.Read.All"],
            None,
            roles_result(
                Verdict.FAIL,
                "missing: Calendars.Read",
                RECONSENT,
                effective=["Directory.Read.All"],
                missing=["Calendars.Read"],
            ),
        ),
        (
            [],
            outcome(),
            roles_result(
                Verdict.FAIL,
                "no permission is effective: the consent is missing, or has not arrived everywhere yet",
                RECONSENT,
                effective=[],
                missing=BOTH,
            ),
        ),
    ],
)
def test_roles_are_told_with_what_is_declared_effective_and_between(
    roles: list[str], found: ReadingStats | None, result: CheckResult
) -> None:
    assert roles_verdict(AGAIN, access(*roles), REQUIRED, found) == result


def test_roles_by_the_grants_say_so_in_each_sentence() -> None:
    by = " (by the grants in the tenant, as the token cannot be read)"
    told = [
        roles_verdict(AGAIN, access(*roles, source="grants"), REQUIRED, None)
        for roles in (BOTH, [*BOTH, "Mail.Read"], ["Directory.Read.All"], [])
    ]

    assert [result.sentence for result in told] == [
        f"effective: Calendars.Read, Directory.Read.All{by}",
        f"more is granted than declared: Mail.Read{by}",
        f"missing: Calendars.Read{by}",
        f"no permission is effective: the consent is missing, or has not arrived everywhere yet{by}",
    ]
    assert {result.evidence["read_from"] for result in told} == {"grants"}


def test_roles_that_nobody_can_read_are_a_warning_with_what_is_declared() -> None:
    assert roles_verdict(AGAIN, Access((), GivenTokens()), REQUIRED, None) == CheckResult(
        "roles",
        Verdict.WARN,
        "the token cannot be read and neither can the grants; only the calls below prove what is permitted",
        evidence={"declared": BOTH},
    )


def test_role_that_no_table_has_is_first_a_question_of_spelling() -> None:
    result = roles_verdict(AGAIN, access(*BOTH), REQUIRED | {"Zeta.Read", "Calender.Read"}, None)

    assert result.repair == (
        f"check the spelling of Calender.Read, Zeta.Read, which orgcal's own table does not have; then {RECONSENT}"
    )


@pytest.mark.parametrize(
    ("roles", "required", "found", "verdict"),
    [
        # A permission to list users may come from elsewhere where users were listed and no role explains it.
        ([], ["User.Read.All"], outcome(NO_MAILBOX), Verdict.WARN),
        ([], ["User.Read.All"], outcome(), Verdict.FAIL),
        (["Directory.Read.All"], ["Directory.ReadWrite.All"], outcome(NO_MAILBOX), Verdict.FAIL),
        ([], ["User.Read.All", "Calendars.Read"], outcome(OK), Verdict.WARN),
        ([], ["User.Read.All", "Calendars.Read"], outcome(RESTRICTED), Verdict.FAIL),
        ([], ["Mail.Read"], outcome(OK), Verdict.FAIL),
        (["Directory.Read.All"], sorted(READS_CALENDARS), outcome(OK), Verdict.WARN),
    ],
)
def test_missing_role_is_forgiven_only_where_its_own_calls_succeed(
    roles: list[str], required: list[str], found: ReadingStats, verdict: Verdict
) -> None:
    assert roles_verdict(AGAIN, access(*roles), frozenset(required), found).verdict is verdict


COUNTS = {"repeated": 2, "relisted": 1, "users_request_id": "r9"}
TOLD = {"repeated": 2, "relisted": 1, "request_id": "r9"}


@pytest.mark.parametrize(
    ("found", "verdict", "sentence", "repair", "evidence"),
    [
        (outcome(OK, expected=1, **COUNTS), Verdict.PASS, "1 user listed", "", {}),
        (outcome(OK, expected=None, **COUNTS), Verdict.PASS, "1 user listed", "", {}),
        (outcome(listed=1200, listing_complete=False, **COUNTS), Verdict.ERROR,
         "the run ended when 1,200 users were listed, and there are more", "", {}),
        (outcome(expected=0, **COUNTS), Verdict.ERROR, "no user was listed, so nothing is proved",
         "check that this is the organisation you mean", {"nobody": True}),
        (outcome(listed=100, expected=111, **COUNTS), Verdict.WARN,
         "100 users listed, while Microsoft Graph counts 111; its count lags behind",
         "verify again later; if the difference stays, report it to Microsoft", {}),
        (outcome(listed=2000, expected=2020, **COUNTS), Verdict.PASS, "2,000 users listed", "", {}),
        (outcome(listed=2000, listing_error=GraphError(
            "Microsoft Graph answered 403", status=403, code="Authorization_RequestDenied", request_id="r5"), **COUNTS),
         Verdict.FAIL, "listing users ended after 2,000: the permission to list users is missing (Microsoft Graph "
         "answered 403)", "send the organisation's administrator a new consent link",
         {"request_id": "r5", "refusal": "permission missing"}),
        (outcome(listing_error=Unreachable("no route", repair="check the network"), **COUNTS), Verdict.ERROR,
         "listing users ended after 0: no route", "check the network", {"refusal": "no answer"}),
        (outcome(listing_error=EntraError("refused", aadsts=700016), **COUNTS), Verdict.FAIL,
         "listing users ended after 0: refused", "", {"refusal": "not consented"}),
    ],
)  # fmt: skip
def test_users_are_told_with_numbers_and_what_ended_the_listing(
    found: ReadingStats, verdict: Verdict, sentence: str, repair: str, evidence: dict[str, Any]
) -> None:
    expected = {"listed": found.listed, "expected": found.expected, **TOLD, **evidence}

    assert users_verdict(found) == CheckResult("users", verdict, sentence, repair, evidence=expected)


def test_refusal_whose_row_is_told_already_is_told_once() -> None:
    error = GraphError("the permission to list users is missing", status=403, code="Authorization_RequestDenied")

    assert users_verdict(outcome(listing_error=error)).sentence == (
        "listing users ended after 0: the permission to list users is missing"
    )


def test_calendars_are_told_with_every_number_of_the_reading() -> None:
    found = outcome(
        OK,
        OK,
        Mailbox("u2", RESTRICTED, 0, "403 x", "r2", refusal=POLICY),
        *[Mailbox(f"n{number}", NO_MAILBOX, 0, "404 y", "r3", refusal="no mailbox") for number in range(1200)],
        Mailbox("u4", DELETED, 0, "404 z", "", refusal="deleted"),
        requests=61,
        retries=2,
        throttles=3,
        waited_s=1.5,
        concurrency=16,
        unusable=4,
    )
    for seconds in (*[0.001] * 50, *[0.01] * 45, *[0.1] * 5):
        found.latencies.add(seconds)

    result = calendars_verdict(found)

    assert (result.verdict, result.repair) == (Verdict.PASS, "")
    assert result.sentence == (
        "2 calendars of 2 mailboxes read, 1,200 without a mailbox, 1 restricted by policy (1 by an application access "
        "policy), 1 deleted meanwhile"
    )
    assert result.evidence == {
        "mailboxes": {"ok": 2, "no_mailbox": 1200, "restricted": 1, "deleted": 1, "failed": 0, "not_read": 0},
        "calendars": 2,
        "reasons": {"404 y": 1200, "403 x": 1, "404 z": 1},
        "refusals": {"no mailbox": 1200, POLICY: 1, "deleted": 1},
        "request_ids": {"403 x": "r2", "404 y": "r3"},
        "failed_examples": [],
        "requests": 61,
        "retries": 2,
        "throttled": 3,
        "waited_s": 1.5,
        "concurrency": 16,
        "strange_entries": 4,
        "batch_ms": {"p50": 1.0, "p95": 10.8, "buckets": [[1.0, 50], [10.8, 45], [106.7, 5]]},
    }
    assert list(result.evidence["reasons"]) == ["404 y", "403 x", "404 z"], "the most frequent first"
    assert list(result.evidence["refusals"]) == ["no mailbox", POLICY, "deleted"]


def failed(refusal: str, *, undecided: bool = False, reason: str = "why") -> Mailbox:
    return Mailbox("f", FAILED, 0, reason, "r1", "", undecided, refusal)


READ = "1 calendar of 1 mailbox read"
LATER, COULD_NOT = "verify again later", "Microsoft Graph could not answer; verify again"
LICENCE = "compare the user's licence and mailbox with those of others"


@pytest.mark.parametrize(
    ("found", "verdict", "sentence", "repair"),
    [
        (outcome(OK, failed("refused")), Verdict.FAIL, f"1 mailbox of 2 failed (why); {READ}",
         "see the reasons in the report"),
        (outcome(OK, failed("refused"), failed("token refused"), failed("token refused"), NOT_READ), Verdict.FAIL,
         f"3 mailboxes of 4 failed (why); {READ}, 1 not read", LICENCE),
        (outcome(OK, failed("no answer", undecided=True), failed("token refused")), Verdict.FAIL,
         f"2 mailboxes of 3 failed (why); {READ}", LICENCE),
        (outcome(OK, failed("no answer", undecided=True)), Verdict.ERROR, f"1 mailbox of 2 failed (why); {READ}",
         COULD_NOT),
        (outcome(NO_MAILBOX), Verdict.ERROR, "no calendar was read, so nothing is proved, 1 without a mailbox",
         "check that users of this organisation have mailboxes in Exchange Online"),
        (outcome(Mailbox("u", OK), RESTRICTED), Verdict.ERROR,
         "no calendar was read, so nothing is proved, 1 restricted by policy",
         "check that users of this organisation have mailboxes in Exchange Online"),
        (outcome(OK, NOT_READ, complete=False), Verdict.ERROR,
         f"the run ended before all were read; {READ}, 1 not read", ""),
        (outcome(NOT_READ, listing_error=Unreachable("x"), complete=False), Verdict.SKIP,
         "there are no users to read calendars of", ""),
        (outcome(NOT_READ, reading_error=Unreachable("lost"), complete=False), Verdict.ERROR, "lost", LATER),
        (outcome(OK, NOT_READ, reading_error=Unreachable("lost", repair="wait"), complete=False), Verdict.ERROR,
         f"{READ}, 1 not read; then: lost", "wait"),
        (outcome(NOT_READ, reading_error=Unreachable("lost"), listing_error=Unreachable("x")), Verdict.ERROR,
         "lost", LATER),
    ],
)  # fmt: skip
def test_calendars_that_were_not_all_read_are_told_with_what_to_do(
    found: ReadingStats, verdict: Verdict, sentence: str, repair: str
) -> None:
    result = calendars_verdict(found)

    assert (result.check, result.verdict, result.sentence, result.repair) == ("calendars", verdict, sentence, repair)


def test_calendars_whose_reading_began_and_gave_no_mailbox_yet_are_told_before_its_end() -> None:
    found = outcome(NOT_READ, reading_error=Unreachable("lost"))
    found.tally.calendars = 2

    assert calendars_verdict(found).sentence == "2 calendars of 0 mailboxes read, 1 not read; then: lost"


def test_calendars_that_nothing_failed_examples_tell_name_the_most_frequent_reason() -> None:
    found = outcome(OK, failed("refused", reason="seldom"))
    found.tally.examples.clear()
    found.tally.reasons["often"] = 2

    assert calendars_verdict(found).sentence == f"1 mailbox of 2 failed (often); {READ}"


def test_first_mailbox_that_failed_is_an_example_with_its_request() -> None:
    result = calendars_verdict(outcome(OK, failed("refused"), failed("refused", reason="other")))

    assert result.evidence["failed_examples"] == [
        {"user_id": "f", "reason": "why", "request_id": "r1"},
        {"user_id": "f", "reason": "other", "request_id": "r1"},
    ]


LEAVES_OUT = "a policy of the customer's Exchange leaves out everybody"
DENIED = Mailbox("u", RESTRICTED, 0, "403", "", refusal="denied by Exchange")


@pytest.mark.parametrize(
    ("roles", "declared", "mailbox", "repair"),
    [
        (None, None, DENIED, f"the calendar permission is missing, or {LEAVES_OUT}"),
        (None, ["Calendars.Read"], DENIED, f"the calendar permission is missing, or {LEAVES_OUT}"),
        (["Calendars.Read"], None, DENIED, f"the permission is there, so {LEAVES_OUT}: ask for its scope"),
        (["User.Read.All"], ["Calendars.Read"], DENIED,
         "no calendar permission is effective: send the organisation's administrator a new consent link"),
        (["Mail.Read"], ["Mail.Read"], DENIED,
         "no scope of the connector opens calendars: add Calendars.Read to its scopes, or let the organisation's "
         "Exchange administrator assign the role Application Calendars.Read (docs/for-your-customers.md)"),
        (["Mail.Read"], ["Mail.Read"], Mailbox("u", RESTRICTED, 0, "403", "", refusal=POLICY),
         "an application access policy of the customer's Exchange leaves out everybody: their Exchange administrator "
         "sees the policies with Get-ApplicationAccessPolicy, and tests one mailbox with Test-ApplicationAccessPolicy"),
    ],
)  # fmt: skip
def test_calendars_denied_for_everybody_tell_who_must_change_what(
    roles: list[str] | None, declared: list[str] | None, mailbox: Mailbox, repair: str
) -> None:
    effective = None if roles is None else frozenset(roles)

    result = calendars_verdict(outcome(mailbox, mailbox), effective, None if declared is None else frozenset(declared))

    assert (result.verdict, result.sentence) == (Verdict.FAIL, "access is denied for every mailbox (2)")
    assert result.repair == repair


def test_calendars_of_a_connector_about_something_else_are_skipped() -> None:
    assert calendars_verdict(outcome(failed("refused")), None, None, "none") == CheckResult(
        "calendars",
        Verdict.SKIP,
        "the connector is about something else than calendars (orgcal:connector.calendars: none)",
    )


@pytest.mark.parametrize(
    ("count", "noun", "words"),
    [(0, "user", "0 users"), (1, "mailbox", "1 mailbox"), (2, "mailbox", "2 mailboxes"), (1200, "user", "1,200 users")],
)
def test_number_of_things_is_told_in_words(count: int, noun: str, words: str) -> None:
    assert plural(count, noun) == words
