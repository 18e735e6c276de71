"""The program and the commands read the same settings, or the same problems, from each stack's file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orgcal.errors import ConfigError
from orgcal.settings import Settings, parse_settings, read_core_settings, read_settings
from tests.support.engine_config import SCALARS, Scalar
from tests.support.fuzzing import examples

WORDS = (
    *("public", "emulator", "usgov", "mars", "secret", "certificate", "federated", "180d", "never", "local", "file"),
    *("dev", "Calendars.Read", "https://app.example.com/cb", "00000000-1111-2222-3333-444444444444", "read", "a.yaml"),
)
scalars = st.sampled_from([*SCALARS, *(Scalar(json.dumps(word), word, word) for word in WORDS)])
PLATFORM: dict[str, Any] = {"kind": "file", "path": "a.yaml", "callback_url": "https://app.example.com/cb"}
SECTIONS: dict[str, Any] = {
    "entra": {"cloud": "public", "tenant_id": "00000000-1111-2222-3333-444444444444", "lookup": "pinned"},
    "application": {
        "display_name": "Calendars",
        "same_name": False,
        "owners": [],
        "tags": ["a"],
        "links": {"privacy": "https://app.example.com"},
        "home_grants": False,
    },
    "connector": {
        "platform": PLATFORM,
        "also_push_to": {"app": {**PLATFORM, "path": "b.yaml"}},
        "key": "outlook",
        "name": "Outlook",
        "scopes": ["Calendars.Read"],
        "published": True,
        "delete_connected": False,
    },
    "credential": {
        "kind": "secret",
        "kinds": {"1": "secret"},
        "lifetime": "180d",
        "generations": [1, 2],
        "active": 2,
        "rollback_to": 1,
    },
    "consent": {"public_url": "https://app.example.com/cb"},
    "ephemeral": False,
    "origin": "dev",
    "protect": True,
}


def spelled(value: Any) -> Scalar:
    """A value of `SECTIONS` as it is usually written."""
    return Scalar(json.dumps(value), value if isinstance(value, str) else json.dumps(value), value)


def leaves(value: Any) -> Any:
    """`value` with a `Scalar` in the place of each leaf."""
    if isinstance(value, dict):
        return {name: leaves(item) for name, item in value.items()}
    return [leaves(item) for item in value] if isinstance(value, list) else spelled(value)


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths of everything in a structure."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places(item, (*path, key))


PLACES = list(places(SECTIONS))
replacements = st.one_of(
    scalars,
    st.none(),  # the setting is left out
    st.lists(scalars, max_size=2),
    st.dictionaries(st.sampled_from(["kind", "cloud", "x"]), scalars, max_size=2),
)


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    """Sections with some settings spelled otherwise, of another type, missing, or unknown, and some keys flat."""
    made: dict[str, Any] = leaves(SECTIONS)
    for path in draw(st.lists(st.sampled_from(PLACES), max_size=4)):
        change(made, path, draw(replacements))
    if draw(st.booleans()):
        made[draw(st.sampled_from(["surprise", "entra.clod", "azuread"]))] = draw(scalars)
    for name in draw(st.lists(st.sampled_from(["entra", "credential", "connector"]), max_size=2)):
        if isinstance(made.get(name), dict) and made[name]:
            key = draw(st.sampled_from(sorted(made[name])))
            made[f"{name}.{key}"] = made[name][key] if draw(st.booleans()) else made[name].pop(key)
    return made


def change(made: Any, path: tuple[Any, ...], new: Any) -> None:
    """Replace what stands at `path`, or remove it; nothing where an earlier change has taken the path away."""
    place: Any = made
    *parents, last = path
    try:
        for key in parents:
            place = place[key]
        fits = isinstance(place, dict if isinstance(last, str) else list)
        if new is None:
            del place[last]
        elif fits:
            place[last] = new
    except (KeyError, IndexError, TypeError):
        return


def as_yaml(value: Any, indent: str) -> str:
    if isinstance(value, Scalar):
        return f" {value.yaml}\n"
    if not value:
        return f" {json.dumps(value)}\n"
    items = value.items() if isinstance(value, dict) else [(None, item) for item in value]
    lines = []
    for key, item in items:
        start = "-" if key is None else f"{json.dumps(key)}:"
        lines.append(f"{indent}{start}{as_yaml(item, indent + '  ')}")
    return "\n" + "".join(lines)


def inner(value: Any) -> Any:
    if isinstance(value, Scalar):
        return value.inner
    if isinstance(value, dict):
        return {key: inner(item) for key, item in value.items()}
    return [inner(item) for item in value]


def of_the_program(made: dict[str, Any]) -> dict[str, str]:
    """The texts that the engine hands to a program."""
    return {
        f"orgcal:{name}": value.text if isinstance(value, Scalar) else json.dumps(inner(value), sort_keys=True)
        for name, value in made.items()
    }


def outcome(read: Any) -> Settings | list[str]:
    try:
        found = read()
    except ConfigError as error:
        return sorted(re.sub(r"^Pulumi\.prod\.yaml(:\d+)?: ", "", problem) for problem in error.problems)
    assert isinstance(found, Settings)
    return found


@settings(max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=files())
def test_program_and_commands_read_the_same_settings_or_problems(tmp_path: Path, made: dict[str, Any]) -> None:
    config = {f"orgcal:{name}": value for name, value in made.items()}
    (tmp_path / "Pulumi.prod.yaml").write_text(f"config:{as_yaml(config, '  ')}", encoding="utf-8")

    program = outcome(lambda: parse_settings(of_the_program(made), stack="prod"))
    commands = outcome(lambda: read_settings(tmp_path, "prod"))

    assert commands == program
    if isinstance(program, Settings):
        assert read_core_settings(tmp_path, "prod").protected is program.protected


TRUE = [scalar for scalar in SCALARS if scalar.text in ("true", "True", "yes", "Yes", "on", "y", "1")]


@pytest.mark.parametrize("spelling", [scalar.yaml for scalar in TRUE])
def test_protect_in_any_spelling_protects_in_the_program_and_in_commands(tmp_path: Path, spelling: str) -> None:
    made = {**leaves(SECTIONS), "protect": next(scalar for scalar in TRUE if scalar.yaml == spelling)}
    made["ephemeral"] = made["protect"]
    config = {f"orgcal:{name}": value for name, value in made.items()}
    (tmp_path / "Pulumi.prod.yaml").write_text(f"config:{as_yaml(config, '  ')}", encoding="utf-8")

    program, core = parse_settings(of_the_program(made), stack="prod"), read_core_settings(tmp_path, "prod")

    assert program.protected
    assert core.protected
    assert program.ephemeral
    assert core.ephemeral
