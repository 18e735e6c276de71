"""`orgcal verify`: see `verify.command`."""

from verify.command import verify

__all__ = ["verify"]
