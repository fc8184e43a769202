"""Convolution as a matrix product of the weights with the windows laid out as columns."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from convformance.kernel.geometry import ArgumentError, Array, Padding, Sizes, axes_of
from convformance.kernel.windows import cells, is_float, native, same_dtype, windows

_BLOCK = 1 << 23  # elements of the columns held at a time: 32 MB of float32


@np.errstate(all="ignore")
def conv(
    x: Array,
    w: Array,
    bias: Array | None = None,
    *,
    stride: Sizes = 1,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    groups: int = 1,
) -> Array:
    """Return the cross-correlation of x (N, C, *spatial) with w: (N, M, *output).

    w is (M, C / groups, *kernel), bias is (M,); all have one dtype, and so has the output.
    padding is "valid", "same_upper" (also "same"), "same_lower" or pairs (before, after).
    Raises `ArgumentError`.
    """
    _check_weights(x, w, groups)
    _check_bias(x, w, bias)
    axes = axes_of(x, w.shape[2:], stride=stride, padding=padding, dilation=dilation)
    M = w.shape[0]
    dtype = _accumulator(x)
    view = windows(x, axes, 0, dtype)  # [padding.zero] zeros that are multiplied as any other
    output = tuple(axis.count for axis in axes)
    y = np.empty((x.shape[0], M, *output), x.dtype)
    # [conv.groups] group g is rows g * M / groups and on of w, and channels g * C / groups and on
    matrix = w.astype(dtype, copy=False).reshape(groups, M // groups, math.prod(w.shape[1:]))
    for n, rows in _blocks(view, len(axes)):
        block = view[n][:, rows]
        values = _product(matrix, _columns(block, groups, len(axes)))
        values = values.reshape(M, *block.shape[1 : 1 + len(axes)])
        y[n][:, rows] = _biased(values, bias, axis=0)  # [value.round] [value.wrap] only here
    return y


@np.errstate(all="ignore")
def conv1x1(x: Array, w: Array, bias: Array | None = None) -> Array:
    """Return w (M, C) times x (N, C, *spatial) at every position: (N, M, *spatial).

    bias is (M,); all have one dtype. Raises `ArgumentError`.
    """
    if x.ndim < 3:
        raise ArgumentError("problem.rank", f"{x.shape=} is not (N, C, *spatial)")
    N, C, *spatial = x.shape
    if w.ndim != 2 or w.shape[1] != C:
        raise ArgumentError("conv1x1.weight", f"{w.shape=} is not (M, {C})")
    _check_bias(x, w, bias)
    dtype = _accumulator(x)
    samples = x.astype(dtype, copy=False).reshape(N, C, math.prod(spatial))
    values = _biased(_product(w.astype(dtype, copy=False), samples), bias, axis=1)
    return values.astype(x.dtype).reshape(N, w.shape[0], *spatial)


def _check_weights(x: Array, w: Array, groups: int) -> None:
    """Raise `ArgumentError` unless w (M, C / groups, *kernel) fits x."""
    if x.ndim < 3:
        raise ArgumentError("problem.rank", f"{x.shape=} is not (N, C, *spatial)")
    if w.ndim != x.ndim:
        raise ArgumentError("conv.weight", f"{w.shape=} has not as many axes as {x.shape=}")
    C, M = x.shape[1], w.shape[0]
    if groups < 1 or C % groups or M % groups:
        raise ArgumentError("conv.groups", f"{groups=} does not divide {C=} and {M=}")
    if w.shape[1] != C // groups:
        raise ArgumentError("conv.weight", f"{w.shape=}, but {C=} in {groups=} needs {C // groups}")


def _check_bias(x: Array, w: Array, bias: Array | None) -> None:
    """Raise `ArgumentError` unless bias is (M,) and x, w and bias have one dtype."""
    same_dtype(x, w=w, bias=bias)
    if bias is not None and bias.shape != w.shape[:1]:
        raise ArgumentError("conv.bias", f"{bias.shape=} is not {w.shape[:1]}")


def _accumulator(x: Array) -> np.dtype[np.generic]:
    """Return the dtype of the sums.

    Halves are summed in float32. Unsigned arithmetic is modulo 2^64 by definition, and what
    is right modulo 2^64 is right modulo 2^8 and 2^32 too.
    """
    return native(x) if is_float(x) else np.dtype(np.uint64)


def _blocks(view: Array, rank: int) -> Iterator[tuple[int, slice]]:
    """Yield (n, rows of the first output axis) so that the columns of each block fit `_BLOCK`."""
    N, C, height, *rest = view.shape
    if 0 in view.shape[2 : 2 + rank]:
        return
    step = max(1, _BLOCK // cells((C, *rest)))
    for n in range(N):
        for first in range(0, height, step):
            yield n, slice(first, first + step)


def _columns(block: Array, groups: int, rank: int) -> Array:
    """Return windows (C, *output, *kernel) as (groups, C / groups * taps, outputs)."""
    C, output, kernel = block.shape[0], block.shape[1 : 1 + rank], block.shape[1 + rank :]
    order = (0, *range(1 + rank, 1 + 2 * rank), *range(1, 1 + rank))
    depth = C // groups * math.prod(kernel)
    return block.transpose(order).reshape(groups, depth, math.prod(output))


def _product(w: Array, columns: Array) -> Array:
    """Return w (..., M, K) @ columns (..., K, P)."""
    if columns.dtype.kind == "u":
        # NumPy's loop for integers runs along K: three times as fast when that is contiguous.
        columns = np.ascontiguousarray(columns.swapaxes(-1, -2)).swapaxes(-1, -2)
    return np.asarray(w @ columns)


def _biased(values: Array, bias: Array | None, axis: int) -> Array:
    """Return values with the bias of each output channel added in the accumulator's dtype."""
    if bias is None:
        return values
    spread = bias.astype(values.dtype).reshape(-1, *(1,) * (values.ndim - axis - 1))
    values += spread
    return values
