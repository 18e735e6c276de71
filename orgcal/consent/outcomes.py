"""How a consent can end, and how Entra ID's answer says so.

Source: https://learn.microsoft.com/en-us/entra/identity-platform/v2-admin-consent. Two things about it bite: an answer
with `admin_consent=True` may carry an `error` and is then a refusal, and `tenant` can be written by anybody.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orgcal.entra.aadsts import Kind, meaning_of, number_in
from orgcal.entra.tenant_ids import is_guid
from orgcal.tenants.links import Refusal
from orgcal.tenants.model import LINK_PROVING, LINK_WITHDRAWN, Link


class ConsentOutcome(enum.StrEnum):
    """What the page shows, and what the registry keeps of a link's use."""

    PROVING = LINK_PROVING
    DONE = "done"
    DECLINED = "declined"
    NOT_ADMINISTRATOR = "not-administrator"
    WRONG_ORGANISATION = "wrong-organisation"
    SERVICE_MISSING = "service-missing"
    """The organisation lacks a service that the application asks for, such as Exchange Online."""
    MISCONFIGURED = "misconfigured"
    """The application itself is not as Entra ID wants it: for us to mend."""
    BLOCKED = "blocked"
    """A policy of the organisation stopped the sign-in."""
    BUSY = "busy"
    """Entra ID could not answer at the moment."""
    NOT_ARRIVED = "not-arrived"
    """The administrator agreed, and the permissions were not seen within the time for it."""
    WITHDRAWN = LINK_WITHDRAWN
    """The organisation was removed from the registry while its consent was proved."""
    FAILED = "failed"
    """Any other error of Entra ID's."""
    # Without a link of ours, so only shown:
    LINK_USED = "link-used"
    LINK_USED_WAITING = "link-used-waiting"
    LINK_USED_IN_VAIN = "link-used-in-vain"
    LINK_EXPIRED = "link-expired"
    NOT_OURS = "not-ours"
    UNAVAILABLE = "unavailable"


_FAILURES: Mapping[ConsentOutcome, str] = {
    ConsentOutcome.SERVICE_MISSING: "the organisation lacks a service that the application needs",
    ConsentOutcome.MISCONFIGURED: "the application's registration is not as Entra ID wants it",
    ConsentOutcome.FAILED: "Entra ID answered the consent with an error",
}
"""Refusals that no administrator chose and no later try mends by itself: an organisation without access has failed."""

SHOWS_CODE = frozenset({*_FAILURES, ConsentOutcome.BLOCKED, ConsentOutcome.BUSY})
"""Outcomes whose page shows Microsoft's code, for whoever has to look into it."""


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

    def refusal_of(self, link: Link) -> Refusal | None:
        """What this answer to `link` refuses; None where it says yes, which is then to be proved."""
        outcome = self.claimed or ConsentOutcome.FAILED
        if outcome is ConsentOutcome.PROVING:
            if not self.tenant_id or self.tenant_id == link.tenant_id:
                return None
            outcome = ConsentOutcome.WRONG_ORGANISATION
        failure = _FAILURES.get(outcome, "")
        return Refusal(outcome.value, self.code, f"{failure} ({self.code})" if failure else "")


MAX_STATE = 200

_BY_NUMBER: Mapping[int, ConsentOutcome] = {
    65005: ConsentOutcome.SERVICE_MISSING,
    650052: ConsentOutcome.SERVICE_MISSING,
    650054: ConsentOutcome.MISCONFIGURED,
    650056: ConsentOutcome.MISCONFIGURED,
    650057: ConsentOutcome.MISCONFIGURED,
    90033: ConsentOutcome.BUSY,
    90090: ConsentOutcome.BUSY,
}
"""Numbers that mean something else, or more, at the consent page than in the answer to a token request.

Source: https://learn.microsoft.com/en-us/entra/identity/enterprise-apps/application-sign-in-unexpected-user-consent-error
and https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes (read 2026-11-28)."""
_BY_KIND: Mapping[Kind, ConsentOutcome] = {
    Kind.DECLINED: ConsentOutcome.DECLINED,
    Kind.NOT_ADMINISTRATOR: ConsentOutcome.NOT_ADMINISTRATOR,
    Kind.WRONG_ORGANISATION: ConsentOutcome.WRONG_ORGANISATION,
    Kind.BLOCKED: ConsentOutcome.BLOCKED,
    Kind.BUSY: ConsentOutcome.BUSY,
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
    """The outcome of a refusal: by its number where it has one, as Entra ID sends `access_denied` with many of them.

    The number only chooses page and state; every one of these is a refusal.
    """
    number = number_in(description)
    if number:
        outcome = _BY_NUMBER.get(number) or _BY_KIND.get(meaning_of(number).kind, ConsentOutcome.FAILED)
        return outcome, f"AADSTS{number}"
    code = error if re.fullmatch(r"[a-z_]{1,40}", error) else "error"
    if subcode == "cancel":
        return ConsentOutcome.DECLINED, code
    return _BY_KIND.get(meaning_of(0, error).kind, ConsentOutcome.FAILED), code


def used_before(earlier: str) -> ConsentOutcome:
    """The page of a link that was used before, by the outcome of that use."""
    if earlier == ConsentOutcome.DONE:
        return ConsentOutcome.LINK_USED
    if earlier in (ConsentOutcome.PROVING, ConsentOutcome.NOT_ARRIVED):
        return ConsentOutcome.LINK_USED_WAITING
    return ConsentOutcome.LINK_USED_IN_VAIN
