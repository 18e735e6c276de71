"""The actions that the workflows use, by commit: a tag can be moved to other code, a commit cannot.

Each hash was read in the workflows of two projects that have nothing to do with each other (repository, file @ commit).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pin:
    """One action: its commit, the tag that names it, and where the hash was read."""

    action: str
    commit: str
    version: str
    sources: tuple[str, str]

    def __str__(self) -> str:
        return f"{self.action}@{self.commit} # {self.version}"


PINS = {
    "checkout": Pin(
        "actions/checkout",
        "08c6903cd8c0fde910a37f88322edcfb5dd907a8",
        "v5.0.0",
        (
            "psf/requests .github/workflows/publish.yml @ 131e506079d97606e4214cc4d87b780ac478de7a",
            "urllib3/urllib3 .github/workflows/scorecards.yml @ 0dac2bff69a39364a676950168cdebeb6a78b1cd",
        ),
    ),
    "cache": Pin(
        "actions/cache",
        "5a3ec84eff668545956fd18022155c47e93e2684",
        "v4.2.3",
        (
            "scipy/scipy .github/workflows/linux.yml @ 009dea8b07e199be2cd52289616fe327ec75c8bd",
            "matplotlib/matplotlib .github/workflows/tests.yml @ 0145393894089cd98e80c1ca23634c02835b3b15",
        ),
    ),
    "upload": Pin(
        "actions/upload-artifact",
        "ea165f8d65b6e75b540449e92b4886f43607fa02",
        "v4.6.2",
        (
            "psf/requests .github/workflows/publish.yml @ 131e506079d97606e4214cc4d87b780ac478de7a",
            "astral-sh/ruff .github/workflows/ci.yaml @ 00066e094c023a4a37eb619af60f9e293f96d940",
        ),
    ),
}
