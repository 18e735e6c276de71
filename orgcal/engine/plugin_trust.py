"""Whether the azuread plugin that the engine will start is what it was: who could write it, and its SHA-256.

The engine compares the archive with a pinned SHA-256 when it installs the plugin, and nothing afterwards. So the
plugin's own SHA-256 is kept at its first use, in a file that only this user can write, and compared from then on.
"""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Mapping
from pathlib import Path

from orgcal.engine.cache import CACHE_VARIABLE, cache_dir, digest_files
from orgcal.engine.versions import AZUREAD_PLUGIN_VERSION
from orgcal.entra.cloud_guard import AZUREAD_PROGRAM
from orgcal.errors import EngineError
from orgcal.files.trust import who_else_may_change
from orgcal.files.whole import write_whole

KNOWN = "azuread-plugins.json"


def installed_program(environ: Mapping[str, str]) -> Path:
    """Where the engine finds the plugin that it installed: below PULUMI_HOME, or the home of the account (passwd)."""
    home = environ.get("PULUMI_HOME") or f"{pwd.getpwuid(os.getuid()).pw_dir}/.pulumi"
    return Path(home) / "plugins" / f"resource-azuread-v{AZUREAD_PLUGIN_VERSION}" / AZUREAD_PROGRAM


def refuse_foreign(program: Path, *, groups: bool = False) -> None:
    """Refuse a plugin that somebody else could have written; `groups` lets groups write.

    Raises:
        EngineError: which part of its path that is.
    """
    other = who_else_may_change([program], groups=groups)
    if other:
        raise EngineError(
            f"others could replace the azuread plugin: {other}",
            where=str(program),
            repair="give it, and every folder above it, to you alone: chown, chmod go-w; or set PULUMI_HOME",
        )


def refuse_changed(program: Path, environ: Mapping[str, str]) -> None:
    """Refuse a plugin whose SHA-256 is another than at its first use; the first time, keep it.

    Raises:
        EngineError: it has changed, or is another's to write.
        PlatformError: what is kept cannot be written.
    """
    if not program.is_file():
        raise EngineError(
            "the engine lists the azuread plugin, and its program is not there",
            where=str(program),
            repair=f"pulumi plugin rm resource azuread {AZUREAD_PLUGIN_VERSION} --yes; the next run installs it anew",
        )
    refuse_foreign(program)
    file = cache_dir(environ) / KNOWN
    other = who_else_may_change([file])
    if other:
        raise EngineError(
            f"others could replace what is known of the azuread plugin: {other}",
            where=str(file),
            repair=f"export {CACHE_VARIABLE}=<a directory that only you can write, and all above it>",
        )
    known = _known(file)
    digest = digest_files([program])[program]
    if known.get(str(program), digest) != digest:
        raise EngineError(
            "the azuread plugin has changed since it was first used",
            where=str(program),
            repair=f"pulumi plugin rm resource azuread {AZUREAD_PLUGIN_VERSION} --yes && rm {file}; the next run "
            "installs it anew",
        )
    if str(program) not in known:
        write_whole(file, json.dumps({**known, str(program): digest}, indent=2) + "\n")


def _known(file: Path) -> dict[str, str]:
    """SHA-256 by path; nothing where the file is missing or damaged."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(path): str(digest) for path, digest in kept.items()} if isinstance(kept, dict) else {}
