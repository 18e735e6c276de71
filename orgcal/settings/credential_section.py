"""The section `orgcal:credential`: kinds, lifetimes and generations of what the connector authenticates with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import model_validator

from orgcal.entra.credentials import CredentialKind
from orgcal.fields import Section, setting

LIFETIME = r"^(never|[1-9][0-9]{0,2}d|[12][0-9]{3}d|3[0-5][0-9]{2}d|36[0-4][0-9]d|3650d)$"
"""1 to 3650 days, or `never`."""


@dataclass(frozen=True, slots=True)
class GenerationSet:
    """Live generations of a credential, as a stack's settings or its ledger name them.

    Attributes:
        generations: the live ones, ascending.
        active: the one that the connector uses.
        rollback_to: the one number that the active generation may fall to.
        revoked: those of them that are to be replaced and deleted at once.
    """

    generations: tuple[int, ...]
    active: int
    rollback_to: int | None = None
    revoked: tuple[int, ...] = ()

    def as_settings(self) -> dict[str, Any]:
        """What the section says of them; `rollback_to` and `revoked` only where they say something."""
        rollback_to = {} if self.rollback_to is None else {"rollback_to": self.rollback_to}
        revoked = {"revoked": list(self.revoked)} if self.revoked else {}
        return {"generations": list(self.generations), "active": self.active, **rollback_to, **revoked}

    def same_as(self, other: GenerationSet) -> bool:
        """Whether both name the same generations; the permission to go back changes nothing by itself."""
        mine, others = ((each.generations, each.active, each.revoked) for each in (self, other))
        return mine == others


class CertificateFiles(Section):
    """A certificate that you bring along, of an RSA key; the key's file must be yours alone (0600)."""

    certificate_file: str = setting(
        expected="path of a file, PEM or PKCS#12 without a password",
        example="/run/keys/connector.pem",
        about="The certificate.",
        min_length=1,
    )
    private_key_file: str = setting(
        expected="path of a file, PEM or PKCS#12 without a password; it may be the same",
        example="/run/keys/connector.key",
        about="Its private key.",
        min_length=1,
    )


class FederatedTrust(Section):
    """Whose tokens the application accepts instead of a secret."""

    issuer: str = setting(
        expected="an https address of at most 600 characters",
        example="https://token.example.com",
        about="Issuer of the connector's own tokens (`iss`).",
        pattern=r"^https://\S+$",
        max_length=600,
    )
    subject: str = setting(
        expected="1 to 600 characters",
        example="connector:outlook-calendar",
        about="Subject of the connector's own tokens (`sub`), exactly.",
        min_length=1,
        max_length=600,
    )
    audience: str = setting(
        "api://AzureADTokenExchange",
        expected="1 to 600 characters",
        example="api://AzureADTokenExchange",
        about="Audience of those tokens (`aud`); Entra recommends the default.",
        min_length=1,
        max_length=600,
    )


class CredentialSettings(Section):
    """What the connector authenticates with (steps 3 and 4), by generations."""

    kind: CredentialKind = setting(
        "secret",
        expected="secret, certificate or federated",
        example="secret",
        about="A client secret; a certificate with a private key; or trust in tokens that the platform itself issues.",
    )
    kinds: Mapping[int, CredentialKind] = setting(
        {},
        expected="generation -> secret, certificate or federated",
        example="{1: secret}",
        about="Generations of another kind than `kind`, while one kind takes over from the other.",
    )
    lifetime: str = setting(
        "180d",
        expected="1d to 3650d, or never",
        example="180d",
        about="How long a generation lives; frozen when the generation is made.",
        pattern=LIFETIME,
    )
    generations: tuple[int, ...] = setting(
        (1,),
        expected="one or two ascending numbers from 1",
        example="[1]",
        about="Live generations of the credential.",
        min_length=1,
        max_length=2,
    )
    active: int = setting(
        1, expected="one of the generations", example="1", about="Generation that the connector uses.", ge=1
    )
    rollback_to: int | None = setting(
        None,
        expected="one of the generations, or absent",
        example="1",
        about="Allows the active generation to fall to this one number.",
        ge=1,
    )
    revoked: tuple[int, ...] = setting(
        (),
        expected="some of the generations, ascending, or absent",
        example="[1]",
        about="Generations that leaked: the next orgcal rotate replaces and deletes them before anything else.",
        max_length=2,
    )
    certificates: Mapping[int, CertificateFiles] = setting(
        {},
        expected="generation -> certificate_file and private_key_file, of generations of kind certificate",
        example="{1: {certificate_file: cert.pem, private_key_file: key.pem}}",
        about="Certificates that you bring along; a live generation without one gets a certificate of our making.",
    )
    trusts: Mapping[int, FederatedTrust] = setting(
        {},
        expected="generation -> issuer and subject, for each live generation of kind federated and no other",
        example='{1: {issuer: "https://token.example.com", subject: "connector:outlook"}}',
        about="Whose tokens are accepted, by generation.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> CredentialSettings:
        """The names in the ValueError are the guilty fields' (`describe_problems`)."""
        live = sorted(set(self.generations))
        wrong = {
            "generations": list(self.generations) != live or live[0] < 1,
            "active": self.active not in live,
            "revoked": list(self.revoked) != sorted(set(self.revoked) & set(live)),
            "certificates": any(n in self.certificates and self.kind_of(n) != "certificate" for n in live),
            "trusts": any((n in self.trusts) != (self.kind_of(n) == "federated") for n in live),
        }
        if guilty := [name for name, is_wrong in wrong.items() if is_wrong]:
            raise ValueError(", ".join(guilty))
        return self

    def kind_of(self, generation: int) -> CredentialKind:
        """Kind of one generation."""
        return self.kinds.get(generation, self.kind)

    @property
    def generation_set(self) -> GenerationSet:
        """The live generations."""
        return GenerationSet(self.generations, self.active, self.rollback_to, self.revoked)

    @property
    def newest_kind(self) -> CredentialKind:
        """Kind of the newest live generation."""
        return self.kind_of(self.generations[-1])


def lifetime_of(text: str) -> timedelta | None:
    """Days of a lifetime such as `180d`; None for `never`."""
    return None if text == "never" else timedelta(days=int(text.removesuffix("d")))
