"""The version of the plugin, as a function that a program can call before it declares a resource."""

from __future__ import annotations

from typing import ClassVar

from orgcal import __version__
from orgcal.provider._sdk import Function, Prop, Properties


class GetVersion(Function):
    """Tells the version of the plugin that the engine has started."""

    token = "orgcal:index:getVersion"  # noqa: S105 - a function, no secret
    outputs: ClassVar = {"version": Prop()}

    def call(self, arguments: Properties) -> Properties:  # noqa: ARG002
        """Version, such as `0.1.0`."""
        return {"version": __version__}
