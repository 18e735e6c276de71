"""What our resources decide without asking anybody: checks, diffs, plans, ids, certificates."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orgcal_emulator
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from orgcal import __version__
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.session import USER_AGENT
from orgcal.errors import UsageError
from orgcal.provider._sdk import UNKNOWN, Call, InvalidInputs, Properties, Resource, Secret, State, reveal
from orgcal.provider.connector import naming
from orgcal.provider.connector.certificates import CertificateKey, make_certificate
from orgcal.provider.connector.connectors import Connector
from orgcal.provider.connector.credentials import CHANGED_ELSEWHERE, ConnectorCredentials
from orgcal.provider.connector.ledgers import CredentialLedger

LOCAL = {"kind": "local"}
ENTRY: Properties = {"platform": LOCAL, "key": "k", "displayName": "d", "scopes": ["a", "b"]}
PUSH: Properties = {
    "platform": LOCAL,
    "connectorKey": "k",
    "clientId": "c",
    "clientSecret": Secret("s"),
    "generation": 1,
}


class Told(list[tuple[str, str]]):
    """What was told to the user."""

    def call(self) -> Call:
        return Call("name", lambda severity, text: self.append((severity, text)))


def check(resource: Resource, news: Properties, olds: Properties | None = None) -> Properties:
    return resource.check(Told().call(), news, olds or {})


def refusals(resource: Resource, news: Properties) -> dict[str, str]:
    with pytest.raises(InvalidInputs) as refused:
        check(resource, news)
    return refused.value.failures


def changes(
    resource: Resource, old: Properties, new: Properties, outputs: Properties | None = None
) -> tuple[set[str], set[str]]:
    found = resource.diff(Told().call(), "id", State(old, {**old, **(outputs or {})}), new)
    return set(found.changed), set(found.replaced)


def test_connector_check_fills_defaults_in() -> None:
    found = check(Connector(), ENTRY)
    assert (found["description"], found["published"], found["deleteConnected"]) == ("", True, False)


def test_connector_check_unknown_platform_kind_is_refused_with_the_nearest() -> None:
    assert "did you mean nango?" in refusals(Connector(), {**ENTRY, "platform": {"kind": "nagno"}})["platform"]


def test_connector_check_settings_that_a_platform_cannot_keep_are_refused() -> None:
    nango = {**ENTRY, "platform": {"kind": "nango"}, "description": "text", "published": False}
    assert set(refusals(Connector(), nango)) == {"description", "published"}


def test_connector_check_platform_must_be_known() -> None:
    assert "platform" in refusals(Connector(), {**ENTRY, "platform": {"kind": "file", "path": UNKNOWN}})


@pytest.mark.parametrize(
    ("new", "changed", "replaced"),
    [
        ({"scopes": ["b", "a"]}, set(), set()),
        ({"scopes": ["a"]}, {"scopes"}, set()),
        ({"displayName": "e"}, {"displayName"}, set()),
        ({"key": "l"}, {"key"}, {"key"}),
        ({"platform": {"kind": "nango"}}, {"platform"}, {"platform"}),
        ({"displayName": UNKNOWN}, {"displayName"}, set()),
    ],
)
def test_connector_diff_says_what_updates_and_what_replaces(
    new: Properties, changed: set[str], replaced: set[str]
) -> None:
    old = check(Connector(), ENTRY)
    assert changes(Connector(), old, {**old, **new}) == (changed, replaced)


def test_connector_diff_other_settings_of_the_same_place_update() -> None:
    nango = {"kind": "nango"}
    old = check(Connector(), {**ENTRY, "platform": nango})
    new = {**old, "platform": {**nango, "key_file_variable": "OTHER_FILE"}}
    assert changes(Connector(), old, new) == ({"platform"}, set())


@pytest.mark.parametrize(
    "wrong",
    [
        {"clientSecret": None},
        {"certificatePem": "C", "privateKeyPem": Secret("K")},
        {"clientSecret": None, "certificatePem": "C"},
    ],
)
def test_credentials_check_wants_a_secret_or_a_certificate(wrong: Properties) -> None:
    news = {name: value for name, value in {**PUSH, **wrong}.items() if value is not None}
    assert "give either clientSecret, or" in refusals(ConnectorCredentials(), news)["clientSecret"]


def test_credentials_check_empty_secret_and_kind_that_is_not_taken_are_refused() -> None:
    assert refusals(ConnectorCredentials(), {**PUSH, "clientSecret": Secret("")}) == {"clientSecret": "is empty"}
    certificate = {**PUSH, "certificatePem": "C", "privateKeyPem": Secret("K"), "platform": {"kind": "nango"}}
    del certificate["clientSecret"]
    assert "takes a secret, not a certificate" in refusals(ConnectorCredentials(), certificate)["certificatePem"]


def held(secret: str, salt: str = "00" * 32) -> Properties:
    from orgcal.platforms import PlatformCredential

    fingerprint = PlatformCredential("c", 1, ClientSecret(secret)).fingerprint(salt.encode())
    return {"fingerprint": fingerprint, "fingerprintKey": Secret(salt), "pushedAt": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize("before", [{}, {"displayName": "Old"}])
def test_credentials_name_for_a_creation_is_no_change_of_what_is_there(before: Properties) -> None:
    """A stack that an older version deployed has no such name; an entry that exists is renamed by `Connector`."""
    news = {**PUSH, "displayName": "New"}
    assert changes(ConnectorCredentials(), {**PUSH, **before}, news, held("s")) == (set(), set())


def test_credentials_diff_is_empty_while_the_platform_holds_them() -> None:
    assert changes(ConnectorCredentials(), PUSH, PUSH, held("s")) == (set(), set())


@pytest.mark.parametrize("outputs", [held("other"), {**held("s"), "fingerprint": CHANGED_ELSEWHERE}])
def test_credentials_diff_shows_a_secret_that_the_platform_does_not_hold(outputs: Properties) -> None:
    assert changes(ConnectorCredentials(), PUSH, PUSH, outputs) == ({"clientSecret"}, set())


def test_credentials_diff_unknown_secret_is_a_change() -> None:
    new = {**PUSH, "clientSecret": Secret(UNKNOWN)}
    assert changes(ConnectorCredentials(), PUSH, new, held("s")) == ({"clientSecret"}, set())


def test_credentials_plan_knows_the_fingerprint_only_of_a_known_secret() -> None:
    plan = ConnectorCredentials().plan
    old = State(PUSH, {**PUSH, **held("s")})
    assert plan(Told().call(), PUSH, None)["fingerprint"] is UNKNOWN
    assert plan(Told().call(), {**PUSH, "clientSecret": Secret(UNKNOWN)}, old)["fingerprint"] is UNKNOWN
    assert plan(Told().call(), {**PUSH, "generation": 2}, old)["fingerprint"] == held("s")["fingerprint"]


def test_credentials_fingerprint_depends_on_its_key() -> None:
    assert held("s", "00" * 32)["fingerprint"] != held("s", "11" * 32)["fingerprint"]


def test_ledger_check_must_know_its_inputs() -> None:
    news: dict[str, Any] = {"generations": [UNKNOWN], "active": 1, "lifetime": "180d"}
    assert "must be known" in refusals(CredentialLedger(), news)["generations"]
    assert "whole numbers" in refusals(CredentialLedger(), {**news, "generations": ["1"]})["generations"]


def test_ledger_warns_of_a_credential_that_never_expires() -> None:
    told = Told()
    CredentialLedger().check(told.call(), {"generations": [1], "active": 1, "lifetime": "never"}, {})
    assert told[0][0] == "warning"
    assert "never expires" in told[0][1]


def test_ledger_and_key_cannot_be_imported() -> None:
    for resource in (CredentialLedger(), CertificateKey()):
        with pytest.raises(UsageError, match="cannot be imported"):
            resource.read(Told().call(), "id", State())


@pytest.mark.parametrize(
    ("given", "settings", "key"),
    [
        ("outlook", LOCAL, "outlook"),
        ("local:local/outlook", LOCAL, "outlook"),
        (
            '{"kind": "nango", "base_url": "http://localhost:3003"}/outlook',
            {"kind": "nango", "base_url": "http://localhost:3003"},
            "outlook",
        ),
    ],
)
def test_import_id_names_platform_and_key(given: str, settings: dict[str, str], key: str) -> None:
    assert naming.parse_id(given, {}) == (settings, key)


@pytest.mark.parametrize("given", ["{broken/outlook", '{"kind": "local"}/', ""])
def test_import_id_that_names_nothing_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match="names no connector"):
        naming.parse_id(given, {})


def test_version_of_both_distributions_is_the_one_in_their_packages() -> None:
    root = Path(__file__).resolve().parents[2]
    project = yaml.safe_load((root / "Pulumi.yaml").read_text())
    declared = tomllib.loads((root / "pyproject.toml").read_text())
    of_emulator = tomllib.loads((root / "emulator" / "pyproject.toml").read_text())
    assert all("version" not in plugin for plugin in project["plugins"]["providers"])
    assert declared["tool"]["hatch"]["version"] == {"path": "orgcal/__init__.py"}
    assert of_emulator["tool"]["hatch"]["version"] == {"path": "orgcal_emulator/__init__.py"}
    assert f"orgcal/{__version__}" == USER_AGENT


def test_extra_emulator_pins_the_emulator_of_the_same_release() -> None:
    root = Path(__file__).resolve().parents[2]
    declared = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert declared["emulator"] == [f"orgcal-emulator=={orgcal_emulator.__version__}"]
    assert orgcal_emulator.__version__ == __version__


def test_connector_check_text_longer_than_the_platform_takes_is_refused() -> None:
    github = {
        "kind": "github-environment",
        "repository": "a/b",
        "environment": "e",
        "callback_url": "https://x.example",
    }
    long = {**ENTRY, "platform": github, "description": "x" * 50_000}
    assert refusals(Connector(), long) == {"description": "50000 characters, and this platform takes at most 49152"}


END = "2027-05-22T12:00:00Z"
KEY: Properties = {"commonName": "orgcal", "endDate": END, "keepers": {"generation": "1"}}


def test_certificate_is_self_signed_until_its_end_date() -> None:
    made = make_certificate("orgcal", datetime(2027, 5, 22, 12, tzinfo=UTC), now=datetime(2026, 11, 23, tzinfo=UTC))
    certificate = x509.load_pem_x509_certificate(made["certificatePem"].encode())
    private = serialization.load_pem_private_key(made["privateKeyPem"].value.encode(), None)
    certificate.verify_directly_issued_by(certificate)
    assert certificate.public_key() == private.public_key()
    assert made["notAfter"] == END
    assert certificate.not_valid_before_utc == datetime(2026, 11, 22, 23, 55, tzinfo=UTC)
    assert "PRIVATE" not in repr(made)


def test_key_is_made_anew_for_other_keepers_only() -> None:
    resource = CertificateKey()
    made = resource.create(Told().call(), KEY)
    state = State(KEY, {**KEY, **made.outputs})
    told = Told()
    assert resource.diff(told.call(), "id", state, KEY).changed == frozenset()
    later = resource.diff(told.call(), "id", state, {**KEY, "commonName": "other"})
    assert (set(later.changed), set(later.replaced)) == ({"commonName"}, set())
    assert "next key only" in told[0][1]
    kept = resource.update(told.call(), "id", state, {**KEY, "commonName": "other"})
    assert reveal(kept) == reveal(made.outputs)
    assert resource.diff(told.call(), "id", state, {**KEY, "keepers": {"generation": "2"}}).replaced == {"keepers"}


@pytest.mark.parametrize(("name", "wrong"), [("commonName", ""), ("commonName", "x" * 65), ("endDate", "soon")])
def test_key_check_refuses_what_no_certificate_takes(name: str, wrong: str) -> None:
    assert name in refusals(CertificateKey(), {**KEY, name: wrong})


@pytest.mark.parametrize("lifetime", ["never", "30d"])
def test_ledger_changed_lifetime_warns_that_live_generations_keep_their_end(lifetime: str) -> None:
    wanted: Properties = {"generations": [1], "active": 1, "lifetime": "180d"}
    made = CredentialLedger().check(Told().call(), wanted, {})
    ends = made["entries"]["1"]["expires"]
    told = Told()

    news = CredentialLedger().check(told.call(), {**wanted, "lifetime": lifetime}, made)
    CredentialLedger().diff(told.call(), "id", State(made, made), news)
    CredentialLedger().diff(told.call(), "id", State(news, news), news)

    sentence = f"lifetime {lifetime} takes effect with the next generation only; those that live keep their end"
    assert told == [("warning", f"{sentence} (generation 1 ends at {ends[:10]})")]


def test_ledger_state_of_another_cloud_is_refused() -> None:
    wanted = {"generations": [1], "active": 1, "lifetime": "180d"}
    made = CredentialLedger().check(Told().call(), {**wanted, "world": "emulator"}, {})

    with pytest.raises(InvalidInputs) as refused:
        CredentialLedger().check(Told().call(), {**wanted, "world": "public"}, made)
    kept = CredentialLedger().check(Told().call(), {**wanted, "world": "emulator"}, made)

    assert "made in cloud 'emulator' and cannot move to 'public'" in refused.value.failures["world"]
    assert kept["entries"] == made["entries"]
