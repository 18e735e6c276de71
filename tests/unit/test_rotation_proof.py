"""The proof of a credential without a server: tokens in a row, and a clock by answers with and without a date."""

from __future__ import annotations

import random
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


def prober_with(patience_s: float) -> tuple[CredentialProber, FakeTime]:
    """A prober that tells nobody, and its clock."""
    time = FakeTime()
    endpoints, session = cast(Any, "endpoints"), cast(Any, "session")
    patience = timedelta(seconds=patience_s)
    return CredentialProber(endpoints, "client", session, patience=patience, clock=time.clock()), time


def test_tokens_before_a_refusal_do_not_count_as_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replicas learn of a credential one after the other: token, refusal, token, token proves nothing yet."""
    answers: list[TenantAccess | None] = [None] * (IN_A_ROW - 1) + [REFUSED] + [None] * IN_A_ROW
    left = iter(answers)
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(proof, "TokenSource", lambda *given: asked.append(given))
    monkeypatch.setattr(proof, "token_refusal", lambda _: next(left))
    prober, _ = prober_with(300.0)

    made = prober.prove(ClientSecret("s"), [], Organisation("home", "the home tenant"), way="stack's credential")

    assert made.passed
    assert list(left) == [], "each of the tokens after the refusal was needed"
    assert asked == [("endpoints", "home", "client", ClientSecret("s"), "session")] * (2 * IN_A_ROW)


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
    ("entra_says", "off"),
    [
        ("12:05:01", "5 minutes behind"),
        ("11:54:59", "5 minutes ahead of"),
        ("12:08:40", "9 minutes behind"),
        ("13:00:00", "60 minutes behind"),
    ],
)
def test_clock_further_off_than_entra_tolerates_is_refused(entra_says: str, off: str) -> None:
    skew, answer = ClockSkew(lambda: NOW), requests.Response()
    answer.headers["Date"] = f"Sat, 28 Nov 2026 {entra_says} GMT"
    skew(answer)

    with pytest.raises(UsageError) as refused:
        skew.check()
    assert str(refused.value) == (
        f"clock: this machine's clock is {off} Entra ID's, which dates and retires credentials; nothing was changed\n"
        "  repair: set the clock (timedatectl set-ntp true), then run the same command again"
    )


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
    assert everywhere == Proof(
        True, "3 fresh tokens in a row in Contoso, Fabrikam", "stack's credential", ("Contoso", "Fabrikam")
    )
    assert at_home == Proof(True, "3 fresh tokens in a row in Home", "stack's credential", ("Home",))
    assert (at_home.repair, at_home.platform, at_home.words()) == ("", "", "3 fresh tokens in a row in Home")


def test_organisation_that_cannot_tell_is_named_and_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(monkeypatch, contoso=TenantAccess("none", "it has not consented"))

    made = answers.prove(CONTOSO, FABRIKAM)

    assert made.organisations == ("Fabrikam",)
    assert answers.told == ["  Contoso cannot tell: it has not consented"]
    assert answers.time.now_s == 0, "another answer is not waited for"


def test_credential_that_one_organisation_refuses_fails_the_proof_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(monkeypatch, fabrikam=REFUSED)

    made = answers.prove(CONTOSO, FABRIKAM, Organisation("third", "Third"), seconds=20)

    assert made == Proof(
        False,
        "Fabrikam gave no tokens for 20 s: the client secret is wrong",
        "stack's credential",
        ("Contoso",),
        "orgcal rotate goes on from here; a new credential may need minutes to be known everywhere",
    )
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

    assert made == Proof(False, "Home gave no tokens: there is no such tenant", "stack's credential", (), "check Home")


def test_pauses_of_a_proof_stay_short_enough_to_notice_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(monkeypatch, home=REFUSED)
    monkeypatch.setattr(random, "random", lambda: 1.0)

    answers.prove(seconds=60)

    assert answers.time.waits == [0.5, 1, 2, 4, 8, 15, 15, 14.5]


def test_each_organisation_of_a_proof_is_waited_for_in_short_pauses_first(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(monkeypatch)
    refused = iter([REFUSED, REFUSED, *[None] * IN_A_ROW, REFUSED, *[None] * IN_A_ROW])
    monkeypatch.setattr(proof, "token_refusal", lambda _: next(refused))
    monkeypatch.setattr(random, "random", lambda: 1.0)

    assert answers.prove(CONTOSO, FABRIKAM).passed

    assert answers.time.waits == [0.5, 1, 0.5]


def test_problem_of_a_proof_is_asked_for_until_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    prober, time = prober_with(60.0)
    problems = iter(["not yet", "not yet", ""])

    assert prober.settle(lambda: next(problems)) == ""
    assert len(time.waits) == 2
    assert prober.settle(lambda: "for ever") == "for ever"
    assert 59 <= time.now_s - sum(time.waits[:2]) <= 61


@pytest.mark.parametrize(
    ("proof_of", "said"),
    [
        (Proof(True, "3 fresh tokens", "stack's credential", ("Contoso",), "hidden", "vault"),
         {"passed": True, "sentence": "3 fresh tokens", "way": "stack's credential", "organisations": ("Contoso",),
          "platform": "vault"}),
        (Proof(False, "no token", "nothing"),
         {"passed": False, "sentence": "no token", "way": "nothing", "organisations": (), "platform": None}),
    ],
    ids=["passed", "failed"],
)  # fmt: skip
def test_proof_as_json_names_its_platform_or_none(proof_of: Proof, said: dict[str, Any]) -> None:
    assert proof_of.as_json() == said
