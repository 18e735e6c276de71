"""Pages of users without a network: which requests leave, how long is waited, and what ends a listing."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from requests.structures import CaseInsensitiveDict

from orgcal.entra.clouds import CloudEndpoints
from orgcal.errors import GraphError, Unreachable
from orgcal.platforms.testing_server import FakeTime
from tests.scripted_graph import GivenTokens
from verify.concurrency import THROTTLED, UNANSWERED, Gate
from verify.listing import Stopped, UserPages
from verify.models import Pace

GRAPH = "https://graph.example"
FIRST = f"{GRAPH}/v1.0/users?$select=id&$top=999"
COUNT = f"{GRAPH}/v1.0/users/$count"
ENDPOINTS = CloudEndpoints("public", "https://login.example", GRAPH, "public")
JSON = "application/json"


def answer(body: Any, status: int = 200, content_type: str = JSON, **headers: str) -> requests.Response:
    """An answer of Graph; bytes are sent as they are, and names of headers with blanks for their dashes."""
    made = requests.Response()
    made.status_code = status
    made._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    made.headers = CaseInsensitiveDict({"Content-Type": content_type, **named})
    return made


def page(*users: str, link: str = "", **headers: Any) -> requests.Response:
    body: dict[str, Any] = {"value": [{"id": user} for user in users]}
    return answer({**body, "@odata.nextLink": link} if link else body, **headers)


def refused(status: int, code: str = "x", **headers: str) -> requests.Response:
    return answer({"error": {"code": code, "message": "no"}}, status, **headers)


@dataclass
class Listed:
    """A listing whose Graph answers from a table by address, one answer after the other; the last one stays."""

    answers: Mapping[str, list[Any]]
    with_names: bool = False
    pace: Pace = field(default_factory=lambda: Pace(budget_s=1000.0, attempts=3, first_pause_s=1.0))
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    throttles: int = 0
    stopped: bool = False

    def __post_init__(self) -> None:
        self.time = FakeTime(now_s=50.0)
        self.gate = Gate(self.pace.budget_s, lambda: self.stopped, self.time.clock())
        self.tokens = GivenTokens()
        session: Any = self
        self.users = UserPages(
            ENDPOINTS, self.tokens, session, self.gate, self.with_names, self.pace, throttled=self._throttled
        )

    def _throttled(self) -> None:
        self.throttles += 1

    def get(self, url: str, headers: dict[str, str]) -> requests.Response:
        self.asked.append((url, headers))
        answers = self.answers[url]
        found: requests.Response | Exception = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(found, Exception):
            raise found
        return found

    def addresses(self) -> list[str]:
        return [url for url, _ in self.asked]

    def pages(self) -> list[list[tuple[str, str]]]:
        return list(self.users)


def link(number: int) -> str:
    return f"{GRAPH}/v1.0/users?$skiptoken={number}"


@pytest.fixture(autouse=True)
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pause is shorter by chance: each is twice the one before."""
    monkeypatch.setattr("orgcal.patience.random.random", lambda: 1.0)


def test_pages_are_listed_one_after_the_other_with_the_token_and_at_low_priority() -> None:
    found = Listed({FIRST: [page("a", "b", link=link(2), request_id="r1")], link(2): [page("c", request_id="r" * 65)]})

    assert found.pages() == [[("a", ""), ("b", "")], [("c", "")]]

    headers = {"Authorization": "Bearer t1", "x-ms-throttle-priority": "Low"}
    assert found.asked == [(FIRST, headers), (link(2), headers)]
    users = found.users
    assert (users.complete, users.requests, users.repeated, users.relisted) == (True, 2, 0, 0)
    assert (users.request_id, found.throttles, found.gate.waited_s) == ("r" * 63 + "\u2026", 0, 0.0)


def test_names_are_asked_for_and_shortened_where_somebody_wants_them() -> None:
    named = [{"id": "a", "userPrincipalName": "x" * 400}, {"id": "b", "userPrincipalName": None}, {"id": "c"}]
    first = FIRST.replace("$select=id", "$select=id,userPrincipalName")
    found = Listed({first: [answer({"value": named})]}, with_names=True)

    assert found.pages() == [[("a", "x" * 299 + "\u2026"), ("b", ""), ("c", "")]]


def test_listing_that_broke_off_is_not_complete() -> None:
    found = Listed({FIRST: [page("a", link=link(2))], link(2): [refused(403)]})

    with pytest.raises(GraphError) as error:
        found.pages()

    assert (error.value.status, error.value.code, error.value.where) == (403, "x", "GET /users")
    assert not found.users.complete


@pytest.mark.parametrize(
    ("first", "requests_sent", "throttles"),
    [
        (refused(429, Retry_After="7"), 2, 1),
        (refused(503, Retry_After="7"), 2, 0),
        (requests.exceptions.ConnectionError(), 2, 0),
    ],
)
def test_page_that_is_refused_for_now_is_asked_for_again_after_the_wait(
    first: requests.Response | Exception, requests_sent: int, throttles: int
) -> None:
    found = Listed({FIRST: [first, page("a")]})

    assert found.pages() == [[("a", "")]]

    assert (found.users.requests, found.throttles) == (requests_sent, throttles)
    assert found.gate.waited_s == (7.0 if isinstance(first, requests.Response) else 1.0)
    assert found.addresses() == [FIRST] * requests_sent


def test_pauses_between_tries_grow_where_nobody_names_them() -> None:
    found = Listed({FIRST: [requests.exceptions.Timeout(), refused(502), page("a")]})

    found.pages()

    assert found.gate.waited_s == 3.0


@pytest.mark.parametrize(
    ("error", "requests_sent", "what"),
    [
        (requests.exceptions.ConnectionError("hush"), 3, "Microsoft Graph cannot be reached (ConnectionError)"),
        (requests.exceptions.SSLError("hush"), 1, "Microsoft Graph cannot be reached (SSLError)"),
    ],
)
def test_graph_that_cannot_be_reached_is_given_up_after_its_tries(
    error: Exception, requests_sent: int, what: str
) -> None:
    found = Listed({FIRST: [error]})

    with pytest.raises(Unreachable) as lost:
        found.pages()

    assert (lost.value.what, lost.value.where, len(found.asked)) == (what, "GET /users", requests_sent)


@pytest.mark.parametrize(
    ("first", "requests_sent"), [(refused(429), 3), (refused(503), 3), (refused(401), 2), (refused(403), 1)]
)
def test_page_that_stays_refused_is_tried_as_often_as_its_row_says(
    first: requests.Response, requests_sent: int
) -> None:
    found = Listed({FIRST: [first]})

    with pytest.raises(GraphError) as error:
        found.pages()

    assert (error.value.status, len(found.asked)) == (first.status_code, requests_sent)


def test_refused_token_is_renewed_once_without_a_pause() -> None:
    found = Listed({FIRST: [refused(401), page("a", link=link(2))], link(2): [refused(401), page("b")]})

    assert found.pages() == [[("a", "")], [("b", "")]]

    tokens = [headers["Authorization"] for _, headers in found.asked]
    assert tokens == ["Bearer t1", "Bearer t2", "Bearer t2", "Bearer t3"]
    assert found.gate.waited_s == 0.0


def test_principal_that_has_not_arrived_is_waited_for_with_a_new_token_each_time() -> None:
    not_yet = refused(403, "Authorization_IdentityNotFound")
    found = Listed({FIRST: [not_yet, not_yet, page("a")]})

    found.pages()

    tokens = [headers["Authorization"] for _, headers in found.asked]
    assert tokens == ["Bearer t1", "Bearer t2", "Bearer t3"]
    assert found.gate.waited_s == 3.0


@pytest.mark.parametrize(("share", "throttles"), [("0.89", 0), ("0.9", 1), ("1.1", 1)])
def test_limit_that_is_nearly_reached_is_told_from_nine_tenths_on(share: str, throttles: int) -> None:
    found = Listed({FIRST: [page("a", x_ms_throttle_limit_percentage=share)]})

    found.pages()

    assert found.throttles == throttles


@pytest.mark.parametrize(("status", "why"), [(429, THROTTLED), (503, UNANSWERED)])
def test_wait_beyond_the_budget_ends_the_listing_and_names_its_cause(status: int, why: str) -> None:
    found = Listed({FIRST: [refused(status, Retry_After="1001")]})

    with pytest.raises(Stopped):
        found.pages()

    assert (found.gate.exhausted, found.gate.why, len(found.asked)) == (True, why, 1)


def test_listing_of_a_stopped_run_sends_nothing() -> None:
    found = Listed({FIRST: [page("a")]}, stopped=True)

    with pytest.raises(Stopped):
        found.pages()

    assert found.asked == []


@pytest.mark.parametrize(
    ("first", "what"),
    [
        (answer(b"{"), "the answer is not JSON, or was cut off"),
        (answer(b"x", content_type="text/html"), "the answer is a web page where JSON was expected; something between "
         "here and the server answered"),
        (answer({"value": {}}), "the list of users has no values"),
        (answer({}), "the list of users has no values"),
        (answer({"value": [{}]}), "the list of users holds one without an id"),
        (answer({"value": [{"id": ""}]}), "the list of users holds one without an id"),
        (answer({"value": [{"id": 7}]}), "the list of users holds one without an id"),
        (answer({"value": [7]}), "the list of users holds one without an id"),
        (answer({"value": [{"id": "\ud800"}]}), "the list of users holds one without an id"),
    ],
)  # fmt: skip
def test_page_that_is_no_list_of_users_is_asked_for_again_and_then_given_up(
    first: requests.Response, what: str
) -> None:
    once, always = Listed({FIRST: [first, page("a")]}), Listed({FIRST: [first]})

    assert once.pages() == [[("a", "")]]
    assert once.gate.waited_s == 1.0
    with pytest.raises(Unreachable) as error:
        always.pages()

    assert (error.value.what, error.value.where, len(always.asked)) == (what, "GET /users", 3)
    assert always.gate.waited_s == 3.0


def test_page_that_was_asked_for_ahead_is_asked_for_again_by_its_own_address() -> None:
    pages = {FIRST: [page("a", link=link(2))], link(2): [answer(b"{"), page("b", link=link(3))], link(3): [page("c")]}
    found = Listed(pages)

    assert found.pages() == [[("a", "")], [("b", "")], [("c", "")]]
    assert found.addresses() == [FIRST, link(2), link(2), link(3)]


def test_link_that_only_the_parser_finds_is_followed_all_the_same() -> None:
    body = b'{"value": [{"id": "a"}], "@odata.nextLink": "' + link(2).replace("/users", "\\/users").encode() + b'"}'
    found = Listed({FIRST: [answer(body)], link(2): [page("b")]})

    assert found.pages() == [[("a", "")], [("b", "")]]
    assert found.addresses() == [FIRST, link(2)]


def test_link_in_the_middle_of_a_text_of_the_page_is_not_taken_for_the_next() -> None:
    body = {"value": [{"id": "a", "x": {"@odata.nextLink": link(9)}}], "@odata.nextLink": link(2)}
    found = Listed({FIRST: [answer(body)], link(9): [page("z")], link(2): [page("b")]})

    assert found.pages() == [[("a", "")], [("b", "")]]


@pytest.mark.parametrize(
    ("there", "what"),
    [
        ("https://elsewhere.example/v1.0/users?x", "Microsoft Graph's next page leads to "
         "https://elsewhere.example:443, not to https://graph.example:443; it was not followed, as the token would "
         "have gone there"),
        ("https://[", "Microsoft Graph's next page has no usable address"),
        (FIRST, "the pages of users lead in a circle"),
    ],
)  # fmt: skip
def test_users_before_a_link_that_leads_nowhere_are_listed(there: str, what: str) -> None:
    found = Listed({FIRST: [page("a", link=there)]})
    listed: list[Any] = []

    with pytest.raises(Unreachable) as error:
        listed.extend(users for users in found.users)

    assert (error.value.what, error.value.where) == (what, "GET /users")
    assert set(found.addresses()) == {FIRST}


def test_listing_that_is_left_asks_for_no_further_page_than_the_two_it_had_asked_for_ahead() -> None:
    chain = {FIRST: [page("1", link=link(2))], **{link(n): [page(str(n), link=link(n + 1))] for n in range(2, 9)}}
    found, third = Listed(chain), threading.Event()
    plain = found.get

    def get(url: str, headers: dict[str, str]) -> requests.Response:
        if url == link(3):
            third.set()
        return plain(url, headers)

    found.get = get  # type: ignore[method-assign]
    pages = iter(found.users)
    next(pages)
    assert third.wait(10)

    pages.close()  # type: ignore[attr-defined]

    assert found.addresses() == [FIRST, link(2), link(3)]


def expired(status: int = 400) -> requests.Response:
    return refused(status, "Directory_ExpiredPageToken")


def test_page_before_an_expired_link_brings_a_new_one() -> None:
    found = Listed(
        {
            FIRST: [page("a", link=link(2))],
            link(2): [page("b", link=link(3)), page("b", "x", link=link(4))],
            link(3): [expired(410)],
            link(4): [page("c")],
        }
    )

    assert [user for users in found.pages() for user, _ in users] == ["a", "b", "x", "c"]
    assert found.addresses() == [FIRST, link(2), link(3), link(2), link(4)]
    assert (found.users.relisted, found.users.repeated) == (1, 0)
    assert found.gate.waited_s == 1.0


def test_listing_begins_anew_five_times_in_a_row_without_a_further_user() -> None:
    found = Listed({FIRST: [page("a", link=link(2))], link(2): [expired()]})

    with pytest.raises(GraphError) as error:
        found.pages()

    assert (error.value.code, found.users.relisted) == ("Directory_ExpiredPageToken", 6)
    assert found.addresses() == [FIRST, link(2)] * 7
    assert found.gate.waited_s == 51.0


def test_listing_whose_first_page_is_told_to_have_expired_begins_anew_five_times() -> None:
    found = Listed({FIRST: [expired()]})

    with pytest.raises(GraphError):
        found.pages()

    assert (found.users.relisted, found.addresses(), found.gate.waited_s) == (
        5,
        [FIRST] * 6,
        2.0 + 4.0 + 8.0 + 16.0 + 20.0,
    )


@pytest.mark.parametrize(
    ("answers", "count"),
    [
        ([answer(b"57", content_type="text/plain")], 57),
        ([answer("\ufeff 57\n".encode())], 57),
        ([answer(b"x")], None),
        ([answer(b"\xff")], None),
        ([refused(400)], None),
        ([refused(503), answer(b"5")], 5),
        ([refused(503), refused(503), answer(b"5")], None),
        ([expired()], None),
    ],
)
def test_graphs_own_count_is_worth_two_tries(answers: list[Any], count: int | None) -> None:
    found = Listed({COUNT: answers})

    assert found.users.count() == count

    assert found.asked[0] == (
        COUNT,
        {"Authorization": "Bearer t1", "x-ms-throttle-priority": "Low", "ConsistencyLevel": "eventual"},
    )


def test_count_of_a_stopped_run_is_unknown() -> None:
    assert Listed({}, stopped=True).users.count() is None
