"""Replicas that lag behind writes, as Microsoft Entra's may: `orgcal up` creates and changes a stack all the same."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.checkout import Checkout
from tests.support.outside import Outside

KINDS = ["application", "servicePrincipal", "credential", "grant"]


def lag(outside: Outside, **body: object) -> None:
    """Calls the emulator's control route."""
    token = Path(outside.ready["control"]["token_file"]).read_text().strip()
    outside.session.post(
        f"{outside.ready['control']['url']}/lag", json=body, headers={"Authorization": f"Bearer {token}"}
    ).raise_for_status()


def test_up_creates_and_keeps_a_stack_while_three_reads_lag(started: Checkout) -> None:
    outside = Outside(started.ready)
    lag(outside, reads=3, kinds=KINDS)
    try:
        created = started.orgcal("up")
        assert created.code == 0, created.text
    finally:
        lag(outside)
    again = started.orgcal("up", "--json")
    assert again.code == 0, again.text
    assert not {"create", "delete", "replace"} & set(json.loads(again.out)["changes"]), again.text
    assert len(outside.applications()) == 1
