"""A process that uses a connector's credential as its platform does, every 50 ms, and counts what fails.

    python -m benchmarks.rotation_prober READY_FILE CONNECTOR_KEY TENANT_ID

Each probe reads the credential from the platform and takes a fresh token with it: plain requests, nothing of ours and
no cache in between. When standard input ends it prints one JSON object: `probes`, `failed` (a sentence for each), and
`generations` (those it saw, in order).
"""

from __future__ import annotations

import json
import select
import sys
import time
from pathlib import Path
from typing import Any

import requests

EVERY_S = 0.05


class Prober:
    """Probes one connector.

    Args:
        ready: what the emulator said of itself.
        connector_key: of the connector's entry in the local platform.
        tenant_id: organisation in which tokens are asked for.
    """

    def __init__(self, ready: dict[str, Any], connector_key: str, tenant_id: str) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = ready["ca_file"]
        key = Path(ready["platform"]["api_key_file"]).read_text(encoding="ascii").strip()
        self._platform = {"Authorization": f"Bearer {key}"}
        self._credentials_url = f"{ready['platform']['url']}/connectors/{connector_key}/credentials"
        self._token_url = f"{ready['base_url']}/{tenant_id}/oauth2/v2.0/token"
        self.probes = 0
        self.failed: list[str] = []
        self.generations: list[int] = []

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def probe(self) -> None:
        """One probe."""
        self.probes += 1
        try:
            held = self._session.get(self._credentials_url, headers=self._platform, timeout=10).json()
            form = {
                "grant_type": "client_credentials",
                "client_id": held["client_id"],
                "client_secret": held["client_secret"],
                "scope": "https://graph.microsoft.com/.default",
            }
            answer = self._session.post(self._token_url, data=form, timeout=10)
        except (requests.RequestException, ValueError, KeyError) as error:
            self.failed.append(f"{_now()} {type(error).__name__}")
            return
        generation = int(held["generation"])
        if generation not in self.generations[-1:]:
            self.generations.append(generation)
        if answer.status_code != 200 or "access_token" not in answer.json():
            self.failed.append(f"{_now()} generation {generation}: {answer.status_code} {answer.text[:120]}")


def main() -> None:
    """Probe until standard input ends."""
    ready_file, connector_key, tenant_id = sys.argv[1:]
    prober = Prober(json.loads(Path(ready_file).read_text(encoding="utf-8")), connector_key, tenant_id)
    due = time.monotonic()
    while True:
        prober.probe()
        due = max(due + EVERY_S, time.monotonic())
        if select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
            break
    prober.close()
    print(json.dumps({"probes": prober.probes, "failed": prober.failed, "generations": prober.generations}))


def _now() -> str:
    return time.strftime("%H:%M:%S")


if __name__ == "__main__":
    main()
