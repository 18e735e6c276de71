"""The stand-in as a plugin: its configuration, its types, what it says of all others; pictures, ids and functions."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from orgcal.entra.credentials import ClientSecret
from orgcal.errors import CloudMismatch, ConfigError, OrgcalError, UsageError
from orgcal.provider._sdk import UNKNOWN, InvalidInputs, Prop, Secret, State
from orgcal.provider.azuread import VERSION, ids
from orgcal.provider.azuread.federated import ApplicationFederatedIdentityCredential
from orgcal.provider.azuread.fields import Field
from orgcal.provider.azuread.functions import GetClientConfig, GetServicePrincipal
from orgcal.provider.azuread.logo import logo_rule, upload_logo
from orgcal.provider.azuread.loopback import require_loopback
from orgcal.provider.azuread.managed import Managed
from orgcal.provider.azuread.password import ApplicationPassword
from orgcal.provider.azuread.plugin import new_provider
from orgcal.provider.azuread.service_principal import ServicePrincipal
from orgcal.provider.azuread.settings import CONFIG, Settings
from tests.support.standin_graph import AnsweredConnection, AnsweredGraph, call

ENVIRON = {
    "ARM_TENANT_ID": "t",
    "ARM_CLIENT_ID": "c",
    "ARM_METADATA_HOSTNAME": "localhost:1",
    "ARM_CLIENT_SECRET": "s",
}
TYPES = (
    "azuread:index/application:Application",
    "azuread:index/applicationCertificate:ApplicationCertificate",
    "azuread:index/applicationFederatedIdentityCredential:ApplicationFederatedIdentityCredential",
    "azuread:index/applicationPassword:ApplicationPassword",
    "azuread:index/appRoleAssignment:AppRoleAssignment",
    "azuread:index/servicePrincipal:ServicePrincipal",
)
FUNCTIONS = (
    "azuread:index/getServicePrincipal:getServicePrincipal",
    "azuread:index/getClientConfig:getClientConfig",
)


# The plugin ---------------------------------------------------------------------------------------------------------


def test_plugin_is_called_as_the_real_one_and_has_its_types() -> None:
    provider = new_provider({})
    assert (provider.name, provider.version, provider.config) == ("azuread", VERSION, CONFIG)
    assert sorted(resource.token for resource in provider.resources) == sorted(TYPES)
    assert sorted(function.token for function in provider.functions) == sorted(FUNCTIONS)


def test_plugin_says_which_one_has_the_other_types() -> None:
    error = new_provider({}).lacks("type", "azuread:index/group:Group", ["b", "a"])
    assert str(error) == (
        "the azuread stand-in has no type 'azuread:index/group:Group'; known are a, b\n"
        "  repair: use the real azuread plugin (AZUREAD_PLUGIN=real)"
    )


@pytest.mark.parametrize("given", [True, False])
def test_plugin_is_configured_by_arguments_before_variables(given: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    provider = new_provider({**ENVIRON, "ARM_TENANT_ID": "given"} if given else None)
    assert provider.configure is not None
    provider.configure({"clientId": "other"})

    settings = Settings("given" if given else "t", "other", ClientSecret("s"), "localhost:1", None)
    for part in (*provider.resources, *provider.functions):
        assert isinstance(part, Managed | GetServicePrincipal | GetClientConfig)
        assert part._connection.settings == settings


def test_plugin_without_a_login_says_so_once_it_is_configured() -> None:
    provider = new_provider({})
    assert provider.configure is not None
    with pytest.raises(ConfigError, match="ARM_TENANT_ID is missing"):
        provider.configure({})
    provider.configure({"tenantId": UNKNOWN})  # in a preview


def test_other_machine_is_refused_with_the_plugin_that_reaches_it() -> None:
    for host, named in (("graph.microsoft.com", "'graph.microsoft.com'"), ("", "'no host'")):
        with pytest.raises(CloudMismatch) as caught:
            require_loopback(host, named_by="the answer")
        assert str(caught.value) == (
            f"the azuread stand-in speaks to the local emulator only, and the answer names {named}\n"
            "  repair: use the real azuread plugin (AZUREAD_PLUGIN=real)"
        )


# What the types keep ------------------------------------------------------------------------------------------------

KEPT: dict[type[Managed], dict[str, str]] = {
    ServicePrincipal: {
        "accountEnabled": "boolean",
        "alternativeNames": "array",
        "appRoleAssignmentRequired": "boolean",
        "clientId": "string required replaces",
        "description": "string",
        "featureTags": "array",
        "features": "array",
        "loginUrl": "string",
        "notes": "string",
        "notificationEmailAddresses": "array",
        "owners": "array",
        "preferredSingleSignOnMode": "string",
        "samlSingleSignOn": "object",
        "tags": "array",
        "useExisting": "boolean",
        "__defaults": "array",
        "appRoleIds": "object",
        "appRoles": "array",
        "applicationTenantId": "string",
        "displayName": "string",
        "homepageUrl": "string",
        "logoutUrl": "string",
        "oauth2PermissionScopeIds": "object",
        "oauth2PermissionScopes": "array",
        "objectId": "string",
        "redirectUris": "array",
        "samlMetadataUrl": "string",
        "servicePrincipalNames": "array",
        "signInAudience": "string",
        "type": "string",
        "id": "string",
        "__meta": "string",
    },
    ApplicationPassword: {
        "applicationId": "string required replaces",
        "displayName": "string replaces",
        "endDate": "string replaces",
        "endDateRelative": "string replaces",
        "rotateWhenChanged": "object replaces",
        "startDate": "string replaces",
        "__defaults": "array",
        "keyId": "string",
        "value": "string secret",
        "id": "string",
        "__meta": "string",
    },
    ApplicationFederatedIdentityCredential: {
        "applicationId": "string required replaces",
        "audiences": "array required",
        "description": "string",
        "displayName": "string required replaces",
        "issuer": "string required",
        "subject": "string required",
        "__defaults": "array",
        "credentialId": "string",
        "id": "string",
        "__meta": "string",
    },
}
"""Properties as in pulumi_azuread 6.11.1 (service_principal.py, application_password.py, ...)."""


def in_words(prop: Prop) -> str:
    traits = ("required", "secret", "replaces", "volatile", "filled")
    return " ".join([prop.kind, *(trait for trait in traits if getattr(prop, trait))])


@pytest.mark.parametrize("kind", KEPT, ids=lambda kind: kind.title)
def test_properties_of_a_type_have_the_kinds_of_the_package(kind: type[Managed]) -> None:
    assert {name: in_words(prop) for name, prop in {**kind.inputs, **kind.outputs}.items()} == KEPT[kind]


def test_results_of_functions_have_the_kinds_of_the_package() -> None:
    """Source: get_service_principal.py and get_client_config.py of pulumi_azuread 6.11.1."""
    hidden = {"owners", "samlSingleSignOn", "useExisting", "__defaults", "__meta"}
    of_principal = {name: kind for name, kind in KEPT[ServicePrincipal].items() if name not in hidden}
    found = {name: prop.kind for name, prop in GetServicePrincipal.outputs.items()}
    assert found == {**of_principal, "clientId": "string", "samlSingleSignOns": "array"}
    assert GetServicePrincipal.inputs == {"objectId": Prop(), "displayName": Prop(), "clientId": Prop()}
    assert GetClientConfig.inputs == {}
    assert GetClientConfig.outputs == dict.fromkeys(("clientId", "id", "objectId", "tenantId"), Prop())


def test_block_of_the_principal_can_only_name_a_relay_state() -> None:
    fields = ServicePrincipal.fields
    assert fields["samlSingleSignOn"].nested.keys() == {"relayState"}
    assert fields["features"].nested == {
        "customSingleSignOnApp": Field("boolean"),
        "enterpriseApplication": Field("boolean"),
        "galleryApplication": Field("boolean"),
        "visibleToUsers": Field("boolean", default=True),
    }


@pytest.mark.parametrize("name", [5, None, "", "x" * 121])
def test_name_of_a_federated_credential_has_1_to_120_characters(name: Any) -> None:
    rule = ApplicationFederatedIdentityCredential.fields["displayName"].rule
    assert rule is not None
    assert rule(name) == "must have 1 to 120 characters"
    assert rule("x") is rule("x" * 120) is None


def test_relative_end_of_a_password_is_refused() -> None:
    kind = ApplicationPassword(AnsweredConnection(AnsweredGraph({})))
    with pytest.raises(InvalidInputs) as caught:
        kind.check(call(), {"applicationId": f"/applications/{NONE}", "endDateRelative": "24h"}, {})
    assert caught.value.failures == {
        "endDateRelative": "the stand-in cannot serve 'endDateRelative' (the real one ignores it for passwords; "
        "give endDate); use the real azuread plugin"
    }


def test_password_cannot_be_imported_as_its_value_is_told_once() -> None:
    graph = AnsweredGraph({f"GET /applications/{NONE}": {"passwordCredentials": [{"keyId": ONES}]}})
    with pytest.raises(OrgcalError) as caught:
        ApplicationPassword(AnsweredConnection(graph)).read(call(), f"{NONE}/password/{ONES}", State())
    assert str(caught.value) == (
        "ApplicationPassword 'thing': ApplicationPassword cannot be imported, as with the real plugin"
    )
    assert graph.sent == []


# Pictures -----------------------------------------------------------------------------------------------------------

PICTURES = {
    "image/png": b"\x89PNG\r\n\x1a\n and so on",
    "image/jpeg": b"\xff\xd8\xff and so on",
    "image/gif": b"GIF89a and so on",
}
"""Source: https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern."""


@pytest.mark.parametrize("media_type", PICTURES)
def test_picture_is_uploaded_with_the_type_of_its_content(media_type: str) -> None:
    content = PICTURES[media_type]
    image = base64.b64encode(content).decode()
    connection = AnsweredConnection(graph := AnsweredGraph({}))
    upload_logo(connection.directory, "/applications/a", image)

    assert logo_rule(image) is None
    assert graph.sent == [("PUT", "/applications/a/logo", (content, media_type))]


@pytest.mark.parametrize("image", [None, "", "no base64!", "R0lGODlh\n!", base64.b64encode(b"BM and so on").decode()])
def test_picture_that_is_none_is_not_uploaded(image: str | None) -> None:
    connection = AnsweredConnection(graph := AnsweredGraph({}))
    upload_logo(connection.directory, "/applications/a", image)

    assert graph.sent == []
    assert logo_rule(image) == "must be a PNG, JPEG or GIF in base64"


# Ids ----------------------------------------------------------------------------------------------------------------

NONE = "00000000-0000-0000-0000-000000000000"
ONES = "11111111-1111-1111-1111-111111111111"


@pytest.mark.parametrize(
    ("read", "title", "example"),
    [
        (ids.application_object_id, "Application", f"/applications/{NONE}"),
        (ids.service_principal_object_id, "ServicePrincipal", f"/servicePrincipals/{NONE}"),
        (ids.AssignmentId.parse, "AppRoleAssignment", f"/servicePrincipals/{NONE}/appRoleAssignedTo/aaBBcc"),
        (lambda text: ids.CredentialId.parse(text, "certificate", "Kind"), "Kind", f"{NONE}/certificate/{ONES}"),
    ],
)
@pytest.mark.parametrize("wrong", ["", "x", f" /applications/{NONE}", f"{NONE}/password/{ONES}"])
def test_id_of_something_else_is_refused_with_an_example(read: Any, title: str, example: str, wrong: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(wrong)
    assert str(caught.value) == f"{wrong!r} is not the id of an {title}\n  repair: write it as {example}"
    read(example)


def test_ids_are_taken_apart_at_their_slashes() -> None:
    assignment = ids.AssignmentId(NONE, "aa-B_9")
    assert ids.AssignmentId.parse(str(assignment)) == assignment
    credential = ids.CredentialId(NONE, "password", ONES)
    assert ids.CredentialId.parse(str(credential), "password", "Kind") == credential
    assert ids.application_object_id(f"/applications/{ONES}") == ONES
    assert ids.service_principal_object_id(f"/servicePrincipals/{ONES}") == ONES


@pytest.mark.parametrize("value", ["x", f"{NONE} ", 5, None, Secret(NONE)])
def test_rules_of_ids_say_what_is_expected(value: object) -> None:
    assert ids.guid_rule(value) == f"must be a GUID such as {NONE}"
    assert ids.application_id_rule(value) == f"must be the id of an Application, such as /applications/{NONE}"
    assert ids.guid_rule(NONE) is ids.application_id_rule(f"/applications/{NONE}") is None


# Functions ----------------------------------------------------------------------------------------------------------


def lookup(arguments: dict[str, str], *listed: dict[str, Any]) -> tuple[str, AnsweredGraph]:
    """What a lookup that fails says, and what it asked."""
    graph = AnsweredGraph({}, {"/servicePrincipals": list(listed)})
    with pytest.raises(OrgcalError) as caught:
        GetServicePrincipal(AnsweredConnection(graph)).call(arguments)
    return str(caught.value), graph


@pytest.mark.parametrize("arguments", [{}, {"clientId": ""}, {"clientId": ONES, "displayName": "n"}])
def test_lookup_takes_exactly_one_key(arguments: dict[str, str]) -> None:
    said, graph = lookup(arguments)
    assert said == "getServicePrincipal takes exactly one of objectId, displayName, clientId"
    assert graph.sent == []


@pytest.mark.parametrize(("value", "asked"), [("no guid", []), (ONES, [("GET", f"/servicePrincipals/{ONES}", None)])])
def test_lookup_by_object_id_asks_for_one_that_can_exist(value: str, asked: list[Any]) -> None:
    said, graph = lookup({"objectId": value})
    assert said == f"getServicePrincipal: the tenant has no service principal with objectId {value!r}"
    assert graph.sent == asked


def test_lookup_believes_no_answer_that_has_another_name() -> None:
    said, graph = lookup({"clientId": ONES}, {"appId": NONE}, {"appId": None}, {"displayName": ONES})
    assert said == f"getServicePrincipal: the tenant has no service principal with clientId {ONES!r}"
    assert graph.sent == [("GET", "/servicePrincipals", {"$filter": f"appId eq '{ONES}'"})]
    said, _ = lookup({"displayName": "n"}, {"displayName": "N"}, {"displayName": "n"}, {"displayName": "nn"})
    assert said == "getServicePrincipal: the tenant has 2 service principals with displayName 'n'"
    said, _ = lookup({"displayName": "None"}, {"displayName": None}, {})
    assert said == "getServicePrincipal: the tenant has no service principal with displayName 'None'"
