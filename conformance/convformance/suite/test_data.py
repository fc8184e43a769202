"""The named fills: NaN, infinities, ties, subnormals, ends of the range, spikes, by the place."""

from collections.abc import Callable

import pytest

from convformance.bench import Bench
from convformance.explore import explore
from convformance.news import report_news
from convformance.plan import Exploration, in_area


@pytest.mark.parametrize("what", in_area("data"), ids=lambda one: one.name.replace(" ", "-"))
def test_no_class_of_data_changes_the_meaning(
    bench: Bench, examples: Callable[[int], int], what: Exploration
) -> None:
    report_news(bench, explore(bench, what.strategy, examples(what.examples), what.name))
