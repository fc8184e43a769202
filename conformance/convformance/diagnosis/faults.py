"""Faults: changes to a problem, its arrays or its answer, of which the oracle gives the bits.

A fault of the catalogue is what an implementation may do by mistake. Its `before` changes what is
asked, its `after` what is answered; either gives None where the fault has nothing to change.
A fault that leaves no definite bits has `holds`: whether an answer may be its, None likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from convformance.backend import Array, Arrays
from convformance.expect import Expectation, expectation
from convformance.problem import Problem
from convoracle import InvalidProblem

Asked = tuple[Problem, Arrays]
Before = Callable[[Problem, Arrays], Asked | None]
After = Callable[[Expectation, Arrays, Array], Array | None]
Holds = Callable[[Expectation, Arrays, Arrays, str], bool | None]


@dataclass(frozen=True)
class Fault:
    """A mistake: `name` is what the tests call it, `says` a sentence about the backend."""

    name: str
    says: str
    before: Before | None = None
    after: After | None = None
    holds: Holds | None = None


CATALOGUE: list[Fault] = []


def before(name: str, says: str) -> Callable[[Before], Before]:
    """Register a fault that changes what is asked."""

    def register(change: Before) -> Before:
        CATALOGUE.append(Fault(name, says, before=change))
        return change

    return register


def after(name: str, says: str) -> Callable[[After], After]:
    """Register a fault that changes the answer y."""

    def register(change: After) -> After:
        CATALOGUE.append(Fault(name, says, after=change))
        return change

    return register


def rounding(name: str, says: str) -> Callable[[Holds], Holds]:
    """Register a fault of roundings, which asks of the answer, and of the dtype of its sums."""

    def register(holds: Holds) -> Holds:
        CATALOGUE.append(Fault(name, says, holds=holds))
        return holds

    return register


def answer(faults: Sequence[Fault], expected: Expectation, arrays: Arrays) -> Arrays | None:
    """Return what an implementation with the faults gives; None where none of them applies.

    `expected` is the standard answer to the arrays.
    """
    asked, applied = (expected.problem, arrays), False
    try:
        for one in faults:
            changed = one.before(*asked) if one.before else None
            if changed is not None:
                asked, applied = changed, True
        other = (
            expected if asked[1] is arrays and asked[0] is expected.problem else expectation(*asked)
        )
        y = whole(other)
        for one in faults:
            made = one.after(other, asked[1], y) if one.after else None
            if made is not None:
                y, applied = made, True
    except (InvalidProblem, ValueError, OverflowError, IndexError):
        # What is not defined, is no number of the format, or is of an axis that the answer lacks
        # (a gradient by the bias has one) is no explanation.
        return None
    if not applied:
        return None
    found = {expected.problem.answers[0]: y}
    if other.indices is not None:
        found["indices"] = other.indices.reshape(other.shape)
    return found


def whole(expected: Expectation) -> Array:
    """Return the expected answer as an array; raise `ValueError` for a sampled one."""
    if expected.sampled:
        raise ValueError("too large to answer whole")
    return expected.joined.reshape(expected.shape)


def fitted(y: Array, shape: tuple[int, ...]) -> Array:
    """Return the array cut to the shape, or filled up with zeros."""
    if y.shape == shape:
        return y
    out = np.zeros(shape, y.dtype)
    common = tuple(slice(min(sizes)) for sizes in zip(y.shape, shape, strict=True))
    out[common] = y[common]
    return out


def with_arrays(problem: Problem, arrays: Arrays, **changed: Array) -> Asked:
    """Return the problem with some of its arrays changed."""
    return problem, {**arrays, **changed}


def spatial(array: Array) -> Iterable[int]:
    """Return the positions of the spatial axes."""
    return range(2, array.ndim)
