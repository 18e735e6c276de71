"""What a connector's resources keep, refuse and hand to the platform, on a platform in a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orgcal.errors import OrgcalError, UsageError
from orgcal.platforms import PlatformCredential, open_platform
from orgcal.provider._answers import state as declared
from orgcal.provider._sdk import UNKNOWN, Call, InvalidInputs, Properties, Resource, Secret, State, problems_of, reveal
from orgcal.provider.connector import naming
from orgcal.provider.connector.certificates import CertificateKey
from orgcal.provider.connector.connectors import Connector
from orgcal.provider.connector.credentials import CHANGED_ELSEWHERE, ConnectorCredentials
from orgcal.provider.connector.ledgers import CredentialLedger
from tests.support.certificates import rsa_pair

Told = list[tuple[str, str]]


def call(told: Told | None = None) -> Call:
    lines = [] if told is None else told
    return Call("thing", lambda severity, text: lines.append((severity, text)))


def refusals(resource: Resource, news: Properties, olds: Properties | None = None) -> dict[str, str]:
    with pytest.raises(InvalidInputs) as caught:
        resource.check(call(), news, olds or {})
    return caught.value.failures


@pytest.fixture
def platform(tmp_path: Path) -> Properties:
    """Settings of a platform that keeps its entries in a file."""
    return {"kind": "file", "path": str(tmp_path / "connectors.yaml"), "callback_url": "https://app.example/callback"}


def entry(platform: Properties, **given: Any) -> Properties:
    base: Properties = {"platform": platform, "key": "k", "displayName": "Name", "scopes": ["Calendars.Read"]}
    return Connector().check(call(), {**base, **given}, {})


def made(platform: Properties, **given: Any) -> tuple[str, State, Told]:
    """Id and state of a connector that was created, and what the user was told."""
    told: Told = []
    inputs = entry(platform, **given)
    assert problems_of(Connector.inputs, inputs, {}) == {}
    created = Connector().create(call(told), inputs)
    declared(Connector(), inputs, created.outputs)
    return created.resource_id, State(inputs, {**inputs, **created.outputs}), told


# The connector's entry ----------------------------------------------------------------------------------------------


def test_connector_is_made_with_its_callback_and_found_again(platform: Properties) -> None:
    resource_id, state, told = made(platform, description="text")
    assert told == []
    assert state.outputs["callbackUrl"] == "https://app.example/callback"
    assert state.outputs["connections"] == 0
    assert resource_id == naming.resource_id(platform, "k")

    found = Connector().read(call(), resource_id, state)
    assert found is not None
    assert (found.resource_id, found.inputs) == (resource_id, state.inputs)
    assert found.outputs == {"callbackUrl": "https://app.example/callback", "connections": 0}


def test_connector_that_is_there_is_adopted_and_what_changes_is_told(platform: Properties) -> None:
    made(platform)
    assert made(platform)[2] == [("info", "adopted the connector 'k', which was there already")]
    ((severity, text),) = made(platform, displayName="Other")[2]
    assert severity == "warning"
    assert text.startswith("adopted the connector 'k', which had other settings (")
    assert "Name" in text


def test_connector_update_writes_what_is_declared(platform: Properties) -> None:
    resource_id, state, _ = made(platform)
    news = entry(platform, displayName="Other", scopes=["Mail.Read", "Calendars.Read"])
    outputs = Connector().update(call(), resource_id, state, news)
    assert outputs == {"callbackUrl": "https://app.example/callback", "connections": 0}
    found = Connector().read(call(), resource_id, State(news, news))
    assert found is not None
    assert found.inputs == news


def test_connector_whose_scopes_changed_elsewhere_shows_them(platform: Properties) -> None:
    resource_id, state, _ = made(platform)
    made(platform, scopes=["Mail.Read"])
    found = Connector().read(call(), resource_id, state)
    assert found is not None
    assert found.inputs == {**state.inputs, "scopes": ["Mail.Read"]}


def test_connector_import_fills_in_what_the_platform_does_not_keep(platform: Properties) -> None:
    made(platform)
    found = Connector().read(call(), f"{json.dumps(platform)}/k", State())
    assert found is not None
    assert found.resource_id == naming.resource_id(platform, "k")
    assert found.inputs == entry(platform)


def test_connector_is_gone_after_its_deletion(platform: Properties) -> None:
    resource_id, state, _ = made(platform)
    Connector().delete(call(), resource_id, state)
    assert Connector().read(call(), resource_id, state) is None


@pytest.mark.parametrize("scopes", [["Calendars.Read", 1], [None]])
def test_connector_scopes_that_are_no_names_are_refused(platform: Properties, scopes: list[Any]) -> None:
    with pytest.raises(UsageError, match=r"expected names such as Calendars\.Read") as caught:
        entry(platform, scopes=scopes)
    assert caught.value.where == "scopes"


def test_connector_with_unknown_scopes_waits_for_them(platform: Properties) -> None:
    before = entry(platform)
    news = entry(platform, scopes=[UNKNOWN])
    assert Connector().diff(call(), "id", State(before, before), news).changed == {"scopes"}


# Its credential -----------------------------------------------------------------------------------------------------


def push(platform: Properties, **given: Any) -> Properties:
    base: Properties = {"platform": platform, "connectorKey": "k", "clientId": "c", "generation": 1}
    return {**base, "clientSecret": Secret("s"), **given}


def pushed(platform: Properties, **given: Any) -> tuple[str, State, Told]:
    told: Told = []
    inputs = ConnectorCredentials().check(call(), push(platform, **given), {})
    assert problems_of(ConnectorCredentials.inputs, inputs, {}) == {}
    created = ConnectorCredentials().create(call(told), inputs)
    declared(ConnectorCredentials(), inputs, created.outputs)
    return created.resource_id, State(inputs, {**inputs, **created.outputs}), told


def test_credentials_are_pushed_and_seen_by_their_fingerprint(platform: Properties) -> None:
    made(platform)
    resource_id, state, told = pushed(platform, scopes=["Calendars.Read"], displayName="Name")
    salt = reveal(state.outputs["fingerprintKey"])
    stored = open_platform(platform, {}).read_credentials("k")
    assert stored is not None
    assert stored.credential is not None
    assert state.outputs["fingerprint"] == stored.credential.fingerprint(salt.encode())
    assert len(salt) == 64
    assert isinstance(state.outputs["fingerprintKey"], Secret)
    assert told == []

    found = ConnectorCredentials().read(call(), resource_id, state)
    assert found is not None
    assert found.resource_id == resource_id
    assert found.inputs == state.inputs
    assert {name: state.outputs[name] for name in found.outputs} == found.outputs
    assert (
        ConnectorCredentials().diff(call(), resource_id, State(found.inputs, found.outputs), state.inputs).changed
        == set()
    )


def test_credentials_of_another_application_are_replaced_with_a_warning(platform: Properties) -> None:
    made(platform)
    pushed(platform, clientId="before")
    told = pushed(platform)[2]
    assert told == [("warning", "the connector 'k' held a credential of the application before; replaced")]
    assert pushed(platform)[2] == []


def test_credentials_update_keeps_the_key_of_the_fingerprint(platform: Properties) -> None:
    made(platform)
    resource_id, state, _ = pushed(platform)
    news = push(platform, clientSecret=Secret("t"), generation=2)
    outputs = ConnectorCredentials().update(call(), resource_id, state, news)
    assert outputs["fingerprintKey"] == state.outputs["fingerprintKey"]
    assert outputs["fingerprint"] != state.outputs["fingerprint"]
    without = ConnectorCredentials().update(call(), resource_id, State(state.inputs, {}), news)
    assert len(reveal(without["fingerprintKey"])) == 64


def test_credentials_that_changed_elsewhere_are_shown_and_not_taken_over(platform: Properties) -> None:
    made(platform)
    resource_id, state, _ = pushed(platform)
    pushed(platform, clientId="other", clientSecret=Secret("theirs"), generation=7)
    found = ConnectorCredentials().read(call(), resource_id, state)
    assert found is not None
    assert (found.inputs["clientId"], found.inputs["generation"]) == ("other", 7)
    assert found.inputs["clientSecret"] == Secret("s")
    assert found.outputs["fingerprint"] != state.outputs["fingerprint"]
    drift = ConnectorCredentials().diff(call(), resource_id, State(found.inputs, found.outputs), state.inputs)
    assert drift.changed == {"clientId", "clientSecret", "generation"}


def test_credentials_import_takes_what_the_platform_holds(platform: Properties) -> None:
    made(platform)
    pushed(platform, scopes=["Calendars.Read"])
    found = ConnectorCredentials().read(call(), f"{json.dumps(platform)}/k", State())
    assert found is not None
    assert found.inputs == push(platform)  # this platform keeps no scopes beside the secret
    assert found.outputs["pushedAt"] == ""  # nor when it took it


def test_credentials_import_of_a_certificate_keeps_its_key_secret(platform: Properties) -> None:
    made(platform)
    pair = rsa_pair()
    inputs = push(platform, certificatePem=pair.certificate, privateKeyPem=Secret(pair.key))
    del inputs["clientSecret"]
    ConnectorCredentials().create(call(), inputs)
    found = ConnectorCredentials().read(call(), f"{json.dumps(platform)}/k", State())
    assert found is not None
    assert isinstance(found.inputs["certificatePem"], str)
    assert isinstance(found.inputs["privateKeyPem"], Secret)
    assert "clientSecret" not in found.inputs


def test_credentials_are_gone_after_their_removal(platform: Properties) -> None:
    made(platform)
    resource_id, state, _ = pushed(platform)
    ConnectorCredentials().delete(call(), resource_id, state)
    assert ConnectorCredentials().read(call(), resource_id, state) is None


@pytest.mark.parametrize("name", ["certificatePem", "privateKeyPem"])
def test_credentials_half_a_certificate_or_an_empty_one_is_refused(platform: Properties, name: str) -> None:
    given = push(platform, certificatePem="C", privateKeyPem=Secret("K"))
    del given["clientSecret"]
    half = {key: value for key, value in given.items() if key != name}
    assert list(refusals(ConnectorCredentials(), half)) == ["clientSecret"]
    assert list(refusals(ConnectorCredentials(), {**half, "clientSecret": Secret("s")})) == ["clientSecret"]
    assert refusals(ConnectorCredentials(), {**given, name: Secret("")}) == {name: "is empty"}
    assert ConnectorCredentials().check(call(), given, {}) == given


def test_credentials_marked_as_changed_elsewhere_are_never_taken_for_ours(platform: Properties) -> None:
    outputs = {"fingerprint": CHANGED_ELSEWHERE, "fingerprintKey": Secret("00" * 32)}
    news = push(platform)
    assert ConnectorCredentials().diff(call(), "id", State(news, outputs), news).changed == {"clientSecret"}
    assert PlatformCredential("c", 1, _secret()).fingerprint(b"00" * 32) != CHANGED_ELSEWHERE


def _secret() -> Any:
    from orgcal.entra.credentials import ClientSecret

    return ClientSecret("s")


# Ledger and key -----------------------------------------------------------------------------------------------------

WANTED: Properties = {"generations": [1], "active": 1, "lifetime": "180d"}


def test_ledger_shows_the_end_of_live_generations_only() -> None:
    first = CredentialLedger().check(call(), WANTED, {})
    both = CredentialLedger().check(call(), {**WANTED, "generations": [1, 2], "active": 2}, first)
    second = CredentialLedger().check(call(), {**WANTED, "generations": [2], "active": 2}, both)
    ends = {number: entry["expires"] for number, entry in second["entries"].items()}

    assert ends.keys() == {"1", "2"}
    planned = CredentialLedger().plan(call(), second, None)
    assert planned == {"endDates": {"2": ends["2"]}}
    created = CredentialLedger().create(call(), second)
    assert created.outputs == CredentialLedger().update(call(), "id", State(both, both), second) == planned
    found = CredentialLedger().read(call(), "ledger-1", State(second, second))
    assert found is not None
    assert (found.resource_id, found.inputs, found.outputs) == ("ledger-1", second, planned)
    assert created.resource_id.startswith("ledger-")


@pytest.mark.parametrize("name", ["generations", "revoked"])
@pytest.mark.parametrize("numbers", [[True], ["1"], [1.5], [1, None]])
def test_ledger_takes_whole_numbers_only(name: str, numbers: list[Any]) -> None:
    assert refusals(CredentialLedger(), {**WANTED, name: numbers}) == {
        name: f"found {numbers!r}, expected whole numbers"
    }


def test_ledger_warns_once_of_a_credential_that_never_expires() -> None:
    told: Told = []
    never = {**WANTED, "lifetime": "never"}
    first = CredentialLedger().check(call(told), never, {})
    assert told == [("warning", "this credential never expires; Microsoft advises less than 12 months")]
    CredentialLedger().check(call(told), never, first)
    assert len(told) == 1
    CredentialLedger().check(call(told), {**never, "generations": [1, 2]}, first)
    assert len(told) == 2


def test_ledger_marks_its_format_once_something_is_revoked() -> None:
    first = CredentialLedger().check(call(), WANTED, {})
    assert "format" not in "".join(first).lower()
    revoked = CredentialLedger().check(call(), {**WANTED, "generations": [1, 2], "revoked": [1]}, first)
    (key,) = revoked.keys() - {*WANTED, "revoked", "entries"}
    assert revoked[key] == 2
    assert refusals(CredentialLedger(), WANTED, {**revoked, key: 99}).keys() == {key}
    with pytest.raises(OrgcalError):
        CredentialLedger().read(call(), "id", State({**revoked, key: 99}, {}))


def test_ledger_of_a_stack_without_a_cloud_takes_one_later() -> None:
    made_before = CredentialLedger().check(call(), WANTED, {})
    assert CredentialLedger().check(call(), {**WANTED, "world": "public"}, made_before)["world"] == "public"


def test_key_without_keepers_has_none_and_is_kept() -> None:
    inputs = CertificateKey().check(call(), {"commonName": "x" * 64, "endDate": "2027-05-22T12:00:00Z"}, {})
    assert inputs["keepers"] == {}
    created = CertificateKey().create(call(), inputs)
    declared(CertificateKey(), inputs, created.outputs)
    assert created.resource_id.startswith("key-")
    plain = reveal(created.outputs)
    found = CertificateKey().read(call(), "key-1", State(inputs, {**inputs, **plain}))
    assert found is not None
    assert (found.resource_id, found.inputs, reveal(found.outputs)) == ("key-1", inputs, plain)
    assert isinstance(found.outputs["privateKeyPem"], Secret)
    assert len(plain["thumbprint"]) == 40
    assert plain["thumbprint"] == plain["thumbprint"].upper()


def test_key_with_unknown_inputs_is_judged_later() -> None:
    news = {"commonName": UNKNOWN, "endDate": UNKNOWN}
    assert CertificateKey().check(call(), news, {}) == {**news, "keepers": {}}
