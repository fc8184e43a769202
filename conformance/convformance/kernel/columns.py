"""Windows laid out as the columns of a matrix, block by block, in one buffer.

A product of matrices is the fastest thing that NumPy has. Columns for a whole layer would take
kernel_size times the memory of its input and pass through it twice; a block of about a thousand is
still in the cache when it is multiplied, and wide enough for the product to run at its full speed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from convformance.kernel.geometry import Array, Axis
from convformance.kernel.windows import cells, sliding

COLUMNS = 1024
_BYTES = 1 << 23  # of the buffer, unless a single window is larger


class Block(NamedTuple):
    """Windows of some samples, or of a part of one, as columns."""

    samples: slice
    places: slice  # in the flat output plane
    columns: Array  # (groups, C / groups * taps, samples * places)


def blocks(canvas: Array, axes: Sequence[Axis], groups: int) -> Iterator[Block]:
    """Yield all windows of a padded array (N, C, *positions).

    The columns of a block stand where those of the block before stood.
    """
    view, rank = sliding(canvas, axes), len(axes)
    N, C, *sizes = view.shape
    counts, taps = sizes[:rank], math.prod(sizes[rank:])
    if 0 in (N, *counts):
        return
    depth, places = C // groups * taps, math.prod(counts)
    untouched = taps == 1 and view.shape[2 : 2 + rank] == canvas.shape[2:]
    if untouched and canvas.flags.c_contiguous and (N == 1 or places >= COLUMNS):
        for n in range(N):  # the samples are columns as they stand
            columns = canvas[n].reshape(groups, depth, places)
            yield Block(slice(n, n + 1), slice(0, places), columns)
        return
    width = max(1, min(COLUMNS, _BYTES // (cells((C, taps)) * canvas.itemsize)))
    order = (1, *range(2 + rank, 2 + 2 * rank), 0, *range(2, 2 + rank))
    windows = view.transpose(order)  # (C, *kernel, N, *count)
    if N * places <= width:
        yield Block(slice(0, N), slice(0, places), windows.reshape(groups, depth, N * places))
        return
    buffer = np.empty(0, canvas.dtype)
    for samples, where, part in _pieces(N, counts, width):
        block = windows[(*(slice(None),) * (1 + rank), samples, *part)]
        if buffer.size < block.size:
            buffer = np.empty(block.size, canvas.dtype)
        columns = buffer[: block.size].reshape(block.shape)
        columns[...] = block
        yield Block(
            samples, where, columns.reshape(groups, depth, math.prod(block.shape[1 + rank :]))
        )


def _pieces(
    N: int, counts: Sequence[int], width: int
) -> Iterator[tuple[slice, slice, tuple[slice | int, ...]]]:
    """Yield (samples, places, where in the output axes) of about `width` windows each."""
    total = math.prod(counts)
    if total <= width:
        step = width // total
        for n in range(0, N, step):
            yield slice(n, min(N, n + step)), slice(0, total), (slice(None),) * len(counts)
        return
    # The first axis whose single row is not too wide is cut in pieces, those before it in rows.
    cut = next(a for a in range(len(counts)) if math.prod(counts[a + 1 :]) <= width)
    row = math.prod(counts[cut + 1 :])
    step = max(1, width // row)
    for n in range(N):
        for place, lead in enumerate(np.ndindex(*counts[:cut])):
            base = place * counts[cut]
            for first in range(0, counts[cut], step):
                last = min(counts[cut], first + step)
                where = tuple(slice(o, o + 1) for o in lead)
                yield (
                    slice(n, n + 1),
                    slice((base + first) * row, (base + last) * row),
                    (*where, slice(first, last)),
                )
