"""What every secret store must do beyond the suite of all kinds: versions, faults of its server, foreign content."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from orgcal.entra.credentials import ClientSecret
from orgcal.errors import OrgcalError, PlatformError, Unreachable
from orgcal.platforms import PlatformCredential, open_platform, push_credentials
from orgcal.platforms.secret_store import SecretStorePlatform
from orgcal.platforms.testing import FIRST, PAIR, SECOND
from orgcal.platforms.testing_faults import ODD_ANSWERS, WRONG_ANSWERS
from orgcal.platforms.testing_server import FakeTime, Reply, Request, StrictServer
from tests.contract.test_platform_echo import SECRET, assert_hidden, echo_of
from tests.support.secret_store_cases import SETTINGS, OpenStore, open_store

OBJECTS = [name for name in SETTINGS if not name.endswith("-plain")]


@dataclass
class Case:
    """A store, and the platform that is opened on it."""

    store: OpenStore
    platform: SecretStorePlatform
    time: FakeTime

    @property
    def server(self) -> StrictServer:
        return self.store.server

    def push(self, credential: PlatformCredential) -> None:
        push_credentials(self.platform, "outlook", credential)

    def held(self) -> PlatformCredential:
        found = self.platform.read_credentials("outlook")
        assert found is not None
        assert found.credential is not None
        return found.credential

    def arm_write(self, kind: Any, **details: Any) -> None:
        """Let the next request fail that would store a value."""
        if self.store.settings["kind"] != "aws-secrets-manager":
            method = "PUT" if "vault_url" in self.store.settings else "POST"
            self.server.arm(kind, method=method, **details)
            return
        proper = self.server.api

        def api(request: Request) -> Reply:
            if request.headers["x-amz-target"].endswith("GetSecretValue"):  # the last question before the write
                self.server.api = proper
                self.server.arm(kind, **details)
            return proper(request)

        self.server.api = api


@pytest.fixture(params=SETTINGS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    time = FakeTime()
    with open_store(request.param, tmp_path) as store:
        platform = open_platform(store.settings, store.environ, clock=time.clock())
        assert isinstance(platform, SecretStorePlatform)
        yield Case(store, platform, time)


# -- versions -----------------------------------------------------------------------------------------


def test_push_of_the_same_credential_writes_nothing(case: Case) -> None:
    case.push(FIRST)
    writes = case.store.writes()
    case.push(FIRST)
    assert case.store.writes() == writes
    assert case.store.versions() == 1


def test_version_before_holds_the_credential_before(case: Case) -> None:
    case.push(FIRST)
    case.push(SECOND)
    assert case.store.versions() == 2
    before = case.store.before()
    assert "hush-1" in (before if isinstance(before, str) else before["client_secret"])


def test_rotation_goes_back_by_a_version_with_the_older_generation(case: Case) -> None:
    for credential in (FIRST, SECOND, FIRST):
        case.push(credential)
        assert case.held().same_as(credential)
        assert case.held().generation == credential.generation
    assert case.store.versions() == 3


def test_new_generation_of_the_same_secret_is_read_back(case: Case) -> None:
    """Where the generation is a tag, the secret gets no version."""
    case.push(FIRST)
    case.push(replace(FIRST, generation=7))
    assert case.held().generation == 7
    assert case.store.versions() == (1 if case.store.settings.get("value") else 2)


@pytest.mark.parametrize("case", OBJECTS, indirect=True)
def test_certificate_in_place_of_a_secret_leaves_no_secret(case: Case) -> None:
    case.push(FIRST)
    case.push(PAIR)
    assert case.held().same_as(PAIR)
    case.store.change(lambda value: pytest.fail("hush-1") if "hush-1" in str(value) else value)


@pytest.mark.parametrize("case", OBJECTS, indirect=True)
def test_what_else_is_in_the_object_stays_when_ours_changes_and_goes(case: Case) -> None:
    case.push(FIRST)
    case.store.change(lambda value: {**value, "note": ["kept"]})
    case.push(SECOND)
    assert case.held().same_as(SECOND)
    case.platform.remove_credentials("outlook")
    assert case.platform.read_credentials("outlook") is None
    writes = case.store.writes()
    case.platform.remove_credentials("outlook")
    assert case.store.writes() == writes
    case.store.change(lambda value: {**value, "same": value == {"note": ["kept"]}})
    case.push(FIRST)
    assert case.store.before() in ({"note": ["kept"], "same": True}, '{"note": ["kept"], "same": true}')


@pytest.mark.parametrize("case", OBJECTS[:2], indirect=True)
def test_text_that_is_no_object_counts_as_nothing_and_is_replaced(case: Case) -> None:
    case.push(FIRST)
    case.store.change(lambda _: "changeme")
    case.push(SECOND)
    assert case.held().same_as(SECOND)


# -- faults of servers --------------------------------------------------------------------------------


def test_busy_store_is_asked_again_when_it_says(case: Case) -> None:
    busy = case.store.refusal(429, "slow down")
    case.server.arm("status", reply=replace(busy, headers={"Retry-After": "7"}))
    case.push(FIRST)
    assert case.time.waits == [7.0]


def test_store_that_stays_busy_is_given_up_within_a_minute(case: Case) -> None:
    for _ in range(100):
        case.server.arm("status", reply=replace(case.store.refusal(503, "busy"), headers={"Retry-After": "9"}))
    with pytest.raises(PlatformError) as caught:
        case.platform.read_credentials("outlook")
    assert caught.value.status == 503
    assert 45 <= sum(case.time.waits) <= 60


def test_store_that_does_not_answer_is_one_sentence(case: Case) -> None:
    for _ in range(200):
        case.server.arm("dropped")
    with pytest.raises(Unreachable, match="cannot be reached"):
        case.platform.read_credentials("outlook")
    assert sum(case.time.waits) <= 60


def test_connection_that_is_lost_while_reading_is_made_again(case: Case) -> None:
    case.push(FIRST)
    case.server.arm("dropped")
    assert case.held().same_as(FIRST)


def test_page_of_a_proxy_that_is_busy_is_waited_out(case: Case) -> None:
    case.push(FIRST)
    case.server.arm("status", reply=Reply(502, b"<html>bad gateway</html>"))
    assert case.held().same_as(FIRST)
    assert len(case.time.waits) == 1


@pytest.mark.parametrize("kind", ["lost", "silence", "status"])
def test_push_whose_answer_fails_ends_with_one_version(case: Case, kind: Any) -> None:
    case.platform._store.silence_s = 0.3
    case.push(FIRST)
    case.arm_write(kind, reply=case.store.refusal(500, "broken"))
    case.push(SECOND)
    assert case.held().same_as(SECOND)
    assert case.store.versions() == 2


def test_refusal_of_a_write_shows_its_words_and_changes_nothing(case: Case) -> None:
    case.push(FIRST)
    case.arm_write("status", reply=case.store.refusal(400, "not like this"))
    with pytest.raises(PlatformError, match=r"answered 400: .*not like this") as caught:
        case.push(SECOND)
    assert "secret orgcal" in caught.value.where
    assert case.held().same_as(FIRST)


def test_push_that_the_store_does_not_show_is_an_error_after_ten_seconds(case: Case) -> None:
    case.push(FIRST)
    proper = case.server.api

    def forgetful(request: Request) -> Reply:
        if request.method == "PUT" or request.headers.get("x-amz-target", "").endswith("PutSecretValue"):
            return Reply(200, {"id": "https://x.vault.azure.net/secrets/n/v", "attributes": {}})
        if request.method == "POST" and request.path.startswith("/v1/"):
            return Reply(200, {"data": {"version": 2}})
        return proper(request)

    case.server.api = forgetful
    with pytest.raises(PlatformError, match=r"accepted generation 2 .* and holds another one") as caught:
        case.push(SECOND)
    assert "hush" not in str(caught.value)
    assert 5 <= sum(case.time.waits) <= 10


@pytest.mark.parametrize("case", OBJECTS, indirect=True)
@pytest.mark.parametrize("wrong", [*WRONG_ANSWERS, *ODD_ANSWERS])
def test_answer_that_is_not_the_stores_is_one_sentence_and_loses_nothing(case: Case, wrong: str) -> None:
    case.push(FIRST)
    proper = case.server.api
    case.server.api = lambda _: WRONG_ANSWERS.get(wrong) or Reply(200, json.dumps(ODD_ANSWERS[wrong]).encode())
    for step in (case.held, lambda: case.push(SECOND), lambda: case.platform.remove_credentials("outlook")):
        with pytest.raises((PlatformError, Unreachable)) as caught:
            step()
        assert caught.value.where
        assert "<html>" not in str(caught.value)
        assert len(str(caught.value)) < 700
        assert_hidden(caught.value, [*SECOND.secrets(), *case.store.keys])
    case.server.api = proper
    assert case.held().same_as(FIRST)


def test_redirect_to_another_host_is_not_followed(case: Case) -> None:
    with StrictServer(lambda _: Reply(200, {})).running() as other:
        case.server.api = lambda _: Reply(307, {}, {"Location": f"{other.base_url}/elsewhere"})
        with pytest.raises((PlatformError, Unreachable)) as caught:
            case.push(FIRST)
    assert other.seen == []
    assert_hidden(caught.value, [*FIRST.secrets(), *case.store.keys])


# -- no secret in a message ---------------------------------------------------------------------------


@pytest.mark.parametrize("page", [False, True])
def test_refusal_with_an_echo_of_the_request_shows_no_secret(case: Case, page: bool) -> None:
    credential = PlatformCredential(FIRST.client_id, 1, ClientSecret(SECRET), FIRST.scopes)
    case.push(FIRST)
    proper = case.server.api
    pending: list[str] = []

    def api(request: Request) -> Reply:
        if request.method == "GET" or request.headers.get("x-amz-target", "").endswith(
            ("DescribeSecret", "GetSecretValue")
        ):
            return proper(request)
        pending[:] = pending or echo_of(request, secrets)
        text = pending.pop()
        return Reply(422, f"<html>{text}</html>".encode()) if page else case.store.refusal(422, text)

    secrets = [*credential.secrets(), *case.store.keys]
    case.server.api = api
    for _ in range(200):
        with pytest.raises(OrgcalError) as caught:
            case.push(credential)
        assert_hidden(caught.value, secrets)
        if not pending:
            break
    assert not pending


def test_refusal_of_reading_with_an_echo_shows_no_key(case: Case) -> None:
    keys = list(case.store.keys)
    case.server.api = lambda request: case.store.refusal(400, " ".join(echo_of(request, keys))[:250])
    with pytest.raises(PlatformError, match="answered 400") as caught:
        case.platform.read_credentials("outlook")
    assert_hidden(caught.value, keys)


@pytest.mark.parametrize("case", OBJECTS, indirect=True)
def test_refusal_shows_nothing_of_what_else_is_in_the_object(case: Case) -> None:
    case.push(FIRST)
    case.store.change(lambda value: {**value, "database": "foreign-secret-4711"})
    case.arm_write("status", reply=case.store.refusal(400, "bad: foreign-secret-4711"))
    with pytest.raises(PlatformError, match=r"bad: \*\*\*"):
        case.push(SECOND)


# -- settings -----------------------------------------------------------------------------------------


def test_names_of_another_application_are_what_is_stored(case: Case, tmp_path: Path) -> None:
    value = {"clientId": "{client_id}", "auth": "{client_secret}", "scope": "{scopes:space}", "cloud": "public"}
    settings = {**case.store.settings, "value": value, "name": "app-outlook"}
    platform = open_platform(settings, case.store.environ, clock=case.time.clock())
    push_credentials(platform, "outlook", FIRST)
    held = platform.read_credentials("outlook")
    assert held is not None
    assert held.credential is not None
    assert held.credential.same_as(FIRST)
    assert held.generation == 1
    sent = [text for request in case.server.seen if "public" in (text := json.dumps(request.body))]
    assert "Calendars.Read User.Read.All" in sent[0]
