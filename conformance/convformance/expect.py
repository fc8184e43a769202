"""The oracle's answer to a problem on given arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product
from math import prod
from typing import Any

import ml_dtypes
import numpy as np

from convformance.backend import Array, Arrays
from convformance.meaning import STANDARD, dy_shape, operation, output_channels, output_shape
from convformance.problem import Problem
from convoracle import InvalidProblem, Operation
from convoracle.exact import Number

TERM_BUDGET = 60_000  # terms that the oracle loops over for one case; larger ones are sampled
SAMPLES = 24  # seeded positions of a sampled case, beside its corners and edges
Position = tuple[int, ...]


def numpy_dtype(name: str) -> np.dtype[Any]:
    """Return the NumPy dtype of a problem's dtype; bfloat16 comes from ml_dtypes."""
    return np.dtype(getattr(ml_dtypes, name) if name == "bfloat16" else name)


def broken_clause(problem: Problem) -> InvalidProblem | None:
    """Return why the problem has no meaning, or None if it is valid."""
    try:
        output_shape(problem)
    except InvalidProblem as error:
        return error
    return None


@dataclass(frozen=True)
class Expectation:
    """The oracle's answer: every element, or a sample of a layer too large to loop over."""

    problem: Problem
    operation: Operation
    positions: tuple[Position, ...]
    sampled: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """The output's shape."""
        shape = self.operation.shape
        return shape[:-1] if self.problem.is_complex else shape

    def elements_of(self, array: Array) -> Array:
        """Return the array's elements at `positions`; of complex ones the named part."""
        if self.problem.is_complex:
            array = np.stack([array.real, array.imag], axis=-1)
        found: Array = array[self.selector]
        return found

    @cached_property
    def selector(self) -> tuple[Array, ...]:
        """Index arrays that pick the expected elements out of an output."""
        table = np.array(self.positions, dtype=np.intp).reshape(-1, len(self.operation.shape))
        return tuple(table.T)

    @cached_property
    def y(self) -> Array:
        """The expected elements, in the order of `positions`, in the output's dtype."""
        return elements(list(map(self.operation.finished, self.exact)), self.operation.dtype)

    @property
    def joined(self) -> Array:
        """`y`, and of complex elements those that the parts make together."""
        if not self.problem.is_complex:
            return self.y
        pairs = self.y[: self.y.size // 2 * 2]  # a sample may end between the parts
        return np.ascontiguousarray(pairs).view(numpy_dtype(self.problem.dtype))

    @cached_property
    def exact(self) -> list[Number]:
        """The elements before they are rounded, in the order of `positions`."""
        return [self.operation.exact(position) for position in self.positions]

    @cached_property
    def indices(self) -> Array | None:
        """The expected indices, where the problem asks for them."""
        if not self.problem.indices or self.operation.index is None:
            return None
        return np.array([self.operation.index(position) for position in self.positions], np.int64)


def elements(values: list[Any], dtype: str) -> Array:
    """Return Python numbers, each an element of the dtype already, as an array."""
    if dtype.startswith(("int", "uint")):
        return np.array(values, dtype=dtype)
    return np.array(values, dtype=np.float64).astype(numpy_dtype(dtype))


def expectation(
    problem: Problem, arrays: Arrays, choices: Mapping[str, str] = STANDARD, seed: int = 0
) -> Expectation:
    """Return what the oracle expects; raise `InvalidProblem` for an invalid problem."""
    op = operation(problem, arrays, choices)
    op = replace(op, terms=lru_cache(maxsize=None)(op.terms))  # for the value, the bound, the text
    if prod(op.shape) * terms_each(problem) <= TERM_BUDGET:
        return Expectation(problem, op, tuple(product(*map(range, op.shape))), sampled=False)
    return Expectation(problem, op, _sample(problem, op.shape, seed), sampled=True)


def terms_each(problem: Problem) -> int:
    """Return the number of terms of one element of the answer, or a little more."""
    taps, parts = prod(problem.kernel_size), 4 if problem.is_complex else 1
    if problem.grad:
        return max(1, _terms_of_gradient(problem, taps))
    channels = {
        "conv": (*problem.w, 0, 0)[1],
        "conv1x1": (*problem.w, 0, 0)[1],
        "conv_transpose": problem.x[1] // max(1, problem.groups),
        "separable_conv": (*problem.pointwise, 0, 0)[1],
    }.get(problem.op, 1)
    if problem.op.startswith(("adaptive", "global")):
        output = problem.output or (1,) * problem.rank
        taps = prod(
            -(-size // max(1, o)) + 1 for size, o in zip(problem.x[2:], output, strict=False)
        )
    if problem.op == "unfold":
        taps = 1
    return max(1, taps * channels * parts)


def _terms_of_gradient(problem: Problem, taps: int) -> int:
    if problem.op.endswith("_pool"):
        return taps
    places = prod(dy_shape(problem)[2:])
    if problem.grad in ("w", "bias"):
        return problem.x[0] * places
    M = output_channels(problem)
    mirrored = 1 if problem.padding_mode == "zeros" else 3**problem.rank
    return M // max(1, problem.groups) * taps * mirrored


def _sample(problem: Problem, shape: tuple[int, ...], seed: int) -> tuple[Position, ...]:
    """Return corners, the middle of each edge, and seeded positions, within the budget."""
    last = [size - 1 for size in shape]
    corners = sorted(set(product(*({0, end} for end in last))))
    found: set[Position] = set()
    middle = tuple(end // 2 for end in last)
    for axis, end in enumerate(last):
        for side in (0, end):
            found.add((*middle[:axis], side, *middle[axis + 1 :]))
    found.add(middle)
    random = np.random.Generator(np.random.PCG64(seed))
    for _ in range(SAMPLES):
        found.add(tuple(int(random.integers(size)) for size in shape))
    most = max(16, TERM_BUDGET // terms_each(problem))
    others = _spread(sorted(found.difference(corners)), most - len(corners))
    return tuple(sorted((*corners, *others)))


def _spread(found: list[Position], most: int) -> tuple[Position, ...]:
    """Return at most `most` of the positions, evenly spread."""
    if len(found) <= most:
        return tuple(found)
    return tuple(found[i * len(found) // most] for i in range(most))
