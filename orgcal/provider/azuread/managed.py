"""What every resource type of the stand-in shares: arguments in, state out, errors as one sentence with a name."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from orgcal.errors import GraphError, OrgcalError
from orgcal.provider._sdk import (
    UNKNOWN,
    Call,
    Created,
    Diff,
    Incomplete,
    InvalidInputs,
    Properties,
    ReadResult,
    Resource,
    State,
    reveal,
)
from orgcal.provider.azuread.arguments import canonical, changed, filled, imported, problems, refreshed
from orgcal.provider.azuread.connection import Connection
from orgcal.provider.azuread.directory import Directory
from orgcal.provider.azuread.fields import DEFAULTS, ID, META, Fields, argument_props, output_props
from orgcal.provider.azuread.states import CreatedResource, as_secret, without_defaults

NO_PASSWORD = "No password credential found"  # noqa: S105 - what Graph says, no secret
"""What Graph says, with 400, about a password that the application does not have."""

SETTLE_S = 20.0
"""How long reads may go on showing what was there before a write; then their word is taken for it."""


class Managed(Resource):
    """A resource of the stand-in.

    A type declares `fields` and `state_meta`, and implements `make`, `look`, `change` and `remove` on plain values.
    """

    fields: ClassVar[Fields]
    state_meta: ClassVar[str]
    importable: ClassVar[bool] = True
    title: ClassVar[str]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "fields" in cls.__dict__:
            cls.inputs = argument_props(cls.fields)
            cls.outputs = output_props(cls.fields)
            cls.title = cls.token.rpartition(":")[-1]

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # -- what a type implements -----------------------------------------------------------------

    @abstractmethod
    def make(self, directory: Directory, news: Properties, name: str) -> Iterator[CreatedResource]:
        """Create the resource: yields it as soon as it exists, and again when it is complete.

        What exists already is refused wherever the real plugin refuses it, even if an interrupted run left it.

        Args:
            directory: where to create it.
            news: arguments, defaults filled in.
            name: in the program.
        """

    @abstractmethod
    def look(self, directory: Directory, resource_id: str, old: Properties) -> Properties | None:
        """The state of the resource as the server has it, or None if it is gone.

        Args:
            directory: where to look.
            resource_id: its `id`.
            old: state and arguments known so far.
        """

    def change(self, directory: Directory, resource_id: str, old: Properties, news: Properties) -> None:
        """Write what changed; types whose every argument replaces have nothing to write."""

    @abstractmethod
    def remove(self, directory: Directory, resource_id: str, old: Properties) -> None:
        """Delete the resource."""

    # -- what the engine asks -------------------------------------------------------------------

    def check(self, call: Call, news: Properties, olds: Properties) -> Properties:  # noqa: ARG002
        """Inputs with defaults; see `orgcal.provider.azuread.fields`."""
        wrong = problems(self.fields, reveal(news))
        if wrong:
            raise InvalidInputs(wrong)
        return filled(self.fields, news, reveal(olds))

    def diff(self, call: Call, resource_id: str, old: State, news: Properties) -> Diff:  # noqa: ARG002
        """Arguments that differ from the state of the server, as the real plugin compares them."""
        names = changed(self.fields, reveal(old.outputs), reveal(news))
        return Diff(names, frozenset(name for name in names if self.fields[name].replaces))

    def plan(self, call: Call, news: Properties, old: State | None) -> Properties:  # noqa: ARG002
        """In the preview of an update everything that the change does not touch stays known."""
        known: Properties = {DEFAULTS: None, META: self.state_meta}
        for name, item in self.fields.items():
            if name in news:
                continue
            before = None if old is None else reveal(old.outputs.get(name))
            emptied = item.argument and not item.computed and canonical(item, before) != canonical(item, None)
            if old is not None and not item.volatile and not emptied:
                known[name] = old.outputs.get(name)
            elif item.argument and item.computed:
                known[name] = UNKNOWN
        return known

    def create(self, call: Call, news: Properties) -> Created:
        """Create the resource; one that exists but could not be completed is kept, never lost."""
        plain = reveal(news)
        made: CreatedResource | None = None
        with self._named(call):
            try:
                directory = self._connection.directory
                for step in self.make(directory, plain, call.name):
                    made = step
                if made is None:
                    raise OrgcalError("nothing was created")
                made = CreatedResource(made.resource_id, self._settled(directory, made.resource_id, made.state, plain))
            except OrgcalError as error:
                if made is None:
                    raise
                raise Incomplete(self._created(made, news), self._explained(call, error)) from error
        return self._created(made, news)

    def read(self, call: Call, resource_id: str, old: State) -> ReadResult | None:
        """The resource as it is, for refresh and import."""
        importing = not old.outputs
        with self._named(call):
            if importing and not self.importable:
                raise OrgcalError(f"{self.title} cannot be imported, as with the real plugin")
            state = self.look(self._connection.directory, resource_id, reveal(old.outputs))
        if state is None:
            return None
        outputs = self._kept(state, reveal(old.outputs))
        inputs = imported(self.fields, outputs) if importing else refreshed(self.fields, reveal(old.inputs), outputs)
        return ReadResult(resource_id, as_secret(inputs, old.inputs), self._outputs(resource_id, outputs, old.inputs))

    def update(self, call: Call, resource_id: str, old: State, news: Properties) -> Properties:
        """Write what changed and read it back."""
        before = reveal(old.outputs)
        with self._named(call):
            directory = self._connection.directory
            self.change(directory, resource_id, before, reveal(news))
            told_once = {name: value for name, value in before.items() if name in self.outputs}
            known = {**told_once, **reveal(news)}
            state = self.look(directory, resource_id, known)
            if state is None:
                raise OrgcalError("it is gone", repair="pulumi refresh")
            state = self._settled(directory, resource_id, state, known)
        return self._outputs(resource_id, self._kept(state, known), news)

    def delete(self, call: Call, resource_id: str, old: State) -> None:
        """Delete the resource; one that is gone already is an error, as with the real plugin.

        Source: `...ResourceDelete` of each type in terraform-provider-azuread 3.9.0 (commit f0169e0e): none of them
        takes "not found" for done; a certificate that the application no longer lists is the exception.
        """
        with self._named(call):
            try:
                self.remove(self._connection.directory, resource_id, reveal(old.outputs))
            except GraphError as error:
                if (error.status == 404 or NO_PASSWORD in error.what) and not error.repair:
                    error.repair = "pulumi refresh, which takes what is gone out of the state"
                raise

    # -- helpers --------------------------------------------------------------------------------

    def _settled(self, directory: Directory, resource_id: str, state: Properties, known: Properties) -> Properties:
        """The state once reads show what was written; after a while the newest one, whatever it shows.

        Args:
            state: as it was read last.
            known: what was written, with defaults, and outputs that the server tells once.
        """

        def agreed() -> Properties | None:
            nonlocal state
            shown = self.look(directory, resource_id, known) or state
            told_once = {name: value for name, value in state.items() if name not in shown}
            state = {**told_once, **shown}
            return None if self._disagrees(state, known) else state

        if self._disagrees(state, known):
            directory.wait(agreed, SETTLE_S)
        return state

    def _disagrees(self, state: Properties, known: Properties) -> bool:
        return bool(changed(self.fields, self._kept(state, known), known))

    def _created(self, made: CreatedResource, news: Properties) -> Created:
        outputs = self._outputs(made.resource_id, self._kept(made.state, reveal(news)), news)
        return Created(made.resource_id, outputs)

    def _kept(self, state: Properties, before: Mapping[str, Any]) -> Properties:
        """`state` with what the server does not tell: arguments of the plugin itself, and values shown only once."""
        kept = {name: before[name] for name in self.fields if name not in state and before.get(name) is not None}
        result = {name: without_defaults(value) for name, value in {**state, **kept}.items()}
        # A set or map that was never given and is empty stays absent, as in the real plugin's state.
        return {
            name: value
            for name, value in result.items()
            if value not in ([], {}) or not self._optional_collection(name) or before.get(name) is not None
        }

    def _optional_collection(self, name: str) -> bool:
        item = self.fields.get(name)
        return item is not None and item.argument and not item.computed and item.kind in ("set", "list", "map")

    def _outputs(self, resource_id: str, state: Properties, inputs: Properties) -> Properties:
        missing = {name: None for name in self.inputs if name not in state}
        return {**missing, **as_secret(state, inputs), ID: resource_id, META: self.state_meta, DEFAULTS: None}

    @contextmanager
    def _named(self, call: Call) -> Iterator[None]:
        try:
            yield
        except Incomplete:
            raise
        except OrgcalError as error:
            raise self._explained(call, error) from error

    def _explained(self, call: Call, error: OrgcalError) -> OrgcalError:
        """`error` as one sentence that begins with the resource's name and ends with Graph's request id."""
        details = [error.where] if error.where else []
        if isinstance(error, GraphError) and error.request_id:
            details.append(f"request id {error.request_id}")
        end = f" ({', '.join(details)})" if details else ""
        return OrgcalError(f"{self.title} {call.name!r}: {error.what}{end}", repair=error.repair)
