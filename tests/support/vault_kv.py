"""The KV secrets engine of HashiCorp Vault, versions 1 and 2, in memory; part of `VaultApi`.

Rules and messages are those of https://github.com/hashicorp/vault-plugin-secrets-kv at commit 824fb96, places
below; what its answers look like over HTTP was checked with a running OpenBao 2.7.2, which has the same engine.

Stricter than Vault: unknown fields and query parameters are refused, where Vault ignores them with a warning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from orgcal.platforms.testing_server import Reply, Request
from tests.support.platform_apis import unexpected

_DEFAULT_MAX_VERSIONS = 10  # backend.go:39
_MAX_KEYS, _MAX_KEY, _MAX_VALUE = 64, 128, 512  # path_metadata.go, maxCustomMetadata...; keys, bytes, bytes
_UNSUPPORTED = "1 error occurred:\n\t* unsupported operation\n\n"
_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600}
_MANDATED = '"cas_required" set to false, but is mandated by backend config. This value will be ignored.'
_METADATA = {"max_versions", "cas_required", "delete_version_after", "custom_metadata"}


class Refused(Exception):
    """The reply of a request that is refused."""

    def __init__(self, status: int, *errors: str) -> None:
        super().__init__(*errors)
        self.reply = Reply(status, {"errors": list(errors)})


def envelope(data: Any, *, auth: Any = None, warnings: Any = None, lease_s: int = 0) -> dict[str, Any]:
    """The object around what Vault answers."""
    return {
        "request_id": str(uuid4()),
        "lease_id": "",
        "renewable": False,
        "lease_duration": lease_s,
        "data": data,
        "wrap_info": None,
        "warnings": warnings,
        "auth": auth,
    }


class VaultClock:
    """The time of a server: a second later whenever it is asked, or at once by `advance`."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Version:
    """One version; `deleted` is when it was or will be deleted."""

    data: dict[str, Any] | None
    created: datetime
    deleted: datetime | None = None
    destroyed: bool = False

    def shown(self) -> dict[str, Any]:
        """As metadata and answers have it."""
        times = {"created_time": _text(self.created), "deletion_time": _text(self.deleted)}
        return {**times, "destroyed": self.destroyed}


@dataclass
class Entry:
    """A secret with its versions by number; `delete_after` in seconds, 0 for never."""

    created: datetime
    updated: datetime
    versions: dict[int, Version] = field(default_factory=dict)
    current: int = 0
    oldest: int = 0
    max_versions: int = 0
    cas_required: bool = False
    delete_after: int = 0
    custom: dict[str, str] | None = None

    def deletion(self, now: datetime) -> datetime | None:
        """When a version that is written or undeleted now deletes itself."""
        return now + timedelta(seconds=self.delete_after) if self.delete_after else None

    def add(self, data: dict[str, Any], now: datetime, engine_max: int) -> Version:
        """A new version; those beyond the limit are gone for good (path_data.go, AddVersion)."""
        self.current += 1
        self.versions[self.current] = Version(data, now, self.deletion(now))
        self.updated = now
        kept = max(self.max_versions, engine_max) or _DEFAULT_MAX_VERSIONS
        if self.current - self.oldest >= kept:
            self.oldest = self.current - kept + 1
            self.versions = {number: each for number, each in self.versions.items() if number >= self.oldest}
        return self.versions[self.current]


class KvVersion1:
    """A mount of version 1: it takes any object at any path, and so also requests that were meant for version 2."""

    version = 1

    def __init__(self) -> None:
        self.stored: dict[str, Any] = {}

    def exists(self, path: str) -> bool:
        return path in self.stored

    def answer(self, path: str, request: Request) -> Reply:
        if request.method in ("POST", "PUT"):
            if not request.body:
                raise Refused(400, "missing data fields")
            self.stored[path] = request.body
            return Reply(204)
        if request.method == "DELETE":
            self.stored.pop(path, None)
            return Reply(204)
        if path not in self.stored:
            raise Refused(404)
        return Reply(200, envelope(self.stored[path], lease_s=2_764_800))


class KvVersion2:
    """A mount of version 2.

    Attributes:
        entries: by path.
        max_versions: of the engine's configuration, 0 for the default.
        cas_required: of the engine's configuration.
        drops: fields of `data` and `custom_metadata` that are taken and not stored.
        rival: the data that another writer writes just before our next write.
    """

    version = 2

    def __init__(self, clock: VaultClock, drops: set[str]) -> None:
        self.entries: dict[str, Entry] = {}
        self.max_versions = 0
        self.cas_required = False
        self.drops = drops
        self.rival: dict[str, Any] | None = None
        self._clock = clock

    def exists(self, path: str) -> bool:
        """Whether a write is an update, for the policies: the entry has metadata (dataExistenceCheck)."""
        return path.partition("/")[2] in self.entries

    def write(self, path: str, data: dict[str, Any]) -> None:
        """Another writer gives the entry a new version."""
        now = self._clock.tick()
        self.entries.setdefault(path, Entry(now, now)).add(data, now, self.max_versions)

    def answer(self, path: str, request: Request) -> Reply:
        match = re.fullmatch(r"(data|metadata|delete|undelete|destroy)/(.*[^/])", path)
        if path == "config" and request.method == "GET":
            shown = {"cas_required": self.cas_required, "delete_version_after": "0s", "max_versions": self.max_versions}
            return Reply(200, envelope(shown))
        if match is None:
            return _invalid_path(request.method)
        if request.method not in ("GET", "POST", "PUT", "DELETE"):
            raise Refused(405, _UNSUPPORTED)
        writes = request.method in ("POST", "PUT")
        known = {"version"} if match[1] == "data" and request.method == "GET" else set()
        if request.query.keys() - known:
            raise Refused(400, f"unrecognized parameters: {sorted(request.query.keys() - known)}")
        if match[1] == "data":
            return self._write(match[2], request.body) if writes else self._data(match[2], request)
        if match[1] == "metadata":
            return self._write_metadata(match[2], request.body) if writes else self._metadata(match[2], request.method)
        if not writes:
            raise Refused(405, _UNSUPPORTED)
        return self._mark(match[1], match[2], request.body)

    def _data(self, path: str, request: Request) -> Reply:
        """pathDataRead and pathDataDelete; a version that is deleted or destroyed is 404 with its metadata."""
        entry = self.entries.get(path)
        if request.method == "DELETE":
            if entry is not None:
                self._delete(entry.versions.get(entry.current))
            return Reply(204)
        number = _number(request.query.get("version", "0"), "version")
        version = entry.versions.get(number or entry.current) if entry is not None else None
        if entry is None or version is None:
            raise Refused(404)
        gone = version.destroyed or self._deleted(version)
        metadata = {**version.shown(), "custom_metadata": entry.custom, "version": number or entry.current}
        data = None if gone else version.data
        return Reply(404 if gone else 200, envelope({"data": data, "metadata": metadata}))

    def _write(self, path: str, body: Any) -> Reply:
        """pathDataWrite with validateCheckAndSetOption."""
        fields = _fields(body, {"data", "options"})
        if "data" not in fields:
            raise Refused(400, "no data provided")
        for name in ("data", "options"):
            if not isinstance(fields.get(name, {}), dict):
                raise Refused(400, f'error converting input for field "{name}": expected a map')
        options = _fields(fields.get("options"), {"cas"})
        if self.rival is not None:
            self.write(path, self.rival)
            self.rival = None
        entry = self.entries.get(path)
        self._check_and_set(options, entry)
        data = {name: value for name, value in fields["data"].items() if name not in self.drops}
        self.write(path, data)
        entry = self.entries[path]
        shown = {**entry.versions[entry.current].shown(), "custom_metadata": entry.custom, "version": entry.current}
        return Reply(200, envelope(shown))

    def _check_and_set(self, options: dict[str, Any], entry: Entry | None) -> None:
        if "cas" not in options:
            if self.cas_required or (entry is not None and entry.cas_required):
                raise Refused(400, "check-and-set parameter required for this call")
            return
        try:
            cas = _number(options["cas"], "cas")
        except Refused:
            raise Refused(400, "error parsing check-and-set parameter") from None
        if cas != (0 if entry is None else entry.current):
            raise Refused(400, "check-and-set parameter did not match the current version")

    def _metadata(self, path: str, method: str) -> Reply:
        entry = self.entries.get(path)
        if method == "DELETE":
            self.entries.pop(path, None)
            return Reply(204)
        if entry is None:
            raise Refused(404)
        shown = {
            "cas_required": entry.cas_required,
            "created_time": _text(entry.created),
            "current_version": entry.current,
            "custom_metadata": entry.custom,
            "delete_version_after": _duration(entry.delete_after),
            "max_versions": entry.max_versions,
            "oldest_version": entry.oldest,
            "updated_time": _text(entry.updated),
            "versions": {str(number): each.shown() for number, each in entry.versions.items()},
        }
        return Reply(200, envelope(shown))

    def _write_metadata(self, path: str, body: Any) -> Reply:
        """pathMetadataWrite: what is absent stays, custom metadata is replaced as a whole."""
        fields = _fields(body, _METADATA)
        if not fields:
            return Reply(204)
        custom = _custom(fields["custom_metadata"]) if "custom_metadata" in fields else None
        limit = _number(fields.get("max_versions", 0), "max_versions")
        after = _seconds(fields.get("delete_version_after", "0s"))
        if not isinstance(fields.get("cas_required", False), bool):
            raise Refused(400, 'error converting input for field "cas_required": expected a boolean')
        now = self._clock.tick()
        entry = self.entries.setdefault(path, Entry(now, now))
        if "max_versions" in fields:
            entry.max_versions = limit
        if "delete_version_after" in fields:
            entry.delete_after = after
        entry.cas_required = fields.get("cas_required", entry.cas_required)
        if custom is not None:
            entry.custom = {name: text for name, text in custom.items() if name not in self.drops} or None
        if self.cas_required and fields.get("cas_required") is False:
            return Reply(200, envelope(None, warnings=[_MANDATED]))
        return Reply(204)

    def _mark(self, what: str, path: str, body: Any) -> Reply:
        """pathDeleteWrite, pathUndeleteWrite and pathDestroyWrite: numbers that do not exist are passed over."""
        numbers = _fields(body, {"versions"}).get("versions")
        if not isinstance(numbers, list) or not numbers:
            raise Refused(400, f"{'n' if what == 'destroy' else 'N'}o version number provided")
        entry = self.entries.get(path)
        if entry is None:
            return Reply(204)
        for number in numbers:
            version = entry.versions.get(_number(number, "versions"))
            if version is None or version.destroyed:
                continue
            if what == "delete":
                self._delete(version)
            elif what == "undelete":
                version.deleted = entry.deletion(self._clock.tick())
            else:
                version.destroyed, version.data = True, None
        return Reply(204)

    def _delete(self, version: Version | None) -> None:
        if version is not None and not version.destroyed and not self._deleted(version):
            version.deleted = self._clock.tick()

    def _deleted(self, version: Version) -> bool:
        return version.deleted is not None and version.deleted <= self._clock.now


def _fields(body: Any, known: Set[str]) -> dict[str, Any]:
    """The body, where it has no field but these; no body at all counts as an empty one."""
    fields: dict[str, Any] = {} if body is None else body
    wrong = unexpected(fields, known)
    if wrong:
        raise Refused(400, wrong)
    return fields


def _custom(given: Any) -> dict[str, str]:
    """Custom metadata as texts, validated as path_metadata.go, validateCustomMetadata, does: all errors at once."""
    if not isinstance(given, dict):
        raise Refused(400, 'error converting input for field "custom_metadata": expected a map')
    prefix = "custom_metadata validation failed"
    if any(isinstance(value, dict | list) for value in given.values()):
        raise Refused(400, f"{prefix}: '' expected type 'string', got unconvertible type 'map[string]interface {{}}'")
    texts = {name: _weakly(value) for name, value in given.items()}
    errors = [error for name, text in texts.items() for error in _wrong_pair(name, text)]
    if len(texts) > _MAX_KEYS:
        errors = [f"payload must contain at most {_MAX_KEYS} keys, provided {len(texts)}"]
    if errors:
        listed = "".join(f"\t* {prefix}: {error}\n" for error in errors)
        raise Refused(400, f"{len(errors)} error{'s' if len(errors) > 1 else ''} occurred:\n{listed}\n")
    return texts


def _weakly(value: Any) -> str:
    """As text, as the decoder of KV makes it."""
    return str(int(value)) if isinstance(value, bool) else "" if value is None else str(value)


def _wrong_pair(name: str, text: str) -> list[str]:
    sizes = len(name.encode()), len(text.encode())
    errors = []
    if not 0 < sizes[0] <= _MAX_KEY:
        errors.append(f'length of key "{name}" is {sizes[0]} but must be 0 < len(key) <= {_MAX_KEY}')
    if not 0 < sizes[1] <= _MAX_VALUE:
        errors.append(f'length of value for key "{name}" is {sizes[1]} but must be 0 < len(value) <= {_MAX_VALUE}')
    if not name.isprintable():
        errors.append(f"key {json.dumps(name)} ({name}) contains unprintable characters")
    if not text.isprintable():
        errors.append(f'value for key "{name}" contains unprintable characters')
    return errors


def _invalid_path(method: str) -> Reply:
    """backend.go:197: 404 with a warning and no errors."""
    verb = {"GET": "get", "DELETE": "delete", "PATCH": "patch"}.get(method, "put")
    warning = (
        "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. "
        f"If using the Vault CLI, use 'vault kv {verb}' for this operation."
    )
    return Reply(404, envelope(None, warnings=[warning]))


def _number(given: Any, name: str) -> int:
    try:
        return int(given) if isinstance(given, bool) else int(str(given))
    except ValueError:
        message = f"error converting input for field \"{name}\": '' cannot parse value as 'int': invalid syntax"
        raise Refused(400, message) from None


def _seconds(given: Any) -> int:
    """Seconds of a number or of a duration as Go writes it: 90, 90s, 1h30m0s."""
    if not re.fullmatch(r"\d+|(?:\d+[smh])+", str(given)):
        raise Refused(400, 'error converting input for field "delete_version_after": invalid duration')
    return sum(int(number) * _UNITS_S[unit] for number, unit in re.findall(r"(\d+)([smh]?)", str(given)))


def _duration(seconds: int) -> str:
    """As Go writes it."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _text(time: datetime | None) -> str:
    return "" if time is None else time.isoformat().replace("+00:00", "Z")
