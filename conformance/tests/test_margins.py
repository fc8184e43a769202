"""Margins: the estimates in floating point decide nothing that Fractions would decide otherwise."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convformance.bounds import (
    EXACT_OPS,
    ROUNDED_TERMS,
    _finishing_roundings,
    _term_roundings,
    accuracy_bound,
    gamma,
    may_overflow,
)
from convformance.drawing import COMPLEX, FLOATS
from convformance.drawn_forms import WITH_GRADIENT, gradient_cases
from convformance.expect import elements, expectation, numpy_dtype
from convformance.fills import make_arrays
from convformance.margins import DOUBT, Margins, estimate, margin, margins
from convformance.plan import COMPLEX_OPS, gradient_dtypes
from convformance.problem import Case
from convformance.strategies import ALL_OPS, cases
from convoracle.exact import FORMATS, is_finite, is_nan, root

KINDS = [
    *((op, dtype, False) for op in ALL_OPS for dtype in FLOATS),
    *((op, dtype, False) for op in COMPLEX_OPS for dtype in COMPLEX),
    *((op, dtype, True) for op in WITH_GRADIENT for dtype in gradient_dtypes(op)),
]
FACTORS = (0.0, 1e-3, 0.3, 0.999999, 1.0, 1.000001, 1.5, 40.0, 1e30)


def stated_bound(problem, operation, position, accumulator):
    """The bound in one piece, as its derivation reads: what the coefficients are made from."""
    largest = problem.op == "lp_pool" and problem.p == math.inf
    if (problem.op in EXACT_OPS or largest) and not problem.grad:
        return Fraction(0)
    out, form = FORMATS[operation.dtype], FORMATS[accumulator]
    exact, n = operation.exact(position), len(operation.terms(position))
    magnitude = operation.magnitude(position)
    if not is_finite(magnitude) or not is_finite(exact):
        return Fraction(0)
    roundings = n + 2 + _finishing_roundings(problem, exact)
    if problem.grad and problem.op in ROUNDED_TERMS:
        roundings += _term_roundings(problem)
    elif problem.op == "lp_pool":
        roundings += n * max(0, int(min(problem.p, 3)) - 1)
    if operation.weights is not None:
        roundings, magnitude = 2 * (roundings + 2), 2 * magnitude
    summing = gamma(roundings, form.unit) * Fraction(magnitude)
    if operation.gain is not None:
        summing += out.unit * (Fraction(magnitude) + summing)
        summing += Fraction(operation.gain(position)) * out.subnormal
    lost = (n + 1) * form.subnormal
    if problem.op == "lp_pool" and problem.p not in (1, math.inf) and not problem.grad:
        lost = Fraction(root(lost, int(problem.p)))
    half_ulp = out.unit * (abs(Fraction(exact)) + summing)
    return summing + half_ulp + lost + out.subnormal


def stated_margin(got, expected, position, accumulator):
    """Every number a Fraction, nothing estimated, nothing remembered."""
    exact = expected.operation.exact(position)
    if not is_finite(exact) or not math.isfinite(got):
        value = expected.operation.value(position)
        same = value == got or (is_nan(value) and is_nan(got))
        overflows = may_overflow(expected.operation, position, accumulator)
        return 0.0 if same or overflows else math.inf
    error = abs(Fraction(got) - Fraction(exact))
    bound = stated_bound(expected.problem, expected.operation, position, accumulator)
    if not error or not bound:
        return math.inf if error else 0.0
    return math.inf if error / bound > Fraction(2) ** 1023 else float(error / bound)


def stated(got, expected, accumulator):
    pairs = zip(got.astype(np.float64).tolist(), expected.positions, strict=True)
    found = [stated_margin(one, expected, position, accumulator) for one, position in pairs]
    wrong = tuple(i for i, one in enumerate(found) if not one <= 1)
    return Margins(max(found, default=0.0), wrong)


def off_by(expected, accumulator, factors):
    """Elements that lie about so many bounds away from the exact ones, as the dtype allows."""
    found = []
    for i, (exact, position) in enumerate(zip(expected.exact, expected.positions, strict=True)):
        if not is_finite(exact):
            found.append(float(exact))
            continue
        bound = accuracy_bound(expected.problem, expected.operation, position, accumulator)
        factor = Fraction(factors[i % len(factors)]) * (1 if i % 2 else -1)
        try:
            found.append(float(exact + factor * bound))
        except OverflowError:
            found.append(math.inf)
    with np.errstate(over="ignore"):
        return elements(found, expected.operation.dtype)


def neighbours(got):
    """The elements one step up and one step down: at the bound these fall on both its sides."""
    if got.dtype.name == "bfloat16":
        return []
    with np.errstate(all="ignore"):
        return [np.nextafter(got, np.array(end, got.dtype)) for end in (np.inf, -np.inf)]


def drawn(op, dtype, by, fills):
    strategy = gradient_cases(op, (dtype,), fills) if by else cases(op, (dtype,), fills)
    return strategy.filter(lambda case: math.prod(case.problem.x) <= 200)


def expectation_of(line, seed=0):
    case = Case.parse(line)
    return expectation(case.problem, make_arrays(case), seed=seed)


def with_samples(line, x, w=None):
    case = Case.parse(line)
    dtype = numpy_dtype(case.problem.dtype)
    arrays = {"x": np.array(x, dtype).reshape(case.problem.x)}
    if w is not None:
        arrays["w"] = np.array(w, dtype).reshape(case.problem.w)
    return expectation(case.problem, arrays)


@pytest.mark.parametrize("p", [1, 2, 3, 5])
@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1e-200, 1e-170, 1e-120, 1e-60, 1e60, 1e300])
def test_powers_outside_the_floats_are_left_to_fractions(p, scale):
    expected = with_samples(f"lp_pool x=1x1x3 kernel=2 p={p} float64", [scale, 2 * scale, -scale])
    for factor in FACTORS:
        got = off_by(expected, "float64", [factor])
        assert stated(got, expected, "float64") == margins(got, expected, "float64")


@pytest.mark.parametrize("got", [1e300, -1e300, 5e-324, math.inf, -math.inf, math.nan, 0.0])
@pytest.mark.parametrize("x", [[0, 0], [5e-324, 0], [1e308, 1e308], [math.nan, 1], [math.inf, 1]])
def test_any_answer_to_any_numbers_has_a_margin(x, got):
    expected = with_samples("conv x=1x1x2 w=1x1x2 float64", x, [1, 1])
    found = margins(np.array([got]), expected, "float64")
    assert stated(np.array([got]), expected, "float64") == found


def test_a_gain_that_counts_subnormal_numbers_is_left_to_fractions():
    line = "separable_conv x=1x1x1 w=1x1x1 pointwise=1x1 float64"
    case = Case.parse(line)
    arrays = {
        "x": np.full((1, 1, 1), 2.0**-1000),
        "w": np.ones((1, 1, 1)),
        "pointwise": np.full((1, 1), 2.0**1000),
    }
    expected = expectation(case.problem, arrays)
    for factor in FACTORS:
        got = off_by(expected, "float64", [factor])
        assert stated(got, expected, "float64") == margins(got, expected, "float64")
    assert math.isnan(estimate(2.0, expected, 0, "float64"))


def test_an_estimate_is_far_closer_than_it_claims():
    expected = expectation_of("conv x=2x3x9 w=4x3x3 padding=1 float32 fill=real#3")
    got = off_by(expected, "float32", [0.3, 0.7, 1.0, 2.0]).astype(np.float64).tolist()
    for i, one in enumerate(got):
        exact = margin(one, expected, i, "float32")
        assert abs(estimate(one, expected, i, "float32") - exact) <= exact * DOUBT / 100


def test_the_exact_element_has_a_margin_of_zero_and_any_other_of_an_exact_op_an_infinite_one():
    expected = expectation_of("max_pool x=1x1x4 kernel=2 float32 fill=real#1")
    got = expected.y.copy()
    assert margins(got, expected, "float32") == Margins(0.0, ())
    got[1] = np.nextafter(got[1], np.float32(9))
    assert margins(got, expected, "float32") == Margins(math.inf, (1,))


def test_nothing_to_compare_has_a_margin_of_zero():
    expected = expectation_of("conv x=0x1x4 w=1x1x2 float32 fill=real#1")
    assert margins(expected.y, expected, "float32") == Margins(0.0, ())


@pytest.mark.parametrize(("op", "dtype", "by"), KINDS)
def test_margins_are_those_that_fractions_alone_give(op, dtype, by):
    fills = ("real",) if dtype in COMPLEX else ("real", "special", "integers")

    @settings(
        max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(
        drawn(op, dtype, by, fills),
        st.sampled_from(("float16", "bfloat16", "float32", "float64")),
        st.lists(st.sampled_from(FACTORS), min_size=1, max_size=5),
    )
    def holds(case, accumulator, factors):
        expected = expectation(case.problem, make_arrays(case), seed=case.seed)
        expected = replace(expected, positions=expected.positions[:40])
        got = off_by(expected, accumulator, factors)
        for one in (got, *neighbours(got)):
            assert stated(one, expected, accumulator) == margins(one, expected, accumulator)

    holds()
