"""A `VaultApi` with the unmodified hvac's clients, for tests."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
import requests
import trustme

from orgcal.platforms.testing_server import StrictServer
from tests.support.local_platform_api import bundle_of
from tests.support.platform_apis import API_KEY
from tests.support.vault_api import Token, VaultApi

hvac: Any = importlib.import_module("hvac")  # it has no types
exceptions = hvac.exceptions

LEAST = {"secret/data/outlook": {"create", "update", "read"}}
"""A policy that may push and read one secret."""


class _Open(Protocol):
    def __call__(self, token: str | None = API_KEY, namespace: str = "") -> Any: ...


@dataclass
class ServedVault:
    """A server with clients of hvac; `client` has all rights, `kv` is its KV version 2.

    Attributes:
        open: another client, with another token, or none, or a namespace.
        bundle: the authority's file, for clients of one's own.
    """

    api: VaultApi
    server: StrictServer
    open: _Open
    client: Any
    kv: Any
    bundle: Path

    def read(self, version: int | None = None) -> Any:
        """The `data` of the secret `outlook`: its data and metadata."""
        return self.kv.read_secret_version("outlook", version=version, raise_on_deleted_version=False)["data"]

    def limited(self, policy: dict[str, set[str]]) -> Any:
        """A client whose token has this policy."""
        self.api.tokens["limited"] = Token(policy)
        return self.open("limited")


@contextmanager
def serve_vault(folder: Path) -> Iterator[ServedVault]:
    """A running server; the authority's file goes into `folder`."""
    api, authority = VaultApi(), trustme.CA()
    bundle = bundle_of(authority, folder)
    with ExitStack() as stack:
        server = stack.enter_context(StrictServer(api, ca=authority).running())

        def opened(token: str | None = API_KEY, namespace: str = "") -> Any:
            session = stack.enter_context(requests.Session())
            session.verify = str(bundle)  # True, the default, would win over hvac's argument
            return hvac.Client(server.base_url, token, namespace=namespace or None, session=session)

        client = opened()
        yield ServedVault(api, server, opened, client, client.secrets.kv.v2, bundle)


def refusal(action: Callable[[], object]) -> tuple[str, list[str]]:
    """The class of hvac's error and Vault's errors."""
    with pytest.raises(exceptions.VaultError) as caught:
        action()
    return type(caught.value).__name__, list(caught.value.errors or [])


def wrong_input(action: Callable[[], object]) -> str:
    """The one error of a request that Vault calls invalid."""
    kind, errors = refusal(action)
    assert kind == "InvalidRequest"
    assert len(errors) == 1
    return errors[0]
