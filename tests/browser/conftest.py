"""The browser tests leak no secret either."""

from __future__ import annotations

from tests.support.watched_commands import no_secret_leaks, no_secret_leaks_from_module

__all__ = ["no_secret_leaks", "no_secret_leaks_from_module"]
