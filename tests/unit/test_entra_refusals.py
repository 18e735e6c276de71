"""Every number that this job meets has a cause, somebody who acts, and a repair; nothing that is needed is cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from orgcal.entra.aadsts import MEANINGS, Kind, Meaning
from orgcal.entra.auth import refusal_in
from orgcal.stack.errors import explain

TRACE = " Trace ID: 8335980a-8604-4005-a5e1-f678003d5b01 Correlation ID: c3a1f4bb Timestamp: 2026-05-31 14:26:23Z"
IN_CAPITALS = (
    "AADSTS7002138: No matching federated identity record found for presented assertion subject "
    "'repo:Acme-Calendar-Team/Outlook-Calendar-Connector:environment:production-scheduled'. The subject matches with "
    "case-insensitive comparison, but not with case-sensitive comparison."
)
"""As https://github.com/Azure/login/issues/517 reports it, with other names."""


def test_table_has_more_than_forty_numbers() -> None:
    assert len(MEANINGS) >= 40
    assert {7002138, 700212, 7000112, 900941, 65005, 650056} <= MEANINGS.keys()


@pytest.mark.parametrize("meaning", MEANINGS.values(), ids=lambda meaning: str(meaning.number))
def test_number_has_cause_actor_repair_and_source(meaning: Meaning) -> None:
    assert meaning.sentence
    assert meaning.sentence[0].islower() or meaning.sentence.startswith(("Entra", "Conditional"))
    assert not meaning.sentence.endswith(".")
    assert meaning.repair
    assert meaning.actor
    assert meaning.source.startswith("https://")


def test_numbers_that_pass_by_themselves_are_nobodys_to_repair() -> None:
    nobodys = {number for number, meaning in MEANINGS.items() if meaning.actor == "nobody"}

    assert {number for number, meaning in MEANINGS.items() if meaning.kind is Kind.BUSY} <= nobodys


def test_refusal_that_names_what_differs_is_quoted_whole() -> None:
    error = refusal_in(f"invalid_client: {IN_CAPITALS}{TRACE}", "token")

    assert "differs from the federated credential's in capitals only (invalid_client, AADSTS7002138)" in error.what
    assert error.what.endswith(IN_CAPITALS.partition(": ")[2])
    assert "letter by letter" in error.repair


@pytest.mark.parametrize(
    "number",
    [
        *(50011, 50012, 50013, 50027, 50166, 65005, 70011, 70021, 500011, 500014, 530032),
        *(650052, 650054, 650056, 650057),
        *(700021, 700023, 700030, 700211, 700212, 700213, 900144, 1002012, 5000224, 5002738, 7002381),
    ],
)
def test_refusal_whose_words_decide_shows_them(number: int) -> None:
    assert "the words of Entra ID" in refusal_in(f"AADSTS{number}: the words of Entra ID.{TRACE}", "token").what


def test_number_that_nobody_knows_is_shown_with_all_of_its_words() -> None:
    words = f"{'Something that takes a while to say. ' * 12}and here is what matters."

    error = refusal_in(f"AADSTS7999999: {words}{TRACE}", "token")

    assert error.what == f"Entra ID refused: {words} (refused, AADSTS7999999)"
    assert "Trace ID" not in error.what


def test_words_without_end_are_cut() -> None:
    assert len(refusal_in(f"AADSTS7999999: {'x' * 100_000}", "token").what) < 700


def test_application_that_is_disabled_is_enabled_by_whom_and_where() -> None:
    error = refusal_in("AADSTS7000112: Application 'a'(b) is disabled.", "token")

    assert error.what == "the application is disabled (refused, AADSTS7000112)"
    assert "an administrator of the organisation enables it under Enterprise applications" in error.repair


@pytest.mark.parametrize(
    ("number", "repair"),
    [
        (700016, "check ARM_CLIENT_ID and the tenant"),
        (7000215, "give ARM_CLIENT_SECRET the secret's value, not its id"),
        (7000222, "give ARM_CLIENT_SECRET"),
        (50076, "az login --tenant 1111 --allow-no-subscriptions"),
        (90002, "check the tenant id"),
    ],
)
def test_operator_who_is_refused_is_told_of_the_operators_login(number: int, repair: str) -> None:
    error = refusal_in(f"AADSTS{number}: words", "operator", home_tenant="1111")

    assert error.repair.startswith(repair)
    assert "consent link" not in error.repair
    assert "pulumi up" not in error.repair


def test_refusal_in_the_engines_words_has_the_same_repair_and_how_to_log_in() -> None:
    said = f"building client: unable to obtain access token: {IN_CAPITALS}"

    error = explain("", [said, "update failed"], stack="prod", project=Path())

    assert error.what.endswith("but not with case-sensitive comparison.")
    assert "letter by letter" in error.repair
    assert error.repair.endswith("orgcal doctor --stack prod tries the login")
