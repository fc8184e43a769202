"""[max], [avg], [lp] and [distance]: meaning, over the whole space of problems."""

from collections.abc import Callable

import pytest

from convformance.bench import Bench
from convformance.explore import explore
from convformance.news import report_news
from convformance.strategies import FLOAT_OPS, FLOATS, INTEGERS, cases

Examples = Callable[[int], int]


# [problem.float] lp_pool and distance_pool have no meaning on integers; test_invalid asks for that.
MEANINGFUL = [
    (op, dtype)
    for op in ("max_pool", "avg_pool", "lp_pool", "distance_pool")
    for dtype in (FLOATS if op in FLOAT_OPS else (*FLOATS, *INTEGERS))
]


@pytest.mark.parametrize(("op", "dtype"), MEANINGFUL)
def test_pooling_means_what_its_windows_hold(
    bench: Bench, examples: Examples, op: str, dtype: str
) -> None:
    number = examples(200 if dtype == "float32" else 90)
    report_news(bench, explore(bench, cases(op, (dtype,)), number, f"{op} {dtype}"))
