"""Sizes where implementations change over, in every op, and one large tensor each."""

import pytest

from convformance.bench import Bench
from convformance.changeover import LARGE, cases
from convformance.news import check_all


@pytest.mark.parametrize("op", LARGE)
def test_a_size_beside_a_block_is_a_size_like_any_other(bench: Bench, op: str) -> None:
    check_all(bench, cases(op), "sizes")
