"""What `orgcal up` says of organisations that consented before the permissions changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from orgcal.operations.stale_consents import good_hashes
from orgcal.stack.state import StackState


@pytest.mark.parametrize(
    ("before", "now", "good"),
    [
        (["Calendars.ReadWrite"], ["Calendars.Read"], {"now", "before"}),
        (["Calendars.Read", "Mail.Read"], ["Calendars.Read"], {"now", "before"}),
        (["Calendars.Read"], ["Calendars.ReadWrite"], {"now"}),
        (["Calendars.Read"], ["Calendars.Read", "Mail.Read"], {"now"}),
    ],
)
def test_consent_to_wider_permissions_stays_good(before: Sequence[str], now: Sequence[str], good: set[str]) -> None:
    assert good_hashes("now", now, "before", before) == good


def test_state_tells_what_was_declared() -> None:
    record: dict[str, Any] = {"permission_hash": "h", "permissions": [{"name": "Calendars.Read", "role_id": "r"}]}
    urn = "urn:pulumi:dev::orgcal::pulumi:pulumi:Stack::orgcal-dev"
    stack = {"urn": urn, "type": "pulumi:pulumi:Stack", "outputs": {"orgcal": record}}

    assert StackState({"deployment": {"resources": [stack]}}).declared() == ("h", frozenset({"Calendars.Read"}))
    assert StackState({"deployment": {}}).declared() == ("", frozenset())
