"""A stage for `benchmarks.verify`: an emulator in a process of its own, with organisations that have consented."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from orgcal.entra.auth import TokenSource
from orgcal.entra.clouds import CloudEndpoints, read_emulator_file
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.graph import GraphClient
from orgcal.entra.permissions import GRAPH_APP_ID, application_permissions
from orgcal.entra.session import new_session

HOME = "11111111-1111-1111-1111-111111111111"
REDIRECT = "http://localhost:8400/consent/callback"
SCOPES = ("Calendars.Read",)


@dataclass(frozen=True)
class Stage:
    """What a worker needs to know.

    Attributes:
        tenant_ids: of the organisations, each with `users` users.
    """

    pid: int
    ready_file: Path
    endpoints: CloudEndpoints
    tenant_ids: list[str]
    users: int
    client_id: str
    secret_file: Path

    def spec(self, **more: Any) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "base_url": self.endpoints.graph_url,
            "ca_file": str(self.endpoints.ca_file),
            "ready_file": str(self.ready_file),
            "tenant_ids": self.tenant_ids,
            "users": self.users,
            "client_id": self.client_id,
            "secret_file": str(self.secret_file),
            **more,
        }

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Ask a control route."""
        assert self.endpoints.emulated is not None
        token = self.endpoints.emulated.control_token_file.read_text().strip()
        with new_session(self.endpoints) as session:
            answer = session.request(
                method,
                f"{self.endpoints.emulated.control_url}{path}",
                json=body,
                headers={"Authorization": f"Bearer {token}"},
            )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def slow(self, batch_s: float) -> None:
        """Let every page of users, batch of 20 and token take `batch_s`."""
        # Exchange works on four reads of a batch at a time, so a full batch takes five of them.
        self.control(
            "POST", "/latency", {"identity_s": batch_s, "outlook_s": batch_s / 5, "entra_s": batch_s} if batch_s else {}
        )

    def cpu_s(self) -> float:
        """Processor time of the emulator so far."""
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)


@contextmanager
def staged(folder: Path, *, organisations: int, users: int) -> Iterator[Stage]:
    """An emulator with `organisations` customers of `users` users each, all of whom have consented."""
    folder.mkdir(parents=True)
    seed = folder / "seed.yaml"
    tenant_ids = [f"22222222-2222-2222-2222-{number:012d}" for number in range(organisations)]
    seed.write_text(seed_text(tenant_ids, users))
    command = [sys.executable, "-m", "orgcal_emulator", "--seed", str(seed), "--state", str(folder / "state")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            json.loads(process.stdout.readline())
            ready_file = folder / "state" / "ready.json"
            endpoints = read_emulator_file(ready_file)
            client_id, secret = _application(endpoints)
            secret_file = folder / "secret"
            secret_file.touch(0o600)
            secret_file.write_text(secret)
            for number, tenant_id in enumerate(tenant_ids):
                _consent(endpoints, tenant_id, f"admin@t{number}.example", client_id)
            yield Stage(process.pid, ready_file, endpoints, tenant_ids, users, client_id, secret_file)
        finally:
            process.terminate()


def seed_text(tenant_ids: list[str], users: int) -> str:
    """A seed with these customers of so many users each, and a home tenant with an operator."""
    admin = "named: [{ user: admin, name: Ada Administrator, administrator: true }]"
    home = f"tenant_id: {HOME}, display_name: ISV, domain: isv.example, home: true"
    lines = ["tenants:", f"  - {{ {home}, users: {{ count: 1, {admin} }} }}"]
    for number, tenant_id in enumerate(tenant_ids):
        lines.append(
            f"  - {{ tenant_id: {tenant_id}, display_name: T{number}, domain: t{number}.example, "
            f"users: {{ count: {users}, {admin} }} }}"
        )
    lines.append(
        "operator: { tenant: isv.example, display_name: operator, client_id: aaaaaaaa-0000-4000-8000-000000000001, "
        "permissions: [Application.ReadWrite.All] }"
    )
    return "\n".join(lines) + "\n"


def _application(endpoints: CloudEndpoints) -> tuple[str, str]:
    """Client id and secret of a new multitenant application."""
    assert endpoints.emulated is not None
    secret = endpoints.emulated.operator_client_secret_file.read_text().strip()
    with new_session(endpoints) as session:
        tokens = TokenSource(endpoints, HOME, endpoints.emulated.operator_client_id, ClientSecret(secret), session)
        graph = GraphClient(endpoints, tokens, session)
        access = [{"id": role.role_id, "type": "Role"} for role in application_permissions(SCOPES)]
        made = graph.post(
            "/applications",
            {
                "displayName": "Bench",
                "signInAudience": "AzureADMultipleOrgs",
                "web": {"redirectUris": [REDIRECT]},
                "requiredResourceAccess": [{"resourceAppId": GRAPH_APP_ID, "resourceAccess": access}],
            },
        )
        password = graph.post(f"/applications/{made['id']}/addPassword", {"passwordCredential": {"displayName": "b"}})
    return str(made["appId"]), str(password["secretText"])


def _consent(endpoints: CloudEndpoints, tenant_id: str, account: str, client_id: str) -> None:
    """The administrator of a tenant accepts."""
    form = {
        "client_id": client_id,
        "redirect_uri": REDIRECT,
        "scope": endpoints.graph_scope,
        "state": "bench",
        "account": account,
        "decision": "accept",
    }
    with requests.Session() as browser:
        browser.trust_env = False
        url = f"{endpoints.login_url}/{tenant_id}/v2.0/adminconsent"
        answer = browser.post(url, form, verify=str(endpoints.ca_file), allow_redirects=False, timeout=30)
    if "admin_consent=True" not in answer.headers.get("Location", "") or "error=" in answer.headers["Location"]:
        raise RuntimeError(f"no consent: {answer.status_code} {answer.text[:300]}")
