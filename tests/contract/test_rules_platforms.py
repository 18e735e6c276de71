"""Nango's and GitHub's rules by their sources: what the product sends, and what the emulator's Nango takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from orgcal_emulator.server import RunningEmulator

from orgcal.entra.credentials import ClientSecret
from orgcal.entra.home.federation import GITHUB_ISSUER as OURS
from orgcal.entra.home.federation import github_trusts
from orgcal.errors import ConfigError, PlatformError
from orgcal.platforms import (
    ConnectorSettings,
    PlatformCredential,
    ensure_connector,
    open_platform,
    place_of,
)
from orgcal.platforms.model import StartsConsent
from orgcal.platforms.nango import PAGE_SIZE
from orgcal.platforms.testing_server import Reply, Request, StrictServer
from tests.contract.rules.platforms import (
    GITHUB_ISSUER,
    GITHUB_NAMES,
    GITHUB_SUBJECTS,
    NANGO_BODIES,
    NANGO_CALLBACK,
    NANGO_CREDENTIALS,
    NANGO_INTEGRATION,
    NANGO_PAGE,
    NANGO_PROVIDER,
    NANGO_SCOPES,
    NANGO_TAG_KEY,
    NANGO_TAG_VALUE,
    NANGO_TAGS,
    Body,
    GithubName,
)

pytestmark = pytest.mark.judged("tests/contract/rules/platforms.py")

TENANT = "22222222-2222-2222-2222-222222222222"
CREDENTIALS = {"type": "OAUTH2", "client_id": "id", "client_secret": "s3cr3t"}

# The product ---------------------------------------------------------------------------------------------------------


class Recorder:
    """Answers as an empty Nango does, and keeps what it is asked."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, Any]] = []
        self.queries: list[dict[str, str]] = []

    def __call__(self, request: Request) -> Reply:
        self.queries.append(dict(request.query))
        if request.method != "GET":
            self.bodies.append((request.path, request.body))
            link = {"connect_link": "https://connect.example", "expires_at": "2026-11-25T17:30:00.000Z"}
            return Reply(201, {"data": {**request.body, **link}})
        if request.path == "/connections":
            return Reply(200, {"connections": []})
        return Reply(404, {"error": {"code": "not_found", "message": "x"}})


@pytest.fixture
def nango(tmp_path: Path) -> Iterator[tuple[Any, Recorder]]:
    """The platform, and what it asks of a Nango that has nothing yet."""
    key, recorder = tmp_path / "key", Recorder()
    key.write_text("k")
    key.chmod(0o600)
    with StrictServer(recorder).running() as server:
        settings = {"kind": "nango", "base_url": server.base_url}
        yield open_platform(settings, {"NANGO_API_KEY_FILE": str(key)}), recorder


def credential(client_id: str = "cid") -> PlatformCredential:
    return PlatformCredential(client_id, 1, ClientSecret("hush"), scopes=("Calendars.Read",), display_name="Outlook")


def test_product_sends_nango_an_integration_that_its_validation_takes(nango: tuple[Any, Recorder]) -> None:
    platform, recorder = nango
    declared = ConnectorSettings("outlook", "Outlook", scopes=("Calendars.Read",))
    entry = ensure_connector(platform, declared).entry
    platform.push_credentials("outlook", credential())

    ((path, body),) = recorder.bodies
    assert (path, body["provider"]) == ("/integrations", NANGO_PROVIDER)
    assert body.keys() <= NANGO_INTEGRATION
    assert body["credentials"].keys() <= NANGO_CREDENTIALS
    assert body["credentials"]["type"] == CREDENTIALS["type"]
    assert re.fullmatch(NANGO_SCOPES, body["credentials"]["scopes"])
    assert str(entry.callback_url).endswith(NANGO_CALLBACK)


@pytest.mark.parametrize("rule", [rule for rule in NANGO_BODIES if "client_id" in rule.change])
def test_product_sends_nango_no_client_id_that_it_refuses(nango: tuple[Any, Recorder], rule: Body) -> None:
    platform, recorder = nango
    client_id = str(rule.change["client_id"])
    if rule.taken:
        platform.push_credentials("outlook", credential(client_id))
    else:
        with pytest.raises(PlatformError):
            platform.push_credentials("outlook", credential(client_id))

    assert bool(recorder.bodies) is rule.taken


@pytest.mark.parametrize("rule", [rule for rule in NANGO_BODIES if rule.change.get("scopes")])
def test_product_takes_the_scopes_that_nango_takes(rule: Body) -> None:
    settings = {"kind": "nango", "token_scopes": str(rule.change["scopes"]).split(",")}
    if rule.taken:
        assert place_of(settings)
    else:
        with pytest.raises(ConfigError):
            place_of(settings)


@pytest.mark.parametrize("name", ["", "Contoso", "x" * 600])
def test_product_starts_consents_in_nango_with_tags_that_it_takes(nango: tuple[Any, Recorder], name: str) -> None:
    platform, recorder = nango
    assert isinstance(platform, StartsConsent)
    platform.consent_link("outlook", TENANT, name)

    ((path, body),) = recorder.bodies
    assert path == "/connect/sessions"
    assert len(body["tags"]) <= NANGO_TAGS
    for key, value in body["tags"].items():
        assert re.fullmatch(NANGO_TAG_KEY, key)
        assert 1 <= len(value) <= NANGO_TAG_VALUE


def test_product_asks_nango_for_pages_that_it_gives(nango: tuple[Any, Recorder]) -> None:
    platform, recorder = nango
    assert platform.connections("outlook") == []

    assert [int(query["limit"]) for query in recorder.queries if "limit" in query] == [PAGE_SIZE]
    assert 1 <= PAGE_SIZE <= NANGO_PAGE


@pytest.mark.parametrize("rule", GITHUB_NAMES, ids=lambda rule: rule.name)
def test_product_takes_the_names_that_github_takes(rule: GithubName) -> None:
    settings = {"kind": "github-environment", "repository": "acme/app", "environment": "production"}
    settings |= {"callback_url": "https://app.example/callback", "prefix": rule.name}
    if rule.taken:
        assert rule.name in place_of(settings)
    else:
        with pytest.raises(ConfigError):
            place_of(settings)


@pytest.mark.parametrize(("job", "subject"), GITHUB_SUBJECTS.items())
def test_product_trusts_the_subject_that_github_writes(job: tuple[str, str, str, str], subject: str) -> None:
    repository, owner_id, repository_id, environment = job
    (trust,) = github_trusts(repository, [environment], owner_id=owner_id, repository_id=repository_id)

    assert (trust.issuer, trust.subject) == (GITHUB_ISSUER, subject)
    assert OURS == GITHUB_ISSUER


# The emulator --------------------------------------------------------------------------------------------------------


@pytest.fixture
def call(emulator: RunningEmulator) -> Callable[..., requests.Response]:
    place = emulator.ready["nango"]
    headers = {"Authorization": f"Bearer {Path(place['api_key_file']).read_text()}"}
    verify = emulator.ready["ca_file"]
    return lambda method, path, body=None: requests.request(
        method, place["url"] + path, json=body, verify=verify, headers=headers
    )


def test_emulator_takes_the_credentials_that_nango_takes(call: Callable[..., requests.Response]) -> None:
    for number, rule in enumerate(NANGO_BODIES):
        given = {name: value for name, value in {**CREDENTIALS, **rule.change}.items() if value is not None}
        body = {"unique_key": f"k{number}", "provider": NANGO_PROVIDER, "credentials": given}
        answer = call("POST", "/integrations", body)
        assert (answer.status_code == 200) is rule.taken, (rule, answer.text)


def test_emulator_takes_the_fields_that_nango_takes_and_no_other(call: Callable[..., requests.Response]) -> None:
    whole: dict[str, Any] = {
        "unique_key": "all",
        "provider": NANGO_PROVIDER,
        "credentials": CREDENTIALS,
        "display_name": "Outlook",
    }
    whole |= {"forward_webhooks": True}

    assert whole.keys() <= NANGO_INTEGRATION
    assert call("POST", "/integrations", whole).status_code == 200
    assert call("POST", "/integrations", {**whole, "unique_key": "other", "anything": 1}).status_code == 400


def test_emulator_takes_the_tags_and_pages_that_nango_takes(call: Callable[..., requests.Response]) -> None:
    call("POST", "/integrations", {"unique_key": "o", "provider": NANGO_PROVIDER, "credentials": CREDENTIALS})
    session = {"allowed_integrations": ["o"]}
    many = {f"t{number}": "x" for number in range(NANGO_TAGS)}
    for tags, taken in (
        (many, True),
        ({**many, "more": "x"}, False),
        ({"a": "x" * NANGO_TAG_VALUE}, True),
        ({"a": "x" * (NANGO_TAG_VALUE + 1)}, False),
        ({"a": ""}, False),
        ({"1a": "x"}, False),
        ({"a" * 64: "x"}, True),
        ({"a" * 65: "x"}, False),
    ):
        answer = call("POST", "/connect/sessions", {**session, "tags": tags})
        assert (answer.status_code == 201) is taken, (tags, answer.text)
    for limit, status in ((NANGO_PAGE, 200), (NANGO_PAGE + 1, 400), (0, 400)):
        assert call("GET", f"/connections?limit={limit}").status_code == status
