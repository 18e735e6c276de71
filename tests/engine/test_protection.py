"""A protected stack: neither `destroy` nor a program with everything removed takes from customers what they use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.checkout import Checkout
from tests.support.outside import Outside

EMPTY_PROGRAM = '"""Everything was removed, by accident."""\n'


@pytest.fixture(scope="module")
def protected(started: Checkout) -> Checkout:
    """A deployed stack with `orgcal:protect: true` and two live generations."""
    started.set("protect", True)
    started.configure(credential={"generations": [1, 2], "active": 1})
    up = started.orgcal("up", "--yes")
    assert up.code == 0, up.text
    return started


@pytest.fixture
def removed(protected: Checkout) -> Iterator[Checkout]:
    """The same, while its program is empty."""
    path = protected.path / "__main__.py"
    program = path.read_text()
    path.write_text(EMPTY_PROGRAM)
    yield protected
    path.write_text(program)


def used_by_customers(outside: Outside) -> dict[str, Any]:
    """What must survive: application with its permissions and active secret, service principal, connector, its push."""
    (application,) = outside.applications()
    connector = outside.platform("GET", "/connectors/outlook-calendar-admin")
    return {
        "application": (application["id"], application["requiredResourceAccess"], application["web"]["redirectUris"]),
        "principals": [item["id"] for item in outside.service_principals()],
        "connector": connector,
        "pushed": outside.platform("GET", "/connectors/outlook-calendar-admin/credentials"),
        "active": [
            item["keyId"] for item in application["passwordCredentials"] if "generation 1" in item["displayName"]
        ],
    }


@pytest.mark.parametrize("command", ["pulumi destroy --yes", "python -m orgcal.cli destroy --yes"])
def test_destroy_of_a_protected_stack_reaches_nothing(protected: Checkout, command: str) -> None:
    outside = Outside(protected.ready)
    mark = outside.mark()

    refused = protected.shell(f"{command} --stack dev")

    assert refused.code != 0
    assert "protect" in refused.text
    assert outside.writes_since(mark) == []


def test_destroy_by_our_command_is_refused_whatever_the_environment_asks_for(protected: Checkout) -> None:
    outside = Outside(protected.ready)
    mark = outside.mark()

    refused = protected.orgcal("destroy", "--yes", "--stack", "dev", environ={"PULUMI_OPTION_IGNORE_PROTECT": "true"})

    assert refused.code != 0
    assert "protected against deletion" in refused.err
    assert outside.writes_since(mark) == []


def test_destroy_by_hand_that_ignores_protection_would_delete_everything(protected: Checkout) -> None:
    """What docs/destroy-and-restore.md warns of; only previewed."""
    asked = protected.shell("pulumi destroy --preview-only --stack dev")
    ignored = protected.shell("pulumi destroy --preview-only --ignore-protect --stack dev")

    assert asked.code != 0
    assert "protect" in asked.text
    assert ignored.code == 0, ignored.text
    assert "Application" in ignored.out


def test_up_with_everything_removed_reaches_nothing(removed: Checkout) -> None:
    outside = Outside(removed.ready)
    mark = outside.mark()

    by_hand = removed.shell("pulumi up --yes --stack dev")
    ours = removed.orgcal("up", "--yes")

    for refused in (by_hand, ours):
        assert refused.code != 0
        assert "protect" in refused.text
    assert "orgcal:protect false" in ours.text
    assert outside.writes_since(mark) == []


def test_destroy_without_preview_loses_nothing_that_customers_use(protected: Checkout) -> None:
    outside = Outside(protected.ready)
    before = used_by_customers(outside)

    refused = protected.shell("pulumi destroy --yes --skip-preview --stack dev")

    assert refused.code != 0
    assert used_by_customers(outside) == before
    assert protected.orgcal("up", "--yes").code == 0, "the next run completes what is missing"


def test_everything_removed_without_preview_loses_nothing_that_customers_use(removed: Checkout) -> None:
    outside = Outside(removed.ready)
    before = used_by_customers(outside)

    refused = removed.shell("pulumi up --yes --skip-preview --stack dev")

    assert refused.code != 0
    assert used_by_customers(outside) == before


def test_protected_resources_are_all_but_the_credentials_of_generations(protected: Checkout) -> None:
    said = protected.shell("pulumi stack export --stack dev")
    resources = json.loads(said.out)["deployment"]["resources"]

    guarded = {item["type"].rsplit(":", 1)[-1] for item in resources if item.get("protect")}
    free = {item["type"].rsplit(":", 1)[-1] for item in resources if item["custom"] and not item.get("protect")}

    assert guarded == {"Connector", "Application", "ServicePrincipal", "CredentialLedger", "ConnectorCredentials"}
    free -= {"pulumi"}  # the provider of the engine's own functions, which a refused run may have dropped
    assert free == {"azuread", "orgcal", "ApplicationPassword"}, "providers, and what a rotation must be able to drop"
