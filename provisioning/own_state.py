"""What the stack's own state holds, asked of the engine while the program runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pulumi

from orgcal.resource_types import APPLICATION

_READ = "pulumi:pulumi:readStackResourceOutputs"
"""A function of the engine itself, which answers `{"outputs": {urn: {"type": ..., "outputs": {...}}}}`.
Source: https://github.com/pulumi/pulumi/blob/v3.258.0/pkg/resource/deploy/builtins.go"""
_PAUSES_S = (0.05, 0.2, 0.0)
"""After each try. A state in files may be read while the engine writes it, and is then cut short."""


def application_in_state() -> str:
    """Object id of the application that this stack has deployed.

    The stack's tag does not tell it: what a killed run left behind carries the same one.

    Returns:
        The object id; empty before the first deployment, and where the engine cannot tell.
    """
    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    for pause_s in _PAUSES_S:
        try:
            said = pulumi.runtime.invoke(_READ, {"stackName": name}).value
        except Exception as error:  # noqa: BLE001  # invoke raises no narrower one
            pulumi.log.debug(f"the stack's state could not be read: {error}")
            time.sleep(pause_s)
        else:
            return _application_in((said or {}).get("outputs") or {})
    return ""


def _application_in(resources: Mapping[str, Mapping[str, Any]]) -> str:
    found = [item.get("outputs") or {} for item in resources.values() if item.get("type") == APPLICATION]
    return str(found[0].get("objectId") or "") if len(found) == 1 else ""
