"""States of a stack as the engine exports them, secrets shown: what rotation reads, without an engine."""

from __future__ import annotations

import json
from typing import Any

from orgcal.stack.state import StackState

SECRET = "4dabf18193072939515e22adb298388d"
URN = "urn:pulumi:prod::orgcal::"
PASSWORD = "azuread:index/applicationPassword:ApplicationPassword"
CERTIFICATE = "azuread:index/applicationCertificate:ApplicationCertificate"
APPLICATION = "azuread:index/application:Application"
PRINCIPAL = "azuread:index/servicePrincipal:ServicePrincipal"
TRUST = "azuread:index/applicationFederatedIdentityCredential:ApplicationFederatedIdentityCredential"
MOMENT = "2026-11-01T00:00:00Z"


def secret(value: str) -> dict[str, str]:
    return {SECRET: "1b47061264138c4ac30d75fd1eb44270", "plaintext": json.dumps(value)}


def resource(kind: str, name: str, inputs: Any = None, outputs: Any = None, **more: Any) -> dict[str, Any]:
    return {"urn": f"{URN}{kind}::{name}", "type": kind, "inputs": inputs or {}, "outputs": outputs or {}, **more}


def record(generations: list[int], active: int) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "project": "orgcal",
        "stack": "prod",
        "cloud": "public",
        "directory_id": "",
        "tenant_id": "home",
        "client_id": "client",
        "application_object_id": "object",
        "service_principal_id": "principal",
        "display_name": "Acme",
        "callback_url": "https://platform.example/callback",
        "consent_redirect_uri": "",
        "redirect_uris": [],
        "scopes": ["Calendars.Read"],
        "permissions": [],
        "permission_hash": "hash",
        "platform": {"kind": "local"},
        "connector_key": "outlook",
        "connector_name": "Outlook",
        "credential_kind": "secret",
        "active_generation": active,
        "credentials": [
            {
                "generation": number,
                "key_id": f"key-{number}",
                "created_at": MOMENT,
                "expires_at": "2027-05-01T00:00:00Z",
                "superseded_at": None,
            }
            for number in generations
        ],
        "client_secret": secret("told-by-the-outputs"),
    }


def password(number: int, **more: Any) -> dict[str, Any]:
    outputs = {"keyId": f"key-{number}", "value": secret(f"secret-{number}")}
    return resource(PASSWORD, f"outlook-calendar-{number}", outputs=outputs, **more)


def exported(
    generations: list[int], active: int, *held: dict[str, Any], pushed: int | None = None, **more: Any
) -> dict[str, Any]:
    ledger = {
        "generations": generations,
        "active": active,
        "entries": {str(n): {"created": MOMENT, "expires": "2027-05-01T00:00:00Z"} for n in generations},
    }
    resources = [
        resource("pulumi:pulumi:Stack", "orgcal-prod", outputs={"orgcal": record(generations, active)}),
        resource("orgcal:index:CredentialLedger", "outlook-calendar", ledger),
        *held,
    ]
    if pushed is not None:
        resources.append(resource("orgcal:index:ConnectorCredentials", "outlook-calendar", {"generation": pushed}))
    return {"deployment": {"resources": resources, **more}}


def state_with(*, application: str = "", principal: str = "", key: str = "") -> StackState:
    """The state of a stack with these objects, by the ids that Graph gave them."""
    made = [(APPLICATION, "objectId", application), (PRINCIPAL, "objectId", principal), (PASSWORD, "keyId", key)]
    resources = [resource(kind, "outlook-calendar", outputs={name: value}) for kind, name, value in made if value]
    return StackState({"deployment": {"resources": resources}})
