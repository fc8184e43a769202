"""Worked figures of papers and courses: arrays that were worked by hand, not by any program."""

import json
from pathlib import Path

import numpy as np
import pytest

from convformance.meaning import operation
from convformance.problem import Problem

FIGURES = json.loads((Path(__file__).parent / "data" / "dumoulin_figures.json").read_text("utf-8"))


def to_decimals(nested, decimals):
    """Round as a paper prints; no ninth lies halfway between two decimals."""
    if isinstance(nested, list):
        return [to_decimals(part, decimals) for part in nested]
    return round(nested, decimals)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure["name"])
def test_the_oracle_gives_the_arrays_of_the_figure(figure):
    problem = Problem.parse(figure["line"])
    arrays = {name: np.array(nested, problem.dtype) for name, nested in figure["arrays"].items()}
    op = operation(problem, arrays)
    y = op.result().nested()
    assert (to_decimals(y, figure["decimals"]) if "decimals" in figure else y) == figure["y"]
    if "indices" in figure:
        assert op.indices().nested() == figure["indices"]


def test_every_figure_names_its_source_and_is_named_once():
    assert all(figure["source"] and figure["work"] for figure in FIGURES)
    assert len({figure["name"] for figure in FIGURES}) == len(FIGURES) >= 20
