"""HTML pages, rendered from the templates that lie beside the services. jinja2 is imported with the first page."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

_HERE = Path(__file__).parent
_FOLDERS = (_HERE / "templates", _HERE / "entra" / "pages", _HERE / "integration" / "pages")

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""No script runs in these pages, no other page frames them, and no other site learns their address. Their own forms
name their origin, which `no-referrer` would hide."""


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([str(folder) for folder in _FOLDERS]), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["moment"] = lambda rfc3339: rfc3339.replace("T", " ").replace("Z", " UTC")  # for people
    return environment


def render(template: str, **values: object) -> str:
    """The page `template` with `values` (escaped)."""
    return _environment().get_template(template).render(values)
