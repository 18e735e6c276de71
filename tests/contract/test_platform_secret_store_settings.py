"""Settings of the secret stores, and SDKs that are not installed."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from orgcal.errors import UsageError
from orgcal.platforms import check_settings, open_platform
from tests.support.secret_store_cases import (
    SETTINGS,
)

EXTRAS = {
    "aws-secrets-manager": ("boto3", "boto3", "aws"),
    "azure-key-vault": ("azure.keyvault.secrets", "azure-keyvault-secrets", "azure"),
    "hashicorp-vault": ("hvac", "hvac", "vault"),
}


@pytest.mark.parametrize("kind", EXTRAS)
def test_sdk_that_is_not_installed_is_named_with_its_command(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, package, extra = EXTRAS[kind]
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=f"needs {package}, which is not installed") as caught:
        open_platform(SETTINGS[kind], {})
    assert caught.value.repair == f"pip install 'orgcal[{extra}]'"


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
