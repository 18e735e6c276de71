"""What the operator may do, by the token: permissions of a program, roles of the directory."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from orgcal.entra.home.rights import GRANT, LOOK_UP, MANAGE, Operator, read_operator
from orgcal.entra.pinned_roles import APP_ROLE_IDS


@pytest.mark.parametrize(
    ("operator", "right", "has"),
    [
        (Operator("o", False, frozenset({"Application.ReadWrite.OwnedBy"}), frozenset()), MANAGE, True),
        (Operator("o", False, frozenset({"Application.ReadWrite.OwnedBy"}), frozenset()), LOOK_UP, False),
        (Operator("o", False, frozenset({"Application.ReadWrite.All"}), frozenset()), LOOK_UP, True),
        (Operator("o", False, frozenset(), frozenset({"158c047a-c907-4556-b7ef-446551a6b5f7"})), MANAGE, True),
        (Operator("o", True, frozenset({"Application.ReadWrite.All"}), frozenset()), MANAGE, False),
        (Operator("o", True, frozenset(), frozenset({"9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"})), GRANT, False),
    ],
)
def test_operator_has_a_right_by_permission_or_role(operator: Operator, right: Any, has: bool) -> None:
    assert operator.has(right) is has


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "e30.W10.e30"])
def test_operator_of_an_unreadable_token_is_unknown(token: str) -> None:
    assert read_operator(token) is None


def test_operator_is_who_the_token_names_with_the_roles_of_the_directory_in_it() -> None:
    """Source: https://learn.microsoft.com/en-us/entra/identity-platform/access-token-claims-reference (2026-11-29)."""
    person = {"oid": "o", "scp": "User.Read Application.ReadWrite.All", "wids": ["role-1", "role-2"]}
    program = {"oid": "p", "roles": ["Application.Read.All"]}

    assert read_operator(jwt.encode(person, "k" * 32, algorithm="HS256")) == Operator(
        "o", True, frozenset({"User.Read", "Application.ReadWrite.All"}), frozenset({"role-1", "role-2"})
    )
    assert read_operator(jwt.encode(program, "k" * 32, algorithm="HS256")) == Operator(
        "p", False, frozenset({"Application.Read.All"}), frozenset()
    )


@pytest.mark.parametrize("claims", [{"roles": 5}, {"wids": 5}, {"roles": True}])
def test_operator_whose_claims_have_another_form_is_unknown(claims: dict[str, Any]) -> None:
    assert read_operator(jwt.encode({"oid": "o", **claims}, "k" * 32, algorithm="HS256")) is None


def test_operator_of_a_token_without_claims_is_a_program_without_rights() -> None:
    assert read_operator(jwt.encode({}, "k" * 32, algorithm="HS256")) == Operator("", False, frozenset(), frozenset())


ROLES = {
    "Global Administrator": "62e90394-69f5-4237-9190-012177145e10",
    "Application Administrator": "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
    "Cloud Application Administrator": "158c047a-c907-4556-b7ef-446551a6b5f7",
    "Application Developer": "cf1c38e5-3621-4004-a7cb-879624dced7c",
    "Directory Readers": "88d8e3e3-8f55-4a1e-953a-9b9898b8876b",
    "Privileged Role Administrator": "e8611ab8-c189-46e8-94e1-60213ab1f814",
}
"""Template ids, read on 2026-11-29 in MicrosoftDocs/entra-docs: docs/identity/role-based-access-control/
permissions-reference.md at 00fe95d."""
MANAGERS = {"Global Administrator", "Application Administrator", "Cloud Application Administrator"}


@pytest.mark.parametrize(
    ("right", "names"),
    [
        (MANAGE, {*MANAGERS, "Application Developer"}),
        (LOOK_UP, {*MANAGERS, "Application Developer", "Directory Readers"}),
        (GRANT, {"Global Administrator", "Privileged Role Administrator"}),
    ],
    ids=["manage", "look up", "grant"],
)
def test_right_is_had_by_these_roles_of_the_directory_and_no_other(right: Any, names: set[str]) -> None:
    assert right.roles == {ROLES[name]: name for name in names}
    for name, role_id in ROLES.items():
        for person in (True, False):
            assert Operator("o", person, frozenset(), frozenset({role_id})).has(right) is (name in names)


@pytest.mark.parametrize(
    ("right", "permissions"),
    [
        (MANAGE, {"Application.ReadWrite.OwnedBy", "Application.ReadWrite.All"}),
        (
            LOOK_UP,
            {"Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"},
        ),
        (GRANT, {"AppRoleAssignment.ReadWrite.All"}),
    ],
    ids=["manage", "look up", "grant"],
)
def test_right_of_a_program_is_had_by_these_permissions_and_no_other(right: Any, permissions: set[str]) -> None:
    having = {name for name in APP_ROLE_IDS if Operator("o", False, frozenset({name}), frozenset()).has(right)}

    assert having == permissions
