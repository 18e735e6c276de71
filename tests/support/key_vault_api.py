"""The secrets of an Azure Key Vault, strict about what they take, in memory; served by `StrictServer`.

Sources, cited by what they say:
- REST: https://learn.microsoft.com/en-us/rest/api/keyvault/secrets/, one page an operation.
- About: https://learn.microsoft.com/en-us/azure/key-vault/secrets/about-secrets
- Objects: https://learn.microsoft.com/en-us/azure/key-vault/general/about-keys-secrets-certificates
- Auth: https://learn.microsoft.com/en-us/azure/key-vault/general/authentication-requests-and-responses
- Codes: https://learn.microsoft.com/en-us/azure/key-vault/general/rest-error-codes
- Throttling: https://learn.microsoft.com/en-us/azure/key-vault/general/overview-throttling
- Recorded: answers of the service in github.com/Azure/azure-sdk-for-python at commit 5899cf6, files
  `test_samples_secrets.pyTestExamplesKeyVaulttest_example_*[7.3].json` below
  sdk/keyvault/azure-keyvault-secrets/tests/recordings, and in github.com/Azure/azure-sdk-for-js at commit
  16c6b04, below sdk/keyvault/keyvault-secrets/recordings; messages are theirs, word for word.

Stricter than the service where its documentation leaves room: unknown fields and query parameters are
refused, versions are listed in no order that means anything, a value may have 25,000 bytes, and nobody
may purge.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from orgcal.platforms.testing_server import Reply, Request
from tests.support.platform_apis import API_KEY, unexpected

TENANT = "00000000-0000-0000-0000-000000000000"
RECOVERABLE_DAYS = 7

_VERSIONS = {"2016-10-01", "7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "2025-07-01", "2026-04-01"}
_NAME = re.compile(r"[0-9a-zA-Z-]{1,127}")  # Objects, "object-name"
_MAX_VALUE = 25_000  # About: "a maximum size of 25k bytes each"; bytes
_MAX_TAGS = 15  # About, "Secret tags"
_MAX_TAG_NAME, _MAX_TAG_VALUE = 512, 256  # the same place, corrected by MicrosoftDocs/azure-docs#117407; characters
_MAX_CONTENT_TYPE = 255  # About; characters
_PAGE = 25  # REST, Get Secret Versions, "maxresults"; results
_SET = {"value", "contentType", "attributes", "tags"}
_DAY_S = 86400


class Refused(Exception):
    """The reply of a request that is refused."""

    def __init__(self, status: int, code: str, message: str, inner: str = "") -> None:
        super().__init__(message)
        error: dict[str, Any] = {"code": code, "message": message}
        if inner:
            error["innererror"] = {"code": inner}
        self.reply = Reply(status, {"error": error})


@dataclass
class SecretVersion:
    """One version of a secret; times in seconds since 1970."""

    value: str
    created: int
    updated: int
    version: str = field(default_factory=lambda: uuid4().hex)
    enabled: bool = True
    times: dict[str, int] = field(default_factory=dict)
    tags: dict[str, str] | None = None
    content_type: str | None = None

    def shown(self, base: str) -> dict[str, Any]:
        """Everything but the value, as every answer has it; `base` is the identifier without a version."""
        attributes = {
            "enabled": self.enabled,
            **self.times,
            "created": self.created,
            "updated": self.updated,
            "recoveryLevel": "CustomizedRecoverable+Purgeable",
            "recoverableDays": RECOVERABLE_DAYS,
        }
        found: dict[str, Any] = {"id": f"{base}/{self.version}", "attributes": attributes}
        if self.content_type is not None:
            found["contentType"] = self.content_type
        return found if self.tags is None else {**found, "tags": self.tags}


@dataclass
class Secret:
    """A secret with its versions, oldest first.

    Attributes:
        deleted: when it was deleted, in seconds since 1970; None while it is not.
        unseen: reads that still find nothing where the last deletion or recovery moved it.
        unsettled: writes that are still refused after a recovery whose result can be read already.
    """

    name: str
    versions: list[SecretVersion]
    deleted: int | None = None
    unseen: int = 0
    unsettled: int = 0


class KeyVaultApi:
    """One vault.

    Attributes:
        secrets: by name in lower case: "identifiers ... should always be compared as case-insensitive" (Objects).
        valid: whether a bearer token is accepted.
        resource: what the challenge names; the SDK compares its domain with the vault's.
        denied: permissions that the caller lacks: get, list, set, delete, recover, purge.
        lag: reads that find nothing after a deletion or recovery until it is finished (Recorded).
        straggling: writes that are refused after a recovery that reads call finished (Azure/azure-sdk-for-net#31581).
        pace: seconds from one write to the next. Recorded: three versions with the same `created`, listed in the
            order of their identifiers; 0 makes it so.
        drops: tags, and fields of a value that is a JSON object, which are taken and not stored.
    """

    def __init__(self) -> None:
        self.secrets: dict[str, Secret] = {}
        self.valid: Callable[[str], bool] = lambda token: token == API_KEY
        self.resource = "https://vault.azure.net"
        self.denied = {"purge"}
        self.lag = 0
        self.straggling = 0
        self.pace = 1
        self.drops: set[str] = set()
        self.now = 1_767_225_600

    def __call__(self, request: Request) -> Reply:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not token:
            return self._challenge("AKV10000: Request is missing a Bearer or PoP token.")
        if not self.valid(token):
            return self._challenge(f"AKV10022: Invalid audience. Expected {self.resource}, found: another.")
        try:
            return self._answer(request)
        except Refused as refused:
            return refused.reply

    def values(self, name: str) -> list[str]:
        """The values of a secret, oldest first, also of one that is deleted."""
        return [version.value for version in self.secrets[name.lower()].versions]

    def edit(self, name: str, value: str) -> None:
        """Another writer gives the secret a new version, with the tags of the one before."""
        secret = self.secrets[name.lower()]
        now = self._tick()
        secret.versions.append(SecretVersion(value, now, now, tags=secret.versions[-1].tags))

    def _answer(self, request: Request) -> Reply:
        _check_envelope(request)
        match = re.fullmatch(r"/(secrets|deletedsecrets)(?:/([^/]+)(?:/([^/]*))?)?", request.path)
        if match is None:
            raise Refused(404, "NotFound", "The requested resource was not found.")
        kind, name, part = match[1], match[2], match[3] or ""
        if name is not None and not _NAME.fullmatch(name):
            raise Refused(400, "BadParameter", f"The request URI contains an invalid name: {name}")
        base = f"https://{request.headers['host']}/{kind}"
        if kind == "deletedsecrets":
            return self._deleted(request, base, name, part)
        if name is None or (part == "versions" and request.method == "GET"):
            return self._listed(request, base, name)
        return self._secret(request, f"{base}/{name}", name, part)

    def _secret(self, request: Request, base: str, name: str, version: str) -> Reply:
        method = request.method
        if method == "PUT" and not version:
            self._permit("set", "setSecret")
            return self._set(request.body, base, name)
        if method == "GET":
            self._permit("get", "getSecret")
            found = self._found(name, version)
            if not found.enabled:
                raise Refused(403, "Forbidden", "Operation get is not allowed on a disabled secret.", "SecretDisabled")
            return Reply(200, {"value": found.value, **found.shown(base)})
        if method == "PATCH":
            self._permit("set", "update")
            _check_fields(request.body, _SET - {"value"}, set())
            found = self._found(name, version)
            self._apply(found, request.body)
            found.updated = self._tick()
            return Reply(200, found.shown(base))
        if method == "DELETE" and not version:
            self._permit("delete", "delete")
            found = self._found(name, "")
            self.secrets[name.lower()].deleted, self.secrets[name.lower()].unseen = self._tick(), self.lag
            return Reply(200, self._grave(name, base) | found.shown(base))
        raise Refused(405, "MethodNotAllowed", f"{method} is not allowed here.")

    def _set(self, body: Any, base: str, name: str) -> Reply:
        _check_fields(body, _SET, {"value"})
        secret = self.secrets.get(name.lower())
        if secret is not None and secret.deleted is not None:
            _refuse_deleted(name, finished=secret.unseen == 0)
        if secret is not None and (secret.unseen or secret.unsettled):
            secret.unsettled -= 0 if secret.unseen else 1
            message = f"Secret {name} is currently being recovered and cannot be re-created; retry later."
            raise Refused(409, "Conflict", message, "ObjectIsBeingRecovered")
        now = self._tick()
        version = SecretVersion(self._kept(body["value"]), now, now)
        self._apply(version, body)
        self.secrets.setdefault(name.lower(), Secret(name, [])).versions.append(version)
        return Reply(200, {"value": body["value"], **version.shown(base)})

    def _listed(self, request: Request, base: str, name: str | None) -> Reply:
        """Secrets, or the versions of one: none at all for a name that nobody knows (Recorded)."""
        if request.method != "GET":
            raise Refused(405, "MethodNotAllowed", f"{request.method} is not allowed here.")
        self._permit("list", "readMetadata")
        if name is None:
            live = [secret for secret in self.secrets.values() if secret.deleted is None]
            items = [{**each.versions[-1].shown(""), "id": f"{base}/{each.name}"} for each in live]
            return _page(request, base, items)
        secret = self.secrets.get(name.lower())
        versions = [] if secret is None or secret.deleted is not None else secret.versions
        shown = [each.shown(f"{base}/{name}") for each in versions]
        return _page(request, f"{base}/{name}/versions", sorted(shown, key=lambda each: str(each["id"])))

    def _deleted(self, request: Request, base: str, name: str | None, part: str) -> Reply:
        live = base.replace("/deletedsecrets", "/secrets")
        if name is None:
            self._permit("list", "readMetadata")
            gone = [each.name for each in self.secrets.values() if each.deleted is not None]
            items = [self._grave(each, f"{live}/{each}") | {"id": f"{live}/{each}"} for each in gone]
            return _page(request, base, items)
        operation = {"GET": ("get", "getSecret"), "POST": ("recover", "recover"), "DELETE": ("purge", "purge")}
        if request.method not in operation or (part == "recover") != (request.method == "POST"):
            raise Refused(405, "MethodNotAllowed", f"{request.method} is not allowed here.")
        self._permit(*operation[request.method])
        secret = self.secrets.get(name.lower())
        if secret is None or secret.deleted is None:
            raise _not_found(name) if part else Refused(404, "SecretNotFound", f"Deleted Secret not found: {name}")
        if secret.unseen and request.method != "GET":
            raise Refused(409, "Conflict", "Secret is currently being deleted.", "ObjectIsBeingDeleted")
        if self._unseen(secret):
            raise Refused(404, "SecretNotFound", f"Deleted Secret not found: {name}")
        shown = secret.versions[-1].shown(f"{live}/{name}")
        if request.method == "POST":
            secret.deleted, secret.unseen, secret.unsettled = None, self.lag, self.straggling
            return Reply(200, shown)
        if request.method == "DELETE":
            del self.secrets[name.lower()]
            return Reply(204)
        return Reply(200, self._grave(name, f"{live}/{name}") | shown)

    def _found(self, name: str, version: str) -> SecretVersion:
        secret = self.secrets.get(name.lower())
        if secret is not None and secret.deleted is None and not self._unseen(secret):
            for each in secret.versions[::-1]:
                if version in ("", each.version):
                    return each
        raise _not_found(f"{name}/{version}" if version else name)

    def _unseen(self, secret: Secret) -> bool:
        if not secret.unseen:
            return False
        secret.unseen -= 1
        return True

    def _grave(self, name: str, base: str) -> dict[str, Any]:
        deleted = self.secrets[name.lower()].deleted or 0
        return {
            "recoveryId": base.replace("/secrets/", "/deletedsecrets/"),
            "deletedDate": deleted,
            "scheduledPurgeDate": deleted + RECOVERABLE_DAYS * _DAY_S,
        }

    def _apply(self, version: SecretVersion, body: dict[str, Any]) -> None:
        """Write what the body has; tags are replaced as a whole, and what is absent stays (REST, Update Secret)."""
        attributes = body.get("attributes", {})
        version.enabled = attributes.get("enabled", version.enabled)
        version.times |= {name: attributes[name] for name in ("nbf", "exp") if name in attributes}
        if "tags" in body:
            version.tags = {name: text for name, text in body["tags"].items() if name not in self.drops}
        version.content_type = body.get("contentType", version.content_type)

    def _kept(self, value: str) -> str:
        try:
            fields = json.loads(value)
        except ValueError:
            return value
        if not isinstance(fields, dict) or not fields.keys() & self.drops:
            return value
        return json.dumps({name: each for name, each in fields.items() if name not in self.drops})

    def _permit(self, permission: str, action: str) -> None:
        if permission in self.denied:
            message = (
                "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or "
                "role definitions were changed recently, please observe propagation time.\r\nCaller: appid=app\r\n"
                f"Action: 'Microsoft.KeyVault/vaults/secrets/{action}/action'"
            )
            raise Refused(403, "Forbidden", message, "ForbiddenByRbac")

    def _challenge(self, message: str) -> Reply:
        """Auth, "Authentication"; the message and the form of the header as recorded."""
        authority = f"https://login.microsoftonline.com/{TENANT}"
        header = f'Bearer authorization="{authority}", resource="{self.resource}"'
        body = {"error": {"code": "Unauthorized", "message": message}}
        return Reply(401, body, {"WWW-Authenticate": header})

    def _tick(self) -> int:
        """The time of a write; times have no fractions."""
        self.now += self.pace
        return self.now


def throttled(retry_after_s: int | None = None) -> Reply:
    """The answer to too many requests (Codes, "HTTP 429"; Throttling), with `Retry-After` if it is given."""
    message = "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached"
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return Reply(429, {"error": {"code": "Throttled", "message": message}}, headers)


def _not_found(named: str) -> Refused:
    message = (
        f"A secret with (name/id) {named} was not found in this key vault. If you recently deleted this secret "
        "you may be able to recover it using the correct recovery command. For help resolving this issue, "
        "please see https://go.microsoft.com/fwlink/?linkid=2125182"
    )
    return Refused(404, "SecretNotFound", message)


def _check_envelope(request: Request) -> None:
    version = request.query.get("api-version")
    if version is None:
        raise Refused(400, "BadParameter", "api-version must be specified")
    if version not in _VERSIONS:
        raise Refused(400, "BadParameter", f"The specified version ({version}) is not recognized.")
    unknown = request.query.keys() - {"api-version", "maxresults", "$skiptoken"}
    if unknown:
        raise Refused(400, "BadParameter", f"Unknown query parameter {sorted(unknown)[0]}")
    if not any(kind in request.headers.get("accept", "*/*") for kind in ("application/json", "*/*")):
        raise Refused(406, "NotAcceptable", "The Accept header must contain application/json")
    if request.body is not None and request.method in ("GET", "DELETE"):
        raise Refused(400, "BadParameter", f"{request.method} must not have a body")
    if request.body is not None and "application/json" not in request.headers.get("content-type", ""):
        raise Refused(415, "UnsupportedMediaType", "The body must be application/json")


def _check_fields(body: Any, known: set[str], required: set[str]) -> None:
    wrong = unexpected(body, known, required) or _wrong_attributes(body)
    if wrong:
        raise Refused(400, "BadParameter", f"Property {wrong}")
    value, kind = body.get("value", ""), body.get("contentType", "")
    texts = isinstance(value, str) and isinstance(kind, str)
    if not texts or len(value.encode()) > _MAX_VALUE or len(kind) > _MAX_CONTENT_TYPE or not _fit(body.get("tags", {})):
        # so little is said of values and tags that are too long or too many: hashicorp/terraform-provider-azurerm#16947
        raise Refused(400, "BadParameter", "Property  has invalid value\r\n")


def _wrong_attributes(body: dict[str, Any]) -> str:
    attributes = body.get("attributes", {})
    wrong = unexpected(attributes, {"enabled", "nbf", "exp"})
    kinds = {"enabled": bool, "nbf": int, "exp": int}
    mistyped = [] if wrong else [name for name, each in attributes.items() if type(each) is not kinds[name]]
    return wrong or (f"attributes.{mistyped[0]} has the wrong type" if mistyped else "")


def _fit(tags: Any) -> bool:
    """Whether these are tags that a secret may have."""
    if not isinstance(tags, dict) or len(tags) > _MAX_TAGS:
        return False
    names = all(0 < len(name) <= _MAX_TAG_NAME for name in tags)
    return names and all(isinstance(text, str) and len(text) <= _MAX_TAG_VALUE for text in tags.values())


def _refuse_deleted(name: str, *, finished: bool) -> None:
    if not finished:
        message = f"Secret {name} is currently being deleted and cannot be re-created; retry later."
        raise Refused(409, "Conflict", message, "ObjectIsBeingDeleted")
    message = (
        f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; "
        "in this state, the secret can only be recovered or purged."
    )
    raise Refused(409, "Conflict", message, "ObjectIsDeletedButRecoverable")


def _page(request: Request, address: str, items: list[dict[str, Any]]) -> Reply:
    size, first = request.query.get("maxresults", str(_PAGE)), int(request.query.get("$skiptoken", "0"))
    if not size.isdigit() or not 1 <= int(size) <= _PAGE:
        raise Refused(400, "BadParameter", f"maxresults must be 1 to {_PAGE}")
    end = first + int(size)
    query = f"api-version={request.query['api-version']}&$skiptoken={end}&maxresults={size}"
    return Reply(200, {"value": items[first:end], "nextLink": f"{address}?{query}" if end < len(items) else None})
