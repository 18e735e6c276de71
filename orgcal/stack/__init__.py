"""A stack, opened: its environment, its outputs, its state, and the engine that runs on it."""
