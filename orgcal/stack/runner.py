"""Runs the Pulumi engine on one stack. The only caller of Pulumi's Automation API.

What the engine reports while it works arrives as `EngineStep`s; what went wrong as one `EngineError` made of
the engine's own diagnostics, without stack traces.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pulumi import automation
from pulumi.automation import events
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from orgcal.engine.command import OnLine, run_engine
from orgcal.engine.errors import MARKUP, sentence_of
from orgcal.engine.find import Engine
from orgcal.errors import EngineError, StackLocked
from orgcal.stack import local_backend
from orgcal.stack.engine_variables import platform_variables
from orgcal.stack.environment import StackEnvironment
from orgcal.stack.errors import explain
from orgcal.stack.outputs import DEPLOYED_FIELDS, DEPLOYED_VARIABLE, OUTPUT_NAME, StackOutputs
from orgcal.stack.state import StackState, UnfinishedOperation, exists_outside, name_in, without_creations

OnStep = Callable[["EngineStep"], None]
STAND_IN_WARNING = "using pulumi-resource-azuread from $PATH"
"""The engine's warning where the stand-in is used, which `OpenStack` has told already, with the reason."""


class UpdateFailed(EngineError):
    """An operation of the engine failed; `unfinished` is what it had begun and did not end."""

    def __init__(self, cause: EngineError, unfinished: Sequence[UnfinishedOperation]) -> None:
        super().__init__(cause.what, where=cause.where, repair=cause.repair)
        self.exit_code = cause.exit_code
        self.unfinished = tuple(unfinished)


@dataclass(frozen=True, slots=True)
class EngineStep:
    """One resource outside the state that the engine starts to work on, or a warning.

    Attributes:
        operation: `create`, `update`, `delete`, `replace`, `same`, … or `warning`.
        type: the resource's type token; empty for a warning of the whole stack.
        name: the resource's name, or the warning's text.
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
        # Not the constructor of the Automation API: it runs `pulumi version` in the process's own environment.
        # `find_engine` has asked for the version already, and refuses one that does not fit.
        self.command = str(engine.pulumi)
        self.version = VersionInfo.parse(engine.version)

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnLine | None = None,
        on_error: OnLine | None = None,
    ) -> automation.CommandResult:
        ended = run_engine(self.command, args, cwd=cwd, environ=additional_env, on_output=on_output, on_error=on_error)
        result = automation.CommandResult(stdout=ended.out, stderr=ended.err, code=ended.code)
        if ended.code:
            raise create_command_error(result)
        return result


class StackRunner:
    """Runs the Pulumi engine on one stack.

    Args:
        environ: what `environment` is applied to, as `original_environment` gives it.
        with_plugin: gives the environment in which the engine finds the azuread plugin; asked before the first
            command that starts it. The same environment unless given.
        secrets_provider: the key service that encrypts a stack that is made here; a passphrase if None.
    """

    def __init__(
        self,
        engine: Engine,
        environment: StackEnvironment,
        environ: Mapping[str, str],
        *,
        with_plugin: Callable[[], StackEnvironment] | None = None,
        secrets_provider: str | None = None,
    ) -> None:
        self._backend_url = environment.backend_url
        self._project = environment.project_dir
        self._stack_name = environment.stack
        self._environment = environment
        self._environ = environ
        self._with_plugin = with_plugin
        self._platform_variables: tuple[str, ...] = ()
        self._workspace = automation.LocalWorkspace(
            work_dir=str(environment.project_dir),
            env_vars=environment.to_engine_environ(environ),
            secrets_provider=secrets_provider,
            pulumi_command=ExactEnvironment(engine),
        )
        self._stack: automation.Stack | None = None
        self._deployed = ""

    def select(self) -> None:
        """Makes sure that the stack exists in its backend."""
        if self._stack is None:
            with _translated(self._stack_name, self._project):
                self._stack = automation.Stack.create_or_select(self._stack_name, self._workspace)

    def preview(self, *, on_step: OnStep | None = None, targets: Sequence[str] = ()) -> UpdateResult:
        """What `up` would do; nothing is written."""
        with self._operation(on_step) as (stack, collected):
            stack.preview(target=list(targets) or None, **collected.options)
        return UpdateResult(collected.changes)

    def up(self, *, preview_first: bool, on_step: OnStep | None = None, targets: Sequence[str] = ()) -> UpdateResult:
        """Brings the stack up to the program.

        Args:
            preview_first: preview before anything is written, as every protected stack needs.
            targets: URNs of the only resources to bring up, or patterns with `*` and `**`; all if empty.
        """
        if preview_first:
            self.preview(targets=targets)
        with self._operation(on_step) as (stack, collected):
            stack.up(target=list(targets) or None, show_secrets=False, **collected.options)
        return UpdateResult(collected.changes)

    def up_credential(
        self, *, preview_first: bool, on_step: OnStep | None = None, targets: Sequence[str] = ()
    ) -> UpdateResult:
        """As `up`, for the connector's credential alone: whatever else the program changes waits for the next `up`.

        The engine brings up the targets, which always include the stack itself and so its outputs; the program
        therefore gets the settings that the rest was deployed with, to tell in the outputs what is deployed.
        Source: `isImplicitlyTargetedResource` in pulumi/pulumi, pkg/resource/deploy/step_generator.go, v3.274.1.
        """
        state = self.state()
        record = self.plain_outputs()[OUTPUT_NAME]
        self._deployed = json.dumps({name: record[name] for name in DEPLOYED_FIELDS if name in record})
        try:
            return self.up(preview_first=preview_first, on_step=on_step, targets=targets or state.credential_urns)
        finally:
            self._deployed = ""

    def import_existing(
        self, resources: Sequence[Mapping[str, Any]], name_table: Mapping[str, str], *, protect: bool
    ) -> None:
        """Takes existing objects of providers that the state knows into the state; nothing outside it is written.

        Args:
            resources: as `pulumi import --file` takes them.
            name_table: names in `resources` to URNs.
        """
        with self._operation(None) as (stack, _):
            stack.import_resources(
                resources=[dict(item) for item in resources],  # type: ignore[misc]
                name_table=dict(name_table),
                protect=protect,
                generate_code=False,
                show_secrets=False,
            )

    def refresh(self, *, on_step: OnStep | None = None, targets: Sequence[str] = ()) -> UpdateResult:
        """Brings the state up to what the directory and the platform hold; `targets` as for `up`."""
        with self._operation(on_step) as (stack, collected):
            stack.refresh(target=list(targets) or None, show_secrets=False, **collected.options)
        return UpdateResult(collected.changes)

    def destroy(self, *, preview_first: bool, on_step: OnStep | None = None) -> UpdateResult:
        """Removes everything that the stack made; its settings and its (empty) state stay."""
        with self._operation(on_step) as (stack, collected):
            if preview_first:
                stack.preview_destroy(**collected.options)
            stack.destroy(show_secrets=False, **collected.options)
        return UpdateResult(collected.changes)

    def remove(self) -> None:
        """Removes the (empty) state; the stack's file stays."""
        self.select()
        with _translated(self._stack_name, self._project):
            self._workspace.remove_stack(self._stack_name, preserve_config=True)

    def stack_names(self) -> frozenset[str]:
        """Names of the stacks of this project that the backend keeps a state of."""
        with _translated(self._stack_name, self._project):
            return frozenset(stack.name.rsplit("/", 1)[-1] for stack in self._workspace.list_stacks())

    def state_of(self, stack: str) -> StackState:
        """The state of another stack of this project, which needs no file and no passphrase here."""
        with _translated(stack, self._project):
            return StackState(self._printed(stack, "stack", "export"))

    def outputs(self) -> StackOutputs:
        """The stack's outputs, secret included; raises as `read_outputs` does."""
        return self.state(show_secrets=True).outputs(where=f"stack {self._stack_name}")

    def plain_outputs(self) -> dict[str, Any]:
        """The stack's outputs that are no secret, whatever program made them; secret ones are blanked."""
        return self._json("stack", "output", "--json")

    def state(self, *, show_secrets: bool = False) -> StackState:
        """The state as the backend keeps it; secrets encrypted, or, for this process alone, as they are."""
        # `Stack.export_stack` of the Automation API always shows secrets.
        state = StackState(self._json("stack", "export", *(["--show-secrets"] if show_secrets else [])))
        # A platform that the settings name no longer has to be cleared with its own login.
        self._platform_variables = platform_variables(state.platforms)
        return state

    def forget_creations(self, types: Set[str] | None = None) -> None:
        """Takes interrupted creations of these resource types (None: all) off the state's list of pending operations.

        The engine keeps them until somebody confirms what became of them, and warns at each update. Whoever calls this
        finds by other means what the interrupted creations have made.
        """
        changed = without_creations(self._json("stack", "export"), types)
        if changed is not None:
            with _translated(self._stack_name, self._project):
                self._workspace.import_stack(
                    self._stack_name, automation.Deployment(changed["version"], changed["deployment"])
                )

    def release_dead_lock(self) -> bool:
        """Removes the lock of a backend in local files if the process that took it is dead; whether there was one."""
        return local_backend.release_dead_lock(self._backend_url, self._stack_name)

    def lock_holder(self) -> str:
        """Whose lock keeps updates of this stack waiting, in a few words; empty if none, or with a remote backend."""
        return local_backend.lock_holder(self._backend_url, self._stack_name)

    @contextmanager
    def _operation(self, on_step: OnStep | None) -> Iterator[tuple[automation.Stack, _Events]]:
        """The stack, ready for a command that starts plugins, and what collects the engine's reports of it."""
        if self._with_plugin is not None:
            self._environment = self._with_plugin()
            self._with_plugin = None
        known = self._environment.to_engine_environ(self._environ, self._platform_variables)
        self._workspace.env_vars = {**known, **({DEPLOYED_VARIABLE: self._deployed} if self._deployed else {})}
        self.select()
        assert self._stack is not None
        collected = _Events(on_step)
        with _translated(self._stack_name, self._project, collected):
            yield self._stack, collected

    def _json(self, *words: str) -> dict[str, Any]:
        """What a command of the engine prints as JSON; the stack is made only where there is none."""
        with _translated(self._stack_name, self._project):
            try:
                return self._printed(self._stack_name, *words)
            except automation.StackNotFoundError:
                self.select()
                return self._printed(self._stack_name, *words)

    def _printed(self, stack: str, *words: str) -> dict[str, Any]:
        ended = self._workspace.pulumi_command.run(
            [*words, "--stack", stack], self._workspace.work_dir, self._workspace.env_vars
        )
        printed: dict[str, Any] = json.loads(ended.stdout)
        return printed


class _Events:
    """Collects what the engine reports: steps for the caller, diagnostics for the error, changes for the result."""

    def __init__(self, on_step: OnStep | None) -> None:
        self._on_step = on_step
        self._begun: dict[str, events.StepEventMetadata] = {}
        self.errors: list[str] = []
        self.changes: dict[str, int] = {}
        self.options: dict[str, Any] = {"on_event": self, "color": "never", "suppress_progress": True}

    @property
    def unfinished(self) -> list[UnfinishedOperation]:
        """What the engine began outside the state and did not report the end of."""
        return [_unfinished(metadata) for metadata in self._begun.values()]

    def __call__(self, event: events.EngineEvent) -> None:
        if event.diagnostic_event is not None:
            self._diagnostic(event.diagnostic_event)
        elif event.resource_pre_event is not None:
            self._step(event.resource_pre_event.metadata, done=False)
        elif event.res_outputs_event is not None:
            self._step(event.res_outputs_event.metadata, done=True)

    def _diagnostic(self, diagnostic: events.DiagnosticEvent) -> None:
        text = MARKUP.sub("", diagnostic.message).strip()
        if diagnostic.severity == "error" and text:
            self.errors.append(text)
        elif diagnostic.severity == "warning" and text and self._on_step and STAND_IN_WARNING not in text:
            self._on_step(EngineStep("warning", "", sentence_of(text)))

    def _step(self, metadata: events.StepEventMetadata, *, done: bool) -> None:
        if done:
            self._begun.pop(metadata.urn, None)
        state, operation = metadata.new or metadata.old, _operation_in(metadata)
        if state is None or not exists_outside(metadata.type, state.custom):
            return
        if not done:
            self._begun[metadata.urn] = metadata
        elif "replace" not in operation:  # a replacement is reported as itself and again as the two that it consists of
            self.changes[operation] = self.changes.get(operation, 0) + 1
        if self._on_step:
            self._on_step(EngineStep(operation, metadata.type, name_in(metadata.urn), done))


def _operation_in(metadata: events.StepEventMetadata) -> str:
    return str(getattr(metadata.op, "value", metadata.op))


def _unfinished(metadata: events.StepEventMetadata) -> UnfinishedOperation:
    operation = _operation_in(metadata)
    state = metadata.new or metadata.old
    assert state is not None
    return UnfinishedOperation(
        "deleting" if "delete" in operation else "creating" if "create" in operation else "updating",
        metadata.urn,
        metadata.type,
        state.inputs or {},
        state.parent or "",
        (metadata.provider or "").rpartition("::")[0],
    )


@contextmanager
def _translated(stack: str, project: Path, collected: _Events | None = None) -> Iterator[None]:
    """Turns the Automation API's errors, which carry whole transcripts, into one sentence."""
    try:
        yield
    except automation.CommandError as error:
        explained = explain(str(error), collected.errors if collected else [], stack=stack, project=project)
        if collected is None or isinstance(explained, StackLocked) or not collected.unfinished:
            raise explained from None
        raise UpdateFailed(explained, collected.unfinished) from None
