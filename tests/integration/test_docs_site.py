"""The site of the documentation: built as `make docs` does, complete, and without anything from elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("docs", "scripts", "mkdocs.yml", "README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")
LOADED = re.compile(r'(?:src|srcset|data|poster)="((?:https?:)?//[^"]+)"|@import|url\(["\']?(?:https?:)?//')
STYLES = re.compile(r'<link\b(?=[^>]*rel="(?:stylesheet|preconnect|preload|icon|modulepreload)")[^>]*href="([^"]+)"')


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        cwd=root,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "site"
    built = build(ROOT, folder)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Pages and hooks, and whatever else they link to, to be changed."""
    for name in COPIED:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    for name in os.listdir(ROOT):
        if not name.startswith(".git") and not (tmp_path / name).exists():
            (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".github").symlink_to(ROOT / ".github")
    return tmp_path


def test_site_has_every_page_and_none_is_out_of_its_contents(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    expected = {page for page in pages if page.parts[0] != "examples"} | {Path("index.html"), Path("security.html")}
    first = (site / "index.html").read_text(encoding="utf-8")

    assert {page for page in expected if not (site / page).is_file()} == set()
    assert {page for page in expected if f'href="{page.as_posix()}"' not in first} == set()


def test_site_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert LOADED.findall(re.sub(r"(?s)<pre.*?</pre>|<code.*?</code>", "", text)) == [], page
        for address in STYLES.findall(text):
            assert "//" not in address, page
            file = site / address[1:] if address.startswith("/") else page.parent / address
            assert file.is_file(), (page, address)
    for style in site.rglob("*.css"):
        assert not re.search(r"@import|url\([\"']?(?:https?:)?//", style.read_text(encoding="utf-8")), style


@pytest.mark.parametrize(
    ("added", "words"),
    [
        ("[a](adopt.md#nowhere)", "does not contain an anchor '#nowhere'"),
        ("[a](gone.md)", "there is no docs/gone.md, which a link names"),
        ("[a](../tests/gone.py)", "there is no tests/gone.py, which a link names"),
        ('<img src="https://example.com/a.png" alt="a">', "create.md: it loads <img"),
    ],
    ids=["anchor", "page", "file", "picture of others"],
)
def test_site_with_a_page_that_leads_nowhere_or_loads_from_elsewhere_is_refused(
    copied: Path, added: str, words: str
) -> None:
    page = copied / "docs" / "create.md"
    page.write_text(f"{page.read_text(encoding='utf-8')}\n{added}\n", encoding="utf-8")

    built = build(copied, copied / "built")

    assert built.returncode != 0
    assert words in built.stdout + built.stderr
