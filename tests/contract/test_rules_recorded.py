"""Answers of the real Microsoft Graph: what the product reads from them, and whether the emulator's look the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import requests

from orgcal.entra.answers import graph_error, parse_object
from orgcal.entra.shapes import APPLICATION as READ_AS
from orgcal.entra.shapes import fitting
from tests.contract.rules.recorded import (
    ALWAYS,
    APPLICATION,
    APPLICATION_OWN,
    DIAGNOSTIC,
    EMPTY,
    EXCHANGES,
    FEDERATED,
    GRAPH_PRINCIPAL,
    MOMENTS,
    PASSWORD,
    PRINCIPAL,
    REDIRECTS,
    REFUSAL,
    SUCCESS,
)

pytestmark = pytest.mark.judged("tests/contract/rules/recorded.py")

# The product ---------------------------------------------------------------------------------------------------------


def test_product_reads_a_recorded_application_as_it_is() -> None:
    own = {"id": "8c582081-fcfe-4094-b17b-cbf9598c8152", "appId": "0610a4a7-3535-4eb5-89ef-7935b1818f2d"}
    recorded = {**APPLICATION, **own, "displayName": "x", "createdDateTime": "2025-04-08T09:40:20.2882444Z"}

    assert fitting(recorded, READ_AS, where="POST /applications") == recorded


@pytest.mark.parametrize("headers", [SUCCESS, REFUSAL], ids=["success", "refusal"])
def test_product_reads_a_body_of_each_recorded_type(headers: Mapping[str, str]) -> None:
    error = {"code": "Authorization_RequestDenied", "message": "Insufficient privileges to complete the operation."}
    body = parse_object(json.dumps({"error": error}).encode(), where="x", content_type=headers["content-type"])

    refused = graph_error(403, body, headers=headers, where="GET /users")
    assert (refused.status, refused.code) == (403, error["code"])


# The emulator --------------------------------------------------------------------------------------------------------

DIFFERS = {"strict-transport-security": "a browser would refuse every other page of localhost that has no TLS"}
"""Recorded headers whose value the emulator changes, with the reason."""


def headers_of(answer: requests.Response, recorded: Mapping[str, str]) -> dict[str, str]:
    """Those of the answer that the recordings speak of; `odata-version` and the type always, if they are there."""
    names = {*recorded, "odata-version", "content-type"}
    return {name: answer.headers[name] for name in names if name in answer.headers}


def test_emulator_makes_an_application_with_the_recorded_defaults(operator: Any) -> None:
    made = operator.post("applications", {"displayName": "x"}).json()

    assert made.keys() == APPLICATION.keys() | APPLICATION_OWN
    assert {name: made[name] for name in APPLICATION} == APPLICATION


def test_emulator_makes_principals_passwords_and_federated_credentials_with_the_recorded_fields(operator: Any) -> None:
    made = operator.post("applications", {"displayName": "x"}).json()
    path = f"applications/{made['id']}"
    body = {"name": "one", "issuer": "https://ci.example", "subject": "s", "audiences": ["api://AzureADTokenExchange"]}

    assert operator.post("servicePrincipals", {"appId": made["appId"]}).json().keys() == PRINCIPAL
    assert tuple(operator.post(f"{path}/addPassword").json()) == PASSWORD
    federated = operator.post(f"{path}/federatedIdentityCredentials", body).json()
    assert federated.keys() - {"@odata.context"} == set(FEDERATED)


def test_emulator_answers_with_the_recorded_headers(operator: Any, log_in_to: Callable[..., Any]) -> None:
    made = operator.post("applications", {"displayName": "x"})
    read = operator.get(f"applications/{made.json()['id']}")
    refused = log_in_to("contoso.example").get("users")
    deleted = operator.delete(f"applications/{made.json()['id']}")

    assert headers_of(made, SUCCESS) == headers_of(read, SUCCESS) == SUCCESS
    assert (refused.status_code, headers_of(refused, REFUSAL)) == (403, REFUSAL)
    assert (deleted.status_code, headers_of(deleted, EMPTY)) == (204, EMPTY)
    assert all(name in answer.headers for name in ALWAYS for answer in (made, read, refused, deleted))
    assert tuple(json.loads(read.headers["x-ms-ags-diagnostic"])["ServerInfo"]) == DIAGNOSTIC
    assert [read.headers[name] for name in DIFFERS] == ["max-age=0"]


def test_emulator_answers_the_recorded_requests_with_their_statuses_costs_and_addresses(operator: Any) -> None:
    """As Azure CLI sent them, with what it had been told before."""
    bodies: dict[str, dict[str, Any]] = {
        "POST applications": {"displayName": "x", "keyCredentials": []},
        "POST servicePrincipals": {"appId": "{appId}", "accountEnabled": True},
        "POST applications/{app}/federatedIdentityCredentials": {
            "name": "Testing", "issuer": "https://token.actions.githubusercontent.com/",
            "subject": "repo:octo-org/octo-repo:environment:Production", "audiences": ["api://AzureADTokenExchange"],
        },
    }  # fmt: skip
    names = {"POST applications": "app", "POST servicePrincipals": "principal"}
    known = {"tenant": operator.tenant_id}
    for row in EXCHANGES:
        method, _, path = row.request.partition(" ")
        body = {name: filled(value, known) for name, value in bodies.get(row.request, {}).items()}
        answer = operator.call(method, filled(path, known), body if method == "POST" else None)
        made = answer.json() if answer.content else {}
        if answer.status_code == 201:
            known[names.get(row.request, "credential")] = made["id"]
            known.setdefault("appId", made.get("appId", ""))
        assert answer.status_code == row.status, (row.request, answer.text)
        assert answer.headers["x-ms-resource-unit"] == str(row.units), row.request
        wanted = None if row.location is None else operator.base_url + filled(row.location, known)
        assert answer.headers.get("location") == wanted, row.request
        if row.request in MOMENTS:
            assert re.fullmatch(MOMENTS[row.request], made["createdDateTime"]), made["createdDateTime"]


def filled(value: Any, known: Mapping[str, str]) -> Any:
    """A recorded text with this emulator's ids in the places of the recorded ones."""
    if not isinstance(value, str):
        return value
    for name, identifier in known.items():
        value = value.replace(f"{{{name}}}", identifier)
    return value


@pytest.mark.parametrize("web", REDIRECTS)
def test_emulator_mirrors_redirect_addresses_as_published(operator: Any, web: Mapping[str, Any]) -> None:
    made = operator.post("applications", {"displayName": "x", "web": {"redirectUris": web["redirectUris"]}}).json()
    read = operator.get(f"applications/{made['id']}").json()

    for shown in (made, read):
        assert {name: shown["web"][name] for name in web} == web
    assert operator.patch(f"applications/{made['id']}", {"web": read["web"]}).status_code == 204


def test_emulator_shows_graphs_own_principal_as_recorded(operator: Any) -> None:
    shown = operator.get("servicePrincipals(appId='00000003-0000-0000-c000-000000000000')").json()

    assert {name: shown[name] for name in GRAPH_PRINCIPAL} == GRAPH_PRINCIPAL
