"""What all secret stores share: settings, what is stored and read back, retries, errors. A kind adds its `SecretStore`.

A push writes a new version only where the value differs, so that the version before is the credential before. Each try
of a push reads first: an answer that was lost after the write did happen ends without a second version.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import import_module
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import AfterValidator, WithJsonSchema

from orgcal.entra.answers import shorten
from orgcal.errors import OrgcalError, PlatformError, Unreachable, UsageError
from orgcal.fields import setting
from orgcal.patience import Clock, Patience
from orgcal.platforms import secret_values, templates
from orgcal.platforms.model import (
    Capabilities,
    CatalogField,
    ConnectorEntry,
    ConnectorSettings,
    Platform,
    PlatformCredential,
    StoredCredential,
    kinds_kept_in,
)
from orgcal.platforms.rest import no_answer
from orgcal.platforms.settings import CONFIGURED_CALLBACK, PlatformSettings, callback_setting
from orgcal.redaction import hiding

CONNECT_TIMEOUT_S = 10.0
SILENCE_S = 30.0
BUDGET_S = 60.0
"""Seconds that one operation may wait for retries in all."""
LONGEST_PAUSE_S = 10.0
SETTLE_S = 10.0
"""Seconds within which a store must show what it accepted."""

_REPEATED = frozenset({408, 412, 429, 500, 502, 503, 504})
"""Statuses after which a question is worth repeating; 412 is a Vault standby that does not know the last write yet."""

_UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)
"""What SDKs and adapters raise as they take apart an answer that another server gave, such as a proxy."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """The current version of a secret.

    Attributes:
        value: text, or a mapping from a store of mappings; None where there is none, or none that can be read.
        version: what the store calls it.
        deleted: whether it is deleted in a way that can be undone.
        details: what the adapter needs again, such as the recovery level.
    """

    value: Any = field(repr=False)
    version: Any
    tags: Mapping[str, str]
    deleted: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an exception of an SDK means.

    Attributes:
        words: the store's own, or a whole sentence where there was no answer.
        status: HTTP status; 0 where there was no answer.
        again: whether the question is worth repeating, whatever the status.
        retry_after_s: seconds to wait as the store asked, or None.
    """

    words: str
    status: int = 0
    repair: str = ""
    again: bool = False
    retry_after_s: float | None = None


class SecretStore(Protocol):
    """One store through its SDK, which raises `errors`; each call sends one question and does not repeat it.

    Attributes:
        called: what messages call it.
        errors: exceptions of the SDK, which `refusal` explains.
        keeps_mappings: whether a value is a mapping; else it is a text.
        silence_s: seconds without a packet after which an answer is given up.
    """

    called: str
    errors: tuple[type[Exception], ...]
    keeps_mappings: bool
    silence_s: float

    def login_secrets(self) -> Sequence[str]:
        """Return the texts of our own login that no message may show; logs in where that takes a request."""

    def read(self, name: str) -> StoredVersion | None:
        """Return the current version, or None where there is no such secret."""

    def write(self, name: str, value: Any, tags: Mapping[str, str], before: StoredVersion | None) -> None:
        """Store a new version, with all its tags."""

    def write_tags(self, name: str, tags: Mapping[str, str], before: StoredVersion) -> None:
        """Set the tags of the current version."""

    def delete(self, name: str, before: StoredVersion) -> None:
        """Delete the secret in the way that can be undone."""

    def refusal(self, name: str, error: Exception) -> Refusal:
        """Explain one of `errors`."""


class SecretStoreSettings(PlatformSettings):
    """Settings that every secret store has; a kind adds its address, `name` with its own rule, and its login."""

    name: str
    callback_url: str = callback_setting(about=CONFIGURED_CALLBACK, min_length=1)
    value: Annotated[
        Any,
        AfterValidator(secret_values.checked_value),
        WithJsonSchema({"anyOf": [{"const": secret_values.PLAIN}, {"type": "object"}]}),
    ] = setting(
        secret_values.DEFAULT,
        expected=f"a mapping of texts with placeholders, or {secret_values.PLAIN}; placeholders are "
        f"{', '.join(secret_values.KNOWN)}",
        example='{clientId: "{client_id}", clientSecret: "{client_secret}"}',
        about="What is stored: a mapping becomes a JSON object, without the texts that the credential does not have.",
    )
    tags: Annotated[Mapping[str, str], AfterValidator(secret_values.checked_tags)] = setting(
        {},
        expected=f"tag -> text; placeholders are {', '.join(secret_values.TAGGED)}",
        example='{connector: "{key}"}',
        about="Tags of the secret. `orgcal-client-id` and `orgcal-generation` are added where `value` has no place for "
        "the client id and the number of the credential.",
    )

    @property
    def capabilities(self) -> Capabilities:
        """What the value has a place for."""
        return Capabilities(
            callback="configured",
            reads_back="value",
            catalog=frozenset(),
            credential_kinds=kinds_kept_in(secret_values.fields_of(self.value).values()),
            keyed="{key}" in self.name,
        )

    @property
    @abstractmethod
    def store_address(self) -> str:
        """Which store, for messages and to tell stores apart."""

    @property
    def place(self) -> str:
        """The store, and which secret in it."""
        return f"{self.store_address}/{self.name}"

    @abstractmethod
    def store(self, environ: Mapping[str, str]) -> SecretStore:
        """Return the store, without asking it anything.

        Raises:
            UsageError: its SDK is not installed, or the environment lacks something.
        """

    def open(self, environ: Mapping[str, str], clock: Clock | None = None) -> SecretStorePlatform:
        return SecretStorePlatform(self, self.store(environ), clock)


class SecretStorePlatform(Platform):
    """A credential in a secret store. The store knows no connectors, so the entry is what the stack says."""

    called = "a secret store"

    def __init__(self, settings: SecretStoreSettings, store: SecretStore, clock: Clock | None) -> None:
        self.capabilities = settings.capabilities
        self.place = settings.place
        self._settings = settings
        self._store = store
        self._clock = clock

    @cached_property
    def _tags(self) -> Mapping[str, str]:
        return secret_values.all_tags(self._settings.value, self._settings.tags)

    def read_connector(self, key: str) -> ConnectorEntry:
        return ConnectorEntry(key=key, callback_url=self._settings.callback_url)

    def update_connector(self, declared: ConnectorSettings, changed: Sequence[CatalogField]) -> ConnectorEntry:  # noqa: ARG002 - it keeps no catalog
        return self.read_connector(declared.key)

    def delete_connector(self, key: str, *, connected_too: bool = False) -> None:
        """Nothing to remove: the secret is the credential's."""

    def push_credentials(self, key: str, credential: PlatformCredential) -> StoredCredential:
        name = self._name(key)
        values = secret_values.values_of(key, credential)
        if self._ask(name, lambda texts: self._write(name, values, texts), credential.secrets()):
            patience = Patience(SETTLE_S, self._clock)
            patience.until(lambda held: _same(held, credential), lambda: self.read_credentials(key))
        return StoredCredential(credential.client_id, credential.generation)

    def read_credentials(self, key: str) -> StoredCredential | None:
        name = self._name(key)
        held = self._ask(name, lambda _: self._store.read(name))
        if held is None or held.deleted:
            return None
        fields = secret_values.read_fields(self._settings.value, self._value_of(held))
        if not fields:
            return None
        tagged = {field: held.tags.get(tag) for tag, field in secret_values.fields_of(self._tags).items()}
        fields = {**tagged, **fields}
        scopes = tuple(templates.as_list(fields.get("scopes")))
        credential = replace(PlatformCredential.from_fields(fields), scopes=scopes)
        return StoredCredential(credential.client_id, credential.generation, credential=credential)

    def remove_credentials(self, key: str) -> None:
        name = self._name(key)
        self._ask(name, lambda texts: self._remove(name, texts))

    def _write(self, name: str, values: Mapping[str, Any], texts: list[str]) -> bool:
        """Bring secret and tags to what is declared; whether something was written."""
        before = self._store.read(name)
        held = None if before is None or before.deleted else self._value_of(before)
        value = secret_values.filled(self._settings.value, values, held)
        kept = before.tags if before is not None else {}
        tags = {**kept, **templates.filled_texts(self._tags, values)}
        texts += secret_values.texts_in(secret_values.foreign(self._settings.value, held))
        with hiding(*texts):
            if value != held or before is None:
                self._store.write(name, self._stored(value), tags, before)
            elif tags != kept:
                self._store.write_tags(name, tags, before)
            else:
                return False
        return True

    def _remove(self, name: str, texts: list[str]) -> None:
        """Delete the secret, or only our part of it."""
        before = self._store.read(name)
        if before is None or before.deleted:
            return
        held = self._value_of(before)
        rest = secret_values.foreign(self._settings.value, held)
        texts += secret_values.texts_in(rest)
        with hiding(*texts):
            if not rest:
                self._store.delete(name, before)
            elif rest != held:
                self._store.write(name, self._stored(rest), before.tags, before)

    def _value_of(self, held: StoredVersion) -> Any:
        if self._store.keeps_mappings:
            return held.value
        return secret_values.from_text(self._settings.value, held.value)

    def _stored(self, value: Any) -> Any:
        return value if self._store.keeps_mappings else secret_values.as_text(value)

    def _name(self, key: str) -> str:
        return self._settings.name.replace("{key}", key)

    def _ask(self, name: str, ask: Callable[[list[str]], _T], secrets: Sequence[str] = ()) -> _T:
        """Return the answer of the SDK, or raise what its exception means without any secret in it.

        Args:
            ask: gets the list of texts that no message may show, and may add to it.
            secrets: the first of these texts.
        """
        patience = Patience(BUDGET_S, self._clock, longest_s=LONGEST_PAUSE_S)
        while True:
            texts = list(secrets)
            try:
                texts += self._store.login_secrets()
                with hiding(*texts):
                    return ask(texts)
            except self._store.errors as error:
                refusal = self._store.refusal(name, error)
            except _UNREADABLE as error:
                words = f"{self._store.called} answered with something that is not its own ({type(error).__name__})"
                refusal = Refusal(words, repair="check its address, and whether a proxy answers in its place")
            if not (refusal.again or refusal.status in _REPEATED) or not patience.wait(refusal.retry_after_s):
                with hiding(*texts):
                    raise self._error(name, refusal)

    def _error(self, name: str, refusal: Refusal) -> OrgcalError:
        where = f"{self._settings.store_address}, secret {name}"
        if not refusal.status:
            return Unreachable(refusal.words, where=where, repair=refusal.repair)
        words = shorten(refusal.words)
        return PlatformError(
            f"{self._store.called} answered {refusal.status}{f': {words}' if words else ''}",
            status=refusal.status,
            where=where,
            repair=refusal.repair,
        )


def name_setting(default: str, *, pattern: str, expected: str) -> Any:
    """Return the field `name` of a kind.

    Args:
        pattern: of the whole name; `{key}` is in it as such.
    """
    return setting(
        default,
        expected=f"{expected}; {{key}} stands for the connector's key",
        example=default,
        about="Name of the secret.",
        pattern=pattern,
    )


def load_sdk(module: str, *, package: str, extra: str) -> Any:
    """Return a module of an SDK, which only the kind that uses it imports.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        raise UsageError(
            f"this kind of platform needs {package}, which is not installed", repair=f"pip install 'orgcal[{extra}]'"
        ) from None


def unanswered(called: str, error: BaseException | None) -> Refusal:
    """Return what an exception of requests means, with which an SDK got no answer."""
    from requests.exceptions import SSLError

    words, repair = no_answer(called, error)
    return Refusal(words, repair=repair, again=not isinstance(error, SSLError))


def _same(held: StoredCredential | None, wanted: PlatformCredential) -> bool:
    return held is not None and held.credential is not None and wanted.same_as(held.credential)
