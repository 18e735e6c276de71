"""The protocol of `providers._server`, with the stand-in's own words for what it does not have."""

from __future__ import annotations

from typing import Any

import grpc

from orgcal.errors import OrgcalError
from orgcal.provider import _server
from orgcal.provider._sdk import Provider, Resource
from orgcal.provider.azuread.loopback import REAL_PLUGIN


class StandinServicer(_server.Servicer):
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
    _server.serve(provider, StandinServicer)
