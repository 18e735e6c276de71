"""Writes the tables of `docs/platforms.md` from the code: `python -m orgcal.platforms.docs_tables`.

`python -m orgcal.platforms.docs_tables KIND` prints the table of one kind, such as that of an installed package.

Its tables (`orgcal.markdown_tables`) are `capabilities`, and one for each kind's settings.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from orgcal import markdown_tables
from orgcal.fields import explained, model_of
from orgcal.markdown_tables import rendered
from orgcal.platforms import read_platform, settings_class, usable_kinds
from orgcal.platforms.model import Capabilities

PAGE = Path(__file__).resolve().parents[2] / "docs" / "platforms.md"
_BY_DESCRIPTION = "as described"


def with_tables(page: str) -> str:
    """Return the page with its tables as the code has them now."""
    return markdown_tables.with_tables(page, table)


def table(name: str) -> str:
    """Return one table in Markdown: `capabilities`, or the settings of a kind."""
    if name == "capabilities":
        head = ("Kind", "Callback URL", "Reads back", "Catalog", "Credential", "Connections", "Shows tokens")
        return rendered(head, *(_capabilities(kind) for kind in usable_kinds()))
    return rendered(("Setting", "Value", "Default", "What it is for"), *_settings(settings_class(name)))


def example(kind: str) -> dict[str, Any]:
    """Return settings of a kind, with what it needs and little more."""
    fields = settings_class(kind).model_fields
    named = {name: field for name, field in fields.items() if field.is_required() or name == "callback_url"}
    return {name: yaml.safe_load(str(explained(field)["example"])) for name, field in named.items()}


def _capabilities(kind: str) -> tuple[str, ...]:
    able: Capabilities = read_platform(example(kind)).capabilities
    described = kind == "http"
    return (
        f"`{kind}`",
        "created or fixed" if described else able.callback,
        _BY_DESCRIPTION if described else able.reads_back,
        _BY_DESCRIPTION if described else ", ".join(sorted(able.catalog)) or "none",
        _BY_DESCRIPTION if described else ", ".join(sorted(able.credential_kinds)),
        able.connections,
        "yes" if able.tokens else "no",
    )


def _settings(
    model: type[BaseModel], shown: set[type[BaseModel]] | None = None, prefix: str = ""
) -> Iterator[tuple[str, ...]]:
    """Yield a row for each setting; the settings of a model that occurs several times follow its first place."""
    shown = set() if shown is None else shown
    for name, field in model.model_fields.items():
        if name == "kind":
            continue
        yield f"`{prefix}{name}`", str(explained(field)["expected"]), _default(field), str(field.description)
        inner = model_of(field.annotation)
        if inner is not None and inner not in shown:
            shown.add(inner)
            yield from _settings(inner, shown, f"{prefix}{name}.")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    if isinstance(field.default, BaseModel) or field.default in (None, "", {}):
        return "none"
    return f"`{json.dumps(field.default, default=sorted)}`"


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.stdout.write(table(sys.argv[1]))
        sys.exit()
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
