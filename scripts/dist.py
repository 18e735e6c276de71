"""`make dist`: build the sdist and the wheel of both projects into dist/, with equal bytes wherever it is run.

Beside them it writes template/, with which `pulumi new ./template` makes a project that is locked to these very files.
hatchling sets every time stamp to one that never changes (or to SOURCE_DATE_EPOCH), sorts the files and ignores the
umask. It is in `.venv`, so nothing is downloaded.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from orgcal.operations.new_project import write_template
from orgcal.operations.project_lock import pins_of_files

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = (ROOT / "emulator", ROOT)
TEMPLATE = ROOT / "template"


def main() -> int:
    """Build anew what dist/ and template/ hold; the exit status. A failed build leaves the old ones."""
    dist, scratch = ROOT / "dist", ROOT / ".local"
    scratch.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as staging:
        built = Path(staging) / "dist"
        for project in PROJECTS:
            command = [sys.executable, "-m", "hatchling", "build", "-d", str(built)]
            done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
            if done.returncode:
                last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
                print(f"dist: {project / 'pyproject.toml'}: {last}", file=sys.stderr)
                print("  repair: correct it there, or make setup where a build tool is missing", file=sys.stderr)
                return 1
        write_template(Path(staging) / "template", pins_of_files(built))
        for made, kept in ((built, dist), (Path(staging) / "template", TEMPLATE)):
            shutil.rmtree(kept, ignore_errors=True)
            made.rename(kept)
    for path in (*sorted(dist.iterdir()), TEMPLATE):
        print(f"dist: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
