"""What every platform must do, by capability; each test runs against each platform that can."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from orgcal.entra.credentials import ClientCertificate, ClientSecret
from orgcal.errors import OrgcalError, PlatformError, Unreachable
from orgcal.platforms import (
    ConnectorSettings,
    PlatformCredential,
    capabilities_of,
    catalog_refusals,
    ensure_connector,
    kind_refusal,
    open_platform,
    place_of,
    push_credentials,
)
from tests.support.platform_apis import API_KEY
from tests.support.platform_cases import NAMES, SERVED, SETTINGS, Case, able, open_case
from tests.support.strict_server import Reply

DECLARED = ConnectorSettings(
    "outlook", "Outlook Calendar", "For “everyone”: #1", ("Calendars.Read", "User.Read.All"), True
)
CHANGES: dict[str, Any] = {
    "display_name": "Calendar",
    "description": "",
    "scopes": ("Calendars.ReadWrite",),
    "published": False,
}
CLIENT_ID = "5f0c8a0e-0000-4000-8000-000000000001"
FIRST = PlatformCredential(CLIENT_ID, 1, ClientSecret("hush-1"), scopes=DECLARED.scopes)
SECOND = PlatformCredential(CLIENT_ID, 2, ClientSecret("hush-2$ \"'\\x"), scopes=DECLARED.scopes)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest, tmp_path: Path, authority: trustme.CA, emulator_keys: Any) -> Iterator[Case]:
    with open_case(request.param, tmp_path, authority, emulator_keys) as found:
        yield found


@pytest.fixture(params=SERVED)
def served(request: pytest.FixtureRequest, tmp_path: Path, authority: trustme.CA, emulator_keys: Any) -> Iterator[Case]:
    with open_case(request.param, tmp_path, authority, emulator_keys) as found:
        yield found


def declared_for(case: Case) -> ConnectorSettings:
    """The declaration without what this platform refuses."""
    without: dict[str, Any] = dict.fromkeys(catalog_refusals(case.platform.capabilities, DECLARED), "")
    return replace(DECLARED, **without)


def writes(case: Case) -> list[str]:
    return [] if case.server is None else case.server.writes()


# -- catalog ------------------------------------------------------------------------------------------


def test_connector_created_reads_back_as_declared(case: Case) -> None:
    declared = declared_for(case)
    made = ensure_connector(case.platform, declared)
    if case.platform.capabilities.catalog:
        assert made.outcome == "created"
    assert made.entry.callback_url.startswith("https://") or case.name == "nango"
    entry = case.platform.read_connector("outlook")
    assert entry is not None
    assert entry.differences(declared) == {}
    kept = {name for name in CHANGES if getattr(entry, name) is not None}
    assert kept == case.platform.capabilities.catalog


def test_connector_without_text_and_scopes_reads_back_as_declared(case: Case) -> None:
    bare = ConnectorSettings("outlook", "Outlook")
    assert ensure_connector(case.platform, bare).entry.differences(bare) == {}
    assert ensure_connector(case.platform, bare).outcome == "adopted"


def test_connector_identical_entry_is_adopted_without_a_write(case: Case) -> None:
    ensure_connector(case.platform, declared_for(case))
    before = writes(case)
    again = ensure_connector(case.platform, declared_for(case))
    assert again.outcome == "adopted"
    assert writes(case) == before


@pytest.mark.parametrize(
    ("case", "field"),
    [(name, field) for field in CHANGES for name in NAMES if field in capabilities_of(SETTINGS[name]).catalog],
    indirect=["case"],
)
def test_connector_update_of_a_field_shows_and_changes_it_only(case: Case, field: Any) -> None:
    declared = declared_for(case)
    ensure_connector(case.platform, declared)
    changed = replace(declared, **{field: CHANGES[field]})
    done = ensure_connector(case.platform, changed)
    assert done.outcome == "changed"
    assert [line.split(":")[0] for line in done.differences] == [field]
    entry = case.platform.read_connector("outlook")
    assert entry is not None
    assert entry.differences(changed) == {}


def test_connector_deleted_is_gone_and_deleting_again_is_no_error(case: Case) -> None:
    ensure_connector(case.platform, declared_for(case))
    case.platform.delete_connector("outlook")
    if case.platform.capabilities.catalog:
        assert case.platform.read_connector("outlook") is None
    case.platform.delete_connector("outlook")


def test_connector_that_never_was_is_none(case: Case) -> None:
    if case.platform.capabilities.catalog:
        assert case.platform.read_connector("outlook") is None
    assert case.platform.read_credentials("outlook") is None


@pytest.mark.parametrize("served", able(lambda has: bool(has.catalog), SERVED), indirect=True)
def test_connector_silently_dropped_field_is_noticed(served: Case) -> None:
    assert served.drop is not None
    served.drop("display_name" if served.name == "nango" else "description")
    ensure = declared_for(served)
    with pytest.raises(PlatformError, match="did not keep what it accepted"):
        ensure_connector(served.platform, ensure)


@pytest.mark.parametrize("served", able(lambda has: bool(has.catalog), SERVED), indirect=True)
def test_connector_refused_by_the_platform_is_one_sentence_and_made_by_the_next_run(served: Case) -> None:
    assert served.server is not None
    served.server.arm("status", method="POST", reply=Reply(400, {"message": "not like this"}))
    with pytest.raises(PlatformError, match="answered 400: not like this") as error:
        ensure_connector(served.platform, declared_for(served))
    assert API_KEY not in str(error.value)
    assert served.platform.read_connector("outlook") is None, "nothing is half-written"
    assert ensure_connector(served.platform, declared_for(served)).outcome == "created"


# -- credentials --------------------------------------------------------------------------------------


def test_credentials_of_a_new_entry_are_none(case: Case) -> None:
    ensure_connector(case.platform, declared_for(case))
    assert case.platform.read_credentials("outlook") is None


def test_credentials_pushed_read_back_as_far_as_the_platform_lets_us(case: Case) -> None:
    ensure_connector(case.platform, declared_for(case))
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


@pytest.mark.parametrize("served", able(lambda has: has.reads_back == "value", SERVED), indirect=True)
def test_credentials_silently_dropped_secret_is_noticed_and_not_shown(served: Case) -> None:
    assert served.drop is not None
    ensure_connector(served.platform, declared_for(served))
    served.drop("client_secret")
    with pytest.raises(PlatformError, match="the platform accepted generation 1 of the credential") as error:
        push_credentials(served.platform, "outlook", FIRST)
    assert "hush" not in str(error.value)


def test_credentials_another_generation_replaces_the_first_whatever_is_in_it(case: Case) -> None:
    ensure_connector(case.platform, declared_for(case))
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
    assert entry.differences(declared_for(case)) == {}


def test_credentials_drift_shows(case: Case) -> None:
    ensure_connector(case.platform, declared_for(case))
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
    else:
        assert pushed.updated_at == before.updated_at != after.updated_at


def test_credentials_removed_are_gone_and_the_entry_stays(case: Case) -> None:
    ensure_connector(case.platform, declared_for(case))
    push_credentials(case.platform, "outlook", FIRST)
    case.platform.remove_credentials("outlook")
    if case.forgets:
        assert case.platform.read_credentials("outlook") is None
    case.platform.remove_credentials("outlook")
    entry = case.platform.read_connector("outlook")
    assert entry is not None
    assert entry.differences(declared_for(case)) == {}


@pytest.mark.parametrize("case", able(lambda has: "certificate" not in has.credential_kinds), indirect=True)
def test_credentials_of_a_kind_that_is_not_taken_are_refused_before_any_write(case: Case) -> None:
    certificate = PlatformCredential(CLIENT_ID, 1, ClientCertificate("KEY", "CERT"))
    assert kind_refusal(case.platform.capabilities, "secret") == ""
    with pytest.raises(PlatformError, match="takes a secret, not a certificate"):
        push_credentials(case.platform, "outlook", certificate)
    assert writes(case) == []


@pytest.mark.parametrize("case", ["local-strict", "file-yaml", "file-json"], indirect=True)
def test_credentials_certificate_reads_back(case: Case) -> None:
    pem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
    certificate = PlatformCredential(CLIENT_ID, 1, ClientCertificate(pem.replace("CERTIFICATE", "PRIVATE KEY"), pem))
    ensure_connector(case.platform, declared_for(case))
    push_credentials(case.platform, "outlook", FIRST)
    push_credentials(case.platform, "outlook", certificate)
    held = case.platform.read_credentials("outlook")
    assert held is not None
    assert held.credential == certificate


# -- faults of servers --------------------------------------------------------------------------------


def test_server_too_many_requests_is_waited_out_as_asked(served: Case) -> None:
    assert served.server is not None
    served.server.arm("status", reply=Reply(429, {"error": "slow down"}, {"Retry-After": "7"}))
    ensure_connector(served.platform, declared_for(served))
    push_credentials(served.platform, "outlook", FIRST)
    assert served.time.waits == [7.0]


def test_server_that_stays_busy_is_given_up_within_the_budget(served: Case) -> None:
    assert served.server is not None
    for _ in range(100):
        served.server.arm("status", reply=Reply(503, {}, {"Retry-After": "9"}))
    with pytest.raises(PlatformError) as error:
        served.platform.read_credentials("outlook")
    assert error.value.status == 503
    assert sum(served.time.waits) <= 60


@pytest.mark.parametrize("kind", ["dropped", "status"])
def test_server_fault_while_reading_is_tried_again(served: Case, kind: Any) -> None:
    assert served.server is not None
    served.server.arm(kind, method="GET", reply=Reply(502, b"<html>bad gateway</html>"))
    ensure_connector(served.platform, declared_for(served))
    assert len(served.time.waits) in (0, 1)


@pytest.mark.parametrize("kind", ["silence", "status"])
def test_server_fault_while_pushing_ends_with_the_one_credential(served: Case, kind: Any) -> None:
    """A push says what shall be, so it may be sent again after silence or an error of the server."""
    assert served.server is not None
    served.impatient()
    ensure_connector(served.platform, declared_for(served))
    push_credentials(served.platform, "outlook", FIRST)
    served.server.arm(kind, method=served.push_method, reply=Reply(500, {"message": "broken"}))
    push_credentials(served.platform, "outlook", SECOND)
    held = served.platform.read_credentials("outlook")
    assert held is not None
    assert held.generation in (None, 2)
    assert len(served.time.waits) == 1


@pytest.mark.parametrize("kind", ["silence", "status"])
@pytest.mark.parametrize("served", able(lambda has: bool(has.catalog), SERVED), indirect=True)
def test_server_fault_while_creating_is_told_and_the_next_run_creates(served: Case, kind: Any) -> None:
    """A creation that may have happened is not sent again: what it made is looked for first."""
    assert served.server is not None
    served.impatient()
    served.server.arm(kind, method="POST", reply=Reply(500, {"message": "broken"}))
    with pytest.raises((PlatformError, Unreachable), match=r"answered 500: broken|did not answer in time"):
        ensure_connector(served.platform, declared_for(served))
    posts = [write for write in served.server.writes() if write.startswith("POST")]
    assert len(posts) == 1
    assert ensure_connector(served.platform, declared_for(served)).entry.differences(declared_for(served)) == {}


@pytest.mark.parametrize("served", ["github-environment"], indirect=True)
def test_server_secondary_limit_of_github_is_waited_out(served: Case) -> None:
    assert served.server is not None
    served.server.arm("status", method="POST", reply=Reply(403, {"message": "secondary limit"}, {"Retry-After": "5"}))
    ensure_connector(served.platform, declared_for(served))
    assert served.time.waits == [5.0]


def test_server_answer_lost_after_the_push_ends_with_one_credential(served: Case) -> None:
    assert served.server is not None
    ensure_connector(served.platform, declared_for(served))
    push_credentials(served.platform, "outlook", FIRST)
    served.server.arm("lost", method=served.push_method)
    push_credentials(served.platform, "outlook", SECOND)
    held = served.platform.read_credentials("outlook")
    assert held is not None
    if held.credential is not None:
        assert held.credential.credential == SECOND.credential


@pytest.mark.parametrize("served", able(lambda has: bool(has.catalog), SERVED), indirect=True)
def test_server_answer_lost_after_the_create_is_adopted(served: Case) -> None:
    assert served.server is not None
    served.server.arm("lost", method="POST")
    ensured = ensure_connector(served.platform, declared_for(served))
    assert ensured.entry.differences(declared_for(served)) == {}


def test_server_that_does_not_answer_is_one_sentence(served: Case) -> None:
    assert served.server is not None
    for _ in range(100):
        served.server.arm("dropped")
    with pytest.raises(Unreachable) as error:
        served.platform.read_credentials("outlook")
    assert "cannot be reached" in str(error.value)
    assert API_KEY not in str(error.value)


def test_server_refusing_the_key_names_where_it_is_configured(served: Case, tmp_path: Path) -> None:
    for path in tmp_path.glob("*.key"):
        path.write_text("wr0ng")
    platform = open_platform(served.settings, served.environ)
    with pytest.raises(PlatformError) as error:
        platform.read_credentials("outlook")
    assert error.value.status == 401
    assert "check the API key" in error.value.repair
    assert "wr0ng" not in str(error.value)


def test_server_refusal_of_a_push_shows_its_words_and_no_secret(served: Case) -> None:
    assert served.server is not None
    ensure_connector(served.platform, declared_for(served))
    served.server.arm(
        "status",
        method={"nango": "PATCH", "nylas": "POST"}.get(served.name, "PUT"),
        reply=Reply(400, {"message": "no"}),
    )
    with pytest.raises(PlatformError) as error:
        push_credentials(served.platform, "outlook", FIRST)
    assert "answered 400: no" in str(error.value)
    assert "hush" not in str(error.value)


# -- settings -----------------------------------------------------------------------------------------


def test_settings_place_tells_platforms_apart_and_says_no_secret(case: Case) -> None:
    place = place_of(case.settings)
    assert place.startswith(f"{case.settings['kind']}:")
    assert API_KEY not in place


def test_settings_unknown_key_is_refused_with_the_nearest(case: Case) -> None:
    with pytest.raises(OrgcalError, match="found a setting that does not exist"):
        place_of({**case.settings, "callback_ulr": "x"})
