"""Editing YAML and dotenv texts in place, and settings of platforms that are read without any I/O."""

from __future__ import annotations

from textwrap import indent

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from orgcal.errors import ConfigError, PlatformError
from orgcal.files import dotenv, yaml_edit
from orgcal.platforms import (
    KINDS,
    capabilities_of,
    check_settings,
    open_platform,
    place_of,
    read_platform,
)
from tests.support.platform_cases import NYLAS, SETTINGS

YAML = """\
# top comment
other:
  - a   # keep
connectors:
  # about outlook
  outlook:
    display_name: "Old"  # the name
    color: blue
    scopes:
      - a
      - b
    # trailing

  google: {x: 1}
last: 1
"""
PATH = ["connectors", "outlook"]


def edit(text: str, values: dict[str, object], removed: list[str] | None = None) -> str:
    return yaml_edit.edit(text, PATH, values, removed or [], where="settings.yaml")


def test_yaml_edit_changes_values_and_nothing_else() -> None:
    edited = edit(YAML, {"display_name": "Néw 😀: #x", "scopes": ["c"], "client_id": "cid"})
    expected = YAML.replace('"Old"', '"Néw 😀: #x"').replace(
        "scopes:\n      - a\n      - b\n", 'scopes: ["c"]\n    client_id: "cid"\n'
    )
    assert edited == expected


def test_yaml_edit_back_again_leaves_foreign_keys_and_comments() -> None:
    edited = edit(edit(YAML, {"client_id": "cid"}), {}, ["client_id"])
    assert edited == YAML


def test_yaml_edit_removing_all_of_ours_keeps_what_is_foreign() -> None:
    edited = edit(YAML, {}, ["display_name", "scopes"])
    assert yaml.safe_load(edited)["connectors"] == {"outlook": {"color": "blue"}, "google": {"x": 1}}
    assert "# about outlook" in edited
    assert edit("connectors:\n  outlook:\n    a: 1\nlast: 1\n", {}, ["a"]) == "last: 1\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment\n",
        "{}",
        "connectors:\n",
        "connectors: {}\n",
        "other: 1",
        "connectors:\n  google:\n    a: 1\n",
    ],
)
def test_yaml_edit_makes_what_is_missing(text: str) -> None:
    edited = edit(text, {"client_id": "cid", "generation": 1})
    assert yaml.safe_load(edited)["connectors"]["outlook"] == {"client_id": "cid", "generation": 1}
    before = yaml.safe_load(text) or {}
    assert set(yaml.safe_load(edited)) == {*before, "connectors"}


@pytest.mark.parametrize(
    "text",
    [
        "x: &a {a: 1}\nconnectors:\n  outlook: *a\n",
        "connectors:\n  outlook:\n    ? a\n    : 1\n",
    ],
)
def test_yaml_edit_that_cannot_be_proved_is_refused(text: str) -> None:
    with pytest.raises(PlatformError, match="without touching the rest of the file"):
        edit(text, {"a": "b"})


@pytest.mark.parametrize(("text", "sentence"), [("a: [", "is not YAML \\(line"), ("- 1", "holds no mapping")])
def test_yaml_edit_of_something_else_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(PlatformError, match=sentence):
        edit(text, {"a": "b"})


def test_yaml_edit_replaces_a_block_scalar_and_keeps_what_follows() -> None:
    text = "connectors:\n  outlook:\n    pem: |\n      abc\n      def\n\n    # c\n    k: v\n"
    assert edit(text, {"pem": "x\ny"}) == 'connectors:\n  outlook:\n    pem: "x\\ny"\n\n    # c\n    k: v\n'


@pytest.mark.parametrize(
    "removed",
    ["    c:\n      deeper:\n        # kept\n        x: 1\n", "    c:\n        # kept\n", "    c: 1  # kept\n"],
)
def test_yaml_edit_keeps_a_comment_of_what_it_removes_out_of_a_text_before_it(removed: str) -> None:
    text = "connectors:\n  outlook:\n    b: |\n      text\n"
    assert edit(f"{text}{removed}last: 1\n", {}, ["c"]) == f"{text}    # kept\nlast: 1\n"


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["a", "b", "client_secret"]), st.text(), min_size=1), st.text())
def test_yaml_edit_any_text_survives(values: dict[str, str], foreign: str) -> None:
    text = yaml.safe_dump({"connectors": {"outlook": {"foreign": foreign}}}, allow_unicode=True)
    written = yaml.safe_load(text)["connectors"]["outlook"]  # PyYAML itself does not keep every text, such as U+0085
    edited = edit(text, dict(values))
    assert yaml.safe_load(edited)["connectors"]["outlook"] == {**written, **values}


FORMS = (
    "{key}: 1{tail}",
    "{key}: 'it''s: #1'{tail}",
    "{key}:{tail}\n  - a  # of a list\n  - b",
    "{key}:\n- {{x: 1}}{tail}\n-   y:   2",
    "{key}: {{x: 1, y: [1, 2]}}{tail}",
    "{key}: |\n  # no comment\n\n  text",
    "{key}: >-\n  folded\n  text",
    "{key}:{tail}\n  deeper:\n    x: yes\n    # inside\n    y: ~",
)


@st.composite
def blocks(draw: st.DrawFn) -> dict[str, str]:
    """Key -> its lines, in one of many forms, with comments and blank lines around."""
    found: dict[str, str] = {}
    for key in draw(st.lists(st.sampled_from(["a", "b", "c-d", "e_f", "g"]), unique=True, max_size=5)):
        tail = draw(st.sampled_from(["", f"  # beside {key}"]))
        before = draw(st.sampled_from(["", f"# above {key}\n", f"\n# above {key}\n"]))
        after = draw(st.sampled_from(["", "\n", f"\n\n# below {key}"]))
        found[key] = before + draw(st.sampled_from(FORMS)).format(key=key, tail=tail) + after
    return found


@settings(deadline=None, max_examples=60)
@given(blocks(), blocks(), st.lists(st.sampled_from(["a", "b", "c-d", "new"]), unique=True), st.data())
def test_yaml_edit_leaves_every_character_of_what_it_was_not_asked_to_change(
    ours: dict[str, str], others: dict[str, str], chosen: list[str], data: st.DataObject
) -> None:
    inside = indent("\n".join(ours.values()) or "{}", "    ")
    text = "\n".join([*others.values(), "connectors:", "  outlook:", inside, "  z: 1", "last: 1  # the end", ""])
    removed = [name for name in chosen if data.draw(st.booleans())]
    values: dict[str, object] = {name: [name, 1] for name in chosen if name not in removed}

    edited = edit(text, dict(values), removed)

    before = yaml.safe_load(text)
    held = before["connectors"]["outlook"] or {}
    expected = {key: value for key, value in {**held, **values}.items() if key not in removed}
    after = yaml.safe_load(edited)
    assert (after["connectors"].pop("outlook", None) or {}) == expected
    assert after["connectors"] == {"z": 1}
    assert {**after, "connectors": 0} == {**before, "connectors": 0}
    kept = [*others.values(), *(indent(ours[key], "    ") for key in ours if key not in chosen)]
    lines = iter(edited.splitlines())
    for line in "\n".join(kept).splitlines():
        assert line in lines, "every line that is not ours stays, in its order"
    assert edited.endswith("last: 1  # the end\n")


DOTENV = "A=1\n# c\nexport B=\"x\ny\" # z\nC='q'\nD = bare # note\n"


def test_dotenv_read_understands_quotes_lines_and_comments() -> None:
    assert dotenv.read(DOTENV, [], where=".env") == {"A": "1", "B": "x\ny", "C": "q", "D": "bare"}


def test_dotenv_edit_changes_in_place_appends_and_keeps_comments() -> None:
    edited = dotenv.edit(DOTENV, [], {"B": "new", "C": "two words", "E": "5"}, ["A", "D"], where=".env")
    assert edited == "# c\nexport B=new # z\nC='two words'\n# note\nE=5\n"


@pytest.mark.parametrize(
    ("settings", "problems"),
    [
        ({"kind": "file"}, ["platform.path: found nothing", "platform.callback_url: found nothing"]),
        (
            {"kind": "file", "path": "a.env", "callback_url": "u"},
            ["platform.names: found nothing; expected field -> its name"],
        ),
        (
            {"kind": "file", "path": "a", "callback_url": "u", "format": "ini"},
            ["one of yaml, json"],
        ),
        ({"kind": "file", "path": "settings.conf", "callback_url": "u"}, ["platform.format: found nothing"]),
        (
            {"kind": "file", "path": "a", "callback_url": "u", "names": {"clientid": "X"}},
            ['names: found "clientid" (did you mean client_id?); expected field -> its name in the file'],
        ),
        ({"kind": "local", "url": "x"}, ["platform.url: found a setting that does not exist"]),
        (
            {"kind": "github-environment"},
            ["repository: found nothing", "environment: found nothing", "callback_url: found nothing"],
        ),
        ({**SETTINGS["github-environment"], "repository": "x", "prefix": "github_"}, ["owner/name", "capitals"]),
        ({**SETTINGS["nylas"], "auth_value": "Bearer abc"}, ["must hold {api_key}"]),
        ({**SETTINGS["nylas"], "callback_url": ""}, ["give either this or entry.fields.callback_url"]),
        ({**SETTINGS["nylas"], "credentials": {}}, ["credentials.push: found nothing"]),
        ({**SETTINGS["nylas"], "entry": {"read": {"method": "GET", "path": "/x"}}}, ["needs read, create and delete"]),
        (
            {**SETTINGS["nylas"], "credentials": {"push": {"method": "PUSH", "path": "x/{client_secret}", "bdy": 1}}},
            [
                'credentials.push.method: found "PUSH"',
                "credentials.push.path: found",
                "credentials.push.bdy: found a setting that does not exist (did you mean body?)",
            ],
        ),
        (
            {**SETTINGS["nylas"], "entry": {"push": {}}, "credentials": {**NYLAS["credentials"], "delete": {}}},
            [
                "entry.push: found a setting that does not exist; expected one of read, create, update, delete, fields",
                "credentials.delete: found a setting that does not exist",
            ],
        ),
        (
            {
                **SETTINGS["nylas"],
                "credentials": {"push": {"method": "PUT", "path": "/{client_secret}", "body": "{x}"}},
            },
            ["{client_secret} cannot stand in a path", "unknown {x}"],
        ),
    ],
)
def test_settings_problems_are_told_all_at_once(settings: dict[str, object], problems: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        place_of(settings)
    for problem in problems:
        assert problem in str(error.value)


def test_capabilities_follow_from_settings() -> None:
    dotenv_settings = {
        "kind": "file",
        "path": ".env",
        "callback_url": "u",
        "names": {"client_id": "I", "client_secret": "S"},
    }
    assert capabilities_of(dotenv_settings).catalog == frozenset()
    assert capabilities_of(dotenv_settings).credential_kinds == {"secret"}
    assert capabilities_of({**NYLAS, "base_url": "https://api.us.nylas.com"}).reads_back == "value"
    blind = {**NYLAS, "base_url": "https://x.example", "credentials": {"push": NYLAS["credentials"]["push"]}}
    assert capabilities_of(blind).reads_back == "nothing"


def test_places_of_two_accounts_differ_and_key_files_do_not_move_anything() -> None:
    nango = {"kind": "nango"}
    assert place_of(nango) == place_of({**nango, "key_file_variable": "OTHER"})
    assert place_of(nango) != place_of({**nango, "base_url": "http://localhost:3003"})


def test_open_platform_of_no_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match=f"found nothing; expected one of {', '.join(sorted(KINDS))}"):
        open_platform({}, {})


def test_settings_problems_show_neither_a_password_in_an_address_nor_a_pasted_key() -> None:
    told = check_settings(
        {**SETTINGS["nylas"], "base_url": "https://ada:hush-1@api.example.com", "auth_value": "Bearer hush-2"}
    )
    assert len(told) == 2
    assert "hush" not in "".join(told)


def test_settings_problems_name_the_key_where_the_settings_are() -> None:
    (told,) = check_settings({"kind": "nango", "bas_url": "x"}, "orgcal:connector.also_push_to.app")
    assert told.startswith("orgcal:connector.also_push_to.app.bas_url: found a setting that does not exist")
    assert "did you mean base_url?" in told


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from(["read", "push", "method", "path", "body", "fields", "x"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(
        st.sampled_from(["names", "path", "entry", "credentials", "base_url", "token_scopes", "x"]), ANYTHING
    ),
)
def test_settings_of_any_shape_are_accepted_or_told_by_lines(kind: str, others: dict[str, object]) -> None:
    told = check_settings({"kind": kind, **others})
    assert all(line.startswith("orgcal:connector.platform.") and "; repair: " in line for line in told)
    if not told:
        assert place_of({"kind": kind, **others}).startswith(f"{kind}:")


DOTENV_NAMES = {"names": {"client_id": "ID", "client_secret": "SECRET"}}


@pytest.mark.parametrize(
    ("settings", "apart"),
    [
        ({"kind": "local"}, True),
        ({"kind": "nango"}, True),
        (SETTINGS["github-environment"], False),
        (SETTINGS["nylas"], True),
        ({**SETTINGS["file-yaml"], "at": "calendar"}, False),
        (SETTINGS["file-yaml"], True),
        ({**SETTINGS["file-dotenv"], "at": "connectors.{key}"}, False),
        ({**SETTINGS["file-yaml"], "path": "{key}.env", **DOTENV_NAMES}, False),
    ],
)
def test_platform_that_keeps_entries_apart_by_their_keys_is_known(settings: dict[str, object], apart: bool) -> None:
    assert capabilities_of(settings).keyed is apart


@pytest.mark.parametrize(
    ("settings", "variable"),
    [
        ({"kind": "local"}, ""),
        (SETTINGS["file-yaml"], ""),
        ({"kind": "nango"}, "NANGO_API_KEY_FILE"),
        ({"kind": "nango", "key_file_variable": "MY_KEY_FILE"}, "MY_KEY_FILE"),
        (SETTINGS["nylas"], "ORGCAL_PLATFORM_KEY_FILE"),
        (SETTINGS["github-environment"], "GITHUB_TOKEN_FILE"),
    ],
)
def test_platform_names_the_variable_of_its_key_file(settings: dict[str, object], variable: str) -> None:
    assert read_platform(settings).key_variable == variable
