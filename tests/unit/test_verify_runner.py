"""Many organisations on any executor: a worker that is lost, refuses or is left behind is one organisation's result."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orgcal.errors import UsageError
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from tests.support.registry import new_database
from verify.command import _check, _Source
from verify.models import CheckResult, Connector, Options, SecretReference, Target, Verdict
from verify.organisation import verify_organisation
from verify.runner import _settled

OPTIONS = Options(Connector("public", "client", ("Calendars.Read",), SecretReference("platform", "key")))
TARGETS = [Target(f"t{number}", f"Org {number}") for number in range(5)]

Submit = Callable[[Target], "Future[list[CheckResult]]"]


def settled(submit: Submit, options: Options = OPTIONS, *, abandon: bool = False, again: bool = True) -> list[str]:
    """Results as `organisation verdict`."""
    found = _settled(TARGETS, options, submit, at_once=3, abandon=abandon, again=again)
    return [f"{result.organisation} {result.verdict.value}" for result in found]


def good(target: Target) -> Future[list[CheckResult]]:
    future: Future[list[CheckResult]] = Future()
    future.set_result([CheckResult("token", Verdict.PASS, "fine", "", target.tenant_id, target.organisation)])
    return future


def lost(target: Target) -> Future[list[CheckResult]]:
    future: Future[list[CheckResult]] = Future()
    future.set_exception(RuntimeError("lost"))
    return future


def test_organisation_that_no_worker_takes_is_an_error_and_the_others_go_on() -> None:
    def submit(target: Target) -> Future[list[CheckResult]]:
        if target is TARGETS[1]:
            raise RuntimeError("the pool is broken")
        return good(target)

    assert sorted(settled(submit)) == ["Org 0 pass", "Org 1 error", "Org 2 pass", "Org 3 pass", "Org 4 pass"]


@pytest.mark.parametrize(("again", "tries"), [(True, 2), (False, 1)])
def test_organisation_whose_workers_are_always_lost_is_tried_once_more_at_most(again: bool, tries: int) -> None:
    submitted: list[str] = []

    def submit(target: Target) -> Future[list[CheckResult]]:
        submitted.append(target.tenant_id)
        return lost(target) if target is TARGETS[0] else good(target)

    assert "Org 0 error" in settled(submit, again=again)
    assert submitted.count("t0") == tries


def test_run_that_is_stopped_does_not_wait_for_workers_who_cannot_hear() -> None:
    stopped: list[int] = []
    taken: list[Future[list[CheckResult]]] = []

    def submit(target: Target) -> Future[list[CheckResult]]:
        if target is TARGETS[0]:
            return good(target)
        stopped.append(1)
        taken.append(Future())
        return taken[-1]

    found = settled(submit, replace(OPTIONS, stop=lambda: bool(stopped)), abandon=True)

    assert found == ["Org 0 pass", "Org 1 error"]
    assert taken[0].cancelled()


class Unread:
    """Iterates over targets and notes how far."""

    def __init__(self) -> None:
        self.taken = 0

    def __iter__(self) -> Iterator[Target]:
        for target in TARGETS:
            self.taken += 1
            yield target


def test_organisations_are_read_from_their_source_as_workers_become_free() -> None:
    source = Unread()
    results = _settled(source, OPTIONS, good, at_once=2)
    next(results)

    assert source.taken == 2
    results.close()


def test_source_names_each_organisation_once_and_refuses_what_is_no_tenant() -> None:
    source = _Source(OPTIONS, TARGETS)

    named = list(source.targets(["Org 1", "t1", "contoso.example"]))

    assert [(target.tenant_id, target.named) for target in named] == [("t1", True), ("contoso.example", True)]
    with pytest.raises(UsageError, match=r"did you mean 'Org 3'\?"):
        source.targets(["Orgg 3"])
    with pytest.raises(UsageError, match="neither a tenant id nor a domain"):
        source.targets(["../common"])


def test_command_through_a_platform_that_nobody_knows_is_refused() -> None:
    given = replace(OPTIONS, connector=replace(OPTIONS.connector, credential=SecretReference("file", "/no/secret")))
    with pytest.raises(UsageError, match="--through-platform"):
        _check(given, through_platform=True, elsewhere=False)
    with pytest.raises(UsageError, match="cannot be read"):
        _check(given, through_platform=False, elsewhere=False)
    _check(given, through_platform=False, elsewhere=True)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """Contoso consented, Fabrikam is invited, Tailspin was removed."""
    now = datetime(2026, 11, 23, tzinfo=UTC)
    registry = Registry(new_database(tmp_path), connector="orgcal/dev", operator="ada", now=lambda: now)
    for number, name in ((2, "Contoso"), (3, "Fabrikam"), (4, "Tailspin")):
        registry.add(_tenant_id(number), name, domain=f"{name.lower()}.example")
    registry.set_state(_tenant_id(2), State.CONSENTED)
    registry.remove(_tenant_id(4), reason="over")
    yield registry
    registry.close()


def _tenant_id(digit: int) -> str:
    return re.sub("x", str(digit), "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")


def test_source_of_a_registry_marks_the_invited_unless_they_are_named(registry: Registry) -> None:
    source = _Source(OPTIONS, (), registry)

    everybody = [(target.organisation, target.invited, target.named) for target in source.targets(())]
    named = [(target.organisation, target.named) for target in source.targets(["fabrikam.example", "Fabrikam"])]

    assert everybody == [("Contoso", False, False), ("Fabrikam", True, False)]
    assert named == [("Fabrikam", True)]


def test_organisation_that_is_invited_is_skipped_with_the_command_that_helps() -> None:
    shared: Any = SimpleNamespace(options=OPTIONS)

    skipped = verify_organisation(Target("t", "Wide World Importers", invited=True), shared)

    assert [(result.verdict, result.repair) for result in skipped] == [
        (Verdict.SKIP, "orgcal consent link 'Wide World Importers'")
    ]
