"""Organisations carried from one registry to another, and what is no organisation refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orgcal.tenants.model import State, Tenant
from orgcal.tenants.registry import Registry
from tests.support.deployed_connector import CONTOSO


def test_export_and_import_carry_everything_over(tmp_path: Path, registry: Registry) -> None:
    registry.set_state(CONTOSO, State.VERIFIED, permission_hash="h", consented_at=registry.now(), verdict="pass")
    exported = [json.loads(json.dumps(tenant.as_json())) for tenant in registry.tenants()]
    other = Registry(f"sqlite:///{tmp_path}/other.sqlite", connector="orgcal/prod", operator="bob")

    assert [other.take_in(Tenant.from_json(said)) for said in exported] == [True]
    assert list(other.tenants()) == list(registry.tenants())
    assert not other.take_in(Tenant.from_json(exported[0]))
    other.close()


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"state": "no"},
        {"state": "invited", "x": 1},
        {"state": "invited", "tenant_id": "t", "added_at": "yesterday"},
        [],
    ],
)
def test_import_refuses_what_is_no_organisation(said: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Tenant.from_json(said)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"tenant_id": "common"}, "'common' is not a tenant id"),
        ({"tenant_id": "../../evil?x="}, "is not a tenant id"),
        ({"tenant_id": 5}, "are texts"),
        ({"name": "x" * 5000}, "5000 characters"),
        ({"name": "Fab\x1b[2K"}, r"U\+001B"),
        ({"reason": "half a character \ud800"}, "characters that no database keeps"),
        ({"invited_by": "ada\0"}, "characters that no database keeps"),
        ({"permissions": ["\ud800"]}, "characters that no database keeps"),
        ({"permission_hash": "h" * 65}, "permission_hash has 65 characters, and 64 are kept"),
        ({"invited_by": "x" * 201}, "invited_by has 201 characters"),
        ({"verdict": "x" * 11}, "verdict has 11 characters"),
        ({"added_at": "0001-01-01T00:00:00+23:59"}, "a time outside the calendar"),
        ({"domain": "a/b#"}, "is not a domain"),
        ({"permissions": 5}, "permissions is not a list"),
        ({"permissions": [5]}, "are texts"),
        ({"state": "removed"}, "it was removed"),
        ({"added_at": None}, "added_at is missing"),
        ({"added_at": "yesterday"}, "added_at is 'yesterday'; expected a time such as"),
        ({"nam": "Contoso"}, r"no field 'nam' \(did you mean name\?\)"),
        ({"state": "invitd"}, "state is 'invitd'; expected one of invited, consented"),
        ({"changed_at": "2026-11-23T10:00:00"}, "a time without a zone"),
    ],
)
def test_import_refuses_what_no_organisation_can_have(registry: Registry, wrong: dict[str, object], says: str) -> None:
    exported = registry.wanted(CONTOSO).as_json()

    assert Tenant.from_json(exported) == registry.wanted(CONTOSO)
    with pytest.raises(ValueError, match=says):
        Tenant.from_json({**exported, **wrong})


def test_import_takes_what_an_orgcal_exported_that_kept_only_hashes(registry: Registry) -> None:
    exported = registry.wanted(CONTOSO).as_json()
    for newer in ("permissions", "checked_at"):
        del exported[newer]

    assert Tenant.from_json(exported) == registry.wanted(CONTOSO)
