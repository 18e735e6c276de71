"""`make bench-files`: a push of a credential to files of 5 MiB; prints seconds as one JSON object.

Each figure is that of the slowest of several kinds of documents, and of the slower of two pushes: the first adds the
connector, the second replaces its values.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from orgcal.entra.credentials import ClientSecret
from orgcal.platforms import PlatformCredential, open_platform

SIZE = 5 * 1024 * 1024
NAMES = {"client_id": "CAL_ID", "client_secret": "CAL_SECRET"}


YAML = (
    "service_{n}:\n  host: host-{n}.example.com  # where\n  tags: [a, b]\n  note: 'it''s {n}'\n",
    'Größe {n}:\r\n- run: |\r\n    echo: "{n}\r\n  if: a && b\r\n- image: !tag registry/web:{n}\r\n',
    '/users/{n}: &u{n}\n  text: "two\n    lines"\n  list: [a, {b: c},\n    d]\n  other: several\n    lines\n',
)
TOML = ('[service_{n}]\nhost = "host-{n}.example.com" # where\ntags = ["a", "b"]\n\n', 'key_{n} = {a = 1, b = "{n}"}\n')
DOTENV = ("SERVICE_{n}_HOST='host-{n}.example.com'   # where\n", 'export KEY_{n}="line\nline \\"{n}\\""\n')
JSONC = '  // number {n}\n  "k{n}": {"a": "http://x//{n}", "b": [1, 2,]}, /* more */\n'
"""Some foreign settings, which are repeated."""


def filled(part: str) -> str:
    """A text of `SIZE` characters."""
    return "".join(part.replace("{n}", str(number)) for number in range(SIZE // len(part)))


def json_texts() -> list[str]:
    """JSON texts of `SIZE` characters: with indents, and in one line."""
    entries = {f"service_{number}": {"host": f"host-{number}.example.com", "tags": ["a"]} for number in range(88_000)}
    return [json.dumps(entries, indent=2)[: SIZE - 1].rpartition("},")[0] + "}\n}", json.dumps(entries)]


def seconds(name: str, text: str, folder: Path, **more: Any) -> float:
    """Push twice, the second time over the first one's credential; the slower of the two."""
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    settings = {"kind": "file", "path": str(path), "callback_url": "https://app.example.com/cb", **more}
    platform, taken = open_platform(settings, {}), []
    for generation in (1, 2):
        credential = PlatformCredential("id", generation, ClientSecret(f"secret-{generation}"))
        started = time.perf_counter()
        platform.push_credentials("outlook", credential)
        taken.append(time.perf_counter() - started)
    return round(max(taken), 3)


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = {
            "yaml_s": max(seconds("a.yaml", filled(part), folder) for part in YAML),
            "json_s": max(seconds("a.json", text, folder) for text in json_texts()),
            "jsonc_s": seconds("a.jsonc", "{\n" + filled(JSONC) + "}\n", folder),
            "toml_s": max(seconds("a.toml", filled(part), folder) for part in TOML),
            "dotenv_s": max(seconds(".env", filled(part), folder, names=NAMES) for part in DOTENV),
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
