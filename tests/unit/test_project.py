"""Which project a command works on: the one that is named or stood in, and never another."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orgcal.cli import build_app
from orgcal.errors import UsageError
from orgcal.stack.environment import original_environment
from orgcal.stack.project import find_project, name_project, refuse_other_version
from provisioning.program import project_dir

OURS = "name: calendar\nruntime: python\nplugins: {providers: [{name: orgcal, path: .venv/bin}]}\n"
FOREIGN = "name: other\nruntime: python\n"
NAME = "ORGCAL_PROJECT"


def project(folder: Path, text: str = OURS, file: str = "Pulumi.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(text)
    return folder


def refused(environ: dict[str, str], start: Path) -> UsageError:
    with pytest.raises(UsageError) as caught:
        find_project(environ, start)
    assert caught.value.repair
    return caught.value


def test_project_is_the_nearest_one_upwards(tmp_path: Path) -> None:
    outer, inner = project(tmp_path / "outer"), project(tmp_path / "outer" / "inner")
    (inner / "logos" / "small").mkdir(parents=True)

    assert find_project({}, inner / "logos" / "small") == inner
    assert find_project({}, outer) == outer


def test_project_that_is_named_goes_before_the_one_stood_in(tmp_path: Path) -> None:
    here, there = project(tmp_path / "here"), project(tmp_path / "there")

    assert find_project({NAME: str(there)}, here) == there
    assert find_project({NAME: "../there"}, here) == there
    assert find_project({NAME: ""}, here) == here


def test_project_that_a_shell_was_set_up_for_is_not_a_named_one(tmp_path: Path) -> None:
    here, there = project(tmp_path / "here"), project(tmp_path / "there")
    shell = {"ORGCAL_ENV": f"PATH {NAME}", NAME: str(there)}

    assert find_project(shell, here) == here
    assert find_project({**shell, f"ORGCAL_OLD_{NAME}": str(there)}, here) == there, "the user's own"


@pytest.mark.parametrize("before", [{}, {NAME: "/elsewhere"}, {"ORGCAL_ENV": NAME, NAME: "/elsewhere"}])
def test_project_of_the_option_goes_before_the_variable(
    tmp_path: Path, before: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, environ = project(tmp_path / "here"), dict(before)
    monkeypatch.chdir(tmp_path)

    name_project(environ, Path("here"))

    assert find_project(environ, Path("/")) == here
    assert original_environment(environ)[NAME] == str(here)
    assert environ.get("ORGCAL_ENV") == before.get("ORGCAL_ENV"), "so that --unset gives back what was there"


@pytest.mark.parametrize(
    ("text", "file"),
    [
        (FOREIGN, "Pulumi.yaml"),
        (FOREIGN, "Pulumi.yml"),
        ("{}", "Pulumi.json"),
        ("name: other\nplugins: {providers: [{name: random, path: x}]}\n", "Pulumi.yaml"),
        ("name: other\nplugins: [orgcal]\n", "Pulumi.yaml"),
        ("name: other\nplugins: {providers: orgcal}\n", "Pulumi.yaml"),
    ],
)
def test_project_of_another_kind_is_refused_also_inside_one_of_ours(tmp_path: Path, text: str, file: str) -> None:
    project(tmp_path)
    other = project(tmp_path / "other", text, file)
    (other / "src").mkdir()

    for error in (refused({}, other / "src"), refused({NAME: str(other)}, tmp_path)):
        assert "not one of orgcal" in error.what
        assert error.where == str(other / file)
        assert "orgcal -C DIR" in error.repair
        assert error.exit_code == 2


@pytest.mark.parametrize(
    ("text", "what"), [("name: [", "not YAML"), ("runtime: python\n", "`name` is None"), ("- a\n", "not a mapping")]
)
def test_project_file_that_cannot_be_read_is_refused(tmp_path: Path, text: str, what: str) -> None:
    error = refused({}, project(tmp_path, text))

    assert what in error.what
    assert error.where.removesuffix(":1") == str(tmp_path / "Pulumi.yaml")


def test_no_project_at_all_names_what_to_do(tmp_path: Path) -> None:
    here, named = refused({}, tmp_path), refused({NAME: str(tmp_path / "gone")}, tmp_path)

    assert here.what == "there is no Pulumi.yaml here or above"
    assert "orgcal new DIR" in here.repair
    assert named.what == "there is no project in this folder (no Pulumi.yaml)"
    assert named.where == str(tmp_path / "gone")


def test_project_is_not_looked_for_above_a_named_folder(tmp_path: Path) -> None:
    project(tmp_path)
    (tmp_path / "below").mkdir()

    assert "no project in this folder" in refused({NAME: str(tmp_path / "below")}, tmp_path).what


def test_working_directory_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    with pytest.raises(UsageError, match="cannot be looked for"):
        find_project({})


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["new", "--help"], ["verify", "--help"]])
def test_commands_that_need_no_project_work_without_one(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    ended = CliRunner().invoke(build_app(words), words)

    assert ended.exit_code == 0, ended.output


@pytest.mark.parametrize("words", [["-C", "status", "ci"], ["--project", "status", "ci"], ["--project=status", "ci"]])
def test_folder_that_is_called_like_a_command_is_not_taken_for_it(words: list[str]) -> None:
    (group,) = build_app(words).registered_groups

    assert group.name == "ci"


def test_command_outside_any_project_ends_with_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "orgcal.cli", "-C", "gone", "tenants", "list"]
    ended = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 2
    assert ended.stderr.startswith(f"orgcal: {tmp_path / 'gone'}: there is no project in this folder")
    assert ended.stdout == ""


def test_program_refuses_a_shell_that_is_set_up_for_another_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = project(tmp_path / "here"), project(tmp_path / "there")
    monkeypatch.setattr("pulumi.get_stack", lambda: "prod")
    monkeypatch.chdir(here)
    monkeypatch.delenv(NAME, raising=False)
    assert project_dir() == here
    monkeypatch.setenv(NAME, str(here))
    assert project_dir() == here
    monkeypatch.setenv(NAME, str(there))

    with pytest.raises(UsageError, match=f"set up for the project in {there}") as caught:
        project_dir()

    assert caught.value.repair == f'eval "$(orgcal -C {here} env --stack prod)"'


def test_engine_of_a_project_with_another_orgcal_is_refused(tmp_path: Path) -> None:
    packages = tmp_path / ".venv" / "lib" / "python3.12" / "site-packages"
    (packages / f"orgcal-{version('orgcal')}.dist-info").mkdir(parents=True)
    (packages / "orgcal_emulator-9.0.dist-info").mkdir()
    refuse_other_version(tmp_path)
    (packages / f"orgcal-{version('orgcal')}.dist-info").rename(packages / "orgcal-9.0.dist-info")

    with pytest.raises(
        UsageError, match=f"this is orgcal {version('orgcal')} of .*, and the project has 9.0"
    ) as caught:
        refuse_other_version(tmp_path)

    assert caught.value.repair == f". {tmp_path}/.venv/bin/activate, then this again"


def test_engine_of_a_project_without_orgcal_in_its_environment_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)  # all that `pulumi new` makes

    with pytest.raises(UsageError, match="the project's packages are not installed") as caught:
        refuse_other_version(tmp_path)

    assert caught.value.repair == (
        f"cd {tmp_path} && python3 -m venv .venv && .venv/bin/pip install --require-hashes -r requirements.txt"
    )


def test_folder_whose_home_or_working_directory_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"~nobody-here/x: the folder cannot be looked for"):
        name_project({}, Path("~nobody-here/x"))
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    with pytest.raises(UsageError, match=r"x: the folder cannot be looked for \(No such file or directory\)"):
        name_project({}, Path("x"))

    monkeypatch.chdir(tmp_path)
