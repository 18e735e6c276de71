"""What every platform must do, by capability; each test runs against each platform that can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from orgcal.errors import PlatformError
from orgcal.platforms import ensure_connector, push_credentials
from orgcal.platforms.testing import FIRST, PlatformSuite
from orgcal.platforms.testing_faults import FaultSuite
from orgcal.platforms.testing_server import Reply
from tests.support.platform_apis import API_KEY
from tests.support.platform_cases import NAMES, SERVED, Case, able, open_case


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


class TestFaults(FaultSuite):
    """The suite that packages with kinds of their own run too, for each of ours that has a server."""


@pytest.mark.parametrize("served", ["github-environment"], indirect=True)
def test_server_secondary_limit_of_github_is_waited_out(served: Case) -> None:
    assert served.server is not None
    served.server.arm("status", method="POST", reply=Reply(403, {"message": "secondary limit"}, {"Retry-After": "5"}))
    ensure_connector(served.platform, served.declared)
    assert served.time.waits == [5.0]
