"""`make e2e AZUREAD_PLUGIN=real`: runs with the real plugin or not at all, and says what it leaves out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from orgcal.engine.plugins import write_standin
from orgcal.engine.versions import AZUREAD_PLUGIN_VERSION
from tests.support.checkout import ROOT, Ran
from tests.support.fake_programs import write_program


def collected(**environ: str) -> Ran:
    """`pytest --collect-only` on the engine tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "AZUREAD_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--collect-only", "tests/engine"],
        cwd=ROOT,
        env={**kept, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def without_azuread_on_path() -> str:
    folders = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(item for item in folders if not (Path(item) / "pulumi-resource-azuread").exists())


def test_engine_tests_with_the_real_plugin_leave_out_those_of_the_standin(tmp_path: Path) -> None:
    installed = tmp_path / "plugins" / f"resource-azuread-v{AZUREAD_PLUGIN_VERSION}" / "pulumi-resource-azuread"
    write_program(installed, "#!/bin/sh\n")
    environ = {"PULUMI_HOME": str(tmp_path), "PATH": without_azuread_on_path()}

    standin = collected(**environ)
    real = collected(**environ, AZUREAD_PLUGIN="real")

    assert standin.code == real.code == 0, standin.text + real.text
    assert "deselected" not in standin.out
    everything = {line for line in standin.out.splitlines() if "::" in line}
    run = {line for line in real.out.splitlines() if "::" in line}
    left_out = everything - run
    assert run < everything
    assert {line for line in everything if "/test_standin" in line} <= left_out
    assert re.search(rf"^{len(run)}/{len(everything)} tests collected \({len(left_out)} deselected\)", real.out, re.M)


def test_engine_tests_without_the_real_plugin_are_refused_in_one_sentence(tmp_path: Path) -> None:
    refused = collected(PULUMI_HOME=str(tmp_path), PATH=without_azuread_on_path(), AZUREAD_PLUGIN="real")

    assert refused.code == 4
    assert refused.err.strip() == (
        f"ERROR: AZUREAD_PLUGIN=real: the engine finds no real azuread plugin {AZUREAD_PLUGIN_VERSION}, "
        f"on PATH or among its own: pulumi plugin install resource azuread {AZUREAD_PLUGIN_VERSION}"
    )


def test_engine_tests_with_the_standin_on_path_are_not_run_as_real(tmp_path: Path) -> None:
    path = os.pathsep.join([str(write_standin(tmp_path)), os.environ["PATH"]])

    refused = collected(PULUMI_HOME=str(tmp_path), PATH=path, AZUREAD_PLUGIN="real")

    assert refused.code == 4
    assert "the azuread stand-in is first on PATH" in refused.err


def test_engine_tests_with_an_unknown_plugin_are_refused(tmp_path: Path) -> None:
    refused = collected(AZUREAD_PLUGIN="auto")

    assert refused.code == 4
    assert "AZUREAD_PLUGIN=auto: the engine tests run with real or standin" in refused.err
