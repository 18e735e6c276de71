"""What an administrator is shown for each refusal, and what the server logs of it."""

from __future__ import annotations

import logging

import pytest

from orgcal.entra.clouds import CloudEndpoints
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants.registry import Registry
from tests.support.consent_steps import StartService, accept, agreed, receive, result_page, state_in
from tests.support.deployed_connector import CONTOSO, FABRIKAM


@pytest.mark.parametrize(
    ("number", "words", "shows_code"),
    [
        (65004, "the request was declined", False),
        (900941, "an administrator has to agree", False),
        (650052, "a service is missing in your organisation", True),
        (65005, "a service is missing in your organisation", True),
        (650056, "the fault is on our side", True),
        (53003, "a policy of your organisation stopped it", True),
    ],
)
def test_refusal_has_a_page_of_its_own(
    start_service: StartService, registry: Registry, number: int, words: str, shows_code: bool
) -> None:
    service = start_service()
    link = service.link(registry.wanted("Contoso"))

    page = result_page(
        service,
        receive(service, f"error=access_denied&error_description=AADSTS{number}:+x&state={state_in(link.url)}"),
    )

    assert words in page.text
    assert (f"AADSTS{number}" in page.text) == shows_code
    assert "Contoso Sync" in page.text, "the application's name, as Microsoft's page has it"
    assert "isv.example" in page.text, "and its publisher"
    assert "Contoso Sync, published by isv.example" in link.message


def test_logo_of_the_application_is_in_the_page_itself(start_service: StartService, registry: Registry) -> None:
    service = start_service(read_logo=lambda: b"GIF89a")
    state = state_in(service.link(registry.wanted("Contoso")).url)

    page = result_page(service, receive(service, f"error=access_denied&state={state}"))

    assert page.text.count("<img") == page.text.count('<img src="data:image/gif;base64,R0lGODlh"') == 1
    policy = page.headers["content-security-policy"]
    assert "img-src data:" in policy
    assert "script-src" not in policy, "only the page that waits has a script"


def test_link_used_again_after_a_decline_claims_no_record(start_service: StartService, registry: Registry) -> None:
    service = start_service()
    state = state_in(service.link(registry.wanted("Contoso")).url)
    receive(service, f"error=access_denied&state={state}")

    page = receive(service, f"admin_consent=True&state={state}")

    assert (page.status, "This link was used already" in page.text) == (410, True)
    assert "did not connect your organisation" in page.text
    assert "recorded" not in page.text
    assert "nothing more is needed" not in page.text


def test_log_of_the_server_names_organisation_and_outcome(
    start_service: StartService,
    registry: Registry,
    endpoints: CloudEndpoints,
    outputs: StackOutputs,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "orgcal.consent")
    service = start_service(patience_s=60)
    accept(endpoints, outputs)
    state = state_in(service.link(registry.wanted("Fabrikam")).url)

    receive(service, f"error=access_denied&error_description=AADSTS65004&state={state}")
    receive(service, f"admin_consent=True&state={state}")
    service.wait_for(agreed(service), 20)
    service.close()

    lines = [record.getMessage() for record in caplog.records if record.name == "orgcal.consent"]
    assert lines == [
        f"Fabrikam ({FABRIKAM}) has declined the consent (AADSTS65004: the administrator declined); "
        f"next: orgcal consent link {FABRIKAM} --stack test, if that was a mistake",
        f"Fabrikam ({FABRIKAM}) used its link again, by which it has not consented; "
        f"next: orgcal consent link {FABRIKAM} --stack test",
        f"Contoso ({CONTOSO}) has agreed; its permissions are looked for",
        f"Contoso ({CONTOSO}) has consented: every permission that the link asks for is effective; "
        f"next: orgcal verify --tenant {CONTOSO} --stack test",
    ]
    assert state not in caplog.text
