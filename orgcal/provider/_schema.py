"""The schema that `pulumi package get-schema` and the engine's tools ask for, from the declarations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from orgcal.provider._sdk import Prop, Provider, Resource

_ANY = {"$ref": "pulumi.json#/Any"}


def text(provider: Provider) -> str:
    """The package's schema as JSON.

    Source: https://www.pulumi.com/docs/iac/packages-and-automation/pulumi-packages/schema/
    """
    return json.dumps(
        {
            "name": provider.name,
            "version": provider.version,
            "config": {"variables": _properties(provider.config)},
            "provider": {"inputProperties": _properties(provider.config)},
            "resources": {resource.token: _resource(resource) for resource in provider.resources},
            "functions": {
                function.token: {
                    "description": (function.__doc__ or "").strip(),
                    "inputs": {"properties": _properties(function.inputs), "required": _required(function.inputs)},
                    "outputs": {"properties": _properties(function.outputs)},
                }
                for function in provider.functions
            },
        }
    )


def _resource(resource: Resource) -> dict[str, Any]:
    settable = {name: prop for name, prop in resource.inputs.items() if not prop.filled}
    properties = {**resource.inputs, **resource.outputs}
    properties.pop("id", None)  # every resource of Pulumi has one, so that a schema must not name it
    return {
        "description": (resource.__doc__ or "").strip(),
        "inputProperties": _properties(settable),
        "requiredInputs": _required(resource.inputs),
        "properties": _properties(properties),
        "required": _required(resource.inputs),
    }


def _required(declared: Mapping[str, Prop]) -> list[str]:
    return sorted(name for name, prop in declared.items() if prop.required)


def _properties(declared: Mapping[str, Prop]) -> dict[str, dict[str, Any]]:
    return {name: _property(prop) for name, prop in declared.items()}


def _property(prop: Prop) -> dict[str, Any]:
    described: dict[str, Any] = {"type": prop.kind}
    if prop.kind == "array":
        described["items"] = _ANY
    elif prop.kind == "object":
        described["additionalProperties"] = _ANY
    elif prop.kind == "any":
        described = dict(_ANY)
    if prop.description:
        described["description"] = prop.description
    if prop.secret:
        described["secret"] = True
    if prop.replaces:
        described["willReplaceOnChanges"] = True
    return described
