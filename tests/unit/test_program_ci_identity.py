"""The program of CI's identities with Pulumi's mocks: what it registers, and what it tells."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_azuread as azuread
import pytest

from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.settings.sections import EntraSettings
from provisioning.ci_identity.identity import Identity
from provisioning.ci_identity.settings import IdentitySettings, Settings, TrustSettings
from tests.support.program_mocks import program_test, use_mocks

GRAPH = "00000003-0000-0000-c000-000000000000"
ISSUER = "https://token.actions.githubusercontent.com"
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
    mocks = Registered()
    use_mocks(mocks)
    return mocks


def output_of(graph_principal_id: str | None) -> pulumi.Output[Any]:
    identity = IdentitySettings(
        display_name="orgcal deploy",
        permissions=list(NAMES),
        trusts=[TrustSettings(name="github-1", issuer=ISSUER, subject=SUBJECT)],
    )
    entra = EntraSettings(cloud="public", tenant_id="00000000-1111-2222-3333-444444444444")
    settings = Settings(entra=entra, identities={"deploy": identity})
    return Identity("deploy", identity, settings, graph_principal_id, provider=azuread.Provider("entra")).output


@program_test
def test_identity_of_ci_is_an_application_of_this_tenant_only_that_trusts_the_runners_tokens(
    registered: Registered,
) -> Any:
    def look(told: dict[str, Any]) -> None:
        (application,) = registered.by_type["Application"].values()
        assert (application["displayName"], application["signInAudience"]) == ("orgcal deploy", "AzureADMyOrg")
        assert application["owners"] == ["caller"]
        assert application["tags"] == ["orgcal:orgcal/prod", "orgcal:orgcal/prod:deploy"]
        (access,) = application["requiredResourceAccesses"]
        assert access["resourceAppId"] == GRAPH
        assert access["resourceAccesses"] == [{"id": APP_ROLE_IDS[name], "type": "Role"} for name in NAMES]
        (principal,) = registered.by_type["ServicePrincipal"].values()
        assert (principal["clientId"], principal["owners"]) == ("client", ["caller"])
        (trust,) = registered.by_type["ApplicationFederatedIdentityCredential"].values()
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


@program_test
def test_identity_of_ci_gets_each_permission_where_they_are_granted_here(registered: Registered) -> Any:
    def look(told: dict[str, Any]) -> None:
        made = registered.by_type["AppRoleAssignment"]
        assert {name: grant["appRoleId"] for name, grant in made.items()} == {
            f"deploy-{name}": APP_ROLE_IDS[name] for name in NAMES
        }
        assert {(grant["principalObjectId"], grant["resourceObjectId"]) for grant in made.values()} == {("sp", "graph")}
        assert told["granted"] is True

    return output_of("graph").apply(look)
