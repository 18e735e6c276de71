"""What a registry knows of a connector's credentials."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from orgcal.tenants.credentials import KnownCredential, KnownCredentials, known_credentials, remember_credentials
from tests.support.registry import Clock, empty_registry

WEEK = timedelta(days=7)


def test_credentials_are_known_as_each_connector_last_wrote_them(tmp_path: Path) -> None:
    clock = Clock()
    written = clock.now
    old = KnownCredential(1, "certificate", written + WEEK, written - WEEK, revoked=True)
    new = KnownCredential(2, "secret", written + 2 * WEEK)
    with ExitStack() as opened:
        prod, test = (
            opened.enter_context(empty_registry(tmp_path, clock, connector=name)) for name in ("prod", "test")
        )
        remember_credentials(prod, 1, [new])
        remember_credentials(test, 1, [])
        clock.now += WEEK
        remember_credentials(prod, 2, [old, new])

        assert known_credentials(prod) == KnownCredentials(written + WEEK, 2, (old, new))
        assert known_credentials(test) == KnownCredentials(written, 1, ())
        assert known_credentials(opened.enter_context(empty_registry(tmp_path, clock, connector="new"))) is None


def test_active_credential_is_the_one_in_use_and_another_one_is_pending() -> None:
    now = Clock().now
    old, new = KnownCredential(1, "secret", now), KnownCredential(2, "secret", now)

    assert (new.superseded_at, new.revoked) == (None, False)
    for active, credentials, found, pending in (
        (2, (old, new), new, True),
        (1, (old, new), old, True),
        (2, (new,), new, False),
        (3, (new,), None, False),
        (1, (), None, False),
    ):
        known = KnownCredentials(now, active, credentials)
        assert (known.active_credential, known.pending) == (found, pending)
