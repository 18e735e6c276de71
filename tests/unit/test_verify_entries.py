"""What an entry of a batch that is no success says: code, request, wait and the row that speaks of it."""

from __future__ import annotations

from typing import Any

import pytest

from verify.answers import Place, rule_of
from verify.classification import Answer, entry_answer


@pytest.mark.parametrize(
    ("status", "headers", "body", "answer"),
    [
        (409, {}, None, ("409", "", "", None)),
        (409, {}, {"error": "text"}, ("409", "", "", None)),
        (409, {}, {"error": {"code": None}}, ("409", "", "", None)),
        (409, {"Request-ID": "r"}, {"error": {"code": "c"}}, ("409 c", "c", "r", None)),
        (503, {"retry-after": "4"}, {"error": {"code": "c"}}, ("503 c", "c", "", 4.0)),
        (429, {"retry-after": "4"}, {"error": {"code": "c"}}, ("429 c", "c", "", 0.0)),
        (409, {}, {"error": {"code": "c", "innererror": {"request-id": "r"}}}, ("409 c", "c", "r", None)),
        (409, {}, {"error": {"code": "c", "innerError": {"requestId": "r" * 70}}},
         ("409 c", "c", "r" * 63 + "\u2026", None)),
        (409, {"request-id": "r" * 65}, {}, ("409", "", "r" * 63 + "\u2026", None)),
        (409, {}, {"error": {"code": "c" * 130}}, ("409 " + "c" * 116, "c" * 119 + "\u2026", "", None)),
        (409, {}, {"error": {"code": "c", "innerError": "r"}}, ("409 c", "c", "", None)),
        (409, {}, {"error": {"code": "c", "innerError": {"date": "now"}}}, ("409 c", "c", "", None)),
    ],
)  # fmt: skip
def test_entry_is_taken_for_what_it_says(
    status: int, headers: dict[str, str], body: dict[str, Any] | None, answer: tuple[str, str, str, float | None]
) -> None:
    reason, code, request_id, wait_s = answer
    rule = rule_of(Place.ENTRY, status, code)

    assert entry_answer(status, headers, body) == Answer(rule, reason, status, code, request_id, wait_s)


@pytest.mark.parametrize(("before", "name"), [(994, "application access policy"), (995, "denied by Exchange")])
def test_words_of_a_refusal_are_read_up_to_a_thousand_characters(before: int, name: str) -> None:
    body = {"error": {"code": "ErrorAccessDenied", "message": "x" * before + "[RAOP]"}}

    assert entry_answer(403, {}, body).rule.name == name
