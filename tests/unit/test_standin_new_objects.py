"""What the stand-in has just made may be missing for a while; once it has deleted it, "not found" is the truth.

Source: https://learn.microsoft.com/en-us/graph/best-practices-concept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from orgcal.errors import OrgcalError
from orgcal.provider._sdk import State
from orgcal.provider.azuread.federated import ApplicationFederatedIdentityCredential
from orgcal.provider.azuread.managed import Managed
from orgcal.provider.azuread.password import ApplicationPassword
from orgcal.provider.azuread.service_principal import ServicePrincipal
from tests.support.standin_graph import CALLER, AnsweredConnection, AnsweredGraph, call, refusal

APP = "00000000-0000-0000-0000-00000000000a"
KEY = "00000000-0000-0000-0000-00000000000b"
PRINCIPAL = f"/servicePrincipals/{KEY}"
FEDERATED = f"/applications/{APP}/federatedIdentityCredentials"
TRUST = {"audiences": ["a"], "description": "", "issuer": "https://a.example", "subject": "s"}
SHOWN = {"id": KEY, "appId": APP, "accountEnabled": True}


@dataclass(frozen=True)
class Case:
    """A type, what Graph answers while its object exists, and once it is gone; the request that removes it."""

    kind: type[Managed]
    given: dict[str, Any]
    there: dict[str, Any]
    gone: dict[str, Any]
    removal: str
    resource_id: str


CASES = (
    Case(
        ApplicationPassword,
        {"applicationId": f"/applications/{APP}"},
        {
            f"GET /applications/{APP}": {"passwordCredentials": [{"keyId": KEY}]},
            f"POST /applications/{APP}/addPassword": {"keyId": KEY, "secretText": "told once"},
        },
        {f"GET /applications/{APP}": {"passwordCredentials": []}},
        f"POST /applications/{APP}/removePassword",
        f"{APP}/password/{KEY}",
    ),
    Case(
        ApplicationFederatedIdentityCredential,
        {"applicationId": f"/applications/{APP}", "displayName": "n", **TRUST},
        {
            f"GET /applications/{APP}": {},
            f"POST {FEDERATED}": {"id": KEY, "name": "n", **TRUST},
            f"GET {FEDERATED}/{KEY}": {"id": KEY, "name": "n", **TRUST},
        },
        {f"GET {FEDERATED}/{KEY}": refusal(404)},
        f"DELETE {FEDERATED}/{KEY}",
        f"{APP}/federatedIdentityCredential/{KEY}",
    ),
    Case(
        ServicePrincipal,
        {"clientId": APP},
        {"POST /servicePrincipals": SHOWN, f"GET {PRINCIPAL}": SHOWN, f"GET /beta{PRINCIPAL}": {}},
        {f"GET {PRINCIPAL}": refusal(404)},
        f"DELETE {PRINCIPAL}",
        PRINCIPAL,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind.title)
def test_new_object_is_waited_for_until_it_is_deleted(case: Case) -> None:
    connection = AnsweredConnection(graph := AnsweredGraph(case.there))
    kind = case.kind(connection)
    made = kind.create(call(), kind.check(call(), case.given, {}))
    assert (made.resource_id, connection.waits) == (case.resource_id, [])

    graph.answers |= {**case.gone, case.removal: [refusal(404), {}]}
    kind.delete(call(), made.resource_id, State({}, made.outputs))
    assert [f"{method} {path}" for method, path, _ in graph.writes[-2:]] == [case.removal] * 2
    assert len(connection.waits) == 1

    graph.answers[case.removal] = refusal(404)
    with pytest.raises(OrgcalError, match="answered 404"):
        kind.delete(call(), made.resource_id, State({}, made.outputs))
    assert kind.read(call(), made.resource_id, State({}, made.outputs)) is None
    assert len(connection.waits) == 1


@pytest.mark.parametrize("status", [403, 404, 409])
def test_new_principal_may_refuse_for_a_while_to_lose_its_first_owner(status: int) -> None:
    removal = f"DELETE {PRINCIPAL}/owners/{CALLER}/$ref"
    connection = AnsweredConnection(AnsweredGraph({**CASES[2].there, removal: [refusal(status), {}]}))
    kind = ServicePrincipal(connection)

    assert kind.create(call(), kind.check(call(), {"clientId": APP}, {})).resource_id == PRINCIPAL
    assert len(connection.waits) == 1
