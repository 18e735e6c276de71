"""Entra ID, Microsoft Graph and an integration platform on 127.0.0.1, that real clients accept.

    orgcal-emulator            serves from memory until Ctrl-C; prints one JSON line when it is ready
    RunningEmulator            the same on a thread, for tests

It is strict where Microsoft is strict, refuses what it does not know (501), and depends on nothing of orgcal.
docs/emulator.md says how to use it, docs/parity.md what it models and which test witnesses that.
"""

from orgcal_emulator.errors import CannotServeError
from orgcal_emulator.server import Keys, RunningEmulator

__version__ = "0.1.0"
"""Of the distribution, which the build reads here; orgcal's extra `emulator` asks for exactly this one."""

__all__ = ["CannotServeError", "Keys", "RunningEmulator"]
