"""Seeds: what an emulator holds when it starts for the first time."""
