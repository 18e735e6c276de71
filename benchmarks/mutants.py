"""`make mutants`: changes the code in small ways, and counts the changes that the fast tests notice; one JSON object.

Prints

    mutants     changes that were tried or declared equivalent: a random sample with a fixed seed
    equivalent  of these, declared in `benchmarks/equivalent_mutants.yaml`, each with its reason; they are not run
    noticed     of the others, those with which a test fails or hangs
    share       noticed / (mutants - equivalent)

and writes the same, with every change that was not noticed, to `benchmarks/results/`: the whole sample as
`mutants.json`, anything less with its time in the name.

Changes are made in copies of the checkout, one after the other in each; the checkout is never touched. A mutant meets
the tests that were recorded to call the changed function, the closest first, until one fails: `mutants_tests.py` says
how they are chosen and bounded, so the share is a lower bound of what `make test` notices. At the end, the tests that
failed run once more without any change; what was noticed only by one that fails again counts as not noticed.
`mutations.py` says what is changed.

Why no other tool: mutmut 3.8.1 tries every mutant of the files, after two runs of the tests (`mutmut/__main__.py`,
`run_stats_collection` and `run_clean_tests`), and takes no sample (https://github.com/boxed/mutmut/issues/306);
cosmic-ray 8.7.0 has one command for all mutants (`cosmic_ray/mutating.py`, `mutate_and_test`), so each would meet every
test, and its filters know no sample either.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue

import yaml

from benchmarks.mutants_copy import ROOT, Copy
from benchmarks.mutants_tests import RecordedTest, closest_tests, fast_modules, importers_of, recorded
from benchmarks.mutants_uses import readers_of
from benchmarks.mutations import Mutation, is_sound, mutations_of

AREAS = (
    "verify",
    "provisioning",
    "orgcal/consent",
    "orgcal/entra",
    "orgcal/platforms",
    "orgcal/provider",
    "orgcal/rotation",
    "orgcal/tenants",
)
TESTS_OF_PLATFORMS = "orgcal/platforms/testing"
"""Suites that platforms are tested with: tests, not tested code."""
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.yaml")
RESULTS = Path(__file__).with_name("results")
RECORD = ROOT / ".local" / "mutants" / "record.json"
MUTANTS, SEED, MINUTES = 200, 21, 25.0
RECORDING = 0.6
"""Share of the minutes that recording may take."""
CONTROL = 0.1
"""Share of the minutes that is kept for those tests, without any change, that noticed one."""


@dataclass(frozen=True)
class Equivalent:
    """A change that nobody could see, and why."""

    path: str
    code: str
    change: str
    reason: str

    def is_of(self, mutation: Mutation) -> bool:
        """Whether this is the change."""
        return (self.path, self.code, self.change) == (mutation.path, mutation.code, mutation.change)


@dataclass
class Figures:
    """What became of the mutants."""

    equivalent: list[Mutation] = field(default_factory=list)
    noticed: list[tuple[Mutation, frozenset[str]]] = field(default_factory=list)
    unnoticed: list[tuple[Mutation, int]] = field(default_factory=list)

    def note(self, mutation: Mutation, tests: int, failed: frozenset[str], *, noticed: bool) -> None:
        """Counts a mutant that has met so many tests, of which some may have failed, and says so."""
        if noticed:
            self.noticed.append((mutation, failed))
        else:
            self.unnoticed.append((mutation, tests))
        word = "noticed" if noticed else f"NOT noticed by {tests} tests"
        print(f"{mutation.path}:{mutation.line}: {mutation.change}: {word}", file=sys.stderr, flush=True)

    def distrust(self, tests: frozenset[str]) -> None:
        """Counts as not noticed what only these tests noticed, as they fail without any change."""
        for mutation, failed in [each for each in self.noticed if each[1] and each[1] <= tests]:
            self.noticed.remove((mutation, failed))
            print("taken back, as the test fails without any change:", file=sys.stderr)
            self.note(mutation, len(failed), failed, noticed=False)

    def as_json(self) -> dict[str, float]:
        """The four figures."""
        tried = len(self.noticed) + len(self.unnoticed)
        return {
            "mutants": tried + len(self.equivalent),
            "equivalent": len(self.equivalent),
            "noticed": len(self.noticed),
            "share": round(len(self.noticed) / tried, 3) if tried else 1.0,
        }


def main() -> int:
    """Tries the sample and prints the figures; the exit code."""
    given = parsed()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what it started ends with it
    deadline = time.monotonic() + given.minutes * 60 * (1 - CONTROL)
    sources = sources_of(ROOT, given.only)
    try:
        declared = declared_equivalent(EQUIVALENT.read_text(encoding="utf-8"), sources_of(ROOT))
    except ValueError as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    sample = list(sampled(sources, given.mutants, given.seed))
    figures = Figures(equivalent=[mutation for mutation in sample if any(each.is_of(mutation) for each in declared)])
    left = [mutation for mutation in sample if mutation not in figures.equivalent]
    if given.anew:
        RECORD.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="orgcal-mutants-", ignore_cleanup_errors=True) as folder:
        copies = [Copy.of_checkout(Path(folder) / "0")]
        limit_s = given.minutes * 60 * RECORDING
        tests, unrecorded = recorded(copies[0].path, RECORD, AREAS, copies[0].environ, jobs=given.jobs, limit_s=limit_s)
        if not tests:
            print("mutants: not one test could be recorded; see above", file=sys.stderr)
            return 2
        everything = sources_of(ROOT)
        importers = importers_of(ROOT, [*everything, *fast_modules(ROOT)])

        def choose(mutation: Mutation) -> list[RecordedTest]:
            if mutation.function:
                return closest_tests({f"{mutation.path}:{mutation.function}"}, tests, elsewhere=mutation.path)
            readers = readers_of(mutation.path, mutation.line, everything, importers)
            return closest_tests(readers, tests, importers.get(mutation.path, set()), elsewhere=mutation.path)

        copies += [copies[0].copied(Path(folder) / str(number)) for number in range(1, given.jobs)]
        if left and not copies[0].passes(choose(left[0])):
            print(f"{copies[0].output}\nmutants: these tests fail without any change", file=sys.stderr)
            return 2
        try_all(left, choose, copies, figures, deadline)
        witnesses = {name for _, failed in figures.noticed for name in failed}
        copies[0].passes([test for test in tests if test.name in witnesses], all_of_them=True)
        figures.distrust(copies[0].failed)
    if unrecorded:
        print(f"{unrecorded} modules of tests were not recorded; the next run goes on with them", file=sys.stderr)
    whole = given.whole and not unrecorded and figures.as_json()["mutants"] == len(sample)
    write_results(figures, given.seed, whole=whole)
    print(json.dumps(figures.as_json()))
    return 0


def parsed() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=MUTANTS, help=f"how many to draw (default {MUTANTS})")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the draw (default {SEED})")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="after which no other is begun (default 25)")
    parser.add_argument("--jobs", type=int, default=2, help="that are tried at a time (default 2)")
    parser.add_argument("--only", default="", metavar="PATH", help="only paths that begin so, such as orgcal/consent")
    parser.add_argument("--anew", action="store_true", help="record anew what every test calls (minutes)")
    given = parser.parse_args()
    given.whole = not given.only and (given.mutants, given.seed) == (MUTANTS, SEED)
    return given


def sources_of(root: Path, only: str = "") -> dict[str, str]:
    """The text of each file that may be changed, by its path from the root, in the order of paths."""
    paths = (path.relative_to(root).as_posix() for area in AREAS for path in (root / area).rglob("*.py"))
    kept = sorted(path for path in paths if path.startswith(only) and not path.startswith(TESTS_OF_PLATFORMS))
    return {path: (root / path).read_text(encoding="utf-8") for path in kept}


def sampled(sources: dict[str, str], count: int, seed: int) -> Iterator[Mutation]:
    """So many changes of these files, drawn at random, each different.

    For a seed they are the same as long as the changed lines are: other lines may come and go.
    """
    seen: Counter[tuple[str, ...]] = Counter()

    def lot(mutation: Mutation) -> bytes:
        place = (mutation.path, mutation.function, mutation.code, mutation.change)
        seen[place] += 1  # the same change may be made twice in a line
        return hashlib.sha256(repr((seed, place, seen[place])).encode()).digest()

    drawn = sorted((found for path, source in sources.items() for found in mutations_of(path, source)), key=lot)
    sound = (mutation for mutation in drawn if is_sound(mutation, sources[mutation.path]))
    yield from (mutation for mutation, _ in zip(sound, range(count), strict=False))


def declared_equivalent(text: str, sources: dict[str, str]) -> list[Equivalent]:
    """The committed list. ValueError for an entry without a reason, or whose change cannot be made any more."""
    declared = []
    for number, entry in enumerate(yaml.safe_load(text) or [], start=1):
        try:
            each = Equivalent(**entry)
        except TypeError as error:
            raise ValueError(f"{EQUIVALENT.name}, entry {number}: give path, code, change and reason") from error
        if not str(each.reason).strip():
            raise ValueError(f"{EQUIVALENT.name}, entry {number}: say in reason why nobody could see the change")
        if not any(each.is_of(found) for found in mutations_of(each.path, sources.get(each.path, ""))):
            raise ValueError(f"{EQUIVALENT.name}, entry {number}: {each.path} has no such line or change; remove it")
        declared.append(each)
    return declared


def try_all(
    mutations: Iterable[Mutation],
    choose: Callable[[Mutation], list[RecordedTest]],
    copies: list[Copy],
    figures: Figures,
    deadline: float,
) -> None:
    """Tries each in whichever copy is free, until the deadline (`time.monotonic`), and notes what became of it."""
    free: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        free.put(copy)

    def attempt(mutation: Mutation) -> None:
        copy = free.get()
        try:
            if time.monotonic() < deadline:
                chosen = choose(mutation)
                noticed, failed = copy.notices(mutation, chosen)
                figures.note(mutation, len(chosen), failed, noticed=noticed)
        finally:
            free.put(copy)

    with ThreadPoolExecutor(len(copies)) as pool:
        try:
            for future in [pool.submit(attempt, mutation) for mutation in mutations]:
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for copy in copies:
                copy.stop()
            raise


def write_results(figures: Figures, seed: int, *, whole: bool) -> None:
    """The figures and every change that was not noticed, into `benchmarks/results/`."""
    name = "mutants.json" if whole else f"mutants-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    unnoticed = [
        {
            "path": mutation.path,
            "line": mutation.line,
            "function": mutation.function,
            "code": mutation.code,
            "change": mutation.change,
            "tests": tests,
        }
        for mutation, tests in sorted(figures.unnoticed)
    ]
    content = {**figures.as_json(), "seed": seed, "unnoticed": unnoticed}
    (RESULTS / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(unnoticed)} were not noticed: benchmarks/results/{name}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
