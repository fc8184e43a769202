"""Correct backends that sum in other orders are never accused; those that lie about it are."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from honest import HONEST, NARROW, ORDERS, WIDE, Honest
from honest_fma import exact_fma, fma, rounded_once, to_odd, two_sum
from honest_run import VALID, Tally, hunt, run, table
from honest_sums import Terms, sequential

from convformance.problem import OPS
from convformance.verdict import Kind

CASES = 20  # of each exploration


@pytest.mark.parametrize("which", range(len(HONEST)), ids=[one.name for one in HONEST])
def test_no_order_of_summation_is_accused(which):
    """Together they meet every exploration; `tox -e nightly` goes on from there."""
    tally = Tally(HONEST[which])
    for what in VALID[which :: len(HONEST)]:
        hunt(tally, what, CASES, seed=which)
    assert tally.discrepancies == []
    assert tally.cases >= 5 * CASES


def test_every_op_and_every_order_is_there():
    assert {name for one in HONEST for name in [one.name.partition(",")[0]]} == set(ORDERS)
    assert {what.op for what in VALID} >= set(OPS)


# Sums kept narrower than declared, of long sums of real numbers that cancel.
LIES = {
    "halves in halves": Honest(
        "halves", ORDERS["sequential"], NARROW, kept_in={"float16": "float16"}
    ),
    "float32 in float32, float64 declared": Honest(
        "single", ORDERS["sequential"], WIDE, kept_in={"float32": "float32"}
    ),
    "float64 in float32": Honest(
        "double", ORDERS["sequential"], NARROW, kept_in={"float64": "float32"}
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_declared_accumulator_that_is_not_there_is_found(lie):
    (dtype,) = LIES[lie].kept_in
    tally = Tally(LIES[lie])
    what = next(one for one in VALID if one.name == f"accuracy conv {dtype}")
    hunt(tally, what, 40, seed=1)
    assert tally.discrepancies
    assert all(str(Kind.BOUND) in told for told in tally.discrepancies)


def test_an_order_that_drops_its_last_term_is_found():
    def forgetful(count, at, step):
        return sequential(max(1, count - 1), at, step)

    liar = replace(HONEST[0], summation=replace(HONEST[0].summation, order=forgetful))
    tally = Tally(liar)
    hunt(tally, next(one for one in VALID if one.name == "conv1x1 float32"), 25, seed=1)
    assert tally.discrepancies
    assert all(str(Kind.VALUE) in told for told in tally.discrepancies)


def test_a_run_ends_after_its_cases_and_its_table_counts_them():
    tallies = run(HONEST[:2], cases=60, seconds=60)
    assert sum(tally.cases for tally in tallies) == 60
    assert "| all | 60 | " in table(tallies)
    accused = replace(tallies[0], discrepancies=["one", "two"])
    assert f"| {accused.cases} | {len(accused.problems)} | 2 |" in table([accused])


def bits(random, dtype, count):
    """Return floats of any exponent that float32 products can have without leaving float64."""
    return (random.standard_normal(count) * 2.0 ** random.integers(-60, 60, count)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_fused_multiply_add_rounds_the_exact_sum_once(dtype):
    random = np.random.default_rng(1)
    total, a, b = (bits(random, dtype, 2000) for _ in range(3))
    total[::2] = -(a * b)[::2]  # what is left is the error of the product
    got = fma(total, a, b)
    for one, *given in zip(got, total, a, b, strict=True):
        c, x, y = (Fraction(float(value)) for value in given)
        assert one == nearest(c + x * y, dtype)


def nearest(exact, dtype):
    """Round a fraction once, by comparing the neighbours of its float64."""
    near = np.dtype(dtype).type(float(exact))
    around = [np.nextafter(near, -np.inf), near, np.nextafter(near, np.inf)]
    off = [abs(Fraction(float(one)) - exact) for one in around]
    best = [one for one, error in zip(around, off, strict=True) if error == min(off)]
    if len(best) == 1:
        return best[0]
    unsigned = np.dtype(dtype).str.replace("f", "u")
    return next(one for one in best if not int(np.asarray(one).view(unsigned)) & 1)


def test_a_fused_multiply_add_at_the_ends_of_the_range_is_that_of_fractions():
    largest, least = np.finfo(np.float64).max, 5e-324
    assert exact_fma(-largest, largest, 2.0) == largest
    assert exact_fma(largest, largest, 2.0) == np.inf
    assert exact_fma(-np.inf, largest, largest) == -np.inf
    assert exact_fma(least, least, 0.25) == least
    assert exact_fma(least, least, 0.5) == 2 * least  # a tie: to even
    ends = [np.array([one]) for one in (-largest, largest, 2.0)]
    with np.errstate(over="ignore", invalid="ignore"):
        assert fma(*ends) == largest


def test_rounding_to_odd_makes_the_second_rounding_the_only_one():
    above_tie = np.array([1 + 2.0**-8 + 2.0**-40])  # float32 alone would make it the tie, and even
    assert rounded_once(above_tie, "bfloat16").astype(np.float64) == 1 + 2.0**-7
    total, error = two_sum(np.array([1.0]), np.array([2.0**-60]))
    assert to_odd(total, error) == 1 + 2.0**-52


def test_each_order_adds_every_term_once_and_its_order_shows_in_the_bits():
    values = np.random.default_rng(3).integers(-99, 99, (37, 5)).astype(np.float32)
    ones = np.ones((), np.float32)
    whole = Terms((5,), 37, lambda t: (values[t], ones))
    uneven = np.random.default_rng(3).standard_normal((37, 5)).astype(np.float32)
    real = Terms((5,), 37, lambda t: (uneven[t], ones))
    sums = {name: one.total(real, np.dtype(np.float32)).tobytes() for name, one in ORDERS.items()}
    for one in ORDERS.values():
        assert (one.total(whole, np.dtype(np.float32)) == values.sum(0)).all()
    assert len(set(sums.values())) >= 6  # a product by one is the same fused or not
