"""A consent service on a registry in memory whose proofs are only begun."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

from orgcal.consent import service as service_module
from orgcal.consent.answers import ConsentNews
from orgcal.consent.service import ConsentService
from orgcal.entra.clouds import load_endpoints
from orgcal.errors import UsageError
from orgcal.tenants.model import Link
from orgcal.tenants.registry import Registry
from tests.support.consent_probes import CONTOSO, outputs_with

Start = Callable[..., ConsentService]
OUTPUTS = outputs_with("Calendars.Read", "Directory.Read.All")


class Begun:
    """Proofs that nobody goes on with."""

    def __init__(self, *given: Any, **named: Any) -> None:
        self.given, self.named = given, named
        self.ended = threading.Condition()
        self.links: list[Link] = []
        self.begin = self.links.append
        self.resume = lambda: 7
        self.closed = 0

    def close(self) -> None:
        """Nothing goes on."""
        self.closed += 1


@contextmanager
def services(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts services of that registry, with the environment `{"X": "y"}`."""
    monkeypatch.setattr(service_module, "Proofs", Begun)
    made: list[ConsentService] = []

    def start(outputs: Any = OUTPUTS, **more: Any) -> ConsentService:
        made.append(ConsentService(registry, outputs, load_endpoints("public", {}), {"X": "y"}, **more))
        return made[-1]

    yield start
    for service in made:
        service.close()


def begun(service: ConsentService) -> Begun:
    """The proofs of such a service."""
    return cast(Begun, service._proofs)


def new_state(service: ConsentService) -> tuple[str, str]:
    """State and handle of a new link of Contoso."""
    link = service.link(service.registry.wanted("Contoso"))
    return parse_qs(urlsplit(link.url).query)["state"][0], link.handle


def told(refused: pytest.ExceptionInfo[UsageError]) -> tuple[str, str, str]:
    """What a refusal says, where, and how to repair it."""
    return refused.value.what, refused.value.where, refused.value.repair


def heard(service: ConsentService) -> list[tuple[str, str]]:
    """Events and details that are told from now on."""
    events: list[tuple[str, str]] = []

    def listen(news: ConsentNews) -> None:
        assert (news.tenant_id, news.organisation) == (CONTOSO, "Contoso")
        assert "--stack prod" in news.next or not news.next
        events.append((str(news.outcome), news.detail))

    service.listeners = [listen]
    return events
