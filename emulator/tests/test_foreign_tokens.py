"""Tokens that this emulator did not sign open no route, and change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from orgcal_emulator.server import Keys, RunningEmulator


def unsigned(token: str) -> str:
    return jwt.encode(jwt.decode(token, options={"verify_signature": False}), key="", algorithm="none")


def signed_by_another_key(token: str) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(claims, other, algorithm="RS256", headers=jwt.get_unverified_header(token))


def signed_by_a_secret(token: str) -> str:
    return jwt.encode(jwt.decode(token, options={"verify_signature": False}), "s" * 64, algorithm="HS256")


def for_everything(token: str) -> str:
    """Not signed at all, with more rights than it had."""
    head, _, end = token.split(".")
    claims = {**jwt.decode(token, options={"verify_signature": False}), "roles": ["Directory.ReadWrite.All"]}
    return f"{head}.{jwt.encode(claims, 's' * 64).split('.')[1]}.{end}"


@pytest.mark.parametrize("forged", [unsigned, signed_by_another_key, signed_by_a_secret, for_everything])
def test_forged_token_opens_no_route(operator: Any, emulator: RunningEmulator, forged: Callable[[str], str]) -> None:
    check_every_route(operator, emulator, forged(operator.token()))


def test_token_of_another_emulator_opens_no_route(
    operator: Any, emulator: RunningEmulator, start_emulator: Callable[..., RunningEmulator], emulator_keys: Keys
) -> None:
    """Both have the same tenants, clients and even the same key."""
    other = start_emulator(keys=emulator_keys)
    client = other.add_client("isv.example", "Application.ReadWrite.All", "Directory.ReadWrite.All")
    form = {
        "grant_type": "client_credentials", "client_id": client.client_id, "client_secret": client.secret,
        "scope": "https://graph.microsoft.com/.default",
    }  # fmt: skip
    token = other.cloud.tokens.issue(client.tenant_id, form, other.ready["base_url"])["access_token"]
    check_every_route(operator, emulator, token)


def test_token_for_the_resource_manager_opens_no_route(operator: Any, emulator: RunningEmulator) -> None:
    token = operator.log_in(scope="https://management.azure.com/.default").json()["access_token"]
    check_every_route(operator, emulator, token)


def check_every_route(operator: Any, emulator: RunningEmulator, token: str) -> None:
    before = emulator.cloud.export()
    for route in emulator.cloud.dispatcher.table.routes:
        path = route.path.replace("{}", operator.client_id)
        answer = operator.session.request(
            route.method, f"{operator.base_url}/v1.0/{path}", json={}, headers={"Authorization": f"Bearer {token}"}
        )
        found = (answer.status_code, answer.json()["error"]["code"])
        assert found == (401, "InvalidAuthenticationToken"), f"{route.method} {path}: {found}"
    assert emulator.cloud.export() == before
