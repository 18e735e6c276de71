"""Settings of the kind `http`: a REST platform described in config."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from orgcal.entra.credentials import FIELDS
from orgcal.platforms import templates
from orgcal.platforms.access import read_address
from orgcal.platforms.model import Capabilities, CatalogField, CredentialKind
from orgcal.platforms.settings import SettingsReader

_OF_AN_ENTRY = ("read", "create", "update", "delete")
_OF_A_CREDENTIAL = ("read", "create", "push", "remove")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CATALOG: tuple[CatalogField, ...] = ("display_name", "description", "scopes", "published")
ENTRY_NAMES = frozenset({"key", *CATALOG})
MATERIAL = frozenset(FIELDS)
CREDENTIAL_NAMES = frozenset({"key", "client_id", "generation", "scopes", *MATERIAL})


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """One request.

    Attributes:
        absent: statuses that mean "there is none", where an API uses others than 404.
    """

    method: str
    path: str
    body: Any = None
    absent: frozenset[int] = frozenset({404})


@dataclass(frozen=True, slots=True)
class PartTemplate:
    """How an entry, or its credential, is read and written; operations that are missing are not possible.

    Attributes:
        fields: field -> dotted path in the answer of `read`.
    """

    operations: Mapping[str, RequestTemplate] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Settings of this kind, read.

    Attributes:
        callback_url: fixed callback URL, empty if the entry's answer holds it (`entry.fields.callback_url`).
    """

    name: str
    base_url: str
    key_file_variable: str
    auth_header: str
    auth_value: str
    callback_url: str
    entry: PartTemplate
    credentials: PartTemplate


def read_settings(settings: Mapping[str, Any]) -> HttpSettings:
    """The settings of this kind.

    Raises:
        ConfigError: all that is wrong.
    """
    reader = SettingsReader(settings)
    name = reader.text("name", default="the platform")
    base_url = read_address(reader, "base_url")
    variable = reader.text("key_file_variable", default="ORGCAL_PLATFORM_KEY_FILE")
    header = reader.text("auth_header", default="Authorization")
    value = reader.text("auth_value", default="Bearer {api_key}")
    if "{api_key}" not in value:
        reader.problem("auth_value", "must hold {api_key}; the key itself belongs in a file")
    callback_url = reader.text("callback_url", default="")
    problems: list[str] = []
    entry = _part(
        reader.mapping("entry", default={}), "entry", _OF_AN_ENTRY, ENTRY_NAMES, {"callback_url", *CATALOG}, problems
    )
    known = {"client_id", "generation", "scopes", "updated_at", *MATERIAL}
    credentials = _part(
        reader.mapping("credentials"), "credentials", _OF_A_CREDENTIAL, CREDENTIAL_NAMES, known, problems
    )
    if "push" not in credentials.operations:
        problems.append("credentials.push: missing; without it no credential can be stored")
    if bool(callback_url) == ("callback_url" in entry.fields):
        problems.append("callback_url: give either this or entry.fields.callback_url")
    if entry.operations and not {"read", "create", "delete"} <= entry.operations.keys():
        problems.append("entry: needs read, create and delete, or nothing at all")
    for problem in problems:
        setting, _, sentence = problem.partition(": ")
        reader.problem(setting, sentence)
    reader.done()
    return HttpSettings(name, base_url, variable, header, value, callback_url, entry, credentials)


def capabilities_of(read: HttpSettings) -> Capabilities:
    """What the described requests can do."""
    pushed = set(_bodies(read.credentials.operations.values()))
    kinds = {
        "secret": "client_secret" in pushed,
        "certificate": {"certificate_pem", "private_key_pem"} <= pushed,
    }
    seen = read.credentials.fields.keys()
    return Capabilities(
        callback="fixed" if read.callback_url else "created",
        reads_back="value" if seen & MATERIAL else "timestamp" if "updated_at" in seen else "nothing",
        catalog=frozenset(name for name in CATALOG if name in read.entry.fields),
        credential_kinds=frozenset(cast(CredentialKind, kind) for kind, able in kinds.items() if able),
        connections="own flow",
        tokens=False,
    )


def _part(
    given: Mapping[str, Any],
    name: str,
    possible: tuple[str, ...],
    known: frozenset[str],
    fields: set[str],
    problems: list[str],
) -> PartTemplate:
    operations: dict[str, RequestTemplate] = {}
    found_fields: dict[str, str] = {}
    for key, value in given.items():
        if not isinstance(value, Mapping):
            problems.append(f"{name}.{key}: found {value!r}, expected a mapping")
        elif key == "fields":
            for each, path in value.items():
                if each not in fields or not isinstance(path, str):
                    problems.append(f"{name}.fields.{each}: expected one of {', '.join(sorted(fields))} and a path")
                else:
                    found_fields[each] = path
        elif key in possible:
            operations[key] = _request(value, f"{name}.{key}", known, problems)
        else:
            problems.append(f"{name}.{key}: unknown; known are {', '.join(possible)}, fields")
    return PartTemplate(operations, found_fields)


def _request(given: Mapping[str, Any], name: str, known: frozenset[str], problems: list[str]) -> RequestTemplate:
    method, path, body = given.get("method"), given.get("path"), given.get("body")
    unknown = sorted(map(str, given.keys() - {"method", "path", "body", "absent"}))
    if unknown:
        problems.append(f"{name}.{unknown[0]}: unknown; known are method, path, body, absent")
    if method not in METHODS:
        problems.append(f"{name}.method: found {method!r}, expected one of {', '.join(METHODS)}")
    if not isinstance(path, str) or not path.startswith("/"):
        problems.append(f"{name}.path: found {path!r}, expected a path such as /connectors/{{key}}")
        path = "/"
    in_path = [each for each in templates.names_in(path) if each not in known - MATERIAL]
    in_body = [each for each in templates.names_in(body) if each not in known]
    problems += [f"{name}.path: {{{each}}} cannot stand in a path" for each in in_path]
    problems += [f"{name}.body: unknown {{{each}}}; known are {', '.join(sorted(known))}" for each in in_body]
    absent = given.get("absent", [404])
    if not isinstance(absent, list) or any(not isinstance(status, int) for status in absent):
        problems.append(f"{name}.absent: found {absent!r}, expected statuses such as [404]")
        absent = [404]
    return RequestTemplate(str(method), path, body, frozenset(absent))


def _bodies(requests: Iterable[RequestTemplate]) -> Iterable[str]:
    for request in requests:
        yield from templates.names_in(request.body)
