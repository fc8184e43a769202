"""Ways of adding up terms a * b that correct implementations have: each another order of rounding.

Terms are asked for by number; each is a pair of arrays that broadcast to the sum's shape.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from honest_fma import fma

from convformance.backend import Array

Term = tuple[Array, Array]
At = Callable[[int], Term]
Step = Callable[[Array, Array, Array], Array]
Order = Callable[[int, At, Step], Array]


@dataclass(frozen=True)
class Terms:
    """`count` terms of a sum of the given shape."""

    shape: tuple[int, ...]
    count: int
    at: At


def multiply_add(total: Array, a: Array, b: Array) -> Array:
    """Return total + a * b, rounded after each."""
    return total + a * b


def one_after_another(numbers: Iterable[int], at: At, step: Step) -> Array:
    """Add the terms of these numbers up, the first one first."""
    first, *others = numbers
    total = np.multiply(*at(first))
    for t in others:
        total = step(total, *at(t))
    return total


def sequential(count: int, at: At, step: Step) -> Array:
    """Add from the first term to the last."""
    return one_after_another(range(count), at, step)


def backwards(count: int, at: At, step: Step) -> Array:
    """Add from the last term to the first."""
    return one_after_another(range(count - 1, -1, -1), at, step)


def pairwise(count: int, at: At, step: Step) -> Array:
    """Add the sums of the two halves, down to pairs."""

    def part(start: int, stop: int) -> Array:
        if stop - start <= 2:
            return one_after_another(range(start, stop), at, step)
        middle = (start + stop) // 2
        return part(start, middle) + part(middle, stop)

    return part(0, count)


def blocked(width: int) -> Order:
    """Return the order that sums blocks of `width` neighbours, then the blocks."""

    def order(count: int, at: At, step: Step) -> Array:
        starts = range(0, count, width)
        blocks = (range(start, min(start + width, count)) for start in starts)
        return _added(one_after_another(block, at, step) for block in blocks)

    return order


def lanes(width: int) -> Order:
    """Return the order of a vector unit: lane j sums every width-th term, then the lanes."""

    def order(count: int, at: At, step: Step) -> Array:
        own = (range(lane, count, width) for lane in range(min(width, count)))
        return _added(one_after_another(lane, at, step) for lane in own)

    return order


def _added(parts: Iterable[Array]) -> Array:
    first, *others = parts
    for other in others:
        first = first + other
    return first


@dataclass(frozen=True)
class Summation:
    """An order of the terms, whether products are fused into the sum, and how many threads."""

    order: Order
    fused: bool = False
    threads: int = 1

    def total(self, terms: Terms, dtype: np.dtype[np.generic]) -> Array:
        """Return the sum, each partial sum kept in `dtype`; zeros where there is no term."""
        if not terms.count or 0 in terms.shape:
            return np.zeros(terms.shape, dtype)
        if self.threads > 1 and len(terms.shape) and terms.shape[-1] > 1:
            return self._threaded(terms)
        return np.broadcast_to(self._sum(terms.count, terms.at), terms.shape)

    def _sum(self, count: int, at: At) -> Array:
        return self.order(count, at, fma if self.fused else multiply_add)

    def _threaded(self, terms: Terms) -> Array:
        """Split the last axis of the output among the threads."""
        cuts = np.linspace(0, terms.shape[-1], self.threads + 1, dtype=int)
        with ThreadPoolExecutor(self.threads) as pool:
            found = pool.map(lambda part: self._part(terms, *part), itertools.pairwise(cuts))
            return np.concatenate(list(found), axis=-1)

    def _part(self, terms: Terms, start: int, stop: int) -> Array:
        def cut(one: Array) -> Array:
            return one[..., start:stop] if one.ndim and one.shape[-1] > 1 else one

        def at(t: int) -> Term:
            a, b = terms.at(t)
            return cut(a), cut(b)

        with np.errstate(all="ignore"):  # a thread starts with NumPy's own state
            total = self._sum(terms.count, at)
        return np.broadcast_to(total, (*terms.shape[:-1], stop - start))


def joined(products: Sequence[Terms]) -> Terms:
    """Return the terms of one after those of another, for one sum."""
    first, second = products

    def at(t: int) -> Term:
        return first.at(t) if t < first.count else second.at(t - first.count)

    return Terms(first.shape, first.count + second.count, at)
