"""What somebody meant who named an organisation that is not known."""

from __future__ import annotations

import pytest

from orgcal.tenants.names import meant_by

TENANT_ID = "22222222-2222-2222-2222-222222222222"


@pytest.mark.parametrize(
    ("wanted", "repair"),
    [
        ("Contosa", "did you mean 'Contoso'?"),
        ("contoso.exmple", "did you mean 'contoso.example'?"),
        ("fabrikam.com", "orgcal tenants add fabrikam.com --stack prod"),
        (TENANT_ID, f"orgcal tenants add {TENANT_ID} --stack prod"),
        ("Wide World", "orgcal tenants add DOMAIN --name 'Wide World' --stack prod"),
    ],
)
def test_meant_by_names_one_like_it_or_the_command_that_adds_it(wanted: str, repair: str) -> None:
    assert meant_by(wanted, ["Contoso", "contoso.example"], "orgcal/prod") == repair
