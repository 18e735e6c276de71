"""Product and emulator know of Exchange's roles and policies what Microsoft's pages say."""

from __future__ import annotations

import pytest
from orgcal_emulator.exchange import models
from orgcal_emulator.exchange.roles import ROLES as EMULATED

from orgcal.entra.exchange_roles import (
    EXCHANGE_ROLES,
    UNDER_POLICIES,
    PermissionProfile,
    lies_in_mailboxes,
    reaching_every_mailbox,
    removal_command,
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


@pytest.mark.parametrize(
    ("names", "profile", "roles"),
    [
        (
            ["Calendars.ReadWrite", "Directory.Read.All", "Calendars.Read", "MailboxSettings.Read", "Calendars.Read"],
            PermissionProfile(
                ("Directory.Read.All",),
                {
                    "Calendars.Read": "Application Calendars.Read",
                    "Calendars.ReadWrite": "Application Calendars.ReadWrite",
                    "MailboxSettings.Read": "Application MailboxSettings.Read",
                },
                (),
            ),
            ("Application Calendars.ReadWrite", "Application MailboxSettings.Read"),
        ),
        (
            ["https://graph.microsoft.com/Mail.Send", "User.Read.All", "Group.Read.All"],
            PermissionProfile(("Group.Read.All", "User.Read.All"), {"Mail.Send": "Application Mail.Send"}, ()),
            ("Application Mail.Send",),
        ),
        (
            ["Mail.ReadBasic.All", "Calendars.ReadBasic.All"],
            PermissionProfile(
                (),
                {
                    "Calendars.ReadBasic.All": "Application Calendars.Read",
                    "Mail.ReadBasic.All": "Application Mail.Read",
                },
                ("Calendars.ReadBasic.All", "Mail.ReadBasic.All"),
            ),
            ("Application Calendars.Read", "Application Mail.Read"),
        ),
        (["MailboxItem.Read.All"], PermissionProfile((), {}, ("MailboxItem.Read.All",)), ()),
        ([], PermissionProfile((), {}, ()), ()),
    ],
)
def test_permissions_are_split_by_where_they_are_granted(
    names: list[str], profile: PermissionProfile, roles: tuple[str, ...]
) -> None:
    found = split_permissions(names)

    assert found == profile
    assert list(found.in_exchange) == sorted(found.in_exchange)
    assert found.roles == roles


@pytest.mark.parametrize(
    ("scope", "sentence"),
    [
        (
            "Calendars.ReadBasic.All",
            "Exchange has no role for it, and application access policies do not limit it; customers who want that "
            "assign 'Application Calendars.Read', which includes it and gives more",
        ),
        (
            "Mail.ReadBasic.All",
            "Exchange has no role for it; customers who want that assign 'Application Mail.Read', which includes it "
            "and gives more",
        ),
        (
            "MailboxItem.Read.All",
            "Exchange has no role for it, and application access policies do not limit it; customers who want that "
            "cannot use the connector",
        ),
    ],
)
def test_scope_without_a_role_of_its_own_is_told_with_what_to_do(scope: str, sentence: str) -> None:
    expected = f"scope {scope} cannot be limited to some mailboxes: {sentence}"

    assert list(scope_limits([scope, "Directory.Read.All", "Calendars.Read"])) == [expected]


def test_grants_are_removed_by_one_command_with_all_of_them() -> None:
    assert removal_command("the-client", ["Mail.Read", "Calendars.Read"]) == (
        "their Privileged Role Administrator removes the grant: m365 entra approleassignment remove "
        "--appId the-client --resource 'Microsoft Graph' --scopes 'Calendars.Read,Mail.Read' --force"
    )


def test_every_pinned_permission_of_mailbox_data_is_known_as_such() -> None:
    found = {name for name in APP_ROLE_IDS if name.startswith(("Calendars", "Contacts", "Mail"))}

    assert {name for name in APP_ROLE_IDS if lies_in_mailboxes(name)} == found
