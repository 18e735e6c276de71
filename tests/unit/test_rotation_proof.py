"""The proof of a credential without a server: tokens in a row, and a clock by answers with and without a date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import requests

from orgcal.entra.credentials import ClientSecret
from orgcal.entra.probe import TenantAccess
from orgcal.platforms.testing_server import FakeTime
from orgcal.rotation import proof
from orgcal.rotation.proof import IN_A_ROW, ClockSkew, CredentialProber, Organisation

REFUSED = TenantAccess("credential refused", "the client secret is wrong")
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def test_tokens_before_a_refusal_do_not_count_as_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replicas learn of a credential one after the other: token, refusal, token, token proves nothing yet."""
    answers: list[TenantAccess | None] = [None] * (IN_A_ROW - 1) + [REFUSED] + [None] * IN_A_ROW
    left = iter(answers)
    monkeypatch.setattr(proof, "token_refusal", lambda _: next(left))
    session = cast(Any, None)
    prober = CredentialProber(session, "client", session, patience=timedelta(minutes=5), clock=FakeTime().clock())

    made = prober.prove(ClientSecret("s"), [], Organisation("home", "the home tenant"), way="stack's credential")

    assert made.passed
    assert list(left) == [], "each of the tokens after the refusal was needed"


@pytest.mark.parametrize("date", [None, "", "soon", "Sat, 99 Nov 2026 12:00:00 GMT"])
def test_answer_without_a_date_leaves_the_clock_as_it_was_known(date: str | None) -> None:
    skew = ClockSkew(lambda: NOW)
    dated, undated = requests.Response(), requests.Response()
    dated.headers["Date"] = "Sat, 28 Nov 2026 12:10:00 GMT"
    if date is not None:
        undated.headers["Date"] = date

    skew(undated)
    assert skew.offset_s is None
    skew(dated)
    skew(undated)

    assert skew.offset_s == 600.0
