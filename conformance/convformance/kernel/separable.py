"""Pools taken axis after axis: what a window gives is a product of what its axes give.

A window of k x k taps costs k + k passes instead of k * k, and a few planes at a time go through
all of them while they are in the cache. Padding is never written down: a tap is combined only where
a sample lies under it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from convformance.kernel.geometry import KEPT_SHORT, Array, Axes, Axis
from convformance.kernel.windows import cells

BYTES = 3 << 19  # of a block of planes: fewer calls than of small ones, and still some cache
_WIDE_BYTES = 1 << 20  # of a block whose elements grow: these are copied a number of times
Index = tuple[Any, ...]


def planes(x: Array, wide: int = 0, counts: Sequence[int] = ()) -> Iterator[tuple[int, slice]]:
    """Yield (sample, channels) of x (N, C, *spatial), as many each, `BYTES` at most.

    With `wide`, the bytes that an element will take, `_WIDE_BYTES` each. With the `counts` of
    windows along the axes, what comes of the first of them is no larger either.
    """
    room, item = (_WIDE_BYTES, max(wide, x.itemsize)) if wide else (BYTES, x.itemsize)
    sizes = x.shape[2:]
    shapes = ((*counts[:place], *sizes[place:]) for place in range(len(counts) + 1))
    most = max(1, room // (max(map(cells, shapes)) * item))
    step = math.ceil(x.shape[1] / max(1, math.ceil(x.shape[1] / most)))
    for n in range(x.shape[0]):
        for first in range(0, x.shape[1], step or 1):
            yield n, slice(first, first + step)


def as_one_sample(x: Array, y: Array) -> tuple[Array, Array]:
    """Return x (N, C, *spatial) and y (N, C, *count) as (1, N * C, ...), if both may be views."""
    if not (x.flags.c_contiguous and y.flags.c_contiguous):
        return x, y
    lead = (1, x.shape[0] * x.shape[1])
    return x.reshape(*lead, *x.shape[2:]), y.reshape(*lead, *y.shape[2:])


class _Rows(NamedTuple):
    """How to combine along an axis that is not the last in memory: rows at a time."""

    windows: int  # along the axis
    whole: list[Index]  # the samples of each tap that lies over samples in every window
    rest: list[tuple[Index, Index]]  # the windows, and their samples, of each other one

    @classmethod
    def along(cls, axis: Axis, place: int) -> _Rows:
        """Work them out for an axis that is the `place`-th of a block."""
        lead, whole, rest = (slice(None),) * place, [], []
        for windows, samples in _runs(axis):
            if windows == slice(0, axis.count):
                whole.append((*lead, samples))
            else:
                rest.append(((*lead, windows), (*lead, samples)))
        return cls(axis.count, whole, rest)

    def write(self, part: Array, into: Array, combine: np.ufunc, neutral: float) -> None:
        """Write to `into` what the taps over `part` combine to."""
        whole = self.whole
        if len(whole) > 1:
            combine(part[whole[0]], part[whole[1]], out=into)
        else:
            into[...] = part[whole[0]] if whole else neutral
        for samples in whole[2:]:
            combine(into, part[samples], out=into)
        for windows, samples in self.rest:
            values = into[windows]
            combine(values, part[samples], out=values)


def _runs(axis: Axis) -> Iterator[tuple[slice, slice]]:
    """Yield (windows, samples) of each tap that sees samples, in the order of the taps."""
    for k in range(axis.kernel_size):
        shift = axis.before - k * axis.dilation  # the tap's position is o * stride - shift
        first = max(0, -(-shift // axis.stride))
        last = min(axis.count, (axis.kept - 1 + shift) // axis.stride + 1)
        if first < last:
            start = first * axis.stride - shift
            stop = start + (last - first - 1) * axis.stride + 1
            yield slice(first, last), slice(start, stop, axis.stride)


class _Line(NamedTuple):
    """How to combine along the last axis, as if all rows were one: long loops, no strides.

    A window that would run on into the next row means nothing; only those that lie within their row
    are kept, every stride-th. The few that hang over an edge come tap by tap.
    """

    axis: Axis
    taps: range  # samples from the first tap to each
    inside: range  # the windows that see samples alone
    kept: slice  # where these start
    alike: bool  # windows lie as samples do: they may be written where they belong

    @classmethod
    def along(cls, axis: Axis) -> _Line:
        """Work them out for the last axis."""
        inside, taps = axis.within(0, axis.kept), range(0, axis.extent, axis.dilation)
        start = inside.start * axis.stride - axis.before
        stop = start + max(0, len(inside) - 1) * axis.stride + 1
        alike = axis.stride == 1 and axis.count == axis.size
        alike = alike and inside.start == axis.before <= taps[-1]
        return cls(axis, taps, inside, slice(start, stop, axis.stride), alike)

    def write(
        self, part: Array, into: Array, sums: Array, combine: np.ufunc, neutral: float
    ) -> None:
        """Write to `into` every window of `part`; `sums` has the shape of `part`, or is `into`."""
        taps, inside = self.taps, self.inside
        if inside:
            flat = part.reshape(-1)
            size = flat.size - taps[-1]
            running = sums.reshape(-1)[inside.start if sums is into else 0 :][:size]
            if len(taps) == 1:
                running[...] = flat
            else:
                combine(flat[:size], flat[taps[1] :][:size], out=running)
            for tap in taps[2:]:
                combine(running, flat[tap:][:size], out=running)
            if sums is not into:
                into[..., inside.start : inside.stop] = sums[..., self.kept]
        for o, seen in self._edges():
            values = into[..., o]
            if len(seen) > 1:
                combine(part[..., seen[0]], part[..., seen[1]], out=values)
            else:
                values[...] = part[..., seen[0]] if seen else neutral
            for i in seen[2:]:
                combine(values, part[..., i], out=values)

    def _edges(self) -> Iterator[tuple[int, range]]:
        """Yield every other window, and the samples that it sees."""
        axis, inside = self.axis, self.inside
        for o in (*range(inside.start), *range(inside.stop, axis.count)):
            start = o * axis.stride - axis.before
            skipped = max(0, -(start // axis.dilation))  # taps before the first sample
            yield o, range(start, min(axis.kept, start + axis.extent), axis.dilation)[skipped:]


def _steps(axes: Axes) -> tuple[list[_Rows], _Line]:
    *leading, last = axes
    return [_Rows.along(axis, place) for place, axis in enumerate(leading, 1)], _Line.along(last)


_kept_steps = functools.lru_cache(maxsize=KEPT_SHORT)(_steps)


class Passes:
    """The passes of one call over all of its blocks, which take turns in the same buffers."""

    def __init__(self, axes: Axes, combine: np.ufunc, neutral: float) -> None:
        """Take the axes, what combines two taps, and what padding is to it."""
        self._rows, self._line = (_kept_steps if axes.is_short else _steps)(axes)
        self._combine, self._neutral = combine, neutral
        self._buffers: list[Array] = []

    def write(self, part: Array, into: Array) -> None:
        """Write to `into` (C, *count) every window of `part` (C, *spatial), combined.

        No later part may have more channels than the first.
        """
        number = len(part)
        for place, rows in enumerate(self._rows):
            shape = (*part.shape[: place + 1], rows.windows, *part.shape[place + 2 :])
            target = self._buffer(place, shape, part)[:number]
            rows.write(part, target, self._combine, self._neutral)
            part = target
        is_own = self._line.alike and into.flags.c_contiguous and into.shape == part.shape
        sums = into if is_own else self._buffer(len(self._rows), part.shape, part)[:number]
        self._line.write(np.ascontiguousarray(part), into, sums, self._combine, self._neutral)

    def _buffer(self, place: int, shape: tuple[int, ...], like: Array) -> Array:
        """Return the buffer of an axis; the first part makes it."""
        if place == len(self._buffers):
            self._buffers.append(np.empty(shape, like.dtype))
        return self._buffers[place]
