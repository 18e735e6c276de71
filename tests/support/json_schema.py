"""Where a JSON schema marks data as wrong, as an editor shows it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator


def problems(data: Any, schema: dict[str, Any]) -> Iterator[str]:
    """Yield `path: word` for each place in `data` that breaks a word of the schema.

    A missing or an unknown key is a place of its own, with the words `required` and `unknown`.
    """
    for error in _validator_of(json.dumps(schema)).iter_errors(data):
        path = "".join(f".{part}" for part in error.absolute_path)
        if error.validator == "required":
            yield from (f"{path}.{key}: required" for key in error.validator_value if f"'{key}' is" in error.message)
        elif error.validator == "additionalProperties":
            named, patterns = error.schema.get("properties", {}), error.schema.get("patternProperties", {})
            unknown = (
                key for key in error.instance if key not in named and not any(re.search(p, key) for p in patterns)
            )
            yield from (f"{path}.{key}: unknown" for key in unknown)
        else:
            yield f"{path}: {error.validator}"


@cache
def _validator_of(schema: str) -> Draft202012Validator:
    """Judges by a schema that is one itself, which takes long to find out."""
    parsed = json.loads(schema)
    Draft202012Validator.check_schema(parsed)
    return Draft202012Validator(parsed)
