"""The tenant of a name, by Entra ID's public description of it, and what is said where there is none."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.discovery import resolve_tenant
from orgcal.errors import OrgcalError, Unreachable, UsageError
from tests.support.answering_session import AnsweringSession, answer

TENANT = "8f0c8a0e-0000-4000-8000-00000000000a"
ENTRA = "https://login.example"
URL = f"{ENTRA}/contoso.com/v2.0/.well-known/openid-configuration"
ENDPOINTS = CloudEndpoints("usgov", ENTRA, "https://graph.example", "usgovernment")


@pytest.mark.parametrize("name", [" Contoso.com ", "contoso.com"])
@pytest.mark.parametrize(
    "issuer", [f"{ENTRA}/{TENANT.upper()}/v2.0", f"https://sts.example/{TENANT}/", f"//x/{TENANT}"]
)
def test_tenant_is_the_first_part_of_its_issuers_path(name: str, issuer: str) -> None:
    session = AnsweringSession([answer(200, {"issuer": issuer})])

    assert resolve_tenant(ENDPOINTS, name, session) == TENANT
    assert [(sent.method, sent.url, sent.query) for sent in session.sent] == [("GET", URL, {})]


def told(what: str, where: str = URL, repair: str = "") -> dict[str, Any]:
    return {"what": what, "where": where, "repair": repair, "retry_after_s": None}


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (
            requests.ConnectTimeout("x"),
            told("Entra ID cannot be reached (ConnectTimeout)", ENTRA, "check the network, then try again"),
        ),
        (answer(500, {}), told("Entra ID answered 500", repair="try again")),
        (answer(403, {}), told("Entra ID answered 403", repair="try again")),
        (answer(201, {"issuer": f"{ENTRA}/{TENANT}"}), told("Entra ID answered 201", repair="try again")),
        (
            answer(200, b"please log in", {"Content-Type": "text/html"}),
            told(
                "the answer is a web page where JSON was expected; something between here and the server answered",
                repair="check HTTPS_PROXY and NO_PROXY, or log in to the network you are in",
            ),
        ),
        (answer(200, b"{"), told("the answer is not JSON, or was cut off", repair="try again")),
        *[
            (answer(200, body), told("Entra ID's description of the tenant names no tenant id"))
            for body in (
                *({}, {"issuer": None}, {"issuer": ""}, {"issuer": 5}, {"issuer": "https://[::1/x"}),
                *({"issuer": f"{ENTRA}/common/v2.0"}, {"issuer": f"{ENTRA}/common/{TENANT}"}),
                *({"issuer": f"{ENTRA}/X{TENANT}"}, {"issuer": f"{ENTRA}/{TENANT}X"}),
            )
        ],
    ],
)
def test_answer_that_names_no_tenant_is_explained(reply: requests.Response | Exception, error: dict[str, Any]) -> None:
    with pytest.raises(Unreachable) as refused:
        resolve_tenant(ENDPOINTS, "contoso.com", AnsweringSession([reply]))

    assert vars(refused.value) == error


@pytest.mark.parametrize("status", [400, 404])
def test_tenant_that_is_not_there_is_the_users_to_correct(status: int) -> None:
    with pytest.raises(UsageError) as refused:
        resolve_tenant(ENDPOINTS, "Contoso.com", AnsweringSession([answer(status, b"")]))

    assert vars(refused.value) == {
        "what": "there is no tenant 'Contoso.com' in the usgov cloud",
        "where": "TENANT",
        "repair": "check the spelling, and the stack's cloud",
    }


def test_name_that_is_none_is_refused_before_anything_is_sent() -> None:
    session = AnsweringSession([answer(200, {})])

    with pytest.raises(OrgcalError, match="'common' is neither a tenant id nor a domain") as refused:
        resolve_tenant(ENDPOINTS, "common", session)

    assert (refused.value.where, session.sent) == ("TENANT", [])
