"""The oracle's answer to a problem on given arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

import ml_dtypes
import numpy as np

import convoracle
from convformance.backend import Array, Arrays
from convformance.problem import Problem
from convoracle import InvalidProblem, Operation, Tensor

TERM_BUDGET = 60_000  # terms that the oracle loops over for one case; larger ones are sampled
SAMPLES = 24  # seeded positions of a sampled case, beside its corners and edges
Position = tuple[int, ...]
STANDARD: Mapping[str, str] = {}


def numpy_dtype(name: str) -> np.dtype[Any]:
    """Return the NumPy dtype of a problem's dtype; bfloat16 comes from ml_dtypes."""
    return np.dtype(getattr(ml_dtypes, name) if name == "bfloat16" else name)


def tensor(array: Array) -> Tensor:
    """Return the array's elements as Python numbers; every dtype of the suite fits exactly."""
    if array.dtype.kind not in "iuf":
        array = array.astype(np.float32)
    return Tensor(array.shape, array.ravel().tolist())


def operation(problem: Problem, arrays: Arrays, choices: Mapping[str, str] = STANDARD) -> Operation:
    """Return the op of the problem on the arrays; raise `InvalidProblem`."""
    return _define(problem, {name: tensor(array) for name, array in arrays.items()}, choices)


def _define(
    problem: Problem, inputs: Mapping[str, Tensor], choices: Mapping[str, str]
) -> Operation:
    common: dict[str, Any] = {"dtype": problem.dtype, "choices": choices}
    if problem.op == "conv1x1":
        return convoracle.conv1x1(inputs["x"], inputs["w"], inputs.get("bias"), **common)
    common |= {
        "stride": problem.stride,
        "padding": _padding(problem, choices),
        "dilation": problem.dilation,
    }
    if problem.op == "conv":
        return convoracle.conv(
            inputs["x"], inputs["w"], inputs.get("bias"), groups=problem.groups, **common
        )
    common["ceil_mode"] = problem.ceil_mode
    if problem.op == "max_pool":
        return convoracle.max_pool(inputs["x"], problem.kernel, **common)
    if problem.op == "lp_pool":
        return convoracle.lp_pool(inputs["x"], problem.kernel, p=problem.p, **common)
    common["count_include_pad"] = problem.count_include_pad
    if problem.op == "avg_pool":
        return convoracle.avg_pool(inputs["x"], problem.kernel, **common)
    return convoracle.distance_pool(inputs["x"], inputs["w"], **common)


def _padding(problem: Problem, choices: Mapping[str, str]) -> Any:
    before = choices.get("padding.same_side") == "before"
    return "same_lower" if before and problem.padding == "same" else problem.padding


def input_shapes(problem: Problem) -> dict[str, tuple[int, ...]]:
    """Return the shape of each input array, also of an invalid problem."""
    shapes = {"x": problem.x}
    if problem.op in ("conv", "conv1x1"):
        shapes["w"] = problem.w
    if problem.op == "distance_pool":
        shapes["w"] = tuple(max(0, size) for size in problem.kernel)
    if problem.bias:
        shapes["bias"] = problem.w[:1]
    return shapes


def broken_clause(problem: Problem) -> InvalidProblem | None:
    """Return why the problem has no meaning, or None if it is valid."""
    try:
        output_shape(problem)
    except InvalidProblem as error:
        return error
    return None


def output_shape(problem: Problem) -> tuple[int, ...]:
    """Return the output's shape, from the sizes alone; raise `InvalidProblem`."""
    shapes = input_shapes(problem)
    hollow = {name: Tensor(shape, range(prod(shape))) for name, shape in shapes.items()}
    return _define(problem, hollow, STANDARD).shape


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
        return self.operation.shape

    @cached_property
    def selector(self) -> tuple[Array, ...]:
        """Index arrays that pick the expected elements out of an output."""
        table = np.array(self.positions, dtype=np.intp).reshape(-1, len(self.shape))
        return tuple(table.T)

    @cached_property
    def y(self) -> Array:
        """The expected elements, in the order of `positions`, in the output's dtype."""
        values = [self.operation.value(position) for position in self.positions]
        return elements(values, self.problem.dtype)

    @cached_property
    def indices(self) -> Array | None:
        """The expected indices, where the problem asks for them."""
        if not self.problem.indices or self.operation.index is None:
            return None
        return np.array([self.operation.index(position) for position in self.positions], np.int64)


def elements(values: list[Any], dtype: str) -> Array:
    """Return Python numbers, each an element of the dtype already, as an array."""
    if dtype in ("int8", "int32", "int64"):
        return np.array(values, dtype=dtype)
    return np.array(values, dtype=np.float64).astype(numpy_dtype(dtype))


def expectation(
    problem: Problem, arrays: Arrays, choices: Mapping[str, str] = STANDARD, seed: int = 0
) -> Expectation:
    """Return what the oracle expects; raise `InvalidProblem` for an invalid problem."""
    op = operation(problem, arrays, choices)
    if prod(op.shape) * terms_each(problem) <= TERM_BUDGET:
        return Expectation(problem, op, tuple(product(*map(range, op.shape))), sampled=False)
    return Expectation(problem, op, _sample(problem, op.shape, seed), sampled=True)


def terms_each(problem: Problem) -> int:
    """Return the number of terms of one output element."""
    channels = problem.w[1] if problem.op in ("conv", "conv1x1") else 1
    return max(1, prod(problem.kernel_size) * channels)


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
