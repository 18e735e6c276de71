"""Our verification as a worker of `benchmarks.verify`: a spec on standard input, figures on standard output."""

from __future__ import annotations

import json
import sys
import time
from contextlib import nullcontext
from dataclasses import replace

import msal  # noqa: F401  # imports are not measured, here as with the peers
import requests  # noqa: F401

from benchmarks.verify_peak import peak_mib
from benchmarks.verify_witness import Witness
from verify import Connector, Options, Pace, SecretReference, Summary, Target, exit_code, run
from verify.context import RunContext


def main() -> None:
    """Verify every tenant of the spec."""
    spec = json.load(sys.stdin)
    connector = Connector(
        "emulator",
        spec["client_id"],
        ("Calendars.Read", "Directory.Read.All"),
        SecretReference("file", spec["secret_file"]),
    )
    options = Options(connector, environ={"ORGCAL_EMULATOR_FILE": spec["ready_file"]})
    options = replace(options, pace=Pace(fixed=spec.get("concurrency", 0)))
    connections: list[int] = []
    close = RunContext.close

    def counted(shared: RunContext) -> None:
        """Count the connections that were opened before the pool forgets them."""
        pools = shared.session.get_adapter("https://").poolmanager.pools  # type: ignore[attr-defined]
        connections.append(sum(pools[key].num_connections for key in pools.keys()))  # noqa: SIM118  # not a dict
        close(shared)

    RunContext.close = counted  # type: ignore[method-assign, assignment]
    summary = Summary()
    witness = Witness()
    with witness if spec.get("witness") else nullcontext():
        began, began_cpu = time.perf_counter(), time.process_time()
        for result in run([Target(tenant_id) for tenant_id in spec["tenant_ids"]], options):
            summary.add(result)
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    found = [organisation.results["calendars"].evidence for organisation in summary.organisations.values()]
    json.dump(
        {
            "wall_s": wall_s,
            "cpu_s": cpu_s,
            "peak_mib": peak_mib(),
            "exit_code": exit_code(summary),
            "users": sum(organisation.users for organisation in summary.organisations.values()),
            "calendars": sum(organisation.calendars for organisation in summary.organisations.values()),
            "requests": sum(item["requests"] for item in found) + 2 * len(found),
            "retries": sum(item["retries"] for item in found),
            "concurrency": max(item["concurrency"] for item in found),
            "connections": sum(connections),
            "waits": witness.waits,
            "early": witness.early,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
