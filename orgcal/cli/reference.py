"""Pages of the reference, written from what they are about: commands, settings, JSON.

`python -m orgcal.cli.reference` writes `docs/reference/`; a test tells where a page is not what the code says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperArgument, TyperGroup, TyperOption

from orgcal.cli import whole_app
from orgcal.cli.examples import EXAMPLES
from orgcal.cli.topics import ENVIRONMENT, WORDS
from orgcal.errors import EXIT_CODES
from orgcal.help_text import SHARED, command_tree, explained, usage_of, written

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "reference"
COMMAND = "`python -m orgcal.cli.reference`"


def pages() -> Mapping[str, str]:
    """Each page by its file's name."""
    written_by = f"<!-- Written by {COMMAND}; do not edit. -->\n"
    texts = {"commands.md": _commands(), "settings.md": _settings(), "json.md": _json()}
    return {name: f"{written_by}\n" + "\n".join(lines).rstrip() + "\n" for name, lines in texts.items()}


def _cell(text: str) -> str:
    return re.sub(r"(?<!`)<([^>]+)>", r"`<\1>`", " ".join(text.split()).replace("|", "\\|"))


def _table(head: str, rows: list[tuple[str, ...]]) -> Iterator[str]:
    names = head.split("|")
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


# --- commands ---


def _commands() -> Iterator[str]:
    tree = dict(command_tree(typer.main.get_command(whole_app()), ()))
    shared = {item.name: item for command in tree.values() for item in command.params if item.name in SHARED}
    yield "# Commands\n"
    yield "To find a command, its options and examples. `orgcal COMMAND -h` shows the same.\n"
    yield "Options of several commands mean the same everywhere, and may stand before the command or behind it:\n"
    names = ("stack", "project", "as_json", "yes", "quiet", "verbose")
    yield from _table(
        "option|meaning", [(_code(written(shared[name])), _shared_meaning(shared[name])) for name in names]
    )
    yield "Exit codes are the same for all commands:\n"
    yield from _table("code|meaning", [(str(code), meaning) for code, meaning in EXIT_CODES.items()])
    yield "Variables that commands read:\n"
    yield from _table("variable|meaning", [(_code(name), meaning) for name, meaning in ENVIRONMENT.items()])
    for path, command in tree.items():
        if path:
            yield from _command(path, command)


def _shared_meaning(option: TyperOption) -> str:
    """The meaning of a shared option; its default is another in some commands."""
    others = {"stack": "Stack to work on; else `ORGCAL_STACK`, else `dev`.", "yes": "Go on without a question."}
    others["as_json"] = "Print JSON: one object, or JSON Lines where the command says so ([json.md](json.md))."
    return others.get(option.name, _cell(option.help or ""))


def _command(path: tuple[str, ...], command: Any) -> Iterator[str]:
    name = " ".join(path)
    yield f"{'#' * (1 + len(path))} orgcal {name}\n"
    yield _paragraphs(command.help or "")
    arguments = [item for item in command.params if isinstance(item, TyperArgument)]
    if not isinstance(command, TyperGroup):
        yield f"    orgcal {' '.join([name, '[OPTIONS]', *map(usage_of, arguments)])}\n"
    own = [item for item in command.params if item.name not in SHARED and not item.hidden]
    taken = [_code(max(item.opts, key=len)) for item in command.params if item.name in ("stack", "as_json", "yes")]
    if own:
        yield from _table("word|meaning", [(_code(written(item)), _cell(explained(item))) for item in own])
    if taken and not isinstance(command, TyperGroup):
        yield f"Also {', '.join(taken)}.\n"
    yield "```sh"
    yield from EXAMPLES[name]
    yield "```\n"


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n")) + "\n"


# --- settings ---


def _settings() -> Iterator[str]:
    schema = json.loads((ROOT / "schema" / "stack.schema.json").read_text(encoding="utf-8"))
    yield "# Settings\n"
    yield "To find a setting of a stack, in `Pulumi.STACK.yaml` below `config:`. `orgcal ci lint` judges them.\n"
    config = schema["properties"]["config"]
    yield from _table("key|meaning|required", list(_setting_rows(config)))
    for name, section in config["properties"].items():
        if target := _target(section):
            yield f"## {name}\n"
            yield from _section(schema["$defs"][target])
    yield "## Platforms\n"
    yield "`orgcal:connector.platform` and each of `also_push_to` have a `kind`, which decides what else there is.\n"
    for case in schema["$defs"]["Platform"]["allOf"]:
        kind, target = case["if"]["properties"]["kind"]["const"], _target(case["then"])
        yield f"### {kind}\n"
        yield from _section(schema["$defs"][target])


def _section(shape: Mapping[str, Any]) -> Iterator[str]:
    if about := shape.get("description"):
        yield f"{_cell(about)}\n"
    yield from _table("key|meaning|required", list(_setting_rows(shape)))


def _setting_rows(shape: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    required = shape.get("required", ())
    for name, item in shape.get("properties", {}).items():
        default = item.get("default")
        known = (
            f" Default: `{json.dumps(default)}`."
            if default not in (None, "", [], {}) and len(str(default)) < 60
            else ""
        )
        yield _code(name), _cell(item.get("description", "")) + known, "yes" if name in required else ""


def _target(item: Mapping[str, Any]) -> str:
    """The name of the definition that a place refers to; empty where it has none."""
    return str(item.get("$ref", "")).removeprefix("#/$defs/")


# --- JSON ---


def _json() -> Iterator[str]:
    schema = json.loads((ROOT / "schema" / "commands.schema.json").read_text(encoding="utf-8"))
    yield "# JSON\n"
    yield "To read what commands print with `--json`. The same as a schema: `schema/commands.schema.json`.\n"
    yield (
        'A command prints one object on standard output, `{"schema_version": 1, "ok": true, …}`, or where this page '
        "says JSON Lines an object a line. `ok` is true exactly where the exit code is 0. Names stay as they are; new "
        "ones may come. Times are RFC 3339 in UTC, with whole seconds.\n"
    )
    yield "Words of results are the same everywhere:\n"
    yield from _table("word|meaning", [(_code(word), meaning) for word, meaning in WORDS.items()])
    yield "## Errors\n"
    yield "A command that is refused prints this, and the sentence on standard error:\n"
    yield "```json"
    yield '{"schema_version": 1, "ok": false, "error": {"kind": "…", "what": "…", "where": "…", "repair": "…"}}'
    yield "```\n"
    yield from _table("member|type|meaning", list(_member_rows(schema["$defs"]["error"])))
    yield "## Commands\n"
    for name, shape in schema["commands"].items():
        yield f"### orgcal {name}\n"
        yield f"{'JSON Lines. ' if shape.get('x-lines') else ''}{shape['description']}\n"
        own: list[tuple[str, ...]] = list(_member_rows(shape))
        for target in filter(None, map(_target, shape.get("allOf", ()))):
            yield f"The members of [{target}](#{target}){', and:' if own else '.'}\n"
        if own or "allOf" not in shape:
            yield from _table("member|type|meaning", own)
    yield "## Shapes that several commands print\n"
    for name, shape in schema["$defs"].items():
        if name not in ("time", "verdict", "changes", "error", "refused"):
            yield f"### {name}\n"
            yield f"{shape['description']}\n"
            yield from _table("member|type|meaning", list(_member_rows(shape)))


def _member_rows(shape: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name, item in shape.get("properties", {}).items():
        if name not in ("schema_version", "ok"):
            optional = "" if name in shape.get("required", ()) else "Not always. "
            yield _code(name), _type(item), f"{optional}{_cell(item.get('description', ''))}".strip()


def _type(item: Mapping[str, Any]) -> str:
    """What a member is, in words."""
    if target := _target(item):
        words = {
            "time": "time",
            "verdict": "word of a result",
            "changes": "numbers by word",
            "error": "[error](#errors)",
        }
        return words.get(target, f"[{target}](#{target})")
    if choices := item.get("enum"):
        return ", ".join(_code(str(choice)) for choice in choices if choice)
    if parts := item.get("anyOf"):
        return " or ".join(_type(part) for part in parts)
    kinds = item.get("type", "any")
    if isinstance(kinds, list):
        return " or ".join(_type({**item, "type": kind}) for kind in kinds)
    if kinds == "array":
        return f"list of {_type(item['items'])}"
    if kinds == "object" and item.get("properties"):
        return f"object: {', '.join(_code(name) for name in item['properties'])}"
    return {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(kinds, str(kinds))


def write_pages(folder: Path = FOLDER) -> None:
    """Write every page."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_pages()
