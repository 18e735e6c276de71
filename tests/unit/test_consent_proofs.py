"""Proofs of consents, without Entra ID: when they end, what is written then, and what the log says."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any, cast

import pytest

from orgcal.consent import proofs as proofs_module
from orgcal.consent import recording
from orgcal.consent.answers import ConsentNews
from orgcal.consent.outcomes import ConsentOutcome
from orgcal.consent.proof import ConsentProber
from orgcal.consent.proofs import Proofs
from orgcal.entra.probe import TenantAccess
from orgcal.tenants import links
from orgcal.tenants.model import Link, State
from orgcal.tenants.registry import Registry
from tests.support.consent_probes import (
    AWAY,
    CONTOSO,
    GRANTED,
    NOT_YET,
    NOW,
    FakePlatform,
    ScriptedProber,
    Time,
    memory_registry,
    outputs_with,
    used_link,
)

OUTPUTS = outputs_with("Calendars.Read", "Directory.Read.All")


@pytest.fixture
def moment() -> Time:
    return Time()


@pytest.fixture
def registry(moment: Time) -> Iterator[Registry]:
    with closing(memory_registry(moment)) as registry:
        yield registry


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> FakePlatform:
    made = FakePlatform()
    monkeypatch.setattr(recording, "open_platform", lambda settings, environ: made)
    return made


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.INFO, "orgcal.consent")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "orgcal.consent"]


Logged = Callable[[], list[str]]


class Steps:
    """A schedule that runs a step only when a test says so, and keeps the seconds until the next."""

    def __init__(self, *_: object) -> None:
        self.steps: dict[Any, Callable[[], float | None]] = {}

    def soon(self, key: Any, step: Callable[[], float | None]) -> None:
        self.steps[key] = step

    def run(self) -> list[float | None]:
        return [step() for step in list(self.steps.values())]

    def close(self) -> None:
        self.steps.clear()


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    schedule = Steps()

    def new(threads: int, name: str) -> Steps:
        assert threads > 1, "one that is slow holds up nobody"
        assert name == "proof"
        return schedule

    monkeypatch.setattr(proofs_module, "Schedule", new)
    return schedule


def proofs_of(registry: Registry, *answers: TenantAccess | Exception, patience_s: float = 60.0, **more: Any) -> Proofs:
    prober = cast(ConsentProber, ScriptedProber(*answers))
    return Proofs(registry, OUTPUTS, {}, prober, patience_s=patience_s, **more)


def ended(registry: Registry, link: Link) -> tuple[str, str]:
    found = links.look_up(registry, link.state_hash)
    assert found is not None
    return found.outcome, found.detail


def test_proof_of_a_grant_is_written_registered_and_logged(
    registry: Registry, platform: FakePlatform, steps: Steps, logged: Logged
) -> None:
    link, proofs = used_link(registry), proofs_of(registry, GRANTED)

    proofs.begin(link)
    assert steps.run() == [None]

    assert ended(registry, link) == ("done", "")
    assert registry.wanted("Contoso").state is State.VERIFIED
    assert platform.registered == [("outlook", CONTOSO)]
    assert logged() == [
        f"Contoso ({CONTOSO}) has consented: every permission that the link asks for is effective; "
        f"next: orgcal verify --tenant {CONTOSO} --stack prod"
    ]
    assert steps.run() == [None], "nothing is left to prove"


def test_proof_is_asked_for_what_the_link_asked_for_with_a_user_listed(
    registry: Registry, platform: FakePlatform, steps: Steps
) -> None:
    proofs = proofs_of(registry, GRANTED)
    link = used_link(registry, "User.Read.All", "Calendars.Read")
    proofs.begin(link)
    steps.run()

    prober = cast(ScriptedProber, proofs._prober)
    assert prober.asked == [(CONTOSO, frozenset({"Calendars.Read", "User.Read.All"}), True)]
    tenant = registry.wanted("Contoso")
    assert (tenant.permissions, tenant.permission_hash) == (("Calendars.Read", "User.Read.All"), "hash of the link")


def test_proof_is_tried_again_with_growing_pauses_until_it_comes(
    registry: Registry, platform: FakePlatform, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 1.0)
    link, proofs = used_link(registry), proofs_of(registry, *[NOT_YET] * 9, GRANTED)
    proofs.begin(link)

    pauses = [steps.run()[0] for _ in range(9)]

    assert ended(registry, link) == ("proving", "")
    assert pauses == [0.25, 0.5, 1, 2, 4, 8, 15, 15, 15]
    assert steps.run() == [None]
    assert ended(registry, link) == ("done", "")


def test_link_that_comes_later_begins_anew_with_short_pauses(
    registry: Registry, platform: FakePlatform, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 1.0)
    proofs = proofs_of(registry, NOT_YET)
    first = used_link(registry)
    proofs.begin(first)
    for _ in range(9):
        steps.run()

    proofs.begin(first)
    assert steps.run() == [15], "the same link once more changes nothing"
    proofs.begin(used_link(registry))
    assert steps.run() == [0.25]


def test_proof_tells_what_is_missing_and_only_what_it_has_ended(
    registry: Registry, platform: FakePlatform, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[ConsentNews] = []
    partial = TenantAccess("partial", "not effective: A", missing=("A",))
    proofs = proofs_of(registry, partial, patience_s=0, tell=told.append)
    proofs.begin(used_link(registry))
    steps.run()
    [news] = told
    assert (news.outcome, news.detail, news.missing, news.next) == (
        ConsentOutcome.NOT_ARRIVED,
        "not effective: A",
        ("A",),
        f"orgcal consent check {CONTOSO} --stack prod",
    )

    monkeypatch.setattr(links, "finish", lambda *_: False)
    proofs.begin(used_link(registry))
    steps.run()
    assert told == [news], "another server has told it"


def test_proof_of_an_organisation_that_was_removed_tells_nobody(
    registry: Registry, platform: FakePlatform, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[ConsentNews] = []
    link, proofs = used_link(registry), proofs_of(registry, GRANTED, tell=told.append)
    proofs.begin(link)
    proving = links.still_proving(registry, [link])
    registry.remove(CONTOSO, reason="over")
    monkeypatch.setattr(links, "still_proving", lambda *_: proving)  # it was removed after this was asked

    assert steps.run() == [None]

    assert ended(registry, link) == ("withdrawn", "")
    assert (told, platform.registered) == ([], [])


def test_record_that_breaks_again_and_again_leaves_its_link(
    registry: Registry, platform: FakePlatform, steps: Steps, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    def broken(*_: object) -> bool:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(links, "finish", broken)
    link, proofs = used_link(registry), proofs_of(registry, GRANTED)
    proofs.begin(link)

    assert steps.run() == [None]
    assert logged() == [f"the proof for link {link.state_hash[:8]} broke"] * 2


def test_proof_that_does_not_come_in_time_says_so_and_fails_who_was_only_invited(
    registry: Registry, platform: FakePlatform, steps: Steps, logged: Logged
) -> None:
    link, proofs = used_link(registry), proofs_of(registry, NOT_YET, patience_s=0)
    proofs.begin(link)

    assert steps.run() == [None]

    assert ended(registry, link) == ("not-arrived", "it has not consented")
    assert registry.wanted("Contoso").state is State.FAILED
    assert platform.registered == []
    assert logged() == [
        f"Contoso ({CONTOSO}) has agreed, and the permissions have not arrived in time (it has not consented); "
        f"next: orgcal consent check {CONTOSO} --stack prod"
    ]


def test_proof_ends_only_the_links_whose_time_is_over(
    registry: Registry, platform: FakePlatform, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    proofs = proofs_of(registry, NOT_YET, patience_s=60)
    first = used_link(registry)
    proofs.begin(first)
    now = 130.0
    second = used_link(registry)
    proofs.begin(second)
    now = 160.0

    assert steps.run()[0] is not None

    assert ended(registry, first)[0] == "not-arrived"
    assert ended(registry, second)[0] == "proving"
    now = 190.0
    assert steps.run() == [None]
    assert ended(registry, second)[0] == "not-arrived"


def test_link_that_ended_elsewhere_is_not_proved(registry: Registry, platform: FakePlatform, steps: Steps) -> None:
    gone, open_still = used_link(registry), used_link(registry)
    proofs = proofs_of(registry, NOT_YET)
    proofs.begin(gone)
    proofs.begin(open_still)
    links.finish(registry, gone, "done")

    assert steps.run()[0] is not None
    links.finish(registry, open_still, "done")
    asked = len(cast(ScriptedProber, proofs._prober).asked)
    assert steps.run() == [None]

    assert len(cast(ScriptedProber, proofs._prober).asked) == asked, "nobody waits for the answer"
    assert ended(registry, gone) == ended(registry, open_still) == ("done", "")


def test_proof_that_breaks_ends_its_links_at_once_and_is_logged(
    registry: Registry, steps: Steps, logged: Logged
) -> None:
    link, proofs = used_link(registry), proofs_of(registry, RuntimeError("unforeseen"))
    proofs.begin(link)

    assert steps.run() == [None]

    assert ended(registry, link) == ("failed", "internal")
    assert registry.wanted("Contoso").state is State.INVITED, "nothing is known of it"
    assert logged() == [
        f"the proof of {CONTOSO} broke",
        f"Contoso ({CONTOSO}) has agreed, and orgcal broke while it looked for the permissions (internal); "
        f"next: orgcal consent check {CONTOSO} --stack prod",
    ]


def test_record_that_breaks_ends_its_link_and_is_logged_without_the_state(
    registry: Registry, steps: Steps, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(proofs_module, "register", broken)
    link, proofs = used_link(registry), proofs_of(registry, GRANTED)
    proofs.begin(link)

    assert steps.run() == [None]

    assert ended(registry, link) == ("failed", "internal")
    assert logged()[0] == f"the proof for link {link.state_hash[:8]} broke"


@pytest.mark.parametrize("when", ["still_proving", "finish", "conclude"])
def test_proof_while_the_registry_is_away_is_tried_again(
    registry: Registry,
    platform: FakePlatform,
    steps: Steps,
    monkeypatch: pytest.MonkeyPatch,
    logged: Logged,
    when: str,
) -> None:
    def away(*_: object, **__: object) -> None:
        raise AWAY

    link, proofs = used_link(registry), proofs_of(registry, GRANTED)
    proofs.begin(link)
    with monkeypatch.context() as patched:
        patched.setattr(links, when, away)
        assert steps.run()[0] is not None
        assert logged() == ["the registry cannot be asked; trying again"]

    assert steps.run() == [None]
    assert ended(registry, link) == ("done", "")


def test_proof_that_ended_tells_whoever_waits_for_it(registry: Registry, platform: FakePlatform, steps: Steps) -> None:
    proofs, told = proofs_of(registry, NOT_YET, GRANTED), list[int]()
    cast(Any, proofs.ended).notify_all = lambda: told.append(1)
    proofs.begin(used_link(registry))

    steps.run()
    assert told == []
    steps.run()
    assert told == [1]


def test_proofs_that_another_server_left_are_gone_on_with(
    registry: Registry, platform: FakePlatform, steps: Steps
) -> None:
    left, proofs = used_link(registry), proofs_of(registry, GRANTED)

    assert proofs.resume() == 1
    steps.run()

    assert ended(registry, left) == ("done", "")
    assert proofs.resume() == 0


def test_proofs_are_picked_up_once_nobody_has_gone_on_with_them_for_a_minute(
    registry: Registry, platform: FakePlatform, steps: Steps, moment: Time, logged: Logged
) -> None:
    proofs = proofs_of(registry, GRANTED)
    assert proofs.resume() == 0
    link = used_link(registry)
    assert steps.run() == [60.0]
    moment.now = NOW + timedelta(seconds=60)
    assert steps.run() == [60.0]
    assert len(steps.steps) == 1, "it may still be proved by whoever took the callback"

    moment.now = NOW + timedelta(seconds=61)
    steps.run()
    steps.run()

    assert ended(registry, link) == ("done", "")


def test_pick_up_while_the_registry_is_away_goes_on(
    registry: Registry, steps: Steps, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    proofs = proofs_of(registry, GRANTED)
    proofs.resume()

    def away(*_: object, **__: object) -> None:
        raise AWAY

    monkeypatch.setattr(links, "unfinished", away)

    assert steps.run() == [60.0]
    assert logged() == ["the registry cannot be asked; trying again"]


def test_proofs_that_are_closed_are_not_tried_any_more(
    registry: Registry, platform: FakePlatform, steps: Steps
) -> None:
    link, proofs = used_link(registry), proofs_of(registry, GRANTED)
    proofs.begin(link)

    proofs.close()

    assert steps.run() == []
    assert ended(registry, link) == ("proving", ""), "the next process goes on with it"
