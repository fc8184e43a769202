"""Where a discrepancy shows: the simplest condition on the problem that the cases around support.

A condition is one fact about a problem or two of them together. It is told only if it holds of
every case that fails and of none that does not, on the cases that suggested it and on fresh ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, islice
from math import prod

import numpy as np

from convformance.problem import Problem
from convformance.sizes import axes_of

FIRST = 60  # cases that suggest a condition
FRESH = 40  # cases that confirm it
ROUNDS = 3  # how often a refuted one is sought anew
LEAST = 5  # cases of each kind, failing and not, that either needs
Fact = tuple[str, Callable[[Problem], bool]]
BLOCKS = (2, 3, 4, 8, 16, 32, 64)


@dataclass(frozen=True)
class Seen:
    """A problem that was tried, and whether it failed."""

    problem: Problem
    fails: bool


@dataclass(frozen=True)
class Region:
    """A condition as words, and how many fresh failing and other cases confirm it."""

    words: str
    holds: Callable[[Problem], bool]
    failing: int = 0
    others: int = 0

    @property
    def sentence(self) -> str:
        """The condition with the cases that support it."""
        if not self.words:
            return f"fails in each of {self.failing} cases around"
        return (
            f"fails when {self.words}: as {self.failing + self.others} fresh cases confirm, "
            f"{self.failing} that fail and {self.others} that do not"
        )


def facts(problem: Problem) -> Iterator[Fact]:
    """Yield the facts that may be a condition; those of sizes stand for every axis of the op."""
    yield from _attributes(problem)
    yield from _windows(problem)
    yield from _sizes(problem)


def _attributes(problem: Problem) -> Iterator[Fact]:
    yield "input channels = 0", lambda one: one.x[1] == 0
    yield "batch = 0", lambda one: one.x[0] == 0
    yield "some input size = 0", lambda one: 0 in one.x[2:]
    yield "ceil_mode", lambda one: one.ceil_mode
    yield "count_include_pad", lambda one: one.count_include_pad
    yield "there is a bias", lambda one: one.bias
    yield "groups > 1", lambda one: one.groups > 1
    yield "the groups are depthwise", lambda one: one.groups > 1 and one.w[1:2] == (1,)
    yield "batch > 1", lambda one: one.x[0] > 1
    yield "batch > 2", lambda one: one.x[0] > 2
    for p in (1, 2, 3):
        if problem.op == "lp_pool":
            yield f"p = {p}", partial(_has_p, p)


def _windows(problem: Problem) -> Iterator[Fact]:
    yield "some stride > 1", lambda one: max(one.stride, default=1) > 1
    yield "some dilation > 1", lambda one: max(one.dilation, default=1) > 1
    yield "the strides differ", lambda one: len(set(one.stride)) > 1
    yield "the dilations differ", lambda one: len(set(one.dilation)) > 1
    yield (
        "some stride > kernel",
        lambda one: any(s > k for s, k in zip(one.stride, one.kernel_size, strict=False)),
    )
    yield "some kernel > 1", lambda one: max(one.kernel_size, default=1) > 1
    yield "every kernel is 1", lambda one: max(one.kernel_size, default=1) == 1
    yield "some kernel is even", lambda one: any(k % 2 == 0 for k in one.kernel_size)
    for most in (3, 5, 7):
        yield f"some kernel > {most}", _above(lambda one: max(one.kernel_size, default=1), most)
    yield "padding = same", lambda one: str(one.padding).startswith("same")
    yield (
        "there is padding",
        lambda one: any(before > 0 or after > 0 for before, after in _pads(one)),
    )
    yield "padding before and after differ", lambda one: any(b != a for b, a in _pads(one))
    yield "padding is negative", lambda one: any(min(pair) < 0 for pair in _pads(one))
    yield "padding before > 0", lambda one: any(before > 0 for before, _ in _pads(one))
    yield "padding after > 0", lambda one: any(after > 0 for _, after in _pads(one))
    yield "the paddings of the axes differ", lambda one: len(set(_pads(one))) > 1
    yield (
        "padding > half the extent",
        lambda one: any(max(axis.before, axis.after) * 2 > axis.extent for axis in axes_of(one)),
    )
    yield (
        "(size + pads - extent) mod stride > 0",
        lambda one: any(axis.room % axis.stride > 0 for axis in axes_of(one)),
    )
    yield (
        "some window overlaps the next",
        lambda one: any(axis.extent > axis.stride for axis in axes_of(one)),
    )
    yield "some output has one column", lambda one: any(a.count == 1 for a in axes_of(one))
    yield "output_padding > 0", lambda one: max(one.output_padding, default=0) > 0


def _sizes(problem: Problem) -> Iterator[Fact]:
    counted: tuple[tuple[str, Callable[[Problem], int]], ...] = (
        ("input channels", lambda one: one.x[1]),
        ("channels per group", lambda one: one.x[1] // max(1, one.groups)),
        ("output channels", lambda one: (*one.w, 0)[0]),
        ("output width", lambda one: axes_of(one)[-1].count if axes_of(one) else 0),
        ("input width", lambda one: one.x[-1]),
        ("taps", lambda one: prod(one.kernel_size)),
    )
    for name, number in counted:
        yield f"{name} > 1", _above(number, 1)
        for block in BLOCKS:
            yield f"{name} > {block}", _above(number, block)
            yield f"{name} mod {block} > 0", _above(_remainder(number, block), 0)


def _has_p(p: float, problem: Problem) -> bool:
    return problem.p == p


def _above(number: Callable[[Problem], int], least: int) -> Callable[[Problem], bool]:
    return lambda problem: number(problem) > least


def _remainder(number: Callable[[Problem], int], block: int) -> Callable[[Problem], int]:
    return lambda problem: number(problem) % block


def _pads(problem: Problem) -> tuple[tuple[int, int], ...]:
    return tuple((axis.before, axis.after) for axis in axes_of(problem))


def region(problem: Problem, tried: Iterator[Seen]) -> Region | None:
    """Return the simplest condition that tells the failing problems from the others.

    `tried` yields problems around the given one. None where no fact and no two facts tell them
    apart, or where the fresh ones refute what the first ones suggest, again and again.
    """
    seen = list(islice(tried, FIRST))
    for _ in range(ROUNDS):
        found = suggested(problem, seen)
        if found is None:
            return None
        fresh = list(islice(tried, FRESH))
        failing = sum(one.fails for one in fresh)
        right = all(found.holds(one.problem) == one.fails for one in fresh)
        if right and failing >= LEAST and (not found.words or len(fresh) - failing >= LEAST):
            return replace(found, failing=failing, others=len(fresh) - failing)
        seen += fresh
    return None


def suggested(problem: Problem, seen: Sequence[Seen]) -> Region | None:
    """Return the first condition that tells the failing problems apart, the simplest first."""
    fails = np.array([one.fails for one in seen], dtype=bool)
    if fails.sum() < LEAST:
        return None
    if fails.all():
        return Region("", lambda _: True)
    if (~fails).sum() < LEAST:
        return None
    tables = {}
    for words, holds in _both_ways(problem):
        table = np.array([holds(one.problem) for one in seen])
        if np.array_equal(table, fails):
            return Region(words, holds)
        if table[fails].all():  # what does not hold of all that fail is no part of a condition
            tables[words] = holds, table
    for (words, (one, table)), (more, (other, second)) in combinations(tables.items(), 2):
        if np.array_equal(table & second, fails):
            return Region(f"{words} and {more}", _together(one, other))
    return None


def _both_ways(problem: Problem) -> Iterator[Fact]:
    """Yield the facts, and after them what they are not."""
    found = list(facts(problem))
    yield from found
    for words, holds in found:
        yield f"not {words}", _denied(holds)


def _denied(holds: Callable[[Problem], bool]) -> Callable[[Problem], bool]:
    return lambda problem: not holds(problem)


def _together(
    one: Callable[[Problem], bool], other: Callable[[Problem], bool]
) -> Callable[[Problem], bool]:
    return lambda problem: one(problem) and other(problem)
