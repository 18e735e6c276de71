"""The picture of an application: given in base64, uploaded as bytes, and never read back, as by the real plugin.

Source: https://learn.microsoft.com/en-us/graph/api/application-update (logo), and the argument `logoImage` of
https://www.pulumi.com/registry/packages/azuread/api-docs/application/
"""

from __future__ import annotations

import base64
import binascii

from orgcal.provider.azuread.directory import Directory

_TYPES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
"""How a picture begins -> its media type."""


def logo_rule(value: object) -> str | None:
    """What is wrong with the argument `logoImage`, or None."""
    return None if _picture(str(value)) else "must be a PNG, JPEG or GIF in base64"


def upload_logo(directory: Directory, application_path: str, image: str | None) -> None:
    """Make `image`, in base64, the picture of the application; none or an empty text leaves the picture it has.

    Graph has no way to take a picture away, and the real plugin tries none.
    """
    picture = _picture(image) if image else None
    if picture:
        content, media_type = picture
        directory.upload(f"{application_path}/logo", content, media_type)


def _picture(image: str) -> tuple[bytes, str] | None:
    try:
        content = base64.b64decode(image, validate=True)
    except (ValueError, binascii.Error):
        return None
    media_type = next((kind for beginning, kind in _TYPES.items() if content.startswith(beginning)), "")
    return (content, media_type) if media_type else None
