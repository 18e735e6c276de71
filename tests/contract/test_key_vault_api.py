"""The test server of Azure Key Vault, driven with the unmodified SDK: one claim a test, with its source.

The sources are those that `tests/support/key_vault_api.py` names. The SDK reaches the server under the
vault's real host name, through `Tunnel`, so that its check of the challenge stays on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest
import trustme
from azure.core.credentials import AccessToken
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.rest import HttpRequest
from azure.keyvault.secrets import SecretClient
from azure.keyvault.secrets._shared.http_challenge_cache import clear

from tests.support.key_vault_api import KeyVaultApi, throttled
from tests.support.platform_apis import API_KEY
from tests.support.strict_server import Reply, StrictServer, bundle_of
from tests.support.tunnel import Tunnel

HOST = "orgcal.vault.azure.net"


class Credential:
    """Gives one token; `scopes` lists what it was asked for."""

    def __init__(self, token: str = API_KEY) -> None:
        self.token = token
        self.asked: list[tuple[str, str | None]] = []

    def get_token(self, *scopes: str, tenant_id: str | None = None, **_: Any) -> AccessToken:
        self.asked.append((scopes[0], tenant_id))
        return AccessToken(self.token, 2**31)


class OpenClient(Protocol):
    def __call__(self, credential: Credential | None = None, **options: Any) -> SecretClient: ...


@dataclass
class Vault:
    api: KeyVaultApi
    server: StrictServer
    open: OpenClient
    client: SecretClient


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    api, authority = KeyVaultApi(), trustme.CA()
    bundle = str(bundle_of(authority, tmp_path))
    with ExitStack() as stack:
        server = stack.enter_context(StrictServer(api, ca=authority, hosts=(HOST,)).running())
        tunnel = stack.enter_context(Tunnel({HOST: server.port}).running())
        stack.callback(clear)

        def opened(credential: Credential | None = None, **options: Any) -> SecretClient:
            settings = {
                "vault_url": f"https://{HOST}",
                "proxies": {"https": tunnel.url},
                "connection_verify": bundle,
                "retry_total": 0,
                **options,
            }
            return stack.enter_context(SecretClient(credential=credential or Credential(), **settings))

        yield Vault(api, server, opened, opened())


def refusal(action: Callable[[], object]) -> tuple[int | None, str, str]:
    """Status, code and inner code of the error that the action ends with."""
    with pytest.raises(HttpResponseError) as caught:
        action()
    error = caught.value.error
    assert error is not None
    assert isinstance(error.message, str)
    inner: Any = error.innererror or {}
    return caught.value.status_code, str(error.code), inner.get("code", "")


def raw(vault: Vault, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Status and body of the answer to a request that the SDK would not make by itself."""
    response = vault.client.send_request(HttpRequest(method, path, json=body, headers={"Accept": "application/json"}))
    return response.status_code, response.json()


def test_first_request_is_a_challenge_without_a_body(vault: Vault) -> None:
    """Recorded: PUT with Content-Length 0, 401 with the authority and resource, then the whole request."""
    credential = Credential()
    vault.open(credential).set_secret("outlook", "hush")
    first, second = vault.server.seen
    assert (first.method, first.body, first.headers.get("authorization")) == ("PUT", None, None)
    assert first.headers["content-length"] == "0"
    assert (second.body, second.headers["authorization"]) == ({"value": "hush"}, f"Bearer {API_KEY}")
    assert credential.asked == [("https://vault.azure.net/.default", "00000000-0000-0000-0000-000000000000")]


def test_challenge_has_the_recorded_form(vault: Vault) -> None:
    """Recorded: code Unauthorized, and AKV10000 where no token came."""
    vault.server.seen.clear()
    with pytest.raises(ClientAuthenticationError) as caught:
        vault.open(Credential("")).get_secret("outlook")
    response: Any = caught.value.response
    assert response.headers["WWW-Authenticate"] == (
        'Bearer authorization="https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000", '
        'resource="https://vault.azure.net"'
    )
    assert "AKV10000: Request is missing a Bearer or PoP token." in str(caught.value)


def test_token_for_another_audience_is_unauthorized(vault: Vault) -> None:
    """Codes, "The token lacks the correct resource associated with it": 401."""
    with pytest.raises(ClientAuthenticationError) as caught:
        vault.open(Credential("another")).get_secret("outlook")
    assert caught.value.status_code == 401
    assert "AKV10022" in str(caught.value)


def test_sdk_gives_no_token_to_a_vault_that_names_another_domain(vault: Vault) -> None:
    """azure-keyvault-secrets, _shared/challenge_auth_policy.py: the resource's domain must end the vault's."""
    vault.api.resource = "https://vault.evil.example"
    credential = Credential()
    with pytest.raises(ValueError, match="does not match the requested domain"):
        vault.open(credential).get_secret("outlook")
    assert credential.asked == []


def test_sdk_speaks_to_localhost_with_the_documented_option(vault: Vault) -> None:
    """README of azure-keyvault-secrets and https://aka.ms/azsdk/blog/vault-uri: verify_challenge_resource=False."""
    client = vault.open(vault_url=vault.server.base_url, proxies={}, verify_challenge_resource=False)
    assert client.set_secret("outlook", "hush").id == f"{vault.server.base_url}/secrets/outlook/" + _version(vault)
    clear()
    with pytest.raises(ValueError, match="does not match the requested domain"):
        vault.open(vault_url=vault.server.base_url, proxies={}).get_secret("outlook")


def test_sdk_refuses_plain_http(vault: Vault) -> None:
    """azure-keyvault-secrets, _shared/challenge_auth_policy.py, _enforce_tls."""
    with pytest.raises(ServiceRequestError, match="non-TLS"):
        vault.open(vault_url="http://localhost:1").get_secret("outlook")


def test_set_secret_is_read_back_with_its_version_and_attributes(vault: Vault) -> None:
    """REST, Set Secret and Get Secret; attributes as recorded, with 32 characters of version (Objects)."""
    expires = datetime(2030, 1, 1, tzinfo=UTC)
    written = vault.client.set_secret(
        "outlook", "hush", tags={"generation": "1"}, content_type="a/b", expires_on=expires
    )
    read = vault.client.get_secret("outlook")
    assert (read.value, read.properties.tags, read.properties.content_type) == ("hush", {"generation": "1"}, "a/b")
    assert read.properties.expires_on == expires
    assert (read.properties.enabled, read.properties.recoverable_days) == (True, 7)
    assert read.properties.recovery_level == "CustomizedRecoverable+Purgeable"
    assert read.id == written.id == f"https://{HOST}/secrets/outlook/{_version(vault)}"
    assert len(_version(vault)) == 32


def test_set_of_an_existing_name_makes_a_version_with_nothing_of_the_one_before(vault: Vault) -> None:
    """REST, Set Secret: "If the named secret already exists, Azure Key Vault creates a new version"."""
    first = vault.client.set_secret("outlook", "one", tags={"generation": "1"})
    second = vault.client.set_secret("outlook", "two")
    assert second.properties.version != first.properties.version
    read = vault.client.get_secret("outlook", first.properties.version)
    assert (read.value, read.properties.tags) == ("one", {"generation": "1"})
    assert (second.properties.tags, vault.client.get_secret("outlook").value) == (None, "two")


def test_every_version_is_listed_without_values(vault: Vault) -> None:
    """REST, Get Secret Versions: "No values are returned for the secrets", identifiers have the version."""
    made = {vault.client.set_secret("outlook", text).properties.version for text in ("one", "two", "three")}
    listed = list(vault.client.list_properties_of_secret_versions("outlook"))
    assert {each.version for each in listed} == made
    assert len({each.created_on for each in listed}) == 3
    assert "one" not in json.dumps(raw(vault, "GET", "/secrets/outlook/versions"))


def test_versions_of_an_unknown_name_are_an_empty_list(vault: Vault) -> None:
    """Recorded: 200 with `value` [] and `nextLink` null for secret-name/versions."""
    assert list(vault.client.list_properties_of_secret_versions("nothing")) == []


def test_lists_come_in_pages_of_at_most_25(vault: Vault) -> None:
    """REST, Get Secret Versions, "maxresults": up to 25 results, the rest behind `nextLink`."""
    for number in range(27):
        vault.client.set_secret("outlook", str(number))
    vault.server.seen.clear()
    assert len(list(vault.client.list_properties_of_secret_versions("outlook"))) == 27
    assert len(vault.server.seen) == 2
    assert raw(vault, "GET", "/secrets/outlook/versions?maxresults=26")[0] == 400


def test_secrets_are_listed_by_identifier_without_version(vault: Vault) -> None:
    """REST, Get Secrets: "only the base secret identifier and its attributes"."""
    vault.client.set_secret("outlook", "hush")
    assert [each.id for each in vault.client.list_properties_of_secrets()] == [f"https://{HOST}/secrets/outlook"]


def test_unknown_secret_or_version_is_not_found(vault: Vault) -> None:
    """Recorded: 404 SecretNotFound, "A secret with (name/id) ... was not found in this key vault."."""
    vault.client.set_secret("outlook", "hush")
    for name, version in (("nothing", ""), ("outlook", "0" * 32)):
        with pytest.raises(ResourceNotFoundError, match=r"A secret with \(name/id\) .* was not found") as caught:
            vault.client.get_secret(name, version)
        assert caught.value.error is not None
        assert caught.value.error.code == "SecretNotFound"


def test_names_are_compared_without_case(vault: Vault) -> None:
    """Objects, "Object identifiers": case-insensitive."""
    vault.client.set_secret("Outlook", "hush")
    assert vault.client.get_secret("OUTLOOK").value == "hush"


def test_update_replaces_tags_and_keeps_what_is_absent(vault: Vault) -> None:
    """REST, Update Secret: attributes "not specified in the request are left unchanged", no value in the answer."""
    made = vault.client.set_secret("outlook", "hush", tags={"a": "1"}, content_type="a/b")
    updated = vault.client.update_secret_properties("outlook", made.properties.version, tags={"b": "2"})
    assert (updated.tags, updated.content_type) == ({"b": "2"}, "a/b")
    assert made.properties.updated_on is not None
    assert updated.updated_on is not None
    assert updated.updated_on > made.properties.updated_on
    assert "value" not in raw(vault, "PATCH", "/secrets/outlook/", {"tags": {}})[1]
    assert vault.client.get_secret("outlook").value == "hush"


def test_update_without_a_version_changes_the_latest(vault: Vault) -> None:
    """azure-keyvault-secrets, SecretClient.update_secret_properties: "If unspecified, the latest version"."""
    first = vault.client.set_secret("outlook", "one", tags={"a": "1"})
    vault.client.set_secret("outlook", "two")
    vault.client.update_secret_properties("outlook", tags={"b": "2"})
    assert vault.client.get_secret("outlook").properties.tags == {"b": "2"}
    assert vault.client.get_secret("outlook", first.properties.version).properties.tags == {"a": "1"}


def test_value_cannot_be_updated(vault: Vault) -> None:
    """REST, Update Secret: "The value of a secret itself cannot be changed"."""
    vault.client.set_secret("outlook", "hush")
    status, body = raw(vault, "PATCH", "/secrets/outlook/", {"value": "other"})
    assert (status, body["error"]["code"]) == (400, "BadParameter")


def test_disabled_secret_is_forbidden_to_read_and_can_be_enabled(vault: Vault) -> None:
    """About, "enabled"; 403 with SecretDisabled as in sdk/keyvault/keyvault-secrets of Azure/azure-sdk-for-js."""
    vault.client.set_secret("outlook", "hush")
    vault.client.update_secret_properties("outlook", enabled=False)
    assert refusal(lambda: vault.client.get_secret("outlook")) == (403, "Forbidden", "SecretDisabled")
    vault.client.update_secret_properties("outlook", enabled=True)
    assert vault.client.get_secret("outlook").value == "hush"


def test_disabled_latest_version_does_not_show_the_one_before(vault: Vault) -> None:
    """REST, Get Secret: without a version the latest is meant; About, "enabled"."""
    first = vault.client.set_secret("outlook", "one")
    vault.client.set_secret("outlook", "two", enabled=False)
    assert refusal(lambda: vault.client.get_secret("outlook")) == (403, "Forbidden", "SecretDisabled")
    assert vault.client.get_secret("outlook", first.properties.version).value == "one"


def test_expired_secret_is_still_read(vault: Vault) -> None:
    """About, "Date-time controlled operations": get works outside the nbf / exp window."""
    vault.client.set_secret("outlook", "hush", expires_on=datetime(2020, 1, 1, tzinfo=UTC))
    assert vault.client.get_secret("outlook").value == "hush"


def test_deleted_secret_is_kept_and_can_be_recovered_with_its_versions(vault: Vault) -> None:
    """Recorded: recoveryId, deletedDate and scheduledPurgeDate 7 days later; recovery restores all versions."""
    first = vault.client.set_secret("outlook", "one")
    vault.client.set_secret("outlook", "two")
    deleted = vault.client.begin_delete_secret("outlook").result()
    assert deleted.recovery_id == f"https://{HOST}/deletedsecrets/outlook"
    assert deleted.deleted_date is not None
    assert deleted.scheduled_purge_date is not None
    assert (deleted.scheduled_purge_date - deleted.deleted_date).days == 7
    assert [each.name for each in vault.client.list_deleted_secrets()] == ["outlook"]
    assert refusal(lambda: vault.client.get_secret("outlook"))[:2] == (404, "SecretNotFound")
    vault.client.begin_recover_deleted_secret("outlook").wait()
    assert vault.client.get_secret("outlook").value == "two"
    assert vault.client.get_secret("outlook", first.properties.version).value == "one"
    assert "value" not in raw(vault, "DELETE", "/secrets/outlook")[1]


def test_deletion_and_recovery_take_a_while(vault: Vault) -> None:
    """Recorded: 404 "Deleted Secret not found" and SecretNotFound, several times, before each is finished."""
    vault.client.set_secret("outlook", "hush")
    vault.api.lag = 2
    poller = vault.client.begin_delete_secret("outlook", _polling_interval=0)
    with pytest.raises(ResourceNotFoundError, match="Deleted Secret not found: outlook"):
        vault.client.get_deleted_secret("outlook")
    setting = refusal(lambda: vault.client.set_secret("outlook", "other"))
    assert setting == (409, "Conflict", "ObjectIsBeingDeleted")
    poller.wait()
    recovery = vault.client.begin_recover_deleted_secret("outlook", _polling_interval=0)
    setting = refusal(lambda: vault.client.set_secret("outlook", "other"))
    assert setting == (409, "Conflict", "ObjectIsBeingRecovered")
    recovery.wait()
    assert vault.client.get_secret("outlook").value == "hush"


def test_name_of_a_deleted_secret_cannot_be_set(vault: Vault) -> None:
    """REST, Set Secret; code and message as in Azure/azure-sdk-for-net, Azure.Security.KeyVault.Secrets, Sample4."""
    vault.client.set_secret("outlook", "hush")
    vault.client.begin_delete_secret("outlook").wait()
    with pytest.raises(ResourceExistsError, match="currently in a deleted but recoverable state"):
        vault.client.set_secret("outlook", "other")
    setting = refusal(lambda: vault.client.set_secret("outlook", "other"))
    assert setting == (409, "Conflict", "ObjectIsDeletedButRecoverable")


def test_what_is_not_deleted_cannot_be_recovered_or_deleted_twice(vault: Vault) -> None:
    """REST, Recover Deleted Secret: "Recovers a deleted secret"; Recorded: 404 where there is none."""
    vault.client.set_secret("outlook", "hush")
    assert refusal(lambda: vault.client.begin_recover_deleted_secret("outlook"))[:2] == (404, "SecretNotFound")
    vault.client.begin_delete_secret("outlook").wait()
    assert refusal(lambda: vault.client.begin_delete_secret("outlook"))[:2] == (404, "SecretNotFound")


def test_purging_needs_a_permission_that_nobody_has(vault: Vault) -> None:
    """About, "Permissions for privileged operations": purge."""
    vault.client.set_secret("outlook", "hush")
    vault.client.begin_delete_secret("outlook").wait()
    purging = refusal(lambda: vault.client.purge_deleted_secret("outlook"))
    assert purging == (403, "Forbidden", "ForbiddenByRbac")
    assert vault.api.values("outlook") == ["hush"]


@pytest.mark.parametrize("name", ["with_underscore", "dot.dot", "x" * 128])
def test_name_must_be_letters_digits_and_hyphens(vault: Vault, name: str) -> None:
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
        {"tags": {"x" * 257: ""}},
        {"tags": {"x": "y" * 257}},
        {"content_type": "x" * 256},
    ],
)
def test_limits_of_a_secret_are_refused_and_nothing_is_stored(vault: Vault, options: dict[str, Any]) -> None:
    """About: 25k bytes a value, "Secret tags": 15 of 256 and 256 characters, contentType of 255 characters."""
    setting = refusal(lambda: vault.client.set_secret("outlook", **{"value": "hush", **options}))
    assert setting == (400, "BadParameter", "")
    assert vault.api.secrets == {}


def test_limits_of_a_secret_are_reached(vault: Vault) -> None:
    """About, the same places."""
    tags = {f"{number:0256}": "y" * 256 for number in range(15)}
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
def test_unknown_fields_and_parameters_are_refused(vault: Vault, method: str, path: str, body: object) -> None:
    """REST, "Request Body" and "URI Parameters" of each operation; refusing what they do not name is stricter."""
    vault.client.set_secret("outlook", "before")
    status, answer = raw(vault, method, path, body)
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
def test_each_operation_needs_its_permission(vault: Vault, permission: str, action: Callable[[Any], Any]) -> None:
    """About, "Secret access control"; Codes, "HTTP 403"; code and inner code as the service gives them."""
    vault.client.set_secret("outlook", "hush")
    vault.api.denied.add(permission)
    assert refusal(lambda: action(vault.client)) == (403, "Forbidden", "ForbiddenByRbac")
    assert vault.api.values("outlook") == ["hush"]


def test_error_names_code_and_message(vault: Vault) -> None:
    """Auth, "Error Responses"; REST, KeyVaultError: error with code, message and innererror."""
    vault.client.set_secret("outlook", "hush", enabled=False)
    _, body = raw(vault, "GET", "/secrets/outlook")
    message = "Operation get is not allowed on a disabled secret."
    assert body == {"error": {"code": "Forbidden", "message": message, "innererror": {"code": "SecretDisabled"}}}


def test_throttled_request_is_429_and_sdk_retries_it(vault: Vault) -> None:
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


def test_lost_answer_leaves_the_version_that_was_written(vault: Vault) -> None:
    """The server's faults: `lost` does the work and closes the connection, `dropped` does nothing."""
    vault.client.set_secret("outlook", "one")
    for kind, held in (("dropped", ["one"]), ("lost", ["one", "two"])):
        vault.server.faults.clear()
        vault.server.arm("dropped" if kind == "dropped" else "lost", method="PUT")
        with pytest.raises((ServiceRequestError, ServiceResponseError)):
            vault.client.set_secret("outlook", "two")
        assert vault.api.values("outlook") == held


def test_answers_that_are_not_of_key_vault_can_be_armed(vault: Vault) -> None:
    """The server's faults: a proxy's page instead of an answer."""
    vault.server.arm("status", method="GET", path="outlook", reply=Reply(502, b"<html>Bad gateway</html>"))
    vault.client.set_secret("outlook", "one")
    with pytest.raises(HttpResponseError) as caught:
        vault.client.get_secret("outlook")
    assert caught.value.status_code == 502


def test_dropped_fields_are_taken_and_not_stored(vault: Vault) -> None:
    """The hook that the other test servers have: a tag, or a field of a value that is a JSON object."""
    vault.api.drops |= {"client_secret", "generation"}
    text = json.dumps({"client_id": "cid", "client_secret": "hush"})
    assert vault.client.set_secret("outlook", text, tags={"generation": "1", "a": "b"}).value == text
    read = vault.client.get_secret("outlook")
    assert (json.loads(read.value or ""), read.properties.tags) == ({"client_id": "cid"}, {"a": "b"})


def test_other_writer_makes_a_version_of_its_own(vault: Vault) -> None:
    """The hook `edit`: a person sets the secret in the portal."""
    vault.client.set_secret("outlook", "one", tags={"generation": "1"})
    vault.api.edit("outlook", "typed-in")
    read = vault.client.get_secret("outlook")
    assert (read.value, read.properties.tags) == ("typed-in", {"generation": "1"})


def _version(vault: Vault) -> str:
    """The latest version of the secret `outlook`, as the server has it."""
    return vault.api.secrets["outlook"].versions[-1].version
