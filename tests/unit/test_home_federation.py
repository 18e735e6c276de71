"""Whose tokens an application shall accept: names and subjects, and what is refused before anything is written."""

from __future__ import annotations

import pytest

from orgcal.entra.home.federation import Trust, github_trusts, other_trusts, problem_with, refuse_unfit
from orgcal.errors import UsageError

ISSUER = "https://token.actions.githubusercontent.com"
"""Source: https://docs.github.com/en/actions/reference/security/oidc (2026-11-29)."""
CI = "https://ci.example"


def test_environments_of_a_repository_are_trusted_in_its_one_format() -> None:
    assert github_trusts("acme/app", ["production", "Prod: EU"]) == (
        Trust("github-classic-1", ISSUER, "repo:acme/app:environment:production"),
        Trust("github-classic-2", ISSUER, "repo:acme/app:environment:Prod%3A EU"),
    )
    assert github_trusts("acme/app", ["production"], owner_id="1", repository_id="2", slug="infra-orgcal") == (
        Trust("github-infra-orgcal-immutable-1", ISSUER, "repo:acme@1/app@2:environment:production"),
    )


@pytest.mark.parametrize(("owner_id", "repository_id"), [("1", ""), ("", "2")])
def test_one_number_alone_makes_no_immutable_subject(owner_id: str, repository_id: str) -> None:
    [trust] = github_trusts("acme/app", ["production"], owner_id=owner_id, repository_id=repository_id)

    assert trust == Trust("github-classic-1", ISSUER, "repo:acme/app:environment:production")


def test_other_runners_are_trusted_under_names_that_follow_from_their_subjects() -> None:
    """The names stay, or another deployment would replace every credential: SHA-256 of `a` and `b`, in hex."""
    assert other_trusts(CI, ["a", "b"]) == (
        Trust("oidc-ca978112ca1b", CI, "a"),
        Trust("oidc-3e23e8160039", CI, "b"),
    )


@pytest.mark.parametrize(
    ("issuer", "subject", "problem"),
    [
        (CI, "s", ""),
        ("http://localhost:8080", "s", ""),
        ("http://ci.example", "s", "the issuer 'http://ci.example' is no https address"),
        ("ftp://localhost", "s", "the issuer 'ftp://localhost' is no https address"),
        (CI, "s" * 600, ""),
        (CI, "s" * 601, "the subject has 601 characters, and Entra ID takes 600; use shorter names"),
        (CI.ljust(600, "x"), "s", ""),
        (CI.ljust(601, "x"), "s", "the issuer has 601 characters, and Entra ID takes 600; use shorter names"),
        (CI, " ", "the subject is empty"),
        (CI, "", "the subject is empty"),
        (CI, "a*", "the subject holds a wildcard, and Entra ID compares subjects exactly; name each one"),
        *((CI, subject, "the subject is that of every pull request, so anybody's code would deploy; trust an "
           "environment instead, whose reviewers decide")
          for subject in ("repo:acme/app:pull_request", "repo:acme/app:pull_request:x")),
        (CI, "repo:acme/app:pull_requests", ""),
    ],
)  # fmt: skip
def test_trust_that_entra_or_nobody_should_take_is_told_in_a_sentence(issuer: str, subject: str, problem: str) -> None:
    assert problem_with(Trust("t", issuer, subject)) == problem


def refused(*trusts: Trust, present: int = 0) -> str:
    with pytest.raises(UsageError) as caught:
        refuse_unfit(trusts, present=present)
    return str(caught.value)


def test_refusal_names_the_subject_as_far_as_a_line_holds_it() -> None:
    fine = Trust("t", CI, "fine")

    assert refused(fine, Trust("t", CI, "a*")).startswith("a*: the subject holds a wildcard")
    assert refused(Trust("t", CI, "")) == "--subject: the subject is empty"
    assert refused(Trust("t", CI, "*" * 200)).partition(": ")[0] == "*" * 120


def test_same_subject_of_two_issuers_is_two_and_of_one_is_refused() -> None:
    refuse_unfit([Trust("t", CI, "s"), Trust("u", f"{CI}/other", "s"), Trust("v", CI, "other")])

    assert refused(Trust("t", CI, "s"), Trust("u", CI, "s")) == "--subject: the same subject is named twice"


def test_more_than_twenty_are_refused_with_those_that_are_there() -> None:
    """Source: https://learn.microsoft.com/en-us/entra/workload-id/workload-identity-federation-considerations."""
    trusts = other_trusts(CI, [str(number) for number in range(21)])
    repair = "\n  repair: remove what no runner uses, or set another environment up with an identity of its own"

    refuse_unfit(trusts[:20])
    refuse_unfit(trusts[:18], present=2)
    assert refused(*trusts) == (
        f"federated credentials: an application may have 20 federated credentials, and 21 are asked for{repair}"
    )
    assert refused(*trusts[:18], present=3) == (
        "federated credentials: an application may have 20 federated credentials, and 18 are asked for besides the 3 "
        f"that it has{repair}"
    )
