"""A Pulumi project of its own with the recorded program, on an emulator.

Shared by the tests of the stand-in, `benchmarks/azuread.py` and `benchmarks/compare_azuread.py`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.azuread_plan import PROGRAM, Plan
from orgcal.engine.plugins import write_standin
from orgcal.errors import EngineError, Unreachable

ROOT = Path(__file__).resolve().parents[1]

RIGHTS = ("Application.ReadWrite.All", "Application.Read.All", "AppRoleAssignment.ReadWrite.All", "Directory.Read.All")
"""What the recorded program needs: it makes grants, changes owners, and owns nothing afterwards."""


class RunFailed(AssertionError):
    """The engine ended with an exit code that was not expected.

    Args:
        arguments: of `pulumi`.
        code: the exit code.
        output: what it said.
    """

    def __init__(self, arguments: Sequence[str], code: int, output: str) -> None:
        super().__init__(f"pulumi {' '.join(arguments)} ended with {code}:\n{output}")
        self.output = output

    @property
    def reason(self) -> str:
        """The first error that the engine named, or its last line."""
        lines = [line.strip() for line in self.output.splitlines() if line.strip()]
        named = [line.partition("error:")[2].strip() for line in lines if "error:" in line]
        telling = [text for text in named if text and text != "update failed"]
        return (telling or lines[-1:] or ["it said nothing"])[0]


@dataclass
class Project:
    """A Pulumi project with the recorded program and a stack `trial`, all of it below `folder`.

    Attributes:
        environ: of the plugin: `ARM_*`, `SSL_CERT_FILE`.
        standin: the stand-in is first on PATH, and the engine has a home of its own; otherwise the engine takes the
            plugin that is installed in the user's (`PULUMI_HOME`).
    """

    folder: Path
    engine_bin: Path
    environ: Mapping[str, str]
    standin: bool = True
    program: str = PROGRAM
    timeout_s: float = 300.0
    variables: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "state").mkdir(exist_ok=True)
        (self.folder / "Pulumi.yaml").write_text(json.dumps({"name": "trial", "runtime": {"name": "python"}}))
        (self.folder / "__main__.py").write_text(self.program)
        passphrase = self.folder / "passphrase"
        passphrase.write_text("trial")
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ARM_", "AZURE_", "PULUMI_", "ORGCAL_", "AZUREAD_"))
        }
        first = [str(write_standin(self.folder))] if self.standin else []
        path = os.pathsep.join([*first, str(ROOT / ".venv" / "bin"), str(self.engine_bin), os.environ["PATH"]])
        home = {"PULUMI_HOME": str(self.folder / "home") if self.standin else os.environ.get("PULUMI_HOME", "")}
        self.variables = {
            **inherited,
            **{name: value for name, value in home.items() if value},
            "PATH": path,
            "PYTHONPATH": str(ROOT),  # the stand-in of this checkout, whichever one its virtual environment has
            "PULUMI_BACKEND_URL": (self.folder / "state").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_STACK": "trial",
            **self.environ,
        }
        if not (self.folder / "Pulumi.trial.yaml").exists():
            self.pulumi("stack", "init", "trial")

    def plan(self, plan: Plan) -> None:
        """What the next run of the program wants."""
        values = {name: getattr(plan, name) for name in Plan.__slots__}
        (self.folder / "plan.json").write_text(json.dumps(values))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """`pulumi` with these arguments, in a process group of its own."""
        return subprocess.Popen(
            [str(self.engine_bin / "pulumi"), *arguments, "--non-interactive"],
            cwd=self.folder,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def pulumi(self, *arguments: str, code: int | None = 0) -> str:
        """Output of `pulumi` with these arguments.

        Raises:
            RunFailed: it did not end in time, or with another exit code than `code`; None allows any.
        """
        with self.start(*arguments) as process:
            try:
                output, _ = process.communicate(timeout=self.timeout_s)
            except subprocess.TimeoutExpired as error:
                os.killpg(process.pid, signal.SIGKILL)
                raise RunFailed(arguments, -signal.SIGKILL, f"it did not end within {self.timeout_s:.0f} s") from error
        if code is not None and process.returncode != code:
            raise RunFailed(arguments, process.returncode, output)
        return output

    def up(self, *arguments: str, code: int | None = 0) -> str:
        """`pulumi up` without a preview, as the recording was made."""
        return self.pulumi("up", "--yes", "--skip-preview", *arguments, code=code)

    def state(self) -> dict[str, dict[str, Any]]:
        """Resources in the state by name, secrets encrypted."""
        found = json.loads(self.pulumi("stack", "export"))
        return {item["urn"].split("::")[-1]: item for item in found["deployment"].get("resources", [])}


def seed_with_rights(folder: Path, rights: tuple[str, ...] = RIGHTS) -> Path:
    """A seed file for the emulator whose operator holds `rights`."""
    seed = yaml.safe_load(
        (ROOT / "emulator" / "orgcal_emulator" / "seeds" / "default.yaml").read_text(encoding="utf-8")
    )
    seed["operator"]["permissions"] = list(rights)
    path = folder / "seed.yaml"
    path.write_text(yaml.safe_dump(seed), encoding="utf-8")
    return path


def arm_variables(ready: Mapping[str, Any], *, host: str = "", ca_file: Path | None = None) -> dict[str, str]:
    """What the plugin reads, for the emulator behind `ready`.

    Args:
        ready: the emulator's own description.
        host: of a go-between; the emulator itself unless given. Behind one the plugin logs in with the operator's
            secret, since an assertion that is signed by a certificate names the address that it was sent to.
        ca_file: whom to trust; the emulator's authority unless given.
    """
    operator = ready["operator"]
    if host and host != f"localhost:{ready['port']}":
        login = {"ARM_CLIENT_SECRET": Path(operator["client_secret_file"]).read_text(encoding="utf-8").strip()}
    else:
        login = {"ARM_CLIENT_CERTIFICATE_PATH": operator["client_certificate_file"]}
    return {
        "ARM_METADATA_HOSTNAME": host or f"localhost:{ready['port']}",
        "ARM_TENANT_ID": operator["tenant_id"],
        "ARM_CLIENT_ID": operator["client_id"],
        **login,
        "ARM_USE_CLI": "false",
        "SSL_CERT_FILE": str(ca_file or ready["ca_file"]),
    }


def engine_bin() -> Path:
    """Folder of the engine, as `make setup` left it.

    Raises:
        EngineError: there is none.
    """
    command = [sys.executable, "-m", "orgcal.engine", "path"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EngineError("there is no Pulumi engine yet", repair="make setup")
    return Path(done.stdout.strip())


@contextmanager
def emulator_process(folder: Path) -> Iterator[dict[str, Any]]:
    """An emulator in a process of its own whose operator may do what the recorded program does; gives its `ready`.

    Raises:
        Unreachable: it did not start.
    """
    command = [sys.executable, "-m", "orgcal_emulator", "--memory", "--seed", str(seed_with_rights(folder))]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise Unreachable(
                "the emulator did not start", repair=f"{sys.executable} -m orgcal_emulator --memory, which says why"
            )
        try:
            yield json.loads(line)
        finally:
            process.terminate()
