"""What a company gets: the wheels, installed outside the checkout, and a project of its own that uses them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orgcal import __version__
from orgcal.operations.new_project import FILES
from tests.support.azuread_plugin import limit_s
from tests.support.older_deployment import restore_older_deployment
from tests.support.outside import Outside
from tests.support.release import InstalledProject, Release

pytestmark = pytest.mark.timeout(600)  # the first test of the module waits for downloads and two installations

CI_SETUP = (
    *("ci", "setup", "generic", "--dry-run", "--stack", "dev", "--issuer", "https://gitlab.com"),
    *("--subject", "project_path:acme/app:ref_type:branch:ref:main", "--backend", "s3://state"),
    *("--secrets-provider", "awskms://key", "--registry", "postgresql://orgcal@db.acme.example/orgcal"),
)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return Release(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def tool(release: Release) -> Path:
    """The command `orgcal` in an environment of its own, as pipx installs it."""
    return release.install(release.folder / "pipx" / "orgcal", "orgcal") / "orgcal"


@pytest.fixture(scope="module")
def project(release: Release, tool: Path) -> Iterator[InstalledProject]:
    """A project that `orgcal new` wrote, with what its lock names."""
    written = release.run(str(tool), "new", "acme/infra/calendar", "--name", "calendar")
    assert written.code == 0, written.text
    assert names_in(release.folder / "acme" / "infra" / "calendar") == set(FILES)
    made = release.project(release.folder / "acme" / "infra" / "calendar")
    release.install(made.path / ".venv", "--require-hashes", "-r", str(made.path / "requirements.txt"))
    yield made
    made.orgcal("emulator", "stop")


@pytest.fixture
def another(release: Release, tool: Path, project: InstalledProject, tmp_path: Path) -> Iterator[InstalledProject]:
    """A project called `orgcal`, with the packages of the first."""
    written = release.run(str(tool), "new", str(tmp_path / "another"), "--name", "orgcal")
    assert written.code == 0, written.text
    made = release.project(tmp_path / "another")
    (made.path / ".venv").symlink_to(project.path / ".venv")
    yield made
    made.orgcal("emulator", "stop")


def names_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if "__pycache__" not in path.parts}


def test_doctor_and_smoke_test_of_a_project_find_nothing_wrong(project: InstalledProject) -> None:
    doctor = project.orgcal("doctor", "--json")
    where = project.run("python", "-c", "import orgcal, orgcal_emulator as e; print(orgcal.__file__, e.__file__)")
    smoke = project.run("pytest", "-q", "-W", "error", "test_smoke.py")

    checks = {check["name"]: check for check in json.loads(doctor.out)["checks"]}
    assert {name for name, check in checks.items() if check["verdict"] != "ok"} <= {"emulator", "trust"}, doctor.text
    assert str(project.path) in checks["project"]["says"]
    assert checks["python"]["says"].endswith("packages as locked")
    assert all(Path(path).is_relative_to(project.path / ".venv") for path in where.out.split()), where.text
    assert smoke.code == 0, smoke.text


def test_project_runs_from_the_demo_to_uninstall(project: InstalledProject) -> None:
    project, cache = project.with_own_cache()
    demo = project.orgcal("demo", "--keep")
    verified = project.orgcal("verify")
    rotated = project.orgcal("rotate", "--now")
    files, outside = names_in(project.path), Outside(project.ready)
    mark = outside.mark()
    planned = project.orgcal(*CI_SETUP)

    assert demo.code == verified.code == rotated.code == planned.code == 0, demo.text + verified.text + rotated.text
    assert "proven: Contoso can be read" in demo.out
    assert "1 of 2 organisations verified, 1 waits for consent" in verified.out
    assert "generation 2  active" in rotated.out
    assert ".venv/bin/orgcal rotate --stack dev --if-expiring-within 30d" in planned.out
    assert (names_in(project.path), outside.writes_since(mark)) == (files, [])

    by_hand(project)
    assert len(outside.applications()) == 1
    listed = project.orgcal("uninstall", "--dry-run")
    assert {path.name for path in cache.iterdir()} == {"engine"}
    removed = project.orgcal("uninstall", "--yes", "--json")

    assert listed.code == removed.code == 0, listed.text + removed.text
    assert "stack try of project calendar, which holds no resources" in listed.out
    said = json.loads(removed.out)
    assert [kept["what"] for kept in said["kept"]] == [f"stack dev of {project.path}"], removed.text
    assert not cache.exists()
    assert not (project.home / ".local" / "share" / "orgcal").exists()
    assert len(outside.applications()) == 1


def by_hand(project: InstalledProject) -> None:
    """Stack `try`, from nothing to nothing: what a user types after `eval "$(orgcal env --stack try)"`."""
    settings = (project.path / "Pulumi.dev.yaml").read_text()
    lines = [line for line in settings.splitlines() if not line.startswith("encryptionsalt")]
    (project.path / "Pulumi.try.yaml").write_text("\n".join(lines) + "\n")
    started = project.orgcal("emulator", "start", "--stack", "try")
    assert started.code == 0, started.text
    script = """set -e
    eval "$(orgcal env --stack try)"
    pulumi stack init try
    pulumi preview
    pulumi up --yes --skip-preview
    pulumi stack output orgcal --json >/dev/null
    pulumi destroy --yes --skip-preview
    """
    try:
        done = project.run("/bin/sh", "-c", script)
    finally:
        project.orgcal("emulator", "stop", "--stack", "try")
    assert done.code == 0, done.text


def test_what_0_1_0_deployed_comes_up_unchanged_and_is_verified(another: InstalledProject) -> None:
    restore_older_deployment(another)

    previewed = another.shell("pulumi preview --stack dev --expect-no-changes --refresh")
    up = another.orgcal("up")
    verified = another.orgcal("verify", "--stack", "dev")

    assert previewed.code == up.code == verified.code == 0, previewed.text + up.text + verified.text
    assert "stack dev: 0 changed, 7 unchanged" in up.text


def test_command_acts_on_the_project_that_is_named_or_stood_in(
    project: InstalledProject, another: InstalledProject
) -> None:
    (another.path / "below").mkdir()

    def says(*words: str, cwd: Path, **environ: str) -> str:
        done = project.release.run("orgcal", *words, "doctor", cwd=cwd, environ={**project.environ, **environ})
        return done.out.splitlines()[0]

    stood_in = says(cwd=another.path / "below")
    option = says("-C", str(project.path), cwd=another.path)
    variable = says(cwd=another.path, ORGCAL_PROJECT=str(project.path))

    assert f" orgcal in {another.path} " in stood_in
    assert f" calendar in {project.path} " in option
    assert f" calendar in {project.path} " in variable


def test_project_whose_lock_cannot_be_installed_without_a_network_says_so(
    release: Release, tool: Path, tmp_path: Path
) -> None:
    release.run(str(tool), "new", str(tmp_path / "clone"), "--name", "clone")
    clone = release.project(tmp_path / "clone")
    release.run("python3", "-m", "venv", ".venv", cwd=clone.path)
    nowhere = {"PIP_FIND_LINKS": "", "PIP_NO_INDEX": "", "PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "0"}
    failed = clone.run("pip", "install", "--require-hashes", "-r", "requirements.txt", environ=nowhere)
    files = names_in(clone.path)
    refused = clone.run(str(tool), "up")

    assert "No matching distribution found for orgcal" in failed.err
    assert refused.code == 2
    assert "the project's packages are not installed" in refused.err
    assert f"repair: cd {clone.path} && python3 -m venv .venv && .venv/bin/pip install --require-hashes" in refused.err
    assert {name for name in names_in(clone.path) - files if not name.startswith(".local")} == set()


def test_wheel_of_orgcal_alone_says_what_the_emulator_needs(tool: Path, another: InstalledProject) -> None:
    version = another.run(str(tool), "--version")
    refused = another.run(str(tool), "emulator", "start")

    assert version.out == f"orgcal {__version__}\n"
    assert refused.code != 0
    assert "or pip install 'orgcal[emulator]' here" in refused.err
    assert "Traceback" not in refused.text


def test_wheel_of_the_emulator_alone_starts_without_pulumi(release: Release) -> None:
    programs = release.install(release.folder / "emulator-alone", "orgcal-emulator")
    found = release.run(
        str(programs / "python"),
        "-c",
        "from importlib.util import find_spec as f; print([n for n in ('pulumi', 'orgcal', 'msal') if f(n)])",
    )
    command = [str(programs / "orgcal-emulator"), "--state", str(release.folder / "emulator-state")]
    with subprocess.Popen(command, env=release.environ, stdout=subprocess.PIPE, text=True) as emulator:
        assert emulator.stdout is not None
        try:
            ready = json.loads(emulator.stdout.readline())
        finally:
            emulator.terminate()
            emulator.wait(limit_s(30))

    assert found.out == "[]\n", found.text
    assert ready["base_url"].startswith("https://localhost:")
