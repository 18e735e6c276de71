"""Texts of others are printed so that they do nothing: in a line, in lines, and in whatever a command writes."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Sequence
from typing import Literal, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from orgcal.output import GuardedStream, give_command, guarded_output, plain_markup, styled
from orgcal.printable import is_hidden, printable, printable_lines

HOSTILE = "Fab\x1b]52;c;cm0=\a\x1b[1A\x1b[2K\n::stop-commands::pause\r\n##[error]x\u202e\u2028::error::y"
IGNORED = "\u200c\u200d\u034f\ufe0f\U000e0100"
ALPHABET = st.one_of(st.sampled_from(f":#[]\n\r \t\x1b\u3000x{IGNORED}"), st.characters())


def commands_in(text: str) -> list[str]:
    """Lines that the runner may take for a command: the rules of its `ActionCommand.cs`, read by another hand."""
    lines = re.split(r"\r\n|\r|\n", "".join(char for char in text if char not in IGNORED))
    return [line for line in lines if line.lstrip().startswith("::") or "##[" in line]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Fab\x1b]52;c;cm0=\a", r"Fab\u001b]52;c;cm0=\u0007"),
        ("a\nb", r"a\u000ab"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("::error file=x::text", r":\u003aerror file=x::text"),
        ("  ::stop-commands::x", r"  :\u003astop-commands::x"),
        ("\u3000\u200d:\ufe0f:error::x", "\u3000\u200d:\ufe0f\\u003aerror::x"),
        ("x ##[error]y", r"x ##\u005berror]y"),
        ("#\u200d#[error]y", "#\u200d#\\u005berror]y"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\udb40\udc41"),
        ("[::1]:8400 and a::b", "[::1]:8400 and a::b"),
    ],
)
def test_text_is_shown_without_doing_anything(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(ALPHABET))
def test_text_of_any_kind_is_shown_in_one_line_that_commands_nothing(text: str) -> None:
    shown = printable(text)

    assert len(shown.splitlines()) <= 1
    assert commands_in(shown) == []
    assert not any(map(is_hidden, shown))
    assert printable(shown) == shown


@given(st.text(ALPHABET))
def test_lines_of_any_kind_stay_lines_and_command_nothing(text: str) -> None:
    shown = printable_lines(text)

    assert shown.count("\n") == text.count("\n")
    assert commands_in(shown) == []
    assert not any(is_hidden(char) for char in shown if char not in "\n\t")


@given(st.recursive(st.text(ALPHABET), lambda inner: st.lists(inner) | st.dictionaries(st.text(ALPHABET), inner)))
def test_json_that_is_shown_says_the_same(value: object) -> None:
    shown = printable_lines(json.dumps(value, ensure_ascii=False, indent=1))

    assert json.loads(shown) == json.loads(json.dumps(value))
    assert commands_in(shown) == []


@given(st.lists(st.text(ALPHABET)))
def test_stream_gives_no_command_however_its_lines_are_cut(parts: Sequence[str]) -> None:
    plain, drawn = io.StringIO(), io.StringIO()
    for stream in (GuardedStream(plain), GuardedStream(drawn, styles=True)):
        stream.writelines(parts)

    assert commands_in(plain.getvalue()) == []
    assert commands_in(drawn.getvalue().replace("\r", "")) == []
    assert not any(is_hidden(char) for char in drawn.getvalue() if char not in "\n\t\r\x1b")


@given(st.integers(min_value=1, max_value=60), st.integers(min_value=1, max_value=9))
def test_long_beginnings_and_endings_are_cut_anywhere_without_a_command(width: int, step: int) -> None:
    text = f"{' ' * width}:{IGNORED * 9}:error::x\nx{'#' * width}#{IGNORED * 30}[error]y\n"
    written = io.StringIO()
    GuardedStream(written).writelines([text[at : at + step] for at in range(0, len(text), step)])

    assert commands_in(written.getvalue()) == []


def test_everything_that_a_command_prints_is_guarded_and_what_it_means_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with guarded_output():
        sys.stdout.write(HOSTILE + "\n")
        handler = logging.StreamHandler()
        handler.emit(logging.makeLogRecord({"msg": HOSTILE}))
        give_command(sys.stderr, "warning", "50%\nof it", title="a:b,c")
    shown = capsys.readouterr()

    assert commands_in(shown.out + shown.err) == ["::warning title=a%3Ab%2Cc::50%25%0Aof it"]
    assert not any(is_hidden(char) for char in shown.out + shown.err if char != "\n")


def test_streams_are_as_before_when_the_command_ends() -> None:
    before = sys.stdout, sys.stderr
    with pytest.raises(ValueError, match="x"), guarded_output():
        raise ValueError("x")
    assert (sys.stdout, sys.stderr) == before


@pytest.mark.parametrize("terminal", [True, False])
def test_console_keeps_its_colours_and_shows_texts_of_others_without_any(terminal: bool) -> None:
    written = io.StringIO()
    colours: Literal["standard"] | None = "standard" if terminal else None
    console = Console(file=styled(written), force_terminal=terminal, color_system=colours, width=20, highlight=False)
    console.print(f"[bold]mine[/] {plain_markup(HOSTILE + '[red]')}", soft_wrap=True)

    assert ("\x1b[1m" in written.getvalue()) == terminal
    assert "\x1b]52" not in written.getvalue()
    assert "\x1b[1A" not in written.getvalue()
    assert "[red]" in written.getvalue()
    assert commands_in(written.getvalue()) == []


def test_text_that_a_console_folds_begins_no_command() -> None:
    written = io.StringIO()
    Console(file=styled(written), width=12).print(plain_markup("a long name ::error::text"))

    assert commands_in(written.getvalue()) == []


def test_command_begins_a_line_of_its_own_where_another_was_begun() -> None:
    log = io.StringIO()
    guard = GuardedStream(log)
    guard.write("half a line")
    give_command(cast("io.TextIOWrapper", guard), "add-mask", "hush")
    guard.write(":")
    styled(cast("io.TextIOWrapper", guard)).write(":error::x\n")

    assert log.getvalue() == "half a line\n::add-mask::hush\n:\\u003aerror::x\n"


def test_guard_has_no_way_around_it_to_the_binary_stream() -> None:
    stream = cast("io.TextIOWrapper", GuardedStream(sys.__stdout__ or sys.stdout))
    with pytest.raises(AttributeError):
        _ = stream.buffer
