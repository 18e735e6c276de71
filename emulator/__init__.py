"""Entra ID, Microsoft Graph and an integration platform on 127.0.0.1, that real clients accept.

    python -m emulator                      serve from memory until Ctrl-C; prints one JSON line when ready
    emulator.server.RunningEmulator         the same on a thread, for tests

It is strict where Microsoft is strict, refuses what it does not know (501), and imports nothing of the rest of this
project. docs/emulator.md says how to use it, docs/parity.md what it models and which test witnesses that.
"""
