"""The picture that administrators see on the consent page."""

from __future__ import annotations

import base64
from pathlib import Path

from orgcal.errors import ConfigError

MAX_BYTES = 100 * 1024
"""https://learn.microsoft.com/en-us/graph/api/resources/application (logo)"""
_BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8")


def logo_image(path: Path) -> str:
    """The picture at `path` as the azuread plugin takes it, in base64.

    Raises:
        ConfigError: there is no such file, it is too large, or it is no PNG, JPEG or GIF.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError([_problem(path, f"a file that cannot be read ({error.strerror})")]) from error
    if not content.startswith(_BEGINNINGS):
        raise ConfigError([_problem(path, "something else")])
    if len(content) > MAX_BYTES:
        raise ConfigError([_problem(path, f"{len(content)} bytes")])
    return base64.b64encode(content).decode("ascii")


def _problem(path: Path, found: str) -> str:
    return (
        f"orgcal:application.logo: found {found} at {path}; expected a PNG, JPEG or GIF of at most 100 KB; "
        "repair: pulumi config set --path orgcal:application.logo logo.png"
    )
