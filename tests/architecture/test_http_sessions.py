"""Every HTTP session of ours has the adapter that takes secrets out of refusals."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOMES = {"orgcal/entra/session.py", "orgcal/provider/azuread/guard.py"}
MAKERS = {"Session", "HTTPAdapter"}


def made_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    direct = {f"requests.{name}" for name in ("Session", "session", "get", "post", "put", "patch", "delete", "request")}
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("requests", "httpx", "aiohttp")
        for alias in node.names
    }
    return (calls & direct) | (calls & MAKERS & imported)


def test_sessions_are_made_in_two_places_only() -> None:
    paths = [path for folder in ("orgcal", "verify", "provisioning") for path in (ROOT / folder).rglob("*.py")]
    makers = {str(path.relative_to(ROOT)) for path in paths if made_in(path)}
    assert makers == HOMES
