"""The commands for customers who limit the connector, whole, in each of their three forms.

Expected are the parameters and bodies of https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac,
of https://learn.microsoft.com/en-us/graph/api/rbacapplication-post-roleassignments?view=graph-rest-beta and
https://learn.microsoft.com/en-us/graph/api/serviceprincipal-post-approleassignments, and of docs/docs/cmd of
pnp/cli-microsoft365 at db0361d.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orgcal.consent.script import as_script, as_text, as_undo, limit_guide
from orgcal.consent.script_commands import Facts, Form, commands_of, undo_of
from tests.unit.test_consent_script import CLIENT, GROUP_ID, PUBLIC, TENANT, guide, organisation, outputs

INSIDE, OUTSIDE = "11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"
FACTS = Facts(
    cloud="public",
    graph_url="https://graph.example",
    tenant_id=TENANT,
    client_id=CLIENT,
    application="Acme",
    group="Pilot's",
    permissions={"Directory.Read.All": "id-1", "Place.Read.All": "id-2"},
    roles=("Application Calendars.Read", "Application MailboxSettings.Read"),
)
GRAPH, SCOPE = "00000003-0000-0000-c000-000000000000", "'Calendar connector cccccccc'"
V1, EXCHANGE = "https://graph.example/v1.0", "https://graph.example/beta/roleManagement/exchange"
CONNECT = (
    f"Connect-MgGraph -TenantId {TENANT} -Scopes Application.ReadWrite.All, AppRoleAssignment.ReadWrite.All",
    "Connect-ExchangeOnline",
)
APP = f"$app = Get-MgServicePrincipal -Filter \"appId eq '{CLIENT}'\""
PRINCIPAL = f"PRINCIPAL=$(m365 entra enterpriseapp get --id {CLIENT} --query id --output text)"
ASSIGNMENTS = f"{EXCHANGE}/roleAssignments"
MINE = f"\"{ASSIGNMENTS}?\\$filter=principalId eq '/ServicePrincipals/$PRINCIPAL'\""
OURS = f"{ASSIGNMENTS}?$filter=principalId eq '/ServicePrincipals/SERVICE_PRINCIPAL_ID'"

STEPS: dict[str, dict[Form, tuple[str, ...]]] = {
    "principal": {
        "powershell": (CONNECT[0], APP, f"if (-not $app) {{ $app = New-MgServicePrincipal -AppId {CLIENT} }}"),
        "m365": (
            "# Log in before, as that administrator: m365 login",
            f"m365 entra enterpriseapp get --id {CLIENT} >/dev/null 2>&1 || m365 entra enterpriseapp add --id {CLIENT}",
            PRINCIPAL,
        ),
        "graph": (
            f"POST {V1}/servicePrincipals",
            f'  {{"appId": "{CLIENT}"}}',
            "# Its id is SERVICE_PRINCIPAL_ID below.",
        ),
    },
    "grant": {
        "powershell": (
            f"$graph = Get-MgServicePrincipal -Filter \"appId eq '{GRAPH}'\"",
            "New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $app.Id -PrincipalId $app.Id "
            "-ResourceId $graph.Id -AppRoleId id-1  # Directory.Read.All",
            "New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $app.Id -PrincipalId $app.Id "
            "-ResourceId $graph.Id -AppRoleId id-2  # Place.Read.All",
        ),
        "m365": (
            f"m365 entra approleassignment add --appId {CLIENT} --resource 'Microsoft Graph' "
            "--scopes 'Directory.Read.All,Place.Read.All'",
        ),
        "graph": (
            f"GET {V1}/servicePrincipals(appId='{GRAPH}')?$select=id  # its id is GRAPH_ID",
            f"POST {V1}/servicePrincipals(appId='{CLIENT}')/appRoleAssignments",
            '  {"principalId": "SERVICE_PRINCIPAL_ID", "resourceId": "GRAPH_ID", "appRoleId": "id-1"}',
            f"POST {V1}/servicePrincipals(appId='{CLIENT}')/appRoleAssignments",
            '  {"principalId": "SERVICE_PRINCIPAL_ID", "resourceId": "GRAPH_ID", "appRoleId": "id-2"}',
        ),
    },
    "scope": {
        "powershell": (
            CONNECT[1],
            "$group = Get-Group -Identity 'Pilot''s'",
            f"New-ServicePrincipal -AppId {CLIENT} -ObjectId $app.Id -DisplayName 'Acme'",
            '$member = "MemberOfGroup -eq \'$($group.DistinguishedName.Replace("\'", "\'\'"))\'"',
            f"New-ManagementScope -Name {SCOPE} -RecipientRestrictionFilter $member",
        ),
        "m365": (
            "# Exchange takes the group itself as the scope; this shows that it is the one you mean.",
            "m365 entra group get --displayName 'Pilot'\"'\"'s'",
        ),
        "graph": (f"GET {V1}/groups?$filter=displayName eq 'Pilot''s'  # its id is GROUP_ID",),
    },
    "assign": {
        "powershell": tuple(
            f"New-ManagementRoleAssignment -Name 'Calendar connector cccccccc {name}' -App $app.Id "
            f"-Role 'Application {name}' -CustomResourceScope {SCOPE}"
            for name in ("Calendars.Read", "MailboxSettings.Read")
        ),
        "m365": tuple(
            f"m365 exo approleassignment add --roleDefinitionName 'Application {name}' "
            "--principalId \"$PRINCIPAL\" --scope group --groupName 'Pilot'\"'\"'s'"
            for name in ("Calendars.Read", "MailboxSettings.Read")
        ),
        "graph": tuple(
            line
            for name in ("Calendars.Read", "MailboxSettings.Read")
            for line in (
                f"GET {EXCHANGE}/roleDefinitions?$filter=displayName eq 'Application {name}'  # its id is ROLE_ID",
                f"POST {ASSIGNMENTS}",
                '  {"principalId": "/ServicePrincipals/SERVICE_PRINCIPAL_ID", "roleDefinitionId": "ROLE_ID", '
                '"directoryScopeId": "/Groups/GROUP_ID"}',
            )
        ),
    },
    "test": {
        "powershell": (
            "Test-ServicePrincipalAuthorization -Identity $app.Id -Resource someone-inside@your.domain",
            "Test-ServicePrincipalAuthorization -Identity $app.Id -Resource someone-outside@your.domain",
        ),
        "m365": (
            "# What is assigned now; a mailbox inside and one outside are tested by the vendor, or in PowerShell.",
            f"m365 request --url {MINE}",
        ),
        "graph": (f"GET {OURS}",),
    },
}

UNDO: dict[Form, tuple[str, ...]] = {
    "powershell": (
        *CONNECT,
        APP,
        "Remove-ManagementRoleAssignment -Identity 'Calendar connector cccccccc Calendars.Read' -Confirm:$false",
        "Remove-ManagementRoleAssignment -Identity 'Calendar connector cccccccc MailboxSettings.Read' -Confirm:$false",
        f"Remove-ManagementScope -Identity {SCOPE} -Confirm:$false",
        "Remove-ServicePrincipal -Identity $app.Id -Confirm:$false",
        "Remove-MgServicePrincipal -ServicePrincipalId $app.Id",
    ),
    "m365": (
        PRINCIPAL,
        f"for ID in $(m365 request --url {MINE} --query \"value[].id | join(' ', @)\" --output text); do",
        f'  m365 request --method delete --url "{ASSIGNMENTS}/$ID"',
        "done",
        f"m365 entra enterpriseapp remove --id {CLIENT} --force",
    ),
    "graph": (
        f"GET {OURS}",
        f"DELETE {ASSIGNMENTS}/ID_OF_EACH",
        f"DELETE {V1}/servicePrincipals(appId='{CLIENT}')",
    ),
}
STAYS = "# The enterprise application stays: the stack manages it."


@pytest.mark.parametrize("step", STEPS)
def test_commands_of_each_step_are_whole_in_every_form(step: str) -> None:
    assert commands_of(FACTS)[step] == STEPS[step]


def test_there_are_commands_for_these_steps_and_no_others() -> None:
    assert list(commands_of(FACTS)) == list(STEPS)


@pytest.mark.parametrize("form", UNDO)
def test_commands_that_take_everything_back_are_whole(form: Form) -> None:
    assert undo_of(FACTS)[form] == UNDO[form]
    assert undo_of(replace(FACTS, home=True))[form] == (*UNDO[form][:-1], STAYS)


def test_group_that_is_known_by_its_id_is_named_by_it_alone() -> None:
    made = commands_of(replace(FACTS, group=GROUP_ID, roles=("Application Calendars.Read",)))

    assert made["scope"]["powershell"][1] == f"$group = Get-Group -Identity '{GROUP_ID}'"
    assert made["scope"]["m365"][1] == f"m365 entra group get --id {GROUP_ID}"
    assert made["scope"]["graph"] == (f"GET {V1}/groups/{GROUP_ID}",)
    assert made["assign"]["m365"][0].endswith(f"--scope group --groupId {GROUP_ID}")
    assert made["assign"]["graph"][2].endswith(f'"directoryScopeId": "/Groups/{GROUP_ID}"}}')


@pytest.mark.parametrize(
    ("cloud", "mg", "exo"),
    [
        ("public", "", ""),
        ("emulator", "", ""),
        ("usgov", " -Environment USGov", " -ExchangeEnvironmentName O365USGovGCCHigh"),
        ("china", " -Environment China", " -ExchangeEnvironmentName O365China"),
    ],
)
def test_cloud_is_named_where_powershell_connects(cloud: str, mg: str, exo: str) -> None:
    """Source: https://learn.microsoft.com/en-us/powershell/module/exchange/connect-exchangeonline."""
    facts = replace(FACTS, cloud=cloud)
    connects = (CONNECT[0] + mg, CONNECT[1] + exo)

    assert undo_of(facts)["powershell"][:2] == connects
    made = commands_of(facts)
    assert (made["principal"]["powershell"][0], made["scope"]["powershell"][0]) == connects


@pytest.mark.parametrize("quote", ["'", "\u2018", "\u2019", "\u201a", "\u201b"])
def test_each_quote_that_powershell_takes_for_one_is_doubled(quote: str) -> None:
    """Source: about_Quoting_Rules of MicrosoftDocs/PowerShell-Docs, and `CharTraits` of PowerShell/PowerShell."""
    made = commands_of(replace(FACTS, application=f"a{quote}b"))

    assert made["scope"]["powershell"][2].endswith(f"-DisplayName 'a{quote}{quote}b'")


# The guide ---------------------------------------------------------------------------------------------------------


def test_facts_are_those_of_the_stack_and_the_organisation() -> None:
    users = {"inside": INSIDE, "outside": OUTSIDE}
    made = guide("Calendars.ReadWrite", "Place.Read.All", name="Acme\x1b[2K", scope_group="Pi\nlot", **users)

    assert made.facts == Facts(
        cloud="public",
        graph_url="https://graph.microsoft.com",
        tenant_id=TENANT,
        client_id=CLIENT,
        application="Acme\\u001b[2K",
        group="Pi\\u000alot",
        permissions={
            "Directory.Read.All": "7ab1d382-f21e-4acd-a863-ba3e13f7da61",
            "Place.Read.All": "913b9306-0ce1-42b8-9137-6a7df690a760",
        },
        roles=("Application Calendars.ReadWrite",),
        inside=INSIDE,
        outside=OUTSIDE,
        home=False,
    )
    assert (made.organisation, made.application, made.publisher) == ("Contoso", "Acme\\u001b[2K", "acme.example")
    assert made.undo == undo_of(made.facts)
    assert [step.commands for step in made.steps] == list(commands_of(made.facts).values())


@pytest.mark.parametrize(
    ("given", "known", "named"),
    [
        ("Given", {"group_id": GROUP_ID, "scope_group": "Pilot"}, "Given"),
        ("", {"group_id": GROUP_ID, "scope_group": "Pilot"}, GROUP_ID),
        ("", {"scope_group": "Pilot"}, "Pilot"),
    ],
)
def test_group_is_the_one_that_is_given_or_was_found_or_named(given: str, known: dict[str, Any], named: str) -> None:
    assert limit_guide(organisation(**known), outputs(), PUBLIC, group=given).facts.group == named


def test_addresses_are_microsofts_for_a_trial_on_the_emulator_and_of_the_cloud_elsewhere() -> None:
    for cloud, url in (("emulator", "https://graph.microsoft.com"), ("usgov", "https://graph.microsoft.us")):
        endpoints = replace(PUBLIC, cloud=cloud, graph_url="https://graph.microsoft.us")  # type: ignore[arg-type]
        assert limit_guide(organisation(), outputs(), endpoints).facts.graph_url == url


def test_home_tenant_limits_the_connector_as_a_trial_and_its_application_stays() -> None:
    made = limit_guide(organisation(access="all"), outputs(), PUBLIC, home=True)

    assert (made.facts.home, made.facts.group) == (True, "Pilot")
    assert made.undo["graph"][-1] == STAYS


def test_proof_of_an_organisation_without_a_domain_names_its_tenant() -> None:
    made = limit_guide(replace(organisation(), domain=""), outputs(), PUBLIC)

    assert made.proof == f"orgcal consent check {TENANT} --stack prod"


GRAPH_PAGE = "https://learn.microsoft.com/en-us/graph/api/serviceprincipal-post-"
RBAC = "https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac"
TESTING = "https://learn.microsoft.com/en-us/powershell/module/exchange/test-serviceprincipalauthorization"


def test_each_step_says_what_it_does_who_may_and_where_microsoft_says_so() -> None:
    grants, exchange = "Privileged Role Administrator", "Exchange Administrator"

    assert [(step.step, step.title, step.actor, step.source) for step in guide("Calendars.Read").steps] == [
        ("principal", "Make the enterprise application", grants, f"{GRAPH_PAGE}serviceprincipals"),
        ("grant", "Grant Directory.Read.All, and nothing else", grants, f"{GRAPH_PAGE}approleassignments"),
        ("scope", "Name the mailboxes: those of the group Pilot", exchange, RBAC),
        ("assign", "Assign Application Calendars.Read in that scope", exchange, RBAC),
        ("test", "Test a mailbox inside and one outside", exchange, TESTING),
    ]


def test_notes_tell_of_the_delay_and_of_roles_that_give_more() -> None:
    lag, members, *policies = guide("Calendars.Read").notes

    assert lag == (
        "Changes in Exchange take 30 minutes to 2 hours; until then the connector reads nothing, which is no fault "
        f"({RBAC})."
    )
    assert members.startswith("Members of groups inside of the group do not count.")
    assert [note.partition(":")[0] for note in policies] == [
        "Application access policies are the older way",
        "To move from such a policy",
    ]
    assert f"AppId -eq '{CLIENT}' | Remove-ApplicationAccessPolicy" in policies[1]
    more = "Exchange has no role for {}; the role above includes it and shows events in full."
    wider = guide("Calendars.ReadBasic.All", "Mail.ReadBasic.All").notes
    assert wider[2:4] == (
        f"{more.format('Calendars.ReadBasic.All')} Application access policies do not limit it either.",
        more.format("Mail.ReadBasic.All"),
    )
    assert len(wider) == 6


def test_text_has_every_step_with_its_commands_then_notes_undoing_and_proof() -> None:
    made = guide("Calendars.Read")
    expected = [
        "To let Acme Calendar Sync read the mailboxes of the group Pilot of Contoso, and",
        "no others. Do not open a consent link: it grants every mailbox.",
    ]
    for number, step in enumerate(made.steps):
        expected += ["", f"{'12345'[number]}. {step.title} ({step.actor})", f"   {step.reason}", f"   {step.source}"]
        expected += [f"     {line}" for line in step.commands["powershell"]]
    expected += ["", "Good to know:", *(f"  - {note}" for note in made.notes)]
    expected += ["", "To undo all:", *(f"     {line}" for line in made.undo["powershell"])]
    expected += ["", "The vendor then proves it: orgcal consent check contoso.example --stack prod"]

    assert list(as_text(made)) == expected


@pytest.mark.parametrize("form", UNDO)
def test_script_is_the_steps_with_comments_and_undoing_stands_in_comments(form: Form) -> None:
    made = guide("Calendars.Read")
    expected = [
        "# Lets Acme Calendar Sync read the mailboxes of the group Pilot, and no others.",
        f"# For Contoso ({TENANT}). Do not open a consent link: it grants all.",
    ]
    for number, step in enumerate(made.steps):
        expected += ["", f"# {'12345'[number]}. {step.title} ({step.actor})", f"# {step.reason}", *step.commands[form]]
    expected += ["", "# To undo all:", *(f"# {line}" for line in made.undo[form])]

    assert list(as_script(made, form)) == expected
    takes = f"# Takes Acme Calendar Sync out of Contoso ({TENANT})."
    assert list(as_undo(made, form)) == [takes, *made.undo[form]]
