"""Which messages are made, and when: one for each change, one when it is well again, and never one a night."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orgcal.health.alerts import WELL, after_quiet_hours, update_alerts
from orgcal.health.messages import AT_ONCE, Notice
from orgcal.settings import AlertSettings, RuleName
from orgcal.tenants.alerts import SENT, OpenAlert, alert_session, claim, open_alerts, settle
from orgcal.tenants.credentials import KnownCredential, remember_credentials
from orgcal.tenants.history import Run, add_runs
from orgcal.tenants.links import Refusal, make_link, spend
from orgcal.tenants.log import FAILED, ROTATE, RUN
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.support.health import CONTOSO, FABRIKAM, NIGHT, a_run
from tests.support.registry import CLIENT, WEEK, new_database

TARGETS = {"ops": {"url_file": "ops"}}


class Nights:
    """A connector with two organisations, night by night.

    Attributes:
        now: the registry's time.
    """

    def __init__(self, folder: Path) -> None:
        self.now = NIGHT
        self.settings = AlertSettings.model_validate({"targets": TARGETS})
        self.registry = Registry(new_database(folder), connector="orgcal/prod", operator="ada", now=lambda: self.now)
        for tenant_id, name in ((CONTOSO, "Contoso"), (FABRIKAM, "Fabrikam")):
            self.registry.add(tenant_id, name, domain=f"{name.lower()}.com")
            self.registry.set_state(tenant_id, State.VERIFIED, consented_at=self.now)

    def settle(self, **settings: Any) -> None:
        self.settings = AlertSettings.model_validate({"targets": TARGETS, **settings})

    def credential(self, generation: int, days: float, *, revoked: bool = False) -> None:
        live = KnownCredential(generation, "secret", self.now + timedelta(days=days), revoked=revoked)
        remember_credentials(self.registry, generation, [live])

    def verified(self, *runs: Run, days: float = 1) -> list[str]:
        """What the messages of the next night tell, after some runs; both organisations pass unless told otherwise."""
        self.now += timedelta(days=days)
        told = {run.tenant_id: run for run in (a_run(CONTOSO), a_run(FABRIKAM), *runs)}
        add_runs(self.registry, [replace(run, at=self.now) for run in told.values()])
        return self.told()

    def told(self) -> list[str]:
        """What the messages of a look tell."""
        return [f"{change.kind} {change.rule} {change.sentence}" for change in self.look()]

    def look(self) -> list[Notice]:
        return update_alerts(self.registry, self.settings)

    def sent(self) -> list[Any]:
        """Messages that are due, taken out of the registry."""
        taken = []
        while (message := claim(self.registry, "ops")) is not None:
            settle(self.registry, message, SENT)
            taken.append(message.content)
        return taken


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    nights = Nights(tmp_path)
    yield nights
    nights.registry.close()


def test_quiet_night_tells_nothing(nights: Nights) -> None:
    nights.credential(1, 180)

    assert [nights.verified() for _ in range(3)] == [[], [], []]


def test_credential_that_nears_its_end_is_told_at_each_threshold_and_once_when_replaced(nights: Nights) -> None:
    nights.credential(1, 40)
    told = {}
    for day in range(1, 43):
        if found := nights.verified():
            told[day] = found

    assert told == {
        11: ["problem credential-ends the credential (generation 1) ends in 29 days, at 2027-01-02 03:17 UTC"],
        27: ["problem credential-ends the credential (generation 1) ends in 13 days, at 2027-01-02 03:17 UTC"],
        34: ["problem credential-ends the credential (generation 1) ends in 6 days, at 2027-01-02 03:17 UTC"],
        40: ["problem credential-ends the credential (generation 1) ended at 2027-01-02 03:17 UTC"],
    }
    nights.credential(2, 180)
    assert nights.verified() == [f"recovery credential-ends {WELL['credential-ends']}"]
    assert nights.verified() == []


def test_access_that_is_lost_and_given_again_is_two_messages(nights: Nights) -> None:
    nights.verified()
    nights.registry.set_state(CONTOSO, State.REVOKED, reason="the grant is gone")
    gone = a_run(CONTOSO, verdict="fail", state=State.REVOKED, readable=None, checks={"token": "fail"})

    assert nights.verified(gone) == ["problem access-lost Contoso has taken its access away (the grant is gone)"]
    assert nights.verified(gone) == []
    nights.registry.set_state(CONTOSO, State.VERIFIED)
    assert nights.verified() == ["recovery access-lost Contoso gives access again"]


def test_access_that_gets_less_and_less_is_told_twice(nights: Nights) -> None:
    nights.registry.set_state(CONTOSO, State.RECONSENT_NEEDED, reason="missing: Calendars.Read")
    first = nights.told()
    nights.registry.set_state(CONTOSO, State.REVOKED, reason="gone")

    assert first == [
        "problem access-lost Contoso lacks a permission that the connector declares (missing: Calendars.Read)"
    ]
    assert nights.told() == ["problem access-lost Contoso has taken its access away (gone)"]


def test_organisation_that_limits_the_connector_is_told_of_too_much_and_of_too_little(nights: Nights) -> None:
    nights.verified()
    nights.registry.set_state(CONTOSO, State.TOO_MUCH, reason="the grant in Entra")
    wide = nights.told()
    nights.registry.set_state(CONTOSO, State.TOO_LITTLE, reason="refused")
    little = nights.told()
    nights.registry.set_state(CONTOSO, State.VERIFIED)

    assert wide == [
        "problem access-too-wide Contoso limits the connector, which reaches more mailboxes than it should "
        "(the grant in Entra)"
    ]
    assert sorted(little) == [
        "problem access-lost Contoso lets the connector read fewer mailboxes than it should (refused)",
        "recovery access-too-wide Contoso: the connector reaches no more mailboxes than it should",
    ]
    assert nights.told() == ["recovery access-lost Contoso gives access again"]


def test_organisation_that_never_consented_has_lost_nothing(nights: Nights) -> None:
    nights.registry.add("44444444-4444-4444-4444-444444444444", "Invited")
    nights.registry.set_state("44444444-4444-4444-4444-444444444444", State.FAILED, reason="it was declined")

    assert nights.told() == []


def test_coverage_that_fell_is_told_once_and_a_night_without_network_takes_nothing_back(nights: Nights) -> None:
    nights.verified()
    shrunk = a_run(FABRIKAM, verdict="warn", readable=30, checks={"baseline": "warn"}, cause="30 mailboxes were read")
    unsure = a_run(FABRIKAM, verdict="error", readable=0, checks={"users": "error"})

    assert nights.verified(shrunk) == ["problem coverage-fell Fabrikam: 30 mailboxes were read"]
    assert nights.verified(unsure) == []
    assert nights.verified(shrunk) == []
    assert nights.verified() == ["recovery coverage-fell Fabrikam: as many mailboxes can be read as before"]


def test_coverage_of_who_lost_access_is_neither_told_nor_taken_back(nights: Nights) -> None:
    shrunk = a_run(CONTOSO, verdict="warn", readable=30, checks={"baseline": "warn"}, cause="30")
    nights.verified(shrunk)
    nights.registry.set_state(CONTOSO, State.REVOKED, reason="gone")
    gone = a_run(CONTOSO, verdict="fail", state=State.REVOKED, readable=None, checks={"token": "fail"})

    assert nights.verified(gone) == ["problem access-lost Contoso has taken its access away (gone)"]


def test_verification_that_stays_out_is_one_message_for_all(nights: Nights) -> None:
    nights.verified()
    nights.now += timedelta(hours=35)
    assert nights.told() == []
    nights.now += timedelta(hours=2)

    assert nights.told() == [
        "problem verification-old 2 of 2 organisations were not verified for 36 hours: Contoso, Fabrikam"
    ]
    assert nights.told() == []
    assert nights.verified() == ["recovery verification-old every organisation was verified in time"]


def test_clock_that_jumps_ahead_and_back_is_told_once_each(nights: Nights) -> None:
    nights.verified()
    before, nights.now = nights.now, nights.now + timedelta(days=900)
    assert [line.split()[1] for line in nights.told()] == ["verification-old"]
    nights.now = before
    assert [line.split()[:2] for line in nights.told()] == [["recovery", "verification-old"]]


def test_revoked_credential_that_lives_does_not_wait_for_the_end_of_quiet_hours(nights: Nights) -> None:
    nights.settle(quiet_hours="22:00-07:00", time_zone="Europe/Berlin")
    nights.credential(1, 10, revoked=True)
    nights.look()

    assert [content["rule"] for content in nights.sent()] == ["credential-revoked"]
    nights.now = NIGHT.replace(hour=6, minute=1)  # 07:01 in Berlin
    assert [content["rule"] for content in nights.sent()] == ["credential-ends"]


def test_rotation_that_failed_is_told_once_and_again_when_it_succeeds(nights: Nights) -> None:
    nights.registry.note(ROTATE, RUN, FAILED, why="no token")
    assert nights.told() == ["problem rotation-failed the last rotation of the credential failed: no token"]
    nights.registry.note(ROTATE, RUN, FAILED, why="no token")
    assert nights.told() == []
    nights.registry.note(ROTATE, RUN, "succeeded")
    assert nights.told() == ["recovery rotation-failed the rotation of the credential succeeded"]


@pytest.mark.parametrize(
    ("outcome", "told"),
    [("done", "has consented"), ("declined", "has declined the consent"), ("blocked", "a policy of the organisation")],
)
def test_answer_of_an_administrator_is_told_once(nights: Nights, outcome: str, told: str) -> None:
    nights.look()
    nights.registry.note("consent", CONTOSO, outcome)
    nights.look()
    nights.look()

    (content,) = nights.sent()
    assert (content["kind"], content["rule"], content["organisation"]) == ("event", "consent", "Contoso")
    assert told in content["sentence"]


def test_answers_from_before_the_first_look_are_not_told(nights: Nights) -> None:
    nights.registry.note("consent", CONTOSO, "done")
    nights.look()
    nights.look()

    assert nights.sent() == []


def test_use_of_a_link_that_moves_an_organisation_is_one_message(nights: Nights) -> None:
    nights.look()
    made = make_link(
        nights.registry, CONTOSO, client_id=CLIENT, redirect_uri="https://a", permission_hash="h", lifetime=WEEK
    )
    refusal = Refusal("failed", "AADSTS1", "Entra ID answered the consent with an error (AADSTS1)")
    nights.registry.set_state(CONTOSO, State.INVITED)
    spend(nights.registry, made.state, client_id=CLIENT, refused=lambda _: refusal)
    nights.look()

    assert [content["rule"] for content in nights.sent()].count("consent") == 1


@pytest.mark.parametrize("named", [CONTOSO, "CONTOSO.com", " contoso "])
def test_muted_organisation_is_not_spoken_of(nights: Nights, named: str) -> None:
    nights.settle(mute=[named])
    nights.look()
    nights.registry.set_state(CONTOSO, State.REVOKED)
    nights.registry.note("consent", CONTOSO, "declined")

    assert nights.told() == []
    assert nights.sent() == []
    nights.settle()
    assert [line.split()[1] for line in nights.told()] == ["access-lost"]
    nights.settle(mute=[named])
    assert (nights.told(), open_alerts(nights.registry)) == ([], [])


@pytest.mark.parametrize("rule", ["access-lost", "rotation-failed", "consent"])
def test_rule_that_is_off_tells_nothing(nights: Nights, rule: RuleName) -> None:
    nights.settle(off=[rule])
    nights.look()
    nights.registry.set_state(CONTOSO, State.REVOKED)
    nights.registry.note(ROTATE, RUN, FAILED)
    nights.registry.note("consent", FABRIKAM, "done")
    nights.look()

    told = {content["rule"] for content in nights.sent()}
    assert told == {"access-lost", "rotation-failed", "consent"} - {rule}


def test_fault_that_touches_every_customer_is_one_message(nights: Nights) -> None:
    for number in range(AT_ONCE + 5):
        tenant_id = f"{number:08d}-0000-4000-8000-000000000000"
        nights.registry.add(tenant_id, f"Customer {number:02d}")
        nights.registry.set_state(tenant_id, State.REVOKED, consented_at=nights.now)

    (told,) = nights.told()

    assert told.startswith(f"problem access-lost {AT_ONCE + 5} organisations at once: Customer 00 has taken")
    assert len(open_alerts(nights.registry)) == AT_ONCE + 5


def test_alert_of_a_rule_that_another_version_knows_ends_with_plain_words(nights: Nights) -> None:
    with alert_session(nights.registry) as session:
        session.put(OpenAlert("rule-of-tomorrow", "connector", 0, nights.now, "something is wrong"))

    assert nights.told() == ["recovery rule-of-tomorrow rule-of-tomorrow: it is well again"]


def test_empty_registry_has_nothing_to_tell(nights: Nights) -> None:
    for tenant_id in (CONTOSO, FABRIKAM):
        nights.registry.remove(tenant_id, reason="over")

    assert nights.told() == []


def test_message_has_everything_that_a_program_needs_and_names_as_they_are(nights: Nights) -> None:
    name = 'Contoso "North" {1}'
    nights.registry.add(CONTOSO, name)
    nights.registry.set_state(CONTOSO, State.REVOKED, reason="gone")
    nights.look()

    (content,) = nights.sent()

    assert content["organisation"] == name
    assert content["text"].splitlines() == [
        f"{name} has taken its access away (gone)",
        "since 2026-11-23 03:17 UTC",
        f"next: orgcal consent link {CONTOSO} --stack prod",
        "connector orgcal/prod",
    ]
    assert set(content) == {
        "id", "kind", "rule", "severity", "connector", "subject", "tenant_id", "organisation", "sentence", "repair",
        "since", "at", "title", "text",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("hours", "zone", "now", "due"),
    [
        ("", "UTC", "2026-11-23 03:17", "2026-11-23 03:17"),
        ("22:00-07:00", "UTC", "2026-11-23 03:17", "2026-11-23 07:00"),
        ("22:00-07:00", "UTC", "2026-11-23 22:00", "2026-11-24 07:00"),
        ("22:00-07:00", "UTC", "2026-11-23 07:00", "2026-11-23 07:00"),
        ("12:00-13:00", "UTC", "2026-11-23 12:30", "2026-11-23 13:00"),
        ("12:00-13:00", "UTC", "2026-11-23 13:30", "2026-11-23 13:30"),
        ("22:00-07:00", "Europe/Berlin", "2026-11-23 21:30", "2026-11-24 06:00"),
        # The night in which clocks are set back: 07:00 is one hour later than the night before.
        ("22:00-07:00", "Europe/Berlin", "2026-10-24 21:00", "2026-10-25 06:00"),
    ],
)
def test_quiet_hours_end_by_the_clock_on_the_wall(hours: str, zone: str, now: str, due: str) -> None:
    settings = AlertSettings(quiet_hours=hours, time_zone=zone)
    moment, wanted = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (now, due))

    assert after_quiet_hours(moment, settings) == wanted
