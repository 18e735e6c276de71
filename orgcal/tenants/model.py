"""What the registry knows, as values."""

from __future__ import annotations

import difflib
import enum
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal

from orgcal.durations import rfc3339
from orgcal.entra.tenant_ids import is_domain, is_guid
from orgcal.errors import UsageError
from orgcal.printable import printable
from orgcal.tenants.names import can_be_kept, check_text
from orgcal.verdicts import stored, told

LINK_PROVING, LINK_WITHDRAWN = "proving", "withdrawn"
"""Outcomes of a used link that the registry itself gives: while its proof runs, and where the organisation was removed
meanwhile."""

NAME_LENGTH = 200
"""Characters of a name that are kept, an operator's too."""
HASH_LENGTH, VERDICT_LENGTH = 64, 10
GROUP_LENGTH = 256
"""Characters of a group's name: https://learn.microsoft.com/en-us/graph/api/resources/group"""
_LONGEST = {"permission_hash": HASH_LENGTH, "invited_by": NAME_LENGTH, "verdict": VERDICT_LENGTH,
            "scope_group": GROUP_LENGTH}  # fmt: skip
_NEEDED = ("tenant_id", "name", "domain", "state", "added_at", "changed_at")
_TIMES = ("added_at", "changed_at", "consented_at", "verified_at", "checked_at", "awaited_since")
_TEXTS = ("tenant_id", "name", "domain", "reason", "permission_hash", "invited_by", "verdict",
          "access", "scope_group", "group_id", "inside", "outside")  # fmt: skip


Access = Literal["all", "scoped"]
"""Whether an organisation lets the connector read all mailboxes, or limits it to some in Exchange."""


class State(enum.StrEnum):
    """Where an organisation stands."""

    INVITED = "invited"
    CONSENTED = "consented"
    """A fresh token held every declared permission."""
    VERIFIED = "verified"
    """And users could be listed with it."""
    RECONSENT_NEEDED = "reconsent-needed"
    """It consented to other permissions than the connector declares now."""
    WAITING = "waiting-for-exchange"
    """It limits the connector, its directory can be read, and no mailbox yet."""
    TOO_MUCH = "too-much-access"
    """It limits the connector, which reaches more mailboxes than it should."""
    TOO_LITTLE = "too-little-access"
    """It limits the connector, which reaches no mailbox that it should, or fewer."""
    REVOKED = "revoked"
    REMOVED = "removed"
    FAILED = "failed"


OF_SCOPED = frozenset({State.WAITING, State.TOO_MUCH, State.TOO_LITTLE})
"""States of organisations that limit the connector to some mailboxes."""

ACTIVE = frozenset({State.CONSENTED, State.VERIFIED, State.RECONSENT_NEEDED}) | OF_SCOPED
"""States in which the connector has some access."""


@dataclass(frozen=True, slots=True)
class JsonRecord:
    """A record whose fields make a JSON object, times as RFC 3339."""

    def as_json(self) -> dict[str, Any]:
        """The record as a JSON object."""
        values = asdict(self).items()
        return {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in values}


@dataclass(frozen=True, slots=True)
class Tenant(JsonRecord):
    """A customer organisation.

    Attributes:
        tenant_id: GUID.
        reason: why, for the states `failed`, `revoked` and `reconsent-needed`.
        permission_hash: of the permissions consented to; empty before.
        permissions: names of the permissions that a fresh token proved; empty before, and where an orgcal recorded the
            consent that kept only their hash.
        changed_at: when something of this was last written, but for `checked_at`.
        consented_at: when a consent was last proved.
        invited_by: the operator who made the last link. Entra ID does not tell who consented.
        verified_at: when users could last be listed: the last success of a verification or of a consent's proof.
        checked_at: when a proof, a check or a verification last tried, whatever came of it.
        verdict: of the last verification.
        access: `all` mailboxes, or `scoped`: the organisation limits the connector to some.
        scope_group: name or id of the group of those, as the customer called it.
        group_id: its object id, once it was found in the directory.
        inside: object id of a user whose mailbox is in the scope, to test with.
        outside: object id of a user whose mailbox is not.
        awaited_since: since when a role assignment of Exchange is waited for.
    """

    tenant_id: str
    name: str
    domain: str
    state: State
    reason: str = ""
    permission_hash: str = ""
    permissions: tuple[str, ...] = ()
    added_at: datetime = field(kw_only=True)
    changed_at: datetime = field(kw_only=True)
    consented_at: datetime | None = None
    invited_by: str = ""
    verified_at: datetime | None = None
    checked_at: datetime | None = None
    verdict: str = ""
    access: Access = "all"
    scope_group: str = ""
    group_id: str = ""
    inside: str = ""
    outside: str = ""
    awaited_since: datetime | None = None

    @property
    def label(self) -> str:
        """The name as it may stand in a line of output."""
        return printable(self.name)

    def as_json(self) -> dict[str, Any]:
        """The organisation as a JSON object, with the word that people are told as its verdict."""
        return {**JsonRecord.as_json(self), "verdict": told(self.verdict)}

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Tenant:
        """The organisation that `as_json` wrote, also that of an earlier orgcal; `schema_version` is looked over.

        Raises:
            ValueError: a field is missing, unknown or not what it should be.
        """
        if not isinstance(said, dict):
            raise ValueError("not an organisation as `orgcal tenants export` writes it")
        said = {name: value for name, value in said.items() if name != "schema_version"}
        known = {item.name for item in fields(cls)}
        for name in sorted(said.keys() - known):
            near = difflib.get_close_matches(name, known)
            meant = f" (did you mean {near[0]}?)" if near else ""
            raise ValueError(f"an organisation has no field {printable(name[:40])!r}{meant}")
        if missing := [name for name in _NEEDED if said.get(name) is None]:
            raise ValueError(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing")
        if said["state"] not in tuple(State):
            raise ValueError(f"state is {printable(str(said['state'])[:40])!r}; expected one of {', '.join(State)}")
        permissions = said.get("permissions") or ()
        if not isinstance(permissions, list | tuple):
            raise ValueError("permissions is not a list of names")
        values = {**said, "state": State(said["state"]), "permissions": tuple(permissions)}
        values["verdict"] = _stored(said.get("verdict", ""))
        for name in _TIMES:
            values[name] = None if values.get(name) is None else _moment(values[name], name)
        tenant = cls(**values)
        tenant.check()
        return tenant

    def check(self) -> None:
        """Refuse what no organisation can be.

        Raises:
            ValueError: a field is not what it should be.
        """
        texts = [getattr(self, name) for name in _TEXTS]
        if not all(isinstance(text, str) for text in (*texts, *self.permissions)):
            raise ValueError(f"{', '.join(_TEXTS)} and permissions are texts")
        if not all(map(can_be_kept, (*texts, *self.permissions))):
            raise ValueError("a text holds characters that no database keeps")
        for name, longest in _LONGEST.items():
            if (length := len(getattr(self, name))) > longest:
                raise ValueError(f"{name} has {length} characters, and {longest} are kept")
        if not is_guid(self.tenant_id):
            raise ValueError(f"{printable(self.tenant_id[:40])!r} is not a tenant id")
        if self.domain and not is_domain(self.domain):
            raise ValueError(f"{printable(self.domain[:40])!r} is not a domain")
        if self.access not in ("all", "scoped"):
            raise ValueError(f"access is {printable(self.access[:40])!r}, and all or scoped can be")
        for name in ("group_id", "inside", "outside"):
            if (value := getattr(self, name)) and not is_guid(value):
                raise ValueError(f"{name} is {printable(value[:40])!r}, which is no object id")
        if self.added_at is None or self.changed_at is None:
            raise ValueError("a time is missing")
        if self.state is State.REMOVED:
            raise ValueError("it was removed")
        try:
            check_text(self.name, "the name", longest=NAME_LENGTH)
        except UsageError as error:
            raise ValueError(error.what) from None


@dataclass(frozen=True, slots=True)
class Link:
    """A consent link as the registry keeps it; the state in it is not known any more.

    Attributes:
        state_hash: SHA-256 of the state, in hex; names the link.
        permissions: names of those that it asks for; empty for links of an orgcal that kept only their hash.
        outcome: of the callback: empty before it, then `proving` and at last one of `orgcal.consent.outcomes`.
    """

    state_hash: str
    tenant_id: str
    redirect_uri: str
    permission_hash: str
    permissions: tuple[str, ...] = field(kw_only=True, default=())
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


def _stored(verdict: object) -> object:
    """The verdict as it is stored; what is no text is refused by `Tenant.check`."""
    return stored(verdict) if isinstance(verdict, str) else verdict


def _moment(text: object, name: str) -> datetime:
    shown = f"{name} is {printable(str(text)[:40])!r}"
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise ValueError(f"{shown}; expected a time such as 2026-11-01T00:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError(f"{shown}, a time without a zone; expected one such as 2026-11-01T00:00:00Z")
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{shown}, a time outside the calendar") from None
    return moment
