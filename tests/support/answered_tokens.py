"""A source of tokens whose Entra ID answers as a test says, without a server."""

from __future__ import annotations

from typing import Any

import requests

from orgcal.entra.auth import TokenSource
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import ClientSecret, Credential
from tests.support.answering_session import AnsweringSession, Sent, answer

TENANT = "00000000-1111-2222-3333-444444444444"
ENTRA = "https://login.example"
ASKED = f"token for client client in tenant {TENANT}"
WELL_KNOWN = f"{ENTRA}/{TENANT}/v2.0/.well-known/openid-configuration"
TOKEN_URL = f"{ENTRA}/{TENANT}/oauth2/v2.0/token"


def described() -> requests.Response:
    """Entra ID's description of the tenant, as far as MSAL reads it."""
    return answer(200, {"authorization_endpoint": f"{ENTRA}/authorize", "token_endpoint": TOKEN_URL, "issuer": ENTRA})


def issued(token: Any = "t1", expires_in: Any = 3599) -> requests.Response:
    return answer(200, {"access_token": token, "expires_in": expires_in, "token_type": "Bearer"})


def refused(error: str, number: int, words: str = "words", **others: Any) -> requests.Response:
    body = {"error": error, "error_description": f"AADSTS{number}: {words}. Trace ID: 1", "error_codes": [number]}
    return answer(400, {**body, "correlation_id": "corr", **others})


def source_of(
    *answers: requests.Response | Exception, credential: Credential | None = None, tenant: str = TENANT
) -> tuple[TokenSource, list[Sent]]:
    """A source of tokens whose Entra ID answers so, and what it is sent."""
    session = AnsweringSession(list(answers))
    endpoints = CloudEndpoints("public", ENTRA, "https://graph.example", "public")
    return TokenSource(endpoints, tenant, "client", credential or ClientSecret("hush"), session), session.sent
