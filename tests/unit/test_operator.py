"""The operator's tokens: which credential of azure-identity a login becomes, and what its errors become."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from azure.core import exceptions
from azure.identity import CredentialUnavailableError

from orgcal.entra import operator
from orgcal.entra.clouds import CloudEndpoints, load_endpoints
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.login import read_login
from orgcal.entra.operator import (
    OperatorTokens,
    federated_login,
    issuer_session,
    operator_credential,
    operator_tokens,
    request_token,
)
from orgcal.entra.session import new_session
from orgcal.errors import EntraError, OrgcalError, Unreachable, UsageError
from orgcal.platforms.testing_server import Reply, Request, StrictServer
from tests.support.certificates import rsa_pair

PUBLIC = load_endpoints("public", {})
HOME = "8f0c8a0e-0000-4000-8000-000000000001"
SECRET = {"ARM_CLIENT_ID": "c", "ARM_CLIENT_SECRET": "hush"}
ISSUER = {"ARM_OIDC_REQUEST_URL": "https://i.example/token", "ARM_OIDC_REQUEST_TOKEN": "key"}
OIDC = {"ARM_CLIENT_ID": "c", "ARM_USE_OIDC": "true"}


class Credential:
    """Gives a token, or fails; keeps what it was asked for."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.asked: list[tuple[Any, ...]] = []

    def get_token(self, *scopes: str, **options: Any) -> Any:
        self.asked.append((*scopes, options))
        if self.failure is not None:
            raise self.failure
        return SimpleNamespace(token="t0ken")


def tokens(credential: Any, environ: dict[str, str] | None = None) -> OperatorTokens:
    return OperatorTokens(PUBLIC, HOME, credential, read_login(SECRET if environ is None else environ))


def failed(error: Exception, cause: BaseException | None = None) -> Exception:
    error.__cause__ = cause
    return error


def test_token_is_asked_for_graph_and_a_renewed_one_likewise() -> None:
    given = Credential()

    assert tokens(given).token() == tokens(given).renewed("old") == "t0ken"
    tokens(given).get_token("a", "b", tenant_id="t")

    graph = "https://graph.microsoft.com/.default"
    assert given.asked == [(graph, {}), (graph, {}), ("a", "b", {"tenant_id": "t"})]


@pytest.mark.parametrize(
    ("environ", "who"),
    [
        (SECRET, "secret of c"),
        ({"ARM_USE_MSI": "true"}, "managed identity of this machine"),
        ({"ARM_USE_MSI": "true", "ARM_CLIENT_ID": "c"}, "managed identity of c"),
        ({}, "az login"),
    ],
)
def test_error_says_whose_login_it_was(environ: dict[str, str], who: str) -> None:
    with pytest.raises(Unreachable) as caught:
        tokens(Credential(exceptions.AzureError("odd")), environ).token()

    assert str(caught.value) == f"{who}, in tenant {HOME}: Entra ID gave no usable answer (AzureError)"


def test_login_that_is_not_there_is_told_with_the_home_tenant() -> None:
    with pytest.raises(EntraError) as caught:
        tokens(Credential(CredentialUnavailableError("no az"))).token()

    assert caught.value.where == f"secret of c, in tenant {HOME}"
    assert caught.value.repair.startswith(f"az login --tenant {HOME} --allow-no-subscriptions, or ")


@pytest.mark.parametrize("cause", [exceptions.ServiceRequestError("x"), exceptions.ServiceResponseError("x")])
def test_entra_that_cannot_be_reached_is_no_refusal(cause: Exception) -> None:
    with pytest.raises(Unreachable) as caught:
        tokens(Credential(failed(exceptions.ClientAuthenticationError("x"), cause))).token()

    assert str(caught.value) == (
        f"secret of c, in tenant {HOME}: Entra ID cannot be reached\n  repair: check the network, then try again"
    )


def test_refusal_of_entra_is_read_by_its_number() -> None:
    said = "AADSTS7000215: Invalid client secret. Trace ID: 1"
    with pytest.raises(EntraError) as caught:
        tokens(Credential(exceptions.ClientAuthenticationError(said))).token()

    assert (caught.value.aadsts, caught.value.where) == (7000215, f"secret of c, in tenant {HOME}")


def test_our_own_error_on_the_way_to_a_token_stays_what_it_is() -> None:
    ours = OrgcalError("the issuer gave no token")

    with pytest.raises(OrgcalError) as caught:
        tokens(Credential(failed(exceptions.ClientAuthenticationError("x"), ours))).token()

    assert caught.value is ours
    assert caught.value.__suppress_context__, "the wrapper tells nothing more"


# Which credential --------------------------------------------------------------------------------------------------


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[Any, ...], dict[str, Any]]]:
    """The credentials of azure-identity that are made, by their name and arguments."""
    seen: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
    for name in ("AzureCli", "ManagedIdentity", "Certificate", "ClientAssertion", "ClientSecret"):

        def make(*given: Any, name: str = name, **options: Any) -> Credential:
            seen.append((name, given, options))
            return Credential()

        monkeypatch.setattr(f"azure.identity.{name}Credential", make)
    return seen


def log_in(environ: dict[str, str]) -> requests.Session:
    session = requests.Session()
    session.verify = "/roots.pem"
    operator_credential(PUBLIC, environ, HOME.upper(), session)
    return session


@pytest.mark.parametrize(
    ("environ", "name", "given"),
    [
        ({}, "AzureCli", {"tenant_id": HOME}),
        ({"ARM_USE_MSI": "true"}, "ManagedIdentity", {"client_id": None}),
        ({"ARM_USE_MSI": "true", "ARM_CLIENT_ID": "c"}, "ManagedIdentity", {"client_id": "c"}),
    ],
)
def test_login_of_this_machine_asks_nobody_by_our_session(
    made: list[Any], environ: dict[str, str], name: str, given: dict[str, Any]
) -> None:
    log_in(environ)

    assert made == [(name, (), given)]


def test_login_by_secret_goes_through_our_session_to_the_stacks_cloud(made: list[Any]) -> None:
    session = log_in(SECRET)

    [(name, given, options)] = made
    transport = options.pop("transport")
    assert (name, given) == ("ClientSecret", (HOME, "c", "hush"))
    assert options == {
        "authority": "https://login.microsoftonline.com",
        "disable_instance_discovery": True,
        "retry_total": 2,
    }
    assert transport.session is session
    transport.close()
    assert transport.connection_config.verify == "/roots.pem"
    assert transport.session is session, "it is not the transport's to close"


def test_login_by_certificate_gives_key_and_certificate(made: list[Any]) -> None:
    log_in({"ARM_CLIENT_ID": "c", "ARM_CLIENT_CERTIFICATE": rsa_pair().pem})

    [(name, given, options)] = made
    assert (name, given) == ("Certificate", (HOME, "c"))
    assert options["certificate_data"].decode().split() == rsa_pair().pem.split()
    assert options["authority"] == "https://login.microsoftonline.com"


def test_login_by_token_gives_a_new_one_each_time(made: list[Any], tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")
    log_in({**OIDC, "ARM_OIDC_TOKEN_FILE_PATH": str(file)})

    [(name, (tenant, client, assertion), options)] = made
    assert (name, tenant, client, options["retry_total"]) == ("ClientAssertion", HOME, "c", 2)
    assert assertion() == "first"
    file.write_text("second")
    assert assertion() == "second"


def test_login_by_an_issuer_asks_it_for_each_token(made: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def fresh(*given: object) -> str:
        asked.append(given)
        return "fresh"

    monkeypatch.setattr(operator, "request_token", fresh)
    log_in({**OIDC, **ISSUER})

    [(_, (_, _, assertion), _)] = made
    assert assertion() == "fresh"
    [(environ, session, audience)] = asked
    assert (environ, audience) == ({**OIDC, **ISSUER}, "api://AzureADTokenExchange")
    assert isinstance(session, requests.Session)


def test_warnings_of_azure_identity_do_not_reach_the_terminal(
    made: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = logging.getLogger("azure")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "propagate", False)

    log_in({})
    logger.warning("AzureCliCredential.get_token failed")
    log_in({})

    assert capsys.readouterr().err == ""
    assert [type(each) for each in logger.handlers] == [logging.NullHandler], "one is enough"


def test_name_of_no_tenant_is_refused_and_none_is_left_to_the_login(made: list[Any]) -> None:
    session = requests.Session()
    with pytest.raises(UsageError) as caught:
        operator_credential(PUBLIC, SECRET, "common", session)
    assert caught.value.where == "the operator's tenant"

    operator_credential(PUBLIC, {}, "", session)
    assert made == [("AzureCli", (), {"tenant_id": ""})]


# The emulator ------------------------------------------------------------------------------------------------------


def emulated(folder: Path) -> CloudEndpoints:
    (folder / "secret").write_text("hush\n")
    cloud: Any = SimpleNamespace(operator_client_id="op", operator_client_secret_file=folder / "secret")
    return replace(PUBLIC, emulated=cloud, metadata_host="localhost:8443")


def test_operator_of_the_emulator_has_its_secret_whatever_the_variables_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(operator, "TokenSource", lambda *arguments: given.append(arguments))
    endpoints, session = emulated(tmp_path), requests.Session()

    operator_tokens(endpoints, SECRET, HOME, session)

    assert given == [(endpoints, HOME, "op", ClientSecret("hush"), session)]


def test_runner_that_names_this_emulator_logs_in_there_by_its_token(made: list[Any], tmp_path: Path) -> None:
    runner = {**OIDC, **ISSUER, "ARM_METADATA_HOSTNAME": "localhost:8443"}
    endpoints, session = emulated(tmp_path), requests.Session()

    assert isinstance(operator_tokens(endpoints, runner, HOME, session), OperatorTokens)

    assert [name for name, _, _ in made] == ["ClientAssertion"]
    assert federated_login(endpoints, runner)
    assert not federated_login(endpoints, {**runner, "ARM_METADATA_HOSTNAME": ""})
    assert not federated_login(endpoints, {"ARM_METADATA_HOSTNAME": "localhost:8443", "ARM_USE_CLI": "false"})
    assert not federated_login(endpoints, {"ARM_METADATA_HOSTNAME": "localhost:8443", "ARM_USE_OIDC": "maybe"})


# A runner's issuer -------------------------------------------------------------------------------------------------


def test_issuer_is_the_only_server_of_its_session_but_for_the_clouds_none() -> None:
    with issuer_session(PUBLIC, ISSUER) as session, pytest.raises(Unreachable, match="nothing was sent there"):
        session.get("https://graph.microsoft.com/v1.0/me")
    with issuer_session(PUBLIC, {}) as nobody, pytest.raises(Unreachable, match="nothing was sent there"):
        nobody.get("https://i.example/token")


def asked_of(answer: Reply, environ: dict[str, str]) -> tuple[str | OrgcalError, list[Request]]:
    """What comes of an issuer's answer, and what it was asked."""
    seen: list[Request] = []

    def issuer(request: Request) -> Reply:
        seen.append(request)
        return answer

    with StrictServer(issuer).running() as server, new_session(PUBLIC, servers=[server.base_url], environ={}) as own:
        named = {**environ, "ARM_OIDC_REQUEST_URL": f"{server.base_url}/token?a=b", "ARM_OIDC_REQUEST_TOKEN": "key"}
        try:
            return request_token(named, own, "aud"), seen
        except OrgcalError as error:
            return error, seen


def headers_of(request: Request) -> dict[str, str]:
    """Those that say something to the issuer."""
    told = ("authorization", "accept", "content-type")
    return {name.lower(): value for name, value in request.headers.items() if name.lower() in told}


def test_issuer_of_github_is_asked_by_get_and_that_of_azure_by_post() -> None:
    token, [got] = asked_of(Reply(200, {"value": "t0ken"}), {})
    assert token == "t0ken"
    assert (got.method, got.path, got.query) == ("GET", "/token", {"a": "b", "audience": "aud"})
    assert headers_of(got) == {"authorization": "Bearer key", "accept": "application/json"}

    azure = {"ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID": "connection"}
    token, [posted] = asked_of(Reply(200, {"oidcToken": "t0ken"}), azure)
    assert token == "t0ken"
    asked = {"a": "b", "api-version": "7.1", "serviceConnectionId": "connection", "audience": "aud"}
    assert (posted.method, posted.path, posted.query) == ("POST", "/token", asked)
    kind = "application/json"
    assert headers_of(posted) == {"authorization": "Bearer key", "accept": kind, "content-type": kind}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"oidcToken": "t"}, "KeyError"),
        ([], "TypeError"),
        (b"no json", "JSONDecodeError"),
        ({"value": ""}, "ValueError"),
        ({"value": 5}, "ValueError"),
        ({"value": "a\nb"}, "ValueError"),
        ({"value": "t\u00f6ken"}, "ValueError"),
    ],
)
def test_issuer_that_gives_no_token_is_told_without_its_answer(body: Any, kind: str) -> None:
    error, _ = asked_of(Reply(200, body), {})

    assert isinstance(error, OrgcalError)
    assert str(error) == f"ARM_OIDC_REQUEST_URL: the issuer gave no token ({kind})"
    assert error.__suppress_context__, "its text may quote the key"


def test_issuer_with_an_https_address_gets_the_key() -> None:
    asked: list[Any] = []

    class Session(requests.Session):
        def get(self, url: Any, **more: Any) -> Any:
            asked.append((url, more["headers"]["Authorization"]))
            return SimpleNamespace(content=b'{"value": "t0ken"}')

    assert request_token(ISSUER, Session(), "aud") == "t0ken"
    assert asked == [("https://i.example/token", "Bearer key")]


@pytest.mark.parametrize("missing", ISSUER)
def test_issuer_without_address_or_key_is_none(missing: str) -> None:
    with pytest.raises(UsageError) as caught:
        request_token({**ISSUER, missing: ""}, requests.Session(), "aud")

    assert str(caught.value) == (
        "ARM_USE_OIDC: a token of another issuer is to be used, and none is named\n"
        "  repair: set ARM_OIDC_TOKEN_FILE_PATH; in a GitHub workflow: permissions: id-token: write"
    )


@pytest.mark.parametrize("url", ["http://i.example/", "ftp://localhost/", "i.example"])
def test_issuer_whose_address_anybody_could_read_gets_no_key(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        request_token({**ISSUER, "ARM_OIDC_REQUEST_URL": url}, requests.Session(), "aud")

    assert str(caught.value) == (
        "ARM_OIDC_REQUEST_URL: the issuer's address is not an https address, so that anybody on the way could read the "
        "job's key\n  repair: set the address that the runner names"
    )
