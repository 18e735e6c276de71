"""What was last known of a connector's credentials, for those who cannot or need not ask the Pulumi engine.

Whoever has read the stack's outputs writes it down (`orgcal.stack.known_credentials`); metrics and alerts read it.
No secret is among it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from orgcal.tenants.database import insert_into
from orgcal.tenants.registry import Registry
from orgcal.tenants.schema import CONNECTORS


@dataclass(frozen=True, slots=True)
class KnownCredential:
    """One live generation.

    Attributes:
        kind: `secret`, `certificate` or `federated`.
        superseded_at: when another one took over; None of the active one and of one that is new.
        revoked: whether it was revoked and still exists.
    """

    generation: int
    kind: str
    expires_at: datetime
    superseded_at: datetime | None = None
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class KnownCredentials:
    """All live generations of a connector.

    Attributes:
        known_at: when the stack's outputs were read.
        active: the generation that the connector uses.
    """

    known_at: datetime
    active: int
    credentials: tuple[KnownCredential, ...]

    @property
    def pending(self) -> bool:
        """Whether a rotation is under way: an old or a new generation lives beside the active one."""
        return len(self.credentials) > 1

    @property
    def active_credential(self) -> KnownCredential | None:
        """The one that the connector uses; None where it is not among them."""
        return next((item for item in self.credentials if item.generation == self.active), None)


def remember_credentials(registry: Registry, active: int, credentials: Sequence[KnownCredential]) -> None:
    """Write down what is live now, instead of what was known before.

    Raises:
        RegistryUnavailable: the database cannot be asked now.
    """
    values = {
        "known_at": registry.now(),
        "active": active,
        "credentials": [_as_json(item) for item in credentials],
    }
    with registry.transaction() as connection:
        insert = insert_into(connection, CONNECTORS).values(connector=registry.connector, **values)
        connection.execute(insert.on_conflict_do_update(index_elements=["connector"], set_=values))


def known_credentials(registry: Registry) -> KnownCredentials | None:
    """What was last known; None before any command of this version has read the stack's outputs.

    Raises:
        RegistryUnavailable: the database cannot be asked now.
    """
    query = select(CONNECTORS).where(CONNECTORS.c.connector == registry.connector)
    with registry.transaction() as connection:
        row = connection.execute(query).first()
        if row is None:
            return None
        return KnownCredentials(row.known_at, row.active, tuple(map(_from_json, row.credentials)))


def _as_json(item: KnownCredential) -> dict[str, Any]:
    superseded_at = None if item.superseded_at is None else item.superseded_at.isoformat()
    return {
        "generation": item.generation,
        "kind": item.kind,
        "expires_at": item.expires_at.isoformat(),
        "superseded_at": superseded_at,
        "revoked": item.revoked,
    }


def _from_json(said: dict[str, Any]) -> KnownCredential:
    superseded_at = said["superseded_at"]
    return KnownCredential(
        said["generation"],
        said["kind"],
        datetime.fromisoformat(said["expires_at"]),
        None if superseded_at is None else datetime.fromisoformat(superseded_at),
        said["revoked"],
    )
