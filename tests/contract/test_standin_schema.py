"""Types, properties and functions of the stand-in against those of the Python package pulumi_azuread 6.11.1."""

from __future__ import annotations

import inspect
import re
from functools import cache
from importlib import import_module
from typing import Any

import pulumi_azuread
import pytest

from orgcal.provider.azuread import VERSION
from orgcal.provider.azuread.fields import DEFAULTS, ID, META, Field
from orgcal.provider.azuread.functions import GetClientConfig, GetServicePrincipal
from orgcal.provider.azuread.managed import Managed
from orgcal.provider.azuread.plugin import TYPES
from orgcal.provider.azuread.settings import CONFIG


@cache
def wire_names(kind: type) -> dict[str, str]:
    """Python name of each property of an SDK class -> its name on the wire."""
    source = inspect.getsource(kind)
    found = {}
    for match in re.finditer(
        r"@pulumi\.getter(?:\(name=\"(\w+)\"\))?\s+(?:@[^\n]*\n\s+(?:[^\n]*\n\s+)*?)?def (\w+)\(self", source
    ):
        found[match[2]] = match[1] or match[2]
    return found


def sdk(kind: type[Managed]) -> Any:
    return getattr(pulumi_azuread, kind.title)


def test_version_is_that_of_the_package() -> None:
    assert pulumi_azuread._utilities.get_version() == VERSION  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.title)
def test_type_has_the_token_and_every_property_of_the_package(kind: type[Managed]) -> None:
    assert kind.token == sdk(kind).pulumi_type
    assert set(kind.fields) == set(wire_names(sdk(kind)).values())
    assert {*kind.inputs, *kind.outputs} == {*kind.fields, DEFAULTS, ID, META}


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.title)
def test_type_takes_and_requires_the_arguments_of_the_package(kind: type[Managed]) -> None:
    names = wire_names(sdk(kind))
    module = import_module(sdk(kind).__module__)
    arguments = getattr(module, f"{kind.title}InitArgs", None) or getattr(module, f"{kind.title}Args")
    parameters = [item for name, item in inspect.signature(arguments.__init__).parameters.items() if "self" not in name]
    assert {names[item.name] for item in parameters} == {name for name, item in kind.fields.items() if item.argument}
    required = {names[item.name] for item in parameters if item.default is inspect.Parameter.empty}
    assert required == {name for name, item in kind.fields.items() if item.required}


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.title)
def test_type_replaces_where_the_documentation_says_so(kind: type[Managed]) -> None:
    names = wire_names(sdk(kind))
    said = set()
    for name, wire in names.items():
        text = getattr(sdk(kind), name).__doc__ or ""
        if re.search(r"Changing this (field |fields )?forces a new resource", text):
            said.add(wire)
    replacing = {name for name, item in kind.fields.items() if item.replaces}
    undocumented = {"ApplicationCertificate": {"encoding", "value"}, "ServicePrincipal": {"clientId"}}
    assert replacing - undocumented.get(kind.title, set()) == said - undocumented.get(kind.title, set())


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.title)
def test_nested_objects_have_the_properties_of_the_package(kind: type[Managed]) -> None:
    outputs = import_module("pulumi_azuread.outputs")

    def check(name: str, item: Field) -> int:
        if not item.nested:
            return 0
        assert set(item.nested) == set(wire_names(getattr(outputs, name)).values()), name
        return 1 + sum(check(name + _part(inner), entry) for inner, entry in item.nested.items())

    def _part(wire: str) -> str:
        singular = {"accesses": "access", "Accesses": "Access"}
        text = wire[0].upper() + wire[1:]
        for plural, single in singular.items():
            text = text.replace(plural, single)
        return text if not text.endswith("s") or text.endswith(("ss", "Claims")) else text[:-1]

    count = sum(check(kind.title + _part(name), item) for name, item in kind.fields.items())
    assert count >= {"Application": 10, "ServicePrincipal": 5}.get(kind.title, 0)


def test_functions_have_the_tokens_arguments_and_results_of_the_package() -> None:
    for function, name, result in (
        (GetServicePrincipal, "getServicePrincipal", pulumi_azuread.GetServicePrincipalResult),
        (GetClientConfig, "getClientConfig", pulumi_azuread.GetClientConfigResult),
    ):
        assert function.token == f"azuread:index/{name}:{name}"
        assert set(function.outputs) == set(wire_names(result).values())
    assert set(GetServicePrincipal.inputs) == {"clientId", "displayName", "objectId"}


def test_provider_takes_the_arguments_of_the_package() -> None:
    assert set(CONFIG) == set(wire_names(pulumi_azuread.ProviderArgs).values())
