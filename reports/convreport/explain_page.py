"""An explanation as one HTML file that loads nothing."""

from __future__ import annotations

from pathlib import Path

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
from convreport.files import write_whole
from convreport.player import player_of_problem
from convreport.rendering import rendered
from convreport.text import sizes
from convreport.windows import drawings


def write_page(told: Explanation, path: Path) -> None:
    """Write the page; on an error an older one stays."""
    write_whole(path, render_page(told), parents=False)


def render_page(told: Explanation) -> str:
    """Return the page's HTML; equal explanations give equal text."""
    return rendered(
        "explain.html.jinja",
        styles=("style.css", "explain.css"),
        scripts=("player.js",),
        filters={"sizes": sizes, "pads": pads_text, "way": way},
        told=told,
        version=__version__,
        agreement=list(agreement_lines(told)),
        partings=list(parting_lines(told)),
        player=player_of_problem(Problem.parse(told.line)),
        drawings=drawings(told.axes, told.over_output),
        borders=list(border_lines(told)),
        costs=list(cost_lines(told)),
    )
