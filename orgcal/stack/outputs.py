"""The outputs of a deployed stack: one typed record, the stack output `orgcal`.

The Pulumi program writes it, everything else (`verify`, consent, rotation, status) reads only it.
`pulumi stack output orgcal` prints it, with the secret hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from orgcal.entra.clouds import Cloud
from orgcal.entra.credentials import CredentialKind
from orgcal.entra.permissions import CalendarsFrom
from orgcal.errors import UsageError
from orgcal.formats import STATE_FORMAT, newer_format

OUTPUT_NAME = "orgcal"
DEPLOYED_VARIABLE = "ORGCAL_DEPLOYED"
"""Set for the program where only the credential is to be deployed: fields of the record, as JSON, that replace the
settings they were made of. So a checkout that changes something else neither deploys it nor tells it as deployed."""
DEPLOYED_FIELDS = (
    "platform",
    "also_pushed_to",
    "connector_key",
    "connector_name",
    "scopes",
    "display_name",
    "redirect_uris",
    "consent_redirect_uri",
)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GraphPermission(_Record):
    """A Microsoft Graph application permission that the application declares."""

    name: str
    role_id: str


class CredentialGeneration(_Record):
    """One live generation of the connector's credential. Times are UTC.

    Attributes:
        kind: kinds may differ while one takes over from another.
        key_id: Entra's key id; of a federated credential its id.
    """

    generation: int
    kind: CredentialKind = "secret"
    key_id: str
    created_at: datetime
    expires_at: datetime
    superseded_at: datetime | None = None


class StackOutputs(_Record):
    """The record.

    Attributes:
        directory_id: the emulator's directory, empty elsewhere; it tells two emulators apart.
        tenant_id: the home tenant, where the application is registered.
        publisher: who publishes the application, as Microsoft's consent page shows it; empty where nobody knows.
        consent_redirect_uri: our consent callback among `redirect_uris`; empty where the stack has none.
        calendars: where access to calendars comes from (`orgcal:connector.calendars`).
        permission_hash: SHA-256 over the declared permissions; consents to another hash are out of date.
        platform: settings of the integration platform, as in `orgcal:connector.platform`, without secrets.
        also_pushed_to: name -> settings of a further platform that holds the connector and its credential too.
        credential_kind: of the active generation.
        active_generation: the generation that the connector uses.
        client_secret: the active secret; None if the credential is of another kind or was not read.
        revoked: generations that were revoked and whose credential still exists; not part of the record, but filled in
            by who reads the ledger.
    """

    schema_version: int
    project: str
    stack: str
    cloud: Cloud
    directory_id: str
    tenant_id: str
    client_id: str
    application_object_id: str
    service_principal_id: str
    display_name: str
    publisher: str = ""
    callback_url: str
    consent_redirect_uri: str
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    calendars: CalendarsFrom = "consented"
    permissions: tuple[GraphPermission, ...]
    permission_hash: str
    platform: Mapping[str, Any]
    also_pushed_to: Mapping[str, Mapping[str, Any]] = {}
    connector_key: str
    connector_name: str
    credential_kind: CredentialKind
    active_generation: int
    credentials: tuple[CredentialGeneration, ...]
    client_secret: SecretStr | None = None
    revoked: tuple[int, ...] = ()

    @property
    def revocation(self) -> str:
        """What is to be said of revoked credentials that still exist; empty if there is none."""
        numbers = " and ".join(map(str, self.revoked))
        was = "generations {} were" if len(self.revoked) > 1 else "generation {} was"
        return f"{was.format(numbers)} revoked, and the credential may still work" if numbers else ""


def read_outputs(values: Mapping[str, Any], *, where: str) -> StackOutputs:
    """The record among a stack's outputs; `where` names the stack or file that they come from, for the error.

    Raises:
        UsageError: there is no record, a newer orgcal wrote it, or it is not readable.
    """
    record = values.get(OUTPUT_NAME)
    if not isinstance(record, Mapping):
        raise UsageError("the stack has not been deployed yet", where=where, repair="orgcal up, with the same --stack")
    version = record.get("schema_version")
    if isinstance(version, int) and version > STATE_FORMAT:
        raise newer_format("the record in its outputs", version, STATE_FORMAT, where=where)
    try:
        return StackOutputs.model_validate(record)
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, item["loc"])) for item in error.errors())
        # `from None`: pydantic's own text quotes the values it was given, the secret among them.
        raise UsageError(f"its outputs are not readable: {wrong}", where=where, repair="pulumi up") from None
