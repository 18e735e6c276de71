"""A stack: where it lives, what it gave out, what its state holds."""
