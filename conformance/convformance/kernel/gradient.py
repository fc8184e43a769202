"""Gradients of convolution and transposed convolution, as matrix products of windows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from convformance.kernel.columns import blocks
from convformance.kernel.convolution import check_weights, correlated
from convformance.kernel.geometry import ArgumentError, Array, Axis, Padding, Sizes, axes_of
from convformance.kernel.phases import by_phases
from convformance.kernel.scatter import scattered
from convformance.kernel.transposed import check_spread, spread_axes
from convformance.kernel.windows import (
    accumulator,
    handed_back,
    only_floats,
    padded,
    public,
    same_dtype,
)


@public
def conv_gradient(
    by: str,
    x: Array,
    w: Array,
    dy: Array,
    *,
    stride: Sizes = 1,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    input_dilation: Sizes = 1,
    flip: bool = False,
) -> Array:
    """Return the gradient of `conv` by "x", "w" or "bias", given dy (N, M, *output).

    Raises `ArgumentError`.
    """
    only_floats("a gradient", x)
    check_weights(x, w, groups)
    same_dtype(x, w=w, dy=dy)
    axes = axes_of(
        x, w.shape[2:], stride=stride, padding=padding, dilation=dilation,
        input_dilation=input_dilation, mode=padding_mode,
    )  # fmt: skip
    check_dy(dy, (x.shape[0], w.shape[0], *(axis.count for axis in axes)))
    if by == "bias":
        return by_bias(dy)
    turned = tuple(range(2, w.ndim))
    if by == "w":
        dw = _by_weight(x, dy, axes, groups, w.shape)
        return np.flip(dw, turned).copy() if flip else dw
    kernels = np.flip(w, turned) if flip else w
    if all(axis.is_plain for axis in axes):
        return _by_input(dy, kernels, axes, groups, x.dtype)
    # Padding and holes count as samples first; then each is handed to where it came from.
    whole = tuple(replace(axis, size=len(axis.sources()), before=0) for axis in axes)
    canvas = _by_input(dy, kernels, whole, groups, accumulator(x))
    return handed_back(canvas, axes).astype(x.dtype)


def _by_input(
    dy: Array, w: Array, axes: Sequence[Axis], groups: int, out: np.dtype[np.generic]
) -> Array:
    """Return what the taps of all windows hand to each sample: (N, C, *axis.size)."""
    quick = by_phases(dy, w, axes, groups=groups, out=out)
    if quick is not None:
        return quick
    (N, M, *counts), width, dtype = dy.shape, w.shape[1], accumulator(dy)
    given = dy.astype(dtype, copy=False).reshape(N, groups, M // groups, *counts)
    kernels = w.astype(dtype, copy=False).reshape(groups, M // groups, *w.shape[1:])
    dx = np.empty((N, groups, width, *[axis.size for axis in axes]), out)
    for where, sums in scattered(given, kernels, axes):
        dx[where] = sums
    return dx.reshape(N, groups * width, *dx.shape[3:])


def _by_weight(
    x: Array, dy: Array, axes: Sequence[Axis], groups: int, shape: tuple[int, ...]
) -> Array:
    """Return (M, C / groups, *kernel): dy times the columns of x, summed over the batch."""
    found = products_of(dy, padded(x, axes, 0, accumulator(x)), axes, groups)
    return found.reshape(shape).astype(x.dtype)


def products_of(given: Array, canvas: Array, axes: Sequence[Axis], groups: int) -> Array:
    """Return given (N, M, *count) times the windows of canvas, summed over all of them.

    The answer is (groups, M / groups, depth * taps).
    """
    N, M, *counts = given.shape
    shape = N, groups, M // groups, math.prod(counts)
    planes = given.astype(canvas.dtype, copy=False).reshape(shape)
    depth = canvas.shape[1] // groups * math.prod(axis.kernel_size for axis in axes)
    total = np.zeros((groups, M // groups, depth), canvas.dtype)
    for samples, places, columns in blocks(canvas, axes, groups):
        part = planes[samples, :, :, places].transpose(1, 2, 0, 3)
        total += part.reshape(*total.shape[:2], columns.shape[-1]) @ columns.swapaxes(1, 2)
    return total


def by_bias(dy: Array) -> Array:
    """Return (M,): the sum of dy over the batch and all places."""
    places = (0, *range(2, dy.ndim))
    return np.asarray(dy.astype(accumulator(dy)).sum(axis=places)).astype(dy.dtype)


@public
def conv_transpose_gradient(
    by: str,
    x: Array,
    w: Array,
    dy: Array,
    *,
    stride: Sizes = 1,
    padding: Padding = "valid",
    output_padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Array:
    """Return the gradient of `conv_transpose` by "x", "w" or "bias", given dy (N, M, *output).

    Raises `ArgumentError`.
    """
    only_floats("a gradient", x)
    check_spread(x, w, groups)
    same_dtype(x, w=w, dy=dy)
    spread = spread_axes(
        x.shape[2:], w.shape[2:], stride=stride, padding=padding,
        output_padding=output_padding, dilation=dilation,
    )  # fmt: skip
    check_dy(dy, (x.shape[0], w.shape[1] * groups, *(axis.size for axis in spread)))
    if by == "bias":
        return by_bias(dy)
    axes = tuple(map(_forward, spread, x.shape[2:]))
    C = w.shape[0]
    if by == "x":
        rows = w.reshape(groups, C // groups, *w.shape[1:]).reshape(C, *w.shape[1:])
        return correlated(dy, rows, None, axes, groups=groups, out=x.dtype)
    canvas = padded(dy, axes, 0, accumulator(x))
    return products_of(x, canvas, axes, groups).reshape(w.shape).astype(x.dtype)


def _forward(axis: Axis, count: int) -> Axis:
    """Return the axis of the convolution from the output's size to `count` windows."""
    reach = (count - 1) * axis.stride + axis.extent if count else 0
    return replace(axis, after=reach - axis.before - axis.size)


def check_dy(dy: Array, shape: tuple[int, ...]) -> None:
    """Raise `ArgumentError` unless dy has the shape of the output."""
    if dy.shape != shape:
        raise ArgumentError("grad.shape", f"{dy.shape=}, but the output is {shape}")
