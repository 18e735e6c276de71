"""Reads access tokens: who calls Microsoft Graph, or the resource manager."""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Collection

import jwt

from orgcal_emulator.clock import Clock
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.directory.serializers import GRAPH_ADDRESSES
from orgcal_emulator.entra.audiences import RESOURCE_MANAGER_ADDRESSES, OwnAddresses
from orgcal_emulator.entra.keys import SigningKey
from orgcal_emulator.graph.errors import GraphFailure, unauthorized
from orgcal_emulator.graph.messages import Caller

_KNOWN_TOKENS = 8_192
"""Tokens whose signature was checked and need not be checked again; the oldest is forgotten."""


class TokenReader:
    """Checks tokens for Microsoft Graph.

    Args:
        addresses: this emulator's own, each of them an audience for Graph.
    """

    def __init__(
        self, directory: Directory, clock: Clock, key: SigningKey, directory_id: str, addresses: OwnAddresses
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._key = key
        self._directory_id = directory_id
        self._addresses = addresses
        self._callers: OrderedDict[str, Caller] = OrderedDict()

    def graph_caller(self, authorization: str) -> Caller:
        """Who holds this token for Microsoft Graph.

        Args:
            authorization: the request's header.

        Raises:
            GraphFailure: 401.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise unauthorized("Access token is empty.")
        caller = self._callers.get(token)
        if caller is None:
            caller = self._read(token.strip(), {*GRAPH_ADDRESSES[:2], *self._addresses.urls})
            self._callers[token] = caller
            if len(self._callers) > _KNOWN_TOKENS:
                self._callers.popitem(last=False)
        if caller.expires_at <= self._clock.now():
            raise unauthorized("Lifetime validation failed, the token is expired.")
        principal = self._directory.service_principals.get(caller.principal_id)
        if principal is None or principal.deleted_at is not None:
            raise GraphFailure(
                401, "Authorization_IdentityNotFound",
                "The identity of the calling application could not be established.",
            )  # fmt: skip
        return caller

    def resource_manager_caller(self, authorization: str) -> Caller:
        """Who holds this token for the resource manager; one for this emulator's own address will do as well.

        Raises:
            GraphFailure: 401.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise unauthorized("Authentication failed. The 'Authorization' header is missing.")
        caller = self._read(token.strip(), {*RESOURCE_MANAGER_ADDRESSES, *self._addresses.urls})
        if caller.expires_at <= self._clock.now():
            raise unauthorized("The access token expiry UTC time is earlier than current UTC time.")
        return caller

    def _read(self, token: str, audiences: Collection[str]) -> Caller:
        if not _three_parts(token):
            raise unauthorized("IDX14100: JWT is not well formed, there are no dots (.).")
        try:
            claims = jwt.decode(
                token,
                self._key.public_key,
                algorithms=["RS256"],
                # Time is checked against the emulated clock, and the audience below, for its own message.
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False},
            )
        except jwt.InvalidTokenError as error:
            raise unauthorized("Access token validation failure. Invalid signature or format.") from error
        if str(claims.get("aud", "")).removesuffix("/") not in audiences:
            raise unauthorized("Access token validation failure. Invalid audience.")
        if claims.get("xms_emulator") != self._directory_id:
            raise unauthorized("Access token validation failure. Invalid issuer.")
        return Caller(
            tenant_id=claims["tid"],
            client_id=claims.get("appid") or claims["azp"],
            principal_id=claims.get("oid", ""),
            roles=frozenset(claims.get("roles", ())),
            expires_at=float(claims["exp"]),
        )

    def forget(self) -> None:
        """Forget tokens that were read (after a reset)."""
        self._callers.clear()


def _three_parts(token: str) -> bool:
    parts = token.split(".")
    try:
        return len(parts) == 3 and all(base64.urlsafe_b64decode(part + "==") is not None for part in parts)
    except ValueError:
        return False
