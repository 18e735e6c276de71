"""The JSON schema of a stack's file, for editors: names, explanations and mistakes while one types.

`python -m orgcal.settings.schema` writes it to `schema/stack.schema.json`, or to the path that is given, with the kinds
of platforms of installed packages; a test keeps it in step with `Settings`.
A stack's file names it in its first line: `# yaml-language-server: $schema=schema/stack.schema.json`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from orgcal.platforms import settings_class, usable_kinds
from orgcal.settings.model import Settings
from orgcal.settings.stack_file import NAMESPACE

SCHEMA_FILE = Path(__file__).resolve().parents[2] / "schema" / "stack.schema.json"
_OF_PULUMI = {
    "encryptionsalt": "Salt of the passphrase that encrypts secrets; Pulumi writes it.",
    "encryptedkey": "Key that encrypts secrets, itself encrypted by the key service; Pulumi writes it.",
    "secretsprovider": "Key service that encrypts secrets, such as azurekeyvault://VAULT.vault.azure.net/keys/KEY.",
}


def stack_schema() -> dict[str, Any]:
    """The schema of `Pulumi.<stack>.yaml`."""
    described = Settings.model_json_schema(mode="validation")
    definitions = {**described.pop("$defs"), **_platform_definitions()}
    connector = definitions["ConnectorSettings"]["properties"]
    connector["platform"] |= {"$ref": "#/$defs/Platform"}
    by_name = {pattern: {"$ref": "#/$defs/Platform"} for pattern in connector["also_push_to"]["patternProperties"]}
    connector["also_push_to"] |= {"patternProperties": by_name, "additionalProperties": False}
    settings = _plain(described)
    config = {
        "type": "object",
        "description": "Settings of the stack.",
        "properties": {f"{NAMESPACE}:{name}": item for name, item in settings["properties"].items()},
        "required": [f"{NAMESPACE}:{name}" for name in settings["required"]],
        "patternProperties": {"^(?!orgcal:|azuread:)": True},
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stack of orgcal",
        "type": "object",
        "properties": {
            "config": config,
            **{name: {"type": "string", "description": about} for name, about in _OF_PULUMI.items()},
        },
        "required": ["config"],
        "$defs": {name: _plain(item) for name, item in definitions.items()},
    }


def _platform_definitions() -> dict[str, Any]:
    """Return `Platform`, which chooses by `kind`, and the definitions of each kind's settings."""
    models = {kind: settings_class(kind) for kind in usable_kinds()}
    places, described = models_json_schema([(model, "validation") for model in models.values()])
    choices = [
        {
            "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
            "then": places[model, "validation"],
        }
        for kind, model in models.items()
    ]
    platform = {
        "type": "object",
        "properties": {"kind": {"enum": list(models), "description": "Kind of the platform."}},
        "required": ["kind"],
        "allOf": choices,
    }
    return {"Platform": platform, **described["$defs"]}


def schema_text() -> str:
    """The schema as the file holds it."""
    return json.dumps(stack_schema(), indent=2, ensure_ascii=False) + "\n"


_OURS = ("title", "expected", "example", "secret", "$defs")
"""What an item has that is no word for editors; `properties` are names, which these are not."""


def _plain(item: Any) -> Any:
    """`item` in words of JSON Schema only: what is expected joins the description; titles repeat names."""
    if isinstance(item, list):
        return [_plain(entry) for entry in item]
    if not isinstance(item, dict):
        return item
    expected = item.get("expected")
    kept = {name: value for name, value in item.items() if name not in _OURS}
    if isinstance(expected, str):
        kept["description"] = f"{item.get('description', '')} Expected: {expected}.".strip()
    for name, value in kept.items():
        is_names = name in ("properties", "patternProperties")
        kept[name] = {key: _plain(entry) for key, entry in value.items()} if is_names else _plain(value)
    return kept


if __name__ == "__main__":
    path = Path(sys.argv[1]) if sys.argv[1:] else SCHEMA_FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text(schema_text(), encoding="utf-8")
