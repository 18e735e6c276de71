"""Tables in documentation pages that the code prints, so that page and code say the same.

Each table stands between `<!-- table NAME: ... -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_TABLE = re.compile(r"(?P<head><!-- table (?P<name>[a-z-]+)[^>]*-->\n)(?P<table>.*?)(?P<end><!-- end -->)", re.DOTALL)


def with_tables(page: str, table: Callable[[str], str]) -> str:
    """Return a page with its tables as `table` gives them by name."""
    return _TABLE.sub(lambda match: match["head"] + table(match["name"]) + match["end"], page)


def rendered(head: tuple[str, ...], *rows: tuple[str, ...]) -> str:
    """Return a table in Markdown."""
    cells = [head, tuple("---" for _ in head), *([text.replace("|", "\\|") for text in row] for row in rows)]
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)
