"""What a client needs from whatever gives it access tokens."""

from __future__ import annotations

from typing import Protocol


class Tokens(Protocol):
    """Access tokens for one tenant; `orgcal.entra.auth.TokenSource` is the usual one."""

    def token(self) -> str:
        """A token that should still be good."""

    def renewed(self, refused: str) -> str:
        """A token other than `refused`, which a server answered with 401."""
