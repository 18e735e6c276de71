"""What `orgcal status` says of one organisation: surplus by the grants and by the token, each on its own."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from orgcal.entra.credentials import ClientSecret
from orgcal.entra.probe import TenantAccess
from orgcal.errors import GraphError
from orgcal.operations import status
from orgcal.tenants.model import State, Tenant

NOW = datetime(2026, 11, 28, tzinfo=UTC)
TENANT = Tenant("t", "Contoso", "", State.CONSENTED, added_at=NOW, changed_at=NOW)
DECLARED = frozenset({"Calendars.Read"})
MORE = DECLARED | {"Mail.Read"}


@pytest.mark.parametrize(
    ("granted", "effective", "surplus"),
    [
        (DECLARED, DECLARED, ()),
        (MORE, DECLARED, ("Mail.Read",)),
        (DECLARED, MORE, ("Mail.Read",)),
        (None, MORE, ("Mail.Read",)),
    ],
    ids=["neither", "grants", "token", "token alone"],
)
def test_surplus_is_what_the_grants_or_the_token_have_beyond_the_declared(
    monkeypatch: pytest.MonkeyPatch,
    granted: frozenset[str] | None,
    effective: frozenset[str],
    surplus: tuple[str, ...],
) -> None:
    def granted_roles(*_: object) -> frozenset[str]:
        if granted is None:
            raise GraphError("no", status=403)
        return granted

    probe = TenantAccess("granted", "as it is", effective=effective, source="token")
    monkeypatch.setattr(status, "probe_tenant", lambda *_: probe)
    monkeypatch.setattr(status, "granted_roles", granted_roles)
    context = cast(Any, SimpleNamespace(endpoints=None, session=None))
    outputs = cast(Any, SimpleNamespace(client_id="client"))

    found = status._organisation(outputs, TENANT, ClientSecret("s"), set(DECLARED), context)

    assert found.surplus == surplus
    assert found.missing == ()
    assert (found.granted is None) is (granted is None) is found.note.startswith("grants: ")
