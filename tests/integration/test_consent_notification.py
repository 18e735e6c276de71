"""Targets of alerts hear of an administrator's answer at once, and hold up neither the page nor the server."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import pytest

from orgcal.consent.answers import ConsentNews
from orgcal.entra.clouds import CloudEndpoints
from orgcal.health import sender
from orgcal.health.alerts import update_alerts
from orgcal.health.sender import AlertSender
from orgcal.health.targets import Webhook
from orgcal.patience import Patience
from orgcal.settings import AlertSettings
from orgcal.stack.outputs import StackOutputs
from orgcal.tenants.alerts import waiting
from orgcal.tenants.registry import Registry, RegistryUnavailable
from tests.support.consent_steps import StartService, accept, agreed, receive, state_in
from tests.support.deployed_connector import CONTOSO, FABRIKAM
from tests.support.receivers import webhook_receiver

SETTINGS = AlertSettings.model_validate({"targets": {"ops": {"url_variable": "OPS"}}})


class Held:
    """A target that takes a message only when it is let."""

    def __init__(self) -> None:
        self.asked, self.let, self.taken = threading.Event(), threading.Event(), list[Mapping[str, Any]]()

    def send(self, content: Mapping[str, Any]) -> None:
        self.asked.set()
        assert self.let.wait(20)
        self.taken.append(content)


def sent(registry: Registry, told: list[Any], count: int) -> list[Any]:
    """The messages, once there are so many and the registry says that they were sent."""
    done = Patience(20, first_s=0.02).until(bool, lambda: len(told) >= count and waiting(registry) == 0)
    assert done
    return told


def test_accepted_and_declined_are_sent_at_once_and_again_after_a_refusal(
    start_service: StartService, registry: Registry, endpoints: CloudEndpoints, outputs: StackOutputs
) -> None:
    service = start_service(patience_s=60)
    accept(endpoints, outputs)
    news: list[ConsentNews] = []
    with webhook_receiver() as receiver:
        receiver.statuses = [503]
        target = Webhook("ops", receiver.url, b"", {})
        with AlertSender(registry, SETTINGS, {"ops": target}) as alerts:
            service.listeners = [news.append, alerts.wake]
            declined = service.link(registry.wanted("Fabrikam"))
            receive(service, f"error=access_denied&error_description=AADSTS65004&state={state_in(declined.url)}")
            sent(registry, receiver.requests, 2)
            service.wait_for(agreed(service), 20)
            sent(registry, receiver.requests, 3)
        refused, first, second = receiver.messages

    assert refused == first, "the same message again, with the same id"
    assert (first["rule"], first["tenant_id"]) == ("consent", FABRIKAM)
    assert first["sentence"] == "Fabrikam has declined the consent (AADSTS65004: the administrator declined)"
    assert (second["tenant_id"], second["sentence"]) == (CONTOSO, "Contoso has consented")
    assert second["repair"] == f"orgcal verify --tenant {CONTOSO} --stack test"
    assert [(item.event, item.tenant_id) for item in news] == [
        ("declined", FABRIKAM), ("proving", CONTOSO), ("accepted", CONTOSO),
    ]  # fmt: skip
    assert state_in(declined.url) not in str(news) + str([item.as_json() for item in news])


def test_target_that_hangs_holds_up_no_page(start_service: StartService, registry: Registry) -> None:
    service, held = start_service(), Held()
    with AlertSender(registry, SETTINGS, {"ops": held}) as alerts:
        service.listeners = [alerts.wake]
        for name in ("Contoso", "Fabrikam"):
            link = service.link(registry.wanted(name))
            assert receive(service, f"error=access_denied&state={state_in(link.url)}").status == 303
            assert held.asked.wait(20), "the first message is being sent while the second page is shown"
        held.let.set()
        sent(registry, held.taken, 2)

    assert {content["tenant_id"] for content in held.taken} == {CONTOSO, FABRIKAM}


def test_answer_just_before_the_end_is_still_sent(start_service: StartService, registry: Registry) -> None:
    service, held = start_service(), Held()
    held.let.set()
    link = service.link(registry.wanted("Contoso"))
    with AlertSender(registry, SETTINGS, {"ops": held}) as alerts:
        service.listeners = [alerts.wake]
        receive(service, f"error=access_denied&state={state_in(link.url)}")

    assert [content["tenant_id"] for content in held.taken] == [CONTOSO]


def test_registry_that_is_away_is_asked_again(
    start_service: StartService, registry: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    service, held, update = start_service(), Held(), update_alerts
    held.let.set()
    failures = [RegistryUnavailable("the registry cannot be asked now", where="registry"), ValueError("hunter2")]

    def now_and_then(*words: Any) -> Any:
        if failures:
            raise failures.pop(0)
        return update(*words)

    link = service.link(registry.wanted("Contoso"))
    with AlertSender(registry, SETTINGS, {"ops": held}) as alerts:
        monkeypatch.setattr(sender, "update_alerts", now_and_then)
        monkeypatch.setattr(sender, "AGAIN_S", 0.02)
        service.listeners = [alerts.wake]
        receive(service, f"error=access_denied&state={state_in(link.url)}")
        sent(registry, held.taken, 1)

    told = [record.getMessage() for record in caplog.records if record.name == "orgcal.alerts"]
    assert told[0] == "alerts: the registry cannot be asked now; trying again"
    assert "ValueError" in told[1]
    assert "hunter2" not in caplog.text


def test_without_targets_nothing_is_started(registry: Registry) -> None:
    with AlertSender(registry, AlertSettings(), {}) as alerts:
        alerts.wake()

        assert "alerts" not in [thread.name for thread in threading.enumerate()]


def test_listener_that_breaks_stops_neither_the_page_nor_the_next_one(
    start_service: StartService, registry: Registry
) -> None:
    service, news = start_service(), list[ConsentNews]()

    def broken(_: ConsentNews) -> None:
        raise RuntimeError("it broke")

    service.listeners = [broken, news.append]
    link = service.link(registry.wanted("Contoso"))

    assert receive(service, f"error=access_denied&state={state_in(link.url)}").status == 303
    assert [item.event for item in news] == ["declined"]
