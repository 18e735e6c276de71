"""What is said of a connector's scopes."""

from __future__ import annotations

import pytest

from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.entra.role_relation import INCLUDES, included_in
from orgcal.entra.scope_advice import ENOUGH_FOR, Purpose, scope_advice


@pytest.mark.parametrize(
    ("scopes", "purpose", "said"),
    [
        (["Calendars.Read"], None, []),
        (["Calendars.Read"], "read", []),
        (["Calendars.ReadBasic"], "availability", ["scope Calendars.ReadBasic.All cannot be limited to some"]),
        (
            ["Calendars.Read"],
            "availability",
            [
                "scope Calendars.Read is more than a connector needs that sees when people are busy; "
                "Calendars.ReadBasic.All suffices"
            ],
        ),
        (["Calendars.Read", "Calendars.ReadWrite"], None, ["scope Calendars.Read adds nothing: Calendars.ReadWrite"]),
        (["Calendars.Read", "User.Read.All"], None, ["scope User.Read.All adds nothing: Directory.Read.All, which"]),
        (["Calendars.ReadWrite"], "read", ["scope Calendars.ReadWrite is more than"]),
        (["Calendars.Read", "Mail.Read"], "read", ["scope Mail.Read has nothing to do with"]),
        (["Calendars.Read"], "write", ["the connector writes events (orgcal:connector.purpose), and no scope"]),
        (["Directory.Read.All", "Calendars.Read"], "read", []),
    ],
)
def test_lint_says_what_could_go(scopes: list[str], purpose: Purpose | None, said: list[str]) -> None:
    found = list(scope_advice(scopes, purpose))

    assert len(found) == len(said), found
    for sentence, beginning in zip(found, said, strict=True):
        assert sentence.startswith(beginning)


def test_lint_never_advises_the_disputed_permission() -> None:
    every = [sentence for purpose in ENOUGH_FOR for name in APP_ROLE_IDS for sentence in scope_advice([name], purpose)]

    assert not any("User.ReadBasic.All suffices" in sentence for sentence in every)
    assert not any("add User.ReadBasic.All" in sentence for sentence in every)


def test_lint_table_names_known_permissions_only() -> None:
    names = {*INCLUDES, *included_in(INCLUDES), *ENOUGH_FOR.values()}

    assert names <= APP_ROLE_IDS.keys()
