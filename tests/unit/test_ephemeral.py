"""The file of a short-lived copy of a stack: what it shares with its origin, and what it must not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from orgcal.errors import UsageError
from orgcal.operations.ephemeral import create, origin_notes
from orgcal.operations.orphaned_previews import _is_older
from orgcal.operations.purge_stack import refuse_purge
from orgcal.settings import read_core_settings, read_settings
from orgcal.stack.open_stack import OpenStack
from tests.support.platform_cases import SETTINGS

DEV = Path(__file__).resolve().parents[2] / "Pulumi.dev.yaml"
NOW = datetime(2026, 11, 25, 16, 0, tzinfo=UTC)


def write(folder: Path, stack: str = "prod", **sections: Any) -> None:
    """A stack's file like that of `dev`, with these sections changed."""
    said = yaml.safe_load(DEV.read_text())
    for name, values in sections.items():
        if name == "platform":
            said["config"]["orgcal:connector"]["platform"] = values
        elif isinstance(values, dict):
            said["config"][f"orgcal:{name}"] = {**said["config"].get(f"orgcal:{name}", {}), **values}
        else:
            said["config"][f"orgcal:{name}"] = values
    (folder / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump(said))


def copied(folder: Path, **arguments: Any) -> dict[str, Any]:
    """The settings of a copy `pr-123` of stack `prod`."""
    made = create(folder, "pr-123", "prod", **arguments)
    said = yaml.safe_load(made.path.read_text())
    core = read_core_settings(folder, "pr-123")
    assert core.ephemeral
    assert core.origin == "prod"
    assert "encryptionsalt" not in said, "secrets of one stack are no other's"
    config: dict[str, Any] = said["config"]
    return config


def test_copy_has_names_and_keys_of_its_own_and_one_generation(tmp_path: Path) -> None:
    write(tmp_path, credential={"generations": [3, 4], "active": 3, "rollback_to": 3}, protect=True)

    config = copied(tmp_path, notes="from a test")

    assert config["orgcal:application"]["display_name"] == "Acme Calendar Sync (dev) (pr-123)"
    assert config["orgcal:application"]["notes"] == "from a test"
    assert config["orgcal:connector"]["key"] == "outlook-calendar-admin-pr-123"
    assert config["orgcal:connector"]["name"] == "Outlook Calendar Admin (pr-123)"
    assert config["orgcal:connector"]["published"] is False, "customers must not find it in a catalog"
    assert config["orgcal:credential"] == {"kind": "secret", "lifetime": "180d", "generations": [1], "active": 1}
    assert "orgcal:protect" not in config


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"kind": "certificate", "generations": [2, 3], "active": 3, "certificates": {3: {"certificate_file": "c"}}},
        {"kinds": {2: "certificate"}, "generations": [1, 2], "active": 2},
        {
            "kind": "federated",
            "generations": [5],
            "active": 5,
            "trusts": {5: {"issuer": "https://t.x", "subject": "s"}},
        },
    ],
    ids=["secret", "certificate", "kinds", "federated"],
)
def test_copy_is_as_the_program_wants_it(tmp_path: Path, credential: dict[str, Any]) -> None:
    write(tmp_path, credential=credential)
    if credential.get("kind") == "federated":
        platform = {"kind": "file", "path": "x.yaml", "callback_url": "https://app.example.com/cb"}
        write(tmp_path, credential=credential, platform=platform)

    copied(tmp_path)

    settings = read_settings(tmp_path, "pr-123")
    assert settings.ephemeral
    assert settings.origin == "prod"
    assert not settings.protected
    assert settings.credential.generations == (1,)
    if credential.get("kinds"):
        assert settings.credential.kind == "certificate", "the kind that the origin uses now"


def test_copy_leaves_out_what_its_platform_refuses_and_the_origins_further_places(tmp_path: Path) -> None:
    write(tmp_path, connector={"also_push_to": {"app": {"kind": "file", "path": ".env"}}}, platform={"kind": "nango"})

    connector = copied(tmp_path)["orgcal:connector"]

    assert "also_push_to" not in connector
    assert connector["published"] is True, "Nango cannot hide a connector"


def test_copy_made_again_keeps_its_salt(tmp_path: Path) -> None:
    write(tmp_path)
    path = create(tmp_path, "pr-123", "prod").path
    with path.open("a") as file:
        file.write("encryptionsalt: v1:own\n")

    create(tmp_path, "pr-123", "prod")

    assert yaml.safe_load(path.read_text())["encryptionsalt"] == "v1:own"


@pytest.mark.parametrize("name", ["prod", "", "PR-123", "pr_123", "-pr", "pr-", "x" * 31, "../x", "pr 1"])
def test_copy_of_an_impossible_name_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path)
    with pytest.raises(UsageError, match="cannot name a copy of prod"):
        create(tmp_path, name, "prod")


def test_copy_never_takes_the_place_of_a_stack(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, "pr-123")
    before = (tmp_path / "Pulumi.pr-123.yaml").read_text()
    with pytest.raises(UsageError, match="not an ephemeral copy"):
        create(tmp_path, "pr-123", "prod")
    assert (tmp_path / "Pulumi.pr-123.yaml").read_text() == before


def test_copy_of_a_copy_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    create(tmp_path, "pr-1", "prod")
    with pytest.raises(UsageError, match="a copy itself"):
        create(tmp_path, "pr-2", "pr-1")


@pytest.mark.parametrize(
    ("platform", "refused"),
    [
        ({"kind": "local"}, False),
        ({"kind": "nango"}, False),
        (SETTINGS["file-yaml"], False),
        ({**SETTINGS["file-yaml"], "at": "connector"}, True),
        (SETTINGS["file-dotenv"], True),
        ({**SETTINGS["file-dotenv"], "at": "connectors.{key}"}, True),
        (SETTINGS["github-environment"], True),
        (SETTINGS["nylas"], False),
        ({**SETTINGS["nylas"], "credentials": {"push": {"method": "PUT", "path": "/connector"}}}, True),
    ],
)
def test_copy_that_would_overwrite_the_origins_credentials_is_refused(
    tmp_path: Path, platform: dict[str, Any], refused: bool
) -> None:
    write(tmp_path, platform=platform)
    if not refused:
        assert create(tmp_path, "pr-123", "prod").connector_key == "outlook-calendar-admin-pr-123"
        return
    with pytest.raises(UsageError, match="where prod keeps its own"):
        create(tmp_path, "pr-123", "prod")
    assert not (tmp_path / "Pulumi.pr-123.yaml").exists()
    changed = copied(tmp_path, changes=["connector.platform.environment=preview", "connector.scopes=[Calendars.Read]"])
    assert changed["orgcal:connector"]["platform"]["environment"] == "preview"
    assert changed["orgcal:connector"]["scopes"] == ["Calendars.Read"]


@pytest.mark.parametrize("change", ["x", "connector=1", "connector.=1", "=1"])
def test_copy_with_a_change_that_names_no_setting_is_refused(tmp_path: Path, change: str) -> None:
    write(tmp_path)
    with pytest.raises(UsageError, match="--set"):
        create(tmp_path, "pr-123", "prod", changes=[change])


def test_copy_of_a_stack_with_an_encrypted_setting_is_refused(tmp_path: Path) -> None:
    write(tmp_path, application={"notes": {"secure": "v1:abc"}})
    with pytest.raises(UsageError, match="no other stack can read"):
        create(tmp_path, "pr-123", "prod")


def test_key_of_a_copy_that_would_be_too_long_is_refused(tmp_path: Path) -> None:
    write(tmp_path, connector={"key": "k" * 58})
    with pytest.raises(UsageError, match="65 of 64 characters"):
        create(tmp_path, "pr-123", "prod")


def test_notes_tell_where_a_copy_came_from() -> None:
    environ = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "a/b", "GITHUB_REF": "refs/pull/7/merge"}
    assert origin_notes("pr-7", "prod", {}) == "Ephemeral copy pr-7 of stack prod"
    assert origin_notes("pr-7", "prod", environ) == (
        "Ephemeral copy pr-7 of stack prod, made by https://github.com/a/b at refs/pull/7/merge"
    )


@pytest.mark.parametrize(
    ("created_at", "older"),
    [
        ("2026-11-22T15:59:59Z", True),
        ("2026-11-22T16:00:01Z", False),
        ("2026-11-22T15:59:59", False),
        ("", False),
        ("yesterday", False),
    ],
)
def test_age_that_cannot_be_read_is_not_old(created_at: str, older: bool) -> None:
    assert _is_older(created_at, timedelta(days=3), NOW) is older


@pytest.mark.parametrize(
    ("cloud", "settings", "says"),
    [
        ("public", {}, "protected"),
        ("public", {"protect": False}, "not ephemeral"),
        ("public", {"ephemeral": True, "protect": True}, "protected"),
        ("emulator", {"protect": True}, "protected"),
        ("public", {"ephemeral": True}, ""),
        ("emulator", {}, ""),
    ],
)
def test_purge_is_refused_where_somebody_may_miss_it(
    tmp_path: Path, cloud: str, settings: dict[str, Any], says: str
) -> None:
    write(tmp_path, entra={"cloud": cloud}, **settings)
    if not says:
        refuse_purge(OpenStack("prod", {}, project=tmp_path))
        return
    with pytest.raises(UsageError, match=says):
        refuse_purge(OpenStack("prod", {}, project=tmp_path))
