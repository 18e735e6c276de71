"""An issuer of OIDC tokens on this machine, asked as GitHub's is: an address and a key, valid for one job."""

from __future__ import annotations

import secrets
import time
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from orgcal.platforms.testing_server import Reply, Request

LIFETIME_S = 300
"""GitHub's tokens live for about as long."""


@cache
def _key_of(issuer: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


class OidcIssuer:
    """`asked` counts tokens; `subject` is whose they are.

    Args:
        issuer: as in the tokens' `iss`.
        subject: as in their `sub`.
    """

    def __init__(self, issuer: str, subject: str) -> None:
        self.issuer = issuer
        self.subject = subject
        self.key = secrets.token_hex(16)
        self.asked: list[str] = []
        self._private = _key_of(issuer)

    def keys(self) -> list[dict[str, Any]]:
        """What it publishes."""
        public = RSAAlgorithm.to_jwk(self._private.public_key(), as_dict=True)
        return [{**public, "kid": "k1", "use": "sig", "alg": "RS256"}]

    def token(self, audience: str) -> str:
        """A token as it hands out."""
        now = int(time.time())
        claims = {"iss": self.issuer, "sub": self.subject, "aud": audience, "iat": now, "nbf": now - 5}
        return jwt.encode({**claims, "exp": now + LIFETIME_S}, self._private, "RS256", headers={"kid": "k1"})

    def __call__(self, request: Request) -> Reply:
        if request.path != "/token" or request.headers.get("authorization", "").lower() != f"bearer {self.key}":
            return Reply(401, {"message": "not this job's key"})
        self.asked.append(request.query["audience"])
        return Reply(200, {"value": self.token(request.query["audience"])})
