"""O365 for Python, unmodified, by Microsoft's names: users by pages and in order, calendars, events, throttling.

https://o365.github.io/python-o365/latest/usage.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.client_commands import NamedEmulator
from tests.witnesses.conftest import Login

pytestmark = [
    pytest.mark.judged("O365"),
    # Of its own modules, and of connections that it leaves to the garbage collector.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

MEGAN = "megan@contoso.example"


@pytest.fixture
def account(hosts: NamedEmulator, login: Login, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Logged in with a client secret."""
    from O365 import Account  # not where every process that collects tests waits for it
    from O365.utils.token import MemoryTokenBackend

    for name, value in hosts.variables.items():
        monkeypatch.setenv(name, value)
    found = Account(
        (login.client_id, login.secret_file.read_text(encoding="ascii")),
        auth_flow_type="credentials", tenant_id=login.tenant_id, token_backend=MemoryTokenBackend(),
    )  # fmt: skip
    assert found.authenticate()
    yield found
    if found.con.session is not None:
        found.con.session.close()


def test_o365_lists_users_by_pages(account: Any) -> None:
    found = list(account.directory().get_users(limit=100, batch=20))
    assert len({each.object_id for each in found}) == 57


def test_o365_lists_users_in_order(account: Any) -> None:
    directory = account.directory()
    names = [each.display_name for each in directory.get_users(limit=100, batch=20, order_by="displayName")]
    assert names == sorted(names, key=str.lower)
    assert len(names) == 57


def test_o365_reads_calendars_and_their_events(account: Any) -> None:
    schedule = account.schedule(resource=MEGAN)
    calendars = schedule.list_calendars()
    default = schedule.get_default_calendar()
    assert default.calendar_id in {each.calendar_id for each in calendars}
    events = list(default.get_events(limit=10, include_recurring=False))
    assert len({each.ical_uid for each in events}) == len(events) > 0
    assert all(each.start < each.end for each in events)


def test_o365_asks_again_after_it_was_throttled(account: Any, hosts: NamedEmulator) -> None:
    hosts.emulator.add_fault("/calendars", status=429, code="TooManyRequests", headers={"Retry-After": "0"}, times=2)
    before = len(hosts.emulator.journal())
    assert account.schedule(resource=MEGAN).list_calendars()
    statuses = [each["status"] for each in hosts.emulator.journal()[before:] if "/calendars" in each["path"]]
    assert statuses == [429, 429, 200]
