"""The honest backends' ops: every answer as a sum of terms over a relation of each axis.

Arrays are (N, C, *spatial) in the dtype of the sums. N, C, M are sizes; n, c, m positions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np
from honest_geometry import (
    SAMPLE,
    TAP,
    WINDOW,
    Triple,
    extended,
    links,
    picked,
    places,
    slid,
    spread,
)
from honest_sums import Summation, Term, Terms, joined

from convformance.backend import Array
from convformance.problem import Problem

Round = Callable[[Array], Array]


@dataclass(frozen=True)
class Work:
    """A problem, its arrays in the dtype of the sums, how to sum, and how to round between."""

    problem: Problem
    arrays: Mapping[str, Array]
    summation: Summation
    dtype: np.dtype[np.generic]
    between: Round
    reciprocal: bool = False  # an average multiplies by 1 / divisor

    @property
    def x(self) -> Array:
        """The input."""
        return self.arrays["x"]

    def total(self, terms: Terms) -> Array:
        """Return the sum of the terms."""
        return self.summation.total(terms, self.dtype)

    def axes(self) -> list[tuple[list[Triple], int]]:
        """Return each axis's triples, and how many windows, or samples given, it has."""
        turned = self.problem.op == "conv_transpose"
        size = self.problem.output if self.problem.op == "fold" else self.problem.x[2:]
        each = range(self.problem.rank)
        return [spread(self.problem, a) if turned else slid(self.problem, a, size[a]) for a in each]


def linked(work: Work, target: int, lengths: Sequence[int]) -> list[Array]:
    """Return each axis's table of the triples in which each of `lengths` targets stands."""
    found = zip(work.axes(), lengths, strict=True)
    return [links(triples, target, length) for (triples, _), length in found]


def counts(work: Work) -> tuple[int, ...]:
    """Return each axis's number of windows (of a transposed convolution, of samples given)."""
    return tuple(count for _, count in work.axes())


def _paired(array: Array, w: Array, tables: Sequence[Array], end: int) -> Callable[[int], Term]:
    """Return what gives the elements at that end of the links of a place, and their weights."""
    ps, ranked, kernel = places(tables), extended(array, len(tables)), extended(w, len(tables))

    @lru_cache(maxsize=3)
    def under(which: int) -> Term:
        p = ps[which]
        return picked(ranked, tables, p, end), picked(kernel, tables, p, TAP)

    return under


def forward(x: Array, w: Array, tables: Sequence[Array], rows: Array, first: Array) -> Terms:
    """Return the terms  x[rows, first + c, i] * w[m, c, k]  of every window o.

    rows (N, M) and first (M,) name the samples and the first channel that m reads.
    """
    ps, depth = places(tables), w.shape[1]
    under = _paired(x, w, tables, SAMPLE)

    def at(t: int) -> Term:
        which, c = divmod(t, depth)
        samples, weights = under(which)
        return samples[rows, first + c], weights[:, c]

    shape = (*rows.shape, *(len(table) for table in tables))
    return Terms(shape, len(ps) * depth, at)


def backward(y: Array, w: Array, tables: Sequence[Array], groups: int) -> Terms:
    """Return the terms  y[n, m, o] * w[m, c, k]  of every sample i: m runs over c's group."""
    ps = places(tables)
    M, depth = w.shape[:2]
    width = M // groups
    channel = np.arange(depth * groups)
    first, own = channel // max(1, depth) * width, channel % max(1, depth)
    under = _paired(y, w, tables, WINDOW)

    def at(t: int) -> Term:
        which, m = divmod(t, width)
        sums, weights = under(which)
        return sums[:, first + m], weights[first + m, own]

    shape = (y.shape[0], len(channel), *(len(table) for table in tables))
    return Terms(shape, len(ps) * width, at)


def by_weight(x: Array, dy: Array, tables: Sequence[Array], depth: int, groups: int) -> Terms:
    """Return the terms  x[n, c, i] * dy[n, m, o]  of every tap k of w (M, depth, *kernel)."""
    rank, ps, N, M = len(tables), places(tables), *dy.shape[:2]
    group = np.arange(M) // max(1, M // groups)
    channel = group[:, None] * depth + np.arange(depth)
    padded, given = extended(x, rank), extended(dy, rank)

    @lru_cache(maxsize=3)
    def under(which: int) -> Term:
        p = ps[which]
        return picked(padded, tables, p, SAMPLE), picked(given, tables, p, WINDOW)

    def at(t: int) -> Term:
        which, n = divmod(t, N)
        samples, sums = under(which)
        return samples[n][channel], sums[n][:, None]

    shape = (M, depth, *(len(table) for table in tables))
    return Terms(shape, len(ps) * N, at)


def biased(work: Work, terms: Terms) -> Terms:
    """Return the terms, and the bias as one more where there is one."""
    bias = work.arrays.get("bias")
    if bias is None or work.problem.grad:
        return terms
    column = bias.reshape(-1, *(1,) * work.problem.rank)
    one = Terms(terms.shape, 1, lambda t: (column, np.ones_like(column)))
    return joined([terms, one])


def conv(work: Work) -> Array:
    """Return a convolution."""
    problem, (M, depth) = work.problem, work.arrays["w"].shape[:2]
    tables = linked(work, WINDOW, counts(work))
    m, N = np.arange(M), work.x.shape[0] // problem.batch_groups
    rows = np.arange(N)[:, None] + m // max(1, M // problem.batch_groups) * N
    first = m // max(1, M // problem.groups) * depth
    return work.total(biased(work, forward(work.x, work.arrays["w"], tables, rows, first)))


def pointwise(work: Work, x: Array, w: Array) -> Terms:
    """Return the terms of w @ x[n, :, i] at every position i; w is (M, C)."""
    column = (slice(None), *(None,) * work.problem.rank)
    shape = (x.shape[0], w.shape[0], *x.shape[2:])
    return Terms(shape, w.shape[1], lambda c: (x[:, c : c + 1], w[:, c][column]))


def conv1x1(work: Work) -> Array:
    """Return a convolution with one tap."""
    return work.total(biased(work, pointwise(work, work.x, work.arrays["w"])))


def depthwise_conv(work: Work) -> Array:
    """Return a convolution in which channel c has kernels of its own."""
    C, multiplier, *kernel = work.arrays["w"].shape
    tables = linked(work, WINDOW, counts(work))
    m = np.arange(C * multiplier)
    rows = np.repeat(np.arange(work.x.shape[0])[:, None], len(m), 1)
    w = work.arrays["w"].reshape(len(m), 1, *kernel)
    return work.total(forward(work.x, w, tables, rows, m // max(1, multiplier)))


def separable_conv(work: Work) -> Array:
    """Return a depthwise and a pointwise convolution, the first rounded as an answer is."""
    first = work.between(depthwise_conv(work)).astype(work.dtype)
    return work.total(pointwise(work, first, work.arrays["pointwise"]))


def conv_transpose(work: Work) -> Array:
    """Return a transposed convolution: what reaches each sample."""
    tables = linked(work, SAMPLE, counts(work))
    terms = backward(work.x, work.arrays["w"], tables, work.problem.groups)
    return work.total(biased(work, terms))


def conv_gradient(work: Work) -> Array:
    """Return the gradient of a convolution by x, w or bias."""
    problem, w, dy = work.problem, work.arrays["w"], work.arrays["dy"]
    if problem.grad == "bias":
        return bias_gradient(work)
    if problem.grad == "x":
        return work.total(backward(dy, w, linked(work, SAMPLE, problem.x[2:]), problem.groups))
    tables = linked(work, TAP, w.shape[2:])
    return work.total(by_weight(work.x, dy, tables, w.shape[1], problem.groups))


def conv_transpose_gradient(work: Work) -> Array:
    """Return the gradient of a transposed convolution by x, w or bias."""
    problem, w, dy = work.problem, work.arrays["w"], work.arrays["dy"]
    if problem.grad == "bias":
        return bias_gradient(work)
    if problem.grad == "w":
        tables = linked(work, TAP, w.shape[2:])
        # dy stands on the samples, x on the windows
        return work.total(by_weight(dy, work.x, tables, w.shape[1], problem.groups))
    tables = linked(work, WINDOW, problem.x[2:])
    C, width = w.shape[:2]
    m = np.arange(C)
    rows = np.repeat(np.arange(dy.shape[0])[:, None], C, 1)
    return work.total(forward(dy, w, tables, rows, m // max(1, C // problem.groups) * width))


def bias_gradient(work: Work) -> Array:
    """Return the sum of dy over the batch and all places."""
    dy = np.moveaxis(work.arrays["dy"], 1, 0)
    flat = dy.reshape(len(dy), prod(dy.shape[1:]))
    one = np.ones((), work.dtype)
    return work.total(Terms(flat.shape[:1], flat.shape[1], lambda t: (flat[:, t], one)))


def unfold(work: Work) -> Array:
    """Return the columns of samples under each window."""
    tables = linked(work, WINDOW, counts(work))
    padded = extended(work.x, work.problem.rank)
    planes = [picked(padded, tables, p, SAMPLE) for p in places(tables)]
    N, C = work.x.shape[:2]
    windows = counts(work)
    if not planes or not prod(windows):
        return np.zeros((N, C * prod(work.problem.kernel), prod(windows)), work.dtype)
    return np.stack(planes, 2).reshape(N, C * len(planes), prod(windows))


def fold(work: Work) -> Array:
    """Return the sums of what the columns hold for each sample."""
    problem = work.problem
    tables, windows = linked(work, SAMPLE, problem.output), counts(work)
    N, C = problem.x[0], problem.x[1] // max(1, prod(problem.kernel))
    columns = extended(work.x.reshape(N, C, *problem.kernel, *windows), 2 * problem.rank)
    ps, one = places(tables), np.ones((), work.dtype)
    shape = (N, C, *problem.output)

    def at(t: int) -> Term:
        return picked(columns, tables, ps[t], TAP, WINDOW), one

    return work.total(Terms(shape, len(ps), at))
