"""How far the elements lie from the exact results, in bounds: |got - exact| / bound.

A margin is a quotient of Fractions, and those are slow. Nearly every element is far from both
questions that are asked (is a margin above 1? which is the worst?), so a margin is first estimated
in floating point, and made of Fractions only where the estimate does not settle them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from convformance.backend import Array
from convformance.bounds import accuracy_bound, bound_line, is_exact, may_overflow
from convformance.expect import Expectation
from convoracle.exact import Number, exact_sum, is_finite, is_nan

# An estimate makes fewer than 50 roundings of 2**-53, relative to numbers that are not negative.
DOUBT = 2.0**-40
# What is below `LEAST` may have lost digits of a float64, and a gain above `MOST` may count what a
# subnormal number lost: there no estimate is made.
LEAST, MOST = 2.0**-960, 2.0**40


@dataclass(frozen=True)
class Margins:
    """The worst margin, and the rows of the expected positions whose margin is above 1."""

    worst: float
    wrong: tuple[int, ...]


def margins(got: Array, expected: Expectation, accumulator: str) -> Margins:
    """Return what `margin` says of the elements; `got` is in the order of the positions."""
    elements = got.astype(np.float64).tolist()  # exact for every dtype that has margins
    found = [estimate(one, expected, i, accumulator) for i, one in enumerate(elements)]
    exact = {i: margin(elements[i], expected, i, accumulator) for i in _unsettled(found)}
    wrong = (i for i, one in enumerate(found) if not exact.get(i, one) <= 1)
    return Margins(max(exact.values(), default=0.0), tuple(wrong))


def _unsettled(found: list[float]) -> list[int]:
    """Return the rows that may be the worst, or whose margin may be on either side of 1."""
    known = [one for one in found if not math.isnan(one)]
    worst = max(known, default=0.0) * (1 - DOUBT)
    return [
        i
        for i, one in enumerate(found)
        if math.isnan(one) or 0 < worst <= one * (1 + DOUBT) or abs(one - 1) <= DOUBT
    ]


def estimate(got: float, expected: Expectation, i: int, accumulator: str) -> float:
    """Return the margin to within a factor of 1 +- DOUBT; exactly 0 is 0, and NaN is "unknown".

    Where numbers are not finite, or so small or large that a float64 would not do, it is unknown.
    """
    exact = expected.exact[i]
    if not math.isfinite(got) or not is_finite(exact):
        return math.nan
    if got == exact:  # Python compares a float with an int or a Fraction exactly
        return 0.0
    if is_exact(expected.problem):
        return math.nan
    try:
        bound = _bound(expected, i, exact, accumulator)
        distance = _distance(got, exact)
    except OverflowError:
        return math.nan
    settled = LEAST < bound < math.inf and LEAST < distance < math.inf
    return distance / bound if settled else math.nan


def _bound(expected: Expectation, i: int, exact: Number, accumulator: str) -> float:
    """Return about `accuracy_bound`, or NaN; raise `OverflowError` past the largest float."""
    operation, position = expected.operation, expected.positions[i]
    terms = operation.terms(position)
    counted = terms if operation.weights is None else operation.weights(position)
    total = math.fsum(abs(float(term)) for term in counted)
    gain = float(operation.gain(position)) if operation.gain else 0.0
    if not LEAST < total < math.inf or gain > MOST:
        return math.nan
    line = bound_line(expected.problem, operation, len(terms), exact, accumulator).floats
    alike = operation.combine is exact_sum and counted is terms and min(terms) >= 0
    magnitude = abs(float(exact if alike else operation.finish(position, total)))
    return line[0] * magnitude + line[1] * abs(float(exact)) + line[2] * gain + line[3]


def _distance(got: float, exact: Number) -> float:
    """Return |got - exact| of finite numbers, rounded once."""
    a, b = got.as_integer_ratio()
    c, d = exact.as_integer_ratio()
    return abs(a * d - c * b) / (b * d)


def margin(got: float, expected: Expectation, i: int, accumulator: str) -> float:
    """Return |got - exact| / bound of the element in row i, a quotient of Fractions."""
    off = error(got, expected, i)
    if off == 0:
        return 0.0
    position = expected.positions[i]
    if off == math.inf and may_overflow(expected.operation, position, accumulator):
        return 0.0  # no bound is promised; what overflowed once is never finite again
    bound = accuracy_bound(
        expected.problem, expected.operation, position, accumulator, expected.exact[i]
    )
    return in_bounds(off, bound)


def in_bounds(off: Fraction | float, bound: Fraction) -> float:
    """Return off / bound; infinite where there is no bound, or more bounds than a float can say."""
    try:
        return float(off / bound) if bound else math.inf
    except OverflowError:
        return math.inf


def error(got: float, expected: Expectation, i: int) -> Fraction | float:
    """Return |got - exact| of the element in row i; infinite where only one of them is finite."""
    exact = expected.exact[i]
    if not is_finite(exact) or not math.isfinite(got):
        value = expected.operation.finished(exact)
        same = value == got or (is_nan(value) and is_nan(got))
        return 0.0 if same else math.inf
    return abs(Fraction(got) - Fraction(exact))
