"""Where messages of alerts go: a signed webhook, or whatever apprise knows (e-mail, chats, pagers).

Webhooks are signed as https://www.standardwebhooks.com says, so that a receiver can use that project's libraries.
Source: spec/standard-webhooks.md of github.com/standard-webhooks/standard-webhooks at 03f5f8c68488.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from orgcal.entra.clouds import is_loopback
from orgcal.entra.secret_text import SecretSource, readable_by_others
from orgcal.errors import OrgcalError, PlatformError, Unreachable, UsageError
from orgcal.platforms.rest import session_for
from orgcal.redaction import hiding
from orgcal.settings import AlertSettings, AlertTarget

TIMEOUT_S = 20.0
"""For one try; a receiver should answer first and work then (15 to 30 s in the specification of webhooks)."""

LEAST_KEY_BYTES = 24
"""Of a signing key; same source."""

_MARK = "whsec_"


class MessageTarget(Protocol):
    """Takes messages."""

    def send(self, content: Mapping[str, Any]) -> None:
        """Deliver one message.

        Raises:
            OrgcalError: it was refused, or there was no answer in time; without the target's address, which is secret.
        """


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that gets JSON, signed where there is a key.

    Attributes:
        where: the setting, for errors.
        now: seconds since 1970.
    """

    where: str
    url: str = field(repr=False)
    key: bytes = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)
    now: Callable[[], float] = time.time

    def send(self, content: Mapping[str, Any]) -> None:
        body = json.dumps(
            {"type": f"orgcal.{content['kind']}", "timestamp": content["at"], "data": content},
            ensure_ascii=False,
            separators=(",", ":"),
        ).encode()
        message, timestamp = str(content["id"]), str(int(self.now()))
        headers = {"Content-Type": "application/json", "webhook-id": message, "webhook-timestamp": timestamp}
        if self.key:
            headers["webhook-signature"] = signature(self.key, message, timestamp, body)
        status = self._post(body, headers)
        if not 200 <= status < 300:
            raise PlatformError(
                f"the receiver answered {status}", status=status, where=self.where, repair="see the receiver's own log"
            )

    def _post(self, body: bytes, headers: Mapping[str, str]) -> int:
        import requests

        with hiding(self.url), session_for(self.url, self.environ) as session:
            try:
                answer = session.post(self.url, data=body, headers=dict(headers), timeout=TIMEOUT_S, stream=True)
                answer.close()
            except (requests.exceptions.RequestException, OrgcalError) as error:  # theirs would name the address
                raise Unreachable(
                    f"the receiver cannot be reached ({type(error).__name__})",
                    where=self.where,
                    repair="check the address in its file or variable, and the network",
                ) from None
        return int(answer.status_code)


@dataclass(frozen=True, slots=True)
class AppriseTarget:
    """An address of apprise's, such as `mailtos://` or `slack://` (extra `alerts`)."""

    where: str
    url: str = field(repr=False)

    def send(self, content: Mapping[str, Any]) -> None:
        sender = self._sender()
        kinds = {"info": "info", "warning": "warning", "critical": "failure"}
        kind = "success" if content["kind"] == "recovery" else kinds[str(content["severity"])]
        try:
            sent = sender.notify(content["text"], content["title"], kind, timeout=TIMEOUT_S)
        except Exception as error:  # noqa: BLE001  # a plugin's own; what it says may hold the address
            raise self._refused(type(error).__name__) from None
        if not sent:
            raise self._refused("it was refused, or there was no answer")

    def _refused(self, why: str) -> PlatformError:
        return PlatformError(
            f"the message could not be sent ({why})",
            where=self.where,
            repair="try the address by hand: apprise -vv -b test ADDRESS",
        )

    def _sender(self) -> Any:
        try:
            import apprise
        except ImportError:
            raise UsageError(
                "apprise is not installed", where=self.where, repair="pip install 'orgcal[alerts]', or use a webhook"
            ) from None
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # it may quote what was sent, and where
        sender = apprise.Apprise(asset=apprise.AppriseAsset(app_id="orgcal", app_desc="orgcal", async_mode=False))
        if not sender.add(self.url):
            raise UsageError(
                "this is neither a web address nor one of apprise",
                where=self.where,
                repair="see docs/health.md, or https://github.com/caronc/apprise for the addresses that there are",
            )
        return sender


def targets_of(settings: AlertSettings, environ: Mapping[str, str], folder: Path) -> dict[str, MessageTarget]:
    """The targets that the settings name.

    Args:
        folder: relative paths of files begin here.

    Raises:
        UsageError: an address or a key cannot be read, or is none.
    """
    return {name: _target(name, target, environ, folder) for name, target in settings.targets.items()}


def _target(name: str, target: AlertTarget, environ: Mapping[str, str], folder: Path) -> MessageTarget:
    where = f"orgcal:alerts.targets.{name}"
    url = _secret(target.url_file, target.url_variable, environ, folder, "target's address", f"{where}.url")
    key = ""
    if target.secret_file or target.secret_variable:
        key = _secret(target.secret_file, target.secret_variable, environ, folder, "signing key", f"{where}.secret")
    split = urlsplit(url)
    if split.scheme == "https" or (split.scheme == "http" and is_loopback(split.hostname or "")):
        return Webhook(where, url, signing_key(key, f"{where}.secret") if key else b"", environ)
    if split.scheme == "http":
        raise UsageError("a web address must be https", where=where, repair="only this machine's own may be http")
    if not split.scheme or "://" not in url:
        raise UsageError(
            "this is neither a web address nor one of apprise", where=where, repair="such as https://… or mailtos://…"
        )
    if key:
        raise UsageError("only webhooks are signed", where=where, repair="leave the signing key out")
    return AppriseTarget(where, url)


def _secret(file: str, variable: str, environ: Mapping[str, str], folder: Path, what: str, where: str) -> str:
    """A text that a file or a variable holds."""
    if variable:
        return SecretSource.of_variable(environ, variable).secret(what)
    path = folder / file
    text = SecretSource.of_file(path, f"{where}_file").secret(what)
    if readable_by_others(path):
        raise UsageError(f"the file {path} can be read by others", where=f"{where}_file", repair=f"chmod 600 {path}")
    return text


def signing_key(text: str, where: str) -> bytes:
    """The bytes of a signing key: `whsec_` and base64, or the text itself.

    Raises:
        UsageError: it is no base64, or too short.
    """
    try:
        key = base64.b64decode(text[len(_MARK) :], validate=True) if text.startswith(_MARK) else text.encode()
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < LEAST_KEY_BYTES:
        raise UsageError(
            f"the signing key is shorter than {LEAST_KEY_BYTES} bytes, or no base64 after {_MARK}",
            where=where,
            repair='echo "whsec_$(openssl rand -base64 32)"',
        )
    return key


def signature(key: bytes, message: str, timestamp: str, body: bytes) -> str:
    """The header `webhook-signature`: HMAC-SHA256 over id, time and body, as the specification has it."""
    signed = hmac.new(key, f"{message}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"
