"""Reads the header `Prefer` and names what was applied of it.

Sources: RFC 7240, and the header `Prefer` in https://learn.microsoft.com/en-us/graph/api/user-list-events
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from orgcal_emulator.graph.errors import not_emulated
from orgcal_emulator.lru import remembered

_PREFERENCE = re.compile(r'\s*([\w.-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s,;"]*)))?\s*(?:[,;]|$)')


@remembered(256)
def preferences(header: str) -> Mapping[str, str]:
    """Preferences by name in lower case; of one that comes twice the first counts, as RFC 7240 says.

    Raises:
        GraphFailure: 501 naming a header that is no list of preferences.
    """
    found: dict[str, str] = {}
    position = 0
    while position < len(header):
        match = _PREFERENCE.match(header, position)
        if match is None:
            raise not_emulated("value", f"Prefer: {header}")
        name, quoted, plain = match.groups()
        found.setdefault(name.lower(), quoted if quoted is not None else plain or "")
        position = match.end()
    return MappingProxyType(found)


def page_size_preferred(found: Mapping[str, str], largest: int) -> int | None:
    """The number of entries that a client wants at most on a page: `odata.maxpagesize`.

    Raises:
        GraphFailure: 501 naming a value that is no number of at least one.
    """
    text = found.get("odata.maxpagesize", found.get("maxpagesize"))
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not int(text[:9]):
        raise not_emulated("value", f"Prefer: odata.maxpagesize={text}")
    return min(int(text[:9]), largest)
