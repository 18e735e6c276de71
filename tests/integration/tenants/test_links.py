"""Consent links work once, for the client and the time that they are for, and leave no trace of their state."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from orgcal.tenants import links
from orgcal.tenants.links import Spent, digest, spend
from orgcal.tenants.registry import Registry
from tests.support.deployed_connector import CONTOSO
from tests.support.registry import CLIENT, WEEK, Clock, new_link


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_state_is_long_random_and_not_kept(tmp_path: Path, registry: Registry) -> None:
    first, second = new_link(registry), new_link(registry)

    assert len(first.state) >= 43
    assert first.state != second.state
    assert first.state not in repr(first)
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("tenants.sqlite*"))
    assert first.state.encode() not in kept
    assert digest(first.state).encode() in kept


def test_link_works_once(registry: Registry) -> None:
    made = new_link(registry)
    spent = spend(registry, made.state, client_id=CLIENT)

    assert isinstance(spent, Spent)
    assert spent.link.tenant_id == CONTOSO
    assert spent.result not in repr(spent)
    assert spend(registry, made.state, client_id=CLIENT) == "used"


def test_link_used_by_many_at_once_works_for_one(registry: Registry) -> None:
    made = new_link(registry)
    start = threading.Barrier(8)
    ended: list[object] = []

    def use() -> None:
        start.wait()
        ended.append(spend(registry, made.state, client_id=CLIENT))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(isinstance(item, Spent) for item in ended) == 1
    assert ended.count("used") == 7


def test_link_that_expired_or_was_revoked_does_not_work(registry: Registry, clock: Clock) -> None:
    old = new_link(registry)
    clock.now += WEEK
    assert spend(registry, old.state, client_id=CLIENT) == "expired"

    revoked = new_link(registry)
    assert links.revoke(registry, CONTOSO) == 2
    assert spend(registry, revoked.state, client_id=CLIENT) == "revoked"

    assert spend(registry, new_link(registry).state, client_id="another application") == "unknown"


@pytest.mark.parametrize("forge", [lambda state: state[:-1], lambda state: state + "x", str.lower, lambda state: ""])
def test_state_that_was_changed_is_unknown(registry: Registry, forge: object) -> None:
    assert callable(forge)
    assert spend(registry, forge(new_link(registry).state), client_id=CLIENT) == "unknown"


def test_result_is_found_by_its_handle_only(registry: Registry) -> None:
    made = new_link(registry)
    spent = spend(registry, made.state, client_id=CLIENT)
    assert isinstance(spent, Spent)

    assert [item.state_hash for item in links.unfinished(registry)] == [made.link.state_hash]
    links.finish(registry, spent.link, "done")
    found = links.by_result(registry, spent.result)
    assert found is not None
    assert found.outcome == "done"
    assert links.by_result(registry, made.state) is None
    assert links.by_result(registry, "") is None
    assert links.unfinished(registry) == []
