"""The plan of an update: what the engine's preview reports, in the guide's words, and what it means for customers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from orgcal.errors import Refused, UsageError
from orgcal.operations.plan import Plan, PlanFacts, make_plan, refuse_irreversible
from orgcal.operations.plan_file import kept_plan, read_plan_file
from orgcal.operations.plan_words import ALLOWANCES, KINDS, kind_of
from orgcal.resource_types import APPLICATION, CONNECTOR, PASSWORD, SERVICE_PRINCIPAL
from orgcal.stack.engine_events import EngineStep, EventCollector, UpdateResult
from orgcal.tenants.model import State, Tenant

NOW = datetime(2026, 11, 29, tzinfo=UTC)
BEFORE = frozenset({"Calendars.Read", "Directory.Read.All"})


def tenant(name: str, *permissions: str, hashed: str = "") -> Tenant:
    return Tenant(
        name, name, "", State.CONSENTED, "", hashed, permissions or tuple(BEFORE), added_at=NOW, changed_at=NOW
    )


def previewed(*steps: tuple[str, str], same: int = 0) -> UpdateResult:
    counts = {operation: 1 for _, operation in steps} | ({"same": same} if same else {})
    return UpdateResult(counts, tuple(EngineStep(operation, kind, "outlook", done=True) for kind, operation in steps))


CONTOSO, FABRIKAM = tenant("Contoso"), tenant("Fabrikam")
TWO = (CONTOSO, FABRIKAM)


@pytest.mark.parametrize(
    ("steps", "facts", "allowances", "said"),
    [
        ([], PlanFacts("dev", TWO), [], []),
        ([(APPLICATION, "create")], PlanFacts("dev"), [], []),
        ([(APPLICATION, "update")], PlanFacts("dev", TWO, "id"), [], []),
        (
            [(APPLICATION, "create")],
            PlanFacts("dev", TWO),
            ["new-client-id"],
            ["2 organisations (Contoso, Fabrikam) must consent again, to a new client id"],
        ),
        (
            [(APPLICATION, "replace")],
            PlanFacts("dev", (CONTOSO,), "id"),
            ["new-client-id"],
            ["1 organisation (Contoso) must consent again, to a new client id"],
        ),
        ([(APPLICATION, "create")], PlanFacts("dev", restorable=["old"]), ["recycle-bin"], []),
        (
            [(APPLICATION, "create")],
            PlanFacts("dev", (CONTOSO,), restorable=["old"]),
            ["new-client-id", "recycle-bin"],
            ["1 organisation (Contoso) must consent again, to a new client id"],
        ),
        ([(CONNECTOR, "replace")], PlanFacts("dev", TWO, "id"), ["connector-in-use"], []),
        ([(CONNECTOR, "delete")], PlanFacts("dev", TWO, "id"), ["connector-in-use"], []),
        ([(CONNECTOR, "delete")], PlanFacts("dev", (), "id"), [], []),
        (
            [(APPLICATION, "replace")],
            PlanFacts("dev", None, "id"),
            ["new-client-id"],
            ["the registry cannot be read, so nobody knows whom of the customers this concerns"],
        ),
        (
            [(APPLICATION, "update")],
            PlanFacts(
                "dev",
                TWO,
                "id",
                ["Calendars.Read", "Mail.Read"],
                "hash",
                BEFORE,
            ),
            [],
            ["2 organisations (Contoso, Fabrikam) must consent again, as permissions are added: Mail.Read"],
        ),
        (
            [(APPLICATION, "update")],
            PlanFacts("dev", (CONTOSO, tenant("Wide", *BEFORE, "Mail.Read")), "id", ["Mail.Read"], "hash", BEFORE),
            [],
            ["1 organisation (Contoso) must consent again, as permissions are added: Mail.Read"],
        ),
        ([(APPLICATION, "update")], PlanFacts("dev", TWO, "id", ["Calendars.Read"], "hash", BEFORE), [], []),
        (
            [(APPLICATION, "update")],
            PlanFacts(
                "dev", (tenant("Late", "Calendars.Read"),), "id", ["Calendars.Read", "Mail.Read"], "hash", BEFORE
            ),
            [],
            [],
        ),
    ],
)
def test_plan_tells_what_it_means_for_customers_and_what_nobody_can_undo(
    steps: Sequence[tuple[str, str]], facts: PlanFacts, allowances: Sequence[str], said: Sequence[str]
) -> None:
    plan = make_plan(previewed(*steps), facts)

    assert [item.allowance for item in plan.irreversible] == allowances
    assert list(plan.consequences) == said
    assert set(allowances) <= set(ALLOWANCES)


def test_plan_names_resources_in_the_words_of_the_guide_in_the_engines_order() -> None:
    steps = previewed((CONNECTOR, "create"), (APPLICATION, "update"), (PASSWORD, "replace"), same=3)

    plan = make_plan(steps, PlanFacts("dev"))

    assert [(change.operation, change.kind) for change in plan.changes] == [
        ("created", "connector"),
        ("changed", "application"),
        ("replaced", "secret"),
    ]
    assert plan.as_json()["changes"]["same"] == 3
    assert kind_of(SERVICE_PRINCIPAL) == KINDS[SERVICE_PRINCIPAL] == "service principal"
    assert kind_of("other:index:Thing") == "Thing"


@pytest.mark.parametrize(("state_changes", "empty"), [(False, True), (True, False)])
def test_plan_without_resources_is_empty_unless_the_state_changes(state_changes: bool, empty: bool) -> None:
    assert make_plan(UpdateResult({"same": 6}, (), state_changes), PlanFacts("dev")).empty is empty


def test_what_cannot_be_undone_is_refused_until_each_word_is_given() -> None:
    plan = make_plan(previewed((APPLICATION, "create")), PlanFacts("dev", (CONTOSO,), restorable=["old"]))

    with pytest.raises(Refused) as refused:
        refuse_irreversible(plan, ["recycle-bin"], stack="dev")
    refuse_irreversible(plan, ALLOWANCES, stack="dev")
    refuse_irreversible(Plan((), {}), [], stack="dev")

    assert refused.value.exit_code == 1
    assert "new client id, and 1 organisation (Contoso) has consented to the old one" in refused.value.what
    assert "recycle bin" not in refused.value.what
    assert "orgcal adopt --stack dev --client-id old --restore" in refused.value.repair
    assert refused.value.repair.endswith("orgcal up --stack dev --allow new-client-id")


def event(kind: str, operation: str, *, done: bool = True, **sides: object) -> dict[str, object]:
    urn = f"urn:pulumi:dev::orgcal::{kind}::outlook"
    metadata = {"op": operation, "urn": urn, "type": kind, **sides}
    return {"resOutputsEvent" if done else "resourcePreEvent": {"metadata": metadata}}


@pytest.mark.parametrize(
    ("old", "new", "kind", "changes"),
    [
        ({"custom": True}, {"custom": True}, APPLICATION, False),
        ({"custom": True}, {"custom": True, "protect": True}, APPLICATION, True),
        ({"custom": True, "provider": "a"}, {"custom": True, "provider": "b"}, APPLICATION, True),
        ({"outputs": {"orgcal": 1}}, {"outputs": {"orgcal": 1}}, "pulumi:pulumi:Stack", False),
        ({"outputs": {"orgcal": 1}}, {"outputs": {"orgcal": 2}}, "pulumi:pulumi:Stack", True),
    ],
)
def test_collector_sees_a_change_of_the_state_where_the_engine_says_same(
    old: dict[str, object], new: dict[str, object], kind: str, changes: bool
) -> None:
    collector = EventCollector(None)
    collector(event(kind, "same", old=old, new=new))

    assert collector.result.state_changes is changes
    assert collector.result.steps == ()


def test_collector_counts_a_replacement_once_and_tells_what_was_not_ended() -> None:
    told: list[EngineStep] = []
    collector = EventCollector(told.append)
    custom = {"custom": True}
    for operation in ("create-replacement", "replace", "delete-replaced"):
        collector(event(APPLICATION, operation, old=custom, new=custom, detailedDiff={"notes": {}, "__defaults": {}}))
    collector(event(PASSWORD, "create", done=False, new=custom))
    collector({"diagnosticEvent": {"severity": "warning", "message": "look"}})
    collector({"diagnosticEvent": {"severity": "debug", "message": "noise"}})

    assert collector.result.changes == {"replace": 1}
    assert [(step.operation, step.properties) for step in collector.result.steps] == [("replace", ("notes",))]
    assert [(item.operation, item.name) for item in collector.unfinished] == [("creating", "outlook")]
    assert [step.name for step in told if step.operation == "warning"] == ["look"]


def test_collector_leaves_out_the_preview_that_an_update_by_plan_begins_with() -> None:
    collector = EventCollector(None, previews=1)
    update = event(APPLICATION, "update", old={"custom": True}, new={"custom": True})
    collector(update)
    collector({"summaryEvent": {}})
    collector(update)

    assert collector.result.changes == {"update": 1}


def test_plan_file_is_kept_whole_and_another_stacks_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("plans")
    kept = folder / "reviewed"
    with kept_plan(kept) as written:
        assert written is not None
        written.write_text('{"resourcePlans": {"urn:pulumi:dev::orgcal::t::n": {}}}')
    (folder / "other").write_text("[]")

    assert kept.stat().st_mode & 0o777 == 0o600
    assert read_plan_file(kept, stack="dev", project="orgcal") == kept
    for file, stack, what in ((kept, "prod", "another stack"), (folder / "other", "dev", "no plan")):
        with pytest.raises(UsageError, match=what) as refused:
            read_plan_file(file, stack=stack, project="orgcal")
        assert f"orgcal up --stack {stack} --preview --plan {file}" == refused.value.repair
    with pytest.raises(UsageError, match="cannot be read"):
        read_plan_file(folder / "nowhere", stack="dev", project="orgcal")
