"""An explanation as one HTML file that loads nothing."""

from __future__ import annotations

import base64
import hashlib
import os
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from convformance import __version__
from convformance.problem import Problem
from convreport.explain import Explanation, way
from convreport.explain_text import (
    agreement_lines,
    border_lines,
    cost_lines,
    pads_text,
    parting_lines,
)
from convreport.player import player_of_problem
from convreport.text import finalize, sizes
from convreport.windows import drawings


def write_page(told: Explanation, path: Path) -> None:
    """Write the page; on an error an older one stays."""
    text = render_page(told)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8", newline="\n")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def render_page(told: Explanation) -> str:
    """Return the page's HTML; equal explanations give equal text."""
    environment = Environment(
        loader=PackageLoader("convreport"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"sizes": sizes, "pads": pads_text, "way": way}
    style = _own("style.css") + _own("explain.css")
    script = _own("player.js")
    return environment.get_template("explain.html.jinja").render(
        told=told,
        version=__version__,
        style=Markup(style),  # our own files, no text of others in them
        script=Markup(script),  # the same
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'",
        agreement=list(agreement_lines(told)),
        partings=list(parting_lines(told)),
        player=player_of_problem(Problem.parse(told.line)),
        drawings=drawings(told.axes, told.over_output),
        borders=list(border_lines(told)),
        costs=list(cost_lines(told)),
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _own(name: str) -> str:
    return resources.files("convreport").joinpath("templates", name).read_text(encoding="utf-8")
