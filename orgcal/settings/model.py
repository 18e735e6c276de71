"""A stack's settings, typed: one meaning for the Pulumi program and for every command.

Every setting lives under `orgcal:` in `Pulumi.<stack>.yaml`; `Settings` is their reference. Whatever is wrong is said
at once, each with line, key, what was found, what is expected, and the repair.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ConfigDict, PrivateAttr, ValidationError

from orgcal.entra.home.tags import deployment_tag
from orgcal.entra.pinned_roles import APP_ROLE_IDS
from orgcal.entra.role_relation import canonical
from orgcal.entra.scope_advice import calendar_problem
from orgcal.errors import ConfigError, UsageError
from orgcal.fields import Section, describe_problems, setting
from orgcal.settings.credential_section import CredentialSettings, lifetime_of
from orgcal.settings.health_sections import AlertSettings, HistorySettings
from orgcal.settings.platform_rules import validate, wrong_platforms
from orgcal.settings.sections import (
    ApplicationSettings,
    ConnectorSettings,
    ConsentSettings,
    EntraSettings,
)
from orgcal.settings.stack_file import NAMESPACE, StackFile, load_stack_file
from orgcal.settings.yaml_document import with_line

if TYPE_CHECKING:
    from orgcal.entra.home.preflight import Intent

_M = TypeVar("_M", bound=Section)
_S = TypeVar("_S", bound="CoreSettings")


class CoreSettings(Section):
    """Where a stack lives and whether it is protected: what commands need that work whatever else is wrong."""

    model_config = ConfigDict(extra="ignore")
    _stack: str = PrivateAttr(default="")
    _project: str = PrivateAttr(default=NAMESPACE)

    entra: EntraSettings = setting(
        expected="a mapping with `cloud`", example="{cloud: public}", about=EntraSettings.__doc__ or ""
    )
    ephemeral: bool = setting(
        False,
        about="A short-lived stack: nothing is protected, connected organisations do not stop a destroy.",
    )
    origin: str = setting(
        "",
        expected="name of a stack, or absent",
        example="dev",
        about="Stack that an ephemeral stack is a copy of, as `orgcal ephemeral create` writes it. In the cloud "
        "`emulator` both use the same emulator.",
        pattern=r"^([A-Za-z0-9_-][A-Za-z0-9_.-]{0,99})?$",
    )
    protect: bool | None = setting(
        None,
        expected="true or false, or absent",
        example="true",
        about="Whether everything that customers use is protected against deletion. Absent: yes, except in the "
        "emulator and on ephemeral stacks.",
    )

    @property
    def stack(self) -> str:
        """Name of the stack."""
        return self._stack

    @property
    def project(self) -> str:
        """Name of the Pulumi project."""
        return self._project

    @property
    def tag(self) -> str:
        """The tag on what this stack makes."""
        return deployment_tag(self._project, self._stack)

    @property
    def protected(self) -> bool:
        """Whether everything that customers use is protected against deletion."""
        if self.protect is not None:
            return self.protect
        return self.entra.cloud != "emulator" and not self.ephemeral


class Settings(CoreSettings):
    """All settings of a stack."""

    model_config = ConfigDict(extra="forbid")

    application: ApplicationSettings = setting(
        expected="a mapping with `display_name`",
        example='{display_name: "Calendar Sync"}',
        about=ApplicationSettings.__doc__ or "",
    )
    connector: ConnectorSettings = setting(
        expected="a mapping with `platform`, `key`, `name`, `scopes`",
        example="{platform: {kind: local}, key: outlook-calendar, name: Calendars, scopes: [Calendars.Read]}",
        about=ConnectorSettings.__doc__ or "",
    )
    credential: CredentialSettings = setting(
        CredentialSettings(), expected="a mapping", example="{lifetime: 180d}", about=CredentialSettings.__doc__ or ""
    )
    consent: ConsentSettings | None = setting(
        None,
        expected="a mapping with `public_url`, or absent",
        example='{public_url: "https://app.example.com/consent/callback"}',
        about=ConsentSettings.__doc__ or "",
    )
    history: HistorySettings = setting(
        HistorySettings(), expected="a mapping", example="{keep: 400d}", about=HistorySettings.__doc__ or ""
    )
    alerts: AlertSettings = setting(
        AlertSettings(),
        expected="a mapping with `targets`",
        example="{targets: {ops: {url_file: /run/secrets/alerts}}}",
        about=AlertSettings.__doc__ or "",
    )

    def intent(self) -> Intent:
        """What the stack asks of its home tenant."""
        from orgcal.entra.home.preflight import Intent  # only few commands ask the home tenant

        return Intent(
            stack=self.stack,
            tag=self.tag,
            display_name=self.application.display_name,
            kind=self.credential.newest_kind,
            lifetime=lifetime_of(self.credential.lifetime),
            home_grants=self.application.home_grants,
            further_owners=len(self.application.owners),
            looks_up=self.entra.lookup == "directory",
            scopes=self.connector.scopes,
            purpose=self.connector.purpose,
        )

    def platform(self, other: str = "") -> dict[str, Any]:
        """Settings of the platform, or of the one that `also_push_to` calls `other`."""
        return dict(self.connector.also_push_to[other] if other else self.connector.platform)


class _CredentialSettings(CoreSettings):
    credential: CredentialSettings = CredentialSettings()


class HealthSettings(CoreSettings):
    """The sections of which history and alerts are made, whatever is wrong in others."""

    history: HistorySettings = HistorySettings()
    alerts: AlertSettings = AlertSettings()


def read_settings(project_dir: Path, stack: str) -> Settings:
    """All settings of a stack, from its file.

    Raises:
        UsageError: there is no such stack, or Pulumi could not read its file either.
        ConfigError: settings are wrong; every problem at once.
    """
    return settings_of(load_stack_file(project_dir, stack))


def read_core_settings(project_dir: Path, stack: str) -> CoreSettings:
    """Where a stack lives and whether it is protected; raises as `read_settings` does, for these settings alone."""
    return core_settings_of(load_stack_file(project_dir, stack))


def read_credential(project_dir: Path, stack: str) -> CredentialSettings:
    """The section `orgcal:credential`; raises as `read_settings` does, for core settings and this section."""
    return _of_file(_CredentialSettings, load_stack_file(project_dir, stack)).credential


def read_health(project_dir: Path, stack: str) -> HealthSettings:
    """The sections `orgcal:history` and `orgcal:alerts`; raises as `read_settings` does, for these alone."""
    return _of_file(HealthSettings, load_stack_file(project_dir, stack))


def settings_of(file: StackFile) -> Settings:
    """All settings in a file that is read already; raises as `read_settings` does."""
    return _of_file(Settings, file)


def core_settings_of(file: StackFile) -> CoreSettings:
    """The core settings in a file that is read already; raises as `read_core_settings` does."""
    return _of_file(CoreSettings, file)


def parse_settings(
    config: Mapping[str, Any], *, stack: str, project: str = NAMESPACE, generations: Mapping[str, Any] | None = None
) -> Settings:
    """Settings out of Pulumi's config map.

    Args:
        config: full keys (`orgcal:entra`) to values; a text that is a JSON mapping or list counts as that.
        generations: replaces `generations`, `active`, `rollback_to` and `revoked` on stacks on the emulator.

    Raises:
        ConfigError: with every problem at once.
    """
    file = StackFile(Path(f"Pulumi.{stack}.yaml"), stack, project, config=config)
    return _parsed(Settings, file, generations or {})


def overlay_file(project_dir: Path, stack: str) -> Path:
    """Where rotation keeps the live generations of a stack on the emulator, so that git stays clean."""
    return project_dir / ".local" / stack / "credential.json"


def read_overlay(project_dir: Path, stack: str) -> dict[str, Any]:
    """The generations, as `GenerationSet.as_settings`, that rotation keeps beside the file; empty where it does not.

    Raises:
        UsageError: the file is not as rotation writes it.
    """
    path = overlay_file(project_dir, stack)
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, OSError):
        kept = None
    if not isinstance(kept, dict):
        raise UsageError("this is not what orgcal rotate wrote", where=str(path), repair=f"rm {path}")
    return kept


def sections_of(config: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What stands under `orgcal:` in Pulumi's config map, by section, and what is wrong with the keys themselves.

    `pulumi config set orgcal:entra.cloud public` without `--path` writes a key with a dot: it counts as the setting.
    An empty text counts as absent, since it is what Pulumi makes of null.
    """
    ours = {
        key.partition(":")[2]: _decoded(value)
        for key, value in config.items()
        if key.startswith(f"{NAMESPACE}:") and value != ""
    }
    sections = {name: value for name, value in ours.items() if "." not in name}
    problems = []
    for name in sorted(ours.keys() - sections.keys()):
        *parents, last = name.split(".")
        place: Any = sections
        for parent in parents:
            if isinstance(place, dict):
                place[parent] = dict(inner) if isinstance(inner := place.get(parent, {}), dict) else inner
                place = place[parent]
        if isinstance(place, dict) and last not in place:
            place[last] = ours[name]
        else:
            problems.append(
                f"{NAMESPACE}:{name}: found this key beside the same setting in {NAMESPACE}:{parents[0]}; expected "
                f"one of them; repair: pulumi config rm {NAMESPACE}:{name}"
            )
    return sections, problems


def _of_file(model: type[_S], file: StackFile) -> _S:
    overlay = {} if model is CoreSettings else read_overlay(file.path.parent, file.stack)
    return _parsed(model, file, overlay)


def _parsed(model: type[_S], file: StackFile, generations: Mapping[str, Any]) -> _S:
    sections, problems = sections_of(file.config)
    if generations and _mapping(sections.get("entra")).get("cloud") == "emulator":
        section = _mapping(sections.get("credential"))
        kept = {name: value for name, value in section.items() if name not in ("rollback_to", "revoked")}
        sections["credential"] = {**kept, **generations}
    if model is Settings:
        problems += [
            f"{key}: found a setting of the azuread plugin; expected none, as the stack's cloud decides them; "
            f"repair: pulumi config rm {key}"
            for key in sorted(file.config)
            if key.startswith("azuread:")
        ]
    read = sections, problems
    settings = parse_sections(model, read, stack=file.stack, where=file.path.name, lines=file.lines)
    settings._stack, settings._project = file.stack, file.project
    return settings


def parse_sections(
    model: type[_M],
    read: tuple[Mapping[str, Any], list[str]],
    *,
    stack: str,
    where: str,
    lines: Mapping[str, int] = MappingProxyType({}),
) -> _M:
    """Settings of a model out of the sections, and the problems, that `sections_of` gives.

    Args:
        stack: name of the stack, for the repairs.
        where: the file, for the error.
        lines: setting to its line in the stack's file.

    Raises:
        ConfigError: with every problem at once.
    """
    sections, problems = read
    try:
        settings = model.model_validate(sections)
        if isinstance(settings, Settings):
            emulator = settings.entra.cloud == "emulator"
            problems += validate(settings.connector, settings.credential, emulator=emulator)
            problems += _scope_problems(settings.connector)
    except ValidationError as error:
        problems += describe_problems(error, model, namespace=NAMESPACE)
        if model is Settings:
            problems += wrong_platforms(sections.get("connector"))
    if problems:
        raise ConfigError([with_place(problem, stack, lines) for problem in problems], where=where) from None
    return settings


def _scope_problems(connector: ConnectorSettings) -> list[str]:
    """That no scope opens calendars; names that orgcal's own table lacks are judged where names are looked up."""
    known = all(canonical(scope) in APP_ROLE_IDS for scope in connector.scopes)
    problem = calendar_problem(connector.scopes, connector.calendars) if known else ""
    return [problem] if problem else []


def with_place(problem: str, stack: str, lines: Mapping[str, int]) -> str:
    """A problem behind its place, `Pulumi.<stack>.yaml:<line>`, where there is a file; its repair names the stack."""
    file = f"Pulumi.{stack}.yaml"
    problem = re.sub(r"\bpulumi config (set|rm) ", rf"pulumi config \1 --stack {stack} ", problem)
    problem = problem.replace("the stack's file", file)
    if not lines:
        return problem
    return with_line(problem, file, lines)


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _decoded(value: Any) -> Any:
    """Mappings and lists reach the program as JSON; whatever else is a text means itself."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value
