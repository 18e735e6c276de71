"""How a consent can end, and how Entra ID's answer says so.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/v2-admin-consent. Two things about it bite: an answer
with `admin_consent=True` may carry an `error` and is then a refusal, and `tenant` can be written by anybody.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass

from orgcal.entra.aadsts import Kind, meaning_of, number_in
from orgcal.entra.discovery import is_guid


class ConsentOutcome(enum.StrEnum):
    """What the page shows, and what the registry keeps of a link's use."""

    PROVING = "proving"
    DONE = "done"
    DECLINED = "declined"
    NOT_ADMINISTRATOR = "not-administrator"
    WRONG_ORGANISATION = "wrong-organisation"
    NOT_ARRIVED = "not-arrived"
    """The administrator agreed, and the permissions were not seen within the time for it."""
    FAILED = "failed"
    # Without a link of ours, so only shown:
    LINK_USED = "link-used"
    LINK_EXPIRED = "link-expired"
    NOT_OURS = "not-ours"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class CallbackAnswer:
    """Entra ID's answer, before anything of it is believed.

    Attributes:
        state: from the link; empty if the answer has none, or more than one.
        claimed: `PROVING` where it says that an administrator agreed; None where it cannot be understood.
        tenant_id: the tenant it names, or nothing.
        code: AADSTS number or OAuth error, for the log.
    """

    state: str
    claimed: ConsentOutcome | None
    tenant_id: str = ""
    code: str = ""


MAX_STATE = 200
_OUTCOMES = {
    Kind.DECLINED: ConsentOutcome.DECLINED,
    Kind.NOT_ADMINISTRATOR: ConsentOutcome.NOT_ADMINISTRATOR,
    Kind.WRONG_ORGANISATION: ConsentOutcome.WRONG_ORGANISATION,
}


def read_answer(query: Sequence[tuple[str, str]]) -> CallbackAnswer:
    """Read the query of a callback: names and values as they came, hostile until proved otherwise."""
    names = {name for name, _ in query}

    def single(name: str) -> str:
        given = [value for each, value in query if each == name]
        return given[0] if len(given) == 1 else ""

    state = single("state")
    if len(state) > MAX_STATE:
        state = ""
    tenant = single("tenant").strip().lower()
    if names & {"error", "error_description", "error_subcode"}:
        outcome, code = _read_error(single("error"), single("error_description"), single("error_subcode"))
        return CallbackAnswer(state, outcome, tenant if is_guid(tenant) else "", code)
    agreed = single("admin_consent").lower() == "true"
    if not agreed or ("tenant" in names and not is_guid(tenant)):
        return CallbackAnswer(state, None)
    return CallbackAnswer(state, ConsentOutcome.PROVING, tenant)


def _read_error(error: str, description: str, subcode: str) -> tuple[ConsentOutcome, str]:
    """The outcome of a refusal. The number only chooses the page; every one of these is a refusal."""
    number = number_in(description)
    code = f"AADSTS{number}" if number else error if re.fullmatch(r"[a-z_]{1,40}", error) else "error"
    outcome = _OUTCOMES.get(meaning_of(number, error).kind)
    if outcome is None:
        outcome = ConsentOutcome.DECLINED if subcode == "cancel" else ConsentOutcome.FAILED
    return outcome, code
