"""[conv], [conv1x1], [max], [avg], [lp] and [distance]: meaning, over the whole space."""

from collections.abc import Callable

import pytest

from convformance.bench import Bench
from convformance.explore import explore
from convformance.news import report_news
from convformance.plan import Exploration, in_area

Examples = Callable[[int], int]


@pytest.mark.parametrize("what", in_area("convolution"), ids=lambda one: one.name.replace(" ", "-"))
def test_convolution_is_the_sum_under_each_window(
    bench: Bench, examples: Examples, what: Exploration
) -> None:
    number = examples(what.examples)
    report_news(bench, explore(bench, what.strategy, number, what.name))


@pytest.mark.parametrize("what", in_area("pooling"), ids=lambda one: one.name.replace(" ", "-"))
def test_pooling_is_what_its_windows_hold(
    bench: Bench, examples: Examples, what: Exploration
) -> None:
    number = examples(what.examples)
    report_news(bench, explore(bench, what.strategy, number, what.name))
