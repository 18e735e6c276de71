"""Refuses what belongs to another cloud than the stack's: the one guard of program, commands and `orgcal doctor`.

An azuread provider that reads its addresses from the environment could write to a real tenant what was meant for the
emulator. So each stack names its cloud, and whatever in the environment contradicts it stops everything.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from orgcal.entra.clouds import EMULATOR_FILE_VARIABLE, CloudEndpoints
from orgcal.entra.secret_text import bare
from orgcal.errors import CloudMismatch

AZUREAD_PROGRAM = "pulumi-resource-azuread"
STANDIN_CALL = "-P -m orgcal.provider.azuread"
"""How every launcher of the azuread stand-in calls Python: by this it is known, wherever it lies."""
_LEAVE_EMULATOR = 'eval "$(orgcal env --unset)"'


def refuse_other_cloud(endpoints: CloudEndpoints, tenant_id: str, environ: Mapping[str, str]) -> None:
    """Refuses variables and a PATH that belong to another cloud, or another tenant, than the stack.

    Args:
        tenant_id: the home tenant; empty where none is known.
        environ: what the azuread plugin would get.

    Raises:
        CloudMismatch: something does.
    """
    expected = {
        "ARM_METADATA_HOSTNAME": endpoints.metadata_host,
        "ARM_METADATA_HOST": endpoints.metadata_host,
        "ARM_ENVIRONMENT": endpoints.azuread_environment,
    }
    if tenant_id:
        expected["ARM_TENANT_ID"] = tenant_id
    for name, value in expected.items():
        found = bare(environ.get(name, ""))
        if found and found.lower() != value.lower():
            real = f"unset {name}; if orgcal env has set it: {_LEAVE_EMULATOR}"
            raise CloudMismatch(
                f"the stack's cloud is {endpoints.cloud!r}, where {name} is {value or 'not set'}; found {found}",
                where=name,
                repair=real if endpoints.emulated is None else 'eval "$(orgcal env)"',
            )
    if endpoints.emulated is None and environ.get(EMULATOR_FILE_VARIABLE):
        raise CloudMismatch(
            f"the stack's cloud is {endpoints.cloud!r}, and the environment is set up for the emulator",
            where=EMULATOR_FILE_VARIABLE,
            repair=_LEAVE_EMULATOR,
        )
    refuse_standin_on_path(endpoints.cloud, environ)


def refuse_standin_on_path(cloud: str, environ: Mapping[str, str]) -> None:
    """Refuses for a real cloud an azuread stand-in that the engine would take from PATH, whatever its project."""
    found = azuread_on_path(environ)
    if cloud != "emulator" and found and is_standin(found):
        raise CloudMismatch(
            f"the stack's cloud is {cloud!r}, and the azuread stand-in of the emulator is on PATH and would be used",
            where=str(found),
            repair=_LEAVE_EMULATOR,
        )


def is_standin(program: Path) -> bool:
    """Whether an azuread plugin's program starts the stand-in, by what stands in the file."""
    try:
        with program.open("rb") as file:
            return STANDIN_CALL.encode() in file.read(4096)  # launchers are short, the real plugin is not
    except OSError:
        return False


def azuread_on_path(environ: Mapping[str, str]) -> Path | None:
    """The azuread plugin's program on PATH, which the engine takes before any installed one."""
    found = shutil.which(AZUREAD_PROGRAM, path=environ.get("PATH", ""))
    return Path(found) if found else None
