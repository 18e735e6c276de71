"""The rules of the credential ledger, without any engine around them.

A *generation* is one secret or certificate of the application, numbered from 1. The stack's config
says which are live and which one is active; the ledger remembers every generation there ever was and
refuses configs that go backwards, which in practice means an old checkout: following it would delete
the live credential, or make a retired one again.

Times are UTC and RFC 3339 with seconds, as Entra ID writes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from orgcal.durations import NEVER, rfc3339
from orgcal.provider._sdk import InvalidInputs

MAX_LIFETIME_DAYS = 3650

Ledger = dict[int, "LedgerEntry"]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What is remembered of one generation.

    Attributes:
        created: when the ledger first recorded it.
        expires: its end date, frozen then.
        superseded: when another generation became the active one, None while it is active or was never.
        retired: when it left the live ones; its credential is gone and never comes back.
        revoked: when it was ordered to be replaced and deleted at once; never taken back.
    """

    created: str
    expires: str
    superseded: str | None = None
    retired: str | None = None
    revoked: str | None = None

    def to_wire(self) -> dict[str, str]:
        """As an object of the engine; events that did not happen are left out, since the engine drops nulls."""
        return {name: when for name, when in asdict(self).items() if when is not None}

    @classmethod
    def from_wire(cls, entry: Mapping[str, str]) -> LedgerEntry:
        """The entry that `to_wire` gave."""
        events = (entry.get(name) for name in ("superseded", "retired", "revoked"))
        return cls(entry["created"], entry["expires"], *events)


@dataclass(frozen=True, slots=True)
class DesiredGenerations:
    """What the stack's config wants.

    Attributes:
        generations: the live ones.
        active: the one that the connector uses.
        lifetime: of generations that are new: `180d` or `never`.
        rollback_to: the one number that the active and the highest live generation may fall to.
        revoked: live ones that are to be replaced and deleted at once.
    """

    generations: tuple[int, ...]
    active: int
    lifetime: str
    rollback_to: int | None = None
    revoked: tuple[int, ...] = ()


def record(wanted: DesiredGenerations, known: Ledger, before: DesiredGenerations | None, now: datetime) -> Ledger:
    """The ledger after `wanted`.

    Args:
        known: every generation recorded so far.
        before: what config said the last time, None for a new ledger.
        now: the time new events get, UTC; entries of generations that were known keep their dates.

    Raises:
        InvalidInputs: `wanted` makes no sense in itself, or goes backwards; one sentence with the repair.
    """
    _refuse_nonsense(wanted)
    if before is not None:
        _refuse_backwards(wanted, known, before)
    _refuse_reuse(wanted, known)
    stamp = rfc3339(now)
    ledger = dict(known)
    for generation in wanted.generations:
        if generation not in ledger:
            ledger[generation] = LedgerEntry(created=stamp, expires=end_date(wanted.lifetime, now))
    for generation, entry in ledger.items():
        if generation not in wanted.generations and entry.retired is None:
            entry = replace(entry, retired=stamp)  # noqa: PLW2901
        if generation == wanted.active:
            entry = replace(entry, superseded=None)  # noqa: PLW2901
        elif before is not None and generation == before.active:
            entry = replace(entry, superseded=entry.superseded or stamp)  # noqa: PLW2901
        if generation in wanted.revoked:
            entry = replace(entry, revoked=entry.revoked or stamp)  # noqa: PLW2901
        ledger[generation] = entry
    return dict(sorted(ledger.items()))


def end_date(lifetime: str, now: datetime) -> str:
    """The absolute end date of a generation that is recorded at `now`.

    Raises:
        InvalidInputs: `lifetime` is neither `never` nor a number of days from 1d to 3650d.
    """
    if lifetime == "never":
        return NEVER
    match = re.fullmatch(r"([1-9][0-9]{0,3})d", lifetime)
    days = int(match[1]) if match else 0
    if not 1 <= days <= MAX_LIFETIME_DAYS:
        raise InvalidInputs({"lifetime": f"found {lifetime!r}, expected 1d to {MAX_LIFETIME_DAYS}d, or never"})
    return rfc3339(now + timedelta(days=days))


def _refuse_nonsense(wanted: DesiredGenerations) -> None:
    live = wanted.generations
    if not live or len(set(live)) != len(live) or min(live) < 1:
        raise InvalidInputs({"generations": f"found {list(live)}, expected different numbers from 1, such as [1]"})
    if wanted.active not in live:
        raise InvalidInputs({"active": f"generation {wanted.active} is not among the live ones {list(live)}"})
    if wanted.rollback_to is not None and wanted.rollback_to != wanted.active:
        wrong = f"rollback_to is {wanted.rollback_to} while generation {wanted.active} is active"
        raise InvalidInputs({"rollbackTo": f"{wrong}; repair: remove it, or make that generation active"})
    if unknown := set(wanted.revoked) - set(live):
        raise InvalidInputs({"revoked": f"found {sorted(unknown)}, expected some of the live ones {list(live)}"})
    end_date(wanted.lifetime, datetime.now(UTC))


def _refuse_backwards(wanted: DesiredGenerations, known: Ledger, before: DesiredGenerations) -> None:
    falls = [
        ("generations", "lowest live", min(before.generations), min(wanted.generations)),
        ("generations", "highest live", max(before.generations), max(wanted.generations)),
        ("active", "active", before.active, wanted.active),
    ]
    for setting, what, old, new in falls:
        if new >= old:
            continue
        entry = known.get(new)
        if entry is not None and entry.retired is not None:
            raise InvalidInputs({setting: _retired(new, entry.retired, what, old)})
        if what != "lowest live" and wanted.rollback_to == new:
            if what == "active" and (new in wanted.revoked or (entry is not None and entry.revoked is not None)):
                raise InvalidInputs({"rollbackTo": f"generation {new} was revoked; repair: orgcal rotate replaces it"})
            continue
        back = "" if what == "lowest live" else f", or, if you mean to go back, set rollback_to: {new}"
        fall = f"the {what} generation would fall from {old} to {new}, as happens with an old checkout"
        repair = f"git pull, or keep generation {old}{back}"
        raise InvalidInputs({setting: f"{fall}; nothing was changed; repair: {repair}"})


def _refuse_reuse(wanted: DesiredGenerations, known: Ledger) -> None:
    highest = max(known, default=0)
    for generation in wanted.generations:
        entry = known.get(generation)
        if entry is not None and entry.retired is not None:
            raise InvalidInputs({"generations": _retired(generation, entry.retired, "highest recorded", highest)})
        if entry is None and generation < highest:
            before = f"generation {generation} is new, but generation {highest} was recorded before"
            raise InvalidInputs({"generations": f"{before}; repair: use {highest + 1}"})


def _retired(generation: int, retired: str, what: str, number: int) -> str:
    return (
        f"generation {generation} was retired at {retired} (the {what} one is {number}) and its credential is gone, as "
        f"happens with an old checkout; nothing was changed; repair: git pull, or, for another credential, use a "
        f"number that was never used"
    )
