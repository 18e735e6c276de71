"""Formats of resource ids, which appear in states and in `pulumi import`."""

from __future__ import annotations

import pytest

from orgcal.errors import UsageError
from orgcal.provider.azuread import ids

GUID = "00000000-0000-0000-0000-00000000000a"
OTHER = "11111111-1111-1111-1111-11111111111b"


@pytest.mark.parametrize("wrong", ["", GUID, f"/applications/{GUID}/", f"/Applications/{GUID}", "/applications/x"])
def test_application_object_id_of_something_else_is_refused_with_an_example(wrong: str) -> None:
    with pytest.raises(UsageError, match="not the id of an Application") as caught:
        ids.application_object_id(wrong)
    assert "/applications/00000000-" in caught.value.repair


def test_service_principal_object_id_of_a_bare_guid_is_refused() -> None:
    with pytest.raises(UsageError, match="ServicePrincipal"):
        ids.service_principal_object_id(GUID)
    assert ids.service_principal_object_id(ids.service_principal_id(GUID)) == GUID


def test_credential_id_parse_of_another_kind_is_refused() -> None:
    with pytest.raises(UsageError, match="ApplicationCertificate"):
        ids.CredentialId.parse(f"{GUID}/password/{OTHER}", "certificate", "ApplicationCertificate")
