"""Convolution as a matrix product of the weights with the windows laid out as columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from convformance.kernel.geometry import ArgumentError, Array, Axis, Padding, Sizes, axes_of
from convformance.kernel.windows import (
    BFLOAT16,
    accumulator,
    cells,
    public,
    same_dtype,
    windows,
)

_BLOCK = 1 << 23  # elements of the columns held at a time: 32 MB of float32


@public
def conv(
    x: Array,
    w: Array,
    bias: Array | None = None,
    *,
    stride: Sizes = 1,
    padding: Padding = "valid",
    dilation: Sizes = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
    input_dilation: Sizes = 1,
    batch_groups: int = 1,
    flip: bool = False,
    output_dtype: str = "",
) -> Array:
    """Return the cross-correlation of x (N, C, *spatial) with w: (N / batch_groups, M, *output).

    w is (M, C / groups, *kernel), bias is (M,); all have one dtype, and so has the output unless
    it is given another. padding is "valid", "same_upper" (also "same"), "same_lower", "causal",
    "full" or pairs (before, after). Raises `ArgumentError`.
    """
    check_weights(x, w, groups)
    _check_bias(x, w, bias)
    axes = axes_of(
        x,
        w.shape[2:],
        stride=stride,
        padding=padding,
        dilation=dilation,
        input_dilation=input_dilation,
        mode=padding_mode,
    )
    M, N = w.shape[0], x.shape[0]
    if batch_groups < 1 or N % batch_groups or M % batch_groups:
        text = f"{batch_groups=} does not divide N={N} and M={M}"
        raise ArgumentError("conv.batch_groups", text)
    out = _wider(x, output_dtype)
    if flip:  # [conv.flip]
        w = np.flip(w, tuple(range(2, w.ndim)))
    parts = [
        correlated(samples, rows, added, axes, groups=groups, out=out)
        for samples, rows, added in _batch_parts(x, w, bias, batch_groups)
    ]
    return parts[0] if batch_groups == 1 else np.concatenate(parts, 1)


def _batch_parts(
    x: Array, w: Array, bias: Array | None, batch_groups: int
) -> Iterator[tuple[Array, Array, Array | None]]:
    """[conv.batch_groups] Yield the samples, the weights and the bias of each batch group."""
    biases = [None] * batch_groups if bias is None else np.split(bias, batch_groups)
    yield from zip(np.split(x, batch_groups), np.split(w, batch_groups), biases, strict=True)


def _wider(x: Array, output_dtype: str) -> np.dtype[np.generic]:
    """[conv.output_dtype] Return the dtype of the output, which must hold that of x."""
    if not output_dtype:
        return x.dtype
    out = BFLOAT16 if output_dtype == "bfloat16" else np.dtype(output_dtype)
    if not np.can_cast(x.dtype, out, "safe") or (x.dtype.kind in "iu") != (out.kind in "iu"):
        raise ArgumentError("conv.output_dtype", f"{output_dtype=} does not hold {x.dtype}")
    return out


def correlated(
    x: Array,
    w: Array,
    bias: Array | None,
    axes: Sequence[Axis],
    *,
    groups: int,
    out: np.dtype[np.generic],
) -> Array:
    """Return the windows of x times w (M, C / groups, *kernel), plus bias, in the dtype `out`."""
    M = w.shape[0]
    dtype = accumulator(x)
    view = windows(x, axes, 0, dtype)  # [padding.zero] zeros that are multiplied as any other
    output = tuple(axis.count for axis in axes)
    y = np.empty((x.shape[0], M, *output), out)
    # [conv.groups] group g is rows g * M / groups and on of w, and channels g * C / groups and on
    matrix = w.astype(dtype, copy=False).reshape(groups, M // groups, math.prod(w.shape[1:]))
    for n, rows in _blocks(view, len(axes)):
        block = view[n][:, rows]
        values = _product(matrix, columns(block, groups, len(axes)))
        values = values.reshape(M, *block.shape[1 : 1 + len(axes)])
        y[n][:, rows] = biased(values, bias, axis=0)  # [value.round] [value.wrap] only here
    return y


@public
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
    dtype = accumulator(x)
    samples = x.astype(dtype, copy=False).reshape(N, C, math.prod(spatial))
    values = biased(_product(w.astype(dtype, copy=False), samples), bias, axis=1)
    return values.astype(x.dtype).reshape(N, w.shape[0], *spatial)


def check_weights(x: Array, w: Array, groups: int) -> None:
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


def _blocks(view: Array, rank: int) -> Iterator[tuple[int, slice]]:
    """Yield (n, rows of the first output axis) so that the columns of each block fit `_BLOCK`."""
    N, C, height, *rest = view.shape
    if 0 in view.shape[2 : 2 + rank]:
        return
    step = max(1, _BLOCK // cells((C, *rest)))
    for n in range(N):
        for first in range(0, height, step):
            yield n, slice(first, first + step)


def columns(block: Array, groups: int, rank: int) -> Array:
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


def biased(values: Array, bias: Array | None, axis: int) -> Array:
    """Return values with the bias of each output channel added in the accumulator's dtype."""
    if bias is None:
        return values
    spread = bias.astype(values.dtype).reshape(-1, *(1,) * (values.ndim - axis - 1))
    values += spread
    return values
