"""Proxies in the environment: what the engine, its plugins and the program say to each other never goes through one.

They talk over gRPC on 127.0.0.1. The gRPC library of the program's Python sends that through the proxy that
`grpc_proxy`, `https_proxy` or `http_proxy` names, in lower case only, unless `no_proxy` names the address; it does not
know `*`.
Source: https://github.com/grpc/grpc/blob/master/doc/environment_variables.md
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

LOOPBACK = ("localhost", "127.0.0.1", "::1")
EXCEPTIONS = ("no_proxy", "NO_PROXY")
_OF_GRPC = ("grpc_proxy", "https_proxy", "http_proxy")
_NAMES = (*_OF_GRPC, "all_proxy", *(name.upper() for name in (*_OF_GRPC, "all_proxy")))
_EXCEPTIONS_OF_GRPC = "no_grpc_proxy"
"""gRPC reads it instead of `no_proxy` where it is set."""


def loopback_variables(environ: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """What keeps loopback addresses away from the proxies that `environ` names.

    Returns:
        Variables to set, and variables to remove; nothing where no proxy is set. The user's own exceptions stay, and
        both spellings of `no_proxy` then say the same. Where the user excepts everything (`*`), the proxies are
        removed, which every program understands.
    """
    proxies = tuple(name for name in _NAMES if environ.get(name))
    if not proxies:
        return {}, ()
    excepted = [entry for name in EXCEPTIONS for entry in _entries(environ.get(name, ""))]
    if "*" in excepted:
        return {}, proxies
    variables = dict.fromkeys(EXCEPTIONS, _joined(excepted))
    if environ.get(_EXCEPTIONS_OF_GRPC):
        variables[_EXCEPTIONS_OF_GRPC] = _joined(_entries(environ[_EXCEPTIONS_OF_GRPC]))
    return variables, ()


def proxies_of_loopback(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the variables whose proxy would get what Pulumi's processes say to each other on this machine."""
    excepted = _entries(environ.get(_EXCEPTIONS_OF_GRPC) or environ.get("no_proxy", ""))
    if any(map(_holds_loopback, excepted)):
        return ()
    return tuple(name for name in _OF_GRPC if environ.get(name))


def _entries(text: str) -> list[str]:
    return [entry for entry in (part.strip() for part in text.split(",")) if entry]


def _joined(entries: list[str]) -> str:
    return ",".join(dict.fromkeys([*entries, *LOOPBACK]))


def _holds_loopback(entry: str) -> bool:
    """Whether an exception is, or is a network with, 127.0.0.1; gRPC compares the end of the address with the rest."""
    try:
        return ipaddress.ip_address("127.0.0.1") in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
