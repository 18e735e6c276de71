"""Redirect URIs, secrets and federated credentials by Entra ID's documented rules: what both sides take and refuse."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from orgcal_emulator.entra.redirects import answer_address, is_registered

from orgcal.entra.home.federation import GITHUB_ISSUER, Trust, github_trusts, other_trusts, problem_with, refuse_unfit
from orgcal.entra.operator import AUDIENCE as ASKED_FOR
from orgcal.entra.permissions import application_permissions
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.errors import UsageError
from orgcal.settings.credential_section import CredentialSettings, FederatedTrust, lifetime_of
from orgcal.settings.sections import MAX_REDIRECT_URIS, redirect_problem, with_path
from tests.contract.rules.registration import (
    AUDIENCE,
    FEDERATED_NAME,
    HINT_LENGTH,
    LONGEST_REDIRECT,
    LONGEST_SUBJECT,
    MATCHES,
    MOST_FEDERATED,
    MOST_PERMISSIONS,
    MOST_REDIRECTS,
    REDIRECTS,
    RESTORABLE_DAYS,
    SECRET_DAYS,
    SECRET_FIELDS,
    SECRET_LENGTH,
    Match,
    Redirect,
)

pytestmark = pytest.mark.judged("tests/contract/rules/registration.py")

DAY_S = 86_400

# The product ---------------------------------------------------------------------------------------------------------

STRICTER = {
    "https://contoso.com/abc?x=1": "a query is lost where wildcards match, and personal accounts refuse it",
    "https://*.contoso.com/abc": "Microsoft advises against wildcards",
}
"""Redirect URIs that Entra ID takes and the settings refuse, with the reason."""


@pytest.mark.parametrize("rule", REDIRECTS, ids=lambda rule: rule.uri[:60])
def test_product_takes_the_redirect_uris_that_entra_takes(rule: Redirect) -> None:
    allowed = rule.allowed and rule.uri not in STRICTER

    assert (redirect_problem(rule.uri) == "") is allowed, rule.rule


@pytest.mark.parametrize("end", ["\n", " ", "\r", "\u2028"])
def test_product_takes_no_redirect_uri_with_a_space_at_its_end(end: str) -> None:
    assert redirect_problem("https://contoso.com/abc" + end)


def test_product_allows_as_many_redirect_uris_as_entra_and_no_longer_ones() -> None:
    assert MOST_REDIRECTS["AzureADMultipleOrgs"] == MAX_REDIRECT_URIS
    longest = "https://contoso.com/".ljust(LONGEST_REDIRECT, "x")
    assert redirect_problem(longest) == ""
    assert redirect_problem(longest + "x")


@pytest.mark.parametrize("match", [match for match in MATCHES if match.matches], ids=lambda match: match.asked)
def test_product_registers_an_address_as_entra_answers_to_it(match: Match) -> None:
    assert with_path(match.asked) == match.answered


def test_product_gives_secrets_less_than_the_year_that_microsoft_advises() -> None:
    lifetime = lifetime_of(CredentialSettings().lifetime)

    assert lifetime is not None
    assert lifetime < timedelta(days=365) < timedelta(days=SECRET_DAYS)


def test_product_names_federated_credentials_as_entra_takes_them() -> None:
    environments = ["production", "Production:V1", "a b", "é"]
    trusts = [
        *github_trusts("acme/app", environments, slug="calendar"),
        *github_trusts("acme/app", environments, owner_id="1", repository_id="2"),
        *other_trusts("https://ci.example", ["x", "y" * LONGEST_SUBJECT]),
    ]

    assert all(re.fullmatch(FEDERATED_NAME, trust.name) for trust in trusts)
    assert len({trust.name for trust in trusts}) == len(trusts)
    assert not any(problem_with(trust) for trust in trusts)


@pytest.mark.parametrize("field", ["issuer", "subject"])
def test_product_refuses_an_issuer_or_subject_longer_than_entra_takes(field: str) -> None:
    longest = {"issuer": "https://ci.example/".ljust(LONGEST_SUBJECT, "x"), "subject": "s" * LONGEST_SUBJECT}
    fits = Trust("one", longest["issuer"], longest["subject"])
    longer = {**longest, field: longest[field] + "x"}

    assert not problem_with(fits)
    assert str(LONGEST_SUBJECT) in problem_with(Trust("one", longer["issuer"], longer["subject"]))


def test_product_refuses_more_federated_credentials_than_entra_takes_and_the_same_pair_twice() -> None:
    most = [Trust(f"t{number}", GITHUB_ISSUER, f"s{number}") for number in range(MOST_FEDERATED)]

    refuse_unfit(most)
    for unfit, present in ((most, 1), ([most[0], most[0]], 0)):
        with pytest.raises(UsageError):
            refuse_unfit(unfit, present=present)


def test_product_refuses_a_subject_with_a_wildcard() -> None:
    assert "wildcard" in problem_with(Trust("one", GITHUB_ISSUER, "repo:acme/*:environment:production"))


def test_product_asks_for_tokens_of_the_documented_audience() -> None:
    trust = FederatedTrust(issuer="https://ci.example", subject="s")

    assert ASKED_FOR == trust.audience == AUDIENCE


def test_product_never_declares_more_permissions_than_an_application_may() -> None:
    assert len(application_permissions(APP_ROLE_IDS)) <= MOST_PERMISSIONS


# The emulator --------------------------------------------------------------------------------------------------------


def make(operator: Any, **properties: Any) -> Any:
    return operator.post("applications", {"displayName": "x", **properties})


@pytest.fixture
def federated(operator: Any) -> Any:
    """Posts federated credentials of a new application."""
    path = f"applications/{make(operator).json()['id']}/federatedIdentityCredentials"
    usual = {"name": "one", "issuer": "https://ci.example", "subject": "s", "audiences": [AUDIENCE]}
    return lambda **changes: operator.post(path, {**usual, **changes})


def test_emulator_takes_the_redirect_uris_that_entra_takes(operator: Any) -> None:
    for rule in REDIRECTS:
        made = make(operator, signInAudience="AzureADMultipleOrgs", web={"redirectUris": [rule.uri]})
        assert (made.status_code == 201) is rule.allowed, f"{rule.uri}: {rule.rule}"


@pytest.mark.parametrize(("audience", "most"), MOST_REDIRECTS.items())
def test_emulator_takes_as_many_redirect_uris_as_entra(operator: Any, audience: str, most: int) -> None:
    for number, status in ((most, 201), (most + 1, 400)):
        web = {"redirectUris": [f"https://contoso.com/{place}" for place in range(number)]}
        api = {"requestedAccessTokenVersion": 2}
        assert make(operator, signInAudience=audience, web=web, api=api).status_code == status


@pytest.mark.parametrize("match", MATCHES, ids=lambda match: match.asked)
def test_emulator_answers_to_an_address_that_matches_as_entra_matches(match: Match) -> None:
    assert is_registered(match.asked, [match.registered]) is match.matches
    if match.matches:
        assert answer_address(match.asked, {"a": "b"}) == f"{match.answered}?a=b"


def test_emulator_makes_secrets_as_the_page_documents_them(operator: Any) -> None:
    path = f"applications/{make(operator).json()['id']}"
    added = operator.post(f"{path}/addPassword").json()
    kept = operator.get(path).json()["passwordCredentials"][0]

    assert added.keys() >= SECRET_FIELDS
    assert SECRET_LENGTH[0] <= len(added["secretText"]) <= SECRET_LENGTH[1]
    assert added["hint"] == kept["hint"] == added["secretText"][:HINT_LENGTH]
    assert kept["secretText"] is None
    lives = datetime.fromisoformat(added["endDateTime"]) - datetime.fromisoformat(added["startDateTime"])
    assert abs(lives - timedelta(days=SECRET_DAYS)) <= timedelta(days=1)


def test_emulator_takes_federated_credentials_as_the_page_documents_them(federated: Any) -> None:
    assert federated(name="a" * 121).status_code == federated(name="ab").status_code == 400
    assert federated(name="-a-").status_code == federated(name="a b c").status_code == 400
    assert federated(audiences=[]).status_code == federated(audiences=[AUDIENCE, "b"]).status_code == 400
    assert federated(subject="s" * (LONGEST_SUBJECT + 1)).status_code == 400
    assert federated(issuer="https://ci.example/".ljust(LONGEST_SUBJECT + 1, "x")).status_code == 400
    assert federated(name="a" * 120, subject="s" * LONGEST_SUBJECT).status_code == 201
    assert federated(name="two", subject="s" * LONGEST_SUBJECT).status_code == 409, "issuer and subject are unique"
    assert [federated(name=f"n-{n}", subject=f"{n}").status_code for n in range(MOST_FEDERATED)] == [
        *[201] * (MOST_FEDERATED - 1),
        400,
    ]


def test_emulator_restores_what_was_deleted_for_as_long_as_entra_does(operator: Any, emulator: Any) -> None:
    first, second = (make(operator).json()["id"] for _ in range(2))
    for made in (first, second):
        operator.delete(f"applications/{made}")
    emulator.move_clock((RESTORABLE_DAYS * DAY_S) - 600)
    assert operator.fresh().post(f"directory/deletedItems/{first}/restore").status_code == 200
    emulator.move_clock(1200)
    assert operator.fresh().post(f"directory/deletedItems/{second}/restore").status_code == 404
