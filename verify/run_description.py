"""What a run verified, and when: the head of every report, so that it can stand as evidence on its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orgcal import __version__
from orgcal.durations import rfc3339
from verify.models import Options


@dataclass(frozen=True, slots=True)
class RunDescription:
    """What a run is about; empty texts are what its source does not tell.

    Attributes:
        connector: the entry in the integration platform.
        application: display name of the application.
        home_tenant: tenant id of the application's own tenant.
        version: of orgcal.
        began: in UTC.
    """

    connector: str
    application: str
    client_id: str
    stack: str
    cloud: str
    home_tenant: str
    version: str
    began: datetime

    def as_json(self) -> dict[str, Any]:
        """The description as a JSON object; null stands for what the source does not tell."""
        return {
            "connector": self.connector or None,
            "application": self.application or None,
            "client_id": self.client_id,
            "stack": self.stack or None,
            "cloud": self.cloud,
            "home_tenant": self.home_tenant or None,
            "version": self.version,
            "began": rfc3339(self.began),
        }

    def labelled(self, duration_s: float | None = None) -> Mapping[str, str]:
        """What is known, by its label for people; with the duration of a run that is over."""
        known = {
            "connector": self.connector,
            "application": self.application,
            "client id": self.client_id,
            "stack": self.stack,
            "cloud": self.cloud,
            "home tenant": self.home_tenant,
            "orgcal": self.version,
            "began": f"{self.began:%Y-%m-%d %H:%M:%S} UTC",
            "duration": "" if duration_s is None else f"{duration_s:,.1f} s",
        }
        return {label: text for label, text in known.items() if text}


def describe(options: Options) -> RunDescription:
    """The description of a run that begins now."""
    connector = options.connector
    outputs = connector.outputs
    return RunDescription(
        connector=connector.name,
        application=outputs.display_name if outputs else "",
        client_id=connector.client_id,
        stack=outputs.stack if outputs else "",
        cloud=connector.cloud,
        home_tenant=outputs.tenant_id if outputs else "",
        version=__version__,
        began=datetime.now(UTC),
    )
