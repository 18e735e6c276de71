"""A service principal in Graph's form: its state, and the requests that make, change and delete it.

Source: `servicePrincipalResourceCreate`, `...Read` and `...Update` in
internal/services/serviceprincipals/service_principal_resource.go of hashicorp/terraform-provider-azuread at
f0169e0ecec4a7f87c0a512fd989368a182306c1.
"""

from __future__ import annotations

from typing import Any

import pytest

from orgcal.errors import OrgcalError
from orgcal.provider._answers import state as declared
from orgcal.provider._sdk import Incomplete, InvalidInputs, State, problems_of
from orgcal.provider.azuread.service_principal import ServicePrincipal, features_state, state_of
from tests.support.standin_graph import CALLER, AnsweredConnection, AnsweredGraph, call, refusal

SP = "00000000-0000-0000-0000-00000000000a"
CLIENT = "00000000-0000-0000-0000-00000000000B"
OWNER = "00000000-0000-0000-0000-00000000000c"
ROLE_ID = "00000000-0000-0000-0000-000000000001"
SCOPE_ID = "00000000-0000-0000-0000-000000000002"
PATH = f"/servicePrincipals/{SP}"
META = (
    '{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"create":600000000000,"delete":300000000000,"read":300000000000,'
    '"update":600000000000},"schema_version":"1"}'
)
"""Time-outs in nanoseconds, and the schema's version: service_principal_resource.go."""
ODATA_TYPE = "#microsoft.graph.servicePrincipal"
NO_FEATURES = {"customSingleSignOn": False, "enterprise": False, "gallery": False, "hide": False}
OLD_FEATURES = {"customSingleSignOnApp": False, "enterpriseApplication": False, "galleryApplication": False}

WRITABLE: dict[str, Any] = {
    "accountEnabled": True,
    "alternativeNames": ["a", "b"],
    "appRoleAssignmentRequired": True,
    "description": "d",
    "loginUrl": "https://a.example/login",
    "notes": "note",
    "notificationEmailAddresses": ["x@a.example", "y@a.example"],
    "preferredSingleSignOnMode": "saml",
    "tags": ["HideApp"],
}
"""What an argument of the same name sets."""

FULL: dict[str, Any] = {
    **WRITABLE,
    "appId": CLIENT,
    "appOwnerOrganizationId": "tenant",
    "appRoles": [
        {
            "allowedMemberTypes": ["User"],
            "description": "rd",
            "displayName": "rn",
            "id": ROLE_ID,
            "isEnabled": True,
            "value": "admin",
        }
    ],
    "displayName": "n",
    "homepage": "https://a.example/",
    "id": SP,
    "logoutUrl": "https://a.example/out",
    "oauth2PermissionScopes": [{"id": SCOPE_ID, "isEnabled": True, "type": "User", "value": "files.read"}],
    "replyUrls": ["https://a.example/2", "https://a.example/1"],
    "samlSingleSignOnSettings": {"relayState": "relay"},
    "servicePrincipalNames": [CLIENT.lower(), "api://a"],
    "servicePrincipalType": "Application",
    "signInAudience": "AzureADMyOrg",
}
FULL_STATE: dict[str, Any] = {
    **WRITABLE,
    "appRoleIds": {"admin": ROLE_ID},
    "appRoles": [
        {
            "allowedMemberTypes": ["User"],
            "description": "rd",
            "displayName": "rn",
            "enabled": True,
            "id": ROLE_ID,
            "value": "admin",
        }
    ],
    "applicationTenantId": "tenant",
    "clientId": CLIENT,
    "displayName": "n",
    "featureTags": [{**NO_FEATURES, "hide": True}],
    "features": [{**OLD_FEATURES, "visibleToUsers": False}],
    "homepageUrl": "https://a.example/",
    "logoutUrl": "https://a.example/out",
    "oauth2PermissionScopeIds": {"files.read": SCOPE_ID},
    "oauth2PermissionScopes": [
        {
            "adminConsentDescription": "",
            "adminConsentDisplayName": "",
            "enabled": True,
            "id": SCOPE_ID,
            "type": "User",
            "userConsentDescription": "",
            "userConsentDisplayName": "",
            "value": "files.read",
        }
    ],
    "objectId": SP,
    "redirectUris": ["https://a.example/2", "https://a.example/1"],
    "samlMetadataUrl": "https://login.example/metadata",
    "samlSingleSignOn": {"relayState": "relay"},
    "servicePrincipalNames": ["api://a"],
    "signInAudience": "AzureADMyOrg",
    "type": "Application",
}
BLANK_STATE: dict[str, Any] = {
    **{name: "" for name, value in FULL_STATE.items() if isinstance(value, str)},
    **{name: [] for name, value in FULL_STATE.items() if isinstance(value, list)},
    "accountEnabled": False,
    "appRoleAssignmentRequired": False,
    "appRoleIds": {},
    "featureTags": [NO_FEATURES],
    "features": [{**OLD_FEATURES, "visibleToUsers": True}],
    "oauth2PermissionScopeIds": {},
    "objectId": SP,
    "samlSingleSignOn": None,
}
ARGUMENTS: dict[str, Any] = {**WRITABLE, "clientId": CLIENT, "samlSingleSignOn": {"relayState": "relay"}}
BODY: dict[str, Any] = {"@odata.type": ODATA_TYPE, **WRITABLE, "samlSingleSignOnSettings": {"relayState": "relay"}}
BARE_BODY: dict[str, Any] = {
    "@odata.type": ODATA_TYPE,
    "accountEnabled": True,
    "alternativeNames": [],
    "appRoleAssignmentRequired": False,
    "description": None,
    "loginUrl": None,
    "notes": None,
    "notificationEmailAddresses": [],
    "preferredSingleSignOnMode": None,
    "samlSingleSignOnSettings": {},
    "tags": [],
}


def test_state_has_every_property_of_the_principal_in_graph() -> None:
    assert state_of(FULL, "https://login.example/metadata") == FULL_STATE


@pytest.mark.parametrize("nothing", [False, True], ids=["left out", "null"])
def test_state_of_a_principal_of_which_graph_says_nothing_is_empty(nothing: bool) -> None:
    assert state_of({"id": SP, **(dict.fromkeys(FULL.keys() - {"id"}) if nothing else {})}, "") == BLANK_STATE
    assert state_of({"id": SP, "samlSingleSignOnSettings": {}}, "")["samlSingleSignOn"] == {"relayState": ""}


@pytest.mark.parametrize(
    ("tag", "feature"),
    [
        ("WindowsAzureActiveDirectoryCustomSingleSignOnApplication", {"customSingleSignOnApp": True}),
        ("WindowsAzureActiveDirectoryIntegratedApp", {"enterpriseApplication": True}),
        ("WindowsAzureActiveDirectoryGalleryApplicationNonPrimaryV1", {"galleryApplication": True}),
        ("HideApp", {"visibleToUsers": False}),
    ],
)
def test_older_form_of_a_feature_stands_for_its_tag(tag: str, feature: dict[str, bool]) -> None:
    assert features_state([tag]) == [{**OLD_FEATURES, "visibleToUsers": True, **feature}]
    assert written(features=[feature])["tags"] == [tag]
    assert written(features=[{name: not value for name, value in feature.items()}])["tags"] == []


def test_older_features_leave_a_principal_visible_unless_they_say_otherwise() -> None:
    assert written(features=[{}])["tags"] == []


def test_tags_and_newer_features_are_written_as_tags() -> None:
    assert written(tags=["b", "a"])["tags"] == ["a", "b"]
    assert written(featureTags=[{"hide": True}])["tags"] == ["HideApp"]


def written(**given: Any) -> Any:
    """The body of the update that gives these arguments to a bare principal."""
    before = {**BLANK_STATE, "clientId": CLIENT, "accountEnabled": True}
    return change(before, {"clientId": CLIENT, **given}).writes[0][2]


def change(before: dict[str, Any], given: dict[str, Any], owners: tuple[str, ...] = ()) -> AnsweredGraph:
    graph = AnsweredGraph({}, {f"{PATH}/owners": [{"id": owner} for owner in owners]})
    connection = AnsweredConnection(graph)
    kind = ServicePrincipal(connection)
    kind.change(connection.directory, PATH, before, kind.check(call(), given, {}))
    return graph


@pytest.mark.parametrize("mode", ["", "oidc", "password", "saml", "notSupported"])
def test_every_mode_of_single_sign_on_is_written(mode: str) -> None:
    """Source: internal/services/serviceprincipals/constants.go."""
    assert written(preferredSingleSignOnMode=mode)["preferredSingleSignOnMode"] == (mode or None)


@pytest.mark.parametrize(
    ("name", "hidden", "shown"),
    [
        ("featureTags", {"hide": True}, {"hide": False}),
        ("features", {"visibleToUsers": False}, {"visibleToUsers": True}),
    ],
)
def test_order_of_feature_blocks_counts_as_in_the_real_plugin(
    name: str, hidden: dict[str, bool], shown: dict[str, bool]
) -> None:
    """Source: `TypeList` in service_principal_resource.go; only the first block has an effect."""
    assert written(**{name: [hidden, shown]})["tags"] == ["HideApp"]
    kind = ServicePrincipal(AnsweredConnection(AnsweredGraph({})))
    before, news = (
        kind.check(call(), {"clientId": CLIENT, name: blocks}, {}) for blocks in ([hidden, shown], [shown, hidden])
    )
    assert kind.diff(call(), PATH, State(before, before), news).changed == {name}


@pytest.mark.parametrize("pair", [("features", "featureTags"), ("features", "tags"), ("featureTags", "tags")])
def test_three_ways_to_give_tags_exclude_each_other(pair: tuple[str, str]) -> None:
    values: dict[str, Any] = {"features": [{}], "featureTags": [{"hide": True}], "tags": ["x"]}
    with pytest.raises(InvalidInputs) as caught:
        written(**{name: values[name] for name in pair})
    assert caught.value.failures.keys() == set(pair)


def test_outputs_cannot_be_given_and_only_the_client_id_must_be() -> None:
    state = state_of(FULL, "https://login.example/metadata")
    arguments = {**ARGUMENTS, "owners": [], "useExisting": True, "features": [], "featureTags": []}

    assert problems_of(ServicePrincipal.inputs, state, {}).keys() == state.keys() - arguments.keys()
    assert problems_of(ServicePrincipal.inputs, {}, {}) == {"clientId": "'clientId' is missing"}
    assert problems_of(ServicePrincipal.inputs, arguments, {}) == {}


def test_update_sends_every_argument_in_the_form_of_graph() -> None:
    assert change(BLANK_STATE, ARGUMENTS).sent == [("PATCH", PATH, BODY)]


def test_update_empties_what_is_no_longer_given_but_for_its_tags() -> None:
    """Tags that nobody gives are the server's: `tags` is computed."""
    assert change(FULL_STATE, {"clientId": CLIENT}).sent == [("PATCH", PATH, {**BARE_BODY, "tags": ["HideApp"]})]


def test_update_turns_a_principal_off() -> None:
    graph = change(FULL_STATE, {**ARGUMENTS, "accountEnabled": False})

    assert graph.sent == [("PATCH", PATH, {**BODY, "accountEnabled": False})]


def test_update_sets_the_owners_only_if_the_program_names_others() -> None:
    assert change({**FULL_STATE, "owners": [OWNER]}, {**ARGUMENTS, "owners": [OWNER]}).sent == [("PATCH", PATH, BODY)]
    graph = change({**FULL_STATE, "owners": [CALLER]}, {**ARGUMENTS, "owners": [OWNER]}, owners=(CALLER,))
    assert graph.sent == [
        ("PATCH", PATH, BODY),
        ("GET", f"{PATH}/owners", None),
        ("POST", f"{PATH}/owners/$ref", {"@odata.id": f"https://graph.example/v1.0/directoryObjects/{OWNER}"}),
        ("DELETE", f"{PATH}/owners/{CALLER}/$ref", None),
    ]


# Creation -----------------------------------------------------------------------------------------------------------


def create(graph: AnsweredGraph, **given: Any) -> tuple[str, dict[str, Any]]:
    """The id and the outputs; what is not declared is refused."""
    kind = ServicePrincipal(AnsweredConnection(graph))
    inputs = kind.check(call(), {"clientId": CLIENT, **given}, {})
    made = kind.create(call(), inputs)
    declared(kind, inputs, made.outputs)
    return made.resource_id, made.outputs


READS = {f"GET {PATH}": FULL, f"GET /beta{PATH}": {"samlMetadataUrl": "https://login.example/metadata"}}
FILTER = {"$filter": f"appId eq '{CLIENT}'"}


def test_creation_looks_for_one_that_exists_and_leaves_no_temporary_owner() -> None:
    graph = AnsweredGraph({"POST /servicePrincipals": {**FULL}, **READS})
    resource_id, outputs = create(graph, **{name: value for name, value in ARGUMENTS.items() if name != "clientId"})

    owner = f"https://graph.example/v1.0/directoryObjects/{CALLER}"
    assert graph.sent[0] == ("GET", "/servicePrincipals", FILTER)
    assert graph.writes == [
        ("POST", "/servicePrincipals", {**BODY, "appId": CLIENT, "owners@odata.bind": [owner]}),
        ("DELETE", f"{PATH}/owners/{CALLER}/$ref", None),
    ]
    assert ("GET", f"/beta{PATH}", {"$select": "samlMetadataUrl"}) in graph.sent
    assert resource_id == PATH
    assert outputs["samlMetadataUrl"] == "https://login.example/metadata"
    assert outputs["__meta"] == META
    assert outputs.keys() == ServicePrincipal.fields.keys() | {"__defaults", "__meta", "id"}


def test_creation_makes_a_principal_where_the_one_to_take_over_does_not_exist() -> None:
    graph = AnsweredGraph({"POST /servicePrincipals": FULL, **READS})
    resource_id, _ = create(graph, useExisting=True)

    assert [request[0] for request in graph.writes] == ["POST", "DELETE"]
    assert resource_id == PATH


def test_creation_of_a_principal_that_exists_is_refused_with_its_import() -> None:
    graph = AnsweredGraph(READS, {"/servicePrincipals": [{"id": SP}]})
    with pytest.raises(OrgcalError, match=f'A resource with the ID "{SP}" already exists: ') as caught:
        create(graph)

    assert '"azuread_service_principal"' in caught.value.what
    assert caught.value.repair == (
        "set use_existing=True, or: pulumi import --generate-code=false "
        f"azuread:index/servicePrincipal:ServicePrincipal thing {PATH}"
    )
    assert graph.writes == []


@pytest.mark.parametrize("given", [OWNER, CALLER.upper()])
def test_creation_names_the_owners_of_the_program_once(given: str) -> None:
    others = [] if given.lower() == CALLER else [given]
    owners = [{"id": owner} for owner in others or [given]]
    graph = AnsweredGraph({"POST /servicePrincipals": FULL, **READS}, {f"{PATH}/owners": owners})
    create(graph, owners=[given])

    body = graph.writes[0][2]
    assert [url.rpartition("/")[2] for url in body["owners@odata.bind"]] == [CALLER, *others]
    assert graph.writes[1:] == ([("DELETE", f"{PATH}/owners/{CALLER}/$ref", None)] if others else [])


def test_creation_sends_twenty_owners_and_adds_the_others() -> None:
    """Source: https://learn.microsoft.com/en-us/graph/api/serviceprincipal-post-serviceprincipals, 20 relations."""
    owners = [f"00000000-0000-0000-0000-{number:012d}" for number in range(1, 23)]
    graph = AnsweredGraph(
        {"POST /servicePrincipals": FULL, **READS}, {f"{PATH}/owners": [{"id": owner} for owner in owners]}
    )
    create(graph, owners=owners)

    assert len(graph.writes[0][2]["owners@odata.bind"]) == 20
    added = [body["@odata.id"].rpartition("/")[2] for method, _, body in graph.writes[1:] if method == "POST"]
    assert added == owners[19:]


def test_creation_that_fails_after_the_principal_exists_keeps_it_with_its_owners() -> None:
    graph = AnsweredGraph({"POST /servicePrincipals": FULL, f"DELETE {PATH}/owners/{CALLER}/$ref": refusal(500)})
    with pytest.raises(Incomplete) as caught:
        create(graph, owners=[OWNER])

    made = caught.value.made
    assert (made.resource_id, made.outputs["owners"]) == (PATH, [OWNER])
    assert made.outputs["samlMetadataUrl"] == ""


def test_creation_takes_over_the_principal_that_exists_if_the_program_says_so() -> None:
    graph = AnsweredGraph(READS, {"/servicePrincipals": [{"id": SP}]})
    resource_id, outputs = create(graph, useExisting=True, notes="mine")

    assert graph.writes == [("PATCH", PATH, {**BARE_BODY, "notes": "mine", "tags": ["HideApp"]})]
    assert resource_id == PATH
    assert outputs["useExisting"] is True


def test_principal_that_vanishes_while_it_is_taken_over_is_told() -> None:
    graph = AnsweredGraph({}, {"/servicePrincipals": [{"id": SP}]})
    with pytest.raises(OrgcalError, match=f"the service principal {SP} vanished while it was taken over") as caught:
        create(graph, useExisting=True)

    assert graph.writes == []
    assert caught.value.repair == "pulumi up"


# Reading and deletion -----------------------------------------------------------------------------------------------


def test_read_shows_owners_in_one_order_and_an_empty_metadata_url() -> None:
    graph = AnsweredGraph(
        {f"GET {PATH}": FULL, f"GET /beta{PATH}": {}}, {f"{PATH}/owners": [{"id": OWNER}, {"id": CALLER}]}
    )
    found = ServicePrincipal(AnsweredConnection(graph)).read(call(), PATH, State())
    assert found is not None
    assert found.outputs["owners"] == [OWNER, CALLER]
    assert found.outputs["samlMetadataUrl"] == ""


def test_delete_waits_until_the_principal_is_gone() -> None:
    connection = AnsweredConnection(graph := AnsweredGraph({f"GET {PATH}": [FULL, FULL, refusal(404)]}))
    ServicePrincipal(connection).delete(call(), PATH, State({}, {"objectId": SP}))

    assert [request[0] for request in graph.sent] == ["DELETE", "GET", "GET", "GET"]
    assert len(connection.waits) == 2


@pytest.mark.parametrize("use_existing", [False, True])
def test_refused_deletion_passes_for_a_principal_that_existed_before_only(use_existing: bool) -> None:
    graph = AnsweredGraph({f"DELETE {PATH}": refusal(403)})
    kind = ServicePrincipal(AnsweredConnection(graph))
    if use_existing:
        kind.delete(call(), PATH, State({}, {"useExisting": True}))
    else:
        with pytest.raises(OrgcalError, match="answered 403"):
            kind.delete(call(), PATH, State({}, {"useExisting": False}))
    assert graph.sent == [("DELETE", PATH, None)]
