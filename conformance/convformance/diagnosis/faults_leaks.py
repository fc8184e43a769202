"""Faults of zeros that are multiplied: zero times NaN or infinity is NaN, where nothing is due."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from convformance.backend import Array, Arrays
from convformance.diagnosis.faults import Asked, after, before, whole, with_arrays
from convformance.expect import Expectation, expectation
from convformance.problem import Problem
from convformance.sizes import axes_of

DENSE = "groups are computed as one, with weights of zero between them"


@before("groups computed as one", DENSE)
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    if problem.grad in ("w", "bias") or problem.batch_groups > 1 or "w" not in arrays:
        return None
    if problem.op == "depthwise_conv":
        wide = _spread(arrays["w"].reshape(-1, 1, *problem.w[2:]), problem.x[1])
        plain = replace(problem, op="conv", w=wide.shape, groups=1)
    elif problem.op == "conv_transpose":
        wide = _spread(arrays["w"].swapaxes(0, 1), problem.groups, outputs_first=False)
        wide = wide.swapaxes(0, 1)
        plain = replace(problem, w=wide.shape, groups=1)
    elif problem.op in ("conv", "conv1x1") and problem.groups > 1:
        wide = _spread(arrays["w"], problem.groups)
        plain = replace(problem, w=wide.shape, groups=1)
    else:
        return None
    if wide.shape == problem.w:
        return None
    return plain, {**arrays, "w": wide}


def _spread(w: Array, groups: int, *, outputs_first: bool = True) -> Array:
    """Return the weights of groups as those of one, zero from each group to every other.

    (M, C / groups, ...) becomes (M, C, ...); if not `outputs_first`, (M / groups, C, ...) does.
    """
    own, other = (0, 1) if outputs_first else (1, 0)
    each, size = w.shape[own] // groups, w.shape[other]
    shape = list(w.shape)
    shape[other] = size * groups
    wide = np.zeros(shape, w.dtype)
    for group in range(groups):
        rows, columns = slice(group * each, (group + 1) * each), slice(group * size, None)
        into, taken = [slice(None)] * w.ndim, [slice(None)] * w.ndim
        into[own] = taken[own] = rows
        into[other] = slice(columns.start, columns.start + size)
        wide[tuple(into)] = w[tuple(taken)]
    return wide


@after("depthwise half computed as one", f"in the depthwise half {DENSE}")
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    problem = expected.problem
    if problem.op != "separable_conv" or problem.grad or problem.x[1] < 2:
        return None
    wide = _spread(arrays["w"].reshape(-1, 1, *problem.w[2:]), problem.x[1])
    half = replace(problem, op="conv", w=wide.shape, pointwise=(), bias=False)
    middle = whole(expectation(half, {"x": arrays["x"], "w": wide}))
    rest = Problem(
        "conv1x1", middle.shape, w=problem.pointwise, dtype=problem.dtype, bias=problem.bias
    )  # fmt: skip
    return whole(expectation(rest, {**arrays, "x": middle, "w": arrays["pointwise"]}))


MASKED = "each group takes {} of the other groups times zero"


@before("batch groups masked", MASKED.format("the weights"))
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    if problem.op != "conv" or problem.grad or problem.batch_groups < 2:
        return None
    return with_arrays(problem, arrays, w=_masked(arrays["w"], 0, problem.batch_groups))


@before("gradient of groups masked", MASKED.format("the dy"))
def _(problem: Problem, arrays: Arrays) -> Asked | None:
    if problem.op != "conv" or problem.grad != "w" or problem.groups < 2:
        return None
    return with_arrays(problem, arrays, dy=_masked(arrays["dy"], 1, problem.groups))


def _masked(array: Array, axis: int, groups: int) -> Array:
    """Return the array, NaN where its place in another group of the axis is not finite."""
    lead, rest = array.shape[:axis], array.shape[axis + 1 :]
    parts = array.reshape(*lead, groups, -1, *rest)
    spoils = ~np.isfinite(parts.astype(np.complex128))
    others = spoils.sum(axis=axis, keepdims=True) - spoils > 0
    return np.where(others.reshape(array.shape), np.array(np.nan, array.dtype), array)


@after(
    "unfolding by convolution",
    "the columns are those of a convolution with ones and zeros, and all samples of a window are "
    "times zero in each",
)
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    problem = expected.problem
    if problem.op != "unfold" or problem.grad or not problem.is_float:
        return None
    w = _one_hot(problem, problem.x[1])
    plain = replace(problem, op="conv", kernel=(), w=w.shape, groups=problem.x[1])
    return whole(expectation(plain, {"x": arrays["x"], "w": w})).reshape(y.shape)


@after(
    "folding by convolution",
    "the columns are folded by a transposed convolution with ones and zeros, and each sample of a "
    "window takes every column of it, most of them times zero",
)
def _(expected: Expectation, arrays: Arrays, y: Array) -> Array | None:
    problem = expected.problem
    if problem.op != "fold" or problem.grad or not problem.is_float:
        return None
    axes, channels = axes_of(problem), problem.x[1] // prod(problem.kernel)
    w = _one_hot(problem, channels)
    counts = [axis.count for axis in axes]
    plain = replace(
        problem, op="conv_transpose", kernel=(), output=(), w=w.shape, groups=channels,
        x=(*problem.x[:2], *counts),
        output_padding=tuple(axis.room % axis.stride for axis in axes),
    )  # fmt: skip
    x = arrays["x"].reshape(plain.x)
    return whole(expectation(plain, {"x": x, "w": w})).reshape(y.shape)


def _one_hot(problem: Problem, channels: int) -> Array:
    """Return weights (channels * taps, 1, *kernel) of which each picks one tap."""
    taps = prod(problem.kernel)
    w = np.eye(taps, dtype=np.float32).reshape(taps, 1, *problem.kernel)
    return np.tile(w, (channels, *[1] * (w.ndim - 1)))
