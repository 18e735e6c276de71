"""Whatever is sent, the answer is an error of the right shape, never a 500, never a trace, and nothing changes."""

from __future__ import annotations

import asyncio
import itertools
import json
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from emulator_testing.raw_exchange import raw_exchange
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from orgcal_emulator.graph.permissions import APPLICATION_PERMISSIONS
from orgcal_emulator.server import Keys, RunningEmulator

GENERATED = 10_000
"""Generated requests in all, shared by the tests below."""

Answer = tuple[int, bytes]


class Direct:
    """Sends requests straight into the ASGI application: no TLS, thousands a second."""

    def __init__(self, emulator: RunningEmulator) -> None:
        self.emulator = emulator
        self._loop = asyncio.new_event_loop()
        self.host = f"localhost:{emulator.ready['port']}"
        names = [each.name for each in APPLICATION_PERMISSIONS]
        client = emulator.add_client("contoso.example", *names)
        self.client_id, self.secret = client.client_id, client.secret
        form = {
            "grant_type": "client_credentials", "client_id": client.client_id, "client_secret": client.secret,
            "scope": "https://graph.microsoft.com/.default",
        }  # fmt: skip
        base_url = emulator.ready["base_url"]
        token = emulator.cloud.tokens.issue(client.tenant_id, form, base_url)["access_token"]
        self.headers = {"host": self.host, "authorization": f"Bearer {token}"}
        self.keys = [emulator.ready["control"]["token_file"], emulator.ready["platform"]["api_key_file"]]

    def send(self, method: str, target: str, body: bytes = b"", **headers: str) -> Answer:
        path, _, query = target.partition("?")
        all_headers = {**self.headers, **headers}
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "https",
            "path": path, "raw_path": quote(path, safe="/%$()'=@:,;+~!*&").encode(), "root_path": "",
            "query_string": quote(query, safe="/%$()'=@:,;+~!*&?").encode(), "server": ("localhost", 1),
            "client": ("127.0.0.1", 1),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in all_headers.items()],
        }  # fmt: skip
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def collect(message: Any) -> None:
            sent.append(message)

        self._loop.run_until_complete(self.emulator.app(scope, receive, collect))
        raw = b"".join(each.get("body", b"") for each in sent if each["type"] == "http.response.body")
        return int(sent[0]["status"]), raw

    def close(self) -> None:
        self._loop.close()

    def state(self) -> dict[str, Any]:
        return self.emulator.cloud.export()


@pytest.fixture(scope="module")
def direct(emulator_keys: Keys) -> Iterator[Direct]:
    emulator = RunningEmulator(keys=emulator_keys)
    with emulator:
        made = Direct(emulator)
        body = json.dumps({"displayName": "present", "uniqueName": "present"}).encode()
        assert made.send("POST", "/v1.0/applications", body, **{"content-type": "application/json"})[0] == 201
        yield made
        made.close()


def check(direct: Direct, method: str, target: str, answer: Answer, before: dict[str, Any]) -> None:
    status, raw = answer
    shown = f"{method} {target!r} -> {status} {raw[:300]!r}"
    assert status < 500 or status == 501, shown
    assert b"Traceback" not in raw, shown
    assert b'File "' not in raw, shown
    if status >= 400:
        assert direct.state() == before, f"state changed: {shown}"
        if method != "HEAD" and not raw.startswith(b"<!doctype html>"):
            error = json.loads(raw)["error"]
            assert error["code"] if isinstance(error, dict) else error, shown


WORDS = st.sampled_from(
    ["applications", "servicePrincipals", "users", "me", "organization", "directory", "deletedItems", "$batch",
     "$count",
     "owners", "$ref", "calendars", "events", "calendarView", "appRoleAssignedTo", "appRoleAssignments", "addPassword",
     "removePassword", "federatedIdentityCredentials", "directoryObjects", "getByIds", "restore", "logo", "calendar",
     "policies", "defaultAppManagementPolicy", "groups", "members", "transitiveMembers", "oauth2PermissionGrants",
     "delta", "delta()", "microsoft.graph.delta()", "manager", "appRoles", "oauth2PermissionScopes", "myorganization",
      "microsoft.graph.application", "applications(appId='x')",
     "applications(uniqueName='present')", "admin@contoso.example", "22222222-2222-2222-2222-222222222222", "..", ".",
     "", "%2e%2e", "%00", "%2f", "a%0d%0aX: y", "(", "()", "('')"]
)  # fmt: skip
SEGMENTS = st.lists(st.one_of(WORDS, WORDS, WORDS, st.text(max_size=12)), min_size=0, max_size=6)
OPTIONS = st.lists(
    st.tuples(
        st.sampled_from(["$select", "$filter", "$top", "$skip", "$skiptoken", "$count", "$orderby", "$expand",
        "$search", "$deltatoken",
                         "startDateTime", "endDateTime", "x"]),
        st.one_of(
            st.text(max_size=20),
            st.sampled_from(["id", "id,displayName", "displayName eq 'x'", "startswith(displayName,'a')", "(((", "'",
                             "a eq", "id in ('x'", "tags/any(t:t eq 'x')", "999", "0", "true", "2026-01-01T00:00:00Z",
                             "0001-01-01T00:00:00+23:59", "9" * 30, "not (id eq 'x')", "and and", "*", ",", "not " * 40,
                             "createdDateTime ge 0001-01-01T00:00:00+23:59", "createdDateTime lt '9999-12-31'",
                             "start/dateTime ge '2026-11-25'", "displayName ne null",
                             "displayName desc", "displayName,", "appRoleAssignments", "latest",
                             "id eq 'a' or id eq 'b'", "MDpwYWdlOjE", "MDphbGx8MHwxfHx8"]),
        ),
    ),
    max_size=4,
)  # fmt: skip
PROPERTIES = st.sampled_from(
    ["displayName", "web", "redirectUris", "requiredResourceAccess", "resourceAccess", "resourceAppId", "id", "type",
     "appId", "keyCredentials", "key", "passwordCredential", "endDateTime", "startDateTime", "keyId",
     "owners@odata.bind",
     "tags", "api", "info", "appRoles", "uniqueName", "identifierUris", "signInAudience", "requests", "method", "url",
     "body", "headers", "dependsOn", "principalId", "resourceId", "appRoleId", "ids", "@odata.id", "@odata.type",
     "isEnabled", "applicationRestrictions", "passwordCredentials", "maxLifetime", "restrictionType", "name", "issuer",
     "subject", "audiences", "description", "accountEnabled", "samlSingleSignOnSettings",
     "claimsMatchingExpression", "value", "languageVersion", "clientId", "consentType", "scope"]
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=20),
        st.sampled_from(["GET", "/users", "1", "00000003-0000-0000-c000-000000000000", "https://a.example/cb",
                         "2030-01-01T00:00:00Z", "AsymmetricX509Cert", "Verify", "TUlJQg==", "P1D", "passwordLifetime",
                         "https://x/v1.0/directoryObjects/1", "AzureADMultipleOrgs", "AllPrincipals",
                         "claims['sub'] eq 'x'", 1]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(PROPERTIES, inner, max_size=5)),
    max_leaves=15,
)  # fmt: skip
JSON_BODIES = st.one_of(
    st.dictionaries(PROPERTIES, VALUES, max_size=6).map(lambda value: json.dumps(value).encode()),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=40),
    st.sampled_from([b"", b"{", b"[" * 5000, b'{"a":NaN}', b'"\\ud800"', b"\xff\xfe", b'{"displayName": "\\u0000"}']),
)
METHODS = st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "get"])
HEADERS = st.sampled_from(
    [{}, {"accept": "application/json;odata.metadata=none"}, {"accept": "application/json;odata.metadata=full"},
     {"prefer": "create-if-missing"}, {"prefer": 'outlook.timezone="UTC"'}, {"consistencylevel": "eventual"},
     {"prefer": 'outlook.timezone="Tokyo Standard Time", odata.maxpagesize=2; outlook.body-content-type=text'},
     {"prefer": 'outlook.timezone="../etc", "=,;'}, {"prefer": "odata.maxpagesize=999999999999999999999"}]
)  # fmt: skip
TYPES = st.sampled_from(
    ["application/json", "application/json; charset=utf-8", "text/plain", "", "application/x-www-form-urlencoded"]
)
SETTINGS = settings(
    max_examples=GENERATED // 20,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def target_of(prefix: str, segments: list[str], options: list[tuple[str, str]]) -> str:
    query = "&".join(f"{name}={quote(value)}" for name, value in options)
    return f"{prefix}/{'/'.join(segments)}" + (f"?{query}" if query else "")


@pytest.mark.timeout(300)
@SETTINGS
@given(
    st.lists(st.tuples(METHODS, SEGMENTS, OPTIONS, TYPES, HEADERS), min_size=12, max_size=12),
    st.lists(JSON_BODIES, min_size=3, max_size=3),
)
def test_generated_graph_requests_never_break_it(direct: Direct, requests: list[Any], bodies: list[bytes]) -> None:
    # To make up a body takes longer than the emulator's answers to four requests with it.
    for (method, segments, options, kind, headers), body in zip(requests, itertools.cycle(bodies), strict=False):
        target = target_of("/v1.0", segments, options)
        before = direct.state()
        check(direct, method, target, direct.send(method, target, body, **{"content-type": kind}, **headers), before)


PRESENT = st.sampled_from(
    [("POST", "/v1.0/applications"), ("PATCH", "/v1.0/applications(uniqueName='present')"),
     ("POST", "/v1.0/applications(uniqueName='present')/addPassword"),
     ("POST", "/v1.0/applications(uniqueName='present')/removePassword"),
     ("POST", "/v1.0/applications(uniqueName='present')/federatedIdentityCredentials"),
     ("POST", "/v1.0/applications(uniqueName='present')/owners/$ref"), ("POST", "/v1.0/servicePrincipals"),
     ("POST", "/v1.0/$batch"), ("PATCH", "/v1.0/policies/defaultAppManagementPolicy"),
     ("POST", "/beta/applications(uniqueName='present')/federatedIdentityCredentials"),
     ("POST", "/v1.0/oauth2PermissionGrants"), ("GET", "/v1.0/users/delta"), ("GET", "/v1.0/groups"),
     ("GET", "/v1.0/users/admin@contoso.example/events"), ("GET", "/v1.0/users/admin@contoso.example/calendars"),
     ("GET", "/v1.0/servicePrincipals"), ("HEAD", "/v1.0/users"), ("OPTIONS", "/v1.0/users"),
     ("POST", "/v1.0/directoryObjects/getByIds"), ("GET", "/v1.0/users"), ("GET", "/v1.0/applications")]
)  # fmt: skip


@pytest.mark.timeout(300)
@SETTINGS
@given(st.lists(st.tuples(PRESENT, OPTIONS, JSON_BODIES, HEADERS), min_size=5, max_size=5))
def test_generated_bodies_for_known_routes_never_break_it(direct: Direct, requests: list[Any]) -> None:
    for (method, path), options, body, headers in requests:
        target = target_of(path, [], options).replace("/?", "?").removesuffix("/")
        before = direct.state()
        answer = direct.send(method, target, body, **{"content-type": "application/json"}, **headers)
        check(direct, method, target, answer, before)


REST_PATHS = st.sampled_from(
    ["/contoso.example/oauth2/v2.0/token", "/common/oauth2/token", "/x/v2.0/adminconsent",
     "/contoso.example/adminconsent",
     "/metadata/endpoints", "/contoso.example/v2.0/.well-known/openid-configuration", "/platform/local/connectors",
     "/platform/local/connectors/x/credentials", "/platform/nango/integrations", "/platform/nango/integrations/x",
     "/platform/nango/connections", "/platform/nango/connections/x", "/platform/nango/connect/sessions",
     "/platform/nango/connect", "/platform/nango/oauth/callback",
     "/_emulator/clock", "/_emulator/faults", "/_emulator/import", "/_emulator/limits", "/_emulator/lag", "/",
     "//", "/x"]
)  # fmt: skip
FORMS = st.dictionaries(
    st.sampled_from(["grant_type", "client_id", "client_secret", "scope", "client_assertion", "client_assertion_type",
                     "redirect_uri", "state", "account", "decision", "resource"]),
    st.one_of(st.text(max_size=20), st.sampled_from(["client_credentials", "accept",
    "https://graph.microsoft.com/.default"])),
    max_size=6,
).map(lambda form: "&".join(f"{name}={quote(value)}" for name, value in form.items()).encode())  # fmt: skip


@pytest.mark.timeout(300)
@SETTINGS
@given(
    st.lists(
        st.tuples(METHODS, REST_PATHS, st.one_of(FORMS, JSON_BODIES), TYPES, st.booleans()), min_size=4, max_size=4
    )
)
def test_generated_requests_outside_of_graph_never_break_it(direct: Direct, requests: list[Any]) -> None:
    for method, path, body, kind, with_key in requests:
        headers = {"content-type": kind}
        if with_key:
            key = direct.keys[0] if path.startswith("/_emulator") else direct.keys[1]
            headers["authorization"] = f"Bearer {Path(key).read_text()}"
        before = direct.state()
        check(direct, method, path, direct.send(method, path, body, **headers), before)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"{}", "text/plain", 400),
        (b"{}", "", 400),
        (b"x" * (4 * 1024 * 1024 + 1), "application/json", 413),
        (b"", "application/json", 400),
        (b"null", "application/json", 400),
    ],
)
def test_bad_bodies_answer_in_graphs_shape(direct: Direct, body: bytes, kind: str, status: int) -> None:
    before = direct.state()
    answer = direct.send("POST", "/v1.0/applications", body, **{"content-type": kind})
    assert answer[0] == status
    assert set(json.loads(answer[1])["error"]) == {"code", "message", "innerError"}
    assert direct.state() == before


@pytest.mark.parametrize(
    "line",
    [
        b"GET /v1.0/../_emulator/journal HTTP/1.1",
        b"GET /v1.0/..%2f..%2f_emulator/journal HTTP/1.1",
        b"GET /v1.0//users HTTP/1.1",
        b"GET /_emulator/../v1.0/users HTTP/1.1",
        b"GET /v1.0/users%00 HTTP/1.1",
    ],
)
def test_path_tricks_reach_nothing(emulator: RunningEmulator, line: bytes) -> None:
    host = f"Host: localhost:{emulator.ready['port']}".encode()
    answer = raw_exchange(emulator, line + b"\r\n" + host + b"\r\n\r\n")
    assert answer.split(b" ")[1] in (b"401", b"501", b"400", b"404")


def test_header_injection_through_the_request_id_adds_no_header(emulator: RunningEmulator) -> None:
    host = f"Host: localhost:{emulator.ready['port']}".encode()
    head = b"GET /v1.0/users HTTP/1.1\r\n" + host + b"\r\nclient-request-id: a\tb\x80\r\n\r\n"
    answer = raw_exchange(emulator, head)
    assert b"a\tb" not in answer


def test_client_request_id_comes_back(operator: Any) -> None:
    answer = operator.get("applications", **{"client-request-id": "my-id"})
    assert answer.headers["client-request-id"] == "my-id"
    assert set(answer.headers["request-id"]) <= set(string.hexdigits + "-")


def test_unknown_hosts_are_not_answered(emulator: RunningEmulator) -> None:
    answer = raw_exchange(emulator, b"GET /v1.0/users HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    assert b" 421 " in answer.split(b"\r\n")[0]
