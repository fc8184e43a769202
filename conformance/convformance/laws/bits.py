"""Facts about a backend on real numbers: does anything beside the numbers change a bit?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import cast

from convformance.fills import make_arrays
from convformance.laws.fits import handed_plainly
from convformance.laws.law import Ask, NotAnswered, Pair
from convformance.problem import Case, Problem

THREADS = (1, 2, 3)


def batch(ask: Ask, case: Case) -> Iterator[Pair]:
    """[law.batch] Each sample of the batch, and the same sample alone."""
    problem, arrays = case.problem, make_arrays(case)
    y = ask(problem, arrays)
    alone = replace(problem, x=(1, *problem.x[1:]))
    for n in range(problem.x[0]):
        got = ask(alone, {**arrays, "x": arrays["x"][n : n + 1]})
        yield Pair(f"sample {n} alone", y[n : n + 1], got)


def repeat(ask: Ask, case: Case) -> Iterator[Pair]:
    """[law.repeat] The same call two more times."""
    arrays = make_arrays(case)
    y = ask(case.problem, arrays)
    for turn in ("second", "third"):
        yield Pair(f"the {turn} call", y, ask(case.problem, arrays))


def threads(ask: Ask, case: Case) -> Iterator[Pair]:
    """[law.threads] The same call with one thread, two and three."""
    offered = getattr(ask.backend, "threads", None)
    if isinstance(offered, str):
        raise NotAnswered(offered)
    if offered is None:
        raise NotAnswered("the adapter offers no way to set the number of threads")
    arrays, answers = make_arrays(case), []
    for n in THREADS:
        with cast("AbstractContextManager[None]", offered(n)):
            answers.append(ask(case.problem, arrays))
    for n, got in zip(THREADS[1:], answers[1:], strict=True):
        yield Pair(f"{n} threads against one", answers[0], got)


def layout(ask: Ask, case: Case) -> Iterator[Pair]:
    """[law.layout] The arrays as the problem hands them over, against the default.

    Where the adapter brings both into one layout, the calls are the same and say nothing.
    """
    problem, arrays = case.problem, make_arrays(case)
    y = ask(handed_plainly(problem), arrays)
    plain = ask.layout
    got = ask(problem, arrays)
    if plain and plain == ask.layout:
        raise NotAnswered(f"both are the same call: the adapter copies what it is given {plain}")
    how = problem.layout if problem.memory == "contiguous" else f"memory {problem.memory}"
    yield Pair(how.replace("_", " "), y, got)


def handed_otherwise(problem: Problem) -> Problem:
    """Return the problem in another layout, or with its arrays lying in memory otherwise."""
    plain = handed_plainly(problem)
    if problem.layout != plain.layout or problem.memory != plain.memory:
        return replace(plain, layout=problem.layout, memory=problem.memory)
    if sum(problem.x) % 2:  # a drawn problem is given one or the other
        return replace(plain, layout="channels_last")
    return replace(plain, memory="transposed")
