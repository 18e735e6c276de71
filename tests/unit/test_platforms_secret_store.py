"""What all secret stores share, on a store in memory: what is written, what is asked again, what is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from orgcal.entra.credentials import ClientCertificate, ClientSecret
from orgcal.errors import PlatformError, Unreachable, UsageError
from orgcal.platforms import (
    Capabilities,
    CatalogField,
    ConnectorEntry,
    ConnectorSettings,
    CredentialKind,
    PlatformCredential,
    StoredCredential,
)
from orgcal.platforms.secret_store import (
    Refusal,
    SecretStore,
    SecretStorePlatform,
    SecretStoreSettings,
    StoredVersion,
    load_sdk,
    unanswered,
)
from orgcal.platforms.testing_server import FakeTime
from tests.support.platform_apis import API_KEY

CALLBACK = "https://app.example.com/oauth/callback"
SECRET = PlatformCredential("client", 4, ClientSecret("hush-4711"), ("A", "B"))
CERTIFICATE = PlatformCredential("client", 5, ClientCertificate("KEY", "CERT"), ("A",))
HELD = {"client_id": "client", "client_secret": "hush-4711", "generation": 4, "scopes": ["A", "B"]}


class StoreError(Exception):
    """What the SDK raises."""


class MemoryStore(SecretStore):
    """Keeps one secret; `raised` are raised by the next questions, one after the other."""

    called = "the store"
    errors = (StoreError,)
    silence_s = 30.0

    def __init__(self, *raised: Exception, keeps_mappings: bool = True) -> None:
        self.keeps_mappings = keeps_mappings
        self.raised = list(raised)
        self.held: StoredVersion | None = None
        self.forgets = False
        self.calls: list[tuple[Any, ...]] = []

    def login_secrets(self) -> Sequence[str]:
        return (API_KEY,)

    def read(self, name: str) -> StoredVersion | None:
        self.calls.append(("read", name))
        if self.raised:
            raise self.raised.pop(0)
        return self.held

    def write(self, name: str, value: Any, tags: Mapping[str, str], before: StoredVersion | None) -> None:
        self.calls.append(("write", name, value, dict(tags), before))
        if not self.forgets:
            self.held = StoredVersion(value, "v", tags)

    def write_tags(self, name: str, tags: Mapping[str, str], before: StoredVersion) -> None:
        self.calls.append(("tag", name, dict(tags), before))
        self.held = replace(before, tags=tags)

    def delete(self, name: str, before: StoredVersion) -> None:
        self.calls.append(("delete", name, before))
        self.held = None

    def refusal(self, name: str, error: Exception) -> Refusal:
        found = error.args[0]
        assert isinstance(found, Refusal)
        return found

    def changes(self) -> list[tuple[Any, ...]]:
        return [call for call in self.calls if call[0] != "read"]


class StoreSettings(SecretStoreSettings):
    """Settings of a store that is nobody's."""

    name: str = "orgcal/{key}"

    @property
    def store_address(self) -> str:
        return "https://store.example"

    def store(self, environ: Mapping[str, str]) -> SecretStore:
        return MemoryStore()


def opened(store: MemoryStore, time: FakeTime | None = None, **more: Any) -> SecretStorePlatform:
    settings = StoreSettings.model_validate({"kind": "store", "callback_url": CALLBACK, **more})
    return SecretStorePlatform(settings, store, (time or FakeTime()).clock())


def refusing(words: str = "no", status: int = 400, **more: Any) -> StoreError:
    return StoreError(Refusal(words, status, **more))


# Settings ------------------------------------------------------------------------------------------------------------


def test_store_keeps_nothing_of_the_catalog_and_shows_the_credential() -> None:
    platform = opened(MemoryStore())
    both: frozenset[CredentialKind] = frozenset({"secret", "certificate"})
    nothing: frozenset[CatalogField] = frozenset()

    assert platform.capabilities == Capabilities("configured", "value", nothing, both)
    assert platform.place == "https://store.example/orgcal/{key}"
    assert opened(MemoryStore(), name="one").capabilities.keyed is False
    plain = opened(MemoryStore(), value="{client_secret}").capabilities
    assert plain == Capabilities("configured", "value", nothing, both - {"certificate"})


def test_entry_is_what_the_stack_says() -> None:
    store = MemoryStore()
    platform, declared = opened(store), ConnectorSettings("outlook", "Outlook")

    assert platform.read_connector("outlook") == ConnectorEntry("outlook", CALLBACK)
    assert platform.update_connector(declared, ["display_name"]) == ConnectorEntry("outlook", CALLBACK)
    platform.delete_connector("outlook", connected_too=True)
    assert store.calls == []


# What is stored ------------------------------------------------------------------------------------------------------


def test_first_push_writes_the_value_and_its_tags() -> None:
    store = MemoryStore()

    pushed = opened(store, tags={"connector": "{key} of {scopes:space}"}).push_credentials("outlook", SECRET)

    assert pushed == StoredCredential("client", 4)
    assert store.calls == [
        ("read", "orgcal/outlook"),
        ("write", "orgcal/outlook", HELD, {"connector": "outlook of A B"}, None),
        ("read", "orgcal/outlook"),
    ]


def test_store_of_texts_gets_json_and_gives_the_credential_back() -> None:
    store = MemoryStore(keeps_mappings=False)
    platform = opened(store)

    platform.push_credentials("outlook", SECRET)

    text = '{"client_id": "client", "client_secret": "hush-4711", "generation": 4, "scopes": ["A", "B"]}'
    assert store.changes() == [("write", "orgcal/outlook", text, {}, None)]
    assert platform.read_credentials("outlook") == StoredCredential("client", 4, credential=SECRET)


def test_plain_secret_has_the_rest_in_tags() -> None:
    store = MemoryStore(keeps_mappings=False)
    platform = opened(store, value="{client_secret}")

    platform.push_credentials("outlook", SECRET)

    tags = {"orgcal-client-id": "client", "orgcal-generation": "4"}
    assert store.changes() == [("write", "orgcal/outlook", "hush-4711", tags, None)]
    assert platform.read_credentials("outlook") == StoredCredential("client", 4, credential=replace(SECRET, scopes=()))


def test_what_is_in_the_value_wins_over_tags() -> None:
    store = MemoryStore()
    store.held = StoredVersion(HELD, "v", {"g": "9", "c": "other"})

    held = opened(store, tags={"g": "{generation}", "c": "{client_id}"}).read_credentials("outlook")

    assert held == StoredCredential("client", 4, credential=SECRET)


def test_same_credential_is_not_written_again() -> None:
    store = MemoryStore()
    store.held = StoredVersion({**HELD, "note": "theirs"}, "v", {"team": "calendar"})

    opened(store).push_credentials("outlook", SECRET)

    assert store.calls == [("read", "orgcal/outlook")]


def test_tags_alone_are_written_where_the_value_is_the_same() -> None:
    store = MemoryStore()
    store.held = before = StoredVersion(HELD, "v", {"team": "calendar", "g": "3"})

    opened(store, tags={"g": "{generation}"}).push_credentials("outlook", SECRET)

    assert store.changes() == [("tag", "orgcal/outlook", {"team": "calendar", "g": "4"}, before)]


def test_other_credential_keeps_what_is_not_ours() -> None:
    store = MemoryStore()
    store.held = before = StoredVersion({**HELD, "note": "theirs"}, "v", {"team": "calendar"})

    opened(store).push_credentials("outlook", CERTIFICATE)

    written = {
        "note": "theirs",
        "client_id": "client",
        "certificate_pem": "CERT",
        "private_key_pem": "KEY",
        "generation": 5,
        "scopes": ["A"],
    }
    assert store.changes() == [("write", "orgcal/outlook", written, {"team": "calendar"}, before)]


@pytest.mark.parametrize("value", [HELD, None])
def test_secret_that_is_deleted_counts_as_none_and_is_written_anew(value: Any) -> None:
    store = MemoryStore()
    store.held = before = StoredVersion(value, "v", {"team": "calendar"}, deleted=True)
    platform = opened(store)

    assert platform.read_credentials("outlook") is None
    platform.remove_credentials("outlook")
    assert store.changes() == []
    platform.push_credentials("outlook", SECRET)

    assert store.changes() == [("write", "orgcal/outlook", HELD, {"team": "calendar"}, before)]


@pytest.mark.parametrize("value", [{}, {"note": "theirs"}, "changeme", None])
def test_secret_without_anything_of_ours_is_none(value: Any) -> None:
    store = MemoryStore()
    store.held = StoredVersion(value, "v", {})

    assert opened(store).read_credentials("outlook") is None


def test_removal_deletes_the_secret_or_only_our_part_of_it() -> None:
    store = MemoryStore()
    platform = opened(store)
    platform.remove_credentials("outlook")
    assert store.changes() == []

    store.held = own = StoredVersion(HELD, "v", {})
    platform.remove_credentials("outlook")
    assert store.changes() == [("delete", "orgcal/outlook", own)]

    store.held = shared = StoredVersion({**HELD, "note": "theirs"}, "v", {"team": "calendar"})
    platform.remove_credentials("outlook")
    platform.remove_credentials("outlook")
    assert store.changes()[1:] == [("write", "orgcal/outlook", {"note": "theirs"}, {"team": "calendar"}, shared)]


def test_push_waits_ten_seconds_for_the_store_to_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orgcal.patience.random.random", lambda: 1.0)
    for forgets, waits in ((False, []), (True, [0.5, 1.0, 2.0, 4.0, 2.5])):
        store, time = MemoryStore(), FakeTime()
        store.forgets = forgets
        opened(store, time).push_credentials("outlook", SECRET)
        assert time.waits == waits


# Refusals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "again"),
    [
        *((status, True) for status in (408, 412, 429, 500, 502, 503, 504)),
        *((status, False) for status in (307, 400, 401, 403, 404, 407, 409, 411, 413, 428, 430, 499, 501, 505)),
    ],
)
def test_status_is_worth_another_try_or_not(status: int, again: bool) -> None:
    store, time = MemoryStore(refusing(status=status)), FakeTime()
    platform = opened(store, time)

    if again:
        assert platform.read_credentials("outlook") is None
        assert len(time.waits) == 1
        return
    with pytest.raises(PlatformError) as refused:
        platform.read_credentials("outlook")
    assert (refused.value.status, time.waits) == (status, [])


@pytest.mark.parametrize(("asked_s", "waits"), [(7.0, [7.0]), (60.0, [60.0]), (60.5, [])])
def test_wait_that_a_store_asks_for_is_kept_to_within_a_minute(asked_s: float, waits: list[float]) -> None:
    store, time = MemoryStore(refusing(again=True, retry_after_s=asked_s)), FakeTime()
    platform = opened(store, time)

    if waits:
        assert platform.read_credentials("outlook") is None
    else:
        with pytest.raises(PlatformError):
            platform.read_credentials("outlook")

    assert time.waits == waits


def test_pauses_grow_to_ten_seconds_within_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orgcal.patience.random.random", lambda: 1.0)
    time = FakeTime()

    with pytest.raises(PlatformError, match="answered 500"):
        opened(MemoryStore(*[refusing(status=500)] * 20), time).read_credentials("outlook")

    assert time.waits == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0, 10.0, 4.5]


@pytest.mark.parametrize(("words", "said"), [("no", ": no"), ("", ""), ("a\nb " + "x" * 400, None)])
def test_refusal_tells_store_status_words_and_repair(words: str, said: str | None) -> None:
    with pytest.raises(PlatformError) as refused:
        opened(MemoryStore(refusing(words, 403, repair="ask for the right"))).read_credentials("outlook")

    if said is None:
        assert refused.value.what.startswith("the store answered 403: a b x")
        assert len(refused.value.what) == len("the store answered 403: ") + 300
        return
    assert refused.value.as_json() == {
        "kind": "platform",
        "what": f"the store answered 403{said}",
        "where": "https://store.example, secret orgcal/outlook",
        "repair": "ask for the right",
    }
    assert refused.value.status == 403


def test_store_without_an_answer_is_unreachable() -> None:
    with pytest.raises(Unreachable, match=r"secret orgcal/outlook: away$"):
        opened(MemoryStore(StoreError(Refusal("away")))).read_credentials("outlook")
    with pytest.raises(Unreachable) as refused:
        opened(MemoryStore(refusing("the store is away", 0, repair="wake it"))).read_credentials("outlook")

    assert refused.value.as_json() == {
        "kind": "unreachable",
        "what": "the store is away",
        "where": "https://store.example, secret orgcal/outlook",
        "repair": "wake it",
    }


@pytest.mark.parametrize("error", [AttributeError, KeyError, TypeError, ValueError])
def test_answer_that_an_sdk_cannot_read_is_not_the_stores(error: type[Exception]) -> None:
    time = FakeTime()
    with pytest.raises(Unreachable) as refused:
        opened(MemoryStore(error("hush-4711")), time).read_credentials("outlook")

    assert refused.value.as_json() == {
        "kind": "unreachable",
        "what": f"the store answered with something that is not its own ({error.__name__})",
        "where": "https://store.example, secret orgcal/outlook",
        "repair": "check its address, and whether a proxy answers in its place",
    }
    assert time.waits == []


def test_refusal_shows_neither_credential_nor_login_nor_what_else_is_stored() -> None:
    quoting = refusing(f"{API_KEY} hush-4711 their-text-4711 said", 400)

    class Quoting(MemoryStore):
        def write(self, *_: Any, **__: Any) -> None:
            raise quoting

        def delete(self, *_: Any, **__: Any) -> None:
            raise quoting

    store = Quoting()
    store.held = StoredVersion({**HELD, "client_secret": "old", "theirs": ["their-text-4711"]}, "v", {})
    with pytest.raises(PlatformError) as refused:
        opened(store).push_credentials("outlook", SECRET)
    assert refused.value.what == "the store answered 400: *** *** *** said"
    with pytest.raises(PlatformError) as refused:
        opened(store).remove_credentials("outlook")
    assert refused.value.what == "the store answered 400: *** hush-4711 *** said", "nobody sent or read that one"


def test_sdk_that_is_missing_is_named_with_its_extra() -> None:
    assert load_sdk("types", package="p", extra="e").SimpleNamespace is SimpleNamespace
    with pytest.raises(UsageError) as missing:
        load_sdk("no_such_module", package="the-sdk", extra="acme")
    assert missing.value.what == "this kind of platform needs the-sdk, which is not installed"
    assert missing.value.repair == "pip install 'orgcal[acme]'"


def test_sdk_without_an_answer_is_asked_again_unless_the_server_is_not_trusted() -> None:
    assert unanswered("the store", requests.exceptions.ConnectTimeout()) == Refusal(
        "the store did not answer in time", repair="try again; what did happen is then adopted", again=True
    )
    assert unanswered("the store", None).again
    assert not unanswered("the store", requests.exceptions.SSLError()).again


def test_value_of_a_secret_is_in_no_repr() -> None:
    assert "hush" not in repr(StoredVersion("hush", "v", {}))
