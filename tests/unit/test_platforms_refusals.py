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


RECOVER = f"az keyvault secret recover --vault-name acme-prod --name {SECRET}, then pulumi up"
OFFICER = "give the operator the role Key Vault Secrets Officer on this secret (docs/platforms.md)"
REDIRECT = "check vault_url; redirects are not followed, as the token would go along"


@pytest.mark.parametrize(
    ("status", "inner", "repair", "again"),
    [
        (409, "ObjectIsBeingDeleted", RECOVER, True),
        (409, "ObjectIsBeingRecovered", "", True),
        (409, "ObjectIsDeletedButRecoverable", RECOVER, False),
        (
            403,
            "SecretDisabled",
            f"az keyvault secret set-attributes --vault-name acme-prod --name {SECRET} --enabled true",
            False,
        ),
        (
            403,
            "ForbiddenByFirewall",
            "let this machine's address through: az keyvault network-rule add --name acme-prod --ip-address IP",
            False,
        ),
        (403, "ForbiddenByRbac", OFFICER, False),
        (401, "", OFFICER, False),
        (402, "", "", False),
        (404, "", "", False),
        (399, "", REDIRECT, False),
        (302, "", REDIRECT, False),
        (300, "", REDIRECT, False),
        (400, "", "", False),
        (299, "", "", False),
    ],
)
def test_key_vault_refusal_names_the_repair(status: int, inner: str, repair: str, again: bool) -> None:
    found = key_vault().refusal(SECRET, azure_error(status, "Code", "words", inner))

    assert found == Refusal(f"{inner or 'Code'}: words", status, repair, again)


@pytest.mark.parametrize(
    ("code", "message", "words"), [("", "words", "words"), ("Code", "", "Code"), ("", "", ""), ("Code", "w", "Code: w")]
)
def test_key_vault_refusal_joins_what_it_has_of_code_and_words(code: str, message: str, words: str) -> None:
    assert key_vault().refusal(SECRET, azure_error(400, code, message)) == Refusal(words, 400)


def test_key_vault_refusal_waits_as_the_vault_asks() -> None:
    found = key_vault().refusal(SECRET, azure_error(429, "Throttled", "slow", **{"Retry-After": "7"}))
    assert found == Refusal("Throttled: slow", 429, retry_after_s=7.0)
    assert key_vault().refusal(SECRET, azure_error(429, "Throttled", "slow")).retry_after_s is None


def test_key_vault_that_gives_no_answer_has_no_status() -> None:
    lost = azure.ServiceRequestError("x", error=requests.exceptions.ConnectTimeout())
    assert key_vault().refusal(SECRET, lost) == Refusal(
        "Key Vault did not answer in time", repair="try again; what did happen is then adopted", again=True
    )
    untrusted = azure.ServiceRequestError("x", error=requests.exceptions.SSLError())
    assert key_vault().refusal(SECRET, untrusted) == Refusal(
        "the certificate of Key Vault is not trusted",
        repair="name its authority in REQUESTS_CA_BUNDLE if it is your own",
    )
    assert key_vault().refusal(SECRET, azure.AzureError("x")) == Refusal(
        "Key Vault cannot be reached (NoneType)", repair="check its address and the network", again=True
    )
    assert key_vault().refusal(SECRET, azure.HttpResponseError("x")) == Refusal("", 0)


@pytest.mark.parametrize(("status", "told"), [(200, True), (299, True), (300, False), (502, False)])
def test_key_vault_page_of_a_proxy_is_no_answer_or_a_refusal_without_words(status: int, told: bool) -> None:
    page = azure.DecodeError("x", response=SimpleNamespace(status_code=status, reason="", headers={}))

    found = key_vault().refusal(SECRET, page)

    no_json = Refusal("Key Vault answered with something that is not JSON", repair="check vault_url")
    assert found == (no_json if told else Refusal("", status, REDIRECT if status == 300 else ""))


def test_key_vault_without_a_tenant_or_on_the_emulator_is_refused() -> None:
    settings = {"kind": "azure-key-vault", "vault_url": "https://acme.vault.azure.net", "callback_url": CALLBACK}
    model = KeyVaultSettings.model_validate(settings)
    with pytest.raises(UsageError, match="nothing says in which tenant the vault is") as refused:
        model.store({})
    assert refused.value.as_json() == {
        "kind": "usage",
        "what": "nothing says in which tenant the vault is",
        "where": "orgcal:connector.platform.tenant_id",
        "repair": "pulumi config set --path orgcal:connector.platform.tenant_id TENANT-ID, "
        "or export ARM_TENANT_ID=TENANT-ID",
    }
    with pytest.raises(UsageError, match="whose tokens no Key Vault takes") as emulated:
        model.store({"ARM_TENANT_ID": "t", "ARM_METADATA_HOSTNAME": "localhost"})
    assert emulated.value.where == "ARM_METADATA_HOSTNAME"
    assert emulated.value.repair == "give this stack the platform {kind: local}"
    own = KeyVaultSettings.model_validate({**settings, "tenant_id": "aaaaaaaa-0000-4000-8000-000000000001"})
    assert own.store({}).called == "Key Vault"


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
        (
            "AccessDeniedException",
            f"allow the action on the secret {SECRET} in a policy (docs/platforms.md names them all)",
            False,
        ),
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
    assert secrets_manager().refusal(SECRET, aws_error(code)) == Refusal(f"{code}: words", 400, repair, again)


def test_aws_role_that_may_not_be_assumed_is_the_logins() -> None:
    role = "arn:aws:iam::123456789012:role/orgcal"
    found = secrets_manager(role=role).refusal(SECRET, aws_error("AccessDenied", 403, "AssumeRole"))

    assert found == Refusal("AccessDenied: words", 403, f"let this login assume the role {role}")


def test_aws_page_of_a_proxy_has_no_words_and_waits_as_it_asks() -> None:
    found = secrets_manager().refusal(SECRET, aws_error("503", 503, **{"retry-after": "7"}))

    assert found == Refusal("", 503, retry_after_s=7.0)
    nothing = secrets_manager().refusal(SECRET, aws.ClientError({}, "PutSecretValue"))
    assert nothing == Refusal("", 500), "so that it is asked again"
    wordless = aws.ClientError({"Error": {"Code": "Odd"}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "x")
    assert secrets_manager().refusal(SECRET, wordless) == Refusal("Odd", 400)


NO_LOGIN = "log in by aws configure, aws sso login or variables; try it: aws sts get-caller-identity"


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (
            aws.SSLError(endpoint_url="x", error="y"),
            Refusal(
                "the certificate of AWS Secrets Manager is not trusted",
                repair="name its authority in AWS_CA_BUNDLE if it is your own",
            ),
        ),
        *(
            (
                late(endpoint_url="x"),
                Refusal(
                    "AWS Secrets Manager did not answer in time",
                    repair="try again; what did happen is then adopted",
                    again=True,
                ),
            )
            for late in (aws.ConnectTimeoutError, aws.ReadTimeoutError)
        ),
        *(
            (
                lost,
                Refusal(
                    f"AWS Secrets Manager cannot be reached ({type(lost).__name__})",
                    repair="check the region and the network",
                    again=True,
                ),
            )
            for lost in (aws.EndpointConnectionError(endpoint_url="x"), aws.HTTPClientError(error="x"))
        ),
        (
            ResponseParserError("x"),
            Refusal("AWS Secrets Manager answered with something that is not JSON", repair="check the address"),
        ),
        (
            aws.NoCredentialsError(),
            Refusal(
                "AWS' own configuration gives no login (NoCredentialsError: Unable to locate credentials)",
                repair=NO_LOGIN,
            ),
        ),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, Exception) else "",
)
def test_aws_that_gives_no_answer_has_no_status(error: Exception, refusal: Refusal) -> None:
    assert secrets_manager().refusal(SECRET, error) == refusal


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


POLICY = (
    f"check the token login (VAULT_TOKEN_FILE) and its policy for kv/{SECRET} (docs/platforms.md names what it needs)"
)
MOUNTS = "vault secrets list shows the mounts; set mount to one of KV version 2, not kv"


@pytest.mark.parametrize(
    ("status", "words", "repair", "again"),
    [
        (403, "permission denied", POLICY, False),
        (401, "no token", POLICY, False),
        (402, "odd", "", False),
        (404, "no handler for route kv/x", MOUNTS, False),
        (503, "Vault is sealed", "vault status says whether the server is sealed", False),
        (504, "late", "", False),
        (400, "check-and-set parameter did not match the current version", "", True),
        (400, "other", "", False),
    ],
)
def test_vault_refusal_names_the_repair(vault: Vault, status: int, words: str, repair: str, again: bool) -> None:
    """Source: https://developer.hashicorp.com/vault/api-docs#http-status-codes."""
    answered(vault, status, **{"Retry-After": "7"})

    found = vault.refusal(SECRET, hvac.VaultError(errors=[words, "more"]))

    assert found == Refusal(f"{words}; more", status, repair, again, 7.0)


def test_vault_login_that_gave_no_token_is_the_one_to_check(tmp_path: Path) -> None:
    key_file = tmp_path / "secret-id"
    key_file.write_text("hush")
    key_file.chmod(0o600)
    said = {"kind": "hashicorp-vault", "address": "https://vault.example.com:8200", "callback_url": CALLBACK}
    more = {"auth": "approle", "role": "orgcal", "key_file_variable": "ID_FILE"}
    vault = VaultSettings.model_validate({**said, **more}).store({"ID_FILE": str(key_file)})
    answered(vault, 400)

    assert vault.refusal(SECRET, hvac.InvalidRequest(errors=["invalid role"])) == Refusal(
        "invalid role",
        400,
        f"check the approle login (ID_FILE) and its policy for secret/{SECRET} (docs/platforms.md names what it needs)",
    )


def test_vault_that_gives_no_answer_or_another_address_is_told(vault: Vault) -> None:
    assert vault.refusal(SECRET, requests.exceptions.ConnectionError()) == Refusal(
        "Vault cannot be reached (ConnectionError)", repair="check its address and the network", again=True
    )
    assert vault.refusal(SECRET, requests.exceptions.SSLError()) == Refusal(
        "the certificate of Vault is not trusted", repair="name its authority in REQUESTS_CA_BUNDLE if it is your own"
    )
    assert vault.refusal(SECRET, requests.exceptions.TooManyRedirects()) == Refusal(
        "a redirect",
        307,
        "name the address of the active server; redirects are not followed, as the token would go along",
    )
    answered(vault, 500)
    assert vault.refusal(SECRET, hvac.InternalServerError()) == Refusal("", 500)
