"""The folder of an emulator: keys, certificates, secrets of its clients, the ready record."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from orgcal_emulator.entra.keys import OperatorCertificate, SigningKey
from orgcal_emulator.files import LOCK_FILE, READY_FILE, make_private_directory, read_or_make, write_private
from orgcal_emulator.state import Secrets
from orgcal_emulator.tls import is_current, issue_leaf, load_authority, new_authority

OPERATOR_BUNDLE = "operator.pfx"
"""PKCS#12, without a password: what the azuread plugin of Pulumi and Terraform logs in with."""
OPERATOR_LOGIN = "operator-login.pem"
"""The same key and certificate as PEM: what clients log in with that read no PKCS#12, such as @azure/identity."""


@dataclass(frozen=True)
class Keys:
    """Keys that may be shared by several emulators of one test run, since making them is slow.

    Attributes:
        ca_pem: certificate of the authority.
        leaf_pem: server certificate with its key.
        signing: signs tokens.
        operator: what the operator logs in with.
    """

    ca_pem: str
    leaf_pem: str
    signing: SigningKey
    operator: OperatorCertificate

    @classmethod
    def new(cls) -> Keys:
        """Fresh keys."""
        authority = new_authority()
        return cls(
            authority.cert_pem.bytes().decode(), issue_leaf(authority), SigningKey.new(), OperatorCertificate.new()
        )

    def __repr__(self) -> str:
        return "Keys(…)"


class StateDirectory:
    """The files beside the database. Each is 0600, the folder 0700.

    Args:
        path: the folder; made if it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = make_private_directory(path.absolute())
        self.database = self.path / "state.sqlite"
        self.ready = self.path / READY_FILE
        self._lock: int | None = None

    def secrets(self, keys: Keys) -> Secrets:
        """Secrets of the emulator's own clients, made once."""
        return Secrets(
            operator_secret=read_or_make(self.path / "operator-secret", secrets.token_urlsafe(30)),
            operator_certificate=keys.operator.pem,
            platform_api_key=read_or_make(self.path / "platform-api-key", secrets.token_urlsafe(30)),
            control_token=read_or_make(self.path / "control-token", secrets.token_urlsafe(30)),
        )

    def keys(self, given: Keys | None = None) -> Keys:
        """Authority, certificates and signing key: `given`, or made once and renewed before they expire."""
        if given is not None:
            write_private(self.path / "ca.pem", given.ca_pem)
            write_private(self.path / OPERATOR_BUNDLE, given.operator.bundle)
            write_private(self.path / OPERATOR_LOGIN, given.operator.login_pem)
            return given
        return Keys(*self._certificates(), self._signing_key(), self._operator_certificate())

    def _operator_certificate(self) -> OperatorCertificate:
        """Made once. The bundle is written first, so it is there where the PEM is; older states have it alone."""
        bundle, login = self.path / OPERATOR_BUNDLE, self.path / OPERATOR_LOGIN
        if login.exists():
            return OperatorCertificate(bundle.read_bytes(), login.read_text(encoding="ascii"))
        known = bundle.exists()
        made = OperatorCertificate.of_bundle(bundle.read_bytes()) if known else OperatorCertificate.new()
        write_private(bundle, made.bundle)
        write_private(login, made.login_pem)
        return made

    def _certificates(self) -> tuple[str, str]:
        ca, leaf = self.path / "ca.pem", self.path / "server.pem"
        if ca.exists() and leaf.exists() and is_current(leaf.read_text()):
            return ca.read_text(), leaf.read_text()
        authority_file = self.path / "authority.pem"
        if authority_file.exists() and is_current(authority_file.read_text()):
            authority = load_authority(authority_file.read_bytes())
        else:
            authority = new_authority()
            pem = authority.private_key_pem.bytes() + authority.cert_pem.bytes()
            write_private(authority_file, pem.decode())
        write_private(ca, authority.cert_pem.bytes().decode())
        write_private(leaf, issue_leaf(authority))
        return ca.read_text(), leaf.read_text()

    def _signing_key(self) -> SigningKey:
        path = self.path / "signing.pem"
        if path.exists():
            return SigningKey.from_pem(path.read_text())
        key = SigningKey.new()
        write_private(path, key.to_pem())
        return key

    def take(self) -> bool:
        """Have the state for this emulator alone, until `release` or the end of the process; whether it was free.

        Then no ready record is left but its own.

        The kernel's lock on a file tells, and no process id, which another process may have by now.
        """
        descriptor = os.open(self.path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        self.ready.unlink(missing_ok=True)  # of one that was killed
        return True

    def release(self) -> None:
        """Let another emulator have the state."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def holder(self) -> str:
        """Who has the state, such as `process 7`, by the record of the emulator that is ready to serve."""
        try:
            return f"process {int(json.loads(self.ready.read_text(encoding='utf-8'))['pid'])}"
        except (OSError, ValueError, KeyError, TypeError):
            return "not ready yet"
