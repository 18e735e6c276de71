"""What kinds make of the answers of their APIs: missing fields, empty values, and what is not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from orgcal.entra.credentials import ClientCertificate, ClientSecret
from orgcal.errors import PlatformError
from orgcal.platforms import Capabilities, ConnectorEntry, ConnectorSettings, PlatformCredential, StoredCredential
from orgcal.platforms.github_environment import GithubEnvironment, GithubSettings
from orgcal.platforms.github_values import EnvironmentValues
from orgcal.platforms.local import LocalPlatform
from orgcal.platforms.rest import RestClient
from tests.support.scripted_client import FakeClient

DECLARED = ConnectorSettings("outlook", "Outlook", "for all", ("A", "B"), published=False)
SECRET = PlatformCredential("client", 4, ClientSecret("hush"))
CERTIFICATE = PlatformCredential("client", 5, ClientCertificate("KEY", "CERT"))
CALLBACK = "https://platform.example/callback"


def sent(client: FakeClient) -> list[str]:
    return [f"{method} {path}" for method, path, _ in client.sent]


# The emulator's own platform -----------------------------------------------------------------------------------------


def local(**answers: Any) -> tuple[LocalPlatform, FakeClient]:
    client = FakeClient(**answers)
    return LocalPlatform(cast(RestClient, client)), client


def test_local_platform_can_do_everything() -> None:
    assert local()[0].capabilities == Capabilities(
        callback="created",
        reads_back="value",
        catalog=frozenset({"display_name", "description", "scopes", "published"}),
        credential_kinds=frozenset({"secret", "certificate"}),
        connections="registered",
        tokens=True,
        limits={},
        emulated=True,
        keyed=True,
        created_with="settings",
    )


def test_local_entry_that_tells_little_is_empty_and_nobody_is_connected() -> None:
    platform, _ = local(GET={"key": "outlook", "callback_url": CALLBACK})

    assert platform.read_connector("outlook") == ConnectorEntry(
        "outlook", CALLBACK, display_name="", description="", scopes=(), published=False, connections=0
    )


def test_local_entry_that_tells_all_is_taken_as_it_is() -> None:
    told = {"name": "Outlook", "description": "x", "scopes": ["A"], "published": True, "connections": 3}
    platform, _ = local(GET={"key": "told", "callback_url": CALLBACK, **told})

    assert platform.read_connector("outlook") == ConnectorEntry(
        "told", CALLBACK, display_name="Outlook", description="x", scopes=("A",), published=True, connections=3
    )


@pytest.mark.parametrize("lost", ["key", "callback_url"])
def test_local_entry_without_its_key_or_callback_is_not_the_platforms(lost: str) -> None:
    told = {"key": "outlook", "callback_url": CALLBACK, lost: None}
    platform, _ = local(GET=told, POST=told, PATCH=told)

    said = f"the platform answered without '{lost}'"
    with pytest.raises(PlatformError, match=said):
        platform.read_connector("outlook")
    with pytest.raises(PlatformError, match=said):
        platform.create_connector(DECLARED)
    with pytest.raises(PlatformError, match=said):
        platform.update_connector(DECLARED, ["published"])


def test_local_requests_name_the_connector_as_one_segment_of_the_path() -> None:
    answer = {"key": "a/b", "callback_url": CALLBACK}
    platform, client = local(POST=answer, PATCH=answer)
    declared = ConnectorSettings("a/b", "Outlook", "for all", ("A", "B"), published=False)

    entry = ConnectorEntry("a/b", CALLBACK, "", "", (), published=False, connections=0)
    assert platform.create_connector(declared) == entry
    assert platform.update_connector(declared, ["display_name", "published"]) == entry
    platform.delete_connector("a/b")
    platform.delete_connector("a/b", connected_too=True)
    platform.remove_credentials("a/b")
    platform.read_connector("a/b")
    platform.read_credentials("a/b")

    assert client.sent == [
        (
            "POST",
            "/connectors",
            {"key": "a/b", "name": "Outlook", "description": "for all", "scopes": ("A", "B"), "published": False},
        ),
        ("PATCH", "/connectors/a%2Fb", {"name": "Outlook", "published": False}),
        ("DELETE", "/connectors/a%2Fb", None),
        ("DELETE", "/connectors/a%2Fb", None),
        ("DELETE", "/connectors/a%2Fb/credentials", None),
        ("GET", "/connectors/a%2Fb", None),
        ("GET", "/connectors/a%2Fb/credentials", None),
    ]
    never: dict[str, Any] = {"absent": frozenset()}
    assert client.options == [never, never, {"params": None}, {"params": {"force": "true"}}, {}, {}, {}]


def test_local_connector_that_is_connected_is_not_deleted() -> None:
    platform, _ = local(DELETE=PlatformError("2 organisations", status=409, where="x"))
    with pytest.raises(PlatformError) as refused:
        platform.delete_connector("outlook")
    assert refused.value.status == 409
    assert refused.value.as_json() == {
        "kind": "platform",
        "what": "organisations are connected to 'outlook', and deleting it would cut them off (2 organisations)",
        "where": "https://platform.example",
        "repair": "disconnect them, or set `delete_connected=True` on the connector and run pulumi up first",
    }

    for status in (401, 408, 410):
        platform, _ = local(DELETE=PlatformError("the key is wrong", status=status, where="x"))
        with pytest.raises(PlatformError) as other:
            platform.delete_connector("outlook")
        assert (other.value.what, other.value.status) == ("the key is wrong", status)


def test_local_credential_is_stored_and_read_back_with_its_time() -> None:
    held = {"client_id": "client", "client_secret": "hush", "generation": 4, "updated_at": "now"}
    platform, client = local(PUT={"updated_at": "now"}, GET=held)

    assert platform.push_credentials("outlook", SECRET) == StoredCredential("client", 4, "now")
    assert platform.read_credentials("outlook") == StoredCredential("client", 4, "now", SECRET)
    assert client.sent[0] == (
        "PUT",
        "/connectors/outlook/credentials",
        {"client_id": "client", "generation": 4, "client_secret": "hush"},
    )


def test_local_connector_that_is_gone_is_told_by_everything_that_needs_it() -> None:
    platform, client = local()

    assert platform.read_connector("outlook") is None
    assert platform.read_credentials("outlook") is None
    for ask in (
        lambda: platform.push_credentials("outlook", SECRET),
        lambda: platform.connections("outlook"),
        lambda: platform.register_connection("outlook", "t"),
    ):
        with pytest.raises(PlatformError) as refused:
            ask()
        assert refused.value.status == 404
        assert refused.value.as_json() == {
            "kind": "platform",
            "what": "there is no connector 'outlook'",
            "where": "https://platform.example",
            "repair": "pulumi up --refresh",
        }
    with pytest.raises(PlatformError) as unconnected:
        platform.access_token("outlook", "t/1")
    assert unconnected.value.status == 404
    assert str(unconnected.value) == "https://platform.example: the organisation t/1 is not connected to 'outlook'"
    assert client.sent[-1] == ("POST", "/connectors/outlook/connections/t%2F1/token", {})


def test_local_connection_that_is_there_already_is_no_error() -> None:
    conflict = PlatformError("connected", status=409, where="x")
    platform, _ = local(POST=conflict, GET={"connections": [{"tenant_id": "t"}]})

    platform.register_connection("outlook", "t")
    with pytest.raises(PlatformError, match="connected"):
        platform.register_connection("outlook", "another")
    platform, client = local(POST=PlatformError("no", status=400, where="x"), GET={"connections": [{"tenant_id": "t"}]})
    with pytest.raises(PlatformError, match="no"):
        platform.register_connection("outlook", "t")
    assert sent(client) == ["POST /connectors/outlook/connections"]


def test_local_token_is_the_one_that_the_platform_took() -> None:
    platform, client = local(POST={"access_token": "token"}, GET={"connections": [{"tenant_id": "t"}]})

    assert platform.access_token("outlook", "t") == "token"
    platform.register_connection("outlook", "t")
    assert platform.connections("outlook") == ["t"]
    assert client.sent == [
        ("POST", "/connectors/outlook/connections/t/token", {}),
        ("POST", "/connectors/outlook/connections", {"tenant_id": "t"}),
        ("GET", "/connectors/outlook/connections", None),
    ]
    with pytest.raises(PlatformError, match="the platform answered without 'access_token'"):
        local(POST={"access_token": None})[0].access_token("outlook", "t")
    with pytest.raises(PlatformError, match="the platform answered without 'connections'"):
        local(GET={})[0].connections("outlook")
    with pytest.raises(PlatformError, match="the platform answered without 'tenant_id'"):
        local(GET={"connections": [{}]})[0].connections("outlook")


# A GitHub environment ------------------------------------------------------------------------------------------------


SETTINGS = GithubSettings.model_validate(
    {
        "kind": "github-environment",
        "repository": "acme/app",
        "environment": "prod/eu",
        "callback_url": CALLBACK,
        "prefix": "CAL_",
    }
)
BASE = "/repos/acme/app/environments/prod%2Feu"


def github(**answers: Any) -> tuple[GithubEnvironment, FakeClient]:
    client = FakeClient(**answers)
    return GithubEnvironment(cast(RestClient, client), SETTINGS), client


def test_github_keeps_all_texts_and_shows_times_alone() -> None:
    """48 KB a variable: https://docs.github.com/en/actions/reference/workflows-and-actions/variables."""
    assert github()[0].capabilities == Capabilities(
        callback="configured",
        reads_back="timestamp",
        catalog=frozenset({"display_name", "description", "scopes", "published"}),
        credential_kinds=frozenset({"secret", "certificate"}),
        connections="none",
        tokens=False,
        limits={"display_name": 49_152, "description": 49_152},
        emulated=False,
        keyed=False,
        created_with="settings",
    )


@pytest.fixture
def _sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orgcal.platforms.github_values.seal", lambda key, text: f"{text} sealed for {key}")


KEY = {f"GET {BASE}/secrets/public-key": {"key": "KEY", "key_id": "1"}}


@pytest.mark.usefixtures("_sealed")
@pytest.mark.parametrize(
    ("credential", "secrets"),
    [
        (SECRET, {"CAL_CLIENT_SECRET": "hush", "CAL_CERTIFICATE_PEM": None, "CAL_PRIVATE_KEY_PEM": None}),
        (CERTIFICATE, {"CAL_CLIENT_SECRET": None, "CAL_CERTIFICATE_PEM": "CERT", "CAL_PRIVATE_KEY_PEM": "KEY"}),
    ],
    ids=["secret", "certificate"],
)
def test_github_keeps_no_secret_of_the_other_kind(
    credential: PlatformCredential, secrets: Mapping[str, str | None]
) -> None:
    platform, client = github(**KEY, PUT={}, PATCH={}, GET=None)

    stored = platform.push_credentials("outlook", credential)

    assert stored == StoredCredential("client", credential.generation, "")
    puts = {path.rpartition("/")[2]: body for method, path, body in client.sent if method == "PUT"}
    assert {name: body["encrypted_value"] for name, body in puts.items()} == {
        name: f"{text} sealed for KEY" for name, text in secrets.items() if text
    }
    assert {body["key_id"] for body in puts.values()} == {"1"}
    deleted = {path.rpartition("/")[2] for method, path, _ in client.sent if method == "DELETE"}
    assert deleted == {name for name, text in secrets.items() if text is None}
    variables = [body for method, _, body in client.sent if method == "PATCH"]
    assert variables == [
        {"name": "CAL_CLIENT_ID", "value": "client"},
        {"name": "CAL_CREDENTIAL_GENERATION", "value": str(credential.generation)},
    ]


def test_github_environment_that_does_not_exist_is_named_with_what_the_token_needs() -> None:
    platform, client = github()

    with pytest.raises(PlatformError, match="there is no environment 'prod/eu' that this token may write") as refused:
        platform.push_credentials("outlook", SECRET)
    assert refused.value.status == 404
    assert refused.value.as_json() == {
        "kind": "platform",
        "what": "there is no environment 'prod/eu' that this token may write",
        "where": "acme/app",
        "repair": "make it under Settings, Environments; the token needs its variables and secrets, read and write",
    }
    assert sent(client) == [f"GET {BASE}/secrets/public-key"], "nothing is sealed for nobody"
    client = FakeClient()
    values = EnvironmentValues(cast(RestClient, client), "acme/app", "prod/eu")
    with pytest.raises(PlatformError, match="there is no environment"):
        values.set_variable("A", "1")
    assert sent(client) == [f"PATCH {BASE}/variables/A", f"POST {BASE}/variables"]


def test_github_variable_is_changed_or_made_and_an_empty_one_removed() -> None:
    for method, expected in (
        ("PATCH", ["PATCH /variables/P_A"]),
        ("POST", ["PATCH /variables/P_A", "POST /variables"]),
    ):
        client = FakeClient(**{method: {}})
        EnvironmentValues(cast(RestClient, client), "acme/app", "prod/eu", "P_").set_variable("A", "1")
        assert [line.replace(BASE, "") for line in sent(client)] == expected
        assert client.sent[-1][2] == {"name": "P_A", "value": "1"}
    client = FakeClient()
    EnvironmentValues(cast(RestClient, client), "acme/app", "prod/eu", "P_").set_variable("A", "")
    assert sent(client) == [f"DELETE {BASE}/variables/P_A"]


def test_github_entry_is_what_its_variables_say() -> None:
    platform, _ = github()
    assert platform.read_connector("outlook") is None

    platform, _ = github(**{f"GET {BASE}/variables/CAL_PUBLISHED": {"value": "true"}})
    assert platform.read_connector("outlook") == ConnectorEntry("outlook", CALLBACK, "", "", (), published=True)

    texts = {"DISPLAY_NAME": "Outlook", "DESCRIPTION": "x", "SCOPES": "A,,B", "PUBLISHED": "True"}
    platform, _ = github(**{f"GET {BASE}/variables/CAL_{name}": {"value": text} for name, text in texts.items()})
    entry = platform.read_connector("outlook")
    assert entry == ConnectorEntry("outlook", CALLBACK, "Outlook", "x", ("A", "B"), published=False)


def test_github_entry_that_is_accepted_and_not_kept_is_an_error() -> None:
    platform, client = github(PATCH={})

    with pytest.raises(PlatformError, match="GitHub accepted the variables and has none") as refused:
        platform.update_connector(DECLARED, ["display_name", "scopes", "published"])
    assert refused.value.where == "acme/app, environment prod/eu"
    assert client.sent[:3] == [
        ("PATCH", f"{BASE}/variables/CAL_DISPLAY_NAME", {"name": "CAL_DISPLAY_NAME", "value": "Outlook"}),
        ("PATCH", f"{BASE}/variables/CAL_SCOPES", {"name": "CAL_SCOPES", "value": "A,B"}),
        ("PATCH", f"{BASE}/variables/CAL_PUBLISHED", {"name": "CAL_PUBLISHED", "value": "false"}),
    ]


def test_github_removes_what_it_has_made_and_nothing_else() -> None:
    platform, client = github()

    platform.delete_connector("outlook")
    platform.remove_credentials("outlook")

    assert [line.replace(f"{BASE}/", "") for line in sent(client)] == [
        *(f"DELETE variables/CAL_{name}" for name in ("DISPLAY_NAME", "DESCRIPTION", "SCOPES", "PUBLISHED")),
        *(f"DELETE secrets/CAL_{name}" for name in ("CLIENT_SECRET", "CERTIFICATE_PEM", "PRIVATE_KEY_PEM")),
        *(f"DELETE variables/CAL_{name}" for name in ("CLIENT_ID", "CREDENTIAL_GENERATION")),
    ]


@pytest.mark.parametrize(
    ("known", "stored"),
    [
        ({}, None),
        ({"variables/CAL_CLIENT_ID": {"value": "client"}}, None),
        ({"secrets/CAL_CLIENT_SECRET": {"updated_at": "t1"}}, StoredCredential("", 0, "t1")),
        (
            {
                "secrets/CAL_CERTIFICATE_PEM": {"updated_at": "t1"},
                "secrets/CAL_PRIVATE_KEY_PEM": {"updated_at": "t2"},
                "variables/CAL_CLIENT_ID": {"value": "client"},
                "variables/CAL_CREDENTIAL_GENERATION": {"value": "4"},
            },
            StoredCredential("client", 4, "t1 t2"),
        ),
        (
            {
                "secrets/CAL_CLIENT_SECRET": {"updated_at": "t1"},
                "variables/CAL_CREDENTIAL_GENERATION": {"value": "four"},
            },
            StoredCredential("", 0, "t1"),
        ),
    ],
)
def test_github_credential_is_known_by_the_times_of_its_secrets(
    known: Mapping[str, Any], stored: StoredCredential | None
) -> None:
    platform, _ = github(**{f"GET {BASE}/{path}": answer for path, answer in known.items()})

    assert platform.read_credentials("outlook") == stored
