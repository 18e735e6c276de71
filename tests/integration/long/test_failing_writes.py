"""Disk full, read-only, killed: at each change of the file system that something makes, whatever it is.

After each failure a file is the old one or the new one, nothing holds the secret that should not, the error is one
sentence, and the next run ends as if nothing had happened. `tests/support/failing_writes.py` finds the changes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from orgcal_emulator.state_directory import StateDirectory

from orgcal.ci.workflows import WorkflowFile, write
from orgcal.engine.cache import CACHE_VARIABLE, EngineCache
from orgcal.engine.progress import Progress
from orgcal.entra.credentials import ClientSecret
from orgcal.files.whole import write_whole
from orgcal.operations.new_project import write_project
from orgcal.platforms import PlatformCredential, open_platform
from orgcal.rotation.lock import UpdateLock
from orgcal.settings import GenerationSet
from orgcal.settings.credential_file import SettingsFile
from orgcal.stack.passphrase import ensure_passphrase
from tests.support.failing_writes import Failure, cli, preload, run_failing
from tests.support.scripted_engine import ScriptedRunner, command, install_plugin
from verify.report.base import FileReport
from verify.summary import Summary

preload(__name__)
pytestmark = pytest.mark.timeout(400)  # a command is run twice for each of its changes
ROOT = Path(__file__).resolve().parents[3]
SECRET = "hush-hush-1"
STACK = """\
config:
  orgcal:entra: {cloud: public, tenant_id: 00000000-1111-2222-3333-444444444444}
  orgcal:application: {display_name: Acme Calendar}
  orgcal:connector:
    platform: {kind: file, path: settings.yaml, callback_url: "https://app.example.com/callback"}
    key: outlook
    name: Outlook
    scopes: [Calendars.Read]
  orgcal:credential:
    generations: [1]  # live
    active: 1
"""
SECRETS = (SECRET.encode(), b"secret-1", b"secret-2", b"told-by-the-outputs")
"""Of the push to a file, and of the scripted engine."""
ADDED = STACK.replace("[1]", "[1, 2]")
ENVIRON = {"ORGCAL_DATA_DIR": "data", "ORGCAL_CACHE_DIR": "cache", "PULUMI_HOME": "pulumi-home"}
REVOKED = [
    STACK.replace("active: 1", "active: 1\n    revoked: [1]"),
    ADDED.replace("active: 1", "active: 1\n    revoked: [1]"),
    ADDED.replace("active: 1", "active: 2\n    revoked: [1]"),
]
REGISTRY = frozenset(f"tenants.sqlite{ending}" for ending in ("", "-journal", "-shm", "-wal"))
ROTATION = REGISTRY | {"rotate.pid"}
TENANT = {
    "tenant_id": "22222222-2222-2222-2222-222222222222",
    "name": "Contoso",
    "domain": "contoso.example",
    "state": "invited",
    "added_at": "2026-11-01T00:00:00+00:00",
    "changed_at": "2026-11-01T00:00:00+00:00",
}


def project(folder: Path) -> None:
    """A project with a stack."""
    shutil.copy(ROOT / "Pulumi.yaml", folder)
    (folder / "Pulumi.prod.yaml").write_text(STACK)
    (folder / "tenants.jsonl").write_text(json.dumps(TENANT) + "\n")
    (folder / "repository" / ".git").mkdir(parents=True)
    (folder / "settings.yaml").write_text("# ours\nport: 8080\n")
    install_plugin(folder)


def new(folder: Path) -> None:
    write_project(folder / "infra" / "calendar", {"Pulumi.yaml": "name: calendar\n", "__main__.py": "run()\n"})


def new_in_a_folder(folder: Path) -> None:
    write_project(folder / "repository", {"Pulumi.yaml": "name: calendar\n", "__main__.py": "run()\n"})


def workflows(folder: Path) -> None:
    paths = [folder / ".github" / "workflows" / f"{name}.yml" for name in ("deploy", "nightly")]
    write([WorkflowFile(path, "on: push\n", None) for path in paths if not path.exists()])


def tenants_import(_: Path) -> None:
    cli("tenants", "import", "tenants.jsonl", "--stack", "prod")


def ephemeral(_: Path) -> None:
    cli("ephemeral", "create", "--from", "prod", "pr-1")


def passphrase(folder: Path) -> None:
    ensure_passphrase(folder, "prod", folder / "data" / "prod", {})


def rotation_record(folder: Path) -> None:
    SettingsFile(folder, "prod", emulated=False, overlay=False).write(GenerationSet((1, 2), 1, revoked=(1,)))


def rotation_overlay(folder: Path) -> None:
    SettingsFile(folder, "prod", emulated=True, overlay=True).write(GenerationSet((1, 2), 1))


def push_to_file(folder: Path) -> None:
    settings = {"kind": "file", "path": str(folder / "settings.yaml"), "callback_url": "https://app.example.com/cb"}
    open_platform(settings, {}).push_credentials("outlook", PlatformCredential("cid", 1, ClientSecret(SECRET)))


def report(folder: Path) -> None:
    FileReport(folder / "report.html", "--html", lambda *_: "<p>all is well</p>").end(Summary())


def emulator_keys(folder: Path) -> None:
    directory = StateDirectory(folder / "emulator")
    directory.secrets(directory.keys())


def rotation_lock(folder: Path) -> None:
    with UpdateLock("prod", timedelta(0), print).alone(folder):
        (folder / "done").mkdir(exist_ok=True)


def engine_cache(folder: Path) -> None:
    cache = EngineCache({CACHE_VARIABLE: str(folder / "cache")})
    with cache.locked(Progress()), cache.staging() as staging:
        (staging / "bin").mkdir()
        write_whole(staging / "bin" / "pulumi", "engine")
        cache.publish(staging / "bin", source="build", recipe="recipe")


def up(folder: Path) -> None:
    command(folder, "up", "--json", "--yes", "--stack", "prod")


def rotate(folder: Path) -> None:
    command(folder, "rotate", "--json", "--if-expiring-within", "30d", "--record", "file", "--stack", "prod")


def revoke(folder: Path) -> None:
    command(folder, "rotate", "--json", "--revoke", "--yes", "--record", "file", "--stack", "prod")


def revoke_or_go_on(folder: Path) -> None:
    """What is right after a failed order to revoke: the order again where nothing was written down, else any run."""
    nothing_yet = (folder / "Pulumi.prod.yaml").read_text() == STACK
    (revoke if nothing_yet else rotate)(folder)


@dataclass(frozen=True)
class Case:
    """Something that writes.

    Attributes:
        work: what it does.
        once: it is refused where it has been done.
        ways: in which it is made to fail.
        random: names of files whose content differs from run to run; `*` stands for all.
        between: names of files to further contents that they have in the middle of it.
        after: what was done before, undisturbed.
        again: what the next run does; the same unless given.
    """

    work: Callable[[Path], object]
    random: frozenset[str] = field(default_factory=frozenset)
    between: Mapping[str, Sequence[str]] = field(default_factory=dict)
    after: Callable[[Path], object] | None = None
    again: Callable[[Path], object] | None = None
    once: bool = False
    ways: tuple[Failure, ...] = (Failure.FULL, Failure.REFUSED, Failure.KILLED)

    def varies(self, name: str, content: bytes) -> bool:
        """Whether the file may have this content, as it differs from run to run; an empty database is a whole one."""
        if content.decode(errors="replace") in self.between.get(name, ()):
            return True
        known = not self.random.isdisjoint({Path(name).name, "*"})
        return known and (bool(content) or ".sqlite" in name)


CASES = [
    Case(new, once=True),
    Case(tenants_import, REGISTRY),
    Case(new_in_a_folder, once=True),
    Case(workflows),
    Case(ephemeral),
    Case(passphrase, frozenset({"passphrase"})),
    Case(rotation_record),
    Case(rotation_overlay),
    Case(push_to_file),
    Case(report),
    Case(emulator_keys, frozenset({"*"}), ways=(Failure.KILLED,)),
    Case(rotation_lock, frozenset({"rotate.pid"})),
    Case(engine_cache),
    Case(up, REGISTRY | {"passphrase"}, after=tenants_import),
    Case(rotate, ROTATION, {"Pulumi.prod.yaml": [ADDED]}, after=up, ways=(Failure.REFUSED, Failure.KILLED)),
    # Killed at each write: tests/unit/test_rotation_revocation.py.
    Case(revoke, ROTATION, {"Pulumi.prod.yaml": REVOKED}, after=up, again=revoke_or_go_on, ways=(Failure.FULL,)),
]


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def prepared(folder: Path, case: Case) -> Path:
    """A project as it is before the work, made once."""
    made, engine = folder.with_name("made"), ScriptedRunner.file
    if not made.exists():
        made.mkdir()
        project(made)
        if case.after is not None:
            ended = run_failing(case.after, made, Failure.NONE, environ=ENVIRON)
            assert ended.code == 0, ended.text
    shutil.copytree(made, folder)
    if engine(made).exists():
        shutil.copy(engine(made), engine(folder))
    return folder


@pytest.mark.parametrize(
    ("case", "how"),
    [pytest.param(case, how, id=f"{case.work.__name__}, {how.value}") for case in CASES for how in case.ways],
)
def test_failure_at_any_write(tmp_path: Path, case: Case, how: Failure) -> None:
    whole = prepared(tmp_path / "whole", case)
    before = files(whole)
    undisturbed = run_failing(case.work, whole, Failure.NONE, environ=ENVIRON)
    after = files(whole)
    assert undisturbed.code == 0, undisturbed.text
    assert undisturbed.changes
    assert after != before

    for at in range(1, len(undisturbed.changes) + 1):
        folder = prepared(tmp_path / str(at), case)
        said = f"{how.value} at {at}: {undisturbed.changes[at - 1]}"

        failed = run_failing(case.work, folder, how, at, environ=ENVIRON)

        if how is Failure.KILLED:
            assert failed.code == -9, f"{said}: {failed.text}"
        else:
            assert failed.code in (0, 1, 2), f"{said}: {failed.text}"
            assert "Traceback" not in failed.text, said
            assert failed.code == 0 or failed.text.startswith("orgcal: "), f"{said}: {failed.text}"
        found = files(folder)
        assert before.keys() & after.keys() <= found.keys(), f"{said}: neither old nor new"
        for name, content in found.items():
            if name in before or name in after:
                known = {before.get(name), after.get(name)}
                assert content in known or case.varies(name, content), f"{said}: half of {name}"
            else:
                accepted = how is Failure.KILLED or Path(name).name == ".gitignore" or case.varies(name, content)
                assert accepted, f"{said}: {name} is left"
            if any(each in content and each not in after.get(name, b"") for each in SECRETS):
                ignored = folder / Path(name).parent / ".gitignore"
                assert ignored.read_text() == "*\n", f"{said}: {name} holds the secret"

        if case.once and not after.items() - found.items():
            continue  # it was done, and is refused now
        again = run_failing(case.again or case.work, folder, Failure.NONE, environ=ENVIRON)

        assert again.code == 0, f"{said}, then: {again.text}"
        ended = files(folder)
        left = {name for name in ended.keys() - after.keys() if Path(name).name != ".gitignore"}
        assert not left, f"{said}: {left}"
        for name, content in after.items():
            assert ended[name] == content or case.varies(name, content), f"{said}: {name}"
