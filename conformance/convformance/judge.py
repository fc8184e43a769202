"""The judge: an outcome beside its expectation. Tolerance zero but for derived bounds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from convformance.backend import Array, Outcome
from convformance.bounds import meaning_bound
from convformance.expect import Expectation, numpy_dtype
from convformance.margins import error, margins
from convformance.named import BOUNDED
from convformance.problem import Case, Problem
from convformance.tells import Place, in_common, largest, limits
from convformance.verdict import Kind, Verdict
from convoracle import InvalidProblem
from convoracle.exact import FORMATS, PARTS
from convoracle.operation import flushes

SIZED = {  # the clause that a wrong shape contradicts, where it is not the number of windows
    "conv1x1": "conv1x1.product",
    "conv_transpose": "transpose.count",
    "max_unpool": "unpool.output",
    "adaptive_max_pool": "adaptive.output",
    "adaptive_avg_pool": "adaptive.output",
    "global_max_pool": "global.window",
    "global_avg_pool": "global.window",
    "unfold": "unfold.order",
    "fold": "fold.sum",
}
NEEDLESS_NAN = ", each NaN where none is due"


@dataclass(frozen=True)
class Trial:
    """A case, what the oracle says of it and what the backend did with it."""

    case: Case
    expected: Expectation | InvalidProblem
    outcome: Outcome
    accumulators: Mapping[str, str]


@np.errstate(invalid="ignore")  # a backend's NaN may be a signalling one
def judge(trial: Trial) -> Verdict:  # noqa: PLR0911  one return for each kind of outcome
    """Return the verdict by the standard meaning; its clause is the most general that fits."""
    outcome, expected = trial.outcome, trial.expected
    if outcome.kind == "unsupported":
        return Verdict(Kind.UNSUPPORTED, message=outcome.message)
    if outcome.kind == "crashed":
        return Verdict(Kind.CRASHED, "backend.answer", outcome.message)
    if outcome.kind == "timed out":
        return Verdict(Kind.LATE, "backend.answer", outcome.message)
    if outcome.kind == "something else":
        return Verdict(Kind.ANSWER, "backend.answer", outcome.message)
    if outcome.changed:
        return Verdict(Kind.INPUT, "backend.input", f"wrote to {', '.join(outcome.changed)}")
    if isinstance(expected, InvalidProblem):
        if outcome.kind == "refused":
            return Verdict(Kind.AGREES, expected.label, outcome.message)
        shapes = ", ".join(f"{name} {array.shape}" for name, array in outcome.arrays.items())
        return Verdict(Kind.ACCEPTS, expected.label, f"{expected.message}; it answered {shapes}")
    if outcome.kind == "refused":
        return Verdict(Kind.REFUSES, "backend.refusal", outcome.message)
    return _judge_arrays(trial, expected)


def _judge_arrays(trial: Trial, expected: Expectation) -> Verdict:
    problem = trial.case.problem
    main, *indices = problem.answers
    wanted = {main: numpy_dtype(problem.answer_dtype)}
    wanted |= {name: np.dtype(np.int64) for name in indices}
    arrays = trial.outcome.arrays
    if set(arrays) != set(wanted):
        text = f"expected the arrays {', '.join(wanted)}, got {', '.join(arrays) or 'none'}"
        return Verdict(Kind.ANSWER, "backend.answer", text)
    for name, dtype in wanted.items():
        if arrays[name].shape != expected.shape:
            text = (
                f"{name}: expected shape {_sizes(expected.shape)}, got {_sizes(arrays[name].shape)}"
            )
            clause = "grad.shape" if problem.grad else SIZED.get(problem.op, "window.count")
            return Verdict(Kind.SHAPE, clause, text)
        if arrays[name].dtype != dtype:
            text = f"{name}: expected {dtype}, got {arrays[name].dtype}"
            return Verdict(Kind.DTYPE, "value.dtype", text)
    if trial.case.fill in BOUNDED:
        return _judge_accuracy(trial, expected)
    return _judge_meaning(trial, expected)


def _sizes(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "()"


def _judge_meaning(trial: Trial, expected: Expectation) -> Verdict:
    main = trial.case.problem.answers[0]
    got = expected.elements_of(trial.outcome.arrays[main])
    wrong = [(main, place) for place in _differing(got, expected)]
    if expected.indices is not None:
        chosen = trial.outcome.arrays["indices"][expected.selector]
        # [max.index] left open where the window holds no sample
        unequal = np.flatnonzero((chosen != expected.indices) & (expected.indices >= 0))
        wrong += [("indices", expected.positions[i]) for i in unequal]
    compared = len(expected.positions) * len(trial.outcome.arrays)
    if not wrong:
        return Verdict(Kind.AGREES, compared=compared)
    text = f"{len(wrong)} of {compared} compared elements differ"
    if needless_nan(trial, wrong):
        text += NEEDLESS_NAN
    else:
        text += in_common(expected, trial.outcome.arrays, wrong)
    return Verdict(Kind.VALUE, "", text, wrong=tuple(wrong), compared=compared)


def needless_nan(trial: Trial, places: Collection[Place]) -> bool:
    """Whether there is NaN at all of these places, which differ: something else was read."""
    arrays = trial.outcome.arrays
    found = (arrays[name][place[: arrays[name].ndim]] for name, place in places)
    return all(bool(_is_nan(element)) for element in found)


def _differing(got: Array, expected: Expectation) -> list[tuple[int, ...]]:
    """Return the positions whose element is not the expected one; NaN equals NaN."""
    if flushes(expected.operation.choices):
        got = _flushed(got, expected.operation.dtype)  # which of two taken for equal is left open
    same = (got == expected.y) | (_is_nan(got) & _is_nan(expected.y))
    return [
        expected.positions[i]
        for i in np.flatnonzero(~same)
        if not _within_roundings(float(got[i]), expected, int(i))
    ]


def _is_nan(array: Array) -> Array:
    """Return where the array is NaN, for any dtype."""
    found: Array = array != array  # noqa: PLR0124  isnan knows neither integers nor objects
    return found


def _flushed(got: Array, dtype: str) -> Array:
    if dtype not in FORMATS:
        return got
    tiny = np.abs(got.astype(np.float64)) < float(FORMATS[dtype].normal)
    return np.where(tiny, np.zeros_like(got), got)


def _within_roundings(got: float, expected: Expectation, i: int) -> bool:
    exact, position = expected.exact[i], expected.positions[i]
    bound = meaning_bound(expected.problem, expected.operation, position, exact)
    return bound > 0 and error(got, expected, i) <= bound


def _judge_accuracy(trial: Trial, expected: Expectation) -> Verdict:
    problem = trial.case.problem
    main = problem.answers[0]
    got = expected.elements_of(trial.outcome.arrays[main])
    found = margins(got, expected, accumulator_of(problem, trial.accumulators))
    compared = len(expected.positions)
    if not found.wrong:
        return Verdict(Kind.AGREES, compared=compared, margin=found.worst)
    text = f"{len(found.wrong)} of {compared} compared elements exceed the bound"
    text += f", the worst {found.worst:.3g} times"
    text += largest(expected, got, found.wrong) or limits(expected, got, found.wrong)
    places = tuple((main, expected.positions[i]) for i in found.wrong)
    return Verdict(Kind.BOUND, "backend.accuracy", text, {}, places, compared, found.worst)


def accumulator_of(problem: Problem, declared: Mapping[str, str]) -> str:
    """Return the dtype of the sums by the most special key that speaks of the problem."""
    op = f"{problem.op} grad={problem.grad}" if problem.grad else problem.op
    dtype = PARTS.get(problem.dtype, problem.dtype)
    key = f"{op} {dtype}"
    keys = (f"{key} rank {problem.rank}", key, f"{problem.op} {dtype}", dtype)
    return next((declared[one] for one in keys if one in declared), dtype)
