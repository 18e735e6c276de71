"""What the registry knows, as values."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any


class State(enum.StrEnum):
    """Where an organisation stands."""

    INVITED = "invited"
    CONSENTED = "consented"
    """A fresh token held every declared permission."""
    VERIFIED = "verified"
    """And users could be read with it."""
    RECONSENT_NEEDED = "reconsent-needed"
    """It consented to other permissions than the connector declares now."""
    REVOKED = "revoked"
    REMOVED = "removed"
    FAILED = "failed"


ACTIVE = frozenset({State.CONSENTED, State.VERIFIED, State.RECONSENT_NEEDED})
"""States in which the connector has some access."""


@dataclass(frozen=True, slots=True)
class JsonRecord:
    """A record whose fields make a JSON object, times as ISO 8601."""

    def as_json(self) -> dict[str, Any]:
        """The record as a JSON object."""
        values = asdict(self).items()
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values}


@dataclass(frozen=True, slots=True)
class Tenant(JsonRecord):
    """A customer organisation.

    Attributes:
        tenant_id: GUID.
        reason: why, for the states `failed`, `revoked` and `reconsent-needed`.
        permission_hash: of the permissions consented to; empty before.
        invited_by: the operator who made the last link. Entra ID does not tell who consented.
        verdict: of the last verification.
    """

    tenant_id: str
    name: str
    domain: str
    state: State
    reason: str = ""
    permission_hash: str = ""
    added_at: datetime = field(kw_only=True)
    changed_at: datetime = field(kw_only=True)
    consented_at: datetime | None = None
    invited_by: str = ""
    verified_at: datetime | None = None
    verdict: str = ""

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Tenant:
        """The organisation that `as_json` wrote.

        Raises:
            ValueError: a field is missing, unknown or not what it should be.
        """
        times = ("added_at", "changed_at", "consented_at", "verified_at")
        try:
            values = {**said, "state": State(said["state"])}
            for name in times:
                values[name] = None if values.get(name) is None else _moment(values[name])
            if values["added_at"] is None or values["changed_at"] is None or not values["tenant_id"]:
                raise ValueError("a tenant id, or a time, is missing")
            return cls(**values)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not an organisation as `orgcal tenants export` writes it: {error}") from None


@dataclass(frozen=True, slots=True)
class Link:
    """A consent link as the registry keeps it; the state in it is not known any more.

    Attributes:
        state_hash: SHA-256 of the state, in hex; names the link.
        outcome: of the callback: empty before it, then `proving` and at last one of `orgcal.consent.outcomes`.
    """

    state_hash: str
    tenant_id: str
    redirect_uri: str
    permission_hash: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None
    outcome: str = ""
    detail: str = ""
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LogEntry(JsonRecord):
    """Something that was done."""

    entry: int
    at: datetime
    operator: str
    action: str
    subject: str
    result: str
    detail: dict[str, Any]


def _moment(text: object) -> datetime:
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError(f"{text}: a time without a zone")
    return moment
