"""The steps for customers who limit the connector: order, contents, and that no name of others leaves its quotes."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from orgcal.consent.script import LimitGuide, as_script, as_text, as_undo, limit_guide
from orgcal.consent.script_commands import Form
from orgcal.consent.script_page import guide_page
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.permissions import application_permissions
from orgcal.errors import UsageError
from orgcal.stack.outputs import GraphPermission, StackOutputs
from orgcal.tenants.model import State, Tenant

NOW = datetime(2026, 11, 29, tzinfo=UTC)
CLIENT, TENANT = "cccccccc-0000-4000-8000-000000000001", "22222222-2222-2222-2222-222222222222"
GROUP_ID = "99999999-0000-4000-8000-000000000009"
PUBLIC = CloudEndpoints("public", "https://login.microsoftonline.com", "https://graph.microsoft.com", "public")
FORMS: tuple[Form, ...] = ("powershell", "m365", "graph")


def outputs(*scopes: str, name: str = "Acme Calendar Sync") -> StackOutputs:
    """What a stack with these scopes would have."""
    roles = application_permissions(scopes or ("Calendars.Read",))
    permissions = tuple(GraphPermission(name=role.name, role_id=role.role_id) for role in roles)
    return StackOutputs.model_construct(
        stack="prod", client_id=CLIENT, display_name=name, publisher="acme.example", permissions=permissions
    )


def organisation(**fields: Any) -> Tenant:
    known = {"access": "scoped", "scope_group": "Pilot", **fields}
    return Tenant(TENANT, "Contoso", "contoso.example", State.INVITED, added_at=NOW, changed_at=NOW, **known)


def guide(*scopes: str, name: str = "Acme Calendar Sync", **fields: Any) -> LimitGuide:
    return limit_guide(organisation(**fields), outputs(*scopes, name=name), PUBLIC)


def test_steps_go_in_the_order_of_least_exposure() -> None:
    made = guide()

    assert [step.step for step in made.steps] == ["principal", "grant", "scope", "assign", "test"]
    assert [step.actor for step in made.steps] == ["Privileged Role Administrator"] * 2 + ["Exchange Administrator"] * 3
    assert made.proof == "orgcal consent check contoso.example --stack prod"


@pytest.mark.parametrize("form", FORMS)
def test_only_permissions_of_the_directory_are_granted_in_entra(form: Form) -> None:
    made = guide("Calendars.ReadWrite", "MailboxSettings.Read", "Place.Read.All")
    (grant,) = (step for step in made.steps if step.step == "grant")
    text = "\n".join(grant.commands[form])

    assert set(made.facts.permissions) == {"Directory.Read.All", "Place.Read.All"}
    assert "Calendars" not in text
    assert all(word in text for word in (made.facts.permissions if form == "m365" else made.facts.permissions.values()))


def test_grant_by_graph_has_the_members_that_graph_needs() -> None:
    """Source: https://learn.microsoft.com/en-us/graph/api/serviceprincipal-post-approleassignments (2026-11-29)."""
    (grant,) = (step for step in guide("Calendars.Read", "Place.Read.All").steps if step.step == "grant")
    bodies = [json.loads(line) for line in grant.commands["graph"] if line.startswith("  ")]

    assert [body.keys() for body in bodies] == [{"principalId", "resourceId", "appRoleId"}] * 2


@pytest.mark.parametrize("form", FORMS)
def test_exactly_the_declared_roles_are_assigned(form: Form) -> None:
    made = guide("Calendars.ReadWrite", "MailboxSettings.Read")
    (assign,) = (step for step in made.steps if step.step == "assign")
    text = "\n".join(assign.commands[form])

    assert made.facts.roles == ("Application Calendars.ReadWrite", "Application MailboxSettings.Read")
    assert text.count("Application ") == 2


def test_readbasic_is_assigned_the_role_that_includes_it_and_a_note_says_so() -> None:
    made = guide("Calendars.ReadBasic.All")

    assert made.facts.roles == ("Application Calendars.Read",)
    assert any("no role for Calendars.ReadBasic.All" in note for note in made.notes)


@pytest.mark.parametrize("form", FORMS)
def test_script_ends_with_how_to_undo_it_and_runs_none_of_that(form: Form) -> None:
    lines = list(as_script(guide(), form))
    undoing = list(as_undo(guide(), form))

    assert lines[lines.index("# To undo all:") + 1 :] == [f"# {line}" for line in undoing[1:]]
    assert not any("Remove-" in line or "--method delete" in line for line in lines if not line.startswith("#"))


@pytest.mark.parametrize("form", FORMS)
def test_undoing_a_trial_at_home_leaves_the_enterprise_application_to_the_stack(form: Form) -> None:
    there, home = (
        "\n".join(as_undo(limit_guide(organisation(), outputs(), PUBLIC, home=each), form)) for each in (False, True)
    )
    removal = {
        "powershell": "Remove-MgServicePrincipal",
        "m365": "enterpriseapp remove",
        "graph": "/v1.0/servicePrincipals",
    }

    assert removal[form] in there
    assert removal[form] not in home
    assert "stays: the stack manages it" in home


HOSTILE = "Pilot'; Remove-Item -Recurse ~ #\" $(id) `id` \u2019; whoami"


def test_no_name_leaves_its_quotes_in_a_shell() -> None:
    made = guide(scope_group=HOSTILE, name=HOSTILE)
    lines = [line for line in as_script(made, "m365") if "--groupName" in line or "--displayName" in line]

    assert len(lines) == 2
    for line in lines:
        assert HOSTILE in shlex.split(line)


def test_no_name_leaves_its_quotes_in_powershell() -> None:
    made = guide(scope_group=HOSTILE, name=HOSTILE)
    quoted = "'" + HOSTILE.replace("'", "''").replace("\u2019", "\u2019\u2019") + "'"
    lines = [line for line in as_script(made, "powershell") if "Remove-Item" in line and not line.startswith("#")]

    assert len(lines) == 2
    assert all(quoted in line for line in lines)


def test_name_of_a_group_is_quoted_as_odata_wants_it() -> None:
    assert any("displayName eq 'Pilot''s'" in line for line in as_script(guide(scope_group="Pilot's"), "graph"))


def test_group_that_was_found_is_named_by_its_id() -> None:
    made = guide(group_id=GROUP_ID)

    assert any(f"--groupId {GROUP_ID}" in line for line in as_script(made, "m365"))
    assert any(f'"directoryScopeId": "/Groups/{GROUP_ID}"' in line for line in as_script(made, "graph"))


def test_test_mailboxes_are_named_where_they_are_known() -> None:
    inside, outside = "1" * 8 + "-0000-4000-8000-000000000001", "2" * 8 + "-0000-4000-8000-000000000002"
    (test,) = (step for step in guide(inside=inside, outside=outside).steps if step.step == "test")

    assert [line.rpartition(" ")[2] for line in test.commands["powershell"]] == [inside, outside]


@pytest.mark.parametrize(
    ("cloud", "words"),
    [
        ("usgov", ("-Environment USGov", "-ExchangeEnvironmentName O365USGovGCCHigh")),
        ("china", ("-Environment China", "-ExchangeEnvironmentName O365China")),
    ],
)
def test_national_clouds_are_named_where_powershell_connects(cloud: Any, words: tuple[str, ...]) -> None:
    text = "\n".join(as_script(limit_guide(organisation(), outputs(), replace(PUBLIC, cloud=cloud)), "powershell"))

    assert all(word in text for word in words)


def test_text_and_json_hold_every_step_and_no_secret() -> None:
    made = guide()
    text = "\n".join(as_text(made))

    assert all(step.title in text for step in made.steps)
    assert all(word in text for word in ("30 minutes to 2 hours", "do not count", "Calendars.ReadBasic.All"))
    told = json.loads(json.dumps(made.as_json()))
    assert [step["step"] for step in told["steps"]] == [step.step for step in made.steps]


def test_page_shows_names_as_text_and_loads_nothing() -> None:
    page = guide_page(guide(scope_group="<script>alert(1)</script>"))

    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "src=" not in page
    assert "@media print" in page
    assert "\n\n" not in page[page.index("<body>") :]
    assert all(word in page for word in ("Privileged Role Administrator", "Exchange Administrator", CLIENT))


CONNECTOR = "orgcal:connector.scopes"


@pytest.mark.parametrize(
    ("fields", "scopes", "what", "where", "repair"),
    [
        (
            {"access": "all"},
            (),
            "Contoso lets the connector read all mailboxes",
            TENANT,
            "orgcal tenants add contoso.example --access scoped --group NAME --stack prod",
        ),
        (
            {"scope_group": ""},
            (),
            "no group of Contoso is known whose mailboxes the connector may read",
            TENANT,
            "--group NAME, or its object id",
        ),
        (
            {},
            ("Place.Read.All",),
            "the connector declares no permission that Exchange can limit to some mailboxes",
            CONNECTOR,
            "add Calendars.Read, or Calendars.ReadWrite",
        ),
    ],
)
def test_what_cannot_be_limited_is_refused_with_the_repair(
    fields: dict[str, Any], scopes: tuple[str, ...], what: str, where: str, repair: str
) -> None:
    with pytest.raises(UsageError) as refused:
        guide(*scopes, **fields)

    assert (refused.value.what, refused.value.where, refused.value.repair) == (what, where, repair)


def test_name_of_a_group_that_cannot_be_one_is_refused() -> None:
    limit_guide(organisation(), outputs(), PUBLIC, group="x" * 256)
    for name in ("x" * 257, "a\nb"):
        with pytest.raises(UsageError, match="the group's name"):
            limit_guide(organisation(), outputs(), PUBLIC, group=name)
