"""What every platform must do, by capability; each test runs against each platform that can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from orgcal.errors import PlatformError, Unreachable
from orgcal.platforms import ensure_connector, open_platform, push_credentials
from orgcal.platforms.testing import FIRST, SECOND, PlatformSuite
from tests.support.platform_apis import API_KEY
from tests.support.platform_cases import NAMES, SERVED, Case, able, open_case
from tests.support.strict_server import Reply


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest, tmp_path: Path, authority: trustme.CA, emulator_keys: Any) -> Iterator[Case]:
    with open_case(request.param, tmp_path, authority, emulator_keys) as found:
        yield found


@pytest.fixture(params=SERVED)
def served(request: pytest.FixtureRequest, tmp_path: Path, authority: trustme.CA, emulator_keys: Any) -> Iterator[Case]:
    with open_case(request.param, tmp_path, authority, emulator_keys) as found:
        yield found


class TestKinds(PlatformSuite):
    """The suite that packages with kinds of their own run too, for each of ours."""


# -- catalog ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("served", able(lambda has: bool(has.catalog), SERVED), indirect=True)
def test_connector_silently_dropped_field_is_noticed(served: Case) -> None:
    assert served.drop is not None
    served.drop("display_name" if served.name == "nango" else "description")
    with pytest.raises(PlatformError, match="did not keep what it accepted"):
        served.create(served.declared)


@pytest.mark.parametrize("served", able(lambda has: bool(has.catalog), SERVED), indirect=True)
def test_connector_refused_by_the_platform_is_one_sentence_and_made_by_the_next_run(served: Case) -> None:
    assert served.server is not None
    served.server.arm("status", method="POST", reply=Reply(400, {"message": "not like this"}))
    with pytest.raises(PlatformError, match="answered 400: not like this") as error:
        served.create(served.declared)
    assert API_KEY not in str(error.value)
    assert served.platform.read_connector("outlook") is None, "nothing is half-written"
    assert served.create(served.declared).outcome in ("created", "deferred")
    assert served.platform.read_connector("outlook") is not None


# -- credentials --------------------------------------------------------------------------------------


@pytest.mark.parametrize("served", able(lambda has: has.reads_back == "value", SERVED), indirect=True)
def test_credentials_silently_dropped_secret_is_noticed_and_not_shown(served: Case) -> None:
    assert served.drop is not None
    ensure_connector(served.platform, served.declared)
    served.drop("client_secret")
    with pytest.raises(PlatformError, match="the platform accepted generation 1 of the credential") as error:
        push_credentials(served.platform, "outlook", FIRST)
    assert "hush" not in str(error.value)


# -- faults of servers --------------------------------------------------------------------------------


def test_server_too_many_requests_is_waited_out_as_asked(served: Case) -> None:
    assert served.server is not None
    served.server.arm("status", reply=Reply(429, {"error": "slow down"}, {"Retry-After": "7"}))
    ensure_connector(served.platform, served.declared)
    push_credentials(served.platform, "outlook", FIRST)
    assert served.time.waits == [7.0]


def test_server_that_stays_busy_is_given_up_within_the_budget(served: Case) -> None:
    assert served.server is not None
    for _ in range(100):
        served.server.arm("status", reply=Reply(503, {}, {"Retry-After": "9"}))
    with pytest.raises(PlatformError) as error:
        served.platform.read_credentials("outlook")
    assert error.value.status == 503
    assert sum(served.time.waits) <= 60


@pytest.mark.parametrize("kind", ["dropped", "status"])
def test_server_fault_while_reading_is_tried_again(served: Case, kind: Any) -> None:
    assert served.server is not None
    served.server.arm(kind, method="GET", reply=Reply(502, b"<html>bad gateway</html>"))
    ensure_connector(served.platform, served.declared)
    assert len(served.time.waits) in (0, 1)


@pytest.mark.parametrize("kind", ["silence", "status"])
def test_server_fault_while_pushing_ends_with_the_one_credential(served: Case, kind: Any) -> None:
    """A push says what shall be, so it may be sent again after silence or an error of the server."""
    assert served.server is not None
    served.impatient()
    ensure_connector(served.platform, served.declared)
    push_credentials(served.platform, "outlook", FIRST)
    served.server.arm(kind, method=served.push_method, reply=Reply(500, {"message": "broken"}))
    push_credentials(served.platform, "outlook", SECOND)
    held = served.platform.read_credentials("outlook")
    assert held is not None
    assert held.generation in (None, 2)
    assert len(served.time.waits) == 1


@pytest.mark.parametrize("kind", ["silence", "status"])
@pytest.mark.parametrize("served", able(lambda has: bool(has.catalog), SERVED), indirect=True)
def test_server_fault_while_creating_is_told_and_the_next_run_creates(served: Case, kind: Any) -> None:
    """A creation that may have happened is not sent again: what it made is looked for first."""
    assert served.server is not None
    served.impatient()
    served.server.arm(kind, method="POST", reply=Reply(500, {"message": "broken"}))
    with pytest.raises((PlatformError, Unreachable), match=r"answered 500: broken|did not answer in time"):
        served.create(served.declared)
    posts = [write for write in served.server.writes() if write.startswith("POST")]
    assert len(posts) == 1
    assert served.create(served.declared).entry.differences(served.declared) == {}


@pytest.mark.parametrize("served", ["github-environment"], indirect=True)
def test_server_secondary_limit_of_github_is_waited_out(served: Case) -> None:
    assert served.server is not None
    served.server.arm("status", method="POST", reply=Reply(403, {"message": "secondary limit"}, {"Retry-After": "5"}))
    ensure_connector(served.platform, served.declared)
    assert served.time.waits == [5.0]


def test_server_answer_lost_after_the_push_ends_with_one_credential(served: Case) -> None:
    assert served.server is not None
    ensure_connector(served.platform, served.declared)
    push_credentials(served.platform, "outlook", FIRST)
    served.server.arm("lost", method=served.push_method)
    push_credentials(served.platform, "outlook", SECOND)
    held = served.platform.read_credentials("outlook")
    assert held is not None
    if held.credential is not None:
        assert held.credential.credential == SECOND.credential


@pytest.mark.parametrize("served", able(lambda has: bool(has.catalog), SERVED), indirect=True)
def test_server_answer_lost_after_the_create_is_adopted(served: Case) -> None:
    assert served.server is not None
    served.server.arm("lost", method="POST")
    served.create(served.declared)
    entry = served.platform.read_connector("outlook")
    assert entry is not None
    assert entry.differences(served.declared) == {}


def test_server_that_does_not_answer_is_one_sentence(served: Case) -> None:
    assert served.server is not None
    for _ in range(100):
        served.server.arm("dropped")
    with pytest.raises(Unreachable) as error:
        served.platform.read_credentials("outlook")
    assert "cannot be reached" in str(error.value)
    assert API_KEY not in str(error.value)


def test_server_refusing_the_key_names_where_it_is_configured(served: Case, tmp_path: Path) -> None:
    for path in tmp_path.glob("*.key"):
        path.write_text("wr0ng")
    platform = open_platform(served.settings, served.environ)
    with pytest.raises(PlatformError) as error:
        platform.read_credentials("outlook")
    assert error.value.status == 401
    assert "check the API key" in error.value.repair
    assert "wr0ng" not in str(error.value)


def test_server_refusal_of_a_push_shows_its_words_and_no_secret(served: Case) -> None:
    assert served.server is not None
    ensure_connector(served.platform, served.declared)
    served.server.arm(
        "status",
        method={"nango": "POST", "nylas": "POST"}.get(served.name, "PUT"),
        reply=Reply(400, {"message": "no"}),
    )
    with pytest.raises(PlatformError) as error:
        push_credentials(served.platform, "outlook", FIRST)
    assert "answered 400: no" in str(error.value)
    assert "hush" not in str(error.value)
