"""The probe of an organisation: what is said of a token, in whole, and of one that nobody can read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests

from orgcal.entra import probe as probe_module
from orgcal.entra.aadsts import Kind, meaning_of
from orgcal.entra.auth import refusal_in
from orgcal.entra.clouds import load_endpoints
from orgcal.entra.graph import GraphClient
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.entra.probe import TenantAccess, granted_roles, probe_tenant, token_refusal
from orgcal.errors import EntraError, GraphError, OrgcalError, Unforeseen, Unreachable
from tests.scripted_graph import Reply, ScriptedGraph, Seen, serving

DECLARED = frozenset({"Calendars.Read", "Directory.Read.All"})
PUBLIC = load_endpoints("public", {})


class Tokens:
    """Gives a token, or fails."""

    def __init__(self, answer: str | Exception) -> None:
        self.answer = answer

    def token(self) -> str:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def renewed(self, refused: str) -> str:
        raise AssertionError(f"{refused} is a fresh one")


def token(**claims: Any) -> str:
    return jwt.encode({"oid": "principal", **claims}, "k" * 32, algorithm="HS256")


def probe(answer: str | Exception, declared: frozenset[str] = DECLARED) -> TenantAccess:
    return probe_tenant(PUBLIC, Tokens(answer), requests.Session(), "client", declared)


@pytest.mark.parametrize(
    ("roles", "declared", "judged"),
    [
        (["Calendars.Read", "Directory.Read.All"], DECLARED,
         TenantAccess("granted", "every declared permission is effective", effective=DECLARED, source="token")),
        (["Calendars.ReadWrite", "Directory.Read.All"], DECLARED,
         TenantAccess("granted", "every declared permission is effective; more than declared: Calendars.ReadWrite",
                      surplus=("Calendars.ReadWrite",), source="token",
                      effective=frozenset({"Calendars.ReadWrite", "Directory.Read.All"}))),
        (["Mail.Read", "Group.Read.All", "Directory.Read.All"], DECLARED,
         TenantAccess("partial", "not effective: Calendars.Read", missing=("Calendars.Read",),
                      surplus=("Group.Read.All", "Mail.Read"), source="token",
                      effective=frozenset({"Mail.Read", "Group.Read.All", "Directory.Read.All"}))),
        ([], DECLARED,
         TenantAccess("none", "not effective: Calendars.Read, Directory.Read.All",
                      missing=("Calendars.Read", "Directory.Read.All"), effective=frozenset(), source="token")),
        ([], frozenset(), TenantAccess("granted", "every declared permission is effective", effective=frozenset(),
                                       source="token")),
    ],
)  # fmt: skip
def test_token_is_told_whole_by_the_permissions_in_it(
    roles: list[str], declared: frozenset[str], judged: TenantAccess
) -> None:
    assert probe(token(roles=roles), declared) == judged


def test_token_without_principal_and_roles_is_not_yet_and_decides_nothing() -> None:
    """Entra ID gives such tokens for about a minute after a consent (retire-service-principal-less-authentication)."""
    found = probe(token(oid=None))

    said = "the application's service principal has not arrived everywhere in this organisation yet"
    repair = "right after a consent, try again in some minutes; if it stays, send a new consent link"
    assert found == TenantAccess("unknown", said, repair, error=found.error)
    assert isinstance(found.error, Unreachable)
    assert (found.error.what, found.error.repair) == (said, repair)
    assert (found.decided, found.may_change) == (False, True)


def test_token_that_nobody_can_read_is_judged_by_the_grants() -> None:
    path = "/v1.0/servicePrincipals(appId='client')/appRoleAssignments"
    granted = [{"appRoleId": APP_ROLE_IDS["Calendars.Read"]}, {"appRoleId": "unknown"}, {}]
    asked: list[tuple[str, str, str]] = []

    def answer(seen: Seen) -> Reply:
        asked.append((seen.method, seen.path, seen.token))
        return Reply(body={"value": granted})

    with serving(ScriptedGraph()) as graph, requests.Session() as session:
        graph.intercept = answer
        found = probe_tenant(graph.endpoints, Tokens("opaque"), session, "client", DECLARED)
        names = granted_roles(graph.endpoints, Tokens("opaque"), session, "client")

    assert asked == [("GET", path, "opaque")] * 2
    assert names == {"Calendars.Read", "unknown", ""}
    assert found == TenantAccess(
        "partial",
        "not effective: Directory.Read.All",
        missing=("Directory.Read.All",),
        surplus=("", "unknown"),
        effective=names,
        source="grants",
    )


def test_grants_are_waited_for_half_a_minute_and_not_as_long_as_a_deployment_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One organisation among hundreds must not hold the others up."""
    given: list[Any] = []

    class Noted(GraphClient):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            given.append((arguments, more))

        def pages(self, *_: Any, **__: Any) -> Iterator[dict[str, Any]]:
            return iter([])

    monkeypatch.setattr(probe_module, "GraphClient", Noted)
    tokens, session = Tokens("opaque"), requests.Session()

    assert granted_roles(PUBLIC, tokens, session, "client") == frozenset()

    assert given == [((PUBLIC, tokens, session), {"budget_s": 30.0})]


def test_token_and_grants_that_nobody_can_read_decide_nothing() -> None:
    with serving(ScriptedGraph()) as graph, requests.Session() as session:
        found = probe_tenant(graph.endpoints, Tokens("opaque"), session, "client", DECLARED)

    assert found == TenantAccess("unknown", "the token cannot be read, and neither can the grants")
    assert not found.may_change


class Forgetting(Tokens):
    """Gives one token, and fails from then on."""

    def token(self) -> str:
        given, self.answer = super().token(), Unreachable("no answer")
        return given


def test_token_that_is_lost_between_two_looks_decides_nothing() -> None:
    found = probe_tenant(PUBLIC, Forgetting(token(roles=[])), requests.Session(), "client", DECLARED)

    assert found.access == "unknown"


# Refusals ----------------------------------------------------------------------------------------------------------


def test_refusal_is_told_with_its_repair_and_what_is_missing() -> None:
    error = refusal_in("AADSTS700016: words. Trace ID: 1 (unauthorized_client)", "token")

    assert probe(error) == TenantAccess(
        "none", error.what, error.repair, ("Calendars.Read", "Directory.Read.All"), error=error
    )
    assert token_refusal(Tokens(error)) == TenantAccess("none", error.what, error.repair, error=error)
    assert token_refusal(Tokens("t")) is None
    assert (probe(error).source, probe(error).effective) == ("", None), "nothing told what is effective"


def test_failure_that_nobody_foresaw_is_the_organisations_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORGCAL_DEBUG", raising=False)

    found = token_refusal(Tokens(KeyError("x")), DECLARED)

    assert found is not None
    assert isinstance(found.error, Unforeseen)
    assert (found.access, found.missing, found.decided) == ("unknown", (), False)


@pytest.mark.parametrize(
    ("access", "error", "decided", "may_change"),
    [
        ("granted", None, True, False),
        ("partial", None, True, False),
        ("none", None, True, False),
        ("no tenant", None, True, False),
        ("unknown", None, False, False),
        ("credential refused", None, False, True),
        ("unknown", Unreachable("no answer"), False, True),
        ("unknown", OrgcalError("AADSTS90055"), False, False),
        ("unknown", GraphError("503", status=503), False, False),
        ("unknown", refusal_in("AADSTS90055: words", "token"), False, True),
        ("unknown", refusal_in("AADSTS53003: words", "token"), False, False),
    ],
)
def test_access_says_what_it_decides_and_whether_it_may_change(
    access: Any, error: OrgcalError | None, decided: bool, may_change: bool
) -> None:
    found = TenantAccess(access, "words", error=error)

    assert (found.decided, found.may_change) == (decided, may_change)


def test_busy_server_is_told_by_its_number_or_its_error() -> None:
    busy = EntraError("busy", error="temporarily_unavailable")

    assert meaning_of(busy.aadsts, busy.error).kind is Kind.BUSY
    assert TenantAccess("unknown", "busy", error=busy).may_change


@pytest.mark.parametrize(
    ("repair", "name", "said"),
    [
        ("send TENANT a link, TENANT", "contoso.com", "send contoso.com a link, contoso.com"),
        ("orgcal consent link TENANT", "It's ours", "orgcal consent link 'It'\"'\"'s ours'"),
        ("nothing", "contoso.com", "nothing"),
    ],
)
def test_repair_names_the_organisation_as_a_shell_takes_it(repair: str, name: str, said: str) -> None:
    assert TenantAccess("none", "words", repair).repair_for(name) == said
