"""Opens a stack of a project for one command: whatever belongs to it is found when it is first needed.

Imports that take long are made where they are needed: `orgcal env` and `orgcal tenants` have to start at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from orgcal.entra.clouds import CloudEndpoints
from orgcal.errors import EngineError, OrgcalError, UsageError
from orgcal.settings import (
    AlertSettings,
    CoreSettings,
    HealthSettings,
    HistorySettings,
    Settings,
    load_stack_file,
    read_core_settings,
    read_credential,
    read_health,
    read_settings,
    stack_file,
)
from orgcal.settings.logo import read_logo
from orgcal.stack.environment import StackEnvironment, original_environment, stack_environment
from orgcal.stack.local_backend import remove_empty_sidecars
from orgcal.stack.passphrase import ensure_passphrase
from orgcal.stack.project import find_project, refuse_other_version

if TYPE_CHECKING:
    from orgcal.engine.find import Engine
    from orgcal.engine.plugins import AzureadPlugin
    from orgcal.entra.graph import GraphClient
    from orgcal.platforms import Platform
    from orgcal.stack.outputs import StackOutputs
    from orgcal.stack.runner import StackRunner
    from orgcal.stack.state import StackState
    from orgcal.tenants.registry import Registry

_GRAPH_BUDGET_S = 60.0
"""What throttling may cost a command in all."""


class OpenStack:
    """A stack, and what belongs to it; a context manager, as it holds connections.

    Nothing is looked for before it is needed: only `engine`, `runner` and `outputs` need a Pulumi engine, only commands
    that run the program or a plugin the azuread plugin. What does not change while a command runs is found once.

    Args:
        name: of a stack with a `Pulumi.<name>.yaml`.
        environ: the process environment; what `orgcal env` changed in it is taken back first.
        project: its folder; as `find_project` finds it unless given.
    """

    def __init__(self, name: str, environ: Mapping[str, str], *, project: Path | None = None) -> None:
        self.name = name
        self.shell_environ = original_environment(environ)
        self.project_dir = project or find_project(environ)
        self._reading: Future[StackOutputs] | None = None

    def __enter__(self) -> OpenStack:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the registry's connections, if it was opened, and wait for what still runs."""
        registry: Registry | None = self.__dict__.pop("registry", None)
        if registry is not None:
            registry.close()
        if self._reading is not None:
            self._reading.exception()

    @property
    def where(self) -> str:
        """The stack as errors name it."""
        return f"stack {self.name}"

    @property
    def file(self) -> Path:
        """Its settings, `Pulumi.<name>.yaml`."""
        return stack_file(self.project_dir, self.name)

    @cached_property
    def settings(self) -> Settings:
        """All its settings; raises `ConfigError` where any of them is wrong."""
        return read_settings(self.project_dir, self.name)

    @cached_property
    def core(self) -> CoreSettings:
        """Where it lives and whether it is protected, whatever else is wrong in its settings."""
        return read_core_settings(self.project_dir, self.name)

    @cached_property
    def _health(self) -> HealthSettings:
        return read_health(self.project_dir, self.name)

    @property
    def history(self) -> HistorySettings:
        """The section `orgcal:history`, whatever is wrong in others."""
        return self._health.history

    @property
    def alerts(self) -> AlertSettings:
        """The section `orgcal:alerts`, whatever is wrong in others."""
        return self._health.alerts

    def read_logo(self) -> bytes:
        """The application's picture as its settings name it; empty where they name none or cannot be read.

        Raises:
            ConfigError: they name a file that is no such picture.
        """
        try:
            name = self.settings.application.logo
        except OrgcalError:  # told by whatever deploys; pages without a picture are better than none
            return b""
        return read_logo(self.project_dir / name) if name else b""

    # --- where it lives ---

    @cached_property
    def environment(self) -> StackEnvironment:
        """What the stack needs in an environment, besides the engine and its plugins on PATH."""
        return stack_environment(self.project_dir, self.name, self.shell_environ)

    @cached_property
    def environ(self) -> dict[str, str]:
        """The environment that the stack lives in, for our own calls."""
        return self.environment.to_environ(self.shell_environ)

    @property
    def stack_dir(self) -> Path:
        """The directory that belongs to this stack alone."""
        return self.environment.stack_dir

    @property
    def cloud(self) -> str:
        """The stack's cloud, such as `public`."""
        return self.core.entra.cloud

    @property
    def endpoints(self) -> CloudEndpoints:
        """Addresses of the stack's cloud; raises `UsageError` where the stack's emulator does not run."""
        return self.environment.running_endpoints()

    @contextmanager
    def home_graph(self) -> Iterator[GraphClient]:
        """Microsoft Graph of the stack's home tenant, as the operator.

        Raises:
            UsageError: no home tenant is named, a login variable cannot be used, or the emulator does not run.
        """
        from orgcal.entra.graph import GraphClient
        from orgcal.entra.operator import operator_tokens
        from orgcal.entra.session import new_session

        endpoints = self.endpoints
        home = endpoints.home_tenant_id(self.core.entra.tenant_id)
        if not home:
            raise UsageError(
                "the stack names no home tenant",
                where="orgcal:entra.tenant_id",
                repair=f"pulumi config set --stack {self.name} --path orgcal:entra.tenant_id YOUR-TENANT-ID",
            )
        with new_session(endpoints, environ=self.environ) as session:
            tokens = operator_tokens(endpoints, self.environ, home, session)
            yield GraphClient(endpoints, tokens, session, budget_s=_GRAPH_BUDGET_S)

    def platform(self) -> Platform:
        """The integration platform that the stack's settings name; raises as `open_platform` does."""
        from orgcal.platforms import open_platform

        return open_platform(self.settings.platform(), self.environ)

    # --- customer organisations ---

    @cached_property
    def registry(self) -> Registry:
        """The registry of customer organisations, made or migrated if need be; raises as `Registry` does."""
        from orgcal.tenants.registry import open_stack_registry  # sqlalchemy is slow to import

        return open_stack_registry(self.stack_dir, self.core.project, self.name, self.shell_environ)

    @property
    def has_registry(self) -> bool:
        """Whether there is a registry already, or one is named."""
        from orgcal.tenants.registry import FILE_NAME, URL_VARIABLE

        return bool(self.shell_environ.get(URL_VARIABLE)) or (self.stack_dir / FILE_NAME).exists()

    # --- the engine ---

    @cached_property
    def engine(self) -> Engine:
        """The Pulumi engine, made if need be; a new stack's passphrase is made before it."""
        self._ensure_passphrase()
        return self._find_engine()

    def _ensure_passphrase(self) -> None:
        ensure_passphrase(self.project_dir, self.name, self.stack_dir, self.shell_environ)

    def _find_engine(self) -> Engine:
        from orgcal.engine.find import find_engine

        refuse_other_version(self.project_dir)
        remove_empty_sidecars(self.environment.backend_url, self.name)
        return find_engine(self.shell_environ)

    @cached_property
    def plugin(self) -> AzureadPlugin:
        """The azuread plugin of the stack, installed first if need be; raises as `choose_azuread` does."""
        from orgcal.engine.plugins import choose_azuread

        return choose_azuread(
            self.engine,
            stack_dir=self.stack_dir,
            cloud=self.cloud,
            environ=self.shell_environ,
        )

    def choose_plugin(self, tell: Callable[[str], object] = lambda _: None) -> None:
        """Find engine and azuread plugin now rather than in the middle of the work; tell which plugin, and why."""
        tell(self.plugin.line)

    def engine_environment(self, *, plugin: bool) -> StackEnvironment:
        """The stack's environment with the engine on PATH, and with the azuread plugin where that is to be started."""
        standin = self.plugin.path_dir if plugin else None
        # The language host runs the `python3` that it finds first.
        path = (*([standin] if standin else []), self.project_dir / ".venv" / "bin", self.engine.bin_dir)
        return replace(self.environment, path_first=path)

    def shell_environment(self, warn: Callable[[OrgcalError], object]) -> StackEnvironment:
        """What a shell needs for `pulumi` typed by hand; the engine is on PATH whatever else is missing.

        Args:
            warn: is told what is missing, with its repair.

        Raises:
            UsageError: there is no such stack, or a variable asks for what does not exist.
            EngineError: there is no engine and none can be made.
        """
        try:
            self._ensure_passphrase()
        except UsageError as error:
            warn(error)
        self.engine = self._find_engine()
        if self.cloud != "emulator":  # there is only the real plugin, which the engine finds or installs by itself
            environment = self.engine_environment(plugin=False)
            if self.engine.source == "path":  # a shell for a real tenant keeps the order of its own tools
                environment = replace(environment, path_first=environment.path_first[:-1])
            return environment
        try:
            return self.engine_environment(plugin=True)
        except EngineError as error:
            warn(error)
            return self.engine_environment(plugin=False)

    @cached_property
    def runner(self) -> StackRunner:
        """Runs the engine on this stack."""
        from orgcal.stack.runner import StackRunner

        return StackRunner(
            self.engine,
            self.engine_environment(plugin=False),
            self.shell_environ,
            with_plugin=lambda: self.engine_environment(plugin=True),
            # A copy's file names the key service that is to encrypt its state.
            secrets_provider=load_stack_file(self.project_dir, self.name).values.get("secretsprovider"),
        )

    @cached_property
    def outputs(self) -> StackOutputs:
        """The stack's outputs, secret included, as of the last update.

        Raises:
            UsageError: the stack has not been deployed yet.
            EngineError: the engine refused.
        """
        if self._reading is None:
            return self._read_outputs(self.engine, self._engine_environ)
        return self._reading.result()

    def outputs_without_secret(self, state: StackState) -> StackOutputs:
        """The outputs in a state that was read without its secrets; raises `UsageError` as `outputs`."""
        return self._with_orders(state.outputs(where=self.where))

    def forget_outputs(self) -> None:
        """Let `outputs` be read anew, as an update may have changed them."""
        self.__dict__.pop("outputs", None)
        self._reading = None

    def begin_reading_outputs(self) -> None:
        """Let the engine read the outputs, which takes it half a second, while the caller prepares the rest."""
        if self._reading is not None or "outputs" in self.__dict__:
            return
        # Found here: in the thread it would only fight for the interpreter.
        engine, environ = self.engine, self._engine_environ
        pool = ThreadPoolExecutor(1)
        self._reading = pool.submit(self._read_outputs, engine, environ)
        pool.shutdown(wait=False)

    @property
    def _engine_environ(self) -> dict[str, str]:
        return self.engine_environment(plugin=False).to_engine_environ(self.shell_environ)

    def _read_outputs(self, engine: Engine, environ: Mapping[str, str]) -> StackOutputs:
        """The outputs; where the engine refuses, the runner says why, or makes the stack."""
        from orgcal.engine.command import run_engine
        from orgcal.stack.state import StackState

        # The whole state, as the ledger's word counts for what was revoked.
        words = ["stack", "export", "--show-secrets", "--stack", self.name]
        ended = run_engine(engine.pulumi, words, cwd=self.project_dir, environ=environ)
        if ended.code:
            return self._with_orders(self.runner.outputs())
        return self._with_orders(StackState(json.loads(ended.out)).outputs(where=self.where))

    def _with_orders(self, outputs: StackOutputs) -> StackOutputs:
        """The outputs, with what the stack's file names as revoked and the ledger does not know yet."""
        try:
            ordered = set(read_credential(self.project_dir, self.name).revoked)
        except OrgcalError:  # told by whatever needs the settings
            return outputs
        alive = {item.generation for item in outputs.credentials}
        return outputs.model_copy(update={"revoked": tuple(sorted({*outputs.revoked, *(ordered & alive)}))})

    def deployed_application_id(self) -> str:
        """Object id of the application in the stack's state; empty where none is known.

        Nothing is made for it: without an engine, a backend that answers or a deployment there is none to know.
        """
        from orgcal.engine.command import run_engine
        from orgcal.engine.find import look_for_engine
        from orgcal.stack.state import StackState

        engine = look_for_engine(self.shell_environ)
        if isinstance(engine, str):
            return ""
        words = ["stack", "export", "--stack", self.name]
        environ = self.environment.to_engine_environ(self.shell_environ)
        ended = run_engine(engine.pulumi, words, cwd=self.project_dir, environ=environ)
        known = StackState(json.loads(ended.out)).application_ids if ended.code == 0 else frozenset()
        return next(iter(known)) if len(known) == 1 else ""
