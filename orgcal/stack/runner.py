"""Drives the real engine on one stack. The only caller of Pulumi's Automation API.

What the engine reports while it works arrives as `EngineStep`s; what went wrong as one `EngineError` made of
the engine's own diagnostics, without stack traces.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psutil
import pulumi.automation as automation
from pulumi.automation import events
from pulumi.automation._cmd import CommandResult
from pulumi.automation.errors import create_command_error

from orgcal.engine.command import OnLine, run_engine
from orgcal.engine.errors import MARKUP, sentence_of
from orgcal.engine.find import Engine
from orgcal.errors import StackLocked
from orgcal.stack.environment import StackEnvironment
from orgcal.stack.errors import explain
from orgcal.stack.exported import Unfinished, UpdateFailed
from orgcal.stack.outputs import StackOutputs, read_outputs

OnStep = Callable[["EngineStep"], None]
STAND_IN_WARNING = "using pulumi-resource-azuread from $PATH"
"""The engine's warning where the stand-in is used, which `prepare` has told already, with the reason."""


@dataclass(frozen=True, slots=True)
class EngineStep:
    """One resource outside the state that the engine starts to work on, or a warning.

    Attributes:
        operation: `create`, `update`, `delete`, `replace`, `same`, … or `warning`.
        type: the resource's type token; empty for a warning of the whole stack.
        name: the resource's name, or the warning's text.
        done: whether the work on it is finished.
    """

    operation: str
    type: str
    name: str
    done: bool = False


@dataclass(frozen=True, slots=True)
class UpdateResult:
    """What an operation did: number of resources by operation, such as `{"create": 3, "same": 4}`.

    Only what exists outside the state counts: not the stack, its components and its providers.
    """

    changes: Mapping[str, int] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        """Resources that did not stay the same."""
        return sum(count for operation, count in self.changes.items() if operation != "same")

    @property
    def unchanged(self) -> int:
        """Resources that stayed the same."""
        return self.changes.get("same", 0)


class ExactEnvironment(automation.PulumiCommand):
    """Runs the engine with exactly the given variables.

    The Automation API lays them over the process's own, and so could not keep a shell that is set up for
    a real tenant out of the emulator.
    """

    def __init__(self, engine: Engine) -> None:
        self.command = str(engine.pulumi)
        self.version = None
        self.version = automation._cmd._parse_and_validate_pulumi_version(
            min_version=automation._minimum_version._MINIMUM_VERSION, current_version=engine.version, opt_out=False
        )

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnLine | None = None,
        on_error: OnLine | None = None,
    ) -> CommandResult:
        ran = run_engine(self.command, args, cwd=cwd, environ=additional_env, on_output=on_output, on_error=on_error)
        result = CommandResult(stdout=ran.out, stderr=ran.err, code=ran.code)
        if ran.code:
            raise create_command_error(result)
        return result


class StackRunner:
    """The engine at the wheel of one stack.

    Args:
        engine: the engine to run.
        environment: the stack's surroundings.
        environ: what they are applied to, as `original_environment` gives it.
        secrets_provider: the key service that encrypts a stack that is made here; a passphrase if None.
    """

    def __init__(
        self,
        engine: Engine,
        environment: StackEnvironment,
        environ: Mapping[str, str],
        *,
        secrets_provider: str | None = None,
    ) -> None:
        self._environment = environment
        self._stack_name = environment.stack
        self._workspace = automation.LocalWorkspace(
            work_dir=str(environment.project_dir),
            env_vars=environment.to_environ(environ),
            secrets_provider=secrets_provider,
            pulumi_command=ExactEnvironment(engine),
        )
        self._stack: automation.Stack | None = None

    def select(self) -> None:
        """Makes sure that the stack exists in its backend.

        Raises:
            EngineError: the backend or the passphrase refused.
        """
        if self._stack is None:
            with _translated(self._stack_name):
                self._stack = automation.Stack.create_or_select(self._stack_name, self._workspace)

    def preview(self, *, on_step: OnStep | None = None) -> UpdateResult:
        """What `up` would do; nothing is written."""
        collected = _Events(on_step)
        with _translated(self._stack_name, collected):
            self._selected().preview(on_event=collected, color="never", suppress_progress=True)
        return UpdateResult(collected.changes)

    def up(self, *, preview_first: bool, on_step: OnStep | None = None) -> UpdateResult:
        """Brings the stack up to the program.

        Args:
            preview_first: preview before anything is written, as every protected stack needs.
        """
        if preview_first:
            self.preview()
        collected = _Events(on_step)
        with _translated(self._stack_name, collected):
            self._selected().up(on_event=collected, color="never", suppress_progress=True, show_secrets=False)
        return UpdateResult(collected.changes)

    def import_existing(self, import_file: Path, *, provider_urn: str, protect: bool) -> None:
        """Takes existing objects into the state; nothing outside the state is written.

        Args:
            import_file: as `pulumi import --file` takes it.
            provider_urn: of the explicit provider that the objects belong to; it is put into the state first, since
                the engine imports with a provider that it knows only.
            protect: whether the imported resources are protected.
        """
        collected = _Events(None)
        with _translated(self._stack_name, collected):
            self._selected().up(target=[provider_urn], on_event=collected, color="never", suppress_progress=True)
        self.import_file(import_file, protect=protect)

    def import_file(self, import_file: Path, *, protect: bool) -> None:
        """Takes existing objects of providers that the state knows into the state; nothing else is written.

        Args:
            import_file: as `pulumi import --file` takes it.
            protect: whether the imported resources are protected.
        """
        words = ["import", "--file", str(import_file), "--yes", "--skip-preview", "--generate-code=false"]
        with _translated(self._stack_name):
            self._run(*words, f"--protect={str(protect).lower()}")

    def refresh(self, *, on_step: OnStep | None = None, targets: Sequence[str] = ()) -> UpdateResult:
        """Brings the state up to what the directory and the platform hold.

        Args:
            on_step: is told of each resource.
            targets: URNs of the only resources to look at; all if empty.
        """
        collected = _Events(on_step)
        with _translated(self._stack_name, collected):
            self._selected().refresh(
                target=list(targets) or None,
                on_event=collected,
                color="never",
                suppress_progress=True,
                show_secrets=False,
            )
        return UpdateResult(collected.changes)

    def destroy(self, *, preview_first: bool, on_step: OnStep | None = None) -> UpdateResult:
        """Removes everything that the stack made; its settings and its (empty) state stay."""
        collected = _Events(on_step)
        with _translated(self._stack_name, collected):
            if preview_first:
                self._selected().preview_destroy(on_event=collected, color="never", suppress_progress=True)
            self._selected().destroy(on_event=collected, color="never", suppress_progress=True, show_secrets=False)
        return UpdateResult(collected.changes)

    def remove(self) -> None:
        """Removes the (empty) state; the stack's file stays."""
        self.select()
        with _translated(self._stack_name):
            self._workspace.remove_stack(self._stack_name, preserve_config=True)

    def states(self) -> frozenset[str]:
        """Names of the stacks of this project that the backend keeps a state of."""
        with _translated(self._stack_name):
            return frozenset(stack.name.rsplit("/", 1)[-1] for stack in self._workspace.list_stacks())

    def export_of(self, stack: str) -> dict[str, Any]:
        """The state of another stack of this project, which needs no file and no passphrase here."""
        with _translated(stack):
            return self._printed(stack, "stack", "export")

    def outputs(self) -> StackOutputs:
        """The stack's outputs, secret included.

        Raises:
            UsageError: the stack has not been deployed yet.
        """
        values = self._said("stack", "output", "--json", "--show-secrets")
        return read_outputs(values, where=f"stack {self._stack_name}")

    def plain_outputs(self) -> dict[str, Any]:
        """The stack's outputs that are no secret, whatever program made them; secret ones are blanked."""
        return self._said("stack", "output", "--json")

    def export(self, *, show_secrets: bool = False) -> dict[str, Any]:
        """The state as the backend keeps it; secrets encrypted, or, for this process alone, as they are."""
        return self._said("stack", "export", *(["--show-secrets"] if show_secrets else []))

    def forget_creations(self, types: Set[str] | None = None) -> None:
        """Take interrupted creations of these resource types (None: all) off the state's list of pending operations.

        The engine keeps them until somebody confirms what became of them, and warns at each update. Whoever calls this
        finds by other means what the interrupted creations have made.
        """
        exported = self.export()
        deployment = exported["deployment"]
        operations = deployment.get("pending_operations") or []
        kept = [
            operation
            for operation in operations
            if operation.get("type") != "creating"
            or (types is not None and operation["resource"].get("type") not in types)
        ]
        if kept == operations:
            return
        deployment["pending_operations"] = kept
        with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file, _translated(self._stack_name):
            json.dump(exported, file)
            file.flush()
            self._run("stack", "import", "--file", file.name)

    def _run(self, *words: str) -> CommandResult:
        return self._workspace.pulumi_command.run(
            [*words, "--stack", self._stack_name], self._workspace.work_dir, self._workspace.env_vars
        )

    def _said(self, *words: str) -> dict[str, Any]:
        """What a command of the engine prints as JSON; the stack is made only where there is none."""
        with _translated(self._stack_name):
            try:
                return self._printed(self._stack_name, *words)
            except automation.StackNotFoundError:
                self.select()
                return self._printed(self._stack_name, *words)

    def _printed(self, stack: str, *words: str) -> dict[str, Any]:
        ran = self._workspace.pulumi_command.run(
            [*words, "--stack", stack], self._workspace.work_dir, self._workspace.env_vars
        )
        said: dict[str, Any] = json.loads(ran.stdout)
        return said

    def release_dead_lock(self) -> bool:
        """Removes the backend's lock if the process that took it is dead; whether there was one.

        Only a backend in local files says whose lock it is; elsewhere nothing is done.
        """
        dead = [path for path, holder in self._locks() if holder is None]
        for path in dead:
            path.unlink(missing_ok=True)
        return bool(dead)

    def lock_holder(self) -> str:
        """Whose lock keeps updates of this stack waiting, in a few words; empty if none, or with a remote backend."""
        return next((holder for _, holder in self._locks() if holder), "")

    def _locks(self) -> Iterator[tuple[Path, str | None]]:
        """Locks of a backend in local files, each with who holds it; None stands for a dead process of this machine."""
        backend = urlsplit(self._environment.backend_url)
        if backend.scheme != "file":
            return
        locks = Path(unquote(backend.path)) / ".pulumi" / "locks"
        for path in locks.glob(f"organization/*/{self._stack_name}/*.json"):
            try:
                said = json.loads(path.read_text(encoding="utf-8"))
                here, pid = said["hostname"] == os.uname().nodename, int(said["pid"])
                holder = psutil.Process(pid)
                # A container without an init process keeps what was killed as a zombie.
                alive = "pulumi" in holder.name() and holder.status() != psutil.STATUS_ZOMBIE
            except psutil.NoSuchProcess:
                alive = False
            except (OSError, ValueError, KeyError, TypeError, psutil.Error):
                continue
            whose = f"{said.get('username') or 'somebody'} on {said['hostname']} (pid {pid})"
            yield path, whose if alive or not here else None

    def _selected(self) -> automation.Stack:
        self.select()
        assert self._stack is not None
        return self._stack


class _Events:
    """Collects what the engine reports: steps for the caller, diagnostics for the error, changes for the result."""

    def __init__(self, on_step: OnStep | None) -> None:
        self._on_step = on_step
        self._begun: dict[str, events.StepEventMetadata] = {}
        self.errors: list[str] = []
        self.changes: dict[str, int] = {}

    @property
    def unfinished(self) -> list[Unfinished]:
        """What the engine began outside the state and did not report the end of."""
        return [_unfinished(metadata) for metadata in self._begun.values()]

    def __call__(self, event: events.EngineEvent) -> None:
        if event.diagnostic_event is not None:
            self._diagnostic(event.diagnostic_event)
        elif event.resource_pre_event is not None:
            metadata = event.resource_pre_event.metadata
            if _outside_the_state(metadata):
                self._begun[metadata.urn] = metadata
            self._step(metadata, done=False)
        elif event.res_outputs_event is not None:
            self._begun.pop(event.res_outputs_event.metadata.urn, None)
            self._count(event.res_outputs_event.metadata)
            self._step(event.res_outputs_event.metadata, done=True)

    def _diagnostic(self, said: events.DiagnosticEvent) -> None:
        text = MARKUP.sub("", said.message).strip()
        if said.severity == "error" and text:
            self.errors.append(text)
        elif said.severity == "warning" and text and self._on_step and STAND_IN_WARNING not in text:
            self._on_step(EngineStep("warning", "", sentence_of(text)))

    def _count(self, metadata: events.StepEventMetadata) -> None:
        operation = str(getattr(metadata.op, "value", metadata.op))
        # A replacement is reported as itself and again as the two operations it consists of.
        if _outside_the_state(metadata) and "replace" not in operation:
            self.changes[operation] = self.changes.get(operation, 0) + 1

    def _step(self, metadata: events.StepEventMetadata, *, done: bool) -> None:
        if self._on_step and _outside_the_state(metadata):
            operation = str(getattr(metadata.op, "value", metadata.op))
            self._on_step(EngineStep(operation, metadata.type, metadata.urn.rsplit("::", 1)[-1], done))


def _outside_the_state(metadata: events.StepEventMetadata) -> bool:
    """Whether the resource is more than an entry of the state, as the stack, its components and providers are."""
    state = metadata.new or metadata.old
    return state is not None and bool(state.custom) and not metadata.type.startswith("pulumi:")


def _unfinished(metadata: events.StepEventMetadata) -> Unfinished:
    operation = str(getattr(metadata.op, "value", metadata.op))
    state = metadata.new or metadata.old
    assert state is not None
    return Unfinished(
        "deleting" if "delete" in operation else "creating" if "create" in operation else "updating",
        metadata.urn,
        metadata.type,
        state.inputs or {},
        state.parent or "",
        (metadata.provider or "").rpartition("::")[0],
    )


@contextmanager
def _translated(stack: str, collected: _Events | None = None) -> Iterator[None]:
    """Turns the Automation API's errors, which carry whole transcripts, into one sentence."""
    try:
        yield
    except automation.CommandError as error:
        said = explain(str(error), collected.errors if collected else [], stack=stack)
        if collected is None or isinstance(said, StackLocked) or not collected.unfinished:
            raise said from None
        raise UpdateFailed(said, collected.unfinished) from None
