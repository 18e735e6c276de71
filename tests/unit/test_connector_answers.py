"""What a connector's resources make of the answers that platforms of other kinds give."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orgcal.durations import parse_moment
from orgcal.entra.credentials import ClientCertificate, ClientSecret
from orgcal.platforms import ConnectorEntry, ConnectorSettings, PlatformCredential, StoredCredential
from orgcal.platforms.model import NOT_SHOWN
from orgcal.provider._sdk import UNKNOWN, Call, Diff, Properties, Secret, State
from orgcal.provider.connector.connectors import Connector
from orgcal.provider.connector.credentials import CHANGED_ELSEWHERE, ConnectorCredentials
from tests.support.scripted_platform import SETTINGS, ScriptedPlatform, use_platform

ENTRY: Properties = {"platform": SETTINGS, "key": "k", "displayName": "Name", "scopes": ["Calendars.Read"]}
ID = "local:local/k"
CALLBACK = "https://platform.example/callback"
SALT = "5" * 64
PUSH: Properties = {
    "platform": SETTINGS,
    "connectorKey": "k",
    "clientId": "c",
    "clientSecret": Secret("s"),
    "generation": 3,
}
OURS = PlatformCredential("c", 3, ClientSecret("s"))
FINGERPRINT = OURS.fingerprint(SALT.encode())


class Told(list[tuple[str, str]]):
    """What was told to the user."""

    def call(self) -> Call:
        return Call("name", lambda severity, text: self.append((severity, text)))


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> ScriptedPlatform:
    """A platform that holds nothing yet, and that the resources open."""
    scripted = ScriptedPlatform()
    use_platform(scripted, monkeypatch)
    return scripted


def entry(**given: Any) -> Properties:
    return Connector().check(Told().call(), {**ENTRY, **given}, {})


# The connector's entry ----------------------------------------------------------------------------------------------


def test_entry_is_made_with_every_setting_that_is_declared(platform: ScriptedPlatform) -> None:
    made = Connector().create(Told().call(), entry(description="text", scopes=["b", "a"], published=False))

    declared = ConnectorSettings("k", "Name", "text", ("b", "a"), published=False)
    assert platform.asked[:2] == [("read", "k"), ("write", declared)]
    assert (made.resource_id, made.outputs) == (ID, {"callbackUrl": CALLBACK, "connections": 0})


def test_entry_without_a_description_is_made_visible_and_without_one(platform: ScriptedPlatform) -> None:
    Connector().update(Told().call(), ID, State(), entry())

    declared = ConnectorSettings("k", "Name", "", ("Calendars.Read",), published=True)
    assert platform.asked[:2] == [("read", "k"), ("write", declared)]


@pytest.mark.parametrize(("deletes", "connected_too"), [(None, False), (False, False), (True, True)])
def test_entry_is_deleted_with_its_connections_only_where_that_is_said(
    platform: ScriptedPlatform, deletes: bool | None, connected_too: bool
) -> None:
    inputs = {**ENTRY, **({} if deletes is None else {"deleteConnected": deletes})}
    Connector().delete(Told().call(), ID, State(inputs, inputs))

    assert platform.asked == [("delete", ("k", connected_too))]


def test_entry_of_which_nothing_is_told_is_imported_with_defaults(platform: ScriptedPlatform) -> None:
    platform.entry = ConnectorEntry("k", CALLBACK)
    found = Connector().read(Told().call(), "k", State())

    assert found is not None
    assert found.resource_id == ID
    assert found.inputs == {
        "platform": {"kind": "local"},
        "key": "k",
        "displayName": "k",
        "description": "",
        "scopes": [],
        "published": True,
        "deleteConnected": False,
    }
    assert found.outputs == {"callbackUrl": CALLBACK, "connections": 0}


def test_entry_is_read_as_the_platform_has_it(platform: ScriptedPlatform) -> None:
    platform.entry = ConnectorEntry("k", CALLBACK, "Other", "text", ("b", "a"), published=False, connections=7)
    before = entry(deleteConnected=True)
    found = Connector().read(Told().call(), ID, State(before, before))

    assert found is not None
    assert found.inputs == {
        **before,
        "displayName": "Other",
        "description": "text",
        "scopes": ["b", "a"],
        "published": False,
        "deleteConnected": True,
    }
    assert found.outputs == {"callbackUrl": CALLBACK, "connections": 7}


def test_entry_of_which_nothing_is_told_keeps_what_the_state_has(platform: ScriptedPlatform) -> None:
    platform.entry = ConnectorEntry("k", CALLBACK)
    before = entry(description="text", published=False, deleteConnected=True)
    found = Connector().read(Told().call(), ID, State(before, before))

    assert found is not None
    assert found.inputs == before


@pytest.mark.parametrize("scopes", [("b", "a"), ("a", "b")])
def test_entry_with_scopes_in_another_order_keeps_the_programs(
    platform: ScriptedPlatform, scopes: tuple[str, ...]
) -> None:
    platform.entry = ConnectorEntry("k", CALLBACK, scopes=scopes)
    before = entry(scopes=["a", "b"])
    found = Connector().read(Told().call(), ID, State(before, before))

    assert found is not None
    assert found.inputs["scopes"] == ["a", "b"]


def test_entry_that_was_emptied_shows_no_scopes(platform: ScriptedPlatform) -> None:
    platform.entry = ConnectorEntry("k", CALLBACK, scopes=())
    before = entry()
    for old in (State(before, before), State()):
        found = Connector().read(Told().call(), ID, old)
        assert found is not None
        assert found.inputs["scopes"] == []


def test_entry_that_is_gone_is_gone(platform: ScriptedPlatform) -> None:
    assert Connector().read(Told().call(), ID, State()) is None


# Its credential: what is pushed -------------------------------------------------------------------------------------


def test_credential_is_pushed_with_all_that_is_given(platform: ScriptedPlatform) -> None:
    platform.pushed = StoredCredential(updated_at="2026-11-24T12:00:00Z")
    news = {**PUSH, "scopes": ["b", "a"], "displayName": "Name"}
    made = ConnectorCredentials().create(Told().call(), news)

    pushed = PlatformCredential("c", 3, ClientSecret("s"), ("b", "a"), "Name")
    assert platform.asked == [("look", "k"), ("push", ("k", pushed))]
    assert made.resource_id == ID
    salt = made.outputs["fingerprintKey"]
    assert isinstance(salt, Secret)
    assert len(salt.value) == 64
    assert made.outputs == {
        "fingerprint": pushed.fingerprint(salt.value.encode()),
        "fingerprintKey": salt,
        "pushedAt": "2026-11-24T12:00:00Z",
    }


def test_credential_is_pushed_with_the_key_of_the_state(platform: ScriptedPlatform) -> None:
    before = State(PUSH, {"fingerprint": "other", "fingerprintKey": Secret(SALT), "pushedAt": "2026-01-01T00:00:00Z"})
    start = datetime.now(UTC) - timedelta(seconds=1)
    outputs = ConnectorCredentials().update(Told().call(), ID, before, PUSH)

    assert platform.asked == [("push", ("k", OURS))]
    assert (outputs["fingerprint"], outputs["fingerprintKey"]) == (FINGERPRINT, Secret(SALT))
    assert start <= parse_moment(outputs["pushedAt"]) <= datetime.now(UTC)


def test_certificate_is_pushed_with_its_key(platform: ScriptedPlatform) -> None:
    given = {name: value for name, value in PUSH.items() if name != "clientSecret"}
    pair = {"certificatePem": "C", "privateKeyPem": Secret("K")}
    ConnectorCredentials().update(Told().call(), ID, State(), {**given, **pair})

    assert platform.asked == [("push", ("k", PlatformCredential("c", 3, ClientCertificate("K", "C"))))]


@pytest.mark.parametrize("client_id", [None, "", "c"])
def test_credential_of_nobody_or_of_ours_is_replaced_silently(platform: ScriptedPlatform, client_id: Any) -> None:
    platform.stored = StoredCredential(client_id=client_id)
    told = Told()
    ConnectorCredentials().create(told.call(), PUSH)

    assert told == []


def test_credential_is_removed_from_its_connector(platform: ScriptedPlatform) -> None:
    ConnectorCredentials().delete(Told().call(), ID, State(PUSH, PUSH))

    assert platform.asked == [("remove", "k")]


# What the platform shows of it --------------------------------------------------------------------------------------

HELD: Properties = {
    "fingerprint": FINGERPRINT,
    "fingerprintKey": Secret(SALT),
    "pushedAt": "2026-11-24T12:00:00Z",
}
BEFORE = State(PUSH, {**PUSH, **HELD})


@pytest.mark.parametrize(
    ("stored", "fingerprint"),
    [
        (StoredCredential(), FINGERPRINT),
        (StoredCredential(intact=False), CHANGED_ELSEWHERE),
        (StoredCredential(credential=OURS), FINGERPRINT),
        (StoredCredential(credential=OURS, intact=False), CHANGED_ELSEWHERE),
        (StoredCredential(credential=OURS, updated_at="2026-11-25T12:00:00Z"), FINGERPRINT),
        (StoredCredential(updated_at="2026-11-24T12:00:00Z"), FINGERPRINT),
        (StoredCredential(updated_at="2026-11-25T12:00:00Z"), CHANGED_ELSEWHERE),
        (StoredCredential(updated_at="2026-11-23T12:00:00Z"), CHANGED_ELSEWHERE),
    ],
)
def test_credential_is_ours_as_far_as_the_platform_lets_us_look(
    platform: ScriptedPlatform, stored: StoredCredential, fingerprint: str
) -> None:
    platform.stored = stored
    found = ConnectorCredentials().read(Told().call(), ID, BEFORE)

    assert found is not None
    assert platform.asked == [("look", "k")]
    assert (found.resource_id, found.inputs) == (ID, PUSH)
    assert found.outputs == {**HELD, "fingerprint": fingerprint}
    drift = ConnectorCredentials().diff(Told().call(), ID, State(found.inputs, found.outputs), PUSH)
    assert drift == Diff(frozenset({"clientSecret"} if fingerprint == CHANGED_ELSEWHERE else ()))


def test_credential_that_the_platform_replaced_is_shown_by_its_fingerprint(platform: ScriptedPlatform) -> None:
    theirs = PlatformCredential("other", 9, ClientSecret("t"), ("b", "a"))
    platform.stored = StoredCredential("other", 9, "2026-11-25T12:00:00Z", theirs)
    found = ConnectorCredentials().read(Told().call(), ID, BEFORE)

    assert found is not None
    assert found.inputs == {**PUSH, "clientId": "other", "generation": 9, "scopes": ["b", "a"]}
    assert found.outputs == {**HELD, "fingerprint": theirs.fingerprint(SALT.encode())}


@pytest.mark.parametrize(("kept", "shown"), [(("b", "a"), ["a", "b"]), (("c",), ["c"]), ((), ["a", "b"])])
def test_scopes_beside_a_credential_show_only_what_changed(
    platform: ScriptedPlatform, kept: tuple[str, ...], shown: list[str]
) -> None:
    platform.stored = StoredCredential(credential=PlatformCredential("c", 3, ClientSecret("s"), kept))
    inputs = {**PUSH, "scopes": ["a", "b"]}
    found = ConnectorCredentials().read(Told().call(), ID, State(inputs, {**inputs, **HELD}))

    assert found is not None
    assert found.inputs == {**inputs, "scopes": shown}


@pytest.mark.parametrize("updated_at", ["2026-11-25T12:00:00Z", None])
def test_credential_that_cannot_be_read_is_imported_as_somebody_elses(
    platform: ScriptedPlatform, updated_at: str | None
) -> None:
    platform.stored = StoredCredential(updated_at=updated_at)
    found = ConnectorCredentials().read(Told().call(), "k", State())

    assert found is not None
    assert found.inputs == {"platform": {"kind": "local"}, "connectorKey": "k"}
    salt = found.outputs["fingerprintKey"]
    assert isinstance(salt, Secret)
    assert len(salt.value) == 64
    assert found.outputs == {
        "fingerprint": CHANGED_ELSEWHERE,
        "fingerprintKey": salt,
        "pushedAt": updated_at or "",
    }


def test_credential_that_can_be_read_is_imported_as_ours(platform: ScriptedPlatform) -> None:
    platform.stored = StoredCredential("c", 3, None, PlatformCredential("c", 3, ClientSecret("s"), ("b", "a")))
    found = ConnectorCredentials().read(Told().call(), "k", State())

    assert found is not None
    assert found.inputs == {**PUSH, "scopes": ["b", "a"]}
    assert found.outputs["fingerprint"] == OURS.fingerprint(found.outputs["fingerprintKey"].value.encode())
    assert found.outputs["pushedAt"] == ""


def test_credential_that_is_gone_is_gone(platform: ScriptedPlatform) -> None:
    assert ConnectorCredentials().read(Told().call(), ID, BEFORE) is None


# Previews that may not see secrets ----------------------------------------------------------------------------------


def test_secret_that_a_preview_may_not_see_counts_as_the_one_that_is_held() -> None:
    hidden = {**PUSH, "clientSecret": Secret(NOT_SHOWN)}
    resource = ConnectorCredentials()

    assert resource.diff(Told().call(), ID, State(hidden, {**hidden, **HELD}), hidden) == Diff()
    assert resource.plan(Told().call(), hidden, BEFORE) == {"fingerprint": FINGERPRINT}


def test_secret_that_a_preview_may_not_see_hides_no_drift() -> None:
    hidden = {**PUSH, "clientSecret": Secret(NOT_SHOWN)}
    lost = State(hidden, {**hidden, **HELD, "fingerprint": CHANGED_ELSEWHERE})

    assert ConnectorCredentials().diff(Told().call(), ID, lost, hidden) == Diff(frozenset({"clientSecret"}))


def test_certificate_that_the_platform_lost_is_shown_by_its_key() -> None:
    given = {name: value for name, value in PUSH.items() if name != "clientSecret"}
    news = {**given, "certificatePem": "C", "privateKeyPem": Secret("K")}
    lost = State(news, {**news, **HELD})

    assert ConnectorCredentials().diff(Told().call(), ID, lost, news) == Diff(frozenset({"privateKeyPem"}))


def test_fingerprint_of_what_is_not_known_yet_is_not_known() -> None:
    plan = ConnectorCredentials().plan
    assert plan(Told().call(), PUSH, None) == {"fingerprint": UNKNOWN}
    assert plan(Told().call(), {**PUSH, "clientId": UNKNOWN}, BEFORE) == {"fingerprint": UNKNOWN}
    assert plan(Told().call(), PUSH, BEFORE) == {"fingerprint": FINGERPRINT}
