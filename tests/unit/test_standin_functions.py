"""Functions of the azuread stand-in: which service principal they find, and as whom the plugin works.

Source: `servicePrincipalDataSourceRead` in internal/services/serviceprincipals/service_principal_data_source.go of
hashicorp/terraform-provider-azuread at f0169e0ecec4a7f87c0a512fd989368a182306c1.
"""

from __future__ import annotations

from typing import Any

import pytest

from orgcal.errors import GraphError, OrgcalError, UsageError
from orgcal.provider.azuread.functions import GetClientConfig, GetServicePrincipal
from orgcal.provider.azuread.service_principal import state_of
from orgcal.provider.azuread.settings import read_settings
from tests.support.standin_graph import CALLER, AnsweredConnection, AnsweredGraph, refusal

SP = "00000000-0000-0000-0000-00000000000a"
CLIENT = "00000000-0000-0000-0000-00000000000B"
PATH = f"/servicePrincipals/{SP}"
METADATA = "https://login.example/metadata"
FULL: dict[str, Any] = {
    "appId": CLIENT,
    "displayName": "n",
    "id": SP,
    "samlSingleSignOnSettings": {"relayState": "relay"},
}
READS = {f"GET {PATH}": FULL, f"GET /beta{PATH}": {"samlMetadataUrl": METADATA}}


def expected(principal: dict[str, Any], metadata_url: str) -> dict[str, Any]:
    """The result, but for what SAML says: the properties of the resource."""
    state = state_of(principal, metadata_url)
    return {**{name: value for name, value in state.items() if name != "samlSingleSignOn"}, "id": PATH}


def lookup(graph: AnsweredGraph, **arguments: str) -> dict[str, Any]:
    return GetServicePrincipal(AnsweredConnection(graph)).call(arguments)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [({"clientId": CLIENT.lower()}, f"appId eq '{CLIENT.lower()}'"), ({"displayName": "N"}, "displayName eq 'N'")],
)
def test_get_service_principal_by_a_name_asks_for_it_in_any_case(arguments: dict[str, str], wanted: str) -> None:
    graph = AnsweredGraph(READS, {"/servicePrincipals": [FULL, {"id": "other", "displayName": "other"}]})
    found = lookup(graph, **arguments)

    assert graph.sent[0] == ("GET", "/servicePrincipals", {"$filter": wanted})
    assert graph.sent[1] == ("GET", f"/beta{PATH}", {"$select": "samlMetadataUrl"})
    assert found == {**expected(FULL, METADATA), "samlSingleSignOns": [{"relayState": "relay"}]}
    assert found.keys() == GetServicePrincipal.outputs.keys()


def test_get_service_principal_of_which_graph_says_little_has_empty_values() -> None:
    found = lookup(AnsweredGraph({f"GET {PATH}": {"id": SP}, f"GET /beta{PATH}": {}}), objectId=SP)

    assert found == {**expected({"id": SP}, ""), "samlSingleSignOns": []}


def test_get_service_principal_that_several_fit_says_how_many() -> None:
    graph = AnsweredGraph(READS, {"/servicePrincipals": [FULL, FULL]})
    with pytest.raises(UsageError, match="the tenant has 2 service principals with displayName 'n'"):
        lookup(graph, displayName="n")


@pytest.mark.parametrize(
    ("request_id", "end"), [("r1", r"\(METHOD /path, request id r1\)$"), ("", r"\(METHOD /path\)$")]
)
def test_get_service_principal_that_graph_refuses_says_where(request_id: str, end: str) -> None:
    graph = AnsweredGraph({f"GET {PATH}": refusal(403, request_id=request_id)})
    with pytest.raises(OrgcalError, match=end) as caught:
        lookup(graph, objectId=SP)
    assert caught.value.what.startswith("getServicePrincipal: Microsoft Graph answered 403 Some_Code: words (")
    assert not isinstance(caught.value, GraphError)


def test_get_client_config_tells_as_whom_the_plugin_works() -> None:
    connection = AnsweredConnection(AnsweredGraph({}))
    environ = {
        "ARM_TENANT_ID": "t",
        "ARM_CLIENT_ID": "c",
        "ARM_METADATA_HOSTNAME": "localhost:1",
        "ARM_CLIENT_SECRET": "s",
    }
    connection.configure(read_settings({}, environ))
    found = GetClientConfig(connection).call({})

    assert found == {"clientId": "c", "id": f"t-c-{CALLER}", "objectId": CALLER, "tenantId": "t"}
    assert found.keys() == GetClientConfig.outputs.keys()
