"""`$batch` answers as its documentation says, through the same routes as single requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from orgcal_emulator.server import RunningEmulator

USER = "admin@contoso.example"


@pytest.fixture
def reader(log_in_to: Callable[..., Any]) -> Any:
    return log_in_to("contoso.example", "User.Read.All", "Calendars.Read")


def batch(reader: Any, *requests: dict[str, Any]) -> Any:
    return reader.post("$batch", {"requests": list(requests)})


def get(number: int | str, url: str, **more: Any) -> dict[str, Any]:
    return {"id": str(number), "method": "GET", "url": url, **more}


def test_batch_answers_each_request_as_if_it_came_alone(reader: Any, emulator: RunningEmulator) -> None:
    answer = batch(reader, get(1, f"/users/{USER}/calendars"), get(2, "users?$top=1"), get(3, "/devices"))
    assert answer.status_code == 200
    by_id = {each["id"]: each for each in answer.json()["responses"]}
    assert [by_id[number]["status"] for number in "123"] == [200, 200, 501]
    assert by_id["1"]["body"] == reader.get(f"users/{USER}/calendars").json()
    assert by_id["2"]["body"]["@odata.nextLink"].startswith(reader.base_url)
    assert by_id["1"]["headers"]["Content-Type"] == "application/json"
    outer = next(line["opens_batch"] for line in emulator.journal() if "opens_batch" in line)
    lines = [line for line in emulator.journal() if line.get("batch") == outer]
    assert [line["path"] for line in lines] == [
        f"/v1.0/users/{USER}/calendars",
        "/v1.0/users?$top=1",
        "/v1.0/devices",
    ]


def test_batch_writes_with_a_json_body(log_in_to: Callable[..., Any]) -> None:
    writer = log_in_to("isv.example", "Application.ReadWrite.All")
    headers = {"Content-Type": "application/json"}
    answer = batch(
        writer,
        {"id": "a", "method": "POST", "url": "/applications", "headers": headers, "body": {"displayName": "x"}},
        {"id": "b", "method": "POST", "url": "/applications", "headers": headers, "body": {"nope": 1}},
        {"id": "c", "method": "GET", "url": "/applications", "dependsOn": ["b"]},
        {"id": "d", "method": "GET", "url": "/applications", "dependsOn": ["c"]},
        {"id": "e", "method": "GET", "url": "/applications/$count", "headers": {"ConsistencyLevel": "eventual"},
         "dependsOn": ["a"]},
    )  # fmt: skip
    by_id = {each["id"]: each for each in answer.json()["responses"]}
    assert {name: each["status"] for name, each in by_id.items()} == {"a": 201, "b": 501, "c": 424, "d": 424, "e": 200}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"requests": []},
        {"requests": "x"},
        {"requests": [1]},
        {"requests": [{"id": "1", "method": "GET"}]},
        {"requests": [{"id": 1, "method": "GET", "url": "/users"}]},
        {"requests": [{"id": "1", "method": "TRACE", "url": "/users"}]},
        {"requests": [get("a", "/users"), get("A", "/users")]},
        {"requests": [get(n, "/users") for n in range(21)]},
        {"requests": [get(1, "/users", dependsOn=["2"]), get(2, "/users")]},
        {"requests": [get(1, "/users", headers="x")]},
        {"requests": [{"id": "1", "method": "POST", "url": "/applications", "body": {"displayName": "x"}}]},
    ],
)
def test_malformed_batch_answers_400_as_a_whole(reader: Any, body: dict[str, Any]) -> None:
    answer = reader.post("$batch", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "BadRequest"


@pytest.mark.parametrize("url", ["https://graph.microsoft.com/v1.0/users", "/v1.0/users", "//evil/users", "/$batch"])
def test_address_that_is_not_relative_answers_400_inside(reader: Any, url: str) -> None:
    answer = batch(reader, get(1, url))
    assert answer.json()["responses"][0]["status"] == 400


def test_too_many_requests_are_refused_in_graphs_words(reader: Any) -> None:
    answer = batch(reader, *(get(number, "/users") for number in range(21)))
    assert answer.json()["error"]["message"] == "Number of requests inside batch exceed the limit of 20."


def test_text_answers_stay_text(reader: Any) -> None:
    answer = batch(reader, get(1, "/users/$count", headers={"ConsistencyLevel": "eventual"}))
    assert answer.json()["responses"][0]["body"] == "57"


def test_batch_without_a_token_answers_401(reader: Any) -> None:
    address = f"{reader.base_url}/v1.0/$batch"
    assert reader.session.post(address, json={"requests": [get(1, "/users")]}).status_code == 401
