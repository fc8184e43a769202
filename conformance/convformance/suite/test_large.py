"""Layers of well-known networks, compared whole: every element, not the oracle's sample alone."""

import pytest

from convformance.bench import Bench
from convformance.large import LAYERS, SOURCE, cases
from convformance.news import check_all


@pytest.mark.parametrize("layer", LAYERS)
def test_every_element_of_a_large_layer(bench: Bench, layer: str) -> None:
    check_all(bench, cases(layer), SOURCE)
