"""Which windows read which samples, and which windows lie wholly inside the input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce

import numpy as np

from convformance.backend import Array
from convformance.problem import Problem
from convoracle.axis import Axis


def interior(axis: Axis, first: int = 0) -> range:
    """Return the windows all of whose taps lie in [first, size); there may be none."""
    start = -(-(first + axis.before) // axis.stride)
    last = (axis.before + axis.size - axis.extent) // axis.stride
    start = max(0, start)
    return range(start, max(start, min(axis.count - 1, last) + 1))


def reads(axis: Axis, o: int) -> set[int]:
    """Return the samples that window o reads."""
    found = (axis.sample(axis.position(o, k)) for k in range(axis.kernel_size))
    return {i for i in found if i is not None}


def reached(axis: Axis, samples: Iterable[int]) -> set[int]:
    """Return the windows that read at least one of the samples."""
    wanted = set(samples)
    return {o for o in range(axis.count) if reads(axis, o) & wanted}


def box(sizes: Sequence[int], chosen: Sequence[Iterable[int]]) -> Array:
    """Return a mask of the sizes that is true where every position is among the chosen."""
    sides = [np.isin(np.arange(size), list(some)) for size, some in zip(sizes, chosen, strict=True)]
    return reduce(np.logical_and.outer, sides)


def reading_channels(problem: Problem, c: int) -> range:
    """Return the output channels that read input channel c."""
    if problem.op == "conv1x1":
        return range(problem.w[0])
    if problem.op == "conv":
        width = problem.w[0] // problem.groups
        group = c // (problem.x[1] // problem.groups)
        return range(group * width, (group + 1) * width)
    multiplier = problem.w[1] if problem.op == "depthwise_conv" else 1
    return range(c * multiplier, (c + 1) * multiplier)


def read_channels(problem: Problem, m: int) -> list[int]:
    """Return the input channels that output channel m reads."""
    return [c for c in range(problem.x[1]) if m in reading_channels(problem, c)]
