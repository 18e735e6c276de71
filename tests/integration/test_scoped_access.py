"""An organisation that limits the connector to some mailboxes: its states by checks and verifications."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from orgcal_emulator.server import RunningEmulator

from orgcal.consent import ConsentService
from orgcal.consent.check import CheckedTenant, check_tenants
from orgcal.entra.clouds import CloudEndpoints
from orgcal.errors import UsageError
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants.model import State
from orgcal.tenants.registry import Registry
from orgcal.tenants.scope import EXCHANGE_LAG, AccessProfile
from tests.support.consent_steps import accept
from tests.support.deployed_connector import CONTOSO
from tests.support.limited_customer import OFFICE, LimitedCustomer, Verified, limited_customer
from tests.support.verification import summarised
from verify import Options, Verdict
from verify.recording import registered_targets
from verify.summary import conclusion

pytestmark = pytest.mark.judged("https://learn.microsoft.com/en-us/exchange/permissions-exo/application-rbac")


@pytest.fixture
def service(
    registry: Registry, outputs: StackOutputs, endpoints: CloudEndpoints, emulator_environ: Mapping[str, str]
) -> Iterator[ConsentService]:
    registry.add(CONTOSO, "Contoso", domain="contoso.example", profile=AccessProfile("scoped", OFFICE))
    service = ConsentService(registry, outputs, endpoints, emulator_environ)
    yield service
    service.close()


@pytest.fixture
def customer(
    service: ConsentService, emulator: RunningEmulator, endpoints: CloudEndpoints, outputs: StackOutputs
) -> Iterator[LimitedCustomer]:
    with limited_customer(emulator, endpoints, CONTOSO, outputs.client_id) as customer:
        yield customer


def checked(service: ConsentService) -> CheckedTenant:
    return next(check_tenants(service, [service.registry.wanted(CONTOSO)]))


def state(service: ConsentService) -> tuple[State, str]:
    found = checked(service).tenant
    return found.state, found.reason


@pytest.fixture
def proved(service: ConsentService, customer: LimitedCustomer) -> LimitedCustomer:
    """A customer whose scope has been proved."""
    customer.let_in()
    customer.assign()
    customer.wait_for_exchange()
    assert state(service) == (State.VERIFIED, "")
    return customer


# --- checks ---


def test_organisation_goes_from_invited_over_waiting_to_verified(
    service: ConsentService, customer: LimitedCustomer
) -> None:
    assert state(service)[0] is State.INVITED
    customer.let_in()
    customer.assign()
    waiting, why = state(service)
    assert waiting is State.WAITING
    assert "30 minutes to 2 hours" in why
    customer.wait_for_exchange()

    found = checked(service).tenant
    assert (found.state, found.permissions, found.group_id) == (
        State.VERIFIED,
        ("Directory.Read.All",),
        customer.group_id(),
    )
    assert found.inside
    assert found.outside
    assert found.awaited_since is None


def test_grant_of_entra_beside_the_scope_is_too_much_with_the_command_that_removes_it(
    service: ConsentService, proved: LimitedCustomer, outputs: StackOutputs
) -> None:
    from orgcal.consent.scoped import scope_repair

    grant = proved.grant("Calendars.Read")
    found = checked(service)

    assert found.tenant.state is State.TOO_MUCH
    assert found.tenant.reason == "the grant in Entra still reaches every mailbox: Calendars.Read"
    assert found.failed
    assert found.scope is not None
    repair = scope_repair(found.tenant, found.scope, outputs.client_id, "dev")
    assert f"approleassignment remove --appId {outputs.client_id}" in repair
    assert "--scopes 'Calendars.Read'" in repair
    proved.take_back(grant)
    assert state(service) == (State.VERIFIED, "")


def test_calendar_grant_alone_is_too_much_access(service: ConsentService, customer: LimitedCustomer) -> None:
    customer.let_in("Calendars.Read")
    found = checked(service)

    assert (found.tenant.state, found.failed) == (State.TOO_MUCH, True)


def test_platform_hears_of_an_organisation_that_was_proved_without_a_consent_page(
    service: ConsentService, proved: LimitedCustomer
) -> None:
    (entry,) = (each for each in service.registry.log(CONTOSO) if each.action == "platform")
    assert entry.result == "registered"


def test_assignment_for_the_whole_organisation_is_too_much(service: ConsentService, proved: LimitedCustomer) -> None:
    wide = proved.assign("/")
    proved.wait_for_exchange()
    found, why = state(service)
    assert found is State.TOO_MUCH
    assert "outside of the scope, can be read" in why
    proved.unassign(wide)
    proved.wait_for_exchange()
    assert state(service) == (State.VERIFIED, "")


def test_mailbox_that_is_refused_after_it_was_proved_is_too_little_at_once(
    service: ConsentService, proved: LimitedCustomer
) -> None:
    known = service.registry.wanted(CONTOSO)
    for row in proved.emulator.cloud.exchange.assignments.newest():
        proved.unassign(row.assignment_id)
    proved.wait_for_exchange()

    found, why = state(service)
    assert found is State.TOO_LITTLE
    assert known.inside in why
    assert "no role assignment" in why


def test_waiting_ends_after_two_hours(service: ConsentService, customer: LimitedCustomer) -> None:
    customer.let_in()
    assert state(service)[0] is State.WAITING
    began = datetime.now(UTC)
    service.registry.now = lambda: began + EXCHANGE_LAG + timedelta(minutes=1)

    assert state(service)[0] is State.TOO_LITTLE


def test_access_policy_is_told_from_a_missing_assignment(service: ConsentService, proved: LimitedCustomer) -> None:
    grant = proved.grant("Calendars.Read")
    proved.emulator.set_access_policy("contoso.example", proved.client_id, "Office Osaka", "RestrictAccess")
    proved.wait_for_exchange()
    found = checked(service)
    assert found.tenant.state is State.TOO_MUCH  # a policy limits a grant, and the grant is what is wrong
    assert found.scope is not None
    assert found.scope.outside is not None
    assert found.scope.outside.seen == "policy"
    proved.take_back(grant)


def test_consent_through_the_page_is_too_much(
    service: ConsentService, endpoints: CloudEndpoints, outputs: StackOutputs
) -> None:
    accept(endpoints, outputs)

    assert state(service)[0] is State.TOO_MUCH


def test_link_is_refused_for_an_organisation_that_limits_the_connector(service: ConsentService) -> None:
    with pytest.raises(UsageError, match=r"consent page grants all of them\n  repair: orgcal consent script contoso"):
        service.link(service.registry.wanted(CONTOSO))


def test_profile_for_all_mailboxes_asks_for_consent_and_back_for_the_removal_of_the_grant(
    service: ConsentService, proved: LimitedCustomer, endpoints: CloudEndpoints, outputs: StackOutputs
) -> None:
    wide = service.registry.add(CONTOSO, profile=AccessProfile("all"))
    assert (wide.state, wide.scope_group, wide.inside) == (State.RECONSENT_NEEDED, "", "")
    assert checked(service).tenant.state is State.RECONSENT_NEEDED
    accept(endpoints, outputs)
    assert checked(service).tenant.state is State.CONSENTED

    back = service.registry.add(CONTOSO, profile=AccessProfile("scoped", OFFICE))
    assert back.state is State.TOO_MUCH
    assert "grant is to be removed" in back.reason
    assert state(service)[0] is State.TOO_MUCH


def test_another_group_is_waited_for_again(service: ConsentService, proved: LimitedCustomer) -> None:
    other = service.registry.add(CONTOSO, profile=AccessProfile("scoped", "Office Osaka"))
    assert (other.state, other.group_id, other.inside) == (State.WAITING, "", "")
    assert state(service)[0] is State.WAITING
    proved.unassign(proved.emulator.cloud.exchange.assignments.newest()[0].assignment_id)
    proved.assign(f"/groups/{proved.group_id('Office Osaka')}")
    proved.wait_for_exchange()

    assert state(service) == (State.VERIFIED, "")


@pytest.mark.parametrize(
    ("group", "sentence"),
    [
        ("Nobody's", "the organisation has no group Nobody's"),
        ("00000000-0000-4000-8000-000000000000", "the organisation has no group 00000000-0000-4000-8000-000000000000"),
    ],
)
def test_group_that_does_not_exist_is_told(
    service: ConsentService, customer: LimitedCustomer, group: str, sentence: str
) -> None:
    customer.let_in()
    service.registry.add(CONTOSO, profile=AccessProfile("scoped", group))

    assert state(service) == (State.TOO_LITTLE, sentence)


def test_test_mailbox_that_is_no_user_is_told_and_changes_no_state(
    service: ConsentService, proved: LimitedCustomer
) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    service.registry.add(CONTOSO, profile=AccessProfile("scoped", outside=nobody))
    found = checked(service)

    assert found.tenant.state is State.VERIFIED
    assert found.failed
    assert found.tenant.reason == f"{nobody} is no user of this organisation"


# --- verification ---


def test_verification_counts_inside_and_outside_of_the_scope(
    service: ConsentService, proved: LimitedCustomer, options: Options
) -> None:
    found = Verified(service, options)

    assert found.exit_code == 0
    assert {check: result.verdict for check, result in found.summary.organisations[CONTOSO].results.items()} == (
        dict.fromkeys(["tenant", "token", "roles", "users", "calendars", "scope"], Verdict.PASS)
    )
    evidence = found["scope"].evidence
    assert evidence["inside"]["read"] == found["calendars"].evidence["mailboxes"]["ok"] > 0
    assert evidence["outside"]["read"] == 0
    assert evidence["outside"]["refused"] > evidence["inside"]["read"]
    assert found.tenant.state is State.VERIFIED
    measure = service.registry.last("measure", CONTOSO)
    assert measure is not None
    assert measure.detail["members"] == evidence["members"]


def test_verification_while_exchange_is_waited_for_ends_with_5_and_says_how_long(
    service: ConsentService, customer: LimitedCustomer, options: Options
) -> None:
    customer.let_in()
    assert state(service)[0] is State.WAITING
    found = Verified(service, options)

    assert found.exit_code == 5
    assert found.tenant.state is State.WAITING
    assert "30 minutes to 2 hours" in conclusion(found.summary)


def test_verification_of_a_wider_assignment_fails_and_counts(
    service: ConsentService, proved: LimitedCustomer, options: Options
) -> None:
    proved.assign("/")
    proved.wait_for_exchange()
    found = Verified(service, options)

    assert found.exit_code == 1
    assert found["scope"].verdict is Verdict.FAIL
    assert "outside of the scope can be read" in found["scope"].sentence
    assert found.tenant.state is State.TOO_MUCH


def test_verification_of_a_grant_in_entra_fails_with_its_removal(
    service: ConsentService, proved: LimitedCustomer, options: Options
) -> None:
    proved.grant("Calendars.Read")
    found = Verified(service, options)

    assert found["roles"].verdict is Verdict.FAIL
    assert "approleassignment remove" in found["roles"].repair
    assert found.tenant.state is State.TOO_MUCH


def test_verification_of_a_narrower_assignment_warns_with_numbers(
    service: ConsentService, proved: LimitedCustomer, options: Options
) -> None:
    before = Verified(service, options)["scope"].evidence["inside"]["read"]
    inside = service.registry.wanted(CONTOSO).inside
    proved.unassign(proved.emulator.cloud.exchange.assignments.newest()[0].assignment_id)
    proved.assign(f"/users/{inside}")
    proved.wait_for_exchange()
    found = Verified(service, options)

    assert found.exit_code == 0
    assert found["scope"].verdict is Verdict.WARN
    assert f"1 of {before} mailboxes of the group read, {before - 1} refused" in found["scope"].sentence
    assert found["baseline"].verdict is Verdict.WARN
    assert found.tenant.state is State.VERIFIED


def test_verification_of_a_scope_that_reaches_nobody_is_too_little(
    service: ConsentService, proved: LimitedCustomer, options: Options
) -> None:
    proved.unassign(proved.emulator.cloud.exchange.assignments.newest()[0].assignment_id)
    proved.wait_for_exchange()
    found = Verified(service, options)

    assert found["scope"].verdict is Verdict.FAIL
    assert found["calendars"].verdict is Verdict.SKIP
    assert found.tenant.state is State.TOO_LITTLE


def test_sample_without_a_mailbox_of_the_scope_proves_nothing(
    service: ConsentService, proved: LimitedCustomer, options: Options
) -> None:
    from dataclasses import replace

    found = Verified(service, replace(options, sample=1, seed=1))

    assert found["scope"].evidence["inside"]["read"] == 0
    assert (found["scope"].verdict, found.exit_code) == (Verdict.ERROR, 1)
    assert found.tenant.state is State.VERIFIED


def test_probe_of_events_works_inside_of_the_scope(
    service: ConsentService, proved: LimitedCustomer, options: Options
) -> None:
    from dataclasses import replace

    found = Verified(service, replace(options, probes=frozenset({"events"})))

    assert found["events"].verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("group", "state_after", "warning"),
    [
        ("Nobody yet", State.TOO_LITTLE, ""),
        ("All pilots", State.VERIFIED, "holds 1 group, whose members Exchange does not count"),
        ("Sales by rule", State.VERIFIED, "is dynamic"),
    ],
)
def test_group_that_is_empty_nested_or_dynamic_is_told_in_a_sentence(
    registry: Registry,
    outputs: StackOutputs,
    endpoints: CloudEndpoints,
    emulator_environ: Mapping[str, str],
    emulator: RunningEmulator,
    options: Options,
    group: str,
    state_after: State,
    warning: str,
) -> None:
    northwind = "77777777-7777-7777-7777-777777777777"
    registry.add(northwind, "Northwind", profile=AccessProfile("scoped", group))
    service = ConsentService(registry, outputs, endpoints, emulator_environ)
    with limited_customer(emulator, endpoints, northwind, outputs.client_id) as customer:
        customer.let_in()
        customer.assign(f"/groups/{customer.group_id(group)}")
        customer.wait_for_exchange()
        found = next(check_tenants(service, [registry.wanted(northwind)]))
    service.close()
    targets = [each for each in registered_targets(registry) if each.tenant_id == northwind]
    scope = summarised(targets, options).organisations[northwind].results["scope"]

    assert found.tenant.state is state_after
    assert found.verdict is not None
    if warning:
        assert warning in found.verdict.warnings[0]
        assert (scope.verdict, warning in scope.sentence) == (Verdict.WARN, True)
    else:
        assert found.tenant.reason == "the group Nobody yet has no direct members, so that no mailbox is in the scope"
        assert (scope.verdict, scope.sentence) == (Verdict.FAIL, found.tenant.reason)
