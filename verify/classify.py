"""Which class a user belongs to, by what Graph answered about the user's calendars.

Codes and texts with their sources: 404 `MailboxNotEnabledForRESTAPI` is a user without a mailbox in Exchange Online
(https://learn.microsoft.com/en-us/graph/errors and microsoft-graph-docs-contrib issue 6519); 403 `ErrorAccessDenied` is
either a missing role or a mailbox outside the scope that the customer's Exchange administrator set
(https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orgcal.entra.answers import RETRIED_STATUSES
from verify.models import MailboxClass

_NO_MAILBOX = frozenset(
    {
        "mailboxnotenabledforrestapi",
        "mailboxnotsupportedforrestapi",
        "resourcenotfound",
        "errorinvaliduser",
        "errornonexistentmailbox",
    }
)
_DELETED = frozenset({"request_resourcenotfound"})
_RESTRICTED = frozenset({"erroraccessdenied", "accessdenied"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What one entry of a batch came to.

    Attributes:
        retry: worth another try.
        unauthorised: the token was not accepted.
    """

    mailbox_class: MailboxClass
    reason: str
    request_id: str = ""
    retry: bool = False
    unauthorised: bool = False


def classify(status: int, body: Mapping[str, Any] | None, headers: Mapping[str, Any]) -> Answer:
    """The class of an answer that is not a success.

    Args:
        status: of the entry.
        body: of the entry, if it is an object.
        headers: of the entry.
    """
    error = (body or {}).get("error")
    error = error if isinstance(error, Mapping) else {}
    code = str(error.get("code") or "")
    reason = f"{status} {code}".strip()[:120]
    request_id = _request_id(error, headers)
    key = code.lower()
    if status in RETRIED_STATUSES:
        return Answer(MailboxClass.FAILED, reason, request_id, retry=True)
    if status == 401:
        return Answer(MailboxClass.FAILED, reason, request_id, unauthorised=True)
    if status == 404 and key in _DELETED:
        return Answer(MailboxClass.DELETED, reason, request_id)
    if status == 404 and key in _NO_MAILBOX:
        return Answer(MailboxClass.NO_MAILBOX, reason, request_id)
    if status == 403 and key in _RESTRICTED:
        return Answer(MailboxClass.RESTRICTED, reason, request_id)
    return Answer(MailboxClass.FAILED, reason, request_id)


def _request_id(error: Mapping[str, Any], headers: Mapping[str, Any]) -> str:
    for name, value in headers.items():
        if name.lower() == "request-id":
            return str(value)[:64]
    inner = error.get("innerError") or error.get("innererror")
    return str(inner.get("request-id") or "")[:64] if isinstance(inner, Mapping) else ""
