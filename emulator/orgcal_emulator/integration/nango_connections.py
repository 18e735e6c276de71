"""Connect sessions and connections of Nango, with what the provider `microsoft-admin` does of OAuth.

Places are of Nango's public sources, commit 2f4c0af, below packages/server/lib.
"""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from orgcal_emulator.entra.errors import EntraFailure
from orgcal_emulator.entra.models import TokenService
from orgcal_emulator.integration.nango_checks import check_session
from orgcal_emulator.integration.nango_errors import NangoFailure
from orgcal_emulator.integration.nango_models import Nango
from orgcal_emulator.integration.nango_records import Connection, ConnectSession, Integration

SESSION_TTL_S = 30 * 60
"""services/connectSession.service.ts:24."""
TOKEN_PREFIX = "nango_connect_session_"  # noqa: S105 - helpers/validation.ts:92
_REFRESH_AHEAD_S = 15 * 60


class Connecting:
    """Makes sessions and, by Nango's own flow, connections."""

    def __init__(self, nango: Nango, tokens: TokenService) -> None:
        self._nango = nango
        self._tokens = tokens

    def open_session(self, body: dict[str, Any]) -> ConnectSession:
        """A new session.

        Raises:
            NangoFailure: 400; 501 for what is not modelled.
        """
        check_session(body)
        allowed = list(body.get("allowed_integrations", []))
        defaults = body.get("integrations_config_defaults", {})
        named = [(key, ["allowed_integrations", str(place)]) for place, key in enumerate(allowed)]
        named += [(key, ["integrations_config_defaults", key]) for key in defaults]
        missing = [path for key, path in named if self._nango.integrations.get(key) is None]
        if missing:  # controllers/connect/postSessions.ts:186-196
            problems = [("custom", "Integration does not exist", path) for path in missing]
            raise NangoFailure(400, "invalid_body", "", problems)
        session = ConnectSession(
            token=TOKEN_PREFIX + secrets.token_hex(32),
            expires_at=self._nango.clock.now() + SESSION_TTL_S,
            allowed=allowed,
            defaults={key: dict(given.get("connection_config", {})) for key, given in defaults.items()},
            tags={name.lower(): value for name, value in body.get("tags", {}).items()},
        )
        self._nango.sessions.put(session.token, session)
        return session

    def begin(self, token: str, key: str, typed: dict[str, str]) -> tuple[Integration, str, str]:
        """Begin the flow of a link: the integration, the tenant whose administrator is asked, and the `state`.

        Args:
            token: of the session.
            key: of the integration; may be empty where the session allows one only.
            typed: what the browser sends as connection config; the session's defaults win
                (controllers/oauth.controller.ts:220-222).

        Raises:
            NangoFailure: 401 for a session that is not or no more; 400.
        """
        session = self._nango.sessions.get(token)
        if session is None or session.expires_at <= self._nango.clock.now():
            raise NangoFailure(401, "unknown_connect_session_token", "The connect session is unknown or has expired")
        key = key or (session.allowed[0] if len(session.allowed) == 1 else "")
        if session.allowed and key not in session.allowed:
            raise NangoFailure(400, "integration_not_allowed", "The session does not allow this integration")
        integration = self._nango.find(key)
        config = {**typed, **session.defaults.get(key, {})}
        if not config.get("tenantId"):
            raise NangoFailure(400, "invalid_connection_config", "The connection needs a tenantId")
        state = str(uuid.uuid4())
        states = {**session.states, state: [key, config]}
        self._nango.sessions.put(token, ConnectSession(**{**vars(session), "states": states}))
        return integration, str(config["tenantId"]), state

    def finish(self, state: str, base_url: str) -> Connection:
        """Make the connection of a flow that came back from consent: its token proves it.

        Raises:
            NangoFailure: 400, no flow has this state, or Entra gives no token.
        """
        for session in self._nango.sessions.newest():
            if state in session.states:
                key, config = session.states[state]
                break
        else:
            raise NangoFailure(400, "invalid_state", "No flow has this state")
        now = self._nango.clock.now()
        credentials, expires_at = self._token(self._nango.find(key), config, base_url)
        connection = Connection(
            connection_id=str(uuid.uuid4()),
            provider_config_key=key,
            connection_config=config,
            tags=session.tags,
            credentials=credentials,
            expires_at=expires_at,
            created_at=now,
            updated_at=now,
        )
        self._nango.connections.put(connection.connection_id, connection)
        left = {name: begun for name, begun in session.states.items() if name != state}
        self._nango.sessions.put(session.token, ConnectSession(**{**vars(session), "states": left}))
        return connection

    def fresh(self, connection: Connection, base_url: str, *, force: bool) -> Connection:
        """The connection with a token that is valid for a while; `force` fetches another one.

        Raises:
            NangoFailure: 400, Entra gives none.
        """
        now = self._nango.clock.now()
        if not force and connection.expires_at - now > _REFRESH_AHEAD_S:
            return connection
        integration = self._nango.find(connection.provider_config_key)
        try:
            credentials, expires_at = self._token(integration, connection.connection_config, base_url)
        except NangoFailure as failure:
            raise NangoFailure(400, "invalid_credentials", failure.message) from None
        changes = {"credentials": credentials, "expires_at": expires_at, "updated_at": now}
        refreshed = Connection(**{**vars(connection), **changes})
        self._nango.connections.put(connection.connection_id, refreshed)
        return refreshed

    def _token(self, integration: Integration, config: dict[str, Any], base_url: str) -> tuple[dict[str, Any], float]:
        """Credentials of a connection and when they expire: a client_credentials grant with the integration's own."""
        stored = integration.credentials or {}
        form = {
            "grant_type": "client_credentials",
            "client_id": str(stored.get("client_id") or ""),
            "client_secret": str(stored.get("client_secret") or ""),
            "scope": (stored.get("scopes") or "").replace(",", " "),
        }
        try:
            answer = self._tokens.issue(str(config["tenantId"]), form, base_url)
        except EntraFailure as failure:
            raise NangoFailure(400, "token_request_failed", f"Entra ID refused: {failure.code}") from failure
        expires_at = self._nango.clock.now() + float(answer["expires_in"])
        return {"type": "OAUTH2", "access_token": answer["access_token"]}, expires_at
