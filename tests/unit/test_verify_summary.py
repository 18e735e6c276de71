"""The whole run in numbers: what a summary counts, concludes and tells programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from verify.models import CheckResult, MailboxClass, Verdict
from verify.run_description import RunDescription
from verify.summary import OrganisationSummary, Summary, conclusion, conclusion_verdict, exit_code

PASS, WARN, SKIP, FAIL, ERROR = Verdict.PASS, Verdict.WARN, Verdict.SKIP, Verdict.FAIL, Verdict.ERROR
RUN = RunDescription("Outlook", "", "client-1", "", "public", "", "1", datetime(2026, 11, 23, tzinfo=UTC))
COUNTS = {"ok": 3, "no_mailbox": 4, "restricted": 5, "deleted": 6, "failed": 7, "not_read": 8}


def result(check: str, verdict: Verdict = PASS, tenant: str = "t0", **evidence: Any) -> CheckResult:
    return CheckResult(
        check,  # type: ignore[arg-type]
        verdict,
        f"{check} was {verdict.value}",
        "do",
        tenant,
        tenant and f"Org {tenant}",
        evidence,
    )


def summary(*results: CheckResult) -> Summary:
    found = Summary()
    for each in results:
        found.add(each)
    return found


def organisation(*results: CheckResult) -> OrganisationSummary:
    return OrganisationSummary("t0", "Org t0", {each.check: each for each in results})


READ = organisation(
    result("token", proof="stack"),
    result("users", listed=33),
    result("calendars", WARN, calendars=9, mailboxes=COUNTS),
)


def test_organisation_is_told_by_the_evidence_of_its_checks() -> None:
    assert (READ.verdict, READ.worst, READ.proof) == (WARN, READ.results["calendars"], "stack")
    assert (READ.users, READ.calendars, READ.read, READ.checked) == (33, 9, True, True)
    assert (READ.nobody, READ.waiting, READ.refused) == (False, False, False)
    assert READ.mailboxes == {each: COUNTS[each.value] for each in MailboxClass}
    assert READ.numbers() == [33, 9]
    assert READ.numbers(MailboxClass.FAILED, MailboxClass.OK) == [33, 9, 7, 3]


def test_organisation_of_which_nobody_knows_anything_has_no_numbers() -> None:
    empty = organisation()

    assert (empty.verdict, empty.worst, empty.proof) == (SKIP, None, None)
    assert (empty.users, empty.calendars, empty.read, empty.checked) == (0, 0, False, False)
    assert empty.mailboxes == dict.fromkeys(MailboxClass, 0)
    assert empty.numbers() == [None, None]
    assert empty.numbers(MailboxClass.FAILED) == [None, None, None]


def test_organisation_without_a_user_was_read_all_the_same() -> None:
    nobody = organisation(result("users", ERROR, listed=0, nobody=True))

    assert (nobody.nobody, nobody.read, nobody.numbers()) == (True, True, [0, 0])
    assert organisation(result("scope", WARN, waiting=True)).waiting
    assert organisation(result("users", listed=1)).numbers() == [1, 0]


@pytest.mark.parametrize(
    ("results", "refused"),
    [
        ([result("tenant", FAIL)], True),
        ([result("tenant"), result("token", FAIL)], True),
        ([result("tenant", ERROR), result("token", SKIP)], False),
        ([result("roles", FAIL)], False),
    ],
)
def test_organisation_is_refused_where_tenant_or_token_failed(results: list[CheckResult], refused: bool) -> None:
    assert organisation(*results).refused is refused


def test_organisation_left_out_was_not_checked() -> None:
    assert not organisation(result("token", SKIP)).checked
    assert organisation(result("token", SKIP), result("users")).checked


def test_worst_result_of_equals_is_the_first() -> None:
    found = organisation(result("token"), result("users", ERROR), result("calendars", FAIL), result("scope", FAIL))

    assert found.worst is found.results["calendars"]


def test_organisation_is_one_object_for_programs_with_null_for_what_nobody_looked_at() -> None:
    assert READ.as_json() == {
        "tenant_id": "t0",
        "organisation": "Org t0",
        "verdict": "warning",
        "proof": "stack",
        "users": 33,
        "calendars": 9,
        "mailboxes": COUNTS,
        "checks": [each.as_json() for each in READ.results.values()],
    }
    unread = organisation(result("token", FAIL)).as_json()
    assert [unread[name] for name in ("users", "calendars", "mailboxes", "proof")] == [None] * 4


def test_result_is_one_object_for_programs() -> None:
    told = CheckResult("users", WARN, "s", "r", "t", "o", {"listed": 3}, 1.23456)

    assert told.as_json() == {
        "check": "users",
        "verdict": "warning",
        "sentence": "s",
        "repair": "r",
        "tenant_id": "t",
        "organisation": "o",
        "evidence": {"listed": 3},
        "duration_s": 1.235,
    }


def test_summary_keeps_results_by_organisation_and_the_connectors_apart() -> None:
    given = [result("expiry", tenant=""), result("users"), result("users", tenant="t1"), result("calendars")]

    found = summary(*given, result("users", WARN))

    assert list(found.deployment) == ["expiry"]
    assert {name: each.organisation for name, each in found.organisations.items()} == {"t0": "Org t0", "t1": "Org t1"}
    assert found.results == [given[0], result("users", WARN), given[3], given[2]]


def test_summary_is_one_object_for_programs() -> None:
    found = summary(result("expiry", WARN, ""), *READ.results.values())

    assert found.as_json() == {
        "schema_version": 1,
        "ok": True,
        "run": None,
        "complete": True,
        "exit_code": 0,
        "deployment": [result("expiry", WARN, "").as_json()],
        "organisations": [READ.as_json()],
    }
    found.add(result("roles", FAIL))
    found.run, found.duration_s = RUN, 1.23456
    told = found.as_json()
    assert (told["ok"], told["exit_code"], told["run"]) == (False, 1, {**RUN.as_json(), "duration_s": 1.235})


USERS = result("users", listed=3)
NOBODY = [result("users", ERROR, nobody=True), result("calendars", ERROR)]
WAITS = [USERS, result("scope", WARN, waiting=True)]


@pytest.mark.parametrize(
    ("results", "code", "tone", "sentence"),
    [
        ([USERS], 0, PASS, "all checks passed"),
        ([USERS, result("token", SKIP, "t1")], 0, WARN, "1 of 2 organisations verified, 1 waits for consent"),
        ([USERS, result("token", FAIL, "t1")], 1, FAIL,
         "1 of 2 organisations verified, 1 failed; a check failed or could not be decided"),
        ([USERS, result("token", ERROR, "t1"), result("token", ERROR, "t2"), result("token", FAIL, "t3")], 1, FAIL,
         "1 of 4 organisations verified, 1 failed, 2 could not be decided; a check failed or could not be decided"),
        ([result("token", FAIL)], 4, FAIL, "authentication or consent failed for every organisation"),
        (NOBODY, 5, FAIL, "nothing was checked: no organisation has a user"),
        ([*NOBODY, result("expiry", FAIL, "")], 1, FAIL,
         "0 of 1 organisation verified, 1 could not be decided, the connector failed; a check failed or could not be "
         "decided"),
        (WAITS, 5, FAIL,
         "nothing was checked: no mailbox is open yet; changes in Exchange take 30 minutes to 2 hours"),
        ([*WAITS, result("users", tenant="t1")], 0, WARN, "2 of 2 organisations verified (1 with a warning)"),
        ([USERS, result("agreement", ERROR, "")], 1, FAIL,
         "1 of 1 organisation verified, the connector could not be decided; a check failed or could not be decided"),
        ([USERS, result("agreement", FAIL, ""), result("expiry", ERROR, "")], 1, FAIL,
         "1 of 1 organisation verified, the connector failed; a check failed or could not be decided"),
        ([USERS, result("expiry", WARN, "")], 0, WARN,
         "1 of 1 organisation verified, the connector with a warning"),
        ([USERS, result("expiry", SKIP, "")], 0, WARN, "1 of 1 organisation verified"),
    ],
)  # fmt: skip
def test_run_is_concluded_by_what_its_checks_found(
    results: list[CheckResult], code: int, tone: Verdict, sentence: str
) -> None:
    found = summary(*results)

    assert (exit_code(found), conclusion_verdict(found), conclusion(found)) == (code, tone, sentence)


def test_conclusion_of_an_interrupted_run_says_so_alone() -> None:
    found = summary(result("token", FAIL))
    found.complete = False

    assert (conclusion(found), conclusion_verdict(found)) == ("interrupted; this is what was found so far", FAIL)


@pytest.mark.parametrize(
    ("results", "sentence"),
    [
        ([result("token", proof="stack")], "all checks passed, by the stack's copy of the credential (1 of 1 "
         "organisation): the platform does not show the connector's own"),
        ([result("token", proof="stack"), result("token", WARN, "t1", proof="connector")],
         "2 of 2 organisations verified (1 with a warning), by the stack's copy of the credential (1 of 2 "
         "organisations): the platform does not show the connector's own"),
        ([result("token", proof="given"), result("token", tenant="t1", proof="connector")], "all checks passed"),
        ([result("token", FAIL, proof="stack"), result("token", tenant="t1", proof="stack")],
         "1 of 2 organisations verified, 1 failed; a check failed or could not be decided"),
    ],
)  # fmt: skip
def test_conclusion_names_a_proof_that_is_weaker_than_it_looks(results: list[CheckResult], sentence: str) -> None:
    assert conclusion(summary(*results)) == sentence
