"""Platforms and ids of entries: what inputs mean, what the state and `pulumi import` call an entry, when it moved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orgcal.errors import ConfigError, UsageError
from orgcal.platforms import Capabilities, capabilities_of, place_of
from orgcal.provider._sdk import Diff, InvalidInputs, Properties, has_unknown


def checked_platform(settings: Any) -> Capabilities:
    """What the platform that an input names can do.

    Raises:
        InvalidInputs: its settings are wrong, or not known before the update.
    """
    if has_unknown(settings):
        raise InvalidInputs({"platform": "must be known before anything is made; take it from config"})
    try:
        return capabilities_of(settings)
    except ConfigError as error:
        raise InvalidInputs({"platform": "; ".join(error.problems)}) from None


def resource_id(settings: Mapping[str, Any], key: str) -> str:
    """The id of the entry `key`; it names the place too, so that two platforms cannot be confused."""
    return f"{place_of(settings)}/{key}"


def parse_id(resource_id_: str, known: Properties) -> tuple[dict[str, Any], str]:
    """Platform settings and key of an id.

    Args:
        resource_id_: of a resource in the state, or what was given to `pulumi import`: the key alone
            for the emulator's platform, otherwise the platform's settings as JSON, a slash, and the key.
        known: its inputs, empty during an import.

    Raises:
        UsageError: the id of an import cannot be understood.
    """
    if known:
        return dict(known["platform"]), str(known["key" if "key" in known else "connectorKey"])
    settings: Any = {"kind": "local"}
    key = resource_id_
    if resource_id_.startswith("{"):
        text, _, key = resource_id_.rpartition("/")
        try:
            settings = json.loads(text)
        except ValueError:
            settings = None
    if not key or not isinstance(settings, dict):
        raise UsageError(
            f"the id {resource_id_!r} names no connector",
            repair='give its key, or the platform\'s settings and its key, such as {"kind": "local"}/outlook',
        )
    return settings, key.removeprefix("local:local/")


def moved(diff: Diff, olds: Properties, news: Properties) -> Diff:
    """`diff`, which replaces the entry if the platform settings now mean another place."""
    if "platform" in olds and place_of(olds["platform"]) != place_of(news["platform"]):
        return replace(diff, replaced=diff.replaced | {"platform"})
    return diff
