"""Which functions a change reaches that stands outside of functions: those that read what the line defines.

A constant, a row of a table or a field of a class is read in functions, often of other modules. Tests that call such a
function can notice the change; the module's own body runs at its import, for no test in particular.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import cache

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class _Names:
    """Of one module: which names each function reads, and each definition outside of functions."""

    functions: Mapping[str, frozenset[str]]
    """Qualified name of a function to the names that it reads, as variables or attributes."""
    definitions: Mapping[str, frozenset[str]]
    """Name that the module or a class defines to the names that its definition reads."""
    lines: Mapping[int, frozenset[str]] = field(hash=False)
    """Line outside of functions to what is defined there: a name, its class, or both."""


def readers_of(path: str, line: int, sources: Mapping[str, str], importers: Mapping[str, Set[str]]) -> set[str]:
    """`path:qualified name` of the functions that read what a line outside of functions defines.

    A name is looked for in its own module and in those of `sources` (texts by path) that import that one (`importers`,
    by path); a definition that reads it is looked for in the same way. Methods of a class that the line is in count.
    """
    found: set[str] = set()
    seen: set[tuple[str, str]] = set()
    left = [(path, name) for name in _names(sources[path]).lines.get(line, ())]
    while left:
        place, name = left.pop()
        if (place, name) in seen:
            continue
        seen.add((place, name))
        for other in {place} | importers.get(place, set()) & sources.keys():
            names = _names(sources[other])
            found |= {f"{other}:{function}" for function, read in names.functions.items() if name in read}
            left += [(other, defined) for defined, read in names.definitions.items() if name in read]
        found |= {f"{place}:{function}" for function in _names(sources[place]).functions if name in function.split(".")}
    return found


@cache
def _names(source: str) -> _Names:
    functions: dict[str, frozenset[str]] = {}
    definitions: dict[str, frozenset[str]] = {}
    lines: dict[int, frozenset[str]] = {}

    def walk(statements: Iterable[ast.stmt], qualname: str, classes: frozenset[str]) -> None:
        for node in statements:
            if isinstance(node, _FUNCTIONS):
                functions[f"{qualname}{node.name}"] = frozenset(_read(node))
                continue
            if isinstance(node, ast.ClassDef):
                inner = classes | {node.name}
                walk(node.body, f"{qualname}{node.name}.", inner)
                defined, read = inner, frozenset(name for base in node.bases for name in _read(base))
            else:
                defined, read = classes | frozenset(_defined(node)), frozenset(_read(node))
            for name in defined:
                definitions[name] = definitions.get(name, frozenset()) | read - {name}
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                lines.setdefault(line, defined)

    walk(ast.parse(source).body, "", frozenset())
    return _Names(functions, definitions, lines)


def _read(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
            yield part.id
        elif isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Load):
            yield part.attr


def _defined(node: ast.stmt) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            yield part.id
