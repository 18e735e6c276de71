"""Step 7: the connector's scopes decide the application's permissions on Microsoft Graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_azuread as azuread

from orgcal.entra.permissions import (
    GRAPH_APP_ID,
    USE_DIRECTORY,
    AppRole,
    application_permissions,
    published_roles,
)
from orgcal.entra.scope_advice import calendar_problem, scope_advice
from orgcal.errors import ConfigError, OrgcalError
from orgcal.settings import Settings
from orgcal.settings.model import sections_of, with_place
from orgcal.settings.scope_rules import scope_problems
from orgcal.settings.stack_file import load_stack_file
from provisioning.connector import start_plugin


@dataclass(frozen=True, slots=True)
class Declared:
    """What the application declares.

    Attributes:
        roles: application permissions, sorted by name, `Directory.Read.All` among them.
        graph_principal_id: object id of Microsoft Graph's service principal in the home tenant; empty where nothing
            is looked up there.
    """

    roles: tuple[AppRole, ...]
    graph_principal_id: str


def declare(settings: Settings, *, provider: azuread.Provider) -> Declared:
    """The application permissions for the connector's scopes; a preview warns where they are too many.

    Names resolve through the home tenant's own service principal of Microsoft Graph, whose ids must agree with orgcal's
    own table; or, where the settings say so, through that table alone. Raises before the first resource is made.

    The deploying principal needs `Application.Read.All`, unless names are pinned.

    Raises:
        ConfigError: a scope is no application permission; the nearest names are offered. Or permissions are to be
            granted, for which the home tenant must be looked at, and the settings say not to. Or no scope opens
            calendars, and the settings do not say that this is meant.
        OrgcalError: the operator may not look the names up, or cannot log in.
    """
    connector = settings.connector
    published: dict[str, AppRole] | None = None  # orgcal's own table decides
    graph_principal_id = ""
    if settings.entra.lookup == "directory":
        published, graph_principal_id = _published(provider)
    elif settings.application.home_grants:
        raise ConfigError(
            [
                "orgcal:entra.lookup: found pinned; expected directory, as orgcal:application.home_grants needs it; "
                f"repair: pulumi config set --stack {settings.stack} --path orgcal:entra.lookup directory"
            ]
        )
    if problems := scope_problems(connector.scopes, published, otherwise=USE_DIRECTORY):
        raise ConfigError([with_place(problem, settings.stack, _lines(settings)) for problem in problems])
    declared = Declared(application_permissions(connector.scopes, published), graph_principal_id)
    if problem := calendar_problem(connector.scopes, connector.calendars):
        raise ConfigError([with_place(problem, settings.stack, _lines(settings))])
    if pulumi.runtime.is_dry_run():
        for sentence in scope_advice(connector.scopes, connector.purpose):
            pulumi.log.warn(sentence)
    return declared


def _lines(settings: Settings) -> Mapping[str, int]:
    """Setting to its line in the stack's file; nothing where the engine took the scopes from another file."""
    try:
        file = load_stack_file(Path.cwd(), settings.stack)
    except OrgcalError:
        return {}
    connector = sections_of(file.config)[0].get("connector")
    scopes = connector.get("scopes") if isinstance(connector, dict) else None
    return file.lines if scopes == list(settings.connector.scopes) else {}


def _published(provider: azuread.Provider) -> tuple[dict[str, AppRole], str]:
    """The roles that Microsoft Graph publishes in the home tenant, and the object id of its service principal there."""
    start_plugin(after=provider)
    try:
        graph = azuread.get_service_principal(client_id=GRAPH_APP_ID, opts=pulumi.InvokeOptions(provider=provider))
    except Exception as error:  # pulumi has no narrower type for what a plugin refuses
        # Without the engine's wrapping.
        told = str(error).rpartition("failed: ")[2].split("\n  repair: ")[0].strip()
        lacks = f"orgcal preflight --stack {pulumi.get_stack()} names what the operator lacks"
        raise OrgcalError(
            f"the permissions of Microsoft Graph cannot be looked up in the home tenant: {told}",
            repair="" if "AADSTS" in told else lacks,  # who cannot log in is told how to, by the command
        ) from error
    published = published_roles(
        {
            "id": role.id,
            "value": role.value,
            "allowedMemberTypes": role.allowed_member_types,
            "isEnabled": role.enabled,
        }
        for role in graph.app_roles
    )
    return published, graph.object_id
