"""The indices of maxima: positions in a plane, or in the whole array as its framework lays it."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from convformance.backend import Array
from convformance.backends.tensorflow_pools import unpooled
from convformance.problem import Problem

IN_THE_WHOLE = ("tensorflow", "onnx")  # the others count in a plane


def plane_of(problem: Problem) -> int:
    """Return the samples of a plane that indices point into."""
    sizes = unpooled(problem) if problem.op == "max_unpool" else problem.x[2:]
    return max(1, prod(sizes))


def of_framework(problem: Problem, framework: str, indices: Array) -> Array:
    """Return positions in planes, (N, C, *sizes), as the framework has them."""
    N, C, *rest = indices.shape
    plane, ones = plane_of(problem), (1,) * len(rest)
    if framework == "onnx":
        whole: Array = indices + plane * np.arange(N * C).reshape(N, C, *ones)
        return whole
    if framework == "tensorflow":
        flat = (indices + plane * np.arange(N).reshape(N, 1, *ones)) * C
        return np.moveaxis(flat + np.arange(C).reshape(C, *ones), 1, -1)
    return np.moveaxis(indices, 1, -1) if framework == "keras" else indices


def in_plane(problem: Problem, framework: str, indices: Array) -> Array:
    """Return indices as the framework gives them as positions in planes, in its axes.

    Positions that lie in another plane than their own stay out of it: no remainder hides them.
    """
    zeros = np.zeros(indices.shape, np.int64)
    last = framework in ("tensorflow", "keras")
    zeros = np.moveaxis(zeros, -1, 1) if last else zeros
    found: Array = indices - of_framework(problem, framework, zeros)
    return found // max(1, problem.x[1]) if framework == "tensorflow" else found


def converted(problem: Problem, source: str, target: str, move: str) -> Iterator[str]:
    """Yield the lines that make indices of one framework those of another; `move` moves axes."""
    if source == target or (source not in IN_THE_WHOLE and target not in IN_THE_WHOLE and not move):
        return
    plane, C, ones = plane_of(problem), problem.x[1], ", 1" * problem.rank
    yield "indices = np.asarray(indices).astype(np.int64)"
    if source == "tensorflow":
        yield f"indices = indices // {C} % {plane}"
    if source == "onnx":
        yield f"indices = indices % {plane}"
    if move:
        yield f"indices = np.moveaxis(indices, {move})"
    if target == "tensorflow":
        sample = f"{plane} * np.arange(len(indices)).reshape(-1, 1{ones})"
        yield f"indices = (indices + {sample}) * {C} + np.arange({C})"
    if target == "onnx":
        yield f"indices = indices + {plane} * np.arange(len(indices) * {C}).reshape(-1, {C}{ones})"
