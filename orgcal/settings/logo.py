"""The picture that administrators see on the consent page, Microsoft's and ours."""

from __future__ import annotations

from pathlib import Path

from orgcal.errors import ConfigError

MAX_LOGO_BYTES = 100 * 1024
"""https://learn.microsoft.com/en-us/graph/api/resources/application (logo)"""
_BEGINNINGS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}


def read_logo(path: Path) -> bytes:
    """Return the picture at `path`.

    Raises:
        ConfigError: there is no such file, it is too large, or it is no PNG, JPEG or GIF.
    """
    content = b""
    try:
        content = path.read_bytes()
        too_large = f"{len(content)} bytes" if len(content) > MAX_LOGO_BYTES else ""
        found = too_large if media_type(content) else "something else"
    except OSError as error:
        found = f"a file that cannot be read ({error.strerror})"
    if found:
        raise ConfigError(
            [
                f"orgcal:application.logo: found {found} at {path}; expected a PNG, JPEG or GIF of at most 100 KB; "
                "repair: pulumi config set --path orgcal:application.logo logo.png"
            ]
        )
    return content


def media_type(content: bytes) -> str:
    """The media type that a picture's first bytes show; empty where they are of no type that we take."""
    return next((name for beginning, name in _BEGINNINGS.items() if content.startswith(beginning)), "")
