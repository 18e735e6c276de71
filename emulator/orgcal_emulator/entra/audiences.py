"""The audiences of tokens: the application that a scope or `resource` names, and this emulator's own addresses."""

from __future__ import annotations

from dataclasses import dataclass

from orgcal_emulator.directory.models import Directory
from orgcal_emulator.directory.objects import is_guid
from orgcal_emulator.directory.serializers import GRAPH_ADDRESSES
from orgcal_emulator.graph.permissions import GRAPH_CLIENT_ID

RESOURCE_MANAGER_CLIENT_ID = "797f4846-ba00-4fd7-ba43-dac1f8f63013"
"""Azure Resource Manager's appId ("Windows Azure Service Management API"), the same in every tenant.

Source: https://learn.microsoft.com/en-us/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in
"""

RESOURCE_MANAGER = "https://management.azure.com"
RESOURCE_MANAGER_ADDRESSES = frozenset({
    RESOURCE_MANAGER, "https://management.core.windows.net", RESOURCE_MANAGER_CLIENT_ID,
})  # fmt: skip
"""Its audiences, as `/metadata/endpoints` names them."""


@dataclass
class OwnAddresses:
    """Base URLs of this emulator (`https://localhost:1234`), each an audience for Graph; empty until it has a port."""

    urls: frozenset[str] = frozenset()


def client_of(directory: Directory, addresses: OwnAddresses, audience: str) -> str:
    """The client id of the application that an audience names: Graph, by its id, or by an identifier URI; else empty.

    Args:
        addresses: this emulator's own, each of which means Graph.
    """
    if audience in GRAPH_ADDRESSES or audience.removesuffix("/") in addresses.urls:
        return GRAPH_CLIENT_ID
    named = audience.removeprefix("api://")
    if is_guid(named):
        return named
    for application in directory.applications.newest():
        if application.deleted_at is None and audience in application.properties["identifierUris"]:
            return application.client_id
    return ""
