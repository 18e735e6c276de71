"""`make bench-rotation`: rotations that are killed at a random moment and continued, while a prober uses the connector.

New secrets are accepted only some seconds after they were made, as Entra ID's own replication has it. Prints one JSON
object: `rotations`, `kills` (that came before the run had ended), `probes`, `failed_tokens`, `orphaned_credentials` (in
the directory and not in the state, at the end of each), `max_live_generations` (after the kill, by the stack's record,
and at the end of each, by the directory), `rotation_s` (one that nobody disturbs, the lag included).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.support.checkout import Checkout, make_checkout
from tests.support.outside import Outside
from tests.support.processes import end_group

CONNECTOR_KEY = "outlook-calendar-admin"
HOME = "11111111-1111-1111-1111-111111111111"
LAG_S = 3.0
ROTATE = ("rotate", "--yes", "--overlap", "0s", "--record", "file")
EARLIEST_KILL_S = 0.5
"""Before that, Python is still starting."""


@dataclass
class Figures:
    """What is printed."""

    rotations: int = 0
    kills: int = 0
    probes: int = 0
    failed_tokens: int = 0
    orphaned_credentials: int = 0
    max_live_generations: int = 0
    rotation_s: float = 0.0


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rotations", type=int, default=20, help="how many (default 20)")
    parser.add_argument("--seed", type=int, default=1, help="chooses the moments (default 1)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        checkout = make_checkout(Path(folder))
        try:
            for words in (("emulator", "start"), ("up",)):
                ran = checkout.orgcal(*words)
                if ran.code:
                    raise SystemExit(ran.text)
            figures = measure(checkout, asked.rotations, asked.seed, tell=lambda line: print(line, file=sys.stderr))
        finally:
            checkout.orgcal("emulator", "stop")
    print(json.dumps(asdict(figures)))


def measure(checkout: Checkout, rotations: int, seed: int, *, tell: Callable[[str], object]) -> Figures:
    """Rotate so often on a deployed checkout.

    Args:
        checkout: its stack `dev` is up.
        rotations: how many are killed and continued, after one that is not.
        seed: chooses the moments.
        tell: is told of each kill, and of each probe that failed.
    """
    outside, dice, figures = Outside(checkout.ready), random.Random(seed), Figures()
    control(outside, "/lag", {"seconds": LAG_S, "kinds": ["credential"]})
    with probing(checkout) as said:
        moments = undisturbed(checkout)
        figures.rotation_s = round(moments[-1], 2)
        for number in range(1, rotations + 1):
            moment_s, children = dice.uniform(EARLIEST_KILL_S, moments[-2]), number % 2 == 0
            tell(f"seed {seed}, rotation {number}: kill -9 at {moment_s:.2f} s{', with its children' * children}")
            before = max(recorded(checkout))
            figures.kills += killed(checkout, moment_s, moments, with_children=children)
            figures.max_live_generations = max(figures.max_live_generations, len(recorded(checkout)))
            rotated(checkout)
            if max(recorded(checkout)) == before:  # killed before it had begun
                rotated(checkout, "--now")
            in_state, in_directory = keys(checkout, outside)
            figures.rotations += 1
            figures.orphaned_credentials += len(in_directory - in_state)
            figures.max_live_generations = max(figures.max_live_generations, len(in_directory))
    control(outside, "/lag", {})
    figures.probes, figures.failed_tokens = said["probes"], len(said["failed"])
    for failure in said["failed"]:
        tell(f"failed: {failure}")
    return figures


def undisturbed(checkout: Checkout) -> list[float]:
    """Seconds from the start of a rotation to each line that it prints, and to its end."""
    began, moments = time.monotonic(), [0.0]
    with rotating(checkout) as process:
        assert process.stdout is not None
        moments += [time.monotonic() - began for _ in process.stdout]
        if process.wait():
            raise RuntimeError("the undisturbed rotation failed")
    return [*moments, time.monotonic() - began]


def killed(checkout: Checkout, moment_s: float, moments: list[float], *, with_children: bool) -> bool:
    """Begin a rotation and kill it; whether it was still running.

    The moment is found by what the run has printed: a busy machine does not move it into another step, and a fast one
    does not end before it.

    Args:
        checkout: where.
        moment_s: seconds after the start of a run as `moments` has it.
        moments: of the undisturbed one.
        with_children: also the engine, its plugins and the program; else they go on alone.
    """
    lines = sum(moment <= moment_s for moment in moments[1:])
    with rotating(checkout) as process:
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        select.select([process.stdout], [], [], moment_s - moments[lines])
        running = process.poll() is None
        if with_children:
            end_group(process.pid)
        elif running:
            os.kill(process.pid, signal.SIGKILL)
    return running


@contextmanager
def rotating(checkout: Checkout, *asked: str) -> Iterator[subprocess.Popen[bytes]]:
    """A rotation without an overlap, at work; `asked` are the options that begin it, `--now` unless given."""
    process = subprocess.Popen(
        [sys.executable, "-m", "orgcal.cli", *ROTATE, *(asked or ("--now",))],
        cwd=checkout.path,
        env=checkout.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        start_new_session=True,
    )
    with process:
        yield process


def rotated(checkout: Checkout, *words: str) -> dict[str, Any]:
    """What a rotation without an overlap said; it must end well, and with one generation."""
    ran = checkout.orgcal(*ROTATE, "--json", *words, timeout_s=300)
    if ran.code:
        raise RuntimeError(ran.text)
    said: dict[str, Any] = json.loads(ran.out)
    return said


def recorded(checkout: Checkout) -> list[int]:
    """Live generations by the stack's record, as the last update was asked for them."""
    generations: list[int] = json.loads((checkout.path / ".local/dev/credential.json").read_text())["generations"]
    return generations


def keys(checkout: Checkout, outside: Outside) -> tuple[set[str], set[str]]:
    """Key ids of the connector's secrets: in the state, and in the directory."""
    exported = checkout.shell("pulumi stack export --stack dev")
    if exported.code:
        raise RuntimeError(exported.text)
    resources = json.loads(exported.out)["deployment"]["resources"]
    held = {item["outputs"]["keyId"] for item in resources if item["type"].endswith(":ApplicationPassword")}
    (application,) = outside.applications()
    return held, {item["keyId"] for item in application["passwordCredentials"]}


@contextmanager
def probing(checkout: Checkout) -> Iterator[dict[str, Any]]:
    """A prober at work; what it said is in the mapping afterwards."""
    said: dict[str, Any] = {}
    ready = checkout.path / ".local/dev/emulator/ready.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.rotation_prober", str(ready), CONNECTOR_KEY, HOME],
        cwd=checkout.path,
        env=checkout.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield said
    finally:
        out, _ = process.communicate(timeout=60)
        said |= json.loads(out)


def control(outside: Outside, path: str, body: dict[str, Any]) -> None:
    """Set something of the emulator."""
    token = Path(outside.ready["control"]["token_file"]).read_text().strip()
    url, headers = f"{outside.ready['control']['url']}{path}", {"Authorization": f"Bearer {token}"}
    outside.session.post(url, json=body, headers=headers).raise_for_status()


if __name__ == "__main__":
    main()
