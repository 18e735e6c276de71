"""A resource that exists is never lost, whatever fails after its creation; errors carry a name and a request id."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from orgcal.errors import GraphError, OrgcalError, Unreachable
from orgcal.patience import Clock
from orgcal.provider._sdk import UNKNOWN, Call, Incomplete, Secret, State
from orgcal.provider.azuread.application import Application
from orgcal.provider.azuread.certificate import ApplicationCertificate
from orgcal.provider.azuread.connection import Connection
from orgcal.provider.azuread.directory import Directory
from orgcal.provider.azuread.fields import DEFAULTS
from orgcal.provider.azuread.password import ApplicationPassword
from tests.support.standin_graph import AnsweredConnection, AnsweredGraph, chance_that_ends_after

APP = "00000000-0000-0000-0000-00000000000a"
KEY = "00000000-0000-0000-0000-00000000000b"
CALL = Call("thing", lambda severity, text: None)

Answer = Callable[[str, str], dict[str, Any]]


class Graph:
    """A client whose answers are given by the test."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        return self.answer("GET", path)

    def pages(self, path: str, params: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
        return iter(())

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self.answer("POST", path)

    def patch(self, path: str, body: Mapping[str, Any]) -> None:
        self.answer("PATCH", path)

    def delete(self, path: str) -> None:
        self.answer("DELETE", path)

    def url_of(self, path: str) -> str:
        return path


class Fixed(Connection):
    """A connection to a directory whose answers are given by the test."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        now = [0.0]

        def sleep(seconds: float) -> None:
            now[0] += seconds

        clock = Clock(lambda: now[0], sleep)
        self.fixed = Directory(Graph(answer), lambda: KEY, "client", clock)  # type: ignore[arg-type]

    @property
    def directory(self) -> Directory:
        return self.fixed


def refuse(status: int) -> GraphError:
    return GraphError(
        f"Microsoft Graph answered {status} Some_Code: words", status=status, request_id="r1", where="GET /applications"
    )


@pytest.mark.parametrize("failing", ["DELETE", "GET"])
def test_create_that_fails_after_the_object_exists_keeps_it(failing: str) -> None:
    def answer(method: str, path: str) -> dict[str, Any]:
        if method == failing:
            raise refuse(500)
        return {"id": APP, "appId": KEY, "displayName": "x", "signInAudience": "AzureADMyOrg"}

    kind = Application(Fixed(answer))
    with pytest.raises(Incomplete, match=r"Application 'thing': Microsoft Graph answered 500") as caught:
        kind.create(CALL, kind.check(CALL, {"displayName": "x"}, {}))
    assert caught.value.made.resource_id == f"/applications/{APP}"
    assert caught.value.made.outputs["clientId"] == KEY
    assert "request id r1" in str(caught.value)


def test_create_password_that_never_appears_keeps_its_value() -> None:
    def answer(method: str, path: str) -> dict[str, Any]:
        return {"keyId": KEY, "secretText": "the value"} if method == "POST" else {"id": APP}

    kind = ApplicationPassword(Fixed(answer))
    with pytest.raises(Incomplete, match="cannot be seen after") as caught:
        kind.create(CALL, kind.check(CALL, {"applicationId": f"/applications/{APP}"}, {}))
    assert caught.value.made.outputs["value"] == "the value"
    assert "the value" not in str(caught.value)


def test_create_that_is_refused_leaves_nothing_to_keep() -> None:
    def answer(method: str, path: str) -> dict[str, Any]:
        raise refuse(403)

    kind = Application(Fixed(answer))
    with pytest.raises(OrgcalError) as caught:
        kind.create(CALL, kind.check(CALL, {"displayName": "x"}, {}))
    assert not isinstance(caught.value, Incomplete)
    assert str(caught.value) == (
        "Application 'thing': Microsoft Graph answered 403 Some_Code: words (GET /applications, request id r1)"
    )


@pytest.mark.parametrize("error", [refuse(500), refuse(403), Unreachable("no network")])
def test_read_that_fails_is_never_taken_for_a_deletion(error: OrgcalError) -> None:
    def answer(method: str, path: str) -> dict[str, Any]:
        raise error

    with pytest.raises(OrgcalError, match="Application 'thing'"):
        Application(Fixed(answer)).read(CALL, f"/applications/{APP}", State({}, {"displayName": "x"}))


def test_update_of_what_is_gone_says_to_refresh() -> None:
    def answer(method: str, path: str) -> dict[str, Any]:
        return {"id": APP}

    kind = ApplicationPassword(Fixed(answer))
    with pytest.raises(OrgcalError, match="it is gone") as caught:
        kind.update(CALL, f"{APP}/password/{KEY}", State({}, {"value": "v"}), {})
    assert caught.value.repair == "pulumi refresh"


@pytest.mark.parametrize(("stale", "shown"), [(0, "y"), (3, "y"), (10**6, "x")])
def test_update_waits_until_reads_show_what_was_written(stale: int, shown: str) -> None:
    """A replica that lags would leave what was there before in the state; after a while its word is taken."""
    reads: list[str] = []

    def answer(method: str, path: str) -> dict[str, Any]:
        if method == "GET" and reads.append(path) is None and len(reads) > stale:  # type: ignore[func-returns-value]
            return {"id": APP, "appId": KEY, "displayName": "y", "signInAudience": "AzureADMyOrg"}
        return {"id": APP, "appId": KEY, "displayName": "x", "signInAudience": "AzureADMyOrg"}

    kind = Application(Fixed(answer))
    before, news = (kind.check(CALL, {"displayName": name}, {}) for name in ("x", "y"))

    outputs = kind.update(CALL, f"/applications/{APP}", State(before, {"displayName": "x", "objectId": APP}), news)

    assert outputs["displayName"] == shown
    assert len(reads) > min(stale, 3)


def test_secret_input_makes_the_output_of_that_name_secret() -> None:
    def answer(method: str, path: str) -> dict[str, Any]:
        return {"id": APP, "keyCredentials": [{"keyId": KEY, "type": "AsymmetricX509Cert"}]}

    kind = ApplicationCertificate(Fixed(answer))
    old = State({"type": Secret("AsymmetricX509Cert"), "value": Secret("PEM")}, {"keyId": KEY, "value": Secret("PEM")})
    found = kind.read(CALL, f"{APP}/certificate/{KEY}", old)
    assert found is not None
    assert found.outputs["type"] == Secret("AsymmetricX509Cert")
    assert found.outputs["value"] == Secret("PEM")
    assert found.inputs["value"] == Secret("PEM")
    assert found.outputs["keyId"] == KEY


def test_plan_of_a_new_resource_leaves_to_the_server_what_it_fills_in() -> None:
    kind = ApplicationPassword(Fixed(lambda method, path: {}))
    planned = kind.plan(CALL, kind.check(CALL, {"applicationId": UNKNOWN}, {}), None)
    assert planned["displayName"] is UNKNOWN
    assert planned["endDate"] is UNKNOWN
    assert planned[DEFAULTS] is None


def test_plan_of_an_update_keeps_what_the_change_does_not_touch() -> None:
    kind = Application(Fixed(lambda method, path: {}))
    news = kind.check(CALL, {"displayName": "y"}, {})
    planned = kind.plan(
        CALL, news, State({}, {"tags": ["a"], "clientId": KEY, "notes": "gone soon", "description": ""})
    )
    assert planned["tags"] == ["a"]
    assert planned["clientId"] == KEY
    assert planned["description"] == ""
    assert "notes" not in planned


def test_update_takes_the_word_of_reads_after_twenty_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "random", lambda: chance_that_ends_after(20.0))
    before = {"id": APP, "appId": KEY, "displayName": "x", "signInAudience": "AzureADMyOrg"}
    graph = AnsweredGraph({f"GET /applications/{APP}": before, f"GET /beta/applications/{APP}": {}})
    connection = AnsweredConnection(graph)
    kind = Application(connection)
    old, news = (kind.check(CALL, {"displayName": name}, {}) for name in ("x", "y"))
    kind.update(CALL, f"/applications/{APP}", State(old, {"displayName": "x", "objectId": APP}), news)

    assert 18.0 < sum(connection.waits) <= 20.0
