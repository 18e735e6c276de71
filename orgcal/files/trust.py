"""Who, besides this user and root, could change what a path leads to: the question before a program is started.

As OpenSSH's `StrictModes` asks it of keys, of every folder on the way and of every link. A group that has no member but
this user counts as the user, since many systems give new folders such a group and let it write.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Iterable
from pathlib import Path

_ROOT = 0


def who_else_may_change(paths: Iterable[Path], *, groups: bool = False) -> str:
    """Which part of the paths somebody else could change, in a few words; empty where nobody could.

    Args:
        paths: what is there of them is judged, links and what they lead to included.
        groups: whether to let groups write: for programs of the system, whose administrators decide that.
    """
    user, seen = os.geteuid(), set[Path]()
    pending = [path.absolute() for path in paths]
    while pending:
        path = pending.pop()
        for part in (*reversed(path.parents), path):
            if part in seen:
                continue
            seen.add(part)
            try:
                found = part.lstat()
            except OSError:
                break  # nothing that could be started
            if stat.S_ISLNK(found.st_mode):
                pending.append(Path(os.path.normpath(part.parent.resolve() / part.readlink())))
            problem = _problem(found, user, groups=groups)
            if problem:
                return f"{part} {problem}"
    return ""


def _problem(found: os.stat_result, user: int, *, groups: bool) -> str:
    """What lets somebody else change this part itself."""
    if found.st_uid not in (_ROOT, user):
        return f"belongs to {_name_of(found.st_uid)}"
    if stat.S_ISLNK(found.st_mode):
        return ""  # its mode says nothing
    if found.st_mode & stat.S_ISVTX and stat.S_ISDIR(found.st_mode):
        return ""  # as in /tmp, everybody changes what is their own
    if found.st_mode & stat.S_IWOTH:
        return "can be changed by everybody"
    if found.st_mode & stat.S_IWGRP and not groups and not _is_own_group(found.st_gid, user):
        return "can be changed by a group"
    return ""


def _is_own_group(group: int, user: int) -> bool:
    """Whether a group has no member but this user, or root."""
    try:
        named, name = grp.getgrgid(group), pwd.getpwuid(user).pw_name
    except KeyError:
        return False
    return set(named.gr_mem) <= {name, "root"} and (group == _ROOT or named.gr_name == name)


def _name_of(user: int) -> str:
    try:
        return f"user {pwd.getpwuid(user).pw_name}"
    except KeyError:
        return f"user {user}"
