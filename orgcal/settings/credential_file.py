"""The record of a rotation: `generations`, `active`, `rollback_to` and `revoked` in the stack's file.

On stacks on the emulator a run by hand keeps them in `.local/<stack>/credential.json` instead, where the
program reads them too, so that git stays clean.
"""

from __future__ import annotations

import json
from pathlib import Path

from orgcal.entra.credentials import ClientCertificate
from orgcal.files.whole import edit_whole, read_text, write_whole
from orgcal.files.yaml_edit import edit
from orgcal.settings.certificate_files import read_certificate_files
from orgcal.settings.credential_section import CredentialSettings, GenerationSet
from orgcal.settings.model import overlay_file, read_credential
from orgcal.settings.stack_file import stack_file

_SECTION = ["config", "orgcal:credential"]


class SettingsFile:
    """Where a stack's generations are written down.

    Args:
        emulated: whether the stack lives on the emulator.
        overlay: keep what is written beside the file, if it is.
    """

    def __init__(self, project_dir: Path, stack: str, *, emulated: bool, overlay: bool) -> None:
        self._project_dir = project_dir
        self._stack = stack
        self._emulated = emulated
        self._overlaid = emulated and overlay
        self.path = stack_file(project_dir, stack).resolve()
        self._overlay = overlay_file(project_dir, stack)

    @property
    def place(self) -> Path:
        """The file that is written."""
        return self._overlay if self._overlaid else self.path

    def read(self) -> CredentialSettings:
        """What the program would read now; raises as `read_credential` does."""
        return read_credential(self._project_dir, self._stack)

    def check(self) -> None:
        """Raise PlatformError if the file is written in a way that cannot be changed without touching the rest."""
        if not self._overlaid:
            named = self.read().generation_set
            self.edited(read_text(self.path), GenerationSet(named.generations, named.active, named.active))

    def write(self, named: GenerationSet) -> None:
        """Write `named` down, and leave everything else as it is, comments included."""
        if self._overlaid:
            write_whole(self._overlay, json.dumps(named.as_settings()) + "\n")
            return
        edit_whole(self.path, lambda: self.edited(read_text(self.path), named), private=False)
        if self._emulated:  # it would win over the file
            self._overlay.unlink(missing_ok=True)

    def edited(self, text: str, named: GenerationSet) -> str:
        """The file's text with other generations in it; `kinds` goes when it names none of them any more."""
        removed = [name for name in ("rollback_to", "revoked") if name not in named.as_settings()]
        kinds = self.read().kinds
        if kinds and max(kinds) < min(named.generations):
            removed.append("kinds")
        return edit(text, _SECTION, named.as_settings(), removed, where=self.path.name)

    def brought_along(self, generation: int) -> ClientCertificate | None:
        """The certificate that the user brought along for a generation; None if none.

        Raises:
            UsageError: as of `read_certificate_files`.
        """
        files = self.read().certificates.get(generation)
        if files is None:
            return None
        return read_certificate_files(files, generation, self._project_dir)
