"""Kind `aws-secrets-manager`: every call of its SDK, word for word, on one that answers what a test says."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from botocore.exceptions import NoCredentialsError

from orgcal.errors import PlatformError
from orgcal.platforms import check_settings
from orgcal.platforms.aws_secrets_manager import AwsSecretsManager, AwsSettings
from orgcal.platforms.secret_store import StoredVersion

CALLBACK = "https://app.example.com/oauth/callback"
REGION, ROLE = "eu-central-1", "arn:aws:iam::123456789012:role/orgcal"
NAME = "orgcal/outlook"


class NotFoundError(Exception):
    """What the SDK raises for a secret that is not there."""


class ScriptedBoto3:
    """Stands for boto3: notes its calls, and answers operations by their names."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.calls: list[tuple[Any, ...]] = []
        self.credentials: Any = SimpleNamespace(secret_key="login-secret", token=None)
        self.exceptions = SimpleNamespace(ResourceNotFoundException=NotFoundError)
        self.configs: list[Any] = []

    def Session(self, *login: Any, **options: Any) -> ScriptedBoto3:  # noqa: N802 - as boto3 calls it
        self.calls.append(("Session", login, options))
        return self

    def client(self, service: str, *, config: Any, **options: Any) -> ScriptedBoto3:
        self.configs.append(config)
        self.calls.append(("client", service, options))
        return self

    def get_credentials(self) -> Any:
        held = self.credentials
        return held and SimpleNamespace(get_frozen_credentials=lambda: held)

    def __getattr__(self, operation: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.calls.append((operation, arguments))
            answer = self.answers.get(operation, {})
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def operations(self) -> list[tuple[Any, ...]]:
        """What was asked of the service itself."""
        return [call for call in self.calls if call[0] not in ("Session", "client")]


@pytest.fixture
def boto3(monkeypatch: pytest.MonkeyPatch) -> ScriptedBoto3:
    scripted = ScriptedBoto3()
    monkeypatch.setitem(sys.modules, "boto3", scripted)
    return scripted


def opened(**more: Any) -> AwsSecretsManager:
    said = {"kind": "aws-secrets-manager", "region": REGION, "callback_url": CALLBACK, **more}
    return AwsSettings.model_validate(said).store({})


def held(value: str | None = "text", **tags: str) -> StoredVersion:
    return StoredVersion(value, "v1", tags)


def test_login_is_the_profiles_and_each_question_is_sent_once(boto3: ScriptedBoto3) -> None:
    opened(profile="acme", endpoint_url="https://vpce.example.com").delete(NAME, held())

    assert boto3.calls[:2] == [
        ("Session", (), {"profile_name": "acme", "region_name": REGION}),
        ("client", "secretsmanager", {"endpoint_url": "https://vpce.example.com"}),
    ]
    (config,) = boto3.configs
    assert (config.connect_timeout, config.read_timeout) == (10.0, 30.0)
    assert config.retries == {"total_max_attempts": 1}
    assert config.ignore_configured_endpoint_urls is True


def test_login_without_a_profile_is_the_one_that_boto3_finds(boto3: ScriptedBoto3) -> None:
    opened().delete(NAME, held())

    assert boto3.calls[:2] == [
        ("Session", (), {"profile_name": None, "region_name": REGION}),
        ("client", "secretsmanager", {"endpoint_url": None}),
    ]


def test_role_is_assumed_with_that_login(boto3: ScriptedBoto3) -> None:
    boto3.answers["assume_role"] = {
        "Credentials": {"AccessKeyId": "id", "SecretAccessKey": "secret", "SessionToken": "token"}
    }
    store = opened(role=ROLE)
    store.silence_s = 2.5

    store.delete(NAME, held())

    assert boto3.calls == [
        ("Session", (), {"profile_name": None, "region_name": REGION}),
        ("client", "sts", {}),
        ("assume_role", {"RoleArn": ROLE, "RoleSessionName": "orgcal"}),
        ("Session", ("id", "secret", "token"), {"region_name": REGION}),
        ("client", "secretsmanager", {"endpoint_url": None}),
        ("delete_secret", {"SecretId": NAME, "RecoveryWindowInDays": 30}),
    ]
    assert [config.read_timeout for config in boto3.configs] == [2.5, 2.5]


@pytest.mark.parametrize(("token", "secrets"), [(None, ("login-secret",)), ("token", ("login-secret", "token"))])
def test_texts_of_the_login_are_its_secrets(boto3: ScriptedBoto3, token: str | None, secrets: Sequence[str]) -> None:
    boto3.credentials.token = token
    assert opened().login_secrets() == secrets

    boto3.credentials = None
    with pytest.raises(NoCredentialsError):
        opened().login_secrets()


ARN = {"ARN": "arn:aws:secretsmanager:x"}


@pytest.mark.parametrize(
    ("about", "value", "found"),
    [
        (NotFoundError(), {}, None),
        (ARN, NotFoundError(), StoredVersion(None, None, {})),
        (ARN, {**ARN, "SecretString": "text", "VersionId": "v1"}, StoredVersion("text", "v1", {})),
        (ARN, {**ARN, "SecretBinary": b"x", "VersionId": "v1"}, StoredVersion(None, "v1", {})),
        (
            {**ARN, "Tags": [{"Key": "team", "Value": "calendar"}, {"Key": "a", "Value": "b"}]},
            {**ARN, "SecretString": "text", "VersionId": "v1"},
            StoredVersion("text", "v1", {"team": "calendar", "a": "b"}),
        ),
        (
            {**ARN, "DeletedDate": "2026-01-01", "Tags": [{"Key": "team", "Value": "calendar"}]},
            {},
            StoredVersion(None, None, {"team": "calendar"}, deleted=True),
        ),
    ],
    ids=["none", "no version", "version", "binary", "tags", "deleted"],
)
def test_secret_is_read_with_its_tags(
    boto3: ScriptedBoto3, about: Any, value: Any, found: StoredVersion | None
) -> None:
    boto3.answers |= {"describe_secret": about, "get_secret_value": value}

    assert opened().read(NAME) == found
    assert boto3.operations()[0] == ("describe_secret", {"SecretId": NAME})
    assert boto3.operations()[1:] in ([], [("get_secret_value", {"SecretId": NAME})])


@pytest.mark.parametrize("lost", ["describe_secret", "get_secret_value"])
def test_answer_without_a_secret_is_not_of_aws(boto3: ScriptedBoto3, lost: str) -> None:
    boto3.answers |= {"describe_secret": ARN, "get_secret_value": ARN, lost: {"ARN": ""}}

    with pytest.raises(ValueError, match="no secret"):
        opened().read(NAME)


@pytest.mark.parametrize(
    ("tags", "sent"),
    [({}, {}), ({"a": "b", "c": "d"}, {"Tags": [{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}]})],
)
def test_first_write_makes_the_secret_with_its_tags(boto3: ScriptedBoto3, tags: Any, sent: Any) -> None:
    opened().write(NAME, "text", tags, None)

    ((operation, arguments),) = boto3.operations()
    token = arguments.pop("ClientRequestToken")
    assert (operation, arguments) == ("create_secret", {"Name": NAME, "SecretString": "text", **sent})
    assert UUID(token).version == 4


def test_further_write_is_a_version_and_tags_only_what_differs(boto3: ScriptedBoto3) -> None:
    store, before = opened(), held(team="calendar", generation="1")

    store.write(NAME, "text", dict(before.tags), before)
    store.write(NAME, "text", {"team": "calendar", "generation": "2", "new": "x"}, before)

    tokens = [arguments.pop("ClientRequestToken", None) for _, arguments in boto3.operations()]
    put = ("put_secret_value", {"SecretId": NAME, "SecretString": "text"})
    tags = [{"Key": "generation", "Value": "2"}, {"Key": "new", "Value": "x"}]
    assert boto3.operations() == [put, put, ("tag_resource", {"SecretId": NAME, "Tags": tags})]
    assert tokens[0] != tokens[1], "each write is a version of its own"


def test_write_to_a_secret_that_waits_for_its_deletion_is_refused(boto3: ScriptedBoto3) -> None:
    with pytest.raises(PlatformError) as refused:
        opened().write(NAME, "text", {}, StoredVersion(None, None, {}, deleted=True))

    assert refused.value.as_json() == {
        "kind": "platform",
        "what": "the secret is scheduled for deletion, and AWS takes no other one of this name until it is gone",
        "where": f"{REGION}, secret {NAME}",
        "repair": f"aws secretsmanager restore-secret --region {REGION} --secret-id {NAME}",
    }
    assert boto3.operations() == []


# Settings ------------------------------------------------------------------------------------------------------------

MINIMUM = {"kind": "aws-secrets-manager", "region": REGION, "callback_url": "a"}


def test_settings_that_are_left_out_have_their_defaults() -> None:
    settings = AwsSettings.model_validate(MINIMUM)

    assert settings.model_dump(exclude={"value"}) == {
        **MINIMUM,
        "name": "orgcal/{key}",
        "tags": {},
        "profile": None,
        "role": None,
        "endpoint_url": None,
    }
    assert (settings.place, settings.variables) == (f"{REGION}/orgcal/{{key}}", ("AWS_*",))


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"region": "eu-central"}, "region"),
        ({"region": "EU-central-1"}, "region"),
        ({"region": "eu-central-12"}, "region"),
        ({"name": "a b"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "{client_id}"}, "name"),
        ({"profile": ""}, "profile"),
        ({"role": "orgcal"}, "role"),
        ({"role": "arn:aws:iam::12345678901:role/x"}, "role"),
        ({"role": "arn:aws:iam::123456789012:user/x"}, "role"),
        ({"endpoint_url": "http://vpce.example.com"}, "endpoint_url"),
        ({"callback_url": ""}, "callback_url"),
        ({"tags": {"a": "{client_secret}"}}, "tags"),
    ],
)
def test_setting_that_is_guilty_is_named(wrong: dict[str, Any], name: str) -> None:
    (problem,) = check_settings({**MINIMUM, **wrong})

    assert problem.startswith(f"orgcal:connector.platform.{name}: ")


@pytest.mark.parametrize(
    "more",
    [
        {"region": "us-gov-west-1"},
        {"name": "a/_+=.@-{key}", "profile": "p"},
        {"role": "arn:aws-us-gov:iam::123456789012:role/path/a_+=,.@-b"},
        {"endpoint_url": "https://vpce.example.com/", "tags": {"a": "{key} {client_id} {generation} {scopes}"}},
    ],
)
def test_names_that_aws_takes_are_taken(more: dict[str, Any]) -> None:
    assert check_settings({**MINIMUM, **more}) == []
