"""What Microsoft says about waiting, lifetimes and proxies, read as its documentation says."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import msal
import pytest

from orgcal.entra import auth
from orgcal.entra.answers import parse_object
from orgcal.entra.auth import TokenSource, _refused_discovery
from orgcal.entra.batch import BatchSender, limit_share
from orgcal.entra.clouds import load_endpoints
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.session import new_session
from orgcal.errors import EntraError, Unreachable
from tests.scripted_graph import Reply, ScriptedGraph, serving


@pytest.mark.parametrize("waits", [("50", "1"), ("1", "50"), ("1", "50", "7")])
def test_batch_waits_as_long_as_the_longest_of_its_entries_asks(waits: tuple[str, ...]) -> None:
    """Source: https://learn.microsoft.com/en-us/graph/throttling (retry each after its own `retry-after`)."""
    entries = [{"id": str(n), "status": 429, "headers": {"Retry-After": wait}} for n, wait in enumerate(waits)]
    with serving(ScriptedGraph()) as graph:
        graph.intercept = lambda seen: Reply(200, {"responses": entries})
        with new_session(graph.endpoints) as session:
            answer = BatchSender(session, f"{graph.url}/v1.0", {}).send("token", ["/users/x"] * len(waits))

    assert (answer.throttled, answer.limited, answer.retry_after_s) == (True, True, 50.0)


@pytest.mark.parametrize(
    ("headers", "share"),
    [
        ({"x-ms-throttle-limit-percentage": "0.93"}, 0.93),
        ({"X-MS-Throttle-Limit-Percentage": "1.1"}, 1.1),
        ({"x-ms-throttle-limit-percentage": "soon"}, 0.0),
        ({"x-ms-throttle-limit-percentage": None}, 0.0),
        ({"x-ms-throttle-limit-percentage": [1]}, 0.0),
        ({}, 0.0),
    ],
)
def test_share_of_a_limit_that_is_no_number_is_none(headers: Mapping[str, Any], share: float) -> None:
    """Source: https://learn.microsoft.com/en-us/graph/throttling-limits (`x-ms-throttle-limit-percentage`)."""
    assert limit_share(headers) == share


@pytest.mark.parametrize(("lifetime_s", "good_s", "asked"), [(400, 100.0, 2), (3599, 3299.0, 2), (10, 0.0, 3)])
def test_token_is_asked_for_anew_five_minutes_before_it_ends(
    monkeypatch: pytest.MonkeyPatch, lifetime_s: int, good_s: float, asked: int
) -> None:
    now = [1000.0]
    given: list[str] = []

    class Application:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def acquire_token_for_client(self, scopes: list[str]) -> dict[str, Any]:
            given.append(f"t{len(given)}")
            return {"access_token": given[-1], "expires_in": lifetime_s}

    monkeypatch.setattr(msal, "ConfidentialClientApplication", Application)
    monkeypatch.setattr(auth, "time", SimpleNamespace(monotonic=lambda: now[0]))
    endpoints = load_endpoints("public", {})
    with new_session(endpoints) as session:
        source = TokenSource(endpoints, "00000000-1111-2222-3333-444444444444", "client", ClientSecret("s"), session)
        first = source.token()
        now[0] += max(0.0, good_s - 1)
        again = source.token()
        now[0] += 1
        after = source.token()

    assert (again == first) is (good_s > 0)
    assert after != again
    assert len(given) == asked


@pytest.mark.parametrize(
    ("content", "content_type", "page"),
    [
        (b"<!DOCTYPE html>", "text/plain", True),
        (b"  \n<html>", "", True),
        ("<html>", "application/json", True),
        (b"please log in", "text/html; charset=utf-8", True),
        (b"please log in", "text/plain", False),
        (b"{", "application/json", False),
    ],
)
def test_web_page_is_known_by_its_type_or_by_how_it_begins(content: str | bytes, content_type: str, page: bool) -> None:
    with pytest.raises(Unreachable) as refused:
        parse_object(content, where="GET /users", content_type=content_type)

    assert ("web page" in refused.value.what) is page
    assert ("HTTPS_PROXY" in refused.value.repair) is page


@pytest.mark.parametrize(
    ("text", "kind", "aadsts"),
    [
        ("OIDC Discovery failed. HTTP status: 400, Error: AADSTS90002: Tenant 'x' not found.", EntraError, 90002),
        ("OIDC Discovery failed. HTTP status: 400, Error: <html>", Unreachable, None),
        ("OIDC Discovery failed. HTTP status: 503, Error: AADSTS90033: a service is away", Unreachable, None),
        ("Unable to get authority configuration", Unreachable, None),
    ],
)
def test_discovery_is_a_refusal_of_entras_only_with_a_number(text: str, kind: type, aadsts: int | None) -> None:
    """The words are MSAL's (AzureAD/microsoft-authentication-library-for-python, msal/authority.py)."""
    refused = _refused_discovery(ValueError(text), "token")

    assert type(refused) is kind
    assert getattr(refused, "aadsts", None) == aadsts
