"""Organisations change their state by the machine alone, whoever else writes, on SQLite and PostgreSQL."""

from __future__ import annotations

import random
import threading
from contextlib import closing

import pytest
from sqlalchemy import create_engine, text

from orgcal.entra.probe import TenantAccess
from orgcal.errors import UsageError
from orgcal.tenants import links
from orgcal.tenants.links import Refusal, Spent, spend
from orgcal.tenants.model import State, Tenant
from orgcal.tenants.registry import Registry, RegistryUnavailable
from orgcal.tenants.states import Cause, Move, after_consent, after_failed_verification, after_probe
from tests.support.deployed_connector import CONTOSO
from tests.support.lost_commit import lossy_connections
from tests.support.postgresql import PostgresqlServer
from tests.support.registry import CLIENT, new_link

BEST_FIRST = [State.VERIFIED, State.CONSENTED, State.RECONSENT_NEEDED, State.REVOKED]


def used(registry: Registry) -> Spent:
    spent = spend(registry, new_link(registry).state, client_id=CLIENT)
    assert isinstance(spent, Spent)
    return spent


# --- states ---


def test_move_is_decided_again_where_somebody_else_wrote_meanwhile(url: str, registry: Registry) -> None:
    seen: list[State] = []

    def decide(tenant: Tenant) -> Move:
        seen.append(tenant.state)
        if len(seen) == 1:
            other.set_state(CONTOSO, State.CONSENTED)
        return Move(State.VERIFIED if tenant.state is State.CONSENTED else State.FAILED)

    with closing(Registry(url, connector="orgcal/prod", operator="b")) as other:
        after = registry.move(CONTOSO, Cause.CONSENT, decide)

    assert seen == [State.INVITED, State.CONSENTED]
    assert after.state is State.VERIFIED
    assert [(entry.action, entry.detail.get("before")) for entry in registry.log(CONTOSO)][1:] == [
        ("set", "invited"),
        ("consent", "consented"),
    ]


def test_moves_of_many_at_once_are_all_in_the_log(registry: Registry) -> None:
    start = threading.Barrier(8)

    def move(number: int) -> None:
        start.wait()
        wanted = (State.CONSENTED, State.REVOKED)[number % 2]
        registry.move(CONTOSO, Cause.SET, lambda tenant: None if tenant.state is wanted else Move(wanted, str(number)))

    threads = [threading.Thread(target=move, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    states = ["invited", *(entry.result for entry in registry.log(CONTOSO) if entry.action == "set")]
    befores = [entry.detail["before"] for entry in registry.log(CONTOSO) if entry.action == "set"]
    assert befores == states[:-1], "each began where the one before had ended"
    assert registry.wanted(CONTOSO).state == states[-1]


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.ADD])
def test_removed_organisation_stays_removed_whatever_happens(registry: Registry, cause: Cause) -> None:
    removed = registry.remove(CONTOSO, reason="over")

    after = registry.move(CONTOSO, cause, lambda _: Move(State.VERIFIED, "it came back"))

    assert after == removed
    assert list(registry.log(CONTOSO))[-1].result == "removed"
    with pytest.raises(UsageError, match="was removed"):
        registry.set_state(CONTOSO, State.VERIFIED)


def test_removed_organisation_that_is_added_begins_anew(registry: Registry) -> None:
    now = registry.now()
    registry.set_state(
        CONTOSO,
        State.VERIFIED,
        permissions=["X"],
        permission_hash="h",
        consented_at=now,
        verified_at=now,
        verdict="pass",
    )
    registry.remove(CONTOSO, reason="over")

    added = registry.add(CONTOSO, "Contoso", domain="contoso.com")

    assert added.state is State.INVITED
    assert (added.permissions, added.permission_hash, added.verdict) == ((), "", "")
    assert (added.consented_at, added.verified_at, added.checked_at) == (None, None, None)


def test_removal_that_was_decided_by_another_state_is_not_done(registry: Registry) -> None:
    registry.set_state(CONTOSO, State.VERIFIED)

    with pytest.raises(UsageError, match="Contoso has become verified meanwhile"):
        registry.remove(CONTOSO, reason="it never consented", known=State.INVITED)

    assert registry.wanted(CONTOSO).state is State.VERIFIED


def test_removal_ends_unused_links_and_running_proofs(registry: Registry) -> None:
    unused, running = new_link(registry), used(registry)

    registry.remove(CONTOSO, reason="over")

    assert spend(registry, unused.state, client_id=CLIENT) == "revoked"
    assert links.unfinished(registry) == []
    ended = links.by_result(registry, running.result)
    assert ended is not None
    assert (ended.outcome, ended.finished_at is not None) == ("withdrawn", True)
    assert not links.finish(registry, running.link, "done"), "it has ended"
    with pytest.raises(UsageError, match="was removed"):
        new_link(registry)


def test_import_leaves_a_removed_organisation_removed(registry: Registry) -> None:
    exported = registry.wanted(CONTOSO)
    registry.remove(CONTOSO, reason="over")

    assert not registry.take_in(exported)

    assert registry.wanted(CONTOSO).state is State.REMOVED


def test_check_that_changed_nothing_adds_no_row_to_the_log(registry: Registry) -> None:
    before, rows = registry.wanted(CONTOSO), len(list(registry.log()))

    registry.checked([CONTOSO.upper()])

    after = registry.wanted(CONTOSO)
    assert after.checked_at is not None
    assert (after.state, after.changed_at, len(list(registry.log()))) == (before.state, before.changed_at, rows)


GRANTED = TenantAccess("granted", "every declared permission is effective", users_readable=True)


FOUND = [
    GRANTED,
    TenantAccess("granted", "every declared permission is effective"),
    TenantAccess("partial", "not effective: X", missing=("X",)),
    TenantAccess("none", "not known there"),
    TenantAccess("no tenant", "no such tenant"),
    TenantAccess("unknown", "nobody can tell"),
]


def wander(registry: Registry, generator: random.Random) -> Cause:
    """Do one thing to the organisation that somebody might do; what it was."""
    probe = generator.choice(FOUND)
    failed = generator.choice([None, *State])
    cause = generator.choice(list(Cause))
    match cause:
        case Cause.ADD:
            registry.add(CONTOSO, "Contoso")
        case Cause.REMOVE:
            registry.remove(CONTOSO, reason="over")
        case Cause.CONSENT:
            registry.move(CONTOSO, cause, lambda tenant: Move(*after_consent(tenant, probe)))
        case Cause.CHECK:
            registry.move(CONTOSO, cause, lambda tenant: Move(*after_probe(tenant, probe)))
        case Cause.VERIFY:
            registry.move(CONTOSO, cause, lambda tenant: Move(*after_failed_verification(tenant, failed, "it failed")))
        case Cause.SET:
            registry.move(CONTOSO, cause, lambda _: Move(generator.choice(list(State))))
    return cause


@pytest.mark.parametrize("seed", range(4))
def test_states_of_a_long_life_are_all_in_the_log(registry: Registry, seed: int) -> None:
    generator = random.Random(seed)
    for _ in range(60):
        before = registry.wanted(CONTOSO).state
        cause = wander(registry, generator)
        after = registry.wanted(CONTOSO).state
        assert before is not State.REMOVED or after is State.REMOVED or cause is Cause.ADD
        if cause is Cause.VERIFY and before in BEST_FIRST:
            assert after not in BEST_FIRST or BEST_FIRST.index(after) >= BEST_FIRST.index(before)
            assert after is not State.VERIFIED or before is State.VERIFIED

    state = State.INVITED
    for entry in list(registry.log(CONTOSO))[1:]:
        if entry.action == "add":
            state = State.INVITED if entry.result == "added" else state
            continue
        assert entry.detail["before"] == state
        state = State(entry.result)
    assert registry.wanted(CONTOSO).state is state


# --- names ---


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("Österreich AG", "ÖSTERREICH ag"), ("école", "E\u0301COLE"), ("Straße GmbH", "STRASSE  GMBH")],
)
def test_organisation_is_found_by_its_name_in_any_case_and_form(registry: Registry, name: str, wanted: str) -> None:
    registry.add(CONTOSO, name)

    assert registry.wanted(wanted).name == name


def test_name_that_is_a_domain_does_not_hide_that_domain(registry: Registry) -> None:
    registry.add(CONTOSO.replace("2", "3"), "contoso.com", domain="other.example")

    assert registry.wanted("Contoso.com").tenant_id == CONTOSO


@pytest.mark.parametrize("wanted", ["fab\udcff", "fab\0", "", " "])
def test_name_that_no_database_keeps_is_nobodys(registry: Registry, wanted: str) -> None:
    assert registry.get(wanted) is None


@pytest.mark.parametrize("name", ["bad\udcff", "Fab\x1b]52;c;cm0=\a", "two\nlines", "\u202eevil", "", "x" * 201])
def test_name_that_could_do_harm_is_refused_and_nothing_is_written(registry: Registry, name: str) -> None:
    with pytest.raises(UsageError):
        registry.add(CONTOSO, name)

    assert registry.wanted(CONTOSO).name == "Contoso"


def test_registry_of_the_first_revision_on_postgresql_is_brought_up(server: PostgresqlServer) -> None:
    url = server.new_registry()
    with closing(Registry(url, connector="orgcal/prod", operator="ada")) as registry:
        registry.add(CONTOSO, "École", domain="contoso.com")
        new_link(registry)
    engine = create_engine(url)
    with engine.begin() as connection:  # as revision 0001 had it
        scoped = ("access", "scope_group", "group_id", "inside", "outside", "awaited_since")
        for column in ("name_key", "permissions", "checked_at", *scoped):
            connection.execute(text(f"ALTER TABLE tenants DROP COLUMN {column}"))
        connection.execute(text("ALTER TABLE consent_links DROP COLUMN permissions"))
        for table in ("alert_messages", "alert_cursors", "alerts", "connectors", "history"):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("UPDATE tenants SET verified_at = now(), verdict = 'fail'"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    engine.dispose()

    with closing(Registry(url, connector="orgcal/prod", operator="ada")) as registry:
        found = registry.wanted("éCOLE")
        assert (found.tenant_id, found.permissions, found.verified_at) == (CONTOSO, (), None)
        assert found.checked_at is not None
        assert isinstance(spend(registry, new_link(registry).state, client_id=CLIENT), Spent)


# --- answers ---


def test_refusal_is_written_with_the_answer_and_changes_nothing_else(registry: Registry) -> None:
    made, before = new_link(registry), registry.wanted(CONTOSO)

    spent = spend(registry, made.state, client_id=CLIENT, refused=lambda _: Refusal("declined", "AADSTS65004"))

    assert isinstance(spent, Spent)
    assert (spent.link.outcome, spent.link.detail, spent.link.finished_at is not None) == (
        "declined",
        "AADSTS65004",
        True,
    )
    assert links.unfinished(registry) == [], "a server that is started next has nothing to prove"
    assert registry.wanted(CONTOSO) == before
    assert [(entry.action, entry.result) for entry in registry.log(CONTOSO)][2:] == [
        ("callback", "link used"),
        ("consent", "declined"),
    ]


@pytest.mark.parametrize(("before", "after"), [(State.INVITED, State.FAILED), (State.VERIFIED, State.VERIFIED)])
def test_error_that_nobody_chose_fails_an_organisation_without_access(
    registry: Registry, before: State, after: State
) -> None:
    registry.set_state(CONTOSO, before)

    spend(registry, new_link(registry).state, client_id=CLIENT, refused=lambda _: Refusal("failed", "X", "broken (X)"))

    found = registry.wanted(CONTOSO)
    assert (found.state, found.reason) == (after, "broken (X)" if after is State.FAILED else "")


def test_answer_whose_commit_was_lost_is_found_to_be_recorded(server: PostgresqlServer) -> None:
    url = server.new_registry()
    with (
        lossy_connections(server) as connections,
        closing(Registry(connections.url(url), connector="orgcal/prod", operator="ada")) as registry,
    ):
        registry.add(CONTOSO, "Contoso")
        made = new_link(registry)
        connections.lose_next = True

        spent = spend(registry, made.state, client_id=CLIENT)

        assert connections.lost.is_set()
        assert isinstance(spent, Spent)
        assert spend(registry, made.state, client_id=CLIENT) == "used"
        assert [entry.action for entry in registry.log(CONTOSO)] == ["add", "link", "callback"]


def test_answer_lost_while_the_server_is_away_is_taken_up_later(server: PostgresqlServer) -> None:
    url = server.new_registry()
    with (
        lossy_connections(server) as connections,
        closing(Registry(connections.url(url), connector="orgcal/prod", operator="ada")) as registry,
    ):
        registry.add(CONTOSO, "Contoso")
        made, result = new_link(registry), links.new_result()
        connections.lose_next = connections.refuse = True

        with pytest.raises(RegistryUnavailable):
            spend(registry, made.state, client_id=CLIENT, result=result)
        connections.refuse = False
        again = spend(registry, made.state, client_id=CLIENT, result=result)

        assert isinstance(again, Spent)
        assert again.link.outcome == "proving"
        assert spend(registry, made.state, client_id=CLIENT, result=links.new_result()) == "used"
