"""`docs/verify.md` is what the code says."""

from __future__ import annotations

from verify.answers import TABLE
from verify.docs_tables import PAGE, page, table


def test_docs_table_of_answers_is_that_of_the_code() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "run: .venv/bin/python -m verify.docs_tables"


def test_docs_table_has_each_row_with_its_source() -> None:
    lines = table("answers").splitlines()[2:]

    assert len(lines) == len(TABLE)
    for line, rule in zip(lines, TABLE, strict=True):
        assert f"**{rule.name}**" in line
        assert rule.source in line
