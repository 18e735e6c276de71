"""A `KeyVaultApi` with the unmodified SDK's clients, for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
import trustme
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest
from azure.keyvault.secrets import SecretClient
from azure.keyvault.secrets._shared.http_challenge_cache import clear

from orgcal.platforms.testing_server import StrictServer
from tests.support.key_vault_api import KeyVaultApi
from tests.support.local_platform_api import bundle_of
from tests.support.platform_apis import API_KEY
from tests.support.tunnel import Tunnel

HOST = "orgcal.vault.azure.net"


class Credential:
    """Gives one token; `asked` lists the scopes and tenants that it was asked for."""

    def __init__(self, token: str = API_KEY) -> None:
        self.token = token
        self.asked: list[tuple[str, str | None]] = []

    def get_token(self, *scopes: str, tenant_id: str | None = None, **_: Any) -> AccessToken:
        self.asked.append((scopes[0], tenant_id))
        return AccessToken(self.token, 2**31)


class _Open(Protocol):
    def __call__(self, credential: Credential | None = None, **options: Any) -> SecretClient: ...


@dataclass
class ServedKeyVault:
    """A vault that is reached as `https://orgcal.vault.azure.net`; `client` has the right token.

    Attributes:
        open: another client, with another credential or options of `SecretClient`.
        proxy: the tunnel's address and `bundle` the authority's file, for clients of one's own.
    """

    api: KeyVaultApi
    server: StrictServer
    open: _Open
    client: SecretClient
    proxy: str
    bundle: Path

    def raw(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and body of the answer to a request that the SDK would not make by itself."""
        request = HttpRequest(method, path, json=body, headers={"Accept": "application/json"})
        response = self.client.send_request(request)
        return response.status_code, response.json()

    def latest_version(self) -> str:
        """The latest version of the secret `outlook`, as the server has it."""
        return self.api.secrets["outlook"].versions[-1].version


@contextmanager
def serve_key_vault(folder: Path) -> Iterator[ServedKeyVault]:
    """A running vault; the authority's file goes into `folder`. The SDK's cache of challenges is emptied after it."""
    api, authority = KeyVaultApi(), trustme.CA()
    bundle = bundle_of(authority, folder)
    with ExitStack() as stack:
        server = stack.enter_context(StrictServer(api, ca=authority, hosts=(HOST,)).running())
        tunnel = stack.enter_context(Tunnel({HOST: server.port}).running())
        stack.callback(clear)

        def opened(credential: Credential | None = None, **options: Any) -> SecretClient:
            settings = {
                "vault_url": f"https://{HOST}",
                "proxies": {"https": tunnel.url},
                "connection_verify": str(bundle),
                "retry_total": 0,
                **options,
            }
            return stack.enter_context(SecretClient(credential=credential or Credential(), **settings))

        yield ServedKeyVault(api, server, opened, opened(), tunnel.url, bundle)


def refusal(action: Callable[[], object]) -> tuple[int | None, str, str]:
    """Status, code and inner code of the error that the action ends with."""
    with pytest.raises(HttpResponseError) as caught:
        action()
    error = caught.value.error
    assert error is not None
    inner: Any = error.innererror or {}
    return caught.value.status_code, str(error.code), inner.get("code", "")
