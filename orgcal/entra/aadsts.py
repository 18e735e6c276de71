"""What the AADSTS numbers in Entra ID's refusals mean: one table for every command.

Microsoft changes numbers and texts, and asks clients to depend on neither. So a number that is not in the table is
judged by the OAuth error, and no number opens access: it only says why there is none.

Sources: https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes (read 2026-11-28);
https://login.microsoftonline.com/error?code=NUMBER has those that the page leaves out.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass


class Kind(enum.Enum):
    """What follows from a refusal."""

    NO_TENANT = enum.auto()
    """There is no such tenant in this cloud: nothing to wait for."""
    NOT_CONSENTED = enum.auto()
    """The tenant exists, and the application has no access there: a consent link helps."""
    CREDENTIAL = enum.auto()
    """The application's own credential is refused, which says nothing about the organisation."""
    BLOCKED = enum.auto()
    """A policy or an administrator keeps the application out, in the tenant or everywhere."""
    BUSY = enum.auto()
    """The same request may succeed a little later."""
    DECLINED = enum.auto()
    """An administrator was asked for consent, and declined."""
    NOT_ADMINISTRATOR = enum.auto()
    """Whoever signed in at the consent page may not consent for the organisation."""
    WRONG_ORGANISATION = enum.auto()
    """Whoever signed in at the consent page belongs to another organisation."""
    UNKNOWN = enum.auto()
    """None of these."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a number means.

    Attributes:
        sentence: for a person; empty where Entra ID's own words are all there is.
        repair: what to do; `TENANT` in it stands for the organisation.
    """

    number: int
    kind: Kind
    sentence: str = ""
    repair: str = ""


SEND_LINK = "send the organisation's administrator the link of `orgcal consent link TENANT`, and check the tenant id"
_OTHER_RUN = "the job runs in another environment, or the repository makes its own subjects (docs/ci.md)"
# Entra ID's text is the same whether the customer or the owner disabled it, so it is no consent that was taken back.
_ENABLE = (
    "an administrator of the organisation enables it under Enterprise applications, Properties; if every organisation "
    "answers so, the home tenant's does"
)

# fmt: off
_TABLE: dict[Kind, dict[int, tuple[str, str]]] = {
    Kind.NO_TENANT: {
        90002: ("there is no such tenant in this cloud", "check the tenant id and the stack's cloud"),
        90038: ("the tenant lives in another national cloud", "set orgcal:entra.cloud to the tenant's cloud"),
    },
    Kind.NOT_CONSENTED: {
        700016: ("the application is not known in this tenant", SEND_LINK),
        7000229: ("the application has no service principal in this tenant", SEND_LINK),
        650052: ("the organisation lacks a service that the application needs",
                 f"Exchange Online must be enabled there; then {SEND_LINK}"),
    },
    Kind.CREDENTIAL: {
        7000215: ("the client secret is wrong",
                  "set the secret's value, not its id; `pulumi up` pushes the current one"),
        7000222: ("the client secret has expired", "orgcal rotate"),
        700027: ("the certificate is not one of the application's", "pulumi up"),
        700024: ("the token of the other issuer is not valid now",
                 "set this machine's clock (tokens live for minutes), and let each run ask for a new one"),
        700213: ("the application trusts no token with this subject", f"compare subjects: {_OTHER_RUN}"),
        700211: ("the application trusts no token of this issuer", "compare issuers, letter by letter"),
        70021: ("no federated credential matches the token",
                "compare issuer, subject and audience; new ones need minutes"),
    },
    Kind.BLOCKED: {
        53003: ("Conditional Access of this tenant blocks the application",
                "ask for a workload identity exception there"),
        7000112: ("the application is disabled", _ENABLE),
    },
    Kind.BUSY: {
        50196: ("Entra ID saw a loop of token requests", "wait some minutes"),
        90055: ("Entra ID received too many token requests", "wait some minutes"),
    },
    # Answers of the consent page, whose result pages say what to do.
    Kind.DECLINED: {65004: ("", "")},
    Kind.NOT_ADMINISTRATOR: dict.fromkeys((65001, 90093, 90094, 90095, 50105, 900941), ("", "")),
    Kind.WRONG_ORGANISATION: dict.fromkeys((50020, 90072, 50177, 500212, 500213), ("", "")),
    Kind.UNKNOWN: dict.fromkeys((65005, 650054, 650056), ("", "")),  # the application asks for what is not there
}
# fmt: on
_MEANINGS = {n: Meaning(n, kind, *words) for kind, numbers in _TABLE.items() for n, words in numbers.items()}


def meaning_of(number: int, error: str = "") -> Meaning:
    """What a refusal means; of a number that is not in the table, what its OAuth error says.

    Args:
        number: of the AADSTS code; 0 where there is none.
        error: the OAuth error, such as `invalid_client`.
    """
    by_error = {"invalid_client": Kind.CREDENTIAL, "temporarily_unavailable": Kind.BUSY, "access_denied": Kind.DECLINED}
    return _MEANINGS.get(number) or Meaning(number, by_error.get(error, Kind.UNKNOWN))


def number_in(text: str) -> int:
    """The number of the first AADSTS code in `text`; 0 where there is none."""
    match = re.search(r"AADSTS(\d{3,9})", text)
    return int(match[1]) if match else 0
