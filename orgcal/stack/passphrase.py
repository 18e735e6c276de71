"""The passphrase that encrypts a stack's secrets: which file holds it, when one is made, and why one does not fit.

Pulumi keeps its salt, with a word encrypted by the passphrase, as `encryptionsalt` in the stack's file. So a stack with
a salt has a passphrase already, and another one beside it could open nothing.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from pathlib import Path

from orgcal.errors import UsageError
from orgcal.files.whole import edit_whole, read_text
from orgcal.settings import StackFile, load_stack_file
from orgcal.stack.files import DEV_STACK, stack_dir

FILE_VARIABLE = "PULUMI_CONFIG_PASSPHRASE_FILE"
DEV_PASSPHRASE_FILE = Path(__file__).with_name("dev_passphrase.txt")
_OWN = (FILE_VARIABLE, "PULUMI_CONFIG_PASSPHRASE")
_NAME = "passphrase"
_ITERATIONS = 1_000_000
"""Rounds of PBKDF2 in Pulumi's passphrase secrets manager; a salt names none.
Source: https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/config/crypt.go"""


def passphrase_variables(project_dir: Path, stack: str, own_dir: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The variable that names the passphrase's file, which need not exist yet; nothing where a key service or the
    user's own variable decides.
    """
    if stack == DEV_STACK:
        return {FILE_VARIABLE: str(DEV_PASSPHRASE_FILE)}
    if any(name in environ for name in _OWN) or load_stack_file(project_dir, stack).values.get("secretsprovider"):
        return {}
    return {FILE_VARIABLE: str(own_dir / _NAME)}


def ensure_passphrase(project_dir: Path, stack: str, own_dir: Path, environ: Mapping[str, str]) -> None:
    """Make the passphrase of a new stack, in a file for this user only; an existing stack's is never made anew.

    Raises:
        UsageError: the stack has a salt and its passphrase is not here, the user's variable names no file, or the
            passphrase would be gone after this job of CI.
    """
    named = passphrase_variables(project_dir, stack, own_dir, environ).get(FILE_VARIABLE)
    if named is None:
        _refuse_missing_of_user(project_dir, stack, environ)
    if named is None or Path(named).exists():
        return
    problem = missing_passphrase(project_dir, stack, Path(named), environ)
    if problem is not None:
        raise problem
    _refuse_in_ci(stack, environ)
    edit_whole(Path(named), lambda: read_text(Path(named)) or secrets.token_urlsafe(32))  # another run may be faster


def missing_passphrase(project_dir: Path, stack: str, path: Path, environ: Mapping[str, str]) -> UsageError | None:
    """Why there is no passphrase at `path` although the stack has a salt; None for a stack that has no salt yet."""
    salt = _read(project_dir, stack).values.get("encryptionsalt")
    if not salt:
        return None
    return copied_salt(project_dir, stack, environ) or UsageError(
        f"the passphrase of stack {stack}'s secrets is missing, and no other one opens them",
        where=str(path),
        repair=f"bring the file back from your backup, or name it in {FILE_VARIABLE}; if it is lost for good, see "
        "docs/destroy-and-restore.md#a-lost-passphrase",
    )


def copied_salt(project_dir: Path, stack: str, environ: Mapping[str, str]) -> UsageError | None:
    """That the stack's salt was copied from another stack's file, whose passphrase it needs; None if it was not.

    The other stack's passphrase is tried, since equal salts alone do not tell which of two files is the copy.
    """
    salt = str(_read(project_dir, stack).values.get("encryptionsalt") or "")
    for path in sorted(project_dir.glob("Pulumi.*.yaml")) if salt else ():
        other = path.name.removeprefix("Pulumi.").removesuffix(".yaml")
        same = other != stack and _read(project_dir, other).values.get("encryptionsalt") == salt
        if not same or not _opens(salt, project_dir, other, environ):
            continue
        repair = f"remove that line from Pulumi.{stack}.yaml"
        encrypted = _read(project_dir, stack).encrypted
        if encrypted:
            repair += f", then pulumi stack init {stack}, then set anew what only stack {other} can decrypt: "
            repair += _set_anew(stack, encrypted)
        else:
            repair += f"; the first orgcal up --stack {stack} writes one of its own"
        return UsageError(
            f"the line encryptionsalt was copied from Pulumi.{other}.yaml, and belongs to that stack's passphrase",
            where=f"Pulumi.{stack}.yaml",
            repair=repair,
        )
    return None


def foreign_values(project_dir: Path, stack: str) -> UsageError | None:
    """That the stack's encrypted settings were encrypted for another stack; None where it has none.

    To be asked where Pulumi could not decrypt a setting although the passphrase fits.
    """
    encrypted = _read(project_dir, stack).encrypted
    if not encrypted:
        return None
    return UsageError(
        f"a value was encrypted for another stack and cannot be decrypted here: {' or '.join(encrypted)}",
        where=f"Pulumi.{stack}.yaml",
        repair=_set_anew(stack, encrypted),
    )


def passphrase_fits(salt: str, passphrase: str) -> bool:
    """Whether `passphrase` is the one that Pulumi made `encryptionsalt` with.

    Args:
        salt: `v1:<salt>:v1:<nonce>:<box>`, each in base64; the box holds a known word under a key that PBKDF2
            (HMAC-SHA-256) makes from passphrase and salt.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

    try:
        _, salted, _, nonce, box = salt.split(":")
        key = PBKDF2HMAC(SHA256(), 32, base64.b64decode(salted), _ITERATIONS).derive(passphrase.encode())
        AESGCM(key).decrypt(base64.b64decode(nonce), base64.b64decode(box), None)
    except (InvalidTag, ValueError, binascii.Error):
        return False
    return True


def _refuse_missing_of_user(project_dir: Path, stack: str, environ: Mapping[str, str]) -> None:
    """Refuse a file that the user names and that is not there. Pulumi Cloud and key services need none, so they let a
    stale variable be.
    """
    path, kept = environ.get(FILE_VARIABLE, ""), _read(project_dir, stack).values
    of_pulumi = environ.get("PULUMI_BACKEND_URL", "").startswith(("https:", "http:")) and not kept.get("encryptionsalt")
    unneeded = "PULUMI_CONFIG_PASSPHRASE" in environ or kept.get("secretsprovider") or of_pulumi
    if path and not unneeded and not Path(path).is_file():
        raise UsageError(
            f"there is no file {path} to read the passphrase from",
            where=FILE_VARIABLE,
            repair=f"name the right file, or unset {FILE_VARIABLE} to have orgcal keep the passphrase",
        )


def _refuse_in_ci(stack: str, environ: Mapping[str, str]) -> None:
    """Refuse a passphrase made on a runner: it is gone with it, while the state that it encrypts stays."""
    scheme = environ.get("PULUMI_BACKEND_URL", "").partition("://")[0]
    if environ.get("CI") and scheme not in ("", "file", "https", "http"):  # Pulumi Cloud has a key of its own
        raise UsageError(
            "the stack's secrets would be encrypted by a passphrase that is gone after this job",
            where=f"Pulumi.{stack}.yaml",
            repair=f"pulumi stack init {stack} --secrets-provider URL (or change-secrets-provider), then commit it",
        )


def _opens(salt: str, project_dir: Path, stack: str, environ: Mapping[str, str]) -> bool:
    """Whether the passphrase that is kept for `stack` fits the salt."""
    path = DEV_PASSPHRASE_FILE if stack == DEV_STACK else stack_dir(project_dir, stack, environ) / _NAME
    try:
        return passphrase_fits(salt, path.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError):
        return False


def _read(project_dir: Path, stack: str) -> StackFile:
    """A stack's file; an empty one where it cannot be read, which others tell."""
    try:
        return load_stack_file(project_dir, stack)
    except UsageError:
        return StackFile(project_dir, stack)


def _set_anew(stack: str, encrypted: tuple[str, ...]) -> str:
    further = f" (and so {', '.join(encrypted[1:])})" if encrypted[1:] else ""
    return f"pulumi config set --stack {stack} --secret --path '{encrypted[0]}'{further}"
