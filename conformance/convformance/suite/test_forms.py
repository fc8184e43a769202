"""Other forms: gradients, padding modes, holes, flips, layouts, memory; unfold and fold."""

from collections.abc import Callable

import pytest

from convformance.bench import Bench
from convformance.explore import explore
from convformance.news import report_news
from convformance.plan import Exploration, in_area

Examples = Callable[[int], int]


@pytest.mark.parametrize("what", in_area("gradients"), ids=lambda one: one.name.replace(" ", "-"))
def test_a_gradient_is_the_sum_over_what_read_the_element(
    bench: Bench, examples: Examples, what: Exploration
) -> None:
    number = examples(what.examples)
    report_news(bench, explore(bench, what.strategy, number, what.name))


@pytest.mark.parametrize("what", in_area("forms"), ids=lambda one: one.name.replace(" ", "-"))
def test_the_form_of_a_problem_does_not_change_its_meaning(
    bench: Bench, examples: Examples, what: Exploration
) -> None:
    number = examples(what.examples)
    report_news(bench, explore(bench, what.strategy, number, what.name))
