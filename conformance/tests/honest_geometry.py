"""The geometry of the honest backends: every (window, tap, sample) of an axis, written out.

A convolution, its transpose and its gradients are sums over one relation; they differ only in
which of the three is the element that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from convformance.backend import Array
from convformance.problem import Padding, Problem

Triple = tuple[int, int, int]  # window, tap, sample; sample -1 is padding or a hole
WINDOW, TAP, SAMPLE = 0, 1, 2
NONE = (-1, -1, -1)
NUMPY_MODES = {
    "zeros": "constant", "reflect": "reflect", "symmetric": "symmetric", "replicate": "edge",
    "circular": "wrap",
}  # fmt: skip


def sides(padding: Padding, a: int, size: int, extent: int, stride: int) -> tuple[int, int]:
    """Return (before, after) of spatial axis a."""
    if not isinstance(padding, str):
        return padding[a]
    if padding == "valid":
        return 0, 0
    if padding in ("causal", "full"):
        return extent - 1, extent - 1 if padding == "full" else 0
    windows = len(range(0, size, stride))
    total = max(0, (windows - 1) * stride + extent - size)
    odd = (total + 1) // 2
    return (odd, total - odd) if padding == "same_lower" else (total - odd, odd)


def tape(size: int, before: int, after: int, holes: int = 1, mode: str = "zeros") -> list[int]:
    """Return the sample that stands at each position of the padded input; -1 for none."""
    spread = np.full(holes * (size - 1) + 1 if size else 0, -1)
    spread[::holes] = range(size)
    if max(before, after) > 0:
        value = {"constant_values": -1} if mode == "zeros" else {}
        pads = (max(before, 0), max(after, 0))
        spread = np.pad(spread, pads, NUMPY_MODES[mode], **value)
    end = len(spread) - max(-after, 0)
    return [int(i) for i in spread[max(-before, 0) : max(end, 0)]]


def slid(problem: Problem, a: int, size: int) -> tuple[list[Triple], int]:
    """Return the triples of windows that slide along axis a of `size` samples, and their number."""
    stride, holes = problem.stride[a], problem.input_dilation[a]
    extent = problem.dilation[a] * (problem.kernel_size[a] - 1) + 1
    spread = holes * (size - 1) + 1 if size else 0
    before, after = sides(problem.padding, a, spread, extent, stride)
    cells = tape(size, before, after, holes, problem.padding_mode)
    count = len(range(0, len(cells) - extent + 1, stride))
    overrun = count * stride + extent - len(cells)
    if problem.ceil_mode and 0 < overrun < stride and count * stride < before + spread:
        count += 1
    return triples(problem, a, cells, count), count


def spread(problem: Problem, a: int) -> tuple[list[Triple], int]:
    """Return the triples of a transposed convolution along axis a, and its output size.

    What it reads are windows, what it gives are samples.
    """
    count, stride, more = problem.x[2 + a], problem.stride[a], problem.output_padding[a]
    extent = problem.dilation[a] * (problem.kernel_size[a] - 1) + 1
    touched = (count - 1) * stride + extent if count else 0
    before, after = sides(problem.padding, a, count * stride, extent, stride)
    size = max(0, touched - before - after + more)
    if isinstance(problem.padding, str) and problem.padding.startswith("same"):
        size = count * stride + more
    cells = tape(size, before, 0)
    return triples(problem, a, cells, count), size


def triples(problem: Problem, a: int, cells: Sequence[int], count: int) -> list[Triple]:
    """Return (window, tap, sample) of every tap of axis a over a cell of the tape."""
    kernel, found = problem.kernel_size[a], []
    for o, k in product(range(count), range(kernel)):
        at = o * problem.stride[a] + k * problem.dilation[a]
        if at < len(cells):
            found.append((o, kernel - 1 - k if problem.flip else k, cells[at]))
    return found


def adaptive(size: int, count: int) -> list[Triple]:
    """Return the triples of an adaptive pool: a window ends where the next cut is, rounded up."""
    windows = [range(o * size // count, ((o + 1) * size - 1) // count + 1) for o in range(count)]
    return [(o, k, i) for o, window in enumerate(windows) for k, i in enumerate(window)]


def links(found: Sequence[Triple], target: int, length: int) -> Array:
    """Return (length, most, 3): the triples in which each target stands, filled with NONE."""
    rows: list[list[Triple]] = [[] for _ in range(length)]
    for triple in found:
        if triple[target] >= 0:
            rows[triple[target]].append(triple)
    most = max(map(len, rows), default=0)
    filled = [row + [NONE] * (most - len(row)) for row in rows]
    return np.array(filled, np.intp).reshape(length, most, 3)


def places(tables: Sequence[Array]) -> list[tuple[int, ...]]:
    """Return which link of each axis, for every combination, row-major."""
    return list(product(*(range(table.shape[1]) for table in tables)))


def extended(x: Array, axes: int) -> Array:
    """Return x with one more, zero, at the end of its last axes: index -1 reads zero."""
    lead = x.ndim - axes
    canvas = np.zeros((*x.shape[:lead], *(size + 1 for size in x.shape[lead:])), x.dtype)
    canvas[tuple(slice(size) for size in x.shape)] = x
    return canvas


def picked(x: Array, tables: Sequence[Array], p: Sequence[int], *columns: int) -> Array:
    """Return (..., *targets): of an extended array what the p-th links name, a column an axis."""
    each = [
        one
        for column in columns
        for one in np.ix_(*(t[:, q, column] for t, q in zip(tables, p, strict=True)))
    ]
    found: Array = x[(..., *each)]
    return found


def reads(tables: Sequence[Array], p: Sequence[int], column: int = SAMPLE) -> Array:
    """Return (*targets): whether the p-th links exist and name a sample."""
    marks = (t[:, q, column] >= 0 for t, q in zip(tables, p, strict=True))
    return _outer(np.logical_and, marks)


def counted(tables: Sequence[Array], column: int) -> Array:
    """Return (*targets): how many links name a sample (or, by TAP, any tap)."""
    return _outer(np.multiply, ((table[..., column] >= 0).sum(1) for table in tables))


def flat_samples(
    tables: Sequence[Array], p: Sequence[int], spatial: Sequence[int], column: int = SAMPLE
) -> Array:
    """Return (*targets): the flat place in the input plane that the p-th links name."""
    found = np.zeros((), np.int64)
    for table, q, size in zip(tables, p, spatial, strict=True):
        found = np.add.outer(found * size, table[:, q, column])
    return found


def _outer(combine: np.ufunc, columns: Iterator[Array]) -> Array:
    found = next(columns)
    for column in columns:
        found = combine.outer(found, column)
    return found
