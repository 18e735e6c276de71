"""What an application of the stand-in refuses of roles and scopes before any request.

Source: `applicationValidateRolesScopes` in internal/services/applications/applications.go of
hashicorp/terraform-provider-azuread at f0169e0e.
"""

from __future__ import annotations

from typing import Any

import pytest

from orgcal.provider._sdk import UNKNOWN, InvalidInputs, Secret
from orgcal.provider.azuread.application import Application
from tests.support.standin_graph import AnsweredConnection, AnsweredGraph, call

IDS = [f"00000000-0000-0000-0000-00000000000{number}" for number in range(4)]
TEXTS = {"allowedMemberTypes": ["User"], "description": "d", "displayName": "n"}


def role(number: int, value: Any = "") -> dict[str, Any]:
    return {**TEXTS, "id": IDS[number], "value": value}


def scope(number: int, value: str = "") -> dict[str, Any]:
    return {"id": IDS[number], "value": value}


def checked(**given: Any) -> dict[str, Any]:
    kind = Application(AnsweredConnection(AnsweredGraph({})))
    return kind.check(call(), {"displayName": "n", **given}, {})


SAME_ID = f"the id '{IDS[1]}' is used for several roles or scopes"
SAME_VALUE = "the value 'a' is used for several roles or scopes"


@pytest.mark.parametrize(
    ("roles", "scopes", "wrong"),
    [
        ([role(1, "a"), role(1, "b")], [], SAME_ID),
        ([role(1, "a"), role(2, "b")], [scope(3, "c"), scope(1, "d")], SAME_ID),
        ([], [scope(1, "a"), scope(1, "b")], SAME_ID),
        ([role(1, "a"), role(2, "b"), role(3, "a")], [], SAME_VALUE),
        ([role(1, "a")], [scope(2, "a")], SAME_VALUE),
        ([role(1, Secret("a"))], [scope(2, "a")], SAME_VALUE),
        (Secret([role(1, "a")]), [scope(2, "a")], SAME_VALUE),
    ],
)
def test_two_roles_or_scopes_of_one_id_or_value_are_refused(roles: Any, scopes: Any, wrong: str) -> None:
    with pytest.raises(InvalidInputs) as caught:
        checked(appRoles=roles, api={"oauth2PermissionScopes": scopes})
    assert caught.value.failures == {"appRoles": wrong}


@pytest.mark.parametrize(
    ("roles", "scopes"),
    [
        ([role(1, "a"), role(2, "b")], [scope(3, "c")]),
        ([role(1, "a")], [scope(1, "a")]),
        ([role(1), role(2), role(1, "a")], [scope(3), scope(1)]),
        ([{**TEXTS, "id": IDS[1]}, role(1, "a")], [{"id": IDS[1]}]),
    ],
)
def test_roles_and_scopes_without_a_value_may_share_an_id(roles: Any, scopes: Any) -> None:
    inputs = checked(appRoles=roles, api={"oauth2PermissionScopes": scopes})
    assert [entry["id"] for entry in inputs["appRoles"]] == [entry["id"] for entry in roles]


@pytest.mark.parametrize(
    "given",
    [
        {"appRoles": UNKNOWN},
        {"api": UNKNOWN},
        {"api": {"oauth2PermissionScopes": UNKNOWN}},
        {"appRoles": [UNKNOWN, UNKNOWN, role(1, "a")]},
        {"appRoles": [role(1, UNKNOWN), role(1, "a"), role(2, UNKNOWN)]},
        {"appRoles": [{**role(1, "a"), "id": UNKNOWN}, {**role(1, "a"), "id": UNKNOWN}, role(1, "a")]},
    ],
)
def test_roles_and_scopes_that_a_preview_does_not_know_are_never_refused(given: dict[str, Any]) -> None:
    inputs = checked(**given)
    assert inputs.keys() == {"displayName", "signInAudience", "__defaults", *given}


@pytest.mark.parametrize("unknown", [{"appRoles": UNKNOWN}, {"api": {"oauth2PermissionScopes": [UNKNOWN]}}])
def test_what_a_preview_knows_is_refused_beside_what_it_does_not_know(unknown: dict[str, Any]) -> None:
    known = {
        "appRoles": [role(1, "a"), role(2, "a")],
        "api": {"oauth2PermissionScopes": [scope(1, "a"), scope(2, "a")]},
    }
    with pytest.raises(InvalidInputs) as caught:
        checked(**{**known, **unknown})
    assert caught.value.failures == {"appRoles": SAME_VALUE}
