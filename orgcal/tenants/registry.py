"""The registry of customer tenants of one connector: a SQLite file, or a PostgreSQL database by URL.

    registry = Registry("sqlite:///tenants.sqlite", connector="orgcal/prod", operator="ada")
    registry.add(tenant_id, "Contoso", domain="contoso.com")
    registry.set_state(tenant_id, State.REVOKED, reason="the grant is gone")

Every change is one transaction with its row in the log. States change as `orgcal.tenants.states` allows, and only where
nobody else has changed them meanwhile.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Update, select, update

from orgcal.entra.tenant_ids import checked_tenant
from orgcal.errors import UsageError
from orgcal.tenants.database import URL_VARIABLE, RegistryUnavailable, insert_tenant
from orgcal.tenants.log import IMPORT, LoggedDatabase
from orgcal.tenants.model import LINK_PROVING, LINK_WITHDRAWN, NAME_LENGTH, State, Tenant
from orgcal.tenants.names import can_be_kept, check_text, command_to_add, meant_by, name_key, refuse_hidden
from orgcal.tenants.schema import LINKS, TENANTS
from orgcal.tenants.scope import AccessProfile
from orgcal.tenants.states import Cause, Move, after_profile, may_move

__all__ = ["URL_VARIABLE", "Registry", "RegistryUnavailable", "open_stack_registry", "operator_of", "registry_url"]

_NAMES = [item.name for item in fields(Tenant)]
_COLUMNS = [TENANTS.c[name] for name in _NAMES]
FILE_NAME = "tenants.sqlite"
_AT_ONCE = 500
"""Values in one statement; SQLite takes 999 in every version."""


def registry_url(stack_dir: Path, environ: Mapping[str, str]) -> str:
    """Where a stack's registry is: `ORGCAL_REGISTRY_URL`, or a file in the stack's own directory."""
    return environ.get(URL_VARIABLE) or f"sqlite:///{stack_dir / FILE_NAME}"


def operator_of(environ: Mapping[str, str]) -> str:
    """Who is acting, for the log: `ORGCAL_OPERATOR`, the person who started a CI job, or the user of this machine."""
    named = environ.get("ORGCAL_OPERATOR") or environ.get("GITHUB_ACTOR")
    if named:
        refuse_hidden(named, "the operator's name")
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user without a name
        return f"uid {os.getuid()}"


def open_stack_registry(stack_dir: Path, project: str, stack: str, environ: Mapping[str, str]) -> Registry:
    """The registry of the connector that `stack` of a Pulumi project deploys; raises as `Registry` does."""
    return Registry(registry_url(stack_dir, environ), connector=f"{project}/{stack}", operator=operator_of(environ))


class Registry(LoggedDatabase):
    """Organisations of one connector; safe to share between threads.

    Args:
        url: of the database, whose tables are made or migrated if need be.
        connector: names the connector, as `project/stack`; several may share a database.
        operator: who is acting, for the log.
        now: the time in UTC.

    Raises:
        UsageError: `url` is no database of a kind we have a driver for, or a newer orgcal made it.
        RegistryUnavailable: the database cannot be reached.
    """

    # --- organisations ---

    def add(
        self,
        tenant_id: str,
        name: str | None = None,
        *,
        domain: str = "",
        since: datetime | None = None,
        profile: AccessProfile | None = None,
    ) -> Tenant:
        """Take an organisation in as `invited`; one that is known keeps its state and gets the new name.

        One that was removed begins anew: nothing that was known of its consent counts.

        Args:
            name: the known one, the domain or the tenant id unless given.
            domain: the known one unless given.
            since: when the caller began; a name that somebody else gave it after that stays.
            profile: the mailboxes that it lets the connector read; the known ones, or all, unless given.

        Raises:
            UsageError: `tenant_id` is not a GUID, `domain` not a domain, or the name cannot be kept or shown.
            RegistryUnavailable: the database cannot be asked now.
        """
        tenant_id = checked_tenant(tenant_id, where="tenants", domains=False)
        domain = checked_tenant(domain, where="tenants") if domain.strip() else ""
        if name is not None:
            name = name.strip()
            check_text(name, "the name", longest=NAME_LENGTH)
        now = self.now()
        blank = Tenant(tenant_id, "", "", State.INVITED, added_at=now, changed_at=now)
        with self.transaction() as connection:
            new = insert_tenant(connection, {"connector": self.connector, **_values(blank)})
            before = _tenant(connection.execute(self._select(tenant_id).with_for_update()).one())
            known = not new and before.state is not State.REMOVED
            after = before
            if not known:
                after = replace(blank, name=before.name, domain=before.domain, added_at=before.added_at)
            after = replace(after, domain=domain or after.domain, changed_at=now)
            if not (known and since and after.name != self.name_at(connection, tenant_id, since)):
                after = replace(after, name=name or after.name or after.domain or tenant_id)
            if profile is not None:
                after = _with_profile(after, profile)
            connection.execute(self._update(tenant_id).values(**_values(after)))
            result = "known" if known else "added"
            access = "" if after.access == "all" else after.access
            self.write_log(
                connection, Cause.ADD, tenant_id, result, name=after.name, domain=after.domain, access=access
            )
            return after

    def get(self, wanted: str) -> Tenant | None:
        """The organisation with this tenant id; else the one with this domain; else the one with this name.

        Names are the same whatever their case and Unicode form, and however many spaces are in them.

        Raises:
            UsageError: several are called so.
        """
        wanted = wanted.strip()
        if not can_be_kept(wanted):
            return None
        with self.transaction() as connection:
            known = connection.execute(self._select(wanted.lower())).first()
            if known is not None:
                return _tenant(known)
            for named in (TENANTS.c.domain == wanted.lower(), TENANTS.c.name_key == name_key(wanted)):
                rows = self._rows(connection, named) if wanted else []
                if len(rows) > 1:
                    what = f"{len(rows)} organisations are called {wanted!r}"
                    raise UsageError(what, where="TENANT", repair="name the tenant id")
                if rows:
                    return _tenant(rows[0])
        return None

    def _rows(self, connection: Connection, named: ColumnElement[bool]) -> Sequence[Row[Any]]:
        return connection.execute(select(*_COLUMNS).where(TENANTS.c.connector == self.connector, named)).all()

    def _select(self, tenant_id: str) -> Select[Any]:
        return select(*_COLUMNS).where(TENANTS.c.connector == self.connector, TENANTS.c.tenant_id == tenant_id)

    def _update(self, tenant_id: str) -> Update:
        return update(TENANTS).where(TENANTS.c.connector == self.connector, TENANTS.c.tenant_id == tenant_id)

    def wanted(self, wanted: str) -> Tenant:
        """As `get`, for an organisation that must be known; `UsageError` where it is not."""
        found = self.get(wanted)
        if found is None:
            known = [name for tenant in self.tenants() for name in (tenant.label, tenant.domain) if name]
            repair = meant_by(wanted, known, self.connector)
            raise UsageError(f"no organisation is called {wanted!r}", where="TENANT", repair=repair)
        return found

    def current(self, wanted: str) -> Tenant:
        """As `wanted`, for an organisation that must not have been removed; `UsageError` where it was."""
        found = self.wanted(wanted)
        if found.state is State.REMOVED:
            repair = f"to take it in again: {command_to_add(found.domain or found.tenant_id, self.connector)}"
            raise UsageError(f"{found.label} was removed", where="TENANT", repair=repair)
        return found

    def tenants(self) -> Iterator[Tenant]:
        """All organisations but the removed, by name; read in parts, so that memory stays flat."""
        with self.transaction() as connection:
            rows = connection.execute(
                select(*_COLUMNS)
                .where(TENANTS.c.connector == self.connector, TENANTS.c.state != State.REMOVED)
                .order_by(TENANTS.c.name, TENANTS.c.tenant_id)
                .execution_options(yield_per=200)
            )
            for row in rows:
                yield _tenant(row)

    def move(self, tenant_id: str, cause: Cause, decide: Callable[[Tenant], Move | None]) -> Tenant:
        """Take an organisation where `decide` says, in one transaction with its row in the log.

            registry.move(tenant_id, Cause.CHECK, lambda tenant: Move(State.REVOKED, "the grant is gone"))

        Args:
            cause: what moves it; what `orgcal.tenants.states` does not allow it is not done.
            decide: of the organisation as it is, where it goes; None where nothing is to be written. Asked again where
                somebody else has written meanwhile, so that nothing is decided by what was true before.

        Returns:
            The organisation as it is then.

        Raises:
            UsageError: there is no such organisation.
            RegistryUnavailable: the database cannot be asked now.
        """
        with self.transaction() as connection:
            return self.move_in(connection, tenant_id, cause, decide)

    def move_in(
        self, connection: Connection, tenant_id: str, cause: Cause, decide: Callable[[Tenant], Move | None]
    ) -> Tenant:
        """As `move`, within a transaction of the caller's."""
        while True:
            row = connection.execute(self._select(tenant_id.lower())).first()
            if row is None:
                raise UsageError(f"no organisation has tenant id {tenant_id}", where="registry")
            tenant = _tenant(row)
            move = decide(tenant)
            if move is None or not may_move(cause, tenant.state, move.state):
                return tenant
            changed = {"reason": move.reason, "changed_at": self.now(), **move.changed}
            if self._written(connection, tenant, {"state": move.state.value, **changed}):
                self.write_log(
                    connection, cause, tenant.tenant_id, move.state.value, before=tenant.state.value, reason=move.reason
                )
                if move.state is State.REMOVED:
                    self._end_links(connection, tenant.tenant_id)
                values: dict[str, Any] = {
                    name: tuple(value) if isinstance(value, list) else value for name, value in changed.items()
                }
                return replace(tenant, state=move.state, **values)

    def _written(self, connection: Connection, tenant: Tenant, changed: Mapping[str, Any]) -> bool:
        """Write what has changed unless somebody else has written since `tenant` was read; whether it was written."""
        written = connection.execute(
            self._update(tenant.tenant_id)
            .where(TENANTS.c.state == tenant.state.value, TENANTS.c.changed_at == tenant.changed_at)
            .values(**changed)
        )
        return written.rowcount == 1

    def _end_links(self, connection: Connection, tenant_id: str) -> None:
        """Make the unused links of a removed organisation useless, and end the proofs that run for it."""
        now = self.now()
        theirs = update(LINKS).where(LINKS.c.connector == self.connector, LINKS.c.tenant_id == tenant_id)
        connection.execute(theirs.where(LINKS.c.used_at.is_(None), LINKS.c.revoked_at.is_(None)).values(revoked_at=now))
        connection.execute(
            theirs.where(LINKS.c.outcome == LINK_PROVING).values(outcome=LINK_WITHDRAWN, finished_at=now)
        )

    def set_state(self, tenant_id: str, state: State, *, reason: str = "", **changed: Any) -> Tenant:
        """Put an organisation into `state` by code of your own.

        Args:
            changed: further fields of `Tenant`, such as `permission_hash`.

        Raises:
            UsageError: there is no such organisation, or it was removed, which only `add` ends.
        """
        after = self.move(tenant_id, Cause.SET, lambda _: Move(state, reason, changed))
        if after.state is not state:
            self.current(tenant_id)
        return after

    def remove(self, tenant_id: str, *, reason: str, known: State | None = None) -> Tenant:
        """Off-board an organisation: its links become useless, its running proofs end, its log is kept.

        Args:
            reason: for the log.
            known: the state that the decision to remove it was made by.

        Raises:
            UsageError: there is no such organisation, or it is in another state than `known` by now.
        """

        def decide(tenant: Tenant) -> Move:
            if known is not None and tenant.state is not known:
                what = f"{tenant.label} has become {tenant.state.value} meanwhile"
                raise UsageError(what, where=tenant_id, repair="look at it, and run this again")
            return Move(State.REMOVED, reason)

        return self.move(tenant_id, Cause.REMOVE, decide)

    def checked(self, tenant_ids: Iterable[str]) -> None:
        """Note that organisations were looked at just now and nothing had changed; no row of the log."""
        ids, now = [tenant_id.lower() for tenant_id in tenant_ids], self.now()
        with self.transaction() as connection:
            for start in range(0, len(ids), _AT_ONCE):
                connection.execute(
                    update(TENANTS)
                    .where(
                        TENANTS.c.connector == self.connector,
                        TENANTS.c.tenant_id.in_(ids[start : start + _AT_ONCE]),
                        TENANTS.c.state != State.REMOVED,
                    )
                    .values(checked_at=now)
                )

    def take_in(self, tenant: Tenant) -> bool:
        """Take an organisation over from another registry, as it is; whether it was new.

        A known one stays as it is, and so does one that was removed here: `add` alone brings it back.
        """
        tenant = replace(tenant, tenant_id=tenant.tenant_id.lower(), domain=tenant.domain.lower())
        with self.transaction() as connection:
            new = insert_tenant(connection, {"connector": self.connector, **_values(tenant)})
            if new:
                self.write_log(connection, IMPORT, tenant.tenant_id, tenant.state.value, name=tenant.name)
            return new


def _with_profile(tenant: Tenant, profile: AccessProfile) -> Tenant:
    """What was said of the mailboxes, and the state that follows where the profile is another one."""
    state, reason = after_profile(tenant, profile.access)
    after = replace(tenant, reason=reason, state=state if may_move(Cause.ADD, tenant.state, state) else tenant.state)
    if profile.access == "all":
        return replace(after, access="all", awaited_since=None, scope_group="", group_id="", inside="", outside="")
    after = replace(after, access="scoped")
    if profile.group and profile.group != after.scope_group:
        # the test mailboxes were of another group
        after = replace(after, scope_group=profile.group, group_id="", inside="", outside="")
        if tenant.access == "scoped" and may_move(Cause.ADD, tenant.state, State.WAITING):
            reason = "another group was named, whose mailboxes are not open yet"
            after = replace(after, state=State.WAITING, reason=reason, awaited_since=after.changed_at)
    return replace(after, inside=profile.inside or after.inside, outside=profile.outside or after.outside)


def _values(tenant: Tenant) -> dict[str, Any]:
    """Values of columns of `TENANTS`; of all but the connector's."""
    values = {name: getattr(tenant, name) for name in _NAMES}
    made = {"state": tenant.state.value, "permissions": list(tenant.permissions), "name_key": name_key(tenant.name)}
    return {**values, **made}


def _tenant(row: Row[Any]) -> Tenant:
    values = dict(zip(_NAMES, row, strict=True))
    return Tenant(**{**values, "state": State(values["state"]), "permissions": tuple(values["permissions"])})
