"""What has no meaning must be refused, with the framework's own words kept."""

from collections.abc import Callable

import pytest

from convformance.bench import Bench
from convformance.explore import explore
from convformance.news import report_news
from convformance.plan import Exploration, in_area


@pytest.mark.parametrize("what", in_area("invalid"), ids=lambda one: one.op)
def test_an_invalid_problem_is_refused(
    bench: Bench, examples: Callable[[int], int], what: Exploration
) -> None:
    report_news(bench, explore(bench, what.strategy, examples(what.examples), what.name))
