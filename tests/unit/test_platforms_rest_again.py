"""When the client of all REST platforms asks again, and what it says of a server that gives no answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests

from orgcal.errors import PlatformError, Unreachable, UsageError
from orgcal.platforms.rest import no_answer, read_key_file, segment
from orgcal.platforms.testing_server import FakeTime
from tests.support.platform_apis import API_KEY
from tests.support.scripted_session import URL, ScriptedSession, client_of, refused, reply


@pytest.fixture
def _longest_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chance makes no pause shorter."""
    monkeypatch.setattr("orgcal.patience.random.random", lambda: 1.0)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "POST"])
@pytest.mark.parametrize(
    ("status", "repeated"),
    [
        (400, ()),
        (403, ()),
        (407, ()),
        (408, ("GET", "PUT", "PATCH", "DELETE")),
        (409, ()),
        (428, ()),
        (429, ("GET", "PUT", "PATCH", "DELETE", "POST")),
        (430, ()),
        (499, ()),
        (500, ("GET", "PUT", "PATCH", "DELETE")),
        (501, ()),
        (502, ("GET", "PUT", "PATCH", "DELETE")),
        (503, ("GET", "PUT", "PATCH", "DELETE", "POST")),
        (504, ("GET", "PUT", "PATCH", "DELETE")),
        (505, ()),
    ],
)
def test_status_is_worth_another_try_where_that_does_no_harm(
    status: int, repeated: tuple[str, ...], method: str
) -> None:
    session, time = ScriptedSession(reply(status), reply(200, {"ok": 1})), FakeTime()
    client = client_of(session, time)

    if method in repeated:
        assert client.call(method, "/x") == {"ok": 1}
        assert (len(session.sent), len(time.waits)) == (2, 1)
        return
    with pytest.raises(PlatformError, match=f"^.*Acme answered {status}"):
        client.call(method, "/x")
    assert (len(session.sent), time.waits) == (1, [])


def test_secondary_limit_is_known_by_its_header() -> None:
    """https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api: 403 with `Retry-After`."""
    time = FakeTime()

    assert client_of(ScriptedSession(reply(403, Retry_After="5"), reply()), time).call("POST", "/x", {}) == {}

    assert time.waits == [5.0]
    assert refused(reply(409, Retry_After="5"), reply()).status == 409


@pytest.mark.parametrize(("asked", "waits"), [("59", [59.0]), ("60", [60.0]), ("60.5", [])])
def test_wait_that_a_platform_asks_for_is_kept_to_within_a_minute(asked: str, waits: list[float]) -> None:
    time = FakeTime()
    client = client_of(ScriptedSession(reply(429, Retry_After=asked), reply(200, {"ok": 1})), time)

    if waits:
        assert client.call("GET", "/x") == {"ok": 1}
    else:
        with pytest.raises(PlatformError, match="answered 429"):
            client.call("GET", "/x")

    assert time.waits == waits


@pytest.mark.usefixtures("_longest_pauses")
def test_pauses_grow_to_ten_seconds_within_a_minute() -> None:
    time = FakeTime()

    with pytest.raises(PlatformError, match="answered 500"):
        client_of(ScriptedSession(reply(500)), time).call("GET", "/x")

    assert time.waits == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0, 10.0, 4.5]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "POST"])
def test_connection_that_is_lost_is_made_again_for_all_but_a_post(method: str) -> None:
    session = ScriptedSession(requests.exceptions.ConnectionError(API_KEY), reply(200, {"ok": 1}))
    client = client_of(session)

    if method == "POST":
        with pytest.raises(Unreachable) as caught:
            client.call(method, "/x", {})
        assert caught.value.as_json() == {
            "kind": "unreachable",
            "what": "Acme cannot be reached (ConnectionError)",
            "where": f"POST {URL}/x",
            "repair": "check its address and the network",
        }
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__
    else:
        assert client.call(method, "/x") == {"ok": 1}
    assert len(session.sent) == (1 if method == "POST" else 2)


def test_server_that_is_not_trusted_is_not_asked_again() -> None:
    session = ScriptedSession(requests.exceptions.SSLError("x"), reply())

    with pytest.raises(Unreachable, match="the certificate of Acme is not trusted"):
        client_of(session).call("GET", "/x")

    assert len(session.sent) == 1


def test_redirect_that_the_session_refuses_is_told_by_its_status() -> None:
    moved = requests.exceptions.TooManyRedirects(response=reply(307, {"message": "moved"}))
    error = refused(moved)
    assert (error.what, error.status) == ("Acme answered 307: moved", 307)
    assert error.repair.startswith("check the platform's address; redirects are not followed")

    session = ScriptedSession(requests.exceptions.TooManyRedirects("x"), reply())
    with pytest.raises(Unreachable) as caught:
        client_of(session).call("GET", "/x")
    assert caught.value.what == "Acme cannot be reached (TooManyRedirects)"
    assert len(session.sent) == 1


# What is said of servers and files -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "what", "repair"),
    [
        (
            requests.exceptions.SSLError("x"),
            "the certificate of Acme is not trusted",
            "name its authority in REQUESTS_CA_BUNDLE if it is your own",
        ),
        (
            requests.exceptions.ReadTimeout("x"),
            "Acme did not answer in time",
            "try again; what did happen is then adopted",
        ),
        (
            requests.exceptions.ConnectTimeout("x"),
            "Acme did not answer in time",
            "try again; what did happen is then adopted",
        ),
        (
            requests.exceptions.ConnectionError("x"),
            "Acme cannot be reached (ConnectionError)",
            "check its address and the network",
        ),
        (None, "Acme cannot be reached (NoneType)", "check its address and the network"),
    ],
)
def test_server_that_gives_no_answer_is_told_with_its_repair(error: Any, what: str, repair: str) -> None:
    assert no_answer("Acme", error) == (what, repair)


def test_key_file_is_named_and_only_for_us(tmp_path: Path) -> None:
    path, variable = tmp_path / "key", "ACME_KEY_FILE"
    how = f"write the key into a file that only you can read, and: export {variable}=/path/to/that/file"
    for environ in ({}, {variable: ""}):
        with pytest.raises(UsageError) as caught:
            read_key_file(environ, variable)
        assert caught.value.as_json() == {
            "kind": "usage",
            "what": "the environment names no file with the platform's API key",
            "where": variable,
            "repair": how,
        }
    path.write_text(f"{API_KEY}\n")
    for mode in (0o640, 0o604):
        path.chmod(mode)
        with pytest.raises(UsageError) as caught:
            read_key_file({variable: str(path)}, variable)
        assert caught.value.as_json() == {
            "kind": "usage",
            "what": f"the file {path} can be read by others",
            "where": variable,
            "repair": f"chmod 600 {path}",
        }
    path.chmod(0o600)
    assert read_key_file({variable: f"'{path}'"}, variable) == API_KEY, "a pair of quotes, as docker leaves it"
    path.write_text("schlüssel")
    with pytest.raises(UsageError, match="API key"):
        read_key_file({variable: str(path)}, variable)


def test_segment_of_a_path_holds_no_slash_of_its_own() -> None:
    assert segment("a/b ü?#%") == "a%2Fb%20%C3%BC%3F%23%25"
