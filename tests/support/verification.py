"""Runs of verification in tests: as a library, and as the command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.deployed_connector import CONTOSO, FABRIKAM
from tests.support.warm_checkout import run_warm
from verify import CheckResult, Options, Summary, Target, run

ROOT = Path(__file__).resolve().parents[2]
TARGETS = [Target(CONTOSO, "Contoso"), Target(FABRIKAM, "Fabrikam", invited=True)]


def summarised(targets: list[Target], options: Options) -> Summary:
    """The summary of a run over these organisations."""
    summary = Summary()
    for result in run(targets, options):
        summary.add(result)
    return summary


def checks(summary: Summary, tenant_id: str) -> dict[str, CheckResult]:
    """What each check answered about an organisation, by its id."""
    return summary.organisations[tenant_id].results


def verify(environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `python -m verify` with these variables, and none of the caller's that would change it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "ORGCAL_"))}
    ran = run_warm(_main, arguments, ROOT, {**kept, **environ, "NO_COLOR": "1"}, timeout_s=60)
    return subprocess.CompletedProcess(arguments, ran.code, ran.out, ran.err)


def _main(words: Sequence[str]) -> None:
    from orgcal.output import guarded_output
    from verify.__main__ import main

    sys.argv = ["verify", *words]
    with guarded_output():
        main()
