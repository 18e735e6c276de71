"""An application in Graph's form, as a state and as a request body: everything given, and nothing given.

Source: https://learn.microsoft.com/en-us/graph/api/resources/application, and `applicationResourceRead` and
`applicationResourceUpdate` in internal/services/applications/application_resource.go of
hashicorp/terraform-provider-azuread at f0169e0ecec4a7f87c0a512fd989368a182306c1.
"""

from __future__ import annotations

from typing import Any

import pytest

from orgcal.provider.azuread.application_body import api_of, body_of, tags_of
from orgcal.provider.azuread.application_fields import APPLICATION
from orgcal.provider.azuread.application_state import app_roles_state, ids_by_value, scopes_state, state_of
from orgcal.provider.azuread.arguments import changed, filled

ROLE_ID = "00000000-0000-0000-0000-000000000001"
SCOPE_ID = "00000000-0000-0000-0000-000000000002"
OTHER_APP = "00000000-0000-0000-0000-000000000003"
PERMISSION = "00000000-0000-0000-0000-000000000004"
HIDE = "HideApp"

SCOPE_TEXTS = {
    "adminConsentDescription": "ad",
    "adminConsentDisplayName": "an",
    "type": "Admin",
    "userConsentDescription": "ud",
    "userConsentDisplayName": "un",
    "value": "files.read",
}
URLS = {
    "marketingUrl": "https://a.example/m",
    "privacyStatementUrl": "https://a.example/p",
    "supportUrl": "https://a.example/s",
    "termsOfServiceUrl": "https://a.example/t",
}
ROLE_TEXTS = {"allowedMemberTypes": ["Application", "User"], "description": "rd", "displayName": "rn", "value": "admin"}
CLAIM = {"additionalProperties": ["sam_account_name"], "essential": True, "name": "email", "source": "user"}

WRITABLE: dict[str, Any] = {
    "api": {
        "acceptMappedClaims": True,
        "knownClientApplications": [OTHER_APP],
        "oauth2PermissionScopes": [{**SCOPE_TEXTS, "id": SCOPE_ID, "isEnabled": True}],
        "requestedAccessTokenVersion": 2,
    },
    "appRoles": [{**ROLE_TEXTS, "id": ROLE_ID, "isEnabled": True}],
    "description": "d",
    "displayName": "n",
    "groupMembershipClaims": "ApplicationGroup,SecurityGroup",
    "identifierUris": ["api://a", "api://b"],
    "info": URLS,
    "isDeviceOnlyAuthSupported": True,
    "isFallbackPublicClient": True,
    "notes": "note",
    "optionalClaims": {"accessToken": [CLAIM], "idToken": [], "saml2Token": []},
    "publicClient": {"redirectUris": ["native://a"]},
    "requiredResourceAccess": [
        {"resourceAccess": [{"id": PERMISSION, "type": "Role"}], "resourceAppId": OTHER_APP},
    ],
    "serviceManagementReference": "ref",
    "signInAudience": "AzureADMultipleOrgs",
    "spa": {"redirectUris": ["https://a.example/spa"]},
    "tags": [HIDE],
    "web": {
        "homePageUrl": "https://a.example/",
        "implicitGrantSettings": {"enableAccessTokenIssuance": True, "enableIdTokenIssuance": True},
        "logoutUrl": "https://a.example/out",
        "redirectUris": ["https://a.example/1", "https://a.example/2"],
    },
}
"""An application as a body sends it, with a value in every place."""

ARGUMENTS: dict[str, Any] = {
    "api": {
        "knownClientApplications": [OTHER_APP],
        "mappedClaimsEnabled": True,
        "oauth2PermissionScopes": [{**SCOPE_TEXTS, "enabled": True, "id": SCOPE_ID}],
        "requestedAccessTokenVersion": 2,
    },
    "appRoles": [{**ROLE_TEXTS, "enabled": True, "id": ROLE_ID}],
    "description": "d",
    "deviceOnlyAuthEnabled": True,
    "displayName": "n",
    "fallbackPublicClientEnabled": True,
    "groupMembershipClaims": ["ApplicationGroup", "SecurityGroup"],
    "identifierUris": ["api://a", "api://b"],
    "notes": "note",
    "optionalClaims": {"accessTokens": [CLAIM], "idTokens": [], "saml2Tokens": []},
    "publicClient": {"redirectUris": ["native://a"]},
    "requiredResourceAccesses": [
        {"resourceAccesses": [{"id": PERMISSION, "type": "Role"}], "resourceAppId": OTHER_APP},
    ],
    "serviceManagementReference": "ref",
    "signInAudience": "AzureADMultipleOrgs",
    "singlePageApplication": {"redirectUris": ["https://a.example/spa"]},
    "tags": [HIDE],
    "web": {
        "homepageUrl": "https://a.example/",
        "implicitGrant": {"accessTokenIssuanceEnabled": True, "idTokenIssuanceEnabled": True},
        "logoutUrl": "https://a.example/out",
        "redirectUris": ["https://a.example/1", "https://a.example/2"],
    },
    **URLS,
}
"""The same as arguments of the resource."""

TOLD: dict[str, Any] = {
    "applicationTemplateId": "template",
    "appId": "client",
    "disabledByMicrosoftStatus": "NotDisabled",
    "id": "object",
    "info": {**URLS, "logoUrl": "https://a.example/logo"},
    "publisherDomain": "a.example",
}
"""What only the server says of it."""

NO_FEATURES = {"customSingleSignOn": False, "enterprise": False, "gallery": False, "hide": False}

BLANK_STATE: dict[str, Any] = {
    "api": {
        "knownClientApplications": [],
        "mappedClaimsEnabled": False,
        "oauth2PermissionScopes": [],
        "requestedAccessTokenVersion": 1,
    },
    "appRoleIds": {},
    "appRoles": [],
    "clientId": "",
    "description": "",
    "deviceOnlyAuthEnabled": False,
    "disabledByMicrosoft": "",
    "displayName": "",
    "fallbackPublicClientEnabled": False,
    "featureTags": [NO_FEATURES],
    "groupMembershipClaims": [],
    "identifierUris": [],
    "logoImage": "",
    "logoUrl": "",
    "notes": "",
    "oauth2PermissionScopeIds": {},
    "oauth2PostResponseRequired": False,
    "objectId": "object",
    "optionalClaims": None,
    "owners": [],
    "publicClient": None,
    "publisherDomain": "",
    "requiredResourceAccesses": [],
    "serviceManagementReference": "",
    "signInAudience": "",
    "singlePageApplication": None,
    "tags": [],
    "templateId": "",
    "web": {
        "homepageUrl": "",
        "implicitGrant": {"accessTokenIssuanceEnabled": False, "idTokenIssuanceEnabled": False},
        "logoutUrl": "",
        "redirectUris": [],
    },
    **dict.fromkeys(URLS, ""),
}


def test_state_has_every_property_of_the_application_in_graph() -> None:
    assert state_of({**WRITABLE, **TOLD}, ["o2", "o1"], post_response_required=True) == {
        **ARGUMENTS,
        "appRoleIds": {"admin": ROLE_ID},
        "clientId": "client",
        "disabledByMicrosoft": "NotDisabled",
        "featureTags": [{**NO_FEATURES, "hide": True}],
        "logoImage": "",
        "logoUrl": "https://a.example/logo",
        "oauth2PermissionScopeIds": {"files.read": SCOPE_ID},
        "oauth2PostResponseRequired": True,
        "objectId": "object",
        "owners": ["o1", "o2"],
        "publisherDomain": "a.example",
        "templateId": "template",
    }


@pytest.mark.parametrize("nothing", [False, True], ids=["left out", "null"])
def test_state_of_an_application_of_which_graph_says_nothing_is_empty(nothing: bool) -> None:
    names = {*WRITABLE, *TOLD} - {"id"}
    application = {"id": "object", **(dict.fromkeys(names) if nothing else {})}

    assert state_of(application, [], post_response_required=False) == BLANK_STATE


def test_state_has_empty_texts_where_parts_of_an_application_lack_a_value() -> None:
    empty: dict[str, Any] = {
        "id": "object",
        "optionalClaims": {"idToken": [{}]},
        "publicClient": {},
        "requiredResourceAccess": [{"resourceAccess": [{"id": PERMISSION}]}, {}],
        "spa": {},
        "web": {"implicitGrantSettings": {}},
    }
    claim = {"additionalProperties": [], "essential": False, "name": "", "source": ""}

    assert state_of(empty, [], post_response_required=False) == {
        **BLANK_STATE,
        "optionalClaims": {"accessTokens": [], "idTokens": [claim], "saml2Tokens": []},
        "publicClient": {"redirectUris": []},
        "requiredResourceAccesses": [
            {"resourceAccesses": [{"id": PERMISSION, "type": ""}], "resourceAppId": ""},
            {"resourceAccesses": [], "resourceAppId": ""},
        ],
        "singlePageApplication": {"redirectUris": []},
    }


def test_group_claims_of_an_older_application_may_have_blanks_between_them() -> None:
    state = state_of({"id": "object", "groupMembershipClaims": "SecurityGroup, DirectoryRole,"}, [], False)

    assert state["groupMembershipClaims"] == ["DirectoryRole", "SecurityGroup"]


@pytest.mark.parametrize("listed", [{}, dict.fromkeys([*ROLE_TEXTS, "id", "isEnabled"])], ids=["left out", "null"])
def test_role_of_which_graph_says_nothing_has_empty_values(listed: dict[str, Any]) -> None:
    role = {"allowedMemberTypes": [], "description": "", "displayName": "", "enabled": False, "id": "", "value": ""}

    assert app_roles_state([listed]) == [role]
    assert app_roles_state(None) == []


@pytest.mark.parametrize("listed", [{}, dict.fromkeys([*SCOPE_TEXTS, "id", "isEnabled"])], ids=["left out", "null"])
def test_scope_of_which_graph_says_nothing_has_empty_values(listed: dict[str, Any]) -> None:
    assert scopes_state([listed]) == [{**dict.fromkeys(SCOPE_TEXTS, ""), "enabled": False, "id": ""}]
    assert scopes_state(None) == []


def test_role_without_a_value_has_no_place_among_the_ids_by_value() -> None:
    entries: list[dict[str, Any]] = [
        {"id": ROLE_ID, "value": "a"},
        {"id": SCOPE_ID, "value": None},
        {"id": None, "value": "b"},
        {},
    ]

    assert ids_by_value(entries) == {"a": ROLE_ID}
    assert ids_by_value(None) == {}


def test_body_has_every_argument_in_the_form_of_graph() -> None:
    body = body_of(ARGUMENTS, [HIDE])

    assert body == {"@odata.type": "#microsoft.graph.application", **WRITABLE}
    assert api_of(ARGUMENTS) == WRITABLE["api"]


def test_body_of_a_bare_application_empties_what_is_not_given() -> None:
    """An update sends the whole application, so that what is no longer given goes."""
    assert body_of(filled(APPLICATION, {"displayName": "n"}), []) == {
        "@odata.type": "#microsoft.graph.application",
        "api": {
            "acceptMappedClaims": False,
            "knownClientApplications": [],
            "oauth2PermissionScopes": [],
            "requestedAccessTokenVersion": 1,
        },
        "appRoles": [],
        "description": None,
        "displayName": "n",
        "groupMembershipClaims": None,
        "identifierUris": [],
        "info": dict.fromkeys(URLS),
        "isDeviceOnlyAuthSupported": False,
        "isFallbackPublicClient": False,
        "notes": None,
        "optionalClaims": {},
        "publicClient": {"redirectUris": []},
        "requiredResourceAccess": [],
        "serviceManagementReference": None,
        "signInAudience": "AzureADMyOrg",
        "spa": {"redirectUris": []},
        "tags": [],
        "web": {
            "homePageUrl": None,
            "implicitGrantSettings": {"enableAccessTokenIssuance": False, "enableIdTokenIssuance": False},
            "logoutUrl": None,
            "redirectUris": [],
        },
    }


@pytest.mark.parametrize(("given", "enabled"), [({}, True), ({"enabled": True}, True), ({"enabled": False}, False)])
def test_role_and_scope_are_enabled_unless_the_program_says_otherwise(given: dict[str, bool], enabled: bool) -> None:
    role = {**ROLE_TEXTS, "id": ROLE_ID, **given}
    news = {"displayName": "n", "signInAudience": "AzureADMyOrg", "appRoles": [role]}
    body = body_of({**news, "api": {"oauth2PermissionScopes": [{"id": SCOPE_ID, **given}]}}, [])

    assert body["appRoles"] == [{**ROLE_TEXTS, "id": ROLE_ID, "isEnabled": enabled}]
    scope = {**dict.fromkeys(SCOPE_TEXTS, ""), "id": SCOPE_ID, "isEnabled": enabled}
    assert body["api"]["oauth2PermissionScopes"] == [scope]


def test_role_without_a_value_is_sent_with_an_empty_one() -> None:
    role = {name: text for name, text in ROLE_TEXTS.items() if name != "value"}
    body = body_of({"displayName": "n", "signInAudience": "x", "appRoles": [{**role, "id": ROLE_ID}]}, [])

    assert body["appRoles"][0]["value"] == ""


def test_predefined_claim_is_sent_without_a_source() -> None:
    """A claim with a source is an extension property: https://learn.microsoft.com/en-us/graph/api/resources/optionalclaim."""
    claims = {"idTokens": [{"name": "email"}, {"name": "extension_x", "source": "user"}]}
    body = body_of({"displayName": "n", "signInAudience": "x", "optionalClaims": claims}, [])

    assert body["optionalClaims"] == {
        "accessToken": [],
        "idToken": [
            {"additionalProperties": [], "essential": False, "name": "email"},
            {"additionalProperties": [], "essential": False, "name": "extension_x", "source": "user"},
        ],
        "saml2Token": [],
    }


@pytest.mark.parametrize(
    ("feature", "tag"),
    [
        ("customSingleSignOn", "WindowsAzureActiveDirectoryCustomSingleSignOnApplication"),
        ("enterprise", "WindowsAzureActiveDirectoryIntegratedApp"),
        ("gallery", "WindowsAzureActiveDirectoryGalleryApplicationNonPrimaryV1"),
        ("hide", "HideApp"),
    ],
)
def test_feature_stands_for_the_tag_of_the_real_plugin(feature: str, tag: str) -> None:
    """Source: internal/helpers/applications/applications.go of terraform-provider-azuread at f0169e0e."""
    assert tags_of([{feature: True}]) == [tag]
    assert tags_of([{feature: False}]) == tags_of([]) == tags_of(None) == []
    state = state_of({"id": "object", "tags": [tag.upper()]}, [], post_response_required=False)
    assert state["featureTags"] == [{**NO_FEATURES, feature: True}]


@pytest.mark.parametrize("name", sorted(ARGUMENTS.keys() - {"displayName", "signInAudience", "tags"}))
def test_state_without_an_argument_that_the_program_gives_shows_a_change(name: str) -> None:
    state = state_of({**WRITABLE, **TOLD}, [], post_response_required=False)
    inputs = filled(APPLICATION, ARGUMENTS)

    assert changed(APPLICATION, state, inputs) == frozenset()
    assert changed(APPLICATION, {**state, name: BLANK_STATE[name]}, inputs) == {name}
