"""Runs the Pulumi engine on one stack, by its command line and its event log.

Not by Pulumi's Automation API: its import costs half a second, and each operation starts the engine three times more
than it needs (docs/engine.md).

What the engine reports while it works arrives as `EngineStep`s; what went wrong as one `EngineError` made of
the engine's own diagnostics, without stack traces.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orgcal.engine.command import CommandResult, OnLine, run_engine
from orgcal.engine.find import Engine
from orgcal.errors import EngineError, StackLocked
from orgcal.settings import project_name
from orgcal.stack import local_backend
from orgcal.stack.engine_events import EngineStep, EventCollector, OnStep, UpdateResult, event_log
from orgcal.stack.engine_variables import platform_variables
from orgcal.stack.environment import StackEnvironment
from orgcal.stack.errors import explain
from orgcal.stack.outputs import DEPLOYED_FIELDS, DEPLOYED_VARIABLE, OUTPUT_NAME, StackOutputs
from orgcal.stack.state import StackState, UnfinishedOperation, without_creations

__all__ = ["CommandFailed", "EngineStep", "ExactEnvironment", "OnStep", "StackRunner", "UpdateFailed", "UpdateResult"]

_NOT_FOUND = re.compile(r"no stack named.*found")
_DEBUG_COMMANDS = {"PULUMI_DEBUG_COMMANDS": "true"}
"""Without it the engine knows no `--event-log`."""


class CommandFailed(Exception):
    """A command of the engine failed.

    Args:
        ended: what it printed, which may hold secrets and is never shown as it is.
    """

    def __init__(self, ended: CommandResult) -> None:
        super().__init__(f"the engine ended with exit code {ended.code}")
        self.transcript = f"code: {ended.code}\nstdout: {ended.out}\nstderr: {ended.err}"
        self.stack_missing = bool(_NOT_FOUND.search(ended.err))


class UpdateFailed(EngineError):
    """An operation of the engine failed; `unfinished` is what it had begun and did not end."""

    def __init__(self, cause: EngineError, unfinished: Sequence[UnfinishedOperation]) -> None:
        super().__init__(cause.what, where=cause.where, repair=cause.repair)
        self.exit_code = cause.exit_code
        self.unfinished = tuple(unfinished)


class ExactEnvironment:
    """Runs the engine with exactly the given variables, so that no shell for a real tenant reaches the emulator."""

    def __init__(self, engine: Engine) -> None:
        self._pulumi = engine.pulumi

    def run(
        self,
        words: Sequence[str],
        cwd: str | Path,
        environ: Mapping[str, str],
        on_output: OnLine | None = None,
        on_error: OnLine | None = None,
    ) -> str:
        """Run `pulumi words`; what it printed on standard output, which may hold secrets.

        Raises:
            CommandFailed: it did not end well.
        """
        ended = run_engine(self._pulumi, words, cwd=cwd, environ=environ, on_output=on_output, on_error=on_error)
        if ended.code:
            raise CommandFailed(ended)
        return ended.out


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
        self._engine_environ = environment.to_engine_environ(environ)
        self._secrets_provider = secrets_provider
        self._command = ExactEnvironment(engine)
        self._exists = False
        self._deployed = ""

    def select(self) -> None:
        """Makes sure that the stack exists in its backend."""
        if not self._exists:
            self.state()

    def preview(
        self, *, on_step: OnStep | None = None, targets: Sequence[str] = (), save_plan: Path | None = None
    ) -> UpdateResult:
        """What `up` would do; nothing is written, but the engine's plan where `save_plan` names a file."""
        kept = [] if save_plan is None else ["--save-plan", str(save_plan)]
        return self._operate(["preview", *kept], on_step, targets)

    def up(
        self,
        *,
        preview_first: bool,
        on_step: OnStep | None = None,
        targets: Sequence[str] = (),
        plan: Path | None = None,
    ) -> UpdateResult:
        """Brings the stack up to the program.

        Args:
            preview_first: preview before anything is written, as every protected stack needs.
            targets: URNs of the only resources to bring up, or patterns with `*` and `**`; all if empty.
            plan: as `preview` saved it; the engine refuses whatever is not in it, before anything is written.
        """
        if plan is not None:  # the engine's own preview is the one that it holds against the plan
            return self._operate(["up", "--yes", "--plan", str(plan)], on_step, targets, previews=1)
        if preview_first:
            self.preview(targets=targets)
        return self._operate(["up", "--yes", "--skip-preview"], on_step, targets)

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
        with tempfile.TemporaryDirectory(prefix="orgcal-import-") as folder:
            file = Path(folder, "import.json")
            file.write_text(
                json.dumps({"nameTable": dict(name_table), "resources": [dict(item) for item in resources]})
            )
            words = ["--file", str(file), f"--protect={str(protect).lower()}", "--generate-code=false"]
            self._operate(["import", "--yes", "--skip-preview", *words], None, (), events=False)

    def refresh(self, *, on_step: OnStep | None = None, targets: Sequence[str] = ()) -> UpdateResult:
        """Brings the state up to what the directory and the platform hold; `targets` as for `up`."""
        return self._operate(["refresh", "--skip-preview", "--yes"], on_step, targets)

    def destroy(self, *, preview_first: bool, on_step: OnStep | None = None) -> UpdateResult:
        """Removes everything that the stack made; its settings and its (empty) state stay."""
        if preview_first:
            self._operate(["destroy", "--preview-only"], None)
        return self._operate(["destroy", "--skip-preview", "--yes"], on_step)

    def remove(self) -> None:
        """Removes the (empty) state; the stack's file stays."""
        self.select()
        self._run("stack", "rm", "--yes", "--preserve-config", "--stack", self._stack_name)
        self._exists = False

    def stack_names(self) -> frozenset[str]:
        """Names of the stacks of this project that the backend keeps a state of."""
        listed = json.loads(self._run("stack", "ls", "--json"))
        return frozenset(str(stack["name"]).rsplit("/", 1)[-1] for stack in listed)

    def state_of(self, stack: str) -> StackState:
        """The state of another stack of this project, which needs no file and no passphrase here."""
        return StackState(json.loads(self._run("stack", "export", "--stack", stack)))

    def outputs(self) -> StackOutputs:
        """The stack's outputs, secret included; raises as `read_outputs` does."""
        return self.state(show_secrets=True).outputs(where=f"stack {self._stack_name}")

    def plain_outputs(self) -> dict[str, Any]:
        """The stack's outputs that are no secret, whatever program made them; secret ones are blanked."""
        return self._json("stack", "output", "--json")

    def state(self, *, show_secrets: bool = False) -> StackState:
        """The state as the backend keeps it; secrets encrypted, or, for this process alone, as they are."""
        kept = None if show_secrets else self._kept_in_a_file()
        if kept is None:
            kept = self._json("stack", "export", *(["--show-secrets"] if show_secrets else []))
        state = StackState(kept)
        self._exists = True
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
            with tempfile.TemporaryDirectory(prefix="orgcal-state-") as folder:
                file = Path(folder, "state.json")
                file.write_text(
                    json.dumps({name: changed[name] for name in ("version", "deployment")}), encoding="utf-8"
                )
                self._run("stack", "import", "--file", str(file), "--stack", self._stack_name)

    def release_dead_lock(self) -> bool:
        """Removes the lock of a backend in local files if the process that took it is dead; whether there was one."""
        return local_backend.release_dead_lock(self._backend_url, self._stack_name)

    def lock_holder(self) -> str:
        """Whose lock keeps updates of this stack waiting, in a few words; empty if none, or with a remote backend."""
        return local_backend.lock_holder(self._backend_url, self._stack_name)

    def _operate(
        self,
        words: Sequence[str],
        on_step: OnStep | None,
        targets: Sequence[str] = (),
        *,
        events: bool = True,
        previews: int = 0,
    ) -> UpdateResult:
        """Runs a command that starts plugins, and collects the engine's reports of it; `previews` it begins with."""
        if self._with_plugin is not None:
            self._environment = self._with_plugin()
            self._with_plugin = None
        known = self._environment.to_engine_environ(self._environ, self._platform_variables)
        self._engine_environ = {**known, **({DEPLOYED_VARIABLE: self._deployed} if self._deployed else {})}
        self.select()
        collected = EventCollector(on_step, previews=previews)
        chosen = [word for target in targets for word in ("--target", target)]
        shown = ["--color", "never", "--suppress-progress", "--exec-kind", "auto.local"] if events else []
        environ = {**self._engine_environ, **_DEBUG_COMMANDS}
        with _translated(self._stack_name, self._project, collected), event_log(collected) as log:
            told = ["--event-log", str(log)] if events else []
            every = [*words, *chosen, *shown, *told, "--stack", self._stack_name]
            self._command.run(every, self._project, environ)
        return collected.result

    def _kept_in_a_file(self) -> dict[str, Any] | None:
        """The state out of a backend in local files, which costs no start of the engine; None where it has to tell."""
        if not self._backend_url.startswith("file:///"):  # others are relative to whatever folder the engine runs in
            return None
        project = project_name(self._project)
        for stack in local_backend.local_stacks(self._backend_url):
            if (stack.project, stack.name) == (project, self._stack_name):
                try:
                    return stack.exported()
                except (OSError, ValueError):  # such as a file that is being written
                    return None
        return None

    def _json(self, *words: str) -> dict[str, Any]:
        """What a command of the engine prints as JSON; the stack is made only where there is none."""
        command = [*words, "--stack", self._stack_name]
        with _translated(self._stack_name, self._project):
            try:
                text = self._command.run(command, self._project, self._engine_environ)
            except CommandFailed as error:
                if not error.stack_missing:
                    raise
                provider = ["--secrets-provider", self._secrets_provider] if self._secrets_provider else []
                self._command.run(["stack", "init", self._stack_name, *provider], self._project, self._engine_environ)
                text = self._command.run(command, self._project, self._engine_environ)
        printed: dict[str, Any] = json.loads(text)
        return printed

    def _run(self, *words: str) -> str:
        with _translated(self._stack_name, self._project):
            return self._command.run(words, self._project, self._engine_environ)


@contextmanager
def _translated(stack: str, project: Path, collected: EventCollector | None = None) -> Iterator[None]:
    """Turns a failed command, which carries a whole transcript, into one sentence."""
    try:
        yield
    except CommandFailed as error:
        explained = explain(error.transcript, collected.errors if collected else [], stack=stack, project=project)
        if collected is None or isinstance(explained, StackLocked) or not collected.unfinished:
            raise explained from None
        raise UpdateFailed(explained, collected.unfinished) from None
