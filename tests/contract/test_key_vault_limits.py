"""Names, limits, rights and faults of the test server of Azure Key Vault, driven with the unmodified SDK.

The sources are those that `tests/support/key_vault_api.py` names. The SDK reaches the server under the
vault's real host name, so that its check of the challenge stays on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import (
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)

from orgcal.platforms.testing_server import Reply
from tests.support.key_vault_api import throttled
from tests.support.key_vault_client import ServedKeyVault, refusal, serve_key_vault


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[ServedKeyVault]:
    with serve_key_vault(tmp_path) as served:
        yield served


def test_purging_needs_a_permission_that_nobody_has(vault: ServedKeyVault) -> None:
    """About, "Permissions for privileged operations": purge."""
    vault.client.set_secret("outlook", "hush")
    vault.client.begin_delete_secret("outlook").wait()
    purging = refusal(lambda: vault.client.purge_deleted_secret("outlook"))
    assert purging == (403, "Forbidden", "ForbiddenByRbac")
    assert vault.api.values("outlook") == ["hush"]


@pytest.mark.parametrize("name", ["with_underscore", "dot.dot", "x" * 128])
def test_name_must_be_letters_digits_and_hyphens(vault: ServedKeyVault, name: str) -> None:
    """Objects, "object-name": 1 to 127 characters of 0-9, a-z, A-Z and -; the message as the service gives it."""
    with pytest.raises(HttpResponseError, match="The request URI contains an invalid name") as caught:
        vault.client.set_secret(name, "hush")
    assert caught.value.status_code == 400
    assert vault.client.set_secret("x" * 127, "hush").name == "x" * 127


@pytest.mark.parametrize(
    "options",
    [
        {"value": "x" * 25_001},
        {"value": "ä" * 12_501},
        {"tags": {str(number): "" for number in range(16)}},
        {"tags": {"x" * 513: ""}},
        {"tags": {"x": "y" * 257}},
        {"content_type": "x" * 256},
    ],
)
def test_limits_of_a_secret_are_refused_and_nothing_is_stored(vault: ServedKeyVault, options: dict[str, Any]) -> None:
    """About: 25k bytes a value, 15 tags of 512 and 256 characters, contentType of 255; the service says no more."""
    with pytest.raises(HttpResponseError, match="Property  has invalid value") as caught:
        vault.client.set_secret("outlook", **{"value": "hush", **options})
    assert caught.value.status_code == 400
    assert vault.api.secrets == {}


def test_limits_of_a_secret_are_reached(vault: ServedKeyVault) -> None:
    """About, the same places."""
    tags = {f"{number:0512}": "y" * 256 for number in range(15)}
    vault.client.set_secret("outlook", "x" * 25_000, tags=tags, content_type="x" * 255)
    assert vault.client.get_secret("outlook").properties.tags == tags


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/secrets/outlook", {"value": "hush", "name": "outlook"}),
        ("PUT", "/secrets/outlook", {"value": "hush", "attributes": {"created": 1}}),
        ("PUT", "/secrets/outlook", {"value": 1}),
        ("PUT", "/secrets/outlook", {}),
        ("PATCH", "/secrets/outlook/", {"enabled": False}),
        ("GET", "/secrets?select=name", None),
        ("GET", "/secrets?api-version=2014-12-08", None),
    ],
)
def test_unknown_fields_and_parameters_are_refused(vault: ServedKeyVault, method: str, path: str, body: object) -> None:
    """REST, "Request Body" and "URI Parameters" of each operation; refusing what they do not name is stricter."""
    vault.client.set_secret("outlook", "before")
    status, answer = vault.raw(method, path, body)
    assert (status, answer["error"]["code"]) == (400, "BadParameter")
    assert vault.api.values("outlook") == ["before"]


@pytest.mark.parametrize(
    ("permission", "action"),
    [
        ("get", lambda client: client.get_secret("outlook")),
        ("list", lambda client: list(client.list_properties_of_secret_versions("outlook"))),
        ("set", lambda client: client.set_secret("outlook", "other")),
        ("set", lambda client: client.update_secret_properties("outlook", enabled=False)),
        ("delete", lambda client: client.begin_delete_secret("outlook")),
        ("recover", lambda client: client.begin_recover_deleted_secret("outlook")),
    ],
)
def test_each_operation_needs_its_permission(
    vault: ServedKeyVault, permission: str, action: Callable[[Any], Any]
) -> None:
    """About, "Secret access control"; Codes, "HTTP 403"; code and inner code as the service gives them."""
    vault.client.set_secret("outlook", "hush")
    vault.api.denied.add(permission)
    assert refusal(lambda: action(vault.client)) == (403, "Forbidden", "ForbiddenByRbac")
    assert vault.api.values("outlook") == ["hush"]


def test_error_names_code_and_message(vault: ServedKeyVault) -> None:
    """Auth, "Error Responses"; REST, KeyVaultError: error with code, message and innererror."""
    vault.client.set_secret("outlook", "hush", enabled=False)
    _, body = vault.raw("GET", "/secrets/outlook")
    message = "Operation get is not allowed on a disabled secret."
    assert body == {"error": {"code": "Forbidden", "message": message, "innererror": {"code": "SecretDisabled"}}}


def test_throttled_request_is_429_and_sdk_retries_it(vault: ServedKeyVault) -> None:
    """Codes, "HTTP 429"; Throttling: retry with exponential back-off, or after `Retry-After`."""
    client = vault.open(retry_total=1, retry_backoff_factor=0)
    vault.client.set_secret("outlook", "hush")
    vault.server.arm("status", method="GET", path="outlook", reply=throttled())
    assert client.get_secret("outlook").value == "hush"
    vault.server.arm("status", method="GET", path="outlook", reply=throttled(7))
    with pytest.raises(HttpResponseError, match="too many requests") as caught:
        vault.client.get_secret("outlook")
    response: Any = caught.value.response
    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")


def test_lost_answer_leaves_the_version_that_was_written(vault: ServedKeyVault) -> None:
    """The server's faults: `lost` does the work and closes the connection, `dropped` does nothing."""
    vault.client.set_secret("outlook", "one")
    for kind, held in (("dropped", ["one"]), ("lost", ["one", "two"])):
        vault.server.faults.clear()
        vault.server.arm("dropped" if kind == "dropped" else "lost", method="PUT")
        with pytest.raises((ServiceRequestError, ServiceResponseError)):
            vault.client.set_secret("outlook", "two")
        assert vault.api.values("outlook") == held


def test_answers_that_are_not_of_key_vault_can_be_armed(vault: ServedKeyVault) -> None:
    """The server's faults: a proxy's page instead of an answer."""
    vault.server.arm("status", method="GET", path="outlook", reply=Reply(502, b"<html>Bad gateway</html>"))
    vault.client.set_secret("outlook", "one")
    with pytest.raises(HttpResponseError) as caught:
        vault.client.get_secret("outlook")
    assert caught.value.status_code == 502


def test_dropped_fields_are_taken_and_not_stored(vault: ServedKeyVault) -> None:
    """The hook that the other test servers have: a tag, or a field of a value that is a JSON object."""
    vault.api.drops |= {"client_secret", "generation"}
    text = json.dumps({"client_id": "cid", "client_secret": "hush"})
    assert vault.client.set_secret("outlook", text, tags={"generation": "1", "a": "b"}).value == text
    read = vault.client.get_secret("outlook")
    assert (json.loads(read.value or ""), read.properties.tags) == ({"client_id": "cid"}, {"a": "b"})


def test_other_writer_makes_a_version_of_its_own(vault: ServedKeyVault) -> None:
    """The hook `edit`: a person sets the secret in the portal."""
    vault.client.set_secret("outlook", "one", tags={"generation": "1"})
    vault.api.edit("outlook", "typed-in")
    read = vault.client.get_secret("outlook")
    assert (read.value, read.properties.tags) == ("typed-in", {"generation": "1"})
