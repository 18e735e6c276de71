"""What the checks of one process share: addresses, one session, the credential, and the connections in flight."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from orgcal.entra.clouds import CloudEndpoints, load_endpoints
from orgcal.entra.session import new_session
from orgcal.errors import OrgcalError
from verify.credentials import Found, find_credential
from verify.models import Options

if TYPE_CHECKING:
    import requests

LEAST_SHARE = 4
"""Batches in flight that each organisation may have however many are read."""


class RunContext:
    """Made once for each process that verifies.

    Attributes:
        endpoints: where Entra ID and Graph are.
        session: its pool has room for every batch that may be in flight, and for listing and counting beside them.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.endpoints: CloudEndpoints = load_endpoints(options.connector.cloud, options.environ or os.environ)
        self._cap = options.pace.fixed or options.pace.cap
        self.session: requests.Session = new_session(
            self.endpoints, pool_size=self._cap + 2 * options.organisations_at_once
        )
        self._lock = threading.Lock()
        self._found: Found | OrgcalError | None = None
        self._active = 0
        self._in_flight = 0

    def credential(self) -> Found:
        """The connector's credential, looked for once; the same refusal for everybody who asks after a failure.

        Raises:
            OrgcalError: no place tells it.
        """
        with self._lock:
            if self._found is None:
                try:
                    self._found = find_credential(self.options)
                except OrgcalError as error:
                    self._found = error
        if isinstance(self._found, OrgcalError):
            raise self._found
        return self._found

    def entered(self) -> None:
        """One more organisation is being read."""
        with self._lock:
            self._active += 1

    def left(self) -> None:
        """One organisation less is being read."""
        with self._lock:
            self._active -= 1

    def may_send(self, in_flight: int) -> bool:
        """Whether an organisation with `in_flight` batches may send one more: always up to its part, which is the same
        for all, and beyond it as long as the others leave theirs unused."""
        part = max(LEAST_SHARE, self._cap // max(1, self._active))
        return in_flight < part or self._in_flight < self._cap

    def sent(self, batches: int) -> None:
        """So many batches left, or came back where it is negative."""
        with self._lock:
            self._in_flight += batches

    def close(self) -> None:
        """Close the connections."""
        self.session.close()
