"""Tags on applications: which stack made one, and what it is for."""

from __future__ import annotations


def deployment_tag(project: str, stack: str) -> str:
    """The tag on whatever a stack has made, so that `orgcal sweep` finds what no state holds."""
    return f"orgcal:{project}/{stack}"


EPHEMERAL_TAG = "orgcal:ephemeral"
"""Beside the deployment tag on what a short-lived stack has made: only this may be removed for good."""


def origin_tag(origin: str) -> str:
    """The tag that tells which stack an ephemeral one is a copy of."""
    return f"orgcal:origin:{origin}"
