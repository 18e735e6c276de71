"""`make mutants`: its sample, its choice of tests, its list of equivalent mutants, and its figures."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks import mutants
from benchmarks.mutants import Figures, declared_equivalent, sampled, sources_of, try_all, write_results
from benchmarks.mutants_copy import Copy
from benchmarks.mutants_tests import BUDGET_S, MOST_FILES, RecordedTest, closest_tests, fast_modules, importers_of
from benchmarks.mutants_uses import readers_of
from benchmarks.mutations import Mutation, mutations_of

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {"a.py": "x = a == b\n" * 30, "b.py": "y = c < d\n" * 30}
EQUAL = {"path": "a.py", "code": "x = a == b", "change": "== -> !="}


def ran(name: str, *functions: str, seconds: float = 1.0) -> RecordedTest:
    return RecordedTest(name, seconds, frozenset(functions))


# The sample -----------------------------------------------------------------------------------------------------------


def test_sample_is_the_same_for_a_seed_and_another_for_another() -> None:
    first, again, other = (list(sampled(SOURCES, 20, seed)) for seed in (1, 1, 2))

    assert first == again != other
    assert len(set(first)) == 20
    assert {mutation.path for mutation in first} == {"a.py", "b.py"}


def test_sample_stays_where_other_code_is_added() -> None:
    lines = "".join(f"x{number} = a == b\n" for number in range(30))

    before = [found.code for found in sampled({"m.py": lines}, 10, 1)]
    after = [found.code for found in sampled({"m.py": f"new = c < d\n{lines}"}, 10, 1)]

    kept = [code for code in after if code != "new = c < d"]
    assert len(kept) >= 9
    assert kept == before[: len(kept)]


def test_sample_of_more_than_there_is_is_everything() -> None:
    assert len(list(sampled(SOURCES, 1000, 1))) == 60


def test_sources_are_those_of_the_areas_without_suites_for_platforms() -> None:
    found = sources_of(ROOT)

    assert {"verify/verdicts.py", "orgcal/entra/graph.py", "orgcal/rotation/steps.py"} <= found.keys()
    assert not [path for path in found if "testing" in path or path.startswith("orgcal/cli")]
    assert all(path.startswith("orgcal/consent") for path in sources_of(ROOT, "orgcal/consent"))


# The tests ------------------------------------------------------------------------------------------------------------


def test_tests_that_call_the_function_come_closest_first() -> None:
    wide = ran("t/wide.py::a", "m.py:f", "n.py:a", "n.py:b")
    near = ran("t/near.py::a", "m.py:f", "m.py:g")
    slow = ran("t/near.py::b", "m.py:f", "m.py:g", seconds=2.0)
    beside = ran("t/beside.py::a", "m.py:g")

    assert closest_tests({"m.py:f"}, [wide, slow, beside, near]) == [near, slow, wide]


def test_tests_of_a_module_stand_in_for_those_of_a_function_that_nobody_calls() -> None:
    inside, outside = ran("t/a.py::a", "m.py:g"), ran("t/b.py::a", "n.py:f")

    assert closest_tests({"m.py:f"}, [outside, inside], elsewhere="m.py") == [inside]


def test_tests_of_a_table_are_those_of_its_readers_and_of_test_modules_that_import_it() -> None:
    of_reader, beside = ran("t/a.py::a", "user.py:f"), ran("t/a.py::b", "user.py:g")
    by_test, other = ran("t/b.py::a"), ran("t/c.py::a", "n.py:f")

    found = closest_tests({"user.py:f"}, [other, by_test, beside, of_reader], {"user.py", "t/b.py"}, "table.py")

    assert found == [of_reader, by_test]


TABLE = """
LIMIT = 3
TWICE = {"a": LIMIT,
         "b": 2}

class Row:
    size: int = 4

    def shown(self):
        return f"{self.size}"

def within(number):
    return number < LIMIT

def unconcerned():
    return 1
"""
USER = """
import table

ROWS = [table.TWICE]

def twice(name):
    return table.TWICE[name]

class Shelf:
    def rows(self):
        return ROWS, table.Row()
"""
STRANGER = "def limited(): return LIMIT, ROWS\n"


@pytest.mark.parametrize(
    ("line", "readers"),
    [
        (2, {"table.py:within", "user.py:twice", "user.py:Shelf.rows"}),
        (4, {"user.py:twice", "user.py:Shelf.rows"}),
        (7, {"table.py:Row.shown", "user.py:Shelf.rows"}),
        (1, set()),
    ],
    ids=["constant", "row of a table", "field", "nothing"],
)
def test_readers_of_a_line_are_the_functions_that_it_reaches(line: int, readers: set[str]) -> None:
    sources = {"table.py": TABLE, "user.py": USER, "stranger.py": STRANGER}

    assert readers_of("table.py", line, sources, {"table.py": {"user.py", "tests/a.py"}}) == readers


def test_tests_cost_no_more_than_the_budget() -> None:
    slow = [ran(f"t/a.py::{number}", "m.py:f", seconds=BUDGET_S / 4) for number in range(9)]
    spread = [ran(f"t/{number}.py::a", "m.py:f", seconds=0.1) for number in range(40)]

    assert len(closest_tests({"m.py:f"}, slow)) == 4
    assert len(closest_tests({"m.py:f"}, spread)) == MOST_FILES


def test_importers_are_known_by_module_package_and_name(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import p.m\n")
    (tmp_path / "b.py").write_text("def f():\n    from p import n\n")

    found = importers_of(tmp_path, ["a.py", "b.py"])

    assert (found["p/m.py"], found["p/n.py"], found["p/__init__.py"]) == ({"a.py"}, {"b.py"}, {"b.py"})


def test_fast_tests_are_modules_of_make_test() -> None:
    found = fast_modules(ROOT)

    assert "tests/unit/test_mutants.py" in found
    assert not [file for file in found if file.startswith(("tests/engine", "tests/contract/test_witness"))]


# Equivalent mutants ---------------------------------------------------------------------------------------------------


def test_equivalent_mutants_of_this_repository_have_reasons_and_can_be_made() -> None:
    declared = declared_equivalent(mutants.EQUIVALENT.read_text(encoding="utf-8"), sources_of(ROOT))

    assert all(each.reason for each in declared)


def test_equivalent_mutant_is_found_by_line_and_change() -> None:
    [declared] = declared_equivalent(json.dumps([{**EQUAL, "reason": "a is b"}]), SOURCES)

    assert all(declared.is_of(mutation) for mutation in mutations_of("a.py", SOURCES["a.py"]))
    assert not any(declared.is_of(mutation) for mutation in mutations_of("b.py", SOURCES["b.py"]))


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (EQUAL, "entry 1: give path, code, change and reason"),
        ({**EQUAL, "reason": " "}, "entry 1: say in reason"),
        ({**EQUAL, "reason": "r", "code": "x = b"}, "entry 1: a.py has no such line"),
        ({**EQUAL, "reason": "r", "path": "gone.py"}, "entry 1: gone.py has no such line"),
    ],
)
def test_equivalent_mutant_without_reason_or_place_is_refused(entry: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        declared_equivalent(json.dumps([entry]), SOURCES)


# Figures --------------------------------------------------------------------------------------------------------------


class ToldCopy(Copy):
    """A copy in which every second line's change is noticed."""

    def notices(self, mutation: Mutation, tests: Sequence[RecordedTest]) -> tuple[bool, frozenset[str]]:
        return mutation.line % 2 == 0, frozenset()

    @property
    def is_stopped(self) -> bool:
        return self._stopped


def test_share_is_of_the_mutants_that_are_not_equivalent(tmp_path: Path) -> None:
    found = mutations_of("a.py", SOURCES["a.py"])
    figures = Figures(equivalent=found[:6])

    try_all(found[6:], lambda _: [], [ToldCopy(tmp_path), ToldCopy(tmp_path)], figures, time.monotonic() + 60)

    assert figures.as_json() == {"mutants": 30, "equivalent": 6, "noticed": 12, "share": 0.5}


def test_mutant_that_only_a_broken_test_noticed_is_taken_back() -> None:
    first, second, third = mutations_of("a.py", SOURCES["a.py"])[:3]
    by_broken, by_both, by_import = frozenset({"t::a"}), frozenset({"t::a", "t::b"}), frozenset[str]()
    figures = Figures(noticed=[(first, by_broken), (second, by_both), (third, by_import)])

    figures.distrust(frozenset({"t::a"}))

    assert figures.noticed == [(second, by_both), (third, by_import)]
    assert [mutation for mutation, _ in figures.unnoticed] == [first]


def test_mutants_beyond_the_time_are_not_counted(tmp_path: Path) -> None:
    figures = Figures()

    try_all(mutations_of("a.py", SOURCES["a.py"]), lambda _: [], [ToldCopy(tmp_path)], figures, time.monotonic())

    assert figures.as_json()["mutants"] == 0


def test_error_ends_what_runs_in_every_copy(tmp_path: Path) -> None:
    def broken(_: Mutation) -> list[RecordedTest]:
        raise RuntimeError("unforeseen")

    copies = [ToldCopy(tmp_path), ToldCopy(tmp_path)]
    with pytest.raises(RuntimeError):
        try_all(mutations_of("a.py", SOURCES["a.py"]), broken, list(copies), Figures(), time.monotonic() + 60)

    assert all(copy.is_stopped for copy in copies)


@pytest.mark.parametrize(("whole", "pattern"), [(True, "mutants.json"), (False, "mutants-*Z.json")])
def test_results_name_every_mutant_that_was_not_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool, pattern: str
) -> None:
    monkeypatch.setattr(mutants, "RESULTS", tmp_path)
    first, second = mutations_of("a.py", SOURCES["a.py"])[:2]

    write_results(Figures(noticed=[(first, frozenset())], unnoticed=[(second, 7)]), 21, whole=whole)

    [file] = tmp_path.glob(pattern)
    content: dict[str, Any] = json.loads(file.read_text())
    assert (content["mutants"], content["share"], content["seed"]) == (2, 0.5, 21)
    assert content["unnoticed"] == [{**EQUAL, "line": 2, "function": "", "tests": 7}]
