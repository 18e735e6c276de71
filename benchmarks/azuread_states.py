"""States of the recorded program, brought into a form in which the real plugin's and the stand-in's can be compared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

STATE_NORMALISATION: Mapping[str, str] = {
    "ids": "ids, and what is made of them, are renamed after the resource and property they come from",
    "secrets": "the ciphertext of a secret counts as one word: each run makes another value and encrypts it anew",
    "moments": "`startDate` counts as one word, since the server sets it to the time of the run",
    "nulls": "an output without a value may be null or absent: the SDKs show both as nothing",
    "sets": "the order inside sets does not count: `appRoles`, `requiredResourceAccesses`, redirect URIs, tags, owners",
    "bridge": "`__pulumi_raw_state_delta` is left out: the real plugin's bridge caches its Terraform state there",
}
"""Rule -> what it allows and why; `docs/standin.md` holds the same table."""

_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAMED = ("objectId", "clientId", "keyId", "credentialId")
_SETS = frozenset(
    {
        "appRoles",
        "requiredResourceAccesses",
        "redirectUris",
        "tags",
        "owners",
        "identifierUris",
        "servicePrincipalNames",
    }
)
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_TYPE_PREFIX = "azuread:"
_COMPARED = ("id", "inputs", "outputs", "additionalSecretOutputs", "propertyDependencies")


def state_differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What differs between two states of one program, one line each.

    Args:
        expected: resources by name, as in `pulumi stack export`; of the real plugin.
        found: the same of the other.
    """
    wanted, made = _comparable(expected), _comparable(found)
    lines = [f"{name}: missing" for name in sorted(wanted.keys() - made.keys())]
    lines += [f"{name}: not expected" for name in sorted(made.keys() - wanted.keys())]
    for name in sorted(wanted.keys() & made.keys()):
        lines += _lines(name, wanted[name], made[name])
    return lines


def _comparable(state: Mapping[str, Any]) -> dict[str, Any]:
    ours = {name: item for name, item in state.items() if item["type"].startswith(_TYPE_PREFIX)}
    names: dict[str, str] = {}
    for name, item in sorted(ours.items()):
        for number, part in enumerate(_GUID.findall(item["id"])):
            names.setdefault(part, f"<{name}.id.{number}>")
        names.setdefault(item["id"].rsplit("/", 1)[-1], f"<{name}.id>")
        for output in _NAMED:
            value = item.get("outputs", {}).get(output)
            if isinstance(value, str):
                names.setdefault(value, f"<{name}.{output}>")
    result = {}
    for name, item in ours.items():
        text = json.dumps({part: item.get(part) for part in _COMPARED})
        for value, label in sorted(names.items(), key=lambda pair: -len(pair[0])):
            text = text.replace(value, label)
        result[name] = _plain("", json.loads(text))
    return result


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        if _SIGNATURE in value:
            return "<secret>"
        return {
            key: _plain(key, entry)
            for key, entry in value.items()
            if entry is not None and key != "__pulumi_raw_state_delta"
        }
    if isinstance(value, list):
        entries = [_plain("", entry) for entry in value]
        return sorted(entries, key=repr) if name in _SETS else entries
    return "<moment>" if name == "startDate" and value else value


def _lines(place: str, wanted: Any, made: Any) -> Iterator[str]:
    if isinstance(wanted, dict) and isinstance(made, dict):
        for key in sorted(wanted.keys() | made.keys()):
            yield from _lines(f"{place}.{key}", wanted.get(key), made.get(key))
    elif wanted != made:
        yield f"{place}: expected {wanted!r}, found {made!r}"
