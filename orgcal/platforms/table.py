"""The table of capabilities in `docs/platforms.md`; `python -m orgcal.platforms.table` prints it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from orgcal.platforms import KINDS, capabilities_of
from orgcal.platforms.model import Capabilities

_EXAMPLE = {"callback_url": "https://app.example.com/oauth/callback"}
_PUSH = {
    "method": "PUT",
    "path": "/credentials/{key}",
    "body": {"secret": "{client_secret}", "key": "{private_key_pem}"},
}

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "local": {},
    "file": {**_EXAMPLE, "path": ".local/calendar.yaml"},
    "http": {**_EXAMPLE, "base_url": "https://api.example.com", "credentials": {"push": _PUSH}},
    "nango": {},
    "github-environment": {**_EXAMPLE, "repository": "acme/calendar-app", "environment": "production"},
}
"""Settings of each kind with what it needs and no more."""

_BY_DESCRIPTION = "as described"
"""Of `http`, what its settings describe decides."""


def render() -> str:
    """The table, in Markdown."""
    head = ("Kind", "Callback URL", "Reads back", "Catalog", "Credential", "Connections", "Shows tokens")
    rows = [head, tuple("---" for _ in head)]
    rows += [_row(kind, capabilities_of({"kind": kind, **EXAMPLES[kind]})) for kind in KINDS]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(kind: str, able: Capabilities) -> tuple[str, ...]:
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


if __name__ == "__main__":
    sys.stdout.write(render())
