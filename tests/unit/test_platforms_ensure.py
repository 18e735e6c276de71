"""An entry and a credential become as declared on a platform in memory, and what a platform cannot keep is refused."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from orgcal.entra.credentials import ClientCertificate, ClientSecret
from orgcal.errors import PlatformError, Unreachable
from orgcal.masking import masking
from orgcal.platforms import (
    Capabilities,
    CatalogField,
    ConnectorEntry,
    ConnectorSettings,
    CredentialKind,
    Ensured,
    Platform,
    PlatformCredential,
    StoredCredential,
    catalog_refusals,
    ensure_connector,
    kept_part,
    kind_refusal,
    push_credentials,
)
from orgcal.platforms.checked import MAX_TEXT
from orgcal.platforms.model import CATALOG

CALLBACK = "https://platform.example/callback"
DECLARED = ConnectorSettings("outlook", "Outlook", "for all", ("A", "B"), published=False)
SECRET = PlatformCredential("client", 4, ClientSecret("hush"))
CERTIFICATE = PlatformCredential("client", 4, ClientCertificate("KEY", "CERT"))


def able(*catalog: CatalogField, **more: Any) -> Capabilities:
    named: dict[str, Any] = {"callback": "created", "reads_back": "value", "credential_kinds": frozenset({"secret"})}
    return Capabilities(**{**named, "catalog": frozenset(catalog or CATALOG), **more})


class MemoryPlatform(Platform):
    """Keeps one entry and one credential; `drops` names fields that it takes and loses."""

    called = "the platform"
    place = "https://platform.example"

    def __init__(self, capabilities: Capabilities, entry: ConnectorEntry | None = None) -> None:
        self.capabilities = capabilities
        self.entry = entry
        self.stored: Any = None
        self.drops: dict[str, Any] = {}
        self.refusal: Exception | None = None
        self.lost_answer = False
        self.raised: Exception | None = None
        self.calls: list[Any] = []

    def read_connector(self, key: str) -> ConnectorEntry | None:
        return self.entry

    def create_connector(self, declared: ConnectorSettings) -> ConnectorEntry:
        self.calls.append("create")
        if self.refusal is not None and not self.lost_answer:
            raise self.refusal
        made = ConnectorEntry(
            declared.key, CALLBACK, declared.display_name, declared.description, declared.scopes, declared.published
        )
        if self.capabilities.created_with == "settings":
            self.entry = replace(made, **self.drops)
        if self.refusal is not None:
            raise self.refusal
        return made

    def update_connector(self, declared: ConnectorSettings, changed: Sequence[CatalogField]) -> ConnectorEntry:
        self.calls.append(list(changed))
        assert self.entry is not None
        values: Mapping[str, Any] = {name: getattr(declared, name) for name in changed}
        self.entry = replace(self.entry, **values, **self.drops)
        return self.entry

    def delete_connector(self, key: str, *, connected_too: bool = False) -> None:
        self.entry = None

    def push_credentials(self, key: str, credential: PlatformCredential) -> StoredCredential:
        self.calls.append("push")
        if self.raised is not None:
            raise self.raised
        if self.stored is None:
            self.stored = StoredCredential(credential.client_id, credential.generation, credential=credential)
        return StoredCredential(credential.client_id, credential.generation, "pushed")

    def read_credentials(self, key: str) -> StoredCredential | None:
        self.calls.append("read back")
        return cast("StoredCredential | None", self.stored if self.stored != "lost" else None)

    def remove_credentials(self, key: str) -> None:
        self.stored = None


def test_entry_that_is_not_there_is_made() -> None:
    platform = MemoryPlatform(able())

    ensured = ensure_connector(platform, DECLARED)

    made = ConnectorEntry("outlook", CALLBACK, "Outlook", "for all", ("A", "B"), published=False)
    assert (ensured, platform.calls) == (Ensured(made, "created"), ["create"])
    assert ensure_connector(platform, DECLARED) == Ensured(made, "adopted")
    assert platform.calls == ["create"]


def test_entry_that_differs_is_changed_in_that_alone_and_the_differences_are_told() -> None:
    entry = ConnectorEntry("outlook", CALLBACK, "Old", "for all", ("B", "A"), published=True)
    platform = MemoryPlatform(able(), entry)

    ensured = ensure_connector(platform, DECLARED)

    changed = ConnectorEntry("outlook", CALLBACK, "Outlook", "for all", ("B", "A"), published=False)
    told = ("display_name: 'Old' -> 'Outlook'", "published: True -> False")
    assert ensured == Ensured(changed, "changed", told)
    assert platform.calls == [["display_name", "published"]]


def test_entry_whose_platform_does_not_tell_a_field_does_not_differ_in_it() -> None:
    platform = MemoryPlatform(able(), ConnectorEntry("outlook", CALLBACK))

    assert ensure_connector(platform, DECLARED).outcome == "adopted"


def test_entry_that_is_made_with_its_credential_is_deferred() -> None:
    platform = MemoryPlatform(able(created_with="credential"))
    made = ConnectorEntry("outlook", CALLBACK, "Outlook", "for all", ("A", "B"), published=False)

    assert ensure_connector(platform, DECLARED) == Ensured(made, "deferred")
    platform.entry = ConnectorEntry("outlook", CALLBACK, "Outlook", "for all", ("A", "B"), published=False)
    assert ensure_connector(platform, DECLARED).outcome == "adopted"


@pytest.mark.parametrize("refusal", [PlatformError("conflict", where="x"), Unreachable("no answer", where="x")])
def test_entry_whose_creation_lost_its_answer_is_adopted(refusal: Exception) -> None:
    platform = MemoryPlatform(able())
    platform.refusal, platform.lost_answer = refusal, True
    assert ensure_connector(platform, DECLARED).outcome == "adopted"

    platform = MemoryPlatform(able())
    platform.refusal = refusal
    with pytest.raises(type(refusal)):
        ensure_connector(platform, DECLARED)


@pytest.mark.parametrize("entry", [None, ConnectorEntry("outlook", CALLBACK, "Old")], ids=["created", "changed"])
def test_entry_that_is_taken_and_not_kept_is_an_error(entry: ConnectorEntry | None) -> None:
    platform = MemoryPlatform(able(), entry)
    platform.drops = {"description": ""}

    with pytest.raises(PlatformError, match="did not keep what it accepted for 'outlook'") as refused:
        ensure_connector(platform, DECLARED)

    differences = "description: '' -> 'for all'"
    assert refused.value.as_json() == {
        "kind": "platform",
        "what": f"the platform did not keep what it accepted for 'outlook' ({differences})",
        "where": "https://platform.example",
        "repair": "check the rights of its API key and what its documentation says about these fields",
    }


def test_entry_that_cannot_be_read_back_is_what_the_platform_answered() -> None:
    class Blind(MemoryPlatform):
        def read_connector(self, key: str) -> ConnectorEntry | None:
            return None

    made = ConnectorEntry("outlook", CALLBACK, "Outlook", "for all", ("A", "B"), published=False)
    assert ensure_connector(Blind(able()), DECLARED) == Ensured(made, "created")


def test_credential_is_read_back_where_the_platform_shows_it() -> None:
    platform = MemoryPlatform(able())
    assert push_credentials(platform, "outlook", SECRET).updated_at == "pushed"
    assert platform.calls == ["push", "read back"]

    silent = MemoryPlatform(able(reads_back="timestamp"))
    silent.stored = "lost"
    assert push_credentials(silent, "outlook", SECRET).updated_at == "pushed"
    assert silent.calls == ["push"]


@pytest.mark.parametrize(
    "held",
    [
        "lost",
        StoredCredential("client", 4),
        StoredCredential("client", 4, credential=replace(SECRET, credential=ClientSecret("other"))),
        StoredCredential("client", 4, credential=replace(SECRET, client_id="other")),
        StoredCredential("client", 4, credential=SECRET, intact=False),
    ],
    ids=["none", "not shown", "other secret", "other client", "not intact"],
)
def test_credential_that_is_taken_and_not_kept_is_an_error_without_it(held: Any) -> None:
    platform = MemoryPlatform(able())
    platform.stored = held

    with pytest.raises(PlatformError) as refused:
        push_credentials(platform, "outlook", SECRET)

    assert refused.value.as_json() == {
        "kind": "platform",
        "what": "the platform accepted generation 4 of the credential for 'outlook' and holds another one",
        "where": "https://platform.example",
        "repair": "look whether something else writes this entry, then run pulumi up again",
    }


def test_credential_is_masked_in_a_job_and_hidden_in_every_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    platform, log = MemoryPlatform(able()), io.StringIO()
    platform.raised = PlatformError("cannot store hush-4711", where="at hush-4711", repair="not hush-4711")

    with masking(os.environ, log), pytest.raises(PlatformError) as refused:
        push_credentials(platform, "outlook", replace(SECRET, credential=ClientSecret("hush-4711")))

    assert str(refused.value) == "at ***: cannot store ***\n  repair: not ***"
    assert log.getvalue() == "::add-mask::hush-4711\n"


def test_credential_of_another_generation_with_the_same_secret_is_kept() -> None:
    platform = MemoryPlatform(able())
    platform.stored = StoredCredential("client", 3, credential=replace(SECRET, generation=3))

    assert push_credentials(platform, "outlook", SECRET).generation == 4


def test_credential_of_a_kind_that_the_platform_cannot_use_is_not_sent() -> None:
    platform = MemoryPlatform(able())

    with pytest.raises(PlatformError) as refused:
        push_credentials(platform, "outlook", CERTIFICATE)

    assert str(refused.value) == "https://platform.example: this platform takes a secret, not a certificate"
    assert platform.calls == []
    both = able(credential_kinds=frozenset({"secret", "certificate"}))
    assert kind_refusal(both, "certificate") == kind_refusal(both, "secret") == ""
    only = able(credential_kinds=frozenset({"certificate"}))
    assert kind_refusal(only, "secret") == "this platform takes a certificate, not a secret"
    other = cast(CredentialKind, "token")
    assert kind_refusal(both, other) == "this platform takes a certificate or a secret, not a token"


def test_catalog_that_a_platform_has_no_place_for_is_refused_unless_it_says_nothing() -> None:
    name_only = able("display_name", limits={"display_name": 7})
    plain = ConnectorSettings("outlook", "Outlook")

    assert catalog_refusals(able(), DECLARED) == {}
    assert catalog_refusals(name_only, plain) == {}
    refusals = {
        "description": "this platform keeps no description of a connector; leave it out",
        "published": "this platform cannot hide a connector; leave `published` true",
    }
    assert catalog_refusals(name_only, DECLARED) == refusals
    assert catalog_refusals(able("display_name", "description"), DECLARED) == {"published": refusals["published"]}
    assert catalog_refusals(able("display_name", "published"), DECLARED) == {"description": refusals["description"]}
    too_long = catalog_refusals(name_only, replace(plain, display_name="Outlook!"))
    assert too_long == {"display_name": "8 characters, and this platform takes at most 7"}


def test_part_that_a_platform_keeps_loses_what_it_has_no_place_for() -> None:
    assert kept_part(able(), DECLARED) == DECLARED
    assert kept_part(able("display_name"), DECLARED) == replace(DECLARED, description="", published=True)
    assert kept_part(able("description"), DECLARED) == replace(DECLARED, published=True)
    assert kept_part(able("published"), DECLARED) == replace(DECLARED, description="")


# The border ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry",
    [
        ConnectorEntry(cast(str, 1), CALLBACK),
        ConnectorEntry("outlook", cast(str, None)),
        ConnectorEntry("outlook", "x" * (MAX_TEXT + 1)),
        ConnectorEntry("outlook", CALLBACK, cast(str, 5)),
        ConnectorEntry("outlook", CALLBACK, "\ud800"),
        ConnectorEntry("outlook", CALLBACK, "x", cast(str, [])),
        ConnectorEntry("outlook", CALLBACK, "x", "y", cast(Any, "A")),
        ConnectorEntry("outlook", CALLBACK, "x", "y", cast(Any, (1,))),
        cast(Any, "an entry"),
    ],
)
def test_entry_of_other_types_is_not_the_platforms(entry: ConnectorEntry) -> None:
    with pytest.raises(PlatformError, match="the platform answered with something that is not its own") as refused:
        MemoryPlatform(able(), entry).read_connector("outlook")

    assert refused.value.where == "https://platform.example"
    assert refused.value.__cause__ is None


def test_text_as_long_as_a_platform_may_tell_is_taken() -> None:
    entry = ConnectorEntry("outlook", "x" * MAX_TEXT, scopes=("A",))

    assert MemoryPlatform(able(), entry).read_connector("outlook") == entry
    assert MemoryPlatform(able()).read_connector("outlook") is None


@pytest.mark.parametrize(
    "stored",
    [
        StoredCredential(cast(str, 1)),
        StoredCredential("client", 4, cast(str, 1)),
        StoredCredential("client", 4, credential=replace(SECRET, client_id=cast(str, 1))),
        StoredCredential("client", 4, credential=replace(SECRET, credential=ClientSecret(cast(str, 5)))),
        cast(Any, {}),
    ],
)
def test_credential_of_other_types_is_not_the_platforms(stored: StoredCredential) -> None:
    platform = MemoryPlatform(able())
    platform.stored = stored

    with pytest.raises(PlatformError, match="not its own"):
        platform.read_credentials("outlook")


@pytest.mark.parametrize("token", ["", "a\nb", "ü", 5, None, "x" * (MAX_TEXT + 1)])
def test_token_that_no_header_can_carry_is_not_the_platforms(token: Any) -> None:
    class Tokens(MemoryPlatform):
        def access_token(self, key: str, tenant_id: str) -> str:
            return cast(str, token)

        def connections(self, key: str) -> list[str]:
            return cast("list[str]", token)

    with pytest.raises(PlatformError, match="not its own"):
        Tokens(able()).access_token("outlook", "t")
    with pytest.raises(PlatformError, match="not its own"):
        Tokens(able()).connections("outlook")


def test_platform_that_knows_nothing_of_organisations_says_so() -> None:
    platform = MemoryPlatform(able())

    for ask, what in (
        (lambda: platform.connections("outlook"), "which organisations are connected to 'outlook'"),
        (lambda: platform.register_connection("outlook", "t"), "of organisations such as t, connected to 'outlook'"),
        (lambda: platform.access_token("outlook", "t"), "a token of t for 'outlook'"),
    ):
        with pytest.raises(PlatformError) as refused:
            ask()
        assert str(refused.value) == f"https://platform.example: the platform does not know {what}"
