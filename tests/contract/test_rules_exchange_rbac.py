"""Product and emulator know of Exchange's roles and policies what Microsoft's pages say."""

from __future__ import annotations

import pytest
from orgcal_emulator.exchange import models
from orgcal_emulator.exchange.roles import ROLES as EMULATED

from orgcal.entra.exchange_roles import (
    EXCHANGE_ROLES,
    UNDER_POLICIES,
    lies_in_mailboxes,
    reaching_every_mailbox,
    scope_limits,
    split_permissions,
)
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.tenants.scope import EXCHANGE_LAG
from tests.contract.rules import exchange_rbac as rules

pytestmark = pytest.mark.judged("tests/contract/rules/exchange_rbac.py")


def test_product_and_emulator_know_the_documented_roles() -> None:
    assert {role: name for name, role in EXCHANGE_ROLES.items()} == rules.ROLES
    single = {role: names for role, names in EMULATED.items() if len(names) == 1}
    assert {role: next(iter(names)) for role, names in single.items()} == rules.ROLES


def test_product_and_emulator_know_what_policies_limit() -> None:
    assert UNDER_POLICIES == models.UNDER_POLICIES == rules.UNDER_POLICIES


def test_lag_is_the_documented_one() -> None:
    assert models.DELAY_S == rules.SHORTEST_LAG_S
    assert EXCHANGE_LAG.total_seconds() == rules.LONGEST_LAG_S


@pytest.mark.parametrize("name", sorted(set(rules.ROLES.values()) | rules.UNDER_POLICIES))
def test_every_permission_that_exchange_limits_reaches_every_mailbox_as_a_grant(name: str) -> None:
    assert reaching_every_mailbox([name, "Directory.Read.All"]) == (name,)


def test_permissions_are_split_by_where_they_are_granted() -> None:
    profile = split_permissions(["Calendars.ReadWrite", "Calendars.Read", "Directory.Read.All", "MailboxSettings.Read"])

    assert profile.in_entra == ("Directory.Read.All",)
    assert profile.roles == ("Application Calendars.ReadWrite", "Application MailboxSettings.Read")
    assert profile.widened == ()


def test_calendars_readbasic_all_has_no_role_and_its_advice_names_the_one_that_includes_it() -> None:
    profile = split_permissions(["Calendars.ReadBasic.All", "Directory.Read.All"])

    assert (profile.roles, profile.widened) == (("Application Calendars.Read",), ("Calendars.ReadBasic.All",))
    (sentence,) = scope_limits(["Calendars.ReadBasic.All", "Directory.Read.All"])
    assert "Exchange has no role for it, and application access policies do not limit it" in sentence
    assert "'Application Calendars.Read'" in sentence


def test_every_pinned_permission_of_mailbox_data_is_known_as_such() -> None:
    found = {name for name in APP_ROLE_IDS if name.startswith(("Calendars", "Contacts", "Mail"))}

    assert {name for name in APP_ROLE_IDS if lies_in_mailboxes(name)} == found
