"""Steps 1, 5, 6 and 8 of the guide: the connector's entry in its platform, and in whichever others it is pushed to."""

from __future__ import annotations

import pulumi

from orgcal.settings import Settings
from orgcal.settings.platform_rules import declared_connector
from provisioning.connector import Connector


def connector_entries(name: str, settings: Settings, *, after: pulumi.Resource) -> dict[str, Connector]:
    """The entry in each platform, each a resource of its own, so that none stops another.

    Args:
        name: of the first resource; the others append their own.
        after: the ledger, which must be asked before anything is written.

    Returns:
        First, under an empty name, the entry in `orgcal:connector.platform`, where organisations connect; then those
        in further platforms by their names in `orgcal:connector.also_push_to`.
    """
    entries = {}
    for other in ("", *settings.connector.also_push_to):
        declared = declared_connector(settings.connector, other)
        entries[other] = Connector(
            f"{name}-{other}" if other else name,
            platform=settings.platform(other),
            key=declared.key,
            display_name=declared.display_name,
            description=declared.description,
            scopes=list(declared.scopes),
            published=declared.published,
            delete_connected=settings.connector.delete_connected or settings.ephemeral,
            # Nothing leads from the ledger to the connector by data, but a stale checkout must be refused before the
            # connector's catalog text is written too; everything else follows the connector.
            opts=pulumi.ResourceOptions(protect=settings.protected, depends_on=[after]),
        )
    return entries
