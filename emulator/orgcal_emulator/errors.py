"""Errors of a start. Each message is one sentence for the user who starts the emulator."""

from __future__ import annotations


class CannotServeError(Exception):
    """The emulator cannot start: its port is taken, or its state is in use or cannot be used."""


class SeedError(Exception):
    """A seed is wrong; the message names file, line and field."""


class StateError(Exception):
    """A state cannot be used; the message says why, and what to do."""
