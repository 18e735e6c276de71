"""Targets of alerts: a signed webhook, an e-mail, and targets that are down or talk nonsense."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest

from orgcal.errors import OrgcalError, UsageError
from orgcal.health.targets import MessageTarget, signature, signing_key, targets_of
from orgcal.settings import AlertSettings
from orgcal.tenants.alerts import waiting
from orgcal.tenants.model import State
from tests.support.health import CONTOSO, NIGHT, Project
from tests.support.receivers import WebhookReceiver, mail_receiver, webhook_receiver

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # apprise imports it

TOKEN = "a-token-nobody-may-see"
KEY = "whsec_" + base64.b64encode(b"k" * 32).decode()
CONTENT = {"id": "m-1", "kind": "problem", "severity": "critical", "at": "2026-11-23T03:17:00+00:00",
           "title": "orgcal: Contoso", "text": "Contoso has taken its access away\nsince yesterday"}  # fmt: skip


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with webhook_receiver() as receiver:
        yield receiver


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    return Project(tmp_path, monkeypatch)


def target(folder: Path, url: str, *, key: str = "") -> MessageTarget:
    """The only target, whose address and key lie in files."""
    named = {"url_file": "url"}
    files = {"url": url, **({"key": key} if key else {})}
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n")
        (folder / name).chmod(0o600)
    settings = AlertSettings.model_validate({"targets": {"ops": {**named, **({"secret_file": "key"} if key else {})}}})
    return targets_of(settings, {}, folder)["ops"]


@pytest.mark.judged("the test vector of Standard Webhooks")
def test_signature_is_that_of_the_published_example() -> None:
    key = signing_key("whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "key")

    signed = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_webhook_is_signed_over_exactly_what_arrives(tmp_path: Path, receiver: WebhookReceiver) -> None:
    target(tmp_path, receiver.url, key=KEY).send({**CONTENT, "organisation": 'Contoso "North" ünï'})

    ((headers, body),) = receiver.requests
    told = json.loads(body)
    assert (told["type"], told["timestamp"], told["data"]["organisation"]) == (
        "orgcal.problem",
        CONTENT["at"],
        'Contoso "North" ünï',
    )
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(b"k" * 32, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}"
    assert headers["webhook-id"] == "m-1"


def test_webhook_without_a_key_has_no_signature(tmp_path: Path, receiver: WebhookReceiver) -> None:
    target(tmp_path, receiver.url).send(CONTENT)

    assert "webhook-signature" not in receiver.requests[0][0]


@pytest.mark.parametrize("status", [302, 400, 410, 500])
def test_receiver_that_refuses_is_one_sentence_without_its_address(
    tmp_path: Path, receiver: WebhookReceiver, status: int
) -> None:
    receiver.statuses, receiver.answer = [status], b"\xff\x00 nonsense " + TOKEN.encode()
    with pytest.raises(OrgcalError, match=f"the receiver answered {status}") as refused:
        target(tmp_path, receiver.url).send(CONTENT)

    assert "orgcal:alerts.targets.ops" in str(refused.value)
    assert TOKEN not in f"{refused.value!r} {refused.value}"


def test_receiver_that_is_away_or_answers_no_http_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(OrgcalError, match="the receiver cannot be reached") as refused:
        target(tmp_path, f"http://127.0.0.1:{port}/{TOKEN}").send(CONTENT)

    assert TOKEN not in f"{refused.value!r} {refused.value}"


def test_answer_without_an_end_is_one_sentence_without_the_address(tmp_path: Path, receiver: WebhookReceiver) -> None:
    receiver.answer = b"x" * (17 * 2**20)
    with pytest.raises(OrgcalError, match="the receiver cannot be reached") as refused:
        target(tmp_path, f"{receiver.url}#{TOKEN}").send(CONTENT)

    assert TOKEN not in f"{refused.value!r} {refused.value}"
    assert receiver.url not in str(refused.value)


@pytest.mark.judged("apprise")
def test_e_mail_arrives_through_apprise(tmp_path: Path) -> None:
    with mail_receiver() as (port, got):
        address = f"mailto://127.0.0.1:{port}?from=orgcal@acme.example&to=ops@acme.example&mode=insecure&format=text"
        target(tmp_path, address).send(CONTENT)

    (mail,) = got
    told = message_from_string(mail)
    assert (told["Subject"], told["To"]) == ("orgcal: Contoso", "ops@acme.example")
    bodies = [part.get_payload(decode=True) for part in told.walk() if part.get_content_type() == "text/plain"]
    assert any(b"has taken its access away" in body for body in bodies if isinstance(body, bytes))


@pytest.mark.judged("apprise")
def test_e_mail_that_is_refused_is_one_sentence_without_the_address(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    mail = target(tmp_path, f"mailto://user:{TOKEN}@127.0.0.1:{port}?from=a@acme.example&to=b@acme.example")
    with pytest.raises(OrgcalError, match="the message could not be sent") as refused:
        mail.send(CONTENT)

    assert TOKEN not in f"{refused.value!r} {refused.value} {mail!r} {caplog.text}"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://hooks.example/x", "a web address must be https"),
        ("hooks.example/x", "neither a web address nor one of apprise"),
        ("nonsense://x", "neither a web address nor one of apprise"),
        ("", "is empty"),
    ],
)
def test_address_that_is_none_is_refused_in_one_sentence(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        target(tmp_path, url).send(CONTENT)


@pytest.mark.parametrize("key", ["few-letters", "whsec_", "whsec_not base64!", "whsec_c2hvcnQ="])
def test_signing_key_that_is_none_is_refused_and_not_shown(tmp_path: Path, key: str) -> None:
    with pytest.raises(UsageError, match="shorter than 24 bytes, or no base64") as refused:
        target(tmp_path, "https://hooks.example/x", key=key)

    assert key not in str(refused.value).replace("whsec_$(", "").replace("after whsec_", "")


def test_file_of_an_address_that_others_may_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"https://hooks.example/{TOKEN}")
    (tmp_path / "url").chmod(0o644)
    settings = AlertSettings.model_validate({"targets": {"ops": {"url_file": "url"}}})
    with pytest.raises(UsageError, match="can be read by others") as refused:
        targets_of(settings, {}, tmp_path)

    assert TOKEN not in str(refused.value)


def settled(project: Project, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
    monkeypatch.setenv("OPS_URL", receiver.url)
    monkeypatch.setenv("OPS_KEY", KEY)
    project.settle(alerts={"targets": {"ops": {"url_variable": "OPS_URL", "secret_variable": "OPS_KEY"}}, **more})


def test_alerts_test_reaches_every_target_and_says_so(
    project: Project, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(project, receiver, monkeypatch, quiet_hours="00:00-23:59")

    assert project.run("alerts", "test").output == "ops: sent\n"
    receiver.statuses = [500]
    refused = project.run("alerts", "test", "--json")

    assert refused.exit_code == 1
    assert json.loads(refused.output)["failed"]["ops"].startswith(
        "orgcal:alerts.targets.ops: the receiver answered 500"
    )
    assert [message["kind"] for message in receiver.messages] == ["test", "test"]


def test_alerts_test_without_a_target_says_what_to_write(project: Project) -> None:
    ended = project.run("alerts", "test")

    assert isinstance(ended.exception, UsageError)
    assert "no target is named" in str(ended.exception)


def test_alerts_send_tells_a_change_once_and_lists_what_is_wrong(
    project: Project, receiver: WebhookReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled(project, receiver, monkeypatch)
    with project.registry() as registry:
        registry.add(CONTOSO, "Contoso")
        registry.set_state(CONTOSO, State.REVOKED, reason="gone", consented_at=NIGHT)

    first, second = (project.run("alerts", "send") for _ in range(2))

    assert "ops: orgcal orgcal/prod: critical: Contoso has taken its access away (gone)" in first.output
    assert second.output == "0 messages sent, 0 waiting; 1 thing is wrong\n"
    assert "access-lost  Contoso has taken its access away (gone)" in project.run("alerts", "list").output
    assert len(receiver.messages) == 1
    assert TOKEN not in first.output + second.output


def test_alerts_send_without_targets_keeps_track_and_says_that_nobody_is_told(project: Project) -> None:
    ended = project.run("alerts", "send")

    assert ended.exit_code == 0
    assert "nobody is told: orgcal:alerts.targets names no target" in ended.output
    with project.registry() as registry:
        assert waiting(registry) == 0
