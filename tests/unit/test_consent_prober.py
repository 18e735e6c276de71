"""What a probe of consent asks Entra ID and Graph, and that nothing that they answer ends a run."""

from __future__ import annotations

from typing import Any, cast

import pytest

from orgcal.consent import proof
from orgcal.consent.proof import ConsentProber
from orgcal.entra.clouds import load_endpoints
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.probe import Access, TenantAccess
from orgcal.errors import OrgcalError, Unforeseen, Unreachable

ENDPOINTS = load_endpoints("public", {})
DECLARED = frozenset({"Calendars.Read", "Directory.Read.All"})
USERS = ("/users", {"$select": "id", "$top": "1"})


class Asked:
    """Entra ID and Graph, which answer `access` and `users`; keeps what they were asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[Any] = []
        self.access: TenantAccess | Exception = TenantAccess("granted", "all", effective=DECLARED)
        self.users: Any = {"value": []}
        for name in ("TokenSource", "probe_tenant", "GraphClient"):
            monkeypatch.setattr(proof, name, getattr(self, name))

    def TokenSource(self, *given: Any) -> str:  # noqa: N802 - as it is called
        self.calls.append(given)
        return "tokens"

    def probe_tenant(self, *given: Any) -> Any:
        self.calls.append(given)
        return self._or_raise(self.access)

    def GraphClient(self, *given: Any, budget_s: float) -> Asked:  # noqa: N802
        self.calls.append((*given, budget_s))
        return self

    def get(self, *given: Any) -> Any:
        self.calls.append(given)
        return self._or_raise(self.users)

    @staticmethod
    def _or_raise(said: Any) -> Any:
        if isinstance(said, Exception):
            raise said
        return said


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


def probe(*given: Any, **named: Any) -> TenantAccess:
    prober = ConsentProber(ENDPOINTS, "client", DECLARED, lambda: ClientSecret("s"), cast(Any, "session"))
    return prober.probe("tenant", *given, **named)


def test_probe_asks_for_a_token_and_then_for_one_user(asked: Asked) -> None:
    assert probe(list_users=True) == TenantAccess("granted", "all", effective=DECLARED, users_readable=True)

    assert asked.calls == [
        (ENDPOINTS, "tenant", "client", ClientSecret("s"), "session"),
        (ENDPOINTS, "tokens", "session", "client", DECLARED),
        (ENDPOINTS, "tokens", "session", 10.0),
        USERS,
    ]


@pytest.mark.parametrize("declared", [frozenset({"Place.Read.All"}), frozenset[str]()])
def test_probe_asks_for_what_it_is_told_to(asked: Asked, declared: frozenset[str]) -> None:
    assert probe(declared) == asked.access
    assert asked.calls[1:] == [(ENDPOINTS, "tokens", "session", "client", declared)]


@pytest.mark.parametrize(
    ("access", "effective", "wanted", "tried"),
    [
        ("granted", frozenset({"Calendars.Read", "Directory.Read.All"}), True, True),
        ("granted", frozenset({"Calendars.Read", "User.Read.All"}), True, True),
        ("granted", frozenset({"Calendars.Read"}), True, False),
        ("granted", None, True, False),
        ("partial", frozenset({"Directory.Read.All"}), True, False),
        ("granted", frozenset({"Calendars.Read", "Directory.Read.All"}), False, False),
    ],
)
def test_users_are_asked_for_only_with_the_right_to(
    asked: Asked, access: Access, effective: frozenset[str] | None, wanted: bool, tried: bool
) -> None:
    """Source: https://learn.microsoft.com/en-us/graph/api/user-list (permissions)."""
    asked.access = TenantAccess(access, "as it is", effective=effective)

    found = probe(list_users=wanted)

    assert (USERS in asked.calls) is tried
    assert found.users_readable is (True if tried else None)


@pytest.mark.parametrize("users", [{}, {"value": None}, {"value": {"id": "a"}}, OrgcalError("no")])
def test_answer_without_users_is_no_proof_that_they_can_be_read(asked: Asked, users: Any) -> None:
    asked.users = users

    assert probe(list_users=True).users_readable is False


def test_whatever_breaks_is_this_organisations_alone(asked: Asked) -> None:
    asked.access = away = Unreachable("no answer", repair="later")
    assert probe() == TenantAccess("unknown", "no answer", "later", error=away)

    asked.access = ValueError("unforeseen")
    found = probe()
    assert isinstance(found.error, Unforeseen)
    assert (found.access, found.sentence, found.repair) == ("unknown", found.error.what, found.error.repair)
