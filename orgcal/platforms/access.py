"""How a REST platform is reached: its address, the trust in it, and the API key from a file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from orgcal.entra.clouds import EMULATOR_FILE_VARIABLE, is_loopback, load_endpoints
from orgcal.entra.session import new_session
from orgcal.errors import UsageError
from orgcal.platforms.settings import SettingsReader

if TYPE_CHECKING:
    import requests


def read_address(reader: SettingsReader, name: str, *, default: str | None = None) -> str:
    """An address without a slash at the end: https, or http on this machine."""
    address = reader.text(name, default=default, example="https://api.example.com").rstrip("/")
    if not address:
        return ""
    parts = urlsplit(address)
    if parts.username or parts.password:
        reader.problem(name, "holds a name or password; the API key belongs in a file")
    elif parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        reader.problem(name, f"found {address!r}, expected an https address (http only on this machine)")
    return address


def session_for(base_url: str, environ: Mapping[str, str]) -> requests.Session:
    """A session that trusts the emulator's authority for the emulator's own addresses, and public ones elsewhere."""
    if environ.get(EMULATOR_FILE_VARIABLE):
        emulator = load_endpoints("emulator", environ)
        if urlsplit(base_url).netloc == urlsplit(emulator.login_url).netloc:
            return new_session(emulator, environ=environ)
    return new_session(load_endpoints("public", environ), environ=environ)


def read_key_file(environ: Mapping[str, str], variable: str) -> str:
    """The API key in the file that an environment variable names.

    Raises:
        UsageError: the variable or the file is missing, or others may read the file.
    """
    named = environ.get(variable, "")
    repair = f"write the key into a file that only you can read, and: export {variable}=/path/to/that/file"
    if not named:
        raise UsageError("the environment names no file with the platform's API key", where=variable, repair=repair)
    path = Path(named)
    try:
        mode = path.stat().st_mode
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise UsageError(f"the file {path} cannot be read ({reason})", where=variable, repair=repair) from None
    if os.name == "posix" and mode & 0o077:
        raise UsageError(f"the file {path} can be read by others", where=variable, repair=f"chmod 600 {path}")
    if not key or any(char.isspace() for char in key):
        raise UsageError(f"the file {path} holds no key, or more than one line", where=variable, repair=repair)
    return key
