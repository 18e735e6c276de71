"""Admin consent: the page, who may accept, what the redirect address is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
import requests
from orgcal_emulator.directory.service_principals import new_principal
from orgcal_emulator.graph.permissions import APPLICATION_PERMISSIONS_BY_NAME as BY_NAME
from orgcal_emulator.graph.permissions import GRAPH_CLIENT_ID
from orgcal_emulator.server import RunningEmulator

CONTOSO = "22222222-2222-2222-2222-222222222222"
REDIRECT = "https://connector.example/callback"
SCOPE = "https://graph.microsoft.com/.default"


@pytest.fixture
def application(operator: Any) -> dict[str, Any]:
    """A multitenant application that declares two permissions, with a secret under `secret`."""
    access = [{"id": BY_NAME[name].permission_id, "type": "Role"} for name in ("Calendars.Read", "Directory.Read.All")]
    made = operator.post(
        "applications",
        {
            "displayName": "Outlook <Calendar>",
            "signInAudience": "AzureADMultipleOrgs",
            "web": {"redirectUris": [REDIRECT, "http://localhost/cb", "https://bare.example"]},
            "requiredResourceAccess": [{"resourceAppId": GRAPH_CLIENT_ID, "resourceAccess": access}],
        },
    ).json()
    secret = operator.post(f"applications/{made['id']}/addPassword").json()["secretText"]
    return {**made, "secret": secret}


class Browser:
    """Opens the consent page and posts its form as a browser would, without following the redirect."""

    def __init__(self, session: requests.Session, base_url: str) -> None:
        self.session = session
        self.base_url = base_url

    def open(self, tenant: str, /, **query: str) -> requests.Response:
        """The page of version 2."""
        return self._open(f"/{tenant}/v2.0/adminconsent", query)

    def open_version_1(self, tenant: str, /, **query: str) -> requests.Response:
        return self._open(f"/{tenant}/adminconsent", query)

    def _open(self, path: str, query: dict[str, str]) -> requests.Response:
        return self.session.get(f"{self.base_url}{path}?{urlencode(query)}", allow_redirects=False)

    def answer(self, page: requests.Response, decision: str, account: str = "") -> requests.Response:
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        fields = {name: unescape(value) for name, value in fields.items()}
        if account:
            fields["account"] = account
        headers = {"Origin": self.base_url}
        return self.session.post(page.url, {**fields, "decision": decision}, headers=headers, allow_redirects=False)


@pytest.fixture
def browser(operator: Any) -> Browser:
    return Browser(operator.session, operator.base_url)


def told(answer: requests.Response) -> dict[str, str]:
    """What a redirect tells the application."""
    assert answer.status_code == 302, answer.text
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def query(application: dict[str, Any], **more: str) -> dict[str, str]:
    return {"client_id": application["appId"], "scope": SCOPE, "redirect_uri": REDIRECT, "state": "s&1", **more}


def test_page_says_what_is_asked_by_whom_and_who_may_answer(browser: Browser, application: dict[str, Any]) -> None:
    page = browser.open(CONTOSO, **query(application))
    assert page.status_code == 200
    text = unescape(page.text)
    for words in (
        "Read directory data",
        "Read calendars in all mailboxes",
        "unverified",
        "Contoso",
        "admin@contoso.example",
        "megan@contoso.example",
    ):
        assert words in text
    assert "Outlook &lt;Calendar&gt;" in page.text
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_accepting_makes_the_principal_and_grants_and_a_token_carries_them(
    browser: Browser, application: dict[str, Any], operator: Any, emulator: RunningEmulator
) -> None:
    form = {"client_id": application["appId"], "client_secret": application["secret"]}
    token_address = f"{operator.base_url}/{CONTOSO}/oauth2/v2.0/token"
    data = {"grant_type": "client_credentials", "scope": SCOPE, **form}
    before = operator.session.post(token_address, data=data)
    assert (before.status_code, before.json()["error_codes"]) == (400, [700016])
    page = browser.open("contoso.example", **query(application))
    answer = told(browser.answer(page, "accept", "admin@contoso.example"))
    assert answer == {"admin_consent": "True", "tenant": CONTOSO, "scope": SCOPE, "state": "s&1"}
    token = operator.session.post(token_address, data=data).json()["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["roles"] == ["Calendars.Read", "Directory.Read.All"]
    assert claims["tid"] == CONTOSO
    users = operator.session.get(f"{operator.base_url}/v1.0/users", headers={"Authorization": f"Bearer {token}"})
    assert len(users.json()["value"]) == 57
    grants = len(emulator.cloud.directory.assignments)
    told(browser.answer(browser.open(CONTOSO, **query(application)), "accept", "admin@contoso.example"))
    assert len(emulator.cloud.directory.assignments) == grants


def test_ordinary_user_is_told_to_ask_an_administrator_and_grants_nothing(
    browser: Browser, application: dict[str, Any], emulator: RunningEmulator
) -> None:
    page = browser.open(CONTOSO, **query(application))
    answer = browser.answer(page, "accept", "megan@contoso.example")
    assert answer.status_code == 403
    assert "Need admin approval" in answer.text
    assert emulator.cloud.directory.principal_by_client(CONTOSO, application["appId"]) is None


def test_cancelling_tells_admin_consent_true_beside_the_error(
    browser: Browser, application: dict[str, Any], emulator: RunningEmulator
) -> None:
    answer = told(browser.answer(browser.open(CONTOSO, **query(application)), "cancel"))
    assert answer["admin_consent"] == "True"
    assert answer["error"] == "consent_required"
    assert answer["error_description"].startswith("AADSTS65004")
    assert answer["state"] == "s&1"
    assert emulator.cloud.directory.principal_by_client(CONTOSO, application["appId"]) is None
    older = told(browser.answer(browser.open_version_1(CONTOSO, **query(application)), "cancel"))
    assert (older["error"], older["error_subcode"]) == ("access_denied", "cancel")


def test_version_1_needs_no_scope_and_grants_everything_declared(
    browser: Browser, application: dict[str, Any], emulator: RunningEmulator
) -> None:
    page = browser.open_version_1(CONTOSO, client_id=application["appId"], redirect_uri=REDIRECT)
    answer = told(browser.answer(page, "accept", "admin@contoso.example"))
    assert answer == {"admin_consent": "True", "tenant": CONTOSO}
    principal = emulator.cloud.directory.principal_by_client(CONTOSO, application["appId"])
    assert principal is not None
    assert len(emulator.cloud.directory.grants_of(principal.object_id)) == 2


def test_organizations_lets_the_account_decide_the_tenant(browser: Browser, application: dict[str, Any]) -> None:
    page = browser.open("organizations", **query(application))
    answer = told(browser.answer(page, "accept", "admin@fabrikam.example"))
    assert answer["tenant"] == "33333333-3333-3333-3333-333333333333"


def test_account_of_another_tenant_is_not_taken(browser: Browser, application: dict[str, Any]) -> None:
    page = browser.open(CONTOSO, **query(application))
    assert browser.answer(page, "accept", "admin@fabrikam.example").status_code == 400


def test_named_scope_says_success_without_granting(
    browser: Browser, application: dict[str, Any], emulator: RunningEmulator
) -> None:
    page = browser.open(CONTOSO, **query(application, scope="https://graph.microsoft.com/Calendars.Read"))
    assert told(browser.answer(page, "accept", "admin@contoso.example"))["admin_consent"] == "True"
    principal = emulator.cloud.directory.principal_by_client(CONTOSO, application["appId"])
    assert principal is not None
    assert emulator.cloud.directory.grants_of(principal.object_id) == []


def test_scope_that_does_not_exist_is_told_to_the_redirect_address(
    browser: Browser, application: dict[str, Any]
) -> None:
    answer = told(browser.open(CONTOSO, **query(application, scope="https://graph.microsoft.com/Nothing.Read")))
    assert answer["error_description"].startswith("AADSTS650053")


@pytest.mark.parametrize("name", [".default", "Some.Read"])
def test_scope_of_an_unknown_resource_is_told_to_the_redirect_address(
    browser: Browser, application: dict[str, Any], name: str
) -> None:
    answer = told(browser.open(CONTOSO, **query(application, scope=f"https://nothing.example/{name}")))
    assert answer["error_description"].startswith("AADSTS500011")


@pytest.mark.parametrize("resource", ["https://graph.microsoft.com/", "00000003-0000-0000-c000-000000000000"])
def test_resource_of_a_scope_may_be_named_as_in_a_token_request(
    browser: Browser, application: dict[str, Any], resource: str
) -> None:
    assert browser.open(CONTOSO, **query(application, scope=f"{resource}/.default")).status_code == 200


@pytest.mark.parametrize(
    ("tenant", "change", "code"),
    [
        ("common", {}, "AADSTS50059"),
        ("unknown.example", {}, "AADSTS90002"),
        (CONTOSO, {"client_id": "00000000-0000-4000-8000-000000000000"}, "AADSTS700016"),
        (CONTOSO, {"redirect_uri": "https://evil.example/callback"}, "AADSTS50011"),
        (CONTOSO, {"redirect_uri": REDIRECT + "/"}, "AADSTS50011"),
        (CONTOSO, {"redirect_uri": REDIRECT.upper()}, "AADSTS50011"),
        (CONTOSO, {"redirect_uri": REDIRECT + "?x=1"}, "AADSTS50011"),
        (CONTOSO, {"redirect_uri": ""}, "AADSTS900144"),
        (CONTOSO, {"scope": ""}, "AADSTS900144"),
    ],
)
def test_request_that_cannot_be_trusted_gets_a_page_and_no_redirect(
    browser: Browser, application: dict[str, Any], tenant: str, change: dict[str, str], code: str
) -> None:
    answer = browser.open(tenant, **query(application, **change))
    assert answer.status_code == 400
    assert code in answer.text
    assert "Location" not in answer.headers


def test_redirect_to_localhost_ignores_the_port_and_bare_host_gets_a_slash(
    browser: Browser, application: dict[str, Any]
) -> None:
    local = browser.open(CONTOSO, **query(application, redirect_uri="http://localhost:5123/cb"))
    answer = browser.answer(local, "accept", "admin@contoso.example")
    assert answer.headers["Location"].startswith("http://localhost:5123/cb?admin_consent=True&")
    bare = browser.open(CONTOSO, **query(application, redirect_uri="https://bare.example"))
    answer = browser.answer(bare, "accept", "admin@contoso.example")
    assert answer.headers["Location"].startswith("https://bare.example/?admin_consent=True&")


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
     {"Sec-Fetch-Site": "same-site"}],
)  # fmt: skip
def test_form_posted_by_a_foreign_page_is_refused(
    browser: Browser, application: dict[str, Any], headers: dict[str, str]
) -> None:
    page = browser.open(CONTOSO, **query(application))
    data = {**query(application), "account": "admin@contoso.example", "decision": "accept"}
    answer = browser.session.post(page.url, data, headers=headers, allow_redirects=False)
    assert answer.status_code == 400
    assert page.headers["Referrer-Policy"] == "same-origin"  # any stricter, and the page's own form came from "null"


@pytest.mark.parametrize(
    "address",
    ["http://localhost:evil.example/cb", "http://localhost:99999/cb", "http://localhost:0/cb", "http://localhost:-1/cb",
     "http://localhost: 80/cb", "http://localhost:80\\.evil/cb", "http://localhost:80:80/cb", " http://localhost/cb",
     "http://local\thost/cb", "http://localhost/cb\n", "http://localhost/cb#", "http://localhost.evil/cb",
     "http://localhost:80@evil.example/cb", "http://localhost:\u0663/cb", "http://localhost/CB"],
)  # fmt: skip
def test_redirect_address_written_in_another_way_is_refused(
    browser: Browser, application: dict[str, Any], address: str
) -> None:
    answer = browser.open(CONTOSO, **query(application, redirect_uri=address))
    assert answer.status_code == 400
    assert "AADSTS50011" in answer.text


def test_single_tenant_application_is_unknown_elsewhere(browser: Browser, operator: Any) -> None:
    made = operator.post("applications", {"displayName": "Mine", "web": {"redirectUris": [REDIRECT]}}).json()
    answer = browser.open(CONTOSO, **query(made))
    assert "AADSTS700016" in answer.text


def test_state_with_line_breaks_cannot_add_headers(browser: Browser, application: dict[str, Any]) -> None:
    page = browser.open(CONTOSO, **query(application, state="x\r\nSet-Cookie: a=b"))
    answer = browser.answer(page, "cancel")
    assert "Set-Cookie" not in answer.headers
    assert answer.status_code == 302


def test_role_of_graph_that_is_not_emulated_is_named_and_grants_nothing(
    browser: Browser, application: dict[str, Any], operator: Any, emulator: RunningEmulator
) -> None:
    """`LearningContent.Read.All` of Microsoft's permissions-descriptions.json is no role that the emulator has."""
    unknown = "8740813e-d8aa-4204-860e-2a0f8f84dbc8"
    access = [{"resourceAppId": GRAPH_CLIENT_ID, "resourceAccess": [{"id": unknown, "type": "Role"}]}]
    assert operator.patch(f"applications/{application['id']}", {"requiredResourceAccess": access}).status_code == 204

    page = browser.open(CONTOSO, **query(application))

    assert page.status_code == 501
    assert f"NotEmulated.application role {unknown} of Microsoft Graph" in page.text
    assert emulator.cloud.directory.principal_by_client(CONTOSO, application["appId"]) is None


def test_permission_that_does_not_exist_grants_nothing_at_all(
    browser: Browser, application: dict[str, Any], operator: Any, emulator: RunningEmulator
) -> None:
    other = operator.post("applications", {"displayName": "api", "signInAudience": "AzureADMultipleOrgs"}).json()
    emulator.cloud.directory.put_principal(new_principal(CONTOSO, other["appId"]))
    access = {
        GRAPH_CLIENT_ID: BY_NAME["Calendars.Read"].permission_id,
        other["appId"]: "00000000-0000-4000-8000-000000000000",
    }
    body = {
        "requiredResourceAccess": [
            {"resourceAppId": client_id, "resourceAccess": [{"id": role, "type": "Role"}]}
            for client_id, role in access.items()
        ]
    }
    assert operator.patch(f"applications/{application['id']}", body).status_code == 204
    answer = told(browser.answer(browser.open(CONTOSO, **query(application)), "accept", "admin@contoso.example"))
    assert answer["error_description"].startswith("AADSTS650056")
    assert emulator.cloud.directory.principal_by_client(CONTOSO, application["appId"]) is None


def test_consent_pages_are_offered_to_callers_of_any_kind(log_in_to: Callable[..., Any]) -> None:
    client = log_in_to("isv.example")
    answer = client.session.delete(f"{client.base_url}/{CONTOSO}/v2.0/adminconsent")
    assert answer.status_code == 501
