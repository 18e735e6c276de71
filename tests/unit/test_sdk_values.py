"""Values between the engine and our resources, and what is wrong with inputs.

Source: https://github.com/pulumi/pulumi/blob/master/proto/pulumi/provider.proto, and for the signatures
sdk/python/lib/pulumi/runtime/rpc.py of the same repository.
"""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import struct_pb2

from orgcal.provider._sdk import (
    UNKNOWN,
    InvalidInputs,
    Kind,
    Prop,
    Properties,
    Secret,
    has_unknown,
    is_kind,
    problems_of,
    reveal,
)
from orgcal.provider._values import decode, encode

DECLARED = {"colour": Prop(required=True), "bulbs": Prop("array"), "code": Prop(secret=True, filled=True)}


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ("x", {"string"}),
        (True, {"boolean"}),
        (1, {"integer", "number"}),
        (1.5, {"number"}),
        ([], {"array"}),
        ({}, {"object"}),
        (Secret("x"), {"string"}),
        (UNKNOWN, {"string", "boolean", "integer", "number", "array", "object"}),
    ],
)
def test_value_is_of_the_kinds_that_a_user_would_call_it(value: Any, kinds: set[str]) -> None:
    every: tuple[Kind, ...] = ("string", "boolean", "integer", "number", "array", "object", "any")
    assert {kind for kind in every if is_kind(value, kind)} == kinds | {"any"}


def test_name_that_is_like_none_is_answered_with_the_known_ones() -> None:
    problems = problems_of(DECLARED, {"zzz": 1, "colour": "x"}, {})
    assert problems == {"zzz": "there is no input 'zzz'; known are bulbs, code, colour"}


def test_filled_input_of_the_last_time_may_come_back() -> None:
    given: Properties = {"colour": "x", "code": "c"}
    assert problems_of(DECLARED, given, {"code": Secret("c")}) == {}
    assert problems_of(DECLARED, given, {}) == {"code": "'code' is filled in by the provider and cannot be set"}


def test_refusal_of_inputs_names_them() -> None:
    assert str(InvalidInputs({"a": "x", "b": "y"})) == "a, b"


SIGNATURE = "4dabf18193072939515e22adb298388d"


def on_the_wire(value: Any) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update({"x": value})
    return struct


def test_secret_is_sent_with_the_signature_of_the_engine() -> None:
    expected = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "value": "s"}
    assert encode({"x": Secret("s")}) == encode({"x": "s"}, secrets=["x"]) == on_the_wire(expected)
    assert encode({"x": Secret("s")}, secrets=["x"]) == on_the_wire(expected)
    assert decode(on_the_wire(expected)) == {"x": Secret("s")}


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        ({"value": "v"}, "v"),
        ({"value": "v", "secret": False}, "v"),
        ({"value": "v", "secret": True}, Secret("v")),
        ({}, UNKNOWN),
        ({"secret": True}, Secret(UNKNOWN)),
    ],
)
def test_output_value_of_the_engine_is_read(sent: dict[str, Any], value: Any) -> None:
    assert decode(on_the_wire({SIGNATURE: "d0e6a833031e9bbcd3f4e8bde6ca49a4", **sent})) == {"x": value}


def test_asset_of_the_engine_is_refused() -> None:
    with pytest.raises(ValueError, match="assets, archives and resource references are not taken"):
        decode(on_the_wire({SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "text": "x"}))


def test_nothing_is_absent_at_the_top_and_null_inside() -> None:
    assert encode({"x": None, "y": [None]}) == encode({"y": [None]})
    assert decode(encode({"y": [None], "z": {"a": None}})) == {"y": [None], "z": {"a": None}}
    assert decode(on_the_wire(None)) == {}


def test_value_that_the_engine_does_not_know_is_refused() -> None:
    with pytest.raises(TypeError, match="a set cannot be sent to the engine"):
        encode({"x": {1}})
    assert decode(encode({"x": (1, True)})) == {"x": [1, True]}


def test_secrets_and_unknown_values_are_found_at_any_depth() -> None:
    deep = {"a": [Secret({"b": [Secret(UNKNOWN)]})]}
    assert reveal(deep) == {"a": [{"b": [UNKNOWN]}]}
    assert has_unknown(deep)
    assert not has_unknown({"a": [Secret("x"), {"b": 1}]})
    assert repr(UNKNOWN) == "UNKNOWN"
