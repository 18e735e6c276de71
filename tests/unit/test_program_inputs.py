"""Everything that the program sends to the plugins, whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.program_mocks import Engine, program_test, use_mocks
from tests.unit.test_program_branches import (
    APP_FILE,
    CALLBACK,
    DEPLOYER,
    ENDS,
    GRAPH_PRINCIPAL,
    PLATFORM,
    Registered,
    deployed,
    settings_with,
)

CALENDARS, DIRECTORY = "798ee544-9d2d-430c-a058-570e29e34338", "7ab1d382-f21e-4acd-a863-ba3e13f7da61"
"""Calendars.Read and Directory.Read.All: https://learn.microsoft.com/en-us/graph/permissions-reference."""
MARK = "4dabf18193072939515e22adb298388d"


@pytest.fixture
def registered() -> Registered:
    return Registered()


@pytest.fixture
def engine(registered: Registered) -> Engine:
    return use_mocks(registered)


def plain(value: Any) -> Any:
    """A value with its secrets as ("secret", value)."""
    if isinstance(value, dict):
        return ("secret", value["value"]) if MARK in value else {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


def sent(registered: Registered, *kinds: str) -> dict[str, Any]:
    return {f"{kind} {name}": plain(inputs) for kind in kinds for name, inputs in registered.by_type[kind].items()}


SCOPES = ["Calendars.Read"]
CATALOG = {
    "home_grants": True,
    "logo": "logo.png",
    "notes": "For calendars.",
    "tags": ["team-x"],
    "links": {
        "homepage": "https://h.example",
        "marketing": "https://m.example",
        "privacy": "https://p.example",
        "support": "https://s.example",
        "terms": "https://t.example",
    },
}
WITH_APP = {"also_push_to": {"app": APP_FILE}}


@program_test
def test_program_sends_an_application_and_its_principal_whole(
    registered: Registered, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\nrest")
    monkeypatch.chdir(tmp_path)

    def look(_: Any) -> None:
        assert sent(registered, "Application", "ServicePrincipal", "AppRoleAssignment") == {
            "Application c": {
                "displayName": "Calendar Sync",
                "logoImage": "iVBORw0KGgpyZXN0",
                "marketingUrl": "https://m.example",
                "notes": "For calendars.",
                "owners": [DEPLOYER],
                "privacyStatementUrl": "https://p.example",
                "requiredResourceAccesses": [
                    {
                        "resourceAccesses": [{"id": CALENDARS, "type": "Role"}, {"id": DIRECTORY, "type": "Role"}],
                        "resourceAppId": "00000003-0000-0000-c000-000000000000",
                    }
                ],
                "signInAudience": "AzureADMultipleOrgs",
                "supportUrl": "https://s.example",
                "tags": ["orgcal:orgcal/prod", "team-x"],
                "termsOfServiceUrl": "https://t.example",
                "web": {
                    "homepageUrl": "https://h.example",
                    "redirectUris": [CALLBACK, "https://app.example.com/back"],
                },
            },
            "ServicePrincipal c": {"clientId": "client", "owners": [DEPLOYER]},
            **{
                f"AppRoleAssignment c-{name}": {
                    "appRoleId": role_id,
                    "principalObjectId": "principal",
                    "resourceObjectId": GRAPH_PRINCIPAL,
                }
                for name, role_id in (("Calendars.Read", CALENDARS), ("Directory.Read.All", DIRECTORY))
            },
        }

    return deployed(settings_with(application=CATALOG, connector=WITH_APP)).apply(look)


@program_test
def test_program_sends_of_a_bare_application_only_what_it_has(registered: Registered, engine: Engine) -> Any:
    def look(_: Any) -> None:
        [application] = sent(registered, "Application").values()
        assert application.keys() == {
            "displayName", "owners", "requiredResourceAccesses", "signInAudience", "tags", "web",
        }  # fmt: skip
        assert application["web"] == {"redirectUris": [CALLBACK]}

    return deployed(settings_with()).apply(look)


@program_test
def test_program_sends_a_secret_and_its_connectors_whole(registered: Registered, engine: Engine) -> Any:
    def look(_: Any) -> None:
        kinds = ("CredentialLedger", "ApplicationPassword", "Connector", "ConnectorCredentials")
        entry = {
            "deleteConnected": False,
            "description": "",
            "displayName": "O",
            "key": "outlook",
            "published": True,
            "scopes": SCOPES,
        }
        pushed = {
            "clientId": "client",
            "clientSecret": ("secret", "secret-1"),
            "connectorKey": "outlook",
            "generation": 1,
            "scopes": SCOPES,
        }
        assert sent(registered, *kinds) == {
            "CredentialLedger c": {"active": 1, "generations": [1], "lifetime": "180d", "world": "public"},
            "ApplicationPassword c-1": {
                "applicationId": "/Application/c",
                "displayName": "orgcal:orgcal/prod generation 1",
                "endDate": ENDS,
            },
            "Connector c": {**entry, "platform": PLATFORM},
            "Connector c-app": {**entry, "platform": APP_FILE},
            "ConnectorCredentials c": {**pushed, "platform": PLATFORM},
            "ConnectorCredentials c-app": {**pushed, "platform": APP_FILE},
        }

    return deployed(settings_with(connector=WITH_APP)).apply(look)


@program_test
def test_program_sends_certificates_of_our_making_whole(registered: Registered, engine: Engine) -> Any:
    def look(said: list[Any]) -> None:
        expected: dict[str, Any] = {}
        for number in (3, 4):
            expected[f"CertificateKey c-{number}"] = {
                "commonName": f"orgcal:orgcal/prod generation {number}",
                "endDate": ENDS,
                "keepers": {"generation": str(number)},
            }
            expected[f"ApplicationCertificate c-{number}"] = {
                "applicationId": "/Application/c",
                "endDate": ENDS,
                "type": "AsymmetricX509Cert",
                "value": ("secret", f"certificate-{number}"),
            }
        expected["ConnectorCredentials c"] = {
            "certificatePem": "certificate-3",
            "clientId": "client",
            "connectorKey": "outlook",
            "generation": 3,
            "platform": PLATFORM,
            "privateKeyPem": ("secret", "private-3"),
            "scopes": SCOPES,
        }
        assert sent(registered, "CertificateKey", "ApplicationCertificate", "ConnectorCredentials") == expected
        assert said[2:4] == [{"3": "key-3", "4": "key-4"}, {"3": ENDS, "4": ENDS}]

    return deployed(settings_with(credential={"kind": "certificate", "generations": [3, 4], "active": 3})).apply(look)


TRUST = {"issuer": "https://token.example.com", "subject": "connector:outlook"}
FEDERATED = {
    "kind": "federated",
    "trusts": {"1": TRUST, "2": {**TRUST, "audience": "api://ours"}},
    "generations": [1, 2],
    "active": 1,
    "revoked": [2],
    "rollback_to": 1,
}


@program_test
def test_program_sends_trusts_and_what_the_ledger_may_do_whole(registered: Registered, engine: Engine) -> Any:
    def look(_: Any) -> None:
        trust = {"applicationId": "/Application/c", "issuer": TRUST["issuer"], "subject": TRUST["subject"]}
        assert sent(registered, "CredentialLedger", "ApplicationFederatedIdentityCredential") == {
            "CredentialLedger c": {
                "active": 1,
                "generations": [1, 2],
                "lifetime": "180d",
                "revoked": [2],
                "rollbackTo": 1,
                "world": "public",
            },
            "ApplicationFederatedIdentityCredential c-1": {
                **trust,
                "audiences": ["api://AzureADTokenExchange"],
                "description": "orgcal:orgcal/prod generation 1",
                "displayName": "c-1",
            },
            "ApplicationFederatedIdentityCredential c-2": {
                **trust,
                "audiences": ["api://ours"],
                "description": "orgcal:orgcal/prod generation 2",
                "displayName": "c-2",
            },
        }
        kind = "ApplicationFederatedIdentityCredential"
        assert [engine.registered[name, kind].protect for name in ("c-1", "c-2")] == [True, False]

    return deployed(settings_with(credential=FEDERATED)).apply(look)
