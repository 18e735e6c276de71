"""The rules of AWS Secrets Manager: logins, least rights, deletion that can be undone, tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from orgcal.errors import PlatformError, Unreachable
from orgcal.platforms import open_platform, place_of, push_credentials
from orgcal.platforms.docs_tables import PAGE
from orgcal.platforms.testing import FIRST, SECOND
from orgcal.platforms.testing_server import Reply, StrictServer
from tests.support.secret_store_cases import (
    REGION,
    SETTINGS,
    OpenStore,
    aws_variables,
    open_store,
)

DOCS = PAGE.read_text(encoding="utf-8")


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[OpenStore]:
    with open_store("aws-secrets-manager", tmp_path) as store:
        yield store


def test_aws_secret_that_is_removed_waits_thirty_days_and_a_push_names_the_repair(aws: OpenStore) -> None:
    platform = aws.opened()
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
    platform = aws.opened(tags={"connector": "{key}"})
    push_credentials(platform, "outlook", FIRST)
    push_credentials(platform, "outlook", SECOND)
    push_credentials(aws.opened(tags={"connector": "{key}", "generation": "{generation}"}), "outlook", SECOND)
    platform.remove_credentials("outlook")
    assert {request.headers["x-amz-target"].rpartition(".")[2] for request in aws.server.seen} == documented


def test_aws_without_tags_needs_no_right_to_tag(aws: OpenStore) -> None:
    push_credentials(aws.opened(), "outlook", FIRST)
    push_credentials(aws.opened(), "outlook", SECOND)
    assert "TagResource" not in str(aws.writes())
    assert all("Tags" not in request.body for request in aws.server.seen)


def test_aws_tags_that_are_not_ours_stay(aws: OpenStore) -> None:
    platform = aws.opened(value="{client_secret}")
    push_credentials(platform, "outlook", FIRST)
    aws.api("TagResource", Tags=[{"Key": "team", "Value": "calendar"}])
    push_credentials(platform, "outlook", SECOND)
    tags = {tag["Key"]: tag["Value"] for tag in aws.api("DescribeSecret")["Tags"]}
    assert tags == {"team": "calendar", "orgcal-client-id": FIRST.client_id, "orgcal-generation": "2"}


def test_aws_secret_without_a_value_gets_its_first_version(aws: OpenStore) -> None:
    aws.api("CreateSecret", Name="orgcal/outlook", ClientRequestToken="0" * 32)
    platform = aws.opened()
    assert platform.read_credentials("outlook") is None
    push_credentials(platform, "outlook", FIRST)
    assert platform.read_credentials("outlook").generation == 1


def test_aws_denied_action_names_the_policy(aws: OpenStore) -> None:
    refused = {"__type": "AccessDeniedException", "Message": "not authorized to perform: secretsmanager:PutSecretValue"}
    aws.server.arm("status", reply=Reply(400, refused))
    with pytest.raises(PlatformError, match="not authorized to perform") as caught:
        aws.opened().read_credentials("outlook")
    assert "docs/platforms.md" in caught.value.repair


def test_aws_role_that_may_not_be_assumed_is_named(aws: OpenStore) -> None:
    role = "arn:aws:iam::111122223333:role/orgcal"
    refused = ClientError({"Error": {"Code": "AccessDenied", "Message": "not authorized"}}, "AssumeRole")
    assert aws.opened(role=role)._store.refusal("n", refused).repair == f"let this login assume the role {role}"


@pytest.mark.parametrize("profile", [None, "acme"])
def test_aws_without_a_login_says_how_to_log_in(
    aws: OpenStore, monkeypatch: pytest.MonkeyPatch, profile: str | None
) -> None:
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable)
    with pytest.raises(Unreachable, match="gives no login") as caught:
        aws.opened(profile=profile).read_credentials("outlook")
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
