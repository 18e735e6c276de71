"""How long the credential lasts, and how what a platform stores may differ from the stack's."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from orgcal.durations import rfc3339
from orgcal.entra.credentials import ClientSecret
from orgcal.errors import EntraError
from orgcal.platforms.model import PlatformCredential, StoredCredential
from tests.support.stack_record import NOW, outputs
from verify import agreement
from verify.agreement import check_agreement, check_expiry, credential_differences
from verify.models import Verdict


@pytest.mark.parametrize(
    ("left", "verdict", "says", "repair"),
    [
        (timedelta(days=-3), Verdict.FAIL, "the credential expired on 2026-11-20 UTC", "orgcal rotate"),
        (timedelta(0), Verdict.FAIL, "the credential expired on 2026-11-23 UTC", "orgcal rotate"),
        (timedelta(hours=1), Verdict.WARN, "until 2026-11-23 UTC, 0 days from now", "orgcal rotate"),
        (timedelta(days=29.9), Verdict.WARN, "until 2026-12-23 UTC, 29 days from now", "orgcal rotate"),
        (timedelta(days=30), Verdict.PASS, "until 2026-12-23 UTC, 30 days from now", ""),
    ],
)
def test_credential_warns_in_its_last_month_and_fails_after_its_end(
    left: timedelta, verdict: Verdict, says: str, repair: str
) -> None:
    found = check_expiry(outputs(left), NOW)

    assert (found.check, found.verdict, found.repair) == ("expiry", verdict, repair)
    assert says in found.sentence
    assert found.evidence["generation"] == 2
    assert found.evidence["days_left"] == round(left / timedelta(days=1), 1)
    assert found.evidence["expires_at"] == rfc3339(NOW + left)


def test_credential_of_which_an_older_one_was_revoked_and_still_works_fails() -> None:
    found = check_expiry(outputs(revoked=(1,)), NOW)

    assert found.verdict is Verdict.FAIL
    assert found.sentence.startswith("generation 1 was revoked")
    assert found.repair == "orgcal rotate --stack stack"


def test_stack_without_the_active_generation_has_nothing_that_expires() -> None:
    assert check_expiry(outputs(active_generation=9), NOW).verdict is Verdict.SKIP


def test_platform_without_a_credential_differs() -> None:
    assert list(credential_differences(outputs(), None)) == ["it has no credential"]


def stored(**changed: Any) -> StoredCredential:
    """What a platform stores that shows everything, by default what the stack has."""
    client_id, generation = changed.get("client_id", "client_id"), changed.get("generation", 2)
    secret = ClientSecret(changed.get("secret", "secret of the stack"))
    return StoredCredential(client_id, generation, credential=PlatformCredential("client_id", 2, secret))


@pytest.mark.parametrize(
    ("changed", "differences"),
    [
        ({}, []),
        ({"client_id": None, "generation": None}, []),
        ({"client_id": "other"}, ["client id other instead of client_id"]),
        ({"generation": 1, "secret": "old"}, ["credential of generation 1 instead of 2"]),
        ({"secret": "other"}, ["its secret is not the stack's"]),
        ({"generation": None, "secret": "other"}, ["its secret is not the stack's"]),
    ],
)
def test_stored_credential_differs_where_the_platform_tells_something_else(
    changed: dict[str, Any], differences: list[str]
) -> None:
    assert list(credential_differences(outputs(), stored(**changed))) == differences


def test_secret_is_compared_only_where_both_sides_show_one() -> None:
    other = stored(secret="other")

    assert list(credential_differences(outputs(client_secret=None), other)) == []
    assert list(credential_differences(outputs(credential_kind="certificate"), other)) == []
    assert list(credential_differences(outputs(), StoredCredential("client_id", 2))) == []


@pytest.mark.parametrize(
    ("connector", "application", "verdict", "sentence"),
    [
        ([], [], Verdict.PASS, "connector, application and stack agree"),
        (["connector: other"], EntraError("nobody is logged in"), Verdict.FAIL, "connector: other"),
        ([], EntraError("nobody is logged in"), Verdict.WARN,
         "connector agrees with the stack; application could not be read (nobody is logged in)"),
        (EntraError("no route"), EntraError("nobody is logged in"), Verdict.WARN,
         "nothing agrees with the stack; connector could not be read (no route); "
         "application could not be read (nobody is logged in)"),
    ],
)  # fmt: skip
def test_agreement_says_what_differs_first_and_then_what_nobody_could_read(
    monkeypatch: pytest.MonkeyPatch, connector: object, application: object, verdict: Verdict, sentence: str
) -> None:
    for name, answer in (("_connector", connector), ("_application", application)):
        monkeypatch.setattr(agreement, name, lambda *_, answer=answer: answered(answer))

    result = check_agreement(outputs(), SimpleNamespace())  # type: ignore[arg-type]

    assert (result.verdict, result.sentence) == (verdict, sentence)
    assert bool(result.repair) == (verdict is not Verdict.PASS)


def answered(answer: object) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer
