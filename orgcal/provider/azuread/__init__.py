"""A stand-in for pulumi-azuread 6.11.1, for the local emulator only.

It takes the real plugin's place where that cannot be downloaded: same types, same state, same writes.
What it cannot do it refuses, and it speaks to loopback addresses only. See `docs/standin.md`.
"""

VERSION = "6.11.1"
"""The version of pulumi-azuread whose behaviour is kept."""
