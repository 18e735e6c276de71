"""A platform that quotes everything it was sent, in every field of its refusals, makes no message show a secret."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import requests
import trustme

from orgcal.entra.batch import BatchSender
from orgcal.entra.clouds import load_endpoints
from orgcal.entra.credentials import ClientCertificate, ClientSecret, StorableCredential
from orgcal.entra.session import new_session
from orgcal.errors import OrgcalError, PlatformError
from orgcal.platforms import (
    ConnectorSettings,
    PlatformCredential,
    StoredCredential,
    capabilities_of,
    ensure_connector,
    push_credentials,
)
from orgcal.platforms.local import LocalPlatform
from orgcal.platforms.testing_server import Reply, Request, StrictServer
from orgcal.provider.azuread.guard import guarded_session
from tests.support.platform_apis import API_KEY
from tests.support.platform_cases import SERVED, SETTINGS, Case, open_case

SECRET = 'N5z8Q~15"\\ü/+w.Kd9=&x%Zq7'
PEM_BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTU\nt9Us8cKjMzEfYyjiWA4R4ha3bS1nB7b0Rk2h9QJbWJ"
CLIENT_ID = "5f0c8a0e-0000-4000-8000-000000000001"
DECLARED = ConnectorSettings("outlook", "Outlook")
CREDENTIALS: dict[str, StorableCredential] = {
    "secret": ClientSecret(SECRET),
    "certificate": ClientCertificate(
        f"-----BEGIN PRIVATE KEY-----\n{PEM_BODY}\n-----END PRIVATE KEY-----\n",
        f"-----BEGIN CERTIFICATE-----\n{PEM_BODY[::-1]}\n-----END CERTIFICATE-----\n",
    ),
}
SHAPES = ("object", "text", "flat", "page")


def echo_of(request: Request, secrets: list[str]) -> list[str]:
    """What came, as a server may quote it: plain, cut off, and in the escapes of JSON, URLs and base64.

    Texts in which `shows` finds nothing are left out, as no error that quotes them could show a secret.
    """
    leaves = list(_leaves([request.body, request.headers, request.query]))
    whole = json.dumps([request.body, request.headers])
    encoded = [base64.b64encode(leaf.encode()).decode() for leaf in leaves] + [urlencode({"v": x}) for x in leaves]
    texts = [*leaves, *(leaf[:20] for leaf in leaves), *map(quote, leaves), *encoded, json.dumps(whole)]
    return [*(text for text in dict.fromkeys(texts) if shows(text, secrets)), whole]


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    elif isinstance(value, str):
        yield value


def refusals(request: Request, secrets: list[str], shape: str) -> Iterator[Reply]:
    """One refusal for each text, so that none is hidden by being cut off."""
    for text in echo_of(request, secrets):
        bodies: dict[str, Any] = {
            "object": {"error": {"code": text, "type": text, "message": text}},
            "text": {"error": text},
            "flat": {"message": text, "code": text},
            "page": f"<html>{text}</html>".encode(),
        }
        yield Reply(422, bodies[shape], {"X-Echo": quote(text)})


def assert_hidden(error: BaseException, secrets: list[str]) -> None:
    shown = str(error) + repr(error) + repr(vars(error)) + repr(error.__cause__) + repr(error.__context__)
    assert not shows(shown, secrets), shown


def shows(text: str, secrets: list[str]) -> bool:
    """Whether eight characters of a secret stand in the text."""
    lines = [line for secret in secrets for line in secret.split("\n") if "-----" not in line]
    return any(line[at : at + 8] in text for line in lines for at in range(len(line) - 7))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=SERVED)
def served(request: pytest.FixtureRequest, tmp_path: Path, authority: trustme.CA, emulator_keys: Any) -> Iterator[Case]:
    with open_case(request.param, tmp_path, authority, emulator_keys) as found:
        yield found


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", CREDENTIALS)
def test_push_that_is_refused_with_an_echo_shows_no_secret(served: Case, kind: Any, shape: str) -> None:
    if kind not in capabilities_of(SETTINGS[served.name]).credential_kinds:
        kind = "secret"
    assert served.server is not None
    ensure_connector(served.platform, DECLARED)
    credential = PlatformCredential(CLIENT_ID, 1, CREDENTIALS[kind], scopes=("Calendars.Read",))
    proper = served.server.api
    pending: list[Reply] = []

    def api(request: Request) -> Reply:
        if request.method == "GET":
            return proper(request)
        pending[:] = pending or list(refusals(request, secrets, shape))
        return pending.pop()

    secrets = [*credential.secrets(), API_KEY]
    served.server.api = api
    for _ in range(len(secrets) * 40):
        with pytest.raises(OrgcalError) as caught:
            push_credentials(served.platform, "outlook", credential)
        assert_hidden(caught.value, secrets)
        if not pending:
            break
    assert not pending


def test_every_request_that_is_refused_with_an_echo_shows_no_key(served: Case) -> None:
    assert served.server is not None
    served.server.api = lambda request: Reply(403, {"message": " ".join(echo_of(request, [API_KEY]))[:250]})
    with pytest.raises(PlatformError, match="answered 403") as caught:
        served.platform.read_credentials("outlook")
    assert_hidden(caught.value, [API_KEY])
    assert "***" in str(caught.value)


class Quoting(LocalPlatform):
    """A kind with a client of its own, whose errors quote what it was given."""

    place = "https://platform.example.com"

    def __init__(self, error: type[Exception]) -> None:
        self._error = error

    def push_credentials(self, key: str, credential: PlatformCredential) -> StoredCredential:
        raise self._error(f"cannot store {credential.fields()}") from ValueError(str(credential.fields()))


@pytest.mark.parametrize("error", [PlatformError, RuntimeError])
@pytest.mark.parametrize("kind", CREDENTIALS)
def test_kind_with_a_client_of_its_own_shows_no_secret(kind: str, error: type[Exception]) -> None:
    credential = PlatformCredential(CLIENT_ID, 1, CREDENTIALS[kind])
    with pytest.raises(error) as caught:
        push_credentials(Quoting(error), "outlook", credential)
    assert_hidden(caught.value, list(credential.secrets()))
    assert "cannot store" in str(caught.value)


@pytest.mark.parametrize("kind", CREDENTIALS)
def test_kind_that_cannot_read_its_answer_shows_no_secret(kind: str) -> None:
    credential = PlatformCredential(CLIENT_ID, 1, CREDENTIALS[kind])
    with pytest.raises(PlatformError, match="KeyError") as caught:
        push_credentials(Quoting(KeyError), "outlook", credential)
    assert_hidden(caught.value, list(credential.secrets()))


def session_for_server(url: str) -> requests.Session:
    return new_session(load_endpoints("public", {}), servers=[url], environ={})


@pytest.mark.parametrize("make", [session_for_server, lambda _: guarded_session()])
def test_session_of_graph_entra_and_the_stand_in_hides_what_it_sent(make: Any) -> None:
    """The form of a token request, the body of Microsoft Graph, and the token itself."""

    def echo(request: Request) -> Reply:
        return Reply(
            400, {"error": "invalid_request", "error_description": json.dumps([request.body, request.headers])}
        )

    with StrictServer(echo).running() as server, make(server.base_url) as session:
        graph = session.post(
            f"{server.base_url}/applications",
            json={"displayName": "Calendar", "passwordCredentials": [{"secretText": SECRET}]},
            headers={"Authorization": "Bearer eyJhbGciOiJSUzI1NiJ9.eyJvaWQ"},
        )
    assert "Calendar" in graph.text
    for secret in (SECRET, json.dumps(SECRET)[1:-1], "eyJhbGciOiJSUzI1NiJ9"):
        assert not any(secret[at : at + 8] in graph.text for at in range(len(secret) - 7))
    assert graph.json()["error"] == "invalid_request"


def test_refusal_inside_a_batch_of_status_200_hides_the_token() -> None:
    token = "eyJhbGciOiJSUzI1NiJ9.eyJvaWQ"

    def quoting(request: Request) -> Reply:
        error = {"error": {"code": "Forbidden", "message": json.dumps(request.headers)}}
        entry = {"id": "0", "status": 403, "headers": {"request-id": "7", "X-Echo": token[5:]}, "body": error}
        return Reply(200, {"responses": [entry, {"id": "1", "status": 200, "body": {"value": []}}]})

    with StrictServer(quoting).running() as server, session_for_server(server.base_url) as session:
        answer = BatchSender(session, server.base_url, {}).send(token, ["/users/1", "/users/2"])
    refused, read = answer.entries
    assert refused is not None
    assert refused.body is not None
    assert refused.body["error"]["code"] == "Forbidden"
    assert not any(token[at : at + 8] in str(refused) for at in range(len(token) - 7))
    assert read is not None
    assert read.body == {"value": []}
