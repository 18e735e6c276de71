"""The KV engine of the test server of HashiCorp Vault, driven with the unmodified hvac: one claim a test.

"KV", "Kubernetes" and "JWT" are the sources that `tests/support/vault_api.py` names, "API" is Vault's
documentation of its HTTP API; "Checked" means that OpenBao 2.7.2 answered the same request alike.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.vault_client import ServedVault, exceptions, refusal, serve_vault, wrong_input


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedVault]:
    monkeypatch.setenv("HOME", str(tmp_path))  # hvac reads ~/.vault-token where it is given none
    monkeypatch.delenv("VAULT_TOKEN", raising=False)
    with serve_vault(tmp_path) as served:
        yield served


def test_secret_is_read_back_with_its_metadata(vault: ServedVault) -> None:
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


def test_every_write_makes_a_version_and_earlier_ones_stay_readable(vault: ServedVault) -> None:
    """API, "Read secret version", `version`. Checked."""
    for text in ("one", "two"):
        vault.kv.create_or_update_secret("outlook", {"client_secret": text})
    assert (vault.read()["data"], vault.read()["metadata"]["version"]) == ({"client_secret": "two"}, 2)
    assert vault.read(1)["data"] == {"client_secret": "one"}


def test_write_replaces_all_data(vault: ServedVault) -> None:
    """API, "Create/Update secret": a new version has what was sent, nothing of the one before. Checked."""
    vault.kv.create_or_update_secret("outlook", {"a": "1", "b": "2"})
    vault.kv.create_or_update_secret("outlook", {"b": "3"})
    assert vault.read()["data"] == {"b": "3"}


def test_path_may_have_folders_and_characters_that_are_escaped(vault: ServedVault) -> None:
    """API: the path is part of the URL; hvac escapes it."""
    vault.kv.create_or_update_secret("team a/outlook+1", {"a": "1"})
    assert list(vault.api.kv.entries) == ["team a/outlook+1"]


def test_unknown_path_and_version_are_404_without_errors(vault: ServedVault) -> None:
    """KV, path_data.go, pathDataRead. Checked: {"errors": []}."""
    assert refusal(vault.read) == ("InvalidPath", [])
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    assert refusal(lambda: vault.read(2)) == ("InvalidPath", [])


def test_cas_0_writes_only_what_does_not_exist(vault: ServedVault) -> None:
    """API, "Create/Update secret", `cas`; KV, validateCheckAndSetOption. Checked."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"}, cas=0)
    error = wrong_input(lambda: vault.kv.create_or_update_secret("outlook", {"a": "2"}, cas=0))
    assert error == "check-and-set parameter did not match the current version"
    assert vault.read()["data"] == {"a": "1"}


def test_cas_must_be_the_current_version(vault: ServedVault) -> None:
    """The same places. Checked."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    for cas in (0, 2):
        error = wrong_input(partial(vault.kv.create_or_update_secret, "outlook", {"a": "2"}, cas=cas))
        assert error == "check-and-set parameter did not match the current version"
    assert vault.kv.create_or_update_secret("outlook", {"a": "2"}, cas=1)["data"]["version"] == 2


def test_cas_counts_versions_that_are_deleted_or_beyond_the_limit(vault: ServedVault) -> None:
    """KV, validateCheckAndSetOption compares with the metadata's current version. Checked."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    vault.kv.delete_latest_version_of_secret("outlook")
    wrong_input(lambda: vault.kv.create_or_update_secret("outlook", {"a": "2"}, cas=0))
    assert vault.kv.create_or_update_secret("outlook", {"a": "2"}, cas=1)["data"]["version"] == 2


def test_cas_must_be_a_number(vault: ServedVault) -> None:
    """KV, validateCheckAndSetOption. Checked; a number as text is taken."""
    unfit: tuple[object, ...] = ("x", 0.5, [])
    for cas in unfit:
        error = wrong_input(partial(vault.kv.create_or_update_secret, "outlook", {"a": "1"}, cas=cas))
        assert error == "error parsing check-and-set parameter"
    assert vault.kv.create_or_update_secret("outlook", {"a": "1"}, cas="0")["data"]["version"] == 1


def test_secret_that_requires_cas_is_not_written_without(vault: ServedVault) -> None:
    """API, "Create/Update metadata", `cas_required`. Checked."""
    vault.kv.update_metadata("outlook", cas_required=True)
    error = wrong_input(lambda: vault.kv.create_or_update_secret("outlook", {"a": "1"}))
    assert error == "check-and-set parameter required for this call"
    vault.kv.create_or_update_secret("outlook", {"a": "1"}, cas=0)


def test_engine_that_requires_cas_refuses_every_write_without(vault: ServedVault) -> None:
    """API, "Configure the KV engine", `cas_required`. Checked."""
    vault.api.kv.cas_required = True
    assert vault.kv.read_configuration()["data"]["cas_required"] is True
    warned = vault.kv.update_metadata("outlook", cas_required=False)
    assert warned["warnings"][0].startswith('"cas_required" set to false, but is mandated by backend config.')
    error = wrong_input(lambda: vault.kv.create_or_update_secret("outlook", {"a": "1"}))
    assert error == "check-and-set parameter required for this call"


def test_write_without_data_is_refused(vault: ServedVault) -> None:
    """KV, pathDataWrite: "no data provided". Checked."""
    error = wrong_input(lambda: vault.client.adapter.post("/v1/secret/data/outlook", json={"options": {}}))
    assert error == "no data provided"
    error = wrong_input(lambda: vault.client.adapter.post("/v1/secret/data/outlook", json={"data": "text"}))
    assert 'error converting input for field "data"' in error


def test_deleted_version_is_404_with_its_metadata(vault: ServedVault) -> None:
    """KV, pathDataRead: "If the version has been deleted return metadata with a 404". Checked."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    vault.kv.delete_latest_version_of_secret("outlook")
    with pytest.raises(exceptions.InvalidPath) as caught:
        vault.kv.read_secret_version("outlook", raise_on_deleted_version=True)
    assert caught.value.json["data"]["data"] is None
    assert caught.value.json["data"]["metadata"]["deletion_time"] == "2026-01-01T00:00:02Z"
    assert (caught.value.json["data"]["metadata"]["version"], caught.value.errors) == (1, None)
    assert vault.read()["metadata"]["deletion_time"] == "2026-01-01T00:00:02Z"


def test_deleting_the_latest_version_leaves_the_one_before_readable_by_number_only(vault: ServedVault) -> None:
    """API, "Delete latest version of secret": soft; KV, pathDataRead reads the current version. Checked."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    vault.kv.create_or_update_secret("outlook", {"a": "2"})
    vault.kv.delete_latest_version_of_secret("outlook")
    assert vault.read()["data"] is None
    assert vault.read(1)["data"] == {"a": "1"}


def test_deleted_versions_can_be_undeleted(vault: ServedVault) -> None:
    """API, "Delete secret versions" and "Undelete secret versions". Checked."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    vault.kv.create_or_update_secret("outlook", {"a": "2"})
    vault.kv.delete_secret_versions("outlook", [1, 2, 7])
    assert (vault.read()["data"], vault.read(1)["data"]) == (None, None)
    vault.kv.undelete_secret_versions("outlook", [1])
    assert (vault.read()["data"], vault.read(1)["data"]) == (None, {"a": "1"})


def test_destroyed_versions_are_gone_for_good(vault: ServedVault) -> None:
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


def test_versions_to_delete_must_be_named(vault: ServedVault) -> None:
    """KV, path_delete.go and path_destroy.go: "No version number provided". Checked."""
    for operation in ("delete", "undelete", "destroy"):
        path = f"/v1/secret/{operation}/outlook"
        error = wrong_input(partial(vault.client.adapter.post, path, json={"versions": []}))
        assert error.lower() == "no version number provided"


def test_deleting_what_does_not_exist_is_no_error(vault: ServedVault) -> None:
    """KV, pathDataDelete, pathDeleteWrite and pathMetadataDelete. Checked: 204."""
    assert vault.kv.delete_latest_version_of_secret("nothing").status_code == 204
    assert vault.kv.destroy_secret_versions("nothing", [1]).status_code == 204
    assert vault.kv.delete_metadata_and_all_versions("nothing").status_code == 204


def test_metadata_names_versions_and_settings(vault: ServedVault) -> None:
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


def test_metadata_can_be_written_before_there_is_a_version(vault: ServedVault) -> None:
    """KV, pathMetadataWrite makes the entry; pathDataRead finds no version in it: 404. Checked."""
    vault.kv.update_metadata("outlook", max_versions=3, custom_metadata={"generation": "1"})
    assert refusal(vault.read) == ("InvalidPath", [])
    metadata = vault.kv.read_secret_metadata("outlook")["data"]
    assert (metadata["versions"], metadata["current_version"], metadata["max_versions"]) == ({}, 0, 3)
    vault.kv.create_or_update_secret("outlook", {"a": "1"}, cas=0)


def test_metadata_keeps_what_is_absent_and_replaces_custom_metadata(vault: ServedVault) -> None:
    """API, "Create/Update metadata": custom metadata is replaced as a whole. Checked."""
    vault.kv.update_metadata("outlook", max_versions=3, cas_required=True, custom_metadata={"a": "1", "b": "2"})
    vault.kv.update_metadata("outlook", custom_metadata={"b": "3"})
    metadata = vault.kv.read_secret_metadata("outlook")["data"]
    assert (metadata["max_versions"], metadata["cas_required"]) == (3, True)
    assert metadata["custom_metadata"] == {"b": "3"}


def test_custom_metadata_comes_with_every_version(vault: ServedVault) -> None:
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
def test_custom_metadata_that_breaks_a_rule_is_refused(vault: ServedVault, custom: dict[str, Any], error: str) -> None:
    """API, "Create/Update metadata", `custom_metadata`; KV, path_metadata.go, validateCustomMetadata. Checked."""
    answer = wrong_input(lambda: vault.kv.update_metadata("outlook", custom_metadata=custom))
    assert "custom_metadata validation failed" in answer
    assert error in answer
    assert vault.api.kv.entries == {}


def test_custom_metadata_is_kept_as_text(vault: ServedVault) -> None:
    """KV, parseCustomMetadata decodes weakly. Checked: 1 and true become "1", none at all null."""
    vault.kv.update_metadata("outlook", custom_metadata={"generation": 1, "published": True})
    custom = vault.kv.read_secret_metadata("outlook")["data"]["custom_metadata"]
    assert custom == {"generation": "1", "published": "1"}
    vault.kv.update_metadata("outlook", custom_metadata={})
    assert vault.kv.read_secret_metadata("outlook")["data"]["custom_metadata"] is None


@pytest.mark.parametrize(("limit", "kept"), [(0, 10), (1, 1), (2, 2)])
def test_versions_beyond_the_limit_are_gone_for_good(vault: ServedVault, limit: int, kept: int) -> None:
    """API, `max_versions`: "the oldest version will be permanently deleted"; KV, AddVersion: 10 by default. Checked."""
    vault.kv.update_metadata("outlook", max_versions=limit)
    for number in range(12):
        vault.kv.create_or_update_secret("outlook", {"number": number})
    versions = vault.kv.read_secret_metadata("outlook")["data"]["versions"]
    assert list(versions) == [str(number) for number in range(13 - kept, 13)]
    assert refusal(lambda: vault.read(12 - kept)) == ("InvalidPath", [])


def test_larger_of_both_limits_counts(vault: ServedVault) -> None:
    """KV, AddVersion takes the maximum of the engine's and the entry's limit, unlike the documentation. Checked."""
    vault.api.kv.max_versions = 3
    vault.kv.update_metadata("outlook", max_versions=1)
    for number in range(5):
        vault.kv.create_or_update_secret("outlook", {"number": number})
    assert list(vault.kv.read_secret_metadata("outlook")["data"]["versions"]) == ["3", "4", "5"]


def test_versions_can_delete_themselves(vault: ServedVault) -> None:
    """API, `delete_version_after`: deletion_time lies ahead, and then the version is deleted. Checked."""
    vault.kv.update_metadata("outlook", delete_version_after="1h")
    written = vault.kv.create_or_update_secret("outlook", {"a": "1"})["data"]
    assert written["deletion_time"] == "2026-01-01T01:00:02Z"
    assert vault.read()["data"] == {"a": "1"}
    vault.api.clock.advance(3600)
    assert vault.read()["data"] is None
    vault.kv.undelete_secret_versions("outlook", [1])
    assert vault.read()["metadata"]["deletion_time"] == "2026-01-01T02:00:03Z"
    assert vault.kv.read_secret_metadata("outlook")["data"]["delete_version_after"] == "1h0m0s"


def test_shown_durations_are_taken_again(vault: ServedVault) -> None:
    """Vault, "duration strings": what metadata shows can be written back. Checked."""
    for given, shown in (("90s", "1m30s"), ("90m", "1h30m0s"), (60, "1m0s"), ("1h30m0s", "1h30m0s")):
        vault.kv.update_metadata("outlook", delete_version_after=given)
        assert vault.kv.read_secret_metadata("outlook")["data"]["delete_version_after"] == shown


def test_metadata_written_by_hvac_sets_delete_version_after_back(vault: ServedVault) -> None:
    """hvac 2.4, KvV2.update_metadata: `delete_version_after` is "0s" unless it is given, and is always sent."""
    vault.kv.update_metadata("outlook", delete_version_after="30m")
    vault.kv.update_metadata("outlook", max_versions=3)
    assert vault.kv.read_secret_metadata("outlook")["data"]["delete_version_after"] == "0s"
    vault.client.adapter.post("/v1/secret/metadata/outlook", json={"delete_version_after": "1m30s"})
    vault.client.adapter.post("/v1/secret/metadata/outlook", json={"max_versions": 4})
    assert vault.kv.read_secret_metadata("outlook")["data"]["delete_version_after"] == "1m30s"


def test_deleting_metadata_deletes_every_version(vault: ServedVault) -> None:
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
        ("metadata/outlook", {"max_versions": 2.5}),
        ("metadata/outlook", {"custom_metadata": "text"}),
        ("metadata/outlook", {"delete_version_after": "soon"}),
        ("metadata/outlook", {"cas_required": "yes"}),
    ],
)
def test_unknown_or_mistyped_fields_are_refused(vault: ServedVault, path: str, body: object) -> None:
    """Stricter than Vault, which ignores an unknown field with a warning; a wrong type is 400 there too."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    wrong_input(lambda: vault.client.adapter.post(f"/v1/secret/{path}", json=body))
    assert vault.read() == {"data": {"a": "1"}, "metadata": vault.read()["metadata"]}
    wrong_input(lambda: vault.client.adapter.get("/v1/secret/data/outlook", params={"versions": "1"}))
    wrong_input(lambda: vault.client.adapter.get("/v1/secret/data/outlook", params={"version": "one"}))


def test_rival_writes_just_before_us(vault: ServedVault) -> None:
    """The hook that the other test servers have: with `cas` our write is refused, and theirs stays."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    vault.api.kv.rival = {"a": "theirs"}
    wrong_input(lambda: vault.kv.create_or_update_secret("outlook", {"a": "2"}, cas=1))
    assert vault.read() == {"data": {"a": "theirs"}, "metadata": vault.read(2)["metadata"]}


def test_dropped_fields_are_taken_and_not_stored(vault: ServedVault) -> None:
    """The hook that the other test servers have: a field of the data or of the custom metadata."""
    vault.api.drops |= {"client_secret", "generation"}
    vault.kv.create_or_update_secret("outlook", {"client_id": "cid", "client_secret": "hush"})
    vault.kv.update_metadata("outlook", custom_metadata={"generation": "1", "a": "b"})
    assert (vault.read()["data"], vault.read()["metadata"]["custom_metadata"]) == ({"client_id": "cid"}, {"a": "b"})


def test_refusals_never_quote_what_was_sent(vault: ServedVault) -> None:
    """KV: its errors name fields, and keys of custom metadata, but no values. Checked."""
    hush = {"client_secret": "hush-1"}
    vault.kv.create_or_update_secret("outlook", hush)
    answers = [
        refusal(lambda: vault.kv.create_or_update_secret("outlook", hush, cas=0)),
        refusal(lambda: vault.kv.update_metadata("outlook", custom_metadata={"x": "hush-1\n"})),
        refusal(lambda: vault.client.adapter.post("/v1/secret/data/outlook", json={"data": "hush-1"})),
    ]
    assert "hush" not in json.dumps(answers)
