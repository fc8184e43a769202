"""Pools taken axis after axis: what a window gives is a product of what its axes give.

A window of k x k taps costs k + k passes instead of k * k, and a few planes at a time go through
all of them while they are in the cache. Padding is never written down: a tap is combined only where
a sample lies under it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from convformance.kernel.geometry import KEPT_SHORT, Array, Axes, Axis
from convformance.kernel.windows import cells

BYTES = 3 << 19  # of a block of planes: fewer calls than of small ones, and still some cache
_WIDE_BYTES = 1 << 20  # of a block whose elements grow: these are copied a number of times
Index = tuple[Any, ...]


def planes(x: Array, wide: int = 0) -> Iterator[tuple[int, slice]]:
    """Yield (sample, channels) of x (N, C, *spatial), as many each, `BYTES` at most.

    With `wide`, the bytes that an element will take, `_WIDE_BYTES` each.
    """
    room, item = (_WIDE_BYTES, max(wide, x.itemsize)) if wide else (BYTES, x.itemsize)
    most = max(1, room // (cells(x.shape[2:]) * item))
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

    taps: list[int]  # samples from the first tap to each
    inside: range  # the windows that see samples alone
    kept: slice  # where these start
    edges: list[tuple[int, list[int]]]  # every other window, and the samples that it sees
    alike: bool  # windows lie as samples do: they are written where they belong

    @classmethod
    def along(cls, axis: Axis) -> _Line:
        """Work them out for the last axis."""
        first = max(0, -(-axis.before // axis.stride))
        last = (axis.kept - axis.extent + axis.before) // axis.stride + 1  # past the last that fits
        last = min(max(first, last), axis.count)
        first = min(first, last)
        start = first * axis.stride - axis.before
        stop = start + max(0, last - first - 1) * axis.stride + 1
        taps = [k * axis.dilation for k in range(axis.kernel_size)]
        edges = []
        for o in (*range(first), *range(last, axis.count)):
            at = [o * axis.stride - axis.before + tap for tap in taps]
            edges.append((o, [i for i in at if 0 <= i < axis.kept]))
        alike = axis.stride == 1 and first == axis.before and axis.count == axis.size
        return cls(taps, range(first, last), slice(start, stop, axis.stride), edges, alike)

    def write(
        self, part: Array, into: Array, buffer: Array, combine: np.ufunc, neutral: float
    ) -> None:
        """Write to `into` every window of `part`; `buffer` has the shape of `part`."""
        taps, inside = self.taps, self.inside
        if inside:
            flat, alike = part.reshape(-1), self.alike and into.flags.c_contiguous
            sums, size = into if alike else buffer, flat.size - taps[-1]
            running = sums.reshape(-1)[inside.start if alike else 0 :][:size]
            if len(taps) == 1:
                running[...] = flat
            else:
                combine(flat[:size], flat[taps[1] :][:size], out=running)
            for tap in taps[2:]:
                combine(running, flat[tap:][:size], out=running)
            if not alike:
                into[..., inside.start : inside.stop] = sums[..., self.kept]
        for o, seen in self.edges:
            values = into[..., o]
            if len(seen) > 1:
                combine(part[..., seen[0]], part[..., seen[1]], out=values)
            else:
                values[...] = part[..., seen[0]] if seen else neutral
            for i in seen[2:]:
                combine(values, part[..., i], out=values)


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
        if not self._buffers:
            self._buffers = list(self._new_buffers(part))
        number = len(part)
        for rows, buffer in zip(self._rows, self._buffers, strict=False):
            target = buffer[:number]
            rows.write(part, target, self._combine, self._neutral)
            part = target
        sums = self._buffers[-1][:number]
        self._line.write(np.ascontiguousarray(part), into, sums, self._combine, self._neutral)

    def _new_buffers(self, part: Array) -> Iterator[Array]:
        """Yield one for what each leading axis gives, and one for the sums along rows."""
        shape = list(part.shape)
        for place, rows in enumerate(self._rows, 1):
            shape[place] = rows.windows
            yield np.empty(shape, part.dtype)
        yield np.empty(shape, part.dtype)
