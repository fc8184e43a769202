"""A convolution so small that Python's own steps take longer than its arithmetic.

All its windows are one block of columns, and everything but the numbers was worked out by the call
before: what is left is a padded copy, a view, the columns and one product.
"""

from __future__ import annotations

import numpy as np

from convformance.kernel.geometry import Array, Axes

CELLS = 1 << 15  # of the columns; beyond it a block that stays in the cache is faster


def is_small(x: Array, w: Array, axes: Axes, groups: int) -> bool:
    """Return whether `at_once` can answer, and is the faster for it."""
    cells = axes.windows * w.size
    return 0 < cells <= CELLS * len(w) and groups == 1 and x.dtype.char in "fd" and axes.is_plain


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
    # A scalar is scaled by BLAS's axpy in `dot`, which takes zero times NaN for zero.
    y: Array = kernels.dot(columns) if len(columns) > 1 else np.matmul(kernels, columns)
    if bias is not None:
        y += bias[:, None]
    if N == 1:
        return y.reshape(1, M, *axes.counts)
    return np.ascontiguousarray(y.reshape(M, N, *axes.counts).swapaxes(0, 1))
