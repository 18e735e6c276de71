"""What the program says about scopes: advice in previews, and why the directory could not be asked."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pulumi
import pulumi_azuread as azuread
import pytest

from orgcal import __version__
from orgcal.entra.permissions import AppRole
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.errors import ConfigError, OrgcalError
from orgcal.provider.connector.version import GetVersion
from orgcal.settings import parse_settings
from provisioning.permissions import Declared, declare

PLATFORM = {"kind": "file", "path": "calendar.yaml", "callback_url": "https://platform.example/callback"}
HOME = "00000000-1111-2222-3333-444444444444"
NO_PROVIDER = cast(Any, None)


def settings(lookup: str = "pinned", *scopes: str, grants: bool = False, calendars: str = "consented") -> Any:
    named = list(scopes or ["Calendars.Read"])
    sections = {
        "entra": {"cloud": "public", "tenant_id": HOME, "lookup": lookup},
        "application": {"display_name": "Calendar Sync", "home_grants": grants},
        "connector": {
            "platform": PLATFORM,
            "key": "outlook",
            "name": "O",
            "scopes": named,
            "calendars": calendars,
        },
    }
    return parse_settings({f"orgcal:{name}": section for name, section in sections.items()}, stack="prod")


@pytest.mark.parametrize("preview", [True, False])
def test_scopes_that_could_go_are_warned_of_in_previews(monkeypatch: pytest.MonkeyPatch, preview: bool) -> None:
    warned: list[str] = []
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: preview)
    monkeypatch.setattr(pulumi.log, "warn", warned.append)

    declared = declare(settings("pinned", "Calendars.Read", "User.Read.All"), provider=NO_PROVIDER)

    assert {role.name for role in declared.roles} == {"Calendars.Read", "Directory.Read.All", "User.Read.All"}
    advice = ["scope User.Read.All adds nothing: Directory.Read.All, which every connector has, includes it; "
              "remove it from orgcal:connector.scopes"]  # fmt: skip
    assert warned == (advice if preview else [])


@pytest.mark.parametrize(
    ("told", "says", "repair"),
    [
        (
            "invoke of azuread:index/getServicePrincipal failed: Microsoft Graph answered 403",
            "Microsoft Graph answered 403",
            "orgcal preflight --stack prod names what the operator lacks",
        ),
        ("failed: AADSTS7000215: the secret is wrong\n  repair: log in", "AADSTS7000215: the secret is wrong", ""),
    ],
)
def test_lookup_that_is_refused_says_what_graph_said_and_what_is_lacking(
    monkeypatch: pytest.MonkeyPatch, told: str, says: str, repair: str
) -> None:
    def refuse(**_: object) -> None:
        raise RuntimeError(told)

    started: list[object] = []
    monkeypatch.setattr("provisioning.permissions.start_plugin", lambda *, after: started.append(after))
    monkeypatch.setattr(azuread, "get_service_principal", refuse)
    monkeypatch.setattr(pulumi, "get_stack", lambda: "prod")

    with pytest.raises(OrgcalError) as refused:
        declare(settings("directory"), provider=NO_PROVIDER)

    said = "the permissions of Microsoft Graph cannot be looked up in the home tenant"
    assert (refused.value.what, refused.value.repair) == (f"{said}: {says}", repair)
    assert started == [NO_PROVIDER], "our plugin starts while the program waits for the answer"


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("Calendars.Read, Calender.Read", "Pulumi.prod.yaml:3: "),
        ("Calendars.Read", ""),  # `pulumi --config-file` took the scopes from elsewhere
        (None, ""),
    ],
)
def test_wrong_scope_is_told_with_its_line_where_the_file_has_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written: str | None, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: orgcal\nruntime: python\n")
    if written is not None:
        (tmp_path / "Pulumi.prod.yaml").write_text(
            f"config:\n  orgcal:connector:\n    scopes: [{written}]\n", encoding="utf-8"
        )

    with pytest.raises(ConfigError) as refused:
        declare(settings("pinned", "Calendars.Read", "Calender.Read"), provider=NO_PROVIDER)

    [problem] = refused.value.problems
    assert problem.startswith(
        f'{place}orgcal:connector.scopes[1]: found "Calender.Read" (did you mean Calendars.Read?)'
    )
    assert "did you mean Calendars.Read?" in problem
    assert "pulumi config set --stack prod --path 'orgcal:connector.scopes[1]' Calendars.Read" in problem


def role(name: str, role_id: str, *, enabled: bool = True, members: str = "Application") -> SimpleNamespace:
    return SimpleNamespace(id=role_id, value=name, allowed_member_types=[members], enabled=enabled)


def test_names_are_looked_up_as_the_home_tenant_publishes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    roles = [
        role("Calendars.Read", APP_ROLE_IDS["Calendars.Read"]),
        role("Directory.Read.All", APP_ROLE_IDS["Directory.Read.All"]),
        role("Calendars.New", "cccccccc-0000-4000-8000-00000000000c"),
        role("Calendars.Old", "cccccccc-0000-4000-8000-00000000000d", enabled=False),
        role("Calendars.Mine", "cccccccc-0000-4000-8000-00000000000e", members="User"),
    ]
    asked: list[Any] = []

    def graph(**named: Any) -> SimpleNamespace:
        asked.append((named["client_id"], named["opts"].provider))
        return SimpleNamespace(app_roles=roles, object_id="principal")

    monkeypatch.setattr("provisioning.permissions.start_plugin", lambda *, after: asked.append(after))
    monkeypatch.setattr(azuread, "get_service_principal", graph)
    provider = cast(Any, "provider")

    declared = declare(settings("directory", "Calendars.New", "Calendars.Read"), provider=provider)

    assert asked == ["provider", ("00000003-0000-0000-c000-000000000000", "provider")]
    assert declared == Declared(
        (
            AppRole("Calendars.New", "cccccccc-0000-4000-8000-00000000000c"),
            AppRole("Calendars.Read", APP_ROLE_IDS["Calendars.Read"]),
            AppRole("Directory.Read.All", APP_ROLE_IDS["Directory.Read.All"]),
        ),
        "principal",
    )
    for name in ("Calendars.Old", "Calendars.Mine"):
        with pytest.raises(ConfigError, match=f'found "{name}"'):
            declare(settings("directory", name), provider=provider)


def test_pinned_names_need_no_home_tenant_and_grant_nothing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(azuread, "get_service_principal", lambda **_: pytest.fail("nothing is looked up"))

    assert declare(settings(), provider=NO_PROVIDER) == Declared(
        tuple(AppRole(name, APP_ROLE_IDS[name]) for name in ("Calendars.Read", "Directory.Read.All")), ""
    )
    with pytest.raises(ConfigError) as refused:
        declare(settings(grants=True), provider=NO_PROVIDER)
    assert refused.value.problems == (
        "orgcal:entra.lookup: found pinned; expected directory, as orgcal:application.home_grants needs it; "
        "repair: pulumi config set --stack prod --path orgcal:entra.lookup directory",
    )


@pytest.mark.parametrize(("written", "place"), [("Place.Read.All", "Pulumi.prod.yaml:3: "), ("User.Read.All", "")])
def test_scopes_that_open_no_calendar_are_refused_unless_that_is_meant(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written: str, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: orgcal\nruntime: python\n")
    (tmp_path / "Pulumi.prod.yaml").write_text(f"config:\n  orgcal:connector:\n    scopes: [{written}]\n")
    wanted = settings("pinned", "Place.Read.All", calendars="none")

    assert {each.name for each in declare(wanted, provider=NO_PROVIDER).roles} == {
        "Directory.Read.All",
        "Place.Read.All",
    }
    connector = wanted.connector.model_copy(update={"calendars": "consented"})
    with pytest.raises(ConfigError) as refused:
        declare(wanted.model_copy(update={"connector": connector}), provider=NO_PROVIDER)

    [problem] = refused.value.problems
    assert problem.startswith(f"{place}orgcal:connector.scopes: ")
    assert "repair: " in problem


@pytest.mark.parametrize("text", ["config: {}\n", "config:\n  orgcal:connector: text\n", "config: [\n"])
def test_wrong_scope_has_no_line_where_the_file_has_no_scopes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: orgcal\nruntime: python\n")
    (tmp_path / "Pulumi.prod.yaml").write_text(text)

    with pytest.raises(ConfigError) as refused:
        declare(settings("pinned", "Calender.Read"), provider=NO_PROVIDER)

    assert refused.value.problems[0].startswith("orgcal:connector.scopes[0]: ")


def test_plugin_tells_its_version_and_nothing_else() -> None:
    assert GetVersion().call({}) == {"version": __version__}
    assert GetVersion.outputs.keys() == {"version"}
