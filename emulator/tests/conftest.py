"""Fixtures of the emulator's own tests."""

from emulator_testing.fixtures import emulator, emulator_keys, log_in_to, operator, start_emulator

__all__ = ["emulator", "emulator_keys", "log_in_to", "operator", "start_emulator"]
