"""The rules of Azure Key Vault: logins, permissions, deletion that can be undone, tags."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from orgcal.errors import EntraError, OrgcalError, PlatformError, Unreachable, UsageError
from orgcal.platforms import open_platform, push_credentials
from orgcal.platforms.testing import FIRST, SECOND
from orgcal.platforms.testing_server import Reply
from tests.support.secret_store_cases import (
    LOGIN_SECRET,
    SETTINGS,
    OpenStore,
    open_store,
)


@pytest.fixture
def key_vault(tmp_path: Path) -> Iterator[OpenStore]:
    with open_store("azure-key-vault", tmp_path) as store:
        yield store


def test_key_vault_secret_that_is_removed_can_be_recovered_and_a_push_says_so(key_vault: OpenStore) -> None:
    platform = key_vault.opened()
    push_credentials(platform, "outlook", FIRST)
    platform.remove_credentials("outlook")
    assert key_vault.writes()[-1] == "DELETE /secrets/orgcal-outlook"
    with pytest.raises(PlatformError, match="ObjectIsDeletedButRecoverable") as caught:
        push_credentials(platform, "outlook", SECOND)
    assert "az keyvault secret recover --vault-name acme-prod --name orgcal-outlook" in caught.value.repair
    assert key_vault.versions() == 1


def test_key_vault_that_is_still_deleting_is_waited_for_within_a_minute(key_vault: OpenStore) -> None:
    key_vault.api.lag = 3
    platform = key_vault.opened()
    push_credentials(platform, "outlook", FIRST)
    platform.remove_credentials("outlook")
    with pytest.raises(PlatformError, match="answered 409"):
        push_credentials(platform, "outlook", SECOND)


def test_key_vault_without_soft_delete_is_not_deleted_from(key_vault: OpenStore) -> None:
    platform = key_vault.opened()
    push_credentials(platform, "outlook", FIRST)
    proper = key_vault.server.api

    def without(request: Any) -> Reply:
        reply = proper(request)
        return replace(
            reply, body=json.loads(json.dumps(reply.body).replace("CustomizedRecoverable+Purgeable", "Purgeable"))
        )

    key_vault.server.api = without
    with pytest.raises(PlatformError, match="no soft-delete") as caught:
        platform.remove_credentials("outlook")
    assert caught.value.repair.startswith("az keyvault update --name acme-prod")
    assert not any(write.startswith("DELETE") for write in key_vault.writes())


def test_key_vault_disabled_secret_is_told_with_its_command(key_vault: OpenStore) -> None:
    platform = key_vault.opened()
    push_credentials(platform, "outlook", FIRST)
    key_vault.api.secrets["orgcal-outlook"].versions[-1].enabled = False
    with pytest.raises(PlatformError, match="SecretDisabled") as caught:
        platform.read_credentials("outlook")
    assert caught.value.repair.endswith("--name orgcal-outlook --enabled true")


def test_key_vault_behind_a_firewall_is_told_as_such(key_vault: OpenStore) -> None:
    inner = {"code": "ForbiddenByFirewall"}
    refused = {"error": {"code": "Forbidden", "message": "Client address is not authorized", "innererror": inner}}
    key_vault.server.arm("status", reply=Reply(403, refused))
    with pytest.raises(PlatformError, match="ForbiddenByFirewall") as caught:
        key_vault.opened().read_credentials("outlook")
    assert "az keyvault network-rule add --name acme-prod" in caught.value.repair


def test_key_vault_404_that_is_not_its_own_is_not_an_empty_place(key_vault: OpenStore) -> None:
    key_vault.server.api = lambda _: Reply(404, b"<html>no such page</html>")
    with pytest.raises(PlatformError, match="answered 404"):
        key_vault.opened().read_credentials("outlook")


def test_key_vault_needs_the_documented_permissions_only(key_vault: OpenStore) -> None:
    key_vault.api.denied = {"list", "recover", "purge"}
    platform = key_vault.opened(tags={"connector": "{key}"})
    push_credentials(platform, "outlook", FIRST)
    push_credentials(platform, "outlook", SECOND)
    platform.remove_credentials("outlook")
    key_vault.api.denied |= {"get"}
    with pytest.raises(PlatformError, match="answered 403") as caught:
        platform.read_credentials("outlook")
    assert "Key Vault Secrets Officer" in caught.value.repair


def test_key_vault_keeps_tags_of_others_and_says_what_the_value_is(key_vault: OpenStore) -> None:
    platform = key_vault.opened(value="{client_secret}")
    push_credentials(platform, "outlook", FIRST)
    versions = key_vault.api.secrets["orgcal-outlook"].versions
    versions[-1].tags["team"] = "calendar"
    push_credentials(platform, "outlook", SECOND)
    assert versions[-1].tags == {"team": "calendar", "orgcal-client-id": FIRST.client_id, "orgcal-generation": "2"}
    assert [version.content_type for version in versions] == ["text/plain", "text/plain"]


def test_key_vault_of_another_domain_gets_no_token(key_vault: OpenStore) -> None:
    key_vault.api.resource = "https://vault.example.com"
    with pytest.raises(Unreachable, match="not its own"):
        key_vault.opened().read_credentials("outlook")
    assert all("authorization" not in request.headers for request in key_vault.server.seen)


def test_key_vault_login_that_is_refused_is_the_operators(key_vault: OpenStore) -> None:
    key_vault.environ["ARM_CLIENT_SECRET"] = "wrong-secret-of-the-operator"
    with pytest.raises(EntraError) as caught:
        key_vault.opened().read_credentials("outlook")
    assert caught.value.aadsts == 7000215
    assert "wrong-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [({}, "in which tenant"), ({"ARM_METADATA_HOSTNAME": "localhost:1", "ARM_TENANT_ID": "t"}, "on the emulator")],
)
def test_key_vault_without_a_usable_login_is_refused_at_once(environ: dict[str, str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as caught:
        open_platform(SETTINGS["azure-key-vault"], environ)
    assert caught.value.repair


def test_key_vault_untrusted_certificate_is_one_sentence(key_vault: OpenStore, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    key_vault.environ["REQUESTS_CA_BUNDLE"] = str(tmp_path / "other.pem")
    with pytest.raises(OrgcalError, match="not trusted") as caught:
        key_vault.opened().read_credentials("outlook")
    assert LOGIN_SECRET not in str(caught.value)
