"""Parts of the reading engine by themselves: one batch, its waits, new tokens, and what a reading comes to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from orgcal.entra.batch import BatchAnswer, BatchResponse
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.session import new_session
from orgcal.errors import EntraError, GraphError, Unreachable
from orgcal.platforms.testing_server import FakeTime
from tests.scripted_graph import GivenTokens, Reply, ScriptedGraph, Seen, serving
from verify.batching import Read
from verify.concurrency import THROTTLED, UNANSWERED, Gate
from verify.models import Mailbox, MailboxClass, Pace, Target
from verify.reading import Reading, _Answered
from verify.report.base import Report

ENDPOINTS = CloudEndpoints("public", "https://login.example", "https://graph.example", "public")
CONTOSO = Target("t0", "Contoso")
OK, NOT_READ = MailboxClass.OK, MailboxClass.NOT_READ
READ = BatchResponse(200, {}, {"value": [{"id": "c"}]})
REFUSED_TOKEN = BatchResponse(401, {}, {"error": {"code": "InvalidAuthenticationToken"}})


class Parts:
    """A reading that sends nothing: its sender answers what a test says."""

    def __init__(self, **options: Any) -> None:
        self.time = FakeTime(now_s=100.0)
        self.tokens = GivenTokens()
        self.pace = options.pop("pace", Pace(budget_s=50.0, first_pause_s=2.0))
        self.session = new_session(ENDPOINTS, environ={})
        self.reading = Reading(CONTOSO, ENDPOINTS, self.tokens, self.session, pace=self.pace, **options)
        self.gate = self.reading._gate = Gate(self.pace.budget_s, clock=self.time.clock())
        self.sent: list[tuple[str, list[str]]] = []
        self.answer = BatchAnswer(200, [READ])
        self.reading._sender = self  # type: ignore[assignment]

    def send(self, token: str, paths: list[str]) -> BatchAnswer:
        self.sent.append((token, paths))
        return self.answer

    def carried(self, *reads: Read) -> _Answered:
        """What came of carrying these reads in one batch."""
        self.reading._carry(list(reads))
        event = self.reading._events.get_nowait()
        assert isinstance(event, _Answered)
        return event


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    monkeypatch.setattr("orgcal.patience.random.random", lambda: 1.0)
    made = Parts()
    yield made
    made.session.close()


def new_read(user_id: str = "u", attempts: int = 0) -> Read:
    return Read(user_id, "", f"/users/{user_id}/calendars", attempts=attempts)


def test_batch_is_sent_with_a_token_and_the_paths_of_its_reads(parts: Parts) -> None:
    reads = [new_read("a"), new_read("b")]

    assert parts.carried(*reads) == _Answered(reads, parts.answer, None)
    assert parts.sent == [("t1", ["/users/a/calendars", "/users/b/calendars"])]
    assert (parts.gate.waited_s, parts.tokens.number) == (0.0, 1)


@pytest.mark.parametrize(
    ("answer", "attempts", "waited_s"),
    [
        (BatchAnswer(429, throttled=True, limited=True, retry_after_s=7.0), (0, 0), 7.0),
        (BatchAnswer(503, throttled=True, retry_after_s=0.0), (0, 0), 0.0),
        (BatchAnswer(503, throttled=True), (0, 0), 2.0),
        (BatchAnswer(503, throttled=True), (0, 2), 8.0),
        (BatchAnswer(429, retry_after_s=7.0), (0, 0), 0.0),
    ],
)
def test_batch_that_is_throttled_holds_back_all_requests(
    parts: Parts, answer: BatchAnswer, attempts: tuple[int, int], waited_s: float
) -> None:
    parts.answer = answer

    parts.carried(*(new_read(attempts=number) for number in attempts))

    assert parts.gate.waited_s == waited_s


@pytest.mark.parametrize(("limited", "why"), [(True, THROTTLED), (False, UNANSWERED)])
def test_batch_whose_wait_is_too_long_shuts_the_gate_with_its_cause(parts: Parts, limited: bool, why: str) -> None:
    parts.answer = BatchAnswer(503, throttled=True, limited=limited, retry_after_s=51.0)
    parts.carried(new_read())

    assert (parts.gate.shut, parts.gate.why) == (True, why)
    assert parts.carried(new_read()) == _Answered([new_read()], None)
    assert len(parts.sent) == 1


def test_batch_without_a_token_is_not_sent(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = EntraError("no")
    monkeypatch.setattr(parts.tokens, "token", lambda: (_ for _ in ()).throw(refused))

    assert parts.carried(new_read()) == _Answered([new_read()], None, refused)
    assert parts.sent == []


def test_refused_token_is_renewed_every_five_seconds_at_most(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verify.reading.time.monotonic", lambda: parts.time.now_s)
    parts.answer = BatchAnswer(200, [REFUSED_TOKEN])
    numbers = []
    for now_s in (100.0, 104.9, 105.0, 105.1):
        parts.time.now_s = now_s
        parts.carried(new_read())
        numbers.append(parts.tokens.number)

    assert numbers == [2, 2, 3, 3]


def test_token_that_cannot_be_renewed_leaves_the_answer(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def renewed(refused: str) -> str:
        asked.append(refused)
        raise EntraError("no")

    monkeypatch.setattr(parts.tokens, "renewed", renewed)
    parts.answer = BatchAnswer(200, [REFUSED_TOKEN])

    assert parts.carried(new_read()) == _Answered([new_read()], parts.answer)
    assert asked == ["t1"]


class Heard(Report):
    """Writes down everything that a listener is told."""

    def __init__(self, *, wants_mailboxes: bool = True) -> None:
        self.wants_mailboxes = wants_mailboxes
        self.told: list[Any] = []

    def started(self, target: Target, total: int | None) -> None:
        self.told.append(("started", target, total))

    def progress(self, target: Target, listed: int, read: int) -> None:
        self.told.append(("progress", target, listed, read))

    def mailbox(self, target: Target, mailbox: Mailbox) -> None:
        self.told.append(("mailbox", target, mailbox.user_id))


@pytest.fixture
def graph(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedGraph]:
    monkeypatch.setattr("orgcal.patience.random.random", lambda: 1.0)
    with serving(ScriptedGraph(3)) as graph:
        yield graph


def read(graph: ScriptedGraph, **options: Any) -> Any:
    with new_session(graph.endpoints, pool_size=70) as session:
        pace = options.pop("pace", Pace(budget_s=20.0, first_pause_s=0.002))
        return Reading(CONTOSO, graph.endpoints, GivenTokens(), session, pace=pace, **options).run()


@pytest.mark.parametrize("wanted", [True, False])
def test_listener_and_caller_both_hear_of_each_mailbox_they_want(graph: ScriptedGraph, wanted: bool) -> None:
    heard, others = Heard(wants_mailboxes=wanted), list[str]()

    read(graph, listener=heard, on_mailbox=lambda mailbox: others.append(mailbox.user_id))

    assert others == graph.users
    mailboxes = [("mailbox", CONTOSO, user) for user in graph.users] if wanted else []
    assert [each for each in heard.told if each[0] == "mailbox"] == mailboxes
    assert ("started", CONTOSO, 3) in heard.told
    assert heard.told[-1] == ("progress", CONTOSO, 3, 3)


class Connections:
    """The batches in flight of all organisations, by one that allows so many."""

    def __init__(self, most: int = 9) -> None:
        self.pool = ThreadPoolExecutor(8)
        self.most = most
        self.in_flight, self.highest = 0, 0
        self.asked: list[int] = []
        self.done: Any = lambda: None

    def may_send(self, in_flight: int) -> bool:
        self.asked.append(in_flight)
        return in_flight < self.most

    def sent(self, batches: int) -> None:
        self.in_flight += batches
        self.highest = max(self.highest, self.in_flight)
        if batches < 0:
            self.done()


@pytest.fixture
def connections() -> Iterator[Connections]:
    made = Connections()
    yield made
    made.pool.shutdown()


def test_batches_in_flight_are_counted_for_all_organisations(graph: ScriptedGraph, connections: Connections) -> None:
    graph.users = ScriptedGraph(100).users
    connections.most = 1

    outcome = read(graph, connections=connections)

    assert (outcome.tally.counts[OK], connections.highest, connections.in_flight) == (100, 1, 0)
    assert set(connections.asked) == {0, 1}


@pytest.mark.parametrize("shared", [True, False])
def test_batches_of_a_reading_that_broke_no_longer_count(
    graph: ScriptedGraph, connections: Connections, shared: bool
) -> None:
    class Breaking(Heard):
        def mailbox(self, target: Target, mailbox: Mailbox) -> None:
            raise ZeroDivisionError

    graph.users = ScriptedGraph(100).users
    with pytest.raises(ZeroDivisionError):
        read(graph, connections=connections if shared else None, listener=Breaking())

    assert connections.in_flight == 0


def test_count_that_comes_after_the_last_mailbox_is_waited_for(graph: ScriptedGraph, connections: Connections) -> None:
    over = threading.Event()
    connections.done = over.set

    def intercept(seen: Seen) -> Reply | None:
        if "$count" in seen.path:
            over.wait(10)
        return None

    graph.intercept = intercept

    assert read(graph, connections=connections).expected == 3


def test_stats_tell_requests_waits_and_what_listing_met(graph: ScriptedGraph) -> None:
    graph.users = ScriptedGraph(30).users
    busy: list[int] = []

    def intercept(seen: Seen) -> Reply | None:
        if "$batch" not in seen.path or busy:
            return None
        busy.append(1)
        return Reply(429, {"error": {"code": "x"}}, {"Retry-After": "0.0123456"})

    graph.intercept = intercept

    outcome = read(graph, pace=Pace(fixed=1, budget_s=20.0))

    assert (outcome.listed, outcome.expected, outcome.tally.counts[OK]) == (30, 30, 30)
    assert (outcome.requests, outcome.retries) == (len(graph.seen), 20)
    assert (outcome.throttles, outcome.waited_s, outcome.concurrency) == (1, 0.012, 1)
    assert (outcome.complete, outcome.listing_complete, outcome.reading_error, outcome.listing_error) == (
        True,
        True,
        None,
        None,
    )


def test_wait_that_the_budget_forbids_ends_the_reading_with_its_length(graph: ScriptedGraph) -> None:
    graph.intercept = lambda seen: (
        Reply(429, {"error": {"code": "x"}}, {"Retry-After": "9"}) if "$batch" in seen.path else None
    )

    outcome = read(graph, pace=Pace(budget_s=8.0))

    assert isinstance(outcome.reading_error, Unreachable)
    assert str(outcome.reading_error) == (
        "POST /$batch: Microsoft Graph throttles this application for longer than the 8 s allowed\n"
        "  repair: try again later, or with a larger --budget"
    )
    assert outcome.tally.reasons == {"the run ended before": 3}
    assert (outcome.complete, outcome.listing_complete) == (False, True)


def test_users_whom_the_sample_leaves_out_are_told_as_such(graph: ScriptedGraph) -> None:
    graph.users = ScriptedGraph(9).users
    told: list[Mailbox] = []

    outcome = read(graph, sample=2, on_mailbox=told.append)

    assert outcome.tally.reasons == {"left out by the sample": 7}
    left_out = [mailbox for mailbox in told if mailbox.mailbox_class is NOT_READ]
    assert {(mailbox.reason, mailbox.calendars) for mailbox in left_out} == {("left out by the sample", 0)}
    assert len({mailbox.user_id for mailbox in told}) == 9
    assert outcome.complete


def test_first_error_of_a_reading_is_the_one_that_is_told(graph: ScriptedGraph) -> None:
    graph.users = ScriptedGraph(200).users
    codes = iter(["OrganizationFromTenantGuidNotFound", *["Other"] * 99])
    graph.intercept = lambda seen: (
        Reply(401, {"error": {"code": next(codes), "message": "m"}}) if "$batch" in seen.path else None
    )

    outcome = read(graph, pace=Pace(fixed=1, budget_s=5.0))

    assert isinstance(outcome.reading_error, GraphError)
    assert outcome.reading_error.code == "OrganizationFromTenantGuidNotFound"
    assert outcome.tally.counts[NOT_READ] == 200
    assert len(graph.batches()) == 1, "nothing is sent after it"


def test_eight_batches_are_under_way_at_first(graph: ScriptedGraph) -> None:
    graph.users = ScriptedGraph(160).users
    together = threading.Barrier(8)

    def intercept(seen: Seen) -> Reply | None:
        if "$batch" in seen.path:
            together.wait(10)
        return None

    graph.intercept = intercept

    assert read(graph).tally.counts[OK] == 160


@pytest.mark.parametrize(
    ("answer", "throttles"),
    [
        (BatchAnswer(200, [READ], limit_share=0.9), 1),
        (BatchAnswer(200, [READ], limit_share=0.89), 0),
        (BatchAnswer(200, [READ], throttled=True), 1),
        (BatchAnswer(429, throttled=True), 1),
        (BatchAnswer(0, throttled=True), 0),
        (BatchAnswer(429), 0),
    ],
)
def test_limit_that_an_answer_tells_slows_the_reading_down_and_a_lost_answer_does_not(
    parts: Parts, answer: BatchAnswer, throttles: int
) -> None:
    parts.reading._in_flight = 3

    parts.reading._handle_answer([new_read()], answer, None)

    window = parts.reading._window
    assert (window.throttles, window.limit, parts.reading._in_flight) == (throttles, 4 if throttles else 8, 2)
    assert parts.reading._finished().requests == 1


def test_batch_that_was_not_sent_is_no_request_and_its_error_ends_the_reading(parts: Parts) -> None:
    error = EntraError("no token")

    parts.reading._handle_answer([new_read("a")], None, None)
    assert parts.reading._stats.reading_error is None
    parts.reading._handle_answer([new_read("b")], None, error)
    parts.reading._handle_answer([new_read("c")], None, Unreachable("later"))

    stats = parts.reading._finished()
    assert (stats.reading_error, stats.requests) == (error, 0)
    assert stats.tally.reasons == {"the run ended before": 3}


def test_error_that_nobody_foresaw_in_a_thread_ends_the_reading_with_itself(parts: Parts) -> None:
    def divide(number: int) -> None:
        number / 0

    parts.reading._reported(divide, 1)

    with pytest.raises(ZeroDivisionError):
        parts.reading._handle(parts.reading._events.get_nowait())
