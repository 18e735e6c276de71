"""What every kind that speaks HTTP must do when its server is busy, silent, lost or wrong; needs pytest.

class TestAcmeFaults(FaultSuite):
    @pytest.fixture
    def served(self, tmp_path: Path) -> Iterator[Case]:
        key_file = tmp_path / "api.key"
        key_file.write_text("k3y-of-the-test")
        key_file.chmod(0o600)
        with StrictServer(AcmeApi()).running() as server:
            time = FakeTime()
            settings = {"kind": "acme", "base_url": server.base_url}
            environ = {"ACME_KEY_FILE": str(key_file)}
            platform = open_platform(settings, environ, clock=time.clock())
            yield Case(settings, environ, platform, meddle=..., server=server, time=time, key_file=key_file)
"""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest

from orgcal.errors import OrgcalError, PlatformError, Unreachable
from orgcal.platforms import ensure_connector, open_platform, push_credentials
from orgcal.platforms.rest import RestClient
from orgcal.platforms.testing import FIRST, SECOND, Case
from orgcal.platforms.testing_server import Reply, StrictServer

_SECRETS = ("hush-1", "hush-2")
_GZIP = {"Content-Encoding": "gzip"}
_BOMB = gzip.compress(bytes(1024 * 1024)) * 64  # RFC 1952: one after another, they are one file
_SENTENCE = 700
"""Characters of the longest sentence with its repair."""

WRONG_ANSWERS = {
    "a page": Reply(200, b"<html>log in first</html>"),
    "a page of a proxy": Reply(502, b"<html>bad gateway</html>"),
    "a cut answer": Reply(200, b'{"data": {"unique'),
    "17 MiB": Reply(200, b'{"data": "' + b"x" * 17 * 1024 * 1024 + b'"}'),
    "a refusal of 10 MiB": Reply(400, b'{"error": "' + b"x" * 10 * 1024 * 1024 + b'"}'),
    "a gzip bomb": Reply(200, _BOMB, _GZIP),
    "a gzip bomb in a gzip bomb": Reply(200, gzip.compress(_BOMB), {"Content-Encoding": "gzip, gzip"}),
    "a gzip bomb as a refusal": Reply(403, _BOMB, _GZIP),
    "no gzip": Reply(200, b"plain", _GZIP),
}
"""Answers that are none, whatever was asked."""

ODD_ANSWERS: dict[str, Any] = {
    "an error inside": {"error": {"code": "invalid", "message": "not like this"}},
    "a list": [],
    "a text": "done",
    "a number": 7,
    "null": None,
    "other names": {"data": {"unexpected": []}},
}
"""Answers with status 200 that are JSON and not what the platform's documentation says."""


def impatient(case: Case) -> None:
    """Let the platform's `RestClient` give up an answer after a fifth of a second of silence."""
    parts = list(vars(case.platform).values())
    for each in [*parts, *itertools.chain(*(vars(part).values() for part in parts if hasattr(part, "__dict__")))]:
        if isinstance(each, RestClient):
            each.silence_s = 0.2


def server_of(case: Case) -> StrictServer:
    """Return the server that the case must have."""
    assert case.server is not None, "a case of FaultSuite has a server"
    return case.server


@contextmanager
def one_sentence(case: Case) -> Iterator[None]:
    """Hold that whatever is raised is one sentence of ours without a secret, and that something is raised."""
    with pytest.raises(OrgcalError) as caught:
        yield
    assert_sentence(case, caught.value)


def assert_sentence(case: Case, error: OrgcalError) -> None:
    """Hold that an error is one sentence, with its repair, that shows neither a credential nor the API key."""
    assert case.key_file is not None
    shown = str(error) + repr(error) + repr(error.__cause__)
    assert len(str(error)) < _SENTENCE
    assert "\n" not in error.what
    assert not any(secret in shown for secret in (*_SECRETS, case.key_file.read_text().strip()))


class FaultSuite:
    """Tests of one kind with a server; a subclass has the fixture `served`, which returns a `Case` with a server."""

    def test_busy_server_is_waited_for_as_long_as_it_asks(self, served: Case) -> None:
        server_of(served).arm("status", reply=Reply(429, {"error": "slow down"}, {"Retry-After": "7"}))
        ensure_connector(served.platform, served.declared)
        push_credentials(served.platform, "outlook", FIRST)
        assert served.time.waits == [7.0]

    def test_server_that_stays_busy_is_given_up_within_the_budget(self, served: Case) -> None:
        for _ in range(100):
            server_of(served).arm("status", reply=Reply(503, {}, {"Retry-After": "9"}))
        with pytest.raises(PlatformError) as error:
            served.platform.read_credentials("outlook")
        assert error.value.status == 503
        assert sum(served.time.waits) <= 60

    @pytest.mark.parametrize("kind", ["dropped", "status"])
    def test_fault_while_reading_is_tried_again(self, served: Case, kind: Literal["dropped", "status"]) -> None:
        server_of(served).arm(kind, method="GET", reply=Reply(502, b"<html>bad gateway</html>"))
        ensure_connector(served.platform, served.declared)
        assert len(served.time.waits) in (0, 1)

    @pytest.mark.parametrize("kind", ["silence", "status"])
    def test_fault_while_pushing_ends_with_the_one_credential(
        self, served: Case, kind: Literal["silence", "status"]
    ) -> None:
        """A push says what shall be, so it may be sent again after silence or an error of the server."""
        impatient(served)
        ensure_connector(served.platform, served.declared)
        push_credentials(served.platform, "outlook", FIRST)
        server_of(served).arm(kind, method=served.push_method, reply=Reply(500, {"message": "broken"}))
        push_credentials(served.platform, "outlook", SECOND)
        held = served.platform.read_credentials("outlook")
        assert held is not None
        assert held.generation in (None, 2)
        assert len(served.time.waits) == 1

    def test_answer_lost_after_the_push_ends_with_one_credential(self, served: Case) -> None:
        ensure_connector(served.platform, served.declared)
        push_credentials(served.platform, "outlook", FIRST)
        server_of(served).arm("lost", method=served.push_method)
        push_credentials(served.platform, "outlook", SECOND)
        held = served.platform.read_credentials("outlook")
        assert held is not None
        if held.credential is not None:
            assert held.credential.credential == SECOND.credential

    @pytest.mark.parametrize("kind", ["silence", "status"])
    def test_fault_while_creating_is_told_and_the_next_run_creates(
        self, served: Case, kind: Literal["silence", "status"]
    ) -> None:
        """A creation that may have happened is not sent again: what it made is looked for first."""
        impatient(served)
        server = server_of(served)
        if not served.platform.capabilities.catalog:
            assert served.create(served.declared).outcome == "adopted"
            return
        server.arm(kind, method="POST", reply=Reply(500, {"message": "broken"}))
        with pytest.raises((PlatformError, Unreachable), match=r"answered 500: broken|did not answer in time"):
            served.create(served.declared)
        assert len([write for write in server.writes() if write.startswith("POST")]) == 1
        assert served.create(served.declared).entry.differences(served.declared) == {}

    def test_answer_lost_after_the_create_is_adopted(self, served: Case) -> None:
        server_of(served).arm("lost", method="POST")
        served.create(served.declared)
        entry = served.platform.read_connector("outlook")
        assert entry is not None
        assert entry.differences(served.declared) == {}

    def test_server_that_does_not_answer_is_one_sentence(self, served: Case) -> None:
        for _ in range(100):
            server_of(served).arm("dropped")
        with pytest.raises(Unreachable, match="cannot be reached") as error:
            served.platform.read_credentials("outlook")
        assert_sentence(served, error.value)

    def test_refused_key_is_named_by_where_it_is_configured(self, served: Case) -> None:
        assert served.key_file is not None
        served.key_file.write_text("wr0ng-key")
        platform = open_platform(served.settings, served.environ)
        with pytest.raises(PlatformError) as error:
            platform.read_credentials("outlook")
        assert error.value.status == 401
        assert "check the API key" in error.value.repair
        assert_sentence(served, error.value)

    def test_refused_push_tells_the_words_of_the_platform_and_no_secret(self, served: Case) -> None:
        ensure_connector(served.platform, served.declared)
        push_credentials(served.platform, "outlook", FIRST)
        refusal = Reply(400, {"message": f"no: {SECOND.secrets()[0]}"})
        server_of(served).arm("status", method=served.push_method, reply=refusal)
        with pytest.raises(PlatformError, match=r"answered 400: no: \*\*\*") as error:
            push_credentials(served.platform, "outlook", SECOND)
        assert_sentence(served, error.value)

    @pytest.mark.parametrize("wrong", WRONG_ANSWERS)
    def test_answer_that_is_none_is_one_sentence_and_loses_nothing(self, served: Case, wrong: str) -> None:
        server, proper = self._stored(served)
        server.api = lambda _: WRONG_ANSWERS[wrong]
        with one_sentence(served):
            served.platform.read_credentials("outlook")
        with one_sentence(served):
            push_credentials(served.platform, "outlook", SECOND)
        server.api = proper
        self._holds_the_first(served)

    @pytest.mark.parametrize("odd", ODD_ANSWERS)
    def test_answer_with_something_else_ends_well_or_in_one_sentence(self, served: Case, odd: str) -> None:
        server, proper = self._stored(served)
        server.api = lambda _: Reply(200, b"null" if ODD_ANSWERS[odd] is None else ODD_ANSWERS[odd])
        platform = served.platform
        for step in (
            lambda: platform.read_connector("outlook"),
            lambda: platform.read_credentials("outlook"),
            lambda: ensure_connector(platform, served.declared),
            lambda: push_credentials(platform, "outlook", SECOND),
            lambda: platform.remove_credentials("outlook"),
            lambda: platform.delete_connector("outlook"),
        ):
            try:
                step()
            except OrgcalError as error:
                assert_sentence(served, error)
        server.api = proper
        self._holds_the_first(served)

    def test_redirect_to_another_host_is_not_followed(self, served: Case) -> None:
        server, proper = self._stored(served)
        with StrictServer(lambda _: Reply(200, {})).running() as other:
            elsewhere = other.base_url.replace("localhost", "127.0.0.1")
            server.api = lambda request: Reply(307, None, {"Location": f"{elsewhere}{request.path}"})
            with one_sentence(served):
                served.platform.read_credentials("outlook")
            with one_sentence(served):
                push_credentials(served.platform, "outlook", SECOND)
            assert other.seen == []
        server.api = proper
        self._holds_the_first(served)

    def _stored(self, served: Case) -> tuple[StrictServer, Any]:
        """Push the first credential, and return the server and its API."""
        server = server_of(served)
        ensure_connector(served.platform, served.declared)
        push_credentials(served.platform, "outlook", FIRST)
        return server, server.api

    def _holds_the_first(self, served: Case) -> None:
        held = served.platform.read_credentials("outlook")
        assert held is not None
        assert held.generation in (None, 1)
        if held.credential is not None:
            assert held.credential.same_as(FIRST)
