"""Kind `http`: keys, query, forms, headers, chains of requests, and places in answers."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orgcal.entra.credentials import ClientSecret
from orgcal.errors import ConfigError, PlatformError
from orgcal.platforms import ConnectorSettings, PlatformCredential, ensure_connector, open_platform, push_credentials
from orgcal.platforms.templates import at
from orgcal.platforms.testing_server import Reply, Request, StrictServer
from tests.support.gitlab_api import GitlabApi
from tests.support.platform_apis import API_KEY
from tests.support.platform_cases import SETTINGS

CREDENTIAL = PlatformCredential("5f0c8a0e-0000-4000-8000-000000000001", 1, ClientSecret("hush+hush &1"))
PUSH = {"method": "PUT", "path": "/c/{key}", "body": {"secret": "{client_secret}", "id": "{client_id}"}}


def settings_of(server: StrictServer, push: Any = PUSH, **more: Any) -> dict[str, Any]:
    credentials = {"push": push, **more.pop("credentials", {})}
    base = {"kind": "http", "base_url": server.base_url, "callback_url": "https://app.example.com/cb"}
    return {**base, "credentials": credentials, **more}


def echo(request: Request) -> Reply:
    return Reply(200, {"sent": request.body})


@pytest.fixture
def server() -> Iterator[StrictServer]:
    with StrictServer(echo).running() as running:
        yield running


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    key_file = tmp_path / "api.key"
    key_file.write_text(API_KEY)
    key_file.chmod(0o600)
    return {"ORGCAL_PLATFORM_KEY_FILE": str(key_file), "GITLAB_TOKEN_FILE": str(key_file)}


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({}, "authorization", f"Bearer {API_KEY}"),
        ({"auth_header": "X-Api-Key", "auth_value": "{api_key}"}, "x-api-key", API_KEY),
        ({"auth_user": "me"}, "authorization", f"Basic {base64.b64encode(f'me:{API_KEY}'.encode()).decode()}"),
        ({"auth_user": "{api_key}"}, "authorization", f"Basic {base64.b64encode(f'{API_KEY}:'.encode()).decode()}"),
    ],
    ids=["bearer", "header", "basic", "basic with the key as user"],
)
def test_key_is_sent_as_described(
    server: StrictServer, environ: dict[str, str], auth: dict[str, str], header: str, value: str
) -> None:
    platform = open_platform(settings_of(server, headers={"Api-Version": "2026-01-01"}, **auth), environ)
    push_credentials(platform, "outlook", CREDENTIAL)
    assert server.seen[0].headers[header] == value
    assert server.seen[0].headers["api-version"] == "2026-01-01"
    server.api = lambda request: Reply(403, {"message": f"{request.headers[header]} {API_KEY}: may not"})
    with pytest.raises(PlatformError, match="may not") as caught:
        push_credentials(platform, "outlook", CREDENTIAL)
    assert API_KEY not in str(caught.value)
    assert value.split()[-1] not in str(caught.value)


def test_form_and_query_are_escaped(server: StrictServer, environ: dict[str, str]) -> None:
    push = {"method": "PUT", "path": "/c", "query": {"name": "{key}&x=1"}, "form": {"secret": "{client_secret}"}}
    push_credentials(open_platform(settings_of(server, push), environ), "outlook", CREDENTIAL)
    assert server.seen[0].query == {"name": "outlook&x=1"}
    assert server.seen[0].body == {"secret": "hush+hush &1"}


def test_chain_finds_an_id_and_uses_it(server: StrictServer, environ: dict[str, str]) -> None:
    """As with Auth0's connections, which are found by name and changed by id."""
    held: list[dict[str, Any]] = []

    def api(request: Request) -> Reply:
        if request.method == "GET":
            return Reply(200, [each for each in held if each["name"] == request.query["name"]])
        if request.method == "POST":
            held.append({"id": "con/1", **request.body})
            return Reply(201, held[-1])
        assert request.path == "/connections/con%2F1"
        held[0] |= request.body
        return Reply(200, held[0])

    server.api = api
    lookup = {"method": "GET", "path": "/connections", "query": {"name": "{key}"}}
    found = {**lookup, "keep": {"id": "/0/id"}}
    options = {"client_id": "{client_id}", "client_secret": "{client_secret}"}
    push = {
        **found,
        "if_absent": {"method": "POST", "path": "/connections", "body": {"name": "{key}", "options": options}},
        "then": {"method": "PATCH", "path": "/connections/{id}", "body": {"options": options}},
    }
    fields = {"client_id": "/0/options/client_id", "client_secret": "/0/options/client_secret"}
    platform = open_platform(settings_of(server, push, credentials={"read": lookup, "fields": fields}), environ)
    assert platform.read_credentials("outlook") is None
    for generation in (1, 2):
        push_credentials(platform, "outlook", PlatformCredential("c", generation, ClientSecret(f"s-{generation}")))
    assert held == [{"id": "con/1", "name": "outlook", "options": {"client_id": "c", "client_secret": "s-2"}}]


def test_gitlab_push_that_ended_between_its_requests_is_finished_by_the_next(environ: dict[str, str]) -> None:
    api = GitlabApi()
    with StrictServer(api).running() as server:
        platform = open_platform({**SETTINGS["gitlab"], "base_url": server.base_url}, environ)
        server.arm("status", method="POST", path="variables", reply=Reply(201, {}))  # the secret is lost
        server.arm("status", method="PUT", path="CLIENT_ID", reply=Reply(400, {"message": {"value": ["is invalid"]}}))
        with pytest.raises(PlatformError, match=r'answered 400: {"value": \["is invalid"\]}'):
            push_credentials(platform, "outlook", CREDENTIAL)
        push_credentials(platform, "outlook", CREDENTIAL)
        assert {name[0]: held["value"] for name, held in api.variables.items()} == {
            "OUTLOOK_CLIENT_SECRET": "hush+hush &1",
            "OUTLOOK_CLIENT_ID": CREDENTIAL.client_id,
        }
        assert {scope for _, scope in api.variables} == {"production"}


def test_error_inside_an_answer_of_200_is_a_refusal_without_the_secret(
    server: StrictServer, environ: dict[str, str]
) -> None:
    server.api = lambda request: Reply(200, {"ok": False, "error": {"message": f"bad: {request.body}"}})
    platform = open_platform(settings_of(server), environ)
    with pytest.raises(PlatformError, match="answered 200: bad") as caught:
        push_credentials(platform, "outlook", CREDENTIAL)
    assert "hush" not in str(caught.value)
    entry = ensure_connector(open_platform(settings_of(server, error_at=""), environ), ConnectorSettings("a", "A"))
    assert entry.outcome == "adopted"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"push": {**PUSH, "query": {"s": "{client_secret}"}}}, "{client_secret} cannot stand in a query"),
        ({"push": {**PUSH, "then": {**PUSH, "path": "/{client_secret}"}}}, "{client_secret} cannot stand in a path"),
        ({"push": {**PUSH, "then": {**PUSH, "path": "/{id}"}}}, "{id} cannot stand in a path"),
        ({"push": {**PUSH, "form": {"a": "b"}}}, "credentials.push.form"),
        ({"auth_user": "me", "auth_header": "X-Key"}, "auth_user"),
        ({"auth_user": "me", "auth_value": "{api_key}"}, "auth_user"),
        ({"headers": {"Authorization": "Bearer 1234"}}, "header -> text, without the API key"),
        ({"headers": {"X-A": "1\r\nX-B: 2"}}, "header -> text, without the API key"),
    ],
)
def test_wrong_description_is_one_line(server: StrictServer, wrong: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_platform(settings_of(server, **wrong), {})
    assert sentence in str(caught.value)
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("/a/0/b", 1),
        ("a.0.b", 1),
        ("/x~1y/m~0n", 2),
        ("/a/1", None),
        ("/a/b", None),
        ("/", 3),
        ("/a.b", 4),
    ],
)
def test_places_in_answers_are_json_pointers_or_dotted(place: str, found: Any) -> None:
    """The escapes of RFC 6901."""
    assert at({"a": [{"b": 1}], "x/y": {"m~n": 2}, "": 3, "a.b": 4}, place) == found
