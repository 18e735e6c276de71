"""Hooks of `make docs`: what mkdocs cannot do by itself for pages that are read in the repository too.

README and the other pages of the root become pages of the site. A link to a page of the site leads there, one to
another file of the repository leads to it on the web, and one to nothing ends the build. No page loads anything from
elsewhere.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
SOURCE = "https://github.com/orgcal/orgcal/blob/main/"

ROOT_PAGES: Mapping[str, str] = {
    "README.md": "index.md",
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Pages of the repository's root, and their places in the site."""

SECTIONS: Mapping[str, Sequence[str]] = {
    "Begin": ("index.md", "your-repository.md", "create.md", "adopt.md", "upgrade.md", "engine.md"),
    "Customers": ("consent.md", "for-your-customers.md", "verify.md", "health.md"),
    "Operate": ("change-scopes.md", "credentials.md", "rotation.md", "destroy-and-restore.md", "platforms.md"),
    "Automate": ("ci.md", "ephemeral.md"),
    "Emulator": ("emulator.md", "your-program.md", "parity.md", "standin.md"),
    "Project": ("security.md", "contributing.md", "changelog.md", "release.md"),
}
"""The site's table of contents; pages that no section names are in `Reference` and, of docs/adr, in `Decisions`."""

_LINK = re.compile(r'(?P<before>\]\(|(?:src|href)=")(?P<target>[^)"\s]+)(?P<after>[)"])')
_FENCE = re.compile(r"(?ms)^ *(```+|~~~+).*?^ *\1 *$")
_MARKED = re.compile(r"^( *```+\w+)[^\n]*")
_LOADED = re.compile(r'<(?:script|img|iframe|source|video|audio)\b[^>]*\ssrc="(?:https?:)?//[^"]*"|<link\b[^>]*>')
_ELSEWHERE = re.compile(r'href="(?:https?:)?//')
_FOLLOWED = re.compile(r'rel="(?:canonical|next|prev)"')


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill in the table of contents."""
    docs = Path(config.docs_dir)
    pages = {str(path.relative_to(docs).as_posix()) for path in docs.rglob("*.md")}
    pages = {page for page in pages if not page.startswith("examples/")} | set(ROOT_PAGES.values())
    decisions = sorted(page for page in pages if page.startswith("adr/"))
    named = {page for section in SECTIONS.values() for page in section}
    reference = sorted(pages - named - set(decisions))
    nav: list[dict[str, list[str]]] = [{title: list(section)} for title, section in SECTIONS.items()]
    config.nav = [*nav[:-1], {"Reference": reference}, {"Decisions": decisions}, nav[-1]]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the repository's root."""
    from mkdocs.structure.files import File

    for source, place in ROOT_PAGES.items():
        files.append(File.generated(config, place, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Let the links of a page lead where its readers are; of a fence, only the language is kept beside its text."""
    place = page.file.src_uri
    source = next((name for name, there in ROOT_PAGES.items() if there == place), f"docs/{place}")
    parts, end = [], 0
    for fence in _FENCE.finditer(markdown):
        # Marks beside the language (CONTRIBUTING.md) are for tests; mkdocs would take such a fence for a paragraph.
        parts += [_with_links(markdown[end : fence.start()], source, place), _MARKED.sub(r"\1", fence[0], count=1)]
        end = fence.end()
    return "".join([*parts, _with_links(markdown[end:], source, place)])


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """Refuse a page that would load something from elsewhere.

    Raises:
        PluginError: it does.
    """
    from mkdocs.exceptions import PluginError

    for found in _LOADED.findall(output):
        if not found.startswith("<link") or (_ELSEWHERE.search(found) and not _FOLLOWED.search(found)):
            raise PluginError(f"{page.file.src_uri}: it loads {found}; repair: bring the file into docs/")
    return output


def _with_links(text: str, source: str, place: str) -> str:
    return _LINK.sub(lambda link: link["before"] + _led(link["target"], source, place) + link["after"], text)


def _led(target: str, source: str, place: str) -> str:
    """The target of a link of the file `source`, as the page at `place` has it.

    Raises:
        PluginError: there is no such file.
    """
    name, hash_sign, anchor = target.partition("#")
    if not name or "://" in name or name.startswith("mailto:"):
        return target
    there = posixpath.normpath(posixpath.join(posixpath.dirname(source), name))
    if not (ROOT / there).exists():
        from mkdocs.exceptions import PluginError

        raise PluginError(f"{source}: there is no {there}, which a link names; repair: name a file of the repository")
    if there in ROOT_PAGES:
        in_site = ROOT_PAGES[there]
    elif there.startswith("docs/") and not there.startswith("docs/examples") and (ROOT / there).is_file():
        in_site = there.removeprefix("docs/")
    else:
        return f"{SOURCE}{there}{hash_sign}{anchor}"
    return posixpath.relpath(in_site, posixpath.dirname(place) or ".") + hash_sign + anchor
