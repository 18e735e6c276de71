"""Nothing but this machine: the stand-in must never be taken for the real plugin by a real tenant.

Addresses are refused here where they are read, and once more by `guard.py` where they are called. There is no way to
switch that off.
"""

from __future__ import annotations

from orgcal.entra.clouds import is_loopback
from orgcal.errors import CloudMismatch

REAL_PLUGIN = "use the real azuread plugin (AZUREAD_PLUGIN=real)"


def require_loopback(host: str, *, named_by: str) -> None:
    """Refuse a host that is not this machine.

    Args:
        host: without a port.
        named_by: the variable, argument or answer it comes from.

    Raises:
        CloudMismatch: it is another machine's.
    """
    if not is_loopback(host):
        raise CloudMismatch(
            f"the azuread stand-in speaks to the local emulator only, and {named_by} names {host or 'no host'!r}",
            repair=REAL_PLUGIN,
        )
