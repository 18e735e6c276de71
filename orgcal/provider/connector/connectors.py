"""`orgcal:index:Connector`: the connector's entry in an integration platform (steps 1, 5, 6 and 8)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from orgcal import resource_types
from orgcal.errors import UsageError
from orgcal.platforms import (
    CatalogField,
    ConnectorEntry,
    ConnectorSettings,
    catalog_refusals,
    ensure_connector,
    open_platform,
)
from orgcal.provider._sdk import (
    Call,
    Created,
    Diff,
    InvalidInputs,
    Prop,
    Properties,
    ReadResult,
    Resource,
    State,
    has_unknown,
)
from orgcal.provider.connector import naming

_WIRE_NAMES: Mapping[CatalogField, str] = {
    "display_name": "displayName",
    "description": "description",
    "scopes": "scopes",
    "published": "published",
}


class Connector(Resource):
    """A connector's entry; an entry that exists is adopted, and only what is declared is changed."""

    token = resource_types.CONNECTOR
    inputs: ClassVar[Mapping[str, Prop]] = {
        "platform": Prop("object", required=True, description="Kind and settings of the platform, without secrets."),
        "key": Prop(required=True, replaces=True, description="The entry's name for machines."),
        "displayName": Prop(required=True, description="Its name in the catalog."),
        "description": Prop(description="Its text in the catalog."),
        "scopes": Prop("array", required=True, description="Names of Microsoft Graph permissions."),
        "published": Prop("boolean", description="Whether users see it; true unless said otherwise."),
        "deleteConnected": Prop("boolean", description="Delete it even while organisations are connected."),
    }
    outputs: ClassVar[Mapping[str, Prop]] = {
        "callbackUrl": Prop(description="Where Entra ID sends the browser back to; a redirect URI of the application."),
        "connections": Prop("integer", volatile=True, description="Connected organisations when last looked at."),
    }

    def check(self, call: Call, news: Properties, olds: Properties) -> Properties:  # noqa: ARG002
        news = {"description": "", "published": True, "deleteConnected": False, **news}
        able = naming.checked_platform(news["platform"])
        if not has_unknown(news):
            refusals = catalog_refusals(able, _declared(news))
            if refusals:
                raise InvalidInputs({_WIRE_NAMES[name]: reason for name, reason in refusals.items()})
        return news

    def diff(self, call: Call, resource_id: str, old: State, news: Properties) -> Diff:  # noqa: ARG002
        diff = naming.moved(self.compared(old.inputs, news), old.inputs, news)
        if not has_unknown(news["scopes"]) and set(old.inputs.get("scopes", ())) == set(news["scopes"]):
            return replace(diff, changed=diff.changed - {"scopes"})  # an order that a platform gives back is no change
        return diff

    def create(self, call: Call, news: Properties) -> Created:
        declared = _declared(news)
        ensured = ensure_connector(open_platform(news["platform"], os.environ), declared)
        if ensured.outcome == "adopted":
            call.tell("info", f"adopted the connector {declared.key!r}, which was there already")
        elif ensured.outcome == "changed":
            changes = "; ".join(ensured.differences)
            call.tell("warning", f"adopted the connector {declared.key!r}, which had other settings ({changes})")
        return Created(naming.resource_id(news["platform"], declared.key), _outputs(ensured.entry))

    def read(self, call: Call, resource_id: str, old: State) -> ReadResult | None:  # noqa: ARG002
        """The entry. Import ids are `key`, or `{...settings...}/key` as JSON for a platform that needs settings."""
        settings, key = naming.parse_id(resource_id, old.inputs)
        entry = open_platform(settings, os.environ).read_connector(key)
        if entry is None:
            return None
        catalog = {wire: getattr(entry, name) for name, wire in _WIRE_NAMES.items()}
        known: Properties = {wire: value for wire, value in catalog.items() if value is not None}
        if "scopes" in known:
            same = set(known["scopes"]) == set(old.inputs.get("scopes", ()))
            known["scopes"] = old.inputs.get("scopes", []) if same else list(known["scopes"])
        defaults = {"displayName": key, "description": "", "scopes": [], "published": True, "deleteConnected": False}
        inputs = {**defaults, **old.inputs, "platform": settings, "key": key, **known}
        return ReadResult(naming.resource_id(settings, key), inputs, _outputs(entry))

    def update(self, call: Call, resource_id: str, old: State, news: Properties) -> Properties:  # noqa: ARG002
        declared = _declared(news)
        return _outputs(ensure_connector(open_platform(news["platform"], os.environ), declared).entry)

    def delete(self, call: Call, resource_id: str, old: State) -> None:  # noqa: ARG002
        platform = open_platform(old.inputs["platform"], os.environ)
        platform.delete_connector(old.inputs["key"], connected_too=bool(old.inputs.get("deleteConnected")))


def _declared(inputs: Properties) -> ConnectorSettings:
    scopes = inputs["scopes"]
    if any(not isinstance(scope, str) for scope in scopes):
        raise UsageError(f"found {scopes!r}, expected names such as Calendars.Read", where="scopes")
    return ConnectorSettings(
        key=inputs["key"],
        display_name=inputs["displayName"],
        description=inputs["description"],
        scopes=tuple(scopes),
        published=inputs["published"],
    )


def _outputs(entry: ConnectorEntry) -> Properties:
    return {"callbackUrl": entry.callback_url, "connections": entry.connections or 0}
