"""Each type against the emulator, without the engine: what is written, what is read back, what counts as a change."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from benchmarks.azuread_plan import CALENDARS_READ, Plan
from orgcal.errors import OrgcalError
from orgcal.provider._sdk import InvalidInputs, Secret, State, reveal
from orgcal.provider.azuread.app_role_assignment import AppRoleAssignment
from orgcal.provider.azuread.application import Application
from orgcal.provider.azuread.certificate import ApplicationCertificate
from orgcal.provider.azuread.federated import ApplicationFederatedIdentityCredential
from orgcal.provider.azuread.functions import GetServicePrincipal
from orgcal.provider.azuread.password import ApplicationPassword
from orgcal.provider.azuread.service_principal import ServicePrincipal
from tests.support.standin_trial import FEDERATED, GRAPH_APP_ID, Trial

ROLE_ID = "5f3b1c52-0d5c-4b7e-9a5e-000000000001"
SCOPE_ID = "5f3b1c52-0d5c-4b7e-9a5e-000000000002"


FULL: dict[str, Any] = {
    "displayName": "Full",
    "description": "All arguments",
    "notes": "n",
    "signInAudience": "AzureADMultipleOrgs",
    "groupMembershipClaims": ["SecurityGroup"],
    "identifierUris": [],
    "marketingUrl": "https://isv.example/m",
    "privacyStatementUrl": "https://isv.example/p",
    "supportUrl": "https://isv.example/s",
    "termsOfServiceUrl": "https://isv.example/t",
    "deviceOnlyAuthEnabled": False,
    "fallbackPublicClientEnabled": True,
    "serviceManagementReference": "ref",
    "tags": ["one", "two"],
    "api": {
        "requestedAccessTokenVersion": 2,
        "oauth2PermissionScopes": [
            {"id": SCOPE_ID, "adminConsentDescription": "d", "adminConsentDisplayName": "n", "value": "files.read"}
        ],
    },
    "appRoles": [
        {"id": ROLE_ID, "allowedMemberTypes": ["User"], "description": "d", "displayName": "Admin", "value": "admin"}
    ],
    "optionalClaims": {"accessTokens": [{"name": "email", "essential": True}]},
    "publicClient": {"redirectUris": ["https://isv.example/native"]},
    "singlePageApplication": {"redirectUris": ["https://isv.example/spa"]},
    "requiredResourceAccesses": [
        {"resourceAppId": GRAPH_APP_ID, "resourceAccesses": [{"id": CALENDARS_READ, "type": "Role"}]}
    ],
    "web": {
        "homepageUrl": "https://isv.example/",
        "logoutUrl": "https://isv.example/out",
        "redirectUris": ["https://isv.example/b", "https://isv.example/a"],
        "implicitGrant": {"idTokenIssuanceEnabled": True},
    },
}


def test_outputs_repeat_the_id_as_the_real_plugin_does(trial: Trial) -> None:
    resource_id, state = trial.create(Application, displayName="x")
    assert state.outputs["id"] == resource_id
    assert (trial.read(Application, resource_id) or State()).outputs["id"] == resource_id
    state = trial.update(Application, resource_id, state, displayName="y")
    assert state.outputs["id"] == resource_id
    password_id, password = trial.create(ApplicationPassword, applicationId=resource_id)
    assert password.outputs["id"] == password_id


def test_state_of_an_older_stand_in_shows_no_change(trial: Trial) -> None:
    # Until 2026-11 it listed a default that the real plugin does not list, and its outputs had no `id`.
    resource_id, state = trial.create(Application, displayName="x")
    listed = {"__defaults": ["preventDuplicateNames", "signInAudience"], "preventDuplicateNames": False}
    outputs = {name: value for name, value in state.outputs.items() if name != "id"}
    older = State({**state.inputs, **listed}, outputs)
    assert trial.changes(Application, resource_id, older, displayName="x") == (set(), set())
    assert trial.changes(Application, resource_id, older, displayName="y") == ({"displayName"}, set())
    found = trial.read(Application, resource_id, older)
    assert found is not None
    assert found.inputs == older.inputs


def test_application_with_every_argument_shows_no_change_after_creation(trial: Trial) -> None:
    resource_id, state = trial.create(Application, **FULL)
    assert trial.changes(Application, resource_id, state, **FULL) == (set(), set())
    assert state.outputs["appRoleIds"] == {"admin": ROLE_ID}
    assert state.outputs["oauth2PermissionScopeIds"] == {"files.read": SCOPE_ID}
    seen = trial.graph(resource_id)
    assert seen["web"]["redirectUris"] == ["https://isv.example/a", "https://isv.example/b"]
    assert seen["info"]["supportUrl"] == "https://isv.example/s"
    assert trial.directory.graph.get(f"{resource_id}/owners")["value"] == []
    read = trial.read(Application, resource_id, state)
    assert read is not None
    assert read.outputs == state.outputs
    assert read.inputs == state.inputs


def test_application_import_gives_inputs_that_make_no_change(trial: Trial) -> None:
    resource_id, state = trial.create(Application, **FULL)
    found = trial.read(Application, resource_id)
    assert found is not None
    assert trial.changes(Application, resource_id, found, **found.inputs) == (set(), set())
    assert {name: value for name, value in found.outputs.items() if name != "__defaults"} == {
        name: value for name, value in state.outputs.items() if name not in ("__defaults", "identifierUris")
    }


def test_application_update_removes_what_is_no_longer_given(trial: Trial) -> None:
    resource_id, state = trial.create(Application, **FULL)
    state = trial.update(Application, resource_id, state, displayName="Full", tags=["one"])
    seen = trial.graph(resource_id)
    assert (seen["description"], seen["notes"], seen["appRoles"], seen["tags"]) == (None, None, [], ["one"])
    assert seen["web"]["redirectUris"] == []
    assert seen["api"]["oauth2PermissionScopes"] == []
    assert seen["signInAudience"] == "AzureADMyOrg"
    assert trial.changes(Application, resource_id, state, displayName="Full", tags=["one"]) == (set(), set())


def test_application_update_changes_an_enabled_role_and_scope(trial: Trial) -> None:
    resource_id, state = trial.create(Application, **FULL)
    role = {**FULL["appRoles"][0], "value": "root"}
    scope = {**FULL["api"]["oauth2PermissionScopes"][0], "value": "files.write"}
    news = {**FULL, "appRoles": [role], "api": {**FULL["api"], "oauth2PermissionScopes": [scope]}}
    state = trial.update(Application, resource_id, state, **news)
    assert state.outputs["appRoleIds"] == {"root": ROLE_ID}
    assert state.outputs["oauth2PermissionScopeIds"] == {"files.write": SCOPE_ID}


def test_application_owners_named_by_the_program_stay(trial: Trial) -> None:
    me = trial.connection.directory.caller_object_id()
    resource_id, state = trial.create(Application, displayName="Owned", owners=[me])
    assert [entry["id"] for entry in trial.graph(f"{resource_id}/owners")["value"]] == [me]
    trial.update(Application, resource_id, state, displayName="Owned", owners=[])
    assert trial.graph(f"{resource_id}/owners")["value"] == []


PNG, GIF = b"\x89PNG\r\n\x1a\nfirst", b"GIF89a second"


def test_application_logo_is_uploaded_when_it_changes_and_kept_as_given(trial: Trial) -> None:
    first, second = base64.b64encode(PNG).decode(), base64.b64encode(GIF).decode()
    resource_id, state = trial.create(Application, displayName="Logo", logoImage=first)
    assert trial.logo(resource_id) == PNG
    assert trial.changes(Application, resource_id, state, displayName="Logo", logoImage=first) == (set(), set())
    read = trial.read(Application, resource_id, state)
    assert read is not None
    assert read.inputs == state.inputs
    assert trial.changes(Application, resource_id, state, displayName="Logo", logoImage=second)[0] == {"logoImage"}

    state = trial.update(Application, resource_id, state, displayName="Logo", logoImage=second)
    assert trial.logo(resource_id) == GIF
    state = trial.update(Application, resource_id, state, displayName="Logo")
    assert trial.changes(Application, resource_id, state, displayName="Logo") == (set(), set())
    assert trial.logo(resource_id) == GIF, "Graph cannot take a picture away"


def test_application_feature_tags_become_tags(trial: Trial) -> None:
    resource_id, state = trial.create(Application, displayName="x", featureTags=[{"hide": True}])
    assert trial.graph(resource_id)["tags"] == ["HideApp"]
    assert state.outputs["tags"] == ["HideApp"]
    assert trial.changes(Application, resource_id, state, displayName="x", featureTags=[{"hide": True}]) == (
        set(),
        set(),
    )


def test_application_roles_that_share_an_id_are_refused_before_any_request(trial: Trial) -> None:
    role = FULL["appRoles"][0]
    with pytest.raises(InvalidInputs) as caught:
        trial.checked(Application, {"displayName": "x", "appRoles": [role, {**role, "value": "other"}]})
    assert "used for several roles" in caught.value.failures["appRoles"]


def test_application_delete_leaves_nothing_and_twice_is_an_error_with_a_repair(trial: Trial) -> None:
    resource_id, state = trial.create(Application, displayName="x")
    trial.delete(Application, resource_id, state)
    assert trial.read(Application, resource_id, state) is None
    with pytest.raises(OrgcalError, match="Application 'thing': Microsoft Graph answered 404") as caught:
        trial.delete(Application, resource_id, state)
    assert "pulumi refresh" in caught.value.repair


def test_password_value_is_secret_kept_and_never_read_back(trial: Trial) -> None:
    application_id, _ = trial.create(Application, displayName="x")
    plan = Plan.first()
    given = {"applicationId": application_id, "displayName": "one", "endDate": plan.password_end}
    resource_id, state = trial.create(ApplicationPassword, **given)
    assert len(reveal(state.outputs["value"])) > 20
    assert ApplicationPassword.outputs["value"].secret
    read = trial.read(ApplicationPassword, resource_id, state)
    assert read is not None
    assert read.outputs == {**state.outputs, "value": reveal(state.outputs["value"])}
    later = {**given, "endDate": "2040-01-01T00:00:00Z"}
    assert trial.changes(ApplicationPassword, resource_id, state, **later) == ({"endDate"}, {"endDate"})
    trial.delete(ApplicationPassword, resource_id, state)
    assert trial.graph(application_id)["passwordCredentials"] == []
    assert trial.read(ApplicationPassword, resource_id, state) is None


def test_password_rotates_when_a_keeper_changes(trial: Trial) -> None:
    application_id, _ = trial.create(Application, displayName="x")
    resource_id, state = trial.create(
        ApplicationPassword, applicationId=application_id, rotateWhenChanged={"month": "1"}
    )
    after = trial.changes(
        ApplicationPassword, resource_id, state, applicationId=application_id, rotateWhenChanged={"month": "2"}
    )
    assert after == ({"rotateWhenChanged"}, {"rotateWhenChanged"})


def test_password_of_another_kind_of_id_is_refused_by_check(trial: Trial) -> None:
    with pytest.raises(InvalidInputs) as caught:
        trial.checked(ApplicationPassword, {"applicationId": "33333333-3333-3333-3333-333333333333"})
    assert "must be the id of an Application" in caught.value.failures["applicationId"]


@pytest.mark.parametrize("encoding", ["pem", "base64", "hex"])
def test_certificates_are_added_and_removed_one_by_one(trial: Trial, encoding: str) -> None:
    application_id, _ = trial.create(Application, displayName="x")
    made = []
    for _ in range(2):
        plan = Plan.first()
        value = plan.certificate if encoding == "pem" else _encoded(plan.certificate, encoding)
        made.append(
            trial.create(
                ApplicationCertificate, applicationId=application_id, type="AsymmetricX509Cert", encoding=encoding,
                value=Secret(value), endDate=plan.certificate_end,
            )
        )  # fmt: skip
        assert isinstance(made[-1][1].outputs["value"], Secret)
    key_ids = [state.outputs["keyId"] for _, state in made]
    assert [entry["keyId"] for entry in trial.graph(application_id)["keyCredentials"]] == key_ids
    trial.delete(ApplicationCertificate, *made[0])
    assert [entry["keyId"] for entry in trial.graph(application_id)["keyCredentials"]] == key_ids[1:]
    assert trial.read(ApplicationCertificate, *made[0]) is None


def test_certificate_that_cannot_be_decoded_is_refused_without_its_value(trial: Trial) -> None:
    application_id, _ = trial.create(Application, displayName="x")
    with pytest.raises(OrgcalError, match="cannot be read as hex") as caught:
        trial.create(ApplicationCertificate, applicationId=application_id, encoding="hex", value=Secret("not-hex!"))
    assert "not-hex" not in str(caught.value)


def _encoded(pem: str, encoding: str) -> str:
    import base64

    body = "".join(pem.strip().splitlines()[1:-1])
    return body if encoding == "base64" else base64.b64decode(body).hex()


def test_federated_credential_changes_all_but_its_name(trial: Trial) -> None:
    application_id, _ = trial.create(Application, displayName="x")
    given = {**FEDERATED, "applicationId": application_id}
    resource_id, state = trial.create(ApplicationFederatedIdentityCredential, **given)
    news = {**given, "subject": "repo:o/r:ref:refs/heads/main", "description": "d"}
    kind = ApplicationFederatedIdentityCredential
    assert trial.changes(kind, resource_id, state, **news) == ({"subject", "description"}, set())
    state = trial.update(kind, resource_id, state, **news)
    assert state.outputs["description"] == "d"
    assert trial.changes(kind, resource_id, state, **news) == (set(), set())
    assert trial.changes(kind, resource_id, state, **{**news, "displayName": "y"})[1] == {"displayName"}
    trial.delete(kind, resource_id, state)
    assert trial.read(kind, resource_id, state) is None


def test_service_principal_use_existing_takes_over_and_sets_what_is_given(trial: Trial) -> None:
    _, application = trial.create(Application, displayName="x")
    client_id = application.outputs["clientId"]
    first_id, _ = trial.create(ServicePrincipal, clientId=client_id)
    given = {"clientId": client_id, "useExisting": True, "notes": "taken over", "appRoleAssignmentRequired": True}
    second_id, state = trial.create(ServicePrincipal, **given)
    assert second_id == first_id
    assert trial.graph(first_id)["notes"] == "taken over"
    assert trial.changes(ServicePrincipal, second_id, state, **given) == (set(), set())


def test_service_principal_update_and_replacement(trial: Trial) -> None:
    _, application = trial.create(Application, displayName="x", tags=["t"])
    client_id = application.outputs["clientId"]
    resource_id, state = trial.create(ServicePrincipal, clientId=client_id, features=[{"visibleToUsers": False}])
    assert trial.graph(resource_id)["tags"] == ["HideApp"]
    state = trial.update(ServicePrincipal, resource_id, state, clientId=client_id, accountEnabled=False)
    assert trial.graph(resource_id)["accountEnabled"] is False
    assert trial.changes(ServicePrincipal, resource_id, state, clientId=ROLE_ID)[1] == {"clientId"}


def test_assignment_names_both_sides_and_every_argument_replaces(trial: Trial) -> None:
    _, application = trial.create(Application, displayName="Grantee")
    _, principal = trial.create(ServicePrincipal, clientId=application.outputs["clientId"])
    graph = GetServicePrincipal(trial.connection).call({"clientId": GRAPH_APP_ID})
    given = {
        "appRoleId": graph["appRoleIds"]["Calendars.Read"],
        "principalObjectId": principal.outputs["objectId"],
        "resourceObjectId": graph["objectId"],
    }
    resource_id, state = trial.create(AppRoleAssignment, **given)
    assert state.outputs["principalDisplayName"] == "Grantee"
    assert state.outputs["principalType"] == "ServicePrincipal"
    assert state.outputs["resourceDisplayName"] == "Microsoft Graph"
    other = {**given, "appRoleId": graph["appRoleIds"]["Directory.Read.All"]}
    assert trial.changes(AppRoleAssignment, resource_id, state, **other) == ({"appRoleId"}, {"appRoleId"})
    trial.delete(AppRoleAssignment, resource_id, state)
    assert trial.read(AppRoleAssignment, resource_id, state) is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "exactly one of"),
        ({"clientId": GRAPH_APP_ID, "displayName": "x"}, "exactly one of"),
        ({"displayName": "No Such Thing"}, "no service principal with displayName"),
        ({"objectId": "not a guid"}, "no service principal with objectId"),
    ],
)
def test_get_service_principal_without_a_match_says_what_was_looked_for(
    trial: Trial, arguments: dict[str, str], words: str
) -> None:
    with pytest.raises(OrgcalError, match=words):
        GetServicePrincipal(trial.connection).call(arguments)


def test_get_service_principal_by_name_and_object_id_agree(trial: Trial) -> None:
    function = GetServicePrincipal(trial.connection)
    by_client = function.call({"clientId": GRAPH_APP_ID})
    assert function.call({"objectId": by_client["objectId"]}) == by_client
    assert function.call({"displayName": "Microsoft Graph"}) == by_client
    assert by_client["id"] == f"/servicePrincipals/{by_client['objectId']}"
