"""What the engine gets where a plugin of ours fails, whole, and where its resources say little of themselves.

Source: `ErrorResourceInitFailed` in https://github.com/pulumi/pulumi/blob/master/proto/pulumi/provider.proto, and the
richer errors of https://grpc.io/docs/guides/error/.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, status_pb2

from orgcal.errors import OrgcalError, PlatformError
from orgcal.provider import _answers as answers
from orgcal.provider import _schema
from orgcal.provider._sdk import (
    Call,
    Created,
    Function,
    Incomplete,
    Prop,
    Properties,
    Provider,
    ReadResult,
    Resource,
    Secret,
    State,
    problems_of,
)
from orgcal.provider._server import Servicer
from orgcal.provider._values import decode, encode

URN = "urn:pulumi:dev::shop::demo:index:Cup::cup"
NEWS: Properties = {"size": 3, "code": Secret("hush"), "handle": True}


class Cup(Resource):
    token = "demo:index:Cup"
    inputs: ClassVar[Mapping[str, Prop]] = {
        "size": Prop("integer", required=True),
        "code": Prop(secret=True),
        "handle": Prop("boolean", required=True),
    }
    outputs: ClassVar[Mapping[str, Prop]] = {"key": Prop(secret=True), "place": Prop()}

    def __init__(self, fail: Callable[[], Any]) -> None:
        self.fail = fail

    def create(self, call: Call, news: Properties) -> Created:
        made: Created = self.fail()
        return made

    def read(self, call: Call, resource_id: str, old: State) -> ReadResult | None:
        return None

    def update(self, call: Call, resource_id: str, old: State, news: Properties) -> Properties:
        outputs: Properties = self.fail()
        return outputs

    def delete(self, call: Call, resource_id: str, old: State) -> None:
        self.fail()


class Drink(Function):
    token = "demo:index:drink"

    def call(self, arguments: Properties) -> Properties:
        return {}


class Aborted(Exception):
    """What gRPC raises for a call that is aborted."""


class Context:
    """Of a call: keeps the code, the text and the packed details with which it is aborted."""

    found: tuple[Any, str, bytes]

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        self.found = code, details, b""
        raise Aborted

    def abort_with_status(self, status: Any) -> None:
        ((key, packed),) = status.trailing_metadata
        assert key == "grpc-status-details-bin"
        self.found = status.code, status.details, packed
        raise Aborted


def failed(method: str, request: Any, fail: Callable[[], Any]) -> tuple[Any, str, bytes]:
    """Code, text and packed details of what the engine gets."""
    context = Context()
    with pytest.raises(Aborted):
        getattr(Servicer(Provider("demo", "1", [Cup(fail)]), ""), method)(request, context)
    return context.found


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("Create", provider_pb2.CreateRequest(urn=URN, properties=encode(NEWS))),
        ("Update", provider_pb2.UpdateRequest(urn=URN, id="i", olds=encode({"size": 1}), news=encode(NEWS))),
    ],
)
def test_resource_whose_last_steps_failed_is_recorded_whole(method: str, request_: Any) -> None:
    def fail() -> Any:
        error = PlatformError("the last step failed", where="PUT /x", repair="again")
        raise Incomplete(Created("id-7", {"key": "k", "place": "shelf"}), error)

    code, text, packed = failed(method, request_, fail)
    status = status_pb2.Status.FromString(packed)
    (detail,) = status.details
    recorded = provider_pb2.ErrorResourceInitFailed()

    assert code is grpc.StatusCode.UNKNOWN
    assert (status.code, status.message) == (2, text), "UNKNOWN of google.rpc.Code"
    assert text == "PUT /x: the last step failed\n  repair: again"
    assert detail.Unpack(recorded)
    assert (recorded.id, list(recorded.reasons)) == ("id-7", [text])
    assert decode(recorded.inputs) == NEWS
    assert decode(recorded.properties) == {**NEWS, "key": Secret("k"), "place": "shelf"}


def test_resource_that_is_incomplete_says_what_its_error_says() -> None:
    made = Created("i")
    error = Incomplete(made, PlatformError("what", where="where", repair="repair"))
    assert (error.what, error.where, error.repair, error.made) == ("what", "where", "repair", made)


def test_error_of_ours_and_any_other_one_have_different_codes() -> None:
    def ours() -> Any:
        raise OrgcalError("no", where="here")

    def other() -> Any:
        raise KeyError("hush")

    request = provider_pb2.DeleteRequest(urn=URN, id="i", properties=encode(NEWS))
    line = other.__code__.co_firstlineno + 1
    assert failed("Delete", request, ours) == (grpc.StatusCode.UNKNOWN, "here: no", b"")
    assert failed("Delete", request, other) == (
        grpc.StatusCode.INTERNAL,
        f"internal error in the plugin 'demo': KeyError at test_plugin_failures.py:{line}; please report it",
        b"",
    )


def test_error_that_was_never_raised_has_no_place() -> None:
    assert answers.internal("demo", KeyError("hush")) == (
        "internal error in the plugin 'demo': KeyError at unknown place; please report it"
    )


def test_everything_that_is_not_declared_is_named_in_order() -> None:
    with pytest.raises(OrgcalError) as undeclared:
        answers.refuse_undeclared("demo:index:Cup", {"b": 1, "size": 2, "a": 3}, Cup.inputs)
    assert str(undeclared.value) == "demo:index:Cup answers with properties it does not declare: a, b"


def test_schema_of_what_has_no_description_says_so() -> None:
    schema = json.loads(_schema.text(Provider("demo", "1", [Cup(dict)], [Drink()])))
    cup = schema["resources"]["demo:index:Cup"]

    assert cup["description"] == schema["functions"]["demo:index:drink"]["description"] == ""
    assert cup["requiredInputs"] == cup["required"] == ["handle", "size"]
    assert cup["properties"].keys() == {*Cup.inputs, *Cup.outputs}
    assert (schema["config"], schema["provider"]) == ({"variables": {}}, {"inputProperties": {}})


def test_configuration_that_is_no_text_is_taken_as_it_is() -> None:
    given: list[Properties] = []
    config = {"deep": Prop("object"), "flag": Prop("boolean"), "host": Prop(), "open": Prop("any")}
    servicer = Servicer(Provider("demo", "1", [], config=config, configure=given.append), "")
    values = {"deep": {"a": "1"}, "flag": True, "host": "{}", "open": "plain", "other": "1"}
    servicer.Configure(provider_pb2.ConfigureRequest(args=encode(values)), None)

    assert given == [values]


def test_input_of_another_kind_is_told_by_both_kinds() -> None:
    assert problems_of(Cup.inputs, {"size": "x", "code": Secret(1), "handle": 1, "hadle": 1}, {}) == {
        "size": "'size' must be of kind integer, not str",
        "code": "'code' must be of kind string, not int",
        "handle": "'handle' must be of kind boolean, not int",
        "hadle": "there is no input 'hadle'; did you mean 'handle'?",
    }


def test_secret_shows_no_more_than_that_it_is_one() -> None:
    assert f"{Secret('hush')!r} {[Secret('hush')]}" == "Secret(...) [Secret(...)]"
