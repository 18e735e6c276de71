"""A registry with one organisation, on a database of each kind and at a time that tests move."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orgcal.tenants.registry import Registry
from tests.support.deployed_connector import CONTOSO
from tests.support.registry import Clock


@pytest.fixture
def clock() -> Clock:
    """The registry's."""
    return Clock()


@pytest.fixture
def registry(url: str, clock: Clock) -> Iterator[Registry]:
    """Of connector `orgcal/prod`, whose operator is Ada; it knows Contoso."""
    registry = Registry(url, connector="orgcal/prod", operator="ada", now=clock)
    registry.add(CONTOSO, "Contoso", domain="contoso.com")
    yield registry
    registry.close()
