"""Settings of a stack: what is accepted, and what is said of what is not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from orgcal.errors import ConfigError
from orgcal.platforms import check_settings
from orgcal.settings import Settings, parse_settings
from orgcal.settings.schema import SCHEMA_FILE, schema_text, stack_schema
from tests.support.json_schema import problems
from tests.support.platform_cases import SETTINGS

ROOT = Path(__file__).resolve().parents[2]

VALID: dict[str, Any] = {
    "entra": {"cloud": "emulator"},
    "application": {"display_name": "Calendar Sync"},
    "connector": {
        "platform": {"kind": "file", "path": "calendar.yaml", "callback_url": "https://app.example.com/callback"},
        "key": "outlook-calendar-admin",
        "name": "Outlook Calendar Admin",
        "scopes": ["Calendars.Read"],
    },
}


def flat(settings: dict[str, Any]) -> dict[str, str]:
    """As Pulumi hands it over: full keys, structured values as JSON text."""
    return {f"orgcal:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in settings.items()}


def with_changes(**changes: Any) -> dict[str, str]:
    """VALID with some sections changed key by key."""
    merged = {
        key: {**VALID.get(key, {}), **value} if isinstance(value, dict) else value for key, value in changes.items()
    }
    return flat({**VALID, **merged})


def problems_of(config: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse_settings(config, stack="prod")
    return caught.value.problems


def test_settings_minimal_config_gets_sensible_defaults() -> None:
    settings = parse_settings(flat(VALID), stack="dev")

    assert settings.credential.lifetime == "180d"
    assert settings.credential.generations == (1,)
    assert settings.connector.published is True
    assert settings.consent is None
    assert settings.protected is False


@pytest.mark.parametrize(("cloud", "ephemeral", "protected"), [("public", False, True), ("public", True, False)])
def test_settings_protection_follows_cloud_and_ephemeral(cloud: str, ephemeral: bool, protected: bool) -> None:
    settings = parse_settings(with_changes(entra={"cloud": cloud}, ephemeral=ephemeral), stack="prod")

    assert settings.protected is protected


def test_settings_unknown_key_is_named_with_nearest_and_repair() -> None:
    problems = problems_of(with_changes(credential={"lifetme": "90d"}))

    assert len(problems) == 1
    assert problems[0].startswith("orgcal:credential.lifetme: found a setting that does not exist")
    assert "did you mean lifetime?" in problems[0]
    assert problems[0].endswith(
        "repair: pulumi config set --stack prod --path orgcal:credential.lifetime 90d, "
        "then pulumi config rm --stack prod --path orgcal:credential.lifetme"
    )


def test_settings_all_problems_are_said_at_once() -> None:
    config = with_changes(
        entra={"cloud": "mars"},
        connector={"key": "No Spaces", "scopes": []},
        credential={"lifetime": "forever"},
        surprise={"a": 1},
    )
    config["azuread:environment"] = "public"

    said = "\n".join(problems_of(config))

    for key in (
        "azuread:environment",
        "orgcal:entra.cloud",
        "orgcal:connector.key",
        "orgcal:connector.scopes",
        "orgcal:credential.lifetime",
        "orgcal:surprise",
    ):
        assert f"{key}: found" in said
    assert said.count("repair: ") == 6


def test_settings_of_platforms_are_judged_together_with_all_others() -> None:
    config = with_changes(
        connector={
            "platform": {"kind": "nango", "bas_url": "x"},
            "also_push_to": {"app": {"kind": "file"}, "No Name": {"kind": "nango"}, "text": "local"},
        },
        credential={"lifetime": "forever", "kinds": {"1": "password"}},
    )

    problems = problems_of(config)

    assert [problem.split(": found ")[0].split(": unknown")[0].split(": missing")[0] for problem in problems] == [
        "orgcal:connector.also_push_to",
        "orgcal:connector.also_push_to.text",
        "orgcal:credential.kinds.1",
        "orgcal:credential.lifetime",
        "orgcal:connector.platform.bas_url",
        "orgcal:connector.also_push_to.app.path",
        "orgcal:connector.also_push_to.app.callback_url",
    ]
    assert 'found "No Name"; expected a name' in problems[0]
    for problem in problems[:2]:
        assert "repair: write `orgcal:connector.also_push_to: {app: " in problem
    assert "repair: write `orgcal:credential.kinds: {1: secret}` into" in problems[2]


def test_settings_missing_section_says_what_to_write() -> None:
    config = flat({key: value for key, value in VALID.items() if key != "application"})

    (problem,) = problems_of(config)

    assert problem.startswith("orgcal:application: found nothing; expected a mapping with `display_name`")
    assert "Pulumi.prod.yaml.example" in problem


@pytest.mark.parametrize("lifetime", ["0d", "3651d", "6 months", "-1d", ""])
def test_settings_lifetime_out_of_range_is_refused(lifetime: str) -> None:
    (problem,) = problems_of(with_changes(credential={"lifetime": lifetime}))

    assert problem == (
        f'orgcal:credential.lifetime: found "{lifetime}"; expected 1d to 3650d, or never; '
        "repair: pulumi config set --stack prod --path orgcal:credential.lifetime 180d"
    )


@pytest.mark.parametrize(
    ("credential", "key"),
    [
        ({"generations": [2, 1], "active": 2}, "generations"),
        ({"generations": [1, 1]}, "generations"),
        ({"generations": [0]}, "generations"),
        ({"generations": [1, 2, 3]}, "generations"),
        ({"generations": []}, "generations"),
        ({"generations": [3, 4], "active": 2}, "active"),
    ],
)
def test_settings_generations_that_do_not_fit_are_refused(credential: dict[str, Any], key: str) -> None:
    problem = problems_of(with_changes(credential=credential))[0]

    assert problem.startswith(f"orgcal:credential.{key}: found ")


@pytest.mark.parametrize(
    "url",
    [
        "http://app.example.com/callback",
        "https://app.example.com/callback?x=1",
        "https://app.example.com/callback#here",
        "https://*.example.com/callback",
        "https://app.example.com/call(back)",
        "https://app.example.com/" + "a" * 250,
        "ftp://app.example.com/",
        "callback",
    ],
)
def test_settings_redirect_uri_that_entra_refuses_is_refused_here(url: str) -> None:
    (problem,) = problems_of(with_changes(consent={"public_url": url}))

    assert problem.startswith("orgcal:consent.public_url: found ")


@pytest.mark.parametrize("url", ["https://app.example.com/consent/callback", "http://localhost:8400/consent/callback"])
def test_settings_redirect_uri_that_entra_takes_is_taken(url: str) -> None:
    settings = parse_settings(with_changes(consent={"public_url": url}), stack="dev")

    assert settings.consent is not None
    assert settings.consent.public_url == url


def test_settings_generations_of_rotation_replace_those_of_the_file_on_the_emulator_only() -> None:
    kept = {"generations": [1, 2], "active": 2}

    emulated = parse_settings(flat(VALID), stack="dev", generations=kept)
    real = parse_settings(with_changes(entra={"cloud": "public"}), stack="prod", generations=kept)

    assert (emulated.credential.generations, emulated.credential.active) == ((1, 2), 2)
    assert (real.credential.generations, real.credential.active) == ((1,), 1)


def test_settings_value_that_is_no_mapping_is_one_problem() -> None:
    (problem,) = problems_of(flat({**VALID, "entra": "public"}))

    assert problem.startswith('orgcal:entra: found "public"; expected a mapping with `cloud`')


def test_settings_every_field_explains_itself() -> None:
    def walk(model: Any, path: str) -> list[str]:
        silent = []
        for name, field in model.model_fields.items():
            extra = field.json_schema_extra or {}
            if not (field.description and extra.get("expected") and extra.get("example")):
                silent.append(f"{path}{name}")
            for candidate in (field.annotation, *getattr(field.annotation, "__args__", ())):
                if hasattr(candidate, "model_fields"):
                    silent += walk(candidate, f"{path}{name}.")
        return silent

    assert walk(Settings, "") == []


def test_settings_schema_for_editors_is_in_step() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "run: .venv/bin/python -m orgcal.settings.schema"


def test_settings_schema_explains_every_setting() -> None:
    for name, section in stack_schema()["$defs"].items():
        for key, field in section["properties"].items():
            assert field.get("description"), f"{name}.{key}"
            assert "expected" not in field
    assert stack_schema()["properties"]["config"]["required"] == ["orgcal:entra", "orgcal:application",
                                                                  "orgcal:connector"]  # fmt: skip


def schema_problems(platform: dict[str, Any], **connector: Any) -> list[str]:
    """Where the schema marks a stack's file with this platform; without what stands before the connector's settings."""
    config = {f"orgcal:{name}": section for name, section in VALID.items()}
    config["orgcal:connector"] = {**VALID["connector"], "platform": platform, **connector}
    schema = stack_schema()
    return [each.removeprefix(".config.orgcal:connector.") for each in problems({"config": config}, schema)]


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_schema_accepts_each_kind_of_platform(name: str) -> None:
    assert schema_problems(SETTINGS[name], also_push_to={"app": SETTINGS[name]}) == []


@pytest.mark.parametrize(
    ("platform", "marked"),
    [
        ({}, ["platform.kind: required"]),
        ({"kind": "nagno"}, ["platform.kind: enum"]),
        ({"kind": "local", "url": "x"}, ["platform.url: unknown"]),
        (
            {"kind": "file", "path": "a", "format": "ini"},
            ["platform.callback_url: required", "platform.format: anyOf"],
        ),
        ({**SETTINGS["file-yaml"], "names": {"clientid": "X"}}, ["platform.names: anyOf"]),
        ({"kind": "nango", "base_url": "http://api.example.com"}, ["platform.base_url: pattern"]),
        ({**SETTINGS["github-environment"], "prefix": "GITHUB_X"}, ["platform.prefix: pattern"]),
        ({**SETTINGS["nylas"], "auth_value": "Bearer abc"}, ["platform.auth_value: pattern"]),
        (
            {**SETTINGS["nylas"], "credentials": {"push": {"method": "PUSH", "path": "/x"}}},
            ["platform.credentials.push.method: enum"],
        ),
    ],
)
def test_settings_schema_marks_what_the_program_refuses(platform: dict[str, Any], marked: list[str]) -> None:
    assert check_settings(platform) != []
    assert sorted(schema_problems(platform)) == marked


def test_settings_schema_marks_a_wrong_further_platform() -> None:
    further = {"app": {"kind": "nango", "bas_url": "x"}, "No Name": {"kind": "nango"}}

    assert sorted(schema_problems(SETTINGS["local"], also_push_to=further)) == [
        "also_push_to.No Name: unknown",
        "also_push_to.app.bas_url: unknown",
    ]


@pytest.mark.parametrize("name", ["Pulumi.dev.yaml", "Pulumi.prod.yaml.example"])
def test_settings_schema_accepts_the_stack_files_of_the_checkout(name: str) -> None:
    schema = stack_schema()

    assert list(problems(yaml.safe_load((ROOT / name).read_text(encoding="utf-8")), schema)) == []


def example_lines() -> list[str]:
    return (ROOT / "Pulumi.prod.yaml.example").read_text(encoding="utf-8").splitlines()


def test_settings_example_parses_and_is_protected() -> None:
    said = yaml.safe_load("\n".join(example_lines()))

    settings = parse_settings({key: json.dumps(value) for key, value in said["config"].items()}, stack="prod")

    assert settings.entra.cloud == "public"
    assert settings.protected is True


def test_settings_example_explains_each_line_and_recommends_a_key_service() -> None:
    lines = example_lines()

    assert any("--secrets-provider" in line and "azurekeyvault" in line for line in lines)
    for number, line in enumerate(lines):
        is_value = re.match(r"^ {2,4}[a-z:_]+: \S", line) and not line.startswith("      ")
        above = lines[number - 1].lstrip()
        # `generations` and `active` belong to one sentence.
        assert not is_value or above.startswith(("#", "generations")), line


def test_settings_stack_dev_of_the_checkout_parses() -> None:
    said = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8"))

    settings = parse_settings({key: json.dumps(value) for key, value in said["config"].items()}, stack="dev")

    assert settings.protected is False


@pytest.mark.parametrize(("protect", "expected"), [(True, True), (False, False), (None, False)])
def test_settings_protect_decides_over_cloud_and_ephemeral(protect: bool | None, expected: bool) -> None:
    changes: dict[str, Any] = {} if protect is None else {"protect": protect}

    assert parse_settings(with_changes(ephemeral=True, **changes), stack="dev").protected is expected


@pytest.mark.parametrize(
    ("credential", "key"),
    [
        ({"kind": "federated"}, "trusts"),
        ({"kind": "secret", "trusts": {"1": {"issuer": "https://i.example", "subject": "s"}}}, "trusts"),
        ({"kind": "federated", "trusts": {"2": {"issuer": "https://i.example", "subject": "s"}}}, "trusts"),
        ({"kind": "federated", "trusts": {"1": {"issuer": "http://i.example", "subject": "s"}}}, "trusts.1.issuer"),
        ({"kind": "federated", "trusts": {"1": {"isuer": "x"}}}, "trusts.1.isuer"),
        ({"certificates": {"1": {"certificate_file": "a", "private_key_file": "b"}}}, "certificates"),
        ({"kind": "password"}, "kind"),
    ],
)
def test_settings_credential_kind_and_its_material_must_fit(credential: dict[str, Any], key: str) -> None:
    problems = problems_of(with_changes(credential=credential))

    assert any(problem.startswith(f"orgcal:credential.{key}: found ") for problem in problems)


def test_settings_redirect_uris_without_a_path_get_a_slash() -> None:
    uris = ["https://app.example.com", "https://app.example.com/cb", "http://localhost:8400"]
    changes = with_changes(application={"redirect_uris": uris}, consent={"public_url": "https://app.example.com"})
    settings = parse_settings(changes, stack="dev")

    assert settings.application.redirect_uris == (f"{uris[0]}/", uris[1], f"{uris[2]}/")
    assert settings.consent is not None
    assert settings.consent.public_url == "https://app.example.com/"


@pytest.mark.parametrize(
    ("application", "key"),
    [
        ({"owners": ["Alice"]}, "owners[0]"),
        ({"tags": [""]}, "tags[0]"),
        ({"links": {"privacy": "somewhere"}}, "links.privacy"),
        ({"links": {"privcy": "https://x.example"}}, "links.privcy"),
        ({"redirect_uris": ["https://*.example.com"]}, "redirect_uris[0]"),
        ({"home_grants": "perhaps"}, "home_grants"),
    ],
)
def test_settings_application_details_are_checked(application: dict[str, Any], key: str) -> None:
    (problem,) = problems_of(with_changes(application=application))

    assert problem.startswith(f"orgcal:application.{key}: found ")
