"""What is said of every way in which Entra ID can refuse a token, or answer with something else."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from orgcal.entra.auth import _refused_discovery, refusal_in
from orgcal.errors import EntraError, OrgcalError, Unreachable
from tests.support.answered_tokens import ASKED, ENTRA, TOKEN_URL, WELL_KNOWN, described, issued, refused, source_of
from tests.support.answering_session import answer


def error_of(*answers: requests.Response | Exception) -> OrgcalError:
    source, _ = source_of(*answers)
    with pytest.raises(OrgcalError) as caught:
        source.token()
    return caught.value


def unreachable(what: str, where: str = ASKED, repair: str = "", retry_after_s: float | None = None) -> dict[str, Any]:
    return {"what": what, "where": where, "repair": repair, "retry_after_s": retry_after_s}


WEB_PAGE = "the answer is a web page where JSON was expected; something between here and the server answered"
NETWORK = "check HTTPS_PROXY and NO_PROXY, or log in to the network you are in"


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (
            [requests.ConnectionError("hush")],
            unreachable(
                "Entra ID cannot be reached (ConnectionError)", ENTRA, repair="check the network, then try again"
            ),
        ),
        (
            [described(), requests.ReadTimeout("hush")],
            unreachable("Entra ID cannot be reached (ReadTimeout)", ENTRA, repair="check the network, then try again"),
        ),
        (
            [answer(503, b"oops", {"Retry-After": "7"})],
            unreachable("Entra ID cannot answer now (HTTP Error: 503)", retry_after_s=7.0),
        ),
        ([answer(500, b"oops")], unreachable("Entra ID cannot answer now (HTTP Error: 500)")),
        (
            [described(), answer(504, b"<html>", {"Retry-After": "9"})],
            unreachable("Entra ID cannot answer now (HTTP Error: 504)", retry_after_s=9.0),
        ),
        (
            [described(), answer(429, {}, {"Retry-After": "7"})],
            unreachable("Entra ID cannot answer now (429)", repair="try again", retry_after_s=7.0),
        ),
        ([answer(200, b"[]")], unreachable("the answer is a JSON list, not an object", WELL_KNOWN)),
        ([answer(499, b"<html>")], unreachable(WEB_PAGE, WELL_KNOWN, NETWORK)),
        (
            [described(), answer(400, b"please log in", {"Content-Type": "text/html"})],
            unreachable(WEB_PAGE, TOKEN_URL, NETWORK),
        ),
        (
            [described(), answer(200, b'{"access_token": "t')],
            unreachable("the answer is not JSON, or was cut off", TOKEN_URL, "try again"),
        ),
        ([answer(200, {})], unreachable("Entra ID's answer cannot be understood (KeyError)", repair="try again")),
        (
            [described(), answer(200, {})],
            unreachable("Entra ID's answer holds neither a token nor a refusal", repair="try again"),
        ),
        *[
            (
                [described(), issued(token)],
                unreachable("Entra ID's answer holds a token that cannot be used", repair="try again"),
            )
            for token in (5, "", "a\nb", "\u00e9")
        ],
    ],
)
def test_answer_that_brings_no_token_is_explained(
    answers: list[requests.Response | Exception], told: dict[str, Any]
) -> None:
    error = error_of(*answers)

    assert (type(error), vars(error)) == (Unreachable, told)


def test_place_of_an_unusable_answer_is_told_without_the_query() -> None:
    tenant = answer(200, {"authorization_endpoint": ENTRA, "token_endpoint": f"{TOKEN_URL}?p=hush", "issuer": ENTRA})

    assert error_of(tenant, answer(200, b"{")).where == TOKEN_URL


def entra(what: str, repair: str = "", **others: Any) -> dict[str, Any]:
    rest = {"aadsts": 0, "status": 0, "correlation_id": ""}
    return {"what": what, "where": ASKED, "repair": repair, **rest, **others}


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (
            refused("unauthorized_client", 50194),
            entra(
                "the application is registered for its own organisation only (unauthorized_client, AADSTS50194)",
                "orgcal up, so that the application is registered as the settings say; then a new consent link",
                error="unauthorized_client",
                aadsts=50194,
                correlation_id="corr",
            ),
        ),
        (
            refused("invalid_client", 700213, "subject 'a'", error_codes=["x"]),
            entra(
                "the application trusts no token with this subject (invalid_client, AADSTS700213); "
                "Entra ID says: subject 'a'.",
                "compare subjects: the job runs in another environment, or the repository makes its own subjects "
                "(docs/ci.md)",
                error="invalid_client",
                aadsts=700213,
                correlation_id="corr",
            ),
        ),
        (
            refused("", 7000222, correlation_id=None),
            entra("the client secret has expired (unknown, AADSTS7000222)", "orgcal rotate", error="unknown",
                  aadsts=7000222),
        ),
        (
            answer(400, {"error_codes": [7999999, 90002], "error_description": "AADSTS1000: a.\r\nTrace ID: 1"}),
            entra("Entra ID refused: a. (unknown, AADSTS7999999)", error="unknown", aadsts=7999999),
        ),
        (
            answer(400, {"error": "invalid_client", "error_codes": 90002}),
            entra("Entra ID refused: invalid_client (invalid_client)", error="invalid_client"),
        ),
        (
            answer(400, {"error": "invalid_client", "error_codes": [], "error_description": "AADSTS50027: no token"}),
            entra("the assertion is no valid token (invalid_client, AADSTS50027); Entra ID says: no token",
                  "let the issuer make a new one", error="invalid_client", aadsts=50027),
        ),
        (
            answer(400, {"error": "invalid_client", "error_description": "AADSTS50027: Trace ID: 1"}),
            entra("the assertion is no valid token (invalid_client, AADSTS50027)",
                  "let the issuer make a new one", error="invalid_client", aadsts=50027),
        ),
    ],
)  # fmt: skip
def test_refusal_of_a_token_is_told_with_all_that_it_says(reply: requests.Response, told: dict[str, Any]) -> None:
    error = error_of(described(), reply)

    assert (type(error), vars(error)) == (EntraError, told)


def test_refusal_of_the_tenant_itself_is_told_with_its_status() -> None:
    error = error_of(refused("invalid_tenant", 90002))

    what = "there is no such tenant in this cloud (invalid_request, AADSTS90002)"
    repair = "check the tenant id and the stack's cloud"
    assert vars(error) == entra(what, repair, error="invalid_request", aadsts=90002, status=400)


@pytest.mark.parametrize(
    ("status", "kind"), [(400, EntraError), (499, EntraError), (500, Unreachable), (503, Unreachable)]
)
def test_number_in_a_server_error_is_no_refusal(status: int, kind: type) -> None:
    text = f"OIDC Discovery failed on x. HTTP status: {status}, Error: AADSTS90002: gone"
    error = _refused_discovery(ValueError(text), "here")

    assert (type(error), error.where) == (kind, "here")
    if isinstance(error, Unreachable):
        assert error.what == f"Entra ID's description of the tenant cannot be used: {text}"


def test_description_that_cannot_be_used_is_quoted_up_to_160_characters() -> None:
    for text, shown in (("x" * 160, "x" * 160), ("x" * 161, "x" * 159 + "…")):
        error = _refused_discovery(ValueError(text), "here")
        assert vars(error) == unreachable(f"Entra ID's description of the tenant cannot be used: {shown}", "here")


@pytest.mark.parametrize(
    ("text", "home", "told"),
    [
        (
            "unauthorized_client: AADSTS700016: words. Trace ID: 1",
            "1111",
            entra(
                "the application is not known in this tenant (unauthorized_client, AADSTS700016)",
                "check ARM_CLIENT_ID and the tenant: the operator's own application must be registered there",
                error="unauthorized_client",
                aadsts=700016,
            ),
        ),
        (
            "AADSTS50076: words (interaction_required)",
            "1111",
            entra(
                "the tenant asks for another factor (interaction_required, AADSTS50076)",
                "az login --tenant 1111 --allow-no-subscriptions",
                error="interaction_required",
                aadsts=50076,
            ),
        ),
        (
            "AADSTS50076: words",
            "",
            entra(
                "the tenant asks for another factor (refused, AADSTS50076)",
                "az login --tenant TENANT --allow-no-subscriptions",
                error="refused",
                aadsts=50076,
            ),
        ),
        ("invalid_scope: no", "1", entra("Entra ID refused: invalid_scope: no (invalid_scope)", error="invalid_scope")),
        ("nothing known", "", entra("Entra ID refused: nothing known (refused)", error="refused")),
        (
            "a\nb AADSTS7999999: one. AADSTS7999998: two. Trace ID: 1 Trace ID: 2",
            "",
            entra("Entra ID refused: one. AADSTS7999998: two. (refused, AADSTS7999999)", error="refused",
                  aadsts=7999999),
        ),
        (
            "AADSTS7999999: " + "x" * 601,
            "",
            entra(f"Entra ID refused: {'x' * 599}… (refused, AADSTS7999999)", error="refused", aadsts=7999999),
        ),
        (
            "AADSTS7999999: " + "x" * 600,
            "",
            entra(f"Entra ID refused: {'x' * 600} (refused, AADSTS7999999)", error="refused", aadsts=7999999),
        ),
    ],
)  # fmt: skip
def test_refusal_in_another_clients_words_is_told_whole(text: str, home: str, told: dict[str, Any]) -> None:
    assert vars(refusal_in(text, ASKED, home_tenant=home)) == told
    if not home:
        assert vars(refusal_in(text, ASKED)) == told
