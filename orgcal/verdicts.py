"""One word for each way in which a check can end, in lines and in JSON; the registry keeps the words of before.

Histories were written as `pass`, `warn`, `fail`, `error` and `skip`, and older versions of orgcal may read them.
"""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, str] = {"pass": "ok", "warn": "warning", "fail": "failed", "error": "unknown", "skip": "skipped"}
"""As it is stored -> as it is told. `unknown`: nobody could tell."""

_STORED = {word: stored for stored, word in WORDS.items()}


def told(stored: str) -> str:
    """The word for a stored verdict; other texts as they are."""
    return WORDS.get(stored, stored)


def stored(word: str) -> str:
    """The verdict as it is stored, of either word."""
    return _STORED.get(word, word)
