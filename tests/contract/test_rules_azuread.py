"""The azuread plugin's ids, variables and login check, by its sources: what our stand-in and commands make of them."""

from __future__ import annotations

import pytest

from orgcal.entra.login import LOGIN_FORMS, LOGIN_VARIABLES, LoginForm, read_login
from orgcal.errors import UsageError
from orgcal.provider.azuread import ids
from orgcal.provider.azuread.settings import CONFIG, VARIABLES
from tests.contract.rules.azuread import IDS, ORDER, PRE_CHECK, Id
from tests.contract.rules.azuread import VARIABLES as DOCUMENTED

pytestmark = pytest.mark.judged("tests/contract/rules/azuread.py")


def read_as(rule: Id, text: str) -> tuple[str, ...]:
    """What the stand-in reads from an id of the resource of `rule`."""
    resource = rule.resource
    if resource == "Application":
        return (ids.application_object_id(text),)
    if resource == "ServicePrincipal":
        return (ids.service_principal_object_id(text),)
    if resource == "AppRoleAssignment":
        assignment = ids.AssignmentId.parse(text)
        return (assignment.resource_object_id, assignment.assignment_id)
    credential = ids.CredentialId.parse(text, rule.parts[1], resource)
    return (credential.application_object_id, credential.kind, credential.key_id)


def written(resource: str, parts: tuple[str, ...]) -> str:
    """The id that the stand-in writes."""
    if resource == "Application":
        return ids.application_id(*parts)
    if resource == "ServicePrincipal":
        return ids.service_principal_id(*parts)
    return str(ids.AssignmentId(*parts) if resource == "AppRoleAssignment" else ids.CredentialId(*parts))


@pytest.mark.parametrize("rule", IDS, ids=lambda rule: rule.resource)
def test_standin_reads_and_writes_the_ids_of_the_plugin(rule: Id) -> None:
    assert read_as(rule, rule.text) == rule.parts
    assert written(rule.resource, rule.parts) == rule.text


@pytest.mark.parametrize("rule", IDS, ids=lambda rule: rule.resource)
def test_standin_takes_the_id_of_no_other_resource(rule: Id) -> None:
    others = [other for other in IDS if other.resource != rule.resource]
    for other in others:
        with pytest.raises(UsageError):
            read_as(rule, other.text)


def test_standin_has_every_argument_of_the_plugin_and_no_other() -> None:
    assert CONFIG.keys() == DOCUMENTED.keys()


@pytest.mark.parametrize("argument", VARIABLES)
def test_standin_reads_an_argument_from_its_documented_variable(argument: str) -> None:
    assert VARIABLES[argument] == DOCUMENTED[argument][0]


def test_product_knows_every_variable_by_which_the_plugin_logs_in() -> None:
    about_logins = {name for argument, names in DOCUMENTED.items() if argument not in ELSEWHERE for name in names}
    assert {name for name in about_logins if name.startswith("ARM_")} == LOGIN_VARIABLES


ELSEWHERE = {"disableTerraformPartnerId", "environment", "metadataHost", "partnerId", "tenantId"}
"""Arguments that say where and for whom, and not who."""


@pytest.mark.parametrize("form", LOGIN_FORMS, ids=lambda form: "+".join(form.variables) or form.kind)
def test_product_says_of_a_login_whether_the_plugins_check_lets_it_pass(form: LoginForm) -> None:
    passes = any(enough <= set(form.variables) for enough in PRE_CHECK) or form.kind == "az login"

    assert form.plugin is passes
    assert form.plugin or not form.standin


def test_product_takes_logins_in_the_order_of_the_plugin() -> None:
    kinds = list(dict.fromkeys(form.kind for form in LOGIN_FORMS))

    assert tuple(kinds) == ORDER


@pytest.mark.parametrize("first", range(len(LOGIN_FORMS) - 1), ids=lambda first: "+".join(LOGIN_FORMS[first].variables))
def test_product_takes_the_first_of_several_logins_as_the_plugin_does(first: int) -> None:
    named = {name for form in LOGIN_FORMS[first:] for name in form.variables}
    environ = {name: "true" if name.startswith("ARM_USE_") else "x" for name in named}

    assert read_login({**environ, "ARM_CLIENT_ID": "c"}).form.kind == LOGIN_FORMS[first].kind
