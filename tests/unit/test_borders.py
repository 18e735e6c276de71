"""What arrives from outside is bounded and checked once; what still breaks is one check's error."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from orgcal.consent.proof import ConsentProber
from orgcal.entra.answers import MAX_DEPTH, moment_in, parse_json, retry_after_s
from orgcal.entra.clouds import CloudEndpoints, load_endpoints, origin_of
from orgcal.entra.credentials import Credential
from orgcal.entra.graph import GraphClient
from orgcal.entra.home.policy import parse_duration
from orgcal.entra.operator import AUDIENCE, issuer_session, request_token
from orgcal.entra.session import new_session
from orgcal.entra.shapes import APPLICATION, fitting
from orgcal.entra.wire import MAX_ANSWER_BYTES
from orgcal.errors import OrgcalError, PlatformError, Unforeseen, Unreachable, UsageError, explained
from orgcal.patience import Patience
from orgcal.platforms.model import ConnectorEntry, Platform
from orgcal.platforms.testing_server import FakeTime
from orgcal.rotation.proof import ClockSkew
from tests.scripted_graph import GivenTokens, Reply, ScriptedGraph, serving
from verify import agreement
from verify.models import Verdict

FAR = "Fri, 31 Dec 99999999999999999999 23:59:59 GMT"


@pytest.mark.parametrize(
    "text",
    [
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        "[" * 200_000,
        "1e400",
        "NaN",
        "-Infinity",
        "9" * 21,
        "{",
        "\ufeff{}",
    ],
)
def test_json_beyond_the_bounds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_json(text)


def test_json_within_the_bounds_is_read() -> None:
    value = {"a": [{"b": [18446744073709551615, -1.5, None, "x"]}]}

    assert parse_json(json.dumps(value)) == value
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None
    assert parse_json("\ufeff{}".encode()) == {}


@pytest.mark.parametrize("headers", [{"Retry-After": FAR}, {"Retry-After": "1e400"}, {"Retry-After": "nan"}])
def test_wait_beyond_the_calendar_is_none(headers: dict[str, str]) -> None:
    assert retry_after_s(headers) is None
    assert moment_in(FAR) is None
    assert parse_duration("P99999999999D") is None


def test_date_beyond_the_calendar_tells_nothing_of_the_clock() -> None:
    skew = ClockSkew(lambda: datetime.now(UTC))
    answer = requests.Response()
    answer.headers["Date"] = FAR

    skew(answer)

    skew.check()
    assert skew.offset_s is None


def test_server_that_never_asks_for_a_pause_is_not_asked_in_a_storm() -> None:
    time = FakeTime()
    patience = Patience(60.0, time.clock())
    while patience.wait(0.0):
        pass

    assert patience.tries < 20


@pytest.mark.parametrize("packed", [False, True])
def test_answer_that_is_too_long_is_given_up(packed: bool) -> None:
    content = bytes(MAX_ANSWER_BYTES + 1)
    reply = Reply(200, gzip.compress(content), {"Content-Encoding": "gzip"}) if packed else Reply(200, content)
    with serving(ScriptedGraph()) as graph:
        graph.intercept = lambda seen: reply
        with new_session(graph.endpoints) as session, pytest.raises(Unreachable, match="more than 16 MiB"):
            GraphClient(graph.endpoints, GivenTokens(), session).get("/me")


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Graph.Microsoft.com/v1.0", "https://graph.microsoft.com:443"),
        ("https://graph.microsoft.com:443/", "https://graph.microsoft.com:443"),
        ("https://graph.microsoft.com@evil.example/", "https://evil.example:443"),
        ("https://[::1", ""),
        ("https://host:99999", ""),
        ("file:///etc/passwd", ""),
        ("//graph.microsoft.com", ""),
    ],
)
def test_origin_is_the_server_that_a_request_would_reach(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize("cloud", ["public", "usgov", "china"])
def test_session_of_a_cloud_refuses_the_servers_of_the_others(cloud: str) -> None:
    others = {"public", "usgov", "china"} - {cloud}
    addresses = [url for other in others for url in (load_endpoints(other, {}).login_url, "https://evil.example")]

    with new_session(load_endpoints(cloud, {}), environ={}) as session:
        for address in addresses:
            with pytest.raises(Unreachable, match="nothing was sent there"):
                session.post(f"{address}/token", data={"client_secret": "s"})


def test_key_to_the_issuer_goes_to_the_issuer_only() -> None:
    environ = {"ARM_OIDC_REQUEST_URL": "https://issuer.example/token", "ARM_OIDC_REQUEST_TOKEN": "key"}
    with issuer_session(load_endpoints("public", {}), environ) as session:
        with pytest.raises(Unreachable, match="nothing was sent"):
            session.get("https://login.microsoftonline.com/")
        with pytest.raises(UsageError, match="not an https address"):
            request_token({**environ, "ARM_OIDC_REQUEST_URL": "http://issuer.example/"}, session, AUDIENCE)


@pytest.mark.parametrize(
    ("item", "place"),
    [
        ({}, "id"),
        ({"id": 5}, "id"),
        ({"id": "a", "tags": "x"}, "tags"),
        ({"id": "a", "tags": [None]}, "tags"),
        ({"id": "a", "web": {"redirectUris": [{}]}}, "web.redirectUris"),
        ({"id": "a", "requiredResourceAccess": [{"resourceAccess": [[]]}]}, "requiredResourceAccess.resourceAccess"),
    ],
)
def test_object_of_another_form_names_the_part(item: dict[str, Any], place: str) -> None:
    with pytest.raises(Unreachable, match=f"at {place}$|at {place}\n"):
        fitting(item, APPLICATION, where="GET /applications")


def platform_that(read: Callable[[], Any]) -> Platform:
    class Odd(Platform):
        called, place = "the odd one", "https://odd.example"

        def read_connector(self, key: str) -> ConnectorEntry | None:
            return read()  # type: ignore[no-any-return]

        def access_token(self, key: str, tenant_id: str) -> str:
            return read()  # type: ignore[no-any-return]

    return Odd()  # type: ignore[abstract]


@pytest.mark.parametrize(
    "read",
    [
        lambda: dict[str, str]()["x"],
        lambda: int("x"),
        lambda: ConnectorEntry("k", 5),  # type: ignore[arg-type]
        lambda: ConnectorEntry("k", "c", scopes=(1,)),  # type: ignore[arg-type]
    ],
)
def test_platform_that_cannot_read_its_answer_is_refused(read: Callable[[], Any]) -> None:
    with pytest.raises(PlatformError, match="the odd one answered with something that is not its own"):
        platform_that(read).read_connector("k")


@pytest.mark.parametrize("token", ["", "a\nb", "é", 5, None])
def test_platform_hands_out_tokens_that_a_header_can_hold(token: Any) -> None:
    with pytest.raises(PlatformError):
        platform_that(lambda: token).access_token("k", "t")


def test_what_breaks_inside_one_check_is_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[str]:
        raise KeyError("a secret of the answer")

    monkeypatch.delenv("ORGCAL_DEBUG", raising=False)
    monkeypatch.setattr(agreement, "_connector", broken)
    result = agreement.check_agreement(SimpleNamespace(), SimpleNamespace())  # type: ignore[arg-type]

    assert result.verdict is Verdict.ERROR
    assert "KeyError" in result.sentence
    assert "secret" not in result.sentence
    assert result.repair


def test_what_breaks_inside_one_organisation_is_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Credential:
        raise RecursionError("deep")

    monkeypatch.delenv("ORGCAL_DEBUG", raising=False)
    endpoints = CloudEndpoints("public", "https://a", "https://b", "public")
    with new_session(endpoints) as session:
        access = ConsentProber(endpoints, "c", frozenset(), broken, session).probe("t")

    assert access.access == "unknown"
    assert isinstance(access.error, Unforeseen)


def test_what_can_be_explained_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    known, unknown = OrgcalError("known"), KeyError("x")
    monkeypatch.setenv("ORGCAL_DEBUG", "1")

    assert explained(known) is known
    with pytest.raises(KeyError):
        explained(unknown)
