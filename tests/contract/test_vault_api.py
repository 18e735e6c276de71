"""The test server of HashiCorp Vault, driven with the unmodified hvac: one claim a test, with its source.

"KV", "Kubernetes" and "JWT" are the sources that `tests/support/vault_api.py` names, "API" is Vault's
documentation of its HTTP API; "Checked" means that OpenBao 2.7.2 answered the same request alike.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest
import requests
import trustme

from tests.support.platform_apis import API_KEY
from tests.support.strict_server import Reply, StrictServer, bundle_of
from tests.support.vault_api import Token, VaultApi, throttled
from tests.support.vault_kv import KvVersion1

hvac: Any = importlib.import_module("hvac")  # it has no types
exceptions = hvac.exceptions

LEAST = {"secret/data/outlook": {"create", "update", "read"}}
"""A policy that may push and read one secret."""


class OpenClient(Protocol):
    def __call__(self, token: str | None = API_KEY, namespace: str = "") -> Any: ...


@dataclass
class Vault:
    """The server with clients; `kv` is hvac's KV version 2 with all rights."""

    api: VaultApi
    server: StrictServer
    open: OpenClient
    client: Any
    kv: Any

    def read(self, version: int | None = None) -> Any:
        """The `data` of the secret `outlook`: its data and metadata."""
        return self.kv.read_secret_version("outlook", version=version, raise_on_deleted_version=False)["data"]

    def limited(self, policy: dict[str, set[str]]) -> Any:
        """A client whose token has this policy."""
        self.api.tokens["limited"] = Token(policy)
        return self.open("limited")


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    monkeypatch.setenv("HOME", str(tmp_path))  # hvac reads ~/.vault-token where it is given none
    monkeypatch.delenv("VAULT_TOKEN", raising=False)
    api, authority = VaultApi(), trustme.CA()
    bundle = str(bundle_of(authority, tmp_path))
    with ExitStack() as stack:
        server = stack.enter_context(StrictServer(api, ca=authority).running())

        def opened(token: str | None = API_KEY, namespace: str = "") -> Any:
            session = stack.enter_context(requests.Session())
            session.verify = bundle  # True, the default, would win over hvac's argument
            return hvac.Client(server.base_url, token, namespace=namespace or None, session=session)

        client = opened()
        yield Vault(api, server, opened, client, client.secrets.kv.v2)


def refusal(action: Callable[[], object]) -> tuple[str, list[str]]:
    """The class of hvac's error and Vault's errors."""
    with pytest.raises(exceptions.VaultError) as caught:
        action()
    return type(caught.value).__name__, list(caught.value.errors or [])


def wrong_input(action: Callable[[], object]) -> str:
    """The one error of a request that Vault calls invalid."""
    kind, errors = refusal(action)
    assert kind == "InvalidRequest"
    assert len(errors) == 1
    return errors[0]


def test_secret_is_read_back_with_its_metadata(vault: Vault) -> None:
    """API, secret/kv/kv-v2, "Create/Update secret" and "Read secret version". Checked."""
    written = vault.kv.create_or_update_secret("outlook", {"client_id": "cid", "generation": 1})["data"]
    assert written == {
        "created_time": "2026-01-01T00:00:01Z",
        "custom_metadata": None,
        "deletion_time": "",
        "destroyed": False,
        "version": 1,
    }
    assert vault.read() == {"data": {"client_id": "cid", "generation": 1}, "metadata": written}


def test_every_write_makes_a_version_and_earlier_ones_stay_readable(vault: Vault) -> None:
    """API, "Read secret version", `version`. Checked."""
    for text in ("one", "two"):
        vault.kv.create_or_update_secret("outlook", {"client_secret": text})
    assert (vault.read()["data"], vault.read()["metadata"]["version"]) == ({"client_secret": "two"}, 2)
    assert vault.read(1)["data"] == {"client_secret": "one"}


def test_write_replaces_all_data(vault: Vault) -> None:
    """API, "Create/Update secret": a new version has what was sent, nothing of the one before. Checked."""
    vault.kv.create_or_update_secret("outlook", {"a": "1", "b": "2"})
    vault.kv.create_or_update_secret("outlook", {"b": "3"})
    assert vault.read()["data"] == {"b": "3"}


def test_path_may_have_folders_and_characters_that_are_escaped(vault: Vault) -> None:
    """API: the path is part of the URL; hvac escapes it."""
    vault.kv.create_or_update_secret("team a/outlook+1", {"a": "1"})
    assert list(vault.api.kv.entries) == ["team a/outlook+1"]


def test_unknown_path_and_version_are_404_without_errors(vault: Vault) -> None:
    """KV, path_data.go, pathDataRead. Checked: {"errors": []}."""
    assert refusal(vault.read) == ("InvalidPath", [])
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    assert refusal(lambda: vault.read(2)) == ("InvalidPath", [])


def test_cas_0_writes_only_what_does_not_exist(vault: Vault) -> None:
    """API, "Create/Update secret", `cas`; KV, validateCheckAndSetOption. Checked."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"}, cas=0)
    error = wrong_input(lambda: vault.kv.create_or_update_secret("outlook", {"a": "2"}, cas=0))
    assert error == "check-and-set parameter did not match the current version"
    assert vault.read()["data"] == {"a": "1"}


def test_cas_must_be_the_current_version(vault: Vault) -> None:
    """The same places. Checked."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    for cas in (0, 2):
        error = wrong_input(partial(vault.kv.create_or_update_secret, "outlook", {"a": "2"}, cas=cas))
        assert error == "check-and-set parameter did not match the current version"
    assert vault.kv.create_or_update_secret("outlook", {"a": "2"}, cas=1)["data"]["version"] == 2


def test_cas_counts_versions_that_are_deleted_or_beyond_the_limit(vault: Vault) -> None:
    """KV, validateCheckAndSetOption compares with the metadata's current version. Checked."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    vault.kv.delete_latest_version_of_secret("outlook")
    wrong_input(lambda: vault.kv.create_or_update_secret("outlook", {"a": "2"}, cas=0))
    assert vault.kv.create_or_update_secret("outlook", {"a": "2"}, cas=1)["data"]["version"] == 2


def test_cas_must_be_a_number(vault: Vault) -> None:
    """KV, validateCheckAndSetOption. Checked; a number as text is taken."""
    error = wrong_input(lambda: vault.kv.create_or_update_secret("outlook", {"a": "1"}, cas="x"))
    assert error == "error parsing check-and-set parameter"
    assert vault.kv.create_or_update_secret("outlook", {"a": "1"}, cas="0")["data"]["version"] == 1


def test_secret_that_requires_cas_is_not_written_without(vault: Vault) -> None:
    """API, "Create/Update metadata", `cas_required`. Checked."""
    vault.kv.update_metadata("outlook", cas_required=True)
    error = wrong_input(lambda: vault.kv.create_or_update_secret("outlook", {"a": "1"}))
    assert error == "check-and-set parameter required for this call"
    vault.kv.create_or_update_secret("outlook", {"a": "1"}, cas=0)


def test_engine_that_requires_cas_refuses_every_write_without(vault: Vault) -> None:
    """API, "Configure the KV engine", `cas_required`. Checked."""
    vault.api.kv.cas_required = True
    assert vault.kv.read_configuration()["data"]["cas_required"] is True
    error = wrong_input(lambda: vault.kv.create_or_update_secret("outlook", {"a": "1"}))
    assert error == "check-and-set parameter required for this call"


def test_write_without_data_is_refused(vault: Vault) -> None:
    """KV, pathDataWrite: "no data provided". Checked."""
    error = wrong_input(lambda: vault.client.adapter.post("/v1/secret/data/outlook", json={"options": {}}))
    assert error == "no data provided"
    error = wrong_input(lambda: vault.client.adapter.post("/v1/secret/data/outlook", json={"data": "text"}))
    assert 'error converting input for field "data"' in error


def test_deleted_version_is_404_with_its_metadata(vault: Vault) -> None:
    """KV, pathDataRead: "If the version has been deleted return metadata with a 404". Checked."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    vault.kv.delete_latest_version_of_secret("outlook")
    with pytest.raises(exceptions.InvalidPath) as caught:
        vault.kv.read_secret_version("outlook", raise_on_deleted_version=True)
    assert caught.value.json["data"]["data"] is None
    assert caught.value.json["data"]["metadata"]["deletion_time"] == "2026-01-01T00:00:02Z"
    assert (caught.value.json["data"]["metadata"]["version"], caught.value.errors) == (1, None)
    assert vault.read()["metadata"]["deletion_time"] == "2026-01-01T00:00:02Z"


def test_deleting_the_latest_version_leaves_the_one_before_readable_by_number_only(vault: Vault) -> None:
    """API, "Delete latest version of secret": soft; KV, pathDataRead reads the current version. Checked."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    vault.kv.create_or_update_secret("outlook", {"a": "2"})
    vault.kv.delete_latest_version_of_secret("outlook")
    assert vault.read()["data"] is None
    assert vault.read(1)["data"] == {"a": "1"}


def test_deleted_versions_can_be_undeleted(vault: Vault) -> None:
    """API, "Delete secret versions" and "Undelete secret versions". Checked."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    vault.kv.create_or_update_secret("outlook", {"a": "2"})
    vault.kv.delete_secret_versions("outlook", [1, 2, 7])
    assert (vault.read()["data"], vault.read(1)["data"]) == (None, None)
    vault.kv.undelete_secret_versions("outlook", [1])
    assert (vault.read()["data"], vault.read(1)["data"]) == (None, {"a": "1"})


def test_destroyed_versions_are_gone_for_good(vault: Vault) -> None:
    """API, "Destroy secret versions"; KV, path_destroy.go. Checked: 404 with `destroyed`, no undeletion."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    vault.kv.destroy_secret_versions("outlook", [1])
    vault.kv.undelete_secret_versions("outlook", [1])
    with pytest.raises(exceptions.InvalidPath) as caught:
        vault.kv.read_secret_version("outlook", raise_on_deleted_version=True)
    assert caught.value.json["data"] == {
        "data": None,
        "metadata": {
            "created_time": "2026-01-01T00:00:01Z",
            "custom_metadata": None,
            "deletion_time": "",
            "destroyed": True,
            "version": 1,
        },
    }


def test_versions_to_delete_must_be_named(vault: Vault) -> None:
    """KV, path_delete.go and path_destroy.go: "No version number provided". Checked."""
    for operation in ("delete", "undelete", "destroy"):
        path = f"/v1/secret/{operation}/outlook"
        error = wrong_input(partial(vault.client.adapter.post, path, json={"versions": []}))
        assert error == "No version number provided"


def test_deleting_what_does_not_exist_is_no_error(vault: Vault) -> None:
    """KV, pathDataDelete, pathDeleteWrite and pathMetadataDelete. Checked: 204."""
    assert vault.kv.delete_latest_version_of_secret("nothing").status_code == 204
    assert vault.kv.destroy_secret_versions("nothing", [1]).status_code == 204
    assert vault.kv.delete_metadata_and_all_versions("nothing").status_code == 204


def test_metadata_names_versions_and_settings(vault: Vault) -> None:
    """API, "Read secret metadata"; KV, pathMetadataRead. Checked."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    vault.kv.delete_latest_version_of_secret("outlook")
    assert vault.kv.read_secret_metadata("outlook")["data"] == {
        "cas_required": False,
        "created_time": "2026-01-01T00:00:01Z",
        "current_version": 1,
        "custom_metadata": None,
        "delete_version_after": "0s",
        "max_versions": 0,
        "oldest_version": 0,
        "updated_time": "2026-01-01T00:00:01Z",
        "versions": {
            "1": {
                "created_time": "2026-01-01T00:00:01Z",
                "deletion_time": "2026-01-01T00:00:02Z",
                "destroyed": False,
            }
        },
    }


def test_metadata_can_be_written_before_there_is_a_version(vault: Vault) -> None:
    """KV, pathMetadataWrite makes the entry; pathDataRead finds no version in it: 404. Checked."""
    vault.kv.update_metadata("outlook", max_versions=3, custom_metadata={"generation": "1"})
    assert refusal(vault.read) == ("InvalidPath", [])
    metadata = vault.kv.read_secret_metadata("outlook")["data"]
    assert (metadata["versions"], metadata["current_version"], metadata["max_versions"]) == ({}, 0, 3)
    vault.kv.create_or_update_secret("outlook", {"a": "1"}, cas=0)


def test_metadata_keeps_what_is_absent_and_replaces_custom_metadata(vault: Vault) -> None:
    """API, "Create/Update metadata": custom metadata is replaced as a whole. Checked."""
    vault.kv.update_metadata("outlook", max_versions=3, cas_required=True, custom_metadata={"a": "1", "b": "2"})
    vault.kv.update_metadata("outlook", custom_metadata={"b": "3"})
    metadata = vault.kv.read_secret_metadata("outlook")["data"]
    assert (metadata["max_versions"], metadata["cas_required"]) == (3, True)
    assert metadata["custom_metadata"] == {"b": "3"}


def test_custom_metadata_comes_with_every_version(vault: Vault) -> None:
    """KV, pathDataRead: `custom_metadata` is of the entry, not of the version. Checked."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    vault.kv.update_metadata("outlook", custom_metadata={"generation": "1"})
    assert vault.read(1)["metadata"]["custom_metadata"] == {"generation": "1"}


@pytest.mark.parametrize(
    ("custom", "error"),
    [
        ({str(number): "x" for number in range(65)}, "payload must contain at most 64 keys, provided 65"),
        ({"x" * 129: "x"}, "is 129 but must be 0 < len(key) <= 128"),
        ({"": "x"}, "is 0 but must be 0 < len(key) <= 128"),
        ({"x": "y" * 513}, 'value for key "x" is 513 but must be 0 < len(value) <= 512'),
        ({"x": "ä" * 257}, 'value for key "x" is 514 but must be 0 < len(value) <= 512'),
        ({"x": ""}, 'value for key "x" is 0 but must be 0 < len(value) <= 512'),
        ({"x": "a\nb"}, 'value for key "x" contains unprintable characters'),
        ({"x\t": "a"}, "contains unprintable characters"),
        ({"x": {"y": "z"}}, "expected type 'string'"),
    ],
)
def test_custom_metadata_that_breaks_a_rule_is_refused(vault: Vault, custom: dict[str, Any], error: str) -> None:
    """API, "Create/Update metadata", `custom_metadata`; KV, path_metadata.go, validateCustomMetadata. Checked."""
    answer = wrong_input(lambda: vault.kv.update_metadata("outlook", custom_metadata=custom))
    assert "custom_metadata validation failed" in answer
    assert error in answer
    assert vault.api.kv.entries == {}


def test_custom_metadata_is_kept_as_text(vault: Vault) -> None:
    """KV, parseCustomMetadata decodes weakly. Checked: 1 becomes "1"."""
    vault.kv.update_metadata("outlook", custom_metadata={"generation": 1})
    assert vault.kv.read_secret_metadata("outlook")["data"]["custom_metadata"] == {"generation": "1"}


@pytest.mark.parametrize(("limit", "kept"), [(0, 10), (1, 1), (2, 2)])
def test_versions_beyond_the_limit_are_gone_for_good(vault: Vault, limit: int, kept: int) -> None:
    """API, `max_versions`: "the oldest version will be permanently deleted"; KV, AddVersion: 10 by default. Checked."""
    vault.kv.update_metadata("outlook", max_versions=limit)
    for number in range(12):
        vault.kv.create_or_update_secret("outlook", {"number": number})
    versions = vault.kv.read_secret_metadata("outlook")["data"]["versions"]
    assert list(versions) == [str(number) for number in range(13 - kept, 13)]
    assert refusal(lambda: vault.read(12 - kept)) == ("InvalidPath", [])


def test_larger_of_both_limits_counts(vault: Vault) -> None:
    """KV, AddVersion takes the maximum of the engine's and the entry's limit, unlike the documentation. Checked."""
    vault.api.kv.max_versions = 3
    vault.kv.update_metadata("outlook", max_versions=1)
    for number in range(5):
        vault.kv.create_or_update_secret("outlook", {"number": number})
    assert list(vault.kv.read_secret_metadata("outlook")["data"]["versions"]) == ["3", "4", "5"]


def test_versions_can_delete_themselves(vault: Vault) -> None:
    """API, `delete_version_after`: deletion_time lies ahead, and then the version is deleted. Checked."""
    vault.kv.update_metadata("outlook", delete_version_after="1h")
    written = vault.kv.create_or_update_secret("outlook", {"a": "1"})["data"]
    assert written["deletion_time"] == "2026-01-01T01:00:02Z"
    assert vault.read()["data"] == {"a": "1"}
    vault.api.clock.advance(3600)
    assert vault.read()["data"] is None
    assert vault.kv.read_secret_metadata("outlook")["data"]["delete_version_after"] == "1h0m0s"


def test_metadata_written_by_hvac_sets_delete_version_after_back(vault: Vault) -> None:
    """hvac 2.4, KvV2.update_metadata: `delete_version_after` is "0s" unless it is given, and is always sent."""
    vault.kv.update_metadata("outlook", delete_version_after="30m")
    vault.kv.update_metadata("outlook", max_versions=3)
    assert vault.kv.read_secret_metadata("outlook")["data"]["delete_version_after"] == "0s"
    vault.client.adapter.post("/v1/secret/metadata/outlook", json={"delete_version_after": "90s"})
    vault.client.adapter.post("/v1/secret/metadata/outlook", json={"max_versions": 4})
    assert vault.kv.read_secret_metadata("outlook")["data"]["delete_version_after"] == "1m30s"


def test_deleting_metadata_deletes_every_version(vault: Vault) -> None:
    """API, "Delete metadata and all versions". Checked: the next write starts at version 1."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    vault.kv.create_or_update_secret("outlook", {"a": "2"})
    vault.kv.delete_metadata_and_all_versions("outlook")
    assert refusal(lambda: vault.read(1)) == ("InvalidPath", [])
    assert vault.kv.create_or_update_secret("outlook", {"a": "1"}, cas=0)["data"]["version"] == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("data/outlook", {"data": {"a": "2"}, "cas": 0}),
        ("data/outlook", {"data": {"a": "2"}, "options": {"check": 0}}),
        ("metadata/outlook", {"tags": {}}),
        ("destroy/outlook", {"versions": [1], "force": True}),
        ("metadata/outlook", {"max_versions": "many"}),
        ("metadata/outlook", {"custom_metadata": "text"}),
        ("metadata/outlook", {"delete_version_after": "soon"}),
        ("metadata/outlook", {"cas_required": "yes"}),
    ],
)
def test_unknown_or_mistyped_fields_are_refused(vault: Vault, path: str, body: object) -> None:
    """Stricter than Vault, which ignores an unknown field with a warning; a wrong type is 400 there too."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    wrong_input(lambda: vault.client.adapter.post(f"/v1/secret/{path}", json=body))
    assert vault.read() == {"data": {"a": "1"}, "metadata": vault.read()["metadata"]}
    wrong_input(lambda: vault.client.adapter.get("/v1/secret/data/outlook", params={"versions": "1"}))
    wrong_input(lambda: vault.client.adapter.get("/v1/secret/data/outlook", params={"version": "one"}))


def test_path_of_version_1_on_a_mount_of_version_2_is_404_with_a_warning(vault: Vault) -> None:
    """KV, backend.go:197. Checked: no errors, `data` null, a warning."""
    with pytest.raises(exceptions.InvalidPath) as caught:
        vault.client.secrets.kv.v1.read_secret("outlook", mount_point="secret")
    assert caught.value.json["warnings"][0].startswith("Invalid path for a versioned K/V secrets engine.")
    assert caught.value.json["data"] is None


def test_mount_of_version_1_takes_requests_meant_for_version_2(vault: Vault) -> None:
    """KV, passthrough.go. Checked: 204 without a version, and no metadata in what is read."""
    vault.api.mounts["old"] = KvVersion1()
    response = vault.kv.create_or_update_secret("outlook", {"a": "1"}, mount_point="old")
    assert (response.status_code, response.content) == (204, b"")
    read = vault.kv.read_secret_version("outlook", mount_point="old", raise_on_deleted_version=True)
    assert "metadata" not in read["data"]
    assert read["lease_duration"] == 2_764_800
    assert refusal(lambda: vault.kv.read_secret_metadata("outlook", mount_point="old")) == ("InvalidPath", [])


@pytest.mark.parametrize(("mount", "version"), [("secret", "2"), ("old", "1"), ("team/kv", "2")])
def test_mount_tells_its_version(vault: Vault, mount: str, version: str) -> None:
    """API, system/internal-ui-mounts, as command/kv_helpers.go of Vault uses it. Checked."""
    vault.api.mounts |= {"old": KvVersion1(), "team/kv": vault.api.kv}
    data = vault.client.adapter.get(f"/v1/sys/internal/ui/mounts/{mount}/outlook")["data"]
    assert (data["type"], data["path"], data["options"]) == ("kv", f"{mount}/", {"version": version})


def test_unknown_mount_is_told_apart(vault: Vault) -> None:
    """API, system/internal-ui-mounts: 403 there; else 404, "no handler for route". Checked."""
    kind, errors = refusal(lambda: vault.client.adapter.get("/v1/sys/internal/ui/mounts/nothing/outlook"))
    assert kind == "Forbidden"
    assert errors[0].startswith("preflight capability check returned 403, ")
    kind, errors = refusal(lambda: vault.kv.create_or_update_secret("outlook", {"a": "1"}, mount_point="nothing"))
    assert (kind, errors) == ("InvalidPath", ['no handler for route "nothing/data/outlook". route entry not found.'])


def test_token_is_sent_in_its_header_and_required(vault: Vault) -> None:
    """API, "Authentication": X-Vault-Token. Checked: 403 "permission denied" without."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    assert vault.server.seen[-1].headers["x-vault-token"] == API_KEY
    kind, errors = refusal(lambda: vault.open(None).secrets.kv.v2.read_secret_metadata("outlook"))
    assert (kind, errors) == ("Forbidden", ["permission denied"])


def test_invalid_token_is_403(vault: Vault) -> None:
    """API, "HTTP status codes": 403; the words as Vault gives them since 1.13."""
    kind, errors = refusal(lambda: vault.open("expired").secrets.kv.v2.read_secret_metadata("outlook"))
    assert (kind, errors) == ("Forbidden", ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"])
    assert vault.open("expired").is_authenticated() is False


def test_policy_names_what_a_token_may_do(vault: Vault) -> None:
    """Vault, concepts/policies: capabilities by path. Checked: 403 with "1 error occurred"."""
    client = vault.limited(LEAST)
    kv = client.secrets.kv.v2
    kv.create_or_update_secret("outlook", {"a": "1"}, cas=0)
    kv.create_or_update_secret("outlook", {"a": "2"}, cas=1)
    assert kv.read_secret_version("outlook", raise_on_deleted_version=True)["data"]["data"] == {"a": "2"}
    denied = ("Forbidden", ["1 error occurred:\n\t* permission denied\n\n"])
    assert refusal(lambda: kv.read_secret_metadata("outlook")) == denied
    assert refusal(lambda: kv.update_metadata("outlook", max_versions=1)) == denied
    assert refusal(lambda: kv.delete_latest_version_of_secret("outlook")) == denied
    assert refusal(lambda: kv.delete_secret_versions("outlook", [1])) == denied
    assert refusal(lambda: kv.create_or_update_secret("another", {"a": "1"})) == denied
    assert client.adapter.get("/v1/sys/internal/ui/mounts/secret/outlook")["data"]["options"] == {"version": "2"}


def test_first_write_needs_create_and_later_ones_update(vault: Vault) -> None:
    """Vault, concepts/policies; KV, dataExistenceCheck: an entry with metadata exists."""
    creates = vault.limited({"secret/data/*": {"create"}}).secrets.kv.v2
    creates.create_or_update_secret("outlook", {"a": "1"})
    assert refusal(lambda: creates.create_or_update_secret("outlook", {"a": "2"}))[0] == "Forbidden"
    updates = vault.limited({"secret/data/*": {"update"}}).secrets.kv.v2
    updates.create_or_update_secret("outlook", {"a": "2"})
    assert refusal(lambda: updates.create_or_update_secret("another", {"a": "1"}))[0] == "Forbidden"


def test_exact_rule_wins_over_a_longer_or_shorter_prefix(vault: Vault) -> None:
    """Vault, concepts/policies, "Priority matching"."""
    kv = vault.limited({"secret/data/*": {"read", "create"}, "secret/data/outlook": {"create"}}).secrets.kv.v2
    kv.create_or_update_secret("outlook", {"a": "1"})
    assert refusal(lambda: kv.read_secret_version("outlook", raise_on_deleted_version=True))[0] == "Forbidden"


def test_token_without_rights_below_a_mount_does_not_see_it(vault: Vault) -> None:
    """API, system/internal-ui-mounts. Checked: 403 with the preflight's sentence."""
    client = vault.limited({"other/data/outlook": {"read"}})
    kind, errors = refusal(lambda: client.adapter.get("/v1/sys/internal/ui/mounts/secret/outlook"))
    assert kind == "Forbidden"
    assert 'please ensure client\'s policies grant access to path "secret/outlook/"' in errors[0]


def test_token_looks_itself_up(vault: Vault) -> None:
    """API, auth/token, "Lookup a token (Self)". Checked; the policy `default` allows it to every token."""
    root = vault.client.auth.token.lookup_self()["data"]
    assert (root["policies"], root["ttl"], root["expire_time"], root["renewable"]) == (["root"], 0, None, False)
    limited = vault.limited(LEAST).auth.token.lookup_self()["data"]
    assert (limited["policies"], limited["ttl"], limited["renewable"]) == (["default", "orgcal"], 3600, True)


def test_token_revokes_itself(vault: Vault) -> None:
    """API, auth/token, "Revoke a token (Self)" and "Renew a token (Self)". Checked: 204, then 403."""
    client = vault.limited(LEAST)
    assert client.auth.token.renew_self()["auth"]["client_token"] == "limited"
    assert client.auth.token.revoke_self().status_code == 204
    assert refusal(client.auth.token.lookup_self)[0] == "Forbidden"


def test_sealed_vault_answers_503_to_everything_but_its_status(vault: Vault) -> None:
    """API, "HTTP status codes": 503 sealed. Checked: "Vault is sealed"."""
    vault.api.sealed = True
    assert refusal(vault.read) == ("VaultDown", ["Vault is sealed"])
    assert refusal(vault.client.auth.token.lookup_self) == ("VaultDown", ["Vault is sealed"])
    assert refusal(lambda: vault.open(None).auth.approle.login("r", "s")) == ("VaultDown", ["Vault is sealed"])
    assert vault.client.seal_status["sealed"] is True


def test_namespace_is_sent_in_its_header(vault: Vault) -> None:
    """API, "Namespaces": X-Vault-Namespace. Checked: 404 "namespace not found" for one that does not exist."""
    vault.api.namespace = "team"
    kv = vault.open(namespace="team").secrets.kv.v2
    kv.create_or_update_secret("outlook", {"a": "1"})
    assert vault.server.seen[-1].headers["x-vault-namespace"] == "team"
    other = vault.open(namespace="other")
    assert refusal(lambda: other.secrets.kv.v2.read_secret_metadata("outlook")) == (
        "InvalidPath",
        ["namespace not found"],
    )
    assert refusal(lambda: other.auth.approle.login("r", "s")) == ("InvalidPath", ["namespace not found"])


def test_token_of_a_namespace_may_do_nothing_outside(vault: Vault) -> None:
    """Vault, enterprise/namespaces. Checked: 403 without the header, though the token can be looked up."""
    vault.api.namespace = "team"
    denied = ("Forbidden", ["1 error occurred:\n\t* permission denied\n\n"])
    assert refusal(lambda: vault.kv.read_secret_metadata("outlook")) == denied
    assert vault.client.auth.token.lookup_self()["data"]["id"] == API_KEY


def test_approle_login_gives_a_token_with_its_policy(vault: Vault) -> None:
    """API, auth/approle, "Login with AppRole". Checked."""
    vault.api.roles["approle"] = {"role": "secret"}
    vault.api.policy = LEAST
    client = vault.open(None)
    auth = client.auth.approle.login("role", "secret")["auth"]
    assert (auth["policies"], auth["lease_duration"], auth["renewable"]) == (["default", "orgcal"], 3600, True)
    assert "x-vault-token" not in vault.server.seen[-1].headers
    client.secrets.kv.v2.create_or_update_secret("outlook", {"a": "1"})
    assert refusal(lambda: client.secrets.kv.v2.read_secret_metadata("outlook"))[0] == "Forbidden"


def test_approle_login_says_what_is_missing_or_wrong(vault: Vault) -> None:
    """API, auth/approle, "Login with AppRole". Checked: the same answer for an unknown role and a wrong secret."""
    vault.api.roles["approle"] = {"role": "secret"}
    login = vault.open(None).auth.approle.login
    assert wrong_input(lambda: login("role", "other")) == "invalid role or secret ID"
    assert wrong_input(lambda: login("another", "secret")) == "invalid role or secret ID"
    assert wrong_input(lambda: login("role")) == "missing secret_id"
    assert wrong_input(lambda: login("", "secret")) == "missing role_id"


def test_login_on_another_mount(vault: Vault) -> None:
    """API, auth/approle: the path of the mount is part of the URL. Checked: 403 without a token where none is."""
    vault.api.logins["team/approle"] = "approle"
    vault.api.roles["team/approle"] = {"role": "secret"}
    client = vault.open(None)
    assert refusal(lambda: client.auth.approle.login("role", "secret", mount_point="ci"))[0] == "Forbidden"
    assert client.auth.approle.login("role", "secret", mount_point="team/approle")["auth"]["client_token"]


def test_kubernetes_login(vault: Vault) -> None:
    """Kubernetes, pathLogin: 400 for an unknown role or a missing field, 403 for a JWT that is not accepted."""
    vault.api.roles["kubernetes"] = {"orgcal": "a.b.c"}
    client = vault.open(None)
    login = client.auth.kubernetes.login
    assert wrong_input(lambda: login("other", "a.b.c")) == 'invalid role name "other"'
    assert wrong_input(lambda: login("orgcal", "")) == "missing jwt"
    assert wrong_input(lambda: login("", "a.b.c")) == "missing role"
    assert refusal(lambda: login("orgcal", "x.y.z")) == ("Forbidden", ["permission denied"])
    assert login("orgcal", "a.b.c")["auth"]["metadata"] == {"role": "orgcal"}
    assert client.is_authenticated()


def test_jwt_login(vault: Vault) -> None:
    """JWT, pathLogin. Checked: each refusal is 400 with its sentence."""
    vault.api.roles["jwt"] = {"orgcal": "a.b.c"}
    client = vault.open(None)
    login = client.auth.jwt.jwt_login
    assert wrong_input(lambda: login("other", "a.b.c")) == 'role "other" could not be found'
    assert wrong_input(lambda: login("orgcal", "")) == "missing token"
    assert wrong_input(lambda: login("", "a.b.c")) == "missing role"
    assert wrong_input(lambda: login("orgcal", "x.y.z")).startswith("error validating token: ")
    client.token = login("orgcal", "a.b.c")["auth"]["client_token"]
    assert client.is_authenticated()


def test_login_refuses_unknown_fields(vault: Vault) -> None:
    """Stricter than Vault, which ignores them with a warning."""
    body = {"role_id": "role", "secret_id": "secret", "role": "role"}
    assert "role" in wrong_input(lambda: vault.client.adapter.post("/v1/auth/approle/login", json=body))


def test_rate_limit_is_429(vault: Vault) -> None:
    """API, system/rate-limit-quotas; Vault, concepts/resource-quotas. Checked."""
    vault.server.arm("status", path="outlook", reply=throttled("secret/data/outlook"))
    kind, errors = refusal(vault.read)
    assert kind == "RateLimitExceeded"
    assert errors == ['request path "secret/data/outlook": rate limit quota exceeded']


def test_lost_answer_leaves_the_version_that_was_written(vault: Vault) -> None:
    """The server's faults: `dropped` does nothing, `lost` does the work; a repeated write with `cas` is refused."""
    vault.server.arm("dropped", method="POST")
    with pytest.raises(requests.ConnectionError):
        vault.kv.create_or_update_secret("outlook", {"a": "1"}, cas=0)
    assert vault.api.kv.entries == {}
    vault.server.arm("lost", method="POST")
    with pytest.raises(requests.ConnectionError):
        vault.kv.create_or_update_secret("outlook", {"a": "1"}, cas=0)
    wrong_input(lambda: vault.kv.create_or_update_secret("outlook", {"a": "1"}, cas=0))
    assert vault.read()["metadata"]["version"] == 1


def test_redirect_and_foreign_answers_can_be_armed(vault: Vault) -> None:
    """API, "HTTP status codes": 307 of a standby; the server's faults: a proxy's page."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    target = f"{vault.server.base_url}/v1/secret/data/outlook"
    vault.server.arm("status", method="GET", reply=Reply(307, headers={"Location": target}))
    assert vault.read()["data"] == {"a": "1"}
    vault.server.arm("status", method="GET", reply=Reply(502, b"<html>Bad gateway</html>"))
    assert refusal(vault.read)[0] == "BadGateway"


def test_rival_writes_just_before_us(vault: Vault) -> None:
    """The hook that the other test servers have: with `cas` our write is refused, and theirs stays."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    vault.api.kv.rival = {"a": "theirs"}
    wrong_input(lambda: vault.kv.create_or_update_secret("outlook", {"a": "2"}, cas=1))
    assert vault.read() == {"data": {"a": "theirs"}, "metadata": vault.read(2)["metadata"]}


def test_dropped_fields_are_taken_and_not_stored(vault: Vault) -> None:
    """The hook that the other test servers have: a field of the data or of the custom metadata."""
    vault.api.drops |= {"client_secret", "generation"}
    vault.kv.create_or_update_secret("outlook", {"client_id": "cid", "client_secret": "hush"})
    vault.kv.update_metadata("outlook", custom_metadata={"generation": "1", "a": "b"})
    assert (vault.read()["data"], vault.read()["metadata"]["custom_metadata"]) == ({"client_id": "cid"}, {"a": "b"})


def test_refusals_never_quote_what_was_sent(vault: Vault) -> None:
    """KV: its errors name fields, and keys of custom metadata, but no values. Checked."""
    hush = {"client_secret": "hush-1"}
    vault.kv.create_or_update_secret("outlook", hush)
    answers = [
        refusal(lambda: vault.kv.create_or_update_secret("outlook", hush, cas=0)),
        refusal(lambda: vault.kv.update_metadata("outlook", custom_metadata={"x": "hush-1\n"})),
        refusal(lambda: vault.client.adapter.post("/v1/secret/data/outlook", json={"data": "hush-1"})),
    ]
    assert "hush" not in json.dumps(answers)
