"""Kind `http`: any REST platform, described in config; `docs/platforms.md` has worked examples.

Only what the platform's own documentation says goes into the description: paths, methods, bodies with
`{placeholders}`, and where the answers have what. An operation that is left out is not possible:

- without `entry`, the platform has no entries of its own, or they are made with the credential;
- `credentials.read` tells whether there is one; with `credentials.create` a first push uses that
  instead of `push`;
- `credentials.fields` decide how drift is found: by value, by `updated_at`, or not at all;
- a request may have another one after it (`then`), or in its place where there is nothing to change (`if_absent`), so
  that an API with several objects, or with ids of its own, is described by chains of requests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from orgcal.entra.credentials import FIELDS
from orgcal.errors import PlatformError
from orgcal.fields import setting
from orgcal.numbers import whole_number
from orgcal.patience import Clock
from orgcal.platforms import templates
from orgcal.platforms.http_requests import CredentialTemplate, EntryTemplate, RequestTemplate
from orgcal.platforms.model import (
    CATALOG,
    Capabilities,
    CatalogField,
    ConnectorEntry,
    ConnectorSettings,
    Platform,
    PlatformCredential,
    StoredCredential,
    kinds_kept_in,
)
from orgcal.platforms.rest import RestClient
from orgcal.platforms.settings import (
    Address,
    KeyedSettings,
    address_setting,
    callback_setting,
    key_file_setting,
    kind_setting,
)

_NEVER_ABSENT: frozenset[int] = frozenset()
_HeaderName = Annotated[str, Field(pattern=r"^(?!(?i:authorization|cookie)$)[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]
_HeaderValue = Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")]


def _with_key(value: str) -> str:
    if "{api_key}" not in value:
        raise ValueError("must hold {api_key}; the key itself belongs in a file")
    return value


class HttpSettings(KeyedSettings):
    """Settings of the kind `http`."""

    kind: Literal["http"] = kind_setting("http", "Any REST platform, described by the other settings.")
    name: str = setting("the platform", expected="a name", example="Nylas", about="What messages call the platform.")
    base_url: Address = address_setting(example="https://api.example.com")
    key_file_variable: str = key_file_setting("ORGCAL_PLATFORM_KEY_FILE")
    auth_header: str = setting(
        "Authorization",
        expected="the name of a header",
        example="Authorization",
        about="Header that carries the API key.",
        min_length=1,
    )
    auth_value: Annotated[
        str, AfterValidator(_with_key), WithJsonSchema({"type": "string", "pattern": r"\{api_key\}"})
    ] = setting(
        "Bearer {api_key}",
        expected="a text with {api_key}",
        example='"Bearer {api_key}"',
        about="Value of that header; `{api_key}` stands for the key.",
        secret=True,
    )
    auth_user: str | None = setting(
        None,
        expected="a user name, without auth_header and auth_value",
        example="api",
        about="User of basic authentication, with the API key as password; `{api_key}` where the key is the user.",
        pattern=r"^[^:\x00-\x1f]+$",
        secret=True,
    )
    headers: Mapping[_HeaderName, _HeaderValue] = setting(
        {},
        expected="header -> text, without the API key",
        example='{Api-Version: "2026-01-01"}',
        about="Further headers of each request.",
        secret=True,
    )
    error_at: str = setting(
        "/error",
        expected="a JSON pointer",
        example="/error",
        about="Place in an answer where anything but nothing is an error, whatever the status; empty for none.",
    )
    callback_url: str = callback_setting(
        "",
        expected="an address; give either this or entry.fields.callback_url",
        about="The platform's one callback URL, where the entry does not tell its own (`entry.fields.callback_url`).",
    )
    entry: EntryTemplate = setting(
        EntryTemplate(),
        expected="a mapping of requests",
        example='{read: {method: GET, path: "/connectors/{key}"}, create: {method: POST, path: "/connectors"}, '
        'delete: {method: DELETE, path: "/connectors/{key}"}}',
        about="How the connector's entry is read and written.",
    )
    credentials: CredentialTemplate = setting(
        expected="a mapping of requests, with `push`",
        example='{push: {method: PUT, path: "/connectors/{key}/secret", body: {secret: "{client_secret}"}}}',
        about="How the credential is read and written.",
    )

    @model_validator(mode="after")
    def _one_callback(self) -> HttpSettings:
        if bool(self.callback_url) == ("callback_url" in self.entry.fields):
            raise ValueError("callback_url")
        if self.auth_user is not None and {"auth_header", "auth_value"} & self.model_fields_set:
            raise ValueError("auth_user")
        return self

    @property
    def capabilities(self) -> Capabilities:
        """What the described requests can do."""
        shown, push = self.credentials.fields.keys(), self.credentials.push
        sent = {name for each in (self.credentials.create, push) if each for name in each.names()}
        addressed = {name for each in push.chain() for name in templates.names_in([each.path, each.query])}
        return Capabilities(
            callback="fixed" if self.callback_url else "created",
            reads_back="value" if shown & set(FIELDS) else "timestamp" if "updated_at" in shown else "nothing",
            catalog=frozenset(name for name in CATALOG if name in self.entry.fields),
            credential_kinds=kinds_kept_in(sent),
            connections="own flow",
            keyed="key" in addressed | push.names(),
        )

    @property
    def place(self) -> str:
        """The platform's address."""
        return self.base_url

    def open(self, environ: Mapping[str, str], clock: Clock | None = None) -> HttpPlatform:
        key = {} if self.auth_user is not None else {self.auth_header: self.auth_value}
        client = self.client(
            self.base_url,
            environ,
            clock,
            name=self.name,
            headers={**self.headers, **key},
            user=self.auth_user,
            error_at=self.error_at,
        )
        return HttpPlatform(client, self)


class HttpPlatform(Platform):
    """A connector in a platform whose API the settings describe."""

    def __init__(self, client: RestClient, settings: HttpSettings) -> None:
        self.capabilities = settings.capabilities
        self.place = settings.base_url
        self.called = f"{settings.name}, as described in its settings,"
        self._client = client
        self._settings = settings

    def read_connector(self, key: str) -> ConnectorEntry | None:
        request = self._settings.entry.read
        if request is None:
            return ConnectorEntry(key, self._settings.callback_url)
        answer = self._ask(request, {"key": key})
        return None if answer is None else self._entry(key, answer)

    def create_connector(self, declared: ConnectorSettings) -> ConnectorEntry:
        request = self._settings.entry.create
        assert request is not None, "a platform without entries always answers with one"
        self._ask(request, asdict(declared), absent=_NEVER_ABSENT)
        return self._reread(declared.key)

    def update_connector(self, declared: ConnectorSettings, changed: Sequence[CatalogField]) -> ConnectorEntry:
        """Sends what the template of the body says, which may be more than `changed`."""
        request = self._settings.entry.update
        if request is None:
            raise PlatformError(
                f"{self._settings.name} cannot change {', '.join(changed)} of {declared.key!r}",
                where=self.place,
                repair="describe entry.update in the platform's settings, or change it by hand",
            )
        self._ask(request, asdict(declared), absent=_NEVER_ABSENT)
        return self._reread(declared.key)

    def delete_connector(self, key: str, *, connected_too: bool = False) -> None:  # noqa: ARG002 - the platform decides
        if self._settings.entry.delete is not None:
            self._ask(self._settings.entry.delete, {"key": key})

    def push_credentials(self, key: str, credential: PlatformCredential) -> StoredCredential:
        requests = self._settings.credentials
        values = {
            **dict.fromkeys(FIELDS, ""),  # a template may name those of the other kind
            **credential.fields(),
            "key": key,
            "scopes": credential.scopes,
        }
        first = requests.create if requests.create is not None and self.read_credentials(key) is None else None
        self._ask(first or requests.push, values, absent=_NEVER_ABSENT)
        stored = self.read_credentials(key)
        return StoredCredential(credential.client_id, credential.generation, stored.updated_at if stored else None)

    def read_credentials(self, key: str) -> StoredCredential | None:
        requests = self._settings.credentials
        if requests.read is None:
            return StoredCredential()
        answer = self._ask(requests.read, {"key": key})
        if answer is None:
            return None
        fields = {str(field): templates.at(answer, path) for field, path in requests.fields.items()}
        client_id = str(fields["client_id"]) if fields.get("client_id") else None
        generation = whole_number(str(fields["generation"])) if fields.get("generation") else None
        updated_at = str(fields["updated_at"]) if fields.get("updated_at") else None
        if self.capabilities.reads_back == "timestamp" and updated_at is None:
            return None  # the entry is there, and nothing was ever stored in it
        credential = None
        if self.capabilities.reads_back == "value":
            if not client_id and not fields.get("client_secret") and not fields.get("private_key_pem"):
                return None
            scopes = tuple(templates.as_list(fields.get("scopes")))
            credential = replace(PlatformCredential.from_fields(fields), scopes=scopes)
        return StoredCredential(client_id, generation, updated_at, credential)

    def remove_credentials(self, key: str) -> None:
        if self._settings.credentials.remove is not None:
            self._ask(self._settings.credentials.remove, {"key": key})

    def _ask(self, request: RequestTemplate, values: Mapping[str, Any], absent: frozenset[int] | None = None) -> Any:
        """Return the answer of a request, or the list of those of a chain; None where there is none.

        Args:
            absent: statuses that mean "there is none" for requests without `if_absent`; each one's own unless given.
        """
        accepted = request.absent if absent is None or request.if_absent is not None else absent
        answer = self._client.call(
            request.method,
            templates.filled_path(request.path, values),
            None if request.body is None else templates.filled(request.body, values),
            form=None if request.form is None else templates.filled_texts(request.form, values),
            params=templates.filled_texts(request.query, values) or None,
            absent=accepted,
        )
        kept = {name: templates.at(answer, place) for name, place in request.keep.items()}
        if None in kept.values():
            answer = None
        missing = answer is None
        if answer is None and request.if_absent is not None:
            answer = self._ask(request.if_absent, values, absent)
        if request.then is None or (missing and kept) or (answer is None and request.method != "DELETE"):
            return answer
        return [answer, *_listed(self._ask(request.then, {**values, **kept}, absent), request.then)]

    def _reread(self, key: str) -> ConnectorEntry:
        entry = self.read_connector(key)
        if entry is None:
            raise PlatformError(f"{self._settings.name} accepted the connector {key!r} and has none", where=self.place)
        return entry

    def _entry(self, key: str, answer: Any) -> ConnectorEntry:
        fields = self._settings.entry.fields
        values = {field: templates.at(answer, path) for field, path in fields.items()}
        callback_url = self._settings.callback_url or values.get("callback_url")
        if not callback_url:
            raise PlatformError(
                f"the answer of {self._settings.name} has no callback URL at {fields['callback_url']!r}",
                where=self.place,
                repair="correct entry.fields.callback_url in the platform's settings",
            )
        return ConnectorEntry(
            key=key,
            callback_url=str(callback_url),
            display_name=str(values["display_name"] or "") if "display_name" in fields else None,
            description=str(values["description"] or "") if "description" in fields else None,
            scopes=tuple(templates.as_list(values["scopes"])) if "scopes" in fields else None,
            published=bool(values["published"]) if "published" in fields else None,
        )


def _listed(answer: Any, request: RequestTemplate) -> list[Any]:
    return answer if request.then is not None and isinstance(answer, list) else [answer]
