"""What the engine reports while it works: its events, read as they come, without Pulumi's SDK.

The engine writes them as JSON, one a line (`--event-log`); secrets in them are blanked. Shapes:
https://github.com/pulumi/pulumi/blob/v3.274.1/sdk/go/common/apitype/events.go
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orgcal.engine.errors import MARKUP, sentence_of
from orgcal.resource_types import STACK
from orgcal.stack.state import UnfinishedOperation, exists_outside, name_in

OnStep = Callable[["EngineStep"], None]
STAND_IN_WARNING = "using pulumi-resource-azuread from $PATH"
"""The engine's warning where the stand-in is used, which `OpenStack` has told already, with the reason."""
_KEPT_IN_THE_STATE = ("protect", "retainOnDelete", "provider", "parent", "initErrors")
_PARTS_OF_A_REPLACEMENT = frozenset({"create-replacement", "delete-replaced", "discard-replaced"})
"""A replacement is reported as itself and again as the operations that it consists of."""


@dataclass(frozen=True, slots=True)
class EngineStep:
    """One resource outside the state that the engine starts to work on, or a warning.

    Attributes:
        operation: `create`, `update`, `delete`, `replace`, `same`, … or `warning`.
        type: the resource's type token; empty for a warning of the whole stack.
        name: the resource's name, or the warning's text.
        properties: names of those that differ, where the engine tells them.
    """

    operation: str
    type: str
    name: str
    done: bool = False
    properties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """What an operation did: number of resources by operation, such as `{"create": 3, "same": 4}`.

    Only what exists outside the state counts: not the stack, its components and its providers.

    Attributes:
        steps: each resource that did not stay the same, in the engine's order.
        state_changes: whether the state differs afterwards, as by outputs or protection, although no resource may.
    """

    changes: Mapping[str, int] = field(default_factory=dict)
    steps: tuple[EngineStep, ...] = ()
    state_changes: bool = False

    @property
    def changed(self) -> int:
        """Resources that did not stay the same."""
        return sum(count for operation, count in self.changes.items() if operation != "same")

    @property
    def unchanged(self) -> int:
        """Resources that stayed the same."""
        return self.changes.get("same", 0)


class EventCollector:
    """Collects what the engine reports: steps for the caller, diagnostics for the error, changes for the result.

    Args:
        previews: number of the engine's own previews before the operation, whose steps are not told.
    """

    def __init__(self, on_step: OnStep | None, *, previews: int = 0) -> None:
        self._on_step = on_step
        self._previews = previews
        self._begun: dict[str, Mapping[str, Any]] = {}
        self.errors: list[str] = []
        self.changes: dict[str, int] = {}
        self.steps: list[EngineStep] = []
        self.state_changes = False

    @property
    def result(self) -> UpdateResult:
        """What the operation did, or would do."""
        return UpdateResult(dict(self.changes), tuple(self.steps), self.state_changes)

    @property
    def unfinished(self) -> list[UnfinishedOperation]:
        """What the engine began outside the state and did not report the end of."""
        return [_unfinished(metadata) for metadata in self._begun.values()]

    def __call__(self, event: Mapping[str, Any]) -> None:
        if (diagnostic := event.get("diagnosticEvent")) is not None:
            self._diagnostic(diagnostic)
        elif event.get("summaryEvent") is not None:
            self._previews -= 1
        elif self._previews > 0:
            return
        elif (begun := event.get("resourcePreEvent")) is not None:
            self._step(begun["metadata"], done=False)
        elif (ended := event.get("resOutputsEvent")) is not None:
            self._step(ended["metadata"], done=True)

    def _diagnostic(self, diagnostic: Mapping[str, Any]) -> None:
        severity = diagnostic.get("severity")
        if severity not in ("error", "warning"):
            return
        text = MARKUP.sub("", str(diagnostic.get("message") or "")).strip()
        if severity == "error" and text:
            self.errors.append(text)
        elif severity == "warning" and text and self._on_step and STAND_IN_WARNING not in text:
            self._on_step(EngineStep("warning", "", sentence_of(text)))

    def _step(self, metadata: Mapping[str, Any], *, done: bool) -> None:
        urn, kind, operation = str(metadata["urn"]), str(metadata["type"]), str(metadata["op"])
        if done:
            self._begun.pop(urn, None)
            self.state_changes |= _changes_the_state(metadata, operation)
        state = metadata.get("new") or metadata.get("old")
        if state is None or not exists_outside(kind, state.get("custom")):
            return
        step = EngineStep(operation, kind, name_in(urn), done, _properties(metadata))
        if not done:
            self._begun[urn] = metadata
        elif operation not in _PARTS_OF_A_REPLACEMENT:
            self.changes[operation] = self.changes.get(operation, 0) + 1
            if operation != "same":
                self.steps.append(step)
        if self._on_step:
            self._on_step(step)


@contextmanager
def event_log(take: Callable[[Mapping[str, Any]], None]) -> Iterator[Path]:
    """Where the engine is to write its events: a pipe in a folder of its own, read in a thread.

    Args:
        take: is given each event, in that thread.

    Raises:
        Exception: what `take` raised, once the engine has ended.
    """
    raised: list[BaseException] = []

    def read(lines: Iterator[str]) -> None:
        for line in lines:
            if raised:  # read on: a full pipe would keep the engine waiting
                continue
            try:
                event = json.loads(line)
                take(event)
            except BaseException as error:  # noqa: BLE001  # raised again in the thread of the caller
                raised.append(error)

    with tempfile.TemporaryDirectory(prefix="orgcal-events-") as folder:
        pipe = Path(folder, "events")
        os.mkfifo(pipe, 0o600)
        # Opened for reading without waiting for a writer; ours stays until the end, so that the engine may come and go.
        reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        writing = os.open(pipe, os.O_WRONLY | os.O_CLOEXEC)
        os.set_blocking(reading, True)
        with os.fdopen(reading, encoding="utf-8", errors="replace") as lines:
            reader = threading.Thread(target=read, args=(lines,), daemon=True)
            reader.start()
            try:
                yield pipe
            finally:
                os.close(writing)
                reader.join()
    if raised:
        raise raised[0]


def _properties(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    differing = map(str, metadata.get("detailedDiff") or metadata.get("diffs") or ())
    return tuple(sorted({name for name in differing if not name.startswith("__")}))


def _changes_the_state(metadata: Mapping[str, Any], operation: str) -> bool:
    """Whether the state differs afterwards: also where the engine calls a resource `same`, it writes what it is told.

    Such as the stack's outputs, or whether a resource is protected.
    """
    before, after = (metadata.get(side) or {} for side in ("old", "new"))
    if operation != "same" or any(before.get(name) != after.get(name) for name in _KEPT_IN_THE_STATE):
        return True
    return metadata["type"] == STACK and before.get("outputs") != after.get("outputs")


def _unfinished(metadata: Mapping[str, Any]) -> UnfinishedOperation:
    operation, state = str(metadata["op"]), metadata.get("new") or metadata["old"]
    return UnfinishedOperation(
        "deleting" if "delete" in operation else "creating" if "create" in operation else "updating",
        str(metadata["urn"]),
        str(metadata["type"]),
        state.get("inputs") or {},
        str(state.get("parent") or ""),
        str(metadata.get("provider") or "").rpartition("::")[0],
    )
