"""Scopes of a connector become application permissions of Microsoft Graph."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgcal.entra.permissions import (
    AppRole,
    application_permissions,
    lookup,
    names_of,
    nearest_permission,
    permission_hash,
    published_roles,
)
from orgcal.entra.pinned_roles import APP_ROLE_IDS, DELEGATED_ONLY
from orgcal.errors import ConfigError

READ = AppRole("Calendars.Read", "798ee544-9d2d-430c-a058-570e29e34338")
DIRECTORY = AppRole("Directory.Read.All", "7ab1d382-f21e-4acd-a863-ba3e13f7da61")


def test_application_permissions_without_scopes_still_reads_the_directory() -> None:
    assert application_permissions([]) == (DIRECTORY,)


def test_application_permissions_with_repeated_and_prefixed_scopes_are_listed_once() -> None:
    scopes = ["Calendars.Read", "https://graph.microsoft.com/Calendars.Read", " Directory.Read.All "]
    assert application_permissions(scopes) == (READ, DIRECTORY)


def test_lookup_of_the_documented_alias_gives_the_deployed_role() -> None:
    assert lookup("Calendars.ReadBasic").name == "Calendars.ReadBasic.All"


NOT_OURS = "not in orgcal's own table of Microsoft Graph's application permissions"
THEN = (
    "; if Microsoft publishes it, your directory's own list has it: set orgcal:entra.lookup to directory, and orgcal "
    "preflight tells"
)
NOT_THEIRS = "the directory's own list of Microsoft Graph's application permissions does not have it"
FOR_USERS = "this permission exists for signed-in users only, and the connector acts without one"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "Calendar.Read",
            f"{NOT_OURS}; did you mean Calendars.Read or Calendars.ReadWrite or Calendars.ReadBasic.All?{THEN}",
        ),
        ("calendars.read", f"{NOT_OURS}; did you mean Calendars.Read?{THEN}"),
        ("https://graph.microsoft.com/Calendars.Read.Shared", f"{FOR_USERS}; set Calendars.Read"),
        ("offline_access", f"{FOR_USERS}; remove it"),
        ("zzzzzz", f"{NOT_OURS}{THEN}"),
    ],
)
def test_lookup_of_a_wrong_name_says_what_is_right(name: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        lookup(name)
    assert caught.value.problems == (f"{name}: {says}",)
    assert caught.value.where == "orgcal:connector.scopes"


def test_lookup_in_a_directory_says_what_is_like_it_there() -> None:
    published = {"Calendars.Read": READ, "New.Read.All": AppRole("New.Read.All", "n")}

    assert lookup(" https://graph.microsoft.com/New.Read.All", published) == AppRole("New.Read.All", "n")
    for name, hint in (("new.read.all", "; did you mean New.Read.All?"), ("zzzzzz", "")):
        with pytest.raises(ConfigError) as caught:
            lookup(name, published)
        assert caught.value.problems == (f"{name}: {NOT_THEIRS}{hint}",)


def test_permissions_say_what_else_to_do_where_the_caller_knows_better() -> None:
    with pytest.raises(ConfigError) as caught:
        application_permissions(["zzzzzz"], otherwise="ask Ada")
    assert caught.value.problems == (f"zzzzzz: {NOT_OURS}; ask Ada",)


def test_directory_decides_over_the_permission_that_is_always_added() -> None:
    published = {"Directory.Read.All": AppRole("Directory.Read.All", "theirs"), "Calendars.Read": READ}

    assert application_permissions(["Calendars.Read"], published) == (READ, published["Directory.Read.All"])
    assert application_permissions(["Calendars.Read"], {"Calendars.Read": READ}) == (READ, DIRECTORY)


@pytest.mark.parametrize(
    ("name", "published", "nearest"),
    [
        ("Calendars.Read.Shared", None, "Calendars.Read"),
        ("https://graph.microsoft.com/User.Read", None, "User.Read.All"),
        ("openid", None, ""),
        ("calendars.readwrite", None, "Calendars.ReadWrite"),
        ("Calendars.Reed", None, "Calendars.Read"),
        ("zzzzzz", None, ""),
        ("Calendars.Reed", {}, ""),
        ("New.Read", {"New.Read.All": AppRole("New.Read.All", "n")}, "New.Read.All"),
    ],
)
def test_nearest_permission_is_what_somebody_most_likely_meant(
    name: str, published: dict[str, AppRole] | None, nearest: str
) -> None:
    assert nearest_permission(name, published) == nearest


def test_application_permissions_with_several_wrong_scopes_names_all_of_them() -> None:
    with pytest.raises(ConfigError, match=r"2 settings are wrong") as caught:
        application_permissions(["Calendars.Reed", "Calendars.Read", "User.Read"])
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["Calendars.Reed", "User.Read"]


def test_published_roles_with_another_id_than_pinned_are_refused() -> None:
    forged = {
        "value": "Calendars.Read",
        "id": "00000000-0000-0000-0000-000000000001",
        "allowedMemberTypes": ["Application"],
    }
    with pytest.raises(ConfigError) as caught:
        published_roles([forged])
    assert caught.value.problems == (
        "Calendars.Read: the directory says 00000000-0000-0000-0000-000000000001, the pinned table "
        "798ee544-9d2d-430c-a058-570e29e34338; trust neither until you know why",
    )
    assert caught.value.where == "app roles of Microsoft Graph (00000003-0000-0000-c000-000000000000)"


def test_published_roles_leave_out_disabled_and_delegated_entries() -> None:
    entries: list[dict[str, Any]] = [
        {"value": "New.Read.All", "id": "A" * 8, "allowedMemberTypes": ["Application"], "isEnabled": True},
        {"value": "Old.Read.All", "id": "b", "allowedMemberTypes": ["Application"], "isEnabled": False},
        {"value": "User.Thing", "id": "c", "allowedMemberTypes": ["User"]},
        {"value": "No.Types", "id": "d"},
        {"value": "No.Types", "id": "d", "allowedMemberTypes": None},
        {"value": "", "id": "e", "allowedMemberTypes": ["Application"]},
        {"value": "No.Id", "id": None, "allowedMemberTypes": ["Application"]},
        {"value": None, "id": "f", "allowedMemberTypes": ["Application"]},
    ]
    assert published_roles(entries) == {"New.Read.All": AppRole("New.Read.All", "aaaaaaaa")}


def test_application_permissions_with_a_role_only_the_directory_knows_resolves_it() -> None:
    published = {"New.Read.All": AppRole("New.Read.All", "n")}
    assert AppRole("New.Read.All", "n") in application_permissions(["New.Read.All"], published)


def test_lookup_of_a_name_that_the_directory_does_not_have_is_refused_though_orgcals_table_has_it() -> None:
    published = {"Calendars.Read": READ, "Directory.Read.All": DIRECTORY}

    with pytest.raises(ConfigError, match=r"the directory's own list .* does not have it") as caught:
        application_permissions(["Calendars.Read", "Presence.Read.All"], published)

    assert [problem.split(":")[0] for problem in caught.value.problems] == ["Presence.Read.All"]


def test_lookup_of_a_name_that_only_orgcals_table_lacks_never_says_that_microsoft_has_none() -> None:
    with pytest.raises(ConfigError) as caught:
        application_permissions(["Calendars.Read", "SecurityEvents.Read.All"])

    said = caught.value.problems[0]
    assert said.startswith("SecurityEvents.Read.All: not in orgcal's own table of Microsoft Graph's application perm")
    assert "set orgcal:entra.lookup to directory" in said


@pytest.mark.parametrize(
    "family", ["User", "Group", "Calendars", "Mail", "Contacts", "Place", "Presence", "Sites", "Files", "People"]
)
def test_pinned_table_has_the_families_that_connectors_of_calendars_use(family: str) -> None:
    assert [name for name in APP_ROLE_IDS if name.startswith(f"{family}.")]


def test_pinned_table_is_sorted_and_its_ids_are_guids() -> None:
    assert list(APP_ROLE_IDS) == sorted(APP_ROLE_IDS)
    assert list(DELEGATED_ONLY) == sorted(DELEGATED_ONLY)
    assert all(str(UUID(role_id)) == role_id for role_id in APP_ROLE_IDS.values())


def test_names_of_an_unknown_id_keeps_the_id() -> None:
    published = {"New.Read.All": AppRole("New.Read.All", "new-id")}

    assert names_of([READ.role_id.upper(), "Unknown-Id", "new-id"]) == {"Calendars.Read", "Unknown-Id", "new-id"}
    assert names_of([READ.role_id, "NEW-ID"], published) == {"Calendars.Read", "New.Read.All"}


@given(st.lists(st.sampled_from(sorted(APP_ROLE_IDS)), unique=True))
def test_permission_hash_ignores_order_and_repetition(names: list[str]) -> None:
    roles = [lookup(name) for name in names]
    assert permission_hash(roles) == permission_hash([*reversed(roles), *roles])


def test_permission_hash_of_more_permissions_differs() -> None:
    assert permission_hash([READ]) != permission_hash([READ, DIRECTORY])


def test_permission_hash_stays_the_same_between_versions() -> None:
    """States and registries hold it: `printf '%s\\n%s' ID ID | sha256sum` over the sorted ids."""
    whole = "08bd51f524769b43525d4498eb139d27ad27876ad0d0250f21bf585dc8eb5e86"

    assert permission_hash([DIRECTORY, AppRole("Calendars.Read", READ.role_id.upper())]) == whole


def test_pinned_tables_do_not_contradict_each_other() -> None:
    assert not set(APP_ROLE_IDS) & set(DELEGATED_ONLY)
    assert set(filter(None, DELEGATED_ONLY.values())) <= set(APP_ROLE_IDS)
    assert len(set(APP_ROLE_IDS.values())) == len(APP_ROLE_IDS)
