"""Our plugin as the process that the engine speaks to: what it says of itself, how it talks back, how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS, _MAX_RPC_MESSAGE_SIZE
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc

from orgcal import __version__
from orgcal.provider._server import MAX_MESSAGE_BYTES
from orgcal.provider._values import decode, encode
from tests.support.plugin_protocol import Engine, served

URN = "urn:pulumi:dev::shop::orgcal:index:CredentialLedger::ledger"
NEVER = {"generations": [1], "active": 1, "lifetime": "never"}


@contextmanager
def started(*arguments: str) -> Iterator[Any]:
    """A plugin that the engine starts with these arguments; it must end without a word on Ctrl-C."""
    plugin = subprocess.Popen(
        [sys.executable, "-m", "orgcal.provider.connector", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert plugin.stdout is not None
        channel = grpc.insecure_channel(f"127.0.0.1:{int(plugin.stdout.readline())}", options=_GRPC_CHANNEL_OPTIONS)
        try:
            yield provider_pb2_grpc.ResourceProviderStub(channel)
        finally:
            channel.close()
        plugin.send_signal(signal.SIGINT)
        assert plugin.communicate(timeout=30) == ("", "")
        assert plugin.returncode == 0
    finally:
        plugin.kill()
        plugin.communicate()


def test_plugin_has_our_types_and_tells_the_engine_that_started_it() -> None:
    engine = Engine()
    with served(engine_pb2_grpc.add_EngineServicer_to_server, engine) as address, started(address) as stub:
        schema = json.loads(stub.GetSchema(provider_pb2.GetSchemaRequest()).schema)
        stub.Check(provider_pb2.CheckRequest(urn=URN, news=encode(NEVER)))

    assert (schema["name"], schema["version"]) == ("orgcal", __version__)
    types = ("CertificateKey", "Connector", "ConnectorCredentials", "CredentialLedger")
    assert sorted(schema["resources"]) == [f"orgcal:index:{name}" for name in types]
    assert list(schema["functions"]) == ["orgcal:index:getVersion"]
    said = "this credential never expires; Microsoft advises less than 12 months"
    assert engine.lines == [(engine_pb2.WARNING, said, URN)]


def test_plugin_takes_messages_as_large_as_the_engine_sends() -> None:
    """gRPC by itself takes 4 MiB: https://grpc.github.io/grpc/core/group__grpc__arg__keys.html."""
    large = {**NEVER, "world": "x" * 5 * 1024 * 1024}
    with started() as stub:
        answer = stub.Check(provider_pb2.CheckRequest(urn=URN, news=encode(large)))

    assert decode(answer.inputs)["world"] == large["world"]
    assert MAX_MESSAGE_BYTES == _MAX_RPC_MESSAGE_SIZE, "the SDK's, which is the engine's"
