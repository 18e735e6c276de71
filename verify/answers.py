"""What every answer of Microsoft means that is not a success: one table.

    rule = rule_of(Place.ENTRY, 404, "MailboxNotEnabledForRESTAPI")
    rule.fault, rule.mailbox_class     # Fault.MAILBOX, MailboxClass.NO_MAILBOX

The first row that fits decides, and the last rows fit everything, so that each answer has exactly one class. The table
stands in `docs/verify.md` (`python -m verify.docs_tables`).

Microsoft asks clients to decide by codes and not by texts; the one text below has no code of its own.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from orgcal.entra.aadsts import Kind, meaning_of
from orgcal.entra.probe import NOT_YET, NOT_YET_REPAIR
from orgcal.errors import EntraError, GraphError, OrgcalError
from verify.models import MailboxClass, Verdict


class Place(enum.StrEnum):
    """Where an answer was met."""

    TOKEN = "token"  # noqa: S105  # a place, not a password
    USERS = "users"
    """A page of users."""
    BATCH = "batch"
    """A batch as a whole."""
    ENTRY = "entry"
    """One read in a batch."""


class Fault(enum.StrEnum):
    """What is not as it should be, once repeating has not helped."""

    MAILBOX = "this mailbox"
    ORGANISATION = "this organisation"
    CONNECTOR = "the connector"
    """Us: its credential, its cloud, this machine's clock."""
    UNDECIDED = "undecided"
    """Nobody could tell: an outage, or something between here and Microsoft."""


class Again(enum.StrEnum):
    """Whether the same request is sent again, within the budget for waiting."""

    NO = "no"
    PAUSE = "after a pause"
    TOKEN = "once, with a new token"  # noqa: S105  # no password
    TOKEN_AND_PAUSE = "after a pause, with a new token"  # noqa: S105
    LISTING = "the listing begins anew"


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table.

    Attributes:
        name: of the class, in reports and for the comparison with an earlier run.
        statuses: HTTP statuses; `5xx` and `4xx` are ranges, 0 is an answer that cannot be used, or none. Empty: any.
        codes: Graph's codes; an empty one is an answer without a code. Empty: any.
        kinds: of refusals of a token (`orgcal.entra.aadsts`).
        words: what Graph's text must contain, in lower case; for what has no code of its own.
        mailbox_class: the class of a user whose entry this is.
        sentence: for a person; empty where Microsoft's own words are all there is.
        repair: what to do about it, and who.
    """

    name: str
    places: tuple[Place, ...]
    statuses: tuple[int | str, ...]
    codes: tuple[str, ...]
    fault: Fault
    source: str
    again: Again = Again.NO
    mailbox_class: MailboxClass = MailboxClass.FAILED
    sentence: str = ""
    repair: str = ""
    words: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Of a check that ends with it: `fail` where the customer or we are wrong, `error` where nobody could tell."""
        return Verdict.FAIL if self.fault in (Fault.ORGANISATION, Fault.CONNECTOR) else Verdict.ERROR

    def fits(self, status: int, code: str, text: str) -> bool:
        """Whether the row speaks of such an answer of Microsoft Graph; `code` and `text` in lower case."""
        return (
            (not self.statuses or status in self.statuses or f"{status // 100}xx" in self.statuses)
            and (not self.codes or any(code == known.lower() for known in self.codes))
            and (not self.words or any(words in text for words in self.words))
        )


VERIFY_LATER = "verify again later"
_ERRORS = "https://learn.microsoft.com/en-us/graph/errors"
_THROTTLING = "https://learn.microsoft.com/en-us/graph/throttling"
_RBAC = "https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac"
_POLICY = "https://learn.microsoft.com/en-us/graph/auth-limit-mailbox-access"
_AADSTS = "https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes"
_NO_ORGANISATION = "https://github.com/MicrosoftDocs/azure-docs/issues/32957"
_IDENTITY = "https://learn.microsoft.com/en-us/entra/identity-platform/retire-service-principal-less-authentication"
_EXPIRED_PAGE = "https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/2254"
_NO_MAILBOX = "https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/6519"
_NO_PERMISSIONS = (
    "https://learn.microsoft.com/en-us/troubleshoot/entra/entra-id/users-groups-entra-apis/"
    "error-call-me-endpoint-microsoft-graph"
)
_HTTP = "https://www.rfc-editor.org/rfc/rfc9110#name-status-codes"

_GRAPH = (Place.USERS, Place.BATCH, Place.ENTRY)
_WHOLE = (Place.USERS, Place.BATCH)

TABLE: tuple[Rule, ...] = (
    # --- a token ---
    Rule("no tenant", (Place.TOKEN,), (), (), Fault.ORGANISATION, _AADSTS, kinds=(Kind.NO_TENANT,)),
    Rule("not consented", (Place.TOKEN,), (), (), Fault.ORGANISATION, _AADSTS, kinds=(Kind.NOT_CONSENTED,)),
    Rule("blocked", (Place.TOKEN,), (), (), Fault.ORGANISATION, _AADSTS, kinds=(Kind.BLOCKED,)),
    Rule("credential refused", (Place.TOKEN,), (), (), Fault.CONNECTOR, _AADSTS, kinds=(Kind.CREDENTIAL,)),
    Rule(
        "busy", (Place.TOKEN,), (), (), Fault.UNDECIDED, _AADSTS, Again.PAUSE, repair=VERIFY_LATER, kinds=(Kind.BUSY,)
    ),
    Rule(
        "no answer", (Place.TOKEN,), (0, 429, "5xx"), (), Fault.UNDECIDED, _HTTP, Again.PAUSE,
        sentence="Entra ID gave no usable answer", repair=VERIFY_LATER,
    ),
    Rule(
        "not yet", (Place.TOKEN,), (200,), (), Fault.UNDECIDED, _IDENTITY, Again.TOKEN_AND_PAUSE,
        sentence=NOT_YET, repair=NOT_YET_REPAIR,
    ),
    Rule("refused", (Place.TOKEN,), (), (), Fault.ORGANISATION, _AADSTS),
    # --- Microsoft Graph: who calls ---
    Rule(
        "not yet", _GRAPH, (401, 403), ("Authorization_IdentityNotFound",), Fault.UNDECIDED, _IDENTITY,
        Again.TOKEN_AND_PAUSE, sentence=NOT_YET, repair=NOT_YET_REPAIR,
    ),
    Rule(
        "no Exchange Online", _GRAPH, (401,), ("OrganizationFromTenantGuidNotFound",), Fault.ORGANISATION,
        _NO_ORGANISATION, sentence="this organisation has no Exchange Online, or it is not provisioned yet",
        repair="the organisation needs a subscription with Exchange Online; a new one takes hours to arrive",
    ),
    Rule(
        "no permission in the token", _GRAPH, (401,), ("NoPermissionsInAccessToken",), Fault.ORGANISATION,
        _NO_PERMISSIONS, Again.TOKEN, sentence="the token contains no permission",
        repair="send the organisation's administrator a new consent link",
    ),
    Rule(
        "token refused", (Place.ENTRY,), (401,), (), Fault.MAILBOX, _ERRORS, Again.TOKEN,
        sentence="Microsoft Graph does not accept the token for this mailbox, and accepts it for others",
        repair="compare the user's licence and mailbox with those of others",
    ),
    Rule(
        "token refused", _WHOLE, (401,), (), Fault.CONNECTOR, _ERRORS, Again.TOKEN,
        sentence="Microsoft Graph does not accept the token",
        repair="check the stack's cloud, and the clock of this machine",
    ),
    # --- Microsoft Graph: what it may ---
    Rule(
        "application access policy", (Place.ENTRY,), (403,), ("ErrorAccessDenied",), Fault.MAILBOX, _POLICY,
        mailbox_class=MailboxClass.RESTRICTED, words=("access to odata is disabled", "[raop]"),
        sentence="an application access policy of the customer's Exchange excludes this mailbox",
        repair="their Exchange administrator sees the policies with Get-ApplicationAccessPolicy, and tests one mailbox "
        "with Test-ApplicationAccessPolicy",
    ),
    Rule(
        "denied by Exchange", (Place.ENTRY,), (403,), ("ErrorAccessDenied", "accessDenied"), Fault.MAILBOX, _RBAC,
        mailbox_class=MailboxClass.RESTRICTED,
        sentence="Exchange denies access: the mailbox is outside of the scope of a role assignment (RBAC for "
        "Applications), or the calendar permission is missing",
        repair="their Exchange administrator sees the scopes with Get-ManagementRoleAssignment; where the permission "
        "is missing, send a new consent link",
    ),
    Rule(
        "permission missing", (Place.USERS,), (403,), ("Authorization_RequestDenied",), Fault.ORGANISATION, _ERRORS,
        sentence="the permission to list users is missing",
        repair="send the organisation's administrator a new consent link",
    ),
    Rule(
        "application disabled", _GRAPH, (401, 403), ("Authorization_IdentityDisabled",), Fault.ORGANISATION, _ERRORS,
        sentence="the application is disabled in this organisation",
        repair="an administrator of the organisation enables it under Enterprise applications, Properties",
    ),
    Rule(
        "no answer of Microsoft's", _WHOLE, (403,), ("",), Fault.UNDECIDED, _ERRORS,
        sentence="a refusal without a code of Microsoft Graph's; something between here and there answered",
        repair="check HTTPS_PROXY and NO_PROXY, or log in to the network you are in",
    ),
    Rule(
        "access refused", _WHOLE, (403,), (), Fault.ORGANISATION, _ERRORS,
        repair="a policy of the organisation refuses the application; its code says which",
    ),
    # --- Microsoft Graph: one mailbox ---
    Rule(
        "no mailbox", (Place.ENTRY,), (404,),
        (
            "MailboxNotEnabledForRESTAPI", "MailboxNotSupportedForRESTAPI", "ResourceNotFound", "ErrorInvalidUser",
            "ErrorNonExistentMailbox",
        ),
        Fault.MAILBOX, _NO_MAILBOX, mailbox_class=MailboxClass.NO_MAILBOX,
        sentence="the user has no mailbox in Exchange Online: no licence, on premises, or a guest",
    ),
    Rule(
        "deleted", (Place.ENTRY,), (404,), ("Request_ResourceNotFound",), Fault.MAILBOX, _ERRORS,
        mailbox_class=MailboxClass.DELETED, sentence="the user was deleted after the listing",
    ),
    # --- Microsoft Graph: again ---
    Rule(
        "page token expired", (Place.USERS,), (400, 410), ("Directory_ExpiredPageToken",), Fault.UNDECIDED,
        _EXPIRED_PAGE, Again.LISTING, sentence="the links to further pages of users expire at once",
        repair=VERIFY_LATER,
    ),
    Rule("throttled", (Place.ENTRY,), (429,), (), Fault.MAILBOX, _THROTTLING, Again.PAUSE, repair=VERIFY_LATER),
    Rule("throttled", _WHOLE, (429,), (), Fault.UNDECIDED, _THROTTLING, Again.PAUSE, repair=VERIFY_LATER),
    Rule(
        "no answer", (Place.ENTRY,), (0, 408, 424, "5xx"), (), Fault.MAILBOX, _HTTP, Again.PAUSE,
        sentence="Microsoft Graph has no answer for this mailbox", repair=VERIFY_LATER,
    ),
    Rule("no answer", _WHOLE, (0, 408, "5xx"), (), Fault.UNDECIDED, _HTTP, Again.PAUSE, repair=VERIFY_LATER),
    Rule(
        "no answer", (Place.ENTRY,), ("4xx",), ("",), Fault.MAILBOX, _ERRORS, Again.PAUSE,
        sentence="Microsoft Graph refuses without a code", repair=VERIFY_LATER,
    ),
    Rule("no answer", _WHOLE, ("4xx",), ("",), Fault.UNDECIDED, _ERRORS, Again.PAUSE, repair=VERIFY_LATER),
    # --- everything else ---
    Rule("refused", (Place.ENTRY,), (), (), Fault.MAILBOX, _ERRORS, repair="see the reasons in the report"),
    Rule("refused", _WHOLE, (), (), Fault.UNDECIDED, _ERRORS, repair=VERIFY_LATER),
)  # fmt: skip

_BY_PLACE: Mapping[Place, tuple[Rule, ...]] = {
    place: tuple(rule for rule in TABLE if place in rule.places and place is not Place.TOKEN) for place in Place
}
_WORDS = tuple(words for rule in TABLE for words in rule.words)
_NO_CODE = "unknownerror"
"""What Graph writes where the service behind it said nothing."""


def rule_of(place: Place, status: int, code: str = "", text: str = "") -> Rule:
    """The row for an answer of Microsoft Graph that is not a success.

    Args:
        status: HTTP status; 0 where no usable answer came.
        code: Graph's code; `UnknownError` counts as none.
        text: Graph's own words.
    """
    code = "" if code.lower() == _NO_CODE else code.lower()
    lowered = text.lower()
    return _rule(place, status, code[:120], next((words for words in _WORDS if words in lowered), ""))


@lru_cache(maxsize=512)
def _rule(place: Place, status: int, code: str, words: str) -> Rule:
    return next(rule for rule in _BY_PLACE[place] if rule.fits(status, code, words))


def token_rule(error: OrgcalError) -> Rule:
    """The row for a token that Entra ID, or whoever else hands it out, did not give."""
    if isinstance(error, EntraError):
        kind = meaning_of(error.aadsts, error.error).kind
        by_kind = next((rule for rule in TABLE if kind in rule.kinds), None)
        return by_kind or _TOKEN_REFUSED
    return _TOKEN_LOST


def error_rule(place: Place, error: OrgcalError) -> Rule:
    """The row for an error that ended the listing of users, or the reading of mailboxes."""
    if isinstance(error, GraphError):
        return rule_of(place, error.status, error.code, error.what)
    if isinstance(error, EntraError):
        return token_rule(error)
    return rule_of(Place.BATCH, 0)


def _of_token(name: str) -> Rule:
    return next(rule for rule in TABLE if rule.name == name and rule.places == (Place.TOKEN,))


_TOKEN_REFUSED, _TOKEN_LOST = _of_token("refused"), _of_token("no answer")
NO_PRINCIPAL = _of_token("not yet")
"""A token that names no principal."""
