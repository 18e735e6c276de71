"""The way to the emulator: addresses from its metadata, trust, tokens, and the principal that deploys.

Nothing is asked before the first resource or function needs it: an update without changes costs no token.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orgcal.entra.auth import claims_of
from orgcal.entra.clouds import CloudEndpoints
from orgcal.errors import OrgcalError, Unreachable
from orgcal.provider.azuread.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    import requests

    from orgcal.provider.azuread.directory import Directory

POOL_SIZE = 16
"""Connections kept open: as many as the engine's calls are answered at a time (`orgcal.provider._server.WORKERS`)."""

METADATA_PATH = "/metadata/endpoints?api-version=2022-09-01"
"""What the real plugin 6.11.1 asks for when a metadata host is set."""


class Connection:
    """Opens the directory at first use; shared by all resources of the plugin.

    The settings come later than the object: the engine configures a plugin after it has started it.
    """

    def __init__(self) -> None:
        self._settings: Settings | None = None
        self._directory: Directory | None = None
        self._lock = threading.Lock()

    def configure(self, settings: Settings | None) -> None:
        """Take the settings; None while they are unknown in a preview."""
        with self._lock:
            self._settings, self._directory = settings, None

    @property
    def settings(self) -> Settings:
        """The settings.

        Raises:
            OrgcalError: they are not known yet.
        """
        if self._settings is None:
            raise OrgcalError("the azuread provider is used before its own arguments are known")
        return self._settings

    @property
    def directory(self) -> Directory:
        """Microsoft Graph as the emulator serves it.

        Raises:
            CloudMismatch: an address leads away from this machine.
            Unreachable: the emulator does not answer.
        """
        with self._lock:
            if self._directory is None:
                self._directory = _open(self.settings)
            return self._directory


def _open(settings: Settings) -> Directory:
    from orgcal.entra.auth import TokenSource
    from orgcal.entra.graph import GraphClient
    from orgcal.provider.azuread.directory import Directory

    base = f"https://{settings.metadata_host}"
    emulator = CloudEndpoints("emulator", base, base, "public", settings.metadata_host)
    session = _session(emulator, settings.ca_file)
    login_url, graph_url = _addresses(settings.metadata_host, session)
    endpoints = replace(emulator, login_url=login_url, graph_url=graph_url)
    tokens = TokenSource(endpoints, settings.tenant_id, settings.client_id, settings.credential, session)
    return Directory(GraphClient(endpoints, tokens, session), lambda: object_id_in(tokens.token()), settings.client_id)


def _session(emulator: CloudEndpoints, ca_file: Path | None) -> requests.Session:
    from orgcal.entra.session import new_session
    from orgcal.provider.azuread.guard import Guard

    session = new_session(emulator)
    if ca_file is not None:
        session.verify = str(ca_file)
    for scheme in ("https://", "http://"):
        session.mount(scheme, Guard(POOL_SIZE))
    return session


def _addresses(metadata_host: str, session: requests.Session) -> tuple[str, str]:
    """The addresses of Entra ID and of Microsoft Graph in the emulator's metadata, without a slash at the end."""
    import requests

    from orgcal.entra.answers import parse_object
    from orgcal.provider.azuread.loopback import require_loopback

    url = f"https://{metadata_host}{METADATA_PATH}"
    try:
        response = session.get(url)
    except requests.exceptions.SSLError as error:
        raise Unreachable(
            "the emulator's certificate is not trusted",
            where=metadata_host,
            repair='set SSL_CERT_FILE to the emulator\'s authority: eval "$(orgcal env)"',
        ) from error
    except requests.exceptions.TooManyRedirects as error:
        raise Unreachable("the metadata answer leads to another address, which is not followed", where=url) from error
    except requests.exceptions.RequestException as error:
        raise Unreachable(
            f"the emulator does not answer ({type(error).__name__})",
            where=metadata_host,
            repair="orgcal emulator start",
        ) from error
    if response.status_code != 200:
        raise Unreachable(f"the emulator's metadata answers {response.status_code}", where=url)
    answer = parse_object(response.content, where=url, content_type=response.headers.get("Content-Type", ""))
    authentication = answer.get("authentication")
    login = authentication.get("loginEndpoint") if isinstance(authentication, dict) else None
    graph = answer.get("microsoftGraphResourceId")
    if not isinstance(login, str) or not isinstance(graph, str):
        raise Unreachable("the metadata lacks authentication.loginEndpoint or microsoftGraphResourceId", where=url)
    # Azure's metadata names many services; these two are all that is ever called, and `Guard` watches every call.
    for address in (login, graph):
        require_loopback(urlsplit(address).hostname or "", named_by="the metadata answer")
    return login.rstrip("/"), graph.rstrip("/")


def object_id_in(token: str) -> str:
    """The object id of the principal that `token` was issued to, or an empty text where it cannot be read."""
    return str((claims_of(token) or {}).get("oid") or "")
