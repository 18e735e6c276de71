"""Seeds: the content of an emulator at its first start."""
