"""Forms of a state that every resource type of the stand-in shares."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from orgcal.provider._sdk import Properties, Secret, reveal
from orgcal.provider.azuread.fields import DEFAULTS

_TIMEOUTS = "e2bfb730-ecaa-11e6-8f88-34363bc7c4c0"
"""The key under which Terraform's SDK keeps timeouts (`schema.TimeoutKey`)."""

_NANOSECONDS = 1_000_000_000


def meta(schema_version: int, **timeouts_min: int) -> str:
    """The `__meta` that the real plugin keeps: without it the real plugin would take the state for an older one's.

    Args:
        schema_version: of the type in the Terraform provider; 0 is left out.
        timeouts_min: create, read, update, delete in minutes.
    """
    meta_values: dict[str, Any] = {
        _TIMEOUTS: {name: minutes * 60 * _NANOSECONDS for name, minutes in timeouts_min.items()}
    }
    if schema_version:
        meta_values["schema_version"] = str(schema_version)
    return json.dumps(meta_values, separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True, slots=True)
class CreatedResource:
    """A resource that exists.

    Attributes:
        resource_id: its `id`.
        state: what is known of it.
    """

    resource_id: str
    state: Properties


def without_defaults(value: Any) -> Any:
    """`value` without the engine's notes on defaults, at any depth."""
    if isinstance(value, dict):
        return {name: without_defaults(entry) for name, entry in value.items() if name != DEFAULTS}
    return [without_defaults(entry) for entry in value] if isinstance(value, list) else value


def as_secret(values: Properties, inputs: Properties) -> Properties:
    """`values`, secret wherever the input of the same name is or contains a secret."""
    return {
        name: Secret(value) if name in inputs and reveal(inputs[name]) != inputs[name] else value
        for name, value in values.items()
    }
