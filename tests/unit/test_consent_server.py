"""The pages of the consent server, without a server: addresses, statuses, headers, and what the log says."""

from __future__ import annotations

import asyncio
import logging
import re
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.responses import Response

from orgcal.consent import server
from orgcal.consent.connections import BoundedConnection
from orgcal.consent.outcomes import CallbackAnswer, ConsentOutcome
from orgcal.consent.server import config_of, make_app
from orgcal.consent.service import ConsentResult, ConsentService
from tests.support.asgi import Answered, call
from tests.support.consent_probes import AWAY, CONTOSO
from tests.support.consent_server import CALLBACK, FakeService

RESULT = "/consent/result/handle"


def ask(service: FakeService, path: str = CALLBACK, query: str = "", **more: Any) -> Answered:
    return asyncio.run(call(make_app(cast(ConsentService, service)), path, query.encode(), **more))


def result(outcome: ConsentOutcome | None, detail: str = "", *permissions: str) -> ConsentResult:
    return ConsentResult(CONTOSO, outcome, detail, permissions)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.INFO, "orgcal.consent")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "orgcal.consent"]


def test_answer_of_entra_is_redirected_to_its_result_and_read_whole() -> None:
    service = FakeService(taken=SimpleNamespace(result="handle"))

    page = ask(service, query=f"admin_consent=True&tenant={CONTOSO}&state=s%2B")

    assert (page.status, page.headers["location"]) == (303, "result/handle")
    assert service.answers == [CallbackAnswer("s+", ConsentOutcome.PROVING, CONTOSO)]


def test_value_that_is_empty_in_an_answer_is_seen() -> None:
    service = FakeService()

    ask(service, query="admin_consent=True&state=s&error=")

    assert service.answers[0].claimed is ConsentOutcome.FAILED, "an answer with an error is a refusal"


@pytest.mark.parametrize(("length", "state"), [(8191, "st"), (8192, "st"), (8193, "s"), (8194, "")])
def test_answer_longer_than_any_of_entras_is_cut_off(length: int, state: str) -> None:
    service, end = FakeService(), "&admin_consent=True&state=st"

    ask(service, query=f"x={'y' * (length - len(end) - 2)}{end}")

    assert service.answers[0].state == state


def test_answer_with_bytes_that_are_no_text_is_read() -> None:
    service = FakeService()

    assert ask(service, query="state=%ff%fe&admin_consent=True").status == 400
    assert service.answers[0].claimed is ConsentOutcome.PROVING


def test_answer_with_too_many_fields_is_not_ours_and_asks_nobody(logged: Callable[[], list[str]]) -> None:
    service = FakeService()

    fifty = ask(service, query="&".join(f"a{number}=b" for number in range(50)))
    more = ask(service, query="&".join(f"a{number}=b" for number in range(51)))

    assert (fifty.status, more.status) == (400, 400)
    assert "This did not start with us" in more.text
    assert 'href="style.css"' in more.text
    assert len(service.answers) == 1
    assert logged() == ["callback: not-ours", "callback: not-ours"]


@pytest.mark.parametrize(
    ("taken", "status", "lines", "step"),
    [
        (ConsentOutcome.NOT_OURS, 400, ["callback: not-ours"], "open the link again as a whole"),
        (ConsentOutcome.LINK_USED, 410, [], "If it was you who used it, nothing more is needed."),
        (ConsentOutcome.LINK_EXPIRED, 410, [], "Ask the person who sent you the link for a new one."),
    ],
)
def test_answer_to_no_open_link_is_a_page_at_once(
    logged: Callable[[], list[str]], taken: ConsentOutcome, status: int, lines: list[str], step: str
) -> None:
    page = ask(FakeService(taken=taken), query="state=s")

    assert page.status == status
    assert step in page.text
    assert 'href="style.css"' in page.text
    assert "retry-after" not in page.headers
    assert logged() == lines, "of links that are ours the service tells itself"


def test_answer_while_the_database_is_away_asks_to_try_again(logged: Callable[[], list[str]]) -> None:
    page = ask(FakeService(taken=AWAY), query="state=s")

    assert (page.status, page.headers["retry-after"]) == (503, "60")
    assert "Please try again in a minute" in page.text
    assert 'href="style.css"' in page.text
    assert "Microsoft's code" not in page.text
    assert logged() == ["callback: the registry cannot be asked"]


def test_result_while_the_database_is_away_asks_to_try_again(logged: Callable[[], list[str]]) -> None:
    page = ask(FakeService(results=[AWAY]), RESULT)

    assert (page.status, page.headers["retry-after"]) == (503, "60")
    assert 'href="../style.css"' in page.text
    assert logged() == [], "nothing broke"


@pytest.mark.parametrize("found", [None, result(None)], ids=["no such page", "a link that nobody used"])
def test_result_that_does_not_exist_is_not_ours(found: ConsentResult | None) -> None:
    page = ask(FakeService(results=[found]), RESULT)

    assert page.status == 400
    assert "This did not start with us" in page.text
    assert 'href="../style.css"' in page.text


def test_result_names_the_permissions_that_were_agreed_to() -> None:
    service = FakeService(results=[result(ConsentOutcome.DONE, "", "MailboxSettings.Read")])

    page = ask(service, RESULT)

    assert (page.status, service.asked) == (200, ["handle"])
    assert "MailboxSettings.Read" in page.text
    assert "User.Read.All" not in page.text
    assert "<b>Acme Sync</b><span>acme.example</span>" in page.text
    assert 'href="../style.css"' in page.text


def test_result_of_an_older_link_names_the_declared_permissions() -> None:
    page = ask(FakeService(results=[result(ConsentOutcome.DONE)]), RESULT)

    assert "User.Read.All" in page.text
    assert "list the users of your organisation" in page.text


@pytest.mark.parametrize(
    ("outcome", "shows"),
    [(ConsentOutcome.FAILED, True), (ConsentOutcome.BLOCKED, True), (ConsentOutcome.DECLINED, False)],
)
def test_result_shows_microsofts_code_to_whoever_can_use_it(outcome: ConsentOutcome, shows: bool) -> None:
    page = ask(FakeService(results=[result(outcome, "AADSTS53003")]), RESULT)

    assert ("AADSTS53003" in page.text) is shows
    assert ("Microsoft's code" in page.text) is shows
    assert "Calendars.Read" not in page.text


def test_result_that_is_nearly_there_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("orgcal.consent.server.asyncio.sleep", sleep)
    soon = FakeService(results=[result(ConsentOutcome.PROVING), result(ConsentOutcome.PROVING), result(None)])
    soon.results[-1] = result(ConsentOutcome.DONE)
    assert "<h1>" in ask(soon, RESULT).text
    assert len(soon.asked) == 3
    assert slept == [0.03, 0.03]

    slept.clear()
    later = FakeService(results=[result(ConsentOutcome.PROVING)])
    assert "Working on it" in ask(later, RESULT).text
    assert 0.8 <= sum(slept) < 1.3, "no longer than a page may take"
    assert slept[:6] == [0.03, 0.03, 0.03, 0.045, 0.0675, 0.10125], "the pauses grow"
    assert len(slept) < 12

    slept.clear()
    monkeypatch.setattr("orgcal.consent.server.FIRST_WAIT_S", 0.06)
    ask(later, RESULT)
    assert slept == [0.03, 0.03], "not a moment longer"


def test_head_of_a_callback_takes_no_answer() -> None:
    service = FakeService(taken=SimpleNamespace(result="handle"))

    page = ask(service, query="admin_consent=True&state=s", method="HEAD")

    assert (page.status, page.headers["allow"]) == (405, "GET")
    assert service.answers == []


@pytest.mark.parametrize("path", [CALLBACK, RESULT, "/consent/style.css"])
def test_nothing_is_taken_by_another_method(path: str) -> None:
    service = FakeService(results=[result(ConsentOutcome.DONE)])

    assert ask(service, path, "state=s", method="POST").status == 405
    assert (service.answers, service.asked) == ([], [])


def test_style_sheet_lies_beside_the_callback() -> None:
    sheet = ask(FakeService(), "/consent/style.css")

    assert (sheet.status, sheet.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "body" in sheet.text


@pytest.mark.parametrize("path", ["/consent/callback/", "/", "/consent/result/", "/style.css"])
def test_other_addresses_do_not_exist_and_send_the_state_nowhere(path: str) -> None:
    page = ask(FakeService(), path, "state=s")

    assert (page.status, page.headers.get("location")) == (404, None)


def test_callback_at_the_root_of_a_host_serves() -> None:
    service = FakeService(redirect_uri="https://acme.example", results=[result(ConsentOutcome.DONE)])

    assert ask(service, "/").status == 400
    assert ask(service, "/result/handle").status == 200
    assert ask(service, "/style.css").status == 200


POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ALWAYS = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",  # the address holds a handle
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
    "server": "orgcal",
}


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_every_answer_has_the_headers_that_a_page_with_a_secret_address_needs(scheme: str) -> None:
    service = FakeService(redirect_uri=f"{scheme}://localhost:8400{CALLBACK}", results=[result(ConsentOutcome.DONE)])

    for path in (CALLBACK, RESULT, "/consent/style.css", "/nowhere"):
        given = ask(service, path).headers
        kept = {"strict-transport-security": "max-age=31536000"} if scheme == "https" else {}
        assert {name: value for name, value in given.items() if not name.startswith("content-")} == {
            name: value for name, value in (ALWAYS | kept).items() if not name.startswith("content-")
        }
        assert given["content-security-policy"] == POLICY


def test_page_that_waits_may_run_its_own_script_and_ask_its_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orgcal.consent.server.FIRST_WAIT_S", 0.0)
    page = ask(FakeService(results=[result(ConsentOutcome.PROVING)]), RESULT)
    [script] = re.findall(r"(?s)<script>(.*?)</script>", page.text)
    digest = b64encode(sha256(script.encode()).digest()).decode()

    assert page.headers["content-security-policy"] == (f"{POLICY}; script-src 'sha256-{digest}'; connect-src 'self'")
    assert (page.status, "retry-after" in page.headers) == (200, False)


def test_whatever_breaks_is_a_page_and_its_message_is_not_logged(logged: Callable[[], list[str]]) -> None:
    page = ask(FakeService(taken=RuntimeError("state=hush")), query="state=hush")

    assert page.status == 503
    assert "Please try again in a minute" in page.text
    assert 'href="style.css"' in page.text
    [line] = logged()
    assert line.startswith("callback: RuntimeError broke it\n")
    assert "in answered" in line, "where it broke"
    assert all(each.startswith("  ") for each in line.splitlines()[1:])
    assert "hush" not in line


def test_what_breaks_after_the_answer_has_begun_gets_no_second_one() -> None:
    async def broken(scope: object, receive: object, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("late")

    page = server.QuietErrors(broken, Response("second"))

    answered = asyncio.run(call(page, "/"))
    assert (answered.status, answered.text) == (200, "")


def test_server_logs_no_address_and_believes_no_header_of_strangers() -> None:
    service = cast(ConsentService, FakeService())

    plain, proxied = config_of(service), config_of(service, trusted_proxies=("10.0.0.1", "10.0.0.2"))

    assert plain.access_log is False
    assert plain.server_header is False
    assert plain.date_header is True
    assert (plain.log_level, plain.ws, plain.lifespan, plain.http) == ("warning", "none", "off", BoundedConnection)
    assert plain.proxy_headers is False
    assert proxied.proxy_headers is True
    assert proxied.forwarded_allow_ips == ["10.0.0.1", "10.0.0.2"]
    assert plain.h11_max_incomplete_event_size == 2 * server.MAX_QUERY, "a whole answer, and its headers"
    assert 1 <= plain.timeout_keep_alive <= 10
