"""Verification on other processes: the same results, no secret on the way, no organisation lost."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from orgcal.errors import UsageError
from orgcal.stack.outputs import StackOutputs
from tests.support.deployed_connector import CONTOSO
from tests.support.verification import TARGETS
from verify import Options, SecretReference, Summary, exit_code, run_on
from verify.runner import for_workers


def test_run_on_other_processes_gives_the_same_results(options: Options, consent: Callable[[str, str], None]) -> None:
    consent(CONTOSO, "admin@contoso.example")
    assert isinstance(options.connector.credential, SecretReference)

    summary = Summary()
    with ProcessPoolExecutor(2) as executor:
        for result in run_on(executor, TARGETS, options, workers=2):
            summary.add(result)

    assert exit_code(summary) == 0
    assert summary.organisations[CONTOSO].users == 57


def test_options_for_workers_hold_no_secret_and_a_part_of_the_rate(
    options: Options, outputs: StackOutputs, emulator_environ: Mapping[str, str]
) -> None:
    environ = {**emulator_environ, "ARM_CLIENT_SECRET": "operator-secret-value"}

    travelling = for_workers(replace(options, environ=environ), 4)

    assert outputs.client_secret is not None
    sent = pickle.dumps(travelling)
    assert outputs.client_secret.get_secret_value().encode() not in sent
    assert b"operator-secret-value" not in sent
    assert travelling.pace.cap == 16


def test_options_whose_secret_only_this_process_knows_cannot_travel(options: Options) -> None:
    given = replace(options.connector, credential=SecretReference("given", "stack"))
    with pytest.raises(UsageError, match="known to this process only"):
        for_workers(replace(options, connector=given), 2)


class Lossy(Executor):
    """Loses the worker of each organisation's first try."""

    def __init__(self) -> None:
        self.tries: list[str] = []

    def submit(self, task: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        target = arguments[0]
        self.tries.append(target.tenant_id)
        if self.tries.count(target.tenant_id) == 1:
            future.set_exception(RuntimeError("the worker is lost"))
        else:
            future.set_result(task(*arguments))
        return future


def test_organisation_whose_worker_is_lost_is_run_once_more(
    options: Options, consent: Callable[[str, str], None]
) -> None:
    consent(CONTOSO, "admin@contoso.example")
    executor = Lossy()

    results = list(run_on(executor, TARGETS[:1], options, workers=1))

    assert executor.tries == [CONTOSO, CONTOSO]
    assert [result.check for result in results if result.tenant_id] == [
        "tenant",
        "token",
        "roles",
        "users",
        "calendars",
    ]
