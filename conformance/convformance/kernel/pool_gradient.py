"""Gradients of pools: each tap of each window hands its share back to the sample under it."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from convformance.kernel.geometry import Array, Axis, Padding, Sizes, axes_of
from convformance.kernel.gradient import check_dy
from convformance.kernel.maximum import first_largest
from convformance.kernel.pool import norms
from convformance.kernel.windows import (
    blank,
    handed_back,
    narrow,
    native,
    only_floats,
    public,
    taps,
    under_tap,
    windows,
)

_WIDE = np.dtype(np.float64)


@public
def max_pool_gradient(
    x: Array,
    dy: Array,
    kernel_size: Sizes,
    *,
    stride: Sizes = 1,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Array:
    """Return dy (N, C, *output) handed to the first maximum of each window: the shape of x.

    Raises `ArgumentError`.
    """
    axes = _axes(
        x, dy, kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )
    _, indices = first_largest(windows(x, axes, -math.inf, native(x)), axes, -math.inf)
    return _placed(dy, indices, x.shape)


def _placed(dy: Array, indices: Array, shape: tuple[int, ...]) -> Array:
    """[grad.max] Return the sums of dy at the flat indices; at none where an index is -1."""
    planes, places = shape[0] * shape[1], math.prod(shape[2:])
    dx = np.zeros((planes, places), native(dy))
    windows_each = math.prod(dy.shape[2:])
    given, flat = dy.reshape(planes, windows_each), indices.reshape(planes, windows_each)
    rows = np.broadcast_to(np.arange(planes)[:, None], flat.shape)
    kept = flat >= 0
    np.add.at(dx, (rows[kept], flat[kept]), given[kept].astype(dx.dtype))
    return dx.reshape(shape).astype(dy.dtype)


@public
def avg_pool_gradient(
    x: Array,
    dy: Array,
    kernel_size: Sizes,
    *,
    stride: Sizes = 1,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = False,
) -> Array:
    """Return dy over each window's divisor, handed to all of its samples: the shape of x.

    Raises `ArgumentError`.
    """
    axes = _axes(
        x, dy, kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )
    per_axis = (axis.counted(count_include_pad) for axis in axes)
    share = dy.astype(_WIDE) / functools.reduce(np.multiply.outer, per_axis)  # [avg.divisor]
    return _summed(x, axes, ((k, share) for k in _kernel(axes)))


@public
def lp_pool_gradient(
    x: Array,
    dy: Array,
    kernel_size: Sizes,
    *,
    p: float = 2,
    stride: Sizes = 1,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Array:
    """Return dy * sign(x) * (|x| / norm)^(p - 1), summed over the windows: the shape of x.

    For p = inf the first of the largest |x| gets it all. Raises `ArgumentError`.
    """
    axes = _axes(
        x, dy, kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )
    if p == math.inf:
        view = windows(np.abs(x.astype(_WIDE)), axes, -1, _WIDE)
        handed = _placed(dy, first_largest(view, axes, -1)[1], x.shape)
        return handed * np.sign(x)
    view = windows(x.astype(_WIDE), axes, 0, _WIDE)
    norm, given = norms(np.abs(view), axes, p), dy.astype(_WIDE)
    return _summed(x, axes, _shares(view, axes, norm, given, p))


def _shares(
    view: Array, axes: Sequence[Axis], norm: Array, given: Array, p: float
) -> Iterator[tuple[tuple[int, ...], Array]]:
    """[grad.lp] Yield what each tap hands back; [grad.lp_zero] nothing where the norm is 0."""
    for k, samples in taps(view, axes):
        part = given * np.sign(samples)
        if p != 1:
            part = np.where(norm == 0, 0.0, part * (np.abs(samples) / norm) ** (p - 1))
        yield k, part


def _axes(x: Array, dy: Array, kernel_size: Sizes, **options: Any) -> tuple[Axis, ...]:
    only_floats("a gradient", x)
    axes = axes_of(x, kernel_size, **options)
    check_dy(dy, (*x.shape[:2], *(axis.count for axis in axes)))
    return axes


def _kernel(axes: Sequence[Axis]) -> Iterator[tuple[int, ...]]:
    return np.ndindex(*(axis.kernel_size for axis in axes))


def _summed(
    x: Array, axes: Sequence[Axis], parts: Iterator[tuple[tuple[int, ...], Array]]
) -> Array:
    """Return the shares of all taps, added up at the samples under them."""
    canvas = blank(x.shape[:2], axes, _WIDE)
    for k, part in parts:
        under_tap(canvas, axes, k)[...] += part
    return narrow(handed_back(canvas, axes), x.dtype)
