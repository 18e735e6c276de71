"""Migrates states and exports that an older version of the emulator wrote.

Whoever changes the form of what is kept counts `VERSION` up and adds a step; a state of a newer version is refused.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orgcal_emulator.errors import StateError

VERSION = 3
"""Of the form of the documents in a state folder and in an export."""

Objects = dict[str, dict[str, Any]]
"""Documents by key, by kind."""


def bring_up_to_date(connection: sqlite3.Connection, path: Path) -> None:
    """Migrate the state behind `connection`, without committing.

    Args:
        path: its file, for the message.

    Raises:
        StateError: a newer version wrote it, or none.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise StateError(
            f"the state in {path.parent} is of version {version} and this emulator knows {VERSION}; "
            "pip install --upgrade orgcal-emulator, or use another state folder"
        )
    if version == VERSION:
        return
    before: Objects = {}
    try:
        for kind, key, text in connection.execute("SELECT kind, key, document FROM objects"):
            before.setdefault(kind, {})[key] = json.loads(text)
        now = migrated(before, version or 1)  # version 1 did not write its number
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateError(
            f"the state in {path.parent} is of no version ({error!r}); use another state folder"
        ) from error
    for kind, documents in now.items():
        for key, document in documents.items():
            connection.execute(
                "UPDATE objects SET document = ? WHERE kind = ? AND key = ?", (json.dumps(document), kind, key)
            )
    connection.execute(f"PRAGMA user_version = {VERSION}")


def migrated(objects: Objects, version: int) -> Objects:
    """`objects` of an older version in the form of today."""
    for step in _STEPS[version - 1 :]:
        objects = step(objects)
    return objects


def _principals_without_creation(objects: Objects) -> Objects:
    """Version 1 gave service principals a `createdDateTime` that was not the time of their creation."""
    principals = {key: _without_creation(document) for key, document in objects.get("servicePrincipal", {}).items()}
    return {**objects, "servicePrincipal": principals}


def _without_creation(document: Any) -> Any:
    properties = {name: value for name, value in document["properties"].items() if name != "createdDateTime"}
    return {**document, "properties": properties}


def _principals_that_may_tell_their_creation(objects: Objects) -> Objects:
    """Version 2 did not keep when service principals were created; nor do Microsoft's own tell it.

    Its federated credentials all have a subject, and it has no delegated grants: versions since know both.
    """
    principals = {
        key: {**document, "properties": {**document["properties"], "createdDateTime": None}}
        for key, document in objects.get("servicePrincipal", {}).items()
    }
    return {**objects, "servicePrincipal": principals}


_STEPS: tuple[Callable[[Objects], Objects], ...] = (
    _principals_without_creation,
    _principals_that_may_tell_their_creation,
)
"""From version 1 to 2, and so on."""
