"""The engine's program gets exactly the environment that it should."""

from __future__ import annotations

from pathlib import Path

from orgcal.engine.command import run_engine
from tests.support.fake_programs import write_program


def test_run_engine_passes_the_environment_but_no_flag_that_our_commands_never_want(tmp_path: Path) -> None:
    program = write_program(tmp_path / "pulumi", "#!/bin/sh\nenv\n")
    environ = {
        "PATH": "/usr/bin:/bin",
        "PULUMI_OPTION_IGNORE_PROTECT": "true",
        "PULUMI_OPTION_SHOW_SECRETS": "true",
        "PULUMI_OPTION_PARALLEL": "4",
    }

    ran = run_engine(program, ["stack"], cwd=tmp_path, environ=environ)

    assert ran.code == 0
    said = set(ran.out.splitlines())
    assert {"PULUMI_OPTION_PARALLEL=4", "PULUMI_AUTOMATION_API=true"} <= said
    assert not [line for line in said if "IGNORE_PROTECT" in line or "SHOW_SECRETS" in line]
