"""`orgcal completion`: the script that lets a shell complete commands."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from orgcal.cli.common import JsonOption, print_result
from orgcal.cli.completion import COMPLETE_VARIABLE


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="Shell that is to complete.")],
    as_json: JsonOption = False,
) -> None:
    """Print the script that lets a shell complete commands, options, stacks, organisations and kinds."""
    from typer._completion_shared import get_completion_script

    script = get_completion_script(prog_name="orgcal", complete_var=COMPLETE_VARIABLE, shell=shell)
    print_result({"shell": shell, "script": script}, [script], as_json=as_json)
