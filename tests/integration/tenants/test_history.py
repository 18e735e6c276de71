"""The history of a registry: a row for each run, kept as long as asked, in the order of writing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import create_engine, text

from orgcal.tenants.history import CAUSE_LENGTH, Run, RunKind, Trail, add_runs, began, last_runs, runs, trails
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.support.deployed_connector import CONTOSO
from tests.support.registry import Clock

FABRIKAM = "33333333-3333-3333-3333-333333333333"


def run_at(at: datetime, tenant_id: str = CONTOSO, *, verdict: str = "pass", kind: RunKind = "verify") -> Run:
    return Run(at, tenant_id, kind, "0.1.0", verdict, State.VERIFIED, users=57, readable=44, roles=("Calendars.Read",))


def test_run_is_read_as_it_was_written(registry: Registry, clock: Clock) -> None:
    full = Run(
        clock.now, CONTOSO, "verify", "0.1.0", "warn", State.VERIFIED, 57, 130, 44, 10, 3, 0, 0, 0,
        roles=("Calendars.Read", "Directory.Read.All"), checks={"baseline": "warn"},
        duration_s=1.25, requests=12, throttled_s=3.5, cause='a "quoted"\nname with {braces}',
    )  # fmt: skip
    add_runs(registry, [full, run_at(clock.now, FABRIKAM)])

    assert list(runs(registry, CONTOSO.upper())) == [full]
    assert [run.tenant_id for run in runs(registry)] == [CONTOSO, FABRIKAM]
    assert full.as_json()["at"] == "2026-11-23T10:00:00Z"


def test_long_cause_is_cut_and_not_refused(registry: Registry, clock: Clock) -> None:
    add_runs(registry, [Run(clock.now, CONTOSO, "check", "0.1.0", "fail", State.REVOKED, cause="x" * 10_000)])

    assert [len(run.cause) for run in runs(registry)] == [CAUSE_LENGTH]


def test_history_since_a_moment_leaves_earlier_rows_out(registry: Registry, clock: Clock) -> None:
    add_runs(registry, [run_at(clock.now - timedelta(days=8)), run_at(clock.now)])

    assert [run.at for run in runs(registry, since=clock.now - timedelta(days=7))] == [clock.now]


def test_last_run_of_each_organisation_is_the_one_written_last(registry: Registry, clock: Clock) -> None:
    registry.add(FABRIKAM, "Fabrikam")
    later = clock.now + timedelta(days=400)  # a clock that was ahead for one night
    add_runs(registry, [run_at(later), run_at(later, FABRIKAM), run_at(clock.now, kind="check")])
    add_runs(registry, [run_at(clock.now, verdict="fail"), run_at(clock.now, FABRIKAM, verdict="error")])

    last, decided = last_runs(registry, "verify"), last_runs(registry, "verify", decided=True)

    assert {tenant: run.verdict for tenant, run in last.items()} == {CONTOSO: "fail", FABRIKAM: "error"}
    assert decided[FABRIKAM].at == later


def test_runs_are_told_in_short_in_the_order_of_writing(registry: Registry, clock: Clock) -> None:
    times = [clock.now - timedelta(days=number) for number in (2, 5, 1, 0)]  # of a clock that jumped
    add_runs(registry, [run_at(at, verdict=verdict) for at, verdict in zip(times, ("pass", "warn"), strict=False)])
    add_runs(registry, [run_at(times[2], FABRIKAM, verdict="error"), run_at(times[2], verdict="fail")])
    add_runs(registry, [replace(run_at(times[3], verdict="fail"), readable=None), run_at(times[3], kind="check")])

    assert trails(registry, since=times[0]) == {
        CONTOSO: Trail("pwff", (44, 44, 44, -1)),
        FABRIKAM: Trail("e", (44,)),
    }
    assert began(registry, ["fail"]) == {CONTOSO: times[2]}
    assert trails(registry, since=clock.now + timedelta(seconds=1)) == {}


def test_rows_older_than_the_time_to_keep_are_removed(registry: Registry, clock: Clock) -> None:
    add_runs(registry, [run_at(clock.now - timedelta(days=number)) for number in (11, 10, 9, 1)])

    add_runs(registry, [run_at(clock.now)], keep=timedelta(days=9, hours=12))

    assert [(clock.now - run.at).days for run in runs(registry)] == [9, 1, 0]


def test_clock_that_is_years_ahead_for_one_night_costs_two_rows(registry: Registry, clock: Clock) -> None:
    add_runs(registry, [run_at(clock.now - timedelta(days=number)) for number in range(50, 0, -1)])

    clock.now += timedelta(days=3650)
    add_runs(registry, [run_at(clock.now)])

    assert len(list(runs(registry))) == 49


def test_connectors_in_one_database_keep_histories_of_their_own(url: str, registry: Registry, clock: Clock) -> None:
    other = Registry(url, connector="orgcal/other", operator="bob", now=clock)
    other.add(CONTOSO, "Contoso")
    add_runs(other, [run_at(clock.now - timedelta(days=500))], keep=timedelta(days=900))
    add_runs(registry, [run_at(clock.now)], keep=timedelta(days=1))

    assert [len(list(runs(each))) for each in (other, registry)] == [1, 1]
    assert last_runs(other, "verify").keys() == {CONTOSO}
    other.close()


def test_history_survives_the_migration_from_the_registry_before_it(url: str, registry: Registry) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        for table in ("alert_messages", "alert_cursors", "alerts", "connectors", "history"):
            connection.execute(text(f"DROP TABLE {table}"))
        for column in ("access", "scope_group", "group_id", "inside", "outside", "awaited_since"):
            connection.execute(text(f"ALTER TABLE tenants DROP COLUMN {column}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))
    engine.dispose()

    reopened = Registry(url, connector="orgcal/prod", operator="ada")

    assert [tenant.name for tenant in reopened.tenants()] == ["Contoso"]
    assert list(runs(reopened)) == []
    assert [tenant.access for tenant in reopened.tenants()] == ["all"]
    reopened.close()
