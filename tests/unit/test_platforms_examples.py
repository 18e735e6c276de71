"""Settings of each kind: the example that an error names can be typed as it is, and is the one of the page."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import yaml

from orgcal.entra.tenant_ids import is_guid
from orgcal.errors import ConfigError
from orgcal.fields import explained
from orgcal.platforms import read_platform
from orgcal.platforms.aws_secrets_manager import AwsSettings
from orgcal.platforms.azure_key_vault import KeyVaultSettings
from orgcal.platforms.docs_tables import PAGE
from orgcal.platforms.file import FileSettings
from orgcal.platforms.github_environment import GithubSettings
from orgcal.platforms.hashicorp_vault import VaultSettings
from orgcal.platforms.http_api import HttpSettings
from orgcal.platforms.local import LocalSettings
from orgcal.platforms.nango import NangoSettings
from orgcal.platforms.settings import PlatformSettings

TEXT = PAGE.read_text(encoding="utf-8")
MODELS: tuple[type[PlatformSettings], ...] = (
    AwsSettings,
    FileSettings,
    GithubSettings,
    HttpSettings,
    KeyVaultSettings,
    LocalSettings,
    NangoSettings,
    VaultSettings,
)
BESIDE: dict[str, dict[str, Any]] = {
    "auth": {"role": "orgcal"},
    "base64": {"names": {"client_id": "ID", "private_key_pem": "KEY", "certificate_pem": "CERT"}, "format": "dotenv"},
    "files": {"names": {"client_id": "ID", "certificate_pem": "CERT"}, "format": "dotenv"},
    "entry": {"callback_url": "https://app.example.com/oauth/callback"},
    "format": {"at": "connectors.{key}"},
}
"""What a setting needs beside it."""


def example(model: type[PlatformSettings], name: str) -> Any:
    return yaml.safe_load(str(explained(model.model_fields[name])["example"]))


def needed(model: type[PlatformSettings]) -> dict[str, Any]:
    """The settings without which the kind is refused, as their errors say."""
    names = {name for name, field in model.model_fields.items() if field.is_required()}
    return {name: example(model, name) for name in names | ({"callback_url"} & model.model_fields.keys())}


CASES = [pytest.param(model, name, id=f"{model.__name__}.{name}") for model in MODELS for name in model.model_fields]


@pytest.mark.parametrize(("model", "name"), CASES)
def test_example_of_a_setting_is_accepted(model: type[PlatformSettings], name: str) -> None:
    settings = model.model_validate({**needed(model), **BESIDE.get(name, {}), name: example(model, name)})

    assert settings.place
    assert settings.capabilities.credential_kinds
    assert settings.kind in get_args(model.model_fields["kind"].annotation)
    if settings.key_variable:
        assert settings.key_variable in settings.variables


@pytest.mark.parametrize(("model", "name"), CASES)
def test_example_of_a_setting_is_the_one_that_the_page_shows(model: type[PlatformSettings], name: str) -> None:
    found = str(explained(model.model_fields[name])["example"])
    if found.startswith("{") or "://" in found or is_guid(found):
        return  # a whole mapping, or an address that is nobody's: the other test judges their form

    assert found.strip('"[]') in TEXT
    assert model.model_validate(needed(model)).place


@pytest.mark.parametrize("model", [model for model in MODELS if model is not LocalSettings])
def test_setting_that_is_missing_is_told_with_its_example(model: type[PlatformSettings]) -> None:
    [kind] = get_args(model.model_fields["kind"].annotation)
    names = {name for name, field in model.model_fields.items() if field.is_required()} - {"kind"}
    if not names:
        assert read_platform({"kind": kind}).place
        return

    with pytest.raises(ConfigError) as refused:
        read_platform({"kind": kind})

    told = "\n".join(refused.value.problems)
    for name in names:
        assert f"{name}: found nothing" in told
        assert str(explained(model.model_fields[name])["example"]) in told


def test_place_tells_apart_what_is_another_secret_or_account() -> None:
    aws = needed(AwsSettings)

    def place(**more: Any) -> str:
        return AwsSettings.model_validate({**aws, **more}).place

    role = "arn:aws:iam::123456789012:role/orgcal"
    assert place() == "eu-central-1/orgcal/{key}"
    assert place(profile="acme-prod") == "eu-central-1/acme-prod/orgcal/{key}"
    assert place(profile="acme-prod", role=role) == "eu-central-1/123456789012/orgcal/{key}"
    assert place(endpoint_url="https://vpce.example.com/") == "https://vpce.example.com/eu-central-1/orgcal/{key}"
    vault = needed(VaultSettings)
    assert VaultSettings.model_validate(vault).place == "https://vault.example.com:8200/secret/orgcal/{key}"
    named = VaultSettings.model_validate({**vault, "namespace": "acme/prod", "mount": "kv"})
    assert named.place == "https://vault.example.com:8200/acme/prod/kv/orgcal/{key}"
    github = GithubSettings.model_validate(needed(GithubSettings))
    assert github.place == "https://api.github.com/acme/calendar-app/production/ORGCAL_"
    assert LocalSettings.model_validate({"kind": "local"}).place == "local"


def test_kind_names_the_variables_that_a_plugin_needs() -> None:
    def variables(model: type[PlatformSettings]) -> tuple[str, ...]:
        return model.model_validate(needed(model)).variables

    assert variables(AwsSettings) == ("AWS_*",)
    assert variables(VaultSettings) == ("VAULT_TOKEN_FILE", "VAULT_*")
    assert variables(GithubSettings) == ("GITHUB_TOKEN_FILE",)
    assert variables(NangoSettings) == ("NANGO_API_KEY_FILE",)
    assert variables(HttpSettings) == ("ORGCAL_PLATFORM_KEY_FILE",)
    assert variables(LocalSettings) == variables(FileSettings) == ()


@pytest.mark.parametrize(
    ("model", "wrong"),
    [
        (AwsSettings, {"region": "EU-central-1"}),
        (AwsSettings, {"region": "eu-central-1\nx"}),
        (AwsSettings, {"profile": ""}),
        (AwsSettings, {"name": "orgcal key"}),
        (GithubSettings, {"repository": "acme"}),
        (GithubSettings, {"repository": "acme/a/b"}),
        (GithubSettings, {"environment": ""}),
        (GithubSettings, {"callback_url": ""}),
        (GithubSettings, {"prefix": "GITHUB_CAL"}),
        (GithubSettings, {"prefix": "cal_"}),
        (GithubSettings, {"prefix": "1CAL"}),
        (NangoSettings, {"token_scopes": ["a b"]}),
        (NangoSettings, {"key_file_variable": "1KEY"}),
        (VaultSettings, {"name": "../orgcal"}),
        (VaultSettings, {"name": "orgcal/.hidden"}),
        (VaultSettings, {"mount": "/secret"}),
        (VaultSettings, {"namespace": ""}),
        (VaultSettings, {"auth": "jwt"}),
        (VaultSettings, {"auth": "jwt", "role": ""}),
        (VaultSettings, {"auth_mount": "a//b"}),
        (HttpSettings, {"auth_user": "a:b"}),
        (HttpSettings, {"auth_header": ""}),
        (HttpSettings, {"auth_value": "Bearer"}),
        (HttpSettings, {"auth_user": "me", "auth_value": "{api_key}"}),
        (HttpSettings, {"auth_user": "me", "auth_header": "X-Key"}),
        (HttpSettings, {"callback_url": ""}),
    ],
)
def test_setting_that_cannot_work_is_refused(model: type[PlatformSettings], wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"1 validation error"):
        model.model_validate({**needed(model), **wrong})


@pytest.mark.parametrize(
    ("model", "short"),
    [
        (AwsSettings, {"profile": "a", "callback_url": "a"}),
        (GithubSettings, {"environment": "p", "callback_url": "a", "prefix": "A", "repository": "a/b"}),
        (VaultSettings, {"namespace": "a", "mount": "k", "role": "r", "auth": "jwt", "auth_mount": "j", "name": "n"}),
        (KeyVaultSettings, {"name": "n", "callback_url": "a"}),
        (HttpSettings, {"auth_header": "X"}),
        (HttpSettings, {"auth_user": "u"}),
    ],
)
def test_name_of_one_character_is_taken(model: type[PlatformSettings], short: dict[str, Any]) -> None:
    assert model.model_validate({**needed(model), **short}).place
