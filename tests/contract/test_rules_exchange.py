"""Exchange's errors as they are documented and reported: what verification makes of each, what the emulator answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from orgcal_emulator.calendars.users import MAILBOX_CLASSES
from orgcal_emulator.server import RunningEmulator

from orgcal.entra.session import new_session
from tests.contract.rules.exchange import OF_USERS, RAOP, REFUSALS, Refusal, Tells
from tests.scripted_graph import GivenTokens, Reply, ScriptedGraph, calendars, serving
from verify.answers import Again, Fault, Place, rule_of
from verify.classification import ReadingStats
from verify.models import MailboxClass, Pace, Target, Verdict
from verify.reading import Reading

pytestmark = pytest.mark.judged("tests/contract/rules/exchange.py")

CONTOSO = "22222222-2222-2222-2222-222222222222"
CLASSES: Mapping[Tells, MailboxClass] = {
    "no mailbox": MailboxClass.NO_MAILBOX,
    "restricted": MailboxClass.RESTRICTED,
    "user deleted": MailboxClass.DELETED,
}
"""What one mailbox's answer makes of it; any other leaves it unread, as failed."""
WHOLE: Mapping[Tells, tuple[Fault, Again]] = {
    "not authorised": (Fault.ORGANISATION, Again.NO),
    "token refused": (Fault.CONNECTOR, Again.TOKEN),
    "throttled": (Fault.UNDECIDED, Again.PAUSE),
    "passes": (Fault.UNDECIDED, Again.PAUSE),
}
"""Of the list of users: whose it is, and whether it is asked again."""


def name_of(refusal: Refusal) -> str:
    return f"{refusal.status}-{refusal.code}-{refusal.message[:20]}"


def error(refusal: Refusal) -> dict[str, Any]:
    return {"error": {"code": refusal.code, "message": refusal.message.replace("{}", "x")}}


def test_every_kind_of_answer_has_a_row_and_a_place() -> None:
    assert all(row.page for row in (*REFUSALS, *OF_USERS))
    assert {row.mailbox for row in REFUSALS} >= {*MAILBOX_CLASSES} - {"mailbox", "disabled", "many_calendars"}


# The product ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def graph() -> Iterator[ScriptedGraph]:
    with serving(ScriptedGraph(9)) as graph:
        yield graph


def read(graph: ScriptedGraph) -> ReadingStats:
    pace = Pace(budget_s=20.0, attempts=2, first_pause_s=0.002)
    with new_session(graph.endpoints, pool_size=8) as session:
        return Reading(Target("contoso"), graph.endpoints, GivenTokens(), session, pace=pace).run()


@pytest.mark.parametrize("refusal", REFUSALS, ids=name_of)
def test_product_counts_a_mailbox_by_what_its_answer_tells(graph: ScriptedGraph, refusal: Refusal) -> None:
    """One of nine answers so, for good: the other eight are read, and the one is what the answer tells."""
    refused = {"status": refusal.status, "headers": {}, "body": error(refusal)}
    graph.entry = lambda path, before: refused if path.split("/")[2].endswith("4") else calendars()

    counts = read(graph).tally.counts

    assert counts[MailboxClass.OK] == 8
    assert counts[CLASSES.get(refusal.tells, MailboxClass.FAILED)] == 1


@pytest.mark.parametrize("refusal", REFUSALS, ids=name_of)
def test_product_asks_again_only_where_that_may_help(graph: ScriptedGraph, refusal: Refusal) -> None:
    refused = {"status": refusal.status, "headers": {}, "body": error(refusal)}
    graph.entry = lambda path, before: refused if path.split("/")[2].endswith("4") and not before else calendars()

    recovered = read(graph).tally.counts[MailboxClass.OK] == 9

    assert recovered is (refusal.tells in ("throttled", "passes", "token refused"))


def test_product_takes_a_tenant_without_exchange_for_the_organisations_and_for_no_fault_of_the_token() -> None:
    row = next(row for row in REFUSALS if row.tells == "no Exchange Online")

    rule = rule_of(Place.ENTRY, row.status, row.code, row.message)

    assert (rule.fault, rule.again, rule.verdict) == (Fault.ORGANISATION, Again.NO, Verdict.FAIL)
    assert "Exchange Online" in rule.sentence


def test_product_tells_an_access_policy_from_other_refusals_by_its_text() -> None:
    policy, other = (rule_of(Place.ENTRY, 403, "ErrorAccessDenied", text) for text in (RAOP, "Access is denied."))

    assert "access policy" in policy.sentence
    assert "Get-ApplicationAccessPolicy" in policy.repair
    assert "role assignment" in other.sentence


@pytest.mark.parametrize("refusal", OF_USERS, ids=name_of)
def test_product_judges_a_refused_list_of_users_by_what_it_tells(refusal: Refusal) -> None:
    rule = rule_of(Place.USERS, refusal.status, refusal.code, refusal.message)

    assert (rule.fault, rule.again) == WHOLE[refusal.tells]


@pytest.mark.parametrize("refusal", OF_USERS, ids=name_of)
def test_product_lists_users_again_only_where_that_may_help(graph: ScriptedGraph, refusal: Refusal) -> None:
    left = [Reply(refusal.status, error(refusal))]
    graph.intercept = lambda seen: left.pop() if left and seen.path.startswith("/v1.0/users?") else None

    assert (read(graph).listed == 9) is (refusal.tells != "not authorised")


# The emulator --------------------------------------------------------------------------------------------------------

SEED = f"""
tenants:
  - tenant_id: {CONTOSO}
    display_name: Contoso
    domain: contoso.example
    home: true
    users:
      count: 10
      named:
        - {{ user: admin, name: Adele Admin, administrator: true }}
        - {{ user: user-0, name: without, mailbox: without }}
        - {{ user: user-1, name: on_premises, mailbox: on_premises }}
        - {{ user: user-2, name: guest, mailbox: guest }}
        - {{ user: user-3, name: restricted, mailbox: restricted }}
        - {{ user: user-4, name: access_policy, mailbox: access_policy }}
        - {{ user: user-5, name: vanished, mailbox: vanished }}
operator:
  tenant: contoso.example
  display_name: operator
  client_id: aaaaaaaa-0000-4000-8000-000000000001
  permissions: []
"""


@pytest.fixture
def emulator(start_emulator: Callable[..., RunningEmulator]) -> RunningEmulator:
    return start_emulator(seed=SEED)


def matches(message: str, refusal: Refusal) -> bool:
    start, _, end = refusal.message.partition("{}")
    return message.startswith(start) and message.endswith(end)


@pytest.mark.parametrize("refusal", [row for row in REFUSALS if row.mailbox], ids=lambda row: str(row.mailbox))
def test_emulator_answers_for_a_mailbox_as_exchange_does(log_in_to: Callable[..., Any], refusal: Refusal) -> None:
    reader = log_in_to("contoso.example", "User.Read.All", "Calendars.Read")
    listed = reader.get("users?$select=id,displayName").json()["value"]
    (user_id,) = [user["id"] for user in listed if user["displayName"] == refusal.mailbox]

    answer = reader.get(f"users/{user_id}/calendars")

    body = answer.json()["error"]
    assert (answer.status_code, body["code"]) == (refusal.status, refusal.code)
    assert matches(body["message"], refusal), body["message"]
    assert set(body.get("innerError", ())) == refusal.inner
    assert "request-id" in answer.headers


def test_emulator_answers_for_a_tenant_without_exchange_as_exchange_does(
    log_in_to: Callable[..., Any], emulator: RunningEmulator
) -> None:
    reader = log_in_to("contoso.example", "User.Read.All", "Calendars.Read")
    emulator.set_exchange(CONTOSO, online=False)

    answer = reader.get("users/admin@contoso.example/calendars")

    row = next(row for row in REFUSALS if row.tells == "no Exchange Online")
    assert (answer.status_code, answer.json()["error"]["code"]) == (row.status, row.code)
    assert matches(answer.json()["error"]["message"], row)
    assert set(answer.json()["error"]["innerError"]) == row.inner


def test_emulator_refuses_without_a_permission_as_the_directory_and_exchange_do(log_in_to: Callable[..., Any]) -> None:
    nobody, other = log_in_to("contoso.example"), log_in_to("contoso.example", "Application.Read.All")
    mailbox = "users/admin@contoso.example/calendars"

    denied = next(row for row in OF_USERS if row.tells == "not authorised")
    restricted = next(row for row in REFUSALS if row.mailbox == "restricted")
    without = next(row for row in REFUSALS if row.code == "NoPermissionsInAccessToken")
    for answer, row in (
        (nobody.get("users"), denied),
        (other.get("users"), denied),
        (other.get(mailbox), restricted),
        (nobody.get(mailbox), without),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (row.status, row.code)
        assert matches(answer.json()["error"]["message"], row)
    assert set(nobody.get(mailbox).json()["error"]["innerError"]) == without.inner
