"""HashiCorp Vault: tokens, policies, logins and KV mounts, strict about what they take; served by `StrictServer`.

Sources, cited by what they say:
- API: https://developer.hashicorp.com/vault/api-docs, pages secret/kv/kv-v2, auth/token, auth/approle, auth/jwt,
  auth/kubernetes, system/internal-ui-mounts and system/seal-status.
- KV: https://github.com/hashicorp/vault-plugin-secrets-kv at commit 824fb96; see `vault_kv`.
- Kubernetes: https://github.com/hashicorp/vault-plugin-auth-kubernetes at commit 4b61817, path_login.go.
- JWT: https://github.com/hashicorp/vault-plugin-auth-jwt at commit 2e68bba, path_login.go.
- Checked: answers of a running OpenBao 2.7.2, the fork of Vault, to the same requests. Where Vault words it
  differently (an invalid token), the answer is Vault's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from orgcal.platforms.testing_server import Reply, Request
from tests.support.platform_apis import API_KEY, unexpected
from tests.support.vault_kv import KvVersion1, KvVersion2, Refused, VaultClock, envelope

DENIED = "1 error occurred:\n\t* permission denied\n\n"
INVALID_TOKEN = "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"

_CAPABILITIES = {"GET": "read", "DELETE": "delete", "PATCH": "patch"}
_LEASE_S = 3600


@dataclass
class Token:
    """What a token may do: `policy` has capabilities by path, which may end with `*`; None may do everything."""

    policy: dict[str, set[str]] | None = None
    meta: dict[str, str] | None = None
    display_name: str = "token"

    def may(self, path: str, capability: str) -> bool:
        """The exact rule, else that with the longest prefix (Vault, concepts/policies)."""
        if self.policy is None:
            return True
        fitting = [rule for rule in self.policy if rule == path or (rule[-1:] == "*" and path.startswith(rule[:-1]))]
        exact = path if path in self.policy else max(fitting, key=len, default="")
        return capability in self.policy.get(exact, set())

    def sees(self, mount: str) -> bool:
        """Whether it may do anything below the mount (system/internal-ui-mounts)."""
        return self.policy is None or any(rule.startswith(f"{mount}/") for rule in self.policy)


class VaultApi:
    """One server.

    Attributes:
        mounts: KV engines by path; `kv` is the one at `secret`.
        tokens: valid tokens by their text; `API_KEY` may do everything.
        namespace: where all of it is; requests with another `X-Vault-Namespace` find nothing.
        sealed: whether everything is refused until it is unsealed.
        logins: mounts of auth methods by path, with their type: approle, kubernetes or jwt.
        roles: what a login accepts, by mount: role id and secret id, or role and JWT.
        policy: of the tokens that a login gives.
        drops: fields of data and of custom metadata that are taken and not stored.
    """

    def __init__(self) -> None:
        self.clock = VaultClock()
        self.drops: set[str] = set()
        self.kv = KvVersion2(self.clock, self.drops)
        self.mounts: dict[str, KvVersion1 | KvVersion2] = {"secret": self.kv}
        self.tokens = {API_KEY: Token()}
        self.namespace = ""
        self.sealed = False
        self.logins = {"approle": "approle", "kubernetes": "kubernetes", "jwt": "jwt"}
        self.roles: dict[str, dict[str, str]] = {name: {} for name in self.logins}
        self.policy: dict[str, set[str]] | None = None

    def __call__(self, request: Request) -> Reply:
        try:
            return self._answer(unquote(request.path).removeprefix("/v1/"), request)
        except Refused as refused:
            return refused.reply

    def _answer(self, path: str, request: Request) -> Reply:
        if path == "sys/seal-status" and request.method == "GET":
            return Reply(200, {"type": "shamir", "initialized": True, "sealed": self.sealed, "t": 1, "n": 1})
        if self.sealed:
            raise Refused(503, "Vault is sealed")
        namespace = request.headers.get("x-vault-namespace", "").strip("/")
        if namespace not in ("", self.namespace):
            raise Refused(404, "namespace not found")
        login = re.fullmatch(r"auth/(.+)/login", path)
        if login and login[1] in self.logins and namespace == self.namespace:
            return self._login(login[1], request)
        text = request.headers.get("x-vault-token", "")
        if text not in self.tokens:
            raise Refused(403, INVALID_TOKEN if text else "permission denied")
        if path.startswith("auth/token/"):
            return self._token(path.removeprefix("auth/token/"), text, request)
        if namespace != self.namespace:
            raise Refused(403, DENIED)
        return self._mounted(path, self.tokens[text], request)

    def _mounted(self, path: str, token: Token, request: Request) -> Reply:
        shown = path.removeprefix("sys/internal/ui/mounts/")
        if shown != path and request.method == "GET":
            return self._mount_info(shown.strip("/"), token)
        mount = self._mount(path)
        engine = self.mounts.get(mount)
        inner = path[len(mount) + 1 :]
        written = "update" if engine is not None and engine.exists(inner) else "create"
        if not token.may(path, _CAPABILITIES.get(request.method, written)):
            raise Refused(403, DENIED)
        if engine is None:
            raise Refused(404, f'no handler for route "{path}". route entry not found.')
        return engine.answer(inner, request)

    def _mount(self, path: str) -> str:
        return max((name for name in self.mounts if f"{path}/".startswith(f"{name}/")), key=len, default="")

    def _mount_info(self, path: str, token: Token) -> Reply:
        """What `vault kv` asks first; it needs no capability but any on a path of the mount."""
        mount = self._mount(path)
        if not mount or not token.sees(mount):
            hint = f'please ensure client\'s policies grant access to path "{path}/"'
            raise Refused(403, f"preflight capability check returned 403, {hint}")
        options = {"version": str(self.mounts[mount].version)}
        data = {"accessor": "kv_514fa68b", "config": {}, "description": "", "local": False, "options": options}
        return Reply(200, envelope({**data, "path": f"{mount}/", "seal_wrap": False, "type": "kv"}))

    def _token(self, operation: str, text: str, request: Request) -> Reply:
        """auth/token; every token may do this for itself by the policy `default`."""
        token, method = self.tokens[text], request.method
        if operation == "revoke-self" and method in ("POST", "PUT"):
            del self.tokens[text]
            return Reply(204)
        if operation == "renew-self" and method in ("POST", "PUT"):
            if token.policy is None:
                raise Refused(400, "lease is not renewable")
            return Reply(200, envelope(None, auth=self._auth(text, token)))
        if operation != "lookup-self" or method != "GET":
            raise Refused(403, DENIED)
        limited = token.policy is not None
        data = {
            "accessor": "oPSiG9oHtJhLRfLkp1PsBJZS",
            "display_name": token.display_name,
            "expire_time": "2026-01-01T01:00:00Z" if limited else None,
            "id": text,
            "meta": token.meta,
            "num_uses": 0,
            "policies": ["default", "orgcal"] if limited else ["root"],
            "renewable": limited,
            "ttl": _LEASE_S if limited else 0,
            "type": "service",
        }
        return Reply(200, envelope(data))

    def _login(self, mount: str, request: Request) -> Reply:
        if request.method not in ("POST", "PUT"):
            raise Refused(405, "1 error occurred:\n\t* unsupported operation\n\n")
        kind = self.logins[mount]
        known = {"role_id", "secret_id"} if kind == "approle" else {"role", "jwt"}
        wrong = unexpected(request.body, known)
        if wrong:
            raise Refused(400, wrong)
        name, proof = ("role_id", "secret_id") if kind == "approle" else ("role", "jwt")
        role, given = request.body.get(name) or "", request.body.get(proof) or ""
        if not role:
            raise Refused(400, f"missing {name}")
        self._check_login(kind, role, given, self.roles.setdefault(mount, {}))
        text = f"hvs.{uuid4().hex}"
        meta = {"role_name": role} if kind == "approle" else {"role": role}
        self.tokens[text] = Token(self.policy, meta, mount)
        return Reply(200, envelope(None, auth=self._auth(text, self.tokens[text])))

    def _check_login(self, kind: str, role: str, given: str, roles: dict[str, str]) -> None:
        if kind == "kubernetes" and not given:
            raise Refused(400, "missing jwt")
        if kind == "approle" and role in roles and not given:
            raise Refused(400, "missing secret_id")
        if kind == "approle" and roles.get(role) != given:
            raise Refused(400, "invalid role or secret ID")
        if kind == "kubernetes" and role not in roles:
            raise Refused(400, f'invalid role name "{role}"')
        if kind == "kubernetes" and roles[role] != given:
            raise Refused(403, "permission denied")
        if kind == "jwt" and role not in roles:
            raise Refused(400, f'role "{role}" could not be found')
        if kind == "jwt" and not given:
            raise Refused(400, "missing token")
        if kind == "jwt" and roles[role] != given:
            raise Refused(400, "error validating token: invalid subject (sub) claim")

    def _auth(self, text: str, token: Token) -> dict[str, Any]:
        policies = ["root"] if token.policy is None else ["default", "orgcal"]
        return {
            "client_token": text,
            "accessor": "cIUmueGWxUEsMscaPIrvn1uV",
            "policies": policies,
            "token_policies": policies,
            "metadata": token.meta,
            "lease_duration": 0 if token.policy is None else _LEASE_S,
            "renewable": token.policy is not None,
            "token_type": "service",
            "orphan": True,
            "num_uses": 0,
        }


def throttled(path: str, retry_after_s: int | None = None) -> Reply:
    """The answer of a rate limit quota (API, system/rate-limit-quotas).

    Vault adds `Retry-After` only with `enable_rate_limit_response_headers` (API, system/quotas-config).
    """
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return Reply(429, {"errors": [f'request path "{path}": rate limit quota exceeded']}, headers)
