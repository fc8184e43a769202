"""Unfold and fold: windows laid out as columns, and columns added up again."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from convformance.kernel.geometry import ArgumentError, Array, Padding, Sizes, axes_of
from convformance.kernel.windows import (
    accumulator,
    blank,
    handed_back,
    is_float,
    public,
    under_tap,
    windows,
)


@public
def unfold(
    x: Array,
    kernel_size: Sizes,
    *,
    stride: Sizes = 1,
    padding: Padding = "valid",
    dilation: Sizes = 1,
) -> Array:
    """Return the windows of x (N, C, *spatial) as columns (N, C * taps, windows).

    Raises `ArgumentError`.
    """
    is_float(x)
    axes = axes_of(x, kernel_size, stride=stride, padding=padding, dilation=dilation)
    view, rank = windows(x, axes, 0, x.dtype), len(axes)
    N, C = x.shape[:2]
    order = (0, 1, *range(2 + rank, 2 + 2 * rank), *range(2, 2 + rank))
    taps = math.prod(axis.kernel_size for axis in axes)
    columns = math.prod(axis.count for axis in axes)
    return view.transpose(order).reshape(N, C * taps, columns)  # [unfold.order]


@public
def fold(
    x: Array,
    output: Sequence[int],
    kernel_size: Sizes,
    *,
    stride: Sizes = 1,
    padding: Padding = "valid",
    dilation: Sizes = 1,
) -> Array:
    """Return columns (N, C * taps, windows) added up where `unfold` reads: (N, C, *output).

    Raises `ArgumentError`.
    """
    is_float(x)
    hollow = np.broadcast_to(np.zeros(()), (1, 1, *output))
    axes = axes_of(hollow, kernel_size, stride=stride, padding=padding, dilation=dilation)
    kernel, counts = [axis.kernel_size for axis in axes], [axis.count for axis in axes]
    taps = math.prod(kernel)
    if x.ndim != 3 or x.shape[1] % taps or x.shape[2] != math.prod(counts):
        text = f"{x.shape=} is not (N, C * {taps} taps, {math.prod(counts)} windows)"
        raise ArgumentError("fold.columns", text)
    N, C, dtype = x.shape[0], x.shape[1] // taps, accumulator(x)
    parts = x.astype(dtype).reshape(N, C, *kernel, *counts)
    canvas = blank((N, C), axes, dtype)
    for k in np.ndindex(*kernel):
        under_tap(canvas, axes, k)[...] += parts[:, :, *k]
    return handed_back(canvas, axes).astype(x.dtype)
