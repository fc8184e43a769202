"""Recipes run beside the source framework's own call and beside the oracle.

Nothing else is told as checked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from math import prod

import numpy as np

from convformance.backend import Array, Arrays
from convformance.backends import layouts
from convformance.expect import Expectation, broken_clause, expectation
from convformance.fills import make_arrays
from convformance.problem import Case, Problem
from convformance.recipes import Recipe
from convformance.running import Answers, evaluators, labelled, run

CASES = 12
ROUNDING = "; a rounding: "
EMPTY = "the output has no element"
ROUNDINGS = 2  # units in the last place: a sum and a quotient
LARGEST = 2**26  # elements of the arrays of a case
TextOf = Callable[[Problem], tuple[str, str]]


@dataclass(frozen=True)
class Source:
    """What is to be equalled: a framework's call, or where that cannot be run the oracle alone.

    `choices` are those of the framework at the variant points of sizes.
    """

    framework: str
    native: Recipe | None
    choices: Mapping[str, str] = field(default_factory=dict)
    evaluator: str = ""


@dataclass(frozen=True)
class Check:
    """What was seen: `cases` answered, and in words the first difference or refusal.

    `astray` says where the source itself is not as specified, `by` what evaluated ONNX, and
    `contrary` what another evaluator of ONNX gave before.
    """

    cases: int = 0
    difference: str = ""
    refusal: str = ""
    astray: str = ""
    by: str = ""
    contrary: str = ""

    @property
    def told(self) -> str:
        """What was seen, and what evaluated it."""
        return f"{self.by}: {self.difference or self.refusal}".removeprefix(": ")

    @property
    def holds(self) -> bool:
        """Whether every case gave equal arrays; a check of no case holds nothing."""
        return self.cases > 0 and not self.difference and not self.refusal


def nearby(problem: Problem, texts: tuple[str, str], text_of: TextOf) -> Iterator[Case]:
    """Yield cases without end: other data, and other sizes where both texts stay as they are."""
    fits = {problem: True}
    for turn in range(10**9):
        other = problem
        batches = (problem.x[0] if problem.unbatched or not turn else 1 + turn % 3, problem.x[0])
        for batch, more in ((batches[0], turn % 5), (batches[0], 0), (batches[1], turn % 5)):
            sizes = tuple(size + more for size in problem.x[2:])
            tried = replace(problem, x=(batch, problem.x[1], *sizes))
            if tried not in fits:
                fits[tried] = broken_clause(tried) is None and text_of(tried) == texts
            if fits[tried]:
                other = tried
                break
        yield Case(other, "integers", turn)


def check(
    recipe: Recipe, source: Source, problem: Problem, text_of: TextOf, count: int = CASES
) -> Check:
    """Run the recipe's own text, the source's call and the oracle on the same arrays.

    Of several evaluators of ONNX one that finds the recipe equal is enough.
    """
    if max(prod(problem.x), prod(problem.w)) > LARGEST:
        return Check(refusal=f"the arrays have more than {LARGEST:,} elements")
    first = Check(refusal=f"{recipe.framework} is not installed")
    texts = (source.native.source if source.native else "", recipe.source)
    for turn, evaluator in enumerate(evaluators(recipe.framework)):
        cases = islice(nearby(problem, texts, text_of), count)
        seen = _checked(recipe, evaluator, source, cases)
        if seen.holds:
            return replace(seen, contrary=first.told if turn else "")
        first = first if turn else seen
    return first


def _checked(recipe: Recipe, evaluator: str, source: Source, cases: Iterator[Case]) -> Check:
    done, astray, by = 0, "", labelled(evaluator)
    for case in cases:
        arrays = make_arrays(case)
        given = layouts.given(case.problem, source.framework, arrays)
        expected, trouble = _expected(source, case, given)
        if expected is None:
            return Check(done, refusal=f"{source.framework}: {trouble}", by=by)
        off = _off_oracle(case, source, expected, arrays)
        if off and source.native and not source.native.whole and ROUNDING not in off:
            return Check(done, refusal=f"{source.framework}: {off}", by=by)
        astray = astray or (f"{off}, on '{case.line}'" if off else "")
        got, trouble = run(recipe, given, evaluator)
        if got is None:
            return Check(done, refusal=f"{recipe.framework}: {trouble}", by=by)
        difference = differing_answers(expected, got, source.native is not None)
        if not source.native:
            difference = _off_oracle(case, source, got, arrays)
        if difference:
            return Check(done, f"{difference}, on '{case.line}'", astray=astray, by=by)
        if not all(one.size for one in got.values()):
            return Check(done, refusal=EMPTY, by=by)
        done += 1
    return Check(done, astray=astray, by=by)


def _expected(source: Source, case: Case, given: Arrays) -> tuple[Answers | None, str]:
    if source.native is None:
        return {}, ""
    return run(source.native, given, source.evaluator)


def astray_of(source: Source, problem: Problem) -> str:
    """Say where the source's own call is not as specified on the problem, or refuses it."""
    case = Case(problem)
    arrays = make_arrays(case)
    got, trouble = _expected(source, case, layouts.given(problem, source.framework, arrays))
    return trouble if got is None else _off_oracle(case, source, got, arrays)


def _off_oracle(case: Case, source: Source, answers: Answers, arrays: Arrays) -> str:
    """Say where answers in the source's axes are not as specified.

    Two recipes of one make would agree on the same mistake.
    """
    lost = [name for name in case.problem.answers if name not in answers]
    if not answers or lost:
        return f"{', '.join(lost)} missing" if answers else ""
    try:
        found = layouts.standard(case.problem, source.framework, answers)
    except ValueError:  # patches of another size do not become columns
        shape = answers[case.problem.answers[0]].shape
        return f"the shape is {shape}, which is not that of the specification"
    expected = expectation(case.problem, arrays, source.choices)
    difference = _off_first(case.problem, expected, found[case.problem.answers[0]])
    if not difference and expected.indices is not None:
        indices = found["indices"][expected.selector].astype(np.int64)
        difference = differing(expected.indices, indices)
    return f"by the specification {difference}" if difference else ""


def _off_first(problem: Problem, expected: Expectation, y: Array) -> str:
    if y.shape != expected.shape:
        return f"the shape is {expected.shape}, here {y.shape}"
    if y.dtype.name != problem.answer_dtype:
        return f"the dtype is {problem.answer_dtype}, here {y.dtype}"
    return differing(expected.y, expected.elements_of(y))


def differing_answers(expected: Answers, got: Answers, are_known: bool = True) -> str:
    """Say where two sets of answers differ, or nothing."""
    if not are_known:
        return ""
    for name, one in expected.items():
        if name not in got:
            return f"{name} missing"
        difference = differing(one, got[name])
        if difference:
            return f"of {name} {difference}" if len(expected) > 1 else difference
    return ""


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
    return f"{text}{ROUNDING}all within {last} of the last place" if last else text


def _in_last_place(expected: Array, got: Array) -> int:
    """Return how many units of the last place lie between, if that is at most two, else 0."""
    if expected.dtype.kind != "f" or not (np.isfinite(expected) & np.isfinite(got)).all():
        return 0
    units = np.abs(expected - got) / np.spacing(np.maximum(np.abs(expected), np.abs(got)))
    most = float(units.max())
    return math.ceil(most) if most <= ROUNDINGS else 0
