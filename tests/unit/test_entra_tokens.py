"""How a token is asked for, when again, and what it says."""

from __future__ import annotations

import logging
import re
from types import SimpleNamespace
from typing import Any

import jwt
import pytest

from orgcal.entra import auth
from orgcal.entra.auth import TokenSource, _lifetime_s, claims_of, names_principal, roles_of
from orgcal.entra.credentials import ClientCertificate, FederatedToken
from orgcal.errors import Unreachable, UsageError
from tests.support.answered_tokens import TENANT, TOKEN_URL, WELL_KNOWN, described, issued, source_of
from tests.support.answering_session import answer
from tests.support.certificates import rsa_pair

# --- what is asked ---


def test_token_is_asked_for_with_the_secret_at_the_address_that_the_tenant_names() -> None:
    source, sent = source_of(described(), issued())

    assert source.token() == "t1"
    assert [(each.method, each.url) for each in sent] == [("GET", WELL_KNOWN), ("POST", TOKEN_URL)]
    form = {"client_id": "client", "client_secret": "hush", "grant_type": "client_credentials"}
    assert {**sent[1].body, "client_info": ""} == {**form, "scope": "https://graph.example/.default", "client_info": ""}


def test_federated_token_is_read_anew_for_each_request() -> None:
    given = iter(["first", "second"])
    answers = (described(), issued(), described(), issued("t2"))
    source, sent = source_of(*answers, credential=FederatedToken(lambda: next(given)))

    assert [source.fresh_token(), source.fresh_token()] == ["t1", "t2"]
    assert [each.body["client_assertion"] for each in sent if each.body] == ["first", "second"]


def test_certificate_signs_an_assertion_for_the_token_address() -> None:
    own = rsa_pair()
    certificate = ClientCertificate(own.key.replace("\n", " "), own.certificate)
    source, sent = source_of(described(), issued(), credential=certificate)

    assert source.token() == "t1"
    claims = jwt.decode(sent[1].body["client_assertion"], options={"verify_signature": False})
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("client", "client", TOKEN_URL)


def test_certificate_that_entra_does_not_take_is_refused_before_anything_is_sent() -> None:
    source, sent = source_of(described(), credential=ClientCertificate("no key", "no certificate"))

    with pytest.raises(UsageError) as caught:
        source.token()

    assert (caught.value.where, sent) == ("the application's certificate", [])


def test_tenant_that_names_no_single_one_is_refused_before_anything_is_sent() -> None:
    source, sent = source_of(described(), tenant="common")

    with pytest.raises(UsageError, match="'common' is neither a tenant id nor a domain") as caught:
        source.token()

    assert (caught.value.where, sent) == ("tenant of a token", [])


def test_source_shows_neither_credential_nor_token() -> None:
    source, _ = source_of(described(), issued("the-token"))
    source.token()

    assert "hush" not in repr(source)
    assert "the-token" not in repr(source)
    assert not {"session", "_lock", "_token"} & set(re.split("[(, =]", repr(source)))


def test_source_begins_without_a_token() -> None:
    source, _ = source_of(described(), issued())
    given: Any = (source.endpoints, TENANT, "client", source.credential, source.session, "a token")

    with pytest.raises(TypeError):
        TokenSource(*given)


# --- when it is asked again ---


def test_token_is_kept_and_a_fresh_one_is_asked_for() -> None:
    source, _ = source_of(described(), issued("t1"), described(), issued("t2"))

    assert [source.token(), source.token(), source.fresh_token(), source.token()] == ["t1", "t1", "t2", "t2"]


def test_token_is_renewed_for_the_refused_one_only() -> None:
    source, sent = source_of(described(), issued("t1"), described(), issued("t2"))

    given = [source.token(), *(source.renewed(refused) for refused in ("t0", "t1", "t1"))]

    assert given == ["t1", "t1", "t2", "t2"]
    assert len(sent) == 4


@pytest.mark.parametrize("again", ["token", "renewed"])
def test_token_is_asked_for_again_after_a_refusal_and_the_old_one_forgotten(again: str) -> None:
    """Also by a second thread whose token was refused at the same time."""
    source, _ = source_of(described(), issued("t1"), described(), answer(503, {}), described(), issued("t2"))
    source.token()
    with pytest.raises(Unreachable):
        source.renewed("t1")

    assert (source.token() if again == "token" else source.renewed("t1")) == "t2"


def test_source_that_was_never_asked_has_a_token_to_renew_with() -> None:
    source, _ = source_of(described(), issued("t1"))

    assert source.renewed("t0") == "t1"


@pytest.mark.parametrize(
    ("named", "seconds"),
    [
        (3599, 3599.0),
        ("3599", 3599.0),
        (0, 0.0),
        (-5, 0.0),
        (86400, 86400.0),
        (86401, 86400.0),
        ("soon", 0.0),
        (None, 0.0),
        ([1], 0.0),
        (10**400, 0.0),
        ("nan", 0.0),
        ("inf", 0.0),
    ],
)
def test_lifetime_is_a_day_at_most_and_nothing_where_none_is_named(named: Any, seconds: float) -> None:
    assert _lifetime_s(named) == seconds


def test_token_with_a_long_life_is_renewed_within_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [5000.0]
    monkeypatch.setattr(auth, "time", SimpleNamespace(monotonic=lambda: now[0]))
    source, _ = source_of(described(), issued("t1", 10_000_000), described(), issued("t2"))

    given = [source.token()]
    for passing_s in (86400.0 - 300.0 - 0.5, 0.5):
        now[0] += passing_s
        given.append(source.token())

    assert given == ["t1", "t1", "t2"]


def test_msals_warnings_stay_off_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("msal"), "handlers", [])
    source, _ = source_of(described(), issued(), described(), issued())
    source.fresh_token()
    source.fresh_token()

    assert [type(handler) for handler in logging.getLogger("msal").handlers] == [logging.NullHandler]


def test_handlers_that_somebody_set_for_msal_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    own = logging.StreamHandler()
    monkeypatch.setattr(logging.getLogger("msal"), "handlers", [own])
    source, _ = source_of(described(), issued())
    source.token()

    assert logging.getLogger("msal").handlers == [own]


# --- what a token says ---


def token_with(**claims: Any) -> str:
    return jwt.encode(claims, "k" * 32, algorithm="HS256")


@pytest.mark.parametrize(
    ("token", "claims", "roles", "named"),
    [
        (token_with(oid="o", roles=["A", "B"]), {"oid": "o", "roles": ["A", "B"]}, frozenset({"A", "B"}), True),
        (token_with(roles=["A"]), {"roles": ["A"]}, frozenset({"A"}), True),
        (token_with(oid="o"), {"oid": "o"}, frozenset(), True),
        (token_with(appid="a"), {"appid": "a"}, frozenset(), False),
        (token_with(oid="", roles=[]), {"oid": "", "roles": []}, frozenset(), False),
        (token_with(roles="A"), {"roles": "A"}, None, True),
        (token_with(roles=[1]), {"roles": [1]}, frozenset({"1"}), True),
        ("opaque", None, None, True),
        ("a.b.c", None, None, True),
        ("", None, None, True),
    ],
)
def test_claims_of_a_token_are_read_or_unknown(
    token: str, claims: dict[str, Any] | None, roles: frozenset[str] | None, named: bool
) -> None:
    assert (claims_of(token), roles_of(token), names_principal(token)) == (claims, roles, named)
