"""The workflows of set-ups of every kind, as `orgcal ci setup github` writes them."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from orgcal.ci.install import Installation
from orgcal.ci.workflows import render

ENVIRONMENTS = {
    "deploy": 'Prod: "EU"/1',
    "scheduled": "production-scheduled",
    "preview": "production-preview",
    "ephemeral": "production-ephemeral",
    "sweep": "production-sweep",
}
BY_LOCK = Installation((".venv/bin/pip install --require-hashes -r requirements.txt",), "requirements.txt")
CLOUDS = [["azure"], ["aws"], ["google"], ["pulumi", "azure"], ["azure", "vault"]]


def texts(
    clouds: list[str], record: str = "commit", *, folder: str = "", installation: Installation = BY_LOCK
) -> dict[str, str]:
    """The workflows by file name, those of stacks of pull requests included; state and key are in these clouds."""
    facts = {
        "stack": "prod",
        "branch": "main",
        "environments": ENVIRONMENTS,
        "clouds": clouds,
        "state_clouds": clouds[:1],
        "key_variable": "NANGO_API_KEY_FILE",
        "record": record,
        "alert_variables": ["ORGCAL_ALERT_SECRET", "ORGCAL_ALERT_URL"],
    }
    return render(facts, installation, folder, ephemeral=True)


@cache
def parsed(text: str) -> dict[Any, Any]:
    """What a workflow says; it is read once, and nobody changes it."""
    found: dict[Any, Any] = yaml.safe_load(text)
    return found
