"""What a plugin of ours is made of: resources with declared properties, functions, one provider.

A plugin declares and decides; `orgcal/provider/_server.py` speaks the engine's protocol for it:

    class Note(Resource):
        token = "demo:index:Note"
        inputs = {"path": Prop(required=True, replaces=True), "text": Prop(secret=True)}
        outputs = {"size": Prop("integer", volatile=True)}

        def create(self, call: Call, news: Properties) -> Created: ...
        def read(self, call: Call, resource_id: str, old: State) -> ReadResult | None: ...
        def update(self, call: Call, resource_id: str, old: State, news: Properties) -> Properties: ...
        def delete(self, call: Call, resource_id: str, old: State) -> None: ...

    if __name__ == "__main__":
        _server.serve(Provider(name="demo", version="0.1.0", resources=[Note()]))

What the author of a resource can rely on:

- inputs carry declared names and kinds only, and every required one, before `check` sees them;
- `create` and `update` never run in a preview and never see `UNKNOWN`: in a preview the engine gets
  the inputs, what `plan` returns, and for the rest of the outputs the old value (an update of an
  output that is not `volatile`) or `UNKNOWN`;
- an output with a name that is not declared is an error of ours, told at once;
- an `OrgcalError` reaches the user as its one sentence; any other exception as its type and place,
  without its text, which could hold a secret.

This speaks the protocol itself, because the wrapper `pulumi.provider.experimental` cannot send an
unknown output, gives a value unknown in preview out as an ordinary string, and hides the old inputs.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from orgcal.errors import OrgcalError
from orgcal.provider._values import UNKNOWN as UNKNOWN
from orgcal.provider._values import Properties as Properties
from orgcal.provider._values import Secret as Secret
from orgcal.provider._values import has_unknown as has_unknown
from orgcal.provider._values import reveal as reveal

Kind = Literal["string", "boolean", "integer", "number", "array", "object", "any"]

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
}


@dataclass(frozen=True, slots=True)
class Prop:
    """One declared property.

    Attributes:
        kind: what the value must be; contents of arrays and objects are the resource's to check.
        required: an input that must be given.
        secret: always sent to the engine as a secret, even if the program forgot.
        replaces: a changed input replaces the resource (used by the default `diff`).
        volatile: an output that any update may change, so it is unknown while one is previewed.
        filled: an input that only `check` fills in; refused from a program.
    """

    kind: Kind = "string"
    required: bool = False
    secret: bool = False
    replaces: bool = False
    volatile: bool = False
    filled: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """The call that a resource answers.

    Attributes:
        name: of the resource in the program.
        tell: shows a line to the user: `call.tell("warning", "...")`, severities info and warning.
    """

    name: str
    tell: Callable[[Literal["info", "warning"], str], None]


@dataclass(frozen=True, slots=True)
class State:
    """What the engine remembers of a resource; both empty while one is being imported."""

    inputs: Properties = field(default_factory=dict)
    outputs: Properties = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Created:
    """A resource that now exists; `outputs` need not repeat the inputs."""

    resource_id: str
    outputs: Properties = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadResult:
    """A resource as it is, for refresh and import; `outputs` need not repeat `inputs`."""

    resource_id: str
    inputs: Properties
    outputs: Properties = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Diff:
    """What a resource would have to change.

    Attributes:
        changed: names of properties; empty means that nothing is done.
        replaced: those of them that need a new resource.
        delete_first: the old resource must go before the new one can be made.
    """

    changed: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()
    delete_first: bool = False


class InvalidInputs(Exception):
    """Raised by `check`: input name -> one sentence, all of them shown at once."""

    def __init__(self, failures: Mapping[str, str]) -> None:
        super().__init__(", ".join(failures))
        self.failures = dict(failures)


class Incomplete(OrgcalError):
    """Raised by `create` or `update`: the resource exists, but its last steps failed.

    The engine records it and runs an update the next time, instead of losing it.
    """

    def __init__(self, made: Created, error: OrgcalError) -> None:
        super().__init__(error.what, where=error.where, repair=error.repair)
        self.made = made


class Resource(ABC):
    """A kind of resource; override what the defaults do not do."""

    token: ClassVar[str]
    inputs: ClassVar[Mapping[str, Prop]]
    outputs: ClassVar[Mapping[str, Prop]] = {}

    def check(self, call: Call, news: Properties, olds: Properties) -> Properties:  # noqa: ARG002
        """The inputs to go on with, defaults filled in; never any I/O.

        Args:
            news: inputs from the program, names and kinds already checked.
            olds: inputs of the last time, empty for a new resource.

        Raises:
            InvalidInputs: what is wrong, by input.
        """
        return news

    def diff(self, call: Call, resource_id: str, old: State, news: Properties) -> Diff:  # noqa: ARG002
        """Which inputs differ from those of the last time; never any I/O."""
        return self.compared(old.inputs, news)

    def compared(self, olds: Properties, news: Properties) -> Diff:
        """Changed inputs, and those of them declared with `replaces`; secrets compare by value."""
        changed = {name for name in self.inputs if _differs(olds.get(name), news.get(name))}
        return Diff(frozenset(changed), frozenset(name for name in changed if self.inputs[name].replaces))

    def plan(self, call: Call, news: Properties, old: State | None) -> Properties:  # noqa: ARG002
        """Outputs that a preview already knows; never any I/O. `old` is None for a new resource."""
        return {}

    @abstractmethod
    def create(self, call: Call, news: Properties) -> Created:
        """Make the resource, or adopt one that is the same."""

    @abstractmethod
    def read(self, call: Call, resource_id: str, old: State) -> ReadResult | None:
        """The resource as it is, or None if it is gone."""

    @abstractmethod
    def update(self, call: Call, resource_id: str, old: State, news: Properties) -> Properties:
        """Change the resource; returns all its outputs (inputs need not be repeated)."""

    @abstractmethod
    def delete(self, call: Call, resource_id: str, old: State) -> None:
        """Remove the resource; one that is gone already is no error."""


class Function(ABC):
    """A function a program can call (`getSomething`)."""

    token: ClassVar[str]
    inputs: ClassVar[Mapping[str, Prop]] = {}
    outputs: ClassVar[Mapping[str, Prop]] = {}

    @abstractmethod
    def call(self, arguments: Properties) -> Properties:
        """The result. Never called with `UNKNOWN`."""


@dataclass(frozen=True)
class Provider:
    """A plugin.

    Attributes:
        name: package name, the first part of every token.
        config: arguments of the provider resource.
        configure: called once with those arguments before any resource is touched; in a preview
            values may be `UNKNOWN`.
        title: what messages call the plugin; "the plugin 'NAME'" if empty.
        repair: what to do about a type or function that the plugin does not have.
    """

    name: str
    version: str
    resources: Sequence[Resource]
    functions: Sequence[Function] = ()
    config: Mapping[str, Prop] = field(default_factory=dict)
    configure: Callable[[Properties], None] | None = None
    title: str = ""
    repair: str = ""

    def lacks(self, what: str, name: str, known: Iterable[str]) -> OrgcalError:
        """The error for a type or function that the plugin does not have; `known` are those that it has."""
        title = self.title or f"the plugin {self.name!r}"
        return OrgcalError(f"{title} has no {what} {name!r}; known are {', '.join(sorted(known))}", repair=self.repair)


def problems_of(declared: Mapping[str, Prop], given: Properties, olds: Properties) -> dict[str, str]:
    """What is wrong with names and kinds of `given`: input name -> sentence."""
    problems: dict[str, str] = {}
    for name, value in given.items():
        prop = declared.get(name)
        if prop is None:
            near = difflib.get_close_matches(name, declared)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(declared))}"
            problems[name] = f"there is no input {name!r}; {hint}"
        elif prop.filled and _differs(olds.get(name), value):
            problems[name] = f"{name!r} is filled in by the provider and cannot be set"
        elif not is_kind(value, prop.kind):
            problems[name] = f"{name!r} must be of kind {prop.kind}, not {type(reveal(value)).__name__}"
    for name, prop in declared.items():
        if prop.required and name not in given:
            problems[name] = f"{name!r} is missing"
    return problems


def is_kind(value: Any, kind: Kind) -> bool:
    """Whether `value` may stand for `kind`; unknown values may stand for any."""
    plain = reveal(value)
    if kind == "any" or plain is UNKNOWN:
        return True
    if isinstance(plain, bool) and kind != "boolean":
        return False  # a bool is an int for Python, not for a user
    return isinstance(plain, _PYTHON_TYPES[kind])


def _differs(old: Any, new: Any) -> bool:
    return has_unknown(new) or bool(reveal(old) != reveal(new))
