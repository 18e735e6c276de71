"""When a batch is answered so that a new token is worth asking for."""

from __future__ import annotations

import pytest

from orgcal.entra.batch import BatchAnswer, BatchResponse
from verify.classification import needs_token

REFUSED = BatchResponse(401, {}, {"error": {"code": "InvalidAuthenticationToken", "message": "expired"}})
NOT_YET = BatchResponse(403, {}, {"error": {"code": "Authorization_IdentityNotFound", "message": "no"}})
DENIED = BatchResponse(403, {}, {"error": {"code": "ErrorAccessDenied", "message": "no"}})
READ = BatchResponse(200, {}, {"value": []})
NO_MAILBOX = BatchResponse(404, {}, {"error": {"code": "MailboxNotEnabledForRESTAPI", "message": "no"}})
FAILED = BatchResponse(500, {}, {"error": {"code": "InternalServerError", "message": "no"}})


@pytest.mark.parametrize("refusal", [REFUSED, NOT_YET])
@pytest.mark.parametrize("beside", [(), (None,), (DENIED,), (FAILED,)])
def test_new_token_is_wanted_where_entries_refuse_it_and_none_accepts_it(
    refusal: BatchResponse, beside: tuple[BatchResponse | None, ...]
) -> None:
    assert needs_token(BatchAnswer(200, [*beside, refusal]))


@pytest.mark.parametrize("accepted", [READ, NO_MAILBOX])
def test_token_that_some_mailbox_accepts_is_kept(accepted: BatchResponse) -> None:
    assert not needs_token(BatchAnswer(200, [REFUSED, accepted]))


@pytest.mark.parametrize("entries", [[], [None], [DENIED], [FAILED], [READ]])
def test_token_that_nobody_refuses_is_kept(entries: list[BatchResponse | None]) -> None:
    assert not needs_token(BatchAnswer(200, entries))


@pytest.mark.parametrize(
    ("status", "code", "wanted"),
    [
        (401, "InvalidAuthenticationToken", True),
        (403, "Authorization_IdentityNotFound", True),
        (403, "Authorization_RequestDenied", False),
        (429, "TooManyRequests", False),
        (503, "ServiceUnavailable", False),
        (0, "", False),
    ],
)
def test_batch_that_is_refused_as_a_whole_wants_a_new_token_where_it_is_the_token(
    status: int, code: str, wanted: bool
) -> None:
    assert needs_token(BatchAnswer(status, code=code, reason="refused")) is wanted
