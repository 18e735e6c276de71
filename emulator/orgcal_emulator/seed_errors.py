"""The error of a wrong seed, apart from what reads seeds, so that it can be caught without importing YAML."""

from __future__ import annotations


class SeedError(Exception):
    """A seed file is wrong; the message names file, line and field."""
