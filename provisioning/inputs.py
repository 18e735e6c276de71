"""Arguments of our own resources, out of the stack's settings."""

from __future__ import annotations

from typing import Any

import pulumi

from orgcal.settings import Settings
from orgcal.settings.platform_rules import declared_connector


def guard(settings: Settings) -> pulumi.ResourceOptions:
    """Resource options of whatever customers depend on."""
    return pulumi.ResourceOptions(protect=settings.protected)


def connector_inputs(settings: Settings, other: str = "", *, after: pulumi.Resource) -> dict[str, Any]:
    """Arguments of the `Connector` resource.

    Args:
        settings: of the stack.
        other: name of a further platform (`also_push_to`); the main one without it.
        after: the ledger. Nothing leads from it to the connector by data, but a stale checkout must be refused
            before the connector's catalog text is written too; everything else follows the connector.
    """
    declared = declared_connector(settings.connector, other)
    return {
        "platform": settings.platform(other),
        "key": declared.key,
        "display_name": declared.display_name,
        "description": declared.description,
        "scopes": list(declared.scopes),
        "published": declared.published,
        "delete_connected": settings.connector.delete_connected or settings.ephemeral,
        "opts": pulumi.ResourceOptions.merge(guard(settings), pulumi.ResourceOptions(depends_on=[after])),
    }


def ledger_inputs(settings: Settings, lifetime: str) -> dict[str, Any]:
    """Arguments of the `CredentialLedger` resource; `lifetime` is what new generations get."""
    return {
        "generations": list(settings.credential.generations),
        "active": settings.credential.active,
        "lifetime": lifetime,
        "world": settings.entra.cloud,
        "rollback_to": settings.credential.rollback_to,
        "opts": guard(settings),
    }


def push_inputs(settings: Settings, other: str = "") -> dict[str, Any]:
    """Arguments of the `ConnectorCredentials` resource, besides connector and credential."""
    return {
        "platform": settings.platform(other),
        "scopes": list(settings.connector.scopes),
        "generation": settings.credential.active,
        "opts": guard(settings),
    }
