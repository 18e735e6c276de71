"""Names that an older orgcal let into the registry, and words that are typed, do nothing in any command's output."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

import pytest

from tests.support.checkout import Checkout, make_checkout
from tests.support.deployed_connector import CONTOSO
from tests.support.warm_checkout import warm
from tests.unit.test_hostile_reports import hidden_in_lines
from tests.unit.test_printable import HOSTILE, commands_in

pytestmark = pytest.mark.closed_loop

IN_A_JOB = {"GITHUB_ACTIONS": "true"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout whose emulator runs, and whose registry has a hostile name."""
    checkout = warm(make_checkout(tmp_path_factory.mktemp("hostile")))
    assert checkout.orgcal("emulator", "start").code == 0
    assert checkout.orgcal("tenants", "add", "contoso.example").code == 0
    with sqlite3.connect(checkout.path / ".local/dev/tenants.sqlite") as database:
        database.execute("UPDATE tenants SET name = ?, reason = ?", (HOSTILE, HOSTILE))
        database.execute(
            "INSERT INTO log (connector, at, operator, action, subject, result, detail) "
            "SELECT connector, at, ?, action, subject, ?, ? FROM log",
            (HOSTILE, HOSTILE, json.dumps({HOSTILE: HOSTILE})),
        )
    database.close()
    yield checkout
    checkout.orgcal("emulator", "stop")


@pytest.mark.parametrize(
    "words",
    [
        ("tenants", "list"),
        ("tenants", "list", "--json"),
        ("tenants", "show", CONTOSO),
        ("tenants", "show", CONTOSO, "--json"),
        ("tenants", "export"),
        ("log",),
        ("log", "--json"),
    ],
    ids=" ".join,
)
def test_command_shows_a_hostile_name_and_does_nothing_of_it(checkout: Checkout, words: tuple[str, ...]) -> None:
    ended = checkout.orgcal(*words, environ=IN_A_JOB)

    assert ended.code == 0, ended.text
    assert "\\u001b]52;c;cm0=\\u0007" in ended.out
    assert commands_in(ended.text) == []
    assert hidden_in_lines(ended.text) == ""
    if {"--json", "export"} & set(words):
        assert json.dumps(HOSTILE) in json.dumps([json.loads(line) for line in ended.out.splitlines()])


def test_settings_of_a_pull_request_are_judged_and_do_nothing(checkout: Checkout) -> None:
    summary = checkout.home / "summary.md"
    settings = {f"orgcal:{name}": HOSTILE for name in ("entra", "connector", HOSTILE)}
    (checkout.path / "Pulumi.hostile.yaml").write_text(json.dumps({"config": settings}))

    ended = checkout.orgcal(
        "ci", "lint", "--stack", "hostile", environ={**IN_A_JOB, "GITHUB_STEP_SUMMARY": str(summary)}
    )

    assert ended.code == 1, ended.text
    for text in (ended.text, summary.read_text(encoding="utf-8")):
        assert "orgcal:connector" in text
        assert commands_in(text) == []
        assert hidden_in_lines(text) == ""


def test_operator_whose_name_cannot_be_shown_is_refused(checkout: Checkout) -> None:
    ended = checkout.orgcal("tenants", "add", "contoso.example", environ={"ORGCAL_OPERATOR": "ada\u202e"})

    assert ended.code == 2
    assert "ada\\u202e: the operator's name holds U+202E, which cannot be shown" in ended.err


@pytest.mark.parametrize(
    "words",
    [
        ("tenants", "add", "contoso.example", "--name", "bad\udcff"),
        ("tenants", "show", "fab\udcff"),
        ("tenants", "add", "contoso.example", "--name", HOSTILE),
        ("tenants", "add", HOSTILE),
        ("tenants", "show", HOSTILE),
        ("tenants", "list", "--stack", HOSTILE),
        ("tenants", "import", HOSTILE),
        (HOSTILE,),
        ("consent", "link", HOSTILE),
        ("verify", "--probe", HOSTILE),
        ("ci", "token", HOSTILE),
    ],
    ids=lambda words: " ".join(word for word in words if word.isascii() and word != HOSTILE),
)
def test_word_that_is_refused_is_quoted_and_does_nothing(checkout: Checkout, words: tuple[str, ...]) -> None:
    ended = checkout.orgcal(*words, environ=IN_A_JOB)

    assert ended.code in (1, 2), ended.text
    assert "internal error" not in ended.text
    assert commands_in(ended.text) == []
    assert hidden_in_lines(ended.text) == ""
