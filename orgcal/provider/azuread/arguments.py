"""Rules for arguments: defaults, what is wrong, what changed, and what import and refresh make of a state.

The real plugin wraps a Terraform provider. From that come rules a user can see: an argument that is not given and
that the server may fill in never differs; any other one that is not given counts as empty; sets have no order;
arguments declared so replace the resource; defaults are filled in and listed under `__defaults`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orgcal.provider._sdk import UNKNOWN, Properties, has_unknown
from orgcal.provider.azuread.fields import DEFAULTS, ZERO, Field, Fields


def filled(fields: Fields, given: Mapping[str, Any], olds: Mapping[str, Any] | None = None) -> Properties:
    """`given` with defaults, and with `__defaults` in every object, as the real plugin's inputs have them.

    A default that says "nothing" (false, 0, an empty text) is left out, unless the inputs of the last time list it.

    Args:
        fields: what can be given.
        given: what was given.
        olds: inputs of the last time.

    Source: `applyDefaults` and `shouldSuppressTFSchemaDefaultValue` in pkg/tfbridge/schema.go of
    pulumi-terraform-bridge 3.137.0, with which pulumi-azuread is built (2026-08-22).
    """
    result: Properties = {}
    for name, value in given.items():
        item = fields.get(name)
        if name != DEFAULTS and value is not None:
            result[name] = _filled_value(item, value) if item else value
    before = olds or {}
    listed = before.get(DEFAULTS, before.keys())
    defaults = {
        name: before[name] if name in before and name in listed else item.default
        for name, item in fields.items()
        if item.argument and item.default is not None and name not in result
        if item.default or (name in before and name in listed)
    }
    return {**result, **defaults, DEFAULTS: sorted(defaults)}


def _filled_value(item: Field, value: Any) -> Any:
    if item.kind == "block" and isinstance(value, dict):
        return filled(item.nested, value)
    if item.kind == "blocks" and isinstance(value, list):
        return [filled(item.nested, entry) if isinstance(entry, dict) else entry for entry in value]
    return value


def problems(fields: Fields, given: Mapping[str, Any], place: str = "") -> dict[str, str]:
    """What is wrong with `given`: top-level argument -> sentence. Unknown values are never wrong."""
    wrong: dict[str, str] = {}
    for name, item in fields.items():
        where = f"{place}{name}"
        value = given.get(name)
        if value is None:
            if item.required and place:
                wrong[where] = f"{where!r} is missing"
            continue
        problem = _problem_of(item, value, where)
        for other in item.conflicts:
            if given.get(other) is not None:
                problem = f"{where!r} cannot be given together with {other!r}"
        if problem:
            wrong[where] = problem
        elif item.nested:
            entries = value if isinstance(value, list) else [value]
            for entry in entries:
                if isinstance(entry, dict):
                    wrong.update(problems(item.nested, entry, f"{where}."))
    unexpected = sorted(given.keys() - fields.keys() - {DEFAULTS}) if place else []
    for name in unexpected:
        wrong[f"{place}{name}"] = f"there is no argument {place + name!r}"
    return wrong


def _problem_of(item: Field, value: Any, where: str) -> str | None:
    if item.refused:
        return f"the stand-in cannot serve {where!r} ({item.refused}); use the real azuread plugin"
    if value is UNKNOWN:
        return None
    if item.at_most and isinstance(value, list) and len(value) > item.at_most:
        return f"{where!r} takes at most {item.at_most} element{'s' if item.at_most > 1 else ''}, not {len(value)}"
    entries = value if isinstance(value, list) else [value]
    for entry in entries:
        if entry is UNKNOWN:
            continue
        if item.one_of and entry not in item.one_of:
            return f"{where!r} must be one of {', '.join(map(repr, item.one_of))}"
        wrong = item.rule(entry) if item.rule else None
        if wrong:
            return f"{where!r} {wrong}"
    return None


def changed(fields: Fields, state: Mapping[str, Any], given: Mapping[str, Any]) -> frozenset[str]:
    """Arguments in which `given` differs from what the state remembers of the server.

    Both must be without `Secret`s; `given` must come from `filled`.
    """
    return frozenset(
        name
        for name, item in fields.items()
        if item.argument and _value_differs(item, state.get(name), given.get(name))
    )


def _value_differs(item: Field, old: Any, new: Any) -> bool:
    if has_unknown(new):
        return True
    if new is None and item.computed:
        return False
    return bool(canonical(item, old) != canonical(item, new))


def canonical(item: Field, value: Any) -> Any:
    """A form of `value` in which equal means equal for the server: no order in sets, nothing given means empty."""
    if item.kind == "block":
        given = value if isinstance(value, dict) else {}
        return {name: canonical(entry, given.get(name, entry.default)) for name, entry in item.nested.items()}
    if value is None:
        return ZERO[item.kind]
    if item.kind == "blocks":
        objects = [canonical(Field("block", nested=item.nested), entry) for entry in value]
        return objects if item.ordered else sorted(objects, key=repr)
    return sorted(value) if item.kind == "set" else value


def imported(fields: Fields, state: Mapping[str, Any]) -> Properties:
    """Inputs for a resource that is being imported: every argument whose value is not its default or empty."""
    result: Properties = {DEFAULTS: []}
    for name, item in fields.items():
        value = state.get(name)
        if not item.argument or value is None:
            continue
        if item.kind == "block":
            inner = imported(item.nested, value)
            if len(inner) > 1 or any(entry.required for entry in item.nested.values()):
                result[name] = inner
        elif item.kind == "blocks":
            if value:
                result[name] = [imported(item.nested, entry) for entry in value]
        elif item.required or value not in (item.default, ZERO[item.kind]):
            result[name] = value
    # Where two arguments say the same (tags and feature tags), the plain one is kept: given together they are refused.
    return {
        name: value
        for name, value in result.items()
        if name not in fields or fields[name].kind != "blocks" or not result.keys() & set(fields[name].conflicts)
    }


def refreshed(fields: Fields, inputs: Mapping[str, Any], state: Mapping[str, Any]) -> Properties:
    """Inputs after a refresh: those that were given before, with the values that the server has now."""
    result: Properties = {}
    for name, old in inputs.items():
        item = fields.get(name)
        if item is None:
            result[name] = old
            continue
        new = state.get(name)
        if canonical(item, old) == canonical(item, new):
            result[name] = old  # keeps the program's order in sets
        elif item.kind == "block" and isinstance(old, dict) and isinstance(new, dict):
            result[name] = refreshed(item.nested, old, new)
        elif item.kind == "blocks" and new is not None:
            result[name] = [{DEFAULTS: [], **entry} for entry in new]
        elif new is not None:
            result[name] = new
    defaults = inputs.get(DEFAULTS)
    if isinstance(defaults, list):
        kept = [name for name in defaults if name in result and result[name] == inputs[name]]
        result[DEFAULTS] = kept
    return result
