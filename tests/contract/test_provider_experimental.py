"""Why our plugin has an adapter of its own: what pulumi.provider.experimental cannot do on 3.272.0 (ADR 2).

A test that fails here means that an upgrade of Pulumi can do one of them: then reconsider
docs/adr/0002-plugin-processes-not-dynamic-providers.md, and orgcal/provider/_sdk.py with it.
"""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from pathlib import Path

import pytest
from google.protobuf import struct_pb2
from pulumi.provider.experimental import provider as experimental
from pulumi.provider.experimental.property_value import PropertyValue, PropertyValueType
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime.proto import provider_pb2

from orgcal.provider._sdk import UNKNOWN
from orgcal.provider._values import decode, encode

ADR = next((Path(__file__).parents[2] / "docs" / "adr").glob("0002-*.md"))
UNKNOWN_ON_THE_WIRE = struct_pb2.Value(string_value="04da6b54-80e4-46f7-96ec-b56ff0331ba9")


def test_adr_names_the_version_that_was_tried() -> None:
    assert f"pulumi {version('pulumi')}" in ADR.read_text(encoding="utf-8")


def test_unknown_output_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="Unsupported value type"):
        PropertyValue.computed().marshal()

    assert encode({"callbackUrl": UNKNOWN}).fields["callbackUrl"] == UNKNOWN_ON_THE_WIRE


def test_unknown_input_arrives_as_an_ordinary_string() -> None:
    assert PropertyValue.unmarshal(UNKNOWN_ON_THE_WIRE).type is PropertyValueType.STRING

    assert decode(struct_pb2.Struct(fields={"clientId": UNKNOWN_ON_THE_WIRE}))["clientId"] is UNKNOWN


def test_diff_does_not_see_the_old_inputs() -> None:
    class Recording(experimental.Provider):
        asked: list[experimental.DiffRequest]

        def __init__(self) -> None:
            self.asked = []

        async def diff(self, request: experimental.DiffRequest) -> experimental.DiffResponse:
            self.asked.append(request)
            return experimental.DiffResponse()

    provider = Recording()
    request = provider_pb2.DiffRequest(urn="urn:pulumi:dev::p::a:b:C::n", old_inputs=encode({"only": "in the inputs"}))
    asyncio.run(ProviderServicer([], "1.0.0", provider, "").Diff(request, None))

    assert len(provider.asked) == 1
    assert "in the inputs" not in str(vars(provider.asked[0]))
