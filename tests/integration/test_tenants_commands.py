"""`orgcal tenants`, as typed, on a stack whose emulator runs; no engine is needed for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checkout import Checkout, make_checkout
from tests.support.deployed_connector import CONTOSO


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout whose emulator runs."""
    checkout = make_checkout(tmp_path_factory.mktemp("tenants"))
    started = checkout.orgcal("emulator", "start")
    assert started.code == 0, started.text
    yield checkout
    checkout.orgcal("emulator", "stop")


def test_tenant_added_by_domain_is_resolved_listed_shown_and_carried_over(checkout: Checkout, tmp_path: Path) -> None:
    added = checkout.orgcal("tenants", "add", "contoso.example", "--name", "Contoso", "--json")
    assert added.code == 0, added.text
    assert json.loads(added.out)["tenant_id"] == CONTOSO

    listed = checkout.orgcal("tenants", "list")
    assert "Contoso" in listed.out
    assert "invited" in listed.out

    shown = json.loads(checkout.orgcal("tenants", "show", "contoso.example", "--json").out)
    assert [entry["action"] for entry in shown["log"]] == ["add"]

    (tmp_path / "tenants.jsonl").write_text(checkout.orgcal("tenants", "export").out)
    taken = checkout.orgcal("tenants", "import", str(tmp_path / "tenants.jsonl"), "--json")
    assert json.loads(taken.out) == {"new": 0, "known": 1}

    removed = checkout.orgcal("tenants", "remove", CONTOSO)
    assert (removed.code, removed.out) == (0, "Contoso is removed; its log is kept\n")
    assert checkout.orgcal("tenants", "list").out == "no organisations yet; orgcal tenants add contoso.com\n"
    again = checkout.orgcal("tenants", "import", str(tmp_path / "tenants.jsonl"), "--json")
    assert json.loads(again.out) == {"new": 1, "known": 0}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "nobody.example"), "there is no tenant 'nobody.example' in the emulator cloud"),
        (("add", "not a domain"), "neither a tenant id nor a domain"),
        (("show", "fabrikam.example"), "orgcal tenants add fabrikam.example"),
        (("list", "--stack", "nowhere"), "there is no stack 'nowhere' here"),
    ],
)
def test_tenant_command_that_cannot_be_done_says_what_to_do(
    checkout: Checkout, words: tuple[str, ...], says: str
) -> None:
    ended = checkout.orgcal("tenants", *words)

    assert ended.code == 2
    assert says in ended.err
    assert "Traceback" not in ended.text


def test_tenant_import_of_something_else_names_the_line(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "wrong.jsonl").write_text('{"state": "invited"}\n')

    ended = checkout.orgcal("tenants", "import", str(tmp_path / "wrong.jsonl"))

    assert ended.code == 2
    assert "line 1" in ended.err


def test_registry_is_its_owners_only(checkout: Checkout) -> None:
    checkout.orgcal("tenants", "list")
    assert (checkout.path / ".local/dev/tenants.sqlite").stat().st_mode & 0o777 == 0o600
