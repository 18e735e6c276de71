"""Small changes to code, as `make mutants` makes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest

from benchmarks.mutations import Mutation, is_sound, mutations_of

ROOT = Path(__file__).resolve().parents[2]


def changed(source: str) -> list[str]:
    return [mutation.applied_to(source) for mutation in mutations_of("m.py", source)]


@pytest.mark.parametrize(
    ("source", "becomes"),
    [
        ("a == b", ["a != b"]),
        ("a < b <= c", ["a <= b <= c", "a < b < c"]),
        ("a not  in (b)", ["a in (b)"]),
        ("a is None", ["a is not None"]),
        ("a and b and c", ["a or b and c", "a and b or c"]),
        ("not (a or b)", [" (a or b)", "not (a and b)"]),
        ("a + b * c", ["a - b * c", "a + b / c"]),
        ("if a.b:\n    c", ["if not a.b:\n    c"]),
        ("x = a(b) if c() else d", ["x = a(b) if not c() else d"]),
        ("x = True", ["x = False"]),
        ("x = 1.5", ["x = 2.5"]),
        ("x = 'key'", ["x = 'XXkey'"]),
        ("x = a(b, c, d)", ["x = a(c, b, d)"]),
        ("a.b(c)", ["pass"]),
        ("a += b", ["pass"]),
        ("def f():\n    raise E", ["def f():\n    pass"]),
        ("for a in b:\n    continue", ["for a in b:\n    pass"]),
        ("try:\n    a\nexcept E as e:\n    b", ["try:\n    a\nexcept () as e:\n    b"]),
        ("x = {a: b, c: d}", ["x = {c: d}", "x = {a: b}"]),
        ("x = frozenset([a, b,])", ["x = frozenset([b,])", "x = frozenset([a,])"]),
    ],
)
def test_code_is_changed_in_each_way_once(source: str, becomes: list[str]) -> None:
    assert sorted(changed(source)) == sorted(becomes)


@pytest.mark.parametrize(
    "source",
    [
        '"""What it does."""',
        "def f(a: 'int' = b) -> 'str':\n    'What it returns.'\n    return a",
        "x: Literal['a', 'b'] = y",
        "@dataclass(frozen=True)\nclass C:\n    a: Annotated[int, 5]",
        "x = f'{a == b}'",
        "x = 'a sentence for people'",
        "__all__ = ['a', 'b']",
        "if TYPE_CHECKING:\n    x = 1",
        "if __name__ == '__main__':\n    main(1)",
        "x = cast('int', y)",
        "X = Callable[[int, str], object] | dict[str, int]",
        "x = {'a': 'b'}",
        "def f():\n    x = (a, b)\n    return x",
        "x = min(a, b)",
        "x = rows.where(a, b)",
        "x = zip(a, strict=True)",
    ],
)
def test_code_that_no_test_should_see_is_left_alone(source: str) -> None:
    assert changed(source) == []


def test_change_behind_characters_of_several_bytes_stands_in_its_place() -> None:
    assert changed("x = 'Größe → x y'; z = a == b\n") == ["x = 'Größe → x y'; z = a != b\n"]


def test_change_names_its_place() -> None:
    source = "class C:\n    def f(self):\n        def g():\n            return (a ==\n    b)\n        return g\n"

    [mutation] = mutations_of("p/m.py", source)

    assert (mutation.path, mutation.line, mutation.function) == ("p/m.py", 4, "C.f.<locals>.g")
    assert (mutation.code, mutation.change) == ("return (a ==", "== -> !=")


def functions_in(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant.co_qualname
            yield from functions_in(constant)


@pytest.mark.parametrize("path", ["orgcal/tenants/states.py", "verify/batching.py", "orgcal/entra/session.py"])
def test_changes_of_a_module_are_python_in_functions_that_python_knows(path: str) -> None:
    source = (ROOT / path).read_text(encoding="utf-8")

    found = mutations_of(path, source)

    assert len(found) > 20
    assert all(is_sound(mutation, source) for mutation in found[::5])
    assert {mutation.function for mutation in found} - {""} <= set(functions_in(compile(source, path, "exec")))


@pytest.mark.parametrize("new", [")", "  a == b"])
def test_change_that_is_no_other_program_is_not_sound(new: str) -> None:
    mutation = Mutation("m.py", 1, 4, 10, new, "", "x = a == b", "")

    assert not is_sound(mutation, "x = a == b")
