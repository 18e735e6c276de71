"""What the program says about scopes: advice in previews, and why the directory could not be asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pulumi
import pulumi_azuread as azuread
import pytest

from orgcal import __version__
from orgcal.errors import ConfigError, OrgcalError
from orgcal.provider.connector.version import GetVersion
from orgcal.settings import parse_settings
from provisioning.permissions import declare

PLATFORM = {"kind": "file", "path": "calendar.yaml", "callback_url": "https://platform.example/callback"}
HOME = "00000000-1111-2222-3333-444444444444"
NO_PROVIDER = cast(Any, None)


def settings(lookup: str = "pinned", *scopes: str) -> Any:
    named = list(scopes or ["Calendars.Read"])
    sections = {
        "entra": {"cloud": "public", "tenant_id": HOME, "lookup": lookup},
        "application": {"display_name": "Calendar Sync"},
        "connector": {
            "platform": PLATFORM,
            "key": "outlook",
            "name": "O",
            "scopes": named,
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


def test_plugin_tells_its_version_and_nothing_else() -> None:
    assert GetVersion().call({}) == {"version": __version__}
    assert GetVersion.outputs.keys() == {"version"}
