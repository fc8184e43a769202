"""Faults of values: divisors, maxima, norms, and what numbers are taken for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf, prod
from typing import Any

import ml_dtypes
import numpy as np

from convformance.backend import Array, Arrays
from convformance.diagnosis.faults import Asked, after, before, fitted, whole, with_arrays
from convformance.diagnosis.faults_windows import asked_with
from convformance.expect import Expectation, elements, expectation, numpy_dtype
from convformance.meaning import operation
from convformance.problem import Problem
from convoracle.exact import Number, exact_sum, is_nan, quotient, size

AVERAGES = ("avg_pool", "adaptive_avg_pool", "global_avg_pool", "distance_pool")
MAXIMA = ("max_pool", "adaptive_max_pool", "global_max_pool")


def remade(expected: Expectation, element: Callable[[list[Number]], Number]) -> Array | None:
    """Return y with each element made of its terms in another way."""
    op = expected.operation
    if expected.problem.is_complex or not expected.positions:
        return None
    made = [op.finished(element(op.terms(position))) for position in expected.positions]
    return elements(made, op.dtype).reshape(expected.shape)


@before("padding counted", "the divisor counts the padding")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return _counting(problem, arrays, count=True)


@before("padding not counted", "the divisor counts the samples alone")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return _counting(problem, arrays, count=False)


@before("count_include_pad inverted", "count_include_pad is taken for its opposite")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return _counting(problem, arrays, count=not problem.count_include_pad)


def _counting(problem: Problem, arrays: Arrays, *, count: bool) -> Asked | None:
    if problem.op not in ("avg_pool", "distance_pool"):
        return None
    return asked_with(problem, arrays, count_include_pad=count)


@after(
    "divisor is the whole window", "the divisor is the size of the window, whatever lies under it"
)
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    if expected.problem.op != "avg_pool" or expected.problem.grad:
        return None
    taps = prod(expected.problem.kernel)
    return remade(expected, lambda terms: _divided(expected, exact_sum(terms), taps))


@after(
    "divisor is all weights",
    "the divisor is the sum of all weights, whatever lies under the window",
)
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    if expected.problem.op != "distance_pool":
        return None
    total = exact_sum([float(one) for one in arrays["w"].ravel()])
    return remade(expected, lambda terms: quotient(exact_sum(terms), total))


@after("divisor is the number of taps", "the weighted sum is divided by the number of taps")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    if expected.problem.op != "distance_pool":
        return None
    return remade(expected, lambda terms: quotient(exact_sum(terms), prod(expected.problem.kernel)))


@after("divisor of the first window", "every window is divided by the divisor of the first")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    # A global average has one window, which is its own first.
    if expected.problem.op not in AVERAGES[:2] or expected.problem.grad or not y.size:
        return None
    taps = len(expected.operation.terms(expected.positions[0])) or 1
    return remade(expected, lambda terms: _divided(expected, exact_sum(terms), taps))


@after("not divided", "the sum is not divided")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    if expected.problem.op not in AVERAGES or expected.problem.grad:
        return None
    return remade(expected, exact_sum)


def _divided(expected: Expectation, total: Number, taps: int) -> Number:
    exact = quotient(total, taps)
    return exact if expected.problem.is_float else int(exact)


def _integer(name: str, says: str, choice: str) -> None:
    @after(name, says)
    def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
        problem = expected.problem
        if problem.is_float or problem.op not in AVERAGES:
            return None
        op = operation(problem, arrays, {"avg.integer": choice})
        return elements([op.value(one) for one in expected.positions], op.dtype).reshape(
            expected.shape
        )


_integer("average rounded down", "an average of whole numbers is rounded down", "floor")
_integer(
    "average rounded to nearest", "an average of whole numbers is rounded to the nearest", "nearest"
)


@after("minimum", "the minimum is given instead of the maximum")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return _extreme(expected, min)


@after("largest magnitude", "the sample of the largest magnitude is given")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return _extreme(expected, lambda terms: max(terms, key=size))


@after("largest absolute value", "the largest absolute value is given")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return _extreme(expected, lambda terms: max(map(size, terms)))


@after("never below zero", "the maximum starts from zero, so that no answer is negative")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return _extreme(expected, lambda terms: max([0, *terms]))


@after(
    "NaN kept only if first", "a maximum keeps NaN only where it is the first sample of the window"
)
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return _extreme(expected, lambda terms: terms[0] if is_nan(terms[0]) else _passing(terms))


@after(
    "NaN kept only if last", "a maximum keeps NaN only where it is the last sample of the window"
)
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return _extreme(expected, lambda terms: terms[-1] if is_nan(terms[-1]) else _passing(terms))


def _passing(terms: list[Number]) -> Number:
    return max([one for one in terms if not is_nan(one)], default=-inf)


@after("empty maximum is zero", "the maximum of a window that sees only padding is zero")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    if expected.problem.op != "max_pool" or expected.problem.grad:
        return None
    empty = [not expected.operation.terms(one) for one in expected.positions]
    return np.where(np.reshape(empty, y.shape), np.zeros((), y.dtype), y)


@after("NaN passed over", "a maximum passes over NaN")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return _extreme(expected, _passing)


def _extreme(expected: Expectation, pick: Callable[[list[Number]], Number]) -> Array | None:
    if expected.problem.op not in MAXIMA or expected.problem.grad:
        return None
    if not all(expected.operation.terms(one) for one in expected.positions):
        return None
    return remade(expected, pick)


def _replaced(name: str, says: str, wrong: Any) -> None:
    """Register faults that take numbers of the inputs for others."""

    @before(name, says)
    def _(problem: Problem, arrays: Arrays) -> Asked | None:
        if not problem.is_float:
            return None
        changed = {key: wrong(array) for key, array in arrays.items() if array.dtype.kind != "i"}
        if all(_alike(changed[key], arrays[key]) for key in changed):
            return None
        return with_arrays(problem, arrays, **changed)


def _alike(one: Array, other: Array) -> bool:
    return one.tobytes() == other.tobytes()


def _where(array: Array, test: Any, value: float) -> Array:
    with np.errstate(all="ignore"):
        wide = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
        return np.where(test(wide), np.array(value, array.dtype), array)


def _largest(array: Array) -> float:
    return float(ml_dtypes.finfo(array.dtype).max)


_replaced("NaN as zero", "NaN in the input is taken for zero", lambda a: _where(a, np.isnan, 0))
_replaced(
    "infinity as zero",
    "an infinity in the input is taken for zero",
    lambda a: _where(a, np.isinf, 0),
)
_replaced(
    "infinity as NaN",
    "an infinity in the input is taken for NaN",
    lambda a: _where(a, np.isinf, np.nan),
)
_replaced(
    "what is not finite as zero",
    "NaN and infinities in the input are taken for zero",
    lambda a: _where(a, lambda b: ~np.isfinite(b), 0),
)
_replaced(
    "largest number as infinity",
    "the largest finite number in the input is taken for infinity",
    lambda a: (
        _where(_where(a, lambda b: b == _largest(a), np.inf), lambda b: b == -_largest(a), -np.inf)
        if a.dtype.kind != "c"
        else a
    ),
)
_replaced(
    "infinity as the largest number",
    "an infinity in the input is taken for the largest finite number",
    lambda a: (
        _where(_where(a, np.isposinf, _largest(a)), np.isneginf, -_largest(a))
        if a.dtype.kind != "c"
        else a
    ),
)


@after(
    "adaptive windows of one size", "all windows have size // output samples and lie side by side"
)
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    problem = expected.problem
    if not problem.op.startswith("adaptive") or problem.grad or problem.indices:
        return None
    each = tuple(size // count for size, count in zip(problem.x[2:], problem.output, strict=True))
    op = problem.op.removeprefix("adaptive_")
    plain = Problem(op, problem.x, kernel=each, stride=each, dtype=problem.dtype)
    return fitted(whole(expectation(plain, arrays)), y.shape)


@before("NaN sample as zero", "a NaN among the samples is taken for zero")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    x = arrays["x"]
    if len(arrays) == 1 or not problem.is_float or not np.isnan(x).any():
        return None  # without other inputs it is the fault of all of them
    return with_arrays(problem, arrays, x=_where(x, np.isnan, 0))


@before("NaN in the last column as zero", "NaN in the last column of the input is taken for zero")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    x = arrays["x"]
    if not problem.is_float or not problem.rank or not np.isnan(x[..., -1:]).any():
        return None
    tail = _where(x[..., -1:], np.isnan, 0)
    return with_arrays(problem, arrays, x=np.concatenate([x[..., :-1], tail], axis=-1))


@before("absolute values", "the samples are taken without their sign")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    if problem.dtype.startswith("uint") or problem.is_complex:
        return None
    return with_arrays(problem, arrays, x=np.abs(arrays["x"]))


@after("rectified", "negative elements of the answer are zero")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return None if expected.problem.is_complex else np.maximum(y, np.zeros((), y.dtype))


@after("NaN in the answer as zero", "what should be NaN is zero")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return _where(y, np.isnan, 0) if expected.problem.is_float else None


@after("all zeros", "every element of the answer is zero")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return np.zeros_like(y)


@after("negated", "the answer has the wrong sign")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return None if expected.problem.dtype.startswith("uint") else -y


@after("doubled", "the answer is twice what it should be")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    with np.errstate(all="ignore"):
        return None if expected.problem.grad else (y + y).astype(y.dtype)


@before("second factor conjugated", "the weight is taken for its complex conjugate")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return with_arrays(problem, arrays, w=np.conj(arrays["w"])) if problem.is_complex else None


@before("input conjugated", "the input is taken for its complex conjugate")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    return with_arrays(problem, arrays, x=np.conj(arrays["x"])) if problem.is_complex else None


@after("real part alone", "the imaginary part of the answer is zero")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return y.real.astype(y.dtype) if expected.problem.is_complex else None


@after("saturated", "a whole number that leaves the range stays at its end")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return _ranged(expected, lambda total, low, high: min(max(total, low), high))


@after("sum in a float", "whole numbers are summed in float32, which rounds past 2^24")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    return _ranged(expected, lambda total, low, high: int(np.float32(total)))


def _ranged(expected: Expectation, made: Callable[[int, int, int], int]) -> Array | None:
    """Return y with each sum made by the function; for sums of whole numbers."""
    problem, op = expected.problem, expected.operation
    if problem.is_float or problem.op in (*MAXIMA, *AVERAGES, "max_unpool", "unfold"):
        return None
    ends = np.iinfo(op.dtype)
    sums = [int(exact_sum(op.terms(one))) for one in expected.positions]
    found = [made(one, int(ends.min), int(ends.max)) for one in sums]
    return elements([op.finished(one) for one in found], op.dtype).reshape(expected.shape)


def _reread(name: str, says: str, dtype: str) -> None:
    @before(name, says)
    def _(problem: Problem, arrays: Arrays) -> Asked | None:
        if problem.dtype != "uint8":
            return None
        changed = {key: a.view(dtype) for key, a in arrays.items() if a.dtype == np.uint8}
        return replace(problem, dtype=dtype), {**arrays, **changed}


_reread("unsigned as signed", "bytes past 127 are read as negative numbers", "int8")


def _cut(name: str, says: str, bits: int) -> None:
    @before(name, says)
    def _(problem: Problem, arrays: Arrays) -> Asked | None:
        if problem.dtype not in ("float32", "float64") or problem.op in (*MAXIMA, "max_unpool"):
            return None
        changed = {key: _rounded(a, bits) for key, a in arrays.items() if a.dtype.kind == "f"}
        if all(_alike(changed[key], arrays[key]) for key in changed):
            return None
        return with_arrays(problem, arrays, **changed)


def _rounded(array: Array, bits: int) -> Array:
    """Return the numbers rounded to that many bits of significand."""
    with np.errstate(all="ignore"):
        fraction, exponent = np.frexp(array.astype(np.float64))
        kept = np.ldexp(np.rint(fraction * 2.0**bits) / 2.0**bits, exponent)
        return np.where(np.isfinite(array), kept, array).astype(array.dtype)


_cut("inputs cut to bfloat16", "the inputs are rounded to bfloat16's 8 bits", 8)
_cut("inputs cut to TF32", "the inputs are rounded to TF32's 11 bits", 11)


@before("inputs cut to float32", "the inputs are taken for float32")
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    if problem.dtype != "float64":
        return None
    with np.errstate(all="ignore"):
        changed = {
            key: a.astype(np.float32).astype(a.dtype)
            for key, a in arrays.items()
            if a.dtype.kind == "f"
        }
    if all(_alike(changed[key], arrays[key]) for key in changed):
        return None
    return with_arrays(problem, arrays, **changed)


def _sequential(dtype: str) -> None:
    @after(f"accumulator {dtype}", f"the terms are added one after the other in {dtype}")
    def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
        from convoracle.exact import exact_sum

        if expected.problem.is_complex or not expected.problem.is_float:
            return None
        if expected.operation.combine is not exact_sum or expected.problem.op == "lp_pool":
            return None
        narrow = numpy_dtype(dtype).type

        def total(terms: list[Number]) -> Number:
            with np.errstate(all="ignore"):
                found = narrow(0)
                for one in terms:
                    found = narrow(found + narrow(float(one)))
            return float(found)

        op = expected.operation
        made = [op.finished(op.finish(one, total(op.terms(one)))) for one in expected.positions]
        return elements(made, op.dtype).reshape(expected.shape)


for narrow in ("float16", "bfloat16", "float32"):
    _sequential(narrow)


@after(
    "maximum starts at the lowest finite number",
    "a maximum starts at the lowest finite number, not at minus infinity",
)
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    if expected.problem.op not in MAXIMA or expected.problem.grad or not expected.problem.is_float:
        return None
    least = -float(ml_dtypes.finfo(y.dtype).max)
    return _where(y, np.isneginf, least)
