"""What an emulator holds, seen from outside: through its own APIs, not through Pulumi."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orgcal.entra.auth import TokenSource
from orgcal.entra.clouds import read_emulator_file
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.graph import GraphClient
from orgcal.entra.session import new_session


@dataclass
class Outside:
    """What the emulator holds, seen through its own APIs and not through Pulumi."""

    ready: dict[str, Any]

    def __post_init__(self) -> None:
        endpoints = read_emulator_file(Path(self.ready["ca_file"]).parent / "ready.json")
        operator = self.ready["operator"]
        secret = Path(operator["client_secret_file"]).read_text().strip()
        self.session = new_session(endpoints)
        source = TokenSource(
            endpoints, operator["tenant_id"], operator["client_id"], ClientSecret(secret), self.session
        )
        self.graph = GraphClient(endpoints, source, self.session)

    def applications(self) -> list[dict[str, Any]]:
        """Applications of the home tenant, but for the operator's own."""
        return [
            item
            for item in self.graph.pages("/applications", {})
            if item["appId"] != self.ready["operator"]["client_id"]
        ]

    def service_principals(self) -> list[dict[str, Any]]:
        """Service principals of the applications above."""
        known = {item["appId"] for item in self.applications()}
        return [item for item in self.graph.pages("/servicePrincipals", {}) if item["appId"] in known]

    def logo(self, application_object_id: str) -> bytes:
        """The application's picture."""
        url = self.graph.url_of(f"/applications/{application_object_id}/logo")
        answer = self.session.get(url, headers={"Authorization": f"Bearer {self.graph.token_source.token()}"})
        answer.raise_for_status()
        return answer.content

    def platform(self, method: str, path: str, body: Any = None) -> Any:
        """Asks the integration platform; the answer's JSON, None for 404."""
        key = Path(self.ready["platform"]["api_key_file"]).read_text().strip()
        answer = self.session.request(
            method, f"{self.ready['platform']['url']}{path}", json=body, headers={"Authorization": f"Bearer {key}"}
        )
        if answer.status_code == 404:
            return None
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def journal(self, after: int = 0) -> list[dict[str, Any]]:
        """Requests that the emulator has answered, those of tests to itself aside."""
        entries: list[dict[str, Any]] = self.control("GET", f"/journal?after={after}")["entries"]
        return [entry for entry in entries if not entry["path"].startswith("/_emulator/")]

    def withdraw_consent(self, tenant_id: str) -> None:
        """As a customer's administrator does in the portal: delete the enterprise applications of other tenants."""
        token = Path(self.ready["control"]["token_file"]).read_text().strip()
        url, headers = self.ready["control"]["url"], {"Authorization": f"Bearer {token}"}
        exported = self.session.get(f"{url}/export", headers=headers)
        exported.raise_for_status()
        state = exported.json()
        held = state["objects"]
        made_here = {item["client_id"] for item in held["application"].values() if item["tenant_id"] != tenant_id}
        principals = {
            key
            for key, item in held["servicePrincipal"].items()
            if item["tenant_id"] == tenant_id and item["client_id"] in made_here
        }
        for key in principals:
            del held["servicePrincipal"][key]
        grants = held["appRoleAssignment"]
        for key in [key for key, item in grants.items() if item["principal_id"] in principals]:
            del grants[key]
        self.session.post(f"{url}/import", json=state, headers=headers).raise_for_status()

    def move_clock(self, seconds: float) -> None:
        """Moves the emulator's time ahead."""
        self.control("POST", "/clock", {"advance_s": seconds})

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Asks the emulator's control routes; the answer's JSON."""
        token = Path(self.ready["control"]["token_file"]).read_text().strip()
        url = f"{self.ready['control']['url']}{path}"
        answer = self.session.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"})
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def mark(self) -> int:
        """Number of the newest journal entry."""
        entries = self.journal()
        return int(entries[-1]["seq"]) if entries else 0

    def writes_since(self, mark: int) -> list[str]:
        """Writes after `mark`, tokens aside."""
        return [
            f"{entry['method']} {entry['path']}"
            for entry in self.journal(mark)
            if entry["method"] not in ("GET", "HEAD") and "/oauth2/" not in entry["path"]
        ]
