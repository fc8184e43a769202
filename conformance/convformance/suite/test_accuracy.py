"""[backend.accuracy] Real numbers: every element within the derived bound."""

from collections.abc import Callable

import pytest

from convformance.bench import Bench
from convformance.explore import explore
from convformance.news import report_news
from convformance.plan import Exploration, in_area


@pytest.mark.parametrize("what", in_area("accuracy"), ids=lambda one: one.name.replace(" ", "-"))
def test_elements_lie_within_the_bound(
    bench: Bench, examples: Callable[[int], int], what: Exploration
) -> None:
    number = examples(what.examples)
    report_news(bench, explore(bench, what.strategy, number, what.name, by_margin=True))
