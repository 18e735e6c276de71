"""What the emulator's directory holds of the recorded program, seen through Graph and not through Pulumi."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orgcal.entra.auth import TokenSource
from orgcal.entra.clouds import read_emulator_file
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.graph import GraphClient
from orgcal.entra.session import new_session

TYPE_PREFIX = "azuread:index/"


class SeenDirectory:
    """Reads of a running emulator as its operator; close it before the emulator stops.

    Args:
        ready: the emulator's own description.
    """

    def __init__(self, ready: Mapping[str, Any]) -> None:
        endpoints = read_emulator_file(Path(ready["ca_file"]).with_name("ready.json"))
        operator = ready["operator"]
        secret = ClientSecret(Path(operator["client_secret_file"]).read_text(encoding="utf-8").strip())
        self._session = session = new_session(endpoints)
        self._own = operator["client_id"]
        self.graph = GraphClient(
            endpoints, TokenSource(endpoints, operator["tenant_id"], operator["client_id"], secret, session), session
        )

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def objects(self) -> dict[str, dict[str, Any]]:
        """Everything a program can have made: the `id` that Pulumi would give it -> what Graph says of it."""
        found: dict[str, dict[str, Any]] = {}
        for listed in self.graph.pages("/applications"):
            if listed["appId"] == self._own:
                continue
            object_id = listed["id"]
            found[f"/applications/{object_id}"] = listed
            for entry in listed.get("passwordCredentials") or []:
                found[f"{object_id}/password/{entry['keyId']}"] = entry
            for entry in listed.get("keyCredentials") or []:
                found[f"{object_id}/certificate/{entry['keyId']}"] = entry
            for entry in self.graph.pages(f"/applications/{object_id}/federatedIdentityCredentials"):
                found[f"{object_id}/federatedIdentityCredential/{entry['id']}"] = entry
            for principal in self.graph.pages("/servicePrincipals", {"$filter": f"appId eq '{listed['appId']}'"}):
                found[f"/servicePrincipals/{principal['id']}"] = principal
                for grant in self.graph.pages(f"/servicePrincipals/{principal['id']}/appRoleAssignments"):
                    found[f"/servicePrincipals/{grant['resourceId']}/appRoleAssignedTo/{grant['id']}"] = grant
        return found


def disagreements(state: Mapping[str, Mapping[str, Any]], seen: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Where a state (resources by name) and the directory (objects by `id`) say different things."""
    known = {item["id"]: item for item in state.values() if item["type"].startswith(TYPE_PREFIX)}
    lines = [f"in the directory only: {name}" for name in seen.keys() - known.keys()]
    lines += [f"in the state only: {name}" for name in known.keys() - seen.keys()]
    for name in known.keys() & seen.keys():
        told, there = known[name]["outputs"], seen[name]
        for output, said in _facts(known[name]["type"].rsplit(":", 1)[-1], there).items():
            if told.get(output) != said:
                lines.append(f"{name}: {output} is {told.get(output)!r} in the state and {said!r} in the directory")
    return sorted(lines)


def _facts(kind: str, there: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "Application":
        return {
            "objectId": there["id"],
            "clientId": there["appId"],
            "displayName": there["displayName"],
            "signInAudience": there["signInAudience"],
            "requiredResourceAccesses": [
                {"resourceAppId": entry["resourceAppId"], "resourceAccesses": entry["resourceAccess"]}
                for entry in there["requiredResourceAccess"]
            ],
        }
    if kind == "ServicePrincipal":
        return {"objectId": there["id"], "clientId": there["appId"], "accountEnabled": there["accountEnabled"]}
    if kind == "AppRoleAssignment":
        names = {"appRoleId": "appRoleId", "principalObjectId": "principalId", "resourceObjectId": "resourceId"}
    elif kind == "ApplicationFederatedIdentityCredential":
        names = {"credentialId": "id", "displayName": "name", "issuer": "issuer", "subject": "subject"}
    else:
        names = {"keyId": "keyId", "endDate": "endDateTime"}
    return {output: there[name] for output, name in names.items()}
