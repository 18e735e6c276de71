"""The program of CI's identities with Pulumi's mocks: what it registers, and what it tells."""

from __future__ import annotations

import json
import runpy
from types import SimpleNamespace
from typing import Any

import pulumi
import pulumi_azuread as azuread
import pytest

from orgcal.entra.clouds import Cloud
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.errors import ConfigError
from orgcal.settings.sections import EntraSettings
from provisioning.ci_identity.identity import Identity
from provisioning.ci_identity.settings import IdentitySettings, Settings, TrustSettings, load_settings
from tests.support.program_mocks import Engine, program_test, use_mocks

GRAPH = "00000003-0000-0000-c000-000000000000"
ISSUER = "https://token.actions.githubusercontent.com"
HOME = "00000000-1111-2222-3333-444444444444"
SUBJECT = "repo:acme/app:environment:production"
NAMES = ("Application.Read.All", "Application.ReadWrite.OwnedBy")


class Registered(pulumi.runtime.Mocks):
    """Answers as the azuread plugin would, and remembers what was registered."""

    def __init__(self) -> None:
        self.by_type: dict[str, dict[str, dict[str, Any]]] = {}

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        kind = args.typ.rsplit(":", 1)[-1]
        self.by_type.setdefault(kind, {})[args.name] = args.inputs
        ids = {"Application": {"clientId": "client", "objectId": "object"}, "ServicePrincipal": {"objectId": "sp"}}
        return f"/{kind}/{args.name}", {**args.inputs, **ids.get(kind, {})}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        return {"objectId": "caller"}, []


@pytest.fixture
def registered() -> Registered:
    return Registered()


@pytest.fixture
def engine(registered: Registered) -> Engine:
    return use_mocks(registered)


def output_of(graph_principal_id: str | None, cloud: Cloud = "public") -> pulumi.Output[Any]:
    identity = IdentitySettings(
        display_name="orgcal deploy",
        permissions=list(NAMES),
        trusts=[TrustSettings(name="github-1", issuer=ISSUER, subject=SUBJECT)],
    )
    entra = EntraSettings(cloud=cloud, tenant_id=HOME)
    settings = Settings(entra=entra, identities={"deploy": identity})
    return Identity("deploy", identity, settings, graph_principal_id, provider=azuread.Provider("entra")).output


@program_test
def test_identity_of_ci_is_an_application_of_this_tenant_only_that_trusts_the_runners_tokens(
    registered: Registered, engine: Engine
) -> Any:
    def look(told: dict[str, Any]) -> None:
        (application,) = registered.by_type["Application"].values()
        assert (application["displayName"], application["signInAudience"]) == ("orgcal deploy", "AzureADMyOrg")
        assert application["owners"] == ["caller"]
        assert application["tags"] == ["orgcal:orgcal/prod", "orgcal:orgcal/prod:deploy"]
        assert application["notes"].startswith("Made by `orgcal ci setup`. It has no secret")
        (access,) = application["requiredResourceAccesses"]
        assert access["resourceAppId"] == GRAPH
        assert access["resourceAccesses"] == [{"id": APP_ROLE_IDS[name], "type": "Role"} for name in NAMES]
        (principal,) = registered.by_type["ServicePrincipal"].values()
        assert (principal["clientId"], principal["owners"]) == ("client", ["caller"])
        ((name, trust),) = registered.by_type["ApplicationFederatedIdentityCredential"].items()
        assert (name, trust["description"]) == ("deploy-github-1", "A runner's job in this environment")
        assert (trust["issuer"], trust["subject"], trust["displayName"]) == (ISSUER, SUBJECT, "github-1")
        assert trust["audiences"] == ["api://AzureADTokenExchange"]
        assert trust["applicationId"] == "/Application/deploy"
        assert "AppRoleAssignment" not in registered.by_type
        assert told == {
            "client_id": "client",
            "application_object_id": "object",
            "service_principal_id": "sp",
            "display_name": "orgcal deploy",
            "permissions": list(NAMES),
            "granted": False,
            "subjects": [SUBJECT],
        }

    return output_of(None).apply(look)


def test_identity_of_ci_ends_with_its_output(engine: Engine) -> None:
    program_test(lambda: output_of(None))()

    assert engine.completed["deploy", "DeployIdentity"]["output"]["client_id"] == "client"


@pytest.mark.parametrize(("cloud", "protected"), [("public", True), ("usgov", True), ("emulator", False)])
@program_test
def test_identity_of_ci_is_protected_in_a_real_tenant(engine: Engine, cloud: Cloud, protected: bool) -> Any:
    def look(_: Any) -> None:
        found = {name: (each.parent, each.protect) for name, each in engine.registered.items() if each.custom}
        parent = "urn:pulumi:prod::orgcal::pulumi:pulumi:Stack$orgcal:index:DeployIdentity::deploy"
        guarded = {name: each for name, each in found.items() if each[0] == parent}
        assert guarded == {
            ("deploy", "Application"): (parent, protected),
            ("deploy", "ServicePrincipal"): (parent, protected),
            ("deploy-github-1", "ApplicationFederatedIdentityCredential"): (parent, False),
            **{(f"deploy-{name}", "AppRoleAssignment"): (parent, protected) for name in NAMES},
        }
        assert engine.registered["deploy", "DeployIdentity"].providers.keys() == {"azuread"}
        entra = {each.provider for each in engine.registered.values() if each.type.startswith("azuread:")}
        assert {each.rpartition("::")[0].rpartition("::")[2] for each in entra} == {"entra"}
        assert {each.provider for each in engine.invoked} == entra

    return output_of("graph", cloud).apply(look)


@program_test
def test_identity_of_ci_gets_each_permission_where_they_are_granted_here(registered: Registered, engine: Engine) -> Any:
    def look(told: dict[str, Any]) -> None:
        made = registered.by_type["AppRoleAssignment"]
        assert {name: grant["appRoleId"] for name, grant in made.items()} == {
            f"deploy-{name}": APP_ROLE_IDS[name] for name in NAMES
        }
        assert {(grant["principalObjectId"], grant["resourceObjectId"]) for grant in made.values()} == {("sp", "graph")}
        assert told["granted"] is True

    return output_of("graph").apply(look)


# Settings ----------------------------------------------------------------------------------------------------------

TRUST = {"name": "github-1", "issuer": ISSUER, "subject": SUBJECT}
DEPLOY = {"display_name": "orgcal deploy", "permissions": ["Application.Read.All"], "trusts": [TRUST]}
ENTRA = {"cloud": "public", "tenant_id": HOME}


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the engine hands over."""
    given = {"orgcal:entra": json.dumps(ENTRA), "orgcal:identities": json.dumps({"deploy": DEPLOY})}
    monkeypatch.setattr("pulumi.runtime.config.CONFIG", SimpleNamespace(get=lambda: given))
    monkeypatch.delenv("PULUMI_CONFIG", raising=False)
    return given


def test_settings_of_ci_are_read_whole_and_grant_nothing_by_themselves(config: dict[str, str], engine: Engine) -> None:
    settings = load_settings()

    assert settings.model_dump() == {
        "entra": {**ENTRA, "lookup": "directory"},
        "identities": {"deploy": DEPLOY},
        "grant": False,
    }


def many(count: int) -> list[dict[str, str]]:
    return [{**TRUST, "name": f"github-{number}"} for number in range(count)]


@pytest.mark.parametrize(
    "changed",
    [
        {"display_name": "x" * 120},
        {"trusts": many(20)},
        {"trusts": [{**TRUST, "name": "abc"}]},
        {"trusts": [{**TRUST, "name": "a" * 120}]},
    ],
)
def test_settings_of_ci_take_what_entra_takes(config: dict[str, str], engine: Engine, changed: dict[str, Any]) -> None:
    config["orgcal:identities"] = json.dumps({"deploy": {**DEPLOY, **changed}})

    assert load_settings().identities["deploy"].model_dump() == {**DEPLOY, **changed}


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"display_name": "x" * 121}, "orgcal:identities.deploy.display_name: "),
        ({"permissions": []}, "orgcal:identities.deploy.permissions: "),
        ({"permissions": ["Application.Read.All", "Nothing.Read"]}, "orgcal:identities.deploy: permissions; "),
        ({"trusts": []}, "orgcal:identities.deploy.trusts: "),
        ({"trusts": many(21)}, "orgcal:identities.deploy.trusts: "),
        ({"trusts": [{**TRUST, "name": "ab"}]}, "orgcal:identities.deploy.trusts[0].name: "),
        ({"trusts": [{**TRUST, "name": "a" * 121}]}, "orgcal:identities.deploy.trusts[0].name: "),
        ({"trusts": [{**TRUST, "name": "-bc"}]}, "orgcal:identities.deploy.trusts[0].name: "),
        ({"trusts": [{**TRUST, "subject": ""}]}, "orgcal:identities.deploy.trusts[0]: subject; "),
        ({"trusts": [{**TRUST, "issuer": "http://issuer.example"}]}, "orgcal:identities.deploy.trusts[0]: subject; "),
        ({"trusts": [{**TRUST, "invented": "x"}]}, "orgcal:identities.deploy.trusts[0].invented: "),
    ],
)
def test_settings_of_ci_that_entra_would_refuse_are_refused_before(
    config: dict[str, str], engine: Engine, changed: dict[str, Any], problem: str
) -> None:
    config["orgcal:identities"] = json.dumps({"deploy": {**DEPLOY, **changed}})

    with pytest.raises(ConfigError) as refused:
        load_settings()

    [told] = refused.value.problems
    assert told.startswith(problem)
    assert "repair: " in told
    assert refused.value.where == "Pulumi.prod.yaml of orgcal ci setup"


def test_settings_of_ci_without_an_identity_are_refused(config: dict[str, str], engine: Engine) -> None:
    config["orgcal:identities"] = "{}"

    with pytest.raises(ConfigError) as refused:
        load_settings()

    assert refused.value.problems[0].startswith("orgcal:identities: ")


# The program -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grant", [False, True])
@program_test
def test_program_of_ci_makes_each_identity_and_tells_of_all(
    registered: Registered, config: dict[str, str], monkeypatch: pytest.MonkeyPatch, grant: bool
) -> Any:
    engine, told = use_mocks(registered), dict[str, Any]()
    config["orgcal:identities"] = json.dumps({"preview": DEPLOY, "deploy": DEPLOY})
    config["orgcal:grant"] = json.dumps(grant)
    for name in ("ENVIRONMENT", "TENANT_ID", "METADATA_HOST", "METADATA_HOSTNAME"):
        monkeypatch.delenv(f"ARM_{name}", raising=False)
    monkeypatch.delenv("ORGCAL_EMULATOR_FILE", raising=False)
    monkeypatch.setattr("provisioning.program.run_program", lambda story: story())
    monkeypatch.setattr("pulumi.export", told.__setitem__)

    runpy.run_module("provisioning.ci_identity.__main__")

    def look(identities: dict[str, Any]) -> None:
        assert told["tenant_id"] == HOME
        assert list(identities) == ["deploy", "preview"]
        assert {each["granted"] for each in identities.values()} == {grant}
        assert set(registered.by_type["DeployIdentity"]) == {"deploy", "preview"}
        grants = registered.by_type.get("AppRoleAssignment", {})
        assert {each["resourceObjectId"] for each in grants.values()} == ({"caller"} if grant else set())
        looked_up = [each for each in engine.invoked if each.tok.endswith(":getServicePrincipal")]
        assert [dict(each.args)["clientId"] for each in looked_up] == ([GRAPH] if grant else [])
        assert all(each.provider.rpartition("::")[0].endswith("::entra") for each in looked_up)

    return pulumi.Output.all(**told["identities"]).apply(look)
