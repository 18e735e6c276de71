"""Alerts of a registry on both databases: two jobs at once, a job that dies, messages in their order."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

from orgcal.health import delivery
from orgcal.health.alerts import update_alerts
from orgcal.health.delivery import GIVEN_UP_AFTER, Delivered, deliver
from orgcal.patience import Clock as Monotonic
from orgcal.settings import AlertSettings
from orgcal.tenants.alerts import CLAIM, GIVEN_UP, SENT, alert_session, claim, open_alerts, settle, waiting
from orgcal.tenants.credentials import KnownCredential, known_credentials, remember_credentials
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.support.deployed_connector import CONTOSO
from tests.support.registry import Clock

SETTINGS = AlertSettings.model_validate({"targets": {"ops": {"url_file": "ops"}, "mail": {"url_file": "mail"}}})


class Receiver:
    """A target that keeps what it gets, and refuses while it is down."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.down = False
        self.tries = 0

    def send(self, content: Any) -> None:
        self.tries += 1
        if self.down:
            raise ConnectionError("a secret address")
        self.got.append(content)

    @property
    def kinds(self) -> list[tuple[str, str]]:
        return [(content["kind"], content["rule"]) for content in self.got]


class NoTime(Monotonic):
    """Time passes only by waiting."""

    def __init__(self) -> None:
        now = [0.0]
        super().__init__(lambda: now[0], lambda seconds: now.__setitem__(0, now[0] + seconds))


def lose(registry: Registry) -> None:
    registry.set_state(CONTOSO, State.REVOKED, reason="the grant is gone", consented_at=registry.now())


def delivered(registry: Registry, **targets: Receiver) -> Delivered:
    return deliver(registry, targets, clock=NoTime())


def test_credentials_are_known_as_they_were_last_written(registry: Registry, clock: Clock) -> None:
    assert known_credentials(registry) is None
    live = KnownCredential(2, "secret", clock.now + timedelta(days=90))
    remember_credentials(registry, 1, [KnownCredential(1, "secret", clock.now, clock.now, revoked=True), live])
    remember_credentials(registry, 2, [live])

    known = known_credentials(registry)

    assert known is not None
    assert (known.known_at, known.active, known.credentials, known.pending) == (clock.now, 2, (live,), False)


def test_jobs_that_look_at_once_make_one_message(url: str, registry: Registry, clock: Clock) -> None:
    lose(registry)
    jobs = [Registry(url, connector="orgcal/prod", operator="ada", now=clock) for _ in range(4)]
    found: list[int] = []

    def look(job: Registry) -> None:
        found.append(len(update_alerts(job, SETTINGS)))

    threads = [threading.Thread(target=look, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for job in jobs:
        job.close()

    assert sorted(found) == [0, 0, 0, 1]
    assert waiting(registry) == 2, "one to each target"


def test_jobs_that_send_at_once_send_each_message_once_and_in_order(url: str, registry: Registry, clock: Clock) -> None:
    lose(registry)
    update_alerts(registry, SETTINGS)
    registry.set_state(CONTOSO, State.VERIFIED)
    clock.now += timedelta(hours=1)
    update_alerts(registry, SETTINGS)
    ops, mail = Receiver(), Receiver()
    jobs = [Registry(url, connector="orgcal/prod", operator="ada", now=clock) for _ in range(4)]
    threads = [threading.Thread(target=delivered, args=(job,), kwargs={"ops": ops, "mail": mail}) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for job in jobs:
        job.close()
    delivered(registry, ops=ops, mail=mail)

    assert ops.kinds == mail.kinds == [("problem", "access-lost"), ("recovery", "access-lost")]
    assert waiting(registry) == 0
    log = [(row.subject, row.result, row.detail["target"]) for row in registry.log() if row.action == "alert"]
    assert sorted(log) == [(CONTOSO, SENT, "mail")] * 2 + [(CONTOSO, SENT, "ops")] * 2


def test_target_that_is_down_gets_its_messages_later_in_their_order(registry: Registry, clock: Clock) -> None:
    lose(registry)
    update_alerts(registry, SETTINGS)
    ops, mail = Receiver(), Receiver()
    ops.down = True

    done = delivered(registry, ops=ops, mail=mail)

    assert (mail.kinds, len(done.sent)) == ([("problem", "access-lost")], 1)
    assert ops.tries > 1
    assert set(done.failed) == {"ops"}
    assert "a secret address" not in done.failed["ops"]

    ops.down = False
    registry.set_state(CONTOSO, State.VERIFIED)
    update_alerts(registry, SETTINGS)
    assert delivered(registry, ops=ops).sent == [], "it rests, and the recovery does not overtake"
    clock.now += timedelta(hours=1)
    delivered(registry, ops=ops)
    assert ops.kinds == [("problem", "access-lost"), ("recovery", "access-lost")]


def test_target_that_never_answers_holds_up_no_other(
    registry: Registry, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "LONGEST_SEND_S", 0.05)
    monkeypatch.setattr(delivery, "TRIES_S", 0.0)
    lose(registry)
    update_alerts(registry, SETTINGS)
    ended, mail = threading.Event(), Receiver()

    class Silent(Receiver):
        def send(self, content: Any) -> None:
            ended.wait(60)

    done = delivered(registry, ops=Silent(), mail=mail)
    ended.set()

    assert "it did not answer within" in done.failed["ops"]
    assert mail.kinds == [("problem", "access-lost")]


def test_message_of_a_job_that_died_is_sent_by_the_next_with_the_same_id(registry: Registry, clock: Clock) -> None:
    lose(registry)
    update_alerts(registry, SETTINGS)
    died = claim(registry, "ops")
    ops = Receiver()

    assert died is not None
    assert delivered(registry, ops=ops).sent == []
    clock.now += CLAIM + timedelta(seconds=1)
    delivered(registry, ops=ops)

    assert [content["id"] for content in ops.got] == [died.message]


def test_message_that_nobody_takes_for_days_is_given_up_and_logged(registry: Registry, clock: Clock) -> None:
    lose(registry)
    update_alerts(registry, SETTINGS)
    ops = Receiver()
    ops.down = True
    delivered(registry, ops=ops)

    clock.now += GIVEN_UP_AFTER + timedelta(minutes=1)
    delivered(registry, ops=ops)
    clock.now += timedelta(days=1)
    ops.down = False

    assert delivered(registry, ops=ops).sent == []
    assert [row.result for row in registry.log() if row.action == "alert"] == [GIVEN_UP]


def test_message_with_a_known_key_is_not_made_again(registry: Registry, clock: Clock) -> None:
    with alert_session(registry) as session:
        assert session.add_message("k", {"ops": clock.now}, "consent", CONTOSO, {"kind": "event"})
        assert not session.add_message("k", {"ops": clock.now}, "consent", CONTOSO, {"kind": "event"})
    taken = claim(registry, "ops")
    assert taken is not None
    settle(registry, taken, SENT)
    with alert_session(registry) as session:
        assert not session.add_message("k", {"ops": clock.now}, "consent", CONTOSO, {"kind": "event"})


def test_connectors_in_one_database_have_alerts_of_their_own(url: str, registry: Registry, clock: Clock) -> None:
    lose(registry)
    other = Registry(url, connector="orgcal/other", operator="bob", now=clock)
    assert update_alerts(other, SETTINGS) == []
    update_alerts(registry, SETTINGS)

    assert [alert.rule for alert in open_alerts(registry)] == ["access-lost"]
    assert (open_alerts(other), claim(other, "ops")) == ([], None)
    other.close()


@pytest.mark.parametrize("state", [State.REMOVED, State.REVOKED])
def test_alert_of_a_removed_organisation_ends_in_silence(registry: Registry, state: State) -> None:
    lose(registry)
    update_alerts(registry, SETTINGS)
    if state is State.REMOVED:
        registry.remove(CONTOSO, reason="over")

    assert update_alerts(registry, SETTINGS) == []
    assert len(open_alerts(registry)) == (state is State.REVOKED)
