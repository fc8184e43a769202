"""A case that a backend has answered, and whether that is right, or what a fault would give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from convformance.attribute import alternatives
from convformance.backend import Array, Arrays, Backend, Outcome
from convformance.bounds import EXACT_OPS, meaning_bound
from convformance.diagnosis.faults import whole
from convformance.expect import Expectation, expectation
from convformance.fills import make_arrays
from convformance.judge import Trial, accumulator_of, judge
from convformance.named import BOUNDED
from convformance.perform import perform
from convformance.problem import Case
from convformance.verdict import Kind
from convoracle import InvalidProblem
from convoracle.exact import FORMATS

WRONG = (Kind.VALUE, Kind.SHAPE, Kind.BOUND)


@dataclass(frozen=True)
class Answered:
    """A case that the backend answers, rightly or not."""

    case: Case
    arrays: Arrays
    expected: Expectation
    got: Arrays
    accumulators: Mapping[str, str]

    @cached_property
    def is_wrong(self) -> bool:
        """Whether the answer is neither that of the standard meaning nor of a variant point."""
        return self.differs and not self.is_a_choice

    @cached_property
    def differs(self) -> bool:
        """Whether the answer is not that of the standard meaning."""
        verdict = judge(self._trial)
        if verdict.kind in (Kind.AGREES, *WRONG):
            return verdict.kind is not Kind.AGREES
        return not same(self.right, self.got)  # of another dtype

    @cached_property
    def is_a_choice(self) -> bool:
        """Whether the answer is that of another choice at a variant point."""
        problem = self.case.problem
        if self.case.fill in BOUNDED and problem.op not in EXACT_OPS:
            return False
        return any(
            judge(replace(self._trial, expected=expectation(problem, self.arrays, choices))).kind
            is Kind.AGREES
            for choices in alternatives(problem)
            if len(choices) == 1
        )

    @cached_property
    def _trial(self) -> Trial:
        return Trial(self.case, self.expected, Outcome("arrays", self.got), self.accumulators)

    @property
    def sums(self) -> str:
        """The dtype in which the backend says that it keeps its sums."""
        return accumulator_of(self.case.problem, self.accumulators)

    @cached_property
    def right(self) -> Arrays:
        """The answer of the standard meaning."""
        found = {self.case.problem.answers[0]: whole(self.expected)}
        if self.expected.indices is not None:
            found["indices"] = self.expected.indices.reshape(self.expected.shape)
        return found

    @cached_property
    def flushed(self) -> Answered | None:
        """The same on inputs whose subnormal numbers are zero; None where there are none."""
        dtype = self.case.problem.dtype
        if dtype not in FORMATS:
            return None
        arrays = {name: _flushed(one, dtype) for name, one in self.arrays.items()}
        if all(np.array_equal(arrays[k], one, equal_nan=True) for k, one in self.arrays.items()):
            return None
        expected = expectation(self.case.problem, arrays)
        return replace(self, arrays=arrays, expected=expected)


def _flushed(array: Array, dtype: str) -> Array:
    if array.dtype.kind in "iu":
        return array
    return np.where(
        np.abs(_wide(array)) < float(FORMATS[dtype].normal), np.zeros_like(array), array
    )


def asked(backend: Backend, case: Case) -> Answered | None:
    """Return what the backend answers, or None where it gives no array to compare."""
    arrays = make_arrays(case)
    try:
        expected = expectation(case.problem, arrays, seed=case.seed)
    except InvalidProblem:
        return None
    if expected.sampled:
        return None
    outcome = perform(backend, case.problem, arrays)
    if outcome.kind != "arrays" or any(one not in outcome.arrays for one in case.problem.answers):
        return None
    accumulators = getattr(backend, "accumulators", {})
    if case.problem.op == "conv_transpose" and not case.problem.grad:
        expected = _sized(expected, arrays, outcome.arrays["y"])
    return Answered(case, arrays, expected, outcome.arrays, accumulators)


def _sized(expected: Expectation, arrays: Arrays, got: Array) -> Expectation:
    """Return the expectation whose size is the backend's choice at a variant point, if one is."""
    if got.shape != expected.shape:
        for choices in alternatives(expected.problem):
            other = expectation(expected.problem, arrays, choices)
            if other.shape == got.shape and not other.sampled:
                return other
    return expected


def same(one: Arrays, other: Arrays) -> bool:
    """Whether the arrays have the same elements; any NaN is NaN, and zeros are equal."""
    return all(
        name in other
        and one[name].shape == other[name].shape
        and bool(np.array_equal(_wide(one[name]), _wide(other[name]), equal_nan=True))
        for name in one
    )


def alike(made: Arrays, answered: Answered) -> bool:
    """Whether the arrays are the backend's: the same bits, but for what an op may do.

    An op that divides or takes a root rounds more than once; the fills of whole numbers keep
    every other meaning a hundred times as far away. Subnormal numbers may be zero.
    """
    if same(made, answered.got):
        return True
    problem, main = answered.case.problem, answered.case.problem.answers[0]
    got, y = answered.got[main], made[main]
    if got.shape != y.shape or not problem.is_float or problem.is_complex:
        return False
    if answered.case.fill in BOUNDED or set(made) != {main}:
        return False
    one, other = _wide(y).ravel(), _wide(got).ravel()
    flushed = (other == 0) & (
        np.abs(one) < float(FORMATS[answered.expected.operation.dtype].normal)
    )
    fits = flushed | (one == other) | (np.isnan(one) & np.isnan(other))
    unlike = np.flatnonzero(~fits)
    return all(_is_near(float(one[i]), float(other[i]), answered, int(i)) for i in unlike)


def _is_near(made: float, got: float, answered: Answered, i: int) -> bool:
    """Whether both may be roundings of one exact element: a bound and a rounding apart."""
    if not (np.isfinite(made) and np.isfinite(got)):
        return False
    expected, problem = answered.expected, answered.case.problem
    if problem.grad and answered.got[problem.answers[0]].shape != expected.shape:
        return False
    position = expected.positions[i] if problem.grad else ()
    bound = meaning_bound(problem, expected.operation, position, abs(Fraction(made)))
    rounding = FORMATS[expected.operation.dtype].unit * abs(Fraction(made))
    return bound > 0 and abs(Fraction(made) - Fraction(got)) <= bound + rounding


def _wide(array: Array) -> Array:
    return array if array.dtype.kind in "iuc" else array.astype(np.float64)
