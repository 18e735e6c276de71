"""Entra ID, Microsoft Graph and integration platforms on one loopback port, whose answers can be changed."""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme

from orgcal.entra.permissions import GRAPH_APP_ID
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.platforms.testing_server import Reply, Request, StrictServer
from tests.fuzz.odd_answers import Change, spelled

HOME, CONTOSO = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
CLIENT_ID, OBJECT_ID = "44444444-4444-4444-4444-444444444444", "55555555-5555-5555-5555-555555555555"
KEY, KEY_ID = "outlook", "66666666-6666-6666-6666-666666666666"
SECRET = "Qz8Q~a-secret-that-nobody-may-see"  # the secret of the tests
USERS = 5
ROLES = ("Calendars.Read", "Directory.Read.All", "Application.ReadWrite.All", "Application.Read.All")


def jwt(claims: Mapping[str, Any]) -> str:
    """A token with these claims that nobody signed."""
    parts = (json.dumps(part).encode() for part in ({"alg": "none"}, claims))
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "c2ln"])


TOKEN = jwt({"oid": OBJECT_ID, "roles": ROLES, "tid": CONTOSO})
APPLICATION = {
    "id": OBJECT_ID,
    "appId": CLIENT_ID,
    "displayName": "Sync",
    "signInAudience": "AzureADMultipleOrgs",
    "createdDateTime": "2026-01-01T00:00:00Z",
    "tags": ["a"],
    "web": {"redirectUris": ["https://localhost/cb"]},
    "verifiedPublisher": {"displayName": "Acme"},
    "requiredResourceAccess": [
        {
            "resourceAppId": GRAPH_APP_ID,
            "resourceAccess": [{"id": APP_ROLE_IDS[name], "type": "Role"} for name in ROLES[:2]],
        }
    ],
    "passwordCredentials": [{"keyId": KEY_ID, "displayName": "orgcal 1", "endDateTime": "2030-01-01T00:00:00Z"}],
    "keyCredentials": [],
}
RESTRICTION = {
    "restrictionType": "passwordLifetime",
    "state": "enabled",
    "maxLifetime": "P365D",
    "restrictForAppsCreatedAfterDateTime": "2020-01-01T00:00:00Z",
}
CREDENTIAL = {"client_id": CLIENT_ID, "client_secret": SECRET, "generation": 1}


def good_answer(request: Request, base_url: str) -> tuple[str, Any] | None:
    """The name of the route that a request takes, and its answer; None where there is none."""
    if request.path.endswith("/$batch"):
        entries = [
            {"id": entry["id"], "status": 200, "headers": {}, "body": {"value": [{"id": "c1"}]}}
            for entry in request.body["requests"]
        ]
        return "batch", {"responses": entries}
    for pattern, name, answer in _routes(base_url):
        if re.fullmatch(pattern, f"{request.method} {request.path}"):
            return name, answer
    return None


def _routes(base_url: str) -> Iterator[tuple[str, str, Any]]:
    kinds = ("authorization", "token", "device_authorization")
    tenant = f"{base_url}/{CONTOSO}"
    yield (
        r"GET /[^/]+/v2.0/\.well-known/openid-configuration",
        "discovery",
        {"issuer": f"{tenant}/v2.0", **{f"{kind}_endpoint": f"{tenant}/oauth2/v2.0/{kind}" for kind in kinds}},
    )
    yield r"POST /[^/]+/oauth2/v2.0/token", "token", {"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"}
    yield r"GET /v1.0/users/\$count", "count", str(USERS).encode()
    yield r"GET /v1.0/users", "users", {"value": [{"id": f"u{number}"} for number in range(USERS)]}
    yield (
        r"GET /v1.0/groups",
        "groups",
        {"value": [{"id": KEY_ID, "displayName": "Pilot", "groupTypes": ["Unified"]}]},
    )
    members = [{"@odata.type": "#microsoft.graph.user", "id": f"u{number}"} for number in range(2)]
    yield r"GET /v1.0/groups/[^/]+/members", "members", {"value": members}
    yield r"GET /v1.0/users/[^/]+/calendars", "calendars", {"value": [{"id": "c1"}]}
    yield r"GET /v1.0/applications/[^/]+/owners", "owners", {"value": [{"id": OBJECT_ID}, {"id": HOME}]}
    yield r"GET /v1.0/applications/[^/]+/federatedIdentityCredentials", "federated", {"value": [{"id": KEY_ID}]}
    yield r"GET /v1.0/applications/[^/]+/appManagementPolicies", "own policy", {"value": []}
    yield r"GET /v1.0/applications/[^/]+", "application", APPLICATION
    yield r"GET /v1.0/applications", "applications", {"value": [APPLICATION]}
    yield (
        r"GET /(v1.0|beta)/policies/defaultAppManagementPolicy",
        "policy",
        {"isEnabled": True, "applicationRestrictions": {"passwordCredentials": [RESTRICTION], "keyCredentials": []}},
    )
    roles = [
        {"id": role_id, "value": name, "displayName": name, "isEnabled": True, "allowedMemberTypes": ["Application"]}
        for name, role_id in APP_ROLE_IDS.items()
    ]
    yield (
        r"GET /v1.0/servicePrincipals",
        "principals",
        {"value": [{"id": HOME, "appId": GRAPH_APP_ID, "appRoles": roles}]},
    )
    assigned = [{"appRoleId": APP_ROLE_IDS[name]} for name in ROLES[:2]]
    yield r"GET /v1.0/servicePrincipals\(.*\)/appRoleAssignments", "grants", {"value": assigned}
    entry = {"key": KEY, "callback_url": "https://localhost/cb", "name": "Outlook", "description": "d"}
    yield r"PUT /platform/connectors/[^/]+/credentials", "pushed", {"updated_at": "1"}
    yield r"GET /platform/connectors/[^/]+/credentials", "stored", {**CREDENTIAL, "updated_at": "1"}
    yield r"POST /platform/connectors/[^/]+/connections/[^/]+/token", "platform token", {"access_token": TOKEN}
    yield r"GET /platform/connectors/[^/]+/connections", "connections", {"connections": [{"tenant_id": CONTOSO}]}
    whole = {**entry, "scopes": list(ROLES[:1]), "published": True, "connections": 1}
    yield r"(GET|PATCH|POST) /platform/connectors(/[^/]+)?", "entry", whole
    nango = {"unique_key": KEY, "provider": "microsoft-admin", "display_name": "Outlook", "updated_at": "1"}
    stored = {"type": "OAUTH2", **CREDENTIAL, "scopes": "https://graph.microsoft.com/.default"}
    yield r"(GET|PATCH|POST) /nango/integrations(/[^/]+)?", "integration", {"data": {**nango, "credentials": stored}}
    connection = {"connection_id": "c", "provider_config_key": KEY}
    yield r"GET /nango/connections", "nango connections", {"connections": [connection]}
    yield (
        r"GET /nango/connections/[^/]+",
        "nango connection",
        {**connection, "connection_config": {"tenantId": CONTOSO}, "credentials": {"access_token": TOKEN}},
    )
    yield r"GET /http/.*", "http", {**entry, **CREDENTIAL, "updated_at": "1", "scopes": list(ROLES[:1])}
    yield r"PUT /http/.*", "http push", {}
    yield r"GET /github/.*/public-key", "sealing", {"key": base64.b64encode(bytes(range(32))).decode(), "key_id": "1"}
    yield r"GET /github/.*/variables/.*", "variable", {"name": "x", "value": "1"}
    yield r"GET /github/.*/secrets/.*", "secret", {"name": "x", "updated_at": "2026-01-01T00:00:00Z"}
    yield r"(PUT|PATCH|POST|DELETE) /github/.*", "github write", {}


@dataclass
class ScriptedCloud:
    """The servers, and the file that names them as those of an emulator.

    Attributes:
        changes: by name of the route.
        stranger: gets no request, wherever answers lead.
        answered: how often each route was.
    """

    environ: dict[str, str]
    stranger: StrictServer
    changes: dict[str, Change] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)
    base_url: str = ""

    def begin(self, changes: Mapping[str, Change]) -> None:
        """Answer with these changes from now on."""
        self.changes, self.answered = dict(changes), {}
        self.stranger.seen.clear()

    def answer(self, request: Request) -> Reply:
        """An answer, changed or not."""
        found = good_answer(request, self.base_url)
        if found is None:
            return Reply(404, {"error": {"code": "Request_ResourceNotFound", "message": "no"}})
        name, body = found
        before = self.answered.get(name, 0)
        self.answered[name] = before + 1
        reply, change = Reply(200, body), self.changes.get(name)
        if change is not None and (change.times == 0 or before < change.times):
            reply = change.apply(reply)
        return Reply(reply.status, spelled(reply.body), reply.headers)


@contextmanager
def scripted_cloud(folder: Path) -> Iterator[ScriptedCloud]:
    """Serve a cloud; `folder` takes its authority, keys and file."""
    authority = trustme.CA()
    ca_file, key_file = folder / "ca.pem", folder / "key"
    authority.cert_pem.write_to_path(str(ca_file))
    key_file.write_text("platform-api-key\n")
    key_file.chmod(0o600)
    stranger = StrictServer(lambda _: Reply(200, {"access_token": TOKEN, "expires_in": 3599}), ca=authority)
    cloud = ScriptedCloud({}, stranger)
    server = StrictServer(cloud.answer, ca=authority)
    cloud.base_url = server.base_url
    ready = {
        "port": server.port,
        "base_url": server.base_url,
        "directory_id": "d",
        "ca_file": str(ca_file),
        "operator": {
            "tenant_id": HOME,
            "client_id": CLIENT_ID,
            "client_secret_file": str(key_file),
            "client_certificate_file": str(key_file),
        },
        "platform": {"url": f"{server.base_url}/platform", "api_key_file": str(key_file)},
        "control": {"url": f"{server.base_url}/control", "token_file": str(key_file)},
    }
    (folder / "ready.json").write_text(json.dumps(ready))
    keys = ("NANGO_API_KEY_FILE", "GITHUB_TOKEN_FILE", "PLATFORM_KEY_FILE")
    cloud.environ |= {"ORGCAL_EMULATOR_FILE": str(folder / "ready.json"), **dict.fromkeys(keys, str(key_file))}
    with stranger.running(), server.running():
        yield cloud


def some_routes(dice: random.Random, asked: list[str]) -> list[str]:
    """A few of the routes that a task asks."""
    return dice.sample(asked, min(len(asked), dice.choice((1, 1, 1, 2, 3))))
