"""The credential that the connector uses, from where the connector has it.

A check with another copy of the secret would prove the copy. So the credential is read back from the platform where the
platform can show it; where it cannot, the stack's own is used and the report says so.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from orgcal.entra.certificates import read_credential
from orgcal.entra.credentials import Credential
from orgcal.entra.secret_text import SecretSource
from orgcal.errors import UsageError
from verify.models import Options, Proof, SecretReference


@dataclass(frozen=True, slots=True)
class LocatedCredential:
    """A credential, the place it comes from as words for a sentence, and what a token for it proves."""

    credential: Credential
    origin: str
    proof: Proof = "given"


_INSTEAD = "--through-platform where the platform hands out tokens; otherwise only a connected organisation proves it"


class CannotTell(UsageError):
    """The place holds a credential, or should, and does not tell it."""


class NoCredential(UsageError):
    """The connector has none: that is the connector's state, while other wrong settings say nothing about it."""


def find_credential(options: Options) -> LocatedCredential:
    """The connector's credential.

    Raises:
        UsageError: no place that was named can tell it.
        PlatformError: the platform refused.
        Unreachable: the platform gave no answer.
    """
    connector = options.connector
    try:
        return _read(connector.credential, options)
    except CannotTell as error:
        if connector.fallback is None:
            raise
        located = _read(connector.fallback, options)
        return replace(located, origin=f"{located.origin}, not the connector's own, as {error.what}")


def _read(reference: SecretReference, options: Options) -> LocatedCredential:
    if reference.kind == "platform":
        return _from_platform(reference, options.environ)
    if reference.kind == "given":
        assert options.given_credential is not None  # `sources.from_outputs` gives both or neither
        return LocatedCredential(options.given_credential, "from the stack", "stack")
    if reference.kind == "environment":
        source = SecretSource.of_variable(options.environ, reference.name)
        if not source.content:
            raise UsageError("the variable is not set", where=reference.name, repair="set it, or name a file instead")
        return LocatedCredential(read_credential(source), f"from the variable {reference.name}")
    path = Path(reference.name)
    return LocatedCredential(read_credential(SecretSource.of_file(path)), f"from the file {path.name}")


def _from_platform(reference: SecretReference, environ: Mapping[str, str]) -> LocatedCredential:
    from orgcal.platforms import open_platform

    platform = open_platform(reference.settings, environ or os.environ)
    if platform.capabilities.reads_back != "value":
        raise CannotTell("the platform does not show credentials", where=platform.place, repair=_INSTEAD)
    stored = platform.read_credentials(reference.name)
    if stored is None:
        where = f"connector {reference.name!r}"
        raise NoCredential("the connector has no credential", where=where, repair="pulumi up")
    if stored.credential is None:
        raise CannotTell("the platform does not show this credential", where=platform.place, repair=_INSTEAD)
    return LocatedCredential(stored.credential.credential, "read back from the connector", "connector")
