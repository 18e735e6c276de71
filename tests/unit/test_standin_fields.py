"""Defaults, comparisons, import and refresh of arguments: the rules a user of the real plugin knows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgcal.provider._sdk import UNKNOWN
from orgcal.provider.azuread.application import Application
from orgcal.provider.azuread.application_fields import APPLICATION
from orgcal.provider.azuread.arguments import changed, filled, imported, problems, refreshed
from orgcal.provider.azuread.certificate import ApplicationCertificate
from orgcal.provider.azuread.federated import ApplicationFederatedIdentityCredential
from orgcal.provider.azuread.fields import DEFAULTS
from orgcal.provider.azuread.password import ApplicationPassword
from orgcal.provider.azuread.service_principal import ServicePrincipal
from orgcal.provider.azuread.states import meta

APP_ID = "/applications/00000000-0000-0000-0000-000000000001"
ROLE = "7ab1d382-f21e-4acd-a863-ba3e13f7da61"

BLANK_APPLICATION: dict[str, Any] = {
    "api": {
        "knownClientApplications": [],
        "mappedClaimsEnabled": False,
        "oauth2PermissionScopes": [],
        "requestedAccessTokenVersion": 1,
    },
    "appRoleIds": {},
    "appRoles": [],
    "clientId": "f55104b1-787f-4b93-adfc-f1e9e431d84b",
    "description": "",
    "deviceOnlyAuthEnabled": False,
    "disabledByMicrosoft": "",
    "displayName": "example",
    "fallbackPublicClientEnabled": False,
    "featureTags": [{"customSingleSignOn": False, "enterprise": False, "gallery": False, "hide": False}],
    "logoImage": "",
    "logoUrl": "",
    "marketingUrl": "",
    "notes": "",
    "oauth2PermissionScopeIds": {},
    "oauth2PostResponseRequired": False,
    "objectId": "008974fb-0c9c-4d74-9aa7-dd542a5e9995",
    "optionalClaims": {"accessTokens": [], "idTokens": [], "saml2Tokens": []},
    "preventDuplicateNames": False,
    "privacyStatementUrl": "",
    "publicClient": {"redirectUris": []},
    "publisherDomain": "contoso.example",
    "requiredResourceAccesses": [],
    "serviceManagementReference": "",
    "signInAudience": "AzureADMyOrg",
    "singlePageApplication": {"redirectUris": []},
    "supportUrl": "",
    "tags": [],
    "templateId": "",
    "termsOfServiceUrl": "",
    "web": {
        "homepageUrl": "",
        "implicitGrant": {"accessTokenIssuanceEnabled": False, "idTokenIssuanceEnabled": False},
        "logoutUrl": "",
        "redirectUris": [],
    },
}
"""State of an application with nothing but a name, as the real plugin keeps it."""


def test_filled_application_lists_defaults_as_the_real_state_does() -> None:
    assert filled(APPLICATION, {"displayName": "example"}) == {
        "__defaults": ["signInAudience"],
        "displayName": "example",
        "signInAudience": "AzureADMyOrg",
    }


def test_filled_keeps_a_default_that_the_last_inputs_list() -> None:
    # The real plugin replays defaults of an older version of itself: `useOldDefault` in pkg/tfbridge/schema.go of
    # pulumi-terraform-bridge 3.137.0. States of our older stand-in list this one.
    older = {"__defaults": ["preventDuplicateNames", "signInAudience"], "displayName": "example",
             "preventDuplicateNames": False, "signInAudience": "AzureADMyOrg"}  # fmt: skip
    assert filled(APPLICATION, {"displayName": "example"}, older) == older
    given = {"displayName": "example", "preventDuplicateNames": False}
    listed_no_longer = {**older, "__defaults": ["signInAudience"]}
    assert filled(APPLICATION, {"displayName": "example"}, {**given, "__defaults": []})["__defaults"] == [
        "signInAudience"
    ]
    assert filled(APPLICATION, given, older) == listed_no_longer


def test_filled_nested_objects_have_their_own_defaults() -> None:
    inputs = filled(APPLICATION, {"displayName": "x", "api": {"mappedClaimsEnabled": True}, "web": {}})
    assert inputs["api"] == {"__defaults": ["requestedAccessTokenVersion"], "mappedClaimsEnabled": True,
                             "requestedAccessTokenVersion": 1}  # fmt: skip
    assert inputs["web"] == {"__defaults": []}


@pytest.mark.parametrize(
    ("kind", "given_name"),
    [
        (ApplicationCertificate, "encoding"),
        (ServicePrincipal, "accountEnabled"),
    ],
)
def test_filled_credentials_and_principals_have_one_default(kind: Any, given_name: str) -> None:
    assert filled(kind.fields, {})[DEFAULTS] == [given_name]


@pytest.mark.parametrize("kind", [ApplicationPassword, ApplicationFederatedIdentityCredential])
def test_filled_types_without_defaults_say_so(kind: Any) -> None:
    assert filled(kind.fields, {"applicationId": APP_ID}) == {"__defaults": [], "applicationId": APP_ID}


def test_changed_blank_application_against_its_own_inputs_is_nothing() -> None:
    assert changed(APPLICATION, BLANK_APPLICATION, filled(APPLICATION, {"displayName": "example"})) == frozenset()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("description", "from the portal"),
        ("identifierUris", ["api://x"]),
        ("notes", "by hand"),
        ("web", {"redirectUris": ["https://elsewhere.example/"]}),
        ("requiredResourceAccesses", [{"resourceAppId": ROLE, "resourceAccesses": [{"id": ROLE, "type": "Role"}]}]),
        ("owners", [ROLE]),
    ],
)
def test_changed_sees_what_somebody_else_set(name: str, value: Any) -> None:
    state = {**BLANK_APPLICATION, name: value}
    assert changed(APPLICATION, state, filled(APPLICATION, {"displayName": "example"})) == {name}


@pytest.mark.parametrize("name", ["tags", "featureTags", "templateId"])
def test_changed_leaves_to_the_server_what_it_may_fill_in(name: str) -> None:
    values = {"tags": ["HideApp"], "featureTags": [{"hide": True}], "templateId": ROLE}
    state = {**BLANK_APPLICATION, name: values[name]}
    assert changed(APPLICATION, state, filled(APPLICATION, {"displayName": "example"})) == frozenset()


def test_changed_unknown_value_counts_as_changed() -> None:
    inputs = filled(APPLICATION, {"displayName": "example", "web": {"redirectUris": [UNKNOWN]}})
    assert changed(APPLICATION, BLANK_APPLICATION, inputs) == {"web"}


def test_changed_order_of_permissions_counts_inside_a_resource_only() -> None:
    other = "798ee544-9d2d-430c-a058-570e29e34338"
    accesses = [{"id": ROLE, "type": "Role"}, {"id": other, "type": "Role"}]
    state = {**BLANK_APPLICATION, "requiredResourceAccesses": [{"resourceAppId": ROLE, "resourceAccesses": accesses}]}
    turned = [{"resourceAppId": ROLE, "resourceAccesses": accesses[::-1]}]
    inputs = filled(APPLICATION, {"displayName": "example", "requiredResourceAccesses": turned})
    assert changed(APPLICATION, state, inputs) == {"requiredResourceAccesses"}


@given(st.permutations(["https://a.example/", "https://b.example/", "https://c.example/"]))
def test_changed_order_of_redirect_uris_never_counts(uris: list[str]) -> None:
    state = {**BLANK_APPLICATION, "web": {"redirectUris": sorted(uris)}}
    inputs = filled(APPLICATION, {"displayName": "example", "web": {"redirectUris": uris}})
    assert changed(APPLICATION, state, inputs) == frozenset()


def test_every_argument_of_a_password_replaces_it() -> None:
    assert {name for name, item in ApplicationPassword.fields.items() if item.argument and not item.replaces} == set()


def test_arguments_that_replace_are_those_of_the_real_plugin() -> None:
    replacing = {
        kind.title: {name for name, item in kind.fields.items() if item.replaces}
        for kind in (Application, ApplicationFederatedIdentityCredential, ServicePrincipal)
    }
    assert replacing == {
        "Application": {"templateId"},
        "ApplicationFederatedIdentityCredential": {"applicationId", "displayName"},
        "ServicePrincipal": {"clientId"},
    }


def test_imported_blank_application_needs_its_name_only() -> None:
    assert imported(APPLICATION, BLANK_APPLICATION) == {
        "__defaults": [],
        "displayName": "example",
        "featureTags": [{"__defaults": []}],
    }


def test_imported_tags_come_without_the_feature_tags_they_exclude() -> None:
    inputs = imported(APPLICATION, {**BLANK_APPLICATION, "tags": ["orgcal"], "web": {"redirectUris": ["https://x/"]}})
    assert "featureTags" not in inputs
    assert inputs["tags"] == ["orgcal"]
    assert inputs["web"] == {"__defaults": [], "redirectUris": ["https://x/"]}


def test_imported_inputs_make_no_change() -> None:
    state = {**BLANK_APPLICATION, "signInAudience": "AzureADMultipleOrgs", "web": {"redirectUris": ["https://x/"]}}
    assert changed(APPLICATION, state, filled(APPLICATION, imported(APPLICATION, state))) == frozenset()


def test_refreshed_takes_new_values_of_what_was_given_only() -> None:
    inputs = filled(APPLICATION, {"displayName": "example", "web": {"redirectUris": ["https://b/", "https://a/"]}})
    state = {
        **BLANK_APPLICATION,
        "displayName": "renamed",
        "description": "by hand",
        "web": {"redirectUris": ["https://a/", "https://b/"]},
        "signInAudience": "AzureADMultipleOrgs",
    }
    after = refreshed(APPLICATION, inputs, state)
    assert after["displayName"] == "renamed"
    assert "description" not in after
    assert after["web"]["redirectUris"] == ["https://b/", "https://a/"]
    assert after["signInAudience"] == "AzureADMultipleOrgs"
    assert after[DEFAULTS] == []


def test_refreshed_keeps_a_default_that_the_server_still_has() -> None:
    given = {"displayName": "example"}
    inputs = filled(APPLICATION, given)
    assert refreshed(APPLICATION, inputs, {**BLANK_APPLICATION, **given}) == inputs
    # As the stand-in wrote it until 2026-11, with a default that the real plugin does not list.
    older = {**inputs, "preventDuplicateNames": False, DEFAULTS: ["preventDuplicateNames", "signInAudience"]}
    assert refreshed(APPLICATION, older, {**BLANK_APPLICATION, **given}) == older


@pytest.mark.parametrize(
    ("given_inputs", "name", "words"),
    [
        ({"signInAudience": "Everybody"}, "signInAudience", "must be one of"),
        ({"tags": ["a"], "featureTags": [{}]}, "tags", "cannot be given together"),
        ({"owners": ["me"]}, "owners", "GUID"),
        ({"appRoles": [{"id": ROLE}]}, "appRoles.displayName", "missing"),
        ({"web": {"redirectUri": ["x"]}}, "web.redirectUri", "no argument"),
        ({"logoImage": "aGk="}, "logoImage", "must be a PNG, JPEG or GIF"),
        ({"logoImage": "no base64!"}, "logoImage", "must be a PNG, JPEG or GIF"),
        ({"templateId": ROLE}, "templateId", "use the real azuread plugin"),
        ({"password": {"displayName": "x"}}, "password", "ApplicationPassword"),
    ],
)
def test_problems_wrong_argument_is_named(given_inputs: dict[str, Any], name: str, words: str) -> None:
    found = problems(APPLICATION, {"displayName": "x", **given_inputs})
    assert words in found[name]


@pytest.mark.parametrize(
    ("block", "uri", "words"),
    [
        ("web", "https://app.example.com", "must have a trailing slash when there is no path segment"),
        ("web", "https://app.example.com/", ""),
        ("web", "urn:ietf:wg:oauth:2.0:oob", ""),
        ("web", "https://", "has no host"),
        ("web", "ftp://app.example.com/", "must begin with one of http, https"),
        ("web", f"https://app.example.com/{'x' * 256}", "at most 256 characters"),
        ("singlePageApplication", "https://app.example.com", "trailing slash"),
        ("singlePageApplication", "urn:ietf:wg:oauth:2.0:oob", "has no host"),
        ("publicClient", "http://localhost", ""),
        ("publicClient", "myapp://auth", ""),
    ],
)
def test_problems_redirect_uri_is_judged_as_the_real_plugin_does(block: str, uri: str, words: str) -> None:
    found = problems(APPLICATION, {"displayName": "x", block: {"redirectUris": [uri]}})
    assert words in found[f"{block}.redirectUris"] if words else found == {}


def test_problems_unknown_values_are_never_wrong() -> None:
    assert problems(APPLICATION, {"displayName": UNKNOWN, "owners": [UNKNOWN], "signInAudience": UNKNOWN}) == {}


def test_meta_is_what_the_real_state_has() -> None:
    assert meta(2, create=10, delete=5, read=5, update=10) == (
        '{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"create":600000000000,"delete":300000000000,"read":300000000000,'
        '"update":600000000000},"schema_version":"2"}'
    )
