"""Writes the table of answers into `docs/verify.md` from the code: `python -m verify.docs_tables`."""

from __future__ import annotations

from pathlib import Path

from orgcal.markdown_tables import rendered, with_tables
from verify.answers import NO_PRINCIPAL, TABLE, Again, Fault, Rule
from verify.models import MAILBOX_WORDS, MailboxClass, Verdict

PAGE = Path(__file__).resolve().parents[1] / "docs" / "verify.md"


def table(name: str) -> str:
    """Return a table of the page in Markdown; there is one, `answers`."""
    assert name == "answers"
    head = ("Met at", "Status", "Code", "Sent again", "Then it is", "Name, sentence, repair", "Source")
    return rendered(head, *map(_row, TABLE))


def page() -> str:
    """Return the page with its table as the code has it now."""
    return with_tables(PAGE.read_text(encoding="utf-8"), table)


def _row(rule: Rule) -> tuple[str, ...]:
    return (
        ", ".join(place.value for place in rule.places),
        _statuses(rule),
        _codes(rule),
        rule.again.value,
        _then(rule),
        _words(rule),
        f"[source]({rule.source})",
    )


def _statuses(rule: Rule) -> str:
    return ", ".join(str(status or "no usable answer") for status in rule.statuses) or "any"


def _codes(rule: Rule) -> str:
    if rule is NO_PRINCIPAL:
        return "a token without `oid` and without roles"
    if rule.kinds:
        return ", ".join(f"AADSTS: {kind.name.lower().replace('_', ' ')}" for kind in rule.kinds)
    codes = ", ".join(f"`{code}`" if code else "none, or `UnknownError`" for code in rule.codes) or "any"
    return f"{codes}; the text has {' or '.join(f'“{words}”' for words in rule.words)}" if rule.words else codes


def _then(rule: Rule) -> str:
    """Who is wrong, and the verdict, or the class of the user."""
    if rule.fault is not Fault.MAILBOX:
        return f"{rule.fault.value}: `{rule.verdict.word}`"
    if rule.mailbox_class is not MailboxClass.FAILED:
        return f"{rule.fault.value}: {MAILBOX_WORDS[rule.mailbox_class]}"
    return f"{rule.fault.value}: failed, `{(Verdict.ERROR if rule.again is Again.PAUSE else Verdict.FAIL).word}`"


def _words(rule: Rule) -> str:
    parts = [f"**{rule.name}**", rule.sentence, f"→ {rule.repair}" if rule.repair else ""]
    return ". ".join(part for part in parts if part)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
