"""Pools taken axis after axis: what a window gives is a product of what its axes give.

A window of k x k taps costs k + k passes instead of k * k, and a few planes at a time go through
all of them while they are in the cache. Padding is never written down: a tap is combined only where
a sample lies under it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from convformance.kernel.geometry import Array, Axis
from convformance.kernel.windows import cells

BYTES = 3 << 19  # of a block of planes: fewer calls than of small ones, and still some cache
_WIDE_BYTES = 1 << 20  # of a block whose elements grow: these are copied a number of times


def planes(x: Array, wide: int = 0) -> Iterator[tuple[int, slice]]:
    """Yield (sample, channels) of x (N, C, *spatial), `BYTES` each or a little less.

    With `wide`, the bytes that an element will take, `_WIDE_BYTES` each.
    """
    room, item = (_WIDE_BYTES, max(wide, x.itemsize)) if wide else (BYTES, x.itemsize)
    step = max(1, room // (cells(x.shape[2:]) * item))
    for n in range(x.shape[0]):
        for first in range(0, x.shape[1], step):
            yield n, slice(first, first + step)


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


class Passes:
    """The passes of one call over all of its blocks, which take turns in the same buffers."""

    def __init__(self, axes: Sequence[Axis], combine: np.ufunc, neutral: float) -> None:
        """Take the axes, what combines two taps, and what padding is to it."""
        *self._leading, self._last = axes
        self._runs = [_runs(axis) for axis in self._leading]
        self._combine, self._neutral = combine, neutral
        self._buffers: dict[int, Array] = {}

    def write(self, part: Array, into: Array) -> None:
        """Write to `into` (C, *count) every window of `part` (C, *spatial), combined."""
        for place, (axis, runs) in enumerate(zip(self._leading, self._runs, strict=True), 1):
            shape = (*part.shape[:place], axis.count, *part.shape[place + 1 :])
            rows = self._buffer(place, shape, part.dtype)
            self._by_rows(part, place, runs, rows)
            part = rows
        self._along_rows(np.ascontiguousarray(part), into)

    def _buffer(self, place: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        held, size = self._buffers.get(place), math.prod(shape)
        if held is None or held.size < size or held.dtype != dtype:
            held = self._buffers[place] = np.empty(size, dtype)
        return held[:size].reshape(shape)

    def _by_rows(self, part: Array, place: int, runs: Sequence[Run], into: Array) -> None:
        """Combine along an axis that is not the last in memory: rows at a time."""
        lead = (slice(None),) * place
        everywhere = slice(0, into.shape[place])
        whole = [run for run in runs if run.windows == everywhere]
        rest = [run for run in runs if run.windows != everywhere]
        if len(whole) > 1:
            first, second = (part[(*lead, run.samples)] for run in whole[:2])
            self._combine(first, second, out=into)
        else:
            into[...] = part[(*lead, whole[0].samples)] if whole else self._neutral
        for run in (*whole[2:], *rest):
            values = into[(*lead, run.windows)]
            self._combine(values, part[(*lead, run.samples)], out=values)

    def _along_rows(self, part: Array, into: Array) -> None:
        """Combine along the last axis, as if all rows were one: long loops, no strides.

        A window that would run on into the next row means nothing; only those that lie
        within their row are kept, every stride-th. The few that hang over an edge come tap by tap.
        """
        axis, combine = self._last, self._combine
        first = max(0, -(-axis.before // axis.stride))
        last = (axis.kept - axis.extent + axis.before) // axis.stride + 1  # past the last that fits
        last = min(max(first, last), axis.count)
        first = min(first, last)
        if first < last:
            flat, reach = part.reshape(-1), axis.extent - 1
            # Windows that lie as samples do are written where they belong, and the edges over them.
            alike = part.shape == into.shape and axis.stride == 1 and first == axis.before
            alike = alike and into.flags.c_contiguous
            sums = into if alike else self._buffer(0, part.shape, part.dtype)
            running = sums.reshape(-1)[first if alike else 0 :][: flat.size - reach]
            if axis.kernel_size == 1:
                running[...] = flat
            else:
                combine(flat[: running.size], flat[axis.dilation :][: running.size], out=running)
            for k in range(2, axis.kernel_size):
                combine(running, flat[k * axis.dilation :][: running.size], out=running)
            start = first * axis.stride - axis.before
            stop = start + (last - first - 1) * axis.stride + 1
            if not alike:
                into[..., first:last] = sums[..., start : stop : axis.stride]
        for o in (*range(first), *range(last, axis.count)):
            under = range(axis.kernel_size)
            at = [o * axis.stride - axis.before + k * axis.dilation for k in under]
            inside = [i for i in at if 0 <= i < axis.kept]
            values = into[..., o]
            values[...] = part[..., inside[0]] if inside else self._neutral
            for i in inside[1:]:
                combine(values, part[..., i], out=values)
