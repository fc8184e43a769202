"""Render a page as one HTML file that loads nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from convformance.runfile import Run
from convreport.cite import citation
from convreport.diff import Diff
from convreport.files import write_whole
from convreport.history import History
from convreport.page import make_page
from convreport.text import finalize


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


def _write(text: str, folder: Path) -> Path:
    path = folder / "index.html"
    write_whole(path, text)
    return path


def _rendered(template: str, **values: object) -> str:
    environment = Environment(
        loader=PackageLoader("convreport"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style = _own("style.css")
    script = _own("copy.js") + _own("filter.js") + _own("player.js")
    return environment.get_template(template).render(
        **values,
        style=Markup(style),  # our own file, no text of others in it
        script=Markup(script),  # our own files, no text of others in it
        # Whatever a backend says, the browser runs this script and style and no other.
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'",
    )


def _own(name: str) -> str:
    return resources.files("convreport").joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
