"""The program's side of our own provider, package `orgcal`; its plugin is `orgcal/provider/connector`.

entry = Connector("connector", platform={"kind": "local"}, key="outlook", display_name="Outlook Calendar",
                  scopes=["Calendars.Read"])
ledger = CredentialLedger("ledger", generations=[1], active=1, lifetime="180d")
ConnectorCredentials("credentials", platform={"kind": "local"}, connector_key=entry.key,
                     client_id=app.client_id, client_secret=password.value, generation=1)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from orgcal import __version__


class _Resource(pulumi.CustomResource):
    """Keeps the names of the wire, so that the SDK translates none, least of all in a platform's own settings."""

    def _output(self, name: str) -> pulumi.Output[Any]:
        found: pulumi.Output[Any] = pulumi.get(self, name)
        return found


class Connector(_Resource):
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

    @property
    def key(self) -> pulumi.Output[str]:
        """The entry's name for machines."""
        return self._output("key")

    @property
    def display_name(self) -> pulumi.Output[str]:
        """Its name in the catalog."""
        return self._output("displayName")

    @property
    def description(self) -> pulumi.Output[str]:
        """Its text in the catalog."""
        return self._output("description")

    @property
    def scopes(self) -> pulumi.Output[list[str]]:
        """Names of Microsoft Graph application permissions."""
        return self._output("scopes")

    @property
    def published(self) -> pulumi.Output[bool]:
        """Whether users see it."""
        return self._output("published")

    @property
    def delete_connected(self) -> pulumi.Output[bool]:
        """Whether it may be deleted while organisations are connected."""
        return self._output("deleteConnected")

    @property
    def callback_url(self) -> pulumi.Output[str]:
        """Where Entra ID sends the browser back to; belongs to the application's redirect URIs."""
        return self._output("callbackUrl")

    @property
    def connections(self) -> pulumi.Output[int]:
        """Connected organisations when the platform was last looked at."""
        return self._output("connections")


class CredentialLedger(_Resource):
    """Every generation of the connector's credential there is or was; refuses configs that go backwards.

    Credentials take their end date from `end_dates`, so that this is asked before any of them is made.

    Args:
        resource_name: the resource's name in the program.
        generations: the live ones, numbers from 1.
        active: the one that the connector uses.
        lifetime: of generations that are new: a number of days such as `180d`, or `never`.
        world: the cloud that the stack lives in; a state that was made in another is refused.
        rollback_to: the one number that the active and the highest live generation may fall to.
        opts: the resource's options.
    """

    def __init__(
        self,
        resource_name: str,
        *,
        generations: Sequence[int],
        active: int,
        lifetime: str,
        world: str | None = None,
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
                "world": world,
                "rollbackTo": rollback_to,
                "entries": None,
                "endDates": None,
            },
            _with_version(opts),
        )

    @property
    def generations(self) -> pulumi.Output[list[int]]:
        """The live generations."""
        return self._output("generations")

    @property
    def active(self) -> pulumi.Output[int]:
        """The one that the connector uses."""
        return self._output("active")

    @property
    def lifetime(self) -> pulumi.Output[str]:
        """Of generations that are new."""
        return self._output("lifetime")

    @property
    def rollback_to(self) -> pulumi.Output[int | None]:
        """The one number that the active generation may fall to."""
        return self._output("rollbackTo")

    @property
    def end_dates(self) -> pulumi.Output[dict[str, str]]:
        """Live generation, as text -> its absolute end date (RFC 3339, UTC); known in every preview, and frozen."""
        return self._output("endDates")

    @property
    def entries(self) -> pulumi.Output[dict[str, dict[str, str]]]:
        """Every generation there ever was -> `created`, `expires` and, once it happened, `superseded`, `retired`."""
        return self._output("entries")


class ConnectorCredentials(_Resource):
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

    @property
    def connector_key(self) -> pulumi.Output[str]:
        """Key of the connector's entry."""
        return self._output("connectorKey")

    @property
    def client_id(self) -> pulumi.Output[str]:
        """Application (client) id."""
        return self._output("clientId")

    @property
    def client_secret(self) -> pulumi.Output[str | None]:
        """The secret, a Pulumi secret."""
        return self._output("clientSecret")

    @property
    def certificate_pem(self) -> pulumi.Output[str | None]:
        """The certificate, if it is one."""
        return self._output("certificatePem")

    @property
    def private_key_pem(self) -> pulumi.Output[str | None]:
        """Its private key, a Pulumi secret."""
        return self._output("privateKeyPem")

    @property
    def generation(self) -> pulumi.Output[int]:
        """Which generation of the credential this is."""
        return self._output("generation")

    @property
    def fingerprint(self) -> pulumi.Output[str]:
        """Keyed digest of what the platform was last seen to hold; drift of the secret shows here."""
        return self._output("fingerprint")

    @property
    def pushed_at(self) -> pulumi.Output[str]:
        """When the platform last took it, RFC 3339 in UTC."""
        return self._output("pushedAt")


class CertificateKey(_Resource):
    """A key pair with a self-signed certificate, kept in the stack's state; new only when its keepers change.

    Args:
        resource_name: the resource's name in the program.
        common_name: subject of the certificate, 1 to 64 characters; nobody checks it.
        end_date: end of its validity, from the ledger's `end_dates`.
        keepers: any values; another value makes another key.
        opts: the resource's options.
    """

    def __init__(
        self,
        resource_name: str,
        *,
        common_name: pulumi.Input[str],
        end_date: pulumi.Input[str],
        keepers: Mapping[str, pulumi.Input[str]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        hidden = pulumi.ResourceOptions(additional_secret_outputs=["privateKeyPem"])
        super().__init__(
            "orgcal:index:CertificateKey",
            resource_name,
            {
                "commonName": common_name,
                "endDate": end_date,
                "keepers": dict(keepers or {}),
                "certificatePem": None,
                "privateKeyPem": None,
                "thumbprint": None,
                "notAfter": None,
            },
            _with_version(pulumi.ResourceOptions.merge(opts, hidden)),
        )

    @property
    def certificate_pem(self) -> pulumi.Output[str]:
        """X.509 certificate."""
        return self._output("certificatePem")

    @property
    def private_key_pem(self) -> pulumi.Output[str]:
        """PKCS #8 private key, a Pulumi secret."""
        return self._output("privateKeyPem")

    @property
    def thumbprint(self) -> pulumi.Output[str]:
        """SHA-1 of the certificate in capitals, as Entra ID's portal shows it."""
        return self._output("thumbprint")

    @property
    def not_after(self) -> pulumi.Output[str]:
        """End of the certificate's validity, RFC 3339 in UTC."""
        return self._output("notAfter")


def _with_version(opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(pulumi.ResourceOptions(version=__version__), opts)
