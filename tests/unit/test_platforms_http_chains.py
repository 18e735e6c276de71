"""Kind `http`: chains of requests, the placeholders that they may have, and descriptions that are wrong."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from orgcal.entra.credentials import ClientSecret
from orgcal.errors import PlatformError
from orgcal.platforms import PlatformCredential, check_settings, read_platform
from orgcal.platforms.http_api import HttpPlatform, HttpSettings
from orgcal.platforms.http_requests import RequestTemplate
from orgcal.platforms.rest import RestClient
from tests.support.scripted_client import FakeClient

CALLBACK = "https://platform.example/callback"
SECRET = PlatformCredential("client", 4, ClientSecret("hush"))
PUSH = {"method": "PUT", "path": "/push", "body": "{client_secret}"}
BASE = {"kind": "http", "base_url": "https://acme.example", "callback_url": CALLBACK}
WHERE = "orgcal:connector.platform"
FIELD = {"client_id": "/0/id", "client_secret": "/1/secret"}


def request(method: str, path: str, **more: Any) -> dict[str, Any]:
    return {"method": method, "path": path, **more}


def sent(client: FakeClient) -> list[str]:
    return [f"{method} {path}" for method, path, _ in client.sent]


def http(credentials: dict[str, Any], **answers: Any) -> tuple[HttpPlatform, FakeClient]:
    client = FakeClient(**answers)
    settings = HttpSettings.model_validate({**BASE, "credentials": {"push": PUSH, **credentials}})
    return HttpPlatform(cast(RestClient, client), settings), client


# Chains --------------------------------------------------------------------------------------------------------------


def test_answers_of_a_chain_are_a_list() -> None:
    read = request("GET", "/a", then=request("GET", "/b", then=request("GET", "/c")))
    fields = {"client_id": "/0/v", "client_secret": "/1/v", "generation": "/2/0"}
    platform, client = http({"read": read, "fields": fields})
    client.answers = {"GET /a": {"v": "id"}, "GET /b": {"v": "hush"}, "GET /c": [4]}

    held = platform.read_credentials("outlook")

    assert sent(client) == ["GET /a", "GET /b", "GET /c"]
    assert held is not None
    assert held.credential == PlatformCredential("id", 4, ClientSecret("hush"))


def test_list_that_one_request_answers_stays_one_answer() -> None:
    platform, client = http(
        {"read": request("GET", "/a", then=request("GET", "/b")), "fields": {"client_secret": "/1/0"}}
    )
    client.answers = {"GET /a": {}, "GET /b": ["hush"]}

    held = platform.read_credentials("outlook")

    assert held is not None
    assert held.credential == PlatformCredential("", 0, ClientSecret("hush"))


def test_what_is_kept_fills_in_the_next_request_alone() -> None:
    read = request("GET", "/a", keep={"id": "/x/id"}, then=request("GET", "/b/{id}/{key}"))
    platform, client = http({"read": read})
    client.answers = {"GET /a": {"x": {"id": "1/2"}}, "GET": {}}

    assert platform.read_credentials("outlook") is not None

    assert sent(client) == ["GET /a", "GET /b/1%2F2/outlook"]


@pytest.mark.parametrize("answer", [None, {}, {"id": None}])
def test_nothing_to_keep_is_nothing_there(answer: Any) -> None:
    platform, client = http({"read": request("GET", "/a", keep={"id": "id"}, then=request("GET", "/b/{id}"))})
    client.answers = {"GET /a": answer, "GET": {}}

    assert platform.read_credentials("outlook") is None

    assert sent(client) == ["GET /a"]


def test_request_that_finds_nothing_ends_the_chain_unless_it_deletes() -> None:
    chain = {"then": request("DELETE", "/b")}
    platform, client = http({"read": request("GET", "/a", **chain), "remove": request("DELETE", "/a", **chain)})

    assert platform.read_credentials("outlook") is None
    assert sent(client) == ["GET /a"]
    platform.remove_credentials("outlook")
    assert sent(client) == ["GET /a", "DELETE /a", "DELETE /b"]


def test_request_instead_is_sent_where_there_is_nothing_and_the_chain_goes_on() -> None:
    push = request("PUT", "/a", if_absent=request("POST", "/new", body="{client_secret}"), then=request("PUT", "/b"))
    platform, client = http({"push": push}, POST={}, PUT={})
    client.answers["PUT /a"] = None

    platform.push_credentials("outlook", SECRET)
    assert client.sent == [("PUT", "/a", None), ("POST", "/new", "hush"), ("PUT", "/b", None)]
    assert [options["absent"] for options in client.options] == [frozenset({404}), frozenset(), frozenset()]

    client.sent.clear()
    client.answers["PUT /a"] = {}
    platform.push_credentials("outlook", SECRET)
    assert sent(client) == ["PUT /a", "PUT /b"]


def test_chain_needs_no_next_request_for_what_was_just_made() -> None:
    found = request("GET", "/a", keep={"id": "id"})
    push = {**found, "if_absent": request("POST", "/a"), "then": request("PATCH", "/a/{id}")}
    platform, client = http({"push": push}, POST={"id": "1"}, PATCH={})

    platform.push_credentials("outlook", SECRET)
    assert sent(client) == ["GET /a", "POST /a"]

    client.sent.clear()
    client.answers["GET /a"] = {"id": "1"}
    platform.push_credentials("outlook", SECRET)
    assert sent(client) == ["GET /a", "PATCH /a/1"]


def test_write_that_finds_nothing_is_an_error_wherever_it_stands() -> None:
    for push in (request("PUT", "/a"), request("PUT", "/b", then=request("PUT", "/a"))):
        platform, _ = http({"push": push})
        with pytest.raises(PlatformError, match="answered 404"):
            platform.push_credentials("outlook", SECRET)
    once = request("PUT", "/a", absent=[410], if_absent=request("POST", "/a"))
    platform, client = http({"push": once}, POST={})
    platform.push_credentials("outlook", SECRET)
    assert [options["absent"] for options in client.options] == [frozenset({410}), frozenset()]


def test_request_names_the_placeholders_in_the_bodies_of_its_chain() -> None:
    template = RequestTemplate.model_validate(
        request(
            "PUT",
            "/{a}",
            query={"q": "{b}"},
            body={"x": "{c}"},
            if_absent=request("POST", "/", form={"y": "{d}{e}"}),
            then=request("GET", "/", then=request("GET", "/", body=["{f}"])),
        )
    )

    assert template.names() == {"c", "d", "e", "f"}
    assert [each.method for each in template.chain()] == ["PUT", "POST", "GET", "GET"]


# Descriptions --------------------------------------------------------------------------------------------------------


ENTRY_NAMES = ("key", "display_name", "description", "scopes", "published")
CREDENTIAL_NAMES = ("key", "client_id", "generation", "scopes", "client_secret", "certificate_pem", "private_key_pem")
OPEN = ("key", "client_id", "generation", "scopes")
"""Placeholders of a credential's requests that are no secret."""


@pytest.mark.parametrize("part", ["read", "create", "push", "remove"])
def test_credentials_requests_take_every_placeholder_but_no_secret_in_an_address(part: str) -> None:
    def problems(**more: Any) -> list[str]:
        credentials = {"push": PUSH, part: {"method": "PUT", "path": "/", **more}}
        return check_settings({**BASE, "credentials": credentials})

    for name in CREDENTIAL_NAMES:
        assert problems(body=f"{{{name}}}") == problems(form={"a": f"{{{name}}}"}) == []
        for more, place in (({"path": f"/{{{name}}}"}, "path"), ({"query": {"a": f"{{{name}}}"}}, "query")):
            said = f"{WHERE}.credentials.{part}: {{{name}}} cannot stand in a {place}; expected a request; "
            assert [line[: len(said)] for line in problems(**more)] == ([] if name in OPEN else [said])
    known = ", ".join(CREDENTIAL_NAMES)
    (told,) = problems(path="/{x}", query={"a": "{y}"}, body=["{z}"])
    assert told.startswith(
        f"{WHERE}.credentials.{part}: {{x}} cannot stand in a path; {{y}} cannot stand in a query; "
        f"unknown {{z}} in the body; known are {known}; expected a request; repair: "
    )


@pytest.mark.parametrize("part", ["read", "create", "update", "delete"])
def test_entrys_requests_take_the_fields_of_the_catalog(part: str) -> None:
    entry = {name: {"method": "GET", "path": "/"} for name in ("read", "create", "update", "delete")}
    for name in ENTRY_NAMES:
        whole = {"method": "GET", "path": f"/{{{name}}}", "query": {"a": f"{{{name}}}"}, "form": {"a": f"{{{name}}}"}}
        assert check_settings({**BASE, "credentials": {"push": PUSH}, "entry": {**entry, part: whole}}) == []
    wrong = {**entry, part: {"method": "GET", "path": "/", "body": "{client_id}"}}
    (told,) = check_settings({**BASE, "credentials": {"push": PUSH}, "entry": wrong})
    known = ", ".join(ENTRY_NAMES)
    assert told.startswith(f"{WHERE}.entry.{part}: unknown {{client_id}} in the body; known are {known}; expected a")


@pytest.mark.parametrize(
    ("push", "taken"),
    [
        (request("GET", "/", keep={"id": "/id"}, then=request("PUT", "/{id}")), True),
        (request("GET", "/", keep={"id": "/id"}, then=request("PUT", "/", query={"q": "{id}"}, body="{id}")), True),
        (request("GET", "/", keep={"id": "/id"}, then=request("GET", "/", then=request("PUT", "/{id}"))), True),
        (request("GET", "/", keep={"id": "/id"}, if_absent=request("PUT", "/{id}")), False),
        (request("GET", "/{id}", keep={"id": "/id"}), False),
        (request("GET", "/", if_absent=request("PUT", "/", then=request("PUT", "/{id}"))), False),
        (request("GET", "/", keep={"Id": "/id"}), False),
        (request("GET", "/", keep={"an_id": "/id"}), True),
    ],
)
def test_kept_values_are_known_to_the_requests_that_follow(push: dict[str, Any], taken: bool) -> None:
    assert (check_settings({**BASE, "credentials": {"push": push}}) == []) is taken


@pytest.mark.parametrize(
    ("entry", "taken"),
    [
        ({}, True),
        ({"read": 1, "create": 1, "delete": 1}, True),
        ({"read": 1, "create": 1, "delete": 1, "update": 1}, True),
        ({"read": 1}, False),
        ({"create": 1}, False),
        ({"update": 1}, False),
        ({"delete": 1}, False),
        ({"create": 1, "delete": 1, "update": 1}, False),
        ({"read": 1, "delete": 1, "update": 1}, False),
        ({"read": 1, "create": 1, "update": 1}, False),
    ],
)
def test_entry_is_read_made_and_removed_or_not_at_all(entry: dict[str, Any], taken: bool) -> None:
    whole = {name: {"method": "GET", "path": "/"} for name in entry}

    problems = check_settings({**BASE, "credentials": {"push": PUSH}, "entry": whole})

    if taken:
        assert problems == []
        return
    (told,) = problems
    assert told.startswith(f"{WHERE}.entry: needs read, create and delete, or nothing at all; expected a mapping of ")


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"auth_user": "me", "auth_header": "X-Key"}, ["auth_user"]),
        ({"auth_user": "me", "auth_value": "{api_key}"}, ["auth_user"]),
        ({"callback_url": ""}, ["callback_url"]),
        ({"entry": {"fields": {"callback_url": "url"}}}, ["callback_url"]),
        ({"headers": {"Cookie": "x"}}, ["headers"]),
        ({"headers": {"AUTHORIZATION": "x"}}, ["headers"]),
        ({"headers": {"X A": "x"}}, ["headers"]),
        ({"headers": {"": "x"}}, ["headers"]),
        ({"headers": {"X-A": "ü"}}, ["headers.X-A"]),
        ({"auth_header": ""}, ["auth_header"]),
        ({"credentials": {"push": {**PUSH, "path": "x"}}}, ["credentials.push.path"]),
        ({"credentials": {"push": {**PUSH, "form": {"a": "b"}}}}, ["credentials.push.form"]),
        ({"credentials": {"push": {**PUSH, "absent": ["none"]}}}, ["credentials.push.absent[0]"]),
        ({"credentials": {"read": PUSH}}, ["credentials.push"]),
    ],
)
def test_setting_that_is_guilty_is_named(more: dict[str, Any], named: list[str]) -> None:
    problems = check_settings({**BASE, "credentials": {"push": PUSH}, **more})

    assert [line.partition(": ")[0] for line in problems] == [f"{WHERE}.{name}" for name in named]


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            {"auth_value": {"a": "hunter2"}},
            "auth_value: found a value that is not shown here, as it may be a secret; expected a text: a text with "
            '{api_key}; repair: pulumi config set --path orgcal:connector.platform.auth_value "Bearer {api_key}"',
        ),
        (
            {"auth_value": "hunter2"},
            "auth_value: must hold {api_key}; the key itself belongs in a file; expected a text with {api_key}; "
            'repair: pulumi config set --path orgcal:connector.platform.auth_value "Bearer {api_key}"',
        ),
        (
            {"auth_user": "me:hunter2"},
            "auth_user: found a value that is not shown here, as it may be a secret; expected a user name, without "
            "auth_header and auth_value; repair: pulumi config set --path orgcal:connector.platform.auth_user api",
        ),
        (
            {"headers": "hunter2"},
            "headers: found a value that is not shown here, as it may be a secret; expected header -> text, without "
            'the API key; repair: write `orgcal:connector.platform.headers: {Api-Version: "2026-01-01"}` into the '
            "stack's file (Pulumi.prod.yaml.example shows each setting)",
        ),
        (
            {"key_file_variable": "hunter-2"},
            "key_file_variable: found a value that is not shown here, as it may be a secret; expected the name of an "
            "environment variable; repair: pulumi config set --path orgcal:connector.platform.key_file_variable "
            "ORGCAL_PLATFORM_KEY_FILE",
        ),
    ],
)
def test_setting_that_may_be_the_key_is_not_shown(more: dict[str, Any], line: str) -> None:
    assert check_settings({**BASE, "credentials": {"push": PUSH}, **more}) == [f"{WHERE}.{line}"]


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"method": "ZZZ"}, 'method: found "ZZZ"; expected GET, POST, PUT, PATCH or DELETE; repair: SET.method GET'),
        (
            {"path": "x"},
            'path: found "x"; expected a path such as /connectors/{key}; repair: SET.path /connectors/{key}',
        ),
        (
            {"absent": "x"},
            'absent: found "x"; expected HTTP statuses; repair: write `PLACE.absent: [404]` into the stack\'s file '
            "(Pulumi.prod.yaml.example shows each setting)",
        ),
        (
            {"absent": ["x"]},
            'absent[0]: found "x"; expected a number: HTTP statuses; repair: pulumi config set --path '
            "'PLACE.absent[0]' 404",
        ),
    ],
)
def test_part_of_a_request_is_told_with_an_example(wrong: dict[str, Any], line: str) -> None:
    place = f"{WHERE}.credentials.push"

    (problem,) = check_settings({**BASE, "credentials": {"push": {**PUSH, **wrong}}})

    told = line.replace("SET", "pulumi config set --path PLACE").replace("PLACE", place)
    assert problem == f"{place}.{told}"


@pytest.mark.parametrize(
    "more",
    [
        {"headers": {"X-Cookie": "", "Authorization2": "a ~"}},
        {"auth_user": "me"},
        {"auth_header": "X", "auth_value": "a {api_key} b"},
        {"callback_url": "", "entry": {"fields": {"callback_url": "url"}}},
        {"error_at": ""},
    ],
)
def test_description_that_can_work_is_taken(more: dict[str, Any]) -> None:
    assert check_settings({**BASE, "credentials": {"push": PUSH}, **more}) == []


def test_settings_that_are_left_out_have_their_defaults() -> None:
    settings = read_platform({**BASE, "credentials": {"push": PUSH}})

    assert isinstance(settings, HttpSettings)
    assert json.loads(settings.model_dump_json()) == {
        **BASE,
        "name": "the platform",
        "key_file_variable": "ORGCAL_PLATFORM_KEY_FILE",
        "auth_header": "Authorization",
        "auth_value": "Bearer {api_key}",
        "auth_user": None,
        "headers": {},
        "error_at": "/error",
        "entry": {"read": None, "create": None, "update": None, "delete": None, "fields": {}},
        "credentials": {
            "read": None,
            "create": None,
            "push": {
                **PUSH,
                "form": None,
                "query": {},
                "absent": [404],
                "keep": {},
                "if_absent": None,
                "then": None,
            },
            "remove": None,
            "fields": {},
        },
    }
