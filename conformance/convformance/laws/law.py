"""A law: what must hold between the answers of one backend, whatever an oracle would say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from convformance.backend import Array, Arrays, Backend
from convformance.expect import broken_clause
from convformance.meaning import output_shape
from convformance.perform import perform
from convformance.problem import Case, Problem


class NotAnswered(Exception):  # noqa: N818  an answer of the law's, not an error
    """Raised where the backend gives no arrays, or the law has nothing to say; tells why."""


@dataclass(frozen=True)
class Pair:
    """Two arrays that a law says are equal, and what they are."""

    what: str
    expected: Array
    got: Array


class WrongShape(Exception):  # noqa: N818  a law that does not hold, not an error
    """Raised where an answer has not as many elements as there are windows; holds the shapes."""

    def __init__(self, pair: Pair) -> None:
        super().__init__(pair.what)
        self.pair = pair


class InputChanged(Exception):  # noqa: N818  a law that does not hold, not an error
    """Raised where a backend wrote to its inputs: what it answers next says nothing."""


class Ask:
    """One backend, asked for arrays.

    `calls` counts, `first` is what it was asked first, `layout` what the adapter chose last.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend, self.calls = backend, 0
        self.first: Arrays = {}
        self.layout = ""

    def __call__(self, problem: Problem, arrays: Arrays) -> Array:
        """Return the first answer; raise `NotAnswered` with the backend's reason."""
        self.first = self.first or arrays
        self.calls += 1
        outcome = perform(self.backend, problem, arrays)
        if outcome.kind != "arrays":
            reason = outcome.message or "no reason given"
            raise NotAnswered(f"{problem.op} {outcome.kind}: {reason}")
        if outcome.changed:
            raise InputChanged(f"{problem.op} wrote to {', '.join(outcome.changed)}")
        self.layout = outcome.layout
        name = problem.answers[0]
        if name not in outcome.arrays:
            raise NotAnswered(f"{problem.op} answered without {name}")
        return np.asarray(outcome.arrays[name])

    def in_shape(self, problem: Problem, arrays: Arrays) -> Array:
        """Return the first answer where a law counts windows; raise `WrongShape` too."""
        got = self(problem, arrays)
        expected = problem.x if problem.grad else output_shape(problem)
        if got.shape != expected:
            what = f"the shape of {problem.answers[0]}"
            raise WrongShape(Pair(what, np.array(expected), np.array(got.shape)))
        return got


Check = Callable[[Ask, Case], Iterator[Pair]]
Fit = Callable[[Problem], Problem]


@dataclass(frozen=True)
class Law:
    """A clause law.*, the ops it speaks of and how it is checked.

    `fit` turns a problem into one that the law speaks of, and leaves such a one as it is.
    An exact law that does not hold is a discrepancy; another is a fact about the backend.
    """

    label: str
    ops: tuple[str, ...]
    check: Check
    fit: Fit
    exact: bool = True
    fill: str = "integers"

    @property
    def name(self) -> str:
        """The label without its area."""
        return self.label.partition(".")[2]

    def case(self, problem: Problem, seed: int) -> Case:
        """Return the case of a problem that the law speaks of."""
        return Case(self.fit(problem), self.fill, seed)

    def speaks_of(self, problem: Problem) -> bool:
        """Whether the law can be checked on the problem as it is."""
        return problem.op in self.ops and is_solid(problem) and self.fit(problem) == problem


def is_solid(problem: Problem) -> bool:
    """Whether the problem is valid, of real numbers, and no size is zero.

    Else there is nothing to compare, or a sum of three answers wraps.
    """
    if broken_clause(problem) is not None or not problem.is_float or problem.is_complex:
        return False
    return bool(prod((*problem.x, *problem.w, *output_shape(problem))))
