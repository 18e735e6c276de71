"""Do the entry in the platform and the application in the directory say what the stack's record says?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from orgcal.entra.credentials import ClientSecret
from orgcal.entra.permissions import GRAPH_APP_ID
from orgcal.errors import GraphError
from orgcal.platforms.model import ConnectorEntry, PlatformCredential, StoredCredential
from orgcal.stack.outputs import CredentialGeneration, GraphPermission, StackOutputs
from tests.support.stack_record import NOW, outputs
from verify import agreement
from verify.agreement import check_agreement, check_deployment, check_expiry
from verify.models import CheckResult, Connector, Options, Pace, SecretReference, Verdict

SECRET = ClientSecret("secret of the stack")
STORED = StoredCredential("client_id", 2, credential=PlatformCredential("client_id", 2, SECRET))
ENTRY = ConnectorEntry("connector_key", "callback_url", "connector_name", "text", ("Mail.Read",), False)
AGREED = "connector, application and stack agree"
STACK = outputs(
    scopes=("Mail.Read",),
    redirect_uris=("https://a", "https://b"),
    permissions=(GraphPermission(name="Mail.Read", role_id="r1"), GraphPermission(name="User.Read.All", role_id="r2")),
    credentials=(CredentialGeneration(generation=2, key_id="k2", created_at=NOW, expires_at=NOW),),
)


class ScriptedPlatform:
    """A platform with one entry and one credential."""

    def __init__(self, entry: ConnectorEntry | None, stored: StoredCredential | None) -> None:
        self.entry, self.stored = entry, stored
        self.asked: list[tuple[str, str]] = []

    def read_connector(self, key: str) -> ConnectorEntry | None:
        self.asked.append(("entry", key))
        return self.entry

    def read_credentials(self, key: str) -> StoredCredential | None:
        self.asked.append(("credential", key))
        return self.stored


def access(app_id: str, *roles: tuple[str, str]) -> dict[str, Any]:
    return {"resourceAppId": app_id, "resourceAccess": [{"id": role, "type": kind} for role, kind in roles]}


APPLICATION: Mapping[str, Any] = {
    "id": "application_object_id",
    "appId": "client_id",
    "signInAudience": "AzureADMultipleOrgs",
    "web": {"redirectUris": ["https://b", "https://a"]},
    "requiredResourceAccess": [
        access(GRAPH_APP_ID, ("r1", "Role"), ("r2", "Role"), ("s1", "Scope")),
        access("x", ("r9", "Role")),
    ],
    "passwordCredentials": [{"keyId": "k2"}],
    "keyCredentials": [],
}


class Directory:
    """The directory, and who compares with it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.application: Mapping[str, Any] = APPLICATION
        self.federated: list[Any] = []
        self.asked: list[Any] = []
        self.platform = ScriptedPlatform(ENTRY, STORED)
        self.opened: list[Any] = []
        options = Options(
            Connector("public", "client_id", (), SecretReference("platform", "k")),
            environ={"NAME": "value"},
            pace=Pace(budget_s=12.0),
            now=lambda: NOW,
        )
        self.context: Any = SimpleNamespace(options=options, endpoints="endpoints", session="session")
        monkeypatch.setattr(agreement, "operator_tokens", lambda *given: ("tokens", *given))
        monkeypatch.setattr(agreement, "GraphClient", self.client)
        monkeypatch.setattr("orgcal.platforms.open_platform", self.open_platform)

    def open_platform(self, *given: Any) -> ScriptedPlatform:
        self.opened.append(given)
        return self.platform

    def client(self, endpoints: Any, tokens: Any, session: Any, *, budget_s: float) -> Directory:
        self.asked.append((endpoints, tokens, session, budget_s))
        return self

    def get(self, path: str, params: Any = None) -> Mapping[str, Any]:
        self.asked.append((path, params))
        return self.application

    def pages(self, path: str) -> Iterator[Any]:
        self.asked.append((path, None))
        yield from self.federated

    def differences(self, stack: StackOutputs = STACK) -> list[str]:
        found: list[str] = list(check_agreement(stack, self.context).evidence["differences"])
        return found


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch) -> Directory:
    return Directory(monkeypatch)


def test_agreement_of_all_three_is_told_and_asks_for_what_is_compared(directory: Directory) -> None:
    result = check_agreement(STACK, directory.context)

    evidence = {"compared": ["connector", "application"], "differences": [], "unknown": []}
    assert result == CheckResult("agreement", Verdict.PASS, AGREED, evidence=evidence)
    environ = {"NAME": "value"}
    assert directory.opened == [({}, environ)]
    assert directory.platform.asked == [("entry", "connector_key"), ("credential", "connector_key")]
    select = "id,appId,signInAudience,web,requiredResourceAccess,passwordCredentials,keyCredentials"
    assert directory.asked == [
        ("endpoints", ("tokens", "endpoints", environ, "tenant_id", "session"), "session", 12.0),
        ("/applications/application_object_id", {"$select": select}),
    ]


@pytest.mark.parametrize(
    ("changed", "differences"),
    [
        ({"display_name": "Old"}, ["connector: display_name: 'Old' -> 'connector_name'"]),
        ({"scopes": ("X",)}, ["connector: scopes: ['X'] -> ['Mail.Read']"]),
        ({"description": None, "published": None}, []),
        ({"published": True, "description": "other"}, []),
        ({"callback_url": "https://c"}, ["connector: callback https://c instead of callback_url"]),
        ({"callback_url": ""}, []),
    ],
)
def test_entry_of_the_platform_differs_by_what_the_stack_declares(
    directory: Directory, changed: dict[str, Any], differences: list[str]
) -> None:
    directory.platform.entry = replace(ENTRY, **changed)

    assert directory.differences() == differences


def test_connector_that_the_platform_lacks_is_a_difference(directory: Directory) -> None:
    directory.platform.entry = None

    result = check_agreement(STACK, directory.context)

    differs = "the platform has no connector 'connector_key'"
    assert (result.verdict, result.sentence, result.repair) == (Verdict.FAIL, differs, "pulumi refresh, then pulumi up")
    assert directory.platform.asked == [("entry", "connector_key")]


def test_credential_of_the_platform_is_compared_unless_it_proves_itself(directory: Directory) -> None:
    directory.platform.stored = None

    assert directory.differences() == ["connector: it has no credential"]
    assert directory.differences(STACK.model_copy(update={"credential_kind": "federated"})) == []


@pytest.mark.parametrize(
    ("changed", "differences"),
    [
        ({"appId": "other"}, ["client id other instead of client_id"]),
        ({"signInAudience": "AzureADMyOrg"}, ["AzureADMyOrg instead of multitenant"]),
        ({"web": {"redirectUris": ["https://a", "https://z", "https://y"]}},
         ["redirect URI missing: https://b", "redirect URI that the stack does not know: https://y, https://z"]),
        ({"web": None}, ["redirect URI missing: https://a, https://b"]),
        ({"web": {}}, ["redirect URI missing: https://a, https://b"]),
        ({"requiredResourceAccess": None}, ["it does not declare Mail.Read", "it does not declare User.Read.All"]),
        ({"requiredResourceAccess": [access(GRAPH_APP_ID, ("r1", "Role"), ("r8", "Role"), ("r7", "Role"))]},
         ["it does not declare User.Read.All", "it declares r7, which no scope asks for",
          "it declares r8, which no scope asks for"]),
        ({"requiredResourceAccess": [access(GRAPH_APP_ID, ("r1", "Scope"), ("r2", "Role"))]},
         ["it does not declare Mail.Read"]),
        ({"passwordCredentials": []}, ["credential 2 (k2) is gone"]),
        ({"passwordCredentials": None, "keyCredentials": [{"keyId": "k2"}]}, []),
    ],
)  # fmt: skip
def test_application_differs_by_what_the_stack_declares(
    directory: Directory, changed: dict[str, Any], differences: list[str]
) -> None:
    directory.application = {**APPLICATION, **changed}

    assert directory.differences() == [f"application: {each}" for each in differences]


def test_federated_credential_is_looked_for_among_those_of_the_application(directory: Directory) -> None:
    generations = tuple(
        CredentialGeneration(generation=number, kind="federated", key_id=key, created_at=NOW, expires_at=NOW)
        for number, key in ((3, "f3"), (4, "f4"), (5, ""))
    )
    directory.federated = [{"id": "f3"}]

    found = directory.differences(STACK.model_copy(update={"credentials": generations}))

    assert found == ["application: credential 4 (f4) is gone"]
    assert directory.asked[-1] == ("/applications/application_object_id/federatedIdentityCredentials", None)


def test_what_nobody_could_read_is_told_with_who_can(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = GraphError("no", status=403)
    monkeypatch.setattr(directory, "get", lambda *_: (_ for _ in ()).throw(refused))

    result = check_agreement(STACK, directory.context)

    assert (result.verdict, result.repair) == (Verdict.WARN, "log in as the operator to compare everything")
    assert result.sentence == "connector agrees with the stack; application could not be read (no)"
    unknown = ["application could not be read (no)"]
    assert result.evidence == {"compared": ["connector"], "differences": [], "unknown": unknown}


def test_answer_that_is_no_application_is_an_error_of_this_check(directory: Directory) -> None:
    directory.application = {"id": 7}

    result = check_agreement(STACK, directory.context)

    assert (result.check, result.verdict, dict(result.evidence)) == ("agreement", Verdict.ERROR, {})
    assert result.sentence == (
        "the application could not be read: Microsoft Graph's answer has another form than documented, at id"
    )
    assert result.repair == "try again; if it stays, find out what stands between here and Microsoft Graph"


def test_platform_that_breaks_ends_the_comparison(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORGCAL_DEBUG", raising=False)
    monkeypatch.setattr(directory, "open_platform", lambda *_: 1 / 0)
    monkeypatch.setattr("orgcal.platforms.open_platform", directory.open_platform)

    result = check_agreement(STACK, directory.context)

    assert (result.verdict, directory.asked) == (Verdict.ERROR, [])
    assert result.sentence == "the connector could not be read: internal error, ZeroDivisionError"


def test_verification_from_a_stack_begins_with_agreement_and_expiry(directory: Directory) -> None:
    connector = replace(directory.context.options.connector, outputs=STACK)
    directory.context.options = replace(directory.context.options, connector=connector)

    found = list(check_deployment(directory.context))

    assert found == [check_agreement(STACK, directory.context), check_expiry(STACK, NOW)]
    directory.context.options = replace(directory.context.options, connector=replace(connector, outputs=None))
    assert list(check_deployment(directory.context)) == []


def test_variables_of_this_process_count_where_none_were_given(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORGCAL_OF_THIS_PROCESS", "yes")
    directory.context.options = replace(directory.context.options, environ={})

    check_agreement(STACK, directory.context)

    assert directory.opened[0][1]["ORGCAL_OF_THIS_PROCESS"] == "yes"
    assert directory.asked[0][1][2]["ORGCAL_OF_THIS_PROCESS"] == "yes"
