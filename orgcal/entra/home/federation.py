"""Whose tokens an application accepts instead of a secret: federated credentials, judged before Entra ID sees them.

Sources: https://learn.microsoft.com/en-us/entra/workload-id/workload-identity-federation-considerations,
https://docs.github.com/en/actions/reference/security/oidc and, for the immutable format,
https://learn.microsoft.com/en-us/entra/workload-id/workload-identities-github-immutable-subjects
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from orgcal.entra.clouds import is_loopback
from orgcal.entra.home.preflight import MAX_FEDERATED
from orgcal.errors import UsageError

GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
MAX_LENGTH = 600
"""Characters of an issuer or a subject."""


@dataclass(frozen=True, slots=True)
class Trust:
    """One federated credential.

    Attributes:
        name: of the credential; letters, digits and dashes.
        issuer: as in the tokens' `iss`.
        subject: as in their `sub`; compared exactly, so without wildcards.
    """

    name: str
    issuer: str
    subject: str


def github_trusts(
    repository: str, environments: Sequence[str], *, owner_id: str = "", repository_id: str = "", slug: str = ""
) -> tuple[Trust, ...]:
    """What jobs of a repository's environments are trusted by.

    Only one format is trusted, that of the repository's tokens: whoever takes a name that became free inherits the
    classic subject with it.

    Args:
        repository: `owner/name`.
        environments: names as GitHub has them; a colon in one reaches the token as `%3A`.
        owner_id: GitHub's number of the owner, where the repository uses the immutable format; else empty.
        repository_id: GitHub's number of the repository, likewise.
        slug: of the project's folder in the repository, for the credentials' names; empty at its root.
    """
    prefix = f"github-{slug}" if slug else "github"
    owner, name = repository.split("/")
    found = []
    for number, environment in enumerate(environments, start=1):
        form, place = "classic", f"repo:{repository}"
        if owner_id and repository_id:
            form, place = "immutable", f"repo:{owner}@{owner_id}/{name}@{repository_id}"
        subject = f"{place}:environment:{environment.replace(':', '%3A')}"
        found.append(Trust(f"{prefix}-{form}-{number}", GITHUB_ISSUER, subject))
    return tuple(found)


def other_trusts(issuer: str, subjects: Iterable[str]) -> tuple[Trust, ...]:
    """What other runners' tokens are trusted by; names follow from the subjects, so that order does not matter."""
    return tuple(
        Trust(f"oidc-{hashlib.sha256(subject.encode()).hexdigest()[:12]}", issuer, subject) for subject in subjects
    )


def refuse_unfit(trusts: Sequence[Trust], *, present: int = 0) -> None:
    """Refuse what Entra ID would refuse, or what nobody should trust, before anything is written.

    Args:
        trusts: of one application.
        present: federated credentials that the application has besides.

    Raises:
        UsageError: the first thing that is wrong.
    """
    for trust in trusts:
        problem = problem_with(trust)
        if problem:
            raise UsageError(problem, where=trust.subject[:120] or "--subject")
    if len({(trust.issuer, trust.subject) for trust in trusts}) != len(trusts):
        raise UsageError("the same subject is named twice", where="--subject")
    if len(trusts) + present > MAX_FEDERATED:
        besides = f" besides the {present} that it has" if present else ""
        raise UsageError(
            f"an application may have {MAX_FEDERATED} federated credentials, and {len(trusts)} are asked for{besides}",
            where="federated credentials",
            repair="remove what no runner uses, or set another environment up with an identity of its own",
        )


def problem_with(trust: Trust) -> str:
    """What is wrong with a trust; empty if nothing is."""
    issuer = urlsplit(trust.issuer)
    if issuer.scheme != "https" and not (issuer.scheme == "http" and is_loopback(issuer.hostname)):
        return f"the issuer {trust.issuer!r} is no https address"
    for what, text in (("issuer", trust.issuer), ("subject", trust.subject)):
        if len(text) > MAX_LENGTH:
            return f"the {what} has {len(text)} characters, and Entra ID takes {MAX_LENGTH}; use shorter names"
    if not trust.subject.strip():
        return "the subject is empty"
    if "*" in trust.subject:
        return "the subject holds a wildcard, and Entra ID compares subjects exactly; name each one"
    if re.search(r":pull_request(:|$)", trust.subject):
        return (
            "the subject is that of every pull request, so anybody's code would deploy; trust an environment instead, "
            "whose reviewers decide"
        )
    return ""
