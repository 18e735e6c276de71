"""A stack's settings: read once, with one meaning for the program and every command."""
