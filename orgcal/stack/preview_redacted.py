"""A preview by somebody who may not see the stack's secrets: a reviewer's runner, for one.

Pulumi decrypts a whole state before it previews. So the state is taken as the backend keeps it, each secret in it is
replaced by a placeholder, and the preview runs on that copy, in a directory that is gone afterwards. Equal
placeholders compare as equal, so nothing shows as changed but what is.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi.automation as automation
import yaml

from orgcal.engine.find import Engine
from orgcal.errors import UsageError
from orgcal.platforms.model import NOT_SHOWN
from orgcal.settings import load_stack_file
from orgcal.stack.environment import StackEnvironment
from orgcal.stack.errors import explain
from orgcal.stack.passphrase import DEV_PASSPHRASE_FILE
from orgcal.stack.runner import STAND_IN_WARNING, ExactEnvironment

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105  # a mark, no secret
"""How Pulumi marks a secret in a state.

https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go
"""
_ENCRYPTION = ("secretsprovider", "encryptedkey", "encryptionsalt")


@dataclass(frozen=True, slots=True)
class Change:
    """What an update would do to one resource.

    Attributes:
        operation: `create`, `update`, `replace`, `delete`, ...
        properties: names of those that differ, where the engine tells them.
    """

    operation: str
    type: str
    name: str
    properties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """What an update would do.

    Attributes:
        warnings: one sentence each.
        new: whether the stack has not been deployed yet.
    """

    changes: tuple[Change, ...]
    unchanged: int
    warnings: tuple[str, ...]
    new: bool


def preview_without_secrets(engine: Engine, surroundings: StackEnvironment, environ: Mapping[str, str]) -> Preview:
    """What `up` would do, found without decrypting anything; nothing is written, in the backend least of all.

    Args:
        engine: to run.
        surroundings: of the stack.
        environ: what they are applied to.

    Raises:
        UsageError: the stack's settings hold secrets of their own.
        EngineError: the backend or the program refused.
    """
    file = load_stack_file(surroundings.project_dir, surroundings.stack)
    if file.encrypted:
        raise UsageError(
            "the settings hold encrypted values, which a preview without secrets cannot read",
            where=f"Pulumi.{surroundings.stack}.yaml",
            repair="name a file in the settings instead of a secret",
        )
    command, cwd = ExactEnvironment(engine), str(surroundings.project_dir)
    stack, real = surroundings.stack, surroundings.to_environ(environ)
    state = _exported(command, cwd, stack, real)
    with tempfile.TemporaryDirectory(prefix="orgcal-preview-") as temporary:
        folder = Path(temporary)
        settings = folder / f"Pulumi.{stack}.yaml"
        plain = {name: value for name, value in file.values.items() if name not in _ENCRYPTION}
        settings.write_text(yaml.safe_dump(plain), encoding="utf-8")
        (folder / "state").mkdir()
        copied = dataclasses.replace(
            surroundings,
            variables={
                **surroundings.variables,
                "PULUMI_BACKEND_URL": (folder / "state").as_uri(),
                "PULUMI_CONFIG_PASSPHRASE_FILE": str(DEV_PASSPHRASE_FILE),
            },
            removed=(*surroundings.removed, "PULUMI_CONFIG_PASSPHRASE"),
        ).to_environ(environ)
        # Not in the checkout: making a stack writes into its settings.
        shutil.copy(surroundings.project_dir / "Pulumi.yaml", folder)
        try:
            command.run(["stack", "init", stack, "--no-select"], str(folder), copied)
            if state is not None:
                salt = yaml.safe_load(settings.read_text(encoding="utf-8"))["encryptionsalt"]
                state["deployment"]["secrets_providers"] = {"type": "passphrase", "state": {"salt": salt}}
                (folder / "state.json").write_text(json.dumps(state), encoding="utf-8")
                command.run(["stack", "import", "--stack", stack, "--file", "state.json"], str(folder), copied)
            chosen = ["--stack", stack, "--config-file", str(settings)]
            text = command.run(["preview", *chosen, "--json", "--color", "never"], cwd, copied).stdout
        except automation.CommandError as error:
            raise explain(str(error), _errors_in(str(error)), stack=stack) from None
    return _read(json.loads(text), state)


def _exported(command: ExactEnvironment, cwd: str, stack: str, environ: Mapping[str, str]) -> dict[str, Any] | None:
    """The state with placeholders for secrets; None where the backend has no such stack."""
    try:
        text = command.run(["stack", "export", "--stack", stack], cwd, environ).stdout
    except automation.StackNotFoundError:
        return None
    except automation.CommandError as error:
        raise explain(str(error), [], stack=stack) from None
    state: dict[str, Any] = json.loads(text)
    deployment = state.get("deployment") or {}
    deployment.pop("pending_operations", None)
    return {**state, "deployment": without_secrets(deployment)}


def without_secrets(value: Any) -> Any:
    """A copy of a state's part with a placeholder for each secret in it."""
    if isinstance(value, list):
        return [without_secrets(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get(_SIGNATURE) == _SECRET:
        return {_SIGNATURE: _SECRET, "plaintext": json.dumps(NOT_SHOWN)}
    return {name: without_secrets(item) for name, item in value.items()}


def _read(said: Mapping[str, Any], state: Mapping[str, Any] | None) -> Preview:
    changes = []
    for step in said.get("steps") or []:
        resource = step.get("newState") or step.get("oldState") or {}
        kind = str(resource.get("type"))
        # A replacement is told as itself, and again as the two operations that it consists of.
        if _counts(resource) and step["op"] not in ("same", "create-replacement", "delete-replaced"):
            changes.append(Change(str(step["op"]), kind, str(step["urn"]).rpartition("::")[2], _properties(step)))
    said_often = (
        str(item["message"]).strip().removeprefix("warning: ")
        for item in said.get("diagnostics") or []
        if item.get("severity") == "warning" and STAND_IN_WARNING not in str(item["message"])
    )
    warnings = dict.fromkeys(filter(None, said_often))
    held = sum(map(_counts, ((state or {}).get("deployment") or {}).get("resources") or []))
    touched = sum(change.operation != "create" for change in changes)
    return Preview(tuple(changes), held - touched, tuple(warnings), new=state is None)


def _counts(resource: Mapping[str, Any]) -> bool:
    """Whether a resource exists outside the state: not the stack, its components and its providers."""
    return bool(resource.get("custom")) and not str(resource.get("type")).startswith("pulumi:")


def _properties(step: Mapping[str, Any]) -> tuple[str, ...]:
    names: Iterator[str] = iter(step.get("detailedDiff") or step.get("diffReasons") or [])
    return tuple(sorted({str(name) for name in names if not str(name).startswith("__")}))


def _errors_in(transcript: str) -> list[str]:
    """The errors in the JSON that a failed preview has printed."""
    start, end = transcript.find("{"), transcript.rfind("}")
    try:
        said = json.loads(transcript[start : end + 1])
    except ValueError:
        return []
    return [str(item["message"]) for item in said.get("diagnostics") or [] if item.get("severity") == "error"]
