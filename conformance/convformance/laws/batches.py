"""Batches and channels on their own: order, each channel of a pool."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from convformance.laws.law import Ask, Pair
from convformance.laws.numbers import random, whole_numbers
from convformance.problem import Case


def order(ask: Ask, case: Case) -> Iterator[Pair]:
    """[law.order] Turn the batch around and shuffle it."""
    problem = case.problem
    arrays = whole_numbers(case, 3 if problem.op == "separable_conv" else 2)
    y = ask(problem, arrays)
    N = problem.x[0]
    for places in ([*range(1, N), 0], random(case).permutation(N).tolist()):
        got = ask(problem, {**arrays, "x": arrays["x"][places]})
        yield Pair(f"samples in the order {places}", y[places], got)


def pool_channels(ask: Ask, case: Case) -> Iterator[Pair]:
    """[law.pool_channels] The first, the last and a drawn channel, each alone."""
    problem, arrays = case.problem, whole_numbers(case)
    y = ask(problem, arrays)
    C = problem.x[1]
    alone = replace(problem, x=(problem.x[0], 1, *problem.x[2:]))
    for c in dict.fromkeys((0, C - 1, int(random(case).integers(C)))):
        got = ask(alone, {**arrays, "x": arrays["x"][:, c : c + 1]})
        yield Pair(f"channel {c} alone", y[:, c : c + 1], got)
