"""Consent links in the registry: made once, used once.

What protects a link is the state in its address: 256 random bits that only the link's holder knows. The registry keeps
a hash of it, so that nobody who reads the database can forge a callback.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, insert, select, update

from orgcal.durations import rfc3339
from orgcal.errors import UsageError
from orgcal.tenants.model import LINK_PROVING, NAME_LENGTH, Link, State, Tenant
from orgcal.tenants.registry import Registry, RegistryUnavailable
from orgcal.tenants.schema import LINKS, TENANTS
from orgcal.tenants.states import Cause, Move, after_refused_consent

STATE_BYTES = 32

WhyNot = Literal["unknown", "used", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link just made; the state exists nowhere else.

    Attributes:
        state: for the address; as secret as the link.
    """

    state: str = field(repr=False)
    link: Link


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that says no, which ends the use of a link at once.

    Attributes:
        outcome: of `orgcal.consent.outcomes`.
        detail: for the log, such as Microsoft's code.
        failure: why an organisation without access has failed now; empty where the answer changes no state.
    """

    outcome: str
    detail: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Spent:
    """A link that was used just now, by us and nobody else.

    Attributes:
        link: with the outcome `proving`, or that of the refusal.
        result: names the page that shows how it goes on; as secret as the link was.
    """

    link: Link
    result: str = field(repr=False)


def digest(handle: str) -> str:
    """The hash under which a random handle is kept: SHA-256 is enough for 256 random bits, which nobody can guess."""
    return hashlib.sha256(handle.encode("utf-8", "surrogatepass")).hexdigest()


def make_link(
    registry: Registry,
    tenant_id: str,
    *,
    client_id: str,
    redirect_uri: str,
    permission_hash: str,
    lifetime: timedelta,
    permissions: Sequence[str] = (),
) -> NewLink:
    """A new link for an organisation of the registry; earlier links stay good until they expire.

    Args:
        permission_hash: of what the application declares now.
        permissions: their names, which the proof of this link's use asks for.

    Raises:
        UsageError: the organisation was removed.
    """
    state = secrets.token_urlsafe(STATE_BYTES)
    now, tenant_id = registry.now(), tenant_id.lower()
    theirs = (TENANTS.c.connector == registry.connector, TENANTS.c.tenant_id == tenant_id)
    values = {
        "state_hash": digest(state),
        "connector": registry.connector,
        "client_id": client_id,
        "tenant_id": tenant_id,
        "redirect_uri": redirect_uri,
        "permission_hash": permission_hash,
        "permissions": list(permissions),
        "created_at": now,
        "expires_at": now + lifetime,
    }
    with registry.transaction() as connection:
        known = connection.execute(select(TENANTS.c.state).where(*theirs).with_for_update()).first()
        if known is not None and known.state == State.REMOVED:
            raise UsageError("the organisation was removed", where=tenant_id, repair="orgcal tenants add")
        connection.execute(update(TENANTS).where(*theirs).values(invited_by=registry.operator[:NAME_LENGTH]))
        row = connection.execute(insert(LINKS).values(values).returning(*LINKS.c)).one()
        registry.write_log(connection, "link", tenant_id, "made", expires_at=rfc3339(row.expires_at))
        return NewLink(state, _link(row))


def new_result() -> str:
    """A handle for the page that shows how the use of a link goes on."""
    return secrets.token_urlsafe(STATE_BYTES)


def spend(
    registry: Registry,
    state: str,
    *,
    client_id: str,
    result: str = "",
    refused: Callable[[Link], Refusal | None] = lambda _: None,
) -> Spent | WhyNot:
    """Use the link whose address holds `state`: one conditional update, so that of two callbacks at once one wins.

    A link of another connector, or for an earlier application than `client_id`, is unknown.

    Args:
        result: of `new_result`, made before, so that a caller whose connection broke can ask again whether the link
            was used by itself; made here unless given.
        refused: whether the answer says no. All that follows from that is written in the same transaction.

    Raises:
        RegistryUnavailable: the database cannot be asked now. Whether the link was used is not known, until the same
            call with the same `result` says it.
    """
    result = result or new_result()
    try:
        return _spend(registry, state, client_id, result, refused)
    except RegistryUnavailable:
        # A connection that is lost at COMMIT leaves open whether that was done.
        # Source: https://www.postgresql.org/docs/current/errcodes-appendix.html (08007, transaction_resolution_unknown)
        used = by_result(registry, result)
        if used is None:
            raise
        return Spent(used, result)


def _spend(
    registry: Registry, state: str, client_id: str, result: str, refused: Callable[[Link], Refusal | None]
) -> Spent | WhyNot:
    now = registry.now()
    with registry.transaction() as connection:
        changed = connection.execute(
            update(LINKS)
            .where(
                LINKS.c.state_hash == digest(state),
                LINKS.c.connector == registry.connector,
                LINKS.c.client_id == client_id,
                LINKS.c.used_at.is_(None),
                LINKS.c.revoked_at.is_(None),
                LINKS.c.expires_at > now,
            )
            .values(used_at=now, result_hash=digest(result), outcome=LINK_PROVING)
        )
        row = _row_of(connection, digest(state))
        if row is None or (row.connector, row.client_id) != (registry.connector, client_id):
            return "unknown"
        if changed.rowcount == 1:
            registry.write_log(connection, "callback", row.tenant_id, "link used")
            refusal = refused(_link(row))
            if refusal is not None:
                row = _refuse(registry, connection, row, refusal)
            return Spent(_link(row), result)
        if row.result_hash == digest(result):  # by this caller, whose connection broke before it heard of it
            return Spent(_link(row), result)
        if row.revoked_at is not None:
            return "revoked"
        return "used" if row.used_at is not None else "expired"


def _row_of(connection: Connection, state_hash: str) -> Row[Any] | None:
    return connection.execute(select(LINKS).where(LINKS.c.state_hash == state_hash)).first()


def _refuse(registry: Registry, connection: Connection, row: Row[Any], refusal: Refusal) -> Row[Any]:
    """Write down an answer that says no; the link's row as it is then."""
    ended = update(LINKS).where(LINKS.c.state_hash == row.state_hash)
    ended = ended.values(outcome=refusal.outcome, detail=refusal.detail, finished_at=registry.now())
    after = connection.execute(ended.returning(*LINKS.c)).one()
    if refusal.failure:
        registry.move_in(connection, row.tenant_id, Cause.CONSENT, lambda tenant: _failed(tenant, refusal.failure))
    registry.write_log(connection, "consent", row.tenant_id, refusal.outcome, detail=refusal.detail)
    return after


def _failed(tenant: Tenant, failure: str) -> Move | None:
    state, reason = after_refused_consent(tenant, failure)
    return None if (state, reason) == (tenant.state, tenant.reason) else Move(state, reason)


def look_up(registry: Registry, state_hash: str) -> Link | None:
    """The link with this hash."""
    return next(iter(_links(registry, state_hash=state_hash)), None)


def by_result(registry: Registry, result: str) -> Link | None:
    """The link whose result page has this handle."""
    return next(iter(_links(registry, result_hash=digest(result))), None)


def of_state(registry: Registry, state: str) -> Link | None:
    """The link whose address holds `state`."""
    return look_up(registry, digest(state))


def unfinished(registry: Registry, *, used_before: datetime | None = None) -> list[Link]:
    """Links that were used (before a moment) and whose proof has not ended: what a server goes on with."""
    links = _links(registry, outcome=LINK_PROVING)
    return [link for link in links if used_before is None or (link.used_at is not None and link.used_at < used_before)]


def still_proving(registry: Registry, links: Iterable[Link]) -> set[str]:
    """Hashes of those `links` whose proof has not ended meanwhile, by another server or by a removal."""
    with registry.transaction() as connection:
        return {link.state_hash for link in links if _is_proving(connection, link)}


def conclude(registry: Registry, link: Link, decide: Callable[[Tenant], Move | None]) -> Tenant | None:
    """Move the organisation of a link by what was proved; None, and nothing written, where the proof has ended.

    The organisation is written first, as a removal does, so that of the two the second sees what the first has done.
    """
    try:
        with registry.transaction() as connection:
            tenant = registry.move_in(connection, link.tenant_id, Cause.CONSENT, decide)
            if not _is_proving(connection, link):
                raise _HasEndedError
            return tenant
    except _HasEndedError:
        return None


class _HasEndedError(Exception):
    """Takes a transaction back."""


def _is_proving(connection: Connection, link: Link) -> bool:
    return connection.scalar(select(LINKS.c.outcome).where(LINKS.c.state_hash == link.state_hash)) == LINK_PROVING


def finish(registry: Registry, link: Link, outcome: str, detail: str = "") -> bool:
    """Write down how the use of a link ended, unless that was done before; whether it was done now."""
    with registry.transaction() as connection:
        ended = connection.execute(
            update(LINKS)
            .where(LINKS.c.state_hash == link.state_hash, LINKS.c.outcome == LINK_PROVING)
            .values(outcome=outcome, detail=detail, finished_at=registry.now())
        )
        now_ended = bool(ended.rowcount)
        if now_ended:
            registry.write_log(connection, "consent", link.tenant_id, outcome, detail=detail)
        return now_ended


def revoke(registry: Registry, tenant_id: str) -> int:
    """Make every unused link of an organisation useless; how many there were."""
    with registry.transaction() as connection:
        changed = connection.execute(
            update(LINKS)
            .where(
                LINKS.c.connector == registry.connector,
                LINKS.c.tenant_id == tenant_id.lower(),
                LINKS.c.used_at.is_(None),
                LINKS.c.revoked_at.is_(None),
            )
            .values(revoked_at=registry.now())
        )
        count = int(changed.rowcount)
        if count:
            registry.write_log(connection, "link", tenant_id.lower(), "revoked", count=count)
        return count


def _links(registry: Registry, **named: str) -> list[Link]:
    query = select(LINKS).filter_by(connector=registry.connector, **named)
    with registry.transaction() as connection:
        return [_link(row) for row in connection.execute(query)]


def _link(row: Row[Any]) -> Link:
    values = {item.name: getattr(row, item.name) for item in fields(Link)}
    return Link(**{**values, "permissions": tuple(row.permissions)})
