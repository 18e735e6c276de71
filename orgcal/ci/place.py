"""The git repository that a project's workflows are written into."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from orgcal.errors import UsageError
from orgcal.stack.git_folder import GitFolder, find_git_folder


def place_in_repository(project: Path, repository: str, environ: Mapping[str, str]) -> GitFolder:
    """Where the project's folder lies in its working copy of `repository`, `owner/name` on GitHub.

    Raises:
        UsageError: it lies in no repository, or in one whose remotes are all others.
    """
    git = find_git_folder(project, environ)
    if git is None:
        raise UsageError(
            "the project lies in no git repository, so GitHub would never see its workflows",
            where=str(project),
            repair=f"git init there, or clone {repository} and move the project into it",
        )
    named = {name: _owner_and_name(address) for name, address in git.remotes().items()}
    if named and repository.lower() not in named.values():
        listed = ", ".join(f"{name} is {address or 'another'}" for name, address in named.items())
        raise UsageError(
            f"the project's folder belongs to another repository ({listed})",
            where=f"--repo {repository}",
            repair=f"name that one, or: git remote add github https://github.com/{repository}.git",
        )
    return git


def _owner_and_name(address: str) -> str:
    """The last two parts of a remote's address, without a password that stands in it; empty if it has fewer."""
    found = re.search(r"([^/:@]+/[^/:@]+?)(?:\.git)?/*$", address)
    return found[1].lower() if found else ""
