"""`orgcal:index:CertificateKey`: a key pair and its self-signed certificate, for a connector without secrets."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from orgcal import resource_types
from orgcal.durations import parse_moment, rfc3339
from orgcal.errors import UsageError
from orgcal.provider._sdk import (
    Call,
    Created,
    Diff,
    InvalidInputs,
    Prop,
    Properties,
    ReadResult,
    Resource,
    Secret,
    State,
    has_unknown,
    reveal,
)

KEY_BITS = 2048
"""As in https://learn.microsoft.com/en-us/entra/identity-platform/howto-create-self-signed-certificate."""

CLOCK_SKEW = timedelta(minutes=5)
"""The certificate is valid from so long before now, for servers whose clock is behind."""


class CertificateKey(Resource):
    """A key pair and certificate in the stack's state; made anew only when its keepers change."""

    token = resource_types.CERTIFICATE_KEY
    inputs: ClassVar[Mapping[str, Prop]] = {
        "commonName": Prop(required=True, description="Subject of the certificate; nobody checks it."),
        "endDate": Prop(required=True, description="End of its validity, RFC 3339; from the ledger."),
        "keepers": Prop("object", description="Any values; another value makes another key."),
    }
    outputs: ClassVar[Mapping[str, Prop]] = {
        "certificatePem": Prop(description="X.509 certificate."),
        "privateKeyPem": Prop(secret=True, description="PKCS #8 private key."),
        "thumbprint": Prop(description="SHA-1 of the certificate, as Entra ID's portal shows it."),
        "notAfter": Prop(description="End of the certificate's validity, RFC 3339 in UTC."),
    }

    def check(self, call: Call, news: Properties, olds: Properties) -> Properties:  # noqa: ARG002
        if not has_unknown(news["commonName"]) and not 1 <= len(news["commonName"]) <= 64:
            raise InvalidInputs({"commonName": "expected 1 to 64 characters"})
        if not has_unknown(news["endDate"]):
            try:
                parse_moment(news["endDate"])
            except ValueError:
                raise InvalidInputs({"endDate": f"found {news['endDate']!r}, expected 2027-05-22T12:00:00Z"}) from None
        return {"keepers": {}, **news}

    def diff(self, call: Call, resource_id: str, old: State, news: Properties) -> Diff:  # noqa: ARG002
        """Replaced with its keepers; other inputs wait for the next key, since a live key must not change."""
        diff = self.compared(old.inputs, news)
        if "keepers" in diff.changed:
            return Diff(diff.changed, frozenset({"keepers"}))
        if diff.changed:
            call.tell("info", f"{', '.join(sorted(diff.changed))} takes effect with the next key only")
        return diff

    def create(self, call: Call, news: Properties) -> Created:  # noqa: ARG002
        return Created(f"key-{uuid.uuid4()}", make_certificate(news["commonName"], parse_moment(news["endDate"])))

    def read(self, call: Call, resource_id: str, old: State) -> ReadResult | None:
        """What the state has: the key is nowhere else."""
        if not old.outputs:
            raise UsageError(
                "a private key exists in the stack's state only and cannot be imported",
                where=call.name,
                repair="let pulumi up make a new generation",
            )
        return ReadResult(resource_id, old.inputs, self._kept(old))

    def update(self, call: Call, resource_id: str, old: State, news: Properties) -> Properties:  # noqa: ARG002
        return self._kept(old)

    def delete(self, call: Call, resource_id: str, old: State) -> None:
        """Nothing: who holds the certificate forgets it on his own."""

    def _kept(self, old: State) -> Properties:
        kept = {name: old.outputs[name] for name in self.outputs}
        return {**kept, "privateKeyPem": Secret(reveal(kept["privateKeyPem"]))}


def make_certificate(common_name: str, not_after: datetime, *, now: datetime | None = None) -> Properties:
    """Return the outputs for a new RSA key and a certificate for it, signed by itself with SHA-256.

    Args:
        common_name: subject of the certificate, 1 to 64 characters.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    begin = (now or datetime.now(UTC)) - CLOCK_SKEW
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "certificatePem": certificate.public_bytes(serialization.Encoding.PEM).decode(),
        "privateKeyPem": Secret(private.decode()),
        "thumbprint": certificate.fingerprint(hashes.SHA1()).hex().upper(),  # noqa: S303 - Entra ID's name for it
        "notAfter": rfc3339(certificate.not_valid_after_utc),
    }
