"""The home tenant during a run of the program: lifetimes that its policy allows, warnings, and a name that is taken."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pulumi
import pytest

from orgcal.entra.clouds import load_endpoints
from orgcal.entra.home.policy import CredentialPolicy
from orgcal.entra.home.preflight import PreflightCheck, Verdict
from orgcal.errors import GraphError, OrgcalError
from orgcal.settings import Settings
from provisioning import home
from provisioning.home import HomeTenant
from tests.unit.test_program_branches import settings_with

HOME_TENANT = "00000000-1111-2222-3333-444444444444"
APPLICATION = "azuread:index/application:Application"
REFUSED = GraphError("Microsoft Graph answered 403: no", where="GET /policies", status=403, code="Forbidden")


@dataclass
class World:
    """The engine and the home tenant, as a test wants them, and what they were asked and told."""

    preview: bool = False
    policy: CredentialPolicy | None = None
    findings: list[PreflightCheck] = field(default_factory=list)
    names: list[PreflightCheck] = field(default_factory=list)
    error: Exception | None = None
    states: list[Any] = field(default_factory=lambda: [{"outputs": {}}])
    asked: list[Any] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    debugged: list[str] = field(default_factory=list)

    def home(self, environ: Mapping[str, str] | None = None, **sections: Any) -> HomeTenant:
        return HomeTenant(settings_with(**sections), load_endpoints("public", {}), environ or {})


@dataclass
class Hook:
    """A hook that the engine is not told of."""

    name: str
    callback: Callable[[Any], None]
    opts: pulumi.ResourceHookOptions


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()

    def invoke(token: str, arguments: Mapping[str, Any]) -> Any:
        made.asked.append((token, arguments))
        state = made.states.pop(0) if len(made.states) > 1 else made.states[0]
        if isinstance(state, Exception):
            raise state
        return SimpleNamespace(value=state)

    @contextmanager
    def session(endpoints: Any) -> Iterator[str]:
        made.asked.append(("session", endpoints.cloud))
        yield "session"

    def tokens(endpoints: Any, environ: Any, tenant_id: str, opened: Any) -> str:
        made.asked.append(("login", endpoints.cloud, environ, tenant_id, opened))
        return "tokens"

    def graph_of(endpoints: Any, given: Any, opened: Any, *, budget_s: float) -> str:
        made.asked.append(("graph", endpoints.cloud, given, opened, budget_s))
        return "graph"

    def policy_of(*given: Any) -> CredentialPolicy | None:
        made.asked.append(("policy", *given))
        if made.error is not None:
            raise made.error
        return made.policy

    def looks(*given: Any) -> list[PreflightCheck]:
        made.asked.append(("preflight", *given))
        return made.findings

    def name_of(*given: Any) -> list[PreflightCheck]:
        made.asked.append(("name", *given))
        if made.error is not None:
            raise made.error
        return made.names

    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: made.preview)
    monkeypatch.setattr(pulumi.runtime, "invoke", invoke)
    for name, value in (("organization", "acme"), ("project", "orgcal"), ("stack", "prod")):
        monkeypatch.setattr(pulumi, f"get_{name}", lambda value=value: value)
    monkeypatch.setattr(pulumi.log, "warn", made.warned.append)
    monkeypatch.setattr(pulumi.log, "debug", made.debugged.append)
    monkeypatch.setattr("time.sleep", made.slept.append)
    monkeypatch.setattr("orgcal.entra.session.new_session", session)
    monkeypatch.setattr("orgcal.entra.operator.operator_tokens", tokens)
    for attribute, fake in (("GraphClient", graph_of), ("read_policy", policy_of), ("preflight", looks)):
        monkeypatch.setattr(home, attribute, fake)
    monkeypatch.setattr(home, "check_name", name_of)
    monkeypatch.setattr(pulumi, "ResourceHook", Hook)
    return made


def intent_of(settings: Settings) -> Any:
    return settings.intent()


# What is asked -----------------------------------------------------------------------------------------------------


def test_home_is_asked_as_the_operator_in_the_stacks_own_tenant(world: World) -> None:
    world.home({"ARM_CLIENT_ID": "operator"}).tell()

    assert world.asked == [
        ("pulumi:pulumi:readStackResourceOutputs", {"stackName": "acme/orgcal/prod"}),
        ("session", "public"),
        ("login", "public", {"ARM_CLIENT_ID": "operator"}, HOME_TENANT, "session"),
        ("graph", "public", "tokens", "session", 10.0),
        ("policy", "graph", ""),
    ]


def test_program_goes_on_while_home_is_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    program_went_on, waited = threading.Event(), list[bool]()

    def slow(*_: object) -> None:
        waited.append(program_went_on.wait(5))

    monkeypatch.setattr(home, "read_policy", slow)
    asked = world.home()
    program_went_on.set()
    asked.tell()

    assert waited == [True]


def test_preview_looks_at_the_rest_too(world: World) -> None:
    world.preview = True
    world.states = [{"outputs": {"urn": {"type": APPLICATION, "outputs": {"objectId": "object"}}}}]

    world.home().tell()

    assert world.asked[-2:] == [
        ("policy", "graph", "object"),
        ("preflight", "graph", intent_of(settings_with()), "object"),
    ]


STACK, OTHER = "pulumi:pulumi:Stack", "azuread:index/servicePrincipal:ServicePrincipal"
HELD = {"type": APPLICATION, "outputs": {"objectId": "object"}}


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ({"outputs": {"a": HELD}}, "object"),
        ({"outputs": {"s": {"type": STACK}, "p": {"type": OTHER, "outputs": {"objectId": "p"}}, "a": HELD}}, "object"),
        ({"outputs": {"a": HELD, "b": {"type": APPLICATION, "outputs": {"objectId": "second"}}}}, ""),
        ({"outputs": {"a": {"type": APPLICATION}}}, ""),
        ({"outputs": {"a": {"type": APPLICATION, "outputs": {"objectId": None}}}}, ""),
        ({"outputs": {"p": {"type": OTHER, "outputs": {"objectId": "p"}}}}, ""),
        ({"outputs": {}}, ""),
        ({"outputs": None}, ""),
        (None, ""),
    ],
)
def test_application_is_the_only_one_that_the_stacks_state_holds(world: World, state: Any, found: str) -> None:
    world.states = [state]

    world.home().tell()

    assert world.asked[-1] == ("policy", "graph", found)
    assert (world.slept, world.debugged) == ([], [])


def test_state_that_is_written_at_the_moment_is_read_again(world: World) -> None:
    broken = RuntimeError("unexpected end of JSON input")
    world.states = [broken, broken, {"outputs": {"a": HELD}}]

    world.home().tell()

    assert world.asked[-1] == ("policy", "graph", "object")
    assert world.slept == [0.05, 0.2]
    assert world.debugged == ["the stack's state could not be read: unexpected end of JSON input"] * 2


def test_state_that_cannot_be_read_is_left_alone_after_three_tries(world: World) -> None:
    world.states = [RuntimeError("no")]

    world.home().tell()

    assert world.asked[-1] == ("policy", "graph", "")
    assert len(world.slept) == 3
    assert sum(world.slept) < 1


# Lifetimes ---------------------------------------------------------------------------------------------------------


def days(count: float) -> timedelta:
    return timedelta(days=count)


@pytest.mark.parametrize(
    ("wanted", "policy", "lives"),
    [
        ("180d", None, "180d"),
        ("180d", CredentialPolicy(), "180d"),
        ("180d", CredentialPolicy(secret_lifetime=days(181)), "180d"),
        ("180d", CredentialPolicy(secret_lifetime=days(180)), "180d"),
        ("180d", CredentialPolicy(secret_lifetime=days(179)), "179d"),
        ("180d", CredentialPolicy(secret_lifetime=days(0.5)), "1d"),
        ("180d", CredentialPolicy(secret_lifetime=days(2.5)), "2d"),
        ("180d", CredentialPolicy(certificate_lifetime=days(5)), "180d"),
        ("never", CredentialPolicy(secret_lifetime=days(90)), "90d"),
        ("never", CredentialPolicy(), "never"),
    ],
)
def test_credential_lives_as_long_as_is_wanted_and_allowed(
    world: World, wanted: str, policy: CredentialPolicy | None, lives: str
) -> None:
    world.policy = policy

    assert world.home(credential={"lifetime": wanted}).lifetime == lives


def test_lifetime_follows_the_kind_of_the_newest_generation(world: World) -> None:
    world.policy = CredentialPolicy(secret_lifetime=days(5), certificate_lifetime=days(7))
    credential = {"kind": "certificate", "kinds": {"1": "secret"}, "generations": [1, 2], "active": 1}

    assert world.home(credential=credential).lifetime == "7d"


def test_home_that_cannot_be_asked_changes_nothing(world: World) -> None:
    world.error, world.preview = REFUSED, True

    asked = world.home()

    assert asked.lifetime == "180d"
    asked.tell()
    assert world.warned == []


def test_fault_of_ours_is_not_hidden(world: World) -> None:
    world.error = ValueError("unforeseen")

    with pytest.raises(ValueError, match="unforeseen"):
        world.home().tell()


# Warnings ----------------------------------------------------------------------------------------------------------


def finding(name: str, verdict: Verdict, repair: str = "") -> PreflightCheck:
    return PreflightCheck(name, verdict, f"{name} is {verdict}", repair)


ALL = [
    finding(name, verdict)
    for name in ("rights", "policy", "name", "recycle bin", "publisher", "owners")
    for verdict in ("ok", "warning", "bad", "unknown")
]  # fmt: skip


@pytest.mark.parametrize(
    ("environ", "sections", "told"),
    [
        ({}, {}, ["rights", "policy", "publisher", "owners"]),
        ({"ORGCAL_DEPLOYER_ID": "another"}, {}, ["policy", "publisher", "owners"]),
        ({"ORGCAL_DEPLOYER_ID": ""}, {}, ["rights", "policy", "publisher", "owners"]),
        ({}, {"ephemeral": True}, ["rights", "policy"]),
    ],
)
def test_preview_warns_of_what_is_wrong_and_is_the_readers_to_mend(
    world: World, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], sections: dict[str, Any], told: list[str]
) -> None:
    world.preview, world.findings = True, ALL

    settings = settings_with().model_copy(update=sections)
    HomeTenant(settings, load_endpoints("public", {}), environ).tell()

    assert world.warned == [f"{name} is {verdict}" for name in told for verdict in ("warning", "bad")]


def test_warning_ends_with_its_repair(world: World) -> None:
    world.preview, world.findings = True, [finding("policy", "bad", "orgcal preflight")]

    world.home().tell()

    assert world.warned == ["policy is bad\n  repair: orgcal preflight"]


def test_update_warns_of_nothing(world: World) -> None:
    world.findings = ALL

    world.home().tell()

    assert world.warned == []


# The application's name --------------------------------------------------------------------------------------------


def look_of(asked: HomeTenant) -> Callable[[], None]:
    """The look that is taken before the application is created."""
    binding = asked.before_create()
    assert (binding.after_create, binding.before_update, binding.before_delete) == (None, None, None)
    [hook] = cast(list[Hook], binding.before_create)
    assert hook.name == "free-name"
    assert hook.opts.on_dry_run is True, "a preview refuses too"
    return lambda: hook.callback(None)


def test_name_that_another_application_has_is_refused_before_it_is_created(world: World) -> None:
    world.names = [finding("name", "bad", "choose another"), finding("recycle bin", "warning"), finding("x", "bad")]

    with pytest.raises(pulumi.RunError) as refused:
        look_of(world.home())()

    assert str(refused.value) == "name is bad\n  repair: choose another\nx is bad"
    assert world.warned == ["recycle bin is warning"]
    assert world.asked[-1] == ("name", "graph", intent_of(settings_with()))


def test_name_may_be_the_same_where_the_settings_say_so(world: World) -> None:
    world.names = [finding("name", "bad"), finding("name", "warning", "look at it")]

    look_of(world.home(application={"same_name": True}))()

    assert world.warned == ["name is warning\n  repair: look at it"]


def test_short_lived_stack_expects_its_own_name_in_the_recycle_bin(world: World) -> None:
    world.names = [finding("recycle bin", "warning"), finding("name", "warning")]
    settings = settings_with().model_copy(update={"ephemeral": True})

    look_of(HomeTenant(settings, load_endpoints("public", {}), {}))()

    assert world.warned == ["name is warning"]


def test_name_that_cannot_be_checked_stops_nothing(world: World) -> None:
    asked = world.home()
    look = look_of(asked)
    world.error = OrgcalError("no login")

    look()

    assert world.debugged == ["the name could not be checked: no login"]
    assert world.warned == []
