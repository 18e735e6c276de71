"""Sealed boxes for GitHub's secrets."""

from __future__ import annotations

import base64
import sys

import pytest
from nacl import public

from orgcal.errors import UsageError
from orgcal.platforms.github_values import seal


def test_seal_can_be_opened_by_the_owner_of_the_key_only() -> None:
    key = public.PrivateKey.generate()
    sealed = seal(base64.b64encode(bytes(key.public_key)).decode(), "hush ✓")
    assert public.SealedBox(key).decrypt(base64.b64decode(sealed)).decode() == "hush ✓"
    assert seal(base64.b64encode(bytes(key.public_key)).decode(), "hush ✓") != sealed


def test_seal_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nacl.encoding", None)
    with pytest.raises(UsageError, match="PyNaCl, which makes them, is not installed") as error:
        seal("", "hush")
    assert "hush" not in str(error.value)
