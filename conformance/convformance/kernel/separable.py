"""Pools taken axis after axis: what a window gives is a product of what its axes give.

A window of k x k taps costs k + k passes instead of k * k, and a few planes at a time go through
all of them while they are in the cache. Padding is never written down: a tap is combined only where
a sample lies under it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from convformance.kernel.geometry import Array, Axis
from convformance.kernel.windows import cells

BYTES = 1 << 18  # of a block of planes


def planes(x: Array) -> Iterator[tuple[int, slice]]:
    """Yield (sample, channels) of x (N, C, *spatial), about `BYTES` each."""
    step = max(1, BYTES // (cells(x.shape[2:]) * x.itemsize))
    for n in range(x.shape[0]):
        for first in range(0, x.shape[1], step):
            yield n, slice(first, first + step)


def by_axis(
    part: Array, axes: Sequence[Axis], combine: np.ufunc, neutral: float, into: Array
) -> None:
    """Write to `into` (C, *count) every window of `part` (C, *spatial), combined.

    `neutral` is what padding is to `combine`.
    """
    for place, axis in enumerate(axes[:-1], 1):
        shape = (*part.shape[:place], axis.count, *part.shape[place + 1 :])
        rows = np.empty(shape, part.dtype)
        _by_rows(np.moveaxis(part, place, 0), axis, combine, neutral, np.moveaxis(rows, place, 0))
        part = rows
    _along_rows(np.ascontiguousarray(part), axes[-1], combine, neutral, into)


class Run(NamedTuple):
    """Where one tap lies over samples."""

    windows: slice
    samples: slice


def _runs(axis: Axis) -> list[Run]:
    """Return the runs of the taps that see samples, in the order of the taps."""
    found = []
    for k in range(axis.kernel_size):
        shift = axis.before - k * axis.dilation  # the tap's position is o * stride - shift
        first = max(0, -(-shift // axis.stride))
        last = min(axis.count, (axis.kept - 1 + shift) // axis.stride + 1)
        if first < last:
            start = first * axis.stride - shift
            stop = start + (last - first - 1) * axis.stride + 1
            found.append(Run(slice(first, last), slice(start, stop, axis.stride)))
    return found


def _by_rows(part: Array, axis: Axis, combine: np.ufunc, neutral: float, into: Array) -> None:
    """Combine along an axis that is not the last in memory, moved to the front: rows at a time."""
    runs = _runs(axis)
    whole = next((run for run in runs if run.windows == slice(0, axis.count)), None)
    into[...] = neutral if whole is None else part[whole.samples]
    for run in runs:
        if run is not whole:
            combine(into[run.windows], part[run.samples], out=into[run.windows])


def _along_rows(part: Array, axis: Axis, combine: np.ufunc, neutral: float, into: Array) -> None:
    """Combine along the last axis, as if all rows were one: long loops, no strides.

    A window that would run on into the next row means nothing; only those that lie
    within their row are kept, every stride-th. The few that hang over an edge come tap by tap.
    """
    first = max(0, -(-axis.before // axis.stride))
    last = (axis.kept - axis.extent + axis.before) // axis.stride + 1  # past the last that fits
    last = min(max(first, last), axis.count)
    first = min(first, last)
    if first < last:
        flat, reach = part.reshape(-1), axis.extent - 1
        sums = np.empty(part.shape, part.dtype)
        running = sums.reshape(-1)[: flat.size - reach]
        if axis.kernel_size == 1:
            running[...] = flat
        else:
            combine(flat[: running.size], flat[axis.dilation :][: running.size], out=running)
        for k in range(2, axis.kernel_size):
            combine(running, flat[k * axis.dilation :][: running.size], out=running)
        start = first * axis.stride - axis.before
        into[..., first:last] = sums[
            ..., start : start + (last - first - 1) * axis.stride + 1 : axis.stride
        ]
    for o in (*range(first), *range(last, axis.count)):
        under = range(axis.kernel_size)
        at = [o * axis.stride - axis.before + k * axis.dilation for k in under]
        inside = [i for i in at if 0 <= i < axis.kept]
        values = into[..., o]
        values[...] = part[..., inside[0]] if inside else neutral
        for i in inside[1:]:
            combine(values, part[..., i], out=values)
