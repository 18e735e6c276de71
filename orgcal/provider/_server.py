"""The engine's protocol (`pulumirpc.ResourceProvider`) for a `Provider`.

Source: https://github.com/pulumi/pulumi/blob/master/proto/pulumi/provider.proto
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import grpc
from google.protobuf import empty_pb2

from orgcal.errors import OrgcalError
from orgcal.provider import _answers as answers
from orgcal.provider import _schema
from orgcal.provider._messages import engine_pb2, engine_pb2_grpc, plugin_pb2, provider_pb2, provider_pb2_grpc
from orgcal.provider._sdk import (
    UNKNOWN,
    Call,
    Diff,
    Incomplete,
    InvalidInputs,
    Properties,
    Provider,
    Resource,
    State,
    problems_of,
)
from orgcal.provider._values import decode, encode

WORKERS = 16
"""Calls answered at a time; the engine has about this many under way, most of them waiting for a network."""

PARENT_POLL_S = 2.0
"""How often we look whether the engine still lives: killed engines do not say goodbye."""

MAX_MESSAGE_BYTES = 400 * 1024 * 1024
"""What the engine itself allows (`rpcutil.GrpcChannelOptions`)."""

ENGINE_ARGUMENTS = frozenset({"version", "pluginDownloadURL", "pluginChecksums", "__internal"})
"""Arguments of a provider resource that are the engine's, not the plugin's."""


def serve(provider: Provider) -> None:
    """Answer the engine until it ends this process or goes away itself."""
    parent = os.getppid()
    server = grpc.server(ThreadPoolExecutor(WORKERS), options=[("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)])
    servicer = Servicer(provider, sys.argv[1] if len(sys.argv) > 1 else None)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    try:
        while server.wait_for_termination(PARENT_POLL_S) and os.getppid() == parent:
            pass
    except KeyboardInterrupt:
        pass  # the terminal sends Ctrl-C to us too; the engine decides what happens and ends us
    finally:
        server.stop(grace=None)


def _guarded(method: Callable[[Any, Any, Any], Any]) -> Callable[[Any, Any, Any], Any]:
    """Turn exceptions into what the engine shows: one sentence, no trace (each `abort` raises)."""

    @functools.wraps(method)
    def answer(self: Servicer, request: Any, context: Any) -> Any:
        try:
            return method(self, request, context)
        except Incomplete as error:
            resource = self.resource_of(request.urn)
            inputs = getattr(request, "properties", None) or getattr(request, "news", None)
            context.abort_with_status(answers.incomplete_status(error, resource, decode(inputs)))
        except OrgcalError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except Exception as error:  # noqa: BLE001 - the last place where it can become a sentence
            context.abort(grpc.StatusCode.INTERNAL, answers.internal(self.provider.name, error))

    return answer


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """One plugin's answers. Everything it does not answer is "unimplemented" for the engine."""

    def __init__(self, provider: Provider, engine_address: str | None) -> None:
        self.provider = provider
        self._resources = {resource.token: resource for resource in provider.resources}
        self._functions = {function.token: function for function in provider.functions}
        self._engine = _engine(engine_address)

    # -- about the plugin ---------------------------------------------------------------------

    @_guarded
    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return plugin_pb2.PluginInfo(version=self.provider.version)

    @_guarded
    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    @_guarded
    def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return provider_pb2.GetSchemaResponse(schema=_schema.text(self.provider))

    @_guarded
    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return empty_pb2.Empty()  # calls under way end by their own timeouts

    # -- its configuration --------------------------------------------------------------------

    @_guarded
    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        if not self.provider.config:
            # The engine hands a default provider every setting under its package's name, `orgcal:…`, which are the
            # program's and not ours; kept, they would make each change of a setting a change of the provider.
            return provider_pb2.CheckResponse()
        failures = problems_of(self.provider.config, self._config(request.news), {})
        return answers.checked(decode(request.news), failures, self.provider.config)

    @_guarded
    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        # A changed address or credential of the provider never replaces what it manages.
        olds, news = decode(request.old_inputs), decode(request.news)
        changed = frozenset(name for name in {*olds, *news} if olds.get(name) != news.get(name))
        return answers.diffed(Diff(changed), olds, news)

    @_guarded
    def Configure(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        if self.provider.configure:
            self.provider.configure(self._config(request.args))
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    # -- resources ----------------------------------------------------------------------------

    @_guarded
    def Check(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        resource = self.resource_of(request.urn)
        news, olds = decode(request.news), decode(request.olds)
        failures = problems_of(resource.inputs, news, olds)
        if not failures:
            try:
                news = resource.check(self._call(request), news, olds)
            except InvalidInputs as error:
                failures = error.failures
        return answers.checked(news, failures, resource.inputs)

    @_guarded
    def Diff(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        resource = self.resource_of(request.urn)
        old, news = self._state(resource, request.old_inputs, request.olds), decode(request.news)
        return answers.diffed(resource.diff(self._call(request), request.id, old, news), old.inputs, news)

    @_guarded
    def Create(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        resource, news = self.resource_of(request.urn), decode(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=self._planned(resource, request, news, None))
        answers.refuse_unknown(news)
        made = resource.create(self._call(request), news)
        return provider_pb2.CreateResponse(id=made.resource_id, properties=answers.state(resource, news, made.outputs))

    @_guarded
    def Update(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        resource, news = self.resource_of(request.urn), decode(request.news)
        old = self._state(resource, request.old_inputs, request.olds)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=self._planned(resource, request, news, old))
        answers.refuse_unknown(news)
        outputs = resource.update(self._call(request), request.id, old, news)
        return provider_pb2.UpdateResponse(properties=answers.state(resource, news, outputs))

    @_guarded
    def Read(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        resource = self.resource_of(request.urn)
        old = self._state(resource, request.inputs, request.properties)
        current = resource.read(self._call(request), request.id, old)
        if current is None:
            return provider_pb2.ReadResponse()
        answers.refuse_undeclared(resource.token, current.inputs, resource.inputs)
        return provider_pb2.ReadResponse(
            id=current.resource_id,
            inputs=encode(current.inputs, secrets=answers.secrets(resource.inputs)),
            properties=answers.state(resource, current.inputs, current.outputs),
        )

    @_guarded
    def Delete(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        resource = self.resource_of(request.urn)
        resource.delete(self._call(request), request.id, self._state(resource, request.old_inputs, request.properties))
        return empty_pb2.Empty()

    # -- functions ----------------------------------------------------------------------------

    @_guarded
    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        function = self._functions.get(request.tok)
        if function is None:
            raise self.provider.lacks("function", request.tok, self._functions)
        arguments = decode(request.args)
        failures = problems_of(function.inputs, arguments, {})
        if failures:
            return provider_pb2.InvokeResponse(failures=answers.check_failures(failures))
        answers.refuse_unknown(arguments)
        result = function.call(arguments)
        answers.refuse_undeclared(function.token, result, function.outputs)
        answer = encode(result, secrets=answers.secrets(function.outputs))
        return provider_pb2.InvokeResponse(**{"return": answer})

    # -- helpers ------------------------------------------------------------------------------

    def resource_of(self, urn: str) -> Resource:
        """The kind of resource that `urn` names (its type's last part; components stand before it)."""
        token = urn.split("::")[-2].split("$")[-1] if "::" in urn else ""
        resource = self._resources.get(token)
        if resource is None:
            raise self.provider.lacks("type", token, self._resources)
        return resource

    def _config(self, struct: Any) -> Properties:
        """Arguments of the provider without the engine's own; Pulumi's SDKs send all but text as JSON."""
        given = {name: value for name, value in decode(struct).items() if name not in ENGINE_ARGUMENTS}
        for name, value in given.items():
            if isinstance(value, str) and name in self.provider.config and self.provider.config[name].kind != "string":
                with contextlib.suppress(ValueError):  # what is no JSON is then refused as the wrong kind
                    given[name] = json.loads(value)
        return given

    def _state(self, resource: Resource, inputs: Any, outputs: Any) -> State:
        known_outputs, known_inputs = decode(outputs), decode(inputs)
        if not known_inputs:  # states written by other tools hold outputs only
            known_inputs = {name: value for name, value in known_outputs.items() if name in resource.inputs}
        return State(known_inputs, known_outputs)

    def _call(self, request: Any) -> Call:
        def tell(severity: Literal["info", "warning"], text: str) -> None:
            if self._engine is not None:
                level = engine_pb2.WARNING if severity == "warning" else engine_pb2.INFO
                with contextlib.suppress(grpc.RpcError):  # a line less is no reason to fail
                    self._engine.Log(engine_pb2.LogRequest(severity=level, message=text, urn=request.urn))

        return Call(request.urn.split("::")[-1], tell)

    def _planned(self, resource: Resource, request: Any, news: Properties, old: State | None) -> Any:
        outputs: Properties = {}
        for name, prop in resource.outputs.items():
            known = None if old is None or prop.volatile else old.outputs.get(name)
            outputs[name] = UNKNOWN if known is None else known
        return answers.state(resource, news, {**outputs, **resource.plan(self._call(request), news, old)})


def _engine(address: str | None) -> Any:
    if not address:
        return None
    return engine_pb2_grpc.EngineStub(grpc.insecure_channel(address))
