"""Render a page as one HTML file that loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from convformance.runfile import Run
from convreport.campaign.page import CampaignPage
from convreport.cite import citation
from convreport.diff import Diff
from convreport.files import write_whole
from convreport.history import History
from convreport.page import make_page
from convreport.rendering import rendered
from convreport.versions_page import VersionsPage


def write_report(runs: Sequence[Run], folder: Path, history: History | None = None) -> Path:
    """Write folder/index.html and return its path; on an error an older report stays."""
    return _write(render(runs, history), folder)


def write_diff(diff: Diff, folder: Path) -> Path:
    """Write the page of a comparison as folder/index.html and return its path."""
    return _write(render_diff(diff), folder)


def render(runs: Sequence[Run], history: History | None = None) -> str:
    """Return the page's HTML; equal runs give equal text."""
    return _rendered("index.html.jinja", page=make_page(runs, history), citation=citation)


def render_diff(diff: Diff) -> str:
    """Return the HTML of a comparison."""
    return _rendered("diff.html.jinja", diff=diff)


def write_versions(page: VersionsPage, folder: Path) -> Path:
    """Write the page of releases as folder/index.html and return its path."""
    return _write(render_versions(page), folder)


def render_versions(page: VersionsPage) -> str:
    """Return the HTML of releases side by side."""
    return _rendered("versions.html.jinja", page=page)


def write_campaign(page: CampaignPage, folder: Path) -> Path:
    """Write the page of a campaign as folder/index.html and return its path."""
    return _write(render_campaign(page), folder)


def render_campaign(page: CampaignPage) -> str:
    """Return the HTML of a campaign."""
    return _rendered("campaign.html.jinja", page=page, citation=citation)


def _write(text: str, folder: Path) -> Path:
    path = folder / "index.html"
    write_whole(path, text)
    return path


def _rendered(template: str, **values: Any) -> str:
    scripts = ("copy.js", "filter.js", "player.js")
    return rendered(template, styles=("style.css",), scripts=scripts, **values)
