"""The derived bounds in numbers that can be checked on paper, one line for each kind of op."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from convformance.bounds import accuracy_bound, gamma, is_exact, may_overflow, meaning_bound
from convformance.expect import numpy_dtype
from convformance.meaning import input_shapes, operation
from convformance.problem import Problem
from convoracle.exact import root

UNIT = {
    "float16": Fraction(1, 2**11),
    "bfloat16": Fraction(1, 2**8),
    "float32": Fraction(1, 2**24),
    "float64": Fraction(1, 2**53),
}
LEAST = {
    "float16": Fraction(1, 2**24),
    "bfloat16": Fraction(1, 2**133),
    "float32": Fraction(1, 2**149),
    "float64": Fraction(1, 2**1074),
}
LARGEST = Problem("lp_pool", (1, 1, 4), kernel=(2,), p=float("inf"))
U, TINY = UNIT["float32"], LEAST["float32"]
INF = float("inf")


def g(n, unit=U):
    return n * unit / (1 - n * unit)


def defined(line, **arrays):
    problem = Problem.parse(line)
    dtype = numpy_dtype(problem.dtype)
    shapes = input_shapes(problem)
    given = {name: np.array(one, dtype).reshape(shapes[name]) for name, one in arrays.items()}
    return problem, operation(problem, given)


def accuracy(line, accumulator="float32", position=(0, 0, 0), **arrays):
    return accuracy_bound(*defined(line, **arrays), position, accumulator)


def meaning(line, position=(0, 0, 0), **arrays):
    problem, op = defined(line, **arrays)
    return meaning_bound(problem, op, position, op.exact(position))


def test_gamma_is_the_bound_of_higham_and_nothing_is_promised_past_it():
    assert gamma(3, Fraction(1, 8)) == Fraction(3, 5)
    assert gamma(7, Fraction(1, 8)) == 7
    assert gamma(8, Fraction(1, 8)) == gamma(9, Fraction(1, 8)) == 10**9


# The fill `real`


@pytest.mark.parametrize("dtype", UNIT)
@pytest.mark.parametrize("accumulator", UNIT)
def test_a_sum_has_two_roundings_more_than_terms_in_the_accumulator_and_one_in_the_output(
    dtype, accumulator
):
    line = f"conv x=1x1x2 w=1x1x2 {dtype}"
    found = accuracy(line, accumulator, x=[3, 1], w=[2, -4])  # 6 - 4: magnitude 10, exact 2
    summing = g(4, UNIT[accumulator]) * 10
    ulp = UNIT[dtype] * (2 + summing)
    assert found == summing + ulp + 3 * LEAST[accumulator] + LEAST[dtype]


def test_a_bound_takes_the_exact_element_where_it_is_known():
    problem, op = defined("conv x=1x1x2 w=1x1x2 float32", x=[3, 1], w=[2, -4])
    known = accuracy_bound(problem, op, (0, 0, 0), "float32", 2)
    assert known == accuracy_bound(problem, op, (0, 0, 0), "float32")
    assert accuracy_bound(problem, op, (0, 0, 0), "float32", 5) == known + 3 * U


def pooled(roundings, number, lost):
    """The bound where the magnitudes add up to the element."""
    return g(roundings) * number * (1 + U) + U * number + lost + TINY


def test_an_average_rounds_three_times_more():
    found = accuracy("avg_pool x=1x1x3 kernel=3 float32", x=[1, 2, 4])
    assert found == pooled(3 + 2 + 3, Fraction(7, 3), 4 * TINY)
    for op in ("adaptive_avg_pool x=1x1x3 output=1", "global_avg_pool x=1x1x3"):
        assert accuracy(f"{op} float32", x=[1, 2, 4]) == found
    weighted = accuracy("distance_pool x=1x1x3 kernel=3 float32", x=[1, 2, 4], w=[1, 1, 1])
    assert weighted == found


@pytest.mark.parametrize(
    ("p", "x", "norm", "roundings"),
    [
        # n + 2, then n (p - 1) for the powers (p - 1 at most 2), then 4 + |ln norm| rounded up
        ("1", [3, 4], 7, 2 + 2),
        ("2", [3, 4], 5, 2 + 2 + 2 + 4 + 2),
        ("2", [0.25], Fraction(1, 4), 1 + 2 + 1 + 4 + 2),
        ("2", [100], 100, 1 + 2 + 1 + 4 + 5),
        ("2", [0, 0], 0, 2 + 2 + 2 + 4),
        ("2", [1], 1, 1 + 2 + 1 + 4),
        ("3", [3, 4, 5], 6, 3 + 2 + 6 + 4 + 2),
        ("5", [2], 2, 1 + 2 + 2 + 4 + 1),
    ],
)
def test_a_norm_rounds_its_powers_and_its_root(p, x, norm, roundings):
    found = accuracy(f"lp_pool x=1x1x{len(x)} kernel={len(x)} p={p} float32", x=x)
    lost = (len(x) + 1) * TINY
    if p != "1":
        lost = Fraction(root(lost, int(p)))
    assert found == pooled(roundings, norm, lost)


def test_a_complex_product_may_be_made_of_three_real_ones():
    line = "conv x=1x1x1 w=1x1x1 complex64"
    found = accuracy(line, position=(0, 0, 0, 0), x=[1 + 2j], w=[3 - 4j])
    summing = 2 * g(2 * (2 + 2 + 2)) * 21  # 3 + 8 + 4 + 6; the real part is 11
    assert found == summing * (1 + U) + U * 11 + 3 * TINY + TINY
    line = "conv x=1x1x2 w=1x1x2 complex64"
    found = accuracy(line, position=(0, 0, 0, 0), x=[1 + 2j, 1], w=[3 - 4j, 1])
    summing = 2 * g(2 * (4 + 2 + 2)) * 22
    assert found == summing * (1 + U) + U * 12 + 5 * TINY + TINY


def test_a_separable_convolution_rounds_the_depthwise_result_too():
    line = "separable_conv x=1x1x1 w=1x1x1 pointwise=1x1 float32"
    found = accuracy(line, x=[3], w=[2], pointwise=[5])
    summing = g(1 + 2)
    summing += U * (1 + summing)
    told = (summing * 30 + 5 * TINY) * (1 + U) + U * 30 + 2 * TINY + TINY
    assert found == told


def test_what_copies_and_what_is_not_finite_has_no_bound():
    assert accuracy("max_pool x=1x1x2 kernel=2 float32", x=[1, 2]) == 0
    assert accuracy("unfold x=1x1x2 kernel=2 float32", x=[1, 2]) == 0
    assert accuracy("lp_pool x=1x1x2 kernel=2 p=inf float32", x=[1, -2]) == 0
    assert accuracy("conv x=1x1x2 w=1x1x2 float32", x=[INF, 1], w=[1, 1]) == 0
    assert accuracy("conv x=1x1x2 w=1x1x2 float32", x=[INF, INF], w=[1, -1]) == 0
    problem, op = defined("conv x=1x1x1 w=1x1x1 float32", x=[1], w=[1])
    assert accuracy_bound(problem, op, (0, 0, 0), "float32", INF) == 0


def test_the_gradient_of_what_copies_is_a_sum():
    assert is_exact(Problem.parse("lp_pool x=1x1x2 kernel=2 p=inf float32"))
    for line in ("lp_pool x=1x1x2 kernel=2 p=inf", "max_pool x=1x1x2 kernel=2"):
        assert not is_exact(Problem.parse(f"{line} grad=x float32"))


def gradient(line, kernel, **arrays):
    return accuracy(f"{line} kernel={kernel} grad=x float32", **arrays)


def test_the_gradient_of_a_maximum_is_a_sum():
    found = gradient("max_pool x=1x1x3", 2, x=[1, 2, 1], dy=[3, 4], position=(0, 0, 1))
    assert found == pooled(2 + 2, 7, 3 * TINY)


def test_the_gradient_of_an_average_rounds_each_term_three_times():
    found = gradient("avg_pool x=1x1x3", 2, x=[1, 2, 1], dy=[3, 4], position=(0, 0, 1))
    assert found == pooled(2 + 2 + 3, Fraction(7, 2), 3 * TINY)


@pytest.mark.parametrize(
    ("p", "element", "rounds"),
    [("1", 5, 1), ("2", 3, 2 * (2 + 12)), ("3", None, 3 * (2 + 12)), ("inf", 0, 1)],
)
def test_the_gradient_of_a_norm_rounds_each_term_as_its_exponent_says(p, element, rounds):
    line = f"lp_pool x=1x1x2 kernel=2 p={p} grad=x float32"
    problem, op = defined(line, x=[3, 4], dy=[5])
    exact, n = op.exact((0, 0, 0)), len(op.terms((0, 0, 0)))
    assert element is None or exact == element
    found = accuracy_bound(problem, op, (0, 0, 0), "float32")
    assert found == pooled(n + 2 + rounds, Fraction(exact), (n + 1) * TINY)


def test_the_gradient_of_a_norm_counts_every_tap_of_the_window():
    line = "lp_pool x=1x1x4 kernel=4 p=2 grad=x float32"
    problem, op = defined(line, x=[1, 1, 1, 1], dy=[4])
    found = accuracy_bound(problem, op, (0, 0, 0), "float32")
    assert found == pooled(1 + 2 + 2 * (4 + 12), 2, 2 * TINY)


# The fills `integers` and `special`


def test_meaning_allows_an_average_and_a_root_their_own_roundings_only():
    x = [1, 2, 4]
    told = g(3) * Fraction(7, 3) + TINY
    assert meaning("avg_pool x=1x1x3 kernel=3 float32", x=x) == told
    assert meaning("adaptive_avg_pool x=1x1x3 output=1 float32", x=x) == told
    assert meaning("global_avg_pool x=1x1x3 float32", x=x) == told
    assert meaning("distance_pool x=1x1x3 kernel=3 float32", x=x, w=[1, 1, 1]) == told
    lp = "lp_pool x=1x1x2 kernel=2 p={} float32"
    assert meaning(lp.format(2), x=[3, 4]) == g(4 + 2) * 5 + TINY
    assert meaning(lp.format(1), x=[3, 4]) == meaning(lp.format("inf"), x=[3, 4]) == 0


@pytest.mark.parametrize(
    "line", ["conv x=1x1x2 w=1x1x2 float32", "conv x=1x1x2 w=1x1x2 grad=x float32"]
)
def test_meaning_allows_a_sum_nothing(line):
    given = {"dy": [5]} if "grad" in line else {}
    assert meaning(line, x=[3, 4], w=[1, 2], **given) == 0


def test_meaning_allows_whole_numbers_and_what_is_not_finite_nothing():
    assert meaning("avg_pool x=1x1x2 kernel=2 int32", x=[3, 4]) == 0
    assert meaning("avg_pool x=1x1x2 kernel=2 float32", x=[INF, 4]) == 0
    grad = "avg_pool x=1x1x2 kernel=2 grad=x float32"
    assert meaning(grad, x=[3, 4], dy=[INF]) == 0


def test_meaning_of_a_gradient_whose_terms_cancel_to_nan_has_no_bound():
    problem, op = defined("avg_pool x=1x1x2 kernel=1 grad=x float32", x=[1, 2], dy=[INF, 1])
    assert meaning_bound(problem, op, (0, 0, 0), Fraction(1)) == 0


def test_meaning_of_a_gradient_counts_its_terms_that_are_not_zero():
    line = "avg_pool x=1x1x3 kernel=2 grad=x float32"
    both = meaning(line, (0, 0, 1), x=[1, 2, 1], dy=[3, -4])
    assert both == g(2 + 3) * Fraction(7, 2) + 3 * TINY
    one = meaning(line, (0, 0, 1), x=[1, 2, 1], dy=[3, 0])
    assert one == g(1 + 3) * Fraction(3, 2) + 2 * TINY


def test_meaning_of_a_shared_maximum_rounds_each_share_as_a_quotient():
    """Of three equal samples each gets a third of dy, which no float holds; the first gets all."""
    line, x, dy = "max_pool x=1x1x3 kernel=3 grad=x float32", [5, 5, 5], [1]
    assert meaning(line, x=x, dy=dy) == 0
    problem, given = Problem.parse(line), {"x": np.array([[x]]), "dy": np.array([[dy]])}
    shared = operation(problem, given, {"grad.tie": "share"})
    bound = meaning_bound(problem, shared, (0, 0, 0), Fraction(1, 3))
    assert bound == g(1 + 3) * Fraction(1, 3) + 2 * TINY


# Overflow


def overflows(x, accumulator="float16"):
    n = len(x)
    line = f"conv x=1x1x{n} w=1x1x{n} float32"
    return may_overflow(defined(line, x=x, w=[1] * n)[1], (0, 0, 0), accumulator)


def test_a_sum_may_overflow_if_some_order_of_its_terms_does():
    assert not overflows([30000.0])
    assert overflows([60000.0, -60000.0])
    assert not overflows([60000.0, -60000.0], "float32")


def test_the_roundings_of_the_sum_count_for_overflow():
    largest = 65504
    just = Fraction(largest) / (1 + g(1, UNIT["float16"]))
    below, above = float(just) - 0.01, float(just) + 0.01
    assert (overflows([below]), overflows([above])) == (False, True)


def test_a_sum_that_reaches_the_largest_number_and_no_more_does_not_overflow():
    assert not overflows([65504 * (1 - 2.0**-11)])


def test_what_is_infinite_already_and_whole_numbers_do_not_overflow():
    assert not overflows([INF])
    assert not overflows([1e30], "int32")


def test_the_largest_size_is_one_of_the_samples_sizes_and_no_other_norm_is():
    assert is_exact(LARGEST)
    assert not is_exact(replace(LARGEST, p=3))
    assert not is_exact(replace(LARGEST, grad="x"))
