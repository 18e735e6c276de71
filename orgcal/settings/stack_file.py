"""Reads `Pulumi.<stack>.yaml` as Pulumi's engine does, with the line of each setting.

Of the engine's reading (`orgcal.settings.yaml_document`) a stack's file has besides: a key without a namespace has the
project's, and `orgcal:config:x` is `orgcal:x`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orgcal.errors import UsageError
from orgcal.fields import ENCRYPTED, dotted
from orgcal.settings.yaml_document import YamlDocument, as_text

NAMESPACE = "orgcal"
_STACK_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
# What Pulumi takes; but names of dots alone would lead out of the folder that is named after the project.
_PROJECT_NAME = re.compile(r"(?!\.+$)[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True, slots=True)
class StackFile:
    """A stack's file.

    Attributes:
        project: name of the Pulumi project.
        values: the whole file; `config` in it as it is written.
        config: settings by their full keys, such as `orgcal:entra`; `ENCRYPTED` stands for encrypted values.
        lines: setting, such as `orgcal:connector.scopes[0]`, to its line in the file.
        encrypted: settings that Pulumi encrypted, as `pulumi config set --path` takes them.
    """

    path: Path
    stack: str
    project: str = NAMESPACE
    values: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    encrypted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """A project's `Pulumi.yaml`: its name, and the plugins that it names."""

    name: str
    providers: tuple[str, ...]

    @property
    def is_ours(self) -> bool:
        """Whether it names orgcal's plugin."""
        return NAMESPACE in self.providers


def stack_file(project_dir: Path, stack: str) -> Path:
    """The path of a stack's settings, `Pulumi.<stack>.yaml`.

    Raises:
        UsageError: `stack` is not a valid stack name.
    """
    if not _STACK_NAME.fullmatch(stack):
        raise UsageError(
            f"{stack!r} is not a valid stack name",
            where="--stack",
            repair="use letters, digits, dots, dashes and underscores, such as --stack prod",
        )
    return project_dir / f"Pulumi.{stack}.yaml"


def load_stack_file(project_dir: Path, stack: str) -> StackFile:
    """Reads a stack's file; no setting is judged yet.

    Raises:
        UsageError: there is none, or Pulumi could not read it either.
    """
    path = stack_file(project_dir, stack)
    try:
        document = YamlDocument(path)
    except FileNotFoundError:
        raise UsageError(
            f"there is no stack {stack!r} here",
            where=str(path),
            repair=f"cp Pulumi.prod.yaml.example Pulumi.{stack}.yaml, then edit it",
        ) from None
    written = document.values.get("config")
    if written is not None and not isinstance(written, dict):
        line = document.lines[("config",)]
        raise document.problem("`config` is not a mapping of settings", line=line, repair="write `config:` alone")
    project = project_name(project_dir)
    config: dict[str, Any] = {}
    names: dict[str, str] = {}
    for name, value in (written or {}).items():
        key = _full_key(name, project)
        if key in config:
            line = document.lines[("config", name)]
            what = f"{names[key]} and {name} are one setting"
            raise document.problem(what, line=line, repair="remove one of them")
        names[key], config[key] = name, as_text(value)
    encrypted: list[str] = []
    config = {key: _without_encrypted(value, key, encrypted) for key, value in config.items()}
    lines = {
        dotted((_full_key(str(path[1]), project), *path[2:])): line
        for path, line in document.lines.items()
        if len(path) > 1 and path[0] == "config"
    }
    return StackFile(path, stack, project, document.values, config, lines, tuple(encrypted))


def load_project_file(project_dir: Path) -> ProjectFile:
    """Reads `Pulumi.yaml`.

    Raises:
        FileNotFoundError: the folder has none.
        UsageError: Pulumi could not read it either.
    """
    document = YamlDocument(project_dir / "Pulumi.yaml")
    plugins = document.values.get("plugins")
    listed = plugins.get("providers") if isinstance(plugins, dict) else None
    named = [plugin.get("name") for plugin in listed if isinstance(plugin, dict)] if isinstance(listed, list) else []
    name = document.values.get("name")
    if not (isinstance(name, str) and _PROJECT_NAME.fullmatch(name)):
        raise document.problem(f"`name` is {name!r}, and Pulumi takes 1 to 100 letters, digits, dots, dashes and _")
    return ProjectFile(name, tuple(str(provider) for provider in named))


def project_name(project_dir: Path) -> str:
    """Name of the Pulumi project; ours where there is no Pulumi.yaml, as in a folder with settings alone.

    Raises:
        UsageError: as `load_project_file` does.
    """
    try:
        return load_project_file(project_dir).name
    except FileNotFoundError:
        return NAMESPACE


def check_project_name(name: str, *, where: str) -> None:
    """Refuses what Pulumi, or a folder of this name, would not take; `where` is the option that gave it."""
    if not _PROJECT_NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a valid project name",
            where=where,
            repair="use 1 to 100 letters, digits, dots, dashes and underscores, such as --name calendar",
        )


def _full_key(name: str, project: str) -> str:
    words = name.split(":")
    if len(words) == 3 and words[1] == "config":
        return f"{words[0]}:{words[2]}"
    return name if len(words) > 1 else f"{project}:{name}"


def _without_encrypted(value: Any, path: str, encrypted: list[str]) -> Any:
    if isinstance(value, dict):
        if list(value) == ["secure"] and isinstance(value["secure"], str):
            encrypted.append(path)
            return ENCRYPTED
        plain = {name: _without_encrypted(item, f"{path}.{name}", encrypted) for name, item in value.items()}
        return dict(sorted(plain.items()))
    if isinstance(value, list):
        return [_without_encrypted(item, f"{path}[{number}]", encrypted) for number, item in enumerate(value)]
    return value
