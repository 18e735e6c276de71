"""What a plugin of ours answers to the engine, down to what only some resources use.

Source: https://github.com/pulumi/pulumi/blob/master/proto/pulumi/provider.proto
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc

from orgcal.provider._sdk import (
    UNKNOWN,
    Call,
    Created,
    Diff,
    Function,
    Prop,
    Properties,
    Provider,
    ReadResult,
    Resource,
    Secret,
    State,
    reveal,
)
from orgcal.provider._server import Servicer
from orgcal.provider._values import decode, encode
from tests.support.plugin_protocol import Engine, served

URN = "urn:pulumi:dev::shop::my:index:Box$demo:index:Lamp::desk lamp"
DiffKind = provider_pb2.PropertyDiff.Kind


class Lamp(Resource):
    """A lamp that tells what is done with it."""

    token = "demo:index:Lamp"
    inputs: ClassVar[Mapping[str, Prop]] = {
        "colour": Prop(required=True, description="Of its light."),
        "socket": Prop(replaces=True),
        "bulbs": Prop("array"),
        "options": Prop("object"),
        "anything": Prop("any"),
        "code": Prop(secret=True, filled=True),
    }
    outputs: ClassVar[Mapping[str, Prop]] = {
        "id": Prop(),
        "watts": Prop("number", volatile=True),
        "key": Prop(secret=True),
    }

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any]] = []
        self.delete_first = False

    def check(self, call: Call, news: Properties, olds: Properties) -> Properties:
        self.calls.append(("check", call.name, (news, olds)))
        return news

    def diff(self, call: Call, resource_id: str, old: State, news: Properties) -> Diff:
        self.calls.append(("diff", resource_id, (old, news)))
        diff = self.compared(old.inputs, news)
        return Diff(diff.changed, diff.replaced, self.delete_first)

    def create(self, call: Call, news: Properties) -> Created:
        call.tell("warning", "it is hot")
        call.tell("info", "it is on")
        return Created("lamp-1", {"id": "lamp-1", "watts": 5, "key": "k"})

    def read(self, call: Call, resource_id: str, old: State) -> ReadResult | None:
        self.calls.append(("read", resource_id, old))
        inputs: Properties = {"colour": "red", "code": "c"} if resource_id != "odd" else {"color": "red"}
        return ReadResult("lamp-2", inputs, {"watts": 7})

    def update(self, call: Call, resource_id: str, old: State, news: Properties) -> Properties:
        self.calls.append(("update", resource_id, (old, news)))
        return {"watts": 6}

    def delete(self, call: Call, resource_id: str, old: State) -> None:
        self.calls.append(("delete", resource_id, old))


class Answer(Function):
    """Gives what it is asked for."""

    token = "demo:index:answer"
    inputs: ClassVar[Mapping[str, Prop]] = {"question": Prop(required=True), "tries": Prop("integer")}
    outputs: ClassVar[Mapping[str, Prop]] = {"answer": Prop(secret=True)}

    def call(self, arguments: Properties) -> Properties:
        return {"reply": "x"} if arguments["question"] == "odd" else {"answer": arguments["question"]}


@contextmanager
def asked(provider: Provider, engine: str = "") -> Iterator[Any]:
    with served(provider_pb2_grpc.add_ResourceProviderServicer_to_server, Servicer(provider, engine)) as address:
        channel = grpc.insecure_channel(address)
        try:
            yield provider_pb2_grpc.ResourceProviderStub(channel)
        finally:
            channel.close()


@pytest.fixture
def lamp() -> Lamp:
    return Lamp()


@pytest.fixture
def stub(lamp: Lamp) -> Iterator[Any]:
    with asked(Provider("demo", "1.2.3", [lamp], [Answer()])) as found:
        yield found


def test_resource_is_called_by_its_name_in_the_program(stub: Any, lamp: Lamp) -> None:
    stub.Check(provider_pb2.CheckRequest(urn=URN, olds=encode({"colour": "blue"}), news=encode({"colour": "red"})))

    assert lamp.calls == [("check", "desk lamp", ({"colour": "red"}, {"colour": "blue"}))]


def test_lines_of_a_resource_reach_the_user_with_their_severity() -> None:
    engine = Engine()
    with (
        served(engine_pb2_grpc.add_EngineServicer_to_server, engine) as address,
        asked(Provider("demo", "1.2.3", [Lamp()]), address) as stub,
    ):
        stub.Create(provider_pb2.CreateRequest(urn=URN, properties=encode({"colour": "red"})))

    assert engine.lines == [(engine_pb2.WARNING, "it is hot", URN), (engine_pb2.INFO, "it is on", URN)]


@pytest.mark.parametrize("engine", ["", "127.0.0.1:1"])
def test_line_that_reaches_nobody_is_no_reason_to_fail(engine: str) -> None:
    with asked(Provider("demo", "1.2.3", [Lamp()]), engine) as stub:
        made = stub.Create(provider_pb2.CreateRequest(urn=URN, properties=encode({"colour": "red"})))

    assert made.id == "lamp-1"


@pytest.mark.parametrize("delete_first", [False, True])
def test_diff_names_what_is_added_changed_and_removed(stub: Any, lamp: Lamp, delete_first: bool) -> None:
    lamp.delete_first = delete_first
    old = {"colour": "red", "socket": "a", "anything": 1}
    news = {"colour": "blue", "socket": "b", "bulbs": ["x"]}
    state = encode({**old, "watts": 5})
    answer = stub.Diff(
        provider_pb2.DiffRequest(urn=URN, id="lamp-1", olds=state, old_inputs=encode(old), news=encode(news))
    )

    assert lamp.calls == [("diff", "lamp-1", (State(old, {**old, "watts": 5}), news))]
    assert {name: (entry.kind, entry.inputDiff) for name, entry in answer.detailedDiff.items()} == {
        "anything": (DiffKind.Value("DELETE"), True),
        "bulbs": (DiffKind.Value("ADD"), True),
        "colour": (DiffKind.Value("UPDATE"), True),
        "socket": (DiffKind.Value("UPDATE_REPLACE"), True),
    }
    assert list(answer.diffs) == ["anything", "bulbs", "colour", "socket"]
    assert list(answer.replaces) == ["socket"]
    assert answer.hasDetailedDiff is True
    assert answer.deleteBeforeReplace is delete_first


@pytest.mark.parametrize(
    ("old", "new", "kind"), [({}, {"socket": "b"}, "ADD_REPLACE"), ({"socket": "a"}, {}, "DELETE_REPLACE")]
)
def test_diff_of_an_input_that_replaces_says_so(stub: Any, old: Properties, new: Properties, kind: str) -> None:
    base = {"colour": "red"}
    request = provider_pb2.DiffRequest(
        urn=URN, id="i", olds=encode({**base, **old}), old_inputs=encode({**base, **old}), news=encode({**base, **new})
    )
    assert stub.Diff(request).detailedDiff["socket"].kind == DiffKind.Value(kind)


def test_state_that_another_tool_wrote_gives_the_inputs_too(stub: Any, lamp: Lamp) -> None:
    state = {"colour": "red", "watts": 5}
    stub.Delete(provider_pb2.DeleteRequest(urn=URN, id="lamp-1", properties=encode(state)))

    assert lamp.calls == [("delete", "lamp-1", State({"colour": "red"}, state))]


def test_update_gets_the_old_state_and_answers_with_inputs_and_outputs(stub: Any, lamp: Lamp) -> None:
    old = {"colour": "red", "code": "c"}
    request = provider_pb2.UpdateRequest(
        urn=URN, id="lamp-1", olds=encode({**old, "watts": 5}), old_inputs=encode(old), news=encode({"colour": "blue"})
    )
    answer = stub.Update(request)

    assert lamp.calls == [("update", "lamp-1", (State(old, {**old, "watts": 5}), {"colour": "blue"}))]
    assert decode(answer.properties) == {"colour": "blue", "watts": 6}


def test_update_with_an_unknown_value_outside_a_preview_is_refused(stub: Any, lamp: Lamp) -> None:
    request = provider_pb2.UpdateRequest(urn=URN, id="i", olds=encode({}), news=encode({"colour": [UNKNOWN]}))
    with pytest.raises(grpc.RpcError, match="the engine sent no value for colour outside a preview"):
        stub.Update(request)
    assert lamp.calls == []


def test_read_answers_with_the_id_and_secret_inputs_of_the_resource(stub: Any, lamp: Lamp) -> None:
    request = provider_pb2.ReadRequest(
        urn=URN, id="lamp-1", inputs=encode({"colour": "blue"}), properties=encode({"colour": "blue", "watts": 5})
    )
    answer = stub.Read(request)

    assert lamp.calls == [("read", "lamp-1", State({"colour": "blue"}, {"colour": "blue", "watts": 5}))]
    assert answer.id == "lamp-2"
    assert decode(answer.inputs) == {"colour": "red", "code": Secret("c")}
    assert decode(answer.properties) == {"colour": "red", "code": Secret("c"), "watts": 7}


def test_read_with_an_input_that_is_not_declared_is_told_at_once(stub: Any) -> None:
    with pytest.raises(grpc.RpcError, match="demo:index:Lamp answers with properties it does not declare: color"):
        stub.Read(provider_pb2.ReadRequest(urn=URN, id="odd"))


def test_function_answers_secrets_and_declared_results_only(stub: Any) -> None:
    def invoke(**arguments: Any) -> Any:
        return stub.Invoke(provider_pb2.InvokeRequest(tok=Answer.token, args=encode(arguments)))

    assert decode(getattr(invoke(question="x"), "return")) == {"answer": Secret("x")}
    assert [failure.reason for failure in invoke(question="x", tries="y").failures] == [
        "tries: 'tries' must be of kind integer, not str"
    ]
    with pytest.raises(grpc.RpcError, match="demo:index:answer answers with properties it does not declare: reply"):
        invoke(question="odd")
    with pytest.raises(grpc.RpcError, match="the engine sent no value for question outside a preview"):
        invoke(question=UNKNOWN)


def test_handshake_takes_secrets_and_previews(stub: Any) -> None:
    assert stub.Handshake(provider_pb2.ProviderHandshakeRequest()).accept_secrets is True
    configured = stub.Configure(provider_pb2.ConfigureRequest(args=encode({})))
    assert (configured.acceptSecrets, configured.supportsPreview) == (True, True)
    assert stub.GetPluginInfo(empty_pb2.Empty()).version == "1.2.3"
    assert stub.Cancel(empty_pb2.Empty()) == empty_pb2.Empty()


def test_configuration_reaches_the_plugin_as_values() -> None:
    given: list[Properties] = []
    config = {"deep": Prop("object"), "flag": Prop("boolean"), "host": Prop(), "token": Prop(secret=True)}
    with asked(Provider("demo", "1.2.3", [], config=config, configure=given.append)) as stub:
        engine_s = {"version": "1", "pluginDownloadURL": "u", "pluginChecksums": {}, "__internal": {}}
        args = {**engine_s, "deep": '{"a": 1}', "flag": "true", "host": "1", "token": "t"}
        stub.Configure(provider_pb2.ConfigureRequest(args=encode(args)))
        checked = stub.CheckConfig(provider_pb2.CheckRequest(news=encode(args)))

    assert given == [{"deep": {"a": 1}, "flag": True, "host": "1", "token": "t"}]
    assert list(checked.failures) == []
    assert decode(checked.inputs)["token"] == Secret("t")


def test_plugin_without_configuration_keeps_none_of_the_programs_settings(stub: Any) -> None:
    answer = stub.CheckConfig(provider_pb2.CheckRequest(news=encode({"orgcal:anything": "x"})))
    assert (decode(answer.inputs), list(answer.failures)) == ({}, [])


def test_changed_configuration_updates_and_never_replaces(stub: Any) -> None:
    old, new = {"same": 1, "gone": "x", "other": "a"}, {"same": 1, "other": "b", "new": True}
    answer = stub.DiffConfig(provider_pb2.DiffRequest(olds=encode(old), old_inputs=encode(old), news=encode(new)))

    kinds = {name: entry.kind for name, entry in answer.detailedDiff.items()}
    assert kinds == {"gone": DiffKind.Value("DELETE"), "new": DiffKind.Value("ADD"), "other": DiffKind.Value("UPDATE")}
    assert (list(answer.replaces), answer.deleteBeforeReplace) == ([], False)


def test_preview_leaves_no_known_output_unknown_in_an_update() -> None:
    with asked(Provider("demo", "1.2.3", [Lamp()])) as stub:
        old = {"colour": "red"}
        request = provider_pb2.UpdateRequest(
            urn=URN,
            id="lamp-1",
            olds=encode({**old, "id": "lamp-1", "watts": 5}),
            old_inputs=encode(old),
            news=encode({"colour": "blue"}),
            preview=True,
        )
        found = decode(stub.Update(request).properties)

    assert (found["colour"], found["id"], found["watts"]) == ("blue", "lamp-1", UNKNOWN)
    assert reveal(found["key"]) is UNKNOWN


def test_urn_that_names_no_type_is_told_with_the_known_ones(stub: Any) -> None:
    with pytest.raises(grpc.RpcError, match="the plugin 'demo' has no type ''; known are demo:index:Lamp"):
        stub.Check(provider_pb2.CheckRequest(urn="lamp"))


def test_plugin_says_by_its_title_what_it_lacks() -> None:
    provider = Provider("demo", "1", [], title="the demonstration", repair="use the real one")
    error = provider.lacks("type", "x", ["b", "a"])
    assert (error.what, error.repair) == ("the demonstration has no type 'x'; known are a, b", "use the real one")


def test_schema_describes_properties_in_the_words_of_pulumi() -> None:
    """Source: https://www.pulumi.com/docs/iac/packages-and-automation/pulumi-packages/schema/."""
    config = {"host": Prop(description="Where it is."), "token": Prop(secret=True)}
    with asked(Provider("demo", "1.2.3", [Lamp()], [Answer()], config=config)) as stub:
        schema = json.loads(stub.GetSchema(provider_pb2.GetSchemaRequest()).schema)

    settings = {"host": {"type": "string", "description": "Where it is."}, "token": {"type": "string", "secret": True}}
    anything = {"$ref": "pulumi.json#/Any"}
    inputs = {
        "colour": {"type": "string", "description": "Of its light."},
        "socket": {"type": "string", "willReplaceOnChanges": True},
        "bulbs": {"type": "array", "items": anything},
        "options": {"type": "object", "additionalProperties": anything},
        "anything": anything,
    }
    outputs = {"watts": {"type": "number"}, "key": {"type": "string", "secret": True}}
    assert schema == {
        "name": "demo",
        "version": "1.2.3",
        "config": {"variables": settings},
        "provider": {"inputProperties": settings},
        "resources": {
            "demo:index:Lamp": {
                "description": "A lamp that tells what is done with it.",
                "inputProperties": inputs,
                "requiredInputs": ["colour"],
                "properties": {**inputs, "code": {"type": "string", "secret": True}, **outputs},
                "required": ["colour"],
            }
        },
        "functions": {
            "demo:index:answer": {
                "description": "Gives what it is asked for.",
                "inputs": {
                    "properties": {"question": {"type": "string"}, "tries": {"type": "integer"}},
                    "required": ["question"],
                },
                "outputs": {"properties": {"answer": {"type": "string", "secret": True}}},
            }
        },
    }
