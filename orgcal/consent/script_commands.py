"""The commands of the steps that limit a connector: for PowerShell, CLI for Microsoft 365, and Microsoft Graph.

Texts of others (names of groups and applications) stand in them as one word of the language, whatever they hold.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from orgcal.entra.permissions import GRAPH_APP_ID
from orgcal.entra.tenant_ids import is_guid

Form = Literal["powershell", "m365", "graph"]
Commands = tuple[str, ...]
COMMENTS: Mapping[Form, str] = {"powershell": "#", "m365": "#", "graph": "#"}
"""What begins a comment."""

_QUOTES = str.maketrans({quote: quote * 2 for quote in "'\u2018\u2019\u201a\u201b"})
"""PowerShell takes typographic quotes for plain ones.

Source: about_Quoting_Rules of MicrosoftDocs/PowerShell-Docs, and `CharTraits` of PowerShell/PowerShell."""

_MG_ENVIRONMENTS = {"usgov": " -Environment USGov", "china": " -Environment China"}
_EXO_ENVIRONMENTS = {
    "usgov": " -ExchangeEnvironmentName O365USGovGCCHigh",
    "china": " -ExchangeEnvironmentName O365China",
}
"""Source: https://learn.microsoft.com/en-us/powershell/module/exchange/connect-exchangeonline"""


_STAYS: Commands = ("# The enterprise application stays: the stack manages it.",)


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and ids that the commands hold.

    Attributes:
        group: name or object id.
        permissions: names and ids of the app roles that are granted in Entra ID.
        roles: of Exchange.
        inside: object id of a user in the group; empty where nobody named one.
        outside: object id of a user who is not.
        home: the tenant is that of the application itself, whose enterprise application the stack manages.
    """

    cloud: str
    graph_url: str
    tenant_id: str
    client_id: str
    application: str
    group: str
    permissions: Mapping[str, str]
    roles: tuple[str, ...]
    inside: str = ""
    outside: str = ""
    home: bool = False

    @property
    def scope(self) -> str:
        """Name of the management scope: the same each time, and of this application alone."""
        return f"Calendar connector {self.client_id[:8]}"


def commands_of(facts: Facts) -> dict[str, dict[Form, Commands]]:
    """The commands of each step, by form."""
    powershell, m365, graph = _powershell(facts), _m365(facts), _graph(facts)
    return {step: {"powershell": powershell[step], "m365": m365[step], "graph": graph[step]} for step in powershell}


def undo_of(facts: Facts) -> dict[Form, Commands]:
    """The commands that take everything back, by form."""
    client, root = facts.client_id, f"{facts.graph_url}/beta/roleManagement/exchange/roleAssignments"
    listed = f"{root}?\\$filter=principalId eq '/ServicePrincipals/$PRINCIPAL'"
    return {
        "powershell": (
            *_connect(facts),
            f"$app = Get-MgServicePrincipal -Filter \"appId eq '{client}'\"",
            *(
                f"Remove-ManagementRoleAssignment -Identity {_assignment(facts, role)} -Confirm:$false"
                for role in facts.roles
            ),
            f"Remove-ManagementScope -Identity {_ps(facts.scope)} -Confirm:$false",
            "Remove-ServicePrincipal -Identity $app.Id -Confirm:$false",
            *(_STAYS if facts.home else ("Remove-MgServicePrincipal -ServicePrincipalId $app.Id",)),
        ),
        "m365": (
            _principal(client),
            f'for ID in $(m365 request --url "{listed}" --query "value[].id | join(\' \', @)" --output text); do',
            f'  m365 request --method delete --url "{root}/$ID"',
            "done",
            *(_STAYS if facts.home else (f"m365 entra enterpriseapp remove --id {client} --force",)),
        ),
        "graph": (
            f"GET {root}?$filter=principalId eq '/ServicePrincipals/SERVICE_PRINCIPAL_ID'",
            f"DELETE {root}/ID_OF_EACH",
            *(_STAYS if facts.home else (f"DELETE {facts.graph_url}/v1.0/servicePrincipals(appId='{client}')",)),
        ),
    }


def _connect(facts: Facts) -> Commands:
    scopes = "Application.ReadWrite.All, AppRoleAssignment.ReadWrite.All"
    environment = _MG_ENVIRONMENTS.get(facts.cloud, "")
    return (
        f"Connect-MgGraph -TenantId {facts.tenant_id} -Scopes {scopes}{environment}",
        f"Connect-ExchangeOnline{_EXO_ENVIRONMENTS.get(facts.cloud, '')}",
    )


def _powershell(facts: Facts) -> dict[str, Commands]:
    mg, exo = _connect(facts)
    client, scope = facts.client_id, _ps(facts.scope)
    grants = (
        "New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $app.Id -PrincipalId $app.Id "
        f"-ResourceId $graph.Id -AppRoleId {role_id}  # {name}"
        for name, role_id in facts.permissions.items()
    )
    assignments = (
        f"New-ManagementRoleAssignment -Name {_assignment(facts, role)} -App $app.Id -Role {_ps(role)} "
        f"-CustomResourceScope {scope}"
        for role in facts.roles
    )
    inside, outside = facts.inside or "someone-inside@your.domain", facts.outside or "someone-outside@your.domain"
    return {
        "principal": (
            mg,
            f"$app = Get-MgServicePrincipal -Filter \"appId eq '{client}'\"",
            f"if (-not $app) {{ $app = New-MgServicePrincipal -AppId {client} }}",
        ),
        "grant": (f"$graph = Get-MgServicePrincipal -Filter \"appId eq '{GRAPH_APP_ID}'\"", *grants),
        "scope": (
            exo,
            f"$group = Get-Group -Identity {_ps(facts.group)}",
            f"New-ServicePrincipal -AppId {client} -ObjectId $app.Id -DisplayName {_ps(facts.application)}",
            '$member = "MemberOfGroup -eq \'$($group.DistinguishedName.Replace("\'", "\'\'"))\'"',
            f"New-ManagementScope -Name {scope} -RecipientRestrictionFilter $member",
        ),
        "assign": tuple(assignments),
        "test": (
            f"Test-ServicePrincipalAuthorization -Identity $app.Id -Resource {inside}",
            f"Test-ServicePrincipalAuthorization -Identity $app.Id -Resource {outside}",
        ),
    }


def _m365(facts: Facts) -> dict[str, Commands]:
    client = facts.client_id
    scopes = ",".join(facts.permissions)
    group = f"--groupId {facts.group}" if is_guid(facts.group) else f"--groupName {shlex.quote(facts.group)}"
    known = f"--id {facts.group}" if is_guid(facts.group) else f"--displayName {shlex.quote(facts.group)}"
    root = f"{facts.graph_url}/beta/roleManagement/exchange/roleAssignments"
    listed = f"{root}?\\$filter=principalId eq '/ServicePrincipals/$PRINCIPAL'"
    return {
        "principal": (
            "# Log in before, as that administrator: m365 login",
            f"m365 entra enterpriseapp get --id {client} >/dev/null 2>&1 || m365 entra enterpriseapp add --id {client}",
            _principal(client),
        ),
        "grant": (
            f"m365 entra approleassignment add --appId {client} --resource 'Microsoft Graph' --scopes '{scopes}'",
        ),
        "scope": (
            "# Exchange takes the group itself as the scope; this shows that it is the one you mean.",
            f"m365 entra group get {known}",
        ),
        "assign": tuple(
            f"m365 exo approleassignment add --roleDefinitionName {shlex.quote(role)} "
            f'--principalId "$PRINCIPAL" --scope group {group}'
            for role in facts.roles
        ),
        "test": (
            "# What is assigned now; a mailbox inside and one outside are tested by the vendor, or in PowerShell.",
            f'm365 request --url "{listed}"',
        ),
    }


def _principal(client_id: str) -> str:
    return f"PRINCIPAL=$(m365 entra enterpriseapp get --id {client_id} --query id --output text)"


def _graph(facts: Facts) -> dict[str, Commands]:
    v1, beta = f"{facts.graph_url}/v1.0", f"{facts.graph_url}/beta/roleManagement/exchange"
    app = f"{v1}/servicePrincipals(appId='{facts.client_id}')"
    grants = _requests(
        (f"POST {app}/appRoleAssignments",
         {"principalId": "SERVICE_PRINCIPAL_ID", "resourceId": "GRAPH_ID", "appRoleId": role_id})
        for role_id in facts.permissions.values()
    )  # fmt: skip
    group = facts.group if is_guid(facts.group) else "GROUP_ID"
    assignments = []
    for role in facts.roles:
        body = {
            "principalId": "/ServicePrincipals/SERVICE_PRINCIPAL_ID",
            "roleDefinitionId": "ROLE_ID",
            "directoryScopeId": f"/Groups/{group}",
        }
        assignments += [f"GET {beta}/roleDefinitions?$filter=displayName eq '{role}'  # its id is ROLE_ID"]
        assignments += _requests([(f"POST {beta}/roleAssignments", body)])
    quoted = facts.group.replace("'", "''")
    return {
        "principal": (
            *_requests([(f"POST {v1}/servicePrincipals", {"appId": facts.client_id})]),
            "# Its id is SERVICE_PRINCIPAL_ID below.",
        ),
        "grant": (f"GET {v1}/servicePrincipals(appId='{GRAPH_APP_ID}')?$select=id  # its id is GRAPH_ID", *grants),
        "scope": (
            f"GET {v1}/groups/{group}"
            if is_guid(facts.group)
            else f"GET {v1}/groups?$filter=displayName eq '{quoted}'  # its id is GROUP_ID",
        ),
        "assign": tuple(assignments),
        "test": (f"GET {beta}/roleAssignments?$filter=principalId eq '/ServicePrincipals/SERVICE_PRINCIPAL_ID'",),
    }


def _requests(requests: Iterable[tuple[str, Mapping[str, str]]]) -> list[str]:
    lines = []
    for line, body in requests:
        lines += [line, f"  {json.dumps(body)}"]
    return lines


def _assignment(facts: Facts, role: str) -> str:
    """The name of a role assignment, by which it is removed again."""
    return _ps(f"{facts.scope} {role.removeprefix('Application ')}")


def _ps(text: str) -> str:
    """`text` as one literal string of PowerShell."""
    return f"'{text.translate(_QUOTES)}'"
