"""The way back from windows to samples: what the taps of all windows hand on is added up.

What transposed convolution computes, and the gradient of a convolution by its input. Added at their
places with a stride, products would touch every stride-th number of the output again and again;
each phase of the stride is added up as a plane of its own, and the planes are woven together once.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence

import numpy as np

from convformance.kernel.geometry import Array, Axis
from convformance.kernel.windows import at, cells

_BYTES = 1 << 22  # of the products of a piece


Piece = tuple[slice, slice, slice]  # samples, groups, channels of a group


def scattered(x: Array, w: Array, axes: Sequence[Axis]) -> Iterator[tuple[Piece, Array]]:
    """Yield pieces (where in (N, groups, width), their sums (n, g, width, *axis.size)).

    x is (N, groups, depth, *windows), w is (groups, depth, width, *kernel). Sample i of an axis
    gets the products of window o under tap k where o * stride + k * dilation - before is i.
    """
    N, groups, depth, *counts = x.shape
    width, kernel = w.shape[2], w.shape[3:]
    rows = w.reshape(groups, depth, width * math.prod(kernel)).swapaxes(1, 2)
    samples = x.reshape(N, groups, depth, math.prod(counts))
    taps = math.prod(kernel)
    for n, g, m in _pieces(N, groups, width, taps * math.prod(counts) * x.itemsize):
        products = rows[g, m.start * taps : m.stop * taps] @ samples[n, g]
        lead = (*products.shape[:2], m.stop - m.start)
        yield (n, g, m), _woven(products.reshape(*lead, *kernel, *counts), axes, counts)


def _pieces(N: int, groups: int, width: int, plane: int) -> Iterator[Piece]:
    """Yield pieces whose products take at most `_BYTES`, or are of one channel."""
    room = max(1, _BYTES // max(1, plane))  # channels, of whatever sample and group
    m_step = min(width, room)
    g_step = min(groups, room // cells((m_step,)))
    n_step = max(1, room // cells((m_step, g_step)))
    for n in range(0, N, n_step):
        for g in range(0, groups, max(1, g_step)):
            for m in range(0, width, max(1, m_step)):
                yield (
                    slice(n, min(N, n + n_step)),
                    slice(g, min(groups, g + max(1, g_step))),
                    slice(m, min(width, m + m_step)),
                )


def _woven(products: Array, axes: Sequence[Axis], counts: Sequence[int]) -> Array:
    """Return the sums (..., *axis.size) of products (..., *kernel, *windows)."""
    rank, every = len(axes), (slice(None),) * len(axes)
    lead = products.shape[: -2 * rank]
    ahead = [max(0, -axis.before) for axis in axes]  # negative padding lengthens the output
    rooms = [
        max((count - 1) * axis.stride + axis.extent if count else 0, axis.before + axis.size) + more
        for axis, count, more in zip(axes, counts, ahead, strict=True)
    ]
    lengths = [-(-max(0, room) // axis.stride) for axis, room in zip(axes, rooms, strict=True)]
    strides = [axis.stride for axis in axes]
    planes = np.zeros((*lead, *strides, *lengths), products.dtype)
    for k in np.ndindex(*[axis.kernel_size for axis in axes]):
        starts, phases = [], []
        for axis, tap, more in zip(axes, k, ahead, strict=True):
            start, phase = divmod(more + tap * axis.dilation, axis.stride)
            starts.append(start)
            phases.append(phase)
        places = map(slice, starts, map(operator.add, starts, counts))
        planes[at(..., *phases, *places)] += products[at(..., *k, *every)]
    kept = [max(0, axis.before) for axis in axes]
    if max(strides, default=1) == 1:
        where = [slice(first, first + axis.size) for first, axis in zip(kept, axes, strict=True)]
        return np.asarray(planes.reshape(*lead, *lengths)[at(..., *where)])
    sums = np.empty((*lead, *[axis.size for axis in axes]), products.dtype)
    for phase in np.ndindex(*strides):
        to, of = [], []
        for axis, first, one in zip(axes, kept, phase, strict=True):
            skipped = -((first - one) // -axis.stride) if first > one else 0
            begin = skipped * axis.stride + one - first
            to.append(slice(begin, None, axis.stride))
            of.append(slice(skipped, skipped + max(0, -(-(axis.size - begin) // axis.stride))))
        sums[at(..., *to)] = planes[at(..., *phase, *of)]
    return sums
