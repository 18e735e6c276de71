"""Claims on work: what PostgreSQL is asked, and a file that one process has."""

from __future__ import annotations

import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy.exc import OperationalError

from orgcal.errors import UsageError
from orgcal.tenants.claims import Claims
from orgcal.tenants.registry import Registry, RegistryUnavailable
from tests.support.registry import Clock, empty_registry

TRY, UNLOCK = "SELECT pg_try_advisory_lock(:kind, :key)", "SELECT pg_advisory_unlock(:kind, :key)"
VERIFY = {"kind": 7215092, "key": -1647467136}
"""Processes of two versions see each other's claims, so these numbers stay."""


class Server:
    """A PostgreSQL that answers what it is told, or is away."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, int]]] = []
        self.ends: list[str] = []
        self.connections = 0
        self.answers = True
        self.is_away = False

    def connect(self) -> Any:
        self.connections += 1
        return self

    def execute(self, statement: Any, values: dict[str, int]) -> Any:
        self.asked.append((str(statement), values))
        if self.is_away:
            raise OperationalError("SELECT", {}, Exception("server closed the connection"))
        return SimpleNamespace(scalar=lambda: self.answers)

    def invalidate(self) -> None:
        self.ends.append("invalidated")

    def close(self) -> None:
        self.ends.append("closed")


def claims_on(server: Server, folder: Path) -> Claims:
    fake = SimpleNamespace(is_file=False, connector="orgcal/prod", connect=server.connect)
    return Claims(cast(Registry, fake), folder)


def test_claim_is_a_lock_of_one_connection_until_it_is_given_back(tmp_path: Path) -> None:
    server = Server()
    claims = claims_on(server, tmp_path)
    claims.give_back("verify a")
    assert server.asked == [], "what was never claimed needs no end"

    assert claims.take("verify a") is True
    server.answers = False
    assert claims.take("verify a") is False
    claims.give_back("verify a")

    assert server.asked == [(TRY, VERIFY), (TRY, VERIFY), (UNLOCK, VERIFY)]
    assert (server.connections, server.ends) == (1, [])
    claims.close()
    assert server.ends == ["invalidated", "closed"]
    claims.close()
    assert server.ends == ["invalidated", "closed"]
    assert list(tmp_path.iterdir()) == []


def test_key_of_any_work_is_an_integer_of_four_bytes(tmp_path: Path) -> None:
    """Source: https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADVISORY-LOCKS (two integers)."""
    server = Server()
    claims = claims_on(server, tmp_path)

    for number in range(40):
        claims.take(f"verify {number}")

    keys = [values["key"] for _, values in server.asked]
    assert all(-(2**31) <= key < 2**31 for key in keys)
    assert len(set(keys)) == 40
    assert min(keys) < 0 < max(keys)


def test_claims_are_lost_with_the_connection_and_taken_on_a_new_one(tmp_path: Path) -> None:
    server = Server()
    claims = claims_on(server, tmp_path)
    claims.take("verify a")
    server.is_away = True

    with pytest.raises(RegistryUnavailable, match="server closed the connection"):
        claims.take("verify b")
    assert server.ends == ["invalidated", "closed"]
    claims.give_back("verify a")
    server.is_away = False

    assert claims.take("verify b") is True
    assert (server.connections, len(server.asked)) == (2, 3)


def test_registry_in_a_file_is_worked_on_by_one_process(tmp_path: Path) -> None:
    with empty_registry(tmp_path, Clock()) as registry:
        claims = Claims(registry, tmp_path)
        assert claims.take("verify a") is True
        claims.give_back("verify a")
        assert stat.S_IMODE((tmp_path / ".watch.lock").stat().st_mode) == 0o600
        with pytest.raises(UsageError) as refused:
            Claims(registry, tmp_path)
        claims.close()
        Claims(registry, tmp_path).close()

    assert refused.value.as_json() == {
        "kind": "usage",
        "what": "another orgcal watch works on this registry",
        "where": str(tmp_path),
        "repair": "end it, or share the work on PostgreSQL (docs/health.md)",
    }
    assert refused.value.__cause__ is None
