"""Patience with what was just written, and none with anything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from orgcal.errors import GraphError, Unreachable
from orgcal.patience import Clock
from orgcal.provider.azuread.directory import LAG_S, REFUSED_LAG_S, Directory

MINE = "00000000-0000-0000-0000-00000000000a"
OTHER = "00000000-0000-0000-0000-00000000000b"
GRANT = "X2VxZdPn0E6Xlc9WUcc3XX"
"""An assignment of an app role has an id of any letters."""


class Time:
    """A clock that moves when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class Graph:
    """A client whose answers are given by the test."""

    def __init__(self, answer: Callable[[str], dict[str, Any]]) -> None:
        self.answer = answer
        self.calls = 0

    def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        self.calls += 1
        return self.answer(path)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self.calls += 1
        return self.answer(path)


def new(answer: Callable[[str], dict[str, Any]]) -> tuple[Directory, Graph, Time]:
    time, graph = Time(), Graph(answer)
    clock = Clock(lambda: time.now, time.sleep)
    return Directory(graph, lambda: "caller", "client", clock), graph, time  # type: ignore[arg-type]


def failing(status: int, times: int, message: str = "") -> Callable[[str], dict[str, Any]]:
    left: Iterator[int] = iter(range(times))

    def answer(path: str) -> dict[str, Any]:
        if next(left, None) is None:
            return {"id": path}
        raise GraphError(f"Microsoft Graph answered {status}: {message}", status=status)

    return answer


@pytest.mark.parametrize("status", [403, 404, 409])
def test_get_own_new_object_is_waited_for(status: int) -> None:
    directory, graph, time = new(failing(status, 4))
    directory.remember(MINE)
    assert directory.get(f"/applications/{MINE}") == {"id": f"/applications/{MINE}"}
    assert graph.calls == 5
    assert len(set(time.waits)) > 1


@pytest.mark.parametrize("status", [403, 404, 409])
def test_get_foreign_object_is_believed_at_once(status: int) -> None:
    directory, graph, time = new(failing(status, 1))
    directory.remember(MINE)
    with pytest.raises(GraphError):
        directory.get(f"/applications/{OTHER}")
    assert graph.calls == 1
    assert time.waits == []


@pytest.mark.parametrize(("status", "bound_s"), [(404, LAG_S), (403, REFUSED_LAG_S), (409, REFUSED_LAG_S)])
def test_get_own_object_that_never_appears_fails_in_time(status: int, bound_s: float) -> None:
    directory, _, time = new(failing(status, 10_000))
    directory.remember(MINE)
    with pytest.raises(GraphError):
        directory.found(f"/applications/{MINE}") if status != 404 else directory.get(f"/applications/{MINE}")
    assert bound_s / 2 < time.now <= bound_s


def test_post_that_names_a_new_object_in_its_body_is_waited_for() -> None:
    directory, graph, _ = new(
        failing(400, 2, "The appId 'x' of the service principal does not reference a valid application object")
    )
    directory.remember(MINE)
    directory.post("/servicePrincipals", {"appId": MINE})
    assert graph.calls == 3


def test_get_bad_request_about_an_own_object_is_believed() -> None:
    directory, graph, _ = new(failing(400, 1, "Invalid value specified for property 'web'"))
    directory.remember(MINE)
    with pytest.raises(GraphError):
        directory.get(f"/applications/{MINE}")
    assert graph.calls == 1


def test_found_after_forget_is_none_without_waiting() -> None:
    directory, _, time = new(failing(404, 1))
    directory.remember(MINE)
    directory.forget(MINE)
    assert directory.found(f"/applications/{MINE}") is None
    assert time.waits == []


def test_found_part_of_an_own_new_object_is_believed_to_be_gone() -> None:
    directory, graph, _ = new(failing(404, 1))
    directory.remember(MINE)
    assert directory.found(f"/applications/{MINE}/federatedIdentityCredentials/{OTHER}") is None
    assert graph.calls == 1


@pytest.mark.parametrize(
    "path",
    [
        f"/applications/{MINE}/owners",
        f"/beta/applications/{MINE}",
        f"/servicePrincipals/{OTHER}/appRoleAssignedTo/{MINE}",
        f"/servicePrincipals/{OTHER}/appRoleAssignedTo/{GRANT}",
        f"/servicePrincipals/{OTHER}/appRoleAssignedTo/{GRANT}/",
    ],
)
def test_get_by_any_path_that_ends_in_a_new_object_is_patient(path: str) -> None:
    directory, graph, _ = new(failing(404, 2))
    directory.remember(MINE, GRANT)
    directory.get(path)
    assert graph.calls == 3


def test_until_wants_to_see_it_more_than_once() -> None:
    directory, _, _ = new(failing(404, 0))
    answers: Iterator[dict[str, str] | None] = iter([None, {"n": "1"}, None, {"n": "2"}, {"n": "3"}])
    assert directory.until(lambda: next(answers), "the thing") == {"n": "3"}


def test_until_never_seen_says_what_and_how_to_go_on() -> None:
    directory, _, time = new(failing(404, 0))
    with pytest.raises(Unreachable, match="the thing was created, but cannot be seen") as caught:
        directory.until(lambda: None, "the thing")
    assert "pulumi up" in caught.value.repair
    assert time.now <= LAG_S


def test_gone_waits_until_reading_finds_nothing() -> None:
    directory, _, time = new(failing(404, 0))
    answers: Iterator[object | None] = iter([1, 1, None])
    directory.gone(lambda: next(answers), "the thing")
    assert len(time.waits) == 2


def test_gone_other_error_is_not_taken_for_gone() -> None:
    directory, _, _ = new(failing(403, 1))
    with pytest.raises(GraphError):
        directory.gone(lambda: directory.shown(f"/applications/{MINE}"), "the thing")


def test_shown_part_of_an_own_new_object_that_is_gone_is_believed_at_once() -> None:
    directory, graph, time = new(failing(404, 1))
    directory.remember(MINE)
    assert directory.shown(f"/applications/{MINE}/federatedIdentityCredentials/{OTHER}") is None
    assert (graph.calls, time.waits) == (1, [])
