"""`make bench-files`: a push of a credential to a file of 5 MiB, for each format; prints seconds as one JSON object."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orgcal.entra.credentials import ClientSecret
from orgcal.platforms import PlatformCredential, open_platform

SIZE = 5 * 1024 * 1024
NAMES = {"client_id": "CAL_ID", "client_secret": "CAL_SECRET"}


def yaml_text(number: int) -> str:
    """One of many foreign settings."""
    return f"service_{number}:\n  host: host-{number}.example.com  # where\n  tags: [a, b]\n  note: 'it''s {number}'\n"


def toml_text(number: int) -> str:
    """One of many foreign settings."""
    return f'[service_{number}]\nhost = "host-{number}.example.com" # where\ntags = ["a", "b"]\n\n'


def dotenv_text(number: int) -> str:
    """One of many foreign settings."""
    return f"SERVICE_{number}_HOST='host-{number}.example.com'   # where\n"


def filled(line: Callable[[int], str]) -> str:
    """A text of `SIZE` characters."""
    count = SIZE // len(line(10_000)) + 1
    return "".join(line(number) for number in range(count))


def json_text() -> str:
    """A JSON text of `SIZE` characters."""
    entries = {f"service_{number}": {"host": f"host-{number}.example.com", "tags": ["a"]} for number in range(60_000)}
    return json.dumps(entries, indent=2)


def seconds(name: str, text: str, folder: Path, **more: Any) -> float:
    """Push twice, the second time over the first one's credential; the slower of the two."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
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
            "yaml_s": seconds("a.yaml", filled(yaml_text), folder),
            "json_s": seconds("a.json", json_text(), folder),
            "toml_s": seconds("a.toml", filled(toml_text), folder),
            "dotenv_s": seconds(".env", filled(dotenv_text), folder, names=NAMES),
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
