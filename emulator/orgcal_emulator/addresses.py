"""Where this emulator is reached: known only once it has its port."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class OwnAddresses:
    """Base URLs of this emulator (`https://localhost:1234`), each of them an audience for Microsoft Graph here."""

    urls: frozenset[str] = frozenset()
