"""What is read from the answers of Entra ID and Microsoft Graph: bodies, waits, and errors as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from orgcal.entra.answers import (
    entra_unreachable,
    graph_error,
    moment_in,
    parse_json,
    parse_object,
    refusal_of,
    retry_after_s,
    shorten,
)
from orgcal.errors import Unreachable
from tests.support.answering_session import answer

WEB_PAGE = {
    "what": "the answer is a web page where JSON was expected; something between here and the server answered",
    "where": "GET /users",
    "repair": "check HTTPS_PROXY and NO_PROXY, or log in to the network you are in",
    "retry_after_s": None,
}
CUT_OFF = {
    "what": "the answer is not JSON, or was cut off",
    "where": "GET /users",
    "repair": "try again",
    "retry_after_s": None,
}


def nested(depth: int, begin: str, end: str) -> str:
    return begin * depth + "1" + end * depth


@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_objects_and_lists_are_read_64_deep_and_no_deeper(begin: str, end: str) -> None:
    each = begin.count("[") + begin.count("{")

    assert parse_json(nested(64 // each, begin, end)) is not None
    with pytest.raises(ValueError, match=r"^nested too deeply$"):
        parse_json(f"[{nested(64 // each, begin, end)}]")


def test_depth_counts_behind_values_that_hold_nothing() -> None:
    assert parse_json(f'[1, "x", {nested(63, "[", "]")}, null]') is not None
    with pytest.raises(ValueError, match=r"^nested too deeply$"):
        parse_json(f'[1, "x", {nested(64, "[", "]")}, null]')


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18446744073709551615", 18446744073709551615),
        ("-9223372036854775808", -9223372036854775808),
        ("1.5e300", 1.5e300),
        ('"x"', "x"),
        ("null", None),
        (b"{}", {}),
    ],
)
def test_value_that_is_no_object_is_read_too(text: str | bytes, value: object) -> None:
    assert parse_json(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 200_000, "nested too deeply"),
        ("184467440737095516150", "a number that is too large"),
        ("-92233720368547758080", "a number that is too large"),
        ("[1e400]", "a number that is too large"),
        ("-1e400", "a number that is too large"),
        ("[Infinity]", "Infinity is not JSON"),
        ("NaN", "NaN is not JSON"),
    ],
)
def test_json_that_no_server_means_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        parse_json(text)


@pytest.mark.parametrize(
    ("content", "content_type", "told"),
    [
        ("<html>", "", WEB_PAGE),
        (b"<!DOCTYPE html>", "application/json", WEB_PAGE),
        (b"please log in", "text/html", WEB_PAGE),
        (" " * 199 + "<p>", "", WEB_PAGE),
        (" " * 200 + "<p>", "", CUT_OFF),
        ("please log in", "text/plain", CUT_OFF),
        ("", "", CUT_OFF),
        (b'{"value": [', "application/json", CUT_OFF),
        (
            "[]",
            "text/html",
            {"what": "the answer is a JSON list, not an object", "where": "GET /users", "repair": "",
             "retry_after_s": None},
        ),
    ],
)  # fmt: skip
def test_answer_that_is_no_object_is_explained(content: str | bytes, content_type: str, told: dict[str, Any]) -> None:
    with pytest.raises(Unreachable) as refused:
        parse_object(content, where="GET /users", content_type=content_type)

    assert vars(refused.value) == told


def test_object_is_read_whatever_its_type_says() -> None:
    assert parse_object('{"a": 1}', where="x", content_type="text/html") == {"a": 1}
    assert parse_object(b'{"a": "<"}', where="x") == {"a": "<"}


NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Mon, 23 Nov 2026 12:00:00 GMT", NOON),
        ("Mon, 23 Nov 2026 12:00:00 -0000", NOON),
        ("Mon, 23 Nov 2026 14:00:00 +0200", NOON.astimezone(timezone(timedelta(hours=2)))),
        ("soon", None),
        ("", None),
    ],
)
def test_moment_in_a_header_has_its_time_zone(text: str, moment: datetime | None) -> None:
    found = moment_in(text)

    assert found == moment
    assert (found and found.tzinfo) is not None or moment is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "Mon, 23 Nov 2026 12:00:30 GMT", "Date": "Mon, 23 Nov 2026 12:00:10 GMT"}, 20.0),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:30 GMT", "date": "Mon, 23 Nov 2026 14:00:10 +0200"}, 20.0),
        ({"RETRY-AFTER": "Mon, 23 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"Retry-After": "Mon, 23 Nov 2026 11:59:00 GMT"}, 0.0),
        ({"Retry-After": " 7 "}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "soon", "Date": "Mon, 23 Nov 2026 12:00:10 GMT"}, None),
        ({"Retry-After": "-inf"}, None),
        ({"X-Other": "7"}, None),
    ],
)
def test_wait_is_counted_from_the_answers_own_date(headers: Mapping[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, NOON) == seconds


def test_wait_without_any_date_is_counted_from_now() -> None:
    left_s = (datetime(2100, 1, 1, tzinfo=UTC) - datetime.now(UTC)).total_seconds()

    assert retry_after_s({"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}) == pytest.approx(left_s, abs=60)


@pytest.mark.parametrize(
    ("text", "limit", "line"),
    [
        ("abcd", 4, "abcd"),
        ("abcde", 4, "abc…"),
        ("a \n\t b", 4, "a b"),
        ("", 4, ""),
        ("      ab", 2, "ab"),
        ("        ab", 2, ""),
        ("a\x00b", 8, "a\\u0000b"),
    ],
)
def test_shortened_text_has_at_most_so_many_characters(text: str, limit: int, line: str) -> None:
    """Of a text with nothing but blanks for four times as many, nothing is shown."""
    assert shorten(text, limit) == line


def test_words_of_a_server_are_kept_up_to_300_characters() -> None:
    assert shorten("x" * 300) == "x" * 300
    assert shorten("x" * 301) == "x" * 299 + "…"


def test_entra_that_gave_no_answer_is_named_with_the_kind_of_failure() -> None:
    assert vars(entra_unreachable(TimeoutError("secret"), "https://login.example")) == {
        "what": "Entra ID cannot be reached (TimeoutError)",
        "where": "https://login.example",
        "repair": "check the network, then try again",
        "retry_after_s": None,
    }


def told(what: str, status: int, **others: Any) -> dict[str, Any]:
    """An error of Graph's as a whole."""
    rest = {"repair": "", "code": "", "request_id": "", "retry_after_s": None}
    return {"what": f"Microsoft Graph answered {what}", "where": "GET /me", "status": status, **rest, **others}


@pytest.mark.parametrize(
    ("body", "headers", "error"),
    [
        (None, {}, told("500", 500)),
        ({"error": "text"}, {}, told("500", 500)),
        ({"error": None}, {}, told("500", 500)),
        ({"error": {"code": None, "message": None, "innerError": None}}, {}, told("500", 500)),
        ({"error": {"code": "C"}}, {}, told("500 C", 500, code="C")),
        ({"error": {"message": "m"}}, {}, told("500: m", 500)),
        (
            {"error": {"code": "C", "message": "m\nx"}},
            {"Retry-After": "7", "Request-Id": "r"},
            told("500 C: m x", 500, code="C", retry_after_s=7.0, request_id="r"),
        ),
        ({"error": {"innerError": {"request-id": "i"}}}, {}, told("500", 500, request_id="i")),
        ({"error": {"innererror": {"request-id": "i"}}}, {}, told("500", 500, request_id="i")),
        (
            {"error": {"innerError": {"request-id": "i"}, "innererror": {"request-id": "j"}}},
            {},
            told("500", 500, request_id="i"),
        ),
        ({"error": {"innerError": {"request-id": "i"}}}, {"request-id": "r"}, told("500", 500, request_id="r")),
        ({"error": {"innerError": 7}}, {}, told("500", 500)),
        ({"error": {"innerError": {}}}, {"request-id": "r"}, told("500", 500, request_id="r")),
        (
            {"error": {"code": "c" * 120, "message": "m" * 300, "innerError": {"request-id": "r" * 64}}},
            {},
            told(f"500 {'c' * 120}: {'m' * 300}", 500, code="c" * 120, request_id="r" * 64),
        ),
        (
            {"error": {"code": "c" * 121, "message": "m" * 301, "innerError": {"request-id": "r" * 65}}},
            {},
            told(
                f"500 {'c' * 119}…: {'m' * 299}…", 500, code=f"{'c' * 119}…", request_id=f"{'r' * 63}…"
            ),
        ),
    ],
)  # fmt: skip
def test_error_of_graph_tells_all_that_its_answer_has(
    body: dict[str, Any] | None, headers: dict[str, str], error: dict[str, Any]
) -> None:
    assert vars(graph_error(500, body, headers=headers, where="GET /me")) == error


def test_refusal_with_a_page_instead_of_json_tells_its_status_and_wait() -> None:
    page = answer(503, b"<html>", {"Retry-After": "3", "request-id": "r", "Content-Type": "text/html"})

    assert vars(refusal_of(page, "GET /me")) == told("503", 503, retry_after_s=3.0, request_id="r")


def test_refusal_with_an_error_tells_it() -> None:
    refused = answer(404, {"error": {"code": "Request_ResourceNotFound", "message": "gone"}})

    what = "404 Request_ResourceNotFound: gone"
    assert vars(refusal_of(refused, "GET /me")) == told(what, 404, code="Request_ResourceNotFound")
