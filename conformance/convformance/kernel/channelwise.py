"""Kernels that see one channel each: too thin for a product of matrices, so `einsum` adds up taps.

Its loop is fast where the innermost axis is long and lies in one piece. Of large planes that is
the plane itself, all rows as one: what runs over the end of a row is thrown away. A stride would
tear it up, so each phase of the stride becomes a plane of its own first. Small planes have more
channels than positions, and go with the channels innermost.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from convformance.kernel.geometry import Array, Axis
from convformance.kernel.windows import at, padded

# Positions of a loop: with fewer `einsum` copies its operands through a buffer first, at a third of
# the speed; a shorter row is made so long by positions that are thrown away.
LONG = 2049
SPARE = 8  # channels beside one position: lines that are a power of two apart share their cache
SHORT = 1024  # positions, below which that is too many, and channels go innermost
_BYTES = 1 << 20  # of the padded planes of a block; in smaller ones the calls cost more
_INNER = 1 << 22  # of those whose channels are innermost: as many channels as can be
_POSITIONS, _TAPS = "uvwxyz", "ijklop"


def channelwise(x: Array, w: Array, axes: Sequence[Axis], dtype: np.dtype[np.generic]) -> Array:
    """Return each channel of x (N, C, *spatial) under its kernels of w (C, multiplier, *kernel).

    The answer, in `dtype`, is (N, C, multiplier, *count).
    """
    N, C = x.shape[:2]
    y = np.empty((N, C, w.shape[1], *[axis.count for axis in axes]), dtype)
    if y.size == 0:
        return y
    w = w.astype(dtype, copy=False)
    plane = math.prod(_rows(axes))
    together = min(N, -(-LONG // plane))
    reach = math.prod([axis.held for axis in axes])
    planes = _Planes(axes, dtype) if together * plane >= SHORT else None
    step = max(1, (_BYTES if planes else _INNER) // (together * reach * dtype.itemsize))
    step = -(-C // -(-C // step))  # blocks of one size: all use the same buffers
    for n in range(0, N, together):
        for c in range(0, C, step):
            part, kernels = x[n : n + together, c : c + step], w[c : c + step]
            found = planes.summed(part, kernels) if planes else _along_channels(part, kernels, axes)
            y[n : n + together, c : c + step] = found
    return y


def _rows(axes: Sequence[Axis]) -> tuple[int, ...]:
    """Return the sizes of a phase plane, in which every window is one position."""
    return tuple(-(-axis.held // axis.stride) for axis in axes)


class Comb(NamedTuple):
    """Taps of one axis, or of all, that lie in one phase of the stride, evenly spaced there."""

    phase: tuple[int, ...]
    taps: tuple[Any, ...]  # an index of the kernel
    shift: int  # from a window's position to the first tap
    spacing: tuple[int, ...]  # from one tap to the next


def _combs(axis: Axis, step: int) -> list[Comb]:
    """Return the combs of one axis, along which neighbours are `step` positions apart."""
    share = math.gcd(axis.stride, axis.dilation)
    found = []
    for first in range(min(axis.stride // share, axis.kernel_size)):
        shift, phase = divmod(first * axis.dilation, axis.stride)
        taps = slice(first, None, axis.stride // share)
        found.append(Comb((phase,), (taps,), shift * step, (axis.dilation // share * step,)))
    return found


def _joined(combs: Sequence[Comb]) -> Comb:
    return Comb(
        tuple(one for comb in combs for one in comb.phase),
        at(..., *[one for comb in combs for one in comb.taps]),
        sum(comb.shift for comb in combs),
        tuple(one for comb in combs for one in comb.spacing),
    )


class _Planes:
    """One call's sums over whole planes, each one long row; all blocks share its buffers."""

    def __init__(self, axes: Sequence[Axis], dtype: np.dtype[np.generic]) -> None:
        """Work out what no block changes."""
        self._axes, self._dtype = axes, dtype
        self._rows = _rows(axes)
        self._plane = math.prod(self._rows)
        steps = [math.prod(self._rows[a + 1 :]) for a in range(len(axes))]
        last = [axis.count - 1 for axis in axes]
        self._spare = self._plane - sum(map(operator.mul, last, steps)) - 1  # past the last window
        self._combs = [_joined(some) for some in itertools.product(*map(_combs, axes, steps))]
        self._is_plain = all(axis.is_plain for axis in axes)
        self._places = [self._places_of(comb.phase) for comb in self._combs]
        self._kept = at(..., *[slice(axis.count) for axis in axes])
        self._phases: list[Array] = []
        self._sums = np.empty(0, dtype)

    def summed(self, x: Array, w: Array) -> Array:
        """Return x (N, C, *spatial) under w (C, multiplier, *kernel): (N, C, multiplier, *count).

        The next call writes over it.
        """
        (N, C), multiplier, item = x.shape[:2], w.shape[1], self._dtype.itemsize
        if not self._is_plain:
            x = padded(x, self._axes, 0, self._dtype)
        size = N * self._plane
        length = max(size - self._spare, LONG)  # what is past the last window is thrown away
        width = length + self._spare
        if self._sums.shape[1:] != (multiplier, C, width):
            self._sums = np.empty((2, multiplier, C, width), self._dtype)
            self._phases = [np.zeros((C, width), self._dtype) for _ in self._combs]
        total, more = self._sums[..., :length].transpose(0, 3, 2, 1)  # (length, C, multiplier)
        letters = _TAPS[: len(self._axes)]
        for number, (comb, phase) in enumerate(zip(self._combs, self._phases, strict=True)):
            rows, samples = self._places[number]
            inside = phase[:, :size].reshape(C, N, *self._rows)
            inside[rows] = x[samples].swapaxes(0, 1)  # [padding.zero] around it
            kernels = w[comb.taps]
            strides = (item, width * item, *[item * step for step in comb.spacing])
            shape = (length, C, *kernels.shape[2:])
            view: Array = np.ndarray(shape, self._dtype, phase, item * comb.shift, strides)
            into = more if number else total
            np.einsum(f"pc{letters},cm{letters}->pcm", view, kernels, out=into, order="F")
            if number:
                total += more
        kept = self._sums[0, :, :, :size].reshape(multiplier, C, N, *self._rows)
        found: Array = kept[self._kept]
        return found.transpose(2, 1, 0, *range(3, found.ndim))

    def _places_of(self, phases: Sequence[int]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return the index of a phase's rows, and that of the samples which stand there.

        Row r is position r * stride + phase of the padded axis.
        """
        rows, samples = [], []
        for offset, axis in zip(phases, self._axes, strict=True):
            before, size = (axis.before, axis.size) if self._is_plain else (0, axis.held)
            first = max(0, -(-(before - offset) // axis.stride))
            start = first * axis.stride + offset - before
            rows.append(slice(first, first + max(0, -(-(size - start) // axis.stride))))
            samples.append(slice(start, None, axis.stride))
        return at(..., *rows), at(..., *samples)


def _along_channels(x: Array, w: Array, axes: Sequence[Axis]) -> Array:
    """Return (N, C, multiplier, *count) in the dtype of w, the channels innermost."""
    (N, C), rank = x.shape[:2], len(axes)
    if not all(axis.is_plain for axis in axes):
        x, axes = padded(x, axes, 0, w.dtype), [_bare(axis) for axis in axes]
    last = np.zeros((N, *[axis.held for axis in axes], C + SPARE), w.dtype)  # [padding.zero]
    inside = [slice(axis.before, axis.before + axis.size) for axis in axes]
    last[at(slice(None), *inside, slice(C))] = x.transpose(0, *range(2, x.ndim), 1)
    steps = last.strides[1:-1]
    view: Array = np.ndarray(
        (N, *[axis.count for axis in axes], *w.shape[2:], C),
        last.dtype,
        last,
        0,
        (
            last.strides[0],
            *[axis.stride * step for axis, step in zip(axes, steps, strict=True)],
            *[axis.dilation * step for axis, step in zip(axes, steps, strict=True)],
            last.itemsize,
        ),
    )
    kernels = np.ascontiguousarray(w.transpose(*range(1, w.ndim), 0))  # (multiplier, *kernel, C)
    here, taps = _POSITIONS[:rank], _TAPS[:rank]
    sums = np.empty((N, w.shape[1], *[axis.count for axis in axes], C + SPARE), w.dtype)[..., :C]
    np.einsum(f"n{here}{taps}c,m{taps}c->nm{here}c", view, kernels, out=sums)
    return sums.transpose(0, sums.ndim - 1, *range(1, sums.ndim - 1))


def _bare(axis: Axis) -> Axis:
    """Return the axis on what is padded already."""
    return replace(axis, size=axis.held, before=0, after=0, input_dilation=1, mode="zeros")
