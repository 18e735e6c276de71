"""The client of Microsoft Graph: whole requests, what is repeated, pages, and whole errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.graph import GraphClient, checked_next_link, unless_refused
from orgcal.errors import GraphError, Unreachable
from orgcal.platforms.testing_server import FakeTime
from tests.scripted_graph import GivenTokens
from tests.support.answering_session import AnsweringSession, Sent, answer

GRAPH = "https://graph.example"
ENDPOINTS = CloudEndpoints("public", "https://login.example", GRAPH, "public")
Call = Callable[[GraphClient], Any]


def client_of(
    *answers: requests.Response | Exception, budget_s: float = 60.0
) -> tuple[GraphClient, list[Sent], FakeTime]:
    """A client whose Graph answers so, what that is sent, and the time that passes."""
    session, time = AnsweringSession(list(answers)), FakeTime()
    client = GraphClient(ENDPOINTS, GivenTokens(), session, budget_s=budget_s, clock=time.clock())
    return client, session.sent, time


def unreachable(what: str, where: str, repair: str = "") -> dict[str, Any]:
    return {"what": what, "where": where, "repair": repair, "retry_after_s": None}


# --- requests ---


@pytest.mark.parametrize(
    ("call", "sent", "found"),
    [
        (lambda client: client.get("/me"), ("GET", f"{GRAPH}/v1.0/me", {}, {}, None), {"a": 1}),
        (
            lambda client: client.get("/users", {"$select": "id,mail"}, {"ConsistencyLevel": "eventual"}),
            ("GET", f"{GRAPH}/v1.0/users", {"$select": ["id,mail"]}, {"ConsistencyLevel": "eventual"}, None),
            {"a": 1},
        ),
        (lambda client: client.get("/beta/me"), ("GET", f"{GRAPH}/beta/me", {}, {}, None), {"a": 1}),
        (lambda client: client.get("/v1.0/me"), ("GET", f"{GRAPH}/v1.0/me", {}, {}, None), {"a": 1}),
        (lambda client: client.get("/betas"), ("GET", f"{GRAPH}/v1.0/betas", {}, {}, None), {"a": 1}),
        (
            lambda client: client.post("/applications", {"displayName": "x"}),
            ("POST", f"{GRAPH}/v1.0/applications", {}, {"Content-Type": "application/json"}, {"displayName": "x"}),
            {"a": 1},
        ),
        (
            lambda client: client.post("/applications", {}),
            ("POST", f"{GRAPH}/v1.0/applications", {}, {"Content-Type": "application/json"}, {}),
            {"a": 1},
        ),
        (lambda client: client.post("/x/restore"), ("POST", f"{GRAPH}/v1.0/x/restore", {}, {}, None), {"a": 1}),
        (
            lambda client: client.patch("/applications/1", {"tags": []}),
            ("PATCH", f"{GRAPH}/v1.0/applications/1", {}, {"Content-Type": "application/json"}, {"tags": []}),
            {"a": 1},
        ),
        (
            lambda client: client.upload("/applications/1/logo", b"\x89PNG", "image/png"),
            ("PUT", f"{GRAPH}/v1.0/applications/1/logo", {}, {"Content-Type": "image/png"}, b"\x89PNG"),
            None,
        ),
        (lambda client: client.delete("/groups/1"), ("DELETE", f"{GRAPH}/v1.0/groups/1", {}, {}, None), None),
    ],
)  # fmt: skip
def test_request_is_sent_once_as_a_whole(call: Call, sent: tuple[Any, ...], found: Any) -> None:
    client, seen, _ = client_of(answer(200, {"a": 1}))

    assert call(client) == found
    method, url, query, headers, body = sent
    (request,) = seen
    assert (request.method, request.url, request.query, request.body) == (method, url, query, body)
    named = {"Authorization", "Accept", "Content-Type", "ConsistencyLevel"} & request.headers.keys()
    assert {name: request.headers[name] for name in named} == {
        "Authorization": "Bearer t1",
        "Accept": "application/json",
        **headers,
    }


@pytest.mark.parametrize(
    ("reply", "found"),
    [(answer(200, {"a": 1}), {"a": 1}), (answer(204, {"a": 1}), {}), (answer(200), {}), (answer(202, b""), {})],
)
def test_answer_without_a_body_is_an_empty_one(reply: requests.Response, found: dict[str, Any]) -> None:
    assert client_of(reply)[0].post("/applications", {}) == found


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (
            answer(200, b"please log in", {"Content-Type": "text/html"}),
            unreachable(
                "the answer is a web page where JSON was expected; something between here and the server answered",
                "GET /users",
                "check HTTPS_PROXY and NO_PROXY, or log in to the network you are in",
            ),
        ),
        (
            answer(203, b"please log in", {"Content-Type": "text/plain"}),
            unreachable("the answer is not JSON, or was cut off", "GET /users", "try again"),
        ),
        (answer(399, []), unreachable("the answer is a JSON list, not an object", "GET /users")),
    ],
)
def test_answer_that_is_no_object_is_explained_without_the_query(
    reply: requests.Response, told: dict[str, Any]
) -> None:
    with pytest.raises(Unreachable) as refused:
        client_of(reply)[0].get("/users?$filter=mail eq 'ada'")

    assert vars(refused.value) == told


# --- what is repeated ---


@pytest.mark.parametrize("status", [*(429, 503, 504), *(400, 401, 403, 404, 408, 409, 412, 500, 501, 502, 507, 599)])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "PUT", "DELETE"])
def test_refusal_is_repeated_only_where_that_can_do_no_harm(method: str, status: int) -> None:
    """Changes only where Graph says that it did nothing. Source: https://learn.microsoft.com/en-us/graph/errors."""
    refused = answer(status, {"error": {"code": "No", "message": "not now"}}, {"Retry-After": "7"})
    client, sent, time = client_of(refused, answer(200, {"a": 1}))
    calls: dict[str, Call] = {
        "GET": lambda client: client.get("/me"),
        "POST": lambda client: client.post("/me", {}),
        "PATCH": lambda client: client.patch("/me", {}),
        "PUT": lambda client: client.upload("/me", b"x", "image/png"),
        "DELETE": lambda client: client.delete("/me"),
    }
    again = status in {429, 503, 504} or (method == "GET" and status in {408, 500, 502, 507, 599})

    if again or status == 401:
        calls[method](client)
    else:
        with pytest.raises(GraphError) as caught:
            calls[method](client)
        assert (caught.value.status, caught.value.where) == (status, f"{method} /me")
        assert caught.value.what == f"Microsoft Graph answered {status} No: not now"
    assert len(sent) == (2 if again or status == 401 else 1)
    assert time.waits == ([7.0] if again else [])


@pytest.mark.parametrize(
    ("code", "method", "again"),
    [("", "GET", True), ("UnknownError", "GET", True), ("BadRequest", "GET", False), ("UnknownError", "POST", False)],
)
def test_bad_request_without_a_reason_is_repeated_for_reads(code: str, method: str, again: bool) -> None:
    client, sent, _ = client_of(answer(400, {"error": {"code": code}}), answer(200, {"a": 1}))

    found = unless_refused(lambda: client.get("/me") if method == "GET" else client.post("/me"), 400)

    assert (found, len(sent)) == (({"a": 1}, 2) if again else (None, 1))


def test_unknown_error_of_another_status_is_a_refusal() -> None:
    client, sent, _ = client_of(answer(404, {"error": {"code": "UnknownError"}}), answer(200, {}))

    with pytest.raises(GraphError):
        client.get("/me")
    assert len(sent) == 1


def test_refusal_that_goes_on_ends_with_the_budget() -> None:
    client, sent, time = client_of(answer(503, {}, {"Retry-After": "20"}), budget_s=50.0)

    with pytest.raises(GraphError, match="answered 503"):
        client.get("/me")
    assert (len(sent), time.waits) == (3, [20.0, 20.0])


def test_client_waits_two_minutes_in_all_unless_told_otherwise() -> None:
    session, time = AnsweringSession([answer(429, {}, {"Retry-After": "40"})]), FakeTime()
    client = GraphClient(ENDPOINTS, GivenTokens(), session, clock=time.clock())

    with pytest.raises(GraphError):
        client.get("/me")
    assert time.waits == [40.0, 40.0, 40.0]
    session.answers[:] = [answer(429, {}, {"Retry-After": "120.5"})]
    with pytest.raises(GraphError):
        client.get("/me")
    assert len(time.waits) == 3


def test_times_of_a_client_are_named() -> None:
    given: Any = (ENDPOINTS, GivenTokens(), AnsweringSession([answer(200, {})]), 5.0)

    with pytest.raises(TypeError):
        GraphClient(*given)


LOST = requests.ConnectionError("secret")
CHANGES: dict[str, Call] = {
    "POST": lambda client: client.post("/me", {}),
    "PATCH": lambda client: client.patch("/me", {}),
    "PUT": lambda client: client.upload("/me", b"x", "image/png"),
}


@pytest.mark.parametrize("method", CHANGES)
def test_change_after_a_lost_connection_is_not_repeated_but_explained(method: str) -> None:
    client, sent, time = client_of(LOST, answer(200, {}))

    with pytest.raises(Unreachable) as refused:
        CHANGES[method](client)

    what, repair = "Microsoft Graph cannot be reached (ConnectionError)", "check the network, then try again"
    assert vars(refused.value) == unreachable(what, f"{method} /me at {GRAPH}", repair)
    assert (len(sent), time.waits) == (1, [])


@pytest.mark.parametrize("call", [lambda client: client.get("/me"), lambda client: client.delete("/me")])
def test_read_or_deletion_after_a_lost_connection_is_repeated_within_the_budget(call: Call) -> None:
    client, sent, _ = client_of(LOST, requests.ReadTimeout("x"), answer(200, {}))
    call(client)
    assert len(sent) == 3

    client, sent, time = client_of(LOST, budget_s=3.0)
    with pytest.raises(Unreachable, match="cannot be reached"):
        call(client)
    assert sum(time.waits) == pytest.approx(3.0)
    assert len(sent) == len(time.waits) + 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_server_that_is_not_trusted_is_not_asked_again(method: str) -> None:
    client, sent, _ = client_of(requests.exceptions.SSLError("x"), answer(200, {}))

    with pytest.raises(Unreachable, match=r"cannot be reached \(SSLError\)"):
        client.get("/me") if method == "GET" else client.post("/me")
    assert len(sent) == 1


def test_refused_token_is_renewed_once_for_any_request() -> None:
    client, sent, _ = client_of(answer(401, {}), answer(401, {"error": {"code": "Invalid"}}))

    with pytest.raises(GraphError, match="answered 401 Invalid") as refused:
        client.post("/me", {})

    assert [each.headers["Authorization"] for each in sent] == ["Bearer t1", "Bearer t2"]
    assert refused.value.status == 401


def test_error_of_another_status_is_no_answer_of_unless_refused() -> None:
    client, _, _ = client_of(answer(404, {}))

    assert unless_refused(lambda: client.get("/me"), 403, 404) is None
    with pytest.raises(GraphError):
        unless_refused(lambda: client.get("/me"), 403)
    assert unless_refused(lambda: 5) == 5


# --- pages ---


def test_pages_are_followed_as_they_are_named_with_the_same_headers() -> None:
    second = f"{GRAPH}/v1.0/users?$skiptoken=a%2Fb"
    client, sent, _ = client_of(
        answer(200, {"value": [{"id": 1}, "no object", {"id": 2}], "@odata.nextLink": second}),
        answer(200, {"value": [], "@odata.nextLink": f"{second}c"}),
        answer(200, {"value": [{"id": 3}], "@odata.nextLink": ""}),
    )

    items = list(client.pages("/users", {"$top": "2"}, {"ConsistencyLevel": "eventual"}))

    assert items == [{"id": 1}, {"id": 2}, {"id": 3}]
    assert [(each.method, each.url, each.query) for each in sent] == [
        ("GET", f"{GRAPH}/v1.0/users", {"$top": ["2"]}),
        ("GET", f"{GRAPH}/v1.0/users", {"$skiptoken": ["a/b"]}),
        ("GET", f"{GRAPH}/v1.0/users", {"$skiptoken": ["a/bc"]}),
    ]
    assert {each.headers["ConsistencyLevel"] for each in sent} == {"eventual"}


def test_page_is_asked_for_only_when_the_one_before_is_used_up() -> None:
    client, sent, _ = client_of(answer(200, {"value": [{"id": 1}], "@odata.nextLink": f"{GRAPH}/v1.0/users?x"}))

    assert next(client.pages("/users")) == {"id": 1}
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        (answer(200, {"value": None}), "Microsoft Graph's answer has no list of values"),
        (answer(200, {"id": "x"}), "Microsoft Graph's answer has no list of values"),
        (
            answer(200, {"value": [], "@odata.nextLink": f"{GRAPH}/v1.0/users?x"}),
            "the pages of this collection lead in a circle",
        ),
    ],
)
def test_collection_without_values_or_end_is_explained(reply: requests.Response, what: str) -> None:
    client, sent, _ = client_of(reply)

    with pytest.raises(Unreachable) as refused:
        list(client.pages("/users"))

    assert vars(refused.value) == unreachable(what, "GET /users")
    assert len(sent) == (2 if "circle" in what else 1)


LEADS = "Microsoft Graph's next page leads to {}, not to https://graph.example:443; it was not followed, as the token "
FIND_OUT = "something between here and Microsoft Graph changes its answers; find out what"


@pytest.mark.parametrize(
    ("link", "there"),
    [
        ("https://evil.example/v1.0/users", "https://evil.example:443"),
        ("http://graph.example/v1.0/users", "http://graph.example:80"),
        ("https://graph.example:444/v1.0/users", "https://graph.example:444"),
        ("https://graph.example@evil.example/", "https://evil.example:443"),
        ("/v1.0/users", "no server"),
    ],
)
def test_next_page_of_another_server_is_not_followed(link: str, there: str) -> None:
    with pytest.raises(Unreachable) as refused:
        checked_next_link(ENDPOINTS, link, where="GET /users")

    what = f"{LEADS.format(there)}would have gone there"
    assert vars(refused.value) == unreachable(what, "GET /users", FIND_OUT)


@pytest.mark.parametrize("link", ["https://[::1/users", f"{GRAPH}/v1.0/users?\ud800"])
def test_next_page_that_has_no_address_is_not_followed(link: str) -> None:
    with pytest.raises(Unreachable) as refused:
        checked_next_link(ENDPOINTS, link, where="GET /users")

    assert vars(refused.value) == unreachable("Microsoft Graph's next page has no usable address", "GET /users")
    assert refused.value.__cause__ is None


def test_next_page_of_the_same_server_is_followed_as_it_is() -> None:
    for link in ("https://GRAPH.example:443/beta/users?x=%20", f"{GRAPH}/v1.0/users"):
        assert checked_next_link(ENDPOINTS, link, where="GET /users") == link
