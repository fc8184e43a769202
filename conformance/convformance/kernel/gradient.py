"""Gradients of convolution and transposed convolution, as matrix products of windows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from convformance.kernel.convolution import check_weights, columns, correlated
from convformance.kernel.geometry import ArgumentError, Array, Axis, Padding, Sizes, axes_of
from convformance.kernel.transposed import check_spread, spread_axes
from convformance.kernel.windows import (
    accumulator,
    blank,
    handed_back,
    only_floats,
    public,
    same_dtype,
    under_tap,
    windows,
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
    dtype = accumulator(x)
    back = _back_to_windows(dy.astype(dtype), kernels.astype(dtype), groups)
    canvas = blank(x.shape[:2], axes, dtype)
    for k in np.ndindex(*w.shape[2:]):
        under_tap(canvas, axes, k)[...] += back[:, :, *k]
    return handed_back(canvas, axes).astype(x.dtype)


def _back_to_windows(dy: Array, w: Array, groups: int) -> Array:
    """Return what each tap of each window gets: (N, C, *kernel, *count)."""
    N, M, *count = dy.shape
    depth, kernel = w.shape[1], w.shape[2:]
    matrix = w.reshape(groups, M // groups, depth * math.prod(kernel)).swapaxes(1, 2)
    parts = matrix @ dy.reshape(N, groups, M // groups, math.prod(count))
    return np.asarray(parts.reshape(N, groups * depth, *kernel, *count))


def _by_weight(
    x: Array, dy: Array, axes: Sequence[Axis], groups: int, shape: tuple[int, ...]
) -> Array:
    """Return (M, C / groups, *kernel): dy times the columns of x, summed over the batch."""
    dtype, M = accumulator(x), dy.shape[1]
    view = windows(x, axes, 0, dtype)
    total = np.zeros((groups, M // groups, math.prod(shape[1:])), dtype)
    for n in range(x.shape[0]):
        given = dy[n].astype(dtype).reshape(groups, M // groups, math.prod(dy.shape[2:]))
        total += given @ columns(view[n], groups, len(axes)).swapaxes(1, 2)
    return total.reshape(shape).astype(x.dtype)


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
    C, width = w.shape[:2]
    if by == "x":
        rows = w.reshape(groups, C // groups, *w.shape[1:]).reshape(C, *w.shape[1:])
        return correlated(dy, rows, None, axes, groups=groups, out=x.dtype)
    dtype = accumulator(x)
    view = windows(dy, axes, 0, dtype)
    total = np.zeros((groups, C // groups, width * math.prod(w.shape[2:])), dtype)
    for n in range(x.shape[0]):
        given = x[n].astype(dtype).reshape(groups, C // groups, math.prod(x.shape[2:]))
        total += given @ columns(view[n], groups, len(axes)).swapaxes(1, 2)
    return total.reshape(w.shape).astype(x.dtype)


def _forward(axis: Axis, count: int) -> Axis:
    """Return the axis of the convolution from the output's size to `count` windows."""
    reach = (count - 1) * axis.stride + axis.extent if count else 0
    return replace(axis, after=reach - axis.before - axis.size)


def check_dy(dy: Array, shape: tuple[int, ...]) -> None:
    """Raise `ArgumentError` unless dy has the shape of the output."""
    if dy.shape != shape:
        raise ArgumentError("grad.shape", f"{dy.shape=}, but the output is {shape}")
