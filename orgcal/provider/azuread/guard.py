"""The adapter through which every request of the stand-in goes, whatever made it.

MSAL, for one, follows the addresses in Entra's description of itself.
"""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response, Session

from orgcal.entra.session import RedactingAdapter
from orgcal.provider.azuread.loopback import require_loopback


class Guard(RedactingAdapter):
    """Sends requests to loopback addresses, straight, and refuses all others.

    Args:
        pool_size: connections kept open to one host.
    """

    def __init__(self, pool_size: int) -> None:
        super().__init__(pool_maxsize=pool_size)

    def send(self, request: PreparedRequest, **options: Any) -> Response:  # type: ignore[override]  # as requests calls it
        """Send `request` if it stays on this machine.

        Raises:
            CloudMismatch: it would not.
        """
        host = urlsplit(str(request.url)).hostname or ""
        require_loopback(host, named_by="an address it was told to call")
        for entry in _resolved(host):
            require_loopback(entry, named_by=f"this machine's name service for {host!r}")
        options["proxies"] = {}  # a proxy would be another machine
        return super().send(request, **options)


def guarded_session() -> Session:
    """A session that stays on this machine, reads nothing from the surroundings and follows no redirect."""
    session = Session()
    session.trust_env = False
    session.max_redirects = 0
    for scheme in ("https://", "http://"):
        session.mount(scheme, Guard(1))
    return session


def _resolved(host: str) -> list[str]:
    try:
        addresses = [str(entry[4][0]) for entry in socket.getaddrinfo(host, None)]
        return [address for address in addresses if not address.endswith("%lo0")]  # macOS: the loopback device itself
    except OSError:
        return []  # then the connection fails too, and says why
