"""A connector deployed on an emulator without an engine: what `pulumi up` would leave, made by a few requests."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from orgcal.entra.auth import TokenSource
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.graph import GraphClient
from orgcal.entra.operator import operator_tokens
from orgcal.entra.permissions import GRAPH_APP_ID, application_permissions, permission_hash
from orgcal.entra.session import new_session
from orgcal.platforms import ConnectorSettings, PlatformCredential, open_platform
from orgcal.stack.outputs import StackOutputs

CONSENT_URI = "http://localhost:8400/consent/callback"
CONTOSO, FABRIKAM = "22222222-2222-2222-2222-222222222222", "33333333-3333-3333-3333-333333333333"
HOME = "11111111-1111-1111-1111-111111111111"


def operator_graph(endpoints: CloudEndpoints, environ: Mapping[str, str], session: requests.Session) -> GraphClient:
    """Microsoft Graph of the home tenant, as the operator."""
    return GraphClient(endpoints, operator_tokens(endpoints, environ, HOME, session), session)


def deploy(
    endpoints: CloudEndpoints, environ: Mapping[str, str], scopes: tuple[str, ...] = ("Calendars.Read",)
) -> StackOutputs:
    """Application, secret, service principal, connector and its credential; the outputs of such a stack."""
    platform = open_platform({"kind": "local"}, environ)
    roles = application_permissions(scopes)
    settings = ConnectorSettings("outlook-calendar-admin", "Outlook Calendar (Admin)", "For tests", scopes, True)
    entry = platform.create_connector(settings)
    redirect_uris = (entry.callback_url, CONSENT_URI)
    with new_session(endpoints) as session:
        graph = operator_graph(endpoints, environ, session)
        application = graph.post(
            "/applications",
            {
                "displayName": "Contoso Sync",
                "signInAudience": "AzureADMultipleOrgs",
                "web": {"redirectUris": list(redirect_uris)},
                "requiredResourceAccess": [declared(roles)],
            },
        )
        now = datetime.now(UTC).replace(microsecond=0)
        ends = now + timedelta(days=180)
        secret = graph.post(
            f"/applications/{application['id']}/addPassword",
            {"passwordCredential": {"displayName": "orgcal 1", "endDateTime": ends.isoformat().replace("+00:00", "Z")}},
        )
        principal = graph.post("/servicePrincipals", {"appId": application["appId"]})
    platform.push_credentials(
        settings.key, PlatformCredential(application["appId"], 1, ClientSecret(secret["secretText"]), scopes=scopes)
    )
    return StackOutputs.model_validate(
        {
            "schema_version": 1,
            "project": "orgcal",
            "stack": "test",
            "cloud": "emulator",
            "directory_id": endpoints.emulated.directory_id if endpoints.emulated else "",
            "tenant_id": HOME,
            "client_id": application["appId"],
            "application_object_id": application["id"],
            "service_principal_id": principal["id"],
            "display_name": application["displayName"],
            "publisher": application["publisherDomain"],
            "callback_url": entry.callback_url,
            "consent_redirect_uri": CONSENT_URI,
            "redirect_uris": redirect_uris,
            "scopes": scopes,
            "permissions": [{"name": role.name, "role_id": role.role_id} for role in roles],
            "permission_hash": permission_hash(roles),
            "platform": {"kind": "local"},
            "connector_key": settings.key,
            "connector_name": settings.display_name,
            "credential_kind": "secret",
            "active_generation": 1,
            "credentials": [
                {
                    "generation": 1,
                    "key_id": secret["keyId"],
                    "created_at": now,
                    "expires_at": ends,
                    "superseded_at": None,
                }
            ],
            "client_secret": secret["secretText"],
        }
    )


def declared(roles: tuple[Any, ...]) -> dict[str, Any]:
    """`requiredResourceAccess` for these permissions."""
    return {
        "resourceAppId": GRAPH_APP_ID,
        "resourceAccess": [{"id": role.role_id, "type": "Role"} for role in roles],
    }


def connector_tokens(
    endpoints: CloudEndpoints, outputs: StackOutputs, tenant_id: str, session: requests.Session
) -> TokenSource:
    """Tokens of the connector in a tenant."""
    assert outputs.client_secret is not None
    secret = ClientSecret(outputs.client_secret.get_secret_value())
    return TokenSource(endpoints, tenant_id, outputs.client_id, secret, session)


def environ_of(emulator_environ: Mapping[str, str]) -> dict[str, str]:
    """The emulator's variables on top of this process's own."""
    return {**os.environ, **emulator_environ}
