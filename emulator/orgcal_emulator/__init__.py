"""Entra ID, Microsoft Graph and an integration platform on 127.0.0.1, that real clients accept.

    orgcal-emulator            serves from memory until Ctrl-C; prints one JSON line when it is ready
    orgcal-emulator start      the same in the background; prints the variables that a test needs
    RunningEmulator            the same on a thread, for tests
    entra_emulator             the same as a fixture of pytest

It is strict where Microsoft is strict, refuses what it does not know (501), and depends on nothing of orgcal.
docs/emulator.md says how to use it, docs/parity.md what it models and which test witnesses that.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orgcal_emulator.errors import CannotServeError
    from orgcal_emulator.server import Keys, RunningEmulator

__version__ = "0.1.0"
"""Of the distribution, which the build reads here; orgcal's extra `emulator` asks for exactly this one."""

__all__ = ["CannotServeError", "Keys", "RunningEmulator"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """A public name, imported once it is used: every pytest that has the plugin installed imports this package."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from orgcal_emulator import server

        return getattr(server, name)
