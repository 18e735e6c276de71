"""Values as the engine sends them, turned into plain Python and back.

The wire form is a protobuf struct in which three things hide behind ordinary values: a secret is an
object with a signature, a value not known during preview is a string that looks like a client id,
and every number is a float. Here they become `Secret`, `UNKNOWN` and `int`.

Source: https://github.com/pulumi/pulumi/blob/master/proto/pulumi/provider.proto and
`pulumi.runtime.rpc`, whose constants of the same meaning are private.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from google.protobuf import struct_pb2

from orgcal.resource_types import SECRET_SIGNATURE, SIGNATURE_KEY

Properties = dict[str, Any]
"""Property name -> None, bool, int, float, str, list, dict, `Secret` or `UNKNOWN`, nested at will."""

_UNKNOWN_ON_WIRE: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


@final
class _Unknown:
    """The type of `UNKNOWN`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __str__(self) -> str:
        # Text made of it would travel on as if it were a value.
        raise TypeError("a value that is unknown during preview cannot be made into text")


UNKNOWN: Final = _Unknown()
"""A value that nobody knows until the update runs; compare with `is`."""


@final
@dataclass(slots=True)  # not frozen, so that it has no hash, which would help to guess it
class Secret:
    """A value that the engine keeps encrypted; its repr never shows it."""

    value: Any

    def __repr__(self) -> str:
        return "Secret(...)"


def reveal(value: Any) -> Any:
    """`value` without any `Secret` around it or inside it."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, dict):
        return {key: reveal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [reveal(item) for item in value]
    return value


def has_unknown(value: Any) -> bool:
    """Whether `value` is `UNKNOWN` or contains it."""
    if isinstance(value, Secret):
        return has_unknown(value.value)
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN


def decode(struct: struct_pb2.Struct) -> Properties:
    """Properties as sent by the engine; a top-level null means that the property is absent.

    Raises:
        ValueError: an asset or archive, which none of our resources takes.
    """
    decoded = {name: _decode(value) for name, value in struct.fields.items()}
    return {name: value for name, value in decoded.items() if value is not None}


def encode(properties: Mapping[str, Any], *, secrets: Iterable[str] = ()) -> struct_pb2.Struct:
    """Properties as the engine expects them.

    Args:
        properties: what to send; a top-level None is left out.
        secrets: names whose values are sent as secrets, wrapped in `Secret` or not.
    """
    hidden = frozenset(secrets)
    fields = {
        name: _encode(Secret(value) if name in hidden and not isinstance(value, Secret) else value)
        for name, value in properties.items()
        if value is not None
    }
    return struct_pb2.Struct(fields=fields)


def _decode(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "bool_value":
            return value.bool_value
        case "number_value":
            return int(value.number_value) if value.number_value.is_integer() else value.number_value
        case "string_value":
            return UNKNOWN if value.string_value == _UNKNOWN_ON_WIRE else value.string_value
        case "list_value":
            return [_decode(item) for item in value.list_value.values]
        case "struct_value":
            return _decode_object(value.struct_value)
        case _:
            return None


def _decode_object(struct: struct_pb2.Struct) -> Any:
    signature = struct.fields[SIGNATURE_KEY].string_value if SIGNATURE_KEY in struct.fields else ""
    if not signature:
        return {name: _decode(value) for name, value in struct.fields.items()}
    if signature == SECRET_SIGNATURE:
        return Secret(_decode(struct.fields["value"]))
    if signature == _OUTPUT:
        inner = _decode(struct.fields["value"]) if "value" in struct.fields else UNKNOWN
        return Secret(inner) if "secret" in struct.fields and struct.fields["secret"].bool_value else inner
    raise ValueError("assets, archives and resource references are not taken here")


def _encode(value: Any) -> struct_pb2.Value:
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if value is UNKNOWN:
        return struct_pb2.Value(string_value=_UNKNOWN_ON_WIRE)
    if isinstance(value, Secret):
        fields = {SIGNATURE_KEY: struct_pb2.Value(string_value=SECRET_SIGNATURE), "value": _encode(value.value)}
        return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=fields))
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=float(value))
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, Mapping):
        fields = {str(name): _encode(item) for name, item in value.items()}
        return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=fields))
    if isinstance(value, list | tuple):
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=[_encode(item) for item in value]))
    raise TypeError(f"a {type(value).__name__} cannot be sent to the engine")
