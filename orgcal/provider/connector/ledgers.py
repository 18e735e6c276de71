"""`orgcal:index:CredentialLedger`: the ledger's rules where the engine asks them first.

Everything is recorded in the *inputs*: `check` gets the inputs of the last time and no state, and only
a refusal by `check` comes before any write, with preview and with `--skip-preview` alike. So `check`
fills the input `entries` in. It has a second use: in a preview every end date, also that of a
generation new in this preview, is known, so no live password seems about to be replaced.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar

from orgcal import resource_types
from orgcal.durations import NEVER
from orgcal.errors import UsageError
from orgcal.formats import FORMAT_KEY, LEDGER_FORMAT, refuse_newer_state
from orgcal.provider._sdk import (
    Call,
    Created,
    Diff,
    InvalidInputs,
    Prop,
    Properties,
    ReadResult,
    Resource,
    State,
    has_unknown,
)
from orgcal.provider.connector.ledger import DesiredGenerations, Ledger, LedgerEntry, record


class CredentialLedger(Resource):
    """Which generations of the credential there are and were; refuses to go backwards."""

    token = resource_types.CREDENTIAL_LEDGER
    inputs: ClassVar[Mapping[str, Prop]] = {
        "generations": Prop("array", required=True, description="Live generations, numbers from 1."),
        "active": Prop("integer", required=True, description="The live generation that the connector uses."),
        "lifetime": Prop(required=True, description="Of new generations: `180d`, or `never` (2299-12-31)."),
        "world": Prop(description="Cloud that the stack lives in; never changes."),
        "rollbackTo": Prop("integer", description="The one number that the active generation may fall to."),
        "revoked": Prop("array", description="Live generations that are to be replaced and deleted at once."),
        FORMAT_KEY: Prop("integer", filled=True, description="Format of the stack's state; 1 is left out."),
        "entries": Prop(
            "object", filled=True, description="Generation -> created, expires, superseded, retired, revoked."
        ),
    }
    outputs: ClassVar[Mapping[str, Prop]] = {
        "endDates": Prop("object", description="Live generation -> absolute end date, RFC 3339 in UTC.")
    }

    def check(self, call: Call, news: Properties, olds: Properties) -> Properties:
        _refuse_newer(olds)
        if has_unknown(news):
            raise InvalidInputs({"generations": "must be known before anything is made; take it from config"})
        for name in ("generations", "revoked"):
            numbers = news.get(name) or []
            if any(isinstance(number, bool) or not isinstance(number, int) for number in numbers):
                raise InvalidInputs({name: f"found {numbers!r}, expected whole numbers"})
        if olds.get("world") and olds["world"] != news.get("world"):
            moved = f"the stack was made in cloud {olds['world']!r} and cannot move to {news.get('world')!r}"
            repair = "give the other cloud a stack of its own, with a Pulumi.NAME.yaml of its own"
            raise InvalidInputs({"world": f"{moved}\n  repair: {repair}"})
        known = _entries(olds)
        ledger = record(_wanted(news), known, _wanted(olds) if olds else None, datetime.now(UTC))
        if any(entry.expires == NEVER for number, entry in ledger.items() if number not in known):
            call.tell("warning", "this credential never expires; Microsoft advises less than 12 months")
        marked = {FORMAT_KEY: LEDGER_FORMAT} if any(entry.revoked for entry in ledger.values()) else {}
        return {**news, **marked, "entries": {str(number): entry.to_wire() for number, entry in ledger.items()}}

    def diff(self, call: Call, resource_id: str, old: State, news: Properties) -> Diff:  # noqa: ARG002
        """What changed; dates of generations that are recorded never do."""
        diff = self.compared(old.inputs, news)
        if "lifetime" in diff.changed and _entries(old.inputs).keys() == _entries(news).keys():
            call.tell("warning", _lifetime_waits(news))
        return diff

    def plan(self, call: Call, news: Properties, old: State | None) -> Properties:  # noqa: ARG002
        return _end_dates(news)

    def create(self, call: Call, news: Properties) -> Created:  # noqa: ARG002
        return Created(f"ledger-{uuid.uuid4()}", _end_dates(news))

    def read(self, call: Call, resource_id: str, old: State) -> ReadResult | None:
        """What the state has: a ledger is nowhere else."""
        refuse_newer_state(old.inputs, where=call.name)
        if not old.inputs:
            raise UsageError(
                "a ledger exists in the stack's state only and cannot be imported",
                where=call.name,
                repair="let pulumi up make a new one with the live generations of your config",
            )
        return ReadResult(resource_id, old.inputs, _end_dates(old.inputs))

    def update(self, call: Call, resource_id: str, old: State, news: Properties) -> Properties:  # noqa: ARG002
        return _end_dates(news)

    def delete(self, call: Call, resource_id: str, old: State) -> None:
        """Nothing: what the ledger guards is deleted by those who made it."""


def _refuse_newer(olds: Properties) -> None:
    """Refuse a state that a newer orgcal wrote, before the first write of an update."""
    try:
        refuse_newer_state(olds, where=FORMAT_KEY)
    except UsageError as error:
        raise InvalidInputs({FORMAT_KEY: f"{error.what}\n  repair: {error.repair}"}) from None


def _wanted(inputs: Properties) -> DesiredGenerations:
    return DesiredGenerations(
        generations=tuple(inputs["generations"]),
        active=inputs["active"],
        lifetime=inputs["lifetime"],
        rollback_to=inputs.get("rollbackTo"),
        revoked=tuple(inputs.get("revoked") or ()),
    )


def _entries(inputs: Properties) -> Ledger:
    return {int(number): LedgerEntry.from_wire(entry) for number, entry in inputs.get("entries", {}).items()}


def _lifetime_waits(inputs: Properties) -> str:
    ends = [f"{number} ends at {date[:10]}" for number, date in _end_dates(inputs)["endDates"].items()]
    return (
        f"lifetime {inputs['lifetime']} takes effect with the next generation only; those that live keep their end "
        f"(generation {', generation '.join(ends)})"
    )


def _end_dates(inputs: Properties) -> Properties:
    entries = _entries(inputs)
    return {"endDates": {str(number): entries[number].expires for number in inputs["generations"]}}
