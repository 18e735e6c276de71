"""Writes into the registry what a stack's outputs say of its credentials, for metrics and alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orgcal.stack.outputs import StackOutputs

if TYPE_CHECKING:
    from orgcal.tenants.registry import Registry


def note_credentials(registry: Registry, outputs: StackOutputs) -> None:
    """Write down which generations are live, until when, and which one the connector uses; no secret.

    Raises:
        RegistryUnavailable: the database cannot be asked now.
    """
    from orgcal.tenants.credentials import KnownCredential, remember_credentials  # sqlalchemy is slow to import

    remember_credentials(
        registry,
        outputs.active_generation,
        [
            KnownCredential(
                item.generation, item.kind, item.expires_at, item.superseded_at, item.generation in outputs.revoked
            )
            for item in outputs.credentials
        ],
    )
