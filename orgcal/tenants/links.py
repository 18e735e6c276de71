"""Consent links in the registry: made once, used once.

What protects a link is the state in its address: 256 random bits that only the link's holder knows. The registry keeps
a hash of it, so that nobody who reads the database can forge a callback.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Literal

from sqlalchemy import update

from orgcal.tenants.model import Link
from orgcal.tenants.registry import Registry
from orgcal.tenants.schema import LinkRow, TenantRow

STATE_BYTES = 32
PROVING = "proving"

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
class Spent:
    """A link that was used just now, by us and nobody else.

    Attributes:
        result: names the page that shows how it goes on; as secret as the link was.
    """

    link: Link
    result: str = field(repr=False)


def digest(handle: str) -> str:
    """The hash under which a random handle is kept: SHA-256 is enough for 256 random bits, which nobody can guess."""
    return hashlib.sha256(handle.encode("utf-8", "surrogatepass")).hexdigest()


def make_link(
    registry: Registry, tenant_id: str, *, client_id: str, redirect_uri: str, permission_hash: str, lifetime: timedelta
) -> NewLink:
    """A new link for an organisation that is in the registry; earlier links stay good until they expire."""
    state = secrets.token_urlsafe(STATE_BYTES)
    now = registry.now()
    row = LinkRow(
        state_hash=digest(state),
        connector=registry.connector,
        client_id=client_id,
        tenant_id=tenant_id.lower(),
        redirect_uri=redirect_uri,
        permission_hash=permission_hash,
        created_at=now,
        expires_at=now + lifetime,
    )
    with registry.transaction() as session:
        tenant = session.get(TenantRow, (registry.connector, row.tenant_id))
        if tenant is not None:
            tenant.invited_by = registry.operator
        session.add(row)
        session.flush()
        registry.write_log(session, "link", row.tenant_id, "made", expires_at=row.expires_at.isoformat())
        return NewLink(state, _link(row))


def spend(registry: Registry, state: str, *, client_id: str) -> Spent | WhyNot:
    """Use the link whose address holds `state`: one conditional update, so that of two callbacks at once one wins.

    A link of another connector, or for an earlier application than `client_id`, is unknown.
    """
    result = secrets.token_urlsafe(STATE_BYTES)
    now = registry.now()
    with registry.transaction() as session:
        changed = session.execute(
            update(LinkRow)
            .where(
                LinkRow.state_hash == digest(state),
                LinkRow.connector == registry.connector,
                LinkRow.client_id == client_id,
                LinkRow.used_at.is_(None),
                LinkRow.revoked_at.is_(None),
                LinkRow.expires_at > now,
            )
            .values(used_at=now, result_hash=digest(result), outcome=PROVING)
            .execution_options(synchronize_session=False)
        )
        row = session.get(LinkRow, digest(state))
        if row is None or (row.connector, row.client_id) != (registry.connector, client_id):
            return "unknown"
        if changed.rowcount == 1:  # type: ignore[attr-defined]  # of an UPDATE
            registry.write_log(session, "callback", row.tenant_id, "link used")
            return Spent(_link(row), result)
        if row.revoked_at is not None:
            return "revoked"
        return "used" if row.used_at is not None else "expired"


def look_up(registry: Registry, state_hash: str) -> Link | None:
    """The link with this hash."""
    return next(iter(_links(registry, state_hash=state_hash)), None)


def by_result(registry: Registry, result: str) -> Link | None:
    """The link whose result page has this handle."""
    return next(iter(_links(registry, result_hash=digest(result))), None)


def unfinished(registry: Registry) -> list[Link]:
    """Links that were used and whose proof has not ended: what a restarted server goes on with."""
    return _links(registry, outcome=PROVING)


def finish(registry: Registry, link: Link, outcome: str, detail: str = "") -> None:
    """Write down how the use of a link ended."""
    with registry.transaction() as session:
        session.execute(
            update(LinkRow)
            .where(LinkRow.state_hash == link.state_hash)
            .values(outcome=outcome, detail=detail, finished_at=registry.now())
        )
        registry.write_log(session, "consent", link.tenant_id, outcome, detail=detail)


def revoke(registry: Registry, tenant_id: str) -> int:
    """Make every unused link of an organisation useless; how many there were."""
    with registry.transaction() as session:
        changed = session.execute(
            update(LinkRow)
            .where(
                LinkRow.connector == registry.connector,
                LinkRow.tenant_id == tenant_id.lower(),
                LinkRow.used_at.is_(None),
                LinkRow.revoked_at.is_(None),
            )
            .values(revoked_at=registry.now())
        )
        count = int(changed.rowcount)  # type: ignore[attr-defined]  # of an UPDATE
        if count:
            registry.write_log(session, "link", tenant_id.lower(), "revoked", count=count)
        return count


def _links(registry: Registry, **named: str) -> list[Link]:
    with registry.transaction() as session:
        return [_link(row) for row in session.query(LinkRow).filter_by(connector=registry.connector, **named)]


def _link(row: LinkRow) -> Link:
    return Link(**{item.name: getattr(row, item.name) for item in fields(Link)})
