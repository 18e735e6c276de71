"""What is said of wrong settings of platforms, and nothing of a secret that somebody wrote there by mistake."""

from __future__ import annotations

from typing import Any

import pytest

from orgcal.platforms import check_settings

SECRET = "hunter2"
PUSH = {"method": "PUT", "path": "/x", "body": {"secret": "{client_secret}"}}
HTTP: dict[str, Any] = {
    "kind": "http",
    "base_url": "https://a.io",
    "callback_url": "https://a.io/cb",
    "credentials": {"push": PUSH},
}
FILE: dict[str, Any] = {"kind": "file", "path": "a.yaml", "callback_url": "https://a.io/cb"}
VAULT: dict[str, Any] = {"kind": "hashicorp-vault", "address": "https://v.io", "callback_url": "https://a.io/cb"}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({**HTTP, "headers": {"Authorization": SECRET}}, "headers: found a value that is not shown here"),
        ({**HTTP, "headers": SECRET}, "headers: found a value that is not shown here"),
        ({**HTTP, "auth_value": SECRET}, "auth_value: must hold {api_key}; the key itself belongs in a file; expected"),
        ({**HTTP, "auth_user": f"a:{SECRET}"}, "auth_user: found a value that is not shown here"),
        (
            {**HTTP, "auth_valu": f"Bearer {SECRET}"},
            "auth_valu: found a setting that does not exist (did you mean auth",
        ),
        (
            {**HTTP, "credentials": {"push": {**PUSH, "method": "PUSH"}}},
            'push.method: found "PUSH"; expected GET, POST',
        ),
        ({**HTTP, "credentials": {"push": SECRET}}, "credentials.push: found a text; expected a request"),
        ({"kind": "nango", "key_file_variable": f"sk-{SECRET}"}, "key_file_variable: found a value that is not shown"),
        ({"kind": "nango", "api_key": SECRET}, "api_key: found a setting that does not exist; expected one of kind"),
        ({"kind": "nango", "base_url": f"https://u:{SECRET}@a.io"}, 'base_url: found "https://***@a.io"'),
        ({**VAULT, "key_file_variable": f"hvs.{SECRET}"}, "key_file_variable: found a value that is not shown here"),
        ({**VAULT, "token": SECRET}, "token: found a setting that does not exist"),
        ({**FILE, "names": {"clientid": "X", "client_secret": "Y"}}, 'found "clientid" (did you mean client_id?)'),
    ],
)
def test_wrong_setting_of_a_platform_is_told_with_its_repair_and_no_secret(settings: dict[str, Any], says: str) -> None:
    problems = check_settings(settings)

    assert any(says in problem for problem in problems)
    for problem in problems:
        assert "; expected " in problem
        assert "; repair: " in problem
        assert SECRET not in problem
