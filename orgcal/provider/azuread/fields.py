"""What an argument or output of a resource is; `orgcal.provider.azuread.arguments` has the rules that follow from it.

Source: https://www.pulumi.com/registry/packages/azuread/api-docs/ ("Changing this forces a new resource to be
created"), and the types of the Python package `pulumi_azuread` 6.11.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from orgcal.provider._sdk import Prop

Kind = Literal["string", "boolean", "integer", "map", "list", "set", "block", "blocks"]
"""`set` holds strings, `block` is one object, `blocks` a set or list of objects (`ordered` says which)."""

DEFAULTS = "__defaults"
"""Inputs that were not given but filled in, as the real plugin's state names them; one list per object."""

ID = "id"
"""The resource's own id, which the real plugin repeats among the outputs."""

META = "__meta"
"""Schema version and timeouts, as the real plugin's state names them."""

ZERO: Mapping[str, Any] = {
    "string": "",
    "boolean": False,
    "integer": 0,
    "map": {},
    "list": [],
    "set": [],
    "blocks": [],
}
_PROP_KINDS: Mapping[str, Any] = {
    "map": "object",
    "block": "object",
    "list": "array",
    "set": "array",
    "blocks": "array",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One property of a resource.

    Attributes:
        argument: can be given by a program; otherwise an output only.
        computed: an argument that the server fills in where nothing is given, so that nothing given is no change.
        replaces: a change makes a new resource.
        default: filled in where nothing is given.
        one_of: the only values allowed.
        rule: says what is wrong with a given value, or None.
        conflicts: arguments that cannot be given together with this one.
        nested: properties of a `block` or of each of `blocks`.
        ordered: order of `blocks` counts.
        at_most: how many elements are allowed, or 0 for any number.
        refused: why the stand-in cannot serve this argument although the real plugin could.
        volatile: an output that any update may change.
    """

    kind: Kind = "string"
    argument: bool = True
    required: bool = False
    computed: bool = False
    replaces: bool = False
    secret: bool = False
    default: Any = None
    one_of: tuple[Any, ...] = ()
    rule: Callable[[Any], str | None] | None = None
    conflicts: tuple[str, ...] = ()
    nested: Mapping[str, Field] = field(default_factory=dict)
    ordered: bool = False
    at_most: int = 0
    refused: str = ""
    volatile: bool = False


Fields = Mapping[str, Field]


def output(kind: Kind = "string", *, secret: bool = False, volatile: bool = False) -> Field:
    """An output that no program can set."""
    return Field(kind, argument=False, secret=secret, volatile=volatile)


def argument_props(fields: Fields) -> dict[str, Prop]:
    """Declarations of the arguments for `orgcal.provider._sdk`."""
    props = {
        name: Prop(_PROP_KINDS.get(item.kind, item.kind), item.required, item.secret, item.replaces)
        for name, item in fields.items()
        if item.argument
    }
    return {**props, DEFAULTS: Prop("array")}


def output_props(fields: Fields) -> dict[str, Prop]:
    """Declarations of what only the server fills in."""
    props = {
        name: Prop(_PROP_KINDS.get(item.kind, item.kind), secret=item.secret, volatile=item.volatile)
        for name, item in fields.items()
        if not item.argument
    }
    return {**props, ID: Prop(), META: Prop()}
