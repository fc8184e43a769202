"""Wrong weights and groups, for the table of refusals: shapes that do not fit the input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from convformance.problem import Problem

Labelled = tuple[str, dict[str, Any]]  # a clause, and the values that break it


def weights(problem: Problem) -> Iterator[Labelled]:
    """Yield (clause, wrong values) of weights, of groups and of what hangs together with them."""
    spoil = SPOIL.get(problem.op)
    if spoil:
        yield from spoil(problem)


def _convolution(problem: Problem) -> Iterator[Labelled]:
    (N, C, *spatial), (M, depth, *kernel) = problem.x, problem.w
    for wrong in (depth + 1, max(0, depth - 1), 0):
        yield "conv.weight", {"w": (M, wrong, *kernel)}
    if C > 2:  # what looks like a depthwise weight
        yield "conv.weight", {"w": (C, 1, *kernel)}
    yield from _axes_of_weight("conv.weight", problem)
    yield "conv.weight", {"x": (N, C + 1, *spatial)}
    yield "conv.weight", {"groups": 2}
    for groups in (0, -1, C - 1, 2 * C):
        yield "conv.groups", {"groups": groups}
    yield "conv.groups", {"groups": 2, "w": (3, max(1, C // 2), *kernel)}
    yield "conv.groups", {"groups": 2, "x": (N, 3, *spatial), "w": (2, 1, *kernel)}
    if not problem.grad:
        yield from _batch_groups(problem)
        for dtype in ("float16", "bfloat16", "int32"):
            yield "conv.output_dtype", {"output_dtype": dtype}


def _batch_groups(problem: Problem) -> Iterator[Labelled]:
    """A gradient has none."""
    M, depth, *kernel = problem.w
    for parts in (0, -1, problem.x[0] + 1):
        yield "conv.batch_groups", {"batch_groups": parts}
    yield "conv.batch_groups", {"batch_groups": 2, "w": (M + 1 - M % 2, depth, *kernel)}


def _transposed(problem: Problem) -> Iterator[Labelled]:
    (N, C, *spatial), (_, width, *kernel) = problem.x, problem.w
    for wrong in (C + 1, max(0, C - 1), 0):
        yield "transpose.weight", {"w": (wrong, width, *kernel)}
    yield from _axes_of_weight("transpose.weight", problem)
    yield "transpose.weight", {"x": (N, C + 1, *spatial)}
    for groups in (0, -1, C - 1, 2 * C):
        yield "conv.groups", {"groups": groups}


def _depthwise(problem: Problem) -> Iterator[Labelled]:
    (N, C, *spatial), (_, multiplier, *kernel) = problem.x, problem.w
    for wrong in (C + 1, max(0, C - 1), 1, 0):
        yield "depthwise.weight", {"w": (wrong, multiplier, *kernel)}
    yield from _axes_of_weight("depthwise.weight", problem)
    yield "depthwise.weight", {"x": (N, C + 1, *spatial)}


def _separable(problem: Problem) -> Iterator[Labelled]:
    yield from _depthwise(problem)
    M, channels = problem.pointwise
    for wrong in ((M, channels + 1), (M, channels - 1), (M, 1), (M, channels, 1), (channels,)):
        yield "separable.weight", {"pointwise": wrong}


def _pointwise(problem: Problem) -> Iterator[Labelled]:
    (N, C, *spatial), (M, _) = problem.x, problem.w
    for w in ((M, C + 1), (M, max(0, C - 1)), (M, 0), (M, C, 1), (C,)):
        yield "conv1x1.weight", {"w": w}
    yield "conv1x1.weight", {"x": (N, C + 1, *spatial)}


def _axes_of_weight(clause: str, problem: Problem) -> Iterator[Labelled]:
    """Yield a weight, and an input, with an axis more or fewer, and a kernel without taps."""
    w, x = problem.w, problem.x
    yield clause, {"w": (*w, 1)}
    yield clause, {"w": w[:-1]}
    yield clause, {"x": (*x, 3)}
    if problem.rank > 1:
        yield clause, {"x": x[:-1]}
    yield "window.kernel", {"w": (*w[:-1], 0)}
    yield "window.kernel", {"w": (*w[:2], 0, *w[3:])}


SPOIL: dict[str, Callable[[Problem], Iterator[Labelled]]] = {
    "conv": _convolution,
    "conv1x1": _pointwise,
    "conv_transpose": _transposed,
    "depthwise_conv": _depthwise,
    "separable_conv": _separable,
}
