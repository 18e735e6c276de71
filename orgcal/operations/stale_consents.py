"""Which organisations' consents lack something that the application declares."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from orgcal.entra.exchange_roles import split_permissions
from orgcal.entra.role_relation import compare
from orgcal.tenants.model import Tenant


def good_hashes(
    hash_now: str, names_now: Iterable[str], hash_before: str, names_before: Iterable[str]
) -> frozenset[str]:
    """Hashes of permissions that, once consented to, leave nothing missing of what is declared now.

    Args:
        hash_now: of the permissions that are declared now; empty where it is not known yet.
        names_now: their names.
        hash_before: of the permissions that were declared before.
        names_before: their names.
    """
    enough = not compare(names_now, names_before).missing
    return frozenset(filter(None, (hash_now, hash_before if enough else "")))


def is_stale(tenant: Tenant, declared: Collection[str], good: Collection[str]) -> bool:
    """Whether the consent lacks something declared; only its hash tells where the names were not yet recorded.

    Args:
        declared: names of the permissions.
        good: as `good_hashes` gives them.
    """
    if tenant.access == "scoped":  # the others are granted in Exchange, where nobody sees them
        return bool(compare(split_permissions(declared).in_entra, tenant.permissions).missing)
    if tenant.permissions:
        return bool(compare(declared, tenant.permissions).missing)
    return tenant.permission_hash not in good
