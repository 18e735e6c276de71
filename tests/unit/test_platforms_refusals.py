"""What the exceptions of each secret store's SDK mean: words, status, repair, and whether to ask again."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from azure.core import exceptions as azure
from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

from orgcal.errors import UsageError
from orgcal.platforms.aws_secrets_manager import AwsSecretsManager, AwsSettings
from orgcal.platforms.azure_key_vault import KeyVault, KeyVaultSettings
from orgcal.platforms.hashicorp_vault import Vault, VaultSettings
from orgcal.platforms.secret_store import Refusal

hvac: Any = importlib.import_module("hvac.exceptions")  # it has no types
CALLBACK = "https://app.example.com/oauth/callback"
SECRET = "orgcal-outlook"  # its name


# Azure Key Vault --------------------------------------------------------------------------------


def key_vault(**more: str) -> KeyVault:
    said = {"kind": "azure-key-vault", "vault_url": "https://Acme-prod.vault.azure.net", "callback_url": CALLBACK}
    return KeyVaultSettings.model_validate({**said, **more}).store({"ARM_TENANT_ID": "tenant"})


def azure_error(status: int, code: str = "", message: str = "", inner: str = "", **headers: str) -> Exception:
    """Source: https://learn.microsoft.com/en-us/rest/api/keyvault/general/error-object."""
    error: dict[str, Any] = {"code": code, "message": message, **({"innererror": {"code": inner}} if inner else {})}
    body = json.dumps({"error": error})
    response = SimpleNamespace(
        status_code=status, reason="reason", headers=headers, text=lambda *_: body, content_type="application/json"
    )
    raised: Exception = azure.HttpResponseError(response=response, model=None)
    return raised


def test_key_vault_refusal_has_its_words_and_status() -> None:
    found = key_vault().refusal(SECRET, azure_error(409, "Conflict", "busy", "ObjectIsBeingDeleted"))

    assert found == Refusal(
        "ObjectIsBeingDeleted: busy",
        409,
        f"az keyvault secret recover --vault-name acme-prod --name {SECRET}, then pulumi up",
        again=True,
    )
    plain = key_vault().refusal(SECRET, azure_error(400, "BadParameter", "not like this"))
    assert plain == Refusal("BadParameter: not like this", 400)


@pytest.mark.parametrize(
    ("status", "inner", "repair", "again"),
    [
        (409, "ObjectIsBeingRecovered", "", True),
        (409, "ObjectIsDeletedButRecoverable", "az keyvault secret recover", False),
        (403, "SecretDisabled", f"az keyvault secret set-attributes --vault-name acme-prod --name {SECRET}", False),
        (403, "ForbiddenByFirewall", "let this machine's address through", False),
        (403, "ForbiddenByRbac", "give the operator the role Key Vault Secrets Officer", False),
        (401, "", "give the operator the role Key Vault Secrets Officer", False),
        (302, "", "check vault_url; redirects are not followed", False),
        (300, "", "check vault_url; redirects are not followed", False),
        (400, "", "", False),
        (299, "", "", False),
    ],
)
def test_key_vault_refusal_names_the_repair(status: int, inner: str, repair: str, again: bool) -> None:
    found = key_vault().refusal(SECRET, azure_error(status, "Code", "words", inner))

    assert (found.repair.startswith(repair), bool(found.repair)) == (True, bool(repair))
    assert (found.status, found.again) == (status, again)


def test_key_vault_refusal_waits_as_the_vault_asks() -> None:
    assert key_vault().refusal(SECRET, azure_error(429, "Throttled", "slow", **{"Retry-After": "7"})).retry_after_s == 7
    assert key_vault().refusal(SECRET, azure_error(429, "Throttled", "slow")).retry_after_s is None


def test_key_vault_that_gives_no_answer_has_no_status() -> None:
    lost = azure.ServiceRequestError("x", error=requests.exceptions.ConnectTimeout())
    found = key_vault().refusal(SECRET, lost)
    assert (found.words, found.status, found.again) == ("Key Vault did not answer in time", 0, True)

    untrusted = azure.ServiceRequestError("x", error=requests.exceptions.SSLError())
    found = key_vault().refusal(SECRET, untrusted)
    assert (found.words, found.status, found.again) == ("the certificate of Key Vault is not trusted", 0, False)

    nothing = key_vault().refusal(SECRET, azure.HttpResponseError("x"))
    assert (nothing.status, nothing.retry_after_s) == (0, None)

    page = azure.DecodeError("x", response=SimpleNamespace(status_code=200, reason="", headers={}))
    found = key_vault().refusal(SECRET, page)
    assert found == Refusal("Key Vault answered with something that is not JSON", repair="check vault_url")


def test_key_vault_without_a_tenant_or_on_the_emulator_is_refused() -> None:
    settings = {"kind": "azure-key-vault", "vault_url": "https://acme.vault.azure.net", "callback_url": CALLBACK}
    model = KeyVaultSettings.model_validate(settings)
    with pytest.raises(UsageError, match="nothing says in which tenant the vault is") as refused:
        model.store({})
    assert refused.value.where == "orgcal:connector.platform.tenant_id"
    assert "export ARM_TENANT_ID=TENANT-ID" in refused.value.repair
    with pytest.raises(UsageError, match="whose tokens no Key Vault takes") as emulated:
        model.store({"ARM_TENANT_ID": "t", "ARM_METADATA_HOSTNAME": "localhost"})
    assert emulated.value.where == "ARM_METADATA_HOSTNAME"


# AWS Secrets Manager --------------------------------------------------------------------------------


def secrets_manager(**more: str) -> AwsSecretsManager:
    said = {"kind": "aws-secrets-manager", "region": "eu-central-1", "callback_url": CALLBACK}
    return AwsSettings.model_validate({**said, **more}).store({})


def aws_error(code: str, status: int = 400, operation: str = "PutSecretValue", **headers: str) -> Exception:
    """Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html."""
    meta: Any = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    raised: Exception = aws.ClientError(
        {"Error": {"Code": code, "Message": "words"}, "ResponseMetadata": meta}, operation
    )
    return raised


@pytest.mark.parametrize(
    ("code", "repair", "again"),
    [
        ("AccessDeniedException", f"allow the action on the secret {SECRET} in a policy", False),
        ("UnrecognizedClientException", "check the login: aws sts get-caller-identity", False),
        ("InvalidClientTokenId", "check the login: aws sts get-caller-identity", False),
        ("ExpiredTokenException", "check the login: aws sts get-caller-identity", False),
        ("InvalidSignatureException", "check the login: aws sts get-caller-identity", False),
        ("ThrottlingException", "", True),
        ("Throttling", "", True),
        ("TooManyRequestsException", "", True),
        ("ResourceExistsException", "", True),
        ("InternalServiceError", "", True),
        ("InvalidParameterException", "", False),
    ],
)
def test_aws_refusal_names_the_repair_and_whether_to_read_again(code: str, repair: str, again: bool) -> None:
    found = secrets_manager().refusal(SECRET, aws_error(code))

    assert (found.words, found.status, found.again) == (f"{code}: words", 400, again)
    assert (found.repair.startswith(repair), bool(found.repair)) == (True, bool(repair))


def test_aws_role_that_may_not_be_assumed_is_the_logins() -> None:
    role = "arn:aws:iam::123456789012:role/orgcal"
    found = secrets_manager(role=role).refusal(SECRET, aws_error("AccessDenied", 403, "AssumeRole"))

    assert (found.repair, found.status) == (f"let this login assume the role {role}", 403)


def test_aws_page_of_a_proxy_has_no_words_and_waits_as_it_asks() -> None:
    found = secrets_manager().refusal(SECRET, aws_error("503", 503, **{"retry-after": "7"}))

    assert (found.words, found.status, found.retry_after_s) == ("", 503, 7)
    nothing = secrets_manager().refusal(SECRET, aws.ClientError({}, "PutSecretValue"))
    assert nothing.status == 500, "so that it is asked again"


@pytest.mark.parametrize(
    ("error", "words", "again"),
    [
        (aws.SSLError(endpoint_url="x", error="y"), "the certificate of AWS Secrets Manager is not trusted", False),
        (aws.ConnectTimeoutError(endpoint_url="x"), "AWS Secrets Manager did not answer in time", True),
        (aws.ReadTimeoutError(endpoint_url="x"), "AWS Secrets Manager did not answer in time", True),
        (
            aws.EndpointConnectionError(endpoint_url="x"),
            "AWS Secrets Manager cannot be reached (EndpointConnectionError)",
            True,
        ),
        (
            aws.HTTPClientError(error="x"),
            "AWS Secrets Manager cannot be reached (HTTPClientError)",
            True,
        ),
        (ResponseParserError("x"), "AWS Secrets Manager answered with something that is not JSON", False),
        (
            aws.NoCredentialsError(),
            "AWS' own configuration gives no login (NoCredentialsError: Unable to locate credentials)",
            False,
        ),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, Exception) else "",
)
def test_aws_that_gives_no_answer_has_no_status(error: Exception, words: str, again: bool) -> None:
    found = secrets_manager().refusal(SECRET, error)

    assert (found.words, found.status, found.again) == (words, 0, again)
    assert found.repair


# HashiCorp Vault --------------------------------------------------------------------------------


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    key_file = tmp_path / "token"
    key_file.write_text("hush")
    key_file.chmod(0o600)
    said = {"kind": "hashicorp-vault", "address": "https://vault.example.com:8200", "callback_url": CALLBACK}
    return VaultSettings.model_validate({**said, "mount": "kv"}).store({"VAULT_TOKEN_FILE": str(key_file)})


def answered(vault: Vault, status: int, **headers: str) -> None:
    """What the session noted of the last answer."""
    vault._note(SimpleNamespace(status_code=status, headers=headers))


@pytest.mark.parametrize(
    ("status", "words", "repair", "again"),
    [
        (403, "permission denied", "check the token login (VAULT_TOKEN_FILE) and its policy for kv/", False),
        (401, "no token", "check the token login (VAULT_TOKEN_FILE) and its policy for kv/", False),
        (404, "no handler for route kv/x", "vault secrets list shows the mounts; set mount to one of KV", False),
        (503, "Vault is sealed", "vault status says whether the server is sealed", False),
        (400, "check-and-set parameter did not match the current version", "", True),
        (400, "other", "", False),
    ],
)
def test_vault_refusal_names_the_repair(vault: Vault, status: int, words: str, repair: str, again: bool) -> None:
    """Source: https://developer.hashicorp.com/vault/api-docs#http-status-codes."""
    answered(vault, status, **{"Retry-After": "7"})

    found = vault.refusal(SECRET, hvac.VaultError(errors=[words, "more"]))

    assert (found.words, found.status, found.again) == (f"{words}; more", status, again)
    assert (found.repair.startswith(repair), bool(found.repair)) == (True, bool(repair))
    assert found.retry_after_s == 7


def test_vault_that_gives_no_answer_or_another_address_is_told(vault: Vault) -> None:
    lost = vault.refusal(SECRET, requests.exceptions.ConnectionError())
    assert (lost.words, lost.status, lost.again) == ("Vault cannot be reached (ConnectionError)", 0, True)

    moved = vault.refusal(SECRET, requests.exceptions.TooManyRedirects())
    assert (moved.words, moved.status, moved.again) == ("a redirect", 307, False)
    assert moved.repair.startswith("name the address of the active server")

    answered(vault, 500)
    assert vault.refusal(SECRET, hvac.InternalServerError()).words == ""
