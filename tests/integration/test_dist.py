"""What `make dist` builds: the same bytes everywhere, complete, and each wheel runs without the other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement

from orgcal import __version__
from orgcal.operations.new_project import FILES
from tests.support.checkout import ROOT
from tests.support.release import build_dist

PACKAGES = {
    "orgcal": (ROOT, {"orgcal", "provisioning", "verify"}),
    "orgcal_emulator": (ROOT / "emulator", {"orgcal_emulator"}),
}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_dist(tmp_path_factory.mktemp("dist") / "here")


@dataclass
class Wheel:
    """A built wheel: its files and its metadata."""

    path: Path
    names: set[str]
    metadata: Message


@pytest.fixture(params=PACKAGES)
def wheel(request: pytest.FixtureRequest, dist: Path) -> Wheel:
    path = dist / f"{request.param}-{__version__}-py3-none-any.whl"
    with ZipFile(path) as file:
        text = file.read(f"{request.param}-{__version__}.dist-info/METADATA").decode()
        return Wheel(path, set(file.namelist()), Parser().parsestr(text))


def tracked(folder: Path, packages: set[str]) -> set[str]:
    """Files of the packages that git has, or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *sorted(packages)]
    listed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    return {name for name in listed.split("\0") if name and (folder / name).is_file()}


def ran_from_wheel(wheel: Path, folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """A script in a Python that finds this wheel before anything else."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "--no-index", "--target", str(folder), str(wheel)], check=True)
    return subprocess.run(
        [sys.executable, "-P", "-c", script],
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_dist_has_the_same_bytes_in_another_folder_under_another_umask(dist: Path, tmp_path: Path) -> None:
    again = build_dist(tmp_path / "somewhere" / "else", 0o077)

    assert {path.name for path in dist.iterdir()} == {
        f"{name}-{__version__}{kind}" for name in PACKAGES for kind in (".tar.gz", "-py3-none-any.whl")
    }
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in dist.iterdir()
    }


def test_template_is_locked_to_the_built_files(dist: Path) -> None:
    template = dist.parent / "template"
    lock = (template / "requirements.txt").read_text(encoding="utf-8")

    assert {path.name for path in template.iterdir()} == {*FILES, ".venv"}
    for path in dist.iterdir():
        assert f"--hash=sha256:{sha256(path.read_bytes()).hexdigest()}" in lock, path.name


def test_wheel_holds_every_file_of_its_packages_and_nothing_else(wheel: Wheel) -> None:
    folder, packages = PACKAGES[wheel.path.name.split("-")[0]]
    own = {name for name in wheel.names if ".dist-info/" not in name}

    assert {name.split("/")[0] for name in own} == packages
    assert {f"{package}/py.typed" for package in packages} <= own
    assert own == tracked(folder, packages)


def test_wheel_says_whose_it_is_and_what_it_needs(wheel: Wheel) -> None:
    said = wheel.metadata
    urls = dict(text.split(", ") for text in said.get_all("Project-URL", []))

    assert said["Version"] == __version__
    assert said["License-Expression"] == "Apache-2.0"
    assert said["License-File"] == "LICENSE"
    (licence,) = [name for name in wheel.names if name.endswith(".dist-info/licenses/LICENSE")]
    with ZipFile(wheel.path) as file:
        assert file.read(licence) == (ROOT / "LICENSE").read_bytes()
    assert {"Homepage", "Documentation", "Changelog", "Issues", "Source"} == set(urls)
    assert all(url.startswith("https://github.com/orgcal/orgcal") for url in urls.values())
    assert said["Keywords"]
    assert "Typing :: Typed" in said.get_all("Classifier", [])


def test_drivers_that_few_need_are_extras(dist: Path) -> None:
    with ZipFile(dist / f"orgcal-{__version__}-py3-none-any.whl") as file:
        text = file.read(f"orgcal-{__version__}.dist-info/METADATA").decode()
    said = Parser().parsestr(text)
    needed = [Requirement(line) for line in said.get_all("Requires-Dist", [])]
    always = {item.name for item in needed if not item.marker}

    extras = {
        extra: {item.name for item in needed if item.marker and item.marker.evaluate({"extra": extra})} - always
        for extra in said.get_all("Provides-Extra", [])
    }

    assert extras == {
        "alerts": {"apprise"},
        "aws": {"boto3"},
        "azure": {"azure-keyvault-secrets"},
        "dask": {"distributed"},
        "emulator": {"orgcal-emulator"},
        "otlp": {"opentelemetry-exporter-otlp-proto-http", "opentelemetry-sdk"},
        "postgresql": {"psycopg"},
        "vault": {"hvac"},
    }


def test_page_on_a_package_index_has_no_link_that_only_works_in_a_checkout(wheel: Wheel) -> None:
    page = str(wheel.metadata.get_payload())

    assert "https://github.com/orgcal/orgcal" in page
    assert [line for line in page.splitlines() if "](docs" in line or "](../" in line or 'src="docs' in line] == []


def test_twine_finds_nothing(dist: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *map(str, sorted(dist.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == 4


def test_wheel_of_orgcal_alone_has_its_command_its_plugin_and_its_data(dist: Path, tmp_path: Path) -> None:
    script = """
import sys
sys.modules["orgcal_emulator"] = None
import orgcal.provider.connector.__main__, orgcal.provider.azuread.__main__, provisioning.program, verify.report.html
from orgcal.cli import main
print(orgcal.__file__)
sys.argv = ["orgcal", "--version"]
main()
"""
    done = ran_from_wheel(dist / f"orgcal-{__version__}-py3-none-any.whl", tmp_path, script)

    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/orgcal/__init__.py\norgcal {__version__}\n"), done.stderr
    assert {path.name for path in (tmp_path / "bin").iterdir()} == {"orgcal", "pulumi-resource-orgcal"}


def test_wheel_of_the_emulator_runs_its_readmes_example_without_pulumi_and_orgcal(dist: Path, tmp_path: Path) -> None:
    readme = (ROOT / "emulator" / "README.md").read_text(encoding="utf-8")
    # The other block is a test of pytest: tests/witnesses/long/test_emulator_alone.py runs such ones.
    _, example = re.findall(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    script = f"""
import sys
for name in ("pulumi", "orgcal", "verify", "provisioning", "msal", "requests", "azure"):
    sys.modules[name] = None
{example}
print(sys.modules["orgcal_emulator"].__file__)
"""
    done = ran_from_wheel(dist / f"orgcal_emulator-{__version__}-py3-none-any.whl", tmp_path, script)

    assert done.returncode == 0, done.stderr
    printed, package = done.stdout.splitlines()
    assert printed.startswith("https://localhost:")
    assert package == f"{tmp_path}/orgcal_emulator/__init__.py"
    assert (tmp_path / "bin" / "orgcal-emulator").exists()
