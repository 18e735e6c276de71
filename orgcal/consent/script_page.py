"""The steps that limit a connector to some mailboxes as one HTML page to send: it prints well and loads nothing."""

from __future__ import annotations

from importlib import resources

import jinja2

from orgcal.consent.script import LimitGuide


def guide_page(guide: LimitGuide) -> str:
    """The page, as HTML that needs no other file."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("orgcal.consent"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    style = resources.files("orgcal.consent").joinpath("templates", "style.css").read_text(encoding="utf-8")
    return environment.get_template("script.html.j2").render(guide=guide, style=style)
