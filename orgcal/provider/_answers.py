"""Answers to the engine, built from what resources return."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc

from orgcal.errors import OrgcalError
from orgcal.provider._messages import provider_pb2, status_pb2
from orgcal.provider._sdk import Diff, Incomplete, Prop, Properties, Resource, has_unknown
from orgcal.provider._values import encode


def secrets(declared: Mapping[str, Prop]) -> list[str]:
    """Names that are always sent as secrets."""
    return [name for name, prop in declared.items() if prop.secret]


def state(resource: Resource, inputs: Properties, outputs: Properties) -> Any:
    """The state of a resource, inputs and outputs together, as the engine keeps it.

    Raises:
        OrgcalError: a property that the resource does not declare.
    """
    declared = {**resource.inputs, **resource.outputs}
    everything = {**inputs, **outputs}
    refuse_undeclared(resource.token, everything, declared)
    return encode(everything, secrets=secrets(declared))


def refuse_undeclared(token: str, values: Properties, declared: Mapping[str, Prop]) -> None:
    """Raise for a property that nobody declared: the engine would pass it on silently."""
    wrong = sorted(values.keys() - declared.keys())
    if wrong:
        raise OrgcalError(f"{token} answers with properties it does not declare: {', '.join(wrong)}")


def refuse_unknown(values: Properties) -> None:
    """Raise for a value that is unknown outside a preview, so that the engine's marker goes nowhere."""
    wrong = sorted(name for name, value in values.items() if has_unknown(value))
    if wrong:
        raise OrgcalError(f"the engine sent no value for {', '.join(wrong)} outside a preview")


def check_failures(problems: Mapping[str, str]) -> list[Any]:
    """Failures without their property's name, since the engine would print that property's value beside it."""
    return [provider_pb2.CheckFailure(reason=f"{name}: {reason}") for name, reason in problems.items()]


def checked(inputs: Properties, problems: Mapping[str, str], declared: Mapping[str, Prop]) -> Any:
    """The answer to a check."""
    if problems:
        return provider_pb2.CheckResponse(failures=check_failures(problems))
    return provider_pb2.CheckResponse(inputs=encode(inputs, secrets=secrets(declared)))


def diffed(diff: Diff, olds: Properties, news: Properties) -> Any:
    """The answer to a diff, property by property."""
    detailed = {}
    for name in diff.changed:
        verb = "UPDATE" if name in olds and name in news else "ADD" if name in news else "DELETE"
        kind = f"{verb}_REPLACE" if name in diff.replaced else verb
        value = provider_pb2.PropertyDiff.Kind.Value(kind)
        detailed[name] = provider_pb2.PropertyDiff(kind=value, inputDiff=name in olds or name in news)
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if diff.changed else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=sorted(diff.changed),
        replaces=sorted(diff.replaced),
        deleteBeforeReplace=diff.delete_first,
        detailedDiff=detailed,
        hasDetailedDiff=True,
    )


def internal(plugin: str, error: Exception) -> str:
    """Type and place of an exception nobody expected; never its text, which could hold a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown place"
    return f"internal error in the plugin {plugin!r}: {type(error).__name__} at {place}; please report it"


class _Status(grpc.Status):  # type: ignore[misc]
    """A gRPC status with details, which `abort` alone cannot send."""

    def __init__(self, details: str, packed: bytes) -> None:
        self.code = grpc.StatusCode.UNKNOWN
        self.details = details
        self.trailing_metadata = (("grpc-status-details-bin", packed),)


def incomplete_status(error: Incomplete, resource: Resource, inputs: Properties) -> Any:
    """The status that makes the engine record a resource whose last steps failed."""
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.made.resource_id,
        properties=state(resource, inputs, error.made.outputs),
        reasons=[str(error)],
        inputs=encode(inputs, secrets=secrets(resource.inputs)),
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error))
    status.details.add().Pack(detail)
    return _Status(str(error), status.SerializeToString())
