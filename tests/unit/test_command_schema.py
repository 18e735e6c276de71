"""The schema of what commands print with --json: it is one, it knows every command, and it notices mistakes."""

from __future__ import annotations

import pytest
import typer
from jsonschema import Draft202012Validator
from typer.core import TyperGroup

from orgcal import errors
from orgcal.cli import whole_app
from orgcal.cli.common import SCHEMA_VERSION
from orgcal.help_text import command_tree
from orgcal.verdicts import WORDS, stored, told
from tests.support.command_schema import SCHEMA, mistakes_in


def test_schema_has_the_shape_of_every_command() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    tree = command_tree(typer.main.get_command(whole_app()), ())
    commands = {" ".join(path) for path, command in tree if not isinstance(command, TyperGroup)}

    assert SCHEMA["commands"].keys() == commands


@pytest.mark.parametrize("command", SCHEMA["commands"])
def test_every_shape_has_a_version_and_one_object_says_whether_all_is_well(command: str) -> None:
    shape = SCHEMA["commands"][command]

    assert shape["properties"]["schema_version"] == {"const": SCHEMA_VERSION}
    assert "ok" in shape["properties"] or shape["x-lines"]
    assert shape["description"]


def test_schema_knows_every_kind_of_error() -> None:
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    kinds = {each.kind for each in classes if issubclass(each, errors.OrgcalError)}

    assert kinds | {"disk", "interrupted"} == set(SCHEMA["$defs"]["error"]["properties"]["kind"]["enum"])


def test_schema_and_code_have_one_set_of_verdicts() -> None:
    assert set(SCHEMA["$defs"]["verdict"]["enum"]) == set(WORDS.values())
    assert [stored(told(verdict)) for verdict in WORDS] == list(WORDS)
    assert stored("pass") == "pass"
    assert told("") == ""


@pytest.mark.parametrize(
    "printed",
    [
        {"ok": True, "file": "x"},
        {"schema_version": 1, "ok": True, "file": "x", "more": 1},
        {"schema_version": 1, "ok": True},
        {"schema_version": 1, "ok": False, "error": {"kind": "invented", "what": "", "where": "", "repair": ""}},
        [],
    ],
)
def test_mistake_in_an_object_is_noticed(printed: object) -> None:
    assert mistakes_in("report", printed)
    assert mistakes_in("report", {"schema_version": 1, "ok": True, "file": "x"}) == []


def test_time_has_no_offset_and_no_fraction() -> None:
    entry = {"entry": 1, "operator": "ada", "action": "add", "subject": "x", "result": "y", "detail": {}}

    assert mistakes_in("log", {"schema_version": 1, **entry, "at": "2026-11-25T17:05:01Z"}) == []
    assert mistakes_in("log", {"schema_version": 1, **entry, "at": "2026-11-25T17:05:01+00:00"})
    assert mistakes_in("log", {"schema_version": 1, **entry, "at": "2026-11-25T17:05:01.5Z"})
