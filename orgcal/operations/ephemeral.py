"""Short-lived copies of a stack, such as one for each pull request: their files, and what their names tell.

A copy has an application and a connector entry of its own. Its file says `ephemeral: true` and whose copy it is, so
that the program tags what it makes; only what has these tags is ever removed for good.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from orgcal.errors import ConfigError, UsageError
from orgcal.files.whole import write_whole
from orgcal.platforms import capabilities_of
from orgcal.settings import StackFile, core_settings_of, load_stack_file, stack_file
from orgcal.settings.model import sections_of
from orgcal.settings.stack_file import NAMESPACE

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?")
_KEY_LENGTH, _NAME_LENGTH = 64, 120
"""Of the settings `connector.key` and of both names (`orgcal/settings/sections.py`)."""
_OWN_SECRETS = ("encryptionsalt", "encryptedkey")
"""What Pulumi writes for one stack alone."""


@dataclass(frozen=True, slots=True)
class EphemeralStack:
    """A copy that was made, and the path of its file."""

    stack: str
    origin: str
    path: Path
    display_name: str
    connector_key: str

    def as_json(self) -> dict[str, str]:
        """As a JSON object."""
        fields = asdict(self)
        return {"file": str(fields.pop("path")), **fields}


def key_of_copy(connector_key: str, stack: str) -> str:
    """Key of a copy's connector in the platform; raises UsageError where it would be too long."""
    key = f"{connector_key}-{stack}"
    if len(key) > _KEY_LENGTH:
        raise UsageError(f"the connector's key would be {key}: {len(key)} of {_KEY_LENGTH} characters", where=stack)
    return key


def create(
    project_dir: Path, stack: str, origin: str, *, changes: Sequence[str] = (), notes: str = ""
) -> EphemeralStack:
    """Write the file of a short-lived copy of `origin`; an earlier copy's file is written anew.

    Args:
        changes: settings that differ, each as `connector.platform.environment=preview`; values are YAML.
        notes: where it came from, for the application's internal notes.

    Raises:
        UsageError: the name cannot be used, the file is another stack's, or both would write to the same place.
    """
    if not _NAME.fullmatch(stack) or stack == origin:
        raise UsageError(
            f"{stack!r} cannot name a copy of {origin}",
            where="orgcal ephemeral create",
            repair="small letters, digits and dashes, at most 30, such as pr-123",
        )
    file = load_stack_file(project_dir, origin)
    core = core_settings_of(file)
    if core.ephemeral:
        raise UsageError("this stack is a copy itself", where=f"--from {origin}", repair=f"--from {core.origin}")
    path = stack_file(project_dir, stack)
    kept = _kept_of_earlier(project_dir, stack) if path.exists() else {}
    before, _ = sections_of(file.config)
    after = _copied(file, before, stack, notes)
    for change in changes:
        _apply(after, change)
    _refuse_same_place(before, after, origin)
    others = {key: value for key, value in file.config.items() if not key.startswith(f"{NAMESPACE}:")}
    top = {name: value for name, value in file.values.items() if name not in _OWN_SECRETS}
    copied = {**top, "config": {**{f"{NAMESPACE}:{name}": value for name, value in after.items()}, **others}}
    write_whole(
        path,
        f"# Made by `orgcal ephemeral create --from {origin} {stack}`; `orgcal destroy --purge` removes it.\n"
        + yaml.safe_dump({**copied, **kept}, sort_keys=False, allow_unicode=True),
        private=False,
    )
    return EphemeralStack(stack, origin, path, after["application"]["display_name"], after["connector"]["key"])


def origin_notes(stack: str, origin: str, environ: Mapping[str, str]) -> str:
    """Where a copy came from, for the application's notes; in GitHub's runners with repository and reference.

    Nothing in it changes from run to run, or each run would update the application.
    """
    told = f"Ephemeral copy {stack} of stack {origin}"
    server, repository = environ.get("GITHUB_SERVER_URL"), environ.get("GITHUB_REPOSITORY")
    if server and repository:
        reference = environ.get("GITHUB_REF")
        told += f", made by {server}/{repository}" + (f" at {reference}" if reference else "")
    return told


def _copied(file: StackFile, sections: Mapping[str, Any], stack: str, notes: str) -> dict[str, Any]:
    """The origin's sections with names and keys of their own, one generation, and the marks of a copy."""
    origin = file.stack
    if file.encrypted:
        raise UsageError(
            "its file holds an encrypted setting, which no other stack can read",
            where=f"--from {origin}",
            repair="name files or variables in settings instead of secret values",
        )
    for name in ("application", "connector"):
        if not isinstance(sections.get(name), Mapping):
            raise UsageError(f"its file has no section orgcal:{name}", where=f"--from {origin}")
    application, connector = sections["application"], dict(sections["connector"])
    connector.pop("also_push_to", None)  # those places are the origin's own
    credential = dict(sections.get("credential") or {})
    for name in ("rollback_to", "revoked", "certificates"):
        credential.pop(name, None)
    trusts = credential.get("trusts")
    if isinstance(trusts, Mapping):
        newest = max(trusts, key=int)
        credential["trusts"] = {"1": trusts[newest]}
    kinds = credential.pop("kinds", None)
    if isinstance(kinds, Mapping) and (active := str(credential.get("active"))) in kinds:
        credential["kind"] = kinds[active]
    return {
        **{name: value for name, value in sections.items() if name != "protect"},
        "application": {
            **application,
            "display_name": _named(application.get("display_name"), stack),
            **({"notes": notes[:1024]} if notes else {}),
        },
        "connector": {
            **connector,
            "key": key_of_copy(str(connector.get("key")), stack),
            "name": _named(connector.get("name"), stack),
            **({"published": False} if _can_hide(connector) else {}),
        },
        "credential": {**credential, "generations": [1], "active": 1},
        "ephemeral": True,
        "origin": origin,
    }


def _can_hide(connector: Mapping[str, Any]) -> bool:
    """Whether the platform can keep a connector out of its catalog; one that cannot would refuse the setting."""
    try:
        return "published" in capabilities_of(dict(connector.get("platform") or {})).catalog
    except ConfigError:  # the program tells what is wrong
        return True


def _named(name: object, stack: str) -> str:
    suffix = f" ({stack})"
    return f"{str(name)[: _NAME_LENGTH - len(suffix)]}{suffix}"


def _kept_of_earlier(project_dir: Path, stack: str) -> dict[str, Any]:
    """What Pulumi wrote into an earlier file of this copy."""
    earlier = load_stack_file(project_dir, stack)
    core = core_settings_of(earlier)
    if not core.ephemeral or not core.origin:
        raise UsageError(
            "there is a stack of this name, and it is not an ephemeral copy",
            where=str(earlier.path),
            repair="choose another name",
        )
    return {name: earlier.values[name] for name in _OWN_SECRETS if name in earlier.values}


def _apply(sections: dict[str, Any], change: str) -> None:
    """Change one setting; `change` is `section.name=value`."""
    path, equals, text = change.partition("=")
    words = path.split(".")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    if not equals or len(words) < 2 or not all(words):
        raise UsageError(f"found {change!r}", where="--set", repair="--set connector.platform.environment=preview")
    place = sections
    for word in words[:-1]:
        inner = place.get(word)
        place[word] = dict(inner) if isinstance(inner, Mapping) else {}
        place = place[word]
    place[words[-1]] = value


def _refuse_same_place(before: Mapping[str, Any], after: Mapping[str, Any], origin: str) -> None:
    """A platform that does not tell connectors apart would give the origin's users the copy's credentials."""
    settings = [dict(sections["connector"].get("platform") or {}) for sections in (before, after)]
    platform = settings[1]
    if settings[0] == platform and not capabilities_of(platform).keyed:
        raise UsageError(
            f"the copy would write its credentials where {origin} keeps its own: this platform has no keys",
            where=f"platform {platform.get('kind')}",
            repair="give the copy a place of its own: --set connector.platform.NAME=VALUE",
        )
