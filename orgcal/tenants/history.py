"""The history of a registry: how each verification and each check of an organisation ended.

    add_runs(registry, [run], keep=KEEP)
    for run in runs(registry, tenant_id, since=last_week): ...

Rows are read in the order in which they were written, which a clock that jumps does not change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from sqlalchemy import String, cast, delete, func, insert, literal, or_, select

from orgcal.settings.health_sections import HistorySettings
from orgcal.tenants.model import JsonRecord, State
from orgcal.tenants.registry import Registry
from orgcal.tenants.schema import HISTORY, TENANTS
from orgcal.verdicts import told

RunKind = Literal["verify", "check"]
"""`verify` reads users and calendars (`orgcal verify`); `check` takes a token alone (`orgcal consent check`)."""

KEEP = HistorySettings().keep_time
"""So long rows are kept unless a setting says otherwise."""

CAUSE_LENGTH = 500
_REMOVED_FOR_EACH = 2
"""A run removes at most so many old rows for each that it adds: a clock that is years ahead for one night loses little,
and a shorter time to keep is reached all the same."""


@dataclass(frozen=True, slots=True)
class Run(JsonRecord):
    """One organisation in one verification or check; counts are None where nobody looked.

    Attributes:
        version: of orgcal.
        verdict: `pass`, `warn`, `fail` or `error`; of a check `error` where nobody could tell.
        state: of the organisation afterwards.
        readable: mailboxes that were read; the others of `users` are in the classes that follow.
        roles: names of the permissions that were effective; empty where the token could not be read.
        checks: verdict of each check that did not pass, by its id.
        requests: to Microsoft Graph.
        throttled_s: seconds that Microsoft Graph made us wait.
        cause: why the verdict is not `pass`, in a sentence.
    """

    at: datetime
    tenant_id: str
    kind: RunKind
    version: str
    verdict: str
    state: State
    users: int | None = None
    calendars: int | None = None
    readable: int | None = None
    no_mailbox: int | None = None
    restricted: int | None = None
    deleted: int | None = None
    failed: int | None = None
    not_read: int | None = None
    roles: tuple[str, ...] = ()
    checks: Mapping[str, str] = field(default_factory=dict)
    duration_s: float = 0.0
    requests: int = 0
    throttled_s: float = 0.0
    cause: str = ""

    def as_json(self) -> dict[str, Any]:
        """The run as a JSON object, with the words that people are told as verdicts."""
        checks = {name: told(verdict) for name, verdict in self.checks.items()}
        return {**JsonRecord.as_json(self), "verdict": told(self.verdict), "checks": checks}

    @property
    def decided(self) -> bool:
        """Whether the run says something about the organisation, rather than that nobody could look."""
        return self.verdict in ("pass", "warn", "fail")


_NAMES = [item.name for item in fields(Run)]
_COLUMNS = [HISTORY.c[name] for name in _NAMES]


def add_runs(registry: Registry, new: Sequence[Run], *, keep: timedelta = KEEP) -> None:
    """Add rows, and remove old ones, in one transaction.

    Args:
        keep: rows older than this are removed, oldest first, at most two for each new one.

    Raises:
        RegistryUnavailable: the database cannot be asked now.
    """
    if not new:
        return
    mine = HISTORY.c.connector == registry.connector
    with registry.transaction() as connection:
        connection.execute(insert(HISTORY), [{"connector": registry.connector, **_values(run)} for run in new])
        old = select(HISTORY.c.entry).where(mine, HISTORY.c.at < registry.now() - keep).order_by(HISTORY.c.entry)
        few = old.limit(_REMOVED_FOR_EACH * len(new)).scalar_subquery()
        connection.execute(delete(HISTORY).where(HISTORY.c.entry.in_(few)))


def runs(registry: Registry, tenant_id: str = "", *, since: datetime | None = None) -> Iterator[Run]:
    """Rows in the order in which they were written; of one organisation, or of all.

    Raises:
        RegistryUnavailable: the database cannot be asked now.
    """
    query = select(*_COLUMNS).where(HISTORY.c.connector == registry.connector).order_by(HISTORY.c.entry)
    if tenant_id:
        query = query.where(HISTORY.c.tenant_id == tenant_id.lower(), HISTORY.c.kind.in_(get_args(RunKind)))
    if since is not None:
        query = query.where(HISTORY.c.at >= since)
    with registry.transaction() as connection:
        for row in connection.execute(query.execution_options(yield_per=500)):
            yield _run(row)


def last_runs(registry: Registry, kind: RunKind, *, decided: bool = False) -> dict[str, Run]:
    """The last row of this kind of each organisation that the registry has, by tenant id.

    Args:
        decided: the last one that says something about the organisation.

    Raises:
        RegistryUnavailable: the database cannot be asked now.
    """
    each = HISTORY.alias().c
    # One look into the index for each organisation, however long the history is.
    last = select(each.entry).where(
        each.connector == TENANTS.c.connector, each.tenant_id == TENANTS.c.tenant_id, each.kind == kind
    )
    if decided:
        last = last.where(each.verdict != "error")
    newest = last.order_by(each.entry.desc()).limit(1).correlate(TENANTS).scalar_subquery()
    query = select(*_COLUMNS).select_from(TENANTS).join(HISTORY, HISTORY.c.entry == newest)
    query = query.where(TENANTS.c.connector == registry.connector)
    with registry.transaction() as connection:
        return {row.tenant_id: _run(row) for row in connection.execute(query)}


def began(registry: Registry, verdicts: Collection[str]) -> dict[str, datetime]:
    """When the verifications of each organisation began to end in one of `verdicts`, by tenant id.

    Rows of which nobody could tell count for neither side; organisations that ended otherwise last are absent.

    Raises:
        RegistryUnavailable: the database cannot be asked now.
    """
    mine = HISTORY.c.connector == registry.connector, HISTORY.c.kind == "verify"
    others = HISTORY.c.verdict.not_in([*verdicts, "error"])
    other = select(HISTORY.c.tenant_id, func.max(HISTORY.c.entry).label("last"))
    other_runs = other.where(*mine, others).group_by(HISTORY.c.tenant_id).subquery()
    query = select(HISTORY.c.tenant_id, func.min(HISTORY.c.at).label("at"))
    query = query.outerjoin(other_runs, other_runs.c.tenant_id == HISTORY.c.tenant_id)
    after = or_(other_runs.c.last.is_(None), HISTORY.c.entry > other_runs.c.last)
    query = query.where(*mine, HISTORY.c.verdict.in_(verdicts), after).group_by(HISTORY.c.tenant_id)
    with registry.transaction() as connection:
        return {row.tenant_id: row.at for row in connection.execute(query)}


@dataclass(frozen=True, slots=True)
class Trail:
    """The verifications of one organisation, oldest first, in short.

    Attributes:
        verdicts: the first letter of each: `p`, `w`, `f` or `e`.
        readable: mailboxes that were read; -1 where nobody could look.
    """

    verdicts: str
    readable: tuple[int, ...]


def trails(registry: Registry, *, since: datetime) -> dict[str, Trail]:
    """The verifications of each organisation in short, by tenant id; one row of the answer for each organisation.

    Args:
        since: what was written before the first row of this time or later is left out.

    Raises:
        RegistryUnavailable: the database cannot be asked now.
    """
    mine = HISTORY.c.connector == registry.connector
    first = select(func.min(HISTORY.c.entry)).where(mine, HISTORY.c.at >= since)
    letter, count = func.substr(HISTORY.c.verdict, 1, 1), cast(func.coalesce(HISTORY.c.readable, -1), String)
    with registry.transaction() as connection:
        joined: list[Any]
        if connection.dialect.name == "sqlite":  # in the order of the index that has all of it
            joined = [func.group_concat(letter, ""), func.group_concat(count, ",")]
        else:
            from sqlalchemy.dialects.postgresql import aggregate_order_by

            joined = [
                func.string_agg(letter, aggregate_order_by(literal(""), HISTORY.c.entry)),
                func.string_agg(count, aggregate_order_by(literal(","), HISTORY.c.entry)),
            ]
        entry = connection.scalar(first)
        if entry is None:
            return {}
        query = select(HISTORY.c.tenant_id, *joined).where(mine, HISTORY.c.kind == "verify", HISTORY.c.entry >= entry)
        rows = connection.execute(query.group_by(HISTORY.c.tenant_id)).all()
    return {tenant_id: Trail(verdicts, tuple(map(int, counts.split(",")))) for tenant_id, verdicts, counts in rows}


def _values(run: Run) -> dict[str, Any]:
    values = {name: getattr(run, name) for name in _NAMES}
    return {
        **values,
        "state": run.state.value,
        "roles": list(run.roles),
        "checks": dict(run.checks),
        "cause": run.cause[:CAUSE_LENGTH],
    }


def _run(row: Iterable[Any]) -> Run:
    values = dict(zip(_NAMES, row, strict=True))
    return Run(**{**values, "state": State(values["state"]), "roles": tuple(values["roles"])})
