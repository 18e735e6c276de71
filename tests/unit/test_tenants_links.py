"""Links of a registry in memory: until when they work, for whom, and how their use ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from orgcal.durations import rfc3339
from orgcal.errors import UsageError
from orgcal.tenants import links
from orgcal.tenants.links import Refusal, Spent
from orgcal.tenants.model import State
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
