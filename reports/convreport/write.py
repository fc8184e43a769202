"""Render the page as one HTML file that loads nothing."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from convformance.runfile import Run
from convreport.page import make_page
from convreport.text import finalize


def write_report(runs: Sequence[Run], folder: Path) -> Path:
    """Write folder/index.html and return its path; on an error an older report stays."""
    text = render(runs)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    partial = folder / f"index.html.{os.getpid()}.partial"
    try:
        partial.write_text(text, encoding="utf-8", newline="\n")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def render(runs: Sequence[Run]) -> str:
    """Return the page's HTML; equal runs give equal text."""
    environment = Environment(
        loader=PackageLoader("convreport"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style, script = _own("style.css"), _own("copy.js")
    return environment.get_template("index.html.jinja").render(
        page=make_page(runs),
        style=Markup(style),  # our own file, no text of others in it
        script=Markup(script),  # our own file, no text of others in it
        # Whatever a backend says, the browser runs this script and style and no other.
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'",
    )


def _own(name: str) -> str:
    return resources.files("convreport").joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
