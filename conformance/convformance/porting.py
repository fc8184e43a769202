"""Recipes run beside the source framework's own call: nothing else is told as checked."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from convformance.backend import Array
from convformance.backends import layouts
from convformance.backends.source import execute
from convformance.expect import broken_clause, expectation
from convformance.fills import make_arrays
from convformance.problem import Case, Problem
from convformance.recipes import Recipe
from convformance.registry import BackendError, make_backend

CASES = 12
# An adapter sets what its framework needs before the import.
ADAPTERS = {
    "torch": "convformance.backends.torch_backend:TorchBackend",
    "tensorflow": "convformance.backends.tensorflow_backend:TensorFlowBackend",
    "keras": "convformance.backends.keras_backend:KerasBackend",
    "jax": "convformance.backends.jax_backend:JaxBackend",
}
ROUNDINGS = 2  # units in the last place: a sum and a quotient
LARGEST = 2**26  # elements of the arrays of a case
TextOf = Callable[[Problem], tuple[str, str]]


@dataclass(frozen=True)
class Check:
    """What was seen: `cases` answered, and in words the first difference or refusal."""

    cases: int = 0
    difference: str = ""
    refusal: str = ""

    @property
    def holds(self) -> bool:
        """Whether every case gave equal arrays; a check of no case holds nothing."""
        return self.cases > 0 and not self.difference and not self.refusal


def missing(*frameworks: str) -> str:
    """Return why nothing can be run: the framework that is not installed; nothing if all are."""
    for name in frameworks:
        if name not in ADAPTERS:
            return f"{name} has no adapter that runs it here"
        try:
            make_backend(ADAPTERS[name])
        except BackendError:
            return f"{name} is not installed"
    return ""


def nearby(problem: Problem, texts: tuple[str, str], text_of: TextOf) -> Iterator[Case]:
    """Yield cases without end: other data, and other sizes where both texts stay as they are."""
    fits = {problem: True}
    for turn in range(10**9):
        other = problem
        for batch, more in ((1 + turn % 3, turn % 5), (1 + turn % 3, 0), (problem.x[0], turn % 5)):
            sizes = tuple(size + more for size in problem.x[2:])
            tried = replace(problem, x=(batch if turn else problem.x[0], problem.x[1], *sizes))
            if tried not in fits:
                fits[tried] = broken_clause(tried) is None and text_of(tried) == texts
            if fits[tried]:
                other = tried
                break
        yield Case(other, "integers", turn)


def check(
    recipe: Recipe, native: Recipe, problem: Problem, text_of: TextOf, count: int = CASES
) -> Check:
    """Run the recipe's own text and the source's call on the same arrays."""
    if max(prod(problem.x), prod(problem.w)) > LARGEST:
        return Check(refusal=f"the arrays have more than {LARGEST:,} elements")
    done = 0
    for case in nearby(problem, (native.source, recipe.source), text_of):
        arrays = layouts.given(case.problem, native.framework, make_arrays(case))
        expected, trouble = run(native, arrays)
        if expected is not None and not native.whole:
            trouble = _off_oracle(case, expected, native.framework)
        if expected is None or trouble:
            return Check(done, refusal=f"{native.framework}: {trouble}")
        got, trouble = run(recipe, arrays)
        if got is None:
            return Check(done, refusal=f"{recipe.framework}: {trouble}")
        difference = differing(expected, got)
        if difference:
            return Check(done, f"{difference}, on '{case.line}'")
        if not got.size:
            return Check(done, refusal="the output has no element")
        done += 1
        if done >= count:
            break
    return Check(done)


def _off_oracle(case: Case, y: Array, framework: str) -> str:
    """Say where a source that has no call of its own for the problem is not as specified.

    Two recipes of one make would agree on the same mistake.
    """
    if layouts.is_last(framework):
        y = np.moveaxis(y, -1, 1)
    expected = expectation(case.problem, make_arrays(case))
    if y.shape != expected.shape:
        return f"the shape is {y.shape}, by the specification {expected.shape}"
    difference = differing(expected.y, expected.elements_of(y))
    return f"by the specification {difference}" if difference else ""


def run(recipe: Recipe, arrays: dict[str, Array]) -> tuple[Array | None, str]:
    """Return y, or why there is none."""
    copies: dict[str, Any] = {name: one.copy() for name, one in arrays.items()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice on speed is no answer
            return np.asarray(execute(recipe.source, copies)["y"]), ""
    except Exception as error:  # the framework's refusal, whatever its type
        text = " ".join(str(error).split())
        return None, f"{type(error).__name__}: {text[:200]}"


def differing(expected: Array, got: Array) -> str:
    """Say where two answers differ, or nothing."""
    if expected.shape != got.shape:
        return f"the shape is {got.shape}, not {expected.shape}"
    if expected.dtype != got.dtype:
        return f"the dtype is {got.dtype}, not {expected.dtype}"
    same = (expected == got) | ((expected != expected) & (got != got))  # noqa: PLR0124  NaN
    if same.all():
        return ""
    places = np.argwhere(~same)
    first = tuple(map(int, places[0]))
    text = (
        f"{len(places)} of {got.size} elements differ, the first at {first}: "
        f"{got[first]} instead of {expected[first]}"
    )
    last = _in_last_place(expected[~same], got[~same])
    return f"{text}; a rounding: all within {last} of the last place" if last else text


def _in_last_place(expected: Array, got: Array) -> int:
    """Return how many units of the last place lie between, if that is at most two, else 0."""
    if expected.dtype.kind != "f" or not (np.isfinite(expected) & np.isfinite(got)).all():
        return 0
    units = np.abs(expected - got) / np.spacing(np.maximum(np.abs(expected), np.abs(got)))
    most = float(units.max())
    return math.ceil(most) if most <= ROUNDINGS else 0


def runnable(found: Sequence[Recipe], problem: Problem) -> Recipe | None:
    """Return the first of the recipes that its framework runs on the problem."""
    for recipe in found:
        arrays = layouts.given(problem, recipe.framework, make_arrays(Case(problem)))
        if run(recipe, arrays)[0] is not None:
            return recipe
    return None
