"""`orgcal:index:ConnectorCredentials`: the credential in the connector's settings (step 4)."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

from orgcal import resource_types
from orgcal.durations import rfc3339
from orgcal.entra.credentials import FIELDS, StorableCredential, fields_of, from_fields
from orgcal.platforms import (
    Platform,
    PlatformCredential,
    StoredCredential,
    kind_refusal,
    open_platform,
    push_credentials,
)
from orgcal.platforms.model import NOT_SHOWN
from orgcal.provider._sdk import (
    UNKNOWN,
    Call,
    Created,
    Diff,
    InvalidInputs,
    Prop,
    Properties,
    ReadResult,
    Resource,
    Secret,
    State,
    has_unknown,
    reveal,
)
from orgcal.provider.connector import naming

CHANGED_ELSEWHERE = "changed elsewhere"
"""The fingerprint of a credential that is not ours; no digest looks like it."""

_MATERIAL = dict(zip(("clientSecret", "certificatePem", "privateKeyPem"), FIELDS, strict=True))


class ConnectorCredentials(Resource):
    """A connector's credential. Only a keyed fingerprint of what the platform holds is kept to find drift."""

    token = resource_types.CONNECTOR_CREDENTIALS
    inputs: ClassVar[Mapping[str, Prop]] = {
        "platform": Prop("object", required=True, description="Kind and settings of the platform, without secrets."),
        "connectorKey": Prop(required=True, replaces=True, description="Key of the connector's entry."),
        "clientId": Prop(required=True, description="Application (client) id."),
        "clientSecret": Prop(secret=True, description="Either this, or a certificate with its private key."),
        "certificatePem": Prop(description="X.509 certificate."),
        "privateKeyPem": Prop(secret=True, description="Its private key."),
        "generation": Prop("integer", required=True, description="Which generation of the credential this is."),
        "scopes": Prop("array", description="The connector's scopes, for platforms that keep them beside the secret."),
        "displayName": Prop(description="The entry's name, for platforms that make the entry with its credential."),
    }
    outputs: ClassVar[Mapping[str, Prop]] = {
        "fingerprint": Prop(volatile=True, description="HMAC of what the platform was last seen to hold."),
        "fingerprintKey": Prop(secret=True, description="Its random key."),
        "pushedAt": Prop(volatile=True, description="When the platform last took it, RFC 3339 in UTC."),
    }

    def check(self, call: Call, news: Properties, olds: Properties) -> Properties:  # noqa: ARG002
        able = naming.checked_platform(news["platform"])
        has_secret = "clientSecret" in news
        has_pair = "certificatePem" in news and "privateKeyPem" in news
        if has_secret == has_pair or (has_secret and ("certificatePem" in news or "privateKeyPem" in news)):
            raise InvalidInputs({"clientSecret": "give either clientSecret, or certificatePem and privateKeyPem"})
        refusal = kind_refusal(able, "secret" if has_secret else "certificate")
        if refusal:
            raise InvalidInputs({"clientSecret" if has_secret else "certificatePem": refusal})
        empty = [name for name in _MATERIAL if name in news and reveal(news[name]) == ""]
        if empty:
            raise InvalidInputs(dict.fromkeys(empty, "is empty"))
        return news

    def diff(self, call: Call, resource_id: str, old: State, news: Properties) -> Diff:  # noqa: ARG002
        """Changed inputs, and a secret that the platform does not hold any more."""
        diff = naming.moved(self.compared(old.inputs, news), old.inputs, news)
        diff = replace(diff, changed=diff.changed - {"displayName"})  # `Connector` renames an entry that exists
        if not has_unknown(news) and old.outputs.get("fingerprint") != _expected(old, news):
            return replace(diff, changed=diff.changed | {_material_in(news)})
        return diff

    def plan(self, call: Call, news: Properties, old: State | None) -> Properties:  # noqa: ARG002
        if old is None or has_unknown(news):
            return {"fingerprint": UNKNOWN}
        return {"fingerprint": _expected(old, news)}

    def create(self, call: Call, news: Properties) -> Created:
        platform = open_platform(news["platform"], os.environ)
        key = news["connectorKey"]
        stored = platform.read_credentials(key)
        if stored is not None and stored.client_id not in (None, "", news["clientId"]):
            before = f"the connector {key!r} held a credential of the application {stored.client_id}"
            call.tell("warning", f"{before}; replaced")
        return Created(naming.resource_id(news["platform"], key), _push(platform, news, secrets.token_hex(32)))

    def read(self, call: Call, resource_id: str, old: State) -> ReadResult | None:  # noqa: ARG002
        """What the platform holds; a secret that is not ours is never taken into the state."""
        settings, key = naming.parse_id(resource_id, old.inputs)
        stored = open_platform(settings, os.environ).read_credentials(key)
        if stored is None:
            return None
        salt = _salt(old) or secrets.token_hex(32)
        inputs: Properties = {**old.inputs, "platform": settings, "connectorKey": key}
        if stored.client_id is not None:
            inputs["clientId"] = stored.client_id
        if stored.generation is not None:
            inputs["generation"] = stored.generation
        if stored.credential is not None and stored.credential.scopes:
            kept = list(stored.credential.scopes)
            inputs["scopes"] = old.inputs["scopes"] if set(kept) == set(old.inputs.get("scopes", ())) else kept
        if not old.inputs and stored.credential is not None:  # an import starts with what is there
            inputs |= _material_of(stored.credential.credential)
        outputs: Properties = {
            "fingerprint": _seen(stored, old, salt),
            "fingerprintKey": Secret(salt),
            "pushedAt": old.outputs.get("pushedAt") or stored.updated_at or "",
        }
        return ReadResult(naming.resource_id(settings, key), inputs, outputs)

    def update(self, call: Call, resource_id: str, old: State, news: Properties) -> Properties:  # noqa: ARG002
        return _push(open_platform(news["platform"], os.environ), news, _salt(old) or secrets.token_hex(32))

    def delete(self, call: Call, resource_id: str, old: State) -> None:  # noqa: ARG002
        open_platform(old.inputs["platform"], os.environ).remove_credentials(old.inputs["connectorKey"])


def _push(platform: Platform, news: Properties, salt: str) -> Properties:
    credential = _credential(news)
    stored = push_credentials(platform, news["connectorKey"], credential)
    return {
        "fingerprint": credential.fingerprint(salt.encode()),
        "fingerprintKey": Secret(salt),
        "pushedAt": stored.updated_at or rfc3339(datetime.now(UTC)),
    }


def _credential(inputs: Properties) -> PlatformCredential:
    plain: dict[str, Any] = reveal(inputs)
    return PlatformCredential(
        client_id=plain["clientId"],
        generation=plain["generation"],
        credential=from_fields({field: plain.get(name) for name, field in _MATERIAL.items()}),
        scopes=tuple(plain.get("scopes", ())),
        display_name=plain.get("displayName", ""),
    )


def _material_of(credential: StorableCredential) -> Properties:
    texts = fields_of(credential)
    named = {name: texts[field] for name, field in _MATERIAL.items() if field in texts}
    return {name: Secret(text) if ConnectorCredentials.inputs[name].secret else text for name, text in named.items()}


def _material_in(news: Properties) -> str:
    """The input that holds the secret part of the credential."""
    return "clientSecret" if "clientSecret" in news else "privateKeyPem"


def _expected(old: State, news: Properties) -> str:
    """The fingerprint that the platform's credential has if it is the one declared."""
    if reveal(news[_material_in(news)]) == NOT_SHOWN and old.outputs.get("fingerprint") != CHANGED_ELSEWHERE:
        return str(old.outputs.get("fingerprint"))
    return _credential(news).fingerprint(_salt(old).encode())


def _salt(old: State) -> str:
    return str(reveal(old.outputs.get("fingerprintKey")) or "")


def _seen(stored: StoredCredential, old: State, salt: str) -> str:
    """The fingerprint of what the platform holds, as far as it lets us look."""
    if not stored.intact:
        return CHANGED_ELSEWHERE
    if stored.credential is not None:
        return stored.credential.fingerprint(salt.encode())
    if stored.updated_at is not None and stored.updated_at != old.outputs.get("pushedAt"):
        return CHANGED_ELSEWHERE
    return str(old.outputs.get("fingerprint") or CHANGED_ELSEWHERE)
