"""The context of a run: addresses, one session, the credential, and the batches in flight of all organisations."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from orgcal.entra.clouds import CloudEndpoints, load_endpoints
from orgcal.entra.session import new_session
from orgcal.errors import OrgcalError
from verify.credentials import LocatedCredential, find_credential
from verify.models import Options

if TYPE_CHECKING:
    import requests

LEAST_SHARE = 4
"""Batches in flight that each organisation may have however many are read."""

THREADS_EACH = LEAST_SHARE + 4
"""For listing, counting, and batches beyond the common limit, so that none of these ever waits for another."""


class RunContext:
    """What the checks of one process share; made once for each process that verifies.

    Attributes:
        endpoints: where Entra ID and Graph are.
        session: its pool has room for every batch that may be in flight, and for listing and counting beside them.
        pool: threads of all organisations; to start some for each costs more than to read a small one.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.endpoints: CloudEndpoints = load_endpoints(options.connector.cloud, options.environ or os.environ)
        self._cap = options.pace.fixed or options.pace.cap
        self.session: requests.Session = new_session(
            self.endpoints, pool_size=self._cap + 2 * options.organisations_at_once
        )
        threads = self._cap + THREADS_EACH * options.organisations_at_once
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="verify")
        self._lock = threading.Lock()
        self._located: LocatedCredential | OrgcalError | None = None
        self._active = 0
        self._in_flight = 0

    def credential(self) -> LocatedCredential:
        """The connector's credential, read once; the same error for every caller after a failure.

        Raises:
            OrgcalError: it cannot be read anywhere.
        """
        with self._lock:
            if self._located is None:
                try:
                    self._located = find_credential(self.options)
                except OrgcalError as error:
                    self._located = error
        if isinstance(self._located, OrgcalError):
            raise self._located
        return self._located

    def entered(self, organisations: int) -> None:
        """Count organisations that are being read now, or with a negative number those that are done."""
        with self._lock:
            self._active += organisations

    def may_send(self, in_flight: int) -> bool:
        """Whether an organisation with `in_flight` batches may send one more.

        It always may up to its part, which is the same for all, and beyond it while the others leave theirs unused.
        """
        part = max(LEAST_SHARE, self._cap // max(1, self._active))
        return in_flight < part or self._in_flight < self._cap

    def sent(self, batches: int) -> None:
        """Count batches that left, or with a negative number those that came back."""
        with self._lock:
            self._in_flight += batches

    def close(self) -> None:
        """Close the connections; threads end with what they are doing."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        self.session.close()
