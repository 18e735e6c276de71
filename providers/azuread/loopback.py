"""Nothing but this machine: the stand-in must never be taken for the real plugin by a real tenant.

Every request passes `Guard`, whatever made it (MSAL follows the addresses in Entra's description of itself), and there
is no way to switch it off.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

from orgcal.errors import WorldMismatch

REAL_PLUGIN = "use the real azuread plugin (AZUREAD_PLUGIN=real)"


def is_loopback(host: str) -> bool:
    """Whether `host` is `localhost`, in 127.0.0.0/8, or ::1; other names are not, wherever they lead."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def require_loopback(host: str, *, named_by: str) -> None:
    """Refuse a host that is not this machine.

    Args:
        host: without a port.
        named_by: the variable, argument or answer it comes from.

    Raises:
        WorldMismatch: it is another machine's.
    """
    if not is_loopback(host):
        raise WorldMismatch(
            f"the azuread stand-in speaks to the local emulator only, and {named_by} names {host or 'no host'!r}",
            repair=REAL_PLUGIN,
        )


class Guard(BaseAdapter):
    """Lets requests to loopback addresses through to another adapter, and refuses all others."""

    def __init__(self, inner: BaseAdapter) -> None:
        super().__init__()
        self._inner = inner
        self._known: set[str] = set()

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """Send `request` if it stays on this machine.

        Raises:
            WorldMismatch: it would not.
        """
        host = urlsplit(request.url or "").hostname or ""
        if host not in self._known:
            require_loopback(host, named_by="an address it was told to call")
            for entry in _resolved(host):
                require_loopback(entry, named_by=f"this machine's name service for {host!r}")
            self._known.add(host)
        return self._inner.send(request, *args, **options)

    def close(self) -> None:
        """Close the connections of the adapter behind."""
        self._inner.close()


def _resolved(host: str) -> list[str]:
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, None)]
        return [address for address in found if not address.endswith("%lo0")]  # macOS: the loopback device itself
    except OSError:
        return []  # then the connection fails too, and says why
