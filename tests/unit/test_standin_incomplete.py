"""What is kept of a resource that exists but was never seen, or never completed: all that Graph told of it."""

from __future__ import annotations

from typing import Any

import pytest

from orgcal.errors import OrgcalError
from orgcal.provider._sdk import Created, Incomplete, Secret, State
from orgcal.provider.azuread.app_role_assignment import AppRoleAssignment
from orgcal.provider.azuread.application import Application
from orgcal.provider.azuread.certificate import ApplicationCertificate
from orgcal.provider.azuread.managed import Managed
from tests.support.standin_graph import CALLER, AnsweredConnection, AnsweredGraph, call, refusal

APP = "00000000-0000-0000-0000-00000000000a"
KEY = "00000000-0000-0000-0000-00000000000b"
OTHER = "00000000-0000-0000-0000-00000000000c"
PATH = f"/applications/{APP}"
GRANTS = f"/servicePrincipals/{OTHER}/appRoleAssignedTo"
GRANT = {"appRoleId": APP, "principalObjectId": KEY, "resourceObjectId": OTHER}
MADE_GRANT = {
    "appRoleId": APP,
    "id": "grant-1",
    "principalDisplayName": "p",
    "principalId": KEY,
    "principalType": "User",
    "resourceDisplayName": "r",
    "resourceId": OTHER,
}


def incomplete(kind: type[Managed], graph: AnsweredGraph, **given: Any) -> tuple[str, Created]:
    """What went wrong, and what is kept."""
    resource = kind(AnsweredConnection(graph))
    with pytest.raises(Incomplete) as caught:
        resource.create(call(), resource.check(call(), given, {}))
    return str(caught.value), caught.value.made


def told(made: Created) -> dict[str, Any]:
    """The outputs that have a value, but for the ones that every type has."""
    names = ("id", "__meta", "__defaults")
    return {name: value for name, value in made.outputs.items() if name not in names and value is not None}


def test_grant_that_is_never_seen_is_kept_as_graph_told_of_it() -> None:
    graph = AnsweredGraph({f"GET /servicePrincipals/{OTHER}": {}, f"POST {GRANTS}": MADE_GRANT})
    words, made = incomplete(AppRoleAssignment, graph, **GRANT)

    assert words == (
        "AppRoleAssignment 'thing': the assignment grant-1 was created, but cannot be seen after 120 s\n"
        "  repair: pulumi up, which goes on from here"
    )
    assert made.resource_id == f"{GRANTS}/grant-1"
    names = {"principalDisplayName": "p", "principalType": "User", "resourceDisplayName": "r"}
    assert told(made) == {**GRANT, **names}


def test_grant_at_a_resource_that_is_not_there_is_never_asked_for() -> None:
    graph = AnsweredGraph({})
    kind = AppRoleAssignment(AnsweredConnection(graph))
    with pytest.raises(OrgcalError, match="answered 404") as caught:
        kind.create(call(), kind.check(call(), GRANT, {}))

    assert not isinstance(caught.value, Incomplete)
    assert graph.sent == [("GET", f"/servicePrincipals/{OTHER}", None)]


def test_certificate_that_is_never_listed_is_kept_as_it_was_sent() -> None:
    graph = AnsweredGraph({f"GET {PATH}": {"keyCredentials": None}})
    dates = {"endDate": "2030-01-01T00:00:00Z", "startDate": "2029-01-01T00:00:00Z"}
    given = {**dates, "applicationId": PATH, "keyId": KEY, "type": "Symmetric"}
    words, made = incomplete(ApplicationCertificate, graph, **given, value=Secret("PEM"))

    assert words == (
        f"ApplicationCertificate 'thing': the certificate {KEY} was created, but cannot be seen after 120 s\n"
        "  repair: pulumi up, which goes on from here"
    )
    assert made.resource_id == f"{APP}/certificate/{KEY}"
    assert told(made) == {**given, "encoding": "pem", "value": Secret("PEM")}


def test_application_whose_owner_cannot_be_removed_is_kept_as_graph_told_of_it() -> None:
    made_one = {"appId": "client", "displayName": "n", "id": APP, "publisherDomain": "a.example", "tags": ["t"]}
    graph = AnsweredGraph({"POST /applications": made_one, f"DELETE {PATH}/owners/{CALLER}/$ref": refusal(500)})
    words, made = incomplete(Application, graph, displayName="n", owners=[OTHER], preventDuplicateNames=True)

    assert words == "Application 'thing': Microsoft Graph answered 500 Some_Code: words (METHOD /path, request id r1)"
    assert made.resource_id == PATH
    assert {name: value for name, value in told(made).items() if value not in ("", False)} == {
        "api": {
            "knownClientApplications": [],
            "mappedClaimsEnabled": False,
            "oauth2PermissionScopes": [],
            "requestedAccessTokenVersion": 1,
        },
        "appRoleIds": {},
        "appRoles": [],
        "clientId": "client",
        "displayName": "n",
        "featureTags": [{"customSingleSignOn": False, "enterprise": False, "gallery": False, "hide": False}],
        "oauth2PermissionScopeIds": {},
        "objectId": APP,
        "owners": [OTHER],
        "preventDuplicateNames": True,
        "publisherDomain": "a.example",
        "requiredResourceAccesses": [],
        "tags": ["t"],
        "web": {
            "homepageUrl": "",
            "implicitGrant": {"accessTokenIssuanceEnabled": False, "idTokenIssuanceEnabled": False},
            "logoutUrl": "",
            "redirectUris": [],
        },
    }


def test_new_grant_is_deleted_patiently_and_then_believed_to_be_gone() -> None:
    graph = AnsweredGraph(
        {
            f"GET /servicePrincipals/{OTHER}": {},
            f"POST {GRANTS}": MADE_GRANT,
            f"GET {GRANTS}/grant-1": MADE_GRANT,
            f"DELETE {GRANTS}/grant-1": [refusal(404), {}],
        }
    )
    connection = AnsweredConnection(graph)
    kind = AppRoleAssignment(connection)
    made = kind.create(call(), kind.check(call(), GRANT, {}))
    kind.delete(call(), made.resource_id, State({}, made.outputs))
    assert len(connection.waits) == 1

    graph.answers[f"GET {GRANTS}/grant-1"] = refusal(404)
    assert kind.read(call(), made.resource_id, State(GRANT, made.outputs)) is None
    assert len(connection.waits) == 1


def test_grant_that_somebody_else_deleted_is_an_error_at_once() -> None:
    connection = AnsweredConnection(AnsweredGraph({f"DELETE {GRANTS}/grant-1": refusal(404)}))
    with pytest.raises(OrgcalError, match="answered 404") as caught:
        AppRoleAssignment(connection).delete(call(), f"{GRANTS}/grant-1", State())

    assert connection.waits == []
    assert caught.value.repair == "pulumi refresh, which takes what is gone out of the state"
