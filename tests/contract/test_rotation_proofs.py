"""The proofs of a rotation against the emulator: credentials that lag, tenants that cannot tell, silent platforms."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from orgcal.errors import UsageError
from orgcal.rotation.proof import IN_A_ROW, ClockSkew, Organisation, sample_of
from orgcal.tenants.model import State, Tenant
from tests.support.deployed_connector import (
    FABRIKAM,
)
from tests.support.rotation_bench import AT_CONTOSO, AT_HOME, Bench, bench

__all__ = ["bench"]


def test_prober_waits_until_a_new_secret_is_accepted_several_times_in_a_row(bench: Bench) -> None:
    secret = bench.added(lag_s=20)

    proof = bench.prober().prove(secret, [], AT_HOME, way="stack's credential")

    assert proof.passed
    assert proof.organisations == ("the home tenant",)
    assert 15 <= bench.slept_s <= 40
    assert bench.told == ["  waiting for the home tenant: the client secret is wrong (invalid_client, AADSTS7000215)"]
    assert secret.value not in repr(proof)
    given = [entry for entry in bench.emulator.journal() if "/oauth2/v2.0/token" in entry["path"]]
    assert [entry["status"] for entry in given][-IN_A_ROW:] == [200] * IN_A_ROW


def test_prober_gives_up_when_patience_is_over_and_says_what_was_answered(bench: Bench) -> None:
    secret = bench.added(lag_s=3600)

    proof = bench.prober(patience_s=30).prove(secret, [], AT_HOME, way="stack's credential")

    assert not proof.passed
    assert "gave no tokens for 30 s: the client secret is wrong" in proof.sentence
    assert "orgcal rotate" in proof.repair
    assert bench.slept_s <= 30


def test_prober_asks_no_further_where_an_organisation_cannot_tell_and_falls_back_to_the_home_tenant(
    bench: Bench,
) -> None:
    gone = Organisation(FABRIKAM, "Fabrikam")

    proof = bench.prober().prove(bench.current, [AT_CONTOSO, gone], AT_HOME, way="stack's credential")

    assert proof.passed
    assert proof.organisations == ("the home tenant",)
    assert [line.split(" cannot")[0].strip() for line in bench.told] == ["Contoso", "Fabrikam"]
    assert bench.slept_s == 0


def test_prober_proves_in_consented_organisations_without_the_home_tenant(bench: Bench) -> None:
    bench.consent()

    proof = bench.prober().prove(bench.current, [AT_CONTOSO], AT_HOME, way="stack's credential")

    assert proof.organisations == ("Contoso",)


def test_sample_of_many_organisations_is_small_fair_and_repeatable() -> None:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    known = [
        Tenant(f"{number:08d}", f"Organisation {number}", "", state, added_at=now, changed_at=now)
        for number, state in enumerate([State.VERIFIED, State.INVITED, State.CONSENTED, State.REVOKED] * 50)
    ]

    samples = [sample_of(iter(known), f"seed {seed}") for seed in range(60)]

    assert {len(sample) for sample in samples} == {5}
    assert sample_of(iter(known), "seed 1") == samples[1]
    chosen = {item.tenant_id for sample in samples for item in sample}
    assert chosen <= {item.tenant_id for item in known if item.state in (State.VERIFIED, State.CONSENTED)}
    assert len(chosen) > 80  # of a hundred; every one has a chance
    assert sample_of(known[1:2], "seed") == []


def test_sample_leaves_each_organisation_out_as_often_as_any_other() -> None:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    known = [
        Tenant(str(number), f"Organisation {number}", "", State.VERIFIED, added_at=now, changed_at=now)
        for number in range(7)
    ]

    samples = [sample_of(known, f"seed {seed}") for seed in range(1400)]

    chosen = Counter(item for sample in samples for item in sample)
    assert sample_of(known[:5], "seed") == [Organisation(str(number), f"Organisation {number}") for number in range(5)]
    assert chosen.keys() == {Organisation(str(number), f"Organisation {number}") for number in range(7)}
    assert all(920 <= count <= 1080 for count in chosen.values()), "each in five sevenths of the samples"


# The clock ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("off", "says"), [(600, "10 minutes ahead of"), (-600, "10 minutes behind")])
def test_clock_that_is_off_by_minutes_is_refused_by_the_answers_date(bench: Bench, off: float, says: str) -> None:
    clock = ClockSkew(lambda: datetime.now(UTC) + timedelta(seconds=off))
    bench.session.hooks["response"].append(clock)

    bench.prober().prove(bench.current, [], AT_HOME, way="stack's credential")

    with pytest.raises(UsageError, match=says) as refused:
        clock.check()
    assert "set the clock" in refused.value.repair


def test_clock_that_is_right_is_no_matter(bench: Bench) -> None:
    clock = ClockSkew(lambda: datetime.now(UTC))
    clock.check()  # nobody was asked yet
    bench.session.hooks["response"].append(clock)

    bench.prober().prove(bench.current, [], AT_HOME, way="stack's credential")

    assert clock.offset_s is not None
    clock.check()
