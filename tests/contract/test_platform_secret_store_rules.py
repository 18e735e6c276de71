"""Each secret store's own rules: logins, least rights, deletion that can be undone, who else writes."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import trustme
from botocore.exceptions import ClientError
from moto import mock_aws

from orgcal.errors import EntraError, OrgcalError, PlatformError, Unreachable, UsageError
from orgcal.platforms import check_settings, open_platform, place_of, push_credentials
from orgcal.platforms.docs_tables import PAGE
from orgcal.platforms.testing import FIRST, SECOND
from tests.support.fake_time import FakeTime
from tests.support.platform_apis import API_KEY
from tests.support.secret_store_cases import (
    LOGIN_SECRET,
    REGION,
    SETTINGS,
    OpenStore,
    aws_variables,
    open_store,
)
from tests.support.strict_server import Reply, StrictServer
from tests.support.vault_api import Token
from tests.support.vault_kv import KvVersion1

DOCS = PAGE.read_text(encoding="utf-8")
EXTRAS = {"aws-secrets-manager": ("boto3", "aws"), "azure-key-vault": ("azure.keyvault.secrets", "azure")}
EXTRAS["hashicorp-vault"] = ("hvac", "vault")


def opened(store: OpenStore, **settings: Any) -> Any:
    return open_platform({**store.settings, **settings}, store.environ, clock=FakeTime().clock())


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[OpenStore]:
    with open_store("hashicorp-vault", tmp_path) as store:
        yield store


@pytest.fixture
def key_vault(tmp_path: Path) -> Iterator[OpenStore]:
    with open_store("azure-key-vault", tmp_path) as store:
        yield store


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[OpenStore]:
    with open_store("aws-secrets-manager", tmp_path) as store:
        yield store


# -- the SDKs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EXTRAS)
def test_sdk_that_is_not_installed_is_named_with_its_command(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, extra = EXTRAS[kind]
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match="which is not installed") as caught:
        open_platform(SETTINGS[kind], {})
    assert caught.value.repair == f"pip install 'orgcal[{extra}]'"


# -- AWS Secrets Manager ------------------------------------------------------------------------------


def test_aws_secret_that_is_removed_waits_thirty_days_and_a_push_names_the_repair(aws: OpenStore) -> None:
    platform = opened(aws)
    push_credentials(platform, "outlook", FIRST)
    platform.remove_credentials("outlook")
    deletion = next(request.body for request in aws.server.seen if "Delete" in request.headers["x-amz-target"])
    assert deletion == {"SecretId": "orgcal/outlook", "RecoveryWindowInDays": 30}
    with pytest.raises(PlatformError, match="scheduled for deletion") as caught:
        push_credentials(platform, "outlook", SECOND)
    assert caught.value.repair == f"aws secretsmanager restore-secret --region {REGION} --secret-id orgcal/outlook"
    aws.api("RestoreSecret")
    push_credentials(platform, "outlook", SECOND)
    assert platform.read_credentials("outlook").generation == 2


def test_aws_operations_are_those_of_the_policy_in_the_docs(aws: OpenStore) -> None:
    documented = set(re.findall(r'"secretsmanager:(\w+)"', DOCS))
    platform = opened(aws, tags={"connector": "{key}"})
    push_credentials(platform, "outlook", FIRST)
    push_credentials(platform, "outlook", SECOND)
    push_credentials(opened(aws, tags={"connector": "{key}", "generation": "{generation}"}), "outlook", SECOND)
    platform.remove_credentials("outlook")
    assert {request.headers["x-amz-target"].rpartition(".")[2] for request in aws.server.seen} == documented


def test_aws_without_tags_needs_no_right_to_tag(aws: OpenStore) -> None:
    push_credentials(opened(aws), "outlook", FIRST)
    push_credentials(opened(aws), "outlook", SECOND)
    assert "TagResource" not in str(aws.writes())
    assert all("Tags" not in request.body for request in aws.server.seen)


def test_aws_tags_that_are_not_ours_stay(aws: OpenStore) -> None:
    platform = opened(aws, value="{client_secret}")
    push_credentials(platform, "outlook", FIRST)
    aws.api("TagResource", Tags=[{"Key": "team", "Value": "calendar"}])
    push_credentials(platform, "outlook", SECOND)
    tags = {tag["Key"]: tag["Value"] for tag in aws.api("DescribeSecret")["Tags"]}
    assert tags == {"team": "calendar", "orgcal-client-id": FIRST.client_id, "orgcal-generation": "2"}


def test_aws_secret_without_a_value_gets_its_first_version(aws: OpenStore) -> None:
    aws.api("CreateSecret", Name="orgcal/outlook", ClientRequestToken="0" * 32)
    platform = opened(aws)
    assert platform.read_credentials("outlook") is None
    push_credentials(platform, "outlook", FIRST)
    assert platform.read_credentials("outlook").generation == 1


def test_aws_denied_action_names_the_policy(aws: OpenStore) -> None:
    refused = {"__type": "AccessDeniedException", "Message": "not authorized to perform: secretsmanager:PutSecretValue"}
    aws.server.arm("status", reply=Reply(400, refused))
    with pytest.raises(PlatformError, match="not authorized to perform") as caught:
        opened(aws).read_credentials("outlook")
    assert "docs/platforms.md" in caught.value.repair


def test_aws_role_that_may_not_be_assumed_is_named(aws: OpenStore) -> None:
    role = "arn:aws:iam::111122223333:role/orgcal"
    refused = ClientError({"Error": {"Code": "AccessDenied", "Message": "not authorized"}}, "AssumeRole")
    assert opened(aws, role=role)._store.refusal("n", refused).repair == f"let this login assume the role {role}"


@pytest.mark.parametrize("profile", [None, "acme"])
def test_aws_without_a_login_says_how_to_log_in(
    aws: OpenStore, monkeypatch: pytest.MonkeyPatch, profile: str | None
) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable)
    with pytest.raises(Unreachable, match="gives no login") as caught:
        opened(aws, profile=profile).read_credentials("outlook")
    assert "aws sso login" in caught.value.repair
    assert aws.server.seen == []


def test_aws_address_in_a_variable_gets_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in aws_variables(tmp_path).items():
        monkeypatch.setenv(name, value)
    with StrictServer(lambda _: Reply(200, {})).running() as other, mock_aws():
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", other.base_url)
        push_credentials(open_platform(SETTINGS["aws-secrets-manager"], {}), "outlook", FIRST)
        assert other.seen == []


def test_aws_role_is_assumed_and_its_account_tells_places_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws_variables(tmp_path).items():
        monkeypatch.setenv(name, value)
    settings = {**SETTINGS["aws-secrets-manager"], "role": "arn:aws:iam::111122223333:role/orgcal"}
    with mock_aws():
        push_credentials(open_platform(settings, {}), "outlook", FIRST)
        assert boto3.client("secretsmanager", REGION).list_secrets()["SecretList"] == [], "of our own account"
    assert place_of(settings) == f"aws-secrets-manager:{REGION}/111122223333/orgcal/{{key}}"
    assert place_of(settings) != place_of(SETTINGS["aws-secrets-manager"])


# -- Azure Key Vault ----------------------------------------------------------------------------------


def test_key_vault_secret_that_is_removed_can_be_recovered_and_a_push_says_so(key_vault: OpenStore) -> None:
    platform = opened(key_vault)
    push_credentials(platform, "outlook", FIRST)
    platform.remove_credentials("outlook")
    assert key_vault.writes()[-1] == "DELETE /secrets/orgcal-outlook"
    with pytest.raises(PlatformError, match="ObjectIsDeletedButRecoverable") as caught:
        push_credentials(platform, "outlook", SECOND)
    assert "az keyvault secret recover --vault-name acme-prod --name orgcal-outlook" in caught.value.repair
    assert key_vault.versions() == 1


def test_key_vault_that_is_still_deleting_is_waited_for_within_a_minute(key_vault: OpenStore) -> None:
    key_vault.api.lag = 3
    platform = opened(key_vault)
    push_credentials(platform, "outlook", FIRST)
    platform.remove_credentials("outlook")
    with pytest.raises(PlatformError, match="answered 409"):
        push_credentials(platform, "outlook", SECOND)


def test_key_vault_without_soft_delete_is_not_deleted_from(key_vault: OpenStore) -> None:
    platform = opened(key_vault)
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
    platform = opened(key_vault)
    push_credentials(platform, "outlook", FIRST)
    key_vault.api.secrets["orgcal-outlook"].versions[-1].enabled = False
    with pytest.raises(PlatformError, match="SecretDisabled") as caught:
        platform.read_credentials("outlook")
    assert caught.value.repair.endswith("--name orgcal-outlook --enabled true")


def test_key_vault_needs_the_documented_permissions_only(key_vault: OpenStore) -> None:
    key_vault.api.denied = {"list", "recover", "purge"}
    platform = opened(key_vault, tags={"connector": "{key}"})
    push_credentials(platform, "outlook", FIRST)
    push_credentials(platform, "outlook", SECOND)
    platform.remove_credentials("outlook")
    key_vault.api.denied |= {"get"}
    with pytest.raises(PlatformError, match="answered 403") as caught:
        platform.read_credentials("outlook")
    assert "Key Vault Secrets Officer" in caught.value.repair


def test_key_vault_keeps_tags_of_others_and_says_what_the_value_is(key_vault: OpenStore) -> None:
    platform = opened(key_vault, value="{client_secret}")
    push_credentials(platform, "outlook", FIRST)
    versions = key_vault.api.secrets["orgcal-outlook"].versions
    versions[-1].tags["team"] = "calendar"
    push_credentials(platform, "outlook", SECOND)
    assert versions[-1].tags == {"team": "calendar", "orgcal-client-id": FIRST.client_id, "orgcal-generation": "2"}
    assert [version.content_type for version in versions] == ["text/plain", "text/plain"]


def test_key_vault_of_another_domain_gets_no_token(key_vault: OpenStore) -> None:
    key_vault.api.resource = "https://vault.example.com"
    with pytest.raises(Unreachable, match="not its own"):
        opened(key_vault).read_credentials("outlook")
    assert all("authorization" not in request.headers for request in key_vault.server.seen)


def test_key_vault_login_that_is_refused_is_the_operators(key_vault: OpenStore) -> None:
    key_vault.environ["ARM_CLIENT_SECRET"] = "wrong-secret-of-the-operator"
    with pytest.raises(EntraError) as caught:
        opened(key_vault).read_credentials("outlook")
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
        opened(key_vault).read_credentials("outlook")
    assert LOGIN_SECRET not in str(caught.value)


# -- HashiCorp Vault ----------------------------------------------------------------------------------


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
    platform = opened(vault, tags=tags)
    push_credentials(platform, "outlook", FIRST)
    push_credentials(platform, "outlook", SECOND)
    platform.remove_credentials("outlook")
    assert platform.read_credentials("outlook") is None


def test_vault_login_without_rights_names_what_it_needs(vault: OpenStore) -> None:
    vault.api.tokens[API_KEY] = Token({})
    with pytest.raises(PlatformError, match=r"answered 403: .*permission denied") as caught:
        opened(vault).read_credentials("outlook")
    assert "VAULT_TOKEN_FILE" in caught.value.repair
    assert "docs/platforms.md" in caught.value.repair


def test_vault_version_of_another_writer_is_not_lost(vault: OpenStore) -> None:
    """The other one writes between our question and our write."""
    platform = opened(vault)
    push_credentials(platform, "outlook", FIRST)
    vault.api.kv.rival = {"client_secret": "of the other", "note": "theirs"}
    push_credentials(platform, "outlook", SECOND)
    versions = vault.api.kv.entries["orgcal/outlook"].versions
    assert versions[2].data == {"client_secret": "of the other", "note": "theirs"}
    assert versions[3].data["note"] == "theirs"
    assert platform.read_credentials("outlook").credential.same_as(SECOND)


@pytest.mark.parametrize(("own", "mount"), [(1, 0), (0, 1), (1, 1)])
def test_vault_that_would_forget_the_version_before_is_refused(vault: OpenStore, own: int, mount: int) -> None:
    platform = opened(vault)
    push_credentials(platform, "outlook", FIRST)
    vault.api.kv.entries["orgcal/outlook"].max_versions, vault.api.kv.max_versions = own, mount
    with pytest.raises(PlatformError, match="keeps one version only") as caught:
        push_credentials(platform, "outlook", SECOND)
    assert caught.value.repair == "vault kv metadata put -mount=secret -max-versions=10 orgcal/outlook"
    assert vault.versions() == 1


def test_vault_mount_of_version_one_is_refused_before_anything_is_written(vault: OpenStore) -> None:
    vault.api.mounts["old"] = KvVersion1()
    with pytest.raises(PlatformError, match="no KV engine of version 2"):
        push_credentials(opened(vault, mount="old"), "outlook", FIRST)
    assert vault.writes() == []


def test_vault_mount_that_does_not_exist_is_told(vault: OpenStore) -> None:
    with pytest.raises(PlatformError, match="no handler for route") as caught:
        opened(vault, mount="kv").read_credentials("outlook")
    assert "vault secrets list" in caught.value.repair


def test_vault_removal_is_undone_by_undelete_and_a_push_goes_on(vault: OpenStore) -> None:
    platform = opened(vault)
    push_credentials(platform, "outlook", FIRST)
    platform.remove_credentials("outlook")
    version = vault.api.kv.entries["orgcal/outlook"].versions[1]
    assert version.deleted is not None
    assert not version.destroyed
    assert "hush-1" in str(version.data)
    push_credentials(platform, "outlook", SECOND)
    assert vault.versions() == 2


def test_vault_destroyed_version_counts_as_none_and_a_push_goes_on(vault: OpenStore) -> None:
    platform = opened(vault)
    push_credentials(platform, "outlook", FIRST)
    version = vault.api.kv.entries["orgcal/outlook"].versions[1]
    version.destroyed, version.data = True, None
    assert platform.read_credentials("outlook") is None
    push_credentials(platform, "outlook", SECOND)
    assert platform.read_credentials("outlook").generation == 2


def test_vault_metadata_of_others_stays(vault: OpenStore) -> None:
    push_credentials(opened(vault), "outlook", FIRST)
    entry = vault.api.kv.entries["orgcal/outlook"]
    entry.custom, entry.delete_after = {"team": "calendar"}, 7 * 86400
    push_credentials(opened(vault, tags={"generation": "{generation}"}), "outlook", SECOND)
    assert entry.custom == {"team": "calendar", "generation": "2"}
    assert entry.delete_after == 7 * 86400


def test_vault_sealed_server_is_told(vault: OpenStore) -> None:
    vault.api.sealed = True
    with pytest.raises(PlatformError, match="Vault is sealed") as caught:
        opened(vault).read_credentials("outlook")
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
    push_credentials(opened(vault, **settings), "outlook", FIRST)
    assert vault.server.seen[0].path == f"/v1/auth/{auth}/login"
    proof.write_text("another-proof-of-the-role")
    with pytest.raises(PlatformError) as caught:
        opened(vault, **settings).read_credentials("outlook")
    assert "PROOF_FILE" in caught.value.repair
    assert "another-proof" not in str(caught.value)


def test_vault_namespace_goes_with_each_request(vault: OpenStore) -> None:
    vault.api.namespace = "acme/prod"
    push_credentials(opened(vault, namespace="acme/prod"), "outlook", FIRST)
    assert {request.headers["x-vault-namespace"] for request in vault.server.seen} == {"acme/prod"}


def test_vault_trusts_the_authority_that_vault_cacert_names(vault: OpenStore, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "vault-ca.pem"))
    with StrictServer(vault.api, ca=authority).running() as server:
        with pytest.raises(Unreachable, match="not trusted"):
            opened(vault, address=server.base_url).read_credentials("outlook")
        vault.environ["VAULT_CACERT"] = str(tmp_path / "vault-ca.pem")
        push_credentials(opened(vault, address=server.base_url), "outlook", FIRST)
    assert vault.versions() == 1


def test_vault_token_file_that_others_may_read_is_refused(vault: OpenStore) -> None:
    Path(vault.environ["VAULT_TOKEN_FILE"]).chmod(0o644)
    with pytest.raises(UsageError, match="can be read by others"):
        opened(vault)


# -- settings -----------------------------------------------------------------------------------------

KEY_VAULT, AWS, VAULT = (SETTINGS[kind] for kind in ("azure-key-vault", "aws-secrets-manager", "hashicorp-vault"))


@pytest.mark.parametrize(
    ("settings", "key", "said"),
    [
        ({**KEY_VAULT, "vault_url": "https://acme.vault.azure.net.example.com"}, "vault_url", "expected https://NAME"),
        ({**KEY_VAULT, "vault_url": "http://acme.vault.azure.net"}, "vault_url", "expected https://NAME"),
        ({**KEY_VAULT, "vault_url": "https://acme.managedhsm.azure.net"}, "vault_url", "expected https://NAME"),
        ({**KEY_VAULT, "name": "orgcal/{key}"}, "name", "letters, digits and dashes"),
        ({**KEY_VAULT, "name": "{client_id}"}, "name", "letters, digits and dashes"),
        ({**KEY_VAULT, "value": "id={client_id}"}, "value", "must be {client_secret}, or a mapping"),
        ({**KEY_VAULT, "value": {"id": "{client_id}"}}, "value", "needs {client_secret}, or {private_key_pem}"),
        ({**KEY_VAULT, "value": {"s": "x{client_secret}"}}, "value", "needs {client_secret}, or {private_key_pem}"),
        ({**KEY_VAULT, "value": {"s": "{client_secret}", "x": "{secret}"}}, "value", "unknown {secret}; known are key"),
        ({**KEY_VAULT, "value": ["{client_secret}"]}, "value", "must be a mapping"),
        ({**KEY_VAULT, "tags": {"x": "{client_secret}"}}, "tags", "unknown {client_secret}; known are key"),
        ({**AWS, "endpoint_url": "http://vpce.example.com"}, "endpoint_url", "expected an https address"),
        ({**AWS, "role": "orgcal"}, "role", "expected the ARN of a role"),
        ({**AWS, "region": "Frankfurt"}, "region", "expected a region"),
        ({**VAULT, "address": "http://vault.example.com:8200"}, "address", "expected an https address"),
        ({**VAULT, "name": "orgcal/../{key}"}, "name", "a path below the mount"),
        ({**VAULT, "name": "/orgcal/{key}"}, "name", "a path below the mount"),
        ({**VAULT, "mount": "../sys"}, "mount", "the path of a mount"),
        ({**VAULT, "value": "{client_secret}"}, "value", "must be a mapping: Vault keeps no plain texts"),
        ({**VAULT, "auth": "approle"}, "role", "expected an AppRole's role id"),
        ({**VAULT, "auth": "github"}, "auth", "expected one of token, approle, jwt, kubernetes"),
    ],
)
def test_setting_that_cannot_work_is_refused_in_one_line(settings: dict[str, Any], key: str, said: str) -> None:
    problems = check_settings(settings)
    assert len(problems) == 1
    assert problems[0].startswith(f"orgcal:connector.platform.{key}: ")
    assert said in problems[0]
    assert "repair: " in problems[0]
