"""Arguments of the azuread plugin, by its schemas: what the stand-in takes, refuses, replaces, leaves to the server."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest

from orgcal.provider._sdk import Call, InvalidInputs, Prop, Secret, State, problems_of
from orgcal.provider.azuread.app_role_assignment import AppRoleAssignment
from orgcal.provider.azuread.application import Application
from orgcal.provider.azuread.application_fields import APPLICATION, not_empty, redirect_uri, short_text
from orgcal.provider.azuread.arguments import changed
from orgcal.provider.azuread.certificate import ApplicationCertificate
from orgcal.provider.azuread.connection import Connection
from orgcal.provider.azuread.federated import ApplicationFederatedIdentityCredential
from orgcal.provider.azuread.fields import Fields
from orgcal.provider.azuread.managed import Managed
from orgcal.provider.azuread.password import ApplicationPassword
from orgcal.provider.azuread.service_principal import ServicePrincipal
from tests.contract.rules.azuread_arguments import (
    COMPUTED,
    CONFLICTS,
    DEFAULT,
    FORCE_NEW,
    GUID,
    MOST,
    ORDERED,
    REQUIRED,
    VALUES,
    Values,
)

pytestmark = pytest.mark.judged("tests/contract/rules/azuread_arguments.py")

OTHER = "11111111-1111-1111-1111-111111111111"
THIRD = "22222222-2222-2222-2222-222222222222"
KINDS: dict[str, type[Managed]] = {
    kind.title: kind
    for kind in (
        Application,
        ServicePrincipal,
        ApplicationCertificate,
        ApplicationPassword,
        ApplicationFederatedIdentityCredential,
        AppRoleAssignment,
    )
}
CALL = Call("thing", lambda severity, text: None)

SCOPE: dict[str, Any] = {
    "adminConsentDescription": "d",
    "adminConsentDisplayName": "n",
    "enabled": False,
    "type": "Admin",
    "userConsentDescription": "d",
    "userConsentDisplayName": "n",
    "value": "files.read",
}
CLAIM = {"name": "email", "essential": True, "source": "user", "additionalProperties": ["use_guid"]}
FEATURES = {"customSingleSignOn": True, "enterprise": True, "gallery": True, "hide": True}
OLD_FEATURES = {
    "customSingleSignOnApp": True,
    "enterpriseApplication": True,
    "galleryApplication": True,
    "visibleToUsers": False,
}

VALID: dict[str, dict[str, Any]] = {
    "Application": {
        "api": {
            "knownClientApplications": [GUID],
            "mappedClaimsEnabled": True,
            "oauth2PermissionScopes": [{**SCOPE, "id": THIRD}],
            "requestedAccessTokenVersion": 2,
        },
        "appRoles": [
            {"id": OTHER, "allowedMemberTypes": ["User"], "description": "d", "displayName": "n", "enabled": False,
             "value": "admin"}
        ],
        "description": "d",
        "deviceOnlyAuthEnabled": True,
        "displayName": "n",
        "fallbackPublicClientEnabled": True,
        "groupMembershipClaims": ["All"],
        "identifierUris": ["api://a"],
        "logoImage": "R0lGODlh",
        "marketingUrl": "https://a.example/m",
        "notes": "n",
        "oauth2PostResponseRequired": True,
        "optionalClaims": {
            "accessTokens": [{"name": "email"}],
            "idTokens": [CLAIM],
            "saml2Tokens": [{"name": "email"}],
        },
        "owners": [GUID],
        "preventDuplicateNames": True,
        "privacyStatementUrl": "https://a.example/p",
        "publicClient": {"redirectUris": ["native://a"]},
        "requiredResourceAccesses": [
            {"resourceAppId": GUID, "resourceAccesses": [{"id": GUID, "type": "Role"}]}
        ],
        "serviceManagementReference": "ref",
        "signInAudience": "AzureADMultipleOrgs",
        "singlePageApplication": {"redirectUris": ["https://a.example/spa"]},
        "supportUrl": "https://a.example/s",
        "tags": ["t"],
        "termsOfServiceUrl": "https://a.example/t",
        "web": {
            "homepageUrl": "https://a.example/",
            "implicitGrant": {"accessTokenIssuanceEnabled": True, "idTokenIssuanceEnabled": True},
            "logoutUrl": "https://a.example/out",
            "redirectUris": ["https://a.example/1"],
        },
    },
    "ServicePrincipal": {
        "accountEnabled": False,
        "alternativeNames": ["a"],
        "appRoleAssignmentRequired": True,
        "clientId": GUID,
        "description": "d",
        "loginUrl": "https://a.example/",
        "notes": "n",
        "notificationEmailAddresses": ["x@a.example"],
        "owners": [GUID],
        "preferredSingleSignOnMode": "saml",
        "samlSingleSignOn": {"relayState": "r"},
        "tags": ["t"],
        "useExisting": True,
    },
    "ApplicationCertificate": {
        "applicationId": f"/applications/{GUID}",
        "encoding": "hex",
        "endDate": "2030-01-01T00:00:00Z",
        "keyId": GUID,
        "startDate": "2029-01-01T00:00:00Z",
        "type": "AsymmetricX509Cert",
        "value": Secret("00"),
    },
    "ApplicationPassword": {
        "applicationId": f"/applications/{GUID}",
        "displayName": "n",
        "endDate": "2030-01-01T00:00:00Z",
        "rotateWhenChanged": {"month": "1"},
        "startDate": "2029-01-01T00:00:00Z",
    },
    "ApplicationFederatedIdentityCredential": {
        "applicationId": f"/applications/{GUID}",
        "audiences": ["a"],
        "description": "d",
        "displayName": "n",
        "issuer": "https://a.example",
        "subject": "s",
    },
    "AppRoleAssignment": {"appRoleId": GUID, "principalObjectId": GUID, "resourceObjectId": OTHER},
}  # fmt: skip
"""Every argument that can be given together with the others."""

ELSE: dict[str, Any] = {
    "endDateRelative": "24h",
    "featureTags": [FEATURES],
    "features": [OLD_FEATURES],
}
"""Values of the others."""


def placed(title: str, argument: str, value: Any) -> dict[str, Any]:
    """The valid arguments with another value in one place; None takes it away."""
    given = copy.deepcopy(VALID[title])
    *blocks, name = argument.split(".")
    block: Any = given
    for outer in blocks:
        block = block[outer][0] if isinstance(block[outer], list) else block[outer]
    if value is None:
        del block[name]
    else:
        block[name] = [value] if KINDS_OF_LISTS & {field_kind(title, argument)} else value
    return given


KINDS_OF_LISTS = frozenset({"set", "list"})


def field_kind(title: str, argument: str) -> str:
    fields = KINDS[title].fields
    *blocks, name = argument.split(".")
    for outer in blocks:
        fields = fields[outer].nested
    return fields[name].kind


def wrong(title: str, given: dict[str, Any]) -> set[str]:
    """The arguments that are refused, by the plugin's protocol and by the type."""
    kind = KINDS[title](Connection())
    missing = set(problems_of(kind.inputs, given, {}))
    try:
        kind.check(CALL, given, {})
    except InvalidInputs as error:
        return missing | set(error.failures)
    return missing


@pytest.mark.parametrize("title", KINDS)
def test_every_argument_of_the_plugin_is_taken(title: str) -> None:
    assert wrong(title, VALID[title]) == set()
    for name in ELSE.keys() & KINDS[title].fields.keys() - {"endDateRelative"}:
        others = {argument for argument in VALID[title] if argument not in ("features", "featureTags", "tags")}
        assert wrong(title, {**{each: VALID[title][each] for each in others}, name: ELSE[name]}) == set()


@pytest.mark.parametrize("rule", VALUES, ids=lambda rule: f"{rule.resource}.{rule.argument}")
def test_value_is_taken_or_refused_as_by_the_plugin(rule: Values) -> None:
    for value in rule.allowed:
        assert wrong(rule.resource, placed(rule.resource, rule.argument, value)) == set(), value
    for value in rule.refused:
        assert wrong(rule.resource, placed(rule.resource, rule.argument, value)) == {rule.argument}, value


@pytest.mark.parametrize("title", DEFAULT)
def test_what_is_not_given_has_the_default_of_the_plugin(title: str) -> None:
    kind = KINDS[title](Connection())
    for argument, default in DEFAULT[title].items():
        *blocks, name = argument.split(".")
        if argument in arguments_of(title):
            given = placed(title, argument, None)
        else:
            given = {**{key: value for key, value in VALID[title].items() if key != "tags"}, blocks[0]: [{}]}
        block: Any = kind.check(CALL, given, {})
        for outer in blocks:
            block = block[outer][0] if isinstance(block[outer], list) else block[outer]
        assert block[name] == default
        assert name in block["__defaults"]


@pytest.mark.parametrize(("title", "argument", "most"), MOST)
def test_list_has_as_many_elements_as_the_plugin_takes(title: str, argument: str, most: int) -> None:
    elements = [f"00000000-0000-0000-0000-{number:012d}" for number in range(most + 1)]

    assert wrong(title, {**VALID[title], argument: elements[:most]}) == set()
    assert wrong(title, {**VALID[title], argument: elements}) == {argument}


def places_with_elements(fields: Fields, place: str = "") -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Each argument with several elements, and values that have two of them there, in either order."""
    for name, item in fields.items():
        if item.argument and item.kind in ("set", "list", "blocks"):
            one, other = ({}, dict.fromkeys(item.nested, "x")) if item.nested else ("a", "b")
            yield f"{place}{name}", {name: [one, other]}, {name: [other, one]}
        for inner, turned, back in places_with_elements(item.nested, f"{place}{name}."):
            block = item.kind == "block"
            yield inner, {name: turned if block else [turned]}, {name: back if block else [back]}


@pytest.mark.parametrize("title", KINDS)
def test_order_of_elements_counts_exactly_in_the_lists_of_the_plugin(title: str) -> None:
    fields = KINDS[title].fields
    ordered = {place for place, turned, back in places_with_elements(fields) if changed(fields, turned, back)}

    assert ordered == ORDERED.get(title, frozenset())


def arguments_of(title: str) -> list[str]:
    """Every argument that the valid ones name, those in blocks too."""
    found: list[str] = []

    def walk(values: dict[str, Any], place: str) -> None:
        for name, value in values.items():
            found.append(f"{place}{name}")
            inner = value[0] if isinstance(value, list) else value
            if isinstance(inner, dict) and name != "rotateWhenChanged":
                walk(inner, f"{place}{name}.")

    walk(VALID[title], "")
    return found


@pytest.mark.parametrize("title", KINDS)
def test_exactly_what_the_plugin_requires_must_be_given(title: str) -> None:
    required = {argument for argument in arguments_of(title) if wrong(title, placed(title, argument, None))}

    assert {name.replace("idTokens", "accessTokens").replace("saml2Tokens", "accessTokens") for name in required} == (
        REQUIRED[title]
    )


def other_value(name: str, value: Any) -> Any:
    """A value unlike `value`."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, dict):
        return {} if name != "rotateWhenChanged" else {"month": "2"}
    if isinstance(value, list):
        return [OTHER if value == [GUID] else "None"] if value and isinstance(value[0], str) else []
    others = {GUID: OTHER, OTHER: GUID, "hex": "pem", "AsymmetricX509Cert": "Symmetric", "saml": "oidc",
              "AzureADMultipleOrgs": "AzureADMyOrg", f"/applications/{GUID}": f"/applications/{OTHER}"}  # fmt: skip
    return Secret("11") if isinstance(value, Secret) else others.get(value, "2031-01-01T00:00:00Z")


@pytest.mark.parametrize("title", KINDS)
def test_change_replaces_the_resource_exactly_where_the_plugin_forces_a_new_one(title: str) -> None:
    kind = KINDS[title](Connection())
    before = kind.check(CALL, VALID[title], {})
    replacing: set[str] = set()
    for name, value in VALID[title].items():
        if name == "logoImage":
            continue  # a picture; test_standin_types.py changes it
        news = kind.check(CALL, {**VALID[title], name: other_value(name, value)}, {})
        diff = kind.diff(CALL, "id", State(before, before), news)
        assert diff.changed == {name}
        replacing |= diff.replaced

    assert replacing == FORCE_NEW[title] - {"endDateRelative"}


@pytest.mark.parametrize("title", KINDS)
def test_argument_that_is_no_longer_given_is_no_change_where_the_server_fills_it_in(title: str) -> None:
    kind = KINDS[title](Connection())
    before = kind.check(CALL, VALID[title], {})
    for name in VALID[title].keys() - REQUIRED[title]:
        news = kind.check(CALL, {key: value for key, value in VALID[title].items() if key != name}, {})
        diff = kind.diff(CALL, "id", State(before, before), news)
        assert diff.changed == (frozenset() if name in COMPUTED[title] else {name})


@pytest.mark.parametrize("title", KINDS)
def test_arguments_that_exclude_each_other_are_those_of_the_plugin(title: str) -> None:
    given = {**VALID[title], **{name: value for name, value in ELSE.items() if name in KINDS[title].fields}}
    if title == "ApplicationPassword":
        del given["endDateRelative"]  # the stand-in refuses it alone
    base = {name: given[name] for name in REQUIRED[title] if name in given}
    refused = tuple(
        frozenset(pair)
        for pair in combinations(sorted(given.keys() - base.keys()), 2)
        if wrong(title, {**base, **{name: given[name] for name in pair}})
    )

    assert set(refused) == set(CONFLICTS.get(title, ()))
    for pair in refused:
        assert wrong(title, {**base, **{name: given[name] for name in pair}}) == set(pair)


def test_rules_say_what_is_wrong_with_a_value_of_another_kind() -> None:
    assert short_text(5) == "must have at most 1024 characters"
    assert not_empty(None) == "must not be empty"
    assert redirect_uri("https://[") == "is no URI"
    assert redirect_uri(None) == "has no host"
    assert redirect_uri("urn:x:y") == "has no host"


@pytest.mark.parametrize("scheme", ["http", "https", "ms-appx-web", "brk-multihub"])
def test_redirect_uri_may_have_the_schemes_of_the_plugin(scheme: str) -> None:
    """Source: `IsRedirectUriFunc` in internal/helpers/tf/validation/uri.go."""
    uri = f"{scheme}://a.example/"
    assert redirect_uri(uri) is None
    assert redirect_uri(uri + "x" * (256 - len(uri))) is None
    assert redirect_uri(uri + "x" * (257 - len(uri))) == "must have at most 256 characters"
    assert redirect_uri(f"x{uri}") == "must begin with one of http, https, ms-appx-web, brk-multihub"


@pytest.mark.parametrize(("text", "urn", "allowed"), [("urn:x:y", True, True), ("urn:x:y", False, False),
                                                      ("urn:x", True, False), ("x:y:z", True, False)])  # fmt: skip
def test_urn_is_a_redirect_uri_of_a_web_server_only(text: str, urn: bool, allowed: bool) -> None:
    assert (redirect_uri(text, urn=urn) is None) is allowed


def test_properties_are_sent_to_the_engine_by_their_kind() -> None:
    assert not_empty("x") is None
    kinds = {name: prop.kind for name, prop in {**Application.inputs, **Application.outputs}.items()}
    objects = {name for name, item in APPLICATION.items() if item.kind in ("block", "map")}
    arrays = {name for name, item in APPLICATION.items() if item.kind in ("set", "list", "blocks")}
    assert {name for name, kind in kinds.items() if kind == "object"} == objects
    assert {name for name, kind in kinds.items() if kind == "array"} == {*arrays, "__defaults"}
    assert Application.outputs["id"] == Application.outputs["__meta"] == Prop()
