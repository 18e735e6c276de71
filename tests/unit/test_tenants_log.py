"""The log of a registry, and the connections that it is written on."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from orgcal.errors import UsageError
from orgcal.tenants import log
from orgcal.tenants.model import LogEntry
from orgcal.tenants.registry import Registry
from tests.support.deployed_connector import CONTOSO
from tests.support.registry import Clock, empty_registry

MINUTE = timedelta(minutes=1)


class Engine:
    """Counts how often its connections are closed."""

    def __init__(self) -> None:
        self.closed = 0

    def dispose(self) -> None:
        self.closed += 1


def test_connections_are_closed_with_the_registry_or_its_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()
    monkeypatch.setattr(log, "open_database", lambda _: engine)
    monkeypatch.setattr(log, "migrate", lambda _: None)
    registry = Registry("sqlite://", connector="orgcal/prod", operator="ada")
    assert engine.closed == 0
    registry.close()
    assert engine.closed == 1

    def refuse(_: Engine) -> None:
        raise UsageError("the registry has format 9999")

    monkeypatch.setattr(log, "migrate", refuse)
    with pytest.raises(UsageError, match="format 9999"):
        Registry("sqlite://", connector="orgcal/prod", operator="ada")
    assert engine.closed == 2


def test_statement_on_a_connection_of_the_callers_own_counts_at_once(tmp_path: Path) -> None:
    with empty_registry(tmp_path, Clock()) as registry, closing(registry.connect()) as connection:
        assert registry.is_file
        connection.execute(text("INSERT INTO alert_cursors VALUES ('a', 1, 1)"))
        with registry.transaction() as other:
            assert other.execute(text("SELECT count(*) FROM alert_cursors")).scalar() == 1


def test_transaction_that_fails_changes_nothing(tmp_path: Path) -> None:
    def break_off(registry: Registry) -> None:
        with registry.transaction() as connection:
            registry.write_log(connection, "push", "client", "pushed")
            raise ZeroDivisionError

    with empty_registry(tmp_path, Clock()) as registry:
        with pytest.raises(ZeroDivisionError):
            break_off(registry)

        assert list(registry.log()) == []


def test_rows_are_told_as_they_were_written_by_each_connector(tmp_path: Path) -> None:
    clock = Clock()
    with (
        empty_registry(tmp_path, clock, operator="x" * 201) as prod,
        empty_registry(tmp_path, clock, connector="orgcal/test", operator="bob") as test,
    ):
        prod.note("push", "client", "pushed", generation=4, platform="")
        clock.now += MINUTE
        test.note("push", "client", "pushed")
        prod.note("push", "other", "pushed")

        first = LogEntry(1, clock.now - MINUTE, "x" * 200, "push", "client", "pushed", {"generation": 4})
        last = LogEntry(3, clock.now, "x" * 200, "push", "other", "pushed", {})
        assert list(prod.log()) == [first, last]
        assert list(prod.log("client")) == [first]
        assert (prod.last("push", "client"), prod.last("push", "x"), prod.last("x", "client")) == (first, None, None)
        assert list(test.log()) == [LogEntry(2, clock.now, "bob", "push", "client", "pushed", {})]


def test_name_at_a_moment_is_the_last_one_that_was_given_before(tmp_path: Path) -> None:
    clock = Clock()
    with (
        empty_registry(tmp_path, clock) as registry,
        empty_registry(tmp_path, clock, connector="orgcal/test") as other,
        registry.transaction() as connection,
    ):
        registry.write_log(connection, "add", CONTOSO, "added", name="First")
        other.write_log(connection, "add", CONTOSO, "added", name="Theirs")
        registry.write_log(connection, "add", "somebody", "added", name="Else")
        clock.now += MINUTE
        registry.write_log(connection, "import", CONTOSO, "verified", name="Second")
        registry.write_log(connection, "check", CONTOSO, "verified", name="no name")
        clock.now += MINUTE
        registry.write_log(connection, "add", CONTOSO, "known")
        names = {
            after: registry.name_at(connection, CONTOSO, clock.now + after * MINUTE)
            for after in (-2, -1.5, -1, -0.5, 0, 0.5)
        }

    assert names == {-2: "", -1.5: "First", -1: "First", -0.5: "Second", 0: "Second", 0.5: ""}
