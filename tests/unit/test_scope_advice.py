"""What is said of a connector's scopes."""

from __future__ import annotations

from typing import Any

import pytest

from orgcal.entra.exchange_roles import scope_limits
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.entra.role_relation import INCLUDES, included_in
from orgcal.entra.scope_advice import ENOUGH_FOR, Purpose, calendar_problem, scope_advice


@pytest.mark.parametrize(
    ("scopes", "purpose", "said"),
    [
        (["Calendars.Read"], None, []),
        (["Calendars.Read"], "read", []),
        (["Calendars.ReadWrite"], "write", []),
        (["Directory.Read.All", "Calendars.Read"], "read", []),
        ([], None, []),
        (["Calendars.Read"], "availability",
         ["scope Calendars.Read is more than a connector needs that sees when people are busy; "
          "Calendars.ReadBasic.All suffices"]),
        (["Calendars.ReadWrite"], "read",
         ["scope Calendars.ReadWrite is more than a connector needs that reads events; Calendars.Read suffices"]),
        (["Calendars.Read", "Calendars.ReadWrite"], None,
         ["scope Calendars.Read adds nothing: Calendars.ReadWrite includes it; remove it from "
          "orgcal:connector.scopes"]),
        (["Calendars.Read", "User.Read.All"], None,
         ["scope User.Read.All adds nothing: Directory.Read.All, which every connector has, includes it; remove it "
          "from orgcal:connector.scopes"]),
        (["Calendars.Read", "Mail.Read"], "read",
         ["scope Mail.Read has nothing to do with a connector that reads events; administrators will ask why it is "
          "there"]),
        (["Calendars.Read"], "write",
         ["the connector writes events (orgcal:connector.purpose), and no scope allows that; add Calendars.ReadWrite"]),
        (["Mail.Read"], "read",
         ["scope Mail.Read has nothing to do with a connector that reads events; administrators will ask why it is "
          "there",
          "the connector reads events (orgcal:connector.purpose), and no scope allows that; add Calendars.Read"]),
        ([], "availability",
         ["the connector sees when people are busy (orgcal:connector.purpose), and no scope allows that; add "
          "Calendars.ReadBasic.All"]),
    ],
)  # fmt: skip
def test_lint_says_what_could_go_and_what_is_missing(
    scopes: list[str], purpose: Purpose | None, said: list[str]
) -> None:
    assert list(scope_advice(scopes, purpose)) == said


def test_lint_ends_with_the_scopes_that_no_customer_can_limit() -> None:
    found = list(scope_advice(["https://graph.microsoft.com/Calendars.ReadBasic"], "availability"))

    assert found == list(scope_limits(["Calendars.ReadBasic.All"]))
    assert found[0].startswith("scope Calendars.ReadBasic.All cannot be limited to some")


@pytest.mark.parametrize("source", ["exchange", "none"])
def test_connector_whose_calendars_come_from_elsewhere_or_not_at_all_has_no_problem(source: Any) -> None:
    assert calendar_problem([], source) == ""


@pytest.mark.parametrize("scope", ["Calendars.ReadBasic", "Calendars.ReadBasic.All", "Calendars.Read",
                                   "Calendars.ReadWrite"])  # fmt: skip
def test_connector_with_a_scope_that_opens_calendars_has_no_problem(scope: str) -> None:
    assert calendar_problem(["Mail.Read", f"https://graph.microsoft.com/{scope}"], "consented") == ""


@pytest.mark.parametrize(
    ("scopes", "found", "place"),
    [([], "nothing", 0), (["Mail.Read", " Calendars.Read.All"], "Mail.Read, Calendars.Read.All", 2)],
)
def test_connector_that_would_reach_no_calendar_is_told_how_it_could(scopes: list[str], found: str, place: int) -> None:
    assert calendar_problem(scopes, "consented") == (
        f"orgcal:connector.scopes: found {found}, none of which opens calendars; expected one of Calendars.Read, "
        "Calendars.ReadBasic.All, Calendars.ReadWrite among them; repair: pulumi config set --path "
        f"'orgcal:connector.scopes[{place}]' Calendars.Read, or, where that is meant, pulumi config set --path "
        "orgcal:connector.calendars none (exchange: customers assign it in Exchange)"
    )


def test_lint_never_advises_the_disputed_permission() -> None:
    every = [sentence for purpose in ENOUGH_FOR for name in APP_ROLE_IDS for sentence in scope_advice([name], purpose)]

    assert not any("User.ReadBasic.All suffices" in sentence for sentence in every)
    assert not any("add User.ReadBasic.All" in sentence for sentence in every)


def test_lint_table_names_known_permissions_only() -> None:
    names = {*INCLUDES, *included_in(INCLUDES), *ENOUGH_FOR.values()}

    assert names <= APP_ROLE_IDS.keys()
