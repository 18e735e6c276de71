"""Every property that the emulator emits is known to msgraph-sdk's model of its type, with the right type."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
import trustme
from emulator_testing.azuread_replay import RECORDED, Replay, seed_with_rights
from orgcal_emulator.calendars.event_routes import EventRoutes
from orgcal_emulator.calendars.routes import CalendarRoutes
from orgcal_emulator.calendars.user_routes import UserRoutes
from orgcal_emulator.calendars.users import PROPERTIES as USER_PROPERTIES
from orgcal_emulator.directory.applications import READABLE as APPLICATION_PROPERTIES
from orgcal_emulator.directory.properties import BETA_ONLY
from orgcal_emulator.directory.service_principals import READABLE as PRINCIPAL_PROPERTIES
from orgcal_emulator.graph.permissions import APPLICATION_PERMISSIONS_BY_NAME, GRAPH_CLIENT_ID
from orgcal_emulator.graph.routing import needs
from orgcal_emulator.server import RunningEmulator

from tests.support.graph_models import problems_of_answer

pytestmark = pytest.mark.judged("msgraph-sdk's models")

ROLE = APPLICATION_PERMISSIONS_BY_NAME["Calendars.Read"].permission_id
SCOPE_ID = "00000000-0000-4000-8000-00000000000a"
FULL_APPLICATION: dict[str, Any] = {
    "displayName": "Everything",
    "description": "d", "notes": "n", "tags": ["t"], "groupMembershipClaims": "SecurityGroup",
    "signInAudience": "AzureADMultipleOrgs", "uniqueName": "everything", "isFallbackPublicClient": False,
    "isDeviceOnlyAuthSupported": False, "nativeAuthenticationApisEnabled": "none",
    "serviceManagementReference": "s", "identifierUris": ["api://isv.example/everything"],
    "api": {
        "acceptMappedClaims": True, "knownClientApplications": [GRAPH_CLIENT_ID], "requestedAccessTokenVersion": 2,
        "oauth2PermissionScopes": [{
            "id": SCOPE_ID, "value": "read", "type": "User", "isEnabled": True, "adminConsentDescription": "a",
            "adminConsentDisplayName": "a", "userConsentDescription": "u", "userConsentDisplayName": "u",
        }],
        "preAuthorizedApplications": [{"appId": GRAPH_CLIENT_ID, "delegatedPermissionIds": [SCOPE_ID]}],
    },
    "appRoles": [{
        "id": "00000000-0000-4000-8000-00000000000b", "allowedMemberTypes": ["Application"], "description": "d",
        "displayName": "r", "isEnabled": True, "value": "r",
    }],
    "info": {"marketingUrl": "https://isv.example/m", "supportUrl": "https://isv.example/s",
             "privacyStatementUrl": "https://isv.example/p", "termsOfServiceUrl": "https://isv.example/t"},
    "optionalClaims": {"idToken": [{"name": "email", "essential": False}], "accessToken": [], "saml2Token": []},
    "parentalControlSettings": {"countriesBlockedForMinors": ["CH"], "legalAgeGroupRule": "Allow"},
    "publicClient": {"redirectUris": ["http://localhost"]},
    "spa": {"redirectUris": ["https://isv.example/spa"]},
    "requiredResourceAccess": [{"resourceAppId": GRAPH_CLIENT_ID, "resourceAccess": [{"id": ROLE, "type": "Role"}]}],
    "web": {"homePageUrl": "https://isv.example", "logoutUrl": "https://isv.example/out",
            "redirectUris": ["https://isv.example/cb"],
            "implicitGrantSettings": {"enableIdTokenIssuance": True, "enableAccessTokenIssuance": False},
            "redirectUriSettings": [{"uri": "https://isv.example/cb", "index": 1}]},
}  # fmt: skip
POLICY = {
    "isEnabled": True,
    "applicationRestrictions": {
        "passwordCredentials": [{"restrictionType": "passwordLifetime", "maxLifetime": "P900D", "state": "enabled",
                                 "restrictForAppsCreatedAfterDateTime": "2020-01-01T00:00:00Z"}],
        "keyCredentials": [{"restrictionType": "asymmetricKeyLifetime", "maxLifetime": "P9D", "state": "disabled"}],
    },
}  # fmt: skip


class Judged:
    """A client whose answers are all put before the models."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.problems: list[str] = []
        self.judged = 0

    def call(self, method: str, path: str, body: Any = None, version: str = "v1.0") -> dict[str, Any]:
        answer = self.client.call(method, f"{version}/{path}", body)
        assert answer.ok, f"{method} {path}: {answer.text}"
        found: dict[str, Any] = answer.json() if answer.content else {}
        if found:
            self.judge(version, path, found)
        return found

    def judge(self, version: str, path: str, body: dict[str, Any]) -> None:
        self.judged += 1
        self.problems += problems_of_answer(version, "/" + path.partition("?")[0], body)

    def get(self, path: str, version: str = "v1.0") -> dict[str, Any]:
        return self.call("GET", path, version=version)


@pytest.fixture
def judged(log_in_to: Callable[..., Any]) -> Judged:
    rights = ("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "Directory.Read.All", "Calendars.Read",
              "Application.Read.All", "Application.ReadWrite.OwnedBy",
              "Policy.ReadWrite.ApplicationConfiguration")  # fmt: skip
    return Judged(log_in_to("isv.example", *rights))


def certificate() -> dict[str, Any]:
    pem = trustme.CA().issue_cert("client.example").cert_chain_pems[0].bytes()
    return {"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.b64encode(pem).decode()}


def test_application_and_principal_with_every_property_set_are_known_to_the_models(judged: Judged) -> None:
    judged.call("PATCH", "policies/defaultAppManagementPolicy", POLICY)
    judged.get("policies/defaultAppManagementPolicy")
    limit = {"restrictionType": "passwordLifetime", "maxLifetime": "P90D", "state": "enabled"}
    single = {"displayName": "d", "description": "d", "isEnabled": True,
              "restrictions": {"passwordCredentials": [limit]}}  # fmt: skip
    policy = judged.call("POST", "policies/appManagementPolicies", single)
    made = judged.call("POST", "applications", {**FULL_APPLICATION, "keyCredentials": [certificate()]})
    path = f"applications/{made['id']}"
    judged.call("POST", f"{path}/addPassword", {"passwordCredential": {"displayName": "p"}})
    federated = {"name": "ci-main", "issuer": "https://i.example", "subject": "s", "description": "d",
                 "audiences": ["api://AzureADTokenExchange"]}  # fmt: skip
    one = judged.call("POST", f"{path}/federatedIdentityCredentials", federated)
    principal = judged.call("POST", "servicePrincipals", {"appId": made["appId"], "tags": ["t"], "notes": "n"})
    its = f"servicePrincipals/{principal['id']}"
    more = {"keyCredentials": [certificate()], "samlSingleSignOnSettings": {"relayState": "r"},
            "preferredSingleSignOnMode": "saml", "loginUrl": "https://isv.example/login"}  # fmt: skip
    judged.call("PATCH", its, more)
    judged.call("POST", f"{its}/addPassword", {})
    graph = judged.get(f"servicePrincipals(appId='{GRAPH_CLIENT_ID}')")
    grant = {"principalId": principal["id"], "resourceId": graph["id"], "appRoleId": ROLE}
    given = judged.call("POST", f"servicePrincipals/{graph['id']}/appRoleAssignedTo", grant)
    reference = {"@odata.id": f"https://graph.microsoft.com/v1.0/policies/appManagementPolicies/{policy['id']}"}
    judged.client.post(f"{path}/appManagementPolicies/$ref", reference)
    own = judged.client.client_id
    for each in (
        path, f"{path}?$select={','.join(APPLICATION_PROPERTIES)}", "applications",
        f"applications?$select={','.join(APPLICATION_PROPERTIES)}", f"{path}/federatedIdentityCredentials",
        f"{path}/federatedIdentityCredentials/{one['id']}", f"{path}/owners", its, "servicePrincipals",
        f"{its}?$select={','.join(PRINCIPAL_PROPERTIES)}", f"{its}/owners", f"{its}/appRoleAssignments",
        f"{its}/appRoleAssignments/{given['id']}", f"servicePrincipals/{graph['id']}/appRoleAssignedTo",
        f"servicePrincipals/{graph['id']}/appRoleAssignedTo/{given['id']}", f"{its}/claimsMappingPolicies",
        f"{its}/synchronization/jobs", f"servicePrincipals(appId='{own}')/ownedObjects",
        f"directoryObjects/{made['id']}", f"directoryObjects/{principal['id']}", "organization",
        f"organization/{judged.client.tenant_id}", "applicationTemplates", "policies/appManagementPolicies",
        f"policies/appManagementPolicies/{policy['id']}", f"{path}/appManagementPolicies",
    ):  # fmt: skip
        judged.get(each)
    judged.call("POST", "directoryObjects/getByIds", {"ids": [made["id"], principal["id"]]})
    for kind, names in BETA_ONLY.items():
        where = path if kind == "application" else its
        judged.get(f"{where}?$select={','.join(sorted(names))}", "beta")
    judged.call("DELETE", path)
    for kind in ("application", "servicePrincipal"):
        assert judged.get(f"directory/deletedItems/microsoft.graph.{kind}")["value"]
    judged.get(f"directory/deletedItems/{made['id']}")
    judged.call("POST", f"directory/deletedItems/{made['id']}/restore", {})
    assert judged.problems == []


def test_users_calendars_and_events_are_known_to_the_models(judged: Judged, log_in_to: Callable[..., Any]) -> None:
    judged.client = log_in_to("contoso.example", "User.Read.All", "Calendars.Read")
    users = judged.get(f"users?$top=999&$select={','.join(USER_PROPERTIES)}")["value"]
    judged.get("users?$top=3")
    admin = next(each["id"] for each in users if each["userPrincipalName"] == "admin@contoso.example")
    calendar = judged.get(f"users/{admin}/calendars")["value"][0]["id"]
    event = judged.get(f"users/{admin}/events")["value"][0]["id"]
    span = "startDateTime=2020-01-01T00:00:00Z&endDateTime=2040-01-01T00:00:00Z"
    routes = [
        *UserRoutes.__new__(UserRoutes).routes(), *CalendarRoutes.__new__(CalendarRoutes).routes(needs(), needs()),
        *EventRoutes.__new__(EventRoutes).routes(needs()),
    ]  # fmt: skip
    for route in routes:
        if route.path.startswith("users/{}") and route.path != "users/{}/manager":  # nobody has one
            path = route.path.replace("events/{}", f"events/{event}").replace("{}", admin, 1).replace("{}", calendar)
            judged.get(f"{path}?{span}" if path.endswith("calendarView") else path)
    assert judged.get("users/delta")["value"]
    assert judged.problems == []
    assert judged.judged > 12


def test_groups_and_delegated_grants_are_known_to_the_models(judged: Judged, log_in_to: Callable[..., Any]) -> None:
    judged.client = log_in_to("contoso.example", "Directory.ReadWrite.All", "Group.Read.All")
    group = judged.get("groups")["value"][0]["id"]
    for path in (f"groups/{group}", f"groups/{group}/members", f"groups/{group}/transitiveMembers?$top=5"):
        judged.get(path)
    client = judged.get(f"servicePrincipals(appId='{judged.client.client_id}')")["id"]
    resource = judged.get(f"servicePrincipals(appId='{GRAPH_CLIENT_ID}')")["id"]
    sides = {"clientId": client, "resourceId": resource}
    judged.call("POST", "oauth2PermissionGrants", {**sides, "consentType": "AllPrincipals", "scope": "User.Read"})
    for path in ("oauth2PermissionGrants", f"servicePrincipals/{client}/oauth2PermissionGrants"):
        assert judged.get(path)["value"]
    assert judged.problems == []
    assert judged.judged > 8


def test_replay_of_every_recorded_request_gives_only_what_the_models_know(
    start_emulator: Callable[..., RunningEmulator], judged: Judged
) -> None:
    replay = Replay(start_emulator(seed=seed_with_rights()))
    for entries in RECORDED.values():
        for entry in entries:
            replay.send(entry)
    replay.session.close()
    for method, path, body in replay.answers:
        version, _, rest = path.lstrip("/").partition("/")
        if version in ("v1.0", "beta"):
            assert method in ("GET", "POST")
            judged.judge(version, rest, body)
    assert judged.problems == []
    assert judged.judged > 50


# The judge itself ----------------------------------------------------------------------------------------------------


@pytest.fixture
def application(judged: Judged) -> Iterator[dict[str, Any]]:
    yield judged.call("POST", "applications", FULL_APPLICATION)
    assert judged.problems == []


@pytest.mark.parametrize(
    ("place", "value", "problem"),
    [
        (("invented",), "x", "/applications.invented: Application has no such property"),
        (("web", "invented"), None, "/applications.web.invented: WebApplication has no such property"),
        (("appRoles", 0, "colour"), 1, "/applications.appRoles[0].colour: AppRole has no such property"),
        (("displayName",), 5, "/applications.displayName: a string was expected"),
        (("createdDateTime",), "yesterday", "/applications.createdDateTime: a date and time with its zone"),
        (("createdDateTime",), "2026-01-01T00:00:00", "/applications.createdDateTime: a date and time with its zone"),
        (("tags",), "t", "/applications.tags: a list was expected"),
        (("tags",), None, "/applications.tags: a list was expected"),
        (("tags", 0), 1, "/applications.tags[0]: a string was expected"),
        (("isFallbackPublicClient",), "false", "/applications.isFallbackPublicClient: a boolean was expected"),
        (("api", "requestedAccessTokenVersion"), True, "/applications.api.requestedAccessTokenVersion: a whole number"),
        (("web",), [], "/applications.web: an object was expected"),
        (("appRoles", 0, "id"), "one", "/applications.appRoles[0].id: a GUID was expected"),
    ],
)
def test_judge_names_an_invented_property_and_a_wrong_type(
    application: dict[str, Any], place: tuple[Any, ...], value: Any, problem: str
) -> None:
    changed = deepcopy(application)
    where: Any = changed
    for each in place[:-1]:
        where = where[each]
    where[place[-1]] = value
    (found,) = problems_of_answer("v1.0", "/applications", changed)
    assert found.startswith(problem)


def test_judge_does_not_let_a_property_of_beta_pass_in_v1() -> None:
    assert problems_of_answer("beta", "/servicePrincipals", {"samlMetadataUrl": None}) == []
    assert len(problems_of_answer("beta", "/servicePrincipals", {"samlMetadataUrl": 1})) == 1
    assert len(problems_of_answer("v1.0", "/servicePrincipals", {"samlMetadataUrl": None})) == 1


def test_judge_looks_into_lists_and_beside_them(application: dict[str, Any]) -> None:
    assert problems_of_answer("v1.0", "/applications", {"value": [application], "more": 1}) == [
        "/applications: more beside value"
    ]
    assert len(problems_of_answer("v1.0", "/applications", {"value": [application, {"x": 1}]})) == 1


def test_judge_has_a_model_for_every_route_that_answers_with_objects(emulator: RunningEmulator) -> None:
    guid = "00000000-0000-4000-8000-000000000000"
    no_objects = re.compile(
        r".*(\$count|\$ref|/logo|/customAppScopes)|me(/.*)?|applicationTemplates/\{\}"
    )  # scopes: beta only
    paths = {route.path for route in emulator.cloud.dispatcher.table.routes if route.method == "GET"}
    asked = {path for path in paths if not no_objects.fullmatch(path)}
    assert len(asked) > 25
    for path in asked:
        assert problems_of_answer("v1.0", "/" + path.replace("{}", "x"), {"id": guid}) == [], path


def test_judge_of_an_unknown_path_says_so() -> None:
    with pytest.raises(LookupError, match="no model for /devices"):
        problems_of_answer("v1.0", "/devices", {})
