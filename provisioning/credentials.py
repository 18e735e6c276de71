"""Steps 3 and 4 of the guide: the connector's credential, one for each live generation, and the push of the active one.

The end dates come from the ledger. That is what makes the engine check the ledger, and so refuse a stale checkout,
before any credential is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pulumi
import pulumi_azuread as azuread

from orgcal.durations import NEVER, parse_moment
from orgcal.entra.home.applications import certificate_subject, credential_name
from orgcal.platforms import capabilities_of
from orgcal.settings import Settings
from orgcal.settings.platform_rules import declared_connector
from provisioning.application import EntraApplication
from provisioning.byo_certificate import read_certificate
from provisioning.connector import CertificateKey, Connector, ConnectorCredentials, CredentialLedger

_TOLERANCE = timedelta(minutes=1)
"""Services round times; a minute is no lifetime."""


@dataclass(frozen=True, slots=True)
class Material:
    """What is known of one generation once Entra has it.

    Attributes:
        key_id: Entra's key id; of a federated credential its id.
        ends: end date, as Entra tells it.
        pushed: what the connector gets, as arguments of `ConnectorCredentials`; empty if it needs none.
    """

    key_id: pulumi.Output[str]
    ends: pulumi.Output[str]
    pushed: Mapping[str, Any]


def declare_ledger(name: str, settings: Settings, lifetime: str) -> CredentialLedger:
    """The ledger of the credential's generations; `lifetime` is what new ones get.

    Raises:
        ConfigError: a certificate that was brought along cannot be used; nothing is written yet.
    """
    for number, files in settings.credential.certificates.items():
        if number in settings.credential.generations:
            read_certificate(files, number)
    return CredentialLedger(
        name,
        generations=list(settings.credential.generations),
        active=settings.credential.active,
        lifetime=lifetime,
        world=settings.entra.cloud,
        rollback_to=settings.credential.rollback_to,
        revoked=list(settings.credential.revoked) or None,
        opts=pulumi.ResourceOptions(protect=settings.protected),
    )


class ApplicationCredentials(pulumi.ComponentResource):
    """One credential for each live generation, of the kind that the settings name (step 3).

    Attributes:
        active: of the active generation.
        key_ids: generation (as text) to Entra's key id.
        ends: generation (as text) to the end date that Entra tells.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        application: EntraApplication,
        ledger: CredentialLedger,
        *,
        provider: azuread.Provider,
    ) -> None:
        super().__init__(
            "orgcal:index:ApplicationCredentials", name, None, pulumi.ResourceOptions(providers=[provider])
        )
        self._settings, self._application, self._ledger = settings, application, ledger
        make = {"secret": self._secret, "certificate": self._certificate, "federated": self._trust}
        live = settings.credential
        made = {number: make[live.kind_of(number)](f"{name}-{number}", number) for number in live.generations}
        self.active = made[live.active]
        self.key_ids = pulumi.Output.all(**{str(number): item.key_id for number, item in made.items()})
        self.ends = pulumi.Output.all(**{str(number): item.ends for number, item in made.items()})
        ending = {str(number): item.ends for number, item in made.items() if live.kind_of(number) != "federated"}
        if ending:
            issued = pulumi.Output.all(**ending)
            pulumi.Output.all(ledger.end_dates, issued).apply(lambda said: _compare_end_dates(*said))
        self.register_outputs({"key_ids": self.key_ids})

    def _secret(self, name: str, number: int) -> Material:
        password = azuread.ApplicationPassword(
            name,
            application_id=self._application.resource_id,
            display_name=credential_name(self._settings.tag, number),
            end_date=self._ledger.end_dates[str(number)],
            opts=pulumi.ResourceOptions(parent=self),
        )
        return Material(password.key_id, password.end_date, {"client_secret": pulumi.Output.secret(password.value)})

    def _certificate(self, name: str, number: int) -> Material:
        recorded = self._ledger.end_dates[str(number)]
        files = self._settings.credential.certificates.get(number)
        if files is not None:
            brought, brought_ends = read_certificate(files, number)
            pair: dict[str, Any] = {
                "certificate_pem": brought.certificate_pem,
                "private_key_pem": pulumi.Output.secret(brought.private_key_pem),
            }
            # Entra refuses an end date after the certificate's own.
            ends = recorded.apply(lambda date: min(date, brought_ends))
        else:
            key = CertificateKey(
                name,
                common_name=certificate_subject(self._settings.tag, number),
                end_date=recorded,
                keepers={"generation": str(number)},
                opts=pulumi.ResourceOptions(parent=self),
            )
            pair = {"certificate_pem": key.certificate_pem, "private_key_pem": key.private_key_pem}
            ends = recorded
        certificate = azuread.ApplicationCertificate(
            name,
            application_id=self._application.resource_id,
            type="AsymmetricX509Cert",
            value=pair["certificate_pem"],
            end_date=ends,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return Material(certificate.key_id, certificate.end_date, pair)

    def _trust(self, name: str, number: int) -> Material:
        trust = self._settings.credential.trusts[number]
        said = credential_name(self._settings.tag, number)
        federated = azuread.ApplicationFederatedIdentityCredential(
            name,
            application_id=self._application.resource_id,
            display_name=name,
            # The date itself means nothing here: taking it makes the engine ask the ledger first.
            description=self._ledger.end_dates[str(number)].apply(lambda _: said),
            issuer=trust.issuer,
            subject=trust.subject,
            audiences=[trust.audience],
            # No pushed credential stands before it when a stack is destroyed, so it needs its own guard.
            opts=pulumi.ResourceOptions(
                parent=self, protect=self._settings.protected and number == self._settings.credential.active
            ),
        )
        return Material(federated.credential_id, pulumi.Output.from_input(NEVER), {})


def push(
    name: str,
    settings: Settings,
    connector: Mapping[str, Connector],
    application: EntraApplication,
    credentials: ApplicationCredentials,
) -> list[ConnectorCredentials]:
    """Gives the connector the client id and the active credential, in each platform (step 4).

    A platform whose own tokens are trusted keeps no credential; it needs the client id alone, which it is told by
    whoever runs it.
    """
    if not credentials.active.pushed:
        return []
    return [
        ConnectorCredentials(
            f"{name}-{other}" if other else name,
            connector_key=entry.key,
            client_id=application.client_id,
            **credentials.active.pushed,
            platform=settings.platform(other),
            scopes=list(settings.connector.scopes),
            display_name=_name_for_creation(settings, other),
            generation=settings.credential.active,
            opts=pulumi.ResourceOptions(protect=settings.protected),
        )
        for other, entry in connector.items()
    ]


def _name_for_creation(settings: Settings, other: str) -> str | None:
    """The entry's name where the platform makes the entry with the credential; other kinds have no use for it."""
    if capabilities_of(settings.platform(other)).created_with == "settings":
        return None
    return declared_connector(settings.connector, other).display_name


def differing_end_dates(recorded: Mapping[str, str], issued: Mapping[str, str]) -> list[str]:
    """One sentence for each generation that ends at another time than the ledger says: no lifetime is ignored unseen.

    It has happened that an end date was dropped on the way and a secret of two years came back
    (https://github.com/hashicorp/terraform-provider-azuread/issues/1424).

    Args:
        recorded: generation (as text) to end date, RFC 3339, of the ledger.
        issued: the same, as Entra tells it.
    """
    return [
        f"Entra issued generation {number} of the credential with the end {ends}, not {recorded[number]} as asked for"
        for number, ends in issued.items()
        if number in recorded and abs(parse_moment(ends) - parse_moment(recorded[number])) > _TOLERANCE
    ]


def _compare_end_dates(recorded: Mapping[str, str], issued: Mapping[str, str]) -> None:
    for sentence in differing_end_dates(recorded, issued):
        pulumi.log.warn(f"{sentence}\n  repair: orgcal rotate, and read the tenant's app management policy")
