"""Requests of an azuread plugin, brought into a form in which the real one's and the stand-in's can be compared.

`NORMALISATION` lists everything that is allowed to differ; `docs/standin.md` holds the same table, and a test compares
the two. What is left must be equal: the same writes with the same bodies, in the same order where one needs another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.azuread_recorder import Exchange

NORMALISATION: Mapping[str, str] = {
    "login": "token requests and Entra's description of itself are dropped: libraries differ in when they ask",
    "metadata": "the metadata request is dropped: the stand-in asks when the first resource needs it",
    "reads": "reads are compared as a set, each once: caching and polling decide how often one is made",
    "markers": "PATCHes of `TERRAFORM_UPDATE_…` and back are dropped, and the marker in a new service principal's "
    "description counts as the null that follows: the stand-in waits by reading instead",
    "ids": "ids are renamed consistently, and the host in `owners@odata.bind` becomes `{base}`",
    "values": "the certificate and the dates of the test program are put in place of the recorded ones",
    "order": "writes may come in another order where neither creates, changes nor deletes what the other names",
}
"""Rule -> what it allows and why."""

_ID = r"\{id\d+\}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_ASSIGNMENT = r"(?<=/appRoleAssignedTo/)[\w{}-]+"
_FIXED = frozenset({"00000003-0000-0000-c000-000000000000"})
_MARKER = "TERRAFORM_UPDATE_"


@dataclass(frozen=True, slots=True)
class Write:
    """A request that changes something; `text` is path and body as one text."""

    method: str
    text: str

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids in it, in order of appearance, once each."""
        return tuple(dict.fromkeys(_ids_in(self.text)))

    @property
    def shape(self) -> str:
        """The request with every id left out."""
        return f"{self.method} {_without_ids(self.text)}"

    def target(self) -> str:
        """The last id in the path of a DELETE, or the first one anywhere."""
        path = self.text.split("\n")[0]
        found = _ids_in(path)
        return found[-1] if found else ""


def normalised(exchanges: Iterable[Exchange], base: str = "{base}") -> tuple[list[Write], frozenset[str]]:
    """Writes in order, and reads as a set of paths, after every rule but `ids` and `order`."""
    writes: list[Write] = []
    reads: set[str] = set()
    for exchange in exchanges:
        if re.search(r"/oauth2/|/\.well-known/|/discovery/|/metadata/endpoints", exchange.path):
            continue
        if exchange.method == "GET":
            reads.add(exchange.path)
            continue
        body = _without_markers(exchange)
        if body is _DROPPED:
            continue
        text = exchange.path if body is None else f"{exchange.path}\n{json.dumps(body, sort_keys=True)}"
        writes.append(Write(exchange.method, text.replace(base, "{base}")))
    return writes, frozenset(reads)


def differences(
    expected: Sequence[Exchange], found: Sequence[Exchange], *, base: str, substitutes: Mapping[str, str] | None = None
) -> list[str]:
    """What differs between two recordings of one scenario, one line each; empty if nothing does.

    Args:
        expected: the real plugin's, with placeholders or with real ids.
        found: the other's.
        base: address in `found` that stands for `{base}`.
        substitutes: recorded value -> the value that the program had this time (rule `values`).
    """
    wanted, wanted_reads = normalised(_substituted(expected, substitutes or {}))
    made, made_reads = normalised(found, base)
    names = _renaming(wanted, made)
    if names is None:
        lines = [f"expected: {write.method} {write.text}" for write in _unmatched(wanted, made)]
        return lines + [f"found: {write.method} {write.text}" for write in _unmatched(made, wanted)] or ["ids differ"]
    renamed = [Write(write.method, _renamed(write.text, names)) for write in made]
    lines = [f"order: {late.method} {late.text} came before {early.method} {early.text}"
             for early, late in _needed_order(wanted) if renamed.index(late) < renamed.index(early)]  # fmt: skip
    known = {_without_ids(path) for path in made_reads}
    lines += [f"not read: {path}" for path in sorted(wanted_reads) if _without_ids(path) not in known]
    known = {_without_ids(path) for path in wanted_reads}
    return lines + [f"read too: {path}" for path in sorted(made_reads) if _without_ids(path) not in known]


class _Dropped:
    """The type of `_DROPPED`."""


_DROPPED = _Dropped()


def _without_markers(exchange: Exchange) -> Any:
    body = exchange.body
    if not isinstance(body, dict):
        return body
    named = set(body) - {"@odata.type"}
    if exchange.method == "PATCH" and len(named) == 1 and named <= {"displayName", "description"}:
        return _DROPPED  # the marker, or the value that follows it; a real update sends many properties
    if str(body.get("description", "")).startswith(_MARKER):
        return {**body, "description": None}
    return body


def _substituted(exchanges: Iterable[Exchange], substitutes: Mapping[str, str]) -> list[Exchange]:
    result = []
    for exchange in exchanges:
        text = json.dumps(exchange.body)
        for old, new in substitutes.items():
            text = text.replace(json.dumps(old), json.dumps(new))
        result.append(Exchange(exchange.method, exchange.path, exchange.status, json.loads(text)))
    return result


def _ids_in(text: str) -> list[str]:
    return [found for found in re.findall(f"{_ASSIGNMENT}|{_ID}", text) if found not in _FIXED]


def _without_ids(text: str) -> str:
    return re.sub(f"{_ASSIGNMENT}|{_ID}", lambda match: match[0] if match[0] in _FIXED else "{id}", text)


def _renamed(text: str, names: Mapping[str, str]) -> str:
    return re.sub(f"{_ASSIGNMENT}|{_ID}", lambda match: names.get(match[0], match[0]), text)


def _unmatched(some: Sequence[Write], others: Sequence[Write]) -> list[Write]:
    left = [write.shape for write in others]
    result = []
    for write in some:
        if write.shape in left:
            left.remove(write.shape)
        else:
            result.append(write)
    return result


def _renaming(wanted: Sequence[Write], made: Sequence[Write]) -> dict[str, str] | None:
    """Ids in `made` -> ids in `wanted`, so that both hold the same writes; None where there is no such renaming."""
    if len(wanted) != len(made):
        return None

    placeholders = any("{id" in write.text for write in wanted)

    def match(index: int, names: dict[str, str], left: tuple[int, ...]) -> dict[str, str] | None:
        if index == len(wanted):
            return names
        for position in left:
            extended = _extended(names, made[position], wanted[index], placeholders)
            if extended is not None:
                result = match(index + 1, extended, tuple(other for other in left if other != position))
                if result is not None:
                    return result
        return None

    return match(0, {}, tuple(range(len(made))))


def _extended(names: Mapping[str, str], made: Write, wanted: Write, placeholders: bool) -> dict[str, str] | None:
    if made.shape != wanted.shape:
        return None
    extended = dict(names)
    for here, there in zip(_ids_in(made.text), _ids_in(wanted.text), strict=True):
        written_out = placeholders and not there.startswith("{id")  # an app role: nothing to rename
        if extended.setdefault(here, there) != there or (written_out and here != there):
            return None
    return extended if len(set(extended.values())) == len(extended) else None


def _needed_order(writes: Sequence[Write]) -> list[tuple[Write, Write]]:
    """Pairs of which the first must come before the second: what is made before it is used, what goes goes last.

    Ids are those of the recording, where the creation of an object comes before everything that names it.
    """
    seen: dict[str, Write] = {}
    pairs = []
    for index, write in enumerate(writes):
        for name in write.ids:
            maker = seen.get(name)
            if maker is not None and maker is not write:
                pairs.append((maker, write))
        if write.method == "POST":
            maker_of = _introduced(writes[index + 1 :], seen.keys() | set(write.ids))
            if re.fullmatch(r"/v1\.0/(applications|servicePrincipals)", write.text.split("\n")[0]):
                seen.update(dict.fromkeys(maker_of[:2], write))
        if write.method == "DELETE":
            target = write.target()
            pairs += [(before, write) for before in writes[:index] if target in before.ids]
    return pairs


def _introduced(following: Sequence[Write], known: Iterable[str]) -> list[str]:
    taken = set(known)
    return [name for write in following for name in write.ids if name not in taken]
