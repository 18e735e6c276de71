"""What who uses `verify` as a library gets without saying so, and what it never shows."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta

import pytest

import verify
from orgcal.entra.credentials import ClientSecret
from orgcal.errors import EntraError, GraphError, OrgcalError, PlatformError, Unreachable
from tests.support.stack_record import outputs
from verify.access import PatientTokens
from verify.answers import NO_PRINCIPAL, Again, Fault, Place, error_rule, rule_of, token_rule
from verify.classification import Answer, MailboxClassifier, ReadingStats
from verify.concurrency import Gate
from verify.listing import UserPages
from verify.models import (
    Baseline,
    CheckResult,
    Connector,
    Mailbox,
    MailboxClass,
    Options,
    Pace,
    SecretReference,
    Target,
    Verdict,
)
from verify.summary import OrganisationSummary, Summary
from verify.verdicts import calendars_verdict, users_verdict

REFERENCE = SecretReference("file", "f")
CONNECTOR = Connector("public", "c", ("Mail.Read",), REFERENCE)


def test_options_are_those_of_a_command_without_any() -> None:
    pace = Pace(fixed=0, start=8, cap=64, budget_s=900.0, attempts=6, first_pause_s=0.5)

    assert Options(CONNECTOR) == Options(
        CONNECTOR,
        environ={},
        strict=False,
        sample=0,
        seed=0,
        probes=frozenset(),
        through_platform=False,
        show_users=False,
        organisations_at_once=16,
        pace=pace,
        given_credential=None,
        listener=None,
    )
    options = Options(CONNECTOR)
    assert not options.stop()
    assert abs(options.now() - datetime.now(UTC)) < timedelta(minutes=1)


def test_values_have_nothing_that_nobody_gave() -> None:
    assert Target("t") == Target("t", "", False, False, "", None, None)
    assert Mailbox("u", MailboxClass.OK) == Mailbox("u", MailboxClass.OK, 0, "", "", "", False, "")
    assert CheckResult("users", Verdict.PASS, "s") == CheckResult("users", Verdict.PASS, "s", "", "", "", {}, 0.0)
    assert SecretReference("file", "f", {}) == REFERENCE
    assert Connector("public", "c", ("Mail.Read",), REFERENCE, None, "", False, None) == CONNECTOR
    assert Baseline(3) == Baseline(3, frozenset(), None, None)
    rule = rule_of(Place.ENTRY, 0)
    assert Answer(rule, "r") == Answer(rule, "r", 0, "", "", None, False)
    assert OrganisationSummary("t", "n") == OrganisationSummary("t", "n", {}, None)
    assert Summary() == Summary({}, {}, True, None, 0.0)


def test_measures_of_different_days_are_equal_where_their_numbers_are() -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)

    assert Baseline(3, at=now) == Baseline(3)
    assert Baseline(3, frozenset("b"), now, 2).as_json() == {
        "readable": 3,
        "refusals": ["b"],
        "at": "2026-11-23T00:00:00Z",
        "members": 2,
    }


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (Gate, "budget_s stopped clock"),
        (PatientTokens, "tokens budget_s stopped clock"),
        (MailboxClassifier, "endpoints queue stats pace on_mailbox now"),
        (UserPages, "endpoints tokens session gate with_names pace throttled"),
    ],
)
def test_nobody_is_asked_for_what_something_keeps_to_itself(kind: type, arguments: str) -> None:
    assert list(inspect.signature(kind).parameters) == arguments.split()


def test_credential_and_record_of_the_stack_are_in_no_representation() -> None:
    connector = Connector("public", "c", (), REFERENCE, outputs=outputs())
    shown = repr(Options(connector, given_credential=ClientSecret("x")))

    assert "given_credential" not in shown
    assert "outputs" not in shown


def test_reading_that_has_not_begun_counts_nothing() -> None:
    users, calendars = users_verdict(ReadingStats()), calendars_verdict(ReadingStats())

    assert users.sentence == "the run ended when 0 users were listed, and there are more"
    assert users.evidence == {"listed": 0, "expected": None, "request_id": "", "repeated": 0, "relisted": 0}
    assert calendars.sentence == "no calendar was read, so nothing is proved"
    assert calendars.evidence == {
        "mailboxes": dict.fromkeys(("ok", "no_mailbox", "restricted", "deleted", "failed", "not_read"), 0),
        **dict.fromkeys(("calendars", "requests", "retries", "throttled", "concurrency", "strange_entries"), 0),
        **{key: {} for key in ("reasons", "refusals", "request_ids")},
        "failed_examples": [],
        "waited_s": 0.0,
        "batch_ms": {"p50": 0.0, "p95": 0.0, "buckets": []},
    }
    read_some = ReadingStats()
    read_some.tally.add(Mailbox("u", MailboxClass.OK, 1))
    assert calendars_verdict(read_some).sentence == ("the run ended before all were read; 1 calendar of 1 mailbox read")


def test_package_offers_what_its_page_names() -> None:
    assert all(hasattr(verify, name) for name in verify.__all__)
    assert [verdict.word for verdict in verify.Verdict] == ["ok", "warning", "skipped", "failed", "unknown"]


# --- which row of the table of answers speaks ---


@pytest.mark.parametrize(
    ("error", "name", "again"),
    [
        (EntraError("x", aadsts=90002), "no tenant", Again.NO),
        (EntraError("x", aadsts=700016), "not consented", Again.NO),
        (EntraError("x", aadsts=7000112), "blocked", Again.NO),
        (EntraError("x", aadsts=7000215), "credential refused", Again.NO),
        (EntraError("x", error="invalid_client"), "credential refused", Again.NO),
        (EntraError("x", error="temporarily_unavailable"), "busy", Again.PAUSE),
        (EntraError("x", aadsts=1), "refused", Again.NO),
        (EntraError("x", aadsts=65005), "refused", Again.NO),
        (Unreachable("x"), "no answer", Again.PAUSE),
        (PlatformError("x"), "no answer", Again.PAUSE),
    ],
)
def test_token_that_was_not_given_has_a_row(error: OrgcalError, name: str, again: Again) -> None:
    rule = token_rule(error)

    assert (rule.name, rule.again, rule.places) == (name, again, (Place.TOKEN,))


@pytest.mark.parametrize("place", [Place.USERS, Place.BATCH, Place.ENTRY])
def test_error_that_ended_a_reading_has_a_row(place: Place) -> None:
    refused = GraphError("[RAOP]", status=403, code="ErrorAccessDenied")

    assert error_rule(place, refused) is rule_of(place, 403, "ErrorAccessDenied", "[RAOP]")
    assert error_rule(place, EntraError("x", aadsts=700016)).name == "not consented"
    assert error_rule(place, Unreachable("x")) is rule_of(Place.BATCH, 0)


def test_code_and_words_of_an_answer_are_compared_in_any_case() -> None:
    found = rule_of(Place.ENTRY, 403, "ERRORACCESSDENIED", "ACCESS TO ODATA IS DISABLED")

    assert found.name == "application access policy"
    assert rule_of(Place.ENTRY, 418, "unknownerror") is rule_of(Place.ENTRY, 418, "")
    assert (NO_PRINCIPAL.name, NO_PRINCIPAL.statuses, NO_PRINCIPAL.fault) == ("not yet", (200,), Fault.UNDECIDED)
