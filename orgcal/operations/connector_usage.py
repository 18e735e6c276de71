"""Which application a connector uses now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orgcal.platforms import open_platform


def connector_client_id(settings: Mapping[str, Any], key: str, environ: Mapping[str, str]) -> str:
    """Client id in the connector's credential; empty if it has none or the platform does not tell.

    Args:
        settings: `orgcal:connector.platform`.
        key: the connector's key.
        environ: the environment that the stack lives in.

    Raises:
        PlatformError: the platform refused.
        Unreachable: it gave no answer; then nobody knows what is in use.
    """
    held = open_platform(settings, environ).read_credentials(key)
    return (held.client_id or "") if held is not None else ""
