"""The suites that every kind of platform must pass, for packages that add one; need pytest, which orgcal does not.

    class TestAcme(PlatformSuite):
        @pytest.fixture
        def case(self, tmp_path: Path) -> Case:
            settings = {"kind": "acme", "path": str(tmp_path / "acme.db"), "callback_url": "https://app.example.com/cb"}
            return Case(settings, {}, open_platform(settings, {}), meddle=...)

What a kind cannot do by its `capabilities` is not asked of it. `docs/platforms.md` shows a whole package. A kind that
speaks HTTP passes `FaultSuite` (`orgcal.platforms.testing_faults`) as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from orgcal.entra.credentials import ClientCertificate, ClientSecret
from orgcal.errors import OrgcalError, PlatformError
from orgcal.platforms import (
    ConnectorSettings,
    Ensured,
    Platform,
    PlatformCredential,
    capabilities_of,
    catalog_refusals,
    ensure_connector,
    place_of,
    push_credentials,
)
from orgcal.platforms.model import CATALOG, CatalogField
from orgcal.platforms.testing_server import FakeTime, StrictServer

CLIENT_ID = "5f0c8a0e-0000-4000-8000-000000000001"
DECLARED = ConnectorSettings(
    "outlook", "Outlook Calendar", "For “everyone”: #1", ("Calendars.Read", "User.Read.All"), True
)
CHANGES: Mapping[str, Any] = {
    "display_name": "Calendar",
    "description": "",
    "scopes": ("Calendars.ReadWrite",),
    "published": False,
}
NAME = DECLARED.display_name
FIRST = PlatformCredential(CLIENT_ID, 1, ClientSecret("hush-1"), scopes=DECLARED.scopes, display_name=NAME)
SECOND = PlatformCredential(CLIENT_ID, 2, ClientSecret("hush-2$ \"'\\x"), scopes=DECLARED.scopes, display_name=NAME)
_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
PAIR = PlatformCredential(
    CLIENT_ID, 3, ClientCertificate(_CERTIFICATE.replace("CERTIFICATE", "PRIVATE KEY"), _CERTIFICATE), DECLARED.scopes
)


@dataclass
class Case:
    """One platform under test, new and empty.

    Attributes:
        settings: as a stack writes them under `orgcal:connector.platform`.
        environ: what `open_platform` needs, such as the variable that names the file with the API key.
        platform: opened with both.
        meddle: changes the stored secret behind our back.
        forgets: whether a credential can be removed.
        any_text: whether it takes secrets of any characters, several lines too.
        server: what the platform speaks to, where faults can be armed; None for one that is no server of this test.
        time: on which the platform waits, if it was opened with `time.clock()`.
        key_file: holds the API key that the server wants.
        push_method: HTTP method of the request with which a credential replaces another.
    """

    settings: dict[str, Any]
    environ: dict[str, str]
    platform: Platform
    meddle: Callable[[], None] = field(kw_only=True)
    forgets: bool = field(default=True, kw_only=True)
    any_text: bool = field(default=True, kw_only=True)
    server: StrictServer | None = field(default=None, kw_only=True)
    time: FakeTime = field(default_factory=FakeTime, kw_only=True)
    key_file: Path | None = field(default=None, kw_only=True)
    push_method: str = field(default="PUT", kw_only=True)

    def writes(self) -> list[str]:
        """Return the writes that the server saw so far; none for a platform that has no server."""
        return [] if self.server is None else self.server.writes()

    @property
    def declared(self) -> ConnectorSettings:
        """The declaration without what this platform refuses."""
        without: dict[str, Any] = dict.fromkeys(catalog_refusals(self.platform.capabilities, DECLARED), "")
        return replace(DECLARED, **without)

    def create(self, declared: ConnectorSettings) -> Ensured:
        """Make the entry, with a first credential where the platform makes it with that."""
        ensured = ensure_connector(self.platform, declared)
        if ensured.outcome == "deferred":
            push_credentials(self.platform, declared.key, replace(FIRST, display_name=declared.display_name))
        return ensured


class PlatformSuite:
    """Tests of one kind; a subclass has the fixture `case`, which returns a `Case`."""

    def test_connector_created_reads_back_as_declared(self, case: Case) -> None:
        declared = case.declared
        made = case.create(declared)
        if case.platform.capabilities.catalog:
            assert made.outcome in ("created", "deferred")
        assert re.match("https://|http://localhost", made.entry.callback_url)
        entry = case.platform.read_connector("outlook")
        assert entry is not None
        assert entry.differences(declared) == {}
        kept = {name for name in CHANGES if getattr(entry, name) is not None}
        assert kept == case.platform.capabilities.catalog

    def test_connector_without_text_and_scopes_reads_back_as_declared(self, case: Case) -> None:
        bare = ConnectorSettings("outlook", "Outlook")
        assert case.create(bare).entry.differences(bare) == {}
        assert ensure_connector(case.platform, bare).outcome == "adopted"

    def test_connector_identical_entry_is_adopted_without_a_write(self, case: Case) -> None:
        case.create(case.declared)
        before = case.writes()
        again = ensure_connector(case.platform, case.declared)
        assert again.outcome == "adopted"
        assert case.writes() == before

    @pytest.mark.parametrize("field", CATALOG)
    def test_connector_update_of_a_field_shows_and_changes_it_only(self, case: Case, field: CatalogField) -> None:
        if field not in case.platform.capabilities.catalog:
            assert getattr(ensure_connector(case.platform, case.declared).entry, field) is None
            return
        declared = case.declared
        case.create(declared)
        changed = replace(declared, **{field: CHANGES[field]})
        done = ensure_connector(case.platform, changed)
        assert done.outcome == "changed"
        assert [line.split(":")[0] for line in done.differences] == [field]
        entry = case.platform.read_connector("outlook")
        assert entry is not None
        assert entry.differences(changed) == {}

    def test_connector_deleted_is_gone_and_deleting_again_is_no_error(self, case: Case) -> None:
        case.create(case.declared)
        case.platform.delete_connector("outlook")
        if case.platform.capabilities.catalog:
            assert case.platform.read_connector("outlook") is None
        case.platform.delete_connector("outlook")

    def test_connector_that_never_was_is_none(self, case: Case) -> None:
        if case.platform.capabilities.catalog:
            assert case.platform.read_connector("outlook") is None
        assert case.platform.read_credentials("outlook") is None

    def test_credentials_of_a_new_entry_are_none(self, case: Case) -> None:
        ensure_connector(case.platform, case.declared)
        assert case.platform.read_credentials("outlook") is None

    def test_credentials_pushed_read_back_as_far_as_the_platform_lets_us(self, case: Case) -> None:
        ensure_connector(case.platform, case.declared)
        push_credentials(case.platform, "outlook", FIRST)
        held = case.platform.read_credentials("outlook")
        assert held is not None
        assert held.client_id in (None, CLIENT_ID)
        assert held.generation in (None, 1)
        if case.platform.capabilities.reads_back == "value":
            assert held.credential is not None
            assert held.credential.same_as(FIRST)
        if case.platform.capabilities.reads_back == "timestamp":
            assert held.updated_at

    def test_credentials_another_generation_replaces_the_first_whatever_is_in_it(self, case: Case) -> None:
        ensure_connector(case.platform, case.declared)
        push_credentials(case.platform, "outlook", FIRST)
        second = SECOND if case.any_text else replace(SECOND, credential=ClientSecret("hush-2 #$(x) & |;~"))
        push_credentials(case.platform, "outlook", second)
        held = case.platform.read_credentials("outlook")
        assert held is not None
        assert held.generation in (None, 2)
        if held.credential is not None:
            assert held.credential.credential == second.credential
        entry = case.platform.read_connector("outlook")
        assert entry is not None
        assert entry.differences(case.declared) == {}

    def test_credentials_drift_shows(self, case: Case) -> None:
        ensure_connector(case.platform, case.declared)
        pushed = push_credentials(case.platform, "outlook", FIRST)
        before = case.platform.read_credentials("outlook")
        case.meddle()
        after = case.platform.read_credentials("outlook")
        assert before is not None
        assert after is not None
        if case.platform.capabilities.reads_back == "value":
            assert before.credential is not None
            assert after.credential is not None
            assert before.credential.fingerprint(b"k") != after.credential.fingerprint(b"k")
        elif case.platform.capabilities.reads_back == "timestamp":
            assert pushed.updated_at == before.updated_at != after.updated_at
        else:
            assert before == after

    def test_credentials_removed_are_gone_and_the_entry_stays(self, case: Case) -> None:
        ensure_connector(case.platform, case.declared)
        push_credentials(case.platform, "outlook", FIRST)
        case.platform.remove_credentials("outlook")
        if case.forgets:
            assert case.platform.read_credentials("outlook") is None
        case.platform.remove_credentials("outlook")
        entry = case.platform.read_connector("outlook")
        assert entry is not None
        assert entry.differences(case.declared) == {}

    def test_credentials_certificate_reads_back_or_is_refused_before_any_write(self, case: Case) -> None:
        able = case.platform.capabilities
        if "certificate" not in able.credential_kinds:
            with pytest.raises(PlatformError, match="takes a secret, not a certificate"):
                push_credentials(case.platform, "outlook", PAIR)
            assert case.writes() == []
            return
        ensure_connector(case.platform, case.declared)
        push_credentials(case.platform, "outlook", FIRST)
        if not case.any_text:
            with pytest.raises(PlatformError):
                push_credentials(case.platform, "outlook", PAIR)
            held = case.platform.read_credentials("outlook")
            assert held is not None
            assert held.generation in (None, 1)
            return
        push_credentials(case.platform, "outlook", PAIR)
        held = case.platform.read_credentials("outlook")
        assert held is not None
        if able.reads_back == "value":
            assert held.credential is not None
            assert held.credential.same_as(PAIR)

    def test_settings_place_tells_platforms_apart_and_says_no_secret(self, case: Case) -> None:
        place = place_of(case.settings)
        assert place.startswith(f"{case.settings['kind']}:")
        assert capabilities_of(case.settings) == case.platform.capabilities
        for path in case.environ.values():
            assert path not in place

    def test_settings_unknown_key_is_refused_with_the_nearest(self, case: Case) -> None:
        with pytest.raises(OrgcalError, match="found a setting that does not exist"):
            place_of({**case.settings, "callback_ulr": "x"})
