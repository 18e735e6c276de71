"""Kind `aws-secrets-manager`: a secret of AWS Secrets Manager, through boto3.

The version before keeps the label `AWSPREVIOUS`; a secret that is removed can be restored for 30 days.

Sources: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html (labels, and
`ClientRequestToken`, which makes a repeated request harmless), API_DeleteSecret.html (recovery window) and
https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html of the same guide.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

from orgcal.entra.answers import retry_after_s
from orgcal.errors import PlatformError
from orgcal.fields import setting
from orgcal.numbers import whole_number
from orgcal.platforms.secret_store import (
    CONNECT_TIMEOUT_S,
    SILENCE_S,
    Refusal,
    SecretStore,
    SecretStoreSettings,
    StoredVersion,
    load_sdk,
    name_setting,
)
from orgcal.platforms.settings import Address, address_setting, kind_setting

RECOVERY_DAYS = 30
"""The longest that AWS offers."""

_CALLED = "AWS Secrets Manager"
_AGAIN = frozenset(
    {"ThrottlingException", "Throttling", "TooManyRequestsException", "ResourceExistsException", "InternalServiceError"}
)
"""Codes after which the secret is read again; one that exists already was made by an answer that got lost, say."""
_LOGIN = frozenset(
    {"UnrecognizedClientException", "InvalidClientTokenId", "ExpiredTokenException", "InvalidSignatureException"}
)


class AwsSettings(SecretStoreSettings):
    """Settings of the kind `aws-secrets-manager`."""

    kind: Literal["aws-secrets-manager"] = kind_setting("aws-secrets-manager", "A secret of AWS Secrets Manager.")
    region: str = setting(
        expected="a region",
        example="eu-central-1",
        about="The region of the secret.",
        pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$",
    )
    name: str = name_setting(
        "orgcal/{key}",
        pattern=r"^(?:[A-Za-z0-9/_+=.@-]|\{key\})+$",
        expected="letters, digits and any of /_+=.@-, at most 512",
    )
    profile: str | None = setting(
        None,
        expected="the name of a profile",
        example="acme-prod",
        about="Profile of AWS' own configuration; absent: the login that boto3 finds by itself.",
        min_length=1,
    )
    role: str | None = setting(
        None,
        expected="the ARN of a role",
        example="arn:aws:iam::123456789012:role/orgcal",
        about="Role that is assumed with that login, such as one of another account.",
        pattern=r"^arn:[a-z-]+:iam::[0-9]{12}:role/[\w+=,.@/-]+$",
    )
    endpoint_url: Address | None = address_setting(
        None, example="https://vpce-1.secretsmanager.eu-central-1.vpce.amazonaws.com"
    )

    @property
    def store_address(self) -> str:
        """Region and account; the account is what the role or the profile means."""
        account = self.role.split(":")[4] if self.role else self.profile
        return "/".join(filter(None, (self.endpoint_url, self.region, account)))

    @property
    def variables(self) -> tuple[str, ...]:
        """What boto3 reads."""
        return ("AWS_*",)

    def store(self, environ: Mapping[str, str]) -> AwsSecretsManager:  # noqa: ARG002 - boto3 reads its own variables
        return AwsSecretsManager(self)


class AwsSecretsManager(SecretStore):
    """See `SecretStore`."""

    called = _CALLED
    keeps_mappings = False
    silence_s = SILENCE_S

    def __init__(self, settings: AwsSettings) -> None:
        self._settings = settings
        self._boto3 = _sdk("boto3")
        self._exceptions = _sdk("botocore.exceptions")
        self._unreadable = _sdk("botocore.parsers").ResponseParserError
        self.errors = (self._exceptions.BotoCoreError, self._exceptions.ClientError, self._unreadable)

    @cached_property
    def _session(self) -> Any:
        session = self._boto3.Session(profile_name=self._settings.profile, region_name=self._settings.region)
        if not self._settings.role:
            return session
        sts = session.client("sts", config=self._config)
        answer = sts.assume_role(RoleArn=self._settings.role, RoleSessionName="orgcal")["Credentials"]
        return self._boto3.Session(
            answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"], region_name=self._settings.region
        )

    @cached_property
    def _config(self) -> Any:
        """One try, since `SecretStorePlatform` repeats; no address from variables, as the secret would follow it."""
        return _sdk("botocore.config").Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=self.silence_s,
            retries={"total_max_attempts": 1},
            ignore_configured_endpoint_urls=True,
        )

    @cached_property
    def _client(self) -> Any:
        return self._session.client("secretsmanager", endpoint_url=self._settings.endpoint_url, config=self._config)

    def login_secrets(self) -> Sequence[str]:
        credentials = self._session.get_credentials()
        if credentials is None:
            raise self._exceptions.NoCredentialsError
        frozen = credentials.get_frozen_credentials()
        return tuple(filter(None, (frozen.secret_key, frozen.token)))

    def read(self, name: str) -> StoredVersion | None:
        about = self._found(self._client.describe_secret, name)
        if about is None:
            return None
        tags = {tag["Key"]: tag["Value"] for tag in about.get("Tags", ())}
        if "DeletedDate" in about:
            return StoredVersion(None, None, tags, deleted=True)
        held = self._found(self._client.get_secret_value, name) or {}  # a secret may have no version yet
        return StoredVersion(held.get("SecretString"), held.get("VersionId"), tags)

    def _found(self, ask: Any, name: str) -> Mapping[str, Any] | None:
        try:
            answer: Mapping[str, Any] = ask(SecretId=name)
        except self._client.exceptions.ResourceNotFoundException:
            return None
        if not answer.get("ARN"):
            raise ValueError("no secret")
        return answer

    def write(self, name: str, value: Any, tags: Mapping[str, str], before: StoredVersion | None) -> None:
        token = str(uuid.uuid4())
        if before is None:
            self._client.create_secret(
                Name=name, SecretString=value, ClientRequestToken=token, **({"Tags": _listed(tags)} if tags else {})
            )
            return
        if before.deleted:
            raise PlatformError(
                "the secret is scheduled for deletion, and AWS takes no other one of this name until it is gone",
                where=f"{self._settings.store_address}, secret {name}",
                repair=f"aws secretsmanager restore-secret --region {self._settings.region} --secret-id {name}",
            )
        self._client.put_secret_value(SecretId=name, SecretString=value, ClientRequestToken=token)
        if tags != before.tags:
            self.write_tags(name, tags, before)

    def write_tags(self, name: str, tags: Mapping[str, str], before: StoredVersion) -> None:
        changed = {tag: text for tag, text in tags.items() if before.tags.get(tag) != text}
        self._client.tag_resource(SecretId=name, Tags=_listed(changed))

    def delete(self, name: str, before: StoredVersion) -> None:  # noqa: ARG002 - all versions go
        self._client.delete_secret(SecretId=name, RecoveryWindowInDays=RECOVERY_DAYS)

    def refusal(self, name: str, error: Exception) -> Refusal:
        if not isinstance(error, self._exceptions.ClientError):
            return self._no_answer(error)
        response: Mapping[str, Any] = error.response
        about, meta = response.get("Error", {}), response.get("ResponseMetadata", {})
        code = str(about.get("Code", ""))
        repair = ""
        if error.operation_name == "AssumeRole":
            repair = f"let this login assume the role {self._settings.role}"
        elif code == "AccessDeniedException":
            repair = f"allow the action on the secret {name} in a policy (docs/platforms.md names them all)"
        elif code in _LOGIN:
            repair = "check the login: aws sts get-caller-identity"
        words = ": ".join(filter(None, (code, str(about.get("Message", "")))))
        return Refusal(
            words if whole_number(code) is None else "",  # a number is of some proxy's page
            int(meta.get("HTTPStatusCode", 0)) or 500,
            repair,
            code in _AGAIN,
            retry_after_s(meta.get("HTTPHeaders", {})),
        )

    def _no_answer(self, error: Exception) -> Refusal:
        found = self._exceptions
        if isinstance(error, found.SSLError):
            repair = "name its authority in AWS_CA_BUNDLE if it is your own"
            return Refusal(f"the certificate of {_CALLED} is not trusted", repair=repair)
        if isinstance(error, found.ConnectTimeoutError | found.ReadTimeoutError):
            repair = "try again; what did happen is then adopted"
            return Refusal(f"{_CALLED} did not answer in time", repair=repair, again=True)
        if isinstance(error, found.ConnectionError | found.HTTPClientError):
            words = f"{_CALLED} cannot be reached ({type(error).__name__})"
            return Refusal(words, repair="check the region and the network", again=True)
        if isinstance(error, self._unreadable):
            return Refusal(f"{_CALLED} answered with something that is not JSON", repair="check the address")
        return Refusal(
            f"AWS' own configuration gives no login ({type(error).__name__}: {error})",
            repair="log in by aws configure, aws sso login or variables; try it: aws sts get-caller-identity",
        )


def _sdk(module: str) -> Any:
    return load_sdk(module, package="boto3", extra="aws")


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": tag, "Value": text} for tag, text in tags.items()]
