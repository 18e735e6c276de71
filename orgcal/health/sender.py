"""Sends alerts from a process that goes on working: when it is told that something has changed, in a thread of its own.

It does what `orgcal alerts send` does. Messages that no target took are tried again, here and by any later run.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Self

from orgcal.errors import OrgcalError, explained
from orgcal.health.alerts import update_alerts
from orgcal.health.delivery import deliver
from orgcal.health.targets import MessageTarget
from orgcal.settings import AlertSettings
from orgcal.tenants.alerts import waiting
from orgcal.tenants.registry import Registry, RegistryUnavailable

_LOG = logging.getLogger("orgcal.alerts")

AGAIN_S = 60.0
"""So often it is tried again while messages wait."""

END_TIMEOUT_S = 5.0
"""So long the process waits for a message that is being sent; the next run sends what was not."""


class AlertSender:
    """Sends what has changed whenever `wake` was called; as a context, from its begin to its end.

    The first thing it does is to look: of answers from before the first look at a registry, alerts tell nothing.

    Args:
        targets: none of them means that it does nothing.
    """

    def __init__(self, registry: Registry, settings: AlertSettings, targets: Mapping[str, MessageTarget]) -> None:
        self._registry = registry
        self._settings = settings
        self._targets = targets
        self._asked = threading.Event()
        self._woken = threading.Event()
        self._ended = threading.Event()
        # A daemon, as a target that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._work, name="alerts", daemon=True)

    def __enter__(self) -> Self:
        if self._targets:
            with suppress(RegistryUnavailable):  # the thread tries again
                update_alerts(self._registry, self._settings)
            self._thread.start()
            self.wake()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._woken.set()
        if self._targets:
            self._thread.join(END_TIMEOUT_S)

    def wake(self, *_: object) -> None:
        """Have it look for what has changed; returns at once."""
        self._asked.set()
        self._woken.set()

    def _work(self) -> None:
        more = False
        while True:
            self._woken.wait(AGAIN_S if more else None)
            self._woken.clear()
            ending, asked = self._ended.is_set(), self._asked.is_set()
            self._asked.clear()
            if asked or not ending:
                more = self._send()
            if ending:
                return

    def _send(self) -> bool:
        """Send what is due; whether messages wait, or nobody knows."""
        try:
            update_alerts(self._registry, self._settings)
            done = deliver(self._registry, self._targets)
            left = waiting(self._registry)
        except OrgcalError as error:
            _LOG.warning("alerts: %s; trying again", error.what)
            return True
        except Exception as error:  # noqa: BLE001  # nobody else would see it, and the next one may go well
            _LOG.warning("alerts: %s; trying again", explained(error).what)
            return True
        for name, why in done.failed.items():
            _LOG.warning("alerts: target %s took no message: %s; trying again", name, why.partition("\n")[0])
        return bool(left)
