"""The adapter between the engine's protocol and our resources, over a real connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, ClassVar

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from orgcal.errors import OrgcalError, PlatformError
from orgcal.provider._sdk import (
    UNKNOWN,
    Call,
    Created,
    Diff,
    Function,
    Incomplete,
    InvalidInputs,
    Prop,
    Properties,
    Provider,
    ReadResult,
    Resource,
    Secret,
    State,
    has_unknown,
    reveal,
)
from orgcal.provider._server import Servicer
from orgcal.provider._values import decode, encode

MARKER = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
URN = "urn:pulumi:dev::shop::my:index:Box$demo:index:Note::note"


class Note(Resource):
    """A note that remembers what was asked of it."""

    token = "demo:index:Note"
    inputs: ClassVar[Mapping[str, Prop]] = {
        "path": Prop(required=True, replaces=True),
        "text": Prop(secret=True),
        "size": Prop("integer"),
        "seen": Prop("integer", filled=True),
    }
    outputs: ClassVar[Mapping[str, Prop]] = {
        "address": Prop(),
        "stamp": Prop(volatile=True),
        "key": Prop(secret=True),
    }

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.answer: Callable[[], Properties] = lambda: {"address": "here", "stamp": "now", "key": "k"}

    def check(self, call: Call, news: Properties, olds: Properties) -> Properties:
        if reveal(news.get("text")) == "bad":
            raise InvalidInputs({"text": "is bad"})
        return {**news, "seen": olds.get("seen", 0) + 1}

    def create(self, call: Call, news: Properties) -> Created:
        self.asked.append(("create", news))
        return Created("id-1", self.answer())

    def read(self, call: Call, resource_id: str, old: State) -> ReadResult | None:
        self.asked.append(("read", old))
        return None if resource_id == "gone" else ReadResult(resource_id, {"path": "p"}, self.answer())

    def update(self, call: Call, resource_id: str, old: State, news: Properties) -> Properties:
        self.asked.append(("update", old))
        return self.answer()

    def delete(self, call: Call, resource_id: str, old: State) -> None:
        self.asked.append(("delete", old))


class GetNote(Function):
    token = "demo:index:getNote"
    inputs: ClassVar[Mapping[str, Prop]] = {"path": Prop(required=True)}
    outputs: ClassVar[Mapping[str, Prop]] = {"text": Prop(secret=True)}

    def call(self, arguments: Properties) -> Properties:
        return {"text": f"text of {arguments['path']}"}


@contextmanager
def connected(provider: Provider) -> Iterator[Any]:
    server = grpc.server(ThreadPoolExecutor(2))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(provider, ""), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    try:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    finally:
        channel.close()
        server.stop(None).wait()


@pytest.fixture
def note() -> Note:
    return Note()


@pytest.fixture
def stub(note: Note) -> Iterator[Any]:
    with connected(
        Provider("demo", "1.2.3", [note], [GetNote()], config={"deep": Prop("object"), "host": Prop()})
    ) as stub:
        yield stub


def failures(answer: Any) -> dict[str, str]:
    """Input name -> sentence; the engine would print the value of an input that is named as such."""
    assert all(failure.property == "" for failure in answer.failures)
    return dict(failure.reason.split(": ", 1) for failure in answer.failures)


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(grpc.RpcError) as error:
        call()
    details: str = error.value.details()
    return details


def test_values_survive_the_wire() -> None:
    values: Properties = {"a": 1, "b": 1.5, "c": True, "d": "x", "e": [1, {"f": None}], "s": Secret({"t": ["u"]})}
    assert decode(encode(values)) == values


def test_decode_unknown_is_a_sentinel_also_inside_secrets_and_lists() -> None:
    found = decode(encode({"a": UNKNOWN, "b": Secret(UNKNOWN), "c": [UNKNOWN]}))
    assert found["a"] is UNKNOWN
    assert reveal(found["b"]) is UNKNOWN
    assert has_unknown(found["c"])


def test_unknown_cannot_become_text() -> None:
    with pytest.raises(TypeError):
        str(UNKNOWN)
    with pytest.raises(TypeError):
        json.dumps({"client_id": UNKNOWN})


def test_secret_shows_itself_to_nobody() -> None:
    secret = Secret("hush")
    assert "hush" not in f"{secret!r} {secret} {[secret]}"
    with pytest.raises(TypeError):
        hash(secret)


def test_check_names_and_kinds_are_all_reported_at_once(stub: Any) -> None:
    news = encode({"paht": "x", "size": "big", "text": True})
    answer = failures(stub.Check(provider_pb2.CheckRequest(urn=URN, news=news)))
    assert answer["paht"] == "there is no input 'paht'; did you mean 'path'?"
    assert answer["path"] == "'path' is missing"
    assert answer["size"] == "'size' must be of kind integer, not str"
    assert "kind string" in answer["text"]


def test_check_fills_inputs_in_and_hands_old_ones_on(stub: Any) -> None:
    olds = encode({"path": "p", "seen": 4})
    answer = stub.Check(provider_pb2.CheckRequest(urn=URN, olds=olds, news=encode({"path": "p", "text": "t"})))
    assert decode(answer.inputs) == {"path": "p", "text": Secret("t"), "seen": 5}


def test_check_filled_input_from_a_program_is_refused(stub: Any) -> None:
    answer = stub.Check(provider_pb2.CheckRequest(urn=URN, news=encode({"path": "p", "seen": 9})))
    assert "cannot be set" in failures(answer)["seen"]


def test_check_refusal_of_the_resource_is_reported_by_input(stub: Any) -> None:
    answer = stub.Check(provider_pb2.CheckRequest(urn=URN, news=encode({"path": "p", "text": "bad"})))
    assert failures(answer) == {"text": "is bad"}


def test_check_unknown_value_may_be_of_any_kind(stub: Any) -> None:
    answer = stub.Check(provider_pb2.CheckRequest(urn=URN, news=encode({"path": "p", "size": UNKNOWN})))
    assert decode(answer.inputs)["size"] is UNKNOWN


def test_create_in_a_preview_asks_no_resource_and_sends_unknown_outputs(stub: Any, note: Note) -> None:
    news = encode({"path": UNKNOWN, "text": Secret("t")})
    answer = stub.Create(provider_pb2.CreateRequest(urn=URN, properties=news, preview=True))
    assert note.asked == []
    assert answer.id == ""
    assert answer.properties["address"] == MARKER
    assert decode(answer.properties)["text"] == Secret("t")


def test_create_unknown_value_outside_a_preview_is_refused(stub: Any, note: Note) -> None:
    request = provider_pb2.CreateRequest(urn=URN, properties=encode({"path": UNKNOWN}))
    assert refused(lambda: stub.Create(request)) == "the engine sent no value for path outside a preview"
    assert note.asked == []


def test_create_marks_declared_secrets_even_if_the_resource_forgot(stub: Any) -> None:
    answer = stub.Create(provider_pb2.CreateRequest(urn=URN, properties=encode({"path": "p", "text": "t"})))
    found = decode(answer.properties)
    assert (answer.id, found["key"], found["text"], found["address"]) == ("id-1", Secret("k"), Secret("t"), "here")


def test_create_undeclared_output_is_told_at_once(stub: Any, note: Note) -> None:
    note.answer = lambda: {"adress": "typo"}
    request = provider_pb2.CreateRequest(urn=URN, properties=encode({"path": "p"}))
    assert (
        refused(lambda: stub.Create(request)) == "demo:index:Note answers with properties it does not declare: adress"
    )


def test_create_incomplete_keeps_the_resource_in_the_state(stub: Any, note: Note) -> None:
    def half() -> Properties:
        raise Incomplete(Created("id-7", {"address": "half"}), PlatformError("the last step failed", repair="again"))

    note.answer = half
    request = provider_pb2.CreateRequest(urn=URN, properties=encode({"path": "p", "text": "hush"}))
    with pytest.raises(grpc.RpcError) as error:
        stub.Create(request)
    assert error.value.details() == "the last step failed\n  repair: again"
    trailing = dict(error.value.trailing_metadata())
    assert b"id-7" in trailing["grpc-status-details-bin"]
    assert b"ErrorResourceInitFailed" in trailing["grpc-status-details-bin"]


def test_update_in_a_preview_keeps_steady_outputs_and_forgets_volatile_ones(stub: Any, note: Note) -> None:
    olds = encode({"path": "p", "address": "here", "stamp": "then", "key": Secret("k")})
    request = provider_pb2.UpdateRequest(urn=URN, id="i", olds=olds, news=encode({"path": "p"}), preview=True)
    found = decode(stub.Update(request).properties)
    assert note.asked == []
    assert (found["address"], found["stamp"], found["key"]) == ("here", UNKNOWN, Secret("k"))


@pytest.mark.parametrize(
    ("old", "new", "changed", "replaced"),
    [
        ({"path": "p"}, {"path": "p"}, set(), set()),
        ({"path": "p"}, {"path": "q"}, {"path"}, {"path"}),
        ({"path": "p", "text": Secret("t")}, {"path": "p", "text": "t"}, set(), set()),
        ({"path": "p", "text": Secret("t")}, {"path": "p", "text": Secret("u")}, {"text"}, set()),
        ({"path": "p", "size": 1}, {"path": "p"}, {"size"}, set()),
        ({"path": "p", "text": Secret("t")}, {"path": "p", "text": Secret(UNKNOWN)}, {"text"}, set()),
    ],
)
def test_diff_compares_with_the_old_inputs(
    stub: Any, old: Properties, new: Properties, changed: set[str], replaced: set[str]
) -> None:
    state = encode({**old, "address": "here"})
    request = provider_pb2.DiffRequest(urn=URN, id="i", olds=state, old_inputs=encode(old), news=encode(new))
    answer = stub.Diff(request)
    assert set(answer.diffs) == set(answer.detailedDiff) == changed
    assert set(answer.replaces) == replaced
    some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
    assert answer.changes == some


def test_read_gone_resource_answers_without_an_id(stub: Any) -> None:
    assert stub.Read(provider_pb2.ReadRequest(urn=URN, id="gone")).id == ""


def test_read_import_gets_an_empty_state(stub: Any, note: Note) -> None:
    answer = stub.Read(provider_pb2.ReadRequest(urn=URN, id="i"))
    assert note.asked == [("read", State({}, {}))]
    assert decode(answer.inputs) == {"path": "p"}
    assert decode(answer.properties)["key"] == Secret("k")


def test_delete_gets_inputs_and_outputs(stub: Any, note: Note) -> None:
    request = provider_pb2.DeleteRequest(
        urn=URN, id="i", properties=encode({"path": "p", "address": "a"}), old_inputs=encode({"path": "p"})
    )
    stub.Delete(request)
    assert note.asked == [("delete", State({"path": "p"}, {"path": "p", "address": "a"}))]


def test_error_of_ours_is_one_sentence(stub: Any, note: Note) -> None:
    def fail() -> Properties:
        raise PlatformError("the platform said no", where="PUT /x", repair="ask")

    note.answer = fail
    request = provider_pb2.CreateRequest(urn=URN, properties=encode({"path": "p"}))
    assert refused(lambda: stub.Create(request)) == "PUT /x: the platform said no\n  repair: ask"


def test_unexpected_error_shows_type_and_place_but_no_text(stub: Any, note: Note) -> None:
    def fail() -> Properties:
        raise KeyError("hush-secret")

    note.answer = fail
    text = refused(lambda: stub.Create(provider_pb2.CreateRequest(urn=URN, properties=encode({"path": "p"}))))
    assert "KeyError at test_sdk.py:" in text
    assert "hush" not in text


def test_unknown_type_is_named_with_the_known_ones(stub: Any) -> None:
    text = refused(lambda: stub.Check(provider_pb2.CheckRequest(urn="urn:pulumi:a::b::demo:index:Noet::n")))
    assert text == "the plugin 'demo' has no type 'demo:index:Noet'; known are demo:index:Note"


def test_invoke_answers_and_checks_arguments(stub: Any) -> None:
    token = "demo:index:getNote"
    good = stub.Invoke(provider_pb2.InvokeRequest(tok=token, args=encode({"path": "p"})))
    assert decode(getattr(good, "return")) == {"text": Secret("text of p")}
    assert failures(stub.Invoke(provider_pb2.InvokeRequest(tok=token)))["path"] == "'path' is missing"
    assert "no function" in refused(lambda: stub.Invoke(provider_pb2.InvokeRequest(tok="demo:index:x")))


def test_config_takes_json_for_what_is_no_text_and_refuses_unknown_names(stub: Any) -> None:
    good = encode({"deep": '{"a": 1}', "host": "h", "version": "1.2.3"})
    assert failures(stub.CheckConfig(provider_pb2.CheckRequest(news=good))) == {}
    bad = encode({"deep": "[", "hots": "h"})
    assert set(failures(stub.CheckConfig(provider_pb2.CheckRequest(news=bad)))) == {"deep", "hots"}


def test_schema_lists_what_a_program_may_set(stub: Any) -> None:
    schema = json.loads(stub.GetSchema(provider_pb2.GetSchemaRequest()).schema)
    described = schema["resources"]["demo:index:Note"]
    assert set(described["inputProperties"]) == {"path", "text", "size"}
    assert described["requiredInputs"] == ["path"]
    assert described["properties"]["key"]["secret"] is True


def test_default_diff_is_empty_for_equal_inputs() -> None:
    assert Note().compared({"path": "p"}, {"path": "p"}) == Diff()


def test_incomplete_is_one_of_our_errors() -> None:
    assert issubclass(Incomplete, OrgcalError)
