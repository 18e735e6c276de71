"""Small changes to Python code, each of which a test ought to notice; pure functions of a module's text.

Changed are comparisons, conditions, `and` and `or`, arithmetic, constants, the first two arguments of a call (where
their order matters), statements that only have an effect, handlers of exceptions, and rows of a module's tables. Left
alone is what is not behaviour: docstrings, sentences (texts with blanks), types, decorators, `__all__`, and
`strict` of zip, which watches a promise of the program; and f-strings, whose parts have no place in the text before
Python 3.12.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

_COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.In: ("in", "not in"),
    ast.NotIn: (r"not\s+in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: (r"is\s+not", "is"),
}
_ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: (r"\+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: (r"\*", "/"),
    ast.Div: ("/", "*"),
}
_TABLES = (ast.Dict, ast.Set, ast.List, ast.Tuple)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_ANY_ORDER = {"min", "max", "where", "and_", "or_"}
"""Calls whose arguments mean the same in any order: numbers, or conditions of SQLAlchemy."""
_GENERIC_TYPES = {"Callable", "Iterator", "Literal", "Mapping", "Sequence", "dict", "list", "set", "tuple"}
_LONGEST_TEXT = 60


@dataclass(frozen=True, order=True)
class Mutation:
    """One change: the bytes from `start` to `end` of a file become `new`.

    `function` is the qualified name of the function around it (`co_qualname`), or empty at the level of the module or
    of a class; `code` is the first line that it changes, and `change` says how, both as a list of equivalent mutants
    names them.
    """

    path: str
    line: int
    start: int
    end: int
    new: str
    function: str
    code: str
    change: str

    def applied_to(self, source: str) -> str:
        """The text of the module with this change."""
        content = source.encode()
        return (content[: self.start] + self.new.encode() + content[self.end :]).decode()


def mutations_of(path: str, source: str) -> list[Mutation]:
    """Every change to a module, in the order of its text; some may not parse (`is_sound` tells)."""
    return sorted(set(_Reader(path, source).found()))


def is_sound(mutation: Mutation, source: str) -> bool:
    """Whether the changed module is Python, and another program than before."""
    try:
        changed = ast.parse(mutation.applied_to(source))
    except (SyntaxError, ValueError):
        return False
    return ast.dump(changed) != ast.dump(ast.parse(source))


class _Reader:
    """Walks through a module, and knows in which function it is."""

    def __init__(self, path: str, source: str) -> None:
        self._path = path
        self._content = source.encode()
        self._lines = self._content.splitlines(keepends=True)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))
        self._tree = ast.parse(source)

    def found(self) -> Iterator[Mutation]:
        yield from self._in_block(self._tree, "")

    # Where -----------------------------------------------------------------------------------------------------------

    def _start(self, node: ast.expr | ast.stmt) -> int:
        return self._starts[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.expr | ast.stmt) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._starts[node.end_lineno - 1] + node.end_col_offset

    def _text(self, node: ast.expr | ast.stmt) -> str:
        return self._content[self._start(node) : self._end(node)].decode()

    def _mutation(self, start: int, end: int, new: str, function: str, *, shown: str = "") -> Mutation:
        line = self._content.count(b"\n", 0, start) + 1
        old = self._content[start:end].decode()
        return Mutation(
            path=self._path,
            line=line,
            start=start,
            end=end,
            new=new,
            function=function,
            code=self._lines[line - 1].decode().strip(),
            change=shown or f"{' '.join(old.split())} -> {' '.join(new.split())}",
        )

    def _between(self, left: ast.expr, right: ast.expr, pattern: str, new: str, function: str) -> Iterator[Mutation]:
        start, end = self._end(left), self._start(right)
        match = re.search(pattern.encode(), self._content[start:end])
        if match:
            yield self._mutation(start + match.start(), start + match.end(), new, function)

    # What ------------------------------------------------------------------------------------------------------------

    def _in_block(self, node: ast.AST, qualname: str, function: str = "") -> Iterator[Mutation]:
        for child in ast.iter_child_nodes(node):
            yield from self._in_node(child, node, qualname, function)

    def _in_node(self, node: ast.AST, parent: ast.AST, qualname: str, function: str) -> Iterator[Mutation]:
        if _is_left_alone(node):
            return
        if isinstance(node, _FUNCTIONS):
            name = f"{qualname}{node.name}"
            for part in [*node.body, *node.args.defaults, *filter(None, node.args.kw_defaults)]:
                yield from self._in_node(part, node, f"{name}.<locals>.", name)
            return
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                yield from self._in_node(part, node, f"{qualname}{node.name}.", "")
            return
        if isinstance(node, ast.AnnAssign):
            if node.value is not None:
                yield from self._in_node(node.value, node, qualname, function)
            return
        if isinstance(node, _TABLES) and not function:
            yield from self._rows(node)
        yield from self._of(node, function, in_table=isinstance(parent, (*_TABLES, ast.Call)) and not function)
        yield from self._in_block(node, qualname, function)

    def _of(self, node: ast.AST, function: str, *, in_table: bool) -> Iterator[Mutation]:
        match node:
            case ast.Compare():
                for operator, (left, right) in zip(node.ops, pairwise([node.left, *node.comparators]), strict=True):
                    yield from self._between(left, right, *_COMPARISONS[type(operator)], function)
            case ast.BoolOp():
                words = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
                for left, right in pairwise(node.values):
                    yield from self._between(left, right, *words, function)
            case ast.BinOp() if type(node.op) in _ARITHMETIC:
                yield from self._between(node.left, node.right, *_ARITHMETIC[type(node.op)], function)
            case ast.UnaryOp(op=ast.Not()):
                yield self._mutation(self._start(node), self._start(node) + 3, "", function, shown="not dropped")
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) if isinstance(
                test, (ast.Name, ast.Attribute, ast.Call)
            ):
                yield self._replaced(test, f"not {self._text(test)}", function)
            case ast.Constant():
                yield from self._constant(node, function, in_table=in_table)
            case ast.Call(args=[first, second, *_]) if not (
                {type(first), type(second)} & {ast.Starred} or _name_of(node.func) in _ANY_ORDER
            ):
                between = self._content[self._end(first) : self._start(second)].decode()
                swapped = f"{self._text(second)}{between}{self._text(first)}"
                yield self._mutation(self._start(first), self._end(second), swapped, function)
            case ast.ExceptHandler(type=ast.expr() as kind):
                yield self._replaced(kind, "()", function)
            case ast.stmt() if _has_only_an_effect(node):
                yield self._replaced(node, "pass", function)
            case _:
                pass

    def _replaced(self, node: ast.expr | ast.stmt, new: str, function: str) -> Mutation:
        return self._mutation(self._start(node), self._end(node), new, function)

    def _constant(self, node: ast.Constant, function: str, *, in_table: bool) -> Iterator[Mutation]:
        match node.value:
            case bool() as value:
                yield self._replaced(node, str(not value), function)
            case int() | float() as number:
                yield self._replaced(node, repr(number + 1), function)
            case str() as text if not in_table and len(text) <= _LONGEST_TEXT and not re.search(r"\s", text):
                yield self._replaced(node, repr(f"XX{text}"), function)
            case _:
                pass

    def _rows(self, table: ast.Dict | ast.Set | ast.List | ast.Tuple) -> Iterator[Mutation]:
        """Each row left out of a table of a module or a class."""
        if isinstance(table, ast.Dict):
            pairs = zip(table.keys, table.values, strict=True)
            rows = [(self._start(key) if key else self._start(value) - len("**"), value) for key, value in pairs]
        else:
            rows = [(self._start(element), element) for element in table.elts]
        for number, (start, last) in enumerate(rows if len(rows) > 1 else []):
            end = self._end(last)
            shown = f"{' '.join(self._content[start:end].decode().split())} -> left out"
            if number + 1 < len(rows):
                end = rows[number + 1][0]
            else:
                start = self._end(rows[number - 1][1])  # noqa: PLW2901  # with the comma before it
            yield self._mutation(start, end, "", "", shown=shown)


def _name_of(called: ast.expr) -> str:
    match called:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _is_left_alone(node: ast.AST) -> bool:
    match node:
        case ast.JoinedStr() | ast.Import() | ast.ImportFrom():
            return True
        case ast.Expr(value=ast.Constant()):
            return True  # a docstring
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Compare(left=ast.Name(id="__name__"))):
            return True
        case ast.keyword(arg="strict"):
            return True
        case ast.Subscript(value=ast.Name(id=name)) if name in _GENERIC_TYPES:
            return True
        case ast.Call(func=ast.Name(id="cast" | "TypeVar" | "NewType")):
            return True
        case _:
            return False


def _has_only_an_effect(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Call() | ast.Await(value=ast.Call())):
            return True
        case ast.AugAssign() | ast.Raise() | ast.Continue() | ast.Break() | ast.Return(value=None):
            return True
        case _:
            return False
