"""The engine's messages and services from Pulumi's SDK, without the rest of it.

`import pulumi` loads its automation API, OpenTelemetry and dill: a third of a plugin's start, which needs none of them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

__all__ = ["engine_pb2", "engine_pb2_grpc", "plugin_pb2", "provider_pb2", "provider_pb2_grpc", "status_pb2"]


@contextmanager
def _without_their_code() -> Iterator[None]:
    """Puts empty packages in the place of `pulumi` and `pulumi.runtime` meanwhile, unless they are loaded already."""
    found = find_spec("pulumi")
    if "pulumi" in sys.modules or found is None:  # the import says what is missing
        yield
        return
    folder = Path(next(iter(found.submodule_search_locations or [])))
    empty = {"pulumi": folder, "pulumi.runtime": folder / "runtime"}
    for name, path in empty.items():
        package = ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules[name] = package
    try:
        yield
    finally:
        # A later `import pulumi` finds nothing half loaded; its message classes are these, as protobuf knows them.
        for name in [name for name in sys.modules if name.partition(".")[0] == "pulumi"]:
            del sys.modules[name]


with _without_their_code():
    from pulumi.runtime.proto import (
        engine_pb2,
        engine_pb2_grpc,
        plugin_pb2,
        provider_pb2,
        provider_pb2_grpc,
        status_pb2,
    )
