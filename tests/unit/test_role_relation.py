"""Which permission includes which: one relation, for every command."""

from __future__ import annotations

import pytest

from orgcal.entra.permissions import READS_CALENDARS
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.entra.role_relation import INCLUDES, RoleComparison, canonical, compare, included_in, including

PAIRS = [(larger, smaller) for larger in INCLUDES for smaller in sorted(included_in([larger]) - {larger})]


@pytest.mark.parametrize(("larger", "smaller"), PAIRS)
def test_permission_never_includes_one_that_includes_it(larger: str, smaller: str) -> None:
    assert larger not in included_in([smaller])


@pytest.mark.parametrize(("larger", "smaller"), PAIRS)
def test_fewer_permissions_leave_nothing_missing_and_more_do(larger: str, smaller: str) -> None:
    narrowed, widened = compare([smaller], [larger]), compare([larger], [smaller])

    one, other = frozenset({larger}), frozenset({smaller})
    assert narrowed == RoleComparison(effective=one, missing=frozenset(), surplus=one, beyond=one)
    assert widened == RoleComparison(effective=other, missing=one, surplus=other, beyond=frozenset())


def test_reading_never_stands_for_writing() -> None:
    written = [name for name in APP_ROLE_IDS if "Write" in name or name.endswith((".Send", ".Create"))]
    reading = [name for name in APP_ROLE_IDS if "Read." in f"{name}." and "Write" not in name]

    assert not included_in(reading) & set(written)


def test_permissions_about_work_hours_open_no_calendar() -> None:
    """`Calendars.Read.All` is "Read all users' work hours and locations" in a directory's own list.

    Source: `_info/GraphAppRoles.json` of merill/microsoft-info, commit 43b8a5d.
    """
    assert READS_CALENDARS.isdisjoint({"Calendars.Read.All", "Calendars.ReadWrite.All"})
    assert compare(["Calendars.Read"], ["Calendars.ReadWrite.All"]).missing == {"Calendars.Read"}


def test_documented_alias_is_the_deployed_permission() -> None:
    assert canonical("https://graph.microsoft.com/Calendars.ReadBasic") == "Calendars.ReadBasic.All"
    assert compare(["Calendars.ReadBasic.All"], ["Calendars.ReadBasic"]).missing == frozenset()
    assert compare(["Calendars.ReadBasic.All"], ["Calendars.ReadBasic"]).surplus == frozenset()


def test_permission_that_nobody_knows_includes_itself_only() -> None:
    found = compare(["New.Read.All"], ["New.ReadWrite.All"])

    assert found.missing == {"New.Read.All"}
    assert found.surplus == {"New.ReadWrite.All"}
    assert including("New.Read.All") == {"New.Read.All"}
