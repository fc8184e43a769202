"""Worked figures of papers and courses: arrays that were worked by hand, not by any program."""

import json
from pathlib import Path

import numpy as np
import pytest
from convformance.expect import operation
from convformance.problem import Problem

FIGURES = json.loads((Path(__file__).parent / "data" / "dumoulin_figures.json").read_text("utf-8"))


def rounded_half_away(nested, decimals):
    """Round as print does in a paper; the sums here have no ties."""
    if isinstance(nested, list):
        return [rounded_half_away(part, decimals) for part in nested]
    return round(nested, decimals)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure["name"])
def test_the_oracle_gives_the_arrays_of_the_figure(figure):
    problem = Problem.parse(figure["line"])
    arrays = {name: np.array(nested, problem.dtype) for name, nested in figure["arrays"].items()}
    op = operation(problem, arrays)
    y = op.result().nested()
    assert (rounded_half_away(y, figure["decimals"]) if "decimals" in figure else y) == figure["y"]
    if "indices" in figure:
        assert op.indices().nested() == figure["indices"]


def test_every_figure_names_its_source_and_is_named_once():
    assert all(figure["source"] and figure["work"] for figure in FIGURES)
    assert len({figure["name"] for figure in FIGURES}) == len(FIGURES) >= 20
