"""An explanation as one HTML file that loads nothing."""

from __future__ import annotations

from pathlib import Path

from convformance.problem import Problem
from convreport.explain import Explanation


def write_page(problem: Problem, told: Explanation, path: Path) -> None:
    """Write the page."""
