"""What a connector's resources declare to the engine, and refuse: whole sentences, with the way out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from orgcal import __version__
from orgcal.durations import parse_moment, rfc3339
from orgcal.errors import UsageError
from orgcal.provider._sdk import UNKNOWN, Call, Diff, InvalidInputs, Properties, Resource, Secret, State, reveal
from orgcal.provider.connector import naming
from orgcal.provider.connector.certificates import CertificateKey, make_certificate
from orgcal.provider.connector.connectors import Connector
from orgcal.provider.connector.credentials import ConnectorCredentials
from orgcal.provider.connector.ledgers import CredentialLedger
from orgcal.provider.connector.version import GetVersion

LOCAL = {"kind": "local"}
NANGO = {"kind": "nango"}
RESOURCES: tuple[Resource, ...] = (Connector(), CredentialLedger(), ConnectorCredentials(), CertificateKey())


class Told(list[tuple[str, str]]):
    """What was told to the user."""

    def call(self) -> Call:
        return Call("name", lambda severity, text: self.append((severity, text)))


def refusals(resource: Resource, news: Properties, olds: Properties | None = None) -> dict[str, str]:
    with pytest.raises(InvalidInputs) as refused:
        resource.check(Told().call(), news, olds or {})
    return refused.value.failures


# What the engine is told of the inputs and outputs ------------------------------------------------------------------

DECLARED: dict[str, dict[str, str]] = {
    "orgcal:index:Connector": {
        "platform": "object required",
        "key": "string required replaces",
        "displayName": "string required",
        "description": "string",
        "scopes": "array required",
        "published": "boolean",
        "deleteConnected": "boolean",
        "callbackUrl": "string",
        "connections": "integer volatile",
    },
    "orgcal:index:CredentialLedger": {
        "generations": "array required",
        "active": "integer required",
        "lifetime": "string required",
        "world": "string",
        "rollbackTo": "integer",
        "revoked": "array",
        "format": "integer filled",
        "entries": "object filled",
        "endDates": "object",
    },
    "orgcal:index:ConnectorCredentials": {
        "platform": "object required",
        "connectorKey": "string required replaces",
        "clientId": "string required",
        "clientSecret": "string secret",
        "certificatePem": "string",
        "privateKeyPem": "string secret",
        "generation": "integer required",
        "scopes": "array",
        "displayName": "string",
        "fingerprint": "string volatile",
        "fingerprintKey": "string secret",
        "pushedAt": "string volatile",
    },
    "orgcal:index:CertificateKey": {
        "commonName": "string required",
        "endDate": "string required",
        "keepers": "object",
        "certificatePem": "string",
        "privateKeyPem": "string secret",
        "thumbprint": "string",
        "notAfter": "string",
    },
}
"""Inputs and outputs by type; a state that has one of them under another name or kind cannot be read any more."""


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: type(resource).__name__)
def test_properties_of_a_type_are_those_that_states_hold(resource: Resource) -> None:
    traits = ("required", "secret", "replaces", "volatile", "filled")
    found = {
        name: " ".join([prop.kind, *(trait for trait in traits if getattr(prop, trait))])
        for name, prop in {**resource.inputs, **resource.outputs}.items()
    }
    assert found == DECLARED[resource.token]
    assert all(prop.description for prop in {**resource.inputs, **resource.outputs}.values())


def test_version_of_the_plugin_is_a_function_without_arguments() -> None:
    function = GetVersion()
    assert (function.token, function.inputs, list(function.outputs)) == ("orgcal:index:getVersion", {}, ["version"])
    assert function.call({}) == {"version": __version__}


# The connector's entry ----------------------------------------------------------------------------------------------

ENTRY: Properties = {"platform": LOCAL, "key": "k", "displayName": "d", "scopes": ["a"]}


def test_entry_that_its_platform_cannot_keep_is_refused_by_input() -> None:
    nango = {**ENTRY, "platform": NANGO, "description": "text", "published": False}
    assert refusals(Connector(), nango) == {
        "description": "this platform keeps no description of a connector; leave it out",
        "published": "this platform cannot hide a connector; leave `published` true",
    }


def test_entry_with_an_unknown_text_is_judged_once_it_is_known() -> None:
    nango = {**ENTRY, "platform": NANGO, "description": "text"}
    found = Connector().check(Told().call(), {**nango, "displayName": UNKNOWN}, {})
    assert (found["description"], found["published"]) == ("text", True)


def test_entry_keeps_what_a_program_says_of_it() -> None:
    news = {**ENTRY, "description": "text", "published": False, "deleteConnected": True}
    assert Connector().check(Told().call(), news, {}) == news


def test_platform_that_is_not_known_yet_is_refused() -> None:
    sentence = "must be known before anything is made; take it from config"
    for resource in (Connector(), ConnectorCredentials()):
        news = {**ENTRY, **PUSH, "platform": {"kind": UNKNOWN}}
        assert refusals(resource, news) == {"platform": sentence}


def test_platform_with_several_wrong_settings_tells_them_all() -> None:
    (reason,) = refusals(Connector(), {**ENTRY, "platform": {"kind": "file", "size": 1}}).values()
    problems = reason.split("; ")
    assert sum(problem.startswith("orgcal:connector.platform.") for problem in problems) > 1


def test_entry_with_fewer_scopes_or_none_has_changed() -> None:
    resource, before = Connector(), {**ENTRY, "scopes": ["a", "b"]}
    state = State(before, before)
    assert resource.diff(Told().call(), "id", state, {**before, "scopes": ["b", "a"]}) == Diff()
    assert resource.diff(Told().call(), "id", state, {**before, "scopes": []}) == Diff(frozenset({"scopes"}))
    older = {name: value for name, value in before.items() if name != "scopes"}
    assert resource.diff(Told().call(), "id", State(older, older), before) == Diff(frozenset({"scopes"}))


def test_entry_without_a_platform_in_its_state_is_not_replaced() -> None:
    """An import has no inputs yet."""
    assert naming.moved(Diff(frozenset({"platform"})), {}, ENTRY) == Diff(frozenset({"platform"}))


def test_entry_that_moves_is_replaced_for_all_its_reasons() -> None:
    news = {**ENTRY, "platform": NANGO, "key": "l"}
    names = frozenset({"platform", "key"})
    assert Connector().diff(Told().call(), "id", State(ENTRY, ENTRY), news) == Diff(names, names)


# Names of entries ---------------------------------------------------------------------------------------------------


def test_id_of_an_entry_names_its_place() -> None:
    assert naming.resource_id(LOCAL, "k") == "local:local/k"
    assert naming.parse_id("local:local/k", {}) == (LOCAL, "k")


@pytest.mark.parametrize("name", ["key", "connectorKey"])
def test_id_in_a_state_means_what_its_inputs_say(name: str) -> None:
    assert naming.parse_id("{whatever", {"platform": NANGO, name: "k"}) == (NANGO, "k")


@pytest.mark.parametrize("given", ["{broken/k", '{"kind": "local"}/', "", "{/k"])
def test_id_that_names_no_entry_is_refused_with_an_example(given: str) -> None:
    with pytest.raises(UsageError) as refused:
        naming.parse_id(given, {})
    assert str(refused.value) == (
        f"the id {given!r} names no connector\n"
        '  repair: give its key, or the platform\'s settings and its key, such as {"kind": "local"}/outlook'
    )


# Its credential -----------------------------------------------------------------------------------------------------

PUSH: Properties = {
    "platform": LOCAL,
    "connectorKey": "k",
    "clientId": "c",
    "clientSecret": Secret("s"),
    "generation": 1,
}
PAIR: Properties = {"certificatePem": "C", "privateKeyPem": Secret("K")}
BARE = {name: value for name, value in PUSH.items() if name != "clientSecret"}
EITHER = {"clientSecret": "give either clientSecret, or certificatePem and privateKeyPem"}


@pytest.mark.parametrize("given", [{}, {"certificatePem": "C"}, {"privateKeyPem": Secret("K")}])
def test_credential_is_a_secret_or_a_whole_certificate(given: Properties) -> None:
    assert refusals(ConnectorCredentials(), {**BARE, **given}) == EITHER
    if given:
        assert refusals(ConnectorCredentials(), {**PUSH, **given}) == EITHER
    assert refusals(ConnectorCredentials(), {**PUSH, **PAIR}) == EITHER
    for news in (PUSH, {**BARE, **PAIR}):
        assert ConnectorCredentials().check(Told().call(), news, {}) == news


def test_credential_of_a_kind_that_the_platform_does_not_take_is_refused() -> None:
    assert refusals(ConnectorCredentials(), {**BARE, **PAIR, "platform": NANGO}) == {
        "certificatePem": "this platform takes a secret, not a certificate"
    }


def test_credential_with_empty_texts_names_each() -> None:
    empty = {**BARE, "certificatePem": "", "privateKeyPem": Secret("")}
    assert refusals(ConnectorCredentials(), empty) == {"certificatePem": "is empty", "privateKeyPem": "is empty"}


# The ledger ---------------------------------------------------------------------------------------------------------

WANTED: Properties = {"generations": [1], "active": 1, "lifetime": "180d"}


def test_ledger_that_is_not_known_yet_is_refused() -> None:
    assert refusals(CredentialLedger(), {**WANTED, "active": UNKNOWN}) == {
        "generations": "must be known before anything is made; take it from config"
    }


@pytest.mark.parametrize("now", [{"world": "public"}, {}])
def test_ledger_that_moves_to_another_cloud_is_refused_with_the_way_out(now: Properties) -> None:
    made = CredentialLedger().check(Told().call(), {**WANTED, "world": "emulator"}, {})
    assert refusals(CredentialLedger(), {**WANTED, **now}, made) == {
        "world": f"the stack was made in cloud 'emulator' and cannot move to {now.get('world')!r}\n"
        "  repair: give the other cloud a stack of its own, with a Pulumi.NAME.yaml of its own"
    }


@pytest.mark.parametrize(
    ("resource", "what", "repair"),
    [
        (
            CredentialLedger(),
            "a ledger exists in the stack's state only and cannot be imported",
            "let pulumi up make a new one with the live generations of your config",
        ),
        (
            CertificateKey(),
            "a private key exists in the stack's state only and cannot be imported",
            "let pulumi up make a new generation",
        ),
    ],
    ids=["ledger", "key"],
)
def test_what_exists_in_the_state_only_cannot_be_imported(resource: Resource, what: str, repair: str) -> None:
    with pytest.raises(UsageError) as refused:
        resource.read(Told().call(), "id", State())
    assert str(refused.value) == f"name: {what}\n  repair: {repair}"


def test_ledger_with_another_lifetime_tells_the_end_of_each() -> None:
    made = CredentialLedger().check(Told().call(), {**WANTED, "generations": [1, 2]}, {})
    end = made["entries"]["1"]["expires"][:10]
    news = CredentialLedger().check(Told().call(), {**WANTED, "generations": [1, 2], "lifetime": "30d"}, made)
    told = Told()
    diff = CredentialLedger().diff(told.call(), "id", State(made, made), news)

    assert diff == Diff(frozenset({"lifetime"}))
    assert told == [
        (
            "warning",
            "lifetime 30d takes effect with the next generation only; those that live keep their end "
            f"(generation 1 ends at {end}, generation 2 ends at {end})",
        )
    ]


def test_ledger_with_a_new_generation_takes_the_new_lifetime_silently() -> None:
    made = CredentialLedger().check(Told().call(), WANTED, {})
    news = CredentialLedger().check(Told().call(), {**WANTED, "generations": [1, 2], "lifetime": "30d"}, made)
    told = Told()
    diff = CredentialLedger().diff(told.call(), "id", State(made, made), news)

    assert diff == Diff(frozenset({"lifetime", "generations", "entries"}))
    assert told == []


def test_ledger_without_revoked_generations_may_say_so() -> None:
    nothing: tuple[Properties, ...] = ({}, {"revoked": []}, {"revoked": None})
    for given in nothing:
        assert "format" not in CredentialLedger().check(Told().call(), {**WANTED, **given}, {})


# The key ------------------------------------------------------------------------------------------------------------

END = "2027-05-22T12:00:00Z"
KEY: Properties = {"commonName": "orgcal", "endDate": END, "keepers": {"generation": "1"}}


@pytest.mark.parametrize("length", [1, 64])
def test_key_takes_a_name_of_one_to_64_characters(length: int) -> None:
    """Source: `ub-common-name` in https://www.rfc-editor.org/rfc/rfc5280#appendix-A.1."""
    assert CertificateKey().check(Told().call(), {**KEY, "commonName": "x" * length}, {})["keepers"] == KEY["keepers"]


@pytest.mark.parametrize("length", [0, 65])
def test_key_refuses_any_other_name(length: int) -> None:
    expected = {"commonName": "expected 1 to 64 characters"}
    for other in (END, UNKNOWN):
        assert refusals(CertificateKey(), {**KEY, "commonName": "x" * length, "endDate": other}) == expected


def test_key_without_a_moment_as_its_end_is_refused_with_an_example() -> None:
    for name in ("orgcal", UNKNOWN):
        assert refusals(CertificateKey(), {**KEY, "commonName": name, "endDate": "soon"}) == {
            "endDate": "found 'soon', expected 2027-05-22T12:00:00Z"
        }


def test_key_tells_which_inputs_wait_for_the_next_one() -> None:
    told = Told()
    later = {**KEY, "commonName": "other", "endDate": "2028-05-22T12:00:00Z"}
    assert CertificateKey().diff(told.call(), "id", State(KEY, KEY), later) == Diff(
        frozenset({"commonName", "endDate"})
    )
    assert told == [("info", "commonName, endDate takes effect with the next key only")]


def test_key_with_other_keepers_is_made_anew_for_them_alone() -> None:
    told = Told()
    news = {**KEY, "commonName": "other", "keepers": {"generation": "2"}}
    diff = CertificateKey().diff(told.call(), "id", State(KEY, KEY), news)

    assert diff == Diff(frozenset({"commonName", "keepers"}), frozenset({"keepers"}))
    assert told == []


def test_certificate_is_an_rsa_key_of_2048_bits_for_one_client() -> None:
    """Source: https://learn.microsoft.com/en-us/entra/identity-platform/howto-create-self-signed-certificate."""
    made = make_certificate("orgcal", parse_moment(END))
    certificate = x509.load_pem_x509_certificate(made["certificatePem"].encode())
    private = serialization.load_pem_private_key(reveal(made["privateKeyPem"]).encode(), None)

    assert made.keys() == CertificateKey.outputs.keys()
    assert isinstance(private, rsa.RSAPrivateKey)
    assert (private.key_size, private.public_key().public_numbers().e) == (2048, 65537)
    assert certificate.subject == certificate.issuer
    assert certificate.subject.rfc4514_string() == "CN=orgcal"
    assert isinstance(certificate.signature_hash_algorithm, hashes.SHA256)
    (extension,) = certificate.extensions
    assert (extension.critical, extension.value) == (True, x509.BasicConstraints(ca=False, path_length=None))
    assert made["thumbprint"] == certificate.fingerprint(hashes.SHA1()).hex().upper()
    begins = certificate.not_valid_before_utc + timedelta(minutes=5)
    assert abs(begins - datetime.now(UTC)) < timedelta(minutes=1)
    assert rfc3339(certificate.not_valid_after_utc) == made["notAfter"] == END


def test_ledgers_of_two_stacks_have_different_ids() -> None:
    resource: Any = CredentialLedger()
    made = resource.check(Told().call(), WANTED, {})
    assert resource.create(Told().call(), made).resource_id != resource.create(Told().call(), made).resource_id
