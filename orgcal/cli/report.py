"""`orgcal report`: the health of a connector as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orgcal.cli.common import JsonOption, StackOption, open_stack, print_result


def report(
    html: Annotated[Path, typer.Option(help="File to write; one file, which needs no other.")],
    stack: StackOption = "dev",
    as_json: JsonOption = False,
) -> None:
    """Write a page that shows what is wrong, since when, and how each organisation's verifications ended."""
    from orgcal.files.whole import write_whole
    from orgcal.health.page import page_of

    with open_stack(stack) as opened:
        write_whole(html, page_of(opened.registry, opened.alerts))
    print_result({"file": str(html)}, [f"{html} written"], as_json=as_json)
