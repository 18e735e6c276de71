"""Rules that hold for every argument of the azuread stand-in, on a type made up to have one of each kind.

Source: pkg/tfbridge/schema.go of pulumi-terraform-bridge 3.137.0 (defaults), and states of the real plugin.
"""

from __future__ import annotations

from typing import Any

import pytest

from orgcal.provider._sdk import UNKNOWN
from orgcal.provider.azuread.arguments import canonical, changed, filled, imported, problems, refreshed
from orgcal.provider.azuread.fields import DEFAULTS, Field, Fields, argument_props, output, output_props


def short(value: object) -> str | None:
    return None if len(str(value)) < 4 else "is too long"


FIELDS: Fields = {
    "colour": Field(default="red", one_of=("red", "blue")),
    "bright": Field("boolean", default=False),
    "size": Field("integer"),
    "name": Field(required=True, rule=short),
    "labels": Field("map"),
    "order": Field("list", rule=short, at_most=2),
    "tags": Field("set", computed=True, at_most=1, conflicts=("parts",)),
    "box": Field("block", nested={"lid": Field(default="oak"), "locks": Field("set"), "key": Field()}),
    "need": Field("block", nested={"why": Field(required=True)}),
    "parts": Field("blocks", conflicts=("tags",), nested={"id": Field(required=True), "kind": Field(default="a")}),
    "steps": Field("blocks", ordered=True, nested={"do": Field()}),
    "never": Field(refused="nobody can"),
    "made": output(),
    "changing": output("map", volatile=True),
}


# Defaults -----------------------------------------------------------------------------------------------------------


def test_default_is_filled_in_where_nothing_or_null_is_given() -> None:
    assert filled(FIELDS, {}) == {"colour": "red", DEFAULTS: ["colour"]}
    assert filled(FIELDS, {"colour": None, "name": None}) == {"colour": "red", DEFAULTS: ["colour"]}
    assert filled(FIELDS, {"colour": "blue", DEFAULTS: ["old"]}) == {"colour": "blue", DEFAULTS: []}


@pytest.mark.parametrize(
    ("olds", "colour"),
    [
        ({"colour": "blue", DEFAULTS: ["colour"]}, "blue"),
        ({"colour": "blue", DEFAULTS: []}, "red"),
        ({"colour": "blue"}, "blue"),
        ({DEFAULTS: ["colour"]}, "red"),
        (None, "red"),
    ],
)
def test_default_of_the_last_time_stays_where_it_was_listed(olds: dict[str, Any] | None, colour: str) -> None:
    """`useOldDefault`: a plugin whose default changes does not change what is deployed."""
    assert filled(FIELDS, {}, olds) == {"colour": colour, DEFAULTS: ["colour"]}


@pytest.mark.parametrize(
    ("olds", "listed"),
    [({"bright": False, DEFAULTS: ["bright"]}, True), ({"bright": False, DEFAULTS: []}, False), ({}, False)],
)
def test_default_that_says_nothing_is_left_out_unless_it_was_listed(olds: dict[str, Any], listed: bool) -> None:
    inputs = filled(FIELDS, {"colour": "blue"}, olds)
    assert ("bright" in inputs, inputs[DEFAULTS]) == (listed, ["bright"] if listed else [])


def test_defaults_are_filled_in_inside_of_blocks_that_are_known() -> None:
    inputs = filled(FIELDS, {"box": {"key": "k"}, "parts": [{"id": "1"}, UNKNOWN], "steps": UNKNOWN, "else": {"x": 1}})
    assert inputs["box"] == {"key": "k", "lid": "oak", DEFAULTS: ["lid"]}
    assert inputs["parts"] == [{"id": "1", "kind": "a", DEFAULTS: ["kind"]}, UNKNOWN]
    assert inputs["steps"] is UNKNOWN
    assert inputs["else"] == {"x": 1}
    assert filled(FIELDS, {"box": UNKNOWN})["box"] is UNKNOWN


# Refusals -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({}, {}),
        ({"else": 1}, {}),
        ({"colour": "green"}, {"colour": "'colour' must be one of 'red', 'blue'"}),
        ({"name": "longer"}, {"name": "'name' is too long"}),
        ({"order": ["a", UNKNOWN, "b"]}, {"order": "'order' takes at most 2 elements, not 3"}),
        ({"order": [UNKNOWN, "longer"]}, {"order": "'order' is too long"}),
        ({"tags": ["a", "b"]}, {"tags": "'tags' takes at most 1 element, not 2"}),
        ({"never": "x"}, {"never": "the stand-in cannot serve 'never' (nobody can); use the real azuread plugin"}),
        ({"never": UNKNOWN}, {"never": "the stand-in cannot serve 'never' (nobody can); use the real azuread plugin"}),
        ({"box": {"lid": "x", DEFAULTS: []}}, {}),
        ({"box": {"top": 1}}, {"box.top": "there is no argument 'box.top'"}),
        ({"box": UNKNOWN, "parts": [UNKNOWN]}, {}),
        ({"parts": [{"kind": "b"}, {"id": None}]}, {"parts.id": "'parts.id' is missing"}),
        ({"parts": [{"id": "1"}], "tags": ["a"]}, {
            "parts": "'parts' cannot be given together with 'tags'",
            "tags": "'tags' cannot be given together with 'parts'",
        }),
        ({"parts": [{"id": "1"}], "tags": None}, {}),
        ({"need": {}}, {"need.why": "'need.why' is missing"}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_its_place(given: dict[str, Any], wrong: dict[str, str]) -> None:
    assert problems(FIELDS, given) == wrong


# Comparison ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "given", "names"),
    [
        ({}, {}, set()),
        ({"name": ""}, {}, set()),
        ({"bright": False, "size": 0, "labels": {}, "order": []}, {}, set()),
        ({"bright": True, "size": 1, "labels": {"a": "b"}, "order": ["x"]}, {}, {"bright", "size", "labels", "order"}),
        ({"order": ["a", "b"]}, {"order": ["b", "a"]}, {"order"}),
        ({"tags": ["a", "b"]}, {"tags": ["b", "a"]}, set()),
        ({"tags": ["a"]}, {}, set()),
        ({"tags": ["a"]}, {"tags": []}, {"tags"}),
        ({"box": {"lid": "oak", "locks": ["b", "a"], "key": ""}}, {"box": {"lid": "oak", "locks": ["a", "b"]}}, set()),
        ({"box": {"lid": "oak"}}, {}, set()),
        ({"box": {"lid": "fir"}}, {}, {"box"}),
        ({"parts": [{"id": "1", "kind": "a"}, {"id": "2", "kind": "a"}]}, {"parts": [{"id": "2"}, {"id": "1"}]}, set()),
        ({"parts": [{"id": "1", "kind": "b"}]}, {"parts": [{"id": "1"}]}, {"parts"}),
        ({"steps": [{"do": "x"}, {"do": "y"}]}, {"steps": [{"do": "y"}, {"do": "x"}]}, {"steps"}),
        ({"name": "n"}, {"name": UNKNOWN}, {"name"}),
        ({"made": "x"}, {"made": "y"}, set()),
    ],
)
def test_arguments_that_differ_are_named(state: dict[str, Any], given: dict[str, Any], names: set[str]) -> None:
    base = {"colour": "red"}
    assert changed(FIELDS, {**base, **state}, {**base, **given}) == names


def test_form_in_which_equal_means_equal_has_every_part_of_a_block() -> None:
    assert canonical(FIELDS["box"], None) == {"lid": "oak", "locks": [], "key": ""}
    assert canonical(FIELDS["parts"], [{"id": "2"}, {"id": "1"}]) == [
        {"id": "1", "kind": "a"},
        {"id": "2", "kind": "a"},
    ]


# Import and refresh -------------------------------------------------------------------------------------------------


def test_import_gives_what_is_neither_empty_nor_the_default() -> None:
    state = {
        "colour": "red",
        "bright": True,
        "size": 0,
        "name": "",
        "labels": {},
        "order": ["b", "a"],
        "tags": [],
        "box": {"lid": "fir", "locks": [], "key": ""},
        "need": {"why": ""},
        "parts": [],
        "steps": [{"do": "x"}],
        "made": "by the server",
    }
    assert imported(FIELDS, state) == {
        DEFAULTS: [],
        "bright": True,
        "name": "",
        "order": ["b", "a"],
        "box": {DEFAULTS: [], "lid": "fir"},
        "need": {DEFAULTS: [], "why": ""},
        "steps": [{DEFAULTS: [], "do": "x"}],
    }


def test_import_leaves_out_what_nobody_knows_and_blocks_that_say_nothing() -> None:
    assert imported(FIELDS, {"box": {"lid": "oak", "locks": []}, "bright": None}) == {DEFAULTS: []}


def test_import_keeps_the_plain_one_of_two_arguments_that_say_the_same() -> None:
    both = {"parts": [{"id": "1", "kind": "a"}], "tags": ["x"]}
    assert imported(FIELDS, both) == {DEFAULTS: [], "tags": ["x"]}
    assert imported(FIELDS, {**both, "tags": []}) == {DEFAULTS: [], "parts": [{DEFAULTS: [], "id": "1"}]}


def test_refresh_takes_the_servers_value_of_what_was_given() -> None:
    inputs = {
        "colour": "red",
        "name": "n",
        "tags": ["b", "a"],
        "order": ["b", "a"],
        "box": {"lid": "oak", "key": "k", DEFAULTS: ["lid"]},
        "parts": [{"id": "1", "kind": "a", DEFAULTS: ["kind"]}],
        "steps": [{"do": "x"}],
        "else": "kept",
        DEFAULTS: ["colour"],
    }
    state = {
        "colour": "red",
        "name": "m",
        "size": 5,
        "tags": ["a", "b"],
        "order": ["a", "b"],
        "box": {"lid": "oak", "locks": ["x"], "key": "other"},
        "parts": [{"id": "2", "kind": "a"}],
        "steps": None,
    }
    assert refreshed(FIELDS, inputs, state) == {
        "colour": "red",
        "name": "m",
        "tags": ["b", "a"],
        "order": ["a", "b"],
        "box": {"lid": "oak", "key": "other", DEFAULTS: ["lid"]},
        "parts": [{DEFAULTS: [], "id": "2", "kind": "a"}],
        "else": "kept",
        DEFAULTS: ["colour"],
    }


@pytest.mark.parametrize(
    ("given", "shown", "left"),
    [
        ({"labels": {"a": "b"}}, {"labels": {"a": "c", "d": "e"}}, {"labels": {"a": "c", "d": "e"}}),
        ({"box": {"lid": "fir"}}, {"box": {"lid": "elm", "key": "k"}}, {"box": {"lid": "elm"}}),
        ({"box": {"lid": "fir"}}, {"box": None}, {}),
        ({"box": {"lid": "fir"}}, {}, {}),
        ({"parts": [{"id": "1"}]}, {"parts": []}, {"parts": []}),
        ({"order": ["a"]}, {"order": None}, {}),
        ({"order": []}, {"order": None}, {"order": []}),
    ],
)
def test_refresh_takes_maps_as_they_are_and_drops_what_is_gone(
    given: dict[str, Any], shown: dict[str, Any], left: dict[str, Any]
) -> None:
    assert refreshed(FIELDS, given, shown) == left


def test_refresh_no_longer_calls_a_default_what_somebody_changed() -> None:
    inputs = {"colour": "red", "name": "n", DEFAULTS: ["colour", "gone"]}
    after = refreshed(FIELDS, inputs, {"colour": "blue", "name": "n"})
    assert after == {"colour": "blue", "name": "n", DEFAULTS: []}
    assert DEFAULTS not in refreshed(FIELDS, {"name": "n"}, {"name": "n"})


# Declarations -------------------------------------------------------------------------------------------------------


def test_arguments_and_outputs_are_declared_apart() -> None:
    arguments, outputs = argument_props(FIELDS), output_props(FIELDS)
    assert arguments.keys() == {*FIELDS, DEFAULTS} - {"made", "changing"}
    assert outputs.keys() == {"made", "changing", "id", "__meta"}
    assert {name for name, prop in arguments.items() if prop.required} == {"name"}
    assert {name for name, prop in outputs.items() if prop.volatile} == {"changing"}
    assert {name: prop.kind for name, prop in {**arguments, **outputs}.items() if prop.kind not in ("string",)} == {
        "bright": "boolean",
        "size": "integer",
        "labels": "object",
        "order": "array",
        "tags": "array",
        "box": "object",
        "need": "object",
        "parts": "array",
        "steps": "array",
        DEFAULTS: "array",
        "changing": "object",
    }
