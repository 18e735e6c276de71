"""Permissions as Microsoft documents them: what the product takes to open its reads, what the emulator lets in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import pytest
from orgcal_emulator.calendars.models import Users
from orgcal_emulator.clock import Clock
from orgcal_emulator.directory.models import Directory
from orgcal_emulator.exchange.models import ExchangeRights
from orgcal_emulator.graph.errors import GraphFailure
from orgcal_emulator.graph.messages import Caller
from orgcal_emulator.graph.permissions import APPLICATION_PERMISSIONS
from orgcal_emulator.graph.routing import Route as EmulatedRoute
from orgcal_emulator.graph_routes import graph_routes
from orgcal_emulator.store import Database

from orgcal.entra.home.rights import GRANT, LOOK_UP, MANAGE, Right
from orgcal.entra.permissions import READS_CALENDARS, READS_EVENTS, READS_USERS
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.entra.role_relation import canonical, included_in
from tests.contract.rules.permission_ids import IDS
from tests.contract.rules.permission_relation import CHAINS, NOT_INCLUDED
from tests.contract.rules.permissions import (
    ALIASES,
    DISPUTED,
    EVENT_WITH_BODY,
    ROUTES,
    WITHOUT_A_PAGE,
)
from tests.contract.rules.permissions_of_users import Route

pytestmark = pytest.mark.judged("tests/contract/rules/permissions.py")

BY_ROUTE = {(route.method, route.path): route for route in ROUTES}


def named(names: frozenset[str]) -> frozenset[str]:
    """The names of a table as tokens have them."""
    return frozenset(ALIASES.get(name, name) for name in names)


def included(name: str) -> frozenset[str]:
    """`name` and everything that the chains put before it."""
    smaller = {small for chain in CHAINS for small, large in pairs(chain) if large == name}
    return frozenset({name}).union(*(included(small) for small in smaller))


def pairs(chain: str) -> Iterator[tuple[str, str]]:
    return pairwise(chain.split())


def test_every_name_that_the_tables_rely_on_has_a_documented_id() -> None:
    in_chains = {name for chain in CHAINS for name in chain.split()}
    assert in_chains | DISPUTED.keys() | {name for row in NOT_INCLUDED for name in row[:2]} <= IDS.keys()
    assert len(BY_ROUTE) == len(ROUTES)


# The product ---------------------------------------------------------------------------------------------------------


def test_product_pins_the_documented_ids() -> None:
    assert APP_ROLE_IDS == IDS


@pytest.mark.parametrize("name", IDS)
def test_product_takes_a_permission_to_include_what_its_description_includes(name: str) -> None:
    assert included_in([name]) == included(name)


@pytest.mark.parametrize(("larger", "smaller", "why"), NOT_INCLUDED)
def test_product_takes_no_permission_for_another_that_it_only_sounds_like(larger: str, smaller: str, why: str) -> None:
    assert smaller not in included_in([larger]), why


def test_product_lists_users_with_what_microsoft_documents_and_callers_confirm() -> None:
    documented = named(BY_ROUTE["GET", "users"].documented) - DISPUTED.keys()
    assert {name for name in documented if name in IDS} == READS_USERS


@pytest.mark.parametrize("path", ["users/{}/calendars", "users/{}/calendarView"])
def test_product_reads_calendars_with_what_microsoft_documents(path: str) -> None:
    documented = BY_ROUTE["GET", path].documented
    assert {canonical(name) for name in READS_CALENDARS} == named(documented)
    assert documented <= READS_CALENDARS, "also by the name that the page has"


def test_product_reads_bodies_of_events_with_what_includes_bodies() -> None:
    assert READS_EVENTS == EVENT_WITH_BODY


NEEDED: Mapping[str, tuple[Right, ...]] = {
    "POST applications": (MANAGE,),
    "PATCH applications/{}": (MANAGE,),
    "DELETE applications/{}": (MANAGE,),
    "POST applications/{}/addPassword": (MANAGE,),
    "POST applications/{}/removePassword": (MANAGE,),
    "POST applications/{}/federatedIdentityCredentials": (MANAGE,),
    "DELETE applications/{}/federatedIdentityCredentials/{}": (MANAGE,),
    "POST servicePrincipals": (MANAGE,),
    "DELETE servicePrincipals/{}": (MANAGE,),
    "GET servicePrincipals": (LOOK_UP,),
    "GET applications": (LOOK_UP,),
    "POST servicePrincipals/{}/appRoleAssignedTo": (GRANT, LOOK_UP),
}
"""What the product does in the home tenant, and the rights that it asks of an operator before."""


@pytest.mark.parametrize("route", NEEDED)
def test_product_asks_of_an_operator_what_the_route_needs(route: str) -> None:
    method, _, path = route.partition(" ")
    rule = BY_ROUTE[method, path]
    rights = NEEDED[route]

    assert set(rights[0].any_of) <= rule.documented
    assert not rule.besides or set(rights[1].any_of) <= set(rule.besides.split())


# The emulator --------------------------------------------------------------------------------------------------------

_NOT_GRAPHS_OWN = "the page lends it app roles of other resources only; the emulator has Graph's"
STRICTER: Mapping[tuple[str, str], str] = {
    **{
        ("GET " + path, "User.ReadBasic.All"): DISPUTED["User.ReadBasic.All"]
        for path in ("users", "users/$count", "users/{}")
    },
    **{
        ("GET " + path, "Application.ReadWrite.OwnedBy"): "a program that works here works there (docs/parity.md)"
        for path in ("applications", "applications/$count", "servicePrincipals", "servicePrincipals/$count")
    },
    **{
        (f"{method} servicePrincipals/{{}}/{path}", "Application.ReadWrite.All"): _NOT_GRAPHS_OWN
        for method, ends in (("POST", ("",)), ("DELETE", ("/{}",)))
        for path in ("appRoleAssignedTo" + ends[0], "appRoleAssignments" + ends[0])
    },
}
"""Route and permission that Microsoft's table has and the emulator refuses, with the reason."""

LOOSER: Mapping[tuple[str, str], str] = {
    **{
        (f"GET users/{{}}/{path}", "Calendars.ReadWrite"): "its description says that it reads events"
        for path in ("events/{}", "calendar/events/{}", "calendars/{}/events/{}")
    },
    **{
        (f"GET directory/deletedItems/microsoft.graph.{kind}", "Application.ReadWrite.All"): (
            "the page names the least privileged only, which this one includes"
        )
        for kind in ("application", "servicePrincipal")
    },
}
"""Route and permission that the emulator lets in and the stored page does not name, with the reason."""


def emulated() -> dict[tuple[str, str], EmulatedRoute]:
    clock = Clock()
    database = Database(None)
    directory = Directory(database, clock)
    users = Users(directory)
    every = graph_routes(directory, users, ExchangeRights(database, clock, users), clock)
    return {(route.method, route.path): route for route in every}


EMULATED = emulated()
PUBLISHED = sorted(permission.name for permission in APPLICATION_PERMISSIONS)


def lets_in(route: EmulatedRoute, *roles: str) -> bool:
    try:
        route.needs.check(Caller("tenant", "client", "principal", frozenset(roles), 0.0))
    except GraphFailure:
        return False
    return True


def test_emulator_publishes_the_documented_ids() -> None:
    assert {permission.name: permission.permission_id for permission in APPLICATION_PERMISSIONS} == IDS


def test_emulator_has_no_route_without_a_row() -> None:
    assert {f"{method} {path}" for method, path in EMULATED} == {
        f"{route.method} {route.path}" for route in ROUTES
    } | WITHOUT_A_PAGE


@pytest.mark.parametrize("rule", ROUTES, ids=lambda rule: f"{rule.method} {rule.path}")
def test_emulator_lets_in_whom_the_table_lets_in(rule: Route) -> None:
    route, name = EMULATED[rule.method, rule.path], f"{rule.method} {rule.path}"
    let_in = {permission for permission in PUBLISHED if lets_in(route, permission)}

    documented = named(rule.alone) & set(PUBLISHED)
    stricter = {permission for path, permission in STRICTER if path == name}
    looser = {permission for path, permission in LOOSER if path == name}
    assert let_in == documented - stricter | looser
    assert not stricter & let_in
    assert not looser & documented


@pytest.mark.parametrize(
    "rule", [each for each in ROUTES if each.besides], ids=lambda rule: f"{rule.method} {rule.path}"
)
def test_emulator_asks_for_the_second_permission_that_the_table_asks_for(rule: Route) -> None:
    route = EMULATED[rule.method, rule.path]
    for permission in rule.least.split():
        second = {other for other in PUBLISHED if lets_in(route, permission, other)}
        assert second == named(frozenset(rule.besides.split())) | rule.alone


def test_emulator_differs_from_the_tables_only_where_they_have_a_row() -> None:
    every = {f"{route.method} {route.path}" for route in ROUTES}
    assert {route for route, _ in (*STRICTER, *LOOSER)} <= every
