"""Organisations, links and the log of a registry in memory: bounds, defaults and what is left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy.exc import StatementError

from orgcal.errors import UsageError
from orgcal.tenants import links
from orgcal.tenants import registry as registry_module
from orgcal.tenants.links import Spent
from orgcal.tenants.model import State, Tenant
from orgcal.tenants.names import can_be_kept, check_text, meant_by, refuse_hidden
from orgcal.tenants.registry import Registry, RegistryUnavailable, operator_of, registry_url
from orgcal.tenants.states import Cause, Move
from tests.support.consent_probes import CONTOSO, FABRIKAM, NOW, Time, made_link, memory_registry
from tests.support.registry import empty_registry

HEX = "abcdefab-1111-4222-8333-abcdefabcdef"


@pytest.fixture
def moment() -> Time:
    return Time()


@pytest.fixture
def registry(moment: Time) -> Iterator[Registry]:
    with closing(memory_registry(moment)) as registry:
        yield registry


# Names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("point", "kept"), [(0xD7FF, True), (0xD800, False), (0xDFFF, False), (0xE000, True)])
def test_half_of_a_surrogate_pair_cannot_be_kept(point: int, kept: bool) -> None:
    """Source: https://www.unicode.org/versions/latest/core-spec/chapter-3/ (D92: UTF-8 has no surrogates)."""
    assert can_be_kept(f"a{chr(point)}b") is kept
    assert can_be_kept("") is True
    assert can_be_kept("a\0") is False


def test_text_as_long_as_is_kept_is_taken_and_a_longer_one_is_shown_shortened() -> None:
    check_text("x" * 5, "the name", longest=5)
    with pytest.raises(UsageError, match="the name has 60 characters, and 5 are kept") as refused:
        check_text("y" * 60, "the name", longest=5)
    assert refused.value.where == f"{'y' * 40}…"
    with pytest.raises(UsageError, match="the name is empty") as empty:
        check_text(" \t", "the name", longest=5)
    assert empty.value.where == "tenants"


def test_hidden_text_is_shown_by_its_beginning_only() -> None:
    with pytest.raises(UsageError, match=r"the name holds U\+200B") as refused:
        refuse_hidden(f"{'z' * 60}\u200b", "the name")
    assert refused.value.where == "z" * 40


def test_nearest_of_several_names_is_meant() -> None:
    assert meant_by("Contosoo", ["Contoso Ltd", "Contoso", "Other"], "orgcal/prod") == "did you mean 'Contoso'?"


# Organisations -----------------------------------------------------------------------------------------------------


def test_organisation_of_an_empty_name_is_nobody(registry: Registry) -> None:
    registry.add(FABRIKAM, "Fabrikam")  # whose domain is empty

    assert registry.get("") is None
    assert registry.get("  ") is None
    assert registry.get("a\0b") is None
    assert registry.get(f" {CONTOSO.upper()} ") == registry.get(" CONTOSO.example ") == registry.get(" contoso ")


def test_organisations_of_one_domain_are_told_apart_by_their_tenant_id(registry: Registry) -> None:
    registry.add(FABRIKAM, "Fabrikam", domain="contoso.example")

    with pytest.raises(UsageError, match=r"2 organisations are called 'contoso\.example'") as refused:
        registry.get("contoso.example")
    assert (refused.value.where, refused.value.repair) == ("TENANT", "name the tenant id")


def test_unknown_organisation_is_refused_with_one_that_is_called_so(registry: Registry) -> None:
    with pytest.raises(UsageError, match=r"no organisation is called 'contosso\.example'") as refused:
        registry.wanted("contosso.example")
    assert refused.value.repair == "did you mean 'contoso.example'?"
    assert refused.value.where == "TENANT"


def test_removed_organisation_is_refused_with_the_command_that_takes_it_in(registry: Registry) -> None:
    registry.add(FABRIKAM, "Fabrikam")
    for name, wanted in (("Contoso", "contoso.example"), ("Fabrikam", FABRIKAM)):
        registry.remove(registry.wanted(name).tenant_id, reason="over")
        with pytest.raises(UsageError, match=f"{name} was removed") as refused:
            registry.current(name)
        assert refused.value.repair == f"to take it in again: orgcal tenants add {wanted} --stack prod"


def test_added_organisation_has_its_name_stripped_and_its_domain_checked(registry: Registry) -> None:
    assert registry.add(FABRIKAM, "  Fabrikam \n", domain=" Fabrikam.Example ").name == "Fabrikam"
    assert registry.wanted(FABRIKAM).domain == "fabrikam.example"
    with pytest.raises(UsageError):
        registry.add(FABRIKAM, "x", domain="no domain")
    with pytest.raises(UsageError):
        registry.add("fabrikam.example", "x")
    with pytest.raises(UsageError, match="201 characters, and 200 are kept"):
        registry.add(FABRIKAM, "x" * 201)


ADDED = Tenant(FABRIKAM, FABRIKAM, "", State.INVITED, added_at=NOW, changed_at=NOW)


def detail_of_the_last(registry: Registry, action: str, tenant_id: str = FABRIKAM) -> tuple[str, dict[str, object]]:
    """Result and detail of the last row of the log."""
    last = registry.last(action, tenant_id)
    assert last is not None
    return last.result, last.detail


def test_organisation_is_called_by_what_is_known_of_it(registry: Registry, moment: Time) -> None:
    assert registry.add(FABRIKAM.upper()) == registry.wanted(FABRIKAM) == ADDED
    assert detail_of_the_last(registry, "add") == ("added", {"name": FABRIKAM})
    moment.now = NOW + timedelta(minutes=1)
    again = replace(ADDED, domain="fabrikam.example", changed_at=moment.now)
    assert registry.add(FABRIKAM, domain="fabrikam.example") == registry.wanted(FABRIKAM) == again
    assert detail_of_the_last(registry, "add") == ("known", {"name": FABRIKAM, "domain": "fabrikam.example"})
    named = replace(again, name="Fabrikam")
    assert registry.add(FABRIKAM, "Fabrikam", domain=" ") == registry.wanted("FABRIKAM") == named
    assert registry.add(HEX, domain="Hex.Example").name == "hex.example"


def test_organisation_that_was_removed_begins_anew_with_its_name(registry: Registry, moment: Time) -> None:
    registry.add(FABRIKAM, "Fabrikam", domain="fabrikam.example")
    registry.set_state(FABRIKAM, State.VERIFIED, reason="x", permissions=["A"], permission_hash="h", verdict="pass")
    registry.remove(FABRIKAM, reason="over")
    moment.now = NOW + timedelta(minutes=1)

    back = registry.add(FABRIKAM, since=NOW)

    assert back == replace(ADDED, name="Fabrikam", domain="fabrikam.example", changed_at=moment.now)
    assert registry.wanted(FABRIKAM) == back
    assert detail_of_the_last(registry, "add") == ("added", {"name": "Fabrikam", "domain": "fabrikam.example"})


def test_name_that_was_given_since_the_caller_began_stays(registry: Registry, moment: Time) -> None:
    registry.add(FABRIKAM, "theirs")
    began = NOW + timedelta(minutes=1)

    assert registry.add(FABRIKAM, "ours", since=NOW).name == "theirs", "it was given at that moment"
    assert registry.add(FABRIKAM, "ours", since=began).name == "ours"
    moment.now = began
    assert registry.add(FABRIKAM, "theirs again").name == "theirs again"
    assert registry.add(FABRIKAM, "ours", domain="ours.example", since=began).name == "theirs again"
    assert registry.wanted(FABRIKAM).domain == "ours.example"


@pytest.mark.parametrize(("tenant_id", "domain"), [("fabrikam.example", ""), (FABRIKAM, "no domain")])
def test_organisation_that_no_tenant_can_be_is_refused(registry: Registry, tenant_id: str, domain: str) -> None:
    with pytest.raises(UsageError) as refused:
        registry.add(tenant_id, domain=domain)

    assert refused.value.where == "tenants"
    assert [tenant.name for tenant in registry.tenants()] == ["Contoso"]


def test_organisation_is_found_by_id_before_domain_before_name(registry: Registry) -> None:
    registry.add(FABRIKAM, "contoso.example", domain="other.example")
    registry.add(HEX, FABRIKAM)

    assert registry.wanted("contoso.example").tenant_id == CONTOSO
    assert registry.wanted(FABRIKAM).tenant_id == FABRIKAM
    assert registry.wanted("OTHER.example").tenant_id == FABRIKAM
    assert registry.get("nobody") is None


def test_organisations_of_one_name_are_listed_by_their_tenant_id(registry: Registry) -> None:
    for tenant_id, name in ((HEX, "Same"), (FABRIKAM, "Same"), (HEX.replace("b", "0"), "Zoo")):
        registry.add(tenant_id, name)

    assert [tenant.tenant_id for tenant in registry.tenants()] == [CONTOSO, FABRIKAM, HEX, HEX.replace("b", "0")]


def test_move_is_decided_anew_where_somebody_else_wrote_meanwhile(tmp_path: Path, moment: Time) -> None:
    with empty_registry(tmp_path, moment) as registry, empty_registry(tmp_path, moment, operator="bob") as other:
        registry.add(CONTOSO, "Contoso")
        seen: list[str] = []

        def decide(tenant: Tenant) -> Move:
            seen.append(tenant.name)
            if len(seen) == 1:
                moment.now = NOW + timedelta(minutes=1)
                other.add(CONTOSO, "Renamed")
            return Move(State.CONSENTED, "", {"permissions": ["A"], "permission_hash": "h"})

        after = registry.move(CONTOSO, Cause.CONSENT, decide)

        assert seen == ["Contoso", "Renamed"], "the state was the same, and something else was not"
        assert after == registry.wanted(CONTOSO)
        assert (after.name, after.permissions, after.permission_hash) == ("Renamed", ("A",), "h")
        assert [(entry.action, entry.operator) for entry in registry.log(CONTOSO)] == [
            ("add", "ada"),
            ("add", "bob"),
            ("consent", "ada"),
        ]


def test_state_set_without_a_reason_has_none(registry: Registry) -> None:
    registry.set_state(CONTOSO, State.FAILED, reason="it failed")

    told = registry.set_state(CONTOSO, State.VERIFIED)

    assert (told.state, told.reason) == (State.VERIFIED, "")
    assert detail_of_the_last(registry, "set", CONTOSO) == ("verified", {"before": "failed"})


def test_removal_is_in_the_log_with_its_reason(registry: Registry) -> None:
    removed = registry.remove(CONTOSO, reason="the customer left")

    assert (removed.state, removed.reason) == (State.REMOVED, "the customer left")
    assert detail_of_the_last(registry, "remove", CONTOSO) == (
        "removed",
        {"before": "invited", "reason": "the customer left"},
    )


def test_organisations_are_listed_by_name_without_the_removed(registry: Registry) -> None:
    registry.add(FABRIKAM, "A first")
    registry.add(FABRIKAM.replace("3", "4"), "Gone")
    registry.remove("44444444-4444-4444-4444-444444444444", reason="over")

    assert [tenant.name for tenant in registry.tenants()] == ["A first", "Contoso"]


def test_unknown_tenant_id_cannot_be_moved(registry: Registry) -> None:
    with pytest.raises(UsageError, match=f"no organisation has tenant id {FABRIKAM}") as refused:
        registry.set_state(FABRIKAM, State.CONSENTED)
    assert refused.value.where == "registry"


def test_state_is_set_with_its_fields_and_told_as_it_is_kept(registry: Registry, moment: Time) -> None:
    moment.now = NOW + timedelta(hours=1)

    told = registry.set_state(CONTOSO.upper(), State.CONSENTED, reason="by hand", permissions=["A"], verdict="warn")

    assert told == registry.wanted(CONTOSO)
    assert (told.permissions, told.reason, told.changed_at) == (("A",), "by hand", moment.now)
    last = registry.last("set", CONTOSO)
    assert last is not None
    assert (last.result, last.detail) == ("consented", {"before": "invited", "reason": "by hand"})


def test_state_of_a_removed_organisation_is_refused(registry: Registry) -> None:
    registry.remove(CONTOSO, reason="over")

    assert registry.set_state(CONTOSO, State.REMOVED).state is State.REMOVED
    with pytest.raises(UsageError, match="Contoso was removed"):
        registry.set_state(CONTOSO, State.CONSENTED)


def test_move_that_is_not_allowed_writes_nothing(registry: Registry) -> None:
    before = registry.wanted(CONTOSO)

    assert registry.move(CONTOSO, Cause.CHECK, lambda _: Move(State.REVOKED, "x")) == before
    assert registry.move(CONTOSO, Cause.CHECK, lambda _: None) == before
    assert registry.wanted(CONTOSO) == before


def test_removal_by_another_state_than_the_known_one_is_refused(registry: Registry) -> None:
    with pytest.raises(UsageError, match="Contoso has become invited meanwhile") as refused:
        registry.remove(CONTOSO, reason="over", known=State.VERIFIED)
    assert (refused.value.where, refused.value.repair) == (CONTOSO, "look at it, and run this again")
    assert registry.remove(CONTOSO, reason="over", known=State.INVITED).state is State.REMOVED


def test_look_at_organisations_is_noted_for_those_alone(registry: Registry, moment: Time) -> None:
    registry.add(FABRIKAM, "Fabrikam")
    moment.now = NOW + timedelta(hours=1)

    registry.checked([CONTOSO.upper()])

    assert registry.wanted(CONTOSO).checked_at == moment.now
    assert registry.wanted(FABRIKAM).checked_at is None
    registry.remove(FABRIKAM, reason="over")
    registry.checked([FABRIKAM])
    assert registry.wanted(FABRIKAM).checked_at is None


def test_look_at_more_organisations_than_fit_a_statement_is_noted_for_each(
    registry: Registry, moment: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "_AT_ONCE", 2)
    ids = [CONTOSO, *(f"{number:08d}-3333-3333-3333-333333333333" for number in range(4))]
    for number, tenant_id in enumerate(ids[1:]):
        registry.add(tenant_id, f"N{number}")

    registry.checked(ids)

    assert [tenant.checked_at for tenant in registry.tenants()] == [NOW] * 5


def test_organisation_is_taken_over_as_it_is_and_found_by_its_name(registry: Registry) -> None:
    exported = Tenant(
        FABRIKAM.upper(),
        "FABRIKAM",
        "FABRIKAM.example",
        State.VERIFIED,
        permissions=("A",),
        added_at=NOW,
        changed_at=NOW,
    )

    assert registry.take_in(exported)
    assert registry.wanted("fabrikam") == replace(exported, tenant_id=FABRIKAM, domain="fabrikam.example")
    assert not registry.take_in(replace(exported, name="other"))
    last = registry.last("import", FABRIKAM)
    assert last is not None
    assert (last.result, last.detail) == ("verified", {"name": "FABRIKAM"})


def test_connectors_of_one_database_see_nothing_of_each_other(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/tenants.sqlite"
    with (
        closing(Registry(url, connector="orgcal/prod", operator="ada", now=Time())) as ours,
        closing(Registry(url, connector="orgcal/test", operator="bob", now=Time())) as theirs,
    ):
        ours.add(CONTOSO, "Ours", domain="contoso.example")
        theirs.add(CONTOSO, "Theirs", domain="contoso.example")
        link = made_link(ours)

        assert (ours.wanted("contoso.example").name, theirs.wanted("contoso.example").name) == ("Ours", "Theirs")
        assert links.spend(theirs, link.state, client_id="client") == "unknown"
        assert links.look_up(theirs, link.link.state_hash) is None
        assert links.revoke(theirs, CONTOSO) == 0
        theirs.checked([CONTOSO])
        theirs.remove(CONTOSO, reason="over")
        assert ours.wanted("Ours").checked_at is None
        assert isinstance(links.spend(ours, link.state, client_id="client"), Spent)
        assert {entry.operator for entry in ours.log()} == {"ada"}
        assert theirs.last("link", CONTOSO) is None


# The log -----------------------------------------------------------------------------------------------------------


def test_log_leaves_out_what_says_nothing_and_keeps_nought(registry: Registry) -> None:
    registry.note("push", "client", "pushed", generation=0, platform="", removed=None, drift=False)

    last = registry.last("push", "client")
    assert last is not None
    assert last.detail == {"generation": 0, "drift": False}
    assert last.at == NOW


def test_last_row_of_the_log_is_the_newest_about_this_action_on_this_subject(registry: Registry) -> None:
    for action, subject, result in (("push", "a", "1"), ("push", "a", "2"), ("push", "b", "3"), ("rotate", "a", "4")):
        registry.note(action, subject, result)

    last = registry.last("push", "a")
    assert last is not None
    assert last.result == "2"
    assert registry.last("push", "c") is None
    assert [entry.result for entry in registry.log("a")] == ["1", "2", "4"]
    assert [entry.result for entry in registry.log()] == ["added", "1", "2", "3", "4"]


def test_time_without_a_zone_is_refused_and_any_other_is_kept_in_utc(registry: Registry) -> None:
    east = datetime(2026, 11, 28, 14, 0, tzinfo=timezone(timedelta(hours=2)))

    registry.set_state(CONTOSO, State.CONSENTED, consented_at=east)

    kept = registry.wanted(CONTOSO).consented_at
    assert kept == east
    assert kept is not None
    assert kept.tzinfo is UTC
    with pytest.raises((StatementError, RegistryUnavailable)):
        registry.set_state(CONTOSO, State.CONSENTED, consented_at=datetime(2026, 11, 28))  # noqa: DTZ001


def test_operator_is_named_by_the_variables_or_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert registry_url(tmp_path, {"ORGCAL_REGISTRY_URL": ""}) == f"sqlite:///{tmp_path}/tenants.sqlite"
    with pytest.raises(UsageError, match=r"the operator's name holds U\+000A"):
        operator_of({"GITHUB_ACTOR": "octo\n"})

    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    monkeypatch.setattr("os.getuid", lambda: 4711)
    assert operator_of({}) == "uid 4711"
