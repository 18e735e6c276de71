"""Kind `hashicorp-vault`: every call of its SDK, word for word, on one that answers what a test says."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orgcal.errors import PlatformError
from orgcal.platforms import check_settings
from orgcal.platforms.hashicorp_vault import Vault, VaultSettings
from orgcal.platforms.secret_store import StoredVersion

exceptions: Any = importlib.import_module("hvac.exceptions")  # it has no types
CALLBACK = "https://app.example.com/oauth/callback"
ADDRESS = "https://vault.example.com:8200"
NAME = "orgcal/outlook"
KEY = "proof-4711-of-ours"


class ScriptedHvac:
    """Stands for hvac and its client: notes its calls, and answers operations by their names."""

    def __init__(self) -> None:
        self.exceptions = exceptions
        self.answers: dict[str, Any] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.opened: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self.token = ""
        self.secrets = SimpleNamespace(kv=SimpleNamespace(v2=self))
        logins = {name: SimpleNamespace(login=self._login(name)) for name in ("approle", "kubernetes")}
        self.auth = SimpleNamespace(**logins)

    def Client(self, address: str, token: str, **options: Any) -> ScriptedHvac:  # noqa: N802 - as hvac calls it
        self.opened.append(((address, token), options))
        self.token = token
        return self

    def _login(self, method: str) -> Any:
        def login(*arguments: Any, **options: Any) -> None:
            self.calls.append((method, arguments, options))
            self.token = "token-of-the-role"

        return login

    def __getattr__(self, operation: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            self.calls.append((operation, arguments, options))
            answer = self.answers.get(operation, {"data": {}})
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def names(self) -> list[str]:
        return [call[0] for call in self.calls]


@pytest.fixture
def hvac(monkeypatch: pytest.MonkeyPatch) -> ScriptedHvac:
    scripted = ScriptedHvac()
    monkeypatch.setitem(sys.modules, "hvac", scripted)
    return scripted


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(KEY)
    path.chmod(0o600)
    return path


def opened(key_file: Path, **more: Any) -> Vault:
    said = {"kind": "hashicorp-vault", "address": ADDRESS, "callback_url": CALLBACK, "mount": "kv", **more}
    return VaultSettings.model_validate(said).store({"VAULT_TOKEN_FILE": str(key_file)})


def secret(value: Any, version: int = 3, **about: Any) -> dict[str, Any]:
    return {"data": {"data": value, "metadata": {"version": version, **about}}}


def held(version: int = 3) -> StoredVersion:
    return StoredVersion({"a": 1}, version, {})


# Logins --------------------------------------------------------------------------------------------------------------


def test_token_is_the_key_itself(hvac: ScriptedHvac, key_file: Path) -> None:
    assert opened(key_file, namespace="acme/prod").login_secrets() == (KEY, KEY)

    ((arguments, options),) = hvac.opened
    session = options.pop("session")
    assert (arguments, options) == ((ADDRESS, KEY), {"timeout": (10.0, 30.0), "namespace": "acme/prod"})
    assert len(session.hooks["response"]) == 1
    assert hvac.calls == []


@pytest.mark.parametrize(
    ("auth", "mount", "method", "mounted"),
    [
        ("approle", None, "approle", "approle"),
        ("approle", "ours", "approle", "ours"),
        ("jwt", None, "kubernetes", "jwt"),
        ("kubernetes", None, "kubernetes", "kubernetes"),
        ("kubernetes", "eu", "kubernetes", "eu"),
    ],
)
def test_login_by_another_method_is_made_once(
    hvac: ScriptedHvac, key_file: Path, auth: str, mount: str | None, method: str, mounted: str
) -> None:
    store = opened(key_file, auth=auth, auth_mount=mount, role="orgcal")

    assert store.login_secrets() == store.login_secrets() == (KEY, "token-of-the-role")

    assert hvac.opened[0][0] == (ADDRESS, "")
    assert hvac.calls == [(method, ("orgcal", KEY), {"mount_point": mounted})]


# Reading -------------------------------------------------------------------------------------------------------------


def of_version(error: Any, answer: Any) -> Any:
    """The exception of a version that is deleted, with its answer."""
    error.json = answer
    return error


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (exceptions.InvalidPath(errors=[]), None),
        (secret({"a": 1}), StoredVersion({"a": 1}, 3, {})),
        (secret({}, custom_metadata={"team": "calendar"}), StoredVersion({}, 3, {"team": "calendar"})),
        (secret({"a": 1}, custom_metadata=None), StoredVersion({"a": 1}, 3, {})),
        (
            of_version(exceptions.InvalidPath(errors=None), secret(None, custom_metadata={"team": "calendar"})),
            StoredVersion(None, 3, {"team": "calendar"}, deleted=True),
        ),
        (secret("text"), StoredVersion("text", 3, {}, deleted=True)),
    ],
    ids=["none", "value", "metadata", "no metadata", "deleted", "text"],
)
def test_secret_is_read_with_its_metadata(
    hvac: ScriptedHvac, key_file: Path, answer: Any, found: StoredVersion | None
) -> None:
    hvac.answers["read_secret_version"] = answer

    assert opened(key_file).read(NAME) == found
    assert hvac.calls == [("read_secret_version", (NAME,), {"mount_point": "kv", "raise_on_deleted_version": True})]


@pytest.mark.parametrize("answer", [None, [], "text", {"errors": ["no"]}])
def test_path_that_is_refused_otherwise_is_no_empty_place(hvac: ScriptedHvac, key_file: Path, answer: Any) -> None:
    hvac.answers["read_secret_version"] = of_version(exceptions.InvalidPath(errors=["no handler"]), answer)

    with pytest.raises(exceptions.InvalidPath):
        opened(key_file).read(NAME)


@pytest.mark.parametrize(
    "answer", [{}, {"data": None}, {"data": []}, {"data": {"data": {}}}, {"data": {"metadata": {}}}]
)
def test_answer_without_data_is_not_of_vault(hvac: ScriptedHvac, key_file: Path, answer: Any) -> None:
    hvac.answers["read_secret_version"] = answer

    with pytest.raises((KeyError, TypeError)):
        opened(key_file).read(NAME)


# Writing -------------------------------------------------------------------------------------------------------------


METADATA = ("read_secret_metadata", (NAME,), {"mount_point": "kv"})
CONFIGURATION = ("read_configuration", (), {"mount_point": "kv"})


def created(version: int) -> tuple[Any, ...]:
    return ("create_or_update_secret", (NAME, {"b": 2}), {"cas": version, "mount_point": "kv"})


def test_write_follows_the_version_that_was_read(hvac: ScriptedHvac, key_file: Path) -> None:
    hvac.answers["read_secret_metadata"] = exceptions.InvalidPath(errors=[])
    store = opened(key_file)

    store.write(NAME, {"b": 2}, {}, None)
    hvac.answers["read_secret_metadata"] = {"data": {"max_versions": 2, "custom_metadata": {"team": "calendar"}}}
    store.write(NAME, {"b": 2}, {"team": "calendar"}, held(7))

    assert hvac.calls == [METADATA, CONFIGURATION, created(0), METADATA, created(7)]


@pytest.mark.parametrize(("after", "kept"), [({}, "0s"), ({"delete_version_after": "168h0m0s"}, "168h0m0s")])
def test_tags_that_differ_are_written_and_the_rest_of_the_metadata_stays(
    hvac: ScriptedHvac, key_file: Path, after: dict[str, str], kept: str
) -> None:
    hvac.answers["read_secret_metadata"] = {"data": {"max_versions": 5, "custom_metadata": {"g": "1"}, **after}}
    store = opened(key_file)
    options = {"delete_version_after": kept, "custom_metadata": {"g": "2"}, "mount_point": "kv"}
    updated = ("update_metadata", (NAME,), options)

    store.write(NAME, {"b": 2}, {"g": "2"}, held())
    store.write_tags(NAME, {"g": "2"}, held())

    assert hvac.calls == [METADATA, created(3), updated, METADATA, updated]


def test_removal_is_of_the_latest_version(hvac: ScriptedHvac, key_file: Path) -> None:
    opened(key_file).delete(NAME, held())

    assert hvac.calls == [("delete_latest_version_of_secret", (NAME,), {"mount_point": "kv"})]


@pytest.mark.parametrize(
    ("own", "mount", "kept"),
    [
        (2, None, True),
        (10, None, True),
        (0, 2, True),
        (1, 2, True),
        (0, 0, True),
        (None, None, True),
        (1, 0, False),
        (0, 1, False),
        (1, 1, False),
    ],
)
def test_version_before_must_stay(hvac: ScriptedHvac, key_file: Path, own: Any, mount: Any, kept: bool) -> None:
    """path_data.go of vault-plugin-secrets-kv: the larger of the secret's and the mount's, else 10 are kept."""
    hvac.answers["read_secret_metadata"] = {"data": {"max_versions": own}}
    hvac.answers["read_configuration"] = {"data": {"max_versions": mount}}
    store = opened(key_file)

    if kept:
        store.write(NAME, {"b": 2}, {}, held())
        assert hvac.names()[-1] == "create_or_update_secret"
        assert ("read_configuration" in hvac.names()) is ((own or 0) < 2)
        return
    with pytest.raises(PlatformError) as refused:
        store.write(NAME, {"b": 2}, {}, held())
    assert refused.value.as_json() == {
        "kind": "platform",
        "what": "Vault keeps one version only of this secret, so that nothing could go back to the credential before",
        "where": f"{ADDRESS}/kv, secret {NAME}",
        "repair": f"vault kv metadata put -mount=kv -max-versions=10 {NAME}",
    }
    assert hvac.calls == [METADATA, CONFIGURATION]


def test_mount_without_versions_is_refused(hvac: ScriptedHvac, key_file: Path) -> None:
    hvac.answers["read_configuration"] = exceptions.InvalidPath(errors=[])

    with pytest.raises(PlatformError) as refused:
        opened(key_file).write(NAME, {"b": 2}, {}, None)

    assert refused.value.as_json() == {
        "kind": "platform",
        "what": "the mount is no KV engine of version 2",
        "where": f"{ADDRESS}/kv, secret {NAME}",
        "repair": "vault secrets list -detailed shows the mounts; set mount to one of KV version 2, not kv",
    }


def test_answer_to_a_write_without_data_is_not_of_vault(hvac: ScriptedHvac, key_file: Path) -> None:
    hvac.answers["create_or_update_secret"] = {"data": None}

    with pytest.raises(TypeError, match="no data"):
        opened(key_file).write(NAME, {"b": 2}, {}, None)


# Settings ------------------------------------------------------------------------------------------------------------

MINIMUM = {"kind": "hashicorp-vault", "address": ADDRESS, "callback_url": "a"}
WHERE = "orgcal:connector.platform"


def test_settings_that_are_left_out_have_their_defaults() -> None:
    settings = VaultSettings.model_validate(MINIMUM)

    assert settings.model_dump(exclude={"value"}) == {
        **MINIMUM,
        "name": "orgcal/{key}",
        "tags": {},
        "namespace": None,
        "mount": "secret",
        "auth": "token",
        "auth_mount": None,
        "role": None,
        "key_file_variable": "VAULT_TOKEN_FILE",
    }
    assert settings.place == f"{ADDRESS}/secret/orgcal/{{key}}"
    assert (settings.key_variable, settings.variables) == ("VAULT_TOKEN_FILE", ("VAULT_TOKEN_FILE", "VAULT_*"))


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"name": "/x"}, "name"),
        ({"name": ".x"}, "name"),
        ({"name": "x/.y"}, "name"),
        ({"name": "x//y"}, "name"),
        ({"name": "{client_id}"}, "name"),
        ({"mount": ".."}, "mount"),
        ({"mount": "a/"}, "mount"),
        ({"auth_mount": "/a"}, "auth_mount"),
        ({"namespace": ""}, "namespace"),
        ({"auth": "jwt"}, "role"),
        ({"auth": "jwt", "role": ""}, "role"),
        ({"auth": "github"}, "auth"),
        ({"callback_url": ""}, "callback_url"),
        ({"address": "http://vault.example.com"}, "address"),
        ({"value": "{client_secret}"}, "value"),
        ({"value": {"id": "{client_id}"}}, "value"),
        ({"key_file_variable": "1"}, "key_file_variable"),
    ],
)
def test_setting_that_is_guilty_is_named(wrong: dict[str, Any], name: str) -> None:
    (problem,) = check_settings({**MINIMUM, **wrong})

    assert problem.startswith(f"{WHERE}.{name}: ")


@pytest.mark.parametrize(
    "short",
    [
        {"name": "n", "namespace": "n", "mount": "k"},
        {"auth": "jwt", "role": "r", "auth_mount": "j"},
        {"name": "{key}/a.b/c-d_{key}.e"},
        {"mount": "a.b/c-d", "key_file_variable": "_"},
    ],
)
def test_shortest_and_oddest_names_are_taken(short: dict[str, Any]) -> None:
    assert check_settings({**MINIMUM, **short}) == []


def test_token_in_place_of_its_file_is_not_shown() -> None:
    assert check_settings({**MINIMUM, "key_file_variable": "hvs.hunter2"}) == [
        f"{WHERE}.key_file_variable: found a value that is not shown here, as it may be a secret; expected the name of "
        f"an environment variable; repair: pulumi config set --path {WHERE}.key_file_variable VAULT_TOKEN_FILE"
    ]
