"""`orgcal ci lint` is red where a deployment would refuse, and where the example was never filled in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from orgcal.ci.lint import Lint, lint_stack
from orgcal.entra.permissions import AppRole
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.operations.doctor_stack import check_settings
from orgcal.settings.placeholders import placeholders
from orgcal.settings.stack_file import load_stack_file

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = (ROOT / "Pulumi.prod.yaml.example").read_text()
FILLED_IN = (
    EXAMPLE.replace("00000000-1111-2222-3333-444444444444", "7b3d0a54-0c1f-4d6e-9a55-1f2e3d4c5b6a")
    .replace("Acme Calendar Sync", "Northwind Calendar Sync")
    .replace("Run by the integrations team.", "Team Calendars")
    .replace("acme.example", "northwind-traders.io")
)


def lint(folder: Path, text: str, published: Mapping[str, AppRole] | None = None) -> Lint:
    (folder / "Pulumi.prod.yaml").write_text(text)
    return lint_stack(folder, "prod", published)


def with_connector(**changes: Any) -> str:
    """The example, filled in and changed."""
    values = yaml.safe_load(FILLED_IN)
    values["config"]["orgcal:connector"].update(changes)
    return yaml.safe_dump(values)


def publishing(*names: str) -> dict[str, AppRole]:
    roles = {name: AppRole(name, role_id) for name, role_id in APP_ROLE_IDS.items()}
    return {**roles, **{name: AppRole(name, f"id of {name}") for name in names}}


def test_example_that_was_filled_in_has_nothing_wrong(tmp_path: Path) -> None:
    assert lint(tmp_path, FILLED_IN) == Lint((), ())


def test_example_as_it_comes_is_wrong_in_each_place_that_is_to_be_filled_in(tmp_path: Path) -> None:
    problems = lint(tmp_path, EXAMPLE).problems

    keys = [problem.split(": ")[1].removeprefix("orgcal:") for problem in problems]
    links = [f"application.links.{name}" for name in ("homepage", "privacy", "support", "terms")]
    assert sorted(keys) == [
        "application.display_name", *links, "application.notes", "consent.public_url", "entra.tenant_id",
    ]  # fmt: skip
    assert all(problem.startswith("Pulumi.prod.yaml:") for problem in problems)


def test_doctor_names_what_is_left_of_the_example(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.prod.yaml").write_text(EXAMPLE)
    left = check_settings(tmp_path, "prod")
    (tmp_path / "Pulumi.prod.yaml").write_text(FILLED_IN)

    assert not left.ok
    assert "found the example's" in left.says
    assert "orgcal ci lint --stack prod" in left.repair
    assert check_settings(tmp_path, "prod").ok


@pytest.mark.parametrize(
    ("url", "left"),
    [
        ("https://app.example.com/callback", True),
        ("https://app.acme.example/callback", True),
        ("https://EXAMPLE.org/callback", True),
        ("https://calendar.test/callback", True),
        ("https://example.com.northwind.io/callback", False),
        ("https://my-example.com/callback", False),
        ("https://northwind.io/example", False),
    ],
)
def test_address_is_the_examples_where_its_domain_is_reserved(tmp_path: Path, url: str, left: bool) -> None:
    """Source: https://www.rfc-editor.org/rfc/rfc2606"""
    (tmp_path / "Pulumi.prod.yaml").write_text(with_connector(also_push_to={"app": {"callback_url": url}}))

    assert bool(placeholders(load_stack_file(tmp_path, "prod"))) is left


def test_emulator_may_have_the_values_of_the_example() -> None:
    assert lint_stack(ROOT, "dev") == Lint((), ())


@pytest.mark.parametrize(
    ("scopes", "says"),
    [
        (["Calender.Read"], "did you mean Calendars.Read"),
        (["calendars.read"], "did you mean Calendars.Read?"),
        (["Calendars.Read.Shared"], "signed-in users only"),
        (["Calendars.ReadBasic.Shared"], "did you mean Calendars.ReadBasic.All?"),
        (["Calendars.Read", "offline_access"], "signed-in users only"),
        (["Calendars.Read", "Foo.Bar"], "not in orgcal's own table"),
        (["Contacts.Read"], "none of which opens calendars"),
    ],
)
def test_scope_that_a_deployment_refuses_is_wrong(tmp_path: Path, scopes: list[str], says: str) -> None:
    problems = lint(tmp_path, with_connector(scopes=scopes, purpose=None)).problems

    assert len(problems) == 1
    assert says in problems[0]
    assert "orgcal:connector.scopes" in problems[0]
    assert "no application permission of this name" not in problems[0]


@pytest.mark.parametrize(
    "name",
    [
        "AuditLog.Read.All", "Chat.Read.All", "Files.Read.All", "Group.Read.All", "GroupMember.Read.All",
        "Presence.Read.All", "Reports.Read.All", "RoleManagement.ReadWrite.Directory", "Sites.Read.All",
    ],
)  # fmt: skip
def test_scope_that_microsoft_publishes_is_right(tmp_path: Path, name: str) -> None:
    assert lint(tmp_path, with_connector(scopes=["Calendars.Read", name], purpose=None)).problems == ()


def test_directorys_own_list_decides_where_it_is_asked(tmp_path: Path) -> None:
    text = with_connector(scopes=["Calendars.Read", "Calendars.Read.All", "Presence.Read.All"], purpose=None)
    without_presence = {name: role for name, role in publishing("Calendars.Read.All").items() if "Pres" not in name}

    offline = lint(tmp_path, text).problems[0]
    assert 'found "Calendars.Read.All"' in offline
    assert "not in orgcal's own table" in offline
    assert offline.endswith("the directory's own list decides: orgcal ci lint --directory --stack prod")
    pinned = lint(tmp_path, text.replace("lookup: directory", "lookup: pinned"), publishing("Calendars.Read.All"))
    assert "set orgcal:entra.lookup to directory" in pinned.problems[0]
    assert lint(tmp_path, text, publishing("Calendars.Read.All")).problems == ()
    refused = lint(tmp_path, text, without_presence).problems
    assert [
        problem for problem in refused if "Presence.Read.All" in problem and "the directory's own list" in problem
    ] == list(refused)


def test_connector_whose_only_scope_is_about_work_hours_opens_no_calendar(tmp_path: Path) -> None:
    problems = lint(tmp_path, with_connector(scopes=["Calendars.Read.All"]), publishing("Calendars.Read.All")).problems

    assert "none of which opens calendars" in problems[0]


@pytest.mark.parametrize("source", ["exchange", "none"])
def test_connector_without_a_scope_for_calendars_is_allowed_by_name(tmp_path: Path, source: str) -> None:
    assert lint(tmp_path, with_connector(scopes=["Contacts.Read"], calendars=source, purpose=None)).problems == ()


def test_logo_that_is_not_there_and_an_address_with_a_password_are_wrong(tmp_path: Path) -> None:
    logo = lint(tmp_path, FILLED_IN.replace('logo: ""', "logo: gone.png"))
    address = lint(tmp_path, FILLED_IN.replace("https://calendar.", "https://u:p@calendar."))

    assert "orgcal:application.logo: found a file that cannot be read" in logo.problems[0]
    assert "orgcal:consent.public_url" in address.problems[0]
    assert "u:p" not in address.problems[0]
