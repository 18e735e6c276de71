"""The checks before anything is read: which tokens are asked for, and what a refusal comes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from orgcal.entra.auth import TokenSource
from orgcal.entra.clouds import CloudEndpoints
from orgcal.entra.credentials import ClientSecret
from orgcal.entra.probe import TenantAccess
from orgcal.errors import EntraError, OrgcalError, PlatformError, Unreachable, UsageError
from orgcal.patience import Clock
from orgcal.platforms.testing_server import FakeTime
from tests.support.stack_record import outputs
from verify import access
from verify.access import Access, PatientTokens, PlatformTokens, gain_access
from verify.credentials import CannotTell, LocatedCredential, NoCredential
from verify.models import CheckResult, Connector, Options, Pace, SecretReference, Target, Verdict

ENDPOINTS = CloudEndpoints("public", "https://login.example", "https://graph.example", "public")
PLATFORM = SecretReference("platform", "outlook", {"kind": "scripted"})
CONNECTOR = Connector("public", "client", ("Mail.Read", "Calendars.Read"), PLATFORM)
OPTIONS = Options(CONNECTOR, environ={"NAME": "value"}, pace=Pace(budget_s=77.0), stop=lambda: False)
LOCATED = LocatedCredential(ClientSecret("s"), "read back from the connector", "connector")
CONTOSO = Target("t0", "Contoso")
EXISTS = CheckResult("tenant", Verdict.PASS, "the tenant exists")
GRANTED = TenantAccess("granted", "all", effective=frozenset({"Mail.Read"}), source="grants")


class ScriptedPlatform:
    """Hands out a token for each call, where it can."""

    def __init__(self, *, tokens: bool = True) -> None:
        self.capabilities = SimpleNamespace(tokens=tokens)
        self.asked: list[tuple[str, str]] = []

    def access_token(self, key: str, tenant_id: str) -> str:
        self.asked.append((key, tenant_id))
        return f"token {len(self.asked)}"


class Context:
    """A run's context without a network."""

    def __init__(self, options: Options = OPTIONS, located: LocatedCredential | OrgcalError = LOCATED) -> None:
        self.options, self.endpoints, self.session = options, ENDPOINTS, object()
        self.located = located

    def credential(self) -> LocatedCredential:
        if isinstance(self.located, OrgcalError):
            raise self.located
        return self.located


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The arguments of each probe of a tenant, which finds that all is granted."""
    calls: list[tuple[Any, ...]] = []

    def probe(*arguments: Any) -> TenantAccess:
        calls.append(arguments)
        return GRANTED

    monkeypatch.setattr(access, "probe_tenant", probe)
    return calls


def opened(monkeypatch: pytest.MonkeyPatch, platform: ScriptedPlatform) -> list[tuple[Any, Any]]:
    """Opens that platform for whoever asks; the settings and variables that were given."""
    given: list[tuple[Any, Any]] = []

    def open_platform(settings: Any, environ: Any) -> ScriptedPlatform:
        given.append((settings, environ))
        return platform

    monkeypatch.setattr("orgcal.platforms.open_platform", open_platform)
    return given


def gained(context: Context, target: Target = CONTOSO) -> Access:
    return gain_access(target, context)  # type: ignore[arg-type]


def token_result(sentence: str, origin: str, proof: str, repair: str = "") -> CheckResult:
    verdict = Verdict.WARN if repair else Verdict.PASS
    return CheckResult("token", verdict, sentence, repair, evidence={"credential": origin, "proof": proof})


def test_token_of_the_connectors_own_credential_is_judged_by_what_it_permits(probed: list[tuple[Any, ...]]) -> None:
    context = Context()

    found = gained(context)

    origin = "credential read back from the connector"
    assert found.results == (EXISTS, token_result(f"Entra ID gave a token ({origin})", origin, "connector"))
    assert (found.roles, found.roles_from) == (frozenset({"Mail.Read"}), "grants")
    assert isinstance(found.tokens, PatientTokens)
    assert (found.tokens.budget_s, found.tokens.stopped) == (77.0, OPTIONS.stop)
    source = found.tokens.tokens
    assert isinstance(source, TokenSource)
    assert (source.endpoints, source.tenant_id, source.client_id) == (ENDPOINTS, "t0", "client")
    assert (source.credential, source.session) == (LOCATED.credential, context.session)
    declared = frozenset({"Mail.Read", "Calendars.Read"})
    assert probed == [(ENDPOINTS, found.tokens, context.session, "client", declared)]


@pytest.mark.parametrize(("through", "federated"), [(True, False), (False, True)])
def test_token_of_the_platform_is_taken_where_that_is_asked_for_or_all_there_is(
    monkeypatch: pytest.MonkeyPatch, probed: list[tuple[Any, ...]], through: bool, federated: bool
) -> None:
    platform = ScriptedPlatform()
    given = opened(monkeypatch, platform)
    options = replace(OPTIONS, through_platform=through, connector=replace(CONNECTOR, federated=federated))

    found = gained(Context(options))

    origin = "through the platform"
    assert found.results == (EXISTS, token_result(f"Entra ID gave a token ({origin})", origin, "platform"))
    assert given == [({"kind": "scripted"}, {"NAME": "value"})]
    assert found.tokens is not None
    assert (found.tokens.token(), platform.asked) == ("token 1", [("outlook", "t0")])


def test_platform_without_tokens_is_a_warning_beside_the_credential(
    monkeypatch: pytest.MonkeyPatch, probed: list[tuple[Any, ...]]
) -> None:
    opened(monkeypatch, ScriptedPlatform(tokens=False))

    found = gained(Context(replace(OPTIONS, through_platform=True)))

    origin = "credential read back from the connector"
    sentence = f"Entra ID gave a token ({origin}); not through the platform, as the platform hands out no tokens"
    assert found.results[1] == token_result(sentence, origin, "connector", "leave out --through-platform")


def test_connector_without_a_credential_or_tokens_cannot_be_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    opened(monkeypatch, ScriptedPlatform(tokens=False))

    found = gained(Context(replace(OPTIONS, connector=replace(CONNECTOR, federated=True))))

    assert found == Access(
        (
            CheckResult("tenant", Verdict.SKIP, "nobody could be asked"),
            CheckResult(
                "token",
                Verdict.ERROR,
                "connector 'outlook': the connector proves itself with tokens of another issuer, and its platform "
                "hands out no tokens",
                "only a connected organisation proves it",
            ),
        )
    )


def test_credential_in_a_file_is_used_though_the_platform_was_asked_for(probed: list[tuple[Any, ...]]) -> None:
    connector = replace(CONNECTOR, credential=SecretReference("file", "f"))

    found = gained(Context(replace(OPTIONS, through_platform=True, connector=connector)))

    assert found.results[1].verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("error", "verdict", "sentence", "repair"),
    [
        (Unreachable("no route", where="platform", repair="look"), Verdict.ERROR, "platform: no route", "look"),
        (UsageError("the variable is not set", where="V"), Verdict.ERROR, "V: the variable is not set", ""),
        (CannotTell("not shown"), Verdict.ERROR, "not shown", ""),
        (NoCredential("none", where="connector 'x'", repair="pulumi up"), Verdict.FAIL, "connector 'x': none",
         "pulumi up"),
        (PlatformError("refused", status=403), Verdict.FAIL, "refused", ""),
    ],
)  # fmt: skip
def test_credential_that_cannot_be_had_is_told_as_the_end_of_its_check(
    error: OrgcalError, verdict: Verdict, sentence: str, repair: str
) -> None:
    skipped = CheckResult("tenant", Verdict.SKIP, "nobody could be asked")

    assert gained(Context(located=error)) == Access((skipped, CheckResult("token", verdict, sentence, repair)))


def refusing(
    monkeypatch: pytest.MonkeyPatch, error: OrgcalError, kind: Any = "none", repair: str = ""
) -> Callable[..., tuple[CheckResult, ...]]:
    refused = TenantAccess(kind, error.what, repair, error=error)
    monkeypatch.setattr(access, "probe_tenant", lambda *_: refused)

    def results(target: Target = CONTOSO, connector: Connector = CONNECTOR) -> tuple[CheckResult, ...]:
        found = gained(Context(replace(OPTIONS, connector=connector)), target)
        assert (found.tokens, found.roles, found.roles_from) == (None, None, "")
        return found.results

    return results


REFUSED = EntraError("not known", error="unauthorized_client", aadsts=700016, correlation_id="c", repair="of Entra")
EVIDENCE = {"error": "unauthorized_client", "aadsts": 700016, "correlation_id": "c", "refusal": "not consented"}


def test_tenant_that_does_not_exist_fails_and_is_not_asked_for_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    error = EntraError("no such tenant", error="invalid_request", aadsts=90002, repair="check the id")

    assert refusing(monkeypatch, error, "no tenant")() == (
        CheckResult("tenant", Verdict.FAIL, "no such tenant", "check the id", evidence={
            "error": "invalid_request", "aadsts": 90002, "correlation_id": "", "refusal": "no tenant"}),
        CheckResult("token", Verdict.SKIP, "there is no tenant to ask for a token"),
    )  # fmt: skip


def test_refusal_is_told_with_what_entra_said_and_the_repair(monkeypatch: pytest.MonkeyPatch) -> None:
    results = refusing(monkeypatch, REFUSED, repair="ask in TENANT")

    assert results() == (EXISTS, CheckResult("token", Verdict.FAIL, "not known", "ask in Contoso", evidence=EVIDENCE))
    assert results(Target("t0", "Wide World"))[1].repair == "ask in 'Wide World'"
    assert results(Target("t0"))[1].repair == "ask in t0"


def test_refusal_that_nobody_can_repair_tells_what_its_row_says(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = refusing(monkeypatch, EntraError("busy", aadsts=90055), "unknown")()

    assert (busy[1].verdict, busy[1].repair, busy[1].evidence["refusal"]) == (
        Verdict.ERROR,
        "verify again later",
        "busy",
    )


def test_tenant_that_nobody_could_ask_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusing(monkeypatch, Unreachable("cut", where="login"), "unknown")() == (
        CheckResult("tenant", Verdict.SKIP, "nobody could be asked"),
        CheckResult("token", Verdict.ERROR, "login: cut"),
    )


SEND = "send the organisation's administrator the link of `orgcal consent link TENANT`, and check the tenant id"
STACK = replace(CONNECTOR, outputs=outputs(stack="prod"))


@pytest.mark.parametrize(
    ("target", "connector", "repair"),
    [
        (replace(CONTOSO, consent_link="https://x"), STACK,
         "send this link to the organisation's administrator: https://x"),
        (replace(CONTOSO, consent_link="https://x"), CONNECTOR,
         "send this link to the organisation's administrator: https://x"),
        (CONTOSO, CONNECTOR, "send the organisation's administrator a consent link of the application client, and "
         "check the tenant id"),
        (CONTOSO, STACK, SEND.replace("TENANT", "Contoso")),
        (replace(CONTOSO, named=True), STACK, SEND.replace("TENANT", "Contoso")),
        (Target("t0"), STACK, SEND.replace("TENANT", "t0")),
        (Target("t0", named=True), STACK,
         f"orgcal tenants add t0 --stack prod; then {SEND.replace('TENANT', 't0')}"),
    ],
)  # fmt: skip
def test_way_to_a_consent_is_the_one_that_is_there(
    monkeypatch: pytest.MonkeyPatch, target: Target, connector: Connector, repair: str
) -> None:
    assert refusing(monkeypatch, REFUSED, repair=SEND)(target, connector)[1].repair == repair


class Script:
    """Tokens, or errors, one after the other."""

    def __init__(self, *answers: str | OrgcalError) -> None:
        self.answers = list(answers)
        self.refused: list[str] = []

    def token(self) -> str:
        answer = self.answers.pop(0)
        if isinstance(answer, OrgcalError):
            raise answer
        return answer

    def renewed(self, refused: str) -> str:
        self.refused.append(refused)
        return self.token()


def test_token_is_waited_for_as_long_as_its_budget_allows() -> None:
    time = FakeTime()
    tokens = PatientTokens(Script(Unreachable("a", retry_after_s=10.0), "t"), 10.0, clock=time.clock())
    assert tokens.token() == "t"
    assert sum(time.waits) == pytest.approx(10.0)
    assert max(time.waits) == 0.25, "it hears of a stop"

    with pytest.raises(Unreachable, match="b"):
        PatientTokens(Script(Unreachable("b", retry_after_s=10.1), "t"), 10.0, clock=FakeTime().clock()).token()


def test_token_that_was_refused_is_named_to_whoever_gives_another() -> None:
    script = Script("new", Unreachable("x"), "newer")
    tokens = PatientTokens(script, 10.0, clock=FakeTime().clock())

    assert (tokens.renewed("old"), tokens.renewed("older")) == ("new", "newer")
    assert script.refused == ["old", "older", "older"]


def test_wait_for_a_token_ends_where_the_run_does() -> None:
    stopped = [False]
    clock = Clock(lambda: 0.0, lambda _: stopped.__setitem__(0, True))
    script = Script(Unreachable("first", retry_after_s=9.0), Unreachable("second"), "t")

    with pytest.raises(Unreachable, match="second"):
        PatientTokens(script, 99.0, lambda: stopped[0], clock).token()
    assert script.answers == ["t"]


def test_token_without_a_principal_is_told_as_not_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "names_principal", lambda token: token == "good")
    script = Script("bad", "worse", "good", "good")
    tokens = PatientTokens(script, 99.0, clock=FakeTime().clock())
    assert (tokens.token(), script.refused) == ("good", ["bad", "worse"])
    monkeypatch.setattr(access, "names_principal", lambda token: pytest.fail("it was judged"))
    assert tokens.token() == "good"
    assert "good" not in repr(tokens)
    monkeypatch.setattr(access, "names_principal", lambda token: False)

    late = Script("a", "b", "c", "d")
    with pytest.raises(Unreachable) as refused:
        PatientTokens(late, 99.0, clock=FakeTime().clock()).token()

    assert late.answers == ["d"]

    assert refused.value.what == (
        "the application's service principal has not arrived everywhere in this organisation yet"
    )
    assert (
        refused.value.repair == "right after a consent, try again in some minutes; if it stays, send a new consent link"
    )


def test_platform_is_asked_again_only_for_another_token(monkeypatch: pytest.MonkeyPatch) -> None:
    platform = ScriptedPlatform()
    opened(monkeypatch, platform)
    tokens = PlatformTokens(PLATFORM, {}, "t0")

    assert tokens.can
    assert (tokens.token(), tokens.token(), len(platform.asked)) == ("token 1", "token 1", 1)
    assert (tokens.renewed("token 1"), tokens.renewed("token 1"), len(platform.asked)) == ("token 2", "token 2", 2)
