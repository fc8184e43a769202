"""Arrays of windows as views, and the dtypes in which their sums are kept."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence

import ml_dtypes
import numpy as np
from numpy.lib.stride_tricks import as_strided

from convformance.kernel.geometry import ArgumentError, Array, Axis

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
_HALVES = (np.dtype(np.float16), BFLOAT16)
_FLOATS = (*_HALVES, np.dtype(np.float32), np.dtype(np.float64))
_INTEGERS = (np.dtype(np.int8), np.dtype(np.int32), np.dtype(np.int64))


def is_float(x: Array) -> bool:
    """Return whether x holds floating-point numbers; raise for a dtype that is not known."""
    if x.dtype not in (*_FLOATS, *_INTEGERS):
        raise ArgumentError(
            "value.dtype", f"{x.dtype} is none of {[*map(str, _FLOATS + _INTEGERS)]}"
        )
    return x.dtype in _FLOATS


def same_dtype(x: Array, **others: Array | None) -> None:
    """Raise unless every other array that is given has the dtype of x."""
    for name, other in others.items():
        if other is not None and other.dtype != x.dtype:
            raise ArgumentError("value.dtype", f"{name} is {other.dtype} and x is {x.dtype}")


def native(x: Array) -> np.dtype[np.generic]:
    """Return a dtype that NumPy itself computes in and that holds x exactly."""
    return np.dtype(np.float32) if x.dtype in _HALVES else x.dtype


def narrow(values: Array, dtype: np.dtype[np.generic]) -> Array:
    """Return float64 values rounded once to `dtype`.

    ml_dtypes goes to bfloat16 by way of float32 and rounds at both; an odd last bit in the
    float32, wherever it is inexact, keeps the first rounding from making a tie.
    """
    if dtype != BFLOAT16:
        return values.astype(dtype)
    single = values.astype(np.float32)
    single = np.where(abs(single) > abs(values), np.nextafter(single, np.float32(0)), single)
    odd = single.view(np.uint32) | (single != values)
    return np.asarray(odd.view(np.float32).astype(dtype))


def windows(x: Array, axes: Sequence[Axis], fill: float, dtype: np.dtype[np.generic]) -> Array:
    """Return x (N, C, *spatial) as a read-only view (N, C, *count, *kernel_size) in `dtype`.

    `fill` stands under the taps over padding and under those that overrun it.
    """
    shape = tuple(max(axis.padded, axis.reach) for axis in axes)
    if shape == x.shape[2:]:
        canvas = x.astype(dtype, copy=False)
    else:
        canvas = np.full((*x.shape[:2], *shape), fill, dtype)
        inner = tuple(slice(axis.before, axis.before + axis.size) for axis in axes)
        canvas[:, :, *inner] = x
    steps = canvas.strides[2:]
    return as_strided(
        canvas,
        (*x.shape[:2], *(axis.count for axis in axes), *(axis.kernel_size for axis in axes)),
        (
            *canvas.strides[:2],
            *(axis.stride * step for axis, step in zip(axes, steps, strict=True)),
            *(axis.dilation * step for axis, step in zip(axes, steps, strict=True)),
        ),
        writeable=False,
    )


def taps(view: Array, axes: Sequence[Axis]) -> Iterator[tuple[tuple[int, ...], Array]]:
    """Yield each tap k of a view of windows, row-major, with what lies under it: (N, C, *count)."""
    for k in np.ndindex(*(axis.kernel_size for axis in axes)):
        yield k, view[(..., *k)]


def combined(combine: np.ufunc, per_axis: Sequence[Array], k: tuple[int, ...]) -> Array:
    """Return (*count): tap k's columns of the (count, kernel_size) arrays, combined."""
    columns = (one[:, tap] for one, tap in zip(per_axis, k, strict=True))
    return np.asarray(functools.reduce(combine.outer, columns))


def output_shape(x: Array, axes: Sequence[Axis]) -> tuple[int, ...]:
    """Return (N, C, *count)."""
    return (*x.shape[:2], *(axis.count for axis in axes))


def cells(shape: Sequence[int]) -> int:
    """Return the number of elements of a shape, and at least 1, so that one can divide by it."""
    return max(1, math.prod(shape))
