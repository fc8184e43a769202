"""Depthwise convolution, and the 1x1 convolution that a separable one adds to it."""

from __future__ import annotations

import math

from convformance.kernel.channelwise import channelwise
from convformance.kernel.geometry import ArgumentError, Array, Padding, Sizes, axes_of
from convformance.kernel.windows import accumulator, is_float, public, same_dtype


@public
def depthwise_conv(
    x: Array, w: Array, *, stride: Sizes = 1, padding: Padding = "valid", dilation: Sizes = 1
) -> Array:
    """Return each channel of x (N, C, *spatial) under its kernels of w (C, multiplier, *kernel).

    The output is (N, C * multiplier, *output). Raises `ArgumentError`.
    """
    return _depthwise(x, w, stride, padding, dilation).astype(x.dtype, copy=False)


@public
def separable_conv(
    x: Array,
    w: Array,
    pointwise: Array,
    *,
    stride: Sizes = 1,
    padding: Padding = "valid",
    dilation: Sizes = 1,
) -> Array:
    """Return pointwise (M, C * multiplier) times the depthwise convolution: (N, M, *output).

    Raises `ArgumentError`.
    """
    same_dtype(x, pointwise=pointwise)
    inner = _depthwise(x, w, stride, padding, dilation)  # [separable.sum] not rounded to x.dtype
    N, channels, *output = inner.shape
    if pointwise.ndim != 2 or pointwise.shape[1] != channels:
        raise ArgumentError("separable.weight", f"{pointwise.shape=} is not (M, {channels})")
    rows = pointwise.astype(inner.dtype)
    y = rows @ inner.reshape(N, channels, math.prod(output))
    return y.astype(x.dtype, copy=False).reshape(N, len(rows), *output)


def _depthwise(x: Array, w: Array, stride: Sizes, padding: Padding, dilation: Sizes) -> Array:
    """Return the convolution in the accumulator's dtype."""
    is_float(x)  # raises for what has no meaning
    if x.ndim < 3:
        raise ArgumentError("problem.rank", f"{x.shape=} is not (N, C, *spatial)")
    C = x.shape[1]
    if w.ndim != x.ndim or w.shape[0] != C:
        raise ArgumentError("depthwise.weight", f"{w.shape=} is not ({C}, multiplier, *kernel)")
    same_dtype(x, w=w)
    axes = axes_of(x, w.shape[2:], stride=stride, padding=padding, dilation=dilation)
    y = channelwise(x, w, axes, accumulator(x))
    return y.reshape(x.shape[0], C * w.shape[1], *y.shape[3:])
