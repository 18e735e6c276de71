"""The comparison of requests finds what it must find, and its table is the documented one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from emulator_testing.azuread_replay import RECORDED

from benchmarks.azuread_recorder import Exchange
from benchmarks.azuread_wire import NORMALISATION, differences, normalised

ROOT = Path(__file__).resolve().parents[2]


def recorded(name: str) -> list[Exchange]:
    return [Exchange(item["method"], item["path"], item["status"], item.get("body") or None) for item in RECORDED[name]]


def compared(name: str, found: list[Exchange]) -> list[str]:
    return differences(recorded(name), found, base="https://nowhere")


@pytest.mark.parametrize("name", list(RECORDED))
def test_differences_recording_with_itself_has_none(name: str) -> None:
    assert compared(name, recorded(name)) == []


def test_normalised_create_is_what_the_program_means() -> None:
    writes, reads = normalised(recorded("create"))
    assert [f"{write.method} {write.text.splitlines()[0]}" for write in writes] == [
        "POST /v1.0/applications",
        "DELETE /v1.0/applications/{id3}/owners/{id2}/$ref",
        "POST /v1.0/applications/{id3}/addPassword",
        "POST /v1.0/servicePrincipals",
        "DELETE /v1.0/servicePrincipals/{id5}/owners/{id2}/$ref",
        "POST /v1.0/servicePrincipals/{id1}/appRoleAssignedTo",
        "POST /v1.0/servicePrincipals/{id1}/appRoleAssignedTo",
        "PATCH /v1.0/applications/{id3}",
        "POST /v1.0/applications/{id3}/federatedIdentityCredentials",
    ]
    assert "/v1.0/applications/{id3}/owners" in reads
    assert not any("TERRAFORM" in write.text for write in writes)


def test_differences_renamed_ids_are_none() -> None:
    text = json.dumps(RECORDED["update"]).replace("{id3}", "33333333-3333-3333-3333-333333333333")
    found = [
        Exchange(item["method"], item["path"], item["status"], item.get("body") or None) for item in json.loads(text)
    ]
    assert compared("update", found) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("798ee544-9d2d-430c-a058-570e29e34338", "df021288-bdef-4463-88db-98f22de89214"),
        ("AzureADMultipleOrgs", "AzureADMyOrg"),
        ("https://connector.example/callback", "https://connector.example/other"),
        ("Xkit 1", "Xkit 2"),
        ("/addPassword", "/addKey"),
    ],
)
def test_differences_other_value_in_a_write_is_found(old: str, new: str) -> None:
    found = [
        replace(item, path=item.path.replace(old, new), body=json.loads(json.dumps(item.body).replace(old, new)))
        for item in recorded("create")
    ]
    assert compared("create", found) != []


def test_differences_missing_write_is_found() -> None:
    found = [item for item in recorded("create") if not item.path.endswith("/addPassword")]
    assert any(line.startswith("expected: POST") and "addPassword" in line for line in compared("create", found))


def test_differences_write_too_many_is_found() -> None:
    found = [*recorded("rotate-retire"), Exchange("DELETE", "/v1.0/applications/{id3}", 204)]
    assert any(line.startswith("found: DELETE") for line in compared("rotate-retire", found))


def test_differences_missing_read_and_read_too_many_are_found() -> None:
    found = [item for item in recorded("refresh") if not item.path.endswith("/owners")]
    assert any(line.startswith("not read:") for line in compared("refresh", found))
    found = [*recorded("refresh"), Exchange("GET", "/v1.0/users", 200)]
    assert compared("refresh", found) == ["read too: /v1.0/users"]


def test_differences_order_counts_where_a_write_needs_another() -> None:
    found = recorded("destroy")
    last = next(item for item in found if item.method == "DELETE" and item.path == "/v1.0/applications/{id3}")
    found.remove(last)
    assert any(line.startswith("order:") for line in compared("destroy", [last, *found]))


def test_differences_order_of_independent_writes_does_not_count() -> None:
    found = recorded("create")
    grants = [item for item in found if item.method == "POST" and item.path.endswith("/appRoleAssignedTo")]
    first, second = (found.index(item) for item in grants)
    found[first], found[second] = found[second], found[first]
    assert compared("create", found) == []


def test_normalisation_table_in_the_docs_is_the_one_in_the_code() -> None:
    text = (ROOT / "docs" / "standin.md").read_text(encoding="utf-8")
    for rule, meaning in NORMALISATION.items():
        assert f"| {rule} | {meaning} |" in text
