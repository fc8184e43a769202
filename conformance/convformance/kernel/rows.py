"""Columns without the taps of the first spatial axis, which see the same columns some rows on.

Of a 3x3x3 kernel only the nine taps of one plane are laid out, a third of the copies; each plane of
the kernel is a product with these columns from its own plane on, and the three products are added
up. That pays for many taps, where a sample's columns stay in the cache and where there are no more
rows of sums than of columns: sums are read and written once more for each product.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from convformance.kernel.geometry import Array, Axis
from convformance.kernel.windows import sliding

TAPS = 25  # from which on it is faster; of 3x3 one product is as quick as three
INNER = 64  # rows of columns of a group, below which the sums cost more than the copies
BYTES = 1 << 23  # of the columns of a sample, and of the weights, at most
PLACES = 512  # windows of a sample, below which many products cost more than one
HALO = 2  # windows along the first axis for each that its taps reach beyond them


def pays(axes: Sequence[Axis], groups: int, depth: int, width: int, itemsize: int) -> bool:
    """Return whether `row_columns` is for these axes, and is the faster for them.

    `depth` counts the channels of a group of the input, `width` those of the output, and `itemsize`
    the bytes of an element.
    """
    first, *others = axes
    inner = depth * math.prod(axis.kernel_size for axis in others)
    line = math.prod(axis.count for axis in others)
    return (
        math.prod(axis.kernel_size for axis in axes) >= TAPS
        and first.kernel_size > 1
        and first.stride == 1
        and HALO * (first.extent - 1) <= first.count
        and first.count * line >= PLACES
        and inner >= INNER
        and 0 < width <= inner
        and groups * inner * (first.count + first.extent - 1) * line * itemsize <= BYTES
        and groups * inner * width * first.kernel_size * itemsize <= BYTES
    )


def row_columns(canvas: Array, axes: Sequence[Axis], groups: int) -> Iterator[list[Array]]:
    """Yield, for each sample of a padded array (N, C, *positions), the columns of each row of taps.

    They are (groups, taps of the other axes * C / groups, places), a view for each tap of the first
    axis; those of a sample stand where those of the sample before stood.
    """
    first, *others = axes
    rows = Axis(first.count + first.extent - 1, 1, 1, 1)  # every row of a plane, under one tap
    view = sliding(canvas, [rows, *others])
    (N, C, *counts), rank = view.shape, len(axes)
    view = view.reshape(N, groups, C // groups, *counts)
    view = view.transpose(0, 1, *range(3 + rank, 3 + 2 * rank), 2, *range(3, 3 + rank))
    laid = np.empty(view.shape[1:], canvas.dtype)
    columns = laid.reshape(groups, -1, math.prod(counts[:rank]))
    line = math.prod(counts[1:rank])
    starts = [tap * first.dilation * line for tap in range(first.kernel_size)]
    for sample in view:
        laid[...] = sample
        yield [columns[..., start : start + first.count * line] for start in starts]
