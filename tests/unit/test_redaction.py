"""What was sent is in no text that a person reads."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgcal.errors import PlatformError
from orgcal.redaction import HIDDEN, QUOTED_PART, Redactor, hiding, redactor_of

SECRET = 'N5z8Q~15"\\ü/+w.Kd9 =&x%'
PEM_BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEF\nAASCBKcwggSjAgEAAoIBAQC7VJTU"
PEM = f"-----BEGIN PRIVATE KEY-----\n{PEM_BODY}\n-----END PRIVATE KEY-----\n"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJvaWQiOiJhYmMifQ.c2lnbmF0dXJl"

FORMS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "JSON": lambda text: json.dumps(text),
    "JSON in UTF-8": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"client_secret": text})),
    "URL": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "HTML": html.escape,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of more": lambda text: base64.b64encode(f"id:{text}!".encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(f"a{text}".encode()).decode(),
}


def windows(text: str) -> set[str]:
    return {text[at : at + QUOTED_PART] for at in range(len(text) - QUOTED_PART + 1)}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", [SECRET, PEM, JWT], ids=["secret", "key", "token"])
def test_secret_in_any_form_is_taken_out(form: str, secret: str) -> None:
    echoed = FORMS[form](secret)
    shown = Redactor([secret]).text(f"the value <{echoed}> does not fit")
    body = secret.split("-----")[2] if secret == PEM else secret
    assert not windows(body) & windows(shown)
    assert HIDDEN in shown
    assert shown.startswith("the value <")
    assert shown.endswith("> does not fit")
    if form.startswith("base64"):
        assert len(shown) < 60


def test_first_line_of_a_key_stays_readable() -> None:
    assert Redactor([PEM]).text("expected -----BEGIN PRIVATE KEY-----") == "expected -----BEGIN PRIVATE KEY-----"


def test_part_of_a_secret_is_taken_out_and_the_rest_of_the_sentence_stays() -> None:
    shown = Redactor(["0123456789abcdefghij"]).text("does not match: 23456789ab… (20 characters)")
    assert shown == "does not match: ***… (20 characters)"


def test_short_secret_is_taken_out_as_a_whole() -> None:
    assert Redactor(["hush"]).text("'hush' is too short") == "'***' is too short"


def test_json_that_is_escaped_in_another_way_is_read_first() -> None:
    answer = b'{"error": {"message": "\\u004e5z8Q~15 is wrong", "N5z8Q~15": 1}}'
    assert json.loads(Redactor(["N5z8Q~15"]).body(answer)) == {"error": {"message": "*** is wrong", "***": 1}}


def test_request_tells_its_secrets_by_their_names() -> None:
    headers = {"Authorization": "Bearer top-of-the-keys", "X-Api-Key": "another-key", "X-Tenant": "acme-calendar"}
    body = json.dumps({"display_name": "My calendar", "credentials": {"client_secret": "hush-hush-1"}}).encode()
    shown = redactor_of(headers, body).text("top-of-the-keys another-key acme-calendar My calendar hush-hush-1")
    assert shown == "*** *** acme-calendar My calendar ***"


def test_form_and_basic_keys_are_known() -> None:
    basic = base64.b64encode(b"user-name:pass-phrase").decode()
    found = redactor_of({"Authorization": f"Basic {basic}"}, "client_id=my-application&client_secret=hush%2Bhush")
    assert (
        found.text(f"{basic} user-name pass-phrase my-application hush+hush") == "*** user-name *** my-application ***"
    )


def test_exception_that_leaves_the_block_shows_nothing_whatever_its_type() -> None:
    with pytest.raises(KeyError) as plain, hiding("hush-hush-1"):
        raise KeyError("hush-hush-1")
    assert "hush" not in repr(plain.value)
    cause = ValueError("it was hush-hush-1")
    with pytest.raises(PlatformError) as caught, hiding("hush-hush-1"):
        raise PlatformError("hush-hush-1", where="hush-hush-1/x", repair="not hush-hush-1") from cause
    assert "hush" not in str(caught.value) + repr(caught.value) + repr(caught.value.__cause__)


@given(st.text(min_size=8, max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_any_text_is_taken_out_of_any_answer(secret: str, before: str, after: str) -> None:
    redactor = Redactor([secret.strip()])
    for escaped in (json.dumps(before + secret + after), json.dumps(before + secret + after, ensure_ascii=False)):
        shown = json.loads(redactor.body(f'{{"error": {escaped}}}'.encode("utf-8", "surrogatepass")))["error"]
        if len(secret.strip()) >= QUOTED_PART and all(len(set(part)) > 2 for part in windows(secret.strip())):
            assert secret.strip() not in shown
