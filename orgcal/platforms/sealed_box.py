"""Sealed boxes of libsodium, in which GitHub takes secrets: only GitHub can open them."""

from __future__ import annotations

import base64
import importlib

from orgcal.errors import UsageError


def seal(public_key_base64: str, text: str) -> str:
    """`text` for the owner of the key, in base64.

    Source: https://docs.github.com/en/rest/guides/encrypting-secrets-for-the-rest-api

    Raises:
        UsageError: the library that seals is not installed.
    """
    try:
        encoding, public = importlib.import_module("nacl.encoding"), importlib.import_module("nacl.public")
    except ImportError:
        raise UsageError(
            "GitHub takes secrets in sealed boxes, and PyNaCl, which makes them, is not installed",
            repair=".venv/bin/pip install pynacl",
        ) from None
    box = public.SealedBox(public.PublicKey(public_key_base64.encode(), encoding.Base64Encoder))
    return base64.b64encode(box.encrypt(text.encode())).decode()
