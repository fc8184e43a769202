"""Convolution as a matrix product of the weights with the windows laid out as columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from operator import index
from typing import Any

import numpy as np

from convformance.kernel.channelwise import channelwise
from convformance.kernel.columns import blocks
from convformance.kernel.geometry import (
    ArgumentError,
    Array,
    Axes,
    Axis,
    Padding,
    Sizes,
    axes_of,
    whole,
)
from convformance.kernel.rows import pays, row_columns
from convformance.kernel.small import at_once, is_small, plan
from convformance.kernel.windows import (
    BFLOAT16,
    accumulator,
    own_order,
    padded,
    public,
    same_dtype,
)

_EXACT = 1 << 53  # every whole number below it is a float64


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
    if groups == batch_groups == 1 and w.dtype is x.dtype and not (flip or output_dtype):
        attributes = stride, padding, dilation, input_dilation, padding_mode
        small = _planned(x, w, bias, attributes)
        if small is not None:
            return at_once(x, w, bias, small)
    if not (x.dtype.isnative and w.dtype.isnative and (bias is None or bias.dtype.isnative)):
        x, w, bias = own_order(x), own_order(w), own_order(bias)
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
    if batch_groups == 1:
        return correlated(x, w, bias, axes, groups=groups, out=out)
    parts = [
        correlated(samples, rows, added, axes, groups=groups, out=out)
        for samples, rows, added in _batch_parts(x, w, bias, batch_groups)
    ]
    return np.concatenate(parts, 1)


def _planned(x: Array, w: Array, bias: Array | None, attributes: tuple[Any, ...]) -> Axes | None:
    """Return the plan of a tiny convolution, if this is one and valid."""
    if bias is not None and (bias.dtype is not x.dtype or bias.shape != w.shape[:1]):
        return None
    stride, padding, dilation, input_dilation, mode = attributes
    try:
        # As Python's own integers: 1.0 would be looked up as 1, and is none.
        sizes = whole(stride), whole(dilation), whole(input_dilation)
        if type(padding) is not str:
            padding = tuple([(index(before), index(after)) for before, after in padding])
        axes = plan((x.shape, w.shape), x.dtype, sizes, padding, mode)
    except (TypeError, ValueError):  # what the longer way refuses
        return None
    return axes if axes is not None and is_small(w, axes) else None


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


@public
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
    N, M, depth = x.shape[0], w.shape[0], math.prod(w.shape[1:])
    if groups > 1 and groups == x.shape[1]:
        kernels = w.reshape(groups, M // groups, *w.shape[2:])
        y = channelwise(x, kernels, axes, accumulator(x))
        y = y.reshape(N, M, *y.shape[3:])
        return biased(y, bias, axis=1).astype(out, copy=False)
    dtype = factor(x, w, depth)
    y = np.empty((N, M, *[axis.count for axis in axes]), out)
    planes = y.reshape(N, groups, M // groups, math.prod(y.shape[2:]))
    # [conv.groups] group g is rows g * M / groups and on of w, and channels g * C / groups and on
    added = None if bias is None else bias.reshape(groups, M // groups, 1)
    canvas = padded(x, axes, 0, dtype)  # [padding.zero] zeros that are multiplied as any other
    if dtype == out and pays(axes, groups, w.shape[1], M // groups, dtype.itemsize):
        by_row = w.transpose(2, 0, *range(3, w.ndim), 1)
        matrices = by_row.reshape(len(by_row), groups, M // groups, -1)
        _add_rows(planes, matrices, row_columns(canvas, axes, groups), added, x)
        return y
    matrix = w.astype(dtype, copy=False).reshape(groups, M // groups, depth)
    for samples, places, columns in blocks(canvas, axes, groups):
        values = planes[samples, :, :, places]
        if dtype == out and len(values) == 1:
            summed(np.matmul(matrix, columns, out=values[0]), added, x)
            continue
        product = summed(times(matrix, columns), added, x)
        product = product.reshape(groups, M // groups, len(values), values.shape[-1])
        values[...] = product.transpose(2, 0, 1, 3)  # [value.round] [value.wrap] only here
    return y


def _add_rows(
    planes: Array, matrices: Array, samples: Iterator[list[Array]], bias: Array | None, x: Array
) -> None:
    """Write to planes (N, groups, M / groups, places) the products of all rows of taps, added up.

    The matrices (row, groups, M / groups, K) are multiplied with columns (groups, K, places).
    """
    part = np.empty(planes.shape[1:], planes.dtype)
    for values, columns in zip(planes, samples, strict=True):
        np.matmul(matrices[0], columns[0], out=values)
        for matrix, block in zip(matrices[1:], columns[1:], strict=True):
            np.add(values, np.matmul(matrix, block, out=part), out=values)
        summed(values, bias, x)


def factor(x: Array, w: Array, terms: int) -> np.dtype[np.generic]:
    """Return the dtype in which sums of `terms` products of x and w are taken.

    NumPy multiplies integers in a plain loop, and floats with BLAS: whole numbers go by float64
    where it holds every sum of theirs exactly.
    """
    if x.dtype.kind in "iu" and terms * _peak(x) * _peak(w) < _EXACT:
        return np.dtype(np.float64)
    return accumulator(x)


def _peak(x: Array) -> int:
    """Return what no magnitude of these integers exceeds."""
    if x.itemsize == 1:
        return 256
    return max(int(x.max(initial=0)), -int(x.min(initial=0)))


def times(w: Array, columns: Array) -> Array:
    """Return w (..., M, K) @ columns (..., K, P)."""
    if columns.dtype.kind == "u":
        # NumPy's loop for integers runs along K: three times as fast when that is contiguous.
        columns = np.ascontiguousarray(columns.swapaxes(-1, -2)).swapaxes(-1, -2)
    return np.asarray(w @ columns)


def summed(products: Array, bias: Array | None, x: Array) -> Array:
    """Return the products plus bias, in a dtype that is rounded or wrapped once to that of x."""
    if x.dtype.kind in "iu" and products.dtype.kind == "f":
        products = products.astype(np.int64)
    if bias is not None:
        products += bias.astype(products.dtype, copy=False)
    return products


@public
def conv1x1(x: Array, w: Array, bias: Array | None = None) -> Array:
    """Return w (M, C) times x (N, C, *spatial) at every position: (N, M, *spatial).

    bias is (M,); all have one dtype. Raises `ArgumentError`.
    """
    if x.ndim < 3:
        raise ArgumentError("problem.rank", f"{x.shape=} is not (N, C, *spatial)")
    if w.ndim != 2 or w.shape[1] != x.shape[1]:
        raise ArgumentError("conv1x1.weight", f"{w.shape=} is not (M, {x.shape[1]})")
    _check_bias(x, w, bias)
    axes = axes_of(x, 1, stride=1, padding="valid", dilation=1)
    kernels = w.reshape(*w.shape, *(1,) * (x.ndim - 2))
    return correlated(x, kernels, bias, axes, groups=1, out=x.dtype)


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
    if bias is None and x.dtype is w.dtype:
        return
    same_dtype(x, w=w, bias=bias)
    if bias is not None and bias.shape != w.shape[:1]:
        raise ArgumentError("conv.bias", f"{bias.shape=} is not {w.shape[:1]}")


def biased(values: Array, bias: Array | None, axis: int) -> Array:
    """Return values with the bias of each output channel added in the accumulator's dtype."""
    if bias is None:
        return values
    spread = bias.astype(values.dtype).reshape(-1, *(1,) * (values.ndim - axis - 1))
    values += spread
    return values
