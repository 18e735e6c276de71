"""Kind `azure-key-vault`: every call of its SDK, word for word, on one that answers what a test says."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core import exceptions

from orgcal.errors import PlatformError
from orgcal.platforms import check_settings
from orgcal.platforms.azure_key_vault import KeyVault, KeyVaultSettings
from orgcal.platforms.secret_store import StoredVersion

CALLBACK = "https://app.example.com/oauth/callback"
TENANT = "aaaaaaaa-0000-4000-8000-000000000001"
NAME = "orgcal-outlook"


class ScriptedSecrets:
    """Stands for azure.keyvault.secrets and its client: notes its calls, and answers `get_secret`."""

    def __init__(self) -> None:
        self.answer: Any = None
        self.calls: list[tuple[Any, ...]] = []
        self.opened: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def SecretClient(self, *arguments: Any, **options: Any) -> ScriptedSecrets:  # noqa: N802 - as the SDK calls it
        self.opened.append((arguments, options))
        return self

    def get_secret(self, *arguments: Any) -> Any:
        self.calls.append(("get_secret", arguments))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def __getattr__(self, operation: str) -> Any:
        return lambda *arguments, **options: self.calls.append((operation, arguments, options))


@pytest.fixture
def sdk(monkeypatch: pytest.MonkeyPatch) -> ScriptedSecrets:
    scripted = ScriptedSecrets()
    monkeypatch.setitem(sys.modules, "azure.keyvault.secrets", scripted)
    return scripted


def opened(**more: Any) -> KeyVault:
    said = {"kind": "azure-key-vault", "vault_url": "https://Acme.vault.azure.net", "callback_url": CALLBACK, **more}
    environ = {"ARM_TENANT_ID": TENANT, "ARM_CLIENT_ID": "c", "ARM_CLIENT_SECRET": "login-secret"}
    return KeyVaultSettings.model_validate(said).store(environ)


def secret(value: Any = "text", version: str | None = "v1", tags: Any = None, level: str = "Recoverable") -> Any:
    about = SimpleNamespace(version=version, tags=tags, recovery_level=level)
    return SimpleNamespace(value=value, properties=about)


def held(level: str = "Recoverable") -> StoredVersion:
    return StoredVersion("text", "v1", {}, details={"level": level})


def refusal(code: str | None) -> Exception:
    error = exceptions.ResourceNotFoundError("x")
    error.error = None if code is None else SimpleNamespace(code=code)  # type: ignore[assignment]  # as the SDK reads it
    return error


def test_client_asks_once_waits_as_all_do_and_follows_nothing(sdk: ScriptedSecrets) -> None:
    store = opened()
    store.silence_s = 2.5
    store.delete(NAME, held())

    (((address, credential), options),) = sdk.opened
    transport = options.pop("transport")
    assert (address, options) == ("https://Acme.vault.azure.net", {"retry_total": 0, "permit_redirects": False})
    assert credential is not None
    session = transport.session
    assert (transport.connection_config.timeout, transport.connection_config.read_timeout) == (10.0, 2.5)
    assert transport.connection_config.verify == session.verify
    assert transport._session_owner is False, "the session is ours"


@pytest.mark.parametrize(
    ("address", "login"),
    [
        ("https://acme.vault.azure.net", "https://login.microsoftonline.com"),
        ("https://ACME.vault.azure.net/", "https://login.microsoftonline.com"),
        ("https://acme.vault.usgovcloudapi.net", "https://login.microsoftonline.us"),
        ("https://acme.vault.azure.cn", "https://login.partner.microsoftonline.cn"),
    ],
)
def test_suffix_of_the_vault_says_where_the_operator_logs_in(
    sdk: ScriptedSecrets, monkeypatch: pytest.MonkeyPatch, address: str, login: str
) -> None:
    """https://learn.microsoft.com/en-us/azure/key-vault/general/about-keys-secrets-certificates."""
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr("orgcal.platforms.azure_key_vault.operator_credential", lambda *given: asked.append(given))

    opened(vault_url=address).delete(NAME, held())

    ((endpoints, environ, tenant, session),) = asked
    assert endpoints.login_url.rstrip("/") == login
    assert (environ["ARM_CLIENT_ID"], tenant) == ("c", TENANT)
    session.get_adapter(address).check(address.lower())
    session.get_adapter(login).check(login)


@pytest.mark.parametrize(("own", "used"), [(None, TENANT), (TENANT.replace("1", "2"), TENANT.replace("1", "2"))])
def test_tenant_of_the_settings_wins_over_the_environments(
    sdk: ScriptedSecrets, monkeypatch: pytest.MonkeyPatch, own: str | None, used: str
) -> None:
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr("orgcal.platforms.azure_key_vault.operator_credential", lambda *given: asked.append(given))

    opened(tenant_id=own).delete(NAME, held())

    assert asked[0][2] == used


def test_login_shows_nothing_that_the_session_does_not_hide(sdk: ScriptedSecrets) -> None:
    assert opened().login_secrets() == ()


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (refusal("SecretNotFound"), None),
        (secret(), StoredVersion("text", "v1", {}, details={"level": "Recoverable"})),
        (
            secret(None, "v2", {"team": "calendar"}, "Purgeable"),
            StoredVersion(None, "v2", {"team": "calendar"}, details={"level": "Purgeable"}),
        ),
    ],
    ids=["none", "value", "tags"],
)
def test_secret_is_read_with_its_tags_and_level(sdk: ScriptedSecrets, answer: Any, found: StoredVersion | None) -> None:
    sdk.answer = answer

    assert opened().read(NAME) == found
    assert sdk.calls == [("get_secret", (NAME,))]


@pytest.mark.parametrize("code", ["VaultNotFound", None])
def test_path_that_is_not_the_vaults_is_no_empty_place(sdk: ScriptedSecrets, code: str | None) -> None:
    sdk.answer = refusal(code)

    with pytest.raises(exceptions.ResourceNotFoundError):
        opened().read(NAME)


@pytest.mark.parametrize("version", [None, ""])
def test_answer_without_a_version_is_not_the_vaults(sdk: ScriptedSecrets, version: str | None) -> None:
    sdk.answer = secret(version=version)

    with pytest.raises(ValueError, match="no secret"):
        opened().read(NAME)


@pytest.mark.parametrize(("value", "kind"), [(None, "application/json"), ("{client_secret}", "text/plain")])
def test_write_says_what_the_value_is(sdk: ScriptedSecrets, value: str | None, kind: str) -> None:
    store = opened(**({"value": value} if value else {}))

    store.write(NAME, "text", {"team": "calendar"}, held())
    store.write_tags(NAME, {"g": "2"}, held())

    assert sdk.calls == [
        ("set_secret", (NAME, "text"), {"tags": {"team": "calendar"}, "content_type": kind}),
        ("update_secret_properties", (NAME, "v1"), {"tags": {"g": "2"}}),
    ]


@pytest.mark.parametrize("level", ["Recoverable", "Recoverable+Purgeable", "CustomizedRecoverable"])
def test_removal_can_be_undone(sdk: ScriptedSecrets, level: str) -> None:
    opened().delete(NAME, held(level))

    assert sdk.calls == [("begin_delete_secret", (NAME,), {})]


def test_removal_that_nothing_could_undo_is_refused(sdk: ScriptedSecrets) -> None:
    """https://learn.microsoft.com/en-us/rest/api/keyvault/secrets/get-secret: Purgeable is without soft-delete."""
    with pytest.raises(PlatformError) as refused:
        opened().delete(NAME, held("Purgeable"))

    assert refused.value.as_json() == {
        "kind": "platform",
        "what": "the vault has no soft-delete, so that nothing could bring the secret back",
        "where": f"https://acme.vault.azure.net, secret {NAME}",
        "repair": "az keyvault update --name acme --enable-soft-delete true",
    }
    assert sdk.calls == []


# Settings ------------------------------------------------------------------------------------------------------------

MINIMUM = {"kind": "azure-key-vault", "vault_url": "https://acme.vault.azure.net", "callback_url": "a"}


def test_settings_that_are_left_out_have_their_defaults() -> None:
    settings = KeyVaultSettings.model_validate(MINIMUM)

    assert settings.model_dump(exclude={"value"}) == {**MINIMUM, "name": "orgcal-{key}", "tags": {}, "tenant_id": None}
    assert settings.place == "https://acme.vault.azure.net/orgcal-{key}"
    assert settings.variables == ("AZURE_*",)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"vault_url": "https://ab.vault.azure.net"}, "vault_url"),
        ({"vault_url": f"https://{'a' * 25}.vault.azure.net"}, "vault_url"),
        ({"vault_url": "https://a.b.vault.azure.net"}, "vault_url"),
        ({"vault_url": "https://acme.vault.azure.net/x"}, "vault_url"),
        ({"vault_url": "https://acme.vaultxazure.net"}, "vault_url"),
        ({"vault_url": "xhttps://acme.vault.azure.net"}, "vault_url"),
        ({"name": "a_b"}, "name"),
        ({"name": ""}, "name"),
        ({"tenant_id": "contoso.example"}, "tenant_id"),
        ({"callback_url": ""}, "callback_url"),
    ],
)
def test_setting_that_is_guilty_is_named(wrong: dict[str, Any], name: str) -> None:
    (problem,) = check_settings({**MINIMUM, **wrong})

    assert problem.startswith(f"orgcal:connector.platform.{name}: ")


@pytest.mark.parametrize(
    "more",
    [
        {"vault_url": "https://abc.vault.azure.net/"},
        {"vault_url": f"https://{'a' * 24}.vault.azure.cn"},
        {"name": "a-{key}-B9", "tenant_id": TENANT},
        {"name": "n"},
    ],
)
def test_names_that_a_vault_takes_are_taken(more: dict[str, Any]) -> None:
    assert check_settings({**MINIMUM, **more}) == []
