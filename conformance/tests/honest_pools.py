"""The honest backends' pools and their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import inf, prod

import numpy as np
from honest_geometry import (
    SAMPLE,
    TAP,
    WINDOW,
    adaptive,
    counted,
    extended,
    flat_samples,
    links,
    picked,
    places,
    reads,
)
from honest_ops import Work, counts, linked
from honest_sums import Term, Terms

from convformance.backend import Array
from convformance.problem import Problem


def window_tables(work: Work) -> list[Array]:
    """Return each axis's table of what its windows read, of an adaptive or global pool too."""
    problem = work.problem
    if problem.op.startswith(("adaptive", "global")):
        output = problem.output or (1,) * problem.rank
        pairs = zip(problem.x[2:], output, strict=True)
        return [links(adaptive(size, count), WINDOW, count) for size, count in pairs]
    return linked(work, WINDOW, counts(work))


def shape_of(work: Work, tables: Sequence[Array]) -> tuple[int, ...]:
    """Return (N, C, *targets)."""
    return (*work.x.shape[:2], *(len(table) for table in tables))


def maximum(work: Work, samples: Array, lowest: float) -> tuple[Array, Array]:
    """Return the largest sample of each window and its flat place, of equals the first."""
    tables = window_tables(work)
    shape, padded = shape_of(work, tables), extended(samples, work.problem.rank)
    best = np.full(shape, lowest, samples.dtype)
    under = []
    for p in places(tables):
        there = reads(tables, p)
        sample = np.where(there, picked(padded, tables, p, SAMPLE), lowest)
        best = np.maximum(best, sample.astype(samples.dtype))
        under.append((there, sample, flat_samples(tables, p, work.x.shape[2:])))
    place = np.full(shape, -1, np.int64)
    for there, sample, flat in reversed(under):
        # of windows with a NaN only a NaN is the maximum
        hit = there & ((sample == best) | (np.isnan(best) & np.isnan(sample)))
        place = np.where(hit, flat, place)
    return best, place


def lowest_of(problem: Problem) -> float:
    """Return the lowest value of the problem's dtype."""
    return -inf if problem.is_float else np.iinfo(problem.dtype).min


def max_pool(work: Work) -> Array | tuple[Array, Array]:
    """Return the maximum of each window, with indices where asked."""
    best, place = maximum(work, work.x, lowest_of(work.problem))
    return (best, place) if work.problem.indices else best


def sample_terms(work: Work, tables: Sequence[Array], x: Array, power: int = 1) -> Terms:
    """Return the terms x^power of every window; padding adds zeros."""
    padded, ps = extended(x, work.problem.rank), places(tables)
    one = np.ones((), x.dtype)

    def at(t: int) -> Term:
        sample = picked(padded, tables, ps[t], SAMPLE)
        return reduce(np.multiply, [sample] * (power - 1), one), sample

    return Terms(shape_of(work, tables), len(ps), at)


def divisor_of(work: Work, tables: Sequence[Array]) -> Array:
    """Return the number of taps that count, for each window."""
    return counted(tables, TAP if work.problem.count_include_pad else SAMPLE)


def avg_pool(work: Work) -> Array:
    """Return the average of each window; integers are cut towards zero."""
    tables = window_tables(work)
    divisor = divisor_of(work, tables)
    if not work.problem.is_float:
        total = sum_of_integers(work, tables)
        quotient = abs(total) // np.maximum(divisor, 1).astype(total.dtype)
        return np.where(divisor > 0, np.where(total < 0, -quotient, quotient), 0)
    total = work.total(sample_terms(work, tables, work.x))
    return divided(work, total, divisor.astype(work.dtype))


def sum_of_integers(work: Work, tables: Sequence[Array]) -> Array:
    """Return the exact sums, as Python numbers where 64 bits might not hold them."""
    x = work.x.astype(object) if work.problem.dtype == "int64" else work.x
    return work.summation.total(sample_terms(work, tables, x), x.dtype)


def divided(work: Work, total: Array, divisor: Array) -> Array:
    """Return the quotient, or the product with the rounded reciprocal."""
    if not work.reciprocal:
        return total / divisor
    return np.where(divisor == 0, np.nan, total * (1 / divisor)).astype(total.dtype)


def lp_pool(work: Work) -> Array:
    """Return the Lp norm of each window."""
    if work.problem.p == inf:
        return maximum(work, abs(work.x), 0.0)[0]
    return norm(work, window_tables(work))


def norm(work: Work, tables: Sequence[Array]) -> Array:
    """Return the p-th root of the sum of powers, p finite."""
    p = int(work.problem.p)
    total = work.total(sample_terms(work, tables, abs(work.x), p))
    if p <= 2:
        return np.sqrt(total) if p == 2 else total
    return np.power(total, np.asarray(1 / p, total.dtype))


def distance_pool(work: Work) -> Array:
    """Return the average of each window under the weights of its taps.

    A product may leave the range though the quotient does not ([value.overflow]): such windows
    are worked out again on samples that are 2^8 times smaller.
    """
    y = weighted(work, work.x)
    return np.where(np.isfinite(y), y, weighted(work, work.x * 2.0**-8) * 2.0**8).astype(y.dtype)


def weighted(work: Work, x: Array) -> Array:
    """Return sum(weight * sample) / sum(weight) of each window."""
    tables, ps = window_tables(work), places(window_tables(work))
    padded = extended(x, work.problem.rank)
    weights = extended(work.arrays["w"], work.problem.rank)
    one = np.ones((), work.dtype)

    def at(t: int) -> Term:
        return picked(padded, tables, ps[t], SAMPLE), picked(weights, tables, ps[t], TAP)

    def counting(t: int) -> Term:
        weight = picked(weights, tables, ps[t], TAP)
        return (weight if work.problem.count_include_pad else weight * reads(tables, ps[t])), one

    shape = shape_of(work, tables)
    total = work.total(Terms(shape, len(ps), at))
    return divided(work, total, work.total(Terms(shape[2:], len(ps), counting)))


def max_unpool(work: Work) -> Array:
    """Return zeros with each value at its index; of several the last in row-major order stays."""
    problem = work.problem
    axes = range(problem.rank)
    pads = ((0, 0),) * problem.rank if isinstance(problem.padding, str) else problem.padding
    least = tuple(
        (problem.x[2 + a] - 1) * problem.stride[a] + problem.kernel[a] - sum(pads[a]) for a in axes
    )
    size = problem.output or tuple(max(0, one) for one in least)
    y = np.zeros((*problem.x[:2], prod(size)), work.x.dtype)
    for n, c in np.ndindex(*problem.x[:2]):
        y[n, c, work.arrays["indices"][n, c].ravel()] = work.x[n, c].ravel()  # the last stays
    return y.reshape(*problem.x[:2], *size)


def handed_back(work: Work, share: Array, chosen: Array | None = None) -> Array:
    """Return for each sample the sum of what its windows share out, or those that chose it."""
    spatial = work.problem.x[2:]
    tables = linked(work, SAMPLE, spatial)
    ps, rank, one = places(tables), work.problem.rank, np.ones((), work.dtype)
    own = np.arange(prod(spatial)).reshape(spatial)
    padded = extended(share, rank)
    winners = None if chosen is None else extended(chosen + 1, rank)  # 0: nobody

    def at(t: int) -> Term:
        given = picked(padded, tables, ps[t], WINDOW)
        if winners is None:
            return given, one
        return np.where(picked(winners, tables, ps[t], WINDOW) == own + 1, given, 0), one

    return work.total(Terms(work.x.shape, len(ps), at))


def max_pool_gradient(work: Work) -> Array:
    """Return dy at the sample that is the maximum."""
    place = maximum(work, work.x, -inf)[1]
    return handed_back(work, work.arrays["dy"], place)


def avg_pool_gradient(work: Work) -> Array:
    """Return dy over its divisor at each sample of the window."""
    divisor = divisor_of(work, window_tables(work)).astype(work.dtype)
    return handed_back(work, divided(work, work.arrays["dy"], divisor))


def lp_pool_gradient(work: Work) -> Array:
    """Return dy * sign(x) * (|x| / norm)^(p - 1) for the samples of each window."""
    problem, dy = work.problem, work.arrays["dy"]
    if problem.p == inf:
        place = maximum(work, abs(work.x), 0.0)[1]
        return np.where(work.x == 0, 0, np.sign(work.x) * handed_back(work, dy, place))
    tables = linked(work, SAMPLE, problem.x[2:])
    ps, power = places(tables), int(problem.p) - 1
    length = extended(norm(work, window_tables(work)), problem.rank)
    given, size, one = extended(dy, problem.rank), abs(work.x), np.ones((), work.dtype)

    def at(t: int) -> Term:
        whole = picked(length, tables, ps[t], WINDOW)
        part = np.where(whole == 0, 0, size / np.where(whole == 0, one, whole))
        slope = reduce(np.multiply, [part] * power, one)
        return picked(given, tables, ps[t], WINDOW), np.sign(work.x) * slope

    return work.total(Terms(work.x.shape, len(ps), at))
