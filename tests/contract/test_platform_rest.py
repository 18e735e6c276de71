"""The HTTP client that all REST platforms share: silence, trust, addresses, keys, answers that are none."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from orgcal.entra.clouds import load_endpoints
from orgcal.entra.session import new_session
from orgcal.errors import ConfigError, PlatformError, Unreachable, UsageError
from orgcal.platforms import open_platform, place_of
from orgcal.platforms.rest import RestClient, segment
from orgcal.platforms.testing_server import FakeTime, Reply, Request, StrictServer
from tests.support.local_platform_api import LocalPlatformApi, bundle_of, write_emulator_file
from tests.support.nango_api import NangoApi
from tests.support.platform_apis import API_KEY
from tests.support.platform_cases import GITHUB, NYLAS

BEARER = f"Bearer {API_KEY}"
BASIC = f"Basic {base64.b64encode(f'me:{API_KEY}'.encode()).decode()}"


def echo(request: Request) -> Reply:
    return Reply(200, {"path": request.path, "query": request.query, "body": request.body})


@pytest.fixture
def server() -> Iterator[StrictServer]:
    with StrictServer(echo).running() as running:
        yield running


def client_of(server: StrictServer, **options: Any) -> RestClient:
    session = new_session(load_endpoints("public", {}), servers=[server.base_url], environ={})
    headers = {"Authorization": f"Bearer {API_KEY}"}
    return RestClient(session, server.base_url, headers, name="the platform", key_hint="KEY_FILE", **options)


def test_client_silence_is_given_up_and_a_post_is_not_repeated(server: StrictServer) -> None:
    server.arm("silence")
    with pytest.raises(Unreachable, match="did not answer in time"):
        client_of(server, silence_s=0.2).call("POST", "/x", {"a": 1})
    assert len(server.seen) == 1


def test_client_silence_while_reading_is_tried_again(server: StrictServer) -> None:
    server.arm("silence")
    time = FakeTime()
    found = client_of(server, silence_s=0.2, clock=time.clock()).call("GET", "/x", params={"a": "b c"})
    assert found == {"path": "/x", "query": {"a": "b c"}, "body": None}
    assert len(time.waits) == 1


def test_client_backs_off_longer_each_time_within_its_budget(server: StrictServer) -> None:
    for _ in range(50):
        server.arm("status", reply=Reply(500, {"error": {"message": "broken"}}))
    time = FakeTime()
    with pytest.raises(PlatformError, match="answered 500: broken"):
        client_of(server, clock=time.clock(), budget_s=20).call("PUT", "/x", {})
    assert len(time.waits) >= 4
    assert sum(time.waits) <= 20


def test_client_server_error_on_a_post_is_not_repeated(server: StrictServer) -> None:
    server.arm("status", reply=Reply(500, {"error": {"message": "broken"}}))
    with pytest.raises(PlatformError):
        client_of(server).call("POST", "/x", {})
    assert len(server.seen) == 1


def test_client_untrusted_certificate_is_named_and_nothing_is_sent(tmp_path: Path) -> None:
    with StrictServer(echo, ca=trustme.CA()).running() as server, pytest.raises(Unreachable) as error:
        client_of(server).call("GET", "/x")
    assert "certificate of the platform is not trusted" in str(error.value)
    assert server.seen == []


def test_client_redirect_is_an_error_and_the_key_goes_nowhere(server: StrictServer) -> None:
    server.arm("status", reply=Reply(302, None, {"Location": f"{server.base_url}/elsewhere"}))
    with pytest.raises(PlatformError, match="answered 302"):
        client_of(server).call("GET", "/x")
    assert [request.path for request in server.seen] == ["/x"]


def test_client_page_of_a_proxy_is_no_answer(server: StrictServer) -> None:
    server.arm("status", reply=Reply(200, b"<html>log in first</html>"))
    with pytest.raises(Unreachable, match="not JSON"):
        client_of(server).call("GET", "/x")


def test_client_key_is_in_no_error(server: StrictServer) -> None:
    server.arm("status", reply=Reply(403, {"message": "no"}))
    with pytest.raises(PlatformError) as error:
        client_of(server).call("GET", "/x")
    assert "KEY_FILE" in error.value.repair
    assert API_KEY not in repr(error.value) + str(error.value)


def test_segment_cannot_leave_its_place() -> None:
    assert segment("../a b/c?d") == "..%2Fa%20b%2Fc%3Fd"


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("http://api.example.com", "expected an https address"),
        ("ftp://localhost", "expected an https address"),
        ("https://user:pass@api.example.com", "belongs in a file"),
    ],
)
def test_settings_address_that_would_show_the_key_is_refused(address: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        place_of({"kind": "nango", "base_url": address})


def test_key_file_must_be_private_and_named(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    settings = {"kind": "nango", "base_url": "http://localhost:1"}
    with pytest.raises(UsageError, match="NANGO_API_KEY_FILE: the environment names no file"):
        open_platform(settings, {})
    with pytest.raises(UsageError, match="cannot be read"):
        open_platform(settings, {"NANGO_API_KEY_FILE": str(key_file)})
    key_file.write_text(API_KEY)
    key_file.chmod(0o644)
    with pytest.raises(UsageError, match="can be read by others"):
        open_platform(settings, {"NANGO_API_KEY_FILE": str(key_file)})
    key_file.chmod(0o600)
    for content in (b"two\nlines", b"", b"with blank", "schl\u00fcssel".encode(), b"\xff\xfe\xfd"):
        key_file.write_bytes(content)
        with pytest.raises(UsageError, match=f"NANGO_API_KEY_FILE: the file {key_file} ") as caught:
            open_platform(settings, {"NANGO_API_KEY_FILE": str(key_file)})
        assert caught.value.repair
        assert "lines\n" not in str(caught.value)


def test_platform_on_the_emulators_address_trusts_its_authority(tmp_path: Path) -> None:
    authority = trustme.CA()
    with StrictServer(NangoApi(), ca=authority).running() as server:
        ready = write_emulator_file(tmp_path, server, authority)
        key_file = tmp_path / "nango.key"
        key_file.write_text(API_KEY)
        key_file.chmod(0o600)
        environ = {"ORGCAL_EMULATOR_FILE": str(ready), "NANGO_API_KEY_FILE": str(key_file)}
        environ["REQUESTS_CA_BUNDLE"] = str(bundle_of(trustme.CA(), tmp_path / ".."))
        platform = open_platform({"kind": "nango", "base_url": server.base_url}, environ)
        assert platform.read_connector("outlook") is None


@pytest.mark.parametrize(
    ("settings", "address", "headers"),
    [
        ({"kind": "nango"}, "base_url", {"authorization": BEARER}),
        (GITHUB, "api_url", {"authorization": BEARER, "x-github-api-version": "2022-11-28"}),
        ({**NYLAS, "auth_user": "me"}, "base_url", {"authorization": BASIC}),
        ({**NYLAS, "auth_header": "X-Key", "headers": {"X-A": "b"}}, "base_url", {"x-key": BEARER, "x-a": "b"}),
    ],
    ids=["nango", "github", "http with a user", "http with headers"],
)
def test_kind_is_opened_with_its_address_key_and_clock(
    server: StrictServer, tmp_path: Path, settings: dict[str, Any], address: str, headers: dict[str, str]
) -> None:
    """GitHub's version: https://docs.github.com/en/rest/about-the-rest-api/api-versions, supported since 2022-11-28."""
    key_file, time = tmp_path / "key", FakeTime()
    key_file.write_text(API_KEY)
    key_file.chmod(0o600)
    variables = ("NANGO_API_KEY_FILE", "GITHUB_TOKEN_FILE", "ORGCAL_PLATFORM_KEY_FILE")
    environ = dict.fromkeys(variables, str(key_file))
    server.arm("status", reply=Reply(503))
    server.api = lambda _: Reply(403, {"message": "no"})

    with pytest.raises(PlatformError, match=r": (Nango|GitHub|Nylas) answered 403: no") as caught:
        open_platform({**settings, address: server.base_url}, environ, clock=time.clock()).read_credentials("outlook")

    assert caught.value.repair.startswith("check the API key (")
    assert len(time.waits) == 1
    sent = server.seen[0].headers
    assert {name: text for name, text in sent.items() if name in (*headers, "authorization")} == headers


def test_local_platform_is_opened_with_the_emulators_key(tmp_path: Path) -> None:
    authority, time = trustme.CA(), FakeTime()
    with StrictServer(LocalPlatformApi(), ca=authority).running() as server:
        environ = {"ORGCAL_EMULATOR_FILE": str(write_emulator_file(tmp_path, server, authority))}
        key_file = tmp_path / "platform.key"
        platform = open_platform({"kind": "local"}, environ, clock=time.clock())
        server.arm("status", reply=Reply(503))
        assert platform.read_connector("outlook") is None
        assert (len(time.waits), platform.place) == (1, f"{server.base_url}/platform/local")
        key_file.write_text("another-key")
        with pytest.raises(PlatformError, match=r"the platform answered 401: unauthorized") as caught:
            open_platform({"kind": "local"}, environ).read_connector("outlook")
        assert caught.value.repair == f"check the API key ({key_file}) and its rights"
        key_file.write_text("schl\u00fcssel")
        with pytest.raises(UsageError, match="API key") as unusable:
            open_platform({"kind": "local"}, environ)
        assert unusable.value.repair == "orgcal emulator stop && orgcal emulator start"
