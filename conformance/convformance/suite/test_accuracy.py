"""[backend.accuracy] Real numbers: every element within the derived bound."""

from collections.abc import Callable

import pytest

from convformance.bench import Bench
from convformance.explore import explore
from convformance.news import report_news
from convformance.strategies import ALL_OPS, FLOATS, cases


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("op", ALL_OPS)
def test_elements_lie_within_the_bound(
    bench: Bench, examples: Callable[[int], int], op: str, dtype: str
) -> None:
    strategy = cases(op, (dtype,), ("real",))
    report_news(bench, explore(bench, strategy, examples(40), f"accuracy {op} {dtype}"))
