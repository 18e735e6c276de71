"""A throw-away Pulumi project in a folder, driven through the command as a user would."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orgcal import __version__

PROJECT_ROOT = Path(__file__).resolve().parents[2]
UNKNOWN_MARKER = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


@dataclass
class Ran:
    """What a command of the engine did; `output` holds both streams."""

    code: int
    output: str


@dataclass
class PulumiProject:
    """One project with one stack `test`, its state below `folder`.

    Attributes:
        engine_bin: folder of the engine.
        environ: added to the environment, such as `ORGCAL_EMULATOR_FILE`.
    """

    folder: Path
    engine_bin: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "state").mkdir(parents=True)
        plugin = {"name": "orgcal", "path": str(PROJECT_ROOT / ".venv" / "bin"), "version": __version__}
        described = {"name": "trial", "runtime": {"name": "python"}, "plugins": {"providers": [plugin]}}
        (self.folder / "Pulumi.yaml").write_text(json.dumps(described))
        (self.folder / "passphrase").write_text("trial")
        self.program("")
        self.run("stack", "init", "test").output  # noqa: B018 - raises below if it failed

    def program(self, body: str) -> None:
        """The program, after the imports that all of them need."""
        head = "import json, os, pulumi\nfrom provisioning.connector import *\n"
        (self.folder / "__main__.py").write_text(head + body)

    def run(self, *arguments: str, code: int | None = 0) -> Ran:
        """Run `pulumi` with these arguments; another exit code than `code` is a failure, None allows any."""
        venv_bin = PROJECT_ROOT / ".venv" / "bin"
        environ = {
            **os.environ,
            "ORGCAL_PROJECT": str(self.folder),
            "PATH": f"{venv_bin}:{self.engine_bin}:{os.environ['PATH']}",
            "PYTHONPATH": str(PROJECT_ROOT),
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": (self.folder / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(self.folder / "passphrase"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            **self.environ,
        }
        command = [str(self.engine_bin / "pulumi"), *arguments, "--non-interactive"]
        done = subprocess.run(
            command, cwd=self.folder, env=environ, capture_output=True, text=True, timeout=100, check=False
        )
        ran = Ran(done.returncode, done.stdout + done.stderr)
        assert code is None or ran.code == code, ran.output
        return ran

    def preview(self, *arguments: str, code: int | None = 0) -> dict[str, Any]:
        """The planned steps of a preview, as JSON: `{"steps": [{"op", "urn", ...}], "changeSummary": {...}}`."""
        found: dict[str, Any] = json.loads(self.run("preview", "--json", *arguments, code=code).output)
        return found

    def up(self, *arguments: str, code: int | None = 0) -> Ran:
        """`pulumi up --yes`, with preview unless `--skip-preview` is among the arguments."""
        return self.run("up", "--yes", "--diff", *arguments, code=code)

    def state(self) -> dict[str, dict[str, Any]]:
        """The resources in the state, by name, secrets encrypted."""
        found = json.loads(self.run("stack", "export").output)
        return {item["urn"].split("::")[-1]: item for item in found["deployment"]["resources"]}

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secrets shown."""
        found: dict[str, Any] = json.loads(self.run("stack", "output", "--json", "--show-secrets").output)
        return found

    def files_with(self, text: str) -> list[str]:
        """Files of the project, state and logs included, that hold `text`."""
        return [
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.is_file() and text.encode() in path.read_bytes()
        ]
