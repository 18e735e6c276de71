"""Kinds of credential under the real engine: one takes over from another without a gap, as the policy allows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orgcal.entra.pinned_roles import APP_ROLE_IDS
from tests.support.certificates import bundle, ec_pair, rsa_pair
from tests.support.checkout import Checkout, make_checkout
from tests.support.outside import Outside

pytestmark = pytest.mark.timeout(600)
KEY = "outlook-calendar-admin"
HOME = "11111111-1111-1111-1111-111111111111"
TRUST = {"issuer": "https://token.example.com", "subject": "connector:outlook"}
POLICY = "/policies/defaultAppManagementPolicy"


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A checkout with a running emulator whose operator may also grant, and change the tenant's policy."""
    copy = make_checkout(tmp_path_factory.mktemp("trusted"))
    seed = copy.path / "emulator" / "orgcal_emulator" / "seeds" / "default.yaml"
    right, more = "    - Application.ReadWrite.OwnedBy\n", "    - Policy.Read.All\n"
    more += "    - Policy.ReadWrite.ApplicationConfiguration\n    - AppRoleAssignment.ReadWrite.All\n"
    text = seed.read_text()
    assert right in text
    seed.write_text(text.replace(right, right + more, 1))
    try:
        assert copy.orgcal("emulator", "start").code == 0
        made = copy.shell("pulumi stack init dev")  # whichever test comes first may preview at once
        assert made.code == 0, made.text
        yield copy
    finally:
        copy.orgcal("emulator", "stop")


@pytest.fixture
def empty(trusted: Checkout) -> Iterator[Checkout]:
    """The checkout with its settings as committed; what a test deploys is removed again."""
    path = trusted.path / "Pulumi.dev.yaml"
    committed = path.read_text()
    yield trusted
    path.write_text(committed)
    assert trusted.orgcal("destroy", "--stack", "dev", "--purge", "--yes").code == 0


def up_with(checkout: Checkout, **credential: Any) -> None:
    checkout.configure(credential=credential)
    up = checkout.orgcal("up")
    assert up.code == 0, up.text


def works(outside: Outside) -> bool:
    """Whether the platform gets a token with the credential that it holds."""
    answer = outside.platform("POST", f"/connectors/{KEY}/connections/{HOME}/token", {})
    return bool(answer and answer["access_token"])


def held(outside: Outside) -> tuple[int, int, int]:
    """Numbers of secrets, certificates and federated credentials."""
    (application,) = outside.applications()
    federated = list(outside.graph.pages(f"/applications/{application['id']}/federatedIdentityCredentials"))
    return len(application["passwordCredentials"]), len(application["keyCredentials"]), len(federated)


def test_certificate_takes_over_from_a_secret_and_a_trust_from_the_certificate(empty: Checkout) -> None:
    outside = Outside(empty.ready)
    up_with(empty, kind="secret")
    outside.platform("POST", f"/connectors/{KEY}/connections", {"tenant_id": HOME})
    assert works(outside)

    up_with(empty, kind="certificate", kinds={1: "secret"}, generations=[1, 2], active=1)
    assert held(outside) == (1, 1, 0)
    assert outside.platform("GET", f"/connectors/{KEY}")["credentials"]["kind"] == "secret"
    up_with(empty, active=2)
    assert outside.platform("GET", f"/connectors/{KEY}")["credentials"]["kind"] == "certificate"
    assert works(outside)
    up_with(empty, generations=[2])
    assert held(outside) == (0, 1, 0)
    assert works(outside)

    outside.move_clock(86_400)
    unchanged = empty.orgcal("up", "--json")
    assert '"create"' not in unchanged.out
    assert '"update"' not in unchanged.out
    private = outside.platform("GET", f"/connectors/{KEY}/credentials")["private_key_pem"]
    exported = empty.shell("pulumi stack export --stack dev; pulumi stack output --json --stack dev")
    assert private.splitlines()[1] not in exported.text

    up_with(empty, kind="federated", kinds={2: "certificate"}, generations=[2, 3], active=2, trusts={3: TRUST})
    assert held(outside) == (0, 1, 1)
    assert works(outside)
    up_with(empty, active=3)
    up_with(empty, generations=[3])
    assert held(outside) == (0, 0, 1)
    assert outside.platform("GET", f"/connectors/{KEY}")["credentials"] is None


def test_certificate_of_ones_own_is_deployed_from_a_bundle_and_one_that_entra_refuses_is_not(
    empty: Checkout, tmp_path: Path
) -> None:
    outside, path = Outside(empty.ready), tmp_path / "own.pfx"
    path.write_bytes(bundle(ec_pair()))
    path.chmod(0o600)
    files = {"certificate_file": str(path), "private_key_file": str(path)}
    empty.configure(credential={"kind": "certificate", "certificates": {1: files}})

    refused = empty.orgcal("up")

    said = " ".join(refused.text.split())
    assert refused.code != 0
    assert "elliptic curve secp256r1" in said
    assert "openssl req -x509 -newkey rsa:2048" in said
    assert "Traceback" not in refused.text
    assert outside.applications() == []

    path.write_bytes(bundle(rsa_pair(days=200), "", rsa_pair("authority")))
    up_with(empty)
    outside.platform("POST", f"/connectors/{KEY}/connections", {"tenant_id": HOME})
    assert held(outside) == (0, 1, 0)
    assert works(outside)


def test_lifetime_is_fitted_to_the_policy_and_frozen(empty: Checkout) -> None:
    outside = Outside(empty.ready)
    limit = {"restrictionType": "passwordLifetime", "maxLifetime": "P90D", "state": "enabled"}
    outside.graph.patch(POLICY, {"isEnabled": True, "applicationRestrictions": {"passwordCredentials": [limit]}})

    previewed = empty.shell("pulumi preview --stack dev")
    up_with(empty, lifetime="180d")

    (application,) = outside.applications()
    (password,) = application["passwordCredentials"]
    ends = datetime.fromisoformat(password["endDateTime"])
    assert abs(ends - datetime.now(UTC) - timedelta(days=90)) < timedelta(hours=1)
    assert "allows a secret to live 90 days at most" in " ".join(previewed.text.split())

    empty.configure(credential={"lifetime": "30d"})
    later = empty.shell("pulumi preview --stack dev")
    changed = empty.orgcal("up")

    for said in (later, changed):
        assert said.code == 0, said.text
        assert "takes effect with the next generation only; those that live keep their end" in " ".join(
            said.text.split()
        )
        assert f"generation 1 ends at {ends:%Y-%m-%d}" in " ".join(said.text.split())
    assert outside.applications()[0]["passwordCredentials"] == [password]

    ban = {"restrictionType": "passwordAddition", "state": "enabled"}
    outside.graph.patch(POLICY, {"isEnabled": True, "applicationRestrictions": {"passwordCredentials": [ban]}})
    empty.configure(credential={"generations": [1, 2]})
    warned = empty.shell("pulumi preview --stack dev")
    refused = empty.orgcal("up")
    outside.graph.patch(POLICY, {"isEnabled": False})
    empty.configure(credential={"generations": [1]})

    assert "forbids client secrets" in warned.text
    assert "credential.kind certificate" in " ".join(warned.text.split())
    assert refused.code == 1
    assert "orgcal preflight --stack dev" in refused.text
    assert "Traceback" not in refused.text


def test_multitenant_applications_that_the_tenant_forbids_are_said_before_and_after(empty: Checkout) -> None:
    outside = Outside(empty.ready)

    def forbid(state: str) -> None:
        audiences = {"azureAdMultipleOrgs": {"state": state}}
        body = {"isEnabled": state == "enabled", "applicationRestrictions": {"audiences": audiences}}
        outside.graph.patch(f"/beta{POLICY}", body)

    forbid("enabled")

    checked = empty.orgcal("preflight")
    warned = empty.shell("pulumi preview --stack dev")
    refused = empty.orgcal("up")
    forbid("disabled")

    assert checked.code == 1
    for said in (checked, warned):
        assert "policy forbids applications for other organisations" in " ".join(said.text.split())
        assert "audiences.azureAdMultipleOrgs" in said.text
    assert refused.code == 1
    assert "orgcal preflight --stack dev tells what to ask its administrator for" in " ".join(refused.text.split())
    assert "Traceback" not in refused.text
    assert outside.applications() == []


def test_home_grants_come_and_go_with_the_setting(empty: Checkout) -> None:
    outside = Outside(empty.ready)
    empty.configure(application={"home_grants": True})
    assert empty.orgcal("up").code == 0
    (principal,) = outside.service_principals()
    path = f"/servicePrincipals/{principal['id']}/appRoleAssignments"
    granted = {item["appRoleId"] for item in outside.graph.pages(path)}

    empty.configure(application={"home_grants": False})
    taken_back = empty.orgcal("up")

    assert granted == {APP_ROLE_IDS["Calendars.Read"], APP_ROLE_IDS["Directory.Read.All"]}
    assert taken_back.code == 0, taken_back.text
    assert list(outside.graph.pages(path)) == []
