"""Adaptive and global pools, one axis after the other: a window is a product of ranges."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from convformance.kernel.geometry import ArgumentError, Array
from convformance.kernel.pool import SUMMED, halves, quotient
from convformance.kernel.separable import planes
from convformance.kernel.windows import is_float, narrow, native, own_order, public

_WIDE = np.dtype(np.float64)


def _bounds(size: int, count: int) -> tuple[Array, Array]:
    """[adaptive.window] Return where each of `count` windows starts, and where it has ended."""
    o = np.arange(count)
    return o * size // count, -((-(o + 1) * size) // count)


def _sizes(x: Array, output: Sequence[int]) -> tuple[int, ...]:
    if x.ndim < 3:
        raise ArgumentError("problem.rank", f"{x.shape=} is not (N, C, *spatial)")
    if len(output) != x.ndim - 2:
        raise ArgumentError("problem.axes", f"{output=} has not {x.ndim - 2} entries")
    if min(output) < 1:
        raise ArgumentError("adaptive.output", f"{output=} has an entry below 1")
    return tuple(output)


def _steps(size: int, count: int) -> Iterator[tuple[Array, Array]]:
    """Yield (position, whether it is in the window) of the k-th sample of every window."""
    start, end = _bounds(size, count)
    for k in range(int((end - start).max(initial=0))):
        yield np.minimum(start + k, max(0, size - 1)), start + k < end


@public
def adaptive_max_pool(
    x: Array, output: Sequence[int], *, return_indices: bool = False
) -> Array | tuple[Array, Array]:
    """Return the maxima of `output` windows of x (N, C, *spatial): (N, C, *output).

    With return_indices return (values, indices) as `max_pool` does. Raises `ArgumentError`.
    """
    lowest = -np.inf if is_float(x) else np.iinfo(x.dtype).min
    sizes = _sizes(x, output)
    best = x.astype(native(x), copy=False)
    flat = np.arange(int(np.prod(x.shape[2:]))).reshape(x.shape[2:])
    index = np.broadcast_to(flat, x.shape)
    for place in range(x.ndim - 1, 1, -1):  # rows last: the first in row-major order wins
        best, index = _largest_along(best, index, place, sizes[place - 2], lowest)
    values = best.astype(x.dtype)
    return (values, index) if return_indices else values


def _largest_along(
    values: Array, index: Array, place: int, count: int, lowest: float
) -> tuple[Array, Array]:
    shape = (*values.shape[:place], count, *values.shape[place + 1 :])
    best, found = np.full(shape, lowest, values.dtype), np.full(shape, -1, np.int64)
    aligned = (-1, *(1,) * (values.ndim - place - 1))
    for position, inside in _steps(values.shape[place], count):
        if values.shape[place] == 0:
            break
        samples, at = values.take(position, place), index.take(position, place)
        nan = np.isnan(samples) & ~np.isnan(best)  # [max.nan]
        beats = inside.reshape(aligned) & (at >= 0) & ((found < 0) | (samples > best) | nan)
        best, found = np.where(beats, samples, best), np.where(beats, at, found)
    return best, found


@public
def adaptive_avg_pool(x: Array, output: Sequence[int]) -> Array:
    """Return the means of `output` windows of x (N, C, *spatial): (N, C, *output).

    Integers give the exact quotient cut towards zero. Raises `ArgumentError`.
    """
    floating, sizes = is_float(x), _sizes(x, output)
    bounds = [_bounds(size, count) for size, count in zip(x.shape[2:], sizes, strict=True)]
    divisor = functools.reduce(np.multiply.outer, [end - start for start, end in bounds])
    if not floating:
        high, low = (_summed(half, sizes) for half in halves(x.astype(np.int64)))
        return quotient(high, low, divisor).astype(x.dtype)
    total = _summed(x.astype(_WIDE), sizes)
    mean = total / divisor
    if x.dtype == _WIDE:  # [value.overflow] a mean of the largest numbers is finite
        small = _summed(x * 2.0**-64, sizes) / divisor * 2.0**64
        mean = np.where(np.isfinite(total), mean, small)
    return narrow(mean, x.dtype)


def _summed(values: Array, sizes: Sequence[int]) -> Array:
    for place in range(values.ndim - 1, 1, -1):
        count = sizes[place - 2]
        shape = (*values.shape[:place], count, *values.shape[place + 1 :])
        total, aligned = np.zeros(shape, values.dtype), (-1, *(1,) * (values.ndim - place - 1))
        for position, inside in _steps(values.shape[place], count):
            if values.shape[place]:
                total += np.where(inside.reshape(aligned), values.take(position, place), 0)
        values = total
    return values


@public
def global_max_pool(x: Array) -> Array:
    """[global.window] Return the maximum of each plane of x: (N, C, 1, ...)."""
    sizes = _sizes(x, (1,) * (x.ndim - 2))
    if x.size == 0 or not is_float(x):
        found = adaptive_max_pool(x, sizes)
        return found if isinstance(found, np.ndarray) else found[0]
    flat = x.astype(native(x), copy=False).reshape(*x.shape[:2], -1)
    largest: Array = flat.max(axis=2).astype(x.dtype)
    return largest.reshape(*x.shape[:2], *sizes)


@np.errstate(all="ignore")
def global_avg_pool(x: Array) -> Array:
    """[global.window] Return the mean of each plane of x: (N, C, 1, ...).

    A sum is a product with ones, which is faster than NumPy's own sum of short rows. Raises
    `ArgumentError`.
    """
    ones = (1,) * (x.ndim - 2)
    if ones and x.dtype in SUMMED and x.size:
        flat = x.reshape(x.shape[0] * x.shape[1], -1)
        mean: Array = flat.dot(np.ones(flat.shape[1], x.dtype))
        if math.isfinite(np.add.reduce(mean)):  # or a sum has overflowed where its mean does not
            mean /= flat.shape[1]
            return mean.reshape(*x.shape[:2], *ones)
    x, sizes = own_order(x), _sizes(x, ones)
    y = np.empty((*x.shape[:2], *sizes), x.dtype)
    is_float(x)  # or another number: anything else is refused, with elements or without
    for n, channels in planes(x, _WIDE.itemsize):
        y[n, channels] = adaptive_avg_pool(x[n, None, channels], sizes)[0]
    return y
