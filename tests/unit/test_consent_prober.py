"""Which organisations are asked for a user: those that a token permits it for, and only where that is wanted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from orgcal.consent import proof
from orgcal.consent.proof import ConsentProber
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.probe import Access, TenantAccess


@pytest.mark.parametrize(
    ("access", "effective", "wanted", "asked"),
    [
        ("granted", frozenset({"Calendars.Read", "Directory.Read.All"}), True, True),
        ("granted", frozenset({"Calendars.Read", "User.Read.All"}), True, True),
        ("granted", frozenset({"Calendars.Read"}), True, False),
        ("granted", None, True, False),
        ("partial", frozenset({"Directory.Read.All"}), True, False),
        ("granted", frozenset({"Calendars.Read", "Directory.Read.All"}), False, False),
    ],
)
def test_users_are_asked_for_only_with_the_right_to(
    monkeypatch: pytest.MonkeyPatch, access: Access, effective: frozenset[str] | None, wanted: bool, asked: bool
) -> None:
    """Source: https://learn.microsoft.com/en-us/graph/api/user-list (permissions)."""
    paths: list[str] = []

    def get(path: str, params: object) -> dict[str, Any]:
        paths.append(path)
        return {"value": []}

    monkeypatch.setattr(proof, "probe_tenant", lambda *_: TenantAccess(access, "as it is", effective=effective))
    monkeypatch.setattr(proof, "GraphClient", lambda *_, **__: SimpleNamespace(get=get))
    nothing = cast(Any, None)
    prober = ConsentProber(nothing, "client", frozenset(), lambda: ClientSecret("s"), nothing)

    found = prober.probe("tenant", list_users=wanted)

    assert paths == (["/users"] if asked else [])
    assert found.users_readable is (True if asked else None)
