"""The table of answers, row by row through the real engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from orgcal.errors import Unreachable
from tests.scripted_graph import GivenTokens, Reply, ScriptedGraph, Seen, calendars, graph_error, serving
from tests.support import verified as judged
from tests.support.reading import number
from tests.support.verified import POLICY, RAOP, Found, fresh
from verify.answers import TABLE, Again, Fault, Place, Rule, error_rule, rule_of
from verify.models import MailboxClass, Pace, Verdict

PACE = Pace(budget_s=30.0, attempts=3, first_pause_s=0.002)
NO_EXCHANGE = graph_error(401, "OrganizationFromTenantGuidNotFound", "The tenant for tenant guid 'x' does not exist.")
OK, FAILED, RESTRICTED = MailboxClass.OK, MailboxClass.FAILED, MailboxClass.RESTRICTED


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedGraph]:
    with serving(ScriptedGraph()) as graph:
        yield graph


@pytest.fixture
def graph(server: ScriptedGraph) -> ScriptedGraph:
    return fresh(server)


def verified(graph: ScriptedGraph, pace: Pace = PACE, tokens: GivenTokens | None = None) -> Found:
    return judged.verified(graph, pace, tokens)


def sample(rule: Rule) -> tuple[int, str, str]:
    """Status, code and text of an answer of Graph of which the row speaks."""
    status = {"5xx": 502, "4xx": 418}.get(str(rule.statuses[-1]), rule.statuses[-1]) if rule.statuses else 409
    return int(status), rule.codes[0] if rule.codes else "someCode", RAOP if rule.words else "words"


ROWS = [(place, rule) for rule in TABLE for place in rule.places if place is not Place.TOKEN]


def test_table_has_one_row_for_every_answer() -> None:
    for place in (Place.USERS, Place.BATCH, Place.ENTRY):
        for status in (-1, 0, 100, 204, 302, 400, 401, 403, 404, 410, 429, 451, 500, 501, 599, 999):
            for code in ("", "x", "ErrorAccessDenied", "UnknownError"):
                assert rule_of(place, status, code).source.startswith("https://")


@pytest.mark.parametrize(
    ("place", "rule"), ROWS, ids=[f"{place}-{rule.name}-{n}" for n, (place, rule) in enumerate(ROWS)]
)
def test_row_is_reached_by_its_own_answer(place: Place, rule: Rule) -> None:
    assert rule_of(place, *sample(rule)) is rule


@pytest.mark.parametrize(
    ("place", "rule"), ROWS, ids=[f"{place}-{rule.name}-{n}" for n, (place, rule) in enumerate(ROWS)]
)
def test_row_decides_what_the_engine_says(graph: ScriptedGraph, place: Place, rule: Rule) -> None:
    """For good: in a third of the entries, in every batch, or on the second page of users."""
    status, code, text = sample(rule)
    body = {"error": {"code": code, "message": text}}
    hit: list[str] = []

    def intercept(seen: Seen) -> Reply | None:
        wanted = "$batch" if place is Place.BATCH else "skiptoken"
        if wanted not in seen.path:
            return None
        hit.append(seen.path)
        return Reply(status, body) if status else Reply(200, b"[")

    if place is Place.ENTRY:
        answer = {"status": status, "headers": {}, "body": body} if status else {"status": 200, "body": None}
        graph.entry = lambda path, before: hit.append(path) or (answer if number(path) % 3 == 1 else calendars())  # type: ignore[func-returns-value]
    else:
        graph.intercept = intercept
    found = verified(graph)

    assert hit
    if place is Place.ENTRY:
        _entry_is_as_the_row_says(found, rule)
    elif place is Place.USERS:
        assert found.users.verdict is rule.verdict, found.users.sentence
        assert rule.sentence in found.users.sentence
        assert found.users.repair
        assert found.stats.tally.counts[OK] == 10, "what was listed before is read"
    else:
        assert found.calendars.verdict is rule.verdict, found.calendars.sentence
        assert found.stats.tally.counts[OK] == 0
    assert not rule.sentence or place is Place.BATCH or rule.sentence in str(found.results) or place is Place.ENTRY
    tries = {Again.NO: 1, Again.TOKEN: 2, Again.LISTING: 12}.get(rule.again, PACE.attempts)
    if place is Place.USERS:
        assert len(hit) <= tries


def _entry_is_as_the_row_says(found: Found, rule: Rule) -> None:
    """Ten of thirty mailboxes answered so: they are theirs alone, as the others were read."""
    counts = found.stats.tally.counts
    assert (counts[OK], counts[rule.mailbox_class]) == (20, 10)
    assert found.stats.tally.refusals == {rule.name: 10}
    if rule.mailbox_class is not FAILED:
        assert found.calendars.verdict is Verdict.PASS
    else:
        undecided = rule.fault is Fault.UNDECIDED or rule.again is Again.PAUSE
        assert found.calendars.verdict is (Verdict.ERROR if undecided else Verdict.FAIL)
        assert "10 mailboxes of 30 failed" in found.calendars.sentence


REPEATED = [(place, rule) for place, rule in ROWS if rule.again is not Again.NO]


@pytest.mark.parametrize(
    ("place", "rule"), REPEATED, ids=[f"{place}-{rule.name}-{n}" for n, (place, rule) in enumerate(REPEATED)]
)
def test_row_that_is_repeated_leaves_nothing_behind_where_it_happens_once(
    graph: ScriptedGraph, place: Place, rule: Rule
) -> None:
    status, code, text = sample(rule)
    body = {"error": {"code": code, "message": text}}
    hit: list[str] = []

    def intercept(seen: Seen) -> Reply | None:
        wanted = "$batch" if place is Place.BATCH else "skiptoken"
        if wanted not in seen.path or hit:
            return None
        hit.append(seen.path)
        return Reply(status, body, cut=5 if not status else None)

    def entry(path: str, before: int) -> dict[str, Any]:
        if number(path) == 7 and not before:
            hit.append(path)
            return {"status": status, "headers": {}, "body": body} if status else {"status": 200, "body": None}
        return calendars()

    if place is Place.ENTRY:
        graph.entry = entry
    else:
        graph.intercept = intercept
    found = verified(graph)

    assert hit
    assert found.stats.tally.counts[OK] == found.stats.listed == 30
    assert {result.verdict for result in found.results.values()} == {Verdict.PASS}
    assert len(graph.asked) == 30, "nobody is asked about who is not a user"
    assert found.stats.repeated == 0


@pytest.mark.parametrize(
    ("entry", "verdict", "says", "repair"),
    [
        (NO_EXCHANGE, Verdict.FAIL, "no Exchange Online", "subscription with Exchange Online"),
        (graph_error(401, "NoPermissionsInAccessToken"), Verdict.FAIL, "contains no permission", "new consent link"),
        (graph_error(401, "InvalidAuthenticationToken"), Verdict.FAIL, "does not accept the token", "clock"),
        (graph_error(401, "Authorization_IdentityNotFound"), Verdict.ERROR, "has not arrived", "some minutes"),
        (POLICY, Verdict.FAIL, "access is denied for every mailbox", "Get-ApplicationAccessPolicy"),
        (graph_error(403, "ErrorAccessDenied"), Verdict.FAIL, "denied for every mailbox", "policy of the customer's"),
        (graph_error(502, "UnknownError", ""), Verdict.ERROR, "30 mailboxes of 30 failed", "could not answer"),
        ({"status": 200, "body": {"value": []}}, Verdict.ERROR, "no calendar was read", "check that users"),
        ({"status": 200, "body": {"value": [{}]}}, Verdict.ERROR, "200 without a list of", "could not answer"),
    ],
)
def test_answer_of_every_mailbox_is_the_organisations(
    graph: ScriptedGraph, entry: dict[str, Any], verdict: Verdict, says: str, repair: str
) -> None:
    graph.entry = lambda path, before: entry

    found = verified(graph)

    assert found.calendars.verdict is verdict
    assert says in found.calendars.sentence
    assert repair in found.calendars.repair


@pytest.mark.parametrize("read", [0, 12, 29])
@pytest.mark.parametrize("code", ["", "UnknownError", "OrganizationFromTenantGuidNotFound"])
def test_one_mailbox_that_is_read_shows_that_a_401_is_the_other_mailboxes_own(
    graph: ScriptedGraph, read: int, code: str
) -> None:
    graph.entry = lambda path, before: calendars() if number(path) == read else graph_error(401, code, "")

    found = verified(graph)

    assert (found.stats.tally.counts[OK], found.stats.tally.counts[FAILED]) == (1, 29)
    assert found.calendars.verdict is Verdict.FAIL
    assert "29 mailboxes of 30 failed (401" in found.calendars.sentence
    assert found.calendars.repair


def test_mailboxes_that_refuse_every_token_cause_few_requests_for_tokens(graph: ScriptedGraph) -> None:
    """Entra ID refuses clients that ask in a loop (AADSTS50196)."""
    fresh(graph, 1000)
    graph.page_size = 999
    graph.entry = lambda path, before: graph_error(401, "UnknownError", "") if number(path) < 900 else calendars()
    tokens = GivenTokens()

    found = verified(graph, tokens=tokens)

    assert (found.stats.tally.counts[OK], found.stats.tally.counts[FAILED]) == (100, 900)
    assert tokens.number <= 3


def test_organisation_without_exchange_is_known_before_everybody_was_asked(graph: ScriptedGraph) -> None:
    fresh(graph, 3000)
    graph.page_size = 999
    graph.entry = lambda path, before: NO_EXCHANGE

    found = verified(graph)

    assert found.calendars.verdict is Verdict.FAIL
    assert len(graph.batches()) < 100
    assert found.calendars.evidence["refusal"] == "no Exchange Online"


@pytest.mark.parametrize(("status", "says"), [(429, "throttles this application"), (503, "gives no usable answer")])
def test_wait_that_is_longer_than_allowed_is_told_by_its_cause(graph: ScriptedGraph, status: int, says: str) -> None:
    refused = Reply(status, {"error": {"code": "x", "message": "m"}}, {"Retry-After": "86400"})
    graph.intercept = lambda seen: refused if "$batch" in seen.path else None

    found = verified(graph)

    assert found.calendars.verdict is Verdict.ERROR
    assert f"Microsoft Graph {says} for longer than the 30 s allowed" in found.calendars.sentence


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "0"}, {"Retry-After": "86400"}])
def test_persistent_503_of_one_mailbox_is_that_mailboxes_and_ends_nothing(
    graph: ScriptedGraph, headers: Mapping[str, str]
) -> None:
    """`MailboxInfoStale`: four tries in 46 s ended so (field report of 2026)."""
    stale = {**graph_error(503, "MailboxInfoStale"), "headers": headers}
    graph.entry = lambda path, before: stale if number(path) == 3 else calendars()

    found = verified(graph)

    assert (found.stats.tally.counts[OK], found.stats.tally.counts[FAILED]) == (29, 1)
    assert found.stats.reading_error is None
    assert found.calendars.verdict is Verdict.ERROR
    assert "1 mailbox of 30 failed (503 MailboxInfoStale)" in found.calendars.sentence


def test_one_percent_of_bad_gateways_costs_three_percent_of_requests_at_most(graph: ScriptedGraph) -> None:
    fresh(graph, 2000)
    graph.page_size = 999
    graph.entry = lambda path, before: (
        graph_error(502, "UnknownError", "") if number(path) % 100 == 7 and not before else calendars()
    )

    found = verified(graph, replace(PACE, attempts=6))

    assert found.stats.tally.counts[OK] == 2000
    assert found.stats.retries == 20
    assert len(graph.batches()) <= 100 * 1.03
    assert found.stats.throttles == 0, "a server that trips now and then is no reason to slow down"


@pytest.mark.parametrize(
    ("headers", "inner", "request_id"),
    [
        ({"request-id": "of the entry"}, {"request-id": "inner"}, "of the entry"),
        ({"Request-Id": "of the entry"}, {"innerError": {"request-id": "inner"}}, "of the entry"),
        ({}, {"innerError": {"request-id": "inner"}}, "inner"),
        ({}, {"innerError": {"oAuthEventOperationId": "x", "requestId": "of oauth"}}, "of oauth"),
        ({}, {}, "of the batch"),
    ],
)
def test_request_id_for_microsofts_support_is_found_wherever_it_is(
    graph: ScriptedGraph, headers: dict[str, str], inner: dict[str, Any], request_id: str
) -> None:
    """Raw bodies of Exchange have no inner error, or one of another shape (field reports of 2026)."""
    refused = {"status": 409, "headers": headers, "body": {"error": {"code": "x", "message": "m", **inner}}}
    graph.entry = lambda path, before: {**refused, "body": refused["body"]}
    plain = graph.handle

    def handle(seen: Seen, body: bytes) -> Reply:
        reply = plain(seen, body)
        return replace(reply, headers={"request-id": "of the batch"}) if "$batch" in seen.path else reply

    graph.handle = handle  # type: ignore[method-assign]
    found = verified(graph)
    del graph.handle

    assert found.calendars.evidence["request_ids"] == {"409 x": request_id}


def test_refusals_of_exchange_are_told_apart(graph: ScriptedGraph) -> None:
    answers = [calendars(), POLICY, graph_error(403, "ErrorAccessDenied", "Access is denied. Check credentials.")]
    graph.entry = lambda path, before: answers[number(path) % 3]

    found = verified(graph)

    assert found.stats.tally.counts[RESTRICTED] == 20
    assert "20 restricted by policy (10 by an application access policy)" in found.calendars.sentence
    assert found.calendars.evidence["refusals"] == {"application access policy": 10, "denied by Exchange": 10}


@pytest.mark.parametrize("expired", [1, 2, 4])
def test_listing_whose_links_expire_goes_on_and_counts_nobody_twice(graph: ScriptedGraph, expired: int) -> None:
    """The link to the third page is refused so often, the link to the second page too from the second time on."""
    refused: list[str] = []

    def intercept(seen: Seen) -> Reply | None:
        if "skiptoken" not in seen.path or len(refused) >= expired or (not refused and "skiptoken=10" in seen.path):
            return None
        refused.append(seen.path)
        return Reply(400, {"error": {"code": "Directory_ExpiredPageToken", "message": "has expired"}})

    graph.intercept = intercept
    found = verified(graph)

    assert found.users.verdict is found.calendars.verdict is Verdict.PASS
    assert found.stats.listed == found.stats.tally.counts[OK] == 30
    assert set(graph.asked.values()) == {1}, "nobody is read twice"
    assert (found.stats.relisted, found.stats.repeated) == (expired, 0)


def test_listing_whose_links_always_expire_is_undecided(graph: ScriptedGraph) -> None:
    graph.intercept = lambda seen: (
        Reply(400, {"error": {"code": "Directory_ExpiredPageToken"}}) if "skiptoken" in seen.path else None
    )

    found = verified(graph)

    assert found.users.verdict is Verdict.ERROR
    assert found.users.repair == "verify again later"
    assert found.stats.tally.counts[OK] == 10


def test_listing_asks_for_the_next_page_before_it_has_read_the_last(graph: ScriptedGraph) -> None:
    held: list[str] = []
    graph.intercept = lambda seen: held.append(seen.path) if "/users?" in seen.path else None

    verified(graph)

    assert [path.partition("skiptoken=")[2] for path in held] == ["", "10", "20"]


def test_error_that_is_no_answer_is_undecided() -> None:
    assert error_rule(Place.BATCH, Unreachable("cut")).verdict is Verdict.ERROR
