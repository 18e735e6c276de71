"""Objects of Microsoft Graph as they are documented, with one part of another type at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from orgcal.entra.shapes import APPLICATION, OBJECT, POLICY, PRINCIPAL, fitting
from orgcal.errors import Unreachable

CREDENTIALS = [
    {
        "keyId": "00000000-0000-0000-0000-000000000001",
        "displayName": "one",
        "startDateTime": "2026-11-01T00:00:00Z",
        "endDateTime": "2027-05-01T00:00:00Z",
    }
]
RESTRICTION = {
    "restrictionType": "passwordLifetime",
    "state": "enabled",
    "maxLifetime": "P90D",
    "restrictForAppsCreatedAfterDateTime": "2026-01-01T00:00:00Z",
}
RESTRICTIONS = {
    "passwordCredentials": [RESTRICTION],
    "keyCredentials": [RESTRICTION],
    "audiences": {"azureAdMultipleOrgs": RESTRICTION},
}
DOCUMENTED: dict[str, tuple[Any, dict[str, Any]]] = {
    "application": (
        APPLICATION,
        {
            "id": "object",
            "appId": "client",
            "displayName": "Calendar Sync",
            "createdDateTime": "2026-11-01T00:00:00Z",
            "signInAudience": "AzureADMultipleOrgs",
            "tags": ["one", "two"],
            "web": {"redirectUris": ["https://app.example.com/callback"]},
            "verifiedPublisher": {"displayName": "Acme"},
            "requiredResourceAccess": [
                {"resourceAppId": "graph", "resourceAccess": [{"id": "permission", "type": "Role"}]}
            ],
            "passwordCredentials": CREDENTIALS,
            "keyCredentials": CREDENTIALS,
        },
    ),
    "servicePrincipal": (
        PRINCIPAL,
        {
            "id": "object",
            "appId": "client",
            "displayName": "Calendar Sync",
            "tags": ["one"],
            "appRoles": [
                {"id": "r", "value": "User.Read.All", "isEnabled": True, "allowedMemberTypes": ["Application"]}
            ],
        },
    ),
    "directoryObject": (OBJECT, {"id": "object"}),
    "appManagementPolicy": (
        POLICY,
        {
            "displayName": "policy",
            "isEnabled": True,
            "applicationRestrictions": RESTRICTIONS,
            "restrictions": RESTRICTIONS,
        },
    ),
}
"""Types of Microsoft Graph by their pages, as far as anything here reads them (2026-11-29).

Source: https://learn.microsoft.com/en-us/graph/api/resources/application, serviceprincipal, directoryobject,
appmanagementpolicy and tenantappmanagementpolicy, beside it.
"""


def parts(value: Any, name: str = "") -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Every part of an object below it: what an error calls it, and the keys that lead to it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            called = f"{name}.{key}".lstrip(".")
            yield called, (key,)
            yield from ((deeper, (key, *rest)) for deeper, rest in parts(inner, called))
    elif isinstance(value, list):
        yield name, (0,)
        yield from ((deeper, (0, *rest)) for deeper, rest in parts(value[0], name))


def changed(item: dict[str, Any], keys: tuple[Any, ...], value: Any) -> dict[str, Any]:
    whole: Any = json.loads(json.dumps(item))  # no part of it twice
    part = whole
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    return dict(whole)


def found(item: dict[str, Any], keys: tuple[Any, ...]) -> Any:
    part: Any = item
    for key in keys:
        part = part[key]
    return part


EVERY = [(kind, called, keys) for kind, (_, item) in DOCUMENTED.items() for called, keys in parts(item)]


@pytest.mark.parametrize("kind", DOCUMENTED)
def test_object_as_it_is_documented_fits_with_all_that_nobody_reads(kind: str) -> None:
    shape, item = DOCUMENTED[kind]
    more = {**item, "unknown": [1]}

    assert fitting(more, shape, where="GET /x") == more


@pytest.mark.parametrize(("kind", "called", "keys"), EVERY, ids=[f"{kind} {called}" for kind, called, _ in EVERY])
def test_part_of_another_type_is_no_answer_and_named(kind: str, called: str, keys: tuple[Any, ...]) -> None:
    shape, item = DOCUMENTED[kind]
    wrong = 5 if isinstance(found(item, keys), str) else "text"

    with pytest.raises(Unreachable) as caught:
        fitting(changed(item, keys, wrong), shape, where="GET /x")

    assert str(caught.value) == (
        f"GET /x: Microsoft Graph's answer has another form than documented, at {called}\n"
        "  repair: try again; if it stays, find out what stands between here and Microsoft Graph"
    )


@pytest.mark.parametrize(("kind", "called", "keys"), EVERY, ids=[f"{kind} {called}" for kind, called, _ in EVERY])
def test_part_that_is_null_fits_but_for_ids_and_items(kind: str, called: str, keys: tuple[Any, ...]) -> None:
    shape, item = DOCUMENTED[kind]
    without = changed(item, keys, None)

    if keys == ("id",) or keys[-1] == 0:
        with pytest.raises(Unreachable, match=f"at {called}\n"):
            fitting(without, shape, where="GET /x")
    else:
        assert fitting(without, shape, where="GET /x") == without


def test_object_without_an_id_is_none_where_it_has_one() -> None:
    for kind, (shape, item) in DOCUMENTED.items():
        without = json.loads(json.dumps(item))
        if without.pop("id", None) is None:
            assert kind == "appManagementPolicy"
            assert fitting(without, shape, where="GET /x") == without
            continue
        for empty in (without, {**without, "id": ""}):
            with pytest.raises(Unreachable, match=r"at id\n"):
                fitting(empty, shape, where="GET /x")
