"""The rules of HashiCorp Vault: logins, policies, other writers, versions that would be forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from orgcal.errors import PlatformError, Unreachable, UsageError
from orgcal.platforms import push_credentials
from orgcal.platforms.docs_tables import PAGE
from orgcal.platforms.testing import FIRST, SECOND
from orgcal.platforms.testing_server import StrictServer
from tests.support.platform_apis import API_KEY
from tests.support.secret_store_cases import (
    OpenStore,
    open_store,
)
from tests.support.vault_api import Token
from tests.support.vault_kv import KvVersion1

DOCS = PAGE.read_text(encoding="utf-8")


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[OpenStore]:
    with open_store("hashicorp-vault", tmp_path) as store:
        yield store


def policy_of_the_docs() -> dict[str, set[str]]:
    rules = re.findall(r'path "([^"]+)"\s*\{ capabilities = \[([^\]]*)\] \}', DOCS)
    return {path: set(re.findall(r"\w+", listed)) for path, listed in rules}


@pytest.mark.parametrize("tags", [{}, {"connector": "{key}"}])
def test_vault_policy_of_the_docs_is_enough(vault: OpenStore, tags: dict[str, str]) -> None:
    policy = policy_of_the_docs()
    assert len(policy) == 3
    if not tags:
        policy["secret/metadata/orgcal/*"] = {"read"}
    vault.api.tokens[API_KEY] = Token(policy)
    platform = vault.opened(tags=tags)
    push_credentials(platform, "outlook", FIRST)
    push_credentials(platform, "outlook", SECOND)
    platform.remove_credentials("outlook")
    assert platform.read_credentials("outlook") is None


def test_vault_login_without_rights_names_what_it_needs(vault: OpenStore) -> None:
    vault.api.tokens[API_KEY] = Token({})
    with pytest.raises(PlatformError, match=r"answered 403: .*permission denied") as caught:
        vault.opened().read_credentials("outlook")
    assert "VAULT_TOKEN_FILE" in caught.value.repair
    assert "docs/platforms.md" in caught.value.repair


def test_vault_version_of_another_writer_is_not_lost(vault: OpenStore) -> None:
    """The other one writes between our question and our write."""
    platform = vault.opened()
    push_credentials(platform, "outlook", FIRST)
    vault.api.kv.rival = {"client_secret": "of the other", "note": "theirs"}
    push_credentials(platform, "outlook", SECOND)
    versions = vault.api.kv.entries["orgcal/outlook"].versions
    assert versions[2].data == {"client_secret": "of the other", "note": "theirs"}
    assert versions[3].data["note"] == "theirs"
    assert platform.read_credentials("outlook").credential.same_as(SECOND)


@pytest.mark.parametrize(("own", "mount"), [(1, 0), (0, 1), (1, 1)])
def test_vault_that_would_forget_the_version_before_is_refused(vault: OpenStore, own: int, mount: int) -> None:
    platform = vault.opened()
    push_credentials(platform, "outlook", FIRST)
    vault.api.kv.entries["orgcal/outlook"].max_versions, vault.api.kv.max_versions = own, mount
    with pytest.raises(PlatformError, match="keeps one version only") as caught:
        push_credentials(platform, "outlook", SECOND)
    assert caught.value.repair == "vault kv metadata put -mount=secret -max-versions=10 orgcal/outlook"
    assert vault.versions() == 1


def test_vault_mount_of_version_one_is_refused_before_anything_is_written(vault: OpenStore) -> None:
    vault.api.mounts["old"] = KvVersion1()
    with pytest.raises(PlatformError, match="no KV engine of version 2"):
        push_credentials(vault.opened(mount="old"), "outlook", FIRST)
    assert vault.writes() == []


def test_vault_mount_that_does_not_exist_is_told(vault: OpenStore) -> None:
    with pytest.raises(PlatformError, match="no handler for route") as caught:
        vault.opened(mount="kv").read_credentials("outlook")
    assert "vault secrets list" in caught.value.repair


def test_vault_removal_is_undone_by_undelete_and_a_push_goes_on(vault: OpenStore) -> None:
    platform = vault.opened()
    push_credentials(platform, "outlook", FIRST)
    platform.remove_credentials("outlook")
    version = vault.api.kv.entries["orgcal/outlook"].versions[1]
    assert version.deleted is not None
    assert not version.destroyed
    assert "hush-1" in str(version.data)
    push_credentials(platform, "outlook", SECOND)
    assert vault.versions() == 2


def test_vault_destroyed_version_counts_as_none_and_a_push_goes_on(vault: OpenStore) -> None:
    platform = vault.opened()
    push_credentials(platform, "outlook", FIRST)
    version = vault.api.kv.entries["orgcal/outlook"].versions[1]
    version.destroyed, version.data = True, None
    assert platform.read_credentials("outlook") is None
    push_credentials(platform, "outlook", SECOND)
    assert platform.read_credentials("outlook").generation == 2


def test_vault_metadata_of_others_stays(vault: OpenStore) -> None:
    push_credentials(vault.opened(), "outlook", FIRST)
    entry = vault.api.kv.entries["orgcal/outlook"]
    entry.custom, entry.delete_after = {"team": "calendar"}, 7 * 86400
    push_credentials(vault.opened(tags={"generation": "{generation}"}), "outlook", SECOND)
    assert entry.custom == {"team": "calendar", "generation": "2"}
    assert entry.delete_after == 7 * 86400


def test_vault_sealed_server_is_told(vault: OpenStore) -> None:
    vault.api.sealed = True
    with pytest.raises(PlatformError, match="Vault is sealed") as caught:
        vault.opened().read_credentials("outlook")
    assert "vault status" in caught.value.repair


@pytest.mark.parametrize("auth", ["approle", "jwt", "kubernetes"])
def test_vault_login_by_another_method_gives_the_token(vault: OpenStore, tmp_path: Path, auth: str) -> None:
    vault.api.roles[auth] = {"orgcal": "proof-of-the-role"}
    vault.api.policy = policy_of_the_docs()
    proof = tmp_path / "proof"
    proof.write_text("proof-of-the-role")
    proof.chmod(0o600)
    vault.environ["PROOF_FILE"] = str(proof)
    settings = {"auth": auth, "role": "orgcal", "key_file_variable": "PROOF_FILE"}
    push_credentials(vault.opened(**settings), "outlook", FIRST)
    assert vault.server.seen[0].path == f"/v1/auth/{auth}/login"
    proof.write_text("another-proof-of-the-role")
    with pytest.raises(PlatformError) as caught:
        vault.opened(**settings).read_credentials("outlook")
    assert "PROOF_FILE" in caught.value.repair
    assert "another-proof" not in str(caught.value)


def test_vault_namespace_goes_with_each_request(vault: OpenStore) -> None:
    vault.api.namespace = "acme/prod"
    push_credentials(vault.opened(namespace="acme/prod"), "outlook", FIRST)
    assert {request.headers["x-vault-namespace"] for request in vault.server.seen} == {"acme/prod"}


def test_vault_trusts_the_authority_that_vault_cacert_names(vault: OpenStore, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "vault-ca.pem"))
    with StrictServer(vault.api, ca=authority).running() as server:
        with pytest.raises(Unreachable, match="not trusted"):
            vault.opened(address=server.base_url).read_credentials("outlook")
        vault.environ["VAULT_CACERT"] = str(tmp_path / "vault-ca.pem")
        push_credentials(vault.opened(address=server.base_url), "outlook", FIRST)
    assert vault.versions() == 1


def test_vault_token_file_that_others_may_read_is_refused(vault: OpenStore) -> None:
    Path(vault.environ["VAULT_TOKEN_FILE"]).chmod(0o644)
    with pytest.raises(UsageError, match="can be read by others"):
        vault.opened()
