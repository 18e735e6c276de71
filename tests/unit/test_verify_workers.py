"""Runs on workers and with tokens of others: how many at once, what is closed, who asks, and who hears of a stop."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, Future
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from orgcal.errors import Unreachable
from orgcal.patience import Clock
from verify import access, runner
from verify.access import PatientTokens, PlatformTokens
from verify.context import RunContext
from verify.models import Connector, Options, SecretReference, Target
from verify.runner import run_on, verify_elsewhere

PLATFORM = SecretReference("platform", "key", {"kind": "local"})
OPTIONS = Options(Connector("public", "client", ("Calendars.Read",), PLATFORM), environ={"X": "y"})


class Idle(Executor):
    """Takes everything and does nothing."""

    def __init__(self) -> None:
        self.taken: list[Future[Any]] = []

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        self.taken.append(Future())
        return self.taken[-1]


def test_workers_never_have_more_than_two_organisations_each(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[int] = []

    def wait(running: dict[Future[Any], Any], **_: object) -> tuple[set[Any], set[Any]]:
        waited.append(len(running))
        return set(), set(running)

    monkeypatch.setattr(runner, "wait", wait)
    targets = [Target(f"t{number}") for number in range(20)]
    executor = Idle()

    list(run_on(executor, targets, replace(OPTIONS, stop=lambda: bool(waited)), workers=3))

    assert waited == [len(executor.taken)] == [6]


@pytest.mark.parametrize("broken", [False, True])
def test_worker_closes_what_it_opened_for_an_organisation(monkeypatch: pytest.MonkeyPatch, broken: bool) -> None:
    closed: list[RunContext] = []

    def close(context: RunContext) -> None:
        closed.append(context)
        context.pool.shutdown()
        context.session.close()

    def verify(target: Target, context: RunContext) -> list[Any]:
        if broken:
            raise ZeroDivisionError
        return []

    monkeypatch.setattr(RunContext, "close", close)
    monkeypatch.setattr(runner, "verify_organisation", verify)
    if broken:
        with pytest.raises(ZeroDivisionError):
            verify_elsewhere(Target("t"), OPTIONS)
    else:
        verify_elsewhere(Target("t"), OPTIONS)

    assert len(closed) == 1


def test_platform_is_asked_for_one_token_by_many_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    barrier = threading.Barrier(8)

    class Slow:
        capabilities = SimpleNamespace(tokens=True)

        def access_token(self, key: str, tenant_id: str) -> str:
            asked.append(tenant_id)
            return f"token-{len(asked)}"

    monkeypatch.setattr("orgcal.platforms.open_platform", lambda *_: Slow())
    tokens = PlatformTokens(PLATFORM, {}, "t")
    given: list[str] = []

    def call(refused: str) -> None:
        barrier.wait()
        given.append(tokens.renewed(refused))

    for refused in ("", "token-1"):
        threads = [threading.Thread(target=call, args=(refused,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert asked == ["t", "t"]
    assert given == ["token-1"] * 8 + ["token-2"] * 8
    assert tokens.token() == "token-2"
    assert len(asked) == 2


class Busy:
    """Tokens of an Entra ID that asks to wait for a minute."""

    def __init__(self) -> None:
        self.asked = 0

    def token(self) -> str:
        self.asked += 1
        raise Unreachable("busy", retry_after_s=60.0)

    def renewed(self, refused: str) -> str:
        return self.token()


def test_run_that_is_stopped_while_it_waits_for_entra_waits_no_longer() -> None:
    slept: list[float] = []
    busy = Busy()
    tokens = PatientTokens(busy, 900.0, lambda: len(slept) >= 2, Clock(sleep=slept.append))

    with pytest.raises(Unreachable):
        tokens.token()

    assert sum(slept) <= 1.0
    assert busy.asked < access.TOKEN_ATTEMPTS
