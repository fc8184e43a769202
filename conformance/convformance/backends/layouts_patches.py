"""The windows of an input laid out: columns (N, C * taps, windows), patches (N, *, taps * C)."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from convformance.backend import Array
from convformance.problem import Problem
from convformance.sizes import axes_of

PATCHES = ("unfold", "fold")


def _parts(problem: Problem) -> tuple[int, int, tuple[int, ...]]:
    """Return the taps, the channels and the windows along each axis."""
    taps = prod(problem.kernel)
    channels = problem.x[1] // max(1, taps) if problem.op == "fold" else problem.x[1]
    return taps, channels, tuple(axis.count for axis in axes_of(problem))


def patches_of(problem: Problem, columns: Array) -> Array:
    """Return the columns as patches, the channel fastest."""
    taps, C, counts = _parts(problem)
    N = len(columns)
    apart = columns.reshape(N, C, taps, prod(counts)).transpose(0, 3, 2, 1)
    return apart.reshape(N, *counts, taps * C)


def columns_of(problem: Problem, patches: Array) -> Array:
    """Return the patches as columns, the tap fastest."""
    taps, C, counts = _parts(problem)
    N = len(patches)
    apart = patches.reshape(N, prod(counts), taps, C).transpose(0, 3, 2, 1)
    return apart.reshape(N, C * taps, prod(counts))


def converted(problem: Problem, name: str, to_last: bool) -> Iterator[str]:
    """Yield the lines that make patches of columns, or the other way round, in NumPy."""
    taps, C, counts = _parts(problem)
    windows = prod(counts)
    between = (C, taps, windows) if to_last else (windows, taps, C)
    shape = (*counts, taps * C) if to_last else (C * taps, windows)
    yield f"{name} = np.asarray({name})"
    apart = f"{name}.reshape(len({name}), {', '.join(map(str, between))}).transpose(0, 3, 2, 1)"
    yield f"{name} = {apart}.reshape(len({name}), {', '.join(map(str, shape))})"
