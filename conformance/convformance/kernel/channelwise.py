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
from typing import NamedTuple

import numpy as np

from convformance.kernel.geometry import Array, Axis
from convformance.kernel.windows import at, padded

LONG = (
    2048  # positions; below, einsum copies its operands through a buffer, at a third of the speed
)
_BYTES = 1 << 19  # of the padded planes of a block
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
    reach = math.prod([max(axis.padded, axis.reach) for axis in axes])
    step = max(1, _BYTES // (together * reach * dtype.itemsize))
    used = sums = None
    for n in range(0, N, together):
        for c in range(0, C, step):
            part, kernels = x[n : n + together, c : c + step], w[c : c + step]
            canvas = padded(part, axes, 0, dtype, used)  # [padding.zero]
            if used is None and canvas.base is None:
                used = canvas
            if together * plane < LONG:
                found = _along_channels(canvas, kernels, axes)
            else:
                found, sums = _along_planes(canvas, kernels, axes, sums)
            y[n : n + together, c : c + step] = found
    return y


def _rows(axes: Sequence[Axis]) -> tuple[int, ...]:
    """Return the sizes of a phase plane, in which every window is one position."""
    return tuple(-(-max(axis.padded, axis.reach) // axis.stride) for axis in axes)


class Comb(NamedTuple):
    """Taps of one axis, or of all, that lie in one phase of the stride, evenly spaced there."""

    phase: tuple[int, ...]
    taps: tuple[slice, ...]
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
        tuple(one for comb in combs for one in comb.taps),
        sum(comb.shift for comb in combs),
        tuple(one for comb in combs for one in comb.spacing),
    )


def _along_planes(
    canvas: Array, w: Array, axes: Sequence[Axis], sums: Array | None
) -> tuple[Array, Array]:
    """Return (N, C, multiplier, *count), adding up whole planes (N, *rows) as one long row each.

    It is a view of the second array, which the next call may write over.
    """
    (N, C), multiplier = canvas.shape[:2], w.shape[1]
    rows = _rows(axes)
    steps = [math.prod(rows[a + 1 :]) for a in range(len(rows))]
    size, last = N * math.prod(rows), [axis.count - 1 for axis in axes]
    length = size - math.prod(rows) + sum(map(operator.mul, last, steps)) + 1
    if sums is None:
        sums = np.empty((2, multiplier, C, size), canvas.dtype)
    total, more = sums[:, :, :C, :length].transpose(0, 3, 2, 1)  # (length, C, multiplier)
    letters = _TAPS[: len(axes)]
    for number, combs in enumerate(itertools.product(*map(_combs, axes, steps))):
        comb = _joined(combs)
        phase, kernels = _phase(canvas, comb.phase, axes, rows), w[at(..., *comb.taps)]
        strides = [step * canvas.itemsize for step in (1, size, *comb.spacing)]
        shape, shift = (length, C, *kernels.shape[2:]), comb.shift * canvas.itemsize
        view: Array = np.ndarray(shape, canvas.dtype, phase, shift, strides)
        into = more if number else total
        np.einsum(f"pc{letters},cm{letters}->pcm", view, kernels, out=into, order="F")
        if number:
            total += more
    kept = sums[0, :, :C, :size].reshape(multiplier, C, N, *rows)
    found = kept[at(..., *[slice(axis.count) for axis in axes])]
    return found.transpose(2, 1, 0, *range(3, found.ndim)), sums


def _phase(
    canvas: Array, phases: Sequence[int], axes: Sequence[Axis], rows: Sequence[int]
) -> Array:
    """Return every stride-th position from `phases` on: (C, N, *rows), in one piece."""
    places = [slice(phase, None, axis.stride) for phase, axis in zip(phases, axes, strict=True)]
    found = canvas[at(..., *places)].swapaxes(0, 1)
    if found.shape[2:] == tuple(rows):
        return np.ascontiguousarray(found)
    whole = np.zeros((*found.shape[:2], *rows), canvas.dtype)
    whole[at(..., *map(slice, found.shape[2:]))] = found
    return whole


def _along_channels(canvas: Array, w: Array, axes: Sequence[Axis]) -> Array:
    """Return (N, C, multiplier, *count), the channels innermost."""
    rank = len(axes)
    last = np.ascontiguousarray(np.moveaxis(canvas, 1, -1))  # (N, *positions, C)
    steps = last.strides[1:-1]
    view: Array = np.ndarray(
        (len(last), *[axis.count for axis in axes], *w.shape[2:], last.shape[-1]),
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
    kernels = np.ascontiguousarray(np.moveaxis(w, 0, -1))  # (multiplier, *kernel, C)
    here, taps = _POSITIONS[:rank], _TAPS[:rank]
    found = np.einsum(f"n{here}{taps}c,m{taps}c->nm{here}c", view, kernels)
    return np.moveaxis(found, -1, 1)
