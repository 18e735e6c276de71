"""Previews an update for somebody who may not see the stack's secrets, such as a reviewer's runner.

Pulumi decrypts a whole state before it previews. So the state is taken as the backend keeps it, each secret in it is
replaced by a placeholder, and the preview runs on that copy, in a directory that is gone afterwards. Equal
placeholders compare as equal, so nothing shows as changed but what is.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from orgcal.errors import UsageError
from orgcal.platforms.model import NOT_SHOWN
from orgcal.settings import load_stack_file
from orgcal.stack.engine_events import STAND_IN_WARNING
from orgcal.stack.errors import explain
from orgcal.stack.open_stack import OpenStack
from orgcal.stack.passphrase import DEV_PASSPHRASE_FILE
from orgcal.stack.runner import CommandFailed, ExactEnvironment
from orgcal.stack.state import StackState, exists_outside, name_in, replace_secrets

_ENCRYPTION = ("secretsprovider", "encryptedkey", "encryptionsalt")
_NOT_TOLD = frozenset({"same", "create-replacement", "delete-replaced"})


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


def preview_without_secrets(stack: OpenStack) -> Preview:
    """What `up` would do, without decrypting anything; nothing is written, least of all in the backend.

    Raises:
        UsageError: the stack's settings hold secrets of their own.
        EngineError: the backend or the program refused.
    """
    settings = load_stack_file(stack.project_dir, stack.name)
    if settings.encrypted:
        raise UsageError(
            "the settings hold encrypted values, which a preview without secrets cannot read",
            where=stack.file.name,
            repair="name a file in the settings instead of a secret",
        )
    command, project = ExactEnvironment(stack.engine), str(stack.project_dir)
    environment = stack.engine_environment(plugin=True)
    exported = _export(command, stack, environment.to_engine_environ(stack.shell_environ))
    with tempfile.TemporaryDirectory(prefix="orgcal-preview-") as temporary:
        folder = Path(temporary)
        file = folder / stack.file.name
        plain = {name: value for name, value in settings.values.items() if name not in _ENCRYPTION}
        file.write_text(yaml.safe_dump(plain), encoding="utf-8")
        (folder / "state").mkdir()
        environ = replace(
            environment,
            variables={
                **environment.variables,
                "PULUMI_BACKEND_URL": (folder / "state").as_uri(),
                "PULUMI_CONFIG_PASSPHRASE_FILE": str(DEV_PASSPHRASE_FILE),
            },
            removed=(*environment.removed, "PULUMI_CONFIG_PASSPHRASE"),
        ).to_engine_environ(stack.shell_environ)
        # Not in the project: making a stack writes into its settings.
        shutil.copy(stack.project_dir / "Pulumi.yaml", folder)
        try:
            command.run(["stack", "init", stack.name, "--no-select"], temporary, environ)
            if exported is not None:
                salt = yaml.safe_load(file.read_text(encoding="utf-8"))["encryptionsalt"]
                exported["deployment"]["secrets_providers"] = {"type": "passphrase", "state": {"salt": salt}}
                (folder / "state.json").write_text(json.dumps(exported), encoding="utf-8")
                command.run(["stack", "import", "--stack", stack.name, "--file", "state.json"], temporary, environ)
            chosen = ["--stack", stack.name, "--config-file", str(file)]
            text = command.run(["preview", *chosen, "--json", "--color", "never"], project, environ)
        except CommandFailed as error:
            raise explain(
                error.transcript, _errors_in(error.transcript), stack=stack.name, project=stack.project_dir
            ) from None
    return _as_preview(json.loads(text), exported)


def _export(command: ExactEnvironment, stack: OpenStack, environ: Mapping[str, str]) -> dict[str, Any] | None:
    """The state with placeholders for secrets; None where the backend has no such stack."""
    try:
        text = command.run(["stack", "export", "--stack", stack.name], str(stack.project_dir), environ)
    except CommandFailed as error:
        if error.stack_missing:
            return None
        raise explain(error.transcript, [], stack=stack.name, project=stack.project_dir) from None
    exported: dict[str, Any] = json.loads(text)
    deployment = exported.get("deployment") or {}
    deployment.pop("pending_operations", None)
    return {**exported, "deployment": replace_secrets(deployment, NOT_SHOWN)}


def _as_preview(printed: Mapping[str, Any], exported: Mapping[str, Any] | None) -> Preview:
    changes = []
    for step in printed.get("steps") or []:
        resource = step.get("newState") or step.get("oldState") or {}
        kind = str(resource.get("type"))
        # A replacement is told as itself, and again as the two operations that it consists of.
        if exists_outside(kind, resource.get("custom")) and step["op"] not in _NOT_TOLD:
            differing = map(str, step.get("detailedDiff") or step.get("diffReasons") or [])
            properties = sorted({name for name in differing if not name.startswith("__")})
            changes.append(Change(str(step["op"]), kind, name_in(step["urn"]), tuple(properties)))
    texts = (
        str(item["message"]).strip().removeprefix("warning: ")
        for item in printed.get("diagnostics") or []
        if item.get("severity") == "warning" and STAND_IN_WARNING not in str(item["message"])
    )
    warnings = dict.fromkeys(filter(None, texts))
    touched = sum(change.operation != "create" for change in changes)
    unchanged = StackState(exported or {}).external_count - touched
    return Preview(tuple(changes), unchanged, tuple(warnings), new=exported is None)


def _errors_in(transcript: str) -> list[str]:
    """The errors in the JSON that a failed preview has printed."""
    start, end = transcript.find("{"), transcript.rfind("}")
    try:
        printed = json.loads(transcript[start : end + 1])
    except ValueError:
        return []
    return [str(item["message"]) for item in printed.get("diagnostics") or [] if item.get("severity") == "error"]
