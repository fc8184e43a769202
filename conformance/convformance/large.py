"""Whole large layers of well-known networks: every element beside our kernel's, in float64.

The oracle's loops take minutes for such a layer. It computes a sample, and the backend's answer and
the kernel's must both agree with it there; then the kernel's answer, which is exact for whole
numbers, tells which elements of the backend's are suspect. Of those that stand out most the oracle
computes each: a verdict against a backend is always the oracle's own. Where it contradicts the
kernel, that is our fault, a `KernelError`, and no word is said of the backend.

Nothing large is shrunk, diagnosed or tried with other choices: each try would be judged at the
sample alone, where nothing differs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from math import prod

import numpy as np

from convformance.backend import Array, Arrays
from convformance.backends.numpy_backend import NumpyBackend
from convformance.bounds import bound_line, is_exact, meaning_bound
from convformance.expect import Expectation
from convformance.facts import core
from convformance.judge import Trial, accumulator_of, judge
from convformance.named import BOUNDED
from convformance.problem import Case, Problem
from convformance.verdict import Kind, Verdict
from convoracle import InvalidProblem

SOURCE = "large"
# Batch 1, and fewer channels where that saves most of the time.
LAYERS = {
    "vgg16-3x3": "conv x=1x64x56x56 w=64x64x3x3 padding=1x1 bias",
    "resnet50-stem-7x7": "conv x=1x3x224x224 w=64x3x7x7 stride=2x2 padding=3x3",
    "resnet50-3x3": "conv x=1x128x28x28 w=128x128x3x3 padding=1x1",
    "resnet50-3x3-stride": "conv x=1x64x56x56 w=64x64x3x3 stride=2x2 padding=1x1",
    "resnet50-1x1": "conv x=1x256x56x56 w=64x256x1x1",
    "resnet50-1x1-as-product": "conv1x1 x=1x64x56x56 w=256x64",
    "googlenet-5x5": "conv x=1x16x28x28 w=32x16x5x5 padding=same_upper bias",
    "deeplab-dilated": "conv x=1x64x33x33 w=64x64x3x3 padding=12x12 dilation=12x12",
    "mobilenet-depthwise": "depthwise_conv x=1x32x112x112 w=32x1x3x3 padding=same_upper",
    "mobilenet-depthwise-stride": "conv x=1x64x112x112 w=64x1x3x3 stride=2x2 padding=1x1 groups=64",
    "resnet50-max-pool": "max_pool x=1x64x112x112 kernel=3x3 stride=2x2 padding=1x1",
    "densenet-avg-pool": "avg_pool x=1x128x56x56 kernel=2x2 stride=2x2",
    "inception-avg-pool": "avg_pool x=1x96x35x35 kernel=3x3 padding=1x1 count_include_pad",
    "dcgan-transposed": "conv_transpose x=1x128x16x16 w=128x64x4x4 stride=2x2 padding=1x1",
    "wavenet-dilated": "conv x=1x32x4000 w=64x32x2 dilation=512",
    "c3d-3x3x3": "conv x=1x16x8x28x28 w=32x16x3x3x3 padding=same_upper",
    "resnet50-3x3-by-input": "conv x=1x64x56x56 w=64x64x3x3 padding=1x1 grad=x",
    "resnet50-3x3-by-weight": "conv x=1x64x28x28 w=64x64x3x3 padding=1x1 grad=w",
}
FILLS = ("integers", "real")
# Other dtypes, whose kernels are others too; in these whole numbers alone.
OTHERS = ("float64", "bfloat16")
IN_OTHERS = ("vgg16-3x3", "resnet50-1x1", "mobilenet-depthwise-stride", "resnet50-max-pool")
SUSPECTS = 16  # elements that the oracle computes beside its sample
OURS = "this is an error of ours, and says nothing of the backend"


class KernelError(AssertionError):
    """Raised where our kernel contradicts the oracle: nothing can be said of the backend."""


@dataclass(frozen=True)
class Whole:
    """A layer that was compared whole; the trial has the oracle's word on the suspects too."""

    trial: Trial
    verdict: Verdict
    reference: str  # where the expected answer came from


def cases(layer: str) -> tuple[Case, ...]:
    """Return the layer's cases; seeds differ, so that the themes of real numbers do."""
    seed, line = list(LAYERS).index(layer), LAYERS[layer]
    found = [Case(Problem.parse(f"{line} float32"), fill, seed) for fill in FILLS]
    for dtype in OTHERS if layer in IN_OTHERS else ():
        found.append(Case(Problem.parse(f"{line} {dtype}"), "integers", seed))
    return tuple(found)


@cache
def _all_cases() -> frozenset[Case]:
    return frozenset(case for layer in LAYERS for case in cases(layer))


def is_large(case: Case) -> bool:
    """Whether the case is compared whole, whoever asks it."""
    return case in _all_cases()


def compared_whole(trial: Trial, arrays: Arrays, sampled: Verdict) -> Whole:
    """Compare an answer that agrees at the oracle's sample; raise `KernelError`."""
    case, expected = trial.case, trial.expected
    if isinstance(expected, InvalidProblem):
        raise TypeError("an invalid problem has no answer")
    kernel = _Kernel.of(case, arrays, expected)
    kernel.check(case, expected)
    scores = _scores(trial, expected, kernel)
    reference = f"the kernel, after {len(expected.positions)} of the oracle's samples agreed"
    further = [one for one in _worst(scores) if one not in set(expected.positions)]
    whole = replace(sampled, compared=scores.size)
    if not further:
        return Whole(trial, whole, reference)
    suspects = replace(expected, positions=tuple(sorted(further)))
    kernel.check(case, suspects)
    judged = judge(replace(trial, expected=suspects))
    accused = int((scores > 1).sum())
    if judged.kind is Kind.AGREES:
        if accused >= SUSPECTS:
            text = f"the kernel accuses {accused} elements, the oracle none of the worst"
            raise KernelError(f"{case.line}: {text}; {OURS}")
        if judged.margin is not None:
            whole = replace(whole, margin=max(judged.margin, sampled.margin or 0.0))
        return Whole(trial, whole, reference)
    name = case.problem.answers[0]
    differs = scores > 1
    for _, position in judged.wrong:  # an estimate may lie on the other side of 1
        differs[position] = True
    text = (
        f"of the whole layer {int(differs.sum())} of {scores.size} elements differ, "
        f"{_box(name, differs)}, expected by {reference}; "
        f"of the worst the oracle was asked: {judged.message}"
    )
    clause = judged.clause or core(case.problem)
    verdict = replace(judged, clause=clause, message=text, compared=scores.size)
    return Whole(replace(trial, expected=suspects), verdict, reference)


@dataclass(frozen=True)
class _Kernel:
    """What our kernel makes of the inputs in float64.

    `magnitude` is the answer for their absolute values and `terms` the number of each element's
    terms: of real numbers alone, whose bounds hang on these.
    """

    y: Array
    magnitude: Array
    terms: Array

    @classmethod
    def of(cls, case: Case, arrays: Arrays, expected: Expectation) -> _Kernel:
        problem = case.problem
        y = _answer(problem, arrays)
        if case.fill not in BOUNDED or is_exact(problem):
            return cls(y, y, y)
        magnitude = _answer(problem, {name: np.abs(one) for name, one in arrays.items()})
        forward = problem.op in ("conv", "conv1x1", "depthwise_conv") and not problem.grad
        if forward or problem.grad == "w":  # a tap over padding is a term too
            n = len(expected.operation.terms(expected.positions[0]))
            return cls(y, magnitude, np.full(y.shape, n))
        counting, taps = problem, 1
        if problem.op == "avg_pool":
            counting, taps = replace(problem, count_include_pad=True), prod(problem.kernel)
        ones = {name: np.ones_like(array) for name, array in arrays.items()}
        return cls(y, magnitude, np.rint(_answer(counting, ones) * taps))

    def check(self, case: Case, expected: Expectation) -> None:
        """Raise `KernelError` where the oracle does not agree, or there is another shape."""
        if self.y.shape != expected.shape:
            text = f"the kernel gives {self.y.shape}, the oracle {expected.shape}"
            raise KernelError(f"{case.line}: {text}; {OURS}")
        operation = replace(expected.operation, dtype="float64")
        real = case.fill in BOUNDED and not is_exact(case.problem)
        for position, exact in zip(expected.positions, expected.exact, strict=True):
            pairs = [(self.y[position], exact)]
            if real:
                magnitude = operation.magnitude(position)
                pairs.append((self.magnitude[position], magnitude))
                n = len(operation.terms(position))
                pairs.append((self.terms[position], n))
                line = bound_line(case.problem, operation, n, exact, "float64")
                bound = line.magnitude * Fraction(magnitude) + line.rest
                bound += line.exact * abs(Fraction(exact))
            else:
                bound = meaning_bound(case.problem, operation, position, exact)
            for ours, theirs in pairs:
                if not np.isfinite(ours) or abs(Fraction(float(ours)) - Fraction(theirs)) > bound:
                    place = ", ".join(map(str, position))
                    text = f"at [{place}] the kernel gives {ours}, the oracle {float(theirs)}"
                    raise KernelError(f"{case.line}: {text}; {OURS}")


def _answer(problem: Problem, arrays: Arrays) -> Array:
    wide = {name: array.astype(np.float64) for name, array in arrays.items()}
    answers = NumpyBackend().run(replace(problem, dtype="float64"), wide).arrays
    return answers[problem.answers[0]]


def _scores(trial: Trial, expected: Expectation, kernel: _Kernel) -> Array:
    """Return |got - expected| / bound of every element, estimated; infinite where none is right."""
    got = trial.outcome.arrays[trial.case.problem.answers[0]].astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        off = np.abs(got - kernel.y)
        scores = np.where(off == 0, 0.0, off / _bounds(trial, expected, kernel))
    scores[~np.isfinite(scores)] = np.inf  # an answer that is not finite, where one is due
    return scores


def _bounds(trial: Trial, expected: Expectation, kernel: _Kernel) -> Array:
    """Return about the bound of every element."""
    problem, operation, size = trial.case.problem, expected.operation, np.abs(kernel.y)
    if trial.case.fill not in BOUNDED:
        return size * float(meaning_bound(problem, operation, expected.positions[0], 1))
    if is_exact(problem):
        return np.zeros_like(size)
    accumulator = accumulator_of(problem, trial.accumulators)
    bounds = np.empty_like(size)
    for n in np.unique(kernel.terms):
        line = bound_line(problem, operation, int(n), expected.exact[0], accumulator).floats
        here = kernel.terms == n
        bounds[here] = line[0] * kernel.magnitude[here] + line[1] * size[here] + line[3]
    return bounds


def _worst(scores: Array) -> list[tuple[int, ...]]:
    """Return the positions that stand out most, of those that are not just as expected."""
    flat = scores.ravel()
    found = np.argpartition(flat, -SUSPECTS)[-SUSPECTS:]
    table = np.column_stack(np.unravel_index(found[flat[found] > 0], scores.shape))
    return [tuple(map(int, row)) for row in table]


def _box(name: str, differs: Array) -> str:
    """Tell between which positions all that differs lies: a lost block has edges."""
    places = np.argwhere(differs)
    ends = zip(places.min(axis=0).tolist(), places.max(axis=0).tolist(), strict=True)
    words = [str(first) if first == last else f"{first}..{last}" for first, last in ends]
    return f"all within {name}[{', '.join(words)}]"
