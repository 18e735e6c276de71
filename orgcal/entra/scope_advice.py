"""Says in words where a connector asks for more than it needs, or for nothing that opens calendars.

It also says which scopes no customer can limit to some mailboxes.

`User.ReadBasic.All` is never advised: listing users with it is reported to fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from orgcal.entra.exchange_roles import scope_limits
from orgcal.entra.permissions import ALWAYS_ADDED, READS_CALENDARS, CalendarsFrom
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.entra.role_relation import canonical, included_in

Purpose = Literal["availability", "read", "write"]

ENOUGH_FOR: Mapping[Purpose, str] = {
    "availability": "Calendars.ReadBasic.All",
    "read": "Calendars.Read",
    "write": "Calendars.ReadWrite",
}
"""The least calendar permission for each purpose. Source: https://learn.microsoft.com/en-us/graph/api/user-list-events"""

_DOES: Mapping[Purpose, str] = {
    "availability": "sees when people are busy",
    "read": "reads events",
    "write": "writes events",
}


def scope_advice(scopes: Iterable[str], purpose: Purpose | None) -> Iterator[str]:
    """One sentence for each scope that could go, and for each that no customer can limit to some mailboxes.

    Args:
        scopes: of the connector, names that `permissions.lookup` knows.
        purpose: what the connector does with calendars, None where nobody said.
    """
    names = [canonical(scope) for scope in scopes]
    for name in names:
        others = (other for other in [*names, ALWAYS_ADDED] if other != name)
        larger = next((other for other in others if name in included_in([other])), "")
        if larger:
            always = ", which every connector has," if larger == ALWAYS_ADDED else ""
            yield f"scope {name} adds nothing: {larger}{always} includes it; remove it from orgcal:connector.scopes"
        elif purpose and name not in (ALWAYS_ADDED, ENOUGH_FOR[purpose]):
            enough, does = ENOUGH_FOR[purpose], _DOES[purpose]
            if enough in included_in([name]):
                yield f"scope {name} is more than a connector needs that {does}; {enough} suffices"
            elif name not in included_in([enough]):
                why = "administrators will ask why it is there"
                yield f"scope {name} has nothing to do with a connector that {does}; {why}"
    if purpose and ENOUGH_FOR[purpose] not in included_in(names):
        missing = f"no scope allows that; add {ENOUGH_FOR[purpose]}"
        yield f"the connector {_DOES[purpose]} (orgcal:connector.purpose), and {missing}"
    yield from scope_limits(names)


_NO_CALENDARS = (
    "orgcal:connector.scopes: found {scopes}, none of which opens calendars; expected one of {fitting} among them; "
    "repair: pulumi config set --path 'orgcal:connector.scopes[{next}]' Calendars.Read, or, where that is meant, "
    "pulumi config set --path orgcal:connector.calendars none (exchange: customers assign it in Exchange)"
)


def calendar_problem(scopes: Sequence[str], source: CalendarsFrom) -> str:
    """Why a connector with these scopes would reach no calendar; empty where it would, or where that is meant."""
    names = [canonical(scope) for scope in scopes]
    if source != "consented" or not READS_CALENDARS.isdisjoint(names):
        return ""
    fitting = ", ".join(sorted(READS_CALENDARS & APP_ROLE_IDS.keys()))
    return _NO_CALENDARS.format(scopes=", ".join(names) or "nothing", fitting=fitting, next=len(names))
