"""[conv] and [conv1x1]: meaning, over the whole space of problems."""

from collections.abc import Callable

import pytest

from convformance.bench import Bench
from convformance.explore import explore
from convformance.news import report_news
from convformance.strategies import FLOATS, INTEGERS, cases

Examples = Callable[[int], int]


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS])
def test_convolution_means_the_sum_under_each_window(
    bench: Bench, examples: Examples, dtype: str
) -> None:
    number = examples(400 if dtype == "float32" else 160)
    report_news(bench, explore(bench, cases("conv", (dtype,)), number, f"conv {dtype}"))


@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS])
def test_1x1_convolution_is_a_matrix_product(bench: Bench, examples: Examples, dtype: str) -> None:
    report_news(bench, explore(bench, cases("conv1x1", (dtype,)), examples(60), f"conv1x1 {dtype}"))
