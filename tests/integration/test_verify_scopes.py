"""Verification holds an organisation to the scopes that are declared: too few, too many, and what they let read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from orgcal.consent.links import consent_url
from orgcal.entra.clouds import CloudEndpoints
from tests.support.administrator import answer
from tests.support.deployed_connector import CONSENT_URI, CONTOSO, deploy
from tests.support.verification import TARGETS, checks, summarised
from verify import Options, Verdict
from verify.sources import from_outputs


def test_run_after_more_scopes_were_declared_names_what_is_missing(
    options: Options, consent: Callable[[str, str], None]
) -> None:
    consent(CONTOSO, "admin@contoso.example")
    wider = replace(options.connector, permissions=(*options.connector.permissions, "MailboxSettings.Read"))

    roles = checks(summarised(TARGETS, replace(options, connector=wider)), CONTOSO)["roles"]

    assert roles.verdict is Verdict.FAIL
    assert roles.sentence == "missing: MailboxSettings.Read"
    assert roles.evidence["missing"] == ["MailboxSettings.Read"]


def test_run_after_scopes_were_dropped_names_the_surplus(options: Options, consent: Callable[[str, str], None]) -> None:
    consent(CONTOSO, "admin@contoso.example")
    narrower = replace(options.connector, permissions=("Directory.Read.All",), outputs=None)

    roles = checks(summarised(TARGETS, replace(options, connector=narrower)), CONTOSO)["roles"]

    assert (roles.verdict, roles.evidence["surplus"]) == (Verdict.WARN, ["Calendars.Read"])


@pytest.mark.parametrize(("scopes", "sentence"), [(("Calendars.Read",), "an event was read with its body")])
def test_probe_of_events_holds_the_scopes_to_their_promise(
    options: Options, consent: Callable[[str, str], None], scopes: tuple[str, ...], sentence: str
) -> None:
    consent(CONTOSO, "admin@contoso.example")

    events = checks(summarised(TARGETS, replace(options, probes=frozenset({"events"}))), CONTOSO)["events"]

    assert (events.verdict, events.sentence) == (Verdict.PASS, sentence)


def test_probe_of_events_with_basic_scopes_expects_no_bodies(
    endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]
) -> None:
    outputs = deploy(endpoints, emulator_environ, ("Calendars.ReadBasic",))
    connector, given = from_outputs(outputs)
    url = consent_url(endpoints, tenant_id=CONTOSO, client_id=outputs.client_id, redirect_uri=CONSENT_URI, state="s")
    answer(endpoints, url, "admin@contoso.example", follow=False)
    options = Options(connector, environ=emulator_environ, given_credential=given, probes=frozenset({"events"}))

    found = checks(summarised(TARGETS, options), CONTOSO)

    assert found["calendars"].verdict is Verdict.PASS
    assert found["events"].verdict is Verdict.PASS


def test_probe_of_events_after_scopes_were_dropped_warns(options: Options, consent: Callable[[str, str], None]) -> None:
    consent(CONTOSO, "admin@contoso.example")
    narrowed = replace(options.connector, permissions=("Calendars.ReadBasic.All", "Directory.Read.All"))

    found = checks(summarised(TARGETS, replace(options, connector=narrowed, probes=frozenset({"events"}))), CONTOSO)

    assert {check: result.verdict for check, result in found.items()} == {
        "tenant": Verdict.PASS,
        "token": Verdict.PASS,
        "roles": Verdict.WARN,
        "users": Verdict.PASS,
        "calendars": Verdict.PASS,
        "events": Verdict.WARN,
    }
