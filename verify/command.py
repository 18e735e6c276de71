"""`python -m verify` and `orgcal verify`: what is typed becomes targets and options, results become reports."""

from __future__ import annotations

import difflib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orgcal.errors import UsageError
from verify.baseline import baseline_of, remember
from verify.models import Options, Pace, Target
from verify.summary import Summary, exit_code

if TYPE_CHECKING:
    from orgcal.tenants.registry import Registry
    from verify.report import Reports

PROBES = frozenset({"events"})


def verify(
    tenant: Annotated[
        list[str] | None, typer.Option("--tenant", help="Only this organisation.", metavar="TENANT")
    ] = None,
    stack: Annotated[
        str | None,
        typer.Option(
            "--stack", "-s", help="Stack that deployed the connector; else ORGCAL_STACK, else dev.", metavar="STACK"
        ),
    ] = None,
    connector_config: Annotated[
        Path | None, typer.Option(help="YAML or JSON file that describes the connector instead of a stack.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Organisations that have not consented yet fail.")] = False,
    sample: Annotated[
        int, typer.Option(help="Read so many users of each organisation; 0 reads all.", metavar="USERS", min=0)
    ] = 0,
    seed: Annotated[int, typer.Option(help="Chooses the sample.", metavar="NUMBER")] = 0,
    probe: Annotated[list[str] | None, typer.Option(help="Optional check.", metavar="events")] = None,
    through_platform: Annotated[
        bool, typer.Option("--through-platform", help="Use the access token that the platform hands out.")
    ] = False,
    concurrency: Annotated[
        int, typer.Option(help="Batches in flight, fixed; 0 adapts.", metavar="NUMBER", min=0, max=256)
    ] = 0,
    budget: Annotated[
        float, typer.Option(help="Seconds that throttling may cost each organisation.", metavar="SECONDS", min=0)
    ] = 900.0,
    at_once: Annotated[
        int, typer.Option(help="Organisations verified at the same time.", metavar="NUMBER", min=1, max=64)
    ] = 16,
    dask: Annotated[
        str, typer.Option(help="Address of a Dask scheduler whose workers verify.", metavar="tcp://HOST:PORT")
    ] = "",
    show_users: Annotated[bool, typer.Option("--show-users", help="Name users in the details.")] = False,
    accept: Annotated[bool, typer.Option("--accept", help="Later runs are compared with what is read now.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only what is not well.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
    jsonl: Annotated[Path | None, typer.Option(help="Write details, a line for each user, as they come.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit report.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a report as one HTML file.")] = None,
) -> None:
    """Prove for every organisation that the connector can read its users and calendars."""
    unknown = set(probe or ()) - PROBES
    if unknown:
        raise UsageError(f"there is no probe {min(unknown)!r}", where="--probe", repair="--probe events")
    stopping = threading.Event()
    with ExitStack() as closing:
        source = closing.enter_context(_source(stack, connector_config))
        _check(source.options, through_platform=through_platform, elsewhere=bool(dask))
        if accept and source.registry is None:
            raise UsageError("only a stack has a registry to write it down in", where="--accept", repair="--stack NAME")
        targets = source.targets(tenant or ())
        from verify.report import Reports

        reports = closing.enter_context(
            Reports.of(quiet=quiet, as_json=as_json, jsonl=jsonl, junit=junit, html=html, show_users=show_users)
        )
        options = replace(
            source.options,
            strict=strict,
            sample=sample,
            seed=seed,
            probes=frozenset(probe or ()),
            through_platform=through_platform,
            show_users=show_users,
            organisations_at_once=at_once,
            pace=Pace(fixed=concurrency, budget_s=budget),
            listener=reports,
            stop=stopping.is_set,
        )
        summary = _run(targets, options, reports, stopping, dask, source.registry)
        if summary.complete and source.registry is not None:
            from verify.recording import record

            record(source.registry, summary, keep=source.keep)
            remember(source.registry, summary, accepted=accept)
    if code := exit_code(summary):
        raise typer.Exit(code)


def _check(options: Options, *, through_platform: bool, elsewhere: bool) -> None:
    """Refuse what cannot work before anybody waits for it.

    Raises:
        UsageError: there is no platform to go through, or the credential is not where it should be.
    """
    credential = options.connector.credential
    if through_platform and credential.kind != "platform":
        raise UsageError(
            "no platform is known to go through",
            where="--through-platform",
            repair="start from a stack, or name `platform` and `connector_key` in the connector config file",
        )
    if credential.kind in ("file", "environment") and not elsewhere:  # workers have files and variables of their own
        from verify.credentials import find_credential

        find_credential(options)


def _run(
    targets: Iterator[Target],
    options: Options,
    reports: Reports,
    stopping: threading.Event,
    dask: str,
    registry: Registry | None,
) -> Summary:
    """Run, and write every report whatever happens; after Ctrl-C with what is known so far."""
    from verify.run_description import describe
    from verify.runner import run, run_on

    about = describe(options)
    summary, began = Summary(run=about), time.perf_counter()
    reports.begin(about)
    with _interruptible(stopping), ExitStack() as closing:
        if dask:
            from verify.dask import dask_executor

            executor, workers = closing.enter_context(dask_executor(dask))
            results = run_on(executor, targets, options, workers=workers, again=False)
        else:
            results = run(targets, options)
        closing.callback(results.close)
        for result in results:
            summary.add(result)
            reports.result(result)
    summary.complete = not stopping.is_set()
    summary.duration_s = time.perf_counter() - began
    if registry is not None:
        from verify.recording import note_since

        note_since(registry, summary)
    reports.end(summary)
    return summary


@contextmanager
def _interruptible(stopping: threading.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask the run to end; a second Ctrl-C ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: object) -> None:  # noqa: ARG001  # signal's signature
        if stopping.is_set():
            os._exit(130)
        stopping.set()
        sys.stderr.write("\nending; what is known so far is reported. Ctrl-C again ends at once.\n")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True)
class _Source:
    """Where connector and organisations come from.

    Attributes:
        options: connector, environment and credentials; nothing else.
        described: organisations that the source itself names.
        keep: how long the registry's history is kept.
    """

    options: Options
    described: Sequence[Target]
    registry: Registry | None = None
    keep: timedelta = timedelta()

    def targets(self, named: Sequence[str]) -> Iterator[Target]:
        """The organisations to verify: those `named`, each once, or all that are known.

        Raises:
            UsageError: a name is neither known nor a tenant id or domain.
        """
        if not named:
            return self._all()
        return iter({target.tenant_id.lower(): target for target in map(self._named, named)}.values())

    def _all(self) -> Iterator[Target]:
        yield from self.described
        if self.registry is not None:
            from verify.recording import registered_targets

            yield from registered_targets(self.registry)

    def _named(self, name: str) -> Target:
        for target in self.described:
            if name.lower() in (target.tenant_id.lower(), target.organisation.lower()):
                return Target(target.tenant_id, target.organisation, named=True)
        known = self.registry.get(name) if self.registry is not None else None
        if self.registry is not None and known is not None:
            from orgcal.tenants.scope import MailboxScope

            baseline, scope = baseline_of(self.registry, known.tenant_id), MailboxScope.of(known, self.registry.now())
            return Target(known.tenant_id, known.label, named=True, baseline=baseline, scope=scope)
        from orgcal.entra.tenant_ids import is_domain, is_guid

        if not is_guid(name) and not is_domain(name):
            known_names = [target.organisation or target.tenant_id for target in self._all()]
            near = difflib.get_close_matches(name, known_names, 1)
            raise UsageError(
                f"no organisation is called {name!r}, and it is neither a tenant id nor a domain",
                where="--tenant",
                repair=f"did you mean {near[0]!r}?" if near else "name one that is known, a tenant id or a domain",
            )
        return Target(name, named=True)


@contextmanager
def _source(stack: str | None, connector_config: Path | None) -> Iterator[_Source]:
    """What the command line names, a file or a stack; else what variables describe; else stack `dev`."""
    from verify import sources

    if connector_config is not None and stack is not None:
        raise UsageError("a stack and a file both describe the connector", where="--stack, --connector-config")
    if connector_config is not None or (stack is None and os.environ.get(sources.CLIENT_ID)):
        described = sources.from_file(connector_config) if connector_config else sources.from_variables(os.environ)
        yield _Source(Options(described[0], environ=dict(os.environ)), described[1])
    else:
        from orgcal.stack.known_credentials import note_credentials
        from orgcal.stack.open_stack import OpenStack

        with OpenStack(stack or os.environ.get("ORGCAL_STACK") or "dev", os.environ) as opened:
            opened.environment.running_endpoints()
            connector, given = sources.from_outputs(opened.outputs)
            note_credentials(opened.registry, opened.outputs)
            options = Options(connector, environ=opened.environ, given_credential=given)
            yield _Source(options, (), opened.registry, opened.history.keep_time)
