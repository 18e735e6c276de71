"""Several who take organisations in at once: nobody is refused, and no name is confirmed that is not kept."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.support.checkout import Checkout, make_checkout
from tests.support.deployed_connector import FABRIKAM
from tests.support.postgresql import PostgresqlServer

HEX = "abcdef00-1111-4222-8333-abcdefabcdef"


class Time:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def registry(url: str) -> Iterator[Registry]:
    with closing(Registry(url, connector="orgcal/prod", operator="ada", now=Time())) as registry:
        yield registry


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout whose emulator runs."""
    checkout = make_checkout(tmp_path_factory.mktemp("at-once"))
    started = checkout.orgcal("emulator", "start")
    assert started.code == 0, started.text
    yield checkout
    checkout.orgcal("emulator", "stop")


@pytest.mark.closed_loop
def test_commands_that_add_one_organisation_at_once_confirm_the_name_that_is_kept(
    checkout: Checkout, server: PostgresqlServer
) -> None:
    database = {"ORGCAL_REGISTRY_URL": server.new_registry()}
    names = [f"F{number}" for number in range(1, 9)]
    commands = [
        subprocess.Popen(
            [*checkout.command, "tenants", "add", "fabrikam.example", "--name", name],
            cwd=checkout.path,
            env={**checkout.environ, **database},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in names
    ]
    said = [command.communicate(timeout=100) for command in commands]
    listed = checkout.orgcal("tenants", "list", "--json", environ=database)

    assert [command.returncode for command in commands] == [0] * 8, said
    [kept] = [tenant["name"] for tenant in json.loads(listed.out)["organisations"]]
    for name, (out, err) in zip(names, said, strict=True):
        assert err == ""
        assert out.startswith(f"{kept} ({FABRIKAM}) is invited\n")
        told = f"to change it: orgcal tenants add fabrikam.example --name {name} --stack dev" in out
        assert told is (name != kept)


def test_name_that_somebody_gave_meanwhile_stays_and_an_older_one_is_changed(registry: Registry) -> None:
    began = registry.now()
    assert registry.add(FABRIKAM, "theirs", domain="fabrikam.example").name == "theirs"

    ours = registry.add(FABRIKAM, "ours", since=began)
    later = registry.add(FABRIKAM, "ours", since=registry.now())

    assert (ours.name, ours.domain) == ("theirs", "fabrikam.example")
    assert later.name == "ours"
    assert registry.wanted("OURS").tenant_id == FABRIKAM
    assert [entry.detail["name"] for entry in registry.log(FABRIKAM)] == ["theirs", "theirs", "ours"]
    assert [entry.result for entry in registry.log(FABRIKAM)] == ["added", "known", "known"]


def test_organisation_added_without_a_name_keeps_its_own_or_gets_its_domain(registry: Registry) -> None:
    assert registry.add(FABRIKAM).name == FABRIKAM
    assert registry.add(HEX.upper(), domain="Hex.example").name == "hex.example"
    registry.add(FABRIKAM, "Fabrikam", domain="fabrikam.example")

    again = registry.add(FABRIKAM)

    assert (again.name, again.domain) == ("Fabrikam", "fabrikam.example")
    registry.remove(FABRIKAM, reason="over")
    back = registry.add(FABRIKAM, since=registry.now())
    assert (back.name, back.state) == ("Fabrikam", State.INVITED)


def test_import_knows_an_organisation_whatever_case_its_tenant_id_is_in(registry: Registry) -> None:
    exported = replace(registry.add(HEX, "Hexagon", domain="hex.example"), tenant_id=HEX.upper(), domain="HEX.example")
    with closing(Registry("sqlite://", connector="orgcal/other", operator="bob")) as other:
        first, second = other.take_in(exported), other.take_in(replace(exported, tenant_id=HEX))
        [kept] = other.tenants()

    assert (first, second) == (True, False)
    assert (kept.tenant_id, kept.domain) == (HEX, "hex.example")
    assert not registry.take_in(exported)
