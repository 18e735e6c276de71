"""Print the notes of a release, which are its section of CHANGELOG.md; refuse a tag that is not of this version.

python3 scripts/release_notes.py v0.1.0
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("orgcal/__init__.py", "emulator/orgcal_emulator/__init__.py")


class NotReleasable(Exception):
    """One sentence for the maintainer, with its repair."""


def release_notes(tag: str, root: Path = ROOT) -> str:
    """The section of the changelog for the version that `tag` names.

    Args:
        tag: `v` and the version.
        root: the checkout.

    Raises:
        NotReleasable: a package has another version, or the changelog has no section with text for this one.
    """
    version = tag.removeprefix("v")
    for package in PACKAGES:
        found = re.search(r'^__version__ = "(.+)"$', (root / package).read_text(encoding="utf-8"), re.MULTILINE)
        if found is None or tag != f"v{found[1]}":
            has = found[1] if found else "no version"
            raise NotReleasable(f"{package}: the tag is {tag}, and this has {has}\n  repair: set it, then tag again")
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    section = re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    if section is None or not section[1].strip():
        raise NotReleasable(
            f"CHANGELOG.md: no section with text for {version}\n"
            f"  repair: rename [Unreleased] to [{version}] - YYYY-MM-DD, and begin a new [Unreleased]"
        )
    return section[1].strip() + "\n"


def main() -> int:
    """Print the notes of the tag given as the only argument; the exit status."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(release_notes(sys.argv[1]), end="")
    except NotReleasable as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
