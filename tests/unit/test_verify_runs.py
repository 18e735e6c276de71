"""Runs of many organisations: what is given to whom, in which order results come, and what ends with the run."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from orgcal.errors import UsageError
from verify import runner
from verify.dask import dask_executor
from verify.models import CheckResult, Connector, Options, SecretReference, Target, Verdict, never, utc_now
from verify.runner import _settled, for_workers, run, run_on, verify_elsewhere

CONNECTOR = Connector("public", "client", ("Calendars.Read",), SecretReference("platform", "key"))
OPTIONS = Options(CONNECTOR, environ={"NO_PROXY": "given"}, organisations_at_once=2)
TARGETS = [Target(f"t{number}", f"Org {number}") for number in range(5)]
DEPLOYMENT = CheckResult("expiry", Verdict.PASS, "lasts")


def result(target: Target) -> CheckResult:
    return CheckResult("token", Verdict.PASS, "fine", "", target.tenant_id, target.organisation)


class Contexts:
    """Stands in for the contexts of runs: each that was made, and whether it was closed."""

    def __init__(self) -> None:
        self.made: list[Options] = []
        self.closed = 0

    def __call__(self, options: Options) -> Any:
        self.made.append(options)

        def close() -> None:
            self.closed += 1

        return SimpleNamespace(options=options, close=close)


@pytest.fixture
def contexts(monkeypatch: pytest.MonkeyPatch) -> Contexts:
    found = Contexts()
    monkeypatch.setattr(runner, "RunContext", found)
    monkeypatch.setattr(runner, "check_deployment", lambda context: iter([DEPLOYMENT]))
    monkeypatch.setattr(runner, "verify_organisation", lambda target, context: [result(target)])
    return found


def test_run_tells_the_connectors_checks_first_and_each_organisation_once(contexts: Contexts) -> None:
    found = list(run(iter(TARGETS), OPTIONS))

    assert found[0] == DEPLOYMENT
    assert sorted(found[1:], key=lambda each: each.tenant_id) == [result(target) for target in TARGETS]
    assert contexts.closed == 1
    [given] = contexts.made
    assert replace(given, stop=never) == replace(OPTIONS, stop=never)
    assert not given.stop()


def test_run_has_as_many_organisations_at_once_as_the_options_say(
    contexts: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2)
    taken: list[Target] = []

    def verify(target: Target, context: Any) -> list[CheckResult]:
        both.wait(10)
        return [result(target)]

    def targets() -> Iterator[Target]:
        for target in TARGETS[:4]:
            taken.append(target)
            yield target

    monkeypatch.setattr(runner, "verify_organisation", verify)
    results = run(targets(), OPTIONS)
    assert next(results) == DEPLOYMENT
    next(results)

    assert len(taken) == 2
    assert len(list(results)) == 3


def test_run_that_somebody_leaves_stops_what_is_being_read(contexts: Contexts) -> None:
    results = run(iter(TARGETS), OPTIONS)
    for _ in range(2):
        next(results)
    [given] = contexts.made
    assert not given.stop()

    results.close()

    assert given.stop()
    assert contexts.closed == 1


def test_run_that_its_caller_stops_takes_no_further_organisation(contexts: Contexts) -> None:
    stopped = [False]
    options = replace(OPTIONS, stop=lambda: stopped[0], organisations_at_once=1)
    results = run(iter(TARGETS), options)
    assert [next(results), next(results)] == [DEPLOYMENT, result(TARGETS[0])]

    stopped[0] = True

    assert list(results) == []
    assert contexts.made[0].stop()


class Elsewhere:
    """An executor that does everything at once, here."""

    def __init__(self) -> None:
        self.given: list[tuple[Any, ...]] = []

    def submit(self, *given: Any) -> Future[Any]:
        self.given.append(given)
        future: Future[Any] = Future()
        future.set_result([result(given[1])])
        return future


def test_run_elsewhere_checks_the_connector_here_and_sends_what_may_travel(contexts: Contexts) -> None:
    executor: Any = Elsewhere()

    found = list(run_on(executor, TARGETS, OPTIONS, workers=2))

    travelling = for_workers(OPTIONS, 2)
    assert found[0] == DEPLOYMENT
    assert sorted(found[1:], key=lambda each: each.tenant_id) == [result(target) for target in TARGETS]
    assert (contexts.made, contexts.closed) == ([OPTIONS], 1)
    assert executor.given == [(verify_elsewhere, target, travelling) for target in TARGETS]
    assert (travelling.stop, travelling.now) == (never, utc_now)


@pytest.mark.parametrize(("again", "tries"), [({}, 2), ({"again": True}, 2), ({"again": False}, 1)])
def test_organisation_of_a_lost_worker_is_sent_again_unless_the_executor_does_so(
    contexts: Contexts, again: dict[str, bool], tries: int
) -> None:
    executor: Any = Elsewhere()

    def submit(*given: Any) -> Future[Any]:
        executor.given.append(given)
        future: Future[Any] = Future()
        future.set_exception(RuntimeError("lost"))
        return future

    executor.submit = submit

    found = list(run_on(executor, TARGETS[:1], OPTIONS, workers=1, **again))

    assert [each.verdict for each in found[1:]] == [Verdict.ERROR]
    assert len(executor.given) == tries


def test_worker_uses_its_own_variables_and_those_that_travelled(
    contexts: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "of the worker")
    monkeypatch.setenv("ORGCAL_OF_THE_WORKER", "yes")

    assert verify_elsewhere(TARGETS[0], OPTIONS) == [result(TARGETS[0])]

    [given] = contexts.made
    assert (given.environ["NO_PROXY"], given.environ["ORGCAL_OF_THE_WORKER"]) == ("given", "yes")
    assert contexts.closed == 1


def failing(error: BaseException) -> Callable[[Target], Future[list[CheckResult]]]:
    def submit(target: Target) -> Future[list[CheckResult]]:
        future: Future[list[CheckResult]] = Future()
        future.set_exception(error)
        return future

    return submit


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (UsageError("wrong"), "wrong"),
        (KeyError("hush"), "internal error, KeyError"),
        (SystemExit(3), "internal error, RuntimeError"),
    ],
)
def test_worker_that_breaks_is_its_organisations_error(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, sentence: str
) -> None:
    monkeypatch.delenv("ORGCAL_DEBUG", raising=False)

    found = list(_settled(TARGETS[:2], OPTIONS, failing(error), at_once=1))

    assert [(each.tenant_id, each.check, each.sentence) for each in found] == [
        ("t0", "calendars", sentence),
        ("t1", "calendars", sentence),
    ]


def test_lost_worker_of_a_stopped_run_is_not_replaced() -> None:
    tries: list[Target] = []

    def submit(target: Target) -> Future[list[CheckResult]]:
        tries.append(target)
        return failing(RuntimeError("lost"))(target)

    found = list(_settled(TARGETS, replace(OPTIONS, stop=lambda: bool(tries)), submit, at_once=1))

    assert (len(tries), [each.verdict for each in found]) == (1, [Verdict.ERROR])


def test_stopped_run_waits_for_those_who_can_hear() -> None:
    taken: list[Future[list[CheckResult]]] = []

    def submit(target: Target) -> Future[list[CheckResult]]:
        taken.append(Future())
        return taken[-1]

    def stop() -> bool:
        if len(taken) == 2 and not taken[0].done():
            for future, target in zip(taken, TARGETS, strict=False):
                future.set_result([result(target)])
        return len(taken) == 2

    found = list(_settled(TARGETS, replace(OPTIONS, stop=stop), submit, at_once=3))

    assert sorted(each.tenant_id for each in found) == ["t0", "t1"]


# --- a Dask cluster ---


class Scheduler:
    """A cluster with so many workers."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.asked: list[Any] = []

    def __call__(self, address: str, **options: Any) -> Scheduler:
        self.asked.append((address, options))
        return self

    def __enter__(self) -> Scheduler:
        return self

    def __exit__(self, *_: object) -> None:
        self.asked.append("closed")

    def scheduler_info(self) -> dict[str, Any]:
        return {"workers": {str(number): {} for number in range(self.workers)}}

    def get_executor(self, **options: Any) -> Scheduler:
        self.asked.append(options)
        return self


def test_cluster_is_an_executor_that_repeats_nothing_and_takes_equal_tasks_for_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scheduler = Scheduler(1)
    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(Client=scheduler))

    with dask_executor("tcp://s:1") as (executor, workers):
        opened: Any = executor
        assert opened is scheduler
        assert workers == 1

    connected = ("tcp://s:1", {"timeout": "10s", "set_as_default": False})
    assert scheduler.asked == [connected, {"retries": 0, "pure": False}, "closed", "closed"]


def refused_by(address: str) -> UsageError:
    with pytest.raises(UsageError) as refused, dask_executor(address):
        pytest.fail("it was opened")
    return refused.value


def test_cluster_that_cannot_be_used_is_told_with_the_command_that_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(Client=Scheduler(0)))
    empty = refused_by("tcp://s:1")
    told = []
    for error in (OSError("hush"), ValueError("hush")):
        client = SimpleNamespace(Client=lambda *_, error=error, **__: (_ for _ in ()).throw(error))
        monkeypatch.setitem(sys.modules, "distributed", client)
        told.append(str(refused_by("tcp://s:1")))
    monkeypatch.setitem(sys.modules, "distributed", None)
    missing = refused_by("tcp://s:1")

    assert str(empty) == "--dask tcp://s:1: the cluster has no workers\n  repair: dask worker tcp://s:1"
    assert told == [
        f"--dask tcp://s:1: there is no Dask scheduler ({name})\n  repair: dask scheduler"
        for name in ("OSError", "ValueError")
    ]
    assert str(missing) == "--dask: the package `distributed` is not installed\n  repair: pip install 'orgcal[dask]'"
