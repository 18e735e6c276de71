"""What an application of the stand-in sends to Graph, one request after the other.

The requests are those of the real plugin (`emulator/tests/data/azuread-requests.json`), and for what that program does
not use those of `applicationResourceCreate` and `...Update` of hashicorp/terraform-provider-azuread at f0169e0e
(internal/services/applications/application_resource.go).
"""

from __future__ import annotations

import base64
from typing import Any

import pytest

from orgcal.errors import GraphError, OrgcalError
from orgcal.provider._answers import state as declared
from orgcal.provider._sdk import Incomplete, State, problems_of
from orgcal.provider.azuread.application import Application
from orgcal.provider.azuread.application_body import api_of, body_of
from orgcal.provider.azuread.application_fields import not_empty
from orgcal.provider.azuread.application_state import state_of
from tests.support.standin_graph import CALLER, AnsweredConnection, AnsweredGraph, Sent, call, refusal

APP = "00000000-0000-0000-0000-00000000000a"
OTHER = "00000000-0000-0000-0000-00000000000b"
PATH = f"/applications/{APP}"
TYPE = "#microsoft.graph.application"
GIF = b"GIF89a"
ROLE = {"allowedMemberTypes": ["User"], "description": "d", "displayName": "n", "id": OTHER, "value": "admin"}
SCOPE = {"id": CALLER, "value": "files.read"}
META = (
    '{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"create":600000000000,"delete":300000000000,"read":300000000000,'
    '"update":600000000000},"schema_version":"2"}'
)


def kind_of(graph: AnsweredGraph) -> Application:
    return Application(AnsweredConnection(graph))


def inputs_of(**given: Any) -> dict[str, Any]:
    return kind_of(AnsweredGraph({})).check(call(), {"displayName": "n", **given}, {})


def listed(**given: Any) -> dict[str, Any]:
    """The application in Graph after these arguments."""
    body = body_of(inputs_of(**given), given.get("tags", []))
    return {**body, "appId": "client", "id": APP, "publisherDomain": "a.example"}


def answering(owned: list[str] | None = None, /, **given: Any) -> AnsweredGraph:
    """A Graph that holds such an application."""
    answers = {
        "POST /applications": {"id": APP, "appId": "client"},
        f"GET {PATH}": listed(**given),
        f"GET /beta{PATH}": {"oauth2RequirePostResponse": given.get("oauth2PostResponseRequired", False)},
    }
    return AnsweredGraph(answers, {f"{PATH}/owners": [{"id": owner} for owner in owned or []]})


def create(graph: AnsweredGraph, **given: Any) -> dict[str, Any]:
    """The outputs; what is not declared is refused."""
    kind, inputs = kind_of(graph), inputs_of(**given)
    made = kind.create(call(), inputs)
    assert made.resource_id == PATH
    declared(kind, inputs, made.outputs)
    return made.outputs


def urls(*owners: str) -> list[str]:
    return [f"https://graph.example/v1.0/directoryObjects/{owner}" for owner in owners]


REMOVED: Sent = ("DELETE", f"{PATH}/owners/{CALLER}/$ref", None)


def test_creation_names_the_deploying_principal_as_owner_and_removes_it() -> None:
    graph = answering(description="d")
    outputs = create(graph, description="d")

    body = {**body_of(inputs_of(description="d"), []), "owners@odata.bind": urls(CALLER)}
    assert graph.writes == [("POST", "/applications", body), REMOVED]
    assert ("GET", f"/beta{PATH}", {"$select": "oauth2RequirePostResponse"}) in graph.sent
    assert outputs["__meta"] == META
    assert outputs.keys() == Application.fields.keys() | {"__defaults", "__meta", "id"}
    assert (outputs["clientId"], outputs["preventDuplicateNames"]) == ("client", False)


@pytest.mark.parametrize("given", [{"tags": ["b", "a"]}, {"featureTags": [{"hide": True}]}])
def test_creation_sends_tags_in_either_form(given: dict[str, Any]) -> None:
    tags = ["a", "b"] if "tags" in given else ["HideApp"]
    graph = answering(tags=tags)
    create(graph, **given)

    assert graph.writes[0][2]["tags"] == tags


def test_creation_keeps_the_deploying_principal_where_the_program_names_it() -> None:
    graph = answering([CALLER, OTHER])
    outputs = create(graph, owners=[OTHER, CALLER.upper()])

    assert graph.writes[0][2]["owners@odata.bind"] == urls(CALLER, OTHER)
    assert len(graph.writes) == 1
    assert outputs["owners"] == [OTHER, CALLER]


def test_creation_sends_twenty_owners_and_adds_the_others() -> None:
    owners = [f"00000000-0000-0000-0000-{number:012d}" for number in range(1, 23)]
    graph = answering(owners)
    create(graph, owners=owners)

    assert graph.writes[0][2]["owners@odata.bind"] == urls(CALLER, *owners[:19])
    added: list[Sent] = [("POST", f"{PATH}/owners/$ref", {"@odata.id": url}) for url in urls(*owners[19:])]
    assert graph.writes[1:] == [*added, REMOVED]


def test_creation_sends_what_graph_takes_from_an_existing_application_only_in_order() -> None:
    given = {
        "api": {"mappedClaimsEnabled": True},
        "logoImage": base64.b64encode(GIF).decode(),
        "oauth2PostResponseRequired": True,
    }
    graph = answering(**given)
    outputs = create(graph, **given)

    assert "acceptMappedClaims" not in graph.writes[0][2]["api"]
    assert graph.writes[1:] == [
        ("PATCH", f"/beta{PATH}", {"@odata.type": TYPE, "oauth2RequirePostResponse": True}),
        ("PATCH", PATH, {"@odata.type": TYPE, "api": api_of(inputs_of(**given))}),
        ("PUT", f"{PATH}/logo", (GIF, "image/gif")),
        REMOVED,
    ]
    assert (outputs["oauth2PostResponseRequired"], outputs["logoImage"]) == (True, given["logoImage"])


@pytest.mark.parametrize("start", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8"])
def test_logo_is_uploaded_as_the_kind_of_picture_that_it_is(start: bytes) -> None:
    kinds = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
    logo = base64.b64encode(start + b"rest").decode()
    graph = answering()
    create(graph, logoImage=logo)

    assert (f"{PATH}/logo", (start + b"rest", kinds[start])) in [request[1:] for request in graph.writes]


def test_post_that_is_not_required_is_sent_too_where_the_program_says_so() -> None:
    graph = answering()
    create(graph, oauth2PostResponseRequired=False)

    sent = {"@odata.type": TYPE, "oauth2RequirePostResponse": False}
    assert graph.writes[1] == ("PATCH", f"/beta{PATH}", sent)


def test_creation_of_a_name_that_is_taken_is_refused_where_names_must_be_unique() -> None:
    taken = AnsweredGraph({}, {"/applications": [{"id": "x", "displayName": "N"}, {"id": OTHER, "displayName": "n"}]})
    with pytest.raises(OrgcalError) as caught:
        create(taken, preventDuplicateNames=True)

    assert taken.sent == [("GET", "/applications", {"$filter": "displayName eq 'n'"})]
    assert f'An existing "azuread_application" with name "n" (ID: "{OTHER}") was found' in caught.value.what
    assert caught.value.repair == (
        f"pulumi import --generate-code=false azuread:index/application:Application thing /applications/{OTHER}"
    )
    assert not isinstance(caught.value, Incomplete)


def test_update_may_keep_its_own_name_where_names_must_be_unique() -> None:
    graph = answering(preventDuplicateNames=True)
    graph.collections = {"/applications": [{"id": APP, "displayName": "n"}]}
    update(graph, {}, preventDuplicateNames=True)

    assert [request[0] for request in graph.writes] == ["PATCH"]
    assert graph.sent[0] == ("GET", "/applications", {"$filter": "displayName eq 'n'"})


def test_update_to_a_name_that_another_application_has_is_refused() -> None:
    graph = AnsweredGraph({}, {"/applications": [{"id": APP, "displayName": "n"}, {"id": OTHER, "displayName": "n"}]})
    with pytest.raises(OrgcalError) as caught:
        update(graph, {"displayName": "o"}, preventDuplicateNames=True)

    assert graph.writes == []
    assert f'An existing "azuread_application" with name "n" (ID: "{OTHER}") was found' in caught.value.what
    assert caught.value.repair == (
        f"pulumi import --generate-code=false azuread:index/application:Application NAME /applications/{OTHER}"
    )


def test_creation_is_patient_with_the_new_application_and_its_client_id() -> None:
    graph = answering()
    graph.answers[f"DELETE {PATH}/owners/{CALLER}/$ref"] = [refusal(404), {}]
    graph.answers["POST /servicePrincipals"] = [
        refusal(400, "does not reference a valid application object"),
        {"id": 1},
    ]
    connection = AnsweredConnection(graph)
    Application(connection).create(call(), inputs_of())
    assert len(connection.waits) == 1
    assert connection.directory.post("/servicePrincipals", {"appId": "client"}) == {"id": 1}


# Updates ------------------------------------------------------------------------------------------------------------


def update(graph: AnsweredGraph, before: dict[str, Any], **given: Any) -> dict[str, Any]:
    """The outputs after an update from the arguments `before`."""
    kind, old = kind_of(graph), inputs_of(**before)
    state = {**old, **state_of(listed(**before), before.get("owners", []), False)}
    state["oauth2PostResponseRequired"] = before.get("oauth2PostResponseRequired", False)
    state["logoImage"] = before.get("logoImage", "")
    return kind.update(call(), PATH, State(old, state), inputs_of(**given))


ONLY_IF_CHANGED: dict[str, tuple[str, Any]] = {
    "appRoles": ("appRoles", [ROLE]),
    "identifierUris": ("identifierUris", ["api://a"]),
    "optionalClaims": ("optionalClaims", {"idTokens": [{"name": "email"}]}),
    "requiredResourceAccesses": (
        "requiredResourceAccess",
        [{"resourceAppId": OTHER, "resourceAccesses": [{"id": OTHER, "type": "Role"}]}],
    ),
}


@pytest.mark.parametrize("name", ["", *ONLY_IF_CHANGED])
def test_update_sends_some_parts_only_if_they_changed(name: str) -> None:
    given = {name: ONLY_IF_CHANGED[name][1]} if name else {"notes": "new"}
    graph = answering(**given)
    update(graph, {}, **given)

    body = body_of(inputs_of(**given), [])
    del body["api"]["oauth2PermissionScopes"]
    for argument, (part, _) in ONLY_IF_CHANGED.items():
        if argument != name:
            del body[part]
    assert graph.writes == [("PATCH", PATH, body)]
    reads_before = ["GET"] if name == "appRoles" else []
    assert [request[0] for request in graph.sent] == [*reads_before, "PATCH", "GET", "GET", "GET"]


@pytest.mark.parametrize(
    ("before", "given", "tags"),
    [
        ({"tags": ["x"]}, {}, ["x"]),
        ({"tags": ["x"]}, {"tags": ["z", "y"]}, ["y", "z"]),
        ({"tags": ["x"]}, {"tags": []}, []),
        ({}, {"featureTags": [{"hide": True}]}, ["HideApp"]),
        ({"tags": ["HideApp"]}, {"featureTags": [{"hide": True}]}, ["HideApp"]),
        ({"tags": ["HideApp", "x"]}, {"featureTags": [{"hide": True}]}, ["HideApp", "x"]),
        ({"tags": ["HideApp", "x"]}, {"featureTags": [{"hide": False}]}, []),
        ({"tags": ["HideApp", "x"]}, {"featureTags": []}, ["HideApp", "x"]),
    ],
)
def test_update_keeps_tags_that_nobody_gives(before: dict[str, Any], given: dict[str, Any], tags: list[str]) -> None:
    graph = answering(tags=tags)
    update(graph, before, **given)

    assert graph.writes[0][2]["tags"] == tags


def test_update_disables_a_role_before_it_changes_or_goes() -> None:
    kept = {**ROLE, "id": CALLER, "value": "kept"}
    gone = {**ROLE, "id": APP, "value": "gone"}
    before, after = {"appRoles": [ROLE, kept, gone]}, {"appRoles": [{**ROLE, "value": "root"}, kept]}
    graph = answering(**after)
    graph.answers[f"GET {PATH}"] = [listed(**before), listed(**after)]
    update(graph, before, **after)

    roles = listed(**before)["appRoles"]
    disabled = [{**role, "isEnabled": role["id"] == CALLER} for role in roles]
    assert graph.writes[0] == ("PATCH", PATH, {"@odata.type": TYPE, "appRoles": disabled})
    assert graph.writes[1][2]["appRoles"] == listed(**after)["appRoles"]
    assert len(graph.writes) == 2


def test_update_disables_a_scope_before_it_changes() -> None:
    before, after = ({"api": {"oauth2PermissionScopes": [{**SCOPE, "value": value}]}} for value in ("a", "b"))
    graph = answering(**after)
    graph.answers[f"GET {PATH}"] = [listed(**before), listed(**after)]
    update(graph, before, **after)

    (scope,) = listed(**before)["api"]["oauth2PermissionScopes"]
    sent = {"@odata.type": TYPE, "api": {"oauth2PermissionScopes": [{**scope, "isEnabled": False}]}}
    assert graph.writes[0] == ("PATCH", PATH, sent)
    assert graph.writes[1][2]["api"] == listed(**after)["api"]


def test_update_changes_a_disabled_role_at_once() -> None:
    off = {**ROLE, "enabled": False}
    graph = answering(appRoles=[{**off, "value": "root"}])
    graph.answers[f"GET {PATH}"] = [listed(appRoles=[off]), listed(appRoles=[{**off, "value": "root"}])]
    update(graph, {"appRoles": [off]}, appRoles=[{**off, "value": "root"}])

    assert len(graph.writes) == 1


def test_role_without_a_value_is_no_change_whether_graph_leaves_it_out_or_not() -> None:
    kept = {name: value for name, value in ROLE.items() if name != "value"}
    added = {**ROLE, "id": APP}
    graph = answering(appRoles=[kept, added])
    graph.answers[f"GET {PATH}"] = [
        {**listed(), "appRoles": [{**listed(appRoles=[kept])["appRoles"][0], "value": None}]},
        listed(appRoles=[kept, added]),
    ]
    update(graph, {"appRoles": [kept]}, appRoles=[kept, added])

    assert len(graph.writes) == 1


def test_update_adds_a_role_without_disabling_any() -> None:
    graph = answering(appRoles=[ROLE])
    graph.answers[f"GET {PATH}"] = [listed(), listed(appRoles=[ROLE])]
    update(graph, {}, appRoles=[ROLE])

    assert len(graph.writes) == 1


def test_update_sends_what_has_a_request_of_its_own_only_if_it_changed() -> None:
    logo = base64.b64encode(GIF).decode()
    given = {"logoImage": logo, "oauth2PostResponseRequired": True, "owners": [OTHER]}
    graph = answering([OTHER], **given)
    update(graph, given, **given, notes="new")
    assert [request[:2] for request in graph.writes] == [("PATCH", PATH)]

    graph = answering([CALLER], **given)
    graph.collections = {f"{PATH}/owners": [{"id": CALLER}]}
    update(graph, {"owners": [CALLER]}, **given)
    assert graph.writes[1:] == [
        ("PATCH", f"/beta{PATH}", {"@odata.type": TYPE, "oauth2RequirePostResponse": True}),
        ("PUT", f"{PATH}/logo", (GIF, "image/gif")),
        ("POST", f"{PATH}/owners/$ref", {"@odata.id": urls(OTHER)[0]}),
        REMOVED,
    ]


# Reading, deletion, checks ------------------------------------------------------------------------------------------


def test_read_asks_for_the_application_its_owners_and_one_beta_property() -> None:
    graph = answering([OTHER, CALLER], oauth2PostResponseRequired=True)
    found = kind_of(graph).read(call(), PATH, State())
    assert found is not None

    assert graph.sent == [
        ("GET", PATH, None),
        ("GET", f"/beta{PATH}", {"$select": "oauth2RequirePostResponse"}),
        ("GET", f"{PATH}/owners", None),
    ]
    assert found.outputs["oauth2PostResponseRequired"] is True
    assert found.outputs["owners"] == [OTHER, CALLER]
    assert (found.outputs["logoImage"], found.outputs["preventDuplicateNames"]) == ("", False)


def test_read_keeps_what_graph_does_not_tell() -> None:
    known = {"logoImage": "given", "preventDuplicateNames": True}
    found = kind_of(answering()).read(call(), PATH, State({}, known))
    assert found is not None
    assert {name: found.outputs[name] for name in known} == known


def test_delete_waits_until_the_application_is_gone() -> None:
    graph = AnsweredGraph({f"GET {PATH}": [{"id": APP}, refusal(404)]})
    connection = AnsweredConnection(graph)
    connection.directory.remember(APP, "client")
    Application(connection).delete(call(), PATH, State({}, {"clientId": "client"}))

    assert [request[:2] for request in graph.sent] == [("DELETE", PATH), ("GET", PATH), ("GET", PATH)]
    assert len(connection.waits) == 1
    assert connection.directory.found(PATH) is None
    assert len(connection.waits) == 1, "a deleted application is not waited for"
    graph.answers["POST /servicePrincipals"] = refusal(400, "does not reference a valid application object")
    with pytest.raises(GraphError):
        connection.directory.post("/servicePrincipals", {"appId": "client"})
    assert len(connection.waits) == 1, "nor is its client id"


def test_outputs_cannot_be_given_and_only_the_name_must_be() -> None:
    outputs = {name: "x" for name, item in Application.fields.items() if not item.argument}
    assert not_empty("x") is None
    assert problems_of(Application.inputs, outputs, {}).keys() == outputs.keys() | {"displayName"}
    assert outputs.keys() == {
        "appRoleIds",
        "clientId",
        "disabledByMicrosoft",
        "logoUrl",
        "oauth2PermissionScopeIds",
        "objectId",
        "publisherDomain",
    }
