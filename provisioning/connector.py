"""The program's side of our own provider, package `orgcal`; its plugin is `providers/connector`.

entry = Connector("connector", platform={"kind": "local"}, key="outlook", display_name="Outlook Calendar",
                  scopes=["Calendars.Read"])
ledger = CredentialLedger("ledger", generations=[1], active=1, lifetime="180d")
ConnectorCredentials("credentials", platform={"kind": "local"}, connector_key=entry.key,
                     client_id=app.client_id, client_secret=password.value, generation=1)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import pulumi

VERSION = "0.1.0"
"""Of the package; `plugins.providers` in Pulumi.yaml names the same."""


class LedgerEntry(TypedDict):
    """What the ledger remembers of one generation; times are RFC 3339 in UTC."""

    created: str
    expires: str
    superseded: str | None
    retired: str | None


class Connector(pulumi.CustomResource):
    """A connector's entry in an integration platform (steps 1, 5, 6 and 8 of the guide).

    An entry that exists already is adopted, and only what is declared here is changed.

    Args:
        resource_name: the resource's name in the program.
        platform: kind and settings of the platform, without secrets: `{"kind": "local"}`.
        key: the entry's name for machines; another key is another entry.
        display_name: its name in the catalog.
        description: its text in the catalog.
        scopes: names of Microsoft Graph application permissions, such as `Calendars.Read`.
        published: whether users see it.
        delete_connected: lets it be deleted while organisations are connected.
        opts: the resource's options.
    """

    key: pulumi.Output[str]
    display_name: pulumi.Output[str]
    description: pulumi.Output[str]
    scopes: pulumi.Output[list[str]]
    published: pulumi.Output[bool]
    callback_url: pulumi.Output[str]
    """Where Entra ID sends the browser back to; belongs to the application's redirect URIs."""
    connections: pulumi.Output[int]
    """Connected organisations when the platform was last looked at."""

    def __init__(
        self,
        resource_name: str,
        *,
        platform: Mapping[str, Any],
        key: pulumi.Input[str],
        display_name: pulumi.Input[str],
        scopes: pulumi.Input[Sequence[pulumi.Input[str]]],
        description: pulumi.Input[str] = "",
        published: pulumi.Input[bool] = True,
        delete_connected: pulumi.Input[bool] = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            "orgcal:index:Connector",
            resource_name,
            {
                "platform": dict(platform),
                "key": key,
                "displayName": display_name,
                "description": description,
                "scopes": scopes,
                "published": published,
                "deleteConnected": delete_connected,
                "callbackUrl": None,
                "connections": None,
            },
            _with_version(opts),
        )

    def translate_output_property(self, prop: str) -> str:
        return _OF_WIRE.get(prop, prop)


class CredentialLedger(pulumi.CustomResource):
    """Every generation of the connector's credential there is or was; refuses configs that go backwards.

    Credentials take their end date from `end_dates`, so that this is asked before any of them is made.

    Args:
        resource_name: the resource's name in the program.
        generations: the live ones, numbers from 1.
        active: the one that the connector uses.
        lifetime: of generations that are new: a number of days such as `180d`, or `never`.
        rollback_to: the one number that the active and the highest live generation may fall to.
        opts: the resource's options.
    """

    generations: pulumi.Output[list[int]]
    active: pulumi.Output[int]
    lifetime: pulumi.Output[str]
    end_dates: pulumi.Output[dict[str, str]]
    """Live generation, as text -> its absolute end date (RFC 3339, UTC); known in every preview, and frozen."""
    entries: pulumi.Output[dict[str, LedgerEntry]]
    """Every generation there ever was, as text -> what is remembered of it."""

    def __init__(
        self,
        resource_name: str,
        *,
        generations: Sequence[int],
        active: int,
        lifetime: str,
        rollback_to: int | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            "orgcal:index:CredentialLedger",
            resource_name,
            {
                "generations": list(generations),
                "active": active,
                "lifetime": lifetime,
                "rollbackTo": rollback_to,
                "entries": None,
                "endDates": None,
            },
            _with_version(opts),
        )

    def translate_output_property(self, prop: str) -> str:
        return _OF_WIRE.get(prop, prop)


class ConnectorCredentials(pulumi.CustomResource):
    """The credential in a connector's settings (step 4): a secret, or a certificate with its private key.

    Args:
        resource_name: the resource's name in the program.
        platform: as of the connector.
        connector_key: the connector's key.
        client_id: Application (client) id.
        client_secret: the secret; kept as a Pulumi secret even if it is not given as one.
        certificate_pem: X.509 certificate, instead of a secret.
        private_key_pem: the certificate's private key; kept as a Pulumi secret.
        generation: which generation of the credential this is.
        scopes: the connector's scopes, for platforms that keep them beside the credential.
        opts: the resource's options.
    """

    client_id: pulumi.Output[str]
    generation: pulumi.Output[int]
    fingerprint: pulumi.Output[str]
    """Keyed digest of what the platform was last seen to hold; drift of the secret shows here."""
    pushed_at: pulumi.Output[str]
    """When the platform last took it, RFC 3339 in UTC."""

    def __init__(
        self,
        resource_name: str,
        *,
        platform: Mapping[str, Any],
        connector_key: pulumi.Input[str],
        client_id: pulumi.Input[str],
        generation: pulumi.Input[int],
        client_secret: pulumi.Input[str] | None = None,
        certificate_pem: pulumi.Input[str] | None = None,
        private_key_pem: pulumi.Input[str] | None = None,
        scopes: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        hidden = pulumi.ResourceOptions(additional_secret_outputs=["clientSecret", "privateKeyPem", "fingerprintKey"])
        super().__init__(
            "orgcal:index:ConnectorCredentials",
            resource_name,
            {
                "platform": dict(platform),
                "connectorKey": connector_key,
                "clientId": client_id,
                "clientSecret": None if client_secret is None else pulumi.Output.secret(client_secret),
                "certificatePem": certificate_pem,
                "privateKeyPem": None if private_key_pem is None else pulumi.Output.secret(private_key_pem),
                "generation": generation,
                "scopes": scopes,
                "fingerprint": None,
                "pushedAt": None,
            },
            _with_version(pulumi.ResourceOptions.merge(opts, hidden)),
        )

    def translate_output_property(self, prop: str) -> str:
        return _OF_WIRE.get(prop, prop)


_OF_WIRE: Mapping[str, str] = {
    "displayName": "display_name",
    "deleteConnected": "delete_connected",
    "callbackUrl": "callback_url",
    "rollbackTo": "rollback_to",
    "endDates": "end_dates",
    "connectorKey": "connector_key",
    "clientId": "client_id",
    "clientSecret": "client_secret",
    "certificatePem": "certificate_pem",
    "privateKeyPem": "private_key_pem",
    "pushedAt": "pushed_at",
}
"""Names on the wire -> names in Python, where they differ."""


def _with_version(opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(pulumi.ResourceOptions(version=VERSION), opts)
