"""The proof of a credential without a server: tokens in a row, and a clock by answers with and without a date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import requests

from orgcal.entra.credentials import ClientSecret
from orgcal.entra.probe import TenantAccess
from orgcal.errors import Unreachable, UsageError
from orgcal.platforms.testing_server import FakeTime
from orgcal.rotation import proof
from orgcal.rotation.proof import IN_A_ROW, ClockSkew, CredentialProber, Organisation, Proof

REFUSED = TenantAccess("credential refused", "the client secret is wrong")
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
HOME, CONTOSO, FABRIKAM = (Organisation(name.lower(), name) for name in ("Home", "Contoso", "Fabrikam"))


class Answers:
    """What Entra ID says in each organisation, again and again; counts how often it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **refusals: TenantAccess | None) -> None:
        self.refusals = refusals
        self.asked: list[str] = []
        self.told: list[str] = []
        self.time = FakeTime()
        monkeypatch.setattr(proof, "TokenSource", lambda _, tenant_id, *rest: tenant_id)
        monkeypatch.setattr(proof, "token_refusal", self._answer)

    def _answer(self, tenant_id: str) -> TenantAccess | None:
        self.asked.append(tenant_id)
        return self.refusals.get(tenant_id)

    def prove(self, *sample: Organisation, seconds: float = 300.0) -> Proof:
        nothing = cast(Any, None)
        patience, clock = timedelta(seconds=seconds), self.time.clock()
        prober = CredentialProber(nothing, "client", nothing, patience=patience, tell=self.told.append, clock=clock)
        return prober.prove(ClientSecret("s"), sample, HOME, way="stack's credential")


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


@pytest.mark.parametrize(
    ("entra_says", "side"), [("12:05:01", "5 minutes behind"), ("11:54:59", "5 minutes ahead of"), ("12:08:40", "9 ")]
)
def test_clock_further_off_than_entra_tolerates_is_refused(entra_says: str, side: str) -> None:
    skew, answer = ClockSkew(lambda: NOW), requests.Response()
    answer.headers["Date"] = f"Sat, 28 Nov 2026 {entra_says} GMT"
    skew(answer)

    with pytest.raises(UsageError, match=side) as refused:
        skew.check()
    assert refused.value.where == "clock"


@pytest.mark.parametrize("entra_says", ["12:05:00", "11:55:00", "12:00:00"])
def test_clock_that_entra_tolerates_is_taken(entra_says: str) -> None:
    skew, answer = ClockSkew(lambda: NOW), requests.Response()
    skew.check()
    answer.headers["Date"] = f"Sat, 28 Nov 2026 {entra_says} GMT"
    skew(answer)

    skew.check()


def test_credential_is_proved_in_every_organisation_and_at_home_only_without_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = Answers(monkeypatch)

    everywhere, at_home = answers.prove(CONTOSO, FABRIKAM), answers.prove()

    assert answers.asked == ["contoso"] * IN_A_ROW + ["fabrikam"] * IN_A_ROW + ["home"] * IN_A_ROW
    assert (everywhere.passed, everywhere.organisations) == (True, ("Contoso", "Fabrikam"))
    assert everywhere.sentence == "3 fresh tokens in a row in Contoso, Fabrikam"
    assert (at_home.organisations, at_home.way) == (("Home",), "stack's credential")


def test_organisation_that_cannot_tell_is_named_and_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(monkeypatch, contoso=TenantAccess("none", "it has not consented"))

    made = answers.prove(CONTOSO, FABRIKAM)

    assert made.organisations == ("Fabrikam",)
    assert answers.told == ["  Contoso cannot tell: it has not consented"]
    assert answers.time.now_s == 0, "another answer is not waited for"


def test_credential_that_one_organisation_refuses_fails_the_proof_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(monkeypatch, fabrikam=REFUSED)

    made = answers.prove(CONTOSO, FABRIKAM, Organisation("third", "Third"), seconds=20)

    assert (made.passed, made.organisations) == (False, ("Contoso",))
    assert made.sentence == "Fabrikam gave no tokens for 20 s: the client secret is wrong"
    assert "goes on from here" in made.repair
    assert answers.told == ["  waiting for Fabrikam: the client secret is wrong"], "once, however long it takes"
    assert set(answers.asked) == {"contoso", "fabrikam"}
    assert 19 <= answers.time.now_s <= 21


def test_organisation_that_gives_no_answer_fails_the_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = TenantAccess("unknown", "no answer", error=Unreachable("no answer"))

    made = Answers(monkeypatch, contoso=silent).prove(CONTOSO, seconds=5)

    assert (made.passed, made.sentence) == (False, "Contoso gave no tokens for 5 s: no answer")


def test_home_tenant_that_refuses_fails_the_proof_with_its_own_repair(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = TenantAccess("no tenant", "there is no such tenant", "check TENANT")

    made = Answers(monkeypatch, home=gone).prove()

    assert (made.passed, made.sentence) == (False, "Home gave no tokens: there is no such tenant")
    assert made.repair == "check Home"


def test_pauses_of_a_proof_stay_short_enough_to_notice_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(monkeypatch, home=REFUSED)

    answers.prove(seconds=300)

    assert answers.time.waits[0] < 3
    assert max(answers.time.waits) <= 15 * 1.5
    assert len(answers.time.waits) > 15
