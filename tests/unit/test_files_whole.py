"""Files that are written whole: modes, links, killed writers, and several writers at once."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orgcal.errors import PlatformError
from orgcal.files import whole
from orgcal.files.whole import edit_whole, private_dir, read_text, write_whole

PROJECT_ROOT = Path(__file__).resolve().parents[2]

KILLED = """
import os, signal, sys
from pathlib import Path
from orgcal.files.whole import write_whole
os.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)
write_whole(Path(sys.argv[1]), "client_secret: hush-killed")
"""

LIMITED = """
import resource, sys
from pathlib import Path
from orgcal.files.whole import write_whole
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
write_whole(Path(sys.argv[1]), "x" * 2000)
"""


def run(script: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-c", script, str(path)]
    environ = {"PYTHONPATH": str(PROJECT_ROOT), "PATH": os.defpath}
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=False)


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_private_file_has_mode_0600_whatever_the_umask_and_the_old_mode(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret"
    before = os.umask(0)
    try:
        write_whole(path, "one")
        path.chmod(0o644)
        write_whole(path, "two")
    finally:
        os.umask(before)

    assert path.read_text() == "two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert names(path.parent) == ["secret"]


def test_file_that_is_not_private_keeps_its_mode_and_a_new_one_follows_the_umask(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("one")
    old.chmod(0o640)
    before = os.umask(0o027)
    try:
        write_whole(old, "two", private=False)
        write_whole(new, "two", private=False)
    finally:
        os.umask(before)

    assert old.stat().st_mode & 0o777 == 0o640
    assert new.stat().st_mode & 0o777 == 0o640


def test_link_is_replaced_and_its_target_stays(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("foreign")
    link.symlink_to(target)

    write_whole(link, "ours")

    assert target.read_text() == "foreign"
    assert not link.is_symlink()


def test_edit_without_a_new_text_leaves_the_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    before = path.stat()

    edit_whole(path, lambda: None)

    assert path.stat().st_ino == before.st_ino
    assert names(tmp_path) == ["file"]


def test_killed_writer_leaves_the_old_file_and_git_does_not_see_the_new_text(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("/calendar.yaml\n")
    path = tmp_path / "calendar.yaml"
    write_whole(path, "old")

    ended = run(KILLED, path)

    assert ended.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    left = [each for each in tmp_path.rglob("*") if each.is_file() and each.parent.name == ".calendar.yaml.new"]
    assert any("hush-killed" in each.read_text() for each in left), "the writer is killed with its text written"
    status = ["git", "-C", str(tmp_path), "status", "--porcelain", "--untracked-files=all"]
    assert subprocess.run(status, capture_output=True, text=True, check=True).stdout == "?? .gitignore\n"


def test_next_write_removes_what_a_killed_writer_left(tmp_path: Path) -> None:
    path = tmp_path / "calendar.yaml"
    run(KILLED, path)
    assert names(tmp_path) == [".calendar.yaml.new"]

    write_whole(path, "new")

    assert names(tmp_path) == ["calendar.yaml"]
    assert path.read_text() == "new"


def test_next_edit_removes_what_a_killed_writer_left_even_if_it_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "calendar.yaml"
    write_whole(path, "old")
    run(KILLED, path)

    edit_whole(path, lambda: None)

    assert names(tmp_path) == ["calendar.yaml"]
    assert path.read_text() == "old"


def test_planted_link_in_place_of_the_temporary_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".secret.new").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(PlatformError, match="belongs to another user"):
        write_whole(tmp_path / "secret", "hush")

    assert names(tmp_path / "elsewhere") == []


def test_full_disk_is_one_sentence_and_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    ended = run(LIMITED, path)

    assert "PlatformError" in ended.stderr
    assert "cannot be written (File too large)" in ended.stderr
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_text_that_is_not_unicode_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="not valid Unicode"):
        write_whole(tmp_path / "file", "\ud800")

    assert names(tmp_path) == []


def test_directory_in_place_of_the_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()

    with pytest.raises(PlatformError, match="cannot be written"):
        write_whole(tmp_path / "taken", "x")

    assert names(tmp_path) == ["taken"]


def test_private_directory_is_made_with_those_above_it_and_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)

    made = [private_dir(tmp_path / "new" / "below"), private_dir(tmp_path / "open")]

    assert [path.stat().st_mode & 0o777 for path in made] == [0o700, 0o700]


def test_private_directory_on_a_read_only_file_system_is_refused_with_a_repair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, mode: int) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    (tmp_path / "file").touch()
    monkeypatch.setattr(Path, "chmod", refuse)
    for path, reason in ((tmp_path, "Read-only file system"), (tmp_path / "file" / "below", "Not a directory")):
        with pytest.raises(PlatformError, match=f"{path}: this folder.* cannot be written \\({reason}\\)") as caught:
            private_dir(path)

        assert "ORGCAL_DATA_DIR" in caught.value.repair
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o660])
def test_mode_owner_and_group_are_kept_where_access_is_to_be_kept(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    if os.geteuid() == 0:
        os.chown(path, 12345, 23456)
    path.chmod(mode)
    before = path.stat()

    edit_whole(path, lambda: "new", keep_access=True)

    after = path.stat()
    assert path.read_text() == "new"
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_owner_that_cannot_be_kept_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    monkeypatch.setattr(os, "fstat", lambda _: os.stat_result((0o100600, 1, 1, 1, 99, 99, 0, 0, 0, 0)))
    monkeypatch.setattr(whole, "_is_at", lambda *_: True)

    def denied(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", denied)
    called: list[str] = []

    def change() -> str:
        called.append("change")
        return "new"

    with pytest.raises(PlatformError, match="cannot be kept"):
        edit_whole(path, change, keep_access=True)

    assert called == []
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_extended_attributes_are_kept_and_none_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An access control list is one of them; file systems of tests have none, so the calls are recorded."""
    path = tmp_path / "file"
    path.write_text("old")
    held: dict[object, dict[str, bytes]] = {str(path): {"system.posix_acl_access": b"acl"}}
    of_new = {"system.posix_acl_access": b"inherited", "user.inherited": b"x"}
    monkeypatch.setattr(os, "listxattr", lambda file: list(held.get(str(file), of_new)), raising=False)
    monkeypatch.setattr(os, "getxattr", lambda file, name: held.get(str(file), of_new)[name], raising=False)
    monkeypatch.setattr(os, "setxattr", lambda file, name, value: of_new.__setitem__(name, value), raising=False)
    monkeypatch.setattr(os, "removexattr", lambda file, name: of_new.__delitem__(name), raising=False)

    edit_whole(path, lambda: "new", keep_access=True)

    assert of_new == {"system.posix_acl_access": b"acl"}


def test_file_with_a_second_hard_link_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    (tmp_path / "other").hardlink_to(path)

    with pytest.raises(PlatformError, match="2 hard links"):
        edit_whole(path, lambda: "new", keep_access=True)

    assert path.read_text() == "old"


def test_file_that_another_program_keeps_locked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    monkeypatch.setattr(whole, "LOCK_WAIT_S", 0.0)

    with path.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(PlatformError, match="keeps this file locked"):
            edit_whole(path, lambda: "new", keep_access=True)

    assert path.read_text() == "old"


def test_file_that_another_program_changes_meanwhile_keeps_its_change(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def change() -> str:
        path.write_text("of the other program")
        return "new"

    with pytest.raises(PlatformError, match="another program changed this file"):
        edit_whole(path, change, keep_access=True)

    assert path.read_text() == "of the other program"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("name", ["fifo", "folder"])
def test_what_is_no_regular_file_is_one_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.mkdir() if name == "folder" else os.mkfifo(path)

    with pytest.raises(PlatformError, match="not a regular file"):
        read_text(path)
    with pytest.raises(PlatformError, match="not a regular file"):
        edit_whole(path, lambda: "new", keep_access=True)


def test_text_in_utf_16_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes("A=1".encode("utf-16"))

    with pytest.raises(PlatformError, match="not UTF-8 text but UTF-16"):
        read_text(path)
