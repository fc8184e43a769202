"""Which outputs a NaN of the inputs reaches that do not read it: zero times NaN is NaN.

The tap map cannot see a connection whose weight is zero; one NaN in one cell of an input shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, isnan, nan

import numpy as np

from convformance.backend import Array, Backend
from convformance.diagnosis.answered import Answered
from convformance.expect import broken_clause, expectation
from convformance.fills import make_arrays
from convformance.perform import perform
from convformance.problem import Case, Problem

MOST_CELLS = 64  # of each input, that are asked one by one
Cell = tuple[int, ...]


@dataclass(frozen=True)
class Leak:
    """What leaks: from cells of an input to outputs that do not read them."""

    problem: Problem
    name: str  # of the input
    value: str  # that was put there
    cells: int  # that were asked
    reached: dict[Cell, tuple[Cell, ...]]  # cell -> the outputs that it should not reach

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was seen, with the first example."""
        cell, outputs = next(iter(self.reached.items()))
        main = self.problem.answers[0]
        words = (
            f"{self.value} in {len(self.reached)} of {self.cells} cells of {self.name} makes NaN "
            f"of outputs that do not read it: {self.name}{list(cell)} reaches "
            f"{', '.join(f'{main}{list(one)}' for one in outputs[:3])}"
        )
        if len(outputs) > 3:
            words += f" and {len(outputs) - 3} more"
        return (words, *self._always())

    def _always(self) -> Iterator[str]:
        """Yield where the outputs lie, if they always lie so."""
        is_forward = self.name == "x" and not self.problem.grad
        if not is_forward or self.problem.op in ("unfold", "fold") or self.problem.unbatched:
            return
        pairs = [(cell, out) for cell, outs in self.reached.items() for out in outs]
        if self.problem.groups > 1 and all(self._is_other_group(*pair) for pair in pairs):
            yield "always in another group of the same item, as if its weights there were zero"
        elif self.problem.x[0] == 1:
            return
        elif all(cell[0] != out[0] for cell, out in pairs):
            yield "always in another item of the batch"
        elif all(cell[0] == out[0] for cell, out in pairs):
            yield "always in the same item of the batch"

    def _is_other_group(self, cell: Cell, out: Cell) -> bool:
        groups, (C, M) = self.problem.groups, (self.problem.x[1], self._outputs)
        return cell[0] == out[0] and cell[1] // (C // groups) != out[1] // (M // groups)

    @property
    def _outputs(self) -> int:
        problem = self.problem
        return problem.w[1] * problem.groups if problem.op == "conv_transpose" else problem.w[0]


def leak(backend: Backend, answered: Answered) -> Leak | None:
    """Return what leaks, of an answer in which there is NaN where none is due; else None."""
    problem = answered.case.problem
    if not problem.is_float or problem.is_complex or not _has_needless_nan(answered):
        return None
    for name in answered.arrays:
        for value in (nan, inf):
            found = _reached(backend, problem, name, value)
            if found and found.reached:
                return found
    return None


def _has_needless_nan(answered: Answered) -> bool:
    main = answered.case.problem.answers[0]
    got, due = answered.got[main], answered.right[main]
    return got.shape == due.shape and bool((_is_nan(got) & ~_is_nan(due)).any())


def _is_nan(array: Array) -> Array:
    found: Array = array != array  # noqa: PLR0124  for every dtype
    return found


def _reached(backend: Backend, problem: Problem, name: str, value: float) -> Leak | None:
    arrays = make_arrays(Case(problem, "integers", 0))
    if name not in arrays or arrays[name].dtype.kind in "iu" or broken_clause(problem):
        return None
    cells = list(np.ndindex(*arrays[name].shape))[:MOST_CELLS]
    found = {}
    for cell in cells:
        spoilt = arrays[name].copy()
        spoilt[cell] = value
        asked = {**arrays, name: spoilt}
        expected = expectation(problem, asked)
        outcome = perform(backend, problem, asked)
        got = outcome.arrays.get(problem.answers[0]) if outcome.kind == "arrays" else None
        if got is None or got.shape != expected.shape or expected.sampled:
            return None
        needless = _is_nan(expected.elements_of(got)) & ~_is_nan(expected.y)
        if needless.any():
            found[cell] = tuple(expected.positions[i] for i in np.flatnonzero(needless))
    return Leak(problem, name, "NaN" if isnan(value) else "an infinity", len(cells), found)
