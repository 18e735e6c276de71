"""What operators are told of administrators' answers: one line, or one object, for each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orgcal.consent.answers import ENDED, news_of, next_step, unanswered
from orgcal.consent.outcomes import ConsentOutcome
from orgcal.tenants.registry import Registry, RegistryUnavailable
from tests.support.deployed_connector import CONTOSO
from tests.support.health import Project
from tests.support.registry import registry_of_customers

NOT_TOLD = {ConsentOutcome.NOT_OURS, ConsentOutcome.UNAVAILABLE}
"""What belongs to no organisation."""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with registry_of_customers(tmp_path) as registry:
        yield registry


LINK, CHECK = f"orgcal consent link {CONTOSO} --stack prod", f"orgcal consent check {CONTOSO} --stack prod"
DONE, DECLINED, FAILED = ConsentOutcome.DONE, ConsentOutcome.DECLINED, ConsentOutcome.FAILED
NOT_ADMINISTRATOR, NOT_ARRIVED = ConsentOutcome.NOT_ADMINISTRATOR, ConsentOutcome.NOT_ARRIVED


@pytest.mark.parametrize(
    ("outcome", "detail", "event", "told", "following"),
    [
        (DONE, "", "accepted", "has consented: every permission", f"orgcal verify --tenant {CONTOSO} --stack prod"),
        (ConsentOutcome.PROVING, "", "proving", "has agreed; its permissions are looked for", ""),
        (DECLINED, "AADSTS65004", "declined", "(AADSTS65004: the administrator declined)", LINK),
        (DECLINED, "access_denied", "declined", "has declined the consent (access_denied)", LINK),
        (
            NOT_ADMINISTRATOR,
            "AADSTS90094",
            "refused",
            "only an administrator may consent)",
            "pass the link on to a Global",
        ),
        (NOT_ADMINISTRATOR, "", "refused", "who opened the link is no administrator there;", LINK),
        (
            ConsentOutcome.SERVICE_MISSING,
            "AADSTS650052",
            "refused",
            "it lacks a service",
            "Exchange Online must be enabled",
        ),
        (ConsentOutcome.BUSY, "AADSTS90033", "refused", "is not available for the moment)", f"try again, then {LINK}"),
        (NOT_ARRIVED, "not effective: A", "incomplete", "have not arrived in time (not effective: A)", CHECK),
        (
            FAILED,
            "AADSTS50000",
            "refused",
            "Entra ID answered with an error (AADSTS50000",
            "try again; then ask Microsoft",
        ),
        (ConsentOutcome.LINK_USED, "", "ignored", "used its link again, by which it has consented", ""),
        (ConsentOutcome.LINK_USED_WAITING, "", "ignored", "whose permissions have not been seen yet", CHECK),
        (ConsentOutcome.LINK_EXPIRED, "", "ignored", "used a link that is not good any more", LINK),
    ],
)
def test_answer_is_told_with_name_meaning_and_what_comes_next(
    registry: Registry, outcome: ConsentOutcome, detail: str, event: str, told: str, following: str
) -> None:
    news = news_of(registry, "prod", CONTOSO, outcome, detail)

    assert news.event == event
    assert news.line().startswith(f"Contoso ({CONTOSO}) ")
    assert told in news.line()
    assert news.next.startswith(following) if following else news.next == ""
    assert news.line().endswith(f"; next: {news.next}" if following else told)


@pytest.mark.parametrize("outcome", [outcome for outcome in ConsentOutcome if outcome not in NOT_TOLD])
def test_every_outcome_has_words_of_its_own_and_only_those_that_ended_well_need_no_step(
    registry: Registry, outcome: ConsentOutcome
) -> None:
    news = news_of(registry, "prod", CONTOSO, outcome)

    assert " " in news.sentence, "the outcome's own name is no sentence"
    assert (next_step(outcome, CONTOSO, "prod") != "") is (
        outcome
        in (*ENDED, ConsentOutcome.LINK_USED_IN_VAIN, ConsentOutcome.LINK_USED_WAITING, ConsentOutcome.LINK_EXPIRED)
    )


def test_answer_as_json_has_the_time_in_utc_and_what_is_missing(registry: Registry) -> None:
    news = news_of(registry, "prod", CONTOSO, ConsentOutcome.NOT_ARRIVED, "not effective: A, B", ("A", "B"))

    told = news.as_json()

    assert told.pop("time") == news.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert told == {
        "event": "incomplete",
        "outcome": "not-arrived",
        "tenant_id": CONTOSO,
        "organisation": "Contoso",
        "sentence": "has agreed, and the permissions have not arrived in time",
        "detail": "not effective: A, B",
        "meaning": "",
        "missing": ["A", "B"],
        "next": f"orgcal consent check {CONTOSO} --stack prod",
    }


def test_answer_is_told_by_its_tenant_id_where_the_registry_is_away(registry: Registry) -> None:
    def away(_: str) -> Any:
        raise RegistryUnavailable("the registry cannot be asked now", where="registry")

    fake = cast(Registry, SimpleNamespace(get=away, now=registry.now))

    assert news_of(fake, "prod", CONTOSO, ConsentOutcome.DONE).line().startswith(f"{CONTOSO} ({CONTOSO}) has consented")


def test_name_that_would_move_the_cursor_is_told_without_doing_so(registry: Registry) -> None:
    tenant = registry.wanted("Contoso")
    object.__setattr__(tenant, "name", "Con\x1b[2K\ntoso")

    line = unanswered(tenant, "prod", "10 minutes", datetime(2026, 11, 29, tzinfo=UTC)).line()

    assert line.startswith("Con\\u001b[2K\\u000atoso (")
    assert "has not answered within 10 minutes; next: orgcal log" in line


def test_log_names_the_organisation_and_what_it_has_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(tmp_path, monkeypatch)
    with project.registry() as registry:
        registry.add(CONTOSO, "Contoso", domain="contoso.example")
        registry.note("consent", CONTOSO, "declined", detail="AADSTS65004")
        registry.note("consent", CONTOSO, "verified", before="invited")
        registry.note("consent", "33333333-3333-3333-3333-333333333333", "done", detail="")

    lines = project.run("log").output.splitlines()

    assert [line.split("  ada  ", 1)[1] for line in lines[1:]] == [
        f"consent  Contoso ({CONTOSO})  declined: has declined the consent (AADSTS65004: the administrator declined)",
        f"consent  Contoso ({CONTOSO})  verified (before invited)",
        "consent  33333333-3333-3333-3333-333333333333  done: has consented",
    ]
