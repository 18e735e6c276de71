"""Published keys of the issuers that federated credentials name."""

from __future__ import annotations

import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from orgcal_emulator import strict_json

_TIMEOUT_S = 5.0
_LARGEST = 1_000_000


class IssuerKeys:
    """Keys of OIDC issuers: given ones first, then those an issuer on this machine publishes.

    The emulator never leaves the machine, so an issuer elsewhere must be given its keys (seed, control route).
    """

    def __init__(self) -> None:
        self._given: dict[str, list[dict[str, Any]]] = {}

    def give(self, issuer: str, keys: list[dict[str, Any]]) -> None:
        """Take `keys` (JWKs) as those that `issuer` publishes."""
        self._given[issuer] = keys

    def clear(self) -> None:
        """Forget the given keys."""
        self._given.clear()

    def __call__(self, issuer: str) -> list[dict[str, Any]] | None:
        """The issuer's keys, or None if there are none to be had."""
        if issuer in self._given:
            return self._given[issuer]
        try:
            if urlsplit(issuer).hostname not in ("localhost", "127.0.0.1"):
                return None
            address = _fetch(issuer.rstrip("/") + "/.well-known/openid-configuration")["jwks_uri"]
            if urlsplit(address).hostname not in ("localhost", "127.0.0.1"):
                return None
            keys = _fetch(address)["keys"]
        except (OSError, HTTPException, ValueError, KeyError, TypeError):
            return None
        return [each for each in keys if isinstance(each, dict)] if isinstance(keys, list) else None


def _fetch(address: str) -> Any:
    if urlsplit(address).scheme not in ("http", "https"):
        raise ValueError("an issuer is spoken to over HTTP")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())
    with opener.open(address, timeout=_TIMEOUT_S) as answer:
        return strict_json.parse(answer.read(_LARGEST))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Keeps an issuer on this machine from sending the emulator off it."""

    def redirect_request(self, *_given: Any) -> None:
        return None
