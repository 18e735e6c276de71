"""What a stack's file asks for, read before anything is deployed and without the program.

The program reads and checks the same settings thoroughly; commands need only a few of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from orgcal.entra.home.applications import deployment_tag
from orgcal.entra.home.preflight import Intent
from orgcal.errors import UsageError
from orgcal.stack.files import read_stack_file, stack_file

_DEFAULT_LIFETIME = "180d"


@dataclass(frozen=True, slots=True)
class DeclaredStack:
    """A stack by its file.

    Attributes:
        settings: the sections under `orgcal:`, by name.
        project: name of the Pulumi project.
    """

    stack: str
    project: str
    settings: Mapping[str, Any]

    @property
    def tag(self) -> str:
        """The tag on what this stack makes."""
        return deployment_tag(self.project, self.stack)

    def section(self, name: str) -> dict[str, Any]:
        """One section, empty where the file has none."""
        found = self.settings.get(name)
        return dict(found) if isinstance(found, Mapping) else {}

    @property
    def tenant_id(self) -> str:
        """The home tenant; empty where the file names none."""
        return str(self.section("entra").get("tenant_id") or "")

    @property
    def platform(self) -> dict[str, Any]:
        """Settings of the integration platform."""
        found = self.section("connector").get("platform")
        return dict(found) if isinstance(found, Mapping) else {}

    @property
    def connector_key(self) -> str:
        """The connector's key in its platform."""
        return str(self.section("connector").get("key") or "")

    def intent(self) -> Intent:
        """What the stack asks of its home tenant.

        Raises:
            UsageError: a setting that is needed is missing or unreadable.
        """
        credential, application = self.section("credential"), self.section("application")
        name = str(application.get("display_name") or "")
        if not name:
            raise UsageError(
                "the stack names no application",
                where=f"Pulumi.{self.stack}.yaml: orgcal:application.display_name",
                repair=f"pulumi config set --stack {self.stack} --path orgcal:application.display_name NAME",
            )
        return Intent(
            stack=self.stack,
            tag=self.tag,
            display_name=name,
            kind=credential.get("kind") or "secret",
            lifetime=_lifetime(str(credential.get("lifetime") or _DEFAULT_LIFETIME), self.stack),
            home_grants=application.get("home_grants") is True,
            further_owners=len(application.get("owners") or ()),
            looks_up=self.section("entra").get("lookup") != "pinned",
        )


def declared_stack(project_dir: Path, stack: str) -> DeclaredStack:
    """The stack `stack` by its file.

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    config = read_stack_file(project_dir, stack).get("config")
    if not isinstance(config, Mapping):
        raise UsageError("the file holds no settings", where=str(stack_file(project_dir, stack)))
    settings = {str(key).partition(":")[2]: value for key, value in config.items() if str(key).startswith("orgcal:")}
    project = yaml.safe_load((project_dir / "Pulumi.yaml").read_text(encoding="utf-8"))
    return DeclaredStack(stack, str(project["name"]), settings)


def _lifetime(text: str, stack: str) -> timedelta | None:
    if text == "never":
        return None
    number = text.removesuffix("d")
    if not number.isdigit():
        raise UsageError(
            f"found {text!r}; expected 1d to 3650d, or never",
            where=f"Pulumi.{stack}.yaml: orgcal:credential.lifetime",
            repair=f"pulumi config set --stack {stack} --path orgcal:credential.lifetime {_DEFAULT_LIFETIME}",
        )
    return timedelta(days=int(number))
