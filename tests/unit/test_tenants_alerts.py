"""Alerts and messages in a registry: what is kept, in which order messages go, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from orgcal.tenants.alerts import (
    GIVEN_UP,
    SENT,
    WAITING,
    ConsentEvent,
    Message,
    OpenAlert,
    alert_session,
    claim,
    newest_entries,
    open_alerts,
    rotation_failure,
    settle,
    waiting,
)
from orgcal.tenants.history import add_runs
from orgcal.tenants.registry import Registry
from tests.support.health import a_run
from tests.support.registry import Clock, two_registries

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def both(tmp_path: Path, clock: Clock) -> Iterator[tuple[Registry, Registry]]:
    """Registries of two connectors in one database, empty."""
    with two_registries(tmp_path, clock) as both:
        yield both


@pytest.fixture
def registry(both: tuple[Registry, Registry]) -> Registry:
    return both[0]


def add(registry: Registry, key: str, *targets: str, due_at: datetime | None = None) -> bool:
    """A message to these targets, whose rule and subject are told by its key."""
    with alert_session(registry) as session:
        due = dict.fromkeys(targets or ("ops",), due_at or registry.now())
        return session.add_message(key, due, f"rule {key}", f"subject {key}", {"kind": "event", "key": key})


def claimed(registry: Registry, target: str = "ops") -> str | None:
    """The key of the message that is claimed."""
    message = claim(registry, target)
    return None if message is None else str(message.content["key"])


# What is wrong -----------------------------------------------------------------------------------------------------


def test_open_alert_is_kept_changed_and_closed_for_its_connector_alone(
    both: tuple[Registry, Registry], clock: Clock
) -> None:
    prod, test = both
    first = OpenAlert("access-lost", "contoso", 1, clock.now, "it is gone")
    others = [
        OpenAlert("coverage-fell", "contoso", 1, clock.now, "fewer"),
        OpenAlert("access-lost", "fabrikam", 1, clock.now, "it is gone there"),
    ]
    worse = OpenAlert("access-lost", "contoso", 2, clock.now - HOUR, "it is gone for long")
    with alert_session(test) as session:
        session.put(first)
    with alert_session(prod) as session:
        for alert in (first, *others, worse):
            session.put(alert)
        assert session.open_alerts() == {
            ("access-lost", "contoso"): worse,
            ("access-lost", "fabrikam"): others[1],
            ("coverage-fell", "contoso"): others[0],
        }
        session.close("access-lost", "contoso")

    assert open_alerts(prod) == [others[1], others[0]]
    assert open_alerts(test) == [first]
    assert first.as_json() == {
        "rule": "access-lost", "subject": "contoso", "stage": 1, "since": "2026-11-23T10:00:00Z",
        "sentence": "it is gone",
    }  # fmt: skip


def test_open_alerts_are_told_oldest_first_then_by_rule(registry: Registry, clock: Clock) -> None:
    order = [("b", "z", -HOUR), ("a", "y", timedelta()), ("a", "z", timedelta()), ("b", "x", timedelta())]
    with alert_session(registry) as session:
        for rule, subject, age in reversed(order):
            session.put(OpenAlert(rule, subject, 1, clock.now + age, "s"))

    assert [(alert.rule, alert.subject) for alert in open_alerts(registry)] == [each[:2] for each in order]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], ""),
        ([("run", "failed", {"why": "Graph was away"})], "Graph was away"),
        ([("run", "failed", {})], "it failed"),
        ([("run", "failed", {"why": "Graph was away"}), ("run", "succeeded", {})], ""),
        ([("generation 2", "failed", {"why": "of a step"})], ""),
    ],
)
def test_last_rotation_that_failed_says_why(
    registry: Registry, rows: list[tuple[str, str, dict[str, str]]], why: str
) -> None:
    for subject, result, detail in rows:
        registry.note("rotate", subject, result, **detail)

    assert rotation_failure(registry) == why


def test_newest_entries_are_those_of_log_and_history(registry: Registry, clock: Clock) -> None:
    assert newest_entries(registry) == (0, 0)

    registry.note("push", "client", "pushed")
    assert newest_entries(registry) == (1, 0)
    add_runs(registry, [a_run(at=clock.now), a_run(at=clock.now)])
    assert newest_entries(registry) == (1, 2)


# Answers of administrators -----------------------------------------------------------------------------------------


def consents(registry: Registry) -> list[ConsentEvent]:
    with alert_session(registry) as session:
        return session.consents()


def test_answers_are_told_from_the_first_look_on_and_only_how_they_ended(
    both: tuple[Registry, Registry], clock: Clock
) -> None:
    prod, test = both
    prod.note("consent", "earlier", "done")
    assert consents(prod) == [], "whoever begins to look hears nothing of before"

    clock.now += MINUTE
    prod.note("consent", "contoso", "verified", before="invited")
    prod.note("consent", "contoso", "done")
    prod.note("consent", "fabrikam", "declined", detail="AADSTS65004")
    prod.note("check", "contoso", "revoked")
    test.note("consent", "contoso", "done")

    assert consents(prod) == [
        ConsentEvent(3, clock.now, "contoso", "done", ""),
        ConsentEvent(4, clock.now, "fabrikam", "declined", "AADSTS65004"),
    ]
    assert consents(test) == []


def test_first_answer_of_an_empty_log_is_told(registry: Registry, clock: Clock) -> None:
    assert consents(registry) == []

    registry.note("consent", "contoso", "done")

    assert consents(registry) == [ConsentEvent(1, clock.now, "contoso", "done", "")]


def test_answer_is_told_again_for_an_hour_as_its_row_may_be_late(registry: Registry, clock: Clock) -> None:
    consents(registry)
    registry.note("consent", "contoso", "done")
    [event] = consents(registry)

    clock.now += HOUR
    assert consents(registry) == [event]
    clock.now += SECOND
    assert consents(registry) == []


def test_answer_is_told_again_until_a_hundred_rows_have_followed(registry: Registry) -> None:
    def follow(count: int) -> None:
        with registry.transaction() as connection:
            for _ in range(count):
                registry.write_log(connection, "push", "client", "pushed")

    consents(registry)
    registry.note("consent", "contoso", "done")
    follow(99)

    assert len(consents(registry)) == len(consents(registry)) == 1
    follow(1)
    assert len(consents(registry)) == 1, "up to here was not looked at yet"
    assert consents(registry) == []


def test_answer_that_nobody_looked_at_for_long_is_told(registry: Registry, clock: Clock) -> None:
    consents(registry)
    registry.note("consent", "contoso", "done")
    clock.now += DAY

    assert [event.tenant_id for event in consents(registry)] == ["contoso"]
    assert consents(registry) == []


# Messages ----------------------------------------------------------------------------------------------------------


def test_message_is_claimed_as_it_was_added(registry: Registry, clock: Clock) -> None:
    made_at = clock.now
    assert add(registry, "a", "ops", "mail")
    clock.now += MINUTE
    assert not add(registry, "a", "ops", "mail")
    assert add(registry, "a", "pager"), "a target that is new"

    message = claim(registry, "ops")

    assert message is not None
    content = {"kind": "event", "key": "a", "id": message.message}
    assert message == Message(message.message, "ops", "rule a", "subject a", content, made_at, 1)
    mail = claim(registry, "mail")
    assert mail is not None
    assert (mail.message, mail.target) == (message.message, "mail")
    assert claim(registry, "nobody") is None


def test_message_has_an_id_of_its_connector_in_every_version(
    both: tuple[Registry, Registry],
) -> None:
    """Receivers tell by it that a message came twice, also from jobs of two versions."""
    ids = []
    for registry in both:
        add(registry, "a")
        message = claim(registry, "ops")
        assert message is not None
        ids.append(message.message)

    assert ids == ["a348d31a-6b2c-586d-98d4-05b0629aeb1c", "6de0973c-6a3a-558c-8bca-0dcf2581db9d"]


def test_messages_of_one_moment_go_in_the_order_of_adding(registry: Registry, clock: Clock) -> None:
    keys = [f"k{number}" for number in range(8)]
    for key in keys:
        add(registry, key)
    gone = []
    while (message := claim(registry, "ops")) is not None:
        settle(registry, message, SENT)
        gone.append(message.content["key"])

    assert gone == keys


def test_earlier_message_goes_first_whatever_was_removed_meanwhile(registry: Registry, clock: Clock) -> None:
    for key in ("a", "b"):
        add(registry, key)
    clock.now += 30 * DAY
    add(registry, "c", due_at=clock.now)
    clock.now += SECOND
    add(registry, "d", due_at=clock.now)  # a and b are forgotten, so c and d have the same number

    assert claimed(registry) == "c"


def test_message_is_kept_for_thirty_days(both: tuple[Registry, Registry], clock: Clock) -> None:
    for registry in both:
        add(registry, "a")
    prod, test = both

    clock.now += 30 * DAY
    assert not add(prod, "a")
    clock.now += SECOND
    assert add(prod, "a")
    assert waiting(test) == 1, "each connector forgets its own"


def test_message_is_claimed_when_it_is_due(registry: Registry, clock: Clock) -> None:
    add(registry, "later", due_at=clock.now + HOUR)
    add(registry, "now")

    assert claimed(registry) == "now", "what never was tried holds up nothing"
    clock.now += HOUR
    assert claimed(registry) == "later"


def test_claim_holds_for_five_minutes_and_then_counts_as_another_try(registry: Registry, clock: Clock) -> None:
    add(registry, "a", "ops", "mail")
    add(registry, "b", "ops")
    first = claim(registry, "ops")
    assert first is not None

    clock.now += 5 * MINUTE - SECOND
    assert claim(registry, "ops") is None, "the target rests"
    assert claimed(registry, "mail") == "a", "and no other one"
    clock.now += SECOND
    again = claim(registry, "ops")
    assert again is not None
    assert (again.message, again.attempts) == (first.message, 2)


def test_target_rests_after_a_try_that_failed_and_no_message_overtakes(registry: Registry, clock: Clock) -> None:
    add(registry, "a", "ops", "mail")
    add(registry, "b", "ops", "mail")
    failed = claim(registry, "ops")
    assert failed is not None
    settle(registry, failed, WAITING, due_at=clock.now + MINUTE, why="it was away")

    assert claim(registry, "ops") is None
    assert [entry.action for entry in registry.log()] == [], "what is not final is not in the log"
    clock.now += MINUTE
    again = claim(registry, "ops")
    assert again is not None
    assert (again.content["key"], again.attempts) == ("a", 2)
    settle(registry, again, GIVEN_UP, why="it was away for days")
    assert claimed(registry) == "b"
    assert claimed(registry, "mail") == "a"


def test_what_became_of_a_message_is_logged(registry: Registry) -> None:
    add(registry, "a", "ops", "mail")
    add(registry, "b", "ops")
    sent, given_up = claim(registry, "ops"), claim(registry, "mail")
    assert sent is not None
    assert given_up is not None
    settle(registry, sent, SENT)
    settle(registry, given_up, GIVEN_UP, why="it was away")

    told = {"rule": "rule a", "kind": "event"}
    assert [(entry.action, entry.subject, entry.result, entry.detail) for entry in registry.log()] == [
        ("alert", "subject a", "sent", {**told, "target": "ops"}),
        ("alert", "subject a", "given up", {**told, "target": "mail", "why": "it was away"}),
    ]


def test_messages_that_are_not_sent_yet_are_counted(both: tuple[Registry, Registry]) -> None:
    prod, test = both
    assert waiting(prod) == 0
    add(prod, "a", "ops", "mail")
    add(prod, "b")

    assert (waiting(prod), waiting(test)) == (3, 0)
    message = claim(prod, "ops")
    assert message is not None
    assert waiting(prod) == 3, "being sent is not sent"
    settle(prod, message, SENT)
    assert waiting(prod) == 2
    assert claim(test, "ops") is None
