"""The consent service without a server: what it makes of answers, and how it waits for them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any, cast

import pytest

from orgcal.consent import service as service_module
from orgcal.consent.answers import ConsentNews
from orgcal.consent.outcomes import CallbackAnswer, ConsentOutcome
from orgcal.consent.service import ConsentResult, ConsentService
from orgcal.errors import UsageError
from orgcal.patience import Clock
from orgcal.tenants import links
from orgcal.tenants.registry import Registry, RegistryUnavailable
from tests.support.consent_probes import AWAY, CONTOSO, NOW, Time, memory_registry
from tests.support.consent_service import OUTPUTS, Start, begun, heard, new_state, services, told


@pytest.fixture
def moment() -> Time:
    return Time()


@pytest.fixture
def registry(moment: Time) -> Iterator[Registry]:
    with closing(memory_registry(moment)) as registry:
        yield registry


@pytest.fixture
def start(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    with services(registry, monkeypatch) as start:
        yield start


def yes(state: str) -> CallbackAnswer:
    return CallbackAnswer(state, ConsentOutcome.PROVING, CONTOSO)


def no(state: str) -> CallbackAnswer:
    return CallbackAnswer(state, ConsentOutcome.DECLINED, CONTOSO, "AADSTS65004")


def test_yes_uses_the_link_up_and_begins_the_proof(start: Start, registry: Registry) -> None:
    service = start()
    events, (state, handle) = heard(service), new_state(service)

    spent = service.answered(yes(state))

    assert isinstance(spent, links.Spent)
    assert begun(service).links == [spent.link] == [links.look_up(registry, handle)]
    assert (spent.link.outcome, spent.link.used_at) == ("proving", NOW)
    assert events == [("proving", "")]
    assert service.shown(spent.result) == ConsentResult(
        CONTOSO, ConsentOutcome.PROVING, "", ("Calendars.Read", "Directory.Read.All")
    )
    assert service.shown("another") is None


def test_no_ends_the_link_at_once_and_proves_nothing(start: Start) -> None:
    service = start()
    events, (state, _) = heard(service), new_state(service)

    spent = service.answered(no(state))

    assert isinstance(spent, links.Spent)
    assert (spent.link.outcome, spent.link.detail) == ("declined", "AADSTS65004")
    assert events == [("declined", "AADSTS65004")]
    assert begun(service).links == []


@pytest.mark.parametrize(
    ("first", "page"),
    [(yes, ConsentOutcome.LINK_USED_WAITING), (no, ConsentOutcome.LINK_USED_IN_VAIN)],
)
def test_second_answer_is_told_by_what_became_of_the_first(
    start: Start, first: Callable[[str], CallbackAnswer], page: ConsentOutcome
) -> None:
    service = start()
    state, _ = new_state(service)
    service.answered(first(state))
    proofs, events = len(begun(service).links), heard(service)

    assert service.answered(yes(state)) is page

    assert events == [(page.value, "")], "the code belongs to the first answer"
    assert len(begun(service).links) == proofs


@pytest.mark.parametrize("how", ["expired", "revoked"])
def test_answer_to_a_link_that_is_not_good_any_more_is_told(
    start: Start, registry: Registry, moment: Time, how: str
) -> None:
    service = start()
    events, (state, _) = heard(service), new_state(service)
    if how == "revoked":
        links.revoke(registry, CONTOSO)
    else:
        moment.now = NOW + timedelta(days=7)

    assert service.answered(yes(state)) is ConsentOutcome.LINK_EXPIRED
    assert events == [("link-expired", "")]


def test_answer_that_belongs_to_no_link_of_this_application_is_not_ours(start: Start, registry: Registry) -> None:
    service = start()
    earlier = start(OUTPUTS.model_copy(update={"client_id": "earlier"}))
    state, handle = new_state(earlier)
    events = heard(service)

    for answer in (yes("unknown"), yes(""), CallbackAnswer(state, None), yes(state)):
        assert service.answered(answer) is ConsentOutcome.NOT_OURS

    assert events == []
    link = links.look_up(registry, handle)
    assert link is not None
    assert link.used_at is None


def test_answer_is_told_to_every_listener_whatever_one_of_them_breaks(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    service, events = start(), list[str]()

    def broken(_: ConsentNews) -> None:
        raise RuntimeError("it broke")

    service.listeners = [broken, lambda news: events.append(news.event)]
    with caplog.at_level(logging.ERROR, "orgcal.consent"):
        service.answered(yes(new_state(service)[0]))

    assert events == ["proving"]
    assert [(each.getMessage(), each.exc_info is not None) for each in caplog.records] == [
        ("an answer could not be told", True)
    ]


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """State and result handle of each try to use a link, for which the database is away."""
    tried: list[tuple[str, str]] = []

    def away(_: Registry, state: str, *, client_id: str, result: str, refused: object) -> None:
        tried.append((state, result))
        raise AWAY

    monkeypatch.setattr(links, "spend", away)
    return tried


def ask(service: ConsentService, *states: str) -> None:
    for state in states:
        with pytest.raises(RegistryUnavailable):
            service.answered(yes(state))


def test_answer_that_may_have_been_recorded_is_asked_for_by_the_same_handle(
    start: Start, results: list[tuple[str, str]]
) -> None:
    service = start()

    ask(service, "a", "b", "a")

    (_, first), (_, other), (_, again) = results
    assert first == again != other
    assert len(first) >= 43, "256 bits"


def test_handles_of_only_so_many_unsure_answers_are_kept_the_newest_ones(
    start: Start, results: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "_MOST_UNSURE", 2)
    service = start()

    ask(service, "a", "b", "c", "c", "b", "a")

    (_, a), (_, b), (_, c), *again = results
    assert again[:2] == [("c", c), ("b", b)]
    assert again[2][1] not in (a, b, c), "it was forgotten"


def test_handle_is_not_used_for_a_second_answer(
    start: Start, results: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = start()
    ask(service, "a")

    def unknown(_: Registry, state: str, *, result: str, **__: object) -> links.WhyNot:
        results.append((state, result))
        return "unknown"

    monkeypatch.setattr(links, "spend", unknown)

    service.answered(yes("a"))
    service.answered(yes("a"))

    (_, first), (_, second), (_, third) = results
    assert first == second != third


class Waited:
    """The end of a proof, which never comes; time passes by being waited for."""

    def __init__(self, service: ConsentService, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s, self.waits, self.inside = 0.0, list[float](), False
        monkeypatch.setattr(service_module, "Clock", lambda sleep: Clock(lambda: self.now_s, sleep))
        begun(service).ended = cast(Any, self)

    def __enter__(self) -> None:
        self.inside = True

    def __exit__(self, *_: object) -> None:
        self.inside = False

    def wait(self, seconds: float) -> None:
        assert self.inside, "as a condition wants it"
        self.waits.append(seconds)
        self.now_s += seconds


@pytest.mark.parametrize(("timeout_s", "longest_s"), [(60.0, 0.25), (61.0, 1.0)])
def test_link_is_looked_at_more_often_where_somebody_waits_for_a_minute(
    start: Start, monkeypatch: pytest.MonkeyPatch, timeout_s: float, longest_s: float
) -> None:
    monkeypatch.setattr("random.random", lambda: 1.0)
    service = start()
    handle, waited = new_state(service)[1], Waited(service, monkeypatch)
    looks: list[ConsentResult] = []

    last = service.wait_for(handle, timeout_s, looks.append)

    assert last == ConsentResult(CONTOSO, None, "", ("Calendars.Read", "Directory.Read.All"))
    assert len(looks) == len(waited.waits) + 1
    assert waited.waits[:2] == [0.1, 0.2]
    assert max(waited.waits) == longest_s
    assert sum(waited.waits) == pytest.approx(timeout_s)


def test_waiting_ends_with_the_proof_and_not_before(
    start: Start, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = start()
    state, handle = new_state(service)
    waited, seen = Waited(service, monkeypatch), list[ConsentOutcome | None]()

    def look(result: ConsentResult) -> None:
        seen.append(result.outcome)
        if len(seen) == 1:
            service.answered(yes(state))
        elif len(seen) == 2:
            links.finish(registry, begun(service).links[0], "not-arrived", "not effective: A")

    ended = service.wait_for(handle, 60.0, look)

    assert (ended.outcome, ended.detail) == (ConsentOutcome.NOT_ARRIVED, "not effective: A")
    assert seen == [None, ConsentOutcome.PROVING, ConsentOutcome.NOT_ARRIVED]
    assert len(waited.waits) == 2


def test_link_that_nobody_made_cannot_be_waited_for(start: Start) -> None:
    with pytest.raises(UsageError) as refused:
        start().wait_for("gone", 60.0)

    assert told(refused) == ("there is no such consent link", "gone", "")
