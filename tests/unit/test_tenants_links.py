"""Links of a registry in memory: until when they work, for whom, and how their use ends."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from orgcal.durations import rfc3339
from orgcal.errors import UsageError
from orgcal.tenants import links
from orgcal.tenants.links import Refusal, Spent
from orgcal.tenants.model import Link, State
from orgcal.tenants.registry import Registry, RegistryUnavailable
from orgcal.tenants.states import Move
from tests.support.consent_probes import CONTOSO, FABRIKAM, NOW, WEEK, Time, made_link, memory_registry


@pytest.fixture
def moment() -> Time:
    return Time()


@pytest.fixture
def registry(moment: Time) -> Iterator[Registry]:
    with closing(memory_registry(moment)) as registry:
        yield registry


def test_link_is_good_until_it_expires_and_not_at_that_moment(registry: Registry, moment: Time) -> None:
    first, second = made_link(registry), made_link(registry)

    moment.now = NOW + WEEK - timedelta(seconds=1)
    assert isinstance(links.spend(registry, first.state, client_id="client"), Spent)
    moment.now = NOW + WEEK
    assert links.spend(registry, second.state, client_id="client") == "expired"


def test_link_is_kept_with_the_hash_of_its_state_alone(registry: Registry) -> None:
    made = links.make_link(
        registry,
        CONTOSO.upper(),
        client_id="client",
        redirect_uri="https://acme.example/cb",
        permission_hash="h",
        lifetime=WEEK,
        permissions=["A", "B"],
    )

    hashed = hashlib.sha256(made.state.encode()).hexdigest()
    assert made.link == Link(
        hashed, CONTOSO, "https://acme.example/cb", "h", permissions=("A", "B"), created_at=NOW, expires_at=NOW + WEEK
    )
    assert links.of_state(registry, made.state) == links.look_up(registry, hashed) == made.link
    assert (len(made.state), len(links.new_result())) == (43, 43), "32 bytes, as base64 without padding"
    assert made.state not in repr(made)
    assert made_link(registry).link.permissions == ()


@pytest.mark.parametrize("state", ["", "ä", "half a character \ud800", "\udcff"])
def test_state_of_any_characters_is_unknown(registry: Registry, state: str) -> None:
    made_link(registry)

    assert links.spend(registry, state, client_id="client") == "unknown"
    assert links.of_state(registry, state) is None


def test_used_link_is_told_with_its_time_and_result(registry: Registry, moment: Time) -> None:
    made, other = made_link(registry), made_link(registry)
    moment.now = NOW + timedelta(minutes=1)

    spent = links.spend(registry, made.state, client_id="client")

    assert isinstance(spent, Spent)
    assert spent == Spent(replace(made.link, used_at=moment.now, outcome="proving"), spent.result)
    assert len(spent.result) == 43
    assert spent.result not in repr(spent)
    assert links.by_result(registry, spent.result) == links.look_up(registry, made.link.state_hash) == spent.link
    assert links.look_up(registry, other.link.state_hash) == other.link
    last = registry.last("callback", CONTOSO)
    assert last is not None
    assert (last.result, last.detail) == ("link used", {})


def test_end_of_one_use_leaves_the_others_under_way(registry: Registry, moment: Time) -> None:
    made = [made_link(registry), made_link(registry), made_link(registry, FABRIKAM)]
    first, second, third = (links.spend(registry, each.state, client_id="client") for each in made)
    assert isinstance(first, Spent)
    assert isinstance(second, Spent)
    assert isinstance(third, Spent)
    moment.now = NOW + timedelta(minutes=1)

    assert links.finish(registry, first.link, "done")

    assert links.look_up(registry, first.link.state_hash) == replace(
        first.link, outcome="done", detail="", finished_at=moment.now
    )
    assert links.still_proving(registry, [first.link, second.link]) == {second.link.state_hash}
    assert {each.state_hash for each in links.unfinished(registry)} == {second.link.state_hash, third.link.state_hash}
    assert links.conclude(registry, first.link, lambda _: Move(State.FAILED, "late")) is None
    assert links.finish(registry, second.link, "failed", "AADSTS1")
    assert links.look_up(registry, third.link.state_hash) == third.link
    last = registry.last("consent", CONTOSO)
    assert last is not None
    assert (last.result, last.detail) == ("failed", {"detail": "AADSTS1"})
    assert registry.last("consent", FABRIKAM) is None


def test_links_of_another_organisation_are_not_revoked_nor_ended(registry: Registry, moment: Time) -> None:
    registry.add(FABRIKAM, "Fabrikam")
    theirs, their_use = made_link(registry, FABRIKAM), made_link(registry, FABRIKAM)
    unused, used, revoked = made_link(registry), made_link(registry), made_link(registry)
    spent = links.spend(registry, their_use.state, client_id="client")
    links.spend(registry, used.state, client_id="client")

    assert links.revoke(registry, CONTOSO) == 2
    assert links.look_up(registry, revoked.link.state_hash) == replace(revoked.link, revoked_at=NOW)
    last = made_link(registry)
    moment.now = NOW + timedelta(minutes=1)
    registry.remove(CONTOSO, reason="over")

    assert isinstance(spent, Spent)
    assert links.look_up(registry, theirs.link.state_hash) == theirs.link
    assert links.unfinished(registry) == [spent.link]
    assert links.look_up(registry, last.link.state_hash) == replace(last.link, revoked_at=moment.now)
    assert links.look_up(registry, unused.link.state_hash) == replace(unused.link, revoked_at=NOW)
    assert links.look_up(registry, used.link.state_hash) == replace(
        used.link, used_at=NOW, outcome="withdrawn", finished_at=moment.now
    )


def test_link_of_an_earlier_application_is_unknown(registry: Registry) -> None:
    link = made_link(registry, client_id="earlier")

    assert links.spend(registry, link.state, client_id="client") == "unknown"
    assert isinstance(links.spend(registry, link.state, client_id="earlier"), Spent)


def test_link_of_a_removed_organisation_is_not_made_and_one_of_nobody_is(registry: Registry) -> None:
    assert made_link(registry, FABRIKAM.upper()).link.tenant_id == FABRIKAM
    registry.remove(CONTOSO, reason="over")
    with pytest.raises(UsageError, match="the organisation was removed") as refused:
        made_link(registry)
    assert (refused.value.where, refused.value.repair) == (CONTOSO, "orgcal tenants add")


def test_link_names_whoever_made_it_and_is_in_the_log(moment: Time) -> None:
    with closing(Registry("sqlite://", connector="orgcal/prod", operator="x" * 300, now=moment)) as registry:
        registry.add(CONTOSO, "Contoso")
        link = made_link(registry)

        assert registry.wanted(CONTOSO).invited_by == "x" * 200
        last = registry.last("link", CONTOSO)
        assert last is not None
        assert (last.operator, last.result) == ("x" * 200, "made")
        assert last.detail == {"expires_at": rfc3339(NOW + WEEK)}
        assert (link.link.created_at, link.link.expires_at) == (NOW, NOW + WEEK)


def test_revoked_links_are_counted_and_do_not_work(registry: Registry) -> None:
    used, first, second = made_link(registry), made_link(registry), made_link(registry)
    links.spend(registry, used.state, client_id="client")

    assert links.revoke(registry, CONTOSO.upper()) == 2
    assert links.revoke(registry, CONTOSO) == 0

    assert {links.spend(registry, each.state, client_id="client") for each in (first, second)} == {"revoked"}
    rows = [entry for entry in registry.log(CONTOSO) if entry.result == "revoked"]
    assert [row.detail for row in rows] == [{"count": 2}]


def test_answer_asked_again_by_the_same_caller_is_its_own(registry: Registry) -> None:
    link, result = made_link(registry), links.new_result()

    first = links.spend(registry, link.state, client_id="client", result=result)
    again = links.spend(registry, link.state, client_id="client", result=result)

    assert first == again
    assert isinstance(first, Spent)
    assert first.result == result
    assert links.spend(registry, link.state, client_id="client", result="another") == "used"
    assert links.by_result(registry, result) == first.link == links.of_state(registry, link.state)


def test_answer_whose_registry_went_away_is_raised_unless_it_was_recorded(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, result = made_link(registry), links.new_result()
    away = RegistryUnavailable("away", where="registry")
    spend = links._spend

    def lost(*args: object) -> object:
        spend(*args)  # type: ignore[arg-type]
        raise away

    def gone(*_: object) -> object:
        raise away

    with monkeypatch.context() as patched:
        patched.setattr(links, "_spend", gone)
        with pytest.raises(RegistryUnavailable):
            links.spend(registry, link.state, client_id="client", result=result)
        patched.setattr(links, "_spend", lost)
        spent = links.spend(registry, link.state, client_id="client", result=result)
    assert isinstance(spent, Spent)
    assert (spent.result, spent.link.outcome) == (result, "proving")


def test_refusal_without_a_failure_changes_no_state(registry: Registry) -> None:
    other, link = made_link(registry), made_link(registry)
    before = registry.wanted(CONTOSO)
    seen: list[Link] = []

    def decline(used: Link) -> Refusal:
        seen.append(used)
        return Refusal("declined")

    spent = links.spend(registry, link.state, client_id="client", refused=decline)

    used = replace(link.link, used_at=NOW, outcome="proving")
    assert seen == [used]
    assert isinstance(spent, Spent)
    assert spent.link == replace(used, outcome="declined", finished_at=NOW) == links.of_state(registry, link.state)
    assert links.of_state(registry, other.state) == other.link
    assert registry.wanted(CONTOSO) == before
    last = registry.last("consent", CONTOSO)
    assert last is not None
    assert (last.result, last.detail) == ("declined", {})


def test_failure_that_is_known_already_is_not_written_again(registry: Registry) -> None:
    for _ in range(2):
        link = made_link(registry)
        links.spend(registry, link.state, client_id="client", refused=lambda _: Refusal("failed", "X", "broken (X)"))

    moves = [entry.detail for entry in registry.log(CONTOSO) if "before" in entry.detail]
    assert moves == [{"before": "invited", "reason": "broken (X)"}]


def test_refusal_ends_its_link_and_fails_who_has_no_access(registry: Registry, moment: Time) -> None:
    link = made_link(registry)
    moment.now = NOW + timedelta(minutes=1)

    spent = links.spend(
        registry, link.state, client_id="client", refused=lambda _: Refusal("failed", "AADSTS1", "it failed (AADSTS1)")
    )

    assert isinstance(spent, Spent)
    kept = links.look_up(registry, link.link.state_hash)
    assert kept is not None
    assert (kept.outcome, kept.detail, kept.finished_at) == ("failed", "AADSTS1", moment.now)
    assert (registry.wanted(CONTOSO).state, registry.wanted(CONTOSO).reason) == (State.FAILED, "it failed (AADSTS1)")
    assert [(entry.action, entry.result) for entry in registry.log(CONTOSO)][2:] == [
        ("callback", "link used"),
        ("consent", "failed"),
        ("consent", "failed"),
    ]


def test_unfinished_links_are_those_that_were_used_before(registry: Registry, moment: Time) -> None:
    made_link(registry)
    link = made_link(registry)
    links.spend(registry, link.state, client_id="client")

    assert [each.state_hash for each in links.unfinished(registry)] == [link.link.state_hash]
    assert links.unfinished(registry, used_before=NOW) == []
    assert len(links.unfinished(registry, used_before=NOW + timedelta(seconds=1))) == 1
    assert links.still_proving(registry, links.unfinished(registry)) == {link.link.state_hash}
    [open_one] = links.unfinished(registry)
    assert links.finish(registry, open_one, "done", "detail")
    assert not links.finish(registry, open_one, "failed")
    assert links.unfinished(registry) == []
    assert links.still_proving(registry, [open_one]) == set()


def test_conclusion_of_a_proof_that_has_ended_is_taken_back(registry: Registry) -> None:
    link = made_link(registry)
    spent = links.spend(registry, link.state, client_id="client")
    assert isinstance(spent, Spent)

    assert links.conclude(registry, spent.link, lambda _: Move(State.CONSENTED)) is not None
    links.finish(registry, spent.link, "done")
    assert links.conclude(registry, spent.link, lambda _: Move(State.FAILED, "late")) is None

    assert registry.wanted(CONTOSO).state is State.CONSENTED
