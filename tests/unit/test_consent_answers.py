"""What Entra ID's answers and administrators' pages say, and that no answer can break anything."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orgcal.consent.outcomes import MAX_STATE, CallbackAnswer, ConsentOutcome, read_answer, used_before
from orgcal.consent.pages import PAGES
from orgcal.entra.probe import TenantAccess
from orgcal.tenants.links import Refusal
from orgcal.tenants.model import Link, State, Tenant
from orgcal.tenants.states import after_probe

CONTOSO = "22222222-2222-2222-2222-222222222222"
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def answer(**values: str) -> list[tuple[str, str]]:
    return list(values.items())


def test_answer_that_says_yes_claims_it_and_names_the_tenant() -> None:
    read = read_answer(answer(admin_consent="True", tenant=f" {CONTOSO.upper()} ", state="s", scope="x"))
    assert read == CallbackAnswer("s", ConsentOutcome.PROVING, CONTOSO, "")


def test_answer_that_says_yes_may_leave_the_tenant_out() -> None:
    assert read_answer(answer(admin_consent="true", state="s")) == CallbackAnswer("s", ConsentOutcome.PROVING)


@pytest.mark.parametrize(
    ("values", "outcome", "code"),
    [
        (
            {"error": "consent_required", "error_description": "AADSTS65004: declined"},
            ConsentOutcome.DECLINED,
            "AADSTS65004",
        ),
        ({"error": "access_denied", "error_subcode": "cancel"}, ConsentOutcome.DECLINED, "access_denied"),
        (
            {"error": "access_denied", "error_description": "AADSTS90094: admin"},
            ConsentOutcome.NOT_ADMINISTRATOR,
            "AADSTS90094",
        ),
        (
            {"error": "invalid_request", "error_description": "AADSTS50020: x"},
            ConsentOutcome.WRONG_ORGANISATION,
            "AADSTS50020",
        ),
        (
            {"error": "access_denied", "error_description": "AADSTS900941: admin"},
            ConsentOutcome.NOT_ADMINISTRATOR,
            "AADSTS900941",
        ),
        ({"error": "server_error", "error_description": "AADSTS99999999: x"}, ConsentOutcome.FAILED, "AADSTS99999999"),
        ({"error": "<script>"}, ConsentOutcome.FAILED, "error"),
        ({"error": "a" * 40}, ConsentOutcome.FAILED, "a" * 40),
        ({"error": "a" * 41}, ConsentOutcome.FAILED, "error"),
        ({"error": "Access_denied"}, ConsentOutcome.FAILED, "error"),
        ({"error": "access_denied"}, ConsentOutcome.DECLINED, "access_denied"),
        ({"error": "temporarily_unavailable"}, ConsentOutcome.BUSY, "temporarily_unavailable"),
        ({"error": "odd", "error_subcode": "cancel"}, ConsentOutcome.DECLINED, "odd"),
        ({"error": "odd", "error_subcode": "other"}, ConsentOutcome.FAILED, "odd"),
        ({"error": ""}, ConsentOutcome.FAILED, "error"),
        ({"error_description": "odd"}, ConsentOutcome.FAILED, "error"),
        ({"error_subcode": ""}, ConsentOutcome.FAILED, "error"),
    ],
)
def test_answer_with_an_error_is_a_refusal_though_it_says_admin_consent(
    values: dict[str, str], outcome: ConsentOutcome, code: str
) -> None:
    read = read_answer(answer(admin_consent="True", tenant=CONTOSO, state="s", **values))
    assert read == CallbackAnswer("s", outcome, CONTOSO, code)
    assert read_answer(answer(tenant="x", state="s", **values)) == CallbackAnswer("s", outcome, "", code)


@pytest.mark.parametrize("error", ["access_denied", "consent_required", "invalid_request", "server_error", ""])
@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        (65004, ConsentOutcome.DECLINED),
        (90093, ConsentOutcome.NOT_ADMINISTRATOR),
        (90094, ConsentOutcome.NOT_ADMINISTRATOR),
        (900941, ConsentOutcome.NOT_ADMINISTRATOR),
        (50020, ConsentOutcome.WRONG_ORGANISATION),
        (65005, ConsentOutcome.SERVICE_MISSING),
        (650052, ConsentOutcome.SERVICE_MISSING),
        (650054, ConsentOutcome.MISCONFIGURED),
        (650056, ConsentOutcome.MISCONFIGURED),
        (650057, ConsentOutcome.MISCONFIGURED),
        (53003, ConsentOutcome.BLOCKED),
        (90033, ConsentOutcome.BUSY),
        (90055, ConsentOutcome.BUSY),
        (90090, ConsentOutcome.BUSY),
        (123456, ConsentOutcome.FAILED),
    ],
)
def test_refusal_is_judged_by_its_number_whatever_else_entra_says(
    error: str, number: int, outcome: ConsentOutcome
) -> None:
    for subcode in ("", "cancel"):
        given = {"error": error, "error_description": f"AADSTS{number}: text", "error_subcode": subcode}
        read = read_answer(answer(admin_consent="True", state="s", **given))
        assert (read.claimed, read.code) == (outcome, f"AADSTS{number}")


LACKS = "the organisation lacks a service that the application needs (AADSTS1)"


@pytest.mark.parametrize(
    ("claimed", "tenant", "outcome", "failure"),
    [
        (ConsentOutcome.PROVING, CONTOSO.replace("2", "3"), ConsentOutcome.WRONG_ORGANISATION, ""),
        (ConsentOutcome.DECLINED, "", ConsentOutcome.DECLINED, ""),
        (ConsentOutcome.DECLINED, CONTOSO.replace("2", "3"), ConsentOutcome.DECLINED, ""),
        (ConsentOutcome.NOT_ADMINISTRATOR, "", ConsentOutcome.NOT_ADMINISTRATOR, ""),
        (ConsentOutcome.BLOCKED, "", ConsentOutcome.BLOCKED, ""),
        (ConsentOutcome.BUSY, "", ConsentOutcome.BUSY, ""),
        (ConsentOutcome.SERVICE_MISSING, "", ConsentOutcome.SERVICE_MISSING, LACKS),
        (
            ConsentOutcome.MISCONFIGURED,
            "",
            ConsentOutcome.MISCONFIGURED,
            "the application's registration is not as Entra ID wants it (AADSTS1)",
        ),
        (
            ConsentOutcome.FAILED,
            CONTOSO,
            ConsentOutcome.FAILED,
            "Entra ID answered the consent with an error (AADSTS1)",
        ),
        (None, "", ConsentOutcome.FAILED, "Entra ID answered the consent with an error (AADSTS1)"),
    ],
)
def test_refusal_changes_a_state_only_where_no_administrator_chose_it(
    claimed: ConsentOutcome | None, tenant: str, outcome: ConsentOutcome, failure: str
) -> None:
    link = Link("hash", CONTOSO, "https://a.example", "h", created_at=NOW, expires_at=NOW)

    refusal = CallbackAnswer("s", claimed, tenant, "AADSTS1").refusal_of(link)

    assert refusal == Refusal(outcome.value, "AADSTS1", failure)


@pytest.mark.parametrize("tenant", ["", CONTOSO])
def test_yes_of_the_links_organisation_refuses_nothing(tenant: str) -> None:
    link = Link("hash", CONTOSO, "https://a.example", "h", created_at=NOW, expires_at=NOW)

    assert CallbackAnswer("s", ConsentOutcome.PROVING, tenant).refusal_of(link) is None


@pytest.mark.parametrize(
    ("earlier", "page", "recorded"),
    [
        ("done", ConsentOutcome.LINK_USED, True),
        ("proving", ConsentOutcome.LINK_USED_WAITING, True),
        ("not-arrived", ConsentOutcome.LINK_USED_WAITING, True),
        ("declined", ConsentOutcome.LINK_USED_IN_VAIN, False),
        ("wrong-organisation", ConsentOutcome.LINK_USED_IN_VAIN, False),
        ("failed", ConsentOutcome.LINK_USED_IN_VAIN, False),
        ("withdrawn", ConsentOutcome.LINK_USED_IN_VAIN, False),
    ],
)
def test_page_of_a_used_link_says_that_nothing_is_needed_only_where_that_is_so(
    earlier: str, page: ConsentOutcome, recorded: bool
) -> None:
    words = " ".join([*PAGES[page].paragraphs, *PAGES[page].steps])

    assert used_before(earlier) is page
    assert ("agreed" in words) == recorded
    assert ("nothing more is needed" in words or "need not do anything" in words) == recorded


@pytest.mark.parametrize(
    "query",
    [
        answer(state="s"),
        answer(state="s", admin_consent="False", tenant=CONTOSO),
        answer(state="s", admin_consent="True", tenant="not a tenant"),
        [*answer(state="s", tenant=CONTOSO), ("admin_consent", "True"), ("admin_consent", "True")],
    ],
)
def test_answer_that_cannot_be_understood_claims_nothing(query: list[tuple[str, str]]) -> None:
    assert read_answer(query) == CallbackAnswer("s", None, "", "")


def test_answer_with_two_states_or_a_huge_one_has_none() -> None:
    assert read_answer([("state", "a"), ("state", "b"), ("admin_consent", "True")]).state == ""
    assert read_answer(answer(state="x" * 201, admin_consent="True")).state == ""
    assert read_answer(answer(state="x" * 200, admin_consent="True")).state == "x" * 200


NAMES = st.sampled_from(
    ["state", "admin_consent", "tenant", "error", "error_description", "error_subcode", "scope", "x"]
)
VALUES = st.one_of(
    st.text(max_size=60), st.sampled_from(["True", "true", CONTOSO, "access_denied", "AADSTS65004", "\x00"])
)


@settings(max_examples=1000)
@given(st.lists(st.tuples(NAMES, VALUES), max_size=12))
def test_answer_of_any_kind_is_read_without_a_crash(query: list[tuple[str, str]]) -> None:
    read = read_answer(query)

    assert len(read.state) <= MAX_STATE
    assert re.fullmatch(r"(AADSTS\d{3,9}|[a-z_]{0,40})", read.code)
    assert read.tenant_id == "" or re.fullmatch(r"[0-9a-f-]{36}", read.tenant_id)
    if any(name.startswith("error") for name, _ in query):
        assert read.claimed is not ConsentOutcome.PROVING


GRANTED = TenantAccess("granted", "every declared permission is effective")
SURPLUS = TenantAccess("granted", "more than declared: X", surplus=("X",))
PARTIAL = TenantAccess("partial", "not effective: X", missing=("X",))
NONE = TenantAccess("none", "the application is not known in this tenant")
GONE = TenantAccess("no tenant", "there is no such tenant")
REFUSED = TenantAccess("credential refused", "the client secret is wrong")
UNKNOWN = TenantAccess("unknown", "Entra ID cannot be reached")


@pytest.mark.parametrize(
    ("before", "probe", "after"),
    [
        (State.INVITED, GRANTED, State.CONSENTED),
        (State.VERIFIED, GRANTED, State.VERIFIED),
        (State.REVOKED, GRANTED, State.CONSENTED),
        (State.RECONSENT_NEEDED, GRANTED, State.CONSENTED),
        (State.FAILED, GRANTED, State.CONSENTED),
        (State.VERIFIED, SURPLUS, State.VERIFIED),
        (State.VERIFIED, PARTIAL, State.RECONSENT_NEEDED),
        (State.INVITED, PARTIAL, State.INVITED),
        (State.VERIFIED, NONE, State.REVOKED),
        (State.INVITED, NONE, State.INVITED),
        (State.FAILED, NONE, State.FAILED),
        (State.CONSENTED, GONE, State.FAILED),
        (State.VERIFIED, UNKNOWN, State.VERIFIED),
        (State.INVITED, UNKNOWN, State.INVITED),
        (State.VERIFIED, REFUSED, State.VERIFIED),
    ],
)
def test_state_follows_from_what_a_fresh_token_says(before: State, probe: TenantAccess, after: State) -> None:
    tenant = Tenant(CONTOSO, "Contoso", "contoso.com", before, added_at=NOW, changed_at=NOW)
    assert after_probe(tenant, probe)[0] is after
