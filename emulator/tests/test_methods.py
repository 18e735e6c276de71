"""`HEAD`, `OPTIONS` and the alias of the caller's tenant, as clients send them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from orgcal_emulator.server import RunningEmulator


def test_head_answers_as_get_without_the_body(log_in_to: Callable[..., Any]) -> None:
    reader = log_in_to("contoso.example", "User.Read.All")
    for path, status in (("users?$top=2", 200), ("users/nobody@contoso.example", 404)):
        got, asked = reader.get(path), reader.call("HEAD", path)
        assert (asked.status_code, asked.content) == (status, b"")
        assert asked.headers["content-type"] == got.headers["content-type"]
        assert asked.headers["content-length"] == got.headers["content-length"]


def test_head_creates_nothing_and_is_no_get_of_a_batch(operator: Any, emulator: RunningEmulator) -> None:
    before = emulator.cloud.export()
    assert operator.call("HEAD", "$batch").status_code == 400
    assert operator.call("HEAD", "applications/x/addPassword").status_code == 501
    assert emulator.cloud.export() == before


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("v1.0/users", "GET, HEAD, OPTIONS"),
        ("v1.0/applications", "GET, HEAD, OPTIONS, POST"),
        ("v1.0/applications/x", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("beta/myorganization/applications/x/addPassword", "OPTIONS, POST"),
        ("v1.0/$batch", "POST, OPTIONS"),
    ],
)
def test_options_tells_the_methods_without_a_token(operator: Any, path: str, methods: str) -> None:
    answer = operator.session.options(f"{operator.base_url}/{path}")
    assert (answer.status_code, answer.headers["Allow"], answer.content) == (200, methods, b"")


def test_options_of_the_token_endpoint_and_of_unknown_paths(operator: Any) -> None:
    answer = operator.session.options(f"{operator.base_url}/contoso.example/oauth2/v2.0/token")
    assert answer.status_code == 200
    assert "POST" in answer.headers["Allow"]
    assert operator.session.options(f"{operator.base_url}/v1.0/drives").status_code == 501


def test_no_page_of_a_browser_is_allowed_in(operator: Any) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    answer = operator.session.options(f"{operator.base_url}/v1.0/users", headers=headers)
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("version", ["v1.0", "beta"])
def test_myorganization_is_the_callers_own_tenant(operator: Any, version: str) -> None:
    made = operator.post(f"{version}/myorganization/applications", {"displayName": "x"}).json()
    plain = operator.get(f"applications/{made['id']}").json()
    assert operator.get(f"v1.0/myOrganization/applications/{made['id']}").json() == plain
    by_client = operator.get(f"{version}/myorganization/applications(appId='{made['appId']}')")
    assert by_client.json()["id"] == made["id"]
    assert operator.get(f"{version}/myorganization").status_code == 501
    assert operator.get(f"{version}/users/myorganization").status_code == 403


def test_myorganization_works_inside_a_batch(operator: Any) -> None:
    entry = {"id": "1", "method": "GET", "url": "/myorganization/applications?$top=1"}
    (answer,) = operator.post("$batch", {"requests": [entry]}).json()["responses"]
    assert (answer["status"], len(answer["body"]["value"])) == (200, 1)
