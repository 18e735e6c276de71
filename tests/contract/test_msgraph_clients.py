"""The clients of Entra ID and Graph, against the emulator and against servers that misbehave."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from orgcal_emulator.server import RunningEmulator

from orgcal.entra.answers import graph_error, retry_after_s, shorten
from orgcal.entra.auth import TokenSource, roles_of
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import ClientCertificate, ClientSecret, FederatedToken
from orgcal.entra.discovery import resolve_tenant
from orgcal.entra.graph import GraphClient
from orgcal.entra.session import new_session
from orgcal.errors import EntraError, GraphError, Unreachable, UsageError
from orgcal.platforms.testing_server import FakeTime, StrictServer
from orgcal.platforms.testing_server import Reply as StrictReply
from orgcal.platforms.testing_server import Request as StrictRequest
from tests.scripted_graph import GivenTokens, Reply, ScriptedGraph, Seen, serving
from tests.support.deployed_connector import CONTOSO, HOME


@pytest.fixture
def operator(endpoints: CloudEndpoints) -> Iterator[TokenSource]:
    with new_session(endpoints) as session:
        assert endpoints.emulated is not None
        secret = ClientSecret(endpoints.emulated.operator_client_secret_file.read_text().strip())
        yield TokenSource(endpoints, HOME, endpoints.emulated.operator_client_id, secret, session)


def posts(emulator: RunningEmulator) -> int:
    return sum(entry["path"].endswith("/oauth2/v2.0/token") for entry in emulator.journal())


# --- trust ---


def test_session_trusts_the_emulator_whatever_the_environment_names(
    endpoints: CloudEndpoints, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "other.pem").write_text("no certificates here\n")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "other.pem"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    (tmp_path / ".netrc").write_text("machine localhost login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))

    with new_session(endpoints) as session:
        assert resolve_tenant(endpoints, "contoso.example", session) == CONTOSO


def test_session_of_another_cloud_does_not_trust_the_emulator(endpoints: CloudEndpoints) -> None:
    foreign = replace(endpoints, emulated=None, cloud="public")
    with new_session(foreign, environ={}) as session, pytest.raises(Unreachable, match="SSLError"):
        resolve_tenant(foreign, "contoso.example", session)


def test_session_follows_no_redirect() -> None:
    with serving(ScriptedGraph()) as graph, serving(ScriptedGraph()) as stranger:
        graph.intercept = lambda seen: Reply(307, {}, {"Location": stranger.url})
        with new_session(graph.endpoints) as session, pytest.raises(Unreachable, match="TooManyRedirects"):
            GraphClient(graph.endpoints, GivenTokens(), session, clock=FakeTime().clock()).get("/me")
        assert stranger.seen == []


# --- tokens ---


def test_token_is_asked_for_once_by_many_threads(operator: TokenSource, emulator: RunningEmulator) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(operator.token())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(found)) == 1
    assert posts(emulator) == 1


def test_fresh_token_is_asked_for_each_time_also_after_a_refusal(
    endpoints: CloudEndpoints, emulator: RunningEmulator
) -> None:
    with new_session(endpoints) as session:
        source = TokenSource(endpoints, CONTOSO, "00000000-0000-4000-8000-000000000000", ClientSecret("x"), session)
        for _ in range(3):
            with pytest.raises(EntraError) as refused:
                source.fresh_token()

    assert posts(emulator) == 3, "MSAL answers a repeated 400 from memory for a minute"
    assert (refused.value.aadsts, refused.value.error) == (700016, "unauthorized_client")
    assert refused.value.exit_code == 4


def test_renewed_token_is_asked_for_once_for_many_refusals(operator: TokenSource, emulator: RunningEmulator) -> None:
    first = operator.token()
    second = operator.renewed(first)

    assert operator.renewed(first) == second
    assert posts(emulator) == 2


@pytest.mark.parametrize(
    ("tenant", "client", "aadsts", "what"),
    [
        ("nobody.example", "c", 90002, "there is no such tenant"),
        (HOME, "aaaaaaaa-0000-4000-8000-000000000001", 7000215, "the client secret is wrong"),
    ],
)
def test_token_that_is_refused_says_why_and_never_the_secret(
    endpoints: CloudEndpoints, tenant: str, client: str, aadsts: int, what: str
) -> None:
    secret = "very-secret-value"
    with new_session(endpoints) as session, pytest.raises(EntraError, match=what) as refused:
        TokenSource(endpoints, tenant, client, ClientSecret(secret), session).token()

    assert refused.value.aadsts == aadsts
    shown = "".join(traceback.format_exception(refused.value)) + repr(refused.value)
    assert secret not in shown


def test_token_from_an_unreachable_entra_is_unreachable(endpoints: CloudEndpoints) -> None:
    nowhere = replace(endpoints, login_url="https://localhost:9")
    with new_session(nowhere) as session, pytest.raises(Unreachable, match="cannot be reached"):
        TokenSource(nowhere, HOME, "c", ClientSecret("x"), session).token()


WEB_PAGE = StrictReply(200, b"<html>please log in</html>", {"Content-Type": "text/html"})
UNUSABLE = {
    "web page": WEB_PAGE,
    "array": StrictReply(200, []),
    "empty object": StrictReply(200, {}),
    "server error": StrictReply(500, {}),
    "page not found": StrictReply(404, b"<html>", {"Content-Type": "text/html"}),
    "too many": StrictReply(429, {}, {"Retry-After": "5"}),
}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.mark.parametrize("broken", ["description", "token"])
@pytest.mark.parametrize("reply", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_token_with_an_unusable_answer_of_entra_is_explained(
    endpoints: CloudEndpoints, authority: trustme.CA, tmp_path: Path, broken: str, reply: StrictReply
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    assert endpoints.emulated is not None

    def api(request: StrictRequest) -> StrictReply:
        if broken == "token" and request.path.endswith("openid-configuration"):
            endpoints = ("authorization", "token", "device_authorization")
            return StrictReply(200, {f"{name}_endpoint": f"{server.base_url}/{HOME}/{name}" for name in endpoints})
        return reply

    with StrictServer(api, ca=authority).running() as server:
        there = replace(
            endpoints, login_url=server.base_url, emulated=replace(endpoints.emulated, ca_file=tmp_path / "ca.pem")
        )
        with new_session(there) as session, pytest.raises((Unreachable, EntraError)) as refused:
            TokenSource(there, HOME, "c", ClientSecret("very-secret-value"), session).token()

    assert server.seen
    assert "very-secret-value" not in str(refused.value)
    assert len(str(refused.value)) < 600


def test_roles_of_tokens_are_read_or_unknown(operator: TokenSource) -> None:
    assert roles_of(operator.token()) == frozenset({"Application.ReadWrite.OwnedBy", "Application.Read.All"})
    assert roles_of("opaque") is None
    assert roles_of("a.b.c") is None
    assert roles_of("a.bm90IGpzb24.c") is None  # "not json"
    assert roles_of("eyJhbGciOiJub25lIn0.e30.Yw") == frozenset()  # {}


def test_credentials_never_show_their_values() -> None:
    for credential in (ClientSecret("s3cret"), ClientCertificate("s3cret", "s3cret"), FederatedToken(lambda: "s3cret")):
        assert "s3cret" not in repr(credential) + str([credential])


@pytest.mark.parametrize("name", ["contoso.example", CONTOSO, CONTOSO.upper()])
def test_resolve_tenant_gives_the_tenant_id(endpoints: CloudEndpoints, name: str) -> None:
    with new_session(endpoints) as session:
        assert resolve_tenant(endpoints, name, session) == CONTOSO


@pytest.mark.parametrize("name", ["nobody.example", "99999999-9999-9999-9999-999999999999", "../common", "", "a b"])
def test_resolve_tenant_refuses_what_is_no_tenant(endpoints: CloudEndpoints, name: str) -> None:
    with new_session(endpoints) as session, pytest.raises(UsageError):
        resolve_tenant(endpoints, name, session)


# --- requests ---


@pytest.fixture
def graph() -> Iterator[ScriptedGraph]:
    with serving(ScriptedGraph()) as graph:
        yield graph


@pytest.fixture
def clock() -> FakeTime:
    return FakeTime()


@pytest.fixture
def client(graph: ScriptedGraph, clock: FakeTime) -> Iterator[GraphClient]:
    with new_session(graph.endpoints) as session:
        yield GraphClient(graph.endpoints, GivenTokens(), session, clock=clock.clock())


def answers(graph: ScriptedGraph, *replies: Reply) -> None:
    """Answer requests with these, in order; the last repeats."""
    waiting = list(replies)
    graph.intercept = lambda seen: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def test_get_that_is_throttled_waits_as_long_as_asked(
    graph: ScriptedGraph, client: GraphClient, clock: FakeTime
) -> None:
    answers(graph, Reply(429, {}, {"Retry-After": "7"}), Reply(503, {}, {"Retry-After": "3"}), Reply(200, {"a": 1}))

    assert client.get("/organization") == {"a": 1}
    assert clock.waits == [7.0, 3.0]


@pytest.mark.parametrize(
    "reply", [Reply(500, {}), Reply(502, b"<html>"), Reply(408, {}), Reply(400, None), Reply(400, b"{}")]
)
def test_get_that_has_no_answer_is_sent_again(graph: ScriptedGraph, client: GraphClient, reply: Reply) -> None:
    answers(graph, reply, Reply(200, {"a": 1}))

    assert client.get("/organization") == {"a": 1}


@pytest.mark.parametrize("reply", [Reply(501, {}), Reply(400, {"error": {"code": "BadRequest"}}), Reply(409, {})])
def test_get_that_is_answered_with_a_refusal_is_not_sent_again(
    graph: ScriptedGraph, client: GraphClient, reply: Reply
) -> None:
    answers(graph, reply)

    with pytest.raises(GraphError):
        client.get("/organization")

    assert len(graph.seen) == 1


def test_change_after_which_nobody_knows_what_was_done_is_not_sent_again(
    graph: ScriptedGraph, client: GraphClient
) -> None:
    answers(graph, Reply(500, {}))

    with pytest.raises(GraphError):
        client.post("/applications", {})

    assert len(graph.seen) == 1


def test_get_that_would_have_to_wait_longer_than_the_budget_fails_at_once(
    graph: ScriptedGraph, client: GraphClient, clock: FakeTime
) -> None:
    answers(graph, Reply(429, {"error": {"code": "TooManyRequests"}}, {"Retry-After": "86400"}))

    with pytest.raises(GraphError) as refused:
        client.get("/organization")

    assert (refused.value.status, refused.value.retry_after_s, clock.waits) == (429, 86400.0, [])


def test_post_after_a_lost_connection_is_not_repeated(graph: ScriptedGraph, client: GraphClient) -> None:
    answers(graph, Reply(201, {"id": "made"}, cut=2))

    with pytest.raises(Unreachable):
        client.post("/applications", {"displayName": "x"})
    assert len(graph.seen) == 1


def test_get_after_a_lost_connection_is_repeated(graph: ScriptedGraph, client: GraphClient) -> None:
    answers(graph, Reply(200, {"id": "found"}, cut=2), Reply(200, {"id": "found"}))

    assert client.get("/organization") == {"id": "found"}


def test_call_with_a_refused_token_renews_it_once(graph: ScriptedGraph, client: GraphClient) -> None:
    graph.intercept = lambda seen: Reply(401, {}) if seen.token == "t1" else Reply(204)

    client.delete("/applications/1")

    assert [seen.token for seen in graph.seen] == ["t1", "t2"]
    graph.intercept = lambda seen: Reply(401, {"error": {"code": "InvalidAuthenticationToken"}})
    with pytest.raises(GraphError, match="InvalidAuthenticationToken"):
        client.get("/organization")


def test_error_carries_what_support_asks_for(graph: ScriptedGraph, client: GraphClient) -> None:
    answers(graph, Reply(403, {"error": {"code": "C", "message": "m\x00\nx", "innerError": {"request-id": "r"}}}))

    with pytest.raises(GraphError) as refused:
        client.get("/users?$filter=secret")

    assert (refused.value.code, refused.value.request_id, refused.value.where) == ("C", "r", "GET /users")
    assert refused.value.what == "Microsoft Graph answered 403 C: m\\u0000 x"


def test_pages_follow_links_of_the_same_host_only(graph: ScriptedGraph, client: GraphClient) -> None:
    graph.users = ScriptedGraph(25).users
    graph.page_size = 10
    assert [user["id"] for user in client.pages("/users", {"$top": "10"})] == graph.users

    answers(graph, Reply(200, {"value": [{"id": "1"}], "@odata.nextLink": "https://evil.example/v1.0/users"}))
    with pytest.raises(Unreachable, match=r"evil\.example"):
        list(client.pages("/users"))
    answers(graph, Reply(200, {"value": [], "@odata.nextLink": f"{graph.url}/v1.0/users?again"}))
    with pytest.raises(Unreachable, match="circle"):
        list(client.pages("/users"))


def test_path_may_name_another_version(graph: ScriptedGraph, client: GraphClient) -> None:
    seen: list[Seen] = []
    graph.intercept = lambda request: seen.append(request) or Reply(200, {})  # type: ignore[func-returns-value]
    client.get("/beta/applications")
    client.patch("/applications/1", {})
    assert [request.path for request in seen] == ["/beta/applications", "/v1.0/applications/1"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"Retry-After": "-2"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "Mon, 23 Nov 2026 10:00:30 GMT", "Date": "Mon, 23 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"Retry-After": "Mon, 23 Nov 2026 10:00:30 GMT", "Date": "no date"}, 25.0),
    ],
)
def test_retry_after_is_read_in_every_form(headers: Mapping[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, datetime(2026, 11, 23, 10, 0, 5, tzinfo=UTC)) == seconds


@pytest.mark.parametrize("body", [None, {}, {"error": "text"}, {"error": {"innerError": 7}}])
def test_graph_error_takes_any_body(body: Any) -> None:
    assert graph_error(500, body, headers={}, where="x").status == 500


def test_shortened_text_is_one_printable_line() -> None:
    assert shorten("a\nb\x1b[31m" + "c" * 1000, 16) == "a b\\u001b[31mcc…"
