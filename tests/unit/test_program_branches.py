"""Every branch of the program with Pulumi's mocks: what it registers, and with which arguments.

Each test returns an `Output`, so that none passes before its values are known.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi
import pulumi_azuread as azuread
import pytest

from orgcal.entra.permissions import application_permissions
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.errors import ConfigError
from orgcal.settings import Settings, parse_settings
from provisioning.application import EntraApplication
from provisioning.connector_resources import connector_entries
from provisioning.credentials import ApplicationCredentials, declare_ledger, push
from provisioning.home import HomeTenant
from provisioning.permissions import Declared
from tests.support import secret_store_cases
from tests.support.certificates import ec_pair, rsa_pair
from tests.support.program_mocks import program_test, use_mocks

DEPLOYER = "aaaaaaaa-0000-4000-8000-000000000003"
GRAPH_PRINCIPAL = "bbbbbbbb-0000-4000-8000-000000000001"
CALLBACK = "https://platform.example/callback/outlook"
ENDS = "2027-05-22T04:53:28Z"
PLATFORM = {"kind": "file", "path": "calendar.yaml", "callback_url": CALLBACK}


class Registered(pulumi.runtime.Mocks):
    """Answers as the plugins would, and remembers what was registered."""

    def __init__(self) -> None:
        self.by_type: dict[str, dict[str, dict[str, Any]]] = {}

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        kind = args.typ.rsplit(":", 1)[-1]
        self.by_type.setdefault(kind, {})[args.name] = args.inputs
        number = args.name.rsplit("-", 1)[-1]
        filled = {
            "Connector": {"callbackUrl": args.inputs.get("platform", {}).get("callback_url", CALLBACK)},
            "Application": {"clientId": "client", "objectId": "object"},
            "ServicePrincipal": {"objectId": "principal"},
            "CredentialLedger": {
                "endDates": {str(int(number)): ENDS for number in args.inputs.get("generations") or []},
                "entries": {},
            },
            "ApplicationPassword": {"keyId": f"key-{number}", "value": f"secret-{number}"},
            "CertificateKey": {"certificatePem": f"certificate-{number}", "privateKeyPem": f"private-{number}"},
            "ApplicationCertificate": {"keyId": f"key-{number}"},
            "ApplicationFederatedIdentityCredential": {"credentialId": f"trust-{number}"},
        }.get(kind, {})
        return f"/{kind}/{args.name}", {**args.inputs, **filled}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        return {"objectId": DEPLOYER}, []


class QuietHome(HomeTenant):
    """A home tenant that nobody asks."""

    def __init__(self) -> None:
        """Nothing is looked at."""

    def before_create(self) -> pulumi.ResourceHookBinding:
        return pulumi.ResourceHookBinding()


@pytest.fixture
def registered() -> Registered:
    mocks = Registered()
    use_mocks(mocks)
    return mocks


def settings_with(**sections: Any) -> Settings:
    base: dict[str, Any] = {
        "entra": {"cloud": "public", "tenant_id": "00000000-1111-2222-3333-444444444444"},
        "application": {"display_name": "Calendar Sync"},
        "connector": {"platform": PLATFORM, "key": "outlook", "name": "O", "scopes": ["Calendars.Read"]},
    }
    merged = {name: {**base.get(name, {}), **sections.get(name, {})} for name in {*base, *sections}}
    return parse_settings({f"orgcal:{name}": json.dumps(value) for name, value in merged.items()}, stack="prod")


def deployed(settings: Settings) -> pulumi.Output[Any]:
    """The program without its looks at the home tenant; an output that is known once everything is registered."""
    provider = azuread.Provider("entra")
    declared = Declared(application_permissions(settings.connector.scopes), GRAPH_PRINCIPAL)
    ledger = declare_ledger("c", settings, settings.credential.lifetime)
    connector = connector_entries("c", settings, after=ledger)
    application = EntraApplication("c", settings, connector, declared, QuietHome(), provider=provider)
    credentials = ApplicationCredentials("c", settings, application, ledger, provider=provider)
    pushed = push("c", settings, connector, application, credentials)
    ids = [application.resource_id, application.service_principal_id, credentials.key_ids, credentials.ends]
    last = [pulumi.Output.all(*[item.urn for item in pushed]), credentials.active.key_id, application.home_grants]
    return pulumi.Output.all(*ids, *last)


@program_test
def test_program_secret_takes_its_end_from_the_ledger_and_is_pushed(registered: Registered) -> Any:
    def look(_: Any) -> None:
        (password,) = registered.by_type["ApplicationPassword"].values()
        assert password["endDate"] == ENDS
        assert password["displayName"] == "orgcal:orgcal/prod generation 1"
        (pushed,) = registered.by_type["ConnectorCredentials"].values()
        assert _plain(pushed["clientSecret"]) == "secret-1"
        assert pushed["clientId"] == "client"
        assert "certificatePem" not in pushed

    return deployed(settings_with()).apply(look)


@pytest.mark.parametrize("name", secret_store_cases.SETTINGS)
@program_test
def test_program_pushes_to_a_secret_store_as_its_settings_say(registered: Registered, name: str) -> Any:
    platform = secret_store_cases.SETTINGS[name]

    def look(_: Any) -> None:
        (entry,) = registered.by_type["Connector"].values()
        (pushed,) = registered.by_type["ConnectorCredentials"].values()
        (application,) = registered.by_type["Application"].values()
        assert entry["platform"] == pushed["platform"] == platform
        assert _plain(pushed["clientSecret"]) == "secret-1"
        assert pushed["scopes"] == ["Calendars.Read"]
        assert platform["callback_url"] in application["web"]["redirectUris"]
        assert "CertificateKey" not in registered.by_type

    return deployed(settings_with(connector={"platform": platform})).apply(look)


@program_test
def test_program_pushes_a_certificate_to_a_store_of_objects_and_to_none_of_texts(registered: Registered) -> Any:
    store = secret_store_cases.SETTINGS["aws-secrets-manager"]
    credential = {"kind": "certificate"}
    with pytest.raises(ConfigError, match="this platform takes a secret, not a certificate"):
        settings_with(connector={"platform": {**store, "value": "{client_secret}"}}, credential=credential)

    def look(_: Any) -> None:
        (pushed,) = registered.by_type["ConnectorCredentials"].values()
        assert _plain(pushed["privateKeyPem"]) == "private-1"

    return deployed(settings_with(connector={"platform": store}, credential=credential)).apply(look)


@program_test
def test_program_second_generation_is_made_and_only_the_active_one_pushed(registered: Registered) -> Any:
    def look(said: list[Any]) -> None:
        assert set(registered.by_type["ApplicationPassword"]) == {"c-3", "c-4"}
        (pushed,) = registered.by_type["ConnectorCredentials"].values()
        assert _plain(pushed["clientSecret"]) == "secret-3"
        assert pushed["generation"] == 3
        assert said[2] == {"3": "key-3", "4": "key-4"}

    return deployed(settings_with(credential={"generations": [3, 4], "active": 3})).apply(look)


@program_test
def test_program_certificate_of_our_making_is_registered_and_pushed_with_its_key(registered: Registered) -> Any:
    def look(_: Any) -> None:
        (key,) = registered.by_type["CertificateKey"].values()
        assert key["endDate"] == ENDS
        assert key["keepers"] == {"generation": "1"}
        (certificate,) = registered.by_type["ApplicationCertificate"].values()
        assert _plain(certificate["value"]) == "certificate-1"
        assert certificate["type"] == "AsymmetricX509Cert"
        assert certificate["endDate"] == ENDS
        (pushed,) = registered.by_type["ConnectorCredentials"].values()
        assert (pushed["certificatePem"], _plain(pushed["privateKeyPem"])) == ("certificate-1", "private-1")
        assert "ApplicationPassword" not in registered.by_type

    return deployed(settings_with(credential={"kind": "certificate"})).apply(look)


@program_test
def test_program_certificate_brought_along_ends_when_it_ends(registered: Registered, tmp_path: Path) -> Any:
    certificate, key = write_certificate(tmp_path, days=10)

    def look(_: Any) -> None:
        (made,) = registered.by_type["ApplicationCertificate"].values()
        assert _plain(made["value"]) == certificate.read_text()
        assert made["endDate"] < ENDS
        (pushed,) = registered.by_type["ConnectorCredentials"].values()
        assert _plain(pushed["privateKeyPem"]) == key.read_text()
        assert "CertificateKey" not in registered.by_type

    files = {"certificate_file": str(certificate), "private_key_file": str(key)}
    return deployed(settings_with(credential={"kind": "certificate", "certificates": {"1": files}})).apply(look)


def test_program_certificate_that_cannot_be_used_is_refused_before_anything_is_declared(
    registered: Registered, tmp_path: Path
) -> None:
    certificate, key = write_certificate(tmp_path, days=10)
    key.write_text(ec_pair().key)
    files = {"certificate_file": str(certificate), "private_key_file": str(key)}
    settings = settings_with(credential={"kind": "certificate", "certificates": {"1": files}})

    with pytest.raises(ConfigError, match="elliptic curve"):
        declare_ledger("outlook", settings, "180d")

    _none_of(registered, "CredentialLedger")


@program_test
def test_program_federated_trusts_tokens_and_pushes_nothing(registered: Registered) -> Any:
    def look(said: list[Any]) -> None:
        (made,) = registered.by_type["ApplicationFederatedIdentityCredential"].values()
        assert made["issuer"] == "https://token.example.com"
        assert made["subject"] == "connector:outlook"
        assert made["audiences"] == ["api://AzureADTokenExchange"]
        assert made["description"] == "orgcal:orgcal/prod generation 1"
        assert "ConnectorCredentials" not in registered.by_type
        assert said[2] == {"1": "trust-1"}
        assert said[3] == {"1": "2299-12-31T23:59:59Z"}

    trust = {"issuer": "https://token.example.com", "subject": "connector:outlook"}
    return deployed(settings_with(credential={"kind": "federated", "trusts": {"1": trust}})).apply(look)


@program_test
def test_program_one_kind_takes_over_from_another_side_by_side(registered: Registered) -> Any:
    def look(_: Any) -> None:
        assert set(registered.by_type["ApplicationPassword"]) == {"c-1"}
        assert set(registered.by_type["ApplicationCertificate"]) == {"c-2"}
        (pushed,) = registered.by_type["ConnectorCredentials"].values()
        assert _plain(pushed["clientSecret"]) == "secret-1"

    kinds = {"kind": "certificate", "kinds": {"1": "secret"}, "generations": [1, 2], "active": 1}
    return deployed(settings_with(credential=kinds)).apply(look)


APP_FILE = {"kind": "file", "path": "app.env", "callback_url": "https://app.example.com/back", "names": {
    "client_id": "ID", "client_secret": "SECRET", "display_name": "NAME"}}  # fmt: skip


@program_test
def test_program_further_platforms_get_an_entry_and_the_credential_each(registered: Registered) -> Any:
    def look(_: Any) -> None:
        entries = registered.by_type["Connector"]
        assert {name: item["platform"]["path"] for name, item in entries.items()} == {
            "c": "calendar.yaml",
            "c-app": "app.env",
        }
        assert (entries["c"]["description"], entries["c"]["published"]) == ("Text", False)
        assert (entries["c-app"]["description"], entries["c-app"]["published"]) == ("", True), (
            "it has no place for them"
        )
        pushed = registered.by_type["ConnectorCredentials"]
        assert {name: item["platform"]["path"] for name, item in pushed.items()} == {
            "c": "calendar.yaml",
            "c-app": "app.env",
        }
        assert {_plain(item["clientSecret"]) for item in pushed.values()} == {"secret-1"}
        (application,) = registered.by_type["Application"].values()
        assert application["web"]["redirectUris"] == [CALLBACK, "https://app.example.com/back"]

    connector = {"also_push_to": {"app": APP_FILE}, "description": "Text", "published": False}
    return deployed(settings_with(connector=connector)).apply(look)


@program_test
def test_program_name_goes_with_the_credential_only_where_that_makes_the_entry(registered: Registered) -> Any:
    def look(_: Any) -> None:
        (entry, *_others) = registered.by_type["Connector"].values()
        pushed = registered.by_type["ConnectorCredentials"]
        assert pushed["c-nango"]["displayName"] == entry["displayName"]
        assert "displayName" not in pushed["c"]

    return deployed(settings_with(connector={"also_push_to": {"nango": {"kind": "nango"}}})).apply(look)


@pytest.mark.parametrize(
    ("further", "credential", "said"),
    [
        (
            {"app": {"kind": "nagno"}},
            {},
            'orgcal:connector.also_push_to.app.kind: found "nagno" (did you mean nango?)',
        ),
        ({"app": {"kind": "local"}}, {}, "orgcal:connector.also_push_to.app.kind: found 'local', the emulator's own"),
        ({"app": PLATFORM}, {}, "orgcal:connector.also_push_to.app: found the same place as orgcal:connector.platform"),
        ({"a": APP_FILE, "b": APP_FILE}, {}, "also_push_to.b: found the same place as orgcal:connector.also_push_to.a"),
        ({"app": APP_FILE}, {"kind": "certificate"}, "not a certificate (orgcal:connector.also_push_to.app)"),
        ({"No Name": APP_FILE}, {}, "orgcal:connector.also_push_to"),
        ({"app": "local"}, {}, "orgcal:connector.also_push_to"),
    ],
)
def test_program_further_platform_that_cannot_be_is_a_wrong_setting(
    further: dict[str, Any], credential: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_with(connector={"also_push_to": further}, credential=credential)

    assert said in str(caught.value)


def test_program_platform_is_checked_also_where_nothing_is_pushed() -> None:
    trust = {"issuer": "https://token.example.com", "subject": "connector:outlook"}
    with pytest.raises(ConfigError, match="did you mean local"):
        settings_with(
            connector={"platform": {"kind": "locl"}}, credential={"kind": "federated", "trusts": {"1": trust}}
        )


@program_test
def test_program_home_grants_assign_each_declared_permission(registered: Registered) -> Any:
    def look(_: Any) -> None:
        made = registered.by_type["AppRoleAssignment"].values()
        assert {item["appRoleId"] for item in made} == {
            APP_ROLE_IDS["Calendars.Read"],
            APP_ROLE_IDS["Directory.Read.All"],
        }
        assert {item["resourceObjectId"] for item in made} == {GRAPH_PRINCIPAL}
        assert {item["principalObjectId"] for item in made} == {"principal"}

    return deployed(settings_with(application={"home_grants": True})).apply(look)


@program_test
def test_program_without_home_grants_assigns_nothing(registered: Registered) -> Any:
    return deployed(settings_with()).apply(lambda _: _none_of(registered, "AppRoleAssignment"))


@program_test
def test_program_application_is_multitenant_owned_by_the_deployer_and_returns_to_known_places(
    registered: Registered,
) -> Any:
    def look(_: Any) -> None:
        (made,) = registered.by_type["Application"].values()
        assert made["signInAudience"] == "AzureADMultipleOrgs"
        assert made["owners"] == [DEPLOYER, "00000000-0000-0000-0000-00000000000a"]
        assert made["tags"] == ["orgcal:orgcal/prod", "team-x"]
        assert made["web"]["redirectUris"] == [CALLBACK, "https://app.example.com/back", "https://more.example.com/"]
        assert made["supportUrl"] == "https://help.example.com"
        assert "notes" not in made
        (access,) = made["requiredResourceAccesses"]
        assert access["resourceAppId"] == "00000003-0000-0000-c000-000000000000"  # Microsoft Graph, in every cloud
        assert {entry["type"] for entry in access["resourceAccesses"]} == {"Role"}

    application = {
        "owners": ["00000000-0000-0000-0000-00000000000a"],
        "tags": ["team-x"],
        "redirect_uris": ["https://more.example.com/", CALLBACK],
        "links": {"support": "https://help.example.com"},
    }
    consent = {"public_url": "https://app.example.com/back"}
    return deployed(settings_with(application=application, consent=consent)).apply(look)


def write_certificate(folder: Path, *, days: int) -> tuple[Path, Path]:
    """A certificate of `days` and its private key, as PEM files."""
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_text(rsa_pair(days=days).certificate)
    paths[1].write_text(rsa_pair(days=days).key)
    paths[1].chmod(0o600)
    return paths


def _plain(value: Any) -> Any:
    """A value as the mocks get it: secrets arrive wrapped."""
    return value["value"] if isinstance(value, dict) and "value" in value else value


def _none_of(registered: Registered, kind: str) -> None:
    assert kind not in registered.by_type


@pytest.mark.parametrize(
    ("platform", "credential", "said"),
    [
        ({"kind": "locl"}, {}, "did you mean local?"),
        ({"kind": "nango"}, {"kind": "certificate"}, "orgcal:credential.kind: "),
        (
            {"kind": "nango"},
            {"kind": "federated", "trusts": {"1": {"issuer": "https://issuer.example", "subject": "s"}}},
            "orgcal:credential.kind: this platform makes a connector only with a secret",
        ),
    ],
)
def test_program_platform_that_cannot_hold_the_connector_is_a_wrong_setting(
    platform: dict[str, Any], credential: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_with(connector={"platform": platform}, credential=credential)

    assert said in str(caught.value)
