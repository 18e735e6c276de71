"""The protocol of `providers._server`, with the stand-in's own words for what it does not have."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc  # type: ignore[import-untyped]
from pulumi.runtime.proto import provider_pb2_grpc

from orgcal.errors import OrgcalError
from providers._sdk import Provider, Resource
from providers._server import MAX_MESSAGE_BYTES, PARENT_POLL_S, WORKERS, Servicer
from providers.azuread.loopback import REAL_PLUGIN


class StandinServicer(Servicer):
    """Names any other type or function of pulumi-azuread, and says what to do."""

    def resource_of(self, urn: str) -> Resource:
        """The kind of resource that `urn` names.

        Raises:
            OrgcalError: the stand-in has no such type.
        """
        token = urn.split("::")[-2].split("$")[-1] if "::" in urn else ""
        if token not in self._resources:
            raise OrgcalError(f"the azuread stand-in has no type {token!r}", repair=REAL_PLUGIN)
        return super().resource_of(urn)

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Call a function; one that the stand-in does not have is named."""
        if request.tok not in self._functions:
            error = OrgcalError(f"the azuread stand-in has no function {request.tok!r}", repair=REAL_PLUGIN)
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        return super().Invoke(request, context)


def serve(provider: Provider) -> None:
    """Answer the engine until it ends this process or goes away itself."""
    parent = os.getppid()
    server = grpc.server(ThreadPoolExecutor(WORKERS), options=[("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)])
    servicer = StandinServicer(provider, sys.argv[1] if len(sys.argv) > 1 else "")
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
