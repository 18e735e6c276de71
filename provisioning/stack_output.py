"""Writes the stack's outputs: the record that `orgcal.stack.outputs` describes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.permissions import permission_hash
from orgcal.formats import STATE_FORMAT
from orgcal.settings import Settings
from orgcal.stack.outputs import OUTPUT_NAME
from provisioning.application import EntraApplication
from provisioning.connector import Connector, CredentialLedger
from provisioning.credentials import ApplicationCredentials
from provisioning.permissions import Declared


def export(
    settings: Settings,
    endpoints: CloudEndpoints,
    connector: Mapping[str, Connector],
    application: EntraApplication,
    declared: Declared,
    ledger: CredentialLedger,
    credentials: ApplicationCredentials,
) -> None:
    """Exports the record; only the client secret in it is a Pulumi secret."""
    live = {str(number): settings.credential.kind_of(number) for number in settings.credential.generations}

    def generations(said: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The live generations, as `orgcal.stack.outputs.CredentialGeneration`."""
        entries, key_ids, ends = said
        return [
            {
                "generation": int(number),
                "kind": kind,
                "key_id": key_ids[number],
                "created_at": entries[number]["created"],
                "expires_at": ends[number],
                "superseded_at": entries[number].get("superseded") or None,
            }
            for number, kind in live.items()
        ]

    pulumi.export(
        OUTPUT_NAME,
        {
            "schema_version": STATE_FORMAT,
            "project": settings.project,
            "stack": settings.stack,
            "cloud": endpoints.cloud,
            "directory_id": endpoints.emulated.directory_id if endpoints.emulated else "",
            "tenant_id": endpoints.home_tenant_id(settings.entra.tenant_id),
            "client_id": application.client_id,
            "application_object_id": application.object_id,
            "service_principal_id": application.service_principal_id,
            "display_name": settings.application.display_name,
            "publisher": settings.consent.publisher
            if settings.consent and settings.consent.publisher
            else application.publisher_domain,
            "callback_url": connector[""].callback_url,
            "consent_redirect_uri": settings.consent.public_url if settings.consent else "",
            "redirect_uris": application.redirect_uris,
            "scopes": list(settings.connector.scopes),
            **_calendars(settings),
            "permissions": [{"name": role.name, "role_id": role.role_id} for role in declared.roles],
            "permission_hash": permission_hash(declared.roles),
            "platform": dict(settings.connector.platform),
            "also_pushed_to": {name: dict(said) for name, said in settings.connector.also_push_to.items()},
            "connector_key": settings.connector.key,
            "connector_name": settings.connector.name,
            "credential_kind": settings.credential.kind_of(settings.credential.active),
            "active_generation": settings.credential.active,
            "credentials": pulumi.Output.all(ledger.entries, credentials.key_ids, credentials.ends).apply(generations),
            "client_secret": credentials.active.pushed.get("client_secret"),
        },
    )


def _calendars(settings: Settings) -> dict[str, str]:
    """The key `calendars`; left out where it says what was always so, as older versions refuse unknown keys."""
    source = settings.connector.calendars
    return {} if source == "consented" else {"calendars": source}
