"""Stacks opened without a checkout and an engine: what would be found is handed in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orgcal.settings import CoreSettings
from orgcal.stack.environment import StackEnvironment
from orgcal.stack.open_stack import OpenStack


def open_stack(
    folder: Path, name: str = "prod", cloud: str = "public", environ: Mapping[str, str] | None = None, **known: Any
) -> OpenStack:
    """A stack whose directories are all `folder`.

    Args:
        known: properties of `OpenStack` that shall not be looked for, such as `outputs` or `registry`.
    """
    stack = OpenStack(name, environ or {}, project=folder)
    environment = StackEnvironment(folder, name, cloud, folder, folder.as_uri(), known.pop("endpoints", None))
    core = CoreSettings.model_validate({"entra": {"cloud": cloud}})
    vars(stack).update({"core": core, "environment": environment, "environ": dict(environ or {}), **known})
    return stack
