"""The stand-in reaches this machine and nothing else."""

from __future__ import annotations

import pytest
import requests

from orgcal.entra.clouds import is_loopback
from orgcal.errors import CloudMismatch
from orgcal.provider.azuread.guard import Guard
from orgcal.provider.azuread.loopback import require_loopback


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.8.7", "::1", "[::1]"])
def test_is_loopback_this_machine_is(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "login.microsoftonline.com", "localhost.example", "10.0.0.1", "0.0.0.0", "128.0.0.1", "::", "::ffff:8.8.8.8"],
)
def test_is_loopback_everything_else_is_not(host: str) -> None:
    assert not is_loopback(host)


def test_require_loopback_other_host_names_where_it_came_from() -> None:
    with pytest.raises(CloudMismatch, match=r"ARM_METADATA_HOSTNAME names 'graph\.microsoft\.com'"):
        require_loopback("graph.microsoft.com", named_by="ARM_METADATA_HOSTNAME")


@pytest.mark.parametrize("url", ["https://login.microsoftonline.com/x/oauth2/v2.0/token", "http://10.0.0.1/"])
def test_guard_request_to_another_machine_is_refused_before_it_is_sent(url: str) -> None:
    with requests.Session() as session:
        for scheme in ("https://", "http://"):
            session.mount(scheme, Guard(1))
        with pytest.raises(CloudMismatch):
            session.post(url, data={"client_secret": "s"}, timeout=1)
