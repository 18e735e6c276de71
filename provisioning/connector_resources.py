"""Steps 1, 5, 6 and 8 of the guide: the connector's entry in its platform, and in whichever others it is pushed to."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from orgcal.settings import Settings
from orgcal.settings.platform_rules import declared_connector
from provisioning.connector import Connector


class ConnectorEntries:
    """One `Connector` for each platform; each is a resource of its own, so that none stops another.

    Args:
        name: of the first resource; the others append their own.
        settings: of the stack.
        after: the ledger, which must be asked before anything is written.

    Attributes:
        main: in `orgcal:connector.platform`, where organisations connect.
        further: by their names in `orgcal:connector.also_push_to`.
        callback_urls: of all of them, the main one first; redirect URIs of the application.
    """

    main: Connector
    further: Mapping[str, Connector]
    callback_urls: pulumi.Output[list[str]]

    def __init__(self, name: str, settings: Settings, *, after: pulumi.Resource) -> None:
        self.main = _connector(name, settings, "", after)
        self.further = {
            other: _connector(f"{name}-{other}", settings, other, after) for other in settings.connector.also_push_to
        }
        urls = [entry.callback_url for entry in (self.main, *self.further.values())]
        self.callback_urls = pulumi.Output.all(*urls).apply(lambda said: list(dict.fromkeys(said)))


def _connector(name: str, settings: Settings, other: str, after: pulumi.Resource) -> Connector:
    """The entry in the main platform, or in the further one called `other`."""
    declared = declared_connector(settings.connector, other)
    return Connector(
        name,
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
