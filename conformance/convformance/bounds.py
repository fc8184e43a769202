"""How far from the exact result an element may lie: derived, never tuned.

u is the unit roundoff of the accumulator, gamma(n) = n u / (1 - n u) bounds n roundings in
any order (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., lemma 3.1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache

from convformance.problem import Problem
from convoracle.exact import FORMATS, Format, Number, exact_sum, is_finite, root, size
from convoracle.operation import Operation

Position = tuple[int, ...]
EXACT_OPS = (
    "max_pool", "max_unpool", "adaptive_max_pool", "global_max_pool", "unfold",
)  # fmt: skip
ROUNDED_TERMS = ("avg_pool", "lp_pool")  # where a gradient's terms are quotients
QUOTIENT = 3  # roundings of a term that is divided: reciprocal and product, and one of the sum
DIVIDING_OPS = ("avg_pool", "distance_pool", "adaptive_avg_pool", "global_avg_pool")


def is_exact(problem: Problem) -> bool:
    """Whether an answer is one of the samples, or its size, so that nothing is rounded."""
    largest = problem.op == "lp_pool" and problem.p == math.inf
    return not problem.grad and (problem.op in EXACT_OPS or largest)


@cache
def gamma(n: Fraction | int, u: Fraction) -> Fraction:
    """Return n u / (1 - n u): the relative error of n roundings; infinite error has no bound."""
    if n * u >= 1:
        return Fraction(10**9)  # the accumulator is too narrow for that many terms: no bound
    return n * u / (1 - n * u)


def meaning_bound(
    problem: Problem, operation: Operation, position: Position, exact: Number
) -> Fraction:
    """Return the bound on the fills `integers` and `special`, where sums are exact.

    0 but for the ops that divide or take a root: an average is sum, reciprocal, product; a
    root may be a power whose exponent 1/p is rounded, which costs ln(sum) / p more. A gradient of
    these rounds every term, so that the terms' magnitudes count.
    """
    if not problem.is_float or not is_finite(exact):
        return Fraction(0)
    form = FORMATS[operation.dtype]
    shared = operation.choices.get("grad.tie") == "share"  # each part of a tie is a quotient
    if problem.grad and (problem.op in ROUNDED_TERMS or shared):
        n = sum(term != 0 for term in operation.terms(position))  # adding a zero is exact
        magnitude = operation.magnitude(position)
        if not is_finite(magnitude):
            return Fraction(0)
        roundings = n + max(_term_roundings(problem), QUOTIENT * shared)
        return gamma(roundings, form.unit) * Fraction(magnitude) + (n + 1) * form.subnormal
    rounds = _finishing_roundings(problem, exact)
    if not rounds:
        return Fraction(0)
    return gamma(rounds, form.unit) * abs(Fraction(exact)) + form.subnormal


def _term_roundings(problem: Problem) -> int:
    """Return the roundings of one term of a pool's gradient.

    An average: reciprocal and product. A norm of p: its own sum and root, the quotient and the
    power, and what rounding the exponent of a power costs.
    """
    if problem.op == "avg_pool":
        return QUOTIENT
    if problem.op == "max_pool" or problem.p in (1, math.inf):
        return 1
    return int(problem.p) * (math.prod(problem.kernel) + 12)


def _finishing_roundings(problem: Problem, exact: Number) -> int:
    """Return the roundings after the sum.

    The divisor of a weighted average has none: every fill's weights are small whole numbers.
    """
    if problem.grad:
        return 0
    if problem.op in DIVIDING_OPS:
        return 3
    if problem.op == "lp_pool" and problem.p not in (1, math.inf):
        # sum = exact^p, so ln(sum) / p = |ln(exact)|; the power itself may be two roundings off
        logarithm = abs(math.log(exact)) if exact else 0.0
        return 4 + math.ceil(logarithm)
    return 0


def accuracy_bound(
    problem: Problem,
    operation: Operation,
    position: Position,
    accumulator: str,
    exact: Number | None = None,
) -> Fraction:
    """Return the bound on the fill `real`; the exact element may be given.

    gamma(n + 2) * sum |terms| at the accumulator's unit roundoff, plus half an ulp of the
    output, plus the underflow of each term. Dividing and root-taking add their roundings.
    """
    if is_exact(problem):
        return Fraction(0)
    exact = operation.exact(position) if exact is None else exact
    magnitude = operation.magnitude(position)
    if not is_finite(magnitude) or not is_finite(exact):
        return Fraction(0)
    n = len(operation.terms(position))
    line = bound_line(problem, operation, n, exact, accumulator)
    gain = operation.gain(position) if operation.gain else 0
    return (
        line.magnitude * Fraction(magnitude)
        + line.exact * abs(Fraction(exact))
        + line.gain * Fraction(gain)
        + line.rest
    )


@dataclass(frozen=True)
class BoundLine:
    """The bound is linear in three numbers of an element: its coefficients, and what is left."""

    magnitude: Fraction
    exact: Fraction
    gain: Fraction
    rest: Fraction

    @property
    def floats(self) -> tuple[float, float, float, float]:
        """The four as the nearest floats."""
        return float(self.magnitude), float(self.exact), float(self.gain), float(self.rest)


def bound_line(
    problem: Problem, operation: Operation, n: int, exact: Number, accumulator: str
) -> BoundLine:
    """Return the coefficients of `accuracy_bound` for an element of n terms."""
    roundings = n + 2 + _finishing_roundings(problem, exact)
    if problem.grad and problem.op in ROUNDED_TERMS:
        roundings += _term_roundings(problem)
    elif problem.op == "lp_pool":
        roundings += n * max(0, int(min(problem.p, 3)) - 1)  # |x|^p by repeated products
    has_root = problem.op == "lp_pool" and problem.p not in (1, math.inf) and not problem.grad
    return _line(
        roundings,
        n,
        p=int(problem.p) if has_root else 1,
        dtype=operation.dtype,
        accumulator=accumulator,
        in_parts=operation.weights is not None,
        gains=operation.gain is not None,
    )


@lru_cache(maxsize=4096)  # few numbers of terms and roundings occur, and many elements have them
def _line(
    roundings: int, n: int, *, p: int, dtype: str, accumulator: str, in_parts: bool, gains: bool
) -> BoundLine:
    out, form, factor = FORMATS[dtype], FORMATS[accumulator], 1
    if in_parts:  # [value.complex] three real products may make a complex one
        roundings, factor = 2 * (roundings + 2), 2
    summing = factor * gamma(roundings, form.unit)
    growing = Fraction(0)
    if gains:  # an intermediate result is an element of the dtype
        summing += out.unit * (factor + summing)
        growing = out.subnormal
    half_ulp = 1 + out.unit  # of what the sum may be, its own error included
    rest = _underflow(n, p, form) + out.subnormal
    return BoundLine(summing * half_ulp, out.unit, growing * half_ulp, rest)


def may_overflow(operation: Operation, position: Position, accumulator: str) -> bool:
    """Whether the terms are finite and some order of adding them may leave the accumulator.

    No partial sum of n terms is larger than (1 + gamma(n)) sum |terms|, in any order.
    """
    if accumulator not in FORMATS:
        return False
    form, terms = FORMATS[accumulator], operation.terms(position)
    total = exact_sum([size(term) for term in terms])
    if not is_finite(total):
        return False
    return Fraction(total) * (1 + gamma(len(terms), form.unit)) > form.largest


def _underflow(n: int, p: int, form: Format) -> Fraction:
    """Return what n terms and their sum may lose below the smallest number.

    A root magnifies it: |(s + d)^(1/p) - s^(1/p)| <= d^(1/p) for any s.
    """
    return Fraction(root((n + 1) * form.subnormal, p))
