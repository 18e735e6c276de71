"""What every integration platform is, as far as a connector's settings go.

A platform holds *connector entries* (name, catalog text, scopes) and, for each, the *credential* with
which it asks Entra ID for tokens. Platforms differ in what they can do; each declares it as
`Capabilities`, and callers decide by those, never by a platform's name.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, cast, get_args, runtime_checkable

from orgcal.entra.credentials import FIELDS, StorableCredential, fields_of, from_fields
from orgcal.errors import PlatformError
from orgcal.numbers import whole_number
from orgcal.platforms.checked import check_answers

CatalogField = Literal["display_name", "description", "scopes", "published"]
CATALOG: tuple[CatalogField, ...] = get_args(CatalogField)
CredentialKind = Literal["secret", "certificate"]

PREFIX = "orgcal:connector.platform"
"""Key of a platform's settings in the stack's file."""

PROJECT_VARIABLE = "ORGCAL_PROJECT"
"""Names the project's folder, from which paths in settings count, whatever folder a command is run in."""

NOT_SHOWN = "(not shown to a preview)"
"""Stands for each secret where a preview may not see them (`orgcal.stack.preview_redacted`)."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a platform can do.

    Attributes:
        callback: where the callback URL comes from: `created` by the platform with the entry, `fixed`
            for the whole platform, or `configured` by the stack because the platform cannot be asked.
        reads_back: what can be learnt of a pushed credential; decides how drift is found.
        catalog: the settings of an entry that the platform keeps.
        credential_kinds: what it can authenticate with.
        connections: how organisations get connected: by the platform's `own flow`, `registered` by us,
            or `none` where it knows nothing of organisations.
        tokens: whether the platform hands out the tokens it fetches, so that a credential can be
            proved through it.
        limits: longest accepted texts, in characters.
        emulated: whether it is part of the emulator, and so of no other cloud.
        keyed: whether connectors with different keys have different entries and credentials here.
        created_with: whether the entry is made from its `settings`, or only together with its first `credential`.
    """

    callback: Literal["created", "fixed", "configured"]
    reads_back: Literal["value", "timestamp", "nothing"]
    catalog: frozenset[CatalogField]
    credential_kinds: frozenset[CredentialKind]
    connections: Literal["own flow", "registered", "none"] = "none"
    tokens: bool = False
    limits: dict[CatalogField, int] = field(default_factory=dict)
    emulated: bool = False
    keyed: bool = True
    created_with: Literal["settings", "credential"] = "settings"


@dataclass(frozen=True, slots=True)
class ConnectorSettings:
    """A connector entry as declared by the stack.

    Attributes:
        key: the entry's name for machines, unique in the platform.
        display_name: its name in the catalog.
        scopes: names of Microsoft Graph permissions, such as `Calendars.Read`.
    """

    key: str
    display_name: str
    description: str = ""
    scopes: tuple[str, ...] = ()
    published: bool = True


@dataclass(frozen=True, slots=True)
class ConnectorEntry:
    """A connector entry as the platform holds it; None stands for what the platform does not keep.

    Attributes:
        connections: number of connected organisations.
    """

    key: str
    callback_url: str
    display_name: str | None = None
    description: str | None = None
    scopes: tuple[str, ...] | None = None
    published: bool | None = None
    connections: int | None = None

    def differences(self, declared: ConnectorSettings) -> dict[CatalogField, str]:
        """Fields that are not as declared -> a line for people (`description: 'old' -> 'new'`)."""
        found: dict[CatalogField, str] = {}
        for name in CATALOG:
            held, wanted = getattr(self, name), getattr(declared, name)
            if isinstance(held, tuple):  # scopes have no order
                held, wanted = sorted(held), sorted(wanted)
            if held is not None and held != wanted:
                found[name] = f"{name}: {held!r} -> {wanted!r}"
        return found


@dataclass(frozen=True, slots=True)
class PlatformCredential:
    """A credential as a platform stores it: whose it is, and which generation.

    Attributes:
        generation: number of the credential (`orgcal:credential.active`).
        scopes: the connector's scopes, which some platforms keep beside the secret.
        display_name: the entry's name, for a platform that makes the entry with its first credential.
    """

    client_id: str
    generation: int
    credential: StorableCredential
    scopes: tuple[str, ...] = ()
    display_name: str = ""

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> PlatformCredential:
        """The credential that a platform shows as flat fields, named as `fields` does; what is missing is empty."""
        return cls(
            client_id=str(fields.get("client_id") or ""),
            generation=whole_number(str(fields.get("generation"))) or 0,
            credential=from_fields(fields),
        )

    def fields(self) -> dict[str, Any]:
        """Everything but scopes and name as flat fields; only those that the credential's kind has."""
        return {"client_id": self.client_id, "generation": self.generation, **fields_of(self.credential)}

    def secrets(self) -> tuple[str, ...]:
        """The texts that nobody may be shown."""
        return tuple(text for text in fields_of(self.credential).values() if text)

    def fingerprint(self, key: bytes) -> str:
        """A value that tells two credentials apart and, without `key`, tells nothing about either.

        Args:
            key: random bytes of the resource's own, kept as a secret.
        """
        texts = fields_of(self.credential)
        material = [texts.get("client_secret", ""), *(texts.get(name, "").strip() for name in FIELDS[1:])]
        return "hmac-sha256:" + hmac.new(key, json.dumps(material).encode(), hashlib.sha256).hexdigest()

    def same_as(self, other: PlatformCredential) -> bool:
        """Whether both authenticate the same client with the same material, whatever their generations."""
        return (self.client_id, self.credential) == (other.client_id, other.credential)


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """What a platform tells about the credential it holds; None stands for what it does not tell.

    Attributes:
        credential: the credential itself, where the platform reads back values.
        updated_at: when it was stored, as the platform writes times.
        intact: whether what the platform keeps beside it, such as scopes of its own, is as we left it.
    """

    client_id: str | None = None
    generation: int | None = None
    updated_at: str | None = None
    credential: PlatformCredential | None = None
    intact: bool = True


class Platform(Protocol):
    """One integration platform. Every method may raise `PlatformError` and `Unreachable`.

    What a method raises or returns for an answer that it cannot read becomes a PlatformError (`checked.py`).

    A platform that knows nothing of the organisations that are connected inherits the last three methods.

    Attributes:
        place: where it is (an address, a path), for messages; equal places hold the same entries.
        called: what messages call the platform, such as `a file`.
    """

    capabilities: Capabilities
    place: str
    called: str

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_answers(cls)

    def read_connector(self, key: str) -> ConnectorEntry | None:
        """The entry, or None if there is none."""

    def create_connector(self, declared: ConnectorSettings) -> ConnectorEntry:
        """Make the entry; use `ensure_connector`, which also adopts one that exists.

        A platform whose entry is created with the credential writes nothing and returns what it will be.
        """
        return self.update_connector(declared, CATALOG)

    def update_connector(self, declared: ConnectorSettings, changed: Sequence[CatalogField]) -> ConnectorEntry:
        """Set the fields `changed` to what is declared and leave all others alone."""

    def delete_connector(self, key: str, *, connected_too: bool = False) -> None:
        """Remove the entry; one that is gone already is no error.

        Args:
            key: of the entry.
            connected_too: also when organisations are connected; else that is a `PlatformError`.
        """

    def push_credentials(self, key: str, credential: PlatformCredential) -> StoredCredential:
        """Store the credential, replacing any other; repeating it does no harm.

        A platform whose entry is created with the credential makes the entry too where there is none.
        """

    def read_credentials(self, key: str) -> StoredCredential | None:
        """What the platform tells about its credential, or None if it has none."""

    def remove_credentials(self, key: str) -> None:
        """Remove the credential; one that is gone already is no error."""

    def connections(self, key: str) -> list[str]:
        """Tenant ids of the connected organisations."""
        raise self._unable(f"which organisations are connected to {key!r}")

    def register_connection(self, key: str, tenant_id: str) -> None:
        """Tell the platform of an organisation whose administrator consented."""
        raise self._unable(f"of organisations such as {tenant_id}, connected to {key!r}")

    def access_token(self, key: str, tenant_id: str) -> str:
        """A token that the platform fetched for that organisation with the credential it holds."""
        raise self._unable(f"a token of {tenant_id} for {key!r}")

    def _unable(self, what: str) -> PlatformError:
        return PlatformError(f"{self.called} does not know {what}", where=self.place)


@runtime_checkable
class StartsConsent(Protocol):
    """A platform that starts consent itself and tells the address that begins it."""

    def consent_link(self, key: str, tenant_id: str, name: str) -> tuple[str, datetime]:
        """A link for one organisation's administrator, and until when it works.

        Args:
            key: of the connector.
            tenant_id: of the organisation, by which the platform knows it afterwards.
            name: of the organisation, for people.
        """


def kinds_kept_in(names: Collection[str]) -> frozenset[CredentialKind]:
    """Return the kinds of credentials whose texts (`orgcal.entra.credentials.FIELDS`) are all among `names`."""
    texts = {"secret": {"client_secret"}, "certificate": {"certificate_pem", "private_key_pem"}}
    return frozenset(cast(CredentialKind, kind) for kind, needed in texts.items() if needed <= set(names))
