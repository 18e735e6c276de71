"""Steps 1, 5, 6 and 8 of the guide: the connector's entry in its platform, and in whichever others it is pushed to."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from orgcal.settings import Settings
from provisioning.connector import Connector
from provisioning.inputs import connector_inputs


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
        self.main = Connector(name, **connector_inputs(settings, after=after))
        self.further = {
            other: Connector(f"{name}-{other}", **connector_inputs(settings, other, after=after))
            for other in settings.connector.also_push_to
        }
        urls = [entry.callback_url for entry in (self.main, *self.further.values())]
        self.callback_urls = pulumi.Output.all(*urls).apply(lambda said: list(dict.fromkeys(said)))
