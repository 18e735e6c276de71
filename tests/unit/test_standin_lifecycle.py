"""What every type of the stand-in shares, on a type made up to have a property of each kind.

Source: states of the real plugin, and pkg/tfbridge of pulumi-terraform-bridge 3.137.0, with which it is built.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from orgcal.errors import GraphError, OrgcalError, Unreachable
from orgcal.provider._sdk import UNKNOWN, Diff, Incomplete, InvalidInputs, Prop, Properties, Secret, State
from orgcal.provider.azuread.directory import Directory
from orgcal.provider.azuread.fields import Field, Fields, output
from orgcal.provider.azuread.managed import Managed
from orgcal.provider.azuread.states import CreatedResource, as_secret, without_defaults
from tests.support.standin_graph import AnsweredConnection, AnsweredGraph, call, refusal

Step = Properties | OrgcalError


class Toy(Managed):
    """Is made in the steps, and looks as shown, that a test gives."""

    token = "azuread:index/toy:Toy"
    fields: ClassVar[Fields] = {
        "name": Field(required=True, replaces=True),
        "note": Field(),
        "labels": Field("map"),
        "parts": Field("set"),
        "order": Field("list"),
        "steps": Field("blocks", nested={"do": Field()}),
        "tags": Field("set", computed=True),
        "date": Field(computed=True),
        "mode": Field(default="a", one_of=("a", "b")),
        "on": Field("boolean"),
        "seen": output(),
        "found": output("list"),
        "count": output("integer", volatile=True),
        "value": output(secret=True),
    }
    state_meta = "{meta}"

    def __init__(self, steps: list[Step] | None = None, shown: list[Properties | None] | None = None) -> None:
        self.answered = AnsweredConnection(AnsweredGraph({}))
        super().__init__(self.answered)
        self.steps, self.shown = steps or [], shown or []
        self.asked: list[tuple[str, Any]] = []
        self.removal: OrgcalError | None = None

    def make(self, directory: Directory, news: Properties, name: str) -> Iterator[CreatedResource]:
        self.asked.append(("make", (news, name)))
        for step in self.steps:
            if isinstance(step, OrgcalError):
                raise step
            yield CreatedResource("toy-1", step)

    def look(self, directory: Directory, resource_id: str, old: Properties) -> Properties | None:
        self.asked.append(("look", (resource_id, old)))
        return self.shown.pop(0) if len(self.shown) > 1 else self.shown[0]

    def change(self, directory: Directory, resource_id: str, old: Properties, news: Properties) -> None:
        self.asked.append(("change", (resource_id, old, news)))

    def remove(self, directory: Directory, resource_id: str, old: Properties) -> None:
        self.asked.append(("remove", (resource_id, old)))
        if self.removal:
            raise self.removal


NOTHING = {"__defaults": None, "__meta": "{meta}"}
ABSENT = dict.fromkeys(["note", "labels", "parts", "order", "steps", "tags", "date", "mode", "on"])


def outputs(**state: Any) -> Properties:
    """The outputs for what is known of the resource: the other arguments are there, and null."""
    return {**ABSENT, "__defaults": None, "__meta": "{meta}", "id": "toy-1", **state}


def test_type_is_named_and_declared_by_its_token_and_fields() -> None:
    class Further(Managed):
        token = "azuread:index/further:Further"
        fields: ClassVar[Fields] = {
            "name": Field(required=True, replaces=True, secret=True),
            "parts": Field("set"),
            "made": output("map", secret=True, volatile=True),
            "blocks": Field("blocks", argument=False),
        }

    class Special(Further):
        token = "azuread:index/other:Other"

    assert Further.title == "Further"
    assert (
        Further.inputs
        == Special.inputs
        == {
            "name": Prop("string", required=True, secret=True, replaces=True),
            "parts": Prop("array"),
            "__defaults": Prop("array"),
        }
    )
    assert (
        Further.outputs
        == Special.outputs
        == {
            "made": Prop("object", secret=True, volatile=True),
            "blocks": Prop("array"),
            "id": Prop(),
            "__meta": Prop(),
        }
    )


# Checks and previews ------------------------------------------------------------------------------------------------


def test_check_fills_defaults_in_and_keeps_secrets() -> None:
    news = {"name": Secret("n"), "steps": [{"do": "x"}]}
    assert Toy().check(call(), news, {}) == {
        "name": Secret("n"),
        "steps": [{"__defaults": [], "do": "x"}],
        "mode": "a",
        "__defaults": ["mode"],
    }
    before = {"name": "n", "mode": Secret("b"), "__defaults": ["mode"]}
    assert Toy().check(call(), {"name": "n"}, before)["mode"] == "b"


def test_check_names_what_is_wrong_even_in_a_secret() -> None:
    with pytest.raises(InvalidInputs) as caught:
        Toy().check(call(), {"name": "n", "mode": Secret("c")}, {})
    assert caught.value.failures == {"mode": "'mode' must be one of 'a', 'b'"}


def test_diff_compares_the_values_behind_secrets() -> None:
    old = State({}, {"name": Secret("n"), "note": "x", "mode": "a", "date": "d"})
    same = {"name": "n", "note": Secret("x"), "mode": "a"}
    assert Toy().diff(call(), "toy-1", old, same) == Diff()
    other = {**same, "name": Secret("m"), "note": "y"}
    assert Toy().diff(call(), "toy-1", old, other) == Diff(frozenset({"name", "note"}), frozenset({"name"}))


def test_preview_of_a_creation_knows_nothing_of_what_the_server_fills_in() -> None:
    known = Toy().plan(call(), {"name": "n"}, None)
    assert known == {**NOTHING, "tags": UNKNOWN, "date": UNKNOWN}
    assert Toy().plan(call(), {"name": "n", "tags": ["t"]}, None) == {**NOTHING, "date": UNKNOWN}


def test_preview_of_an_update_knows_what_it_does_not_touch() -> None:
    before = {
        "note": "is emptied",
        "labels": {},
        "parts": Secret(["is emptied"]),
        "steps": [],
        "tags": ["t"],
        "date": Secret("d"),
        "mode": "a",
        "on": False,
        "seen": "s",
        "found": ["f"],
        "count": 5,
        "value": Secret("v"),
    }
    assert Toy().plan(call(), {"name": "n"}, State({}, before)) == {
        **NOTHING,
        "labels": {},
        "order": None,
        "steps": [],
        "tags": ["t"],
        "date": Secret("d"),
        "on": False,
        "seen": "s",
        "found": ["f"],
        "value": Secret("v"),
    }


# Creation -----------------------------------------------------------------------------------------------------------


def test_creation_gives_what_was_made_last() -> None:
    made = {"name": "n", "mode": "a", "seen": "s"}
    toy = Toy([{"name": "n"}, made], [made])
    created = toy.create(call(), {"name": Secret("n"), "mode": "a", "__defaults": ["mode"]})

    assert toy.asked == [("make", ({"name": "n", "mode": "a", "__defaults": ["mode"]}, "thing"))]
    assert created.resource_id == "toy-1"
    assert created.outputs == outputs(name=Secret("n"), mode="a", seen="s")


def test_creation_keeps_arguments_that_the_server_does_not_show() -> None:
    toy = Toy([{"name": "n", "mode": "a"}])
    steps = [{"__defaults": [], "do": "x"}]
    created = toy.create(call(), {"name": "n", "mode": "a", "on": False, "steps": steps, "note": None})
    assert created.outputs == outputs(name="n", mode="a", on=False, steps=[{"do": "x"}])


def test_empty_collection_that_was_never_given_is_absent() -> None:
    """As in the real plugin's state: an argument that was never given is absent there, not empty."""
    empty: Properties = {"labels": {}, "parts": [], "order": [], "steps": [], "tags": [], "found": []}
    toy = Toy([{"name": "n", **empty, "note": ""}])
    shown = {"steps": [], "tags": [], "found": [], "note": ""}
    assert toy.create(call(), {"name": "n"}).outputs == outputs(name="n", **shown)
    assert toy.create(call(), {"name": "n", **empty}).outputs == outputs(name="n", **{**shown, **empty})
    assert toy.create(call(), {"name": "n", "labels": {}}).outputs == outputs(name="n", **shown, labels={})


def test_creation_that_makes_nothing_is_an_error() -> None:
    with pytest.raises(OrgcalError) as caught:
        Toy().create(call(), {"name": "n"})
    assert str(caught.value) == "Toy 'thing': nothing was created"
    assert not isinstance(caught.value, Incomplete)


def test_creation_that_fails_at_once_is_told_with_the_name_and_the_request() -> None:
    with pytest.raises(OrgcalError) as caught:
        Toy([refusal(403)]).create(call(), {"name": "n"})
    assert type(caught.value) is OrgcalError
    assert str(caught.value) == (
        "Toy 'thing': Microsoft Graph answered 403 Some_Code: words (METHOD /path, request id r1)"
    )


def test_creation_that_fails_later_keeps_what_is_known() -> None:
    with pytest.raises(Incomplete) as caught:
        Toy([{"name": "n", "value": "v"}, Unreachable("lost", repair="again")]).create(
            call(), {"name": "n", "on": True}
        )
    assert str(caught.value) == "Toy 'thing': lost\n  repair: again"
    assert caught.value.made.resource_id == "toy-1"
    assert caught.value.made.outputs == outputs(name="n", value="v", on=True)


def test_creation_waits_until_reads_show_what_was_written() -> None:
    shown: list[Properties | None] = [None, {"name": "n"}, {"name": "n", "note": "x", "seen": "s"}]
    toy = Toy([{"name": "n", "note": "", "value": "told once"}], shown)
    news = {"name": "n", "note": "x"}
    created = toy.create(call(), news)

    assert created.outputs == outputs(name="n", note="x", seen="s", value="told once")
    assert toy.asked[1:] == [("look", ("toy-1", news))] * 3
    assert len(toy.answered.waits) == 2


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OrgcalError("no"), "Toy 'thing': no"),
        (OrgcalError("no", where="here", repair="do"), "Toy 'thing': no (here)\n  repair: do"),
        (GraphError("no", status=500, where="here"), "Toy 'thing': no (here)"),
        (GraphError("no", status=500, request_id="r1"), "Toy 'thing': no (request id r1)"),
        (GraphError("no", status=500, where="here", request_id="r1"), "Toy 'thing': no (here, request id r1)"),
    ],
)
def test_error_begins_with_the_resource_and_ends_with_the_request(error: OrgcalError, text: str) -> None:
    toy = Toy([error])
    with pytest.raises(OrgcalError) as caught:
        toy.create(call(), {"name": "n"})
    assert (type(caught.value), str(caught.value)) == (OrgcalError, text)


# Reading ------------------------------------------------------------------------------------------------------------


def test_refresh_shows_the_server_and_keeps_what_it_does_not_tell() -> None:
    inputs = {"name": Secret("n"), "note": "x", "__defaults": []}
    old = State(inputs, {"name": Secret("n"), "note": "x", "value": Secret("v"), "parts": ["gone"], "on": True})
    toy = Toy(shown=[{"name": "n", "note": "y", "parts": [], "labels": {}, "tags": []}])
    found = toy.read(call(), "toy-1", old)

    assert found is not None
    known = {"name": "n", "note": "x", "value": "v", "parts": ["gone"], "on": True}
    assert toy.asked == [("look", ("toy-1", known))]
    assert (found.resource_id, found.inputs) == ("toy-1", {"name": Secret("n"), "note": "y", "__defaults": []})
    assert found.outputs == outputs(name=Secret("n"), note="y", value="v", parts=[], tags=[], on=True)


def test_import_takes_what_is_no_default() -> None:
    toy = Toy(shown=[{"name": "n", "note": "", "mode": "a", "on": True, "labels": {}, "parts": ["p"], "seen": "s"}])
    found = toy.read(call(), "toy-1", State())

    assert found is not None
    assert found.inputs == {"name": "n", "on": True, "parts": ["p"], "__defaults": []}
    assert found.outputs == outputs(name="n", note="", mode="a", on=True, parts=["p"], seen="s")


def test_import_of_what_the_real_plugin_does_not_import_is_refused() -> None:
    toy = Toy(shown=[{"name": "n"}])
    toy.importable = False  # type: ignore[misc]
    with pytest.raises(OrgcalError) as caught:
        toy.read(call(), "toy-1", State())
    assert str(caught.value) == "Toy 'thing': Toy cannot be imported, as with the real plugin"
    assert toy.asked == []
    assert toy.read(call(), "toy-1", State({}, {"name": "n"})) is not None


def test_what_is_gone_is_gone_for_a_refresh_and_an_import() -> None:
    toy = Toy(shown=[None])
    assert toy.read(call(), "toy-1", State()) is toy.read(call(), "toy-1", State({}, {"name": "n"})) is None


# Updates and deletions ----------------------------------------------------------------------------------------------


def test_update_writes_and_reads_back_with_what_was_told_once() -> None:
    toy = Toy(shown=[{"name": "n", "note": "y", "seen": "s"}])
    old = State({}, {"name": "n", "note": "x", "value": Secret("v"), "on": True, "labels": {"a": "b"}})
    news = {"name": "n", "note": Secret("y")}
    found = toy.update(call(), "toy-1", old, news)

    before = {"name": "n", "note": "x", "value": "v", "on": True, "labels": {"a": "b"}}
    plain = {"name": "n", "note": "y"}
    assert toy.asked == [("change", ("toy-1", before, plain)), ("look", ("toy-1", {"value": "v", **plain}))]
    assert found == outputs(name="n", note=Secret("y"), seen="s", value="v")


def test_update_of_what_is_gone_says_how_to_go_on() -> None:
    with pytest.raises(OrgcalError) as caught:
        Toy(shown=[None]).update(call(), "toy-1", State(), {"name": "n"})
    assert str(caught.value) == "Toy 'thing': it is gone\n  repair: pulumi refresh"


def test_deletion_gets_the_plain_state() -> None:
    toy = Toy()
    toy.delete(call(), "toy-1", State({}, {"value": Secret("v")}))
    assert toy.asked == [("remove", ("toy-1", {"value": "v"}))]


REFRESH = "pulumi refresh, which takes what is gone out of the state"


@pytest.mark.parametrize(
    ("error", "repair"),
    [
        (GraphError("x", status=404), REFRESH),
        (GraphError("x", status=404, repair="other"), "other"),
        (GraphError("No password credential found with keyId 'k'", status=400), REFRESH),
        (GraphError("No password credential found", status=400, repair="other"), "other"),
        (GraphError("x", status=403), ""),
        (OrgcalError("No password credential found"), ""),
    ],
)
def test_deletion_of_what_is_gone_says_to_refresh(error: OrgcalError, repair: str) -> None:
    toy = Toy()
    toy.removal = error
    with pytest.raises(OrgcalError) as caught:
        toy.delete(call(), "toy-1", State())
    assert (caught.value.what, caught.value.repair) == (f"Toy 'thing': {error.what}", repair)


# Forms of a state ---------------------------------------------------------------------------------------------------


def test_notes_on_defaults_are_taken_out_at_any_depth() -> None:
    noted = {"__defaults": [], "a": [{"__defaults": ["x"], "x": 1}, ["y", {"__defaults": []}]], "b": {"c": None}}
    assert without_defaults(noted) == {"a": [{"x": 1}, ["y", {}]], "b": {"c": None}}


def test_value_is_secret_where_its_input_is_or_holds_a_secret() -> None:
    inputs = {"a": Secret("x"), "b": ["x", Secret("y")], "c": "x", "e": Secret("x")}
    assert as_secret({"a": "other", "b": ["x"], "c": "x", "d": "x"}, inputs) == {
        "a": Secret("other"),
        "b": Secret(["x"]),
        "c": "x",
        "d": "x",
    }
