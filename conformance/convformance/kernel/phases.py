"""The way back from windows to samples, as a convolution for each phase of the stride.

The samples of one phase get products of the same taps, side by side: theirs is a convolution of
the windows with these taps, whose sums are written once. Where all phases have as many taps, the
columns of one are those of the others, a few positions further on, and are laid out once for all.
Padding is multiplied as any other zero, so this is not for weights that are infinite or NaN.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from convformance.kernel.convolution import correlated, summed
from convformance.kernel.geometry import Array, Axis
from convformance.kernel.windows import accumulator, at

DEEP = 2  # channels in for each channel out, up to which columns cost less than what is added up
WIDTH = 1600  # columns of a block, about
LONG = 24  # windows in a row, below which too many columns run over its end
_BYTES = 1 << 23  # of the columns of a block


class Phase(NamedTuple):
    """The samples of an axis at one distance from the first, modulo the stride."""

    samples: slice
    taps: slice  # those that reach them, backwards
    axis: Axis  # of the convolution


def by_phases(
    x: Array,
    w: Array,
    axes: Sequence[Axis],
    *,
    bias: Array | None = None,
    groups: int,
    out: np.dtype[np.generic],
) -> Array | None:
    """Return what windows x (N, C, *windows) hand to samples, plus bias: (N, M, *axis.size).

    w is (C, M / groups, *kernel). None where products that are added up take less time, or where a
    weight is infinite or NaN.
    """
    (N, C, *counts), width = x.shape, w.shape[1]
    sizes = [axis.size for axis in axes]
    if C // groups > DEEP * width or 0 in sizes:
        return None
    every = [list(_phases(axis, count)) for axis, count in zip(axes, counts, strict=True)]
    is_whole = max(axis.stride for axis in axes) == 1
    are_alike = all(len({one.axis.kernel_size for one in phases}) == 1 for phases in every)
    samples = groups * width * math.prod(sizes) * out.itemsize // math.prod(map(len, every))
    fits = groups == 1 and _fit(every, x) if are_alike else samples <= 2 * _BYTES
    if not (is_whole or fits) or not np.isfinite(w).all():
        return None
    if is_whole:
        phases = [one for (one,) in every]
        inner = [phase.axis for phase in phases]
        return correlated(x, _kernels(w, phases, groups), bias, inner, groups=groups, out=out)
    y = np.empty((N, groups * width, *sizes), out)
    if are_alike:
        _together(y, x, w, bias, every)
        return y
    step = max(1, _BYTES // max(1, samples))
    for n, phases in itertools.product(range(0, N, step), itertools.product(*every)):
        into = y[n : n + step][at(..., *[phase.samples for phase in phases])]
        kernels = _kernels(w, phases, groups)
        if 0 in kernels.shape[2:]:  # a stride longer than the kernel
            into[...] = 0 if bias is None else bias.reshape(-1, *(1,) * len(every))
            continue
        inner = [phase.axis for phase in phases]
        into[...] = correlated(x[n : n + step], kernels, bias, inner, groups=groups, out=out)
    return y


def _kernels(w: Array, phases: Sequence[Phase], groups: int) -> Array:
    """Return the weights (M, C / groups, *taps) of a convolution to these phases."""
    taps = w[at(..., *[phase.taps for phase in phases])]
    depth, (width, *sizes) = w.shape[0] // groups, taps.shape[1:]
    taps = taps.reshape(groups, depth, width, *sizes).swapaxes(1, 2)
    found: Array = taps.reshape(groups * width, depth, *sizes)
    return found


class _Row(NamedTuple):
    """How the padded samples of one axis lie, so that each phase finds its windows there."""

    before: int  # padding, of the phase that has most of it
    size: int  # positions
    windows: int  # of a phase, of the one that has most of them


def _row(phases: Sequence[Phase]) -> _Row:
    before = max(phase.axis.before for phase in phases)
    ends = (before - phase.axis.before + phase.axis.reach for phase in phases)
    return _Row(before, max(ends), max(phase.axis.count for phase in phases))


def _fit(every: Sequence[Sequence[Phase]], x: Array) -> bool:
    """Return whether `_together` is for these phases, and is the faster for them."""
    rows = [_row(phases) for phases in every]
    line = math.prod(row.size for row in rows[1:])
    taps = math.prod(phases[0].axis.kernel_size for phases in every)
    return (
        x.dtype.kind not in "iu"
        and min(row.before for row in rows) >= 0
        and rows[-1].windows >= LONG
        and math.prod(row.windows for row in rows) >= WIDTH
        and taps > 1
        and 2 * taps * x.shape[1] * max(line, WIDTH) * x.itemsize <= _BYTES
    )


class _Target(NamedTuple):
    """What is written of one phase of all axes."""

    kernels: Array  # (M, taps * C)
    shift: int  # its first column
    phases: tuple[Phase, ...]


def _together(
    y: Array, x: Array, w: Array, bias: Array | None, every: Sequence[Sequence[Phase]]
) -> None:
    """Write all phases from the same columns.

    The padded samples of a channel lie in one row, and column p is the window that starts at its
    position p. A phase has its columns from its own shift on; those that run over the end of an
    axis are thrown away.
    """
    (N, C, *_), M, dtype = x.shape, w.shape[1], accumulator(x)
    rows = [_row(phases) for phases in every]
    first, *sizes = (row.size for row in rows)
    steps = [math.prod(sizes[a:]) for a in range(len(rows))]
    targets = [_target(w, phases, rows, steps) for phases in itertools.product(*every)]
    taps = _offsets(every, steps)
    most, step = max(target.shift for target in targets), steps[0]
    height = -(-rows[0].windows // max(1, round(rows[0].windows * step / max(step, WIDTH))))
    room = max(first, rows[0].windows + height) * step + most + max(taps)
    canvas = np.zeros((C, room), dtype)
    inside = canvas[:, : first * step].reshape(C, first, *sizes)
    inside = inside[at(..., *[slice(row.before, None) for row in rows])]
    inside = inside[at(..., *[slice(size) for size in x.shape[2:]])]
    columns = np.empty((len(taps), C, height * step + most), dtype)
    matrix = columns.reshape(len(taps) * C, -1)
    product = np.empty((M, height * step), dtype)
    added = None if bias is None else bias.reshape(M, 1)
    for n in range(N):
        inside[...] = x[n][at(..., *[slice(size) for size in inside.shape[1:]])]  # [padding.zero]
        for top in range(0, rows[0].windows, height):
            for number, offset in enumerate(taps):
                begin = top * step + offset
                columns[number] = canvas[:, begin : begin + columns.shape[2]]
            for target in targets:
                under = matrix[:, target.shift : target.shift + height * step]
                summed(np.matmul(target.kernels, under, out=product), added, x)
                _place(product.reshape(M, height, *sizes), y[n], target.phases, top)


def _target(
    w: Array, phases: tuple[Phase, ...], rows: Sequence[_Row], steps: Sequence[int]
) -> _Target:
    ahead = [row.before - phase.axis.before for row, phase in zip(rows, phases, strict=True)]
    taps = w[at(..., *[phase.taps for phase in phases])]  # (C, M, *taps)
    kernels = taps.transpose(*range(1, taps.ndim), 0).astype(accumulator(w), copy=False)
    return _Target(kernels.reshape(len(kernels), -1), sum(map(operator.mul, ahead, steps)), phases)


def _offsets(every: Sequence[Sequence[Phase]], steps: Sequence[int]) -> list[int]:
    """Return the positions from the first tap of a window to each of its taps, row-major."""
    axes = [phases[0].axis for phases in every]
    apart = [axis.dilation * step for axis, step in zip(axes, steps, strict=True)]
    taps = np.ndindex(*[axis.kernel_size for axis in axes])
    return [sum(map(operator.mul, k, apart)) for k in taps]


def _place(product: Array, y: Array, phases: Sequence[Phase], top: int) -> None:
    """Write windows (M, rows, *others), from row `top` on, to samples of y (M, *axis.size)."""
    others = phases[1:]
    where = y[at(..., *[phase.samples for phase in phases])]
    into = where[:, top : top + product.shape[1]]
    kept = [slice(phase.axis.count) for phase in others]
    into[...] = product[at(slice(None), slice(into.shape[1]), *kept)]  # [value.round] only here


def _phases(axis: Axis, windows: int) -> Iterator[Phase]:
    """Yield every phase of an axis that has samples.

    Sample i gets window o times tap k where i + before is o * stride + k * dilation.
    """
    share = math.gcd(axis.stride, axis.dilation)
    apart, dilation = axis.stride // share, axis.dilation // share
    for phase in range(min(axis.stride, axis.size)):
        place, ends = phase + axis.before, axis.kernel_size
        reached = (
            k for k in range(min(apart, ends)) if (place - k * axis.dilation) % axis.stride == 0
        )
        first = next(reached, ends)
        taps = range(first, ends, apart)
        back = slice(taps[-1], taps[0] - 1 if taps[0] else None, -apart) if taps else slice(0, 0)
        # Under its first tap, the first sample of the phase has the window `last`.
        last, count = (
            (place - first * axis.dilation) // axis.stride,
            -(-(axis.size - phase) // axis.stride),
        )
        before, after = (len(taps) - 1) * dilation - last, last + count - windows
        inner = Axis(windows, len(taps), 1, dilation, before, after)
        yield Phase(slice(phase, None, axis.stride), back, inner)
