"""What is kept of Nango: integrations, connect sessions, connections."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Integration:
    """An integration. `credentials` is secret."""

    unique_key: str
    provider: str
    display_name: str
    forward_webhooks: bool
    created_at: float
    updated_at: float
    credentials: dict[str, Any] | None = None
    integration_config: dict[str, Any] | None = None
    custom: dict[str, Any] | None = None


@dataclass
class ConnectSession:
    """What a connect link stands for. `token` is secret.

    Attributes:
        defaults: integration -> connection config that wins over what a browser sends.
        states: `state` of a begun OAuth flow -> integration and connection config.
    """

    token: str
    expires_at: float
    allowed: list[str]
    defaults: dict[str, dict[str, Any]]
    tags: dict[str, str]
    states: dict[str, list[Any]] = field(default_factory=dict)


@dataclass
class Connection:
    """An organisation that is connected. `credentials` is secret."""

    connection_id: str
    provider_config_key: str
    connection_config: dict[str, Any]
    tags: dict[str, str]
    credentials: dict[str, Any]
    expires_at: float
    created_at: float
    updated_at: float
