"""`make mutants` in a small checkout: what tests call is recorded, and a change is noticed or not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.mutants_copy import Copy
from benchmarks.mutants_tests import RecordedTest, closest_tests, recorded
from benchmarks.mutations import mutations_of

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = """\
def doubled(number):
    return number + number


def is_below(number, limit):
    return number < limit


def seen_by_a_child(text):
    return not text
"""
TESTS = """\
import subprocess
import sys

from product.rules import doubled, is_below


def test_doubled():
    assert doubled(4) == 8


def test_below():
    assert is_below(3, 9)


def test_child():
    code = "from product.rules import seen_by_a_child; assert seen_by_a_child('')"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_broken():
    assert doubled(4) == 9
"""
MODULE = "tests/unit/test_rules.py"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A small checkout, with the benchmarks as they are."""
    path = tmp_path_factory.mktemp("mutants") / "copy"
    for name, text in (("product/rules.py", PRODUCT), (MODULE, TESTS), ("pyproject.toml", "")):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    shutil.copytree(ROOT / "benchmarks", path / "benchmarks", ignore=shutil.ignore_patterns("__pycache__", "results"))
    return Copy(path)


@pytest.fixture(scope="module")
def kept(copy: Copy) -> Path:
    """Where the record is kept."""
    return copy.path.with_name("record.json")


@pytest.fixture(scope="module")
def record(copy: Copy, kept: Path) -> list[RecordedTest]:
    return recorded(copy.path, kept, ["product"], copy.environ, jobs=1, limit_s=100)[0]


def test_record_holds_what_passing_tests_and_their_children_call(record: list[RecordedTest]) -> None:
    assert {test.name: set(test.ran) for test in record} == {
        f"{MODULE}::test_doubled": {"product/rules.py:doubled"},
        f"{MODULE}::test_below": {"product/rules.py:is_below"},
        f"{MODULE}::test_child": {"product/rules.py:seen_by_a_child"},
    }


def test_record_of_modules_that_did_not_change_is_kept(copy: Copy, kept: Path, record: list[RecordedTest]) -> None:
    module, own = copy.path / "tests/unit/test_more.py", kept.with_name("own.json")
    shutil.copy(kept, own)
    module.write_text("from product.rules import doubled\n\n\ndef test_more():\n    assert doubled(1) == 2\n")
    (copy.path / "product/rules.py").write_text(PRODUCT.replace("number +", "7 +"))  # what is recorded now, fails

    found, left = recorded(copy.path, own, ["product"], copy.environ, jobs=1, limit_s=100)

    module.unlink()
    (copy.path / "product/rules.py").write_text(PRODUCT)
    assert (set(found), left) == (set(record), 0)
    assert json.loads(own.read_text()).keys() == {MODULE, "tests/unit/test_more.py"}


def test_record_that_takes_too_long_leaves_modules_for_the_next_run(copy: Copy, tmp_path: Path) -> None:
    kept = tmp_path / "record.json"

    found = recorded(copy.path, kept, ["product"], copy.environ, jobs=1, limit_s=0.01)

    assert found == ([], 1)
    assert json.loads(kept.read_text()) == {}
    assert not (copy.path / "sitecustomize.py").exists()


def test_change_is_noticed_by_a_test_or_not_and_taken_back(copy: Copy, record: list[RecordedTest]) -> None:
    noticed = {}
    for mutation in mutations_of("product/rules.py", PRODUCT):
        tests = closest_tests({f"{mutation.path}:{mutation.function}"}, record)
        was_noticed, failed = copy.notices(mutation, tests)
        noticed[f"{mutation.function}: {mutation.change}"] = (was_noticed, sorted(failed))

    assert noticed == {
        "doubled: + -> -": (True, [f"{MODULE}::test_doubled"]),
        "is_below: < -> <=": (False, []),
        "seen_by_a_child: not dropped": (True, [f"{MODULE}::test_child"]),
    }
    assert (copy.path / "product/rules.py").read_text() == PRODUCT


def test_chosen_tests_run_alone_and_in_their_order(copy: Copy) -> None:
    below, broken = (RecordedTest(f"{MODULE}::{name}", 1.0, frozenset()) for name in ("test_below", "test_broken"))

    assert copy.passes([below])
    assert "1 passed" in copy.output
    assert not copy.passes([broken, below])
    assert "1 failed" in copy.output
    assert "passed" not in copy.output
    assert not copy.passes([broken, below], all_of_them=True)
    assert copy.failed == {broken.name}
    assert "1 failed, 1 passed" in copy.output
