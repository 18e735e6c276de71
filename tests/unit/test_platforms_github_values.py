"""Sealed boxes for GitHub's secrets, and the settings of the kind `github-environment`."""

from __future__ import annotations

import base64
import sys

import pytest
from nacl import public

from orgcal.errors import UsageError
from orgcal.platforms import check_settings
from orgcal.platforms.github_environment import GithubSettings
from orgcal.platforms.github_values import repository_path, seal


def test_seal_can_be_opened_by_the_owner_of_the_key_only() -> None:
    key = public.PrivateKey.generate()
    sealed = seal(base64.b64encode(bytes(key.public_key)).decode(), "hush ✓")
    assert public.SealedBox(key).decrypt(base64.b64decode(sealed)).decode() == "hush ✓"
    assert seal(base64.b64encode(bytes(key.public_key)).decode(), "hush ✓") != sealed


def test_seal_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nacl.encoding", None)
    with pytest.raises(UsageError) as error:
        seal("", "hush")
    assert error.value.what == ("GitHub takes secrets in sealed boxes, and PyNaCl, which makes them, is not installed")
    assert error.value.repair == "pip install pynacl"


# Settings ------------------------------------------------------------------------------------------------------------

MINIMUM = {"kind": "github-environment", "repository": "a/b", "environment": "p", "callback_url": "u"}


def test_settings_that_are_left_out_have_their_defaults() -> None:
    settings = GithubSettings.model_validate(MINIMUM)

    assert settings.model_dump() == {
        **MINIMUM,
        "prefix": "ORGCAL_",
        "key_file_variable": "GITHUB_TOKEN_FILE",
        "api_url": "https://api.github.com",
    }
    assert settings.place == "https://api.github.com/a/b/p/ORGCAL_"
    assert repository_path("acme/my.app-1") == "/repos/acme/my.app-1"


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (
            {"repository": "acme"},
            'repository: found "acme"; expected owner/name; repair: pulumi config set --path '
            "orgcal:connector.platform.repository acme/calendar-app",
        ),
        (
            {"repository": "a/b/c"},
            'repository: found "a/b/c"; expected owner/name; repair: pulumi config set --path '
            "orgcal:connector.platform.repository acme/calendar-app",
        ),
        (
            {"environment": ""},
            'environment: found ""; expected the name of an environment; repair: pulumi config set --path '
            "orgcal:connector.platform.environment production",
        ),
        (
            {"prefix": "cal_"},
            'prefix: found "cal_"; expected capitals, digits and underscores, not beginning with GITHUB_; repair: '
            "pulumi config set --path orgcal:connector.platform.prefix ORGCAL_",
        ),
        (
            {"callback_url": ""},
            'callback_url: found ""; expected an address; repair: pulumi config set --path '
            "orgcal:connector.platform.callback_url https://app.example.com/oauth/callback",
        ),
    ],
)
def test_wrong_setting_is_told_with_an_example(wrong: dict[str, str], line: str) -> None:
    assert check_settings({**MINIMUM, **wrong}) == [f"orgcal:connector.platform.{line}"]


@pytest.mark.parametrize("prefix", ["A", "_", "A1_", "GITHUB"])
def test_prefix_that_github_takes_is_taken(prefix: str) -> None:
    assert check_settings({**MINIMUM, "prefix": prefix}) == []
