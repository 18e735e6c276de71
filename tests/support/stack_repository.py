"""A stack's file in a real git repository, with the repository that it is pushed to."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from orgcal.rotation.record import Record, open_record
from orgcal.settings import GenerationSet
from orgcal.settings.credential_file import SettingsFile

SETTINGS = """\
config:
  orgcal:entra:
    cloud: public
  orgcal:credential:
    kind: secret
    generations: [3]  # live
    active: 3
    # a remark that stays
  orgcal:protect: true
"""
ADDED, ACTIVATED = GenerationSet((3, 4), 3), GenerationSet((3, 4), 4)


@dataclass
class StackRepository:
    """A working copy with a stack's file, and the bare repository that it is pushed to."""

    folder: Path
    project: str = "."
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.copy, self.remote = self.folder / "copy", self.folder / "remote.git"
        self.programs = self.folder / "programs"
        self.programs.mkdir()
        home = self.folder / "home"
        home.mkdir()
        # No identity and no configuration of this machine: as on a runner of CI.
        self.environ = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        self.copy.mkdir()
        self.git("init", "-q", "--bare", "-b", "main", str(self.remote))
        self.git("init", "-q", "-b", "main")
        self.file.parent.mkdir(exist_ok=True, parents=True)
        self.file.write_text(SETTINGS)
        self.git("remote", "add", "origin", str(self.remote))
        self.commit("as cloned")
        self.git("push", "-q", "--set-upstream", "origin", "main")

    @property
    def file(self) -> Path:
        return self.copy / self.project / "Pulumi.prod.yaml"

    def git(self, *words: str, folder: Path | None = None) -> str:
        identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
        done = subprocess.run(
            ["git", *identity, *words],
            cwd=folder or self.copy,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, message: str) -> None:
        self.git("add", "-A", "-f")
        self.git("commit", "-q", "-m", message)

    def pushed(self, branch: str = "main") -> str:
        return self.git("show", f"{branch}:{self.file.relative_to(self.copy)}", folder=self.remote)

    def settings(self) -> SettingsFile:
        return SettingsFile(self.file.parent, "prod", emulated=False, overlay=False)

    def record(self, mode: str) -> Record:
        return open_record(mode, self.settings(), "prod", self.environ, self.told.append)  # type: ignore[arg-type]

    def clone(self) -> Path:
        other = self.folder / "other"
        self.git("clone", "-q", str(self.remote), str(other))
        return other

    def refuse_pushes(self) -> None:
        hook = self.remote / "hooks" / "pre-receive"
        hook.write_text("#!/bin/sh\necho 'protected branch' >&2\nexit 1\n")
        hook.chmod(0o755)

    def fake_gh(self, *, open_url: str = "") -> Path:
        """A `gh` that notes what it was called with."""
        log = self.folder / "gh.log"
        program = self.programs / "gh"
        program.write_text(
            "#!/bin/sh\n"
            f'printf "%s\\n" "$*" >> {log}\n'
            f'if [ "$2" = list ]; then echo "{open_url}"; else echo https://github.example/pull/7; fi\n'
        )
        program.chmod(0o755)
        return log
