"""What has no meaning must be refused, with the framework's own words kept."""

from collections.abc import Callable

import pytest

from convformance.bench import Bench
from convformance.explore import explore
from convformance.news import report_news
from convformance.strategies import ALL_OPS, invalid_cases


@pytest.mark.parametrize("op", ALL_OPS)
def test_an_invalid_problem_is_refused(
    bench: Bench, examples: Callable[[int], int], op: str
) -> None:
    report_news(bench, explore(bench, invalid_cases(op), examples(80), f"invalid {op}"))
