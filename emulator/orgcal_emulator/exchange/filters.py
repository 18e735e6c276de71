"""Filters of recipients, as far as management scopes of applications use them: equalities joined by `-or`.

Source: https://learn.microsoft.com/en-us/powershell/exchange/recipientfilter-properties
"""

from __future__ import annotations

import re
from collections.abc import Callable

from orgcal_emulator.calendars.groups import TenantGroups
from orgcal_emulator.calendars.names import OFFICES
from orgcal_emulator.calendars.users import User
from orgcal_emulator.graph.errors import not_emulated

Matches = Callable[[User], bool]
"""Whether a recipient is in a scope."""

_EQUALITY = re.compile(r"\(*\s*(\w+)\s+-eq\s+'((?:[^']|'')*)'\s*\)*", re.IGNORECASE)


def recipient_filter(text: str, groups: TenantGroups) -> Matches:
    """Whether a user is among the recipients of a filter.

    `MemberOfGroup` takes a distinguished name, of which this emulator reads the common name: the group's name. Only
    direct members count.

    Raises:
        GraphFailure: 501, an operator or a property that is not modelled.
    """
    tests = [_test(part, groups) for part in re.split(r"\s+-or\s+", text.strip(), flags=re.IGNORECASE)]
    return lambda user: any(test(user) for test in tests)


def _test(text: str, groups: TenantGroups) -> Matches:
    match = _EQUALITY.fullmatch(text.strip())
    if match is None:
        raise not_emulated("recipient filter", text[:100])
    name, value = match[1].lower(), match[2].replace("''", "'")
    if name in ("primarysmtpaddress", "windowsemailaddress", "userprincipalname"):
        return lambda user: (user.mail or user.principal_name).lower() == value.lower()
    if name == "office":
        return lambda user: OFFICES[user.number % len(OFFICES)].lower() == value.lower()
    if name == "memberofgroup":
        common = value.partition(",")[0].partition("=")[2].lower()
        group = next((each for each in groups.all if each.display_name.lower() == common), None)
        return lambda user: group is not None and user.number in group.members
    raise not_emulated("recipient filter", match[1])
