"""A convolution so small that Python's own steps take longer than its arithmetic.

All its windows are one block of columns, and everything but the numbers was worked out by the call
before: what is left is a padded copy, a view, the columns and one product.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from convformance.kernel.geometry import (
    KEPT,
    ArgumentError,
    Array,
    Axes,
    Padding,
    Sizes,
    axes_of,
)

CELLS = 1 << 15  # of the columns; beyond it a block that stays in the cache is faster


@functools.lru_cache(maxsize=KEPT)
def plan(
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    dtype: np.dtype[Any],
    sizes: tuple[Sizes, Sizes, Sizes],
    padding: Padding,
    mode: str,
) -> Axes | None:
    """Return the axes of a convolution without groups that `at_once` can answer; None if it cannot.

    The shapes are those of input and weights, the sizes stride, dilation and input_dilation. What
    is invalid is none either: the longer way tells why.
    """
    x, w = shapes
    if dtype.char not in "fd" or not dtype.isnative or len(x) != len(w) or x[1:2] != w[1:2]:
        return None
    stride, dilation, input_dilation = sizes
    hollow = np.broadcast_to(np.zeros((), dtype), x)
    try:
        axes = axes_of(
            hollow, w[2:], stride=stride, padding=padding, dilation=dilation,
            input_dilation=input_dilation, mode=mode,
        )  # fmt: skip
    except ArgumentError:
        return None
    return axes if axes.is_plain and axes.windows * math.prod(w) else None


def is_small(w: Array, axes: Axes) -> bool:
    """Return whether `at_once` is the faster for it."""
    return axes.windows * w.size <= CELLS * len(w)


@np.errstate(all="ignore")
def at_once(x: Array, w: Array, bias: Array | None, axes: Axes) -> Array:
    """Return x (N, C, *spatial) under w (M, C, *kernel), plus bias: (N, M, *output)."""
    N, M, dtype = len(x), len(w), x.dtype
    if axes.canvas == x.shape and x.flags.c_contiguous:
        canvas = x
    else:
        canvas = np.zeros(axes.canvas, dtype)  # [padding.zero]
        canvas[axes.inside] = x
    shape, strides = axes.columns
    windows: Array = np.ndarray(shape, dtype, canvas, 0, strides[x.itemsize])
    kernels = w.reshape(M, -1)
    columns = windows.reshape(kernels.shape[1], -1)
    # `dot` scales a scalar by BLAS's axpy, which takes zero times NaN for zero.
    y: Array = kernels.dot(columns) if len(columns) > 1 else np.matmul(kernels, columns)
    if bias is not None:
        y += bias[:, None]
    if N == 1:
        return y.reshape(1, M, *axes.counts)
    return np.ascontiguousarray(y.reshape(M, N, *axes.counts).swapaxes(0, 1))
