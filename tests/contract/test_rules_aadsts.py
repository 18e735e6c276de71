"""AADSTS numbers as Microsoft documents them: what the product makes of each, and what the emulator answers."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from orgcal.consent.outcomes import ConsentOutcome, read_answer
from orgcal.entra.aadsts import MEANINGS, Kind, meaning_of
from tests.contract.rules.aadsts import BODY, NUMBERS, REACT_TO, Follows, Number

pytestmark = pytest.mark.judged("tests/contract/rules/aadsts.py")

ROOT = Path(__file__).resolve().parents[2]
RULES = {rule.number: rule for rule in NUMBERS}
ISV = "11111111-1111-1111-1111-111111111111"
NOBODY = "00000000-0000-4000-8000-000000000000"

MALFORMED = {50032, 50049, 650053, 70003, 90014, 90100, 900561, 901002, 5002741}
"""Of requests that no client of ours sends, so that the product needs no sentence for them."""
FOR_THE_PRODUCT = [rule for rule in NUMBERS if rule.number not in MALFORMED]

KINDS: Mapping[Follows, Kind] = {
    "no such tenant": Kind.NO_TENANT,
    "not in this tenant": Kind.NOT_CONSENTED,
    "credential refused": Kind.CREDENTIAL,
    "kept out": Kind.BLOCKED,
    "passes": Kind.BUSY,
    "declined": Kind.DECLINED,
    "no administrator": Kind.NOT_ADMINISTRATOR,
    "another account": Kind.WRONG_ORGANISATION,
    "request is wrong": Kind.UNKNOWN,
}
PAGES: Mapping[Follows, set[ConsentOutcome]] = {
    "declined": {ConsentOutcome.DECLINED},
    "no administrator": {ConsentOutcome.NOT_ADMINISTRATOR},
    "another account": {ConsentOutcome.WRONG_ORGANISATION},
    "passes": {ConsentOutcome.BUSY},
    "kept out": {ConsentOutcome.BLOCKED},
    "request is wrong": {ConsentOutcome.FAILED, ConsentOutcome.MISCONFIGURED, ConsentOutcome.SERVICE_MISSING},
    "not in this tenant": {ConsentOutcome.FAILED, ConsentOutcome.SERVICE_MISSING},
    "no such tenant": {ConsentOutcome.FAILED},
    "credential refused": {ConsentOutcome.FAILED},
}


def test_each_number_has_one_row_and_each_row_a_page() -> None:
    assert len(RULES) == len(NUMBERS)
    assert all(rule.page.startswith("https://") for rule in NUMBERS)
    assert {rule.follows for rule in NUMBERS} == set(KINDS) == set(PAGES)


# The product ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", FOR_THE_PRODUCT, ids=lambda rule: str(rule.number))
@pytest.mark.parametrize("error", ["", "access_denied", "invalid_client"])
def test_product_draws_from_a_number_what_microsofts_page_says(rule: Number, error: str) -> None:
    """Whatever OAuth error stands beside it: Entra ID sends `access_denied` and `invalid_client` with many numbers."""
    assert meaning_of(rule.number, error).kind is KINDS[rule.follows]


def test_product_knows_every_number_that_it_can_meet_and_none_without_a_documented_meaning() -> None:
    assert MEANINGS.keys() == {rule.number for rule in FOR_THE_PRODUCT}


@pytest.mark.parametrize("rule", FOR_THE_PRODUCT, ids=lambda rule: str(rule.number))
def test_product_shows_an_administrator_the_page_that_the_number_calls_for(rule: Number) -> None:
    query = [("state", "s"), ("admin_consent", "True"), ("error", "access_denied")]
    answer = read_answer([*query, ("error_description", f"AADSTS{rule.number}: {rule.words}. Trace ID: 1")])

    assert answer.claimed in PAGES[rule.follows]
    assert answer.code == f"AADSTS{rule.number}"


@pytest.mark.parametrize(("error", "follows"), REACT_TO.items())
def test_product_reacts_to_the_oauth_error_of_a_number_that_nobody_documented(error: str, follows: Follows) -> None:
    assert meaning_of(7999999, error).kind is KINDS[follows]


# The emulator --------------------------------------------------------------------------------------------------------

REFUSED: list[tuple[str, dict[str, str], int]] = [
    ("00000000-0000-4000-8000-000000000000", {}, 90002),
    ("unknown.example", {}, 90002),
    ("nonsense", {}, 900023),
    ("common", {}, 50059),
    (ISV, {"client_id": NOBODY}, 700016),
    ("contoso.example", {}, 700016),
    (ISV, {"client_secret": "wrong"}, 7000215),
    (ISV, {"client_secret": ""}, 7000218),
    (ISV, {"scope": "https://graph.microsoft.com/User.Read.All"}, 1002012),
    (ISV, {"scope": "User.Read"}, 1002012),
    (ISV, {"scope": "https://nothing.example/.default"}, 500011),
    (ISV, {"scope": ""}, 900144),
    (ISV, {"grant_type": "magic"}, 70003),
    (ISV, {"grant_type": ""}, 900144),
    (
        ISV,
        {
            "client_secret": "",
            "client_assertion": "x",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        },
        50027,
    ),
]
"""Tenant, what the request has otherwise than usual, the number that Microsoft documents for it."""


@pytest.mark.parametrize(("tenant", "change", "number"), REFUSED)
def test_emulator_refuses_with_the_documented_number_error_and_body(
    operator: Any, tenant: str, change: dict[str, str], number: int
) -> None:
    operator.tenant_id = tenant
    answer = operator.log_in(**change)

    body, rule = answer.json(), RULES[number]
    assert body["error_codes"] == [number]
    assert body["error_description"].startswith(f"AADSTS{number}: ")
    assert rule.words in body["error_description"].lower()
    assert body["error"] == (rule.error or body["error"])
    assert answer.status_code == (rule.status or answer.status_code)
    assert set(body) == BODY


def emulated() -> Iterator[tuple[int, str, str]]:
    """Number, OAuth error and message (without what is filled in) of each refusal in the emulator's sources."""
    for path in sorted((ROOT / "emulator/orgcal_emulator/entra").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            values = [
                part.value for argument in node.args for part in ast.walk(argument) if isinstance(part, ast.Constant)
            ]
            if node.func.id == "EntraFailure" and len(values) > 2 and isinstance(values[1], int):
                yield values[1], str(values[0]), "".join(map(str, values[2:]))
            elif node.func.id == "bad_assertion" and values and isinstance(values[0], int):
                yield values[0], "invalid_client", "".join(map(str, values[1:]))


EMULATED = sorted(set(emulated()))


@pytest.mark.parametrize(
    ("number", "error", "message"), EMULATED, ids=[f"{row[0]}-{n}" for n, row in enumerate(EMULATED)]
)
def test_emulator_says_each_number_with_its_documented_error_and_words(number: int, error: str, message: str) -> None:
    rule = RULES[number]

    assert error == (rule.error or error)
    assert rule.words in message.lower()


def test_every_refusal_of_the_emulator_is_found_in_its_sources() -> None:
    assert len({number for number, _, _ in EMULATED}) >= 30
