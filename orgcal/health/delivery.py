"""Sends the messages that wait, each to each target once, whoever else sends at the same time.

A message is claimed before it is sent. If whoever claimed it dies, it is claimed again after some minutes; so after a
kill in the middle of a send a receiver may get it twice, with the same id.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from orgcal.errors import OrgcalError, Unreachable, UsageError, explained
from orgcal.health.targets import MessageTarget
from orgcal.patience import Clock, Patience, backoff_s
from orgcal.tenants.alerts import GIVEN_UP, SENT, WAITING, Message, claim, settle
from orgcal.tenants.registry import Registry

TRIES_S = 30.0
"""So long one call tries to reach a target; then it waits for the next call."""

LONGEST_SEND_S = 60.0
"""For one try, however slowly a target answers."""

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 6 * 3600.0
GIVEN_UP_AFTER = timedelta(days=3)
"""Three days of tries are what the specification of webhooks recommends, too."""


@dataclass
class Delivered:
    """What came of a delivery.

    Attributes:
        sent: messages that arrived.
        failed: target -> why it took none, in a sentence; its messages wait for the next time.
    """

    sent: list[Message] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def deliver(registry: Registry, targets: Mapping[str, MessageTarget], *, clock: Clock | None = None) -> Delivered:
    """Send what is due, in the order in which it was made; a target that fails holds up no other one.

    Raises:
        RegistryUnavailable: the database cannot be asked now.
    """
    done = Delivered()
    for name, target in targets.items():
        patience = Patience(TRIES_S, clock, first_s=FIRST_PAUSE_S)
        while (message := claim(registry, name)) is not None:
            error = _sent(target, message, patience)
            if error is None:
                settle(registry, message, SENT)
                done.sent.append(message)
                continue
            done.failed[name] = str(error)
            given_up = registry.now() - message.made_at > GIVEN_UP_AFTER
            pause = timedelta(seconds=backoff_s(message.attempts, first_s=60.0, longest_s=LONGEST_PAUSE_S))
            state = GIVEN_UP if given_up else WAITING
            settle(registry, message, state, due_at=registry.now() + pause, why=error.what)
            break  # later messages wait, so that none overtakes another
    return done


def _sent(target: MessageTarget, message: Message, patience: Patience) -> OrgcalError | None:
    """Why a message was not sent, after some tries; None where it was."""
    while True:
        try:
            _send(target, message.content)
        except Exception as error:  # noqa: BLE001  # whatever a target breaks must not stop the others
            if isinstance(error, UsageError) or not patience.wait():
                return explained(error)
        else:
            return None


def _send(target: MessageTarget, content: Mapping[str, Any]) -> None:
    """Send a message; a target that neither takes nor refuses it in time is left to itself.

    Raises:
        Unreachable: that happened. Otherwise what `MessageTarget.send` raises.
    """
    ended: list[Exception | None] = []

    def work() -> None:
        try:
            target.send(content)
            ended.append(None)
        except Exception as error:  # noqa: BLE001  # raised below, in the thread that waits
            ended.append(error)

    # A daemon, as one that hangs must not keep the process from ending.
    thread = threading.Thread(target=work, name="alert", daemon=True)
    thread.start()
    thread.join(LONGEST_SEND_S)
    if not ended:
        raise Unreachable(f"it did not answer within {LONGEST_SEND_S:.0f} s")
    if ended[0] is not None:
        raise ended[0]
