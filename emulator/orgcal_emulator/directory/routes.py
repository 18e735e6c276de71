"""Every Graph route of the directory."""

from __future__ import annotations

from orgcal_emulator.directory.access import UserTest
from orgcal_emulator.directory.application_parts import ApplicationPartRoutes
from orgcal_emulator.directory.applications import ApplicationRoutes
from orgcal_emulator.directory.delegated_grants import DelegatedGrantRoutes
from orgcal_emulator.directory.deleted_items import DeletedItemRoutes
from orgcal_emulator.directory.grants import GrantRoutes
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.directory.owners import MemberShape, OwnerRoutes
from orgcal_emulator.directory.policy_routes import AppManagementPolicyRoutes
from orgcal_emulator.directory.service_principals import ServicePrincipalRoutes
from orgcal_emulator.directory.tenant_routes import TenantRoutes
from orgcal_emulator.graph.routing import Route


def directory_routes(directory: Directory, is_user: UserTest, member_shape: MemberShape) -> list[Route]:
    """Routes of applications, service principals, grants, deleted items and the tenant."""
    return [
        *ApplicationRoutes(directory, is_user).routes(),
        *ApplicationPartRoutes(directory).routes(),
        *ServicePrincipalRoutes(directory, is_user).routes(),
        *GrantRoutes(directory).routes(),
        *DelegatedGrantRoutes(directory, is_user).routes(),
        *OwnerRoutes(directory, is_user, member_shape).routes(),
        *DeletedItemRoutes(directory).routes(),
        *TenantRoutes(directory).routes(),
        *AppManagementPolicyRoutes(directory).routes(),
    ]
