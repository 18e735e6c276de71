"""How the resources of the program hang together: parents, protection, order, owners, secrets and warnings."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from orgcal import __version__
from orgcal.settings import Settings
from provisioning.connector_resources import connector_entries
from provisioning.credentials import declare_ledger
from tests.support.program_mocks import Engine, program_test, use_mocks
from tests.unit.test_program_branches import (
    CALLBACK,
    DEPLOYER,
    ENDS,
    Registered,
    deployed,
    settings_with,
)


@pytest.fixture
def registered() -> Registered:
    return Registered()


@pytest.fixture
def engine(registered: Registered) -> Engine:
    return use_mocks(registered)


TRUST = {"issuer": "https://token.example.com", "subject": "connector:outlook"}
STACK, APPLICATION, CREDENTIALS = "Stack orgcal-prod", "EntraApplication c", "ApplicationCredentials c"


def named(urn: str) -> str:
    """A resource by the last word of its type, and its name."""
    kind, _, name = urn.rpartition("::")
    return f"{kind.rpartition(':')[2]} {name}"


def tree(engine: Engine) -> dict[str, tuple[str, bool, list[str]]]:
    """Each resource, with its parent, whether it is protected, and what it waits for."""
    return {
        f"{kind} {name}": (named(each.parent), each.protect, sorted(map(named, each.dependencies)))
        for (name, kind), each in engine.registered.items()
        if kind not in ("Stack", "azuread")
    }


EXPECTED = {
    "CredentialLedger c": (STACK, True, []),
    "EntraApplication c": (STACK, False, []),
    "ApplicationCredentials c": (STACK, False, []),
    "Connector c": (STACK, True, ["CredentialLedger c"]),
    "Application c": (APPLICATION, True, ["Connector c"]),
    "ServicePrincipal c": (APPLICATION, True, ["Application c"]),
    "AppRoleAssignment c-Calendars.Read": (APPLICATION, True, ["ServicePrincipal c"]),
    "AppRoleAssignment c-Directory.Read.All": (APPLICATION, True, ["ServicePrincipal c"]),
    "ApplicationPassword c-1": (CREDENTIALS, False, ["Application c", "CredentialLedger c"]),
    "ConnectorCredentials c": (STACK, True, ["Application c", "ApplicationPassword c-1", "Connector c"]),
}


def test_resources_are_protected_and_go_in_the_order_of_the_guide(engine: Engine) -> None:
    program_test(lambda: deployed(settings_with(application={"home_grants": True})))()

    assert tree(engine) == EXPECTED
    assert {each.type for each in engine.registered.values() if not each.custom and each.parent} == {
        "orgcal:index:EntraApplication",
        "orgcal:index:ApplicationCredentials",
    }
    assert engine.completed["c", "EntraApplication"] == {
        "client_id": "client",
        "object_id": "object",
        "redirect_uris": [CALLBACK],
    }
    assert engine.completed["c", "ApplicationCredentials"] == {"key_ids": {"1": "key-1"}}
    [caller] = engine.invoked
    assert caller.tok == "azuread:index/getClientConfig:getClientConfig"


@program_test
def test_every_resource_of_entra_uses_the_stacks_own_provider(engine: Engine) -> Any:
    def look(_: Any) -> None:
        provider = "urn:pulumi:prod::orgcal::pulumi:pulumi:Stack$pulumi:providers:azuread::entra::/azuread/entra"
        assert {each.provider for each in engine.registered.values() if each.type.startswith("azuread:")} == {provider}
        assert {each.provider for each in engine.invoked} == {provider}

    return deployed(settings_with(application={"home_grants": True})).apply(look)


@program_test
def test_certificates_and_their_keys_belong_to_the_credentials(engine: Engine) -> Any:
    def look(_: Any) -> None:
        found = tree(engine)
        assert found["CertificateKey c-1"] == (CREDENTIALS, False, ["CredentialLedger c"])
        assert found["ApplicationCertificate c-1"] == (
            CREDENTIALS,
            False,
            ["Application c", "CertificateKey c-1", "CredentialLedger c"],
        )

    return deployed(settings_with(credential={"kind": "certificate"})).apply(look)


@program_test
def test_trust_waits_for_the_ledger_too(engine: Engine) -> Any:
    def look(_: Any) -> None:
        found = tree(engine)["ApplicationFederatedIdentityCredential c-1"]
        assert found == (CREDENTIALS, True, ["Application c", "CredentialLedger c"])

    return deployed(settings_with(credential={"kind": "federated", "trusts": {"1": TRUST}})).apply(look)


def short_lived(**sections: Any) -> Settings:
    return settings_with(**sections).model_copy(update={"ephemeral": True, "origin": "dev"})


@program_test
def test_short_lived_stack_protects_nothing_and_marks_what_it_makes(registered: Registered, engine: Engine) -> Any:
    def look(_: Any) -> None:
        assert {name for name, (_, protected, _) in tree(engine).items() if protected} == set()
        assert registered.by_type["Application"]["c"]["tags"] == [
            "orgcal:orgcal/prod", "orgcal:ephemeral", "orgcal:origin:dev", "team-x",
        ]  # fmt: skip
        assert registered.by_type["Connector"]["c"]["deleteConnected"] is True

    settings = short_lived(application={"home_grants": True, "tags": ["team-x", "orgcal:orgcal/prod"]})
    return deployed(settings).apply(look)


@program_test
def test_trust_of_a_short_lived_stack_is_not_protected(engine: Engine) -> Any:
    def look(_: Any) -> None:
        assert tree(engine)["ApplicationFederatedIdentityCredential c-1"][1] is False

    return deployed(short_lived(credential={"kind": "federated", "trusts": {"1": TRUST}})).apply(look)


@program_test
def test_connected_organisations_stop_no_destroy_where_the_settings_say_so(registered: Registered) -> Any:
    use_mocks(registered)
    settings = settings_with(connector={"delete_connected": True})
    made = connector_entries("c", settings, after=declare_ledger("c", settings, "180d"))

    def look(_: Any) -> None:
        assert registered.by_type["Connector"]["c"]["deleteConnected"] is True

    return made[""].urn.apply(look)


@program_test
def test_secrets_stay_secret_in_the_state_and_plugins_are_of_this_version(engine: Engine) -> Any:
    def look(_: Any) -> None:
        secrets = {
            f"{kind} {name}": sorted(each.additionalSecretOutputs)
            for (name, kind), each in engine.registered.items()
            if each.type.startswith("orgcal:") and each.custom
        }
        assert secrets == {
            "CredentialLedger c": [],
            "Connector c": [],
            "CertificateKey c-1": ["privateKeyPem"],
            "ConnectorCredentials c": ["clientSecret", "fingerprintKey", "privateKeyPem"],
        }
        versions = {each.version for each in engine.registered.values() if each.type.startswith("orgcal:index:Conn")}
        assert versions == {__version__}

    return deployed(settings_with(credential={"kind": "certificate"})).apply(look)


@pytest.mark.parametrize(
    ("preview", "variable", "owner"),
    [(True, "another", "another"), (True, "", DEPLOYER), (True, None, DEPLOYER), (False, "another", DEPLOYER)],
)
@program_test
def test_owner_in_a_preview_is_who_will_deploy(
    registered: Registered, monkeypatch: pytest.MonkeyPatch, preview: bool, variable: str | None, owner: str
) -> Any:
    use_mocks(registered, preview=preview)
    monkeypatch.delenv("ORGCAL_DEPLOYER_ID", raising=False)
    if variable is not None:
        monkeypatch.setenv("ORGCAL_DEPLOYER_ID", variable)

    def look(_: Any) -> None:
        for kind in ("Application", "ServicePrincipal"):
            assert registered.by_type[kind]["c"]["owners"] == [owner]

    return deployed(settings_with()).apply(look)


@program_test
def test_end_that_entra_changed_is_warned_of_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> Any:
    warned: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warned.append)
    later = "2028-11-23T04:53:28Z"

    class Longer(Registered):
        def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
            urn, outputs = super().new_resource(args)
            return urn, {**outputs, "endDate": later} if args.name == "c-2" else outputs

    use_mocks(Longer())

    def look(said: list[Any]) -> None:
        assert said[3] == {"1": ENDS, "2": later}
        assert warned == [
            f"Entra issued generation 2 of the credential with the end {later}, not {ENDS} as asked for\n"
            "  repair: orgcal rotate, and read the tenant's app management policy"
        ]

    return deployed(settings_with(credential={"generations": [1, 2], "active": 1})).apply(look)


@program_test
def test_trust_that_never_ends_is_not_compared_with_the_ledger(monkeypatch: pytest.MonkeyPatch) -> Any:
    warned: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warned.append)
    use_mocks(Registered())
    kinds = {"kind": "federated", "kinds": {"1": "secret"}, "trusts": {"2": TRUST}, "generations": [1, 2], "active": 1}

    def look(said: list[Any]) -> None:
        assert said[3] == {"1": ENDS, "2": "2299-12-31T23:59:59Z"}
        assert warned == []

    return deployed(settings_with(credential=kinds)).apply(look)
