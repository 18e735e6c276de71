"""A runner in small: takes a job out of a workflow file and runs its own commands, as GitHub's would."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.azuread_plugin import limit_s
from tests.support.checkout import Ran


@dataclass
class Runner:
    """One job of a workflow.

    Attributes:
        checkout: what the job has checked out; its commands run there, or in the folder of it that they name.
        variables: of the job's environment, for `${{ vars.NAME }}`.
        around: what the machine itself provides.
        environs: every variable that a step had.
        overridden: values that a real job has and this machine cannot serve, such as the state's address.
        event: for `${{ github.NAME }}`.
    """

    checkout: Path
    workflow: Path
    job: str
    variables: Mapping[str, str]
    around: Mapping[str, str]
    overridden: Mapping[str, str] = field(default_factory=dict)
    event: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder = Path(self.around["HOME"]).parent / "runner"
        self.folder.mkdir(exist_ok=True)
        said = yaml.safe_load(self.workflow.read_text())
        self._job: dict[str, Any] = said["jobs"][self.job]
        self._exported: dict[str, str] = {}
        self.environs: dict[str, str] = {}

    @property
    def environment(self) -> str:
        return str(self._job["environment"])

    def steps(self) -> list[str]:
        """Names of the steps that run a command."""
        return [str(step["name"]) for step in self._job["steps"] if "run" in step]

    def run(self, *, without: Collection[str] = (), later: Mapping[str, str] | None = None) -> dict[str, Ran]:
        """Every command but those of the named steps, in order, until one fails; what each did.

        Args:
            without: steps that are left out.
            later: words to put in place of others, where a job would have to wait for days.
        """
        done = {}
        failed = False
        for step in self._job["steps"]:
            name = str(step.get("name"))
            if "run" not in step or name in without or (failed and "cancelled()" not in str(step.get("if"))):
                continue
            script = step["run"]
            for old, new in (later or {}).items():
                script = script.replace(old, new)
            done[name] = self._step({**step, "run": script})
            failed = failed or done[name].code != 0
        return done

    def step(self, name: str) -> Ran:
        """The command of the one step with this name."""
        (step,) = [step for step in self._job["steps"] if step.get("name") == name]
        return self._step(step)

    def _step(self, step: Mapping[str, Any]) -> Ran:
        environ = {
            **self.around,
            "RUNNER_TEMP": str(self.folder),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ENV": str(self.folder / "env"),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            **self._filled(self._job.get("env") or {}),
            **self._exported,
            **self._filled(step.get("env") or {}),
            **self.overridden,
        }
        self.environs |= environ
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.checkout / self._job.get("defaults", {}).get("run", {}).get("working-directory", ""),
            env={name: value for name, value in environ.items() if value},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=limit_s(120),
            check=False,
        )
        exported = self.folder / "env"
        if exported.exists():
            self._exported |= dict(line.split("=", 1) for line in exported.read_text().splitlines())
        return Ran(done.returncode, done.stdout, done.stderr)

    def _filled(self, env: Mapping[str, Any]) -> dict[str, str]:
        return {name: self._value(str(value)) for name, value in env.items()}

    def _value(self, text: str) -> str:
        """Expressions of environments and events are filled in; secrets are not: there is none on this runner."""
        known: Mapping[str, Mapping[str, str]] = {"vars": self.variables, "github": self.event, "secrets": {}}
        filled = re.sub(
            r"\$\{\{ (vars|secrets|github)\.([\w.]+) \}\}", lambda match: known[match[1]].get(match[2], ""), text
        )
        assert "${{" not in filled, text
        return filled
