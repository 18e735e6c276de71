"""What the client of all REST platforms sends, and what it makes of answers, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from orgcal.errors import PlatformError, Unreachable
from tests.support.platform_apis import API_KEY
from tests.support.scripted_session import HEADERS, URL, ScriptedSession, client_of, refused, reply

# Requests ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "form", "data", "headers"),
    [
        (None, None, None, {}),
        ({"a": ["ü", 1]}, None, b'{"a": ["\\u00fc", 1]}', {"Content-Type": "application/json"}),
        ({}, None, b"{}", {"Content-Type": "application/json"}),
        (None, {"a": "x y", "b": "&"}, b"a=x+y&b=%26", {"Content-Type": "application/x-www-form-urlencoded"}),
    ],
    ids=["nothing", "json", "empty json", "form"],
)
def test_request_has_its_body_its_type_and_the_key(body: Any, form: Any, data: Any, headers: dict[str, str]) -> None:
    session = ScriptedSession(reply(200, {"ok": 1}))

    assert client_of(session).call("PATCH", "/x", body, form=form, params={"q": "1"}) == {"ok": 1}

    assert session.sent == [("PATCH", f"{URL}/x")]
    assert session.options == [
        {
            "data": data,
            "params": {"q": "1"},
            "headers": {"Accept": "application/json", **headers, **HEADERS},
            "allow_redirects": False,
            "timeout": (10.0, 30.0),
        }
    ]


def test_silence_that_a_client_bears_is_its_own() -> None:
    session = ScriptedSession(reply())

    client_of(session, silence_s=2.5).call("GET", "/x")

    assert session.options[0]["timeout"] == (10.0, 2.5)


# Answers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "found"),
    [(b"", {}), (b" \r\n", {}), (b"null", {}), (b"[]", []), (b"0", 0), (b'{"a": null}', {"a": None})],
)
def test_answer_without_content_is_empty(content: bytes, found: Any) -> None:
    assert client_of(ScriptedSession(reply(200, content))).call("GET", "/x") == found


@pytest.mark.parametrize("status", [404, 410])
def test_status_that_means_absent_is_none_for_that_request_alone(status: int) -> None:
    client = client_of(ScriptedSession(reply(status, {"message": "gone"})))

    assert client.call("GET", "/x", absent=frozenset({404, 410})) is None
    with pytest.raises(PlatformError) as caught:
        client.call("GET", "/x", absent=frozenset())
    assert caught.value.what == f"Acme answered {status}: gone"


def test_absent_is_404_unless_a_request_says_more() -> None:
    assert client_of(ScriptedSession(reply(404))).call("GET", "/x") is None
    assert refused(reply(410)).what == "Acme answered 410"


@pytest.mark.parametrize(("status", "taken"), [(200, True), (204, True), (299, True), (300, False), (400, False)])
def test_status_from_300_on_is_a_refusal(status: int, taken: bool) -> None:
    if taken:
        assert client_of(ScriptedSession(reply(status))).call("GET", "/x") == {}
        return
    error = refused(reply(status))
    assert (error.what, error.status, error.where) == (f"Acme answered {status}", status, f"GET {URL}/x")


def test_answer_that_is_no_json_is_no_answer() -> None:
    with pytest.raises(Unreachable) as caught:
        client_of(ScriptedSession(reply(200, b"<html>"))).call("PUT", "/x", {})

    assert caught.value.as_json() == {
        "kind": "unreachable",
        "what": "Acme answered with something that is not JSON",
        "where": f"PUT {URL}/x",
        "repair": "",
    }


@pytest.mark.parametrize(
    ("status", "headers", "repair"),
    [
        (300, {}, "check the platform's address; redirects are not followed, as the API key would go along"),
        (399, {}, "check the platform's address; redirects are not followed, as the API key would go along"),
        (400, {}, ""),
        (401, {}, "check the API key (ACME_KEY_FILE) and its rights"),
        (402, {}, ""),
        (403, {}, "check the API key (ACME_KEY_FILE) and its rights"),
        (403, {"Retry_After": "3600"}, "wait, then try again"),
        (409, {"Retry_After": "3600"}, "wait, then try again"),
        (429, {"Retry_After": "3600"}, "wait, then try again"),
        (429, {}, "wait, then try again"),
        (430, {}, ""),
        (503, {}, ""),
    ],
)
def test_refusal_names_the_repair(status: int, headers: dict[str, str], repair: str) -> None:
    error = refused(reply(status, {"message": "no"}, **headers))

    assert error.as_json() == {
        "kind": "platform",
        "what": f"Acme answered {status}: no",
        "where": f"GET {URL}/x",
        "repair": repair,
    }
    assert error.status == status


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": "text"}, ": text"),
        ({"error": {"message": "m"}}, ": m"),
        ({"message": "m"}, ": m"),
        (
            {"detail": "d", "title": "t", "message": "m", "type": "y", "code": "c", "other": "o"},
            ": c: y: m: t: d",
        ),
        ({"code": "", "message": None, "title": "t"}, ": t"),
        ({"code": 7, "message": {"value": ["is invalid"]}}, ': 7: {"value": ["is invalid"]}'),
        ({"error": {"code": "c"}, "message": "beside it"}, ": c"),
        ({"error": ["a list"]}, ""),
        ({"error": None}, ""),
        (["a list"], ""),
        (b"<html>log in first</html>", ""),
        (b"", ""),
        ({"errors": [{"message": "m", "path": ["a", 0]}, {"message": "n"}]}, ": m (a.0); n"),
        ({"code": "c", "errors": [{"message": "m", "path": []}]}, ": c: m"),
        ({"code": "c", "errors": {"message": "m"}}, ": c"),
        ({"code": "c", "errors": []}, ": c"),
        ({"errors": ["text", {"message": 1}, {"path": ["a"]}, {"message": "m", "path": "p"}]}, ": m"),
        ({"message": "a\nb\x1b" + "x" * 400}, None),
    ],
)
def test_refusal_tells_the_platforms_own_words(body: Any, said: str | None) -> None:
    error = refused(reply(400, body))

    if said is None:
        assert len(error.what) == len("Acme answered 400: ") + 300
        assert "\n" not in error.what
    else:
        assert error.what == f"Acme answered 400{said}"


@pytest.mark.parametrize(
    ("error_at", "body", "said"),
    [
        ("/error", {"ok": False, "error": "bad"}, "Acme answered 200: bad"),
        ("/error", {"error": {"code": "c", "message": "m"}}, "Acme answered 200: c: m"),
        ("/errors/0", {"errors": [{"message": "m"}]}, "Acme answered 200: m"),
        ("/error", {"error": f"the key {API_KEY}"}, "Acme answered 200: the key ***"),
        ("/error", {"error": ""}, None),
        ("/error", {"error": None}, None),
        ("/error", {"error": []}, None),
        ("/error", [1], None),
        ("", {"error": "bad"}, None),
    ],
)
def test_error_inside_an_answer_is_a_refusal_where_the_settings_say(error_at: str, body: Any, said: str | None) -> None:
    answer = reply(200, body)
    if said is None:
        assert client_of(ScriptedSession(answer), error_at=error_at).call("GET", "/x") == body
        return
    error = refused(answer, error_at=error_at)
    assert (error.what, error.status, error.where) == (said, 200, f"GET {URL}/x")


def test_answer_is_no_error_unless_the_settings_name_a_place() -> None:
    client = client_of(ScriptedSession(reply(200, {"error": "bad"})))

    assert (client.call("GET", "/x"), client.error_at) == ({"error": "bad"}, "")


def test_error_inside_an_answer_does_not_show_what_was_sent() -> None:
    client = client_of(ScriptedSession(reply(200, {"error": "no hush-4711 here"})), error_at="/error")

    with pytest.raises(PlatformError) as caught:
        client.call("PUT", "/x", {"client_secret": "hush-4711"})

    assert caught.value.what == "Acme answered 200: no *** here"


def test_part_of_an_answer_has_its_type_or_is_not_the_platforms() -> None:
    client = client_of(ScriptedSession(reply()))

    assert client.part({"data": {"a": 1}}, "data", dict) == {"a": 1}
    answers: list[Any] = [{}, {"data": None}, {"data": []}, [], None, "data"]
    for answer in answers:
        with pytest.raises(PlatformError) as caught:
            client.part(answer, "data", dict)
        assert caught.value.as_json() == {
            "kind": "platform",
            "what": "Acme answered without 'data'",
            "where": URL,
            "repair": f"check that {URL} is the address of its API",
        }
