"""The test server of HashiCorp Vault, driven with the unmodified hvac: one claim a test, with its source.

"KV", "Kubernetes" and "JWT" are the sources that `tests/support/vault_api.py` names, "API" is Vault's
documentation of its HTTP API; "Checked" means that OpenBao 2.7.2 answered the same request alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from orgcal.platforms.testing_server import Reply
from tests.support.platform_apis import API_KEY
from tests.support.vault_api import throttled
from tests.support.vault_client import LEAST, ServedVault, exceptions, refusal, serve_vault, wrong_input
from tests.support.vault_kv import KvVersion1


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedVault]:
    monkeypatch.setenv("HOME", str(tmp_path))  # hvac reads ~/.vault-token where it is given none
    monkeypatch.delenv("VAULT_TOKEN", raising=False)
    with serve_vault(tmp_path) as served:
        yield served


def test_path_of_version_1_on_a_mount_of_version_2_is_404_with_a_warning(vault: ServedVault) -> None:
    """KV, backend.go:197. Checked: no errors, `data` null, a warning."""
    with pytest.raises(exceptions.InvalidPath) as caught:
        vault.client.secrets.kv.v1.read_secret("outlook", mount_point="secret")
    assert caught.value.json["warnings"][0].startswith("Invalid path for a versioned K/V secrets engine.")
    assert caught.value.json["data"] is None


def test_mount_of_version_1_takes_requests_meant_for_version_2(vault: ServedVault) -> None:
    """KV, passthrough.go. Checked: 204 without a version, and no metadata in what is read."""
    vault.api.mounts["old"] = KvVersion1()
    response = vault.kv.create_or_update_secret("outlook", {"a": "1"}, mount_point="old")
    assert (response.status_code, response.content) == (204, b"")
    read = vault.kv.read_secret_version("outlook", mount_point="old", raise_on_deleted_version=True)
    assert "metadata" not in read["data"]
    assert read["lease_duration"] == 2_764_800
    assert refusal(lambda: vault.kv.read_secret_metadata("outlook", mount_point="old")) == ("InvalidPath", [])


@pytest.mark.parametrize(("mount", "version"), [("secret", "2"), ("old", "1"), ("team/kv", "2")])
def test_mount_tells_its_version(vault: ServedVault, mount: str, version: str) -> None:
    """API, system/internal-ui-mounts, as command/kv_helpers.go of Vault uses it. Checked."""
    vault.api.mounts |= {"old": KvVersion1(), "team/kv": vault.api.kv}
    data = vault.client.adapter.get(f"/v1/sys/internal/ui/mounts/{mount}/outlook")["data"]
    assert (data["type"], data["path"], data["options"]) == ("kv", f"{mount}/", {"version": version})


def test_unknown_mount_is_told_apart(vault: ServedVault) -> None:
    """API, system/internal-ui-mounts: 403 there; else 404, "no handler for route". Checked."""
    kind, errors = refusal(lambda: vault.client.adapter.get("/v1/sys/internal/ui/mounts/nothing/outlook"))
    assert kind == "Forbidden"
    assert errors[0].startswith("preflight capability check returned 403, ")
    kind, errors = refusal(lambda: vault.kv.create_or_update_secret("outlook", {"a": "1"}, mount_point="nothing"))
    assert (kind, errors) == ("InvalidPath", ['no handler for route "nothing/data/outlook". route entry not found.'])


def test_token_is_sent_in_its_header_and_required(vault: ServedVault) -> None:
    """API, "Authentication": X-Vault-Token. Checked: 403 "permission denied" without."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    assert vault.server.seen[-1].headers["x-vault-token"] == API_KEY
    kind, errors = refusal(lambda: vault.open(None).secrets.kv.v2.read_secret_metadata("outlook"))
    assert (kind, errors) == ("Forbidden", ["permission denied"])


def test_invalid_token_is_403(vault: ServedVault) -> None:
    """API, "HTTP status codes": 403; the words as Vault gives them since 1.13."""
    kind, errors = refusal(lambda: vault.open("expired").secrets.kv.v2.read_secret_metadata("outlook"))
    assert (kind, errors) == ("Forbidden", ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"])
    assert vault.open("expired").is_authenticated() is False


def test_policy_names_what_a_token_may_do(vault: ServedVault) -> None:
    """Vault, concepts/policies: capabilities by path. Checked: 403 with "1 error occurred"."""
    client = vault.limited(LEAST)
    kv = client.secrets.kv.v2
    kv.create_or_update_secret("outlook", {"a": "1"}, cas=0)
    kv.create_or_update_secret("outlook", {"a": "2"}, cas=1)
    assert kv.read_secret_version("outlook", raise_on_deleted_version=True)["data"]["data"] == {"a": "2"}
    denied = ("Forbidden", ["1 error occurred:\n\t* permission denied\n\n"])
    assert refusal(lambda: kv.read_secret_metadata("outlook")) == denied
    assert refusal(lambda: kv.update_metadata("outlook", max_versions=1)) == denied
    assert refusal(lambda: kv.delete_latest_version_of_secret("outlook")) == denied
    assert refusal(lambda: kv.delete_secret_versions("outlook", [1])) == denied
    assert refusal(lambda: kv.create_or_update_secret("another", {"a": "1"})) == denied
    assert client.adapter.get("/v1/sys/internal/ui/mounts/secret/outlook")["data"]["options"] == {"version": "2"}


def test_first_write_needs_create_and_later_ones_update(vault: ServedVault) -> None:
    """Vault, concepts/policies; KV, dataExistenceCheck: an entry with metadata exists."""
    creates = vault.limited({"secret/data/*": {"create"}}).secrets.kv.v2
    creates.create_or_update_secret("outlook", {"a": "1"})
    assert refusal(lambda: creates.create_or_update_secret("outlook", {"a": "2"}))[0] == "Forbidden"
    updates = vault.limited({"secret/data/*": {"update"}}).secrets.kv.v2
    updates.create_or_update_secret("outlook", {"a": "2"})
    assert refusal(lambda: updates.create_or_update_secret("another", {"a": "1"}))[0] == "Forbidden"


def test_exact_rule_wins_over_a_longer_or_shorter_prefix(vault: ServedVault) -> None:
    """Vault, concepts/policies, "Priority matching"."""
    kv = vault.limited({"secret/data/*": {"read", "create"}, "secret/data/outlook": {"create"}}).secrets.kv.v2
    kv.create_or_update_secret("outlook", {"a": "1"})
    assert refusal(lambda: kv.read_secret_version("outlook", raise_on_deleted_version=True))[0] == "Forbidden"


def test_token_without_rights_below_a_mount_does_not_see_it(vault: ServedVault) -> None:
    """API, system/internal-ui-mounts. Checked: 403 with the preflight's sentence."""
    client = vault.limited({"other/data/outlook": {"read"}})
    kind, errors = refusal(lambda: client.adapter.get("/v1/sys/internal/ui/mounts/secret/outlook"))
    assert kind == "Forbidden"
    assert 'please ensure client\'s policies grant access to path "secret/outlook/"' in errors[0]


def test_token_looks_itself_up(vault: ServedVault) -> None:
    """API, auth/token, "Lookup a token (Self)". Checked; the policy `default` allows it to every token."""
    root = vault.client.auth.token.lookup_self()["data"]
    assert (root["policies"], root["ttl"], root["expire_time"], root["renewable"]) == (["root"], 0, None, False)
    limited = vault.limited(LEAST).auth.token.lookup_self()["data"]
    assert (limited["policies"], limited["ttl"], limited["renewable"]) == (["default", "orgcal"], 3600, True)


def test_token_revokes_itself(vault: ServedVault) -> None:
    """API, auth/token, "Revoke a token (Self)" and "Renew a token (Self)". Checked; root has no lease."""
    assert wrong_input(vault.client.auth.token.renew_self) == "lease is not renewable"
    client = vault.limited(LEAST)
    assert client.auth.token.renew_self()["auth"]["client_token"] == "limited"
    assert client.auth.token.revoke_self().status_code == 204
    assert refusal(client.auth.token.lookup_self)[0] == "Forbidden"


def test_sealed_vault_answers_503_to_everything_but_its_status(vault: ServedVault) -> None:
    """API, "HTTP status codes": 503 sealed. Checked: "Vault is sealed"."""
    vault.api.sealed = True
    assert refusal(vault.read) == ("VaultDown", ["Vault is sealed"])
    assert refusal(vault.client.auth.token.lookup_self) == ("VaultDown", ["Vault is sealed"])
    assert refusal(lambda: vault.open(None).auth.approle.login("r", "s")) == ("VaultDown", ["Vault is sealed"])
    assert vault.client.seal_status["sealed"] is True


def test_namespace_is_sent_in_its_header(vault: ServedVault) -> None:
    """API, "Namespaces": X-Vault-Namespace. Checked: 404 "namespace not found" for one that does not exist."""
    vault.api.namespace = "team"
    kv = vault.open(namespace="team").secrets.kv.v2
    kv.create_or_update_secret("outlook", {"a": "1"})
    assert vault.server.seen[-1].headers["x-vault-namespace"] == "team"
    other = vault.open(namespace="other")
    assert refusal(lambda: other.secrets.kv.v2.read_secret_metadata("outlook")) == (
        "InvalidPath",
        ["namespace not found"],
    )
    assert refusal(lambda: other.auth.approle.login("r", "s")) == ("InvalidPath", ["namespace not found"])


def test_token_of_a_namespace_may_do_nothing_outside(vault: ServedVault) -> None:
    """Vault, enterprise/namespaces. Checked: 403 without the header, though the token can be looked up."""
    vault.api.namespace = "team"
    denied = ("Forbidden", ["1 error occurred:\n\t* permission denied\n\n"])
    assert refusal(lambda: vault.kv.read_secret_metadata("outlook")) == denied
    assert vault.client.auth.token.lookup_self()["data"]["id"] == API_KEY


def test_approle_login_gives_a_token_with_its_policy(vault: ServedVault) -> None:
    """API, auth/approle, "Login with AppRole". Checked."""
    vault.api.roles["approle"] = {"role": "secret"}
    vault.api.policy = LEAST
    client = vault.open(None)
    auth = client.auth.approle.login("role", "secret")["auth"]
    assert (auth["policies"], auth["lease_duration"], auth["renewable"]) == (["default", "orgcal"], 3600, True)
    assert "x-vault-token" not in vault.server.seen[-1].headers
    client.secrets.kv.v2.create_or_update_secret("outlook", {"a": "1"})
    assert refusal(lambda: client.secrets.kv.v2.read_secret_metadata("outlook"))[0] == "Forbidden"


def test_approle_login_says_what_is_missing_or_wrong(vault: ServedVault) -> None:
    """API, auth/approle, "Login with AppRole". Checked: the same answer for an unknown role and a wrong secret."""
    vault.api.roles["approle"] = {"role": "secret"}
    login = vault.open(None).auth.approle.login
    assert wrong_input(lambda: login("role", "other")) == "invalid role or secret ID"
    assert wrong_input(lambda: login("another", "secret")) == "invalid role or secret ID"
    assert wrong_input(lambda: login("role")) == "missing secret_id"
    assert wrong_input(lambda: login("", "secret")) == "missing role_id"


def test_login_on_another_mount(vault: ServedVault) -> None:
    """API, auth/approle: the path of the mount is part of the URL. Checked: 403 without a token where none is."""
    vault.api.logins["team/approle"] = "approle"
    vault.api.roles["team/approle"] = {"role": "secret"}
    client = vault.open(None)
    assert refusal(lambda: client.auth.approle.login("role", "secret", mount_point="ci"))[0] == "Forbidden"
    assert client.auth.approle.login("role", "secret", mount_point="team/approle")["auth"]["client_token"]


def test_kubernetes_login(vault: ServedVault) -> None:
    """Kubernetes, pathLogin: 400 for an unknown role or a missing field, 403 for a JWT that is not accepted."""
    vault.api.roles["kubernetes"] = {"orgcal": "a.b.c"}
    client = vault.open(None)
    login = client.auth.kubernetes.login
    assert wrong_input(lambda: login("other", "a.b.c")) == 'invalid role name "other"'
    assert wrong_input(lambda: login("orgcal", "")) == "missing jwt"
    assert wrong_input(lambda: login("", "a.b.c")) == "missing role"
    assert refusal(lambda: login("orgcal", "x.y.z")) == ("Forbidden", ["permission denied"])
    assert login("orgcal", "a.b.c")["auth"]["metadata"] == {"role": "orgcal"}
    assert client.is_authenticated()


def test_jwt_login(vault: ServedVault) -> None:
    """JWT, pathLogin. Checked: each refusal is 400 with its sentence."""
    vault.api.roles["jwt"] = {"orgcal": "a.b.c"}
    client = vault.open(None)
    login = client.auth.jwt.jwt_login
    assert wrong_input(lambda: login("other", "a.b.c")) == 'role "other" could not be found'
    assert wrong_input(lambda: login("orgcal", "")) == "missing token"
    assert wrong_input(lambda: login("", "a.b.c")) == "missing role"
    assert wrong_input(lambda: login("orgcal", "x.y.z")).startswith("error validating token: ")
    client.token = login("orgcal", "a.b.c")["auth"]["client_token"]
    assert client.is_authenticated()


def test_login_refuses_unknown_fields(vault: ServedVault) -> None:
    """Stricter than Vault, which ignores them with a warning."""
    body = {"role_id": "role", "secret_id": "secret", "role": "role"}
    assert "role" in wrong_input(lambda: vault.client.adapter.post("/v1/auth/approle/login", json=body))


def test_rate_limit_is_429_with_retry_after_only_where_that_is_switched_on(vault: ServedVault) -> None:
    """API, system/rate-limit-quotas and system/quotas-config; hvac does not retry. Checked."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    for seconds in (None, 3):
        vault.server.arm("status", path="outlook", reply=throttled("secret/data/outlook", seconds))
        kind, errors = refusal(vault.read)
        assert kind == "RateLimitExceeded"
        assert errors == ['request path "secret/data/outlook": rate limit quota exceeded']
    vault.server.arm("status", path="outlook", reply=throttled("secret/data/outlook", 3))
    response = vault.client.session.get(f"{vault.server.base_url}/v1/secret/data/outlook", verify=str(vault.bundle))
    assert response.headers["Retry-After"] == "3"


def test_lost_answer_leaves_the_version_that_was_written(vault: ServedVault) -> None:
    """The server's faults: `dropped` does nothing, `lost` does the work; a repeated write with `cas` is refused."""
    vault.server.arm("dropped", method="POST")
    with pytest.raises(requests.ConnectionError):
        vault.kv.create_or_update_secret("outlook", {"a": "1"}, cas=0)
    assert vault.api.kv.entries == {}
    vault.server.arm("lost", method="POST")
    with pytest.raises(requests.ConnectionError):
        vault.kv.create_or_update_secret("outlook", {"a": "1"}, cas=0)
    wrong_input(lambda: vault.kv.create_or_update_secret("outlook", {"a": "1"}, cas=0))
    assert vault.read()["metadata"]["version"] == 1


def test_redirect_and_foreign_answers_can_be_armed(vault: ServedVault) -> None:
    """API, "HTTP status codes": 307 of a standby; the server's faults: a proxy's page."""
    vault.kv.create_or_update_secret("outlook", {"a": "1"})
    target = f"{vault.server.base_url}/v1/secret/data/outlook"
    vault.server.arm("status", method="GET", reply=Reply(307, headers={"Location": target}))
    assert vault.read()["data"] == {"a": "1"}
    vault.server.arm("status", method="GET", reply=Reply(502, b"<html>Bad gateway</html>"))
    assert refusal(vault.read)[0] == "BadGateway"
