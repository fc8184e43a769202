"""Faults of roundings: one too many, or a sum that leaves its range before it is divided."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from convformance.backend import Array, Arrays
from convformance.bounds import accuracy_bound
from convformance.diagnosis.faults import after, rounding
from convformance.diagnosis.faults_values import AVERAGES
from convformance.expect import Expectation, elements, expectation
from convformance.problem import Problem
from convoracle.exact import FORMATS, exact_sum, is_finite


@rounding("bias rounds twice", "the sum is rounded before the bias is added, and once more after")
def _(expected: Expectation, arrays: Arrays, got: Arrays, sums: str) -> bool | None:
    """Whether each element is a rounding of the bias and of what may be the sum, rounded."""
    problem, y = expected.problem, got.get("y")
    if not problem.bias or problem.grad or y is None or not problem.is_float or problem.is_complex:
        return None
    if y.shape != expected.shape:
        return False
    unit = FORMATS[expected.operation.dtype].unit
    if _adds_exactly(problem, arrays, unit):
        return None  # whole numbers leave no room for a rounding
    bare_arrays = {name: array for name, array in arrays.items() if name != "bias"}
    bare = expectation(replace(problem, bias=False), bare_arrays)
    found = y[expected.selector].astype(np.float64)
    for i, (place, exact) in enumerate(zip(expected.positions, expected.exact, strict=True)):
        if not is_finite(exact) or not np.isfinite(found[i]):
            return None
        off, element = abs(Fraction(found[i]) - Fraction(exact)), abs(Fraction(found[i]))
        if off > accuracy_bound(bare.problem, bare.operation, place, sums) + unit * element:
            return False
    return True


def _adds_exactly(problem: Problem, arrays: Arrays, unit: Fraction) -> bool:
    """Whether all are whole numbers whose sums, in any order, the dtype holds exactly."""
    sizes = {name: np.abs(array) for name, array in arrays.items()}
    wide = [one.astype(np.float64) for one in sizes.values()]
    if not all(np.isfinite(one).all() and (one == np.rint(one)).all() for one in wide):
        return False
    sums = expectation(problem, sizes).exact
    return all(is_finite(one) and Fraction(one) * unit <= 1 for one in sums)


@after("averaged by axis", "one axis is averaged after the other, and each average is rounded")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    problem = expected.problem
    if problem.op != "adaptive_avg_pool" or problem.grad or problem.rank < 2:
        return None
    if not problem.is_float:
        return None
    found = arrays["x"]
    with np.errstate(all="ignore"):
        for axis, out in enumerate(problem.output, start=2):
            found = _averaged(found, axis, out)
    return found


def _averaged(x: Array, axis: int, out: int) -> Array:
    """Return the array with the windows of an adaptive pool averaged along one axis."""
    size, rows = x.shape[axis], []
    for i in range(out):
        window = range(i * size // out, -(-(i + 1) * size // out))
        terms = [x.take(place, axis=axis) for place in window]
        total = terms[0]
        for term in terms[1:]:
            total = (total + term).astype(x.dtype)
        rows.append((total / np.array(len(terms), x.dtype)).astype(x.dtype))
    return np.stack(rows, axis=axis)


@after("sum wraps before it is divided", "the sum of an average wraps around before it is divided")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    problem, op = expected.problem, expected.operation
    if problem.is_float or problem.op not in AVERAGES or problem.grad:
        return None
    ends = np.iinfo(op.dtype)
    low, span = int(ends.min), int(ends.max) - int(ends.min) + 1
    made = []
    for position in expected.positions:
        total = (int(exact_sum(op.terms(position))) - low) % span + low
        made.append(op.finished(op.finish(position, total)))
    return elements(made, op.dtype).reshape(expected.shape)
