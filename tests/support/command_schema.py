"""What commands print with --json, held against `schema/commands.schema.json`."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from tests.support.checkout import ROOT

SCHEMA: dict[str, Any] = json.loads((ROOT / "schema/commands.schema.json").read_text(encoding="utf-8"))


@cache
def validator_of(command: str) -> Draft202012Validator:
    """Judges an object that a command printed, or its refusal."""
    shapes = [SCHEMA["commands"][command], {"$ref": "#/$defs/refused"}]
    return Draft202012Validator({"$defs": SCHEMA["$defs"], "anyOf": shapes})


def mistakes_in(command: str, printed: object) -> list[str]:
    """What is wrong with an object that a command printed; the shape of a success is what is compared."""
    found = list(validator_of(command).iter_errors(printed))
    own = [each for error in found for each in error.context or () if each.schema_path[0] == 0]
    return [f"{'/'.join(map(str, each.path))}: {each.message[:200]}" for each in own or found]
