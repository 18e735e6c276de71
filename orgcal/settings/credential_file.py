"""The record of a rotation: `generations`, `active` and `rollback_to` in the stack's file.

On stacks on the emulator a run by hand keeps them in `.local/<stack>/credential.json` instead, where the
program reads them too, so that git stays clean.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orgcal.entra.credentials import ClientCertificate
from orgcal.errors import UsageError
from orgcal.files.yaml_edit import edit
from orgcal.stack.files import private_dir, read_stack_file, stack_file
from orgcal.stack.outputs import CredentialKind
from orgcal.stack.state import GenerationSet

_SECTION = ["config", "orgcal:credential"]


@dataclass(frozen=True, slots=True)
class CredentialSection:
    """What the stack's file says about its credential.

    Attributes:
        kind: of generations that `kinds` does not name.
        certificates: generation -> paths of a certificate that the user brings along.
    """

    named: GenerationSet
    kind: CredentialKind
    kinds: Mapping[int, CredentialKind]
    certificates: Mapping[int, Mapping[str, str]]

    def kind_of(self, generation: int) -> CredentialKind:
        """Kind of one generation."""
        return self.kinds.get(generation, self.kind)


class SettingsFile:
    """Where a stack's generations are written down.

    Args:
        project_dir: the checkout.
        stack: the stack.
        emulated: whether the stack lives on the emulator.
        overlay: keep what is written beside the file, if it is.
    """

    def __init__(self, project_dir: Path, stack: str, *, emulated: bool, overlay: bool) -> None:
        self._project_dir = project_dir
        self._stack = stack
        self._emulated = emulated
        self._overlaid = emulated and overlay
        self.path = stack_file(project_dir, stack).resolve()
        self._overlay = project_dir / ".local" / stack / "credential.json"

    @property
    def place(self) -> Path:
        """The file that is written."""
        return self._overlay if self._overlaid else self.path

    def read(self) -> CredentialSection:
        """What the program would read now.

        Raises:
            UsageError: it cannot be understood.
        """
        config = read_stack_file(self._project_dir, self._stack).get("config")
        said: dict[str, Any] = dict((config if isinstance(config, dict) else {}).get("orgcal:credential") or {})
        if self._emulated and self._overlay.exists():
            said |= json.loads(self._overlay.read_text(encoding="utf-8"))
        try:
            generations = tuple(int(number) for number in said.get("generations") or (1,))
            active = int(said.get("active") or 1)
            back = said.get("rollback_to")
            return CredentialSection(
                named=GenerationSet(generations, active, None if back is None else int(back)),
                kind=said.get("kind") or "secret",
                kinds={int(number): kind for number, kind in (said.get("kinds") or {}).items()},
                certificates={int(number): files for number, files in (said.get("certificates") or {}).items()},
            )
        except (TypeError, ValueError, AttributeError):
            raise UsageError(
                "the section cannot be understood",
                where=f"{self.path.name}: orgcal:credential",
                repair=f"pulumi preview --stack {self._stack} names every wrong setting",
            ) from None

    def check(self) -> None:
        """Find out whether the file can be written at all.

        Raises:
            PlatformError: it is written in a way that cannot be changed without touching the rest.
        """
        if not self._overlaid:
            named = self.read().named
            self.edited(self._text(), GenerationSet(named.generations, named.active, named.active))

    def write(self, named: GenerationSet) -> None:
        """Write `named` down, and leave everything else as it is, comments included."""
        if self._overlaid:
            said: dict[str, Any] = {"generations": list(named.generations), "active": named.active}
            if named.rollback_to is not None:
                said["rollback_to"] = named.rollback_to
            private_dir(self._overlay.parent)
            _replace(self._overlay, json.dumps(said) + "\n")
            return
        _replace(self.path, self.edited(self._text(), named))
        if self._emulated:  # it would win over the file
            self._overlay.unlink(missing_ok=True)

    def edited(self, text: str, named: GenerationSet) -> str:
        """The file's text with other generations in it; `kinds` goes when it names none of them any more."""
        values: dict[str, Any] = {"generations": list(named.generations), "active": named.active}
        removed = [] if named.rollback_to is not None else ["rollback_to"]
        if named.rollback_to is not None:
            values["rollback_to"] = named.rollback_to
        kinds = self.read().kinds
        if kinds and max(kinds) < min(named.generations):
            removed.append("kinds")
        return edit(text, _SECTION, values, removed, where=self.path.name)

    def brought_along(self, generation: int) -> ClientCertificate | None:
        """The certificate that the user brought along for a generation; None if none."""
        files = self.read().certificates.get(generation)
        if not files:
            return None
        try:
            certificate, key = (
                (self._project_dir / files[name]).read_text(encoding="utf-8")
                for name in ("certificate_file", "private_key_file")
            )
        except (OSError, KeyError, UnicodeDecodeError) as error:
            raise UsageError(
                f"a file of the certificate cannot be read ({type(error).__name__})",
                where=f"orgcal:credential.certificates.{generation}",
                repair="name the certificate's file and its private key's, both PEM",
            ) from None
        return ClientCertificate(key, certificate)

    def _text(self) -> str:
        return self.path.read_text(encoding="utf-8")


def _replace(path: Path, text: str) -> None:
    """Write a file so that a kill leaves the old text or the new one."""
    staging = path.with_name(f".{path.name}.new")
    staging.write_text(text, encoding="utf-8")
    if path.exists():
        shutil.copymode(path, staging)
    os.replace(staging, path)
