"""The covering list: every pair of attribute classes, and most of the triples."""

import pytest

from convformance import covering
from convformance.bench import Bench
from convformance.news import check_all
from convformance.problem import OPS


@pytest.mark.parametrize("op", OPS)
def test_attributes_go_together(bench: Bench, op: str) -> None:
    check_all(bench, covering.cases(op), covering.SOURCE)
