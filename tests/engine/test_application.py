"""The application that the program makes: what it refuses to make, and every detail of what it makes.

The tests of this module share one emulator; each begins with nothing deployed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.checkout import Checkout
from tests.support.outside import Outside

NAME = "Acme Calendar Sync (dev)"
LOGO = b"\x89PNG\r\n\x1a\nof a picture"


@pytest.fixture
def empty(started: Checkout) -> Iterator[Checkout]:
    """The checkout with its settings as committed; what a test deploys is removed again."""
    path = started.path / "Pulumi.dev.yaml"
    committed = path.read_text()
    yield started
    path.write_text(committed)
    assert started.orgcal("destroy", "--stack", "dev", "--purge", "--yes").code == 0


def unwrapped(text: str) -> str:
    """What the engine said, in one line."""
    return " ".join(text.split())


def test_application_of_a_taken_name_is_refused_unless_the_settings_allow_it(empty: Checkout) -> None:
    outside = Outside(empty.ready)
    other = outside.graph.post("/applications", {"displayName": NAME})
    owner = outside.graph.post("/servicePrincipals", {"appId": other["appId"]})["id"]
    mark = outside.mark()

    previewed = empty.orgcal("up")
    by_hand = empty.shell("pulumi up --yes --skip-preview --stack dev")

    for said in (previewed, by_hand):
        assert said.code != 0
        assert f"the tenant has another application called '{NAME}'" in unwrapped(said.text)
        assert f"orgcal adopt --stack dev --client-id {other['appId']}" in unwrapped(said.text)
        assert "orgcal:application.same_name true" in unwrapped(said.text)
        assert "Traceback" not in said.text
    assert not any("/applications" in write for write in outside.writes_since(mark))

    (empty.path / "logo.png").write_bytes(LOGO)
    empty.configure(
        application={
            "same_name": True,
            "logo": "logo.png",
            "notes": "By team X",
            "owners": [owner],
            "tags": ["calendar", "team-x"],
            "redirect_uris": ["https://app.example.com/further"],
            "links": {
                "homepage": "https://acme.example",
                "privacy": "https://acme.example/privacy",
                "terms": "https://acme.example/terms",
                "support": "https://acme.example/help",
                "marketing": "https://acme.example/product",
            },
        },
        connector={"purpose": "availability", "scopes": ["Calendars.Read", "User.Read.All"]},
    )
    up = empty.orgcal("up")
    previewed = empty.shell("pulumi preview --stack dev")

    assert up.code == 0, up.text
    (made,) = [item for item in outside.applications() if "orgcal:orgcal/dev" in item["tags"]]
    assert set(made["tags"]) == {"orgcal:orgcal/dev", "calendar", "team-x"}
    assert made["notes"] == "By team X"
    assert outside.logo(made["id"]) == LOGO
    assert "https://app.example.com/further" in made["web"]["redirectUris"]
    assert made["web"]["homePageUrl"] == "https://acme.example"
    assert made["info"]["privacyStatementUrl"] == "https://acme.example/privacy"
    assert made["info"]["termsOfServiceUrl"] == "https://acme.example/terms"
    assert made["info"]["supportUrl"] == "https://acme.example/help"
    assert made["info"]["marketingUrl"] == "https://acme.example/product"
    owners = {item["id"] for item in outside.graph.pages(f"/applications/{made['id']}/owners")}
    assert owner in owners
    assert len(owners) == 2
    assert "more than a connector needs that sees when people are busy" in unwrapped(previewed.text)
    assert "scope User.Read.All adds nothing" in unwrapped(previewed.text)

    empty.configure(application={"redirect_uris": ["https://app.example.com/further", "https://app.example.com/one"]})
    added = empty.orgcal("up", "--json")
    assert added.code == 0, added.text
    assert json.loads(added.out)["changes"]["update"] == 1
    (after,) = [item for item in outside.applications() if item["id"] == made["id"]]
    assert set(after["web"]["redirectUris"]) == {*made["web"]["redirectUris"], "https://app.example.com/one"}
    outside.graph.delete(f"/applications/{other['id']}")


def test_application_in_the_recycle_bin_is_told_with_the_restore_command(empty: Checkout) -> None:
    outside = Outside(empty.ready)
    gone = outside.graph.post("/applications", {"displayName": "Acme of last year"})
    outside.graph.delete(f"/applications/{gone['id']}")
    empty.configure(application={"display_name": "Acme of last year"})

    previewed = empty.shell("pulumi preview --stack dev")

    assert previewed.code == 0, previewed.text
    assert "can still be restored" in previewed.text
    assert f"orgcal adopt --stack dev --client-id {gone['appId']} --restore" in unwrapped(previewed.text)


def test_logo_that_is_no_picture_is_one_sentence(empty: Checkout) -> None:
    (empty.path / "logo.txt").write_text("no picture")
    empty.configure(application={"logo": "logo.txt"})

    refused = empty.orgcal("up")

    assert refused.code != 0
    assert "orgcal:application.logo: found something else" in refused.text
    assert "Traceback" not in refused.text
