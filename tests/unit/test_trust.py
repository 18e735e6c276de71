"""Who else could change a program: each folder, link and file on the way to it."""

from __future__ import annotations

import grp
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from orgcal.files.trust import who_else_may_change


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "folder" / "bin" / "program"
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    for part in (path, path.parent, path.parent.parent, tmp_path):
        part.chmod(0o755)
    return path


@pytest.fixture
def belongs_to_another(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Gives a path to another user; where only root may do that, this user becomes another one."""

    def give(path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, 12345, -1, follow_symlinks=False)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: 12345)

    return give


def test_program_that_only_this_user_and_root_can_write_is_nobody_elses(program: Path) -> None:
    assert who_else_may_change([program]) == ""
    assert who_else_may_change([program.parent / "missing"]) == ""


@pytest.mark.parametrize("part", ["", "..", "../.."])
def test_file_or_folder_that_everybody_may_write_is_named(program: Path, part: str) -> None:
    opened = (program / part).resolve()
    opened.chmod(opened.stat().st_mode | 0o002)

    assert who_else_may_change([program]) == f"{opened} can be changed by everybody"
    assert who_else_may_change([program], groups=True) == f"{opened} can be changed by everybody"


def test_folder_in_which_everybody_changes_only_their_own_is_fine(program: Path) -> None:
    program.parent.parent.chmod(0o1777)

    assert who_else_may_change([program]) == ""


def test_folder_of_another_user_is_named(program: Path, belongs_to_another: Callable[[Path], None]) -> None:
    belongs_to_another(program.parent)

    assert "belongs to user" in who_else_may_change([program])


def test_link_is_followed_through_folders_that_others_may_write(program: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "program").write_text("#!/bin/sh\n")
    shared.chmod(0o777)
    program.unlink()
    program.symlink_to("../../shared/program")

    assert who_else_may_change([program]) == f"{shared} can be changed by everybody"


def test_links_in_a_circle_end(program: Path) -> None:
    program.unlink()
    program.symlink_to(program)

    assert who_else_may_change([program]) == ""


@pytest.mark.parametrize(
    ("name", "members", "own"),
    [("", [], True), ("", ["root"], True), ("", ["ada"], False), ("staff", [], False)],
)
def test_group_counts_as_the_user_where_it_has_no_other_member(
    program: Path, monkeypatch: pytest.MonkeyPatch, name: str, members: list[str], own: bool
) -> None:
    user = "me"
    monkeypatch.setattr("pwd.getpwuid", lambda _: type("Entry", (), {"pw_name": user})())
    monkeypatch.setattr(grp, "getgrgid", lambda _: type("Entry", (), {"gr_name": name or user, "gr_mem": members})())
    program.chmod(0o775)
    if os.geteuid() == 0:
        os.chown(program, -1, 12345)  # root's own group is trusted by its number

    found = who_else_may_change([program])

    assert found == ("" if own else f"{program} can be changed by a group")
    assert who_else_may_change([program], groups=True) == ""
