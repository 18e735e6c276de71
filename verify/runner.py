"""Verifies many organisations: one unit of work each, on any `concurrent.futures.Executor`."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import replace

from orgcal.errors import UsageError
from verify.agreement import check_deployment
from verify.context import RunContext
from verify.models import CheckResult, Options, Target, never, utc_now
from verify.organisation import interrupted, unforeseen, verify_organisation

TRAVELS = frozenset({"ORGCAL_EMULATOR_FILE", "HTTPS_PROXY", "NO_PROXY", "https_proxy", "no_proxy"})
"""Variables that workers need and that hold no secret."""

STOP_HEARD_S = 0.5
"""Seconds after which a run that waits for workers asks whether it was stopped."""


def run(targets: Iterable[Target], options: Options) -> Generator[CheckResult, None, None]:
    """Verify organisations, and the connector itself where `options.connector.outputs` is known.

    Results arrive as they are known: those of one organisation together, organisations in the order in which they end.
    Whatever goes wrong with an organisation is a result of its own and leaves the others alone.

    Args:
        targets: read as needed, so it may be a generator.

    Raises:
        UsageError: the connector's cloud cannot be found.
    """
    stopping = threading.Event()
    asked = options.stop
    options = replace(options, stop=lambda: stopping.is_set() or asked())
    with closing(RunContext(options)) as context:
        yield from check_deployment(context)
        pool = ThreadPoolExecutor(options.organisations_at_once, thread_name_prefix="organisation")
        try:
            yield from _settled(
                targets,
                options,
                lambda target: pool.submit(verify_organisation, target, context),
                at_once=options.organisations_at_once,
            )
        except BaseException:
            # The caller went away, or Ctrl-C: what is being read ends early. It is not waited for, since the garbage
            # collector may be the one who closes a forgotten iterator, in any thread, one of those included.
            stopping.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()


def run_on(
    executor: Executor, targets: Iterable[Target], options: Options, *, workers: int, again: bool = True
) -> Generator[CheckResult, None, None]:
    """As `run`, on the workers of an executor that may be other processes or other machines.

    A worker reads the secret itself, from where `options.connector.credential` says. The rate is divided among the
    workers. An organisation whose worker is lost is run once more, and counted once.

    Args:
        executor: of processes, or `dask.distributed.Client.get_executor()`.
        workers: how many share the rate.
        again: submit an organisation once more whose worker was lost; not for executors that do so themselves.

    Raises:
        UsageError: the connector's cloud cannot be found, or its secret is not where another process can read it.
    """
    travelling = for_workers(options, workers)
    with closing(RunContext(options)) as context:
        yield from check_deployment(context)
    yield from _settled(
        targets,
        options,
        lambda target: executor.submit(verify_elsewhere, target, travelling),
        at_once=2 * workers,
        abandon=True,
        again=again,
    )


def for_workers(options: Options, workers: int) -> Options:
    """`options` as they may travel: without any secret, and with a worker's part of the rate.

    Arguments of tasks appear in logs and dashboards, so the stack's outputs (they hold the secret), credentials and the
    environment stay here; a worker has an environment of its own.

    Raises:
        UsageError: the credential is known to this process only.
    """
    connector = options.connector
    if connector.credential.kind == "given":
        raise UsageError(
            "the credential is known to this process only, and workers would have to be sent it",
            where="connector.credential",
            repair="name a platform, a file or a variable that the workers can read",
        )
    fallback = None if connector.fallback and connector.fallback.kind == "given" else connector.fallback
    cap = max(4, options.pace.cap // workers)
    return replace(
        options,
        connector=replace(connector, outputs=None, fallback=fallback),
        environ={name: value for name, value in options.environ.items() if name in TRAVELS},
        listener=None,
        given_credential=None,
        stop=never,
        now=utc_now,
        pace=replace(options.pace, cap=cap, start=min(options.pace.start, cap)),
        organisations_at_once=1,
    )


def verify_elsewhere(target: Target, options: Options) -> list[CheckResult]:
    """One organisation, in a process of its own."""
    with closing(RunContext(replace(options, environ={**os.environ, **options.environ}))) as context:
        return verify_organisation(target, context)


def _settled(
    targets: Iterable[Target],
    options: Options,
    submit: Callable[[Target], Future[list[CheckResult]]],
    *,
    at_once: int,
    abandon: bool = False,
    again: bool = True,
) -> Generator[CheckResult, None, None]:
    """Results of `targets`, never more than `at_once` of them submitted.

    Args:
        options: tell when to stop.
        submit: hands one to a worker.
        at_once: how many may be with workers.
        abandon: workers do not hear that the run was stopped, so what they have then is left to them.
        again: submit once more what a worker was lost with.
    """
    most_tries = 2 if again else 1
    waiting = iter(targets)
    running: dict[Future[list[CheckResult]], tuple[Target, int]] = {}
    exhausted = False
    while True:
        while not exhausted and len(running) < at_once and not options.stop():
            target = next(waiting, None)
            if target is None:
                exhausted = True
                break
            running[_submitted(submit, target)] = (target, 1)
        if not running:
            return
        done, _ = wait(running, timeout=STOP_HEARD_S, return_when=FIRST_COMPLETED)
        for future in done:
            target, tries = running.pop(future)
            error = future.exception()
            if error is None:
                yield from future.result()
            elif tries < most_tries and not options.stop():
                running[_submitted(submit, target)] = (target, tries + 1)  # a lost worker
            else:
                yield unforeseen(target, error if isinstance(error, Exception) else RuntimeError("worker ended"))
        if abandon and options.stop():
            for future, (target, _) in running.items():
                future.cancel()
                yield interrupted(target)
            return


def _submitted(submit: Callable[[Target], Future[list[CheckResult]]], target: Target) -> Future[list[CheckResult]]:
    """The future of `target`; an executor that takes no more work is that target's result, not the end of the run."""
    try:
        return submit(target)
    except Exception as error:  # noqa: BLE001  # whatever an executor raises; told in the result
        refused: Future[list[CheckResult]] = Future()
        refused.set_exception(error)
        return refused
