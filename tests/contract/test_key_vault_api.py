"""The test server of Azure Key Vault, driven with the unmodified SDK: one claim a test, with its source.

The sources are those that `tests/support/key_vault_api.py` names. The SDK reaches the server under the
vault's real host name, so that its check of the challenge stays on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceRequestError,
)
from azure.keyvault.secrets._shared.http_challenge_cache import clear

from tests.support.key_vault_client import HOST, Credential, ServedKeyVault, refusal, serve_key_vault
from tests.support.platform_apis import API_KEY


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[ServedKeyVault]:
    with serve_key_vault(tmp_path) as served:
        yield served


def test_first_request_is_a_challenge_without_a_body(vault: ServedKeyVault) -> None:
    """Recorded: PUT with Content-Length 0, 401 with the authority and resource, then the whole request."""
    credential = Credential()
    vault.open(credential).set_secret("outlook", "hush")
    first, second = vault.server.seen
    assert (first.method, first.body, first.headers.get("authorization")) == ("PUT", None, None)
    assert first.headers["content-length"] == "0"
    assert (second.body, second.headers["authorization"]) == ({"value": "hush"}, f"Bearer {API_KEY}")
    assert credential.asked == [("https://vault.azure.net/.default", "00000000-0000-0000-0000-000000000000")]


def test_challenge_has_the_recorded_form(vault: ServedKeyVault) -> None:
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


def test_token_for_another_audience_is_unauthorized(vault: ServedKeyVault) -> None:
    """Codes, "The token lacks the correct resource associated with it": 401."""
    with pytest.raises(ClientAuthenticationError) as caught:
        vault.open(Credential("another")).get_secret("outlook")
    assert caught.value.status_code == 401
    assert "AKV10022" in str(caught.value)


def test_sdk_gives_no_token_to_a_vault_that_names_another_domain(vault: ServedKeyVault) -> None:
    """azure-keyvault-secrets, _shared/challenge_auth_policy.py: the resource's domain must end the vault's."""
    vault.api.resource = "https://vault.evil.example"
    credential = Credential()
    with pytest.raises(ValueError, match="does not match the requested domain"):
        vault.open(credential).get_secret("outlook")
    assert credential.asked == []


def test_sdk_speaks_to_localhost_with_the_documented_option(vault: ServedKeyVault) -> None:
    """README of azure-keyvault-secrets and https://aka.ms/azsdk/blog/vault-uri: verify_challenge_resource=False."""
    client = vault.open(vault_url=vault.server.base_url, proxies={}, verify_challenge_resource=False)
    assert (
        client.set_secret("outlook", "hush").id == f"{vault.server.base_url}/secrets/outlook/" + vault.latest_version()
    )
    clear()
    with pytest.raises(ValueError, match="does not match the requested domain"):
        vault.open(vault_url=vault.server.base_url, proxies={}).get_secret("outlook")


def test_sdk_refuses_plain_http(vault: ServedKeyVault) -> None:
    """azure-keyvault-secrets, _shared/challenge_auth_policy.py, _enforce_tls."""
    with pytest.raises(ServiceRequestError, match="non-TLS"):
        vault.open(vault_url="http://localhost:1").get_secret("outlook")


def test_set_secret_is_read_back_with_its_version_and_attributes(vault: ServedKeyVault) -> None:
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
    assert read.id == written.id == f"https://{HOST}/secrets/outlook/{vault.latest_version()}"
    assert len(vault.latest_version()) == 32


def test_set_of_an_existing_name_makes_a_version_with_nothing_of_the_one_before(vault: ServedKeyVault) -> None:
    """REST, Set Secret: "If the named secret already exists, Azure Key Vault creates a new version"."""
    first = vault.client.set_secret("outlook", "one", tags={"generation": "1"})
    second = vault.client.set_secret("outlook", "two")
    assert second.properties.version != first.properties.version
    read = vault.client.get_secret("outlook", first.properties.version)
    assert (read.value, read.properties.tags) == ("one", {"generation": "1"})
    assert (second.properties.tags, vault.client.get_secret("outlook").value) == (None, "two")


def test_every_version_is_listed_without_values(vault: ServedKeyVault) -> None:
    """REST, Get Secret Versions: "No values are returned for the secrets", identifiers have the version."""
    made = {vault.client.set_secret("outlook", text).properties.version for text in ("one", "two", "three")}
    listed = list(vault.client.list_properties_of_secret_versions("outlook"))
    assert {each.version for each in listed} == made
    assert len({each.created_on for each in listed}) == 3
    assert "one" not in json.dumps(vault.raw("GET", "/secrets/outlook/versions"))


def test_versions_of_an_unknown_name_are_an_empty_list(vault: ServedKeyVault) -> None:
    """Recorded: 200 with `value` [] and `nextLink` null for secret-name/versions."""
    assert list(vault.client.list_properties_of_secret_versions("nothing")) == []


def test_lists_come_in_pages_of_at_most_25(vault: ServedKeyVault) -> None:
    """REST, Get Secret Versions, "maxresults": up to 25 results, the rest behind `nextLink`."""
    for number in range(27):
        vault.client.set_secret("outlook", str(number))
    vault.server.seen.clear()
    assert len(list(vault.client.list_properties_of_secret_versions("outlook"))) == 27
    assert len(vault.server.seen) == 2
    assert vault.raw("GET", "/secrets/outlook/versions?maxresults=26")[0] == 400


def test_secrets_are_listed_by_identifier_without_version(vault: ServedKeyVault) -> None:
    """REST, Get Secrets: "only the base secret identifier and its attributes"."""
    vault.client.set_secret("outlook", "hush")
    assert [each.id for each in vault.client.list_properties_of_secrets()] == [f"https://{HOST}/secrets/outlook"]


def test_unknown_secret_or_version_is_not_found(vault: ServedKeyVault) -> None:
    """Recorded: 404 SecretNotFound, "A secret with (name/id) ... was not found in this key vault."."""
    vault.client.set_secret("outlook", "hush")
    for name, version in (("nothing", ""), ("outlook", "0" * 32)):
        with pytest.raises(ResourceNotFoundError, match=r"A secret with \(name/id\) .* was not found") as caught:
            vault.client.get_secret(name, version)
        assert caught.value.error is not None
        assert caught.value.error.code == "SecretNotFound"


def test_names_are_compared_without_case(vault: ServedKeyVault) -> None:
    """Objects, "Object identifiers": case-insensitive."""
    vault.client.set_secret("Outlook", "hush")
    assert vault.client.get_secret("OUTLOOK").value == "hush"


def test_update_replaces_tags_and_keeps_what_is_absent(vault: ServedKeyVault) -> None:
    """REST, Update Secret: attributes "not specified in the request are left unchanged", no value in the answer."""
    made = vault.client.set_secret("outlook", "hush", tags={"a": "1"}, content_type="a/b")
    updated = vault.client.update_secret_properties("outlook", made.properties.version, tags={"b": "2"})
    assert (updated.tags, updated.content_type) == ({"b": "2"}, "a/b")
    assert made.properties.updated_on is not None
    assert updated.updated_on is not None
    assert updated.updated_on > made.properties.updated_on
    assert "value" not in vault.raw("PATCH", "/secrets/outlook/", {"tags": {}})[1]
    assert vault.client.get_secret("outlook").value == "hush"


def test_update_without_a_version_changes_the_latest(vault: ServedKeyVault) -> None:
    """azure-keyvault-secrets, SecretClient.update_secret_properties: "If unspecified, the latest version"."""
    first = vault.client.set_secret("outlook", "one", tags={"a": "1"})
    vault.client.set_secret("outlook", "two")
    vault.client.update_secret_properties("outlook", tags={"b": "2"})
    assert vault.client.get_secret("outlook").properties.tags == {"b": "2"}
    assert vault.client.get_secret("outlook", first.properties.version).properties.tags == {"a": "1"}


def test_value_cannot_be_updated(vault: ServedKeyVault) -> None:
    """REST, Update Secret: "The value of a secret itself cannot be changed"."""
    vault.client.set_secret("outlook", "hush")
    status, body = vault.raw("PATCH", "/secrets/outlook/", {"value": "other"})
    assert (status, body["error"]["code"]) == (400, "BadParameter")


def test_disabled_secret_is_forbidden_to_read_and_can_be_enabled(vault: ServedKeyVault) -> None:
    """About, "enabled"; 403 with SecretDisabled as in sdk/keyvault/keyvault-secrets of Azure/azure-sdk-for-js."""
    vault.client.set_secret("outlook", "hush")
    vault.client.update_secret_properties("outlook", enabled=False)
    assert refusal(lambda: vault.client.get_secret("outlook")) == (403, "Forbidden", "SecretDisabled")
    vault.client.update_secret_properties("outlook", enabled=True)
    assert vault.client.get_secret("outlook").value == "hush"


def test_disabled_latest_version_does_not_show_the_one_before(vault: ServedKeyVault) -> None:
    """REST, Get Secret: without a version the latest is meant; About, "enabled"."""
    first = vault.client.set_secret("outlook", "one")
    vault.client.set_secret("outlook", "two", enabled=False)
    assert refusal(lambda: vault.client.get_secret("outlook")) == (403, "Forbidden", "SecretDisabled")
    assert vault.client.get_secret("outlook", first.properties.version).value == "one"


def test_expired_secret_is_still_read(vault: ServedKeyVault) -> None:
    """About, "Date-time controlled operations": get works outside the nbf / exp window."""
    vault.client.set_secret("outlook", "hush", expires_on=datetime(2020, 1, 1, tzinfo=UTC))
    assert vault.client.get_secret("outlook").value == "hush"


def test_deleted_secret_is_kept_and_can_be_recovered_with_its_versions(vault: ServedKeyVault) -> None:
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
    assert "value" not in vault.raw("DELETE", "/secrets/outlook")[1]


def test_deletion_and_recovery_take_a_while(vault: ServedKeyVault) -> None:
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


def test_deletion_that_is_not_finished_cannot_be_undone(vault: ServedKeyVault) -> None:
    """Azure/azure-cli#12722, of purging: 409 "Secret is currently being deleted."; recovering is held to it too."""
    vault.client.set_secret("outlook", "hush")
    vault.api.lag = 1
    vault.client.begin_delete_secret("outlook")
    recovering = refusal(lambda: vault.client.begin_recover_deleted_secret("outlook"))
    assert recovering == (409, "Conflict", "ObjectIsBeingDeleted")


def test_write_may_be_refused_after_a_recovery_that_reads_call_finished(vault: ServedKeyVault) -> None:
    """Azure/azure-sdk-for-net#31581: 409 "currently being recovered and cannot be re-created; retry later"."""
    vault.client.set_secret("outlook", "one")
    vault.client.begin_delete_secret("outlook").wait()
    vault.api.straggling = 1
    vault.client.begin_recover_deleted_secret("outlook").wait()
    assert vault.client.get_secret("outlook").value == "one"
    setting = refusal(lambda: vault.client.set_secret("outlook", "two"))
    assert setting == (409, "Conflict", "ObjectIsBeingRecovered")
    assert vault.client.set_secret("outlook", "two").value == "two"


def test_versions_of_one_second_are_told_apart_by_nothing_but_the_latest(vault: ServedKeyVault) -> None:
    """Recorded (js, can_retrieve_all_versions_of_a_secret_by_page): the same `created`, ordered by identifier."""
    vault.api.pace = 0
    made = [vault.client.set_secret("outlook", str(number)).properties.version for number in range(5)]
    listed = list(vault.client.list_properties_of_secret_versions("outlook"))
    assert len({each.created_on for each in listed}) == 1
    assert [each.version for each in listed] == sorted(str(version) for version in made)
    assert vault.client.get_secret("outlook").properties.version == made[-1]


def test_name_of_a_deleted_secret_cannot_be_set(vault: ServedKeyVault) -> None:
    """REST, Set Secret; code and message as in Azure/azure-sdk-for-net, Azure.Security.KeyVault.Secrets, Sample4."""
    vault.client.set_secret("outlook", "hush")
    vault.client.begin_delete_secret("outlook").wait()
    with pytest.raises(ResourceExistsError, match="currently in a deleted but recoverable state"):
        vault.client.set_secret("outlook", "other")
    setting = refusal(lambda: vault.client.set_secret("outlook", "other"))
    assert setting == (409, "Conflict", "ObjectIsDeletedButRecoverable")


def test_what_is_not_deleted_cannot_be_recovered_or_deleted_twice(vault: ServedKeyVault) -> None:
    """REST, Recover Deleted Secret: "Recovers a deleted secret"; Recorded: 404 where there is none."""
    vault.client.set_secret("outlook", "hush")
    assert refusal(lambda: vault.client.begin_recover_deleted_secret("outlook"))[:2] == (404, "SecretNotFound")
    vault.client.begin_delete_secret("outlook").wait()
    assert refusal(lambda: vault.client.begin_delete_secret("outlook"))[:2] == (404, "SecretNotFound")
