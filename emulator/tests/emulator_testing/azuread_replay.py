"""The requests that the real azuread plugin made for one program, and what sends them to an emulator again."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
import trustme
from orgcal_emulator.graph.permissions import GRAPH_CLIENT_ID
from orgcal_emulator.seed import DEFAULT_SEED
from orgcal_emulator.server import RunningEmulator

RECORDED: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[1] / "data" / "azuread-requests.json").read_text()
)


def seed_with_rights() -> str:
    """The plugin's program granted app roles, which needs more than the default operator has."""
    text = DEFAULT_SEED.read_text()
    return text.replace(
        "    - Application.ReadWrite.OwnedBy\n",
        "    - Application.ReadWrite.All\n    - AppRoleAssignment.ReadWrite.All\n",
    )


class Replay:
    """Sends recorded requests with this emulator's ids in the places of the recorded ones."""

    def __init__(self, emulator: RunningEmulator) -> None:
        self._ready = emulator.ready
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = emulator.ready["ca_file"]
        operator = emulator.ready["operator"]
        principal = emulator.cloud.directory.principal_by_client(operator["tenant_id"], operator["client_id"])
        graph = emulator.cloud.directory.principal_by_client(operator["tenant_id"], GRAPH_CLIENT_ID)
        assert principal is not None
        assert graph is not None
        self.known = {
            "{base}": self._ready["base_url"],
            "{random}": "12345",
            "{id1}": graph.object_id,
            "{id2}": principal.object_id,
            "11111111-1111-1111-1111-111111111111": operator["tenant_id"],
        }
        self._grants = iter(("{id6}", "{id7}", "{id10}"))
        self._passwords = iter(("{id11}", "{id12}"))
        self._certificate = base64.b64encode(trustme.CA().cert_pem.bytes()).decode()
        self._token = ""
        self.answers: list[tuple[str, str, dict[str, Any]]] = []
        """Method, path and body of everything that was answered with JSON."""

    def send(self, entry: dict[str, Any]) -> int:
        path = self._filled(entry["path"])
        assert "{" not in path, f"no value for {path}"
        if path.endswith("/token"):
            return self._log_in(path)
        body: Any = json.loads(self._filled(json.dumps(entry["body"]))) if entry.get("body") else None
        for key in (body or {}).get("keyCredentials", ()):
            key.update(key=self._certificate, endDateTime=_in_days(20), startDateTime=_in_days(0))
        if body and "passwordCredential" in body:
            body["passwordCredential"]["endDateTime"] = _in_days(180)
        headers = {**(entry.get("headers") or {}), "Authorization": f"Bearer {self._token}"}
        answer = self.session.request(entry["method"], self._ready["base_url"] + path, json=body, headers=headers)
        if answer.status_code in (200, 201):
            self.answers.append((entry["method"], path, answer.json()))
            if entry["method"] == "POST":
                self._learn(path, answer.json())
        return answer.status_code

    def _log_in(self, path: str) -> int:
        operator = self._ready["operator"]
        answer = self.session.post(
            self._ready["base_url"] + path,
            data={
                "grant_type": "client_credentials",
                "client_id": operator["client_id"],
                "client_secret": Path(operator["client_secret_file"]).read_text(),
                "scope": f"{self._ready['base_url']}/.default",
            },
        )
        self._token = answer.json()["access_token"]
        return answer.status_code

    def _learn(self, path: str, body: dict[str, Any]) -> None:
        if path.endswith("/applications"):
            self.known |= {"{id3}": body["id"], "{id4}": body["appId"]}
        elif path.endswith("/servicePrincipals"):
            self.known["{id5}"] = body["id"]
        elif path.endswith("/appRoleAssignedTo"):
            self.known[next(self._grants)] = body["id"]
        elif path.endswith("/federatedIdentityCredentials"):
            self.known["{id9}"] = body["id"]
        elif path.endswith("/addPassword"):
            self.known[next(self._passwords)] = body["keyId"]

    def _filled(self, text: str) -> str:
        for name, value in self.known.items():
            text = text.replace(name, value)
        return re.sub(r"\{id8\}", "00000000-0000-4000-8000-000000000008", text)


def _in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
