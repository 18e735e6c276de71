"""Making an entry be as declared, whatever is there already, with every platform in the same way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from orgcal.errors import PlatformError, Unreachable
from orgcal.masking import mask
from orgcal.platforms.model import (
    Capabilities,
    CatalogField,
    ConnectorEntry,
    ConnectorSettings,
    CredentialKind,
    Platform,
    PlatformCredential,
    StoredCredential,
)
from orgcal.redaction import hiding


@dataclass(frozen=True, slots=True)
class Ensured:
    """An entry that is now as declared.

    Attributes:
        outcome: `deferred` where there is none and the platform makes it with the first credential
            (`Capabilities.created_with`).
        differences: what an entry that existed had otherwise, a line each.
    """

    entry: ConnectorEntry
    outcome: Literal["created", "adopted", "changed", "deferred"]
    differences: tuple[str, ...] = ()


def ensure_connector(platform: Platform, declared: ConnectorSettings) -> Ensured:
    """Create the entry, or adopt the one that exists and change what differs.

    An answer that was lost after the write did happen, and a second writer who was faster, end in the
    same place as an entry that was there before.

    Raises:
        PlatformError: refused by the platform, or it did not keep what it accepted.
        Unreachable: no answer, and no entry either.
    """
    entry = platform.read_connector(declared.key)
    if entry is None and platform.capabilities.created_with == "credential":
        return Ensured(platform.create_connector(declared), "deferred")
    if entry is None:
        try:
            created = platform.create_connector(declared)
        except (PlatformError, Unreachable):
            entry = platform.read_connector(declared.key)
            if entry is None:
                raise
        else:
            return Ensured(_kept(platform, declared, created), "created")
    if not (differences := entry.differences(declared)):
        return Ensured(entry, "adopted")
    changed = platform.update_connector(declared, list(differences))
    return Ensured(_kept(platform, declared, changed), "changed", tuple(differences.values()))


def push_credentials(platform: Platform, key: str, credential: PlatformCredential) -> StoredCredential:
    """Store the credential and, where the platform lets us, look whether it did.

    Whatever the platform answers, no error shows the credential; a job of GitHub Actions masks it first.

    Raises:
        PlatformError: the platform cannot take it, refused it, or holds something else afterwards.
        Unreachable: no answer.
    """
    if refusal := kind_refusal(platform.capabilities, credential.credential.kind):
        raise PlatformError(refusal, where=platform.place)
    texts = credential.secrets()
    mask(texts)
    with hiding(*texts):
        return _pushed(platform, key, credential)


def _pushed(platform: Platform, key: str, credential: PlatformCredential) -> StoredCredential:
    pushed = platform.push_credentials(key, credential)
    if platform.capabilities.reads_back != "value":
        return pushed
    held = platform.read_credentials(key)
    if held is None or held.credential is None or not held.intact or not credential.same_as(held.credential):
        raise PlatformError(
            f"the platform accepted generation {credential.generation} of the credential for {key!r} "
            "and holds another one",
            where=platform.place,
            repair="look whether something else writes this entry, then run pulumi up again",
        )
    return pushed


def kind_refusal(able: Capabilities, kind: CredentialKind) -> str:
    """Why the platform cannot authenticate with a credential of this kind, or an empty text."""
    if kind in able.credential_kinds:
        return ""
    return f"this platform takes a {' or a '.join(sorted(able.credential_kinds))}, not a {kind}"


def kept_part(able: Capabilities, declared: ConnectorSettings) -> ConnectorSettings:
    """`declared` without the texts and switches that the platform has no place for; what it has one for stays."""
    return replace(
        declared,
        description=declared.description if "description" in able.catalog else "",
        published=declared.published if "published" in able.catalog else True,
    )


def catalog_refusals(able: Capabilities, declared: ConnectorSettings) -> dict[CatalogField, str]:
    """Declared settings that the platform cannot keep: field -> why, in one sentence."""
    refusals: dict[CatalogField, str] = {}
    if declared.description and "description" not in able.catalog:
        refusals["description"] = "this platform keeps no description of a connector; leave it out"
    if not declared.published and "published" not in able.catalog:
        refusals["published"] = "this platform cannot hide a connector; leave `published` true"
    for name, limit in able.limits.items():
        value = getattr(declared, name)
        if isinstance(value, str) and len(value) > limit:
            refusals[name] = f"{len(value)} characters, and this platform takes at most {limit}"
    return refusals


def _kept(platform: Platform, declared: ConnectorSettings, answered: ConnectorEntry) -> ConnectorEntry:
    """The entry read back, as an answer may repeat what it was sent without having stored it."""
    entry = platform.read_connector(declared.key) or answered
    if dropped := entry.differences(declared):
        raise PlatformError(
            f"the platform did not keep what it accepted for {declared.key!r} ({'; '.join(dropped.values())})",
            where=platform.place,
            repair="check the rights of its API key and what its documentation says about these fields",
        )
    return entry
