"""Generated documents of each format: values as intended for the format's readers, everything else byte for byte."""

from __future__ import annotations

import io
import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import dotenv as python_dotenv
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from orgcal.errors import PlatformError
from orgcal.files import dotenv, toml_edit, yaml_edit, yaml_parts
from orgcal.files.json_edit import JSON, JSONC
from orgcal.files.text_format import TextFormat
from tests.support.fuzzing import examples

TRAIL = ["connectors", "outlook"]
OURS = ["client_id", "client_secret", "scopes", "published"]
TEXTS = st.text(st.characters(exclude_categories=["C"]) | st.sampled_from("\n\t\"'\\$#:{}~"), max_size=12)
VALUES = st.dictionaries(st.sampled_from(OURS), TEXTS | st.booleans() | st.integers() | st.lists(TEXTS, max_size=3))
NEWLINES = st.sampled_from(["\n", "\r\n"])
MARKS = st.sampled_from(["", "\ufeff"])


def with_ends(draw: st.DrawFn, lines: list[str], ends: st.SearchStrategy[str]) -> str:
    """The lines, each with an end of its own; the last one may lack it."""
    text = "".join(line + draw(ends) for line in lines)
    return text.rstrip("\r\n") if draw(st.booleans()) and lines[-1:] != [""] else text


def assert_lines_stay(before: str, after: str, ours: str) -> None:
    """Every line that holds none of our names, end included, is still there, in its order."""
    lines = iter(after.splitlines(keepends=True))
    for line in before.splitlines(keepends=True)[:-1]:
        if not re.search(ours, line):
            assert line in lines, f"{line!r} is gone"


@st.composite
def yaml_texts(draw: st.DrawFn) -> str:
    foreign = [
        "# a comment",
        "",
        "n{}: 0x1F  # spelling",
        "n{}: 'it''s # none'",
        "n{}:",
        "n{}:\r  - 1_000 # of a list",
        "n{}: {{x: 1, y: [a, b]}}",
        "n{}: |\r  text # no comment\r",
        'n{}: ! "tagged"',
        "n{}:\r  a: 1e3\r  # inside\r  b: ~",
        'n{}: "several\r  connectors: lines"',
        "n{}: [a, {{b: [c]}},\r  'it''s']",
        "n{}: &x{} {{a: 1}}\rm{}: *x{}",
        'n{}: several lines\r  of "text',
        "n{}:\r- run: |\r    x: [\r  name: !!str y",
        'n{}:\r- >-\r  "text\r- - a',
        "'k {}' : /p/{{x}}?y&z",
        "/p/{{x}}/é {}: (a) $b",
    ]
    lines: list[str] = []
    for number in range(draw(st.integers(0, 6))):
        lines += draw(st.sampled_from(foreign)).format(*[number] * 4).split("\r")
    if draw(st.booleans()):
        lines += ["connectors: # here", "  google: {x: 1}", "  # above", "  outlook:   # beside"]
        lines += [f"    {name}: old # beside {name}" for name in draw(st.lists(st.sampled_from(OURS), unique=True))]
        lines += ["    color: blue"]
    return draw(MARKS) + with_ends(draw, [*lines, *draw(st.sampled_from([[], ["last: 1", "# end"]]))], NEWLINES)


@settings(deadline=None, max_examples=examples(150))
@given(yaml_texts(), VALUES, st.booleans())
def test_yaml_keeps_every_line_that_is_foreign(text: str, values: dict[str, Any], long: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml_parts, "LONG", 0 if long else yaml_parts.LONG)
        edited = yaml_edit.edit(text, TRAIL, values, [], where="f")
        assert yaml_edit.edit(edited, TRAIL, values, [], where="f") == edited, "a repeated push changes nothing"
    before = yaml.safe_load(text) or {}
    expected = (before.get("connectors") or {}).get("outlook", {}) | values
    for after in (yaml.safe_load(edited) or {}, YAML(typ="safe").load(edited) or {}):
        assert (after.get("connectors") or {}).get("outlook", {}) == expected
    assert {**(yaml.safe_load(edited) or {}), "connectors": 0} == {**before, "connectors": 0}
    assert_lines_stay(text, edited, "|".join(OURS))
    for comment in re.findall("# .*", text):
        assert comment.strip() in edited


def indented(data: object, unit: int | None) -> str:
    return json.dumps(data, indent=unit, ensure_ascii=False)


JSON_VALUES = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none(), lambda inner: st.lists(inner, max_size=2), max_leaves=4
)


@settings(deadline=None, max_examples=examples(150))
@given(
    st.dictionaries(st.sampled_from(["a", "é", "x y"]), JSON_VALUES),
    st.dictionaries(st.sampled_from(OURS), JSON_VALUES),
    st.sampled_from([None, 2, 4]),
    VALUES,
    st.lists(st.sampled_from(OURS), unique=True),
    NEWLINES,
    MARKS,
)
def test_json_keeps_what_is_foreign_as_it_is_written(
    foreign: dict[str, Any],
    ours: dict[str, Any],
    unit: int | None,
    values: dict[str, Any],
    removed: list[str],
    newline: str,
    mark: str,
) -> None:
    data = {**foreign, "number": 1.0, "connectors": {"google": 1, "outlook": {**ours, "color": "blue"}}, "last": 0}
    text = mark + indented(data, unit).replace("1.0", "1.00e0").replace("\n", newline)
    gone = [name for name in removed if name not in values]
    edited = JSON.edit(text, TRAIL, values, gone, where="f")
    expected = {key: value for key, value in {**ours, "color": "blue", **values}.items() if key not in gone}
    assert json.loads(edited.removeprefix(mark)) == {**data, "connectors": {"google": 1, "outlook": expected}}
    start, end = text.index('"outlook"'), text.rindex('"last"')
    assert edited.startswith(text[:start])
    assert edited.endswith(text[end:])
    assert JSON.edit(edited, TRAIL, values, gone, where="f") == edited


COMMENTED = """\
{ // top
  "a": 0x, /* number */
  "connectors": {
    // about it
    "outlook": {
      "client_id": "old", // beside
      "color": "blue", // of a trailing comma
    },
  },
}
"""


@settings(deadline=None, max_examples=examples(100))
@given(VALUES, st.lists(st.sampled_from([*OURS, "color"]), unique=True), NEWLINES)
def test_jsonc_keeps_comments_and_trailing_commas(values: dict[str, Any], removed: list[str], newline: str) -> None:
    text = COMMENTED.replace("0x", "1.50").replace("\n", newline)
    edited = JSONC.edit(text, TRAIL, values, [name for name in removed if name not in values], where="f")
    for comment in re.findall(r"//[^\r\n]*|/\*.*?\*/", text):
        assert comment in edited
    assert edited.startswith(text[: text.index('"connectors"')])
    expected = {key: value for key, value in {"client_id": "old", "color": "blue"}.items() if key not in removed}
    assert dict(JSONC.read(edited, TRAIL, where="f")) == {**expected, **values}


@st.composite
def toml_texts(draw: st.DrawFn) -> str:
    lines = [
        f"n{number} = {draw(st.sampled_from(['1_000', '0x1F # c', chr(39) + 'it # s' + chr(39), '[1,  2]']))}"
        for number in range(draw(st.integers(0, 3)))
    ]
    lines += ["# above", "[other] # table", "x = 1.50"]
    if draw(st.booleans()):
        lines += ["", "[connectors.outlook] # ours", "color = 'blue' # c"]
        lines += [f"{name} = 'old' # beside {name}" for name in draw(st.lists(st.sampled_from(OURS), unique=True))]
    if draw(st.booleans()):
        lines += ["", "[[list]]", "a = 1"]
    return draw(MARKS) + draw(NEWLINES).join([*lines, draw(st.sampled_from(["", "# end"]))])


@settings(deadline=None, max_examples=examples(100))
@given(toml_texts(), VALUES, st.booleans())
def test_toml_keeps_every_line_that_is_foreign(text: str, values: dict[str, Any], long: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toml_edit, "LONG", 0 if long else toml_edit.LONG)
        edited = toml_edit.edit(text, TRAIL, values, [], where="f")
        assert toml_edit.edit(edited, TRAIL, values, [], where="f") == edited
    before, after = tomllib.loads(text.removeprefix("\ufeff")), tomllib.loads(edited.removeprefix("\ufeff"))
    assert after.get("connectors", {}).get("outlook", {}) == before.get("connectors", {}).get("outlook", {}) | values
    assert {**after, "connectors": 0} == {**before, "connectors": 0}
    assert_lines_stay(text, edited, "|".join(OURS))


DOTENV_LINES = [
    "# a comment",
    "",
    "FOREIGN=plain # beside",
    "export OTHER='a # b'",
    'QUOTED="two\\nlines"',
    "SPACED = x",
    "TWICE=1",
    "TWICE=2",
    'LINES="one\ntwo"',
]


def read_differently(value: str) -> bool:
    """Whether no way to write the value is understood alike by shells and dotenv libraries."""
    return bool(set(value) & set("\n\\") or "${" in value or ("'" in value and set(value) & set('"$`')))


NAMES = ["ID", "CAL_SECRET", "my.name-x"]


@st.composite
def dotenv_texts(draw: st.DrawFn) -> str:
    lines = draw(st.lists(st.sampled_from(DOTENV_LINES), max_size=5))
    lines += [
        f"{name}={draw(st.sampled_from(['old', 'old   # why', chr(34) + 'old' + chr(34)]))}"
        for name in draw(st.lists(st.sampled_from(NAMES), unique=True))
    ]
    return draw(MARKS) + with_ends(draw, draw(st.permutations(lines)), st.sampled_from(["\n", "\r\n", "\r"]))


@settings(deadline=None, max_examples=examples(150))
@given(dotenv_texts(), st.dictionaries(st.sampled_from(NAMES), TEXTS, min_size=1))
def test_dotenv_keeps_what_is_foreign_and_python_dotenv_reads_the_values(text: str, values: dict[str, str]) -> None:
    if any(read_differently(value) for value in values.values()):
        with pytest.raises(PlatformError, match="do not take a value"):
            dotenv.edit(text, [], values, [], where=".env")
        return
    edited = dotenv.edit(text, [], values, [], where=".env")
    assert dotenv.edit(edited, [], values, [], where=".env") == edited, "a repeated push leaves one entry"
    found = python_dotenv.dotenv_values(stream=io.StringIO(edited))
    assert {name: found[name] for name in values} == values
    lines = iter(edited.splitlines(keepends=True))
    for line in text.splitlines(keepends=True)[:-1]:
        if not any(name + "=" in line for name in NAMES):
            assert line in lines
    assert edited.count("# why") == text.count("# why")
    back = dotenv.edit(edited, [], {}, list(values), where=".env")
    assert not any(re.search(rf"^{re.escape(name)}=", back, re.MULTILINE) for name in values)


def as_docker_reads(text: str) -> dict[str, str]:
    """By the rule of docker/cli pkg/kvfile/kvfile.go @3d41bba: what stands behind the first `=`, literally."""
    lines = [line.removesuffix("\r").lstrip() for line in text.removeprefix("\ufeff").split("\n")]
    return dict(line.split("=", 1) for line in lines if line and line[0] != "#" and "=" in line)


@settings(deadline=None, max_examples=examples(40))
@given(
    st.text(st.sampled_from("abcXYZ019_.~-+/=:%@,^"), min_size=34, max_size=40)
    | st.from_regex(r"[A-Za-z0-9]{3}8Q~[A-Za-z0-9_.~-]{34}", fullmatch=True)
)
def test_dotenv_secrets_are_read_alike_by_a_shell_docker_and_python_dotenv(secret: str) -> None:
    edited = dotenv.edit("A=1\n", [], {"SECRET": secret}, [], where=".env")
    script = 'eval "$1"; printf %s "$SECRET"'
    ran = subprocess.run(
        ["/bin/sh", "-c", script, "sh", edited], capture_output=True, text=True, check=True, timeout=10
    )
    assert ran.stdout == secret
    assert python_dotenv.dotenv_values(stream=io.StringIO(edited))["SECRET"] == secret
    if "'" not in edited:
        assert as_docker_reads(edited)["SECRET"] == secret


def test_dotenv_secret_of_entra_id_gets_no_quotes() -> None:
    secret = "~N5" + "8Q~" + "x" * 34
    assert dotenv.edit("", [], {"S": secret}, [], where=".env") == f"S={secret}\n"


ANY_NAMES = st.text(
    st.characters(exclude_categories=["C"]) | st.sampled_from("\"'\\#:-? {}[]&*!|>%@."), min_size=1, max_size=4
)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (yaml_edit, "# top\nother:\n  x: [1]\n"),
        (JSON, '{\n  "other": 1\n}\n'),
        (toml_edit, "# top\n[other]\nx = 1\n"),
        (dotenv, "# top\nOTHER=1\n"),
    ],
    ids=["yaml", "json", "toml", "dotenv"],
)
@settings(deadline=None, max_examples=examples(60))
@given(st.lists(ANY_NAMES, min_size=3, max_size=3, unique=True), st.booleans())
def test_any_name_is_found_again_replaced_and_removed(
    form: TextFormat, text: str, names: list[str], long: bool
) -> None:
    if form is dotenv:
        names = [re.sub(r"[\s=#'\"\ufeff]", "_", name) + str(number) for number, name in enumerate(names)]
    at, first, second = names
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml_parts, "LONG", 0 if long else yaml_parts.LONG)
        edited = form.edit(text, ["all", at], {first: "v", second: "w"}, [], where="f")
        assert form.edit(edited, ["all", at], {first: "v", second: "w"}, [], where="f") == edited
        assert form.read(edited, ["all", at], where="f")[second] == "w"
        replaced = form.edit(edited, ["all", at], {first: "x"}, [second], where="f")
        assert form.read(replaced, ["all", at], where="f")[first] == "x"
        assert second not in form.read(replaced, ["all", at], where="f")
    assert form.edit(replaced, ["all", at], {}, [first, second], where="f").rstrip() == text.rstrip()


@pytest.mark.parametrize("value", ["-----BEGIN PRIVATE KEY-----\nx\n", "a\\b", "${HOME}", 'it\'s "both"'])
def test_dotenv_value_that_readers_take_differently_is_refused_with_a_choice(value: str) -> None:
    with pytest.raises(PlatformError, match="alike") as error:
        dotenv.edit("A=1\n", [], {"S": value}, [], where=".env")
    assert "base64" in error.value.repair
    assert "files" in error.value.repair
    assert value not in str(error.value)


@pytest.mark.parametrize(
    ("form", "text", "sentence"),
    [
        (JSON, '{"a": 1,\n "x": {"b": 1,\n "b": 2}}', "b stands in lines 2 and 3"),
        (yaml_edit, "a: 1\nx:\n  b: 1\n  b: 2\n", "b stands in lines 3 and 4"),
        (dotenv, "A=1\nS=1\nS=2\n", "S stands in lines 2 and 3"),
        (toml_edit, "a = 1\na = 2\n", "not TOML"),
        (JSON, "// c\n{}", "comments or trailing commas, which are not JSON"),
        (JSON, "A=1\n", "not JSON"),
        (yaml_edit, "A=1\n", "holds no mapping"),
        (yaml_edit, "a: 1\n---\nb: 2\n", "2 YAML documents"),
        (toml_edit, "a: 1\n", "not TOML"),
        (dotenv, "# c\nconnectors:\n  x: 1\n", "not dotenv"),
        (dotenv, '{"A": 1}', "not dotenv"),
        (dotenv, "[table]\n", "not dotenv"),
    ],
)
def test_content_of_another_format_and_doubled_keys_are_refused(form: TextFormat, text: str, sentence: str) -> None:
    with pytest.raises(PlatformError, match=sentence):
        form.edit(text, TRAIL, {"S": "hush"}, [], where="f")


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (yaml_edit, "connectors:\n  outlook: [a: 1]\n"),
        (yaml_edit, "connectors: text # beside\n"),
        (JSON, '{"connectors": {"outlook": ["a"]}}'),
        (JSON, '{"connectors": {"outlook": null}}'),
        (toml_edit, 'connectors.outlook = ["a"]\n'),
        (toml_edit, "connectors = 1\n"),
    ],
)
def test_removal_below_a_value_of_somebody_else_changes_nothing(form: TextFormat, text: str) -> None:
    assert form.edit(text, TRAIL, {}, ["a", "client_id"], where="f") == text
    if "null" not in text:
        with pytest.raises(PlatformError, match="is a value, and the connector's settings would have to be below it"):
            form.edit(text, TRAIL, {"a": 1}, [], where="f")


def test_yaml_with_tags_of_another_program_is_edited() -> None:
    text = "password: !secret x\nconnectors: {}  # none\n"
    edited = yaml_edit.edit(text, TRAIL, {"a": 1}, [], where="f")
    assert edited == "password: !secret x\nconnectors:  # none\n  outlook:\n    a: 1\n"


def test_megabytes_of_yaml_are_edited_in_the_right_place(tmp_path: Path) -> None:
    foreign = "".join(f"s{number}:\n  text: |\n    connectors:\n      outlook: 1\n" for number in range(4000))
    text = foreign + "connectors:\n  outlook:\n    a: 1 # beside\nlast: 1\n"
    assert len(text) > yaml_parts.LONG
    assert yaml_edit.edit(text, TRAIL, {"a": 2}, [], where="f") == text.replace("a: 1 #", "a: 2 #")
