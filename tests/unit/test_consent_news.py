"""What operators are told of administrators' answers: one line, or one object, for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orgcal.consent.answers import ConsentNews, Event, news_of, told_of, unanswered
from orgcal.consent.outcomes import ConsentOutcome
from orgcal.tenants.model import LogEntry
from orgcal.tenants.registry import Registry, RegistryUnavailable
from tests.support.consent_probes import CONTOSO, memory_registry
from tests.support.health import Project


@pytest.fixture(scope="module")
def registry() -> Iterator[Registry]:
    with closing(memory_registry()) as registry:
        yield registry


LINK, CHECK = f"orgcal consent link {CONTOSO} --stack prod", f"orgcal consent check {CONTOSO} --stack prod"
VERIFY = f"orgcal verify --tenant {CONTOSO} --stack prod"
Outcome = ConsentOutcome

PLAIN: dict[ConsentOutcome, tuple[Event, str, str]] = {
    Outcome.PROVING: ("proving", "has agreed; its permissions are looked for", ""),
    Outcome.DONE: ("accepted", "has consented: every permission that the link asks for is effective", VERIFY),
    Outcome.DECLINED: ("declined", "has declined the consent", f"{LINK}, if that was a mistake"),
    Outcome.NOT_ADMINISTRATOR: (
        "refused",
        "has not consented: who opened the link is no administrator there",
        LINK,
    ),
    Outcome.WRONG_ORGANISATION: (
        "refused",
        "has not consented: somebody of another organisation used its link",
        LINK,
    ),
    Outcome.SERVICE_MISSING: ("refused", "could not consent: it lacks a service that the application needs", LINK),
    Outcome.MISCONFIGURED: (
        "refused",
        "could not consent: the application's registration is not as Entra ID wants it",
        LINK,
    ),
    Outcome.BLOCKED: ("refused", "could not consent: a policy of the organisation stopped the sign-in", LINK),
    Outcome.BUSY: ("refused", "could not consent: Entra ID could not answer", LINK),
    Outcome.NOT_ARRIVED: ("incomplete", "has agreed, and the permissions have not arrived in time", CHECK),
    Outcome.WITHDRAWN: ("ignored", "was removed while its consent was proved", ""),
    Outcome.FAILED: ("refused", "could not consent: Entra ID answered with an error", LINK),
    Outcome.LINK_USED: ("ignored", "used its link again, by which it has consented", ""),
    Outcome.LINK_USED_WAITING: (
        "ignored",
        "used its link again, whose permissions have not been seen yet",
        CHECK,
    ),
    Outcome.LINK_USED_IN_VAIN: ("ignored", "used its link again, by which it has not consented", LINK),
    Outcome.LINK_EXPIRED: ("ignored", "used a link that is not good any more", LINK),
    Outcome.NOT_OURS: ("ignored", "not-ours", LINK),  # belongs to no organisation, so that nobody is told
    Outcome.UNAVAILABLE: ("ignored", "unavailable", LINK),
}


WORDS = (
    "proving", "done", "declined", "not-administrator", "wrong-organisation", "service-missing", "misconfigured",
    "blocked", "busy", "not-arrived", "withdrawn", "failed", "link-used", "link-used-waiting", "link-used-in-vain",
    "link-expired", "not-ours", "unavailable",
)  # fmt: skip
"""As registries keep outcomes, and programs read them."""


@pytest.mark.parametrize(("outcome", "word"), list(zip(ConsentOutcome, WORDS, strict=True)))
def test_answer_without_a_detail_is_told_with_what_comes_next(
    registry: Registry, outcome: ConsentOutcome, word: str
) -> None:
    event, sentence, following = PLAIN[outcome]

    news = news_of(registry, "prod", CONTOSO, outcome)

    assert news == ConsentNews(event, outcome, CONTOSO, "Contoso", sentence, "", "", (), following, news.time)
    assert news.as_json()["outcome"] == word
    line = f"Contoso ({CONTOSO}) {sentence}"
    assert news.line() == (f"{line}; next: {following}" if following else line)


GLOBAL = "pass the link on to a Global Administrator or Privileged Role Administrator"


@pytest.mark.parametrize(
    ("outcome", "detail", "meaning", "following"),
    [
        (Outcome.DECLINED, "AADSTS65004", "the administrator declined", f"{LINK}, if that was a mistake"),
        (Outcome.DECLINED, "access_denied", "", f"{LINK}, if that was a mistake"),
        (Outcome.NOT_ADMINISTRATOR, "AADSTS90094", "only an administrator may consent", f"{GLOBAL}, then {LINK}"),
        (
            Outcome.SERVICE_MISSING,
            "AADSTS650052",
            "the organisation lacks a service that the application needs",
            "Exchange Online must be enabled there; then send the organisation's administrator the link of "
            f"`{LINK}`, and check the tenant id",
        ),
        (
            Outcome.BUSY,
            "AADSTS90033",
            "Entra ID's directory is not available for the moment",
            f"try again, then {LINK}",
        ),
        (Outcome.NOT_ARRIVED, "not effective: A", "", CHECK),
        (Outcome.DONE, "AADSTS90033", "Entra ID's directory is not available for the moment", VERIFY),
    ],
)
def test_detail_of_an_answer_is_told_with_its_meaning_and_repair(
    registry: Registry, outcome: ConsentOutcome, detail: str, meaning: str, following: str
) -> None:
    event, sentence, _ = PLAIN[outcome]

    news = news_of(registry, "prod", CONTOSO, outcome, detail)

    assert news == ConsentNews(event, outcome, CONTOSO, "Contoso", sentence, detail, meaning, (), following, news.time)
    why = f"{detail}: {meaning}" if meaning else detail
    assert news.line() == f"Contoso ({CONTOSO}) {sentence} ({why}); next: {following}"


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.NOT_ARRIVED])
def test_proof_that_broke_is_told_as_our_fault_and_looked_at_again(registry: Registry, outcome: ConsentOutcome) -> None:
    news = news_of(registry, "prod", CONTOSO, outcome, "internal")

    assert news.sentence == "has agreed, and orgcal broke while it looked for the permissions"
    assert (news.event, news.detail, news.next) == (PLAIN[outcome][0], "internal", CHECK)


def row(action: str, result: str, **detail: str) -> LogEntry:
    return LogEntry(1, datetime(2026, 11, 29, tzinfo=UTC), "ada", action, CONTOSO, result, detail)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (row("consent", "declined", detail="AADSTS65004"),
         "declined: has declined the consent (AADSTS65004: the administrator declined)"),
        (row("consent", "done", detail=""), "done: has consented"),
        (row("consent", "busy"), "busy: could not consent: Entra ID could not answer"),
        (row("consent", "failed", detail="internal"),
         "failed: has agreed, and orgcal broke while it looked for the permissions (internal)"),
        (row("consent", "failed", before="invited"), ""),
        (row("consent", "verified"), ""),
        (row("platform", "failed"), ""),
    ],
)  # fmt: skip
def test_row_of_the_log_is_told_where_it_is_an_answer(entry: LogEntry, told: str) -> None:
    assert told_of(entry) == told


def test_nobody_who_answered_is_told_as_news_too(registry: Registry) -> None:
    contoso, now = registry.wanted("Contoso"), datetime(2026, 11, 29, 12, tzinfo=UTC)

    news = unanswered(contoso, "prod", "10 minutes", now)

    assert news == ConsentNews(
        "unanswered",
        None,
        CONTOSO,
        "Contoso",
        "has not answered within 10 minutes",
        "",
        "",
        (),
        f"orgcal log {CONTOSO} --stack prod",
        now,
    )
    assert (news.as_json()["outcome"], news.as_json()["time"]) == (None, "2026-11-29T12:00:00Z")


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

    def broken(_: str) -> Any:
        raise ValueError("broken")

    fake = cast(Registry, SimpleNamespace(get=away, now=registry.now))

    assert news_of(fake, "prod", CONTOSO, ConsentOutcome.LINK_USED).line() == (
        f"{CONTOSO} ({CONTOSO}) used its link again, by which it has consented"
    )
    with pytest.raises(ValueError, match="broken"):
        news_of(cast(Registry, SimpleNamespace(get=broken, now=registry.now)), "prod", CONTOSO, ConsentOutcome.DONE)


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
