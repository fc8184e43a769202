"""Which clause a discrepancy contradicts, and which variant point explains an outcome.

A feature of the case (a dtype, groups, a dilation ...) is taken away, one at a time; the
first without which the discrepancy is gone names the clause.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from itertools import combinations

import numpy as np

from convformance.backend import Arrays
from convformance.bounds import EXACT_OPS
from convformance.expect import Expectation, broken_clause, expectation
from convformance.facts import PADDED, core, value_points, whole_number_clause
from convformance.judge import NEEDLESS_NAN, Trial, judge, needless_nan
from convformance.problem import Case, Problem
from convformance.repairs import repairs, with_less_padding
from convformance.simpler import comparable, is_maximum, plainer, simpler_problems, sized
from convformance.tells import LARGEST, NOT_FINITE, Place, in_common
from convformance.touched import any_between
from convformance.verdict import Kind, Verdict
from convoracle import VARIANTS, InvalidProblem
from convoracle.exact import FORMATS, PARTS, as_floats

TEMPLATE = 60  # characters of a refusal that tell its reason from another
# Points that a backend may follow element by element, as its blocks and vectors fall.
MIXABLE = {"padding.product", "value.subnormal"}
TryOut = Callable[[Case], Verdict]  # runs a case and judges it by the standard meaning


def alternatives(problem: Problem) -> Iterator[dict[str, str]]:
    """Yield the non-standard choices at one variant point, then at two, that may change values."""
    others = [
        (label, name)
        for label in value_points(problem)
        for name, _ in VARIANTS[label].choices[1:]
        if name != "refuse"
    ]
    for many in (1, 2):
        for chosen in combinations(others, many):
            if len(dict(chosen)) == many:
                yield dict(chosen)


def explain(trial: Trial, arrays: Arrays, verdict: Verdict) -> tuple[dict[str, str], Verdict]:
    """Return the choices under which the outcome is what the oracle expects, if there are any.

    Else return the verdict with its differing places so ordered that those stand first that no
    choice explains, and with what is to be said of them.
    """
    rounded = verdict.kind is Kind.BOUND and trial.case.problem.op not in EXACT_OPS
    if rounded or isinstance(trial.expected, InvalidProblem):
        return {}, verdict
    used: dict[str, str] = {}
    left = set(verdict.wrong)
    mixable: list[tuple[dict[str, str], Expectation]] = []
    idle = idle_points(trial, arrays)
    for choices in alternatives(trial.case.problem):
        if idle & set(choices):
            continue  # it expects what the standard, or its other choice alone, expects
        expected = expectation(trial.case.problem, arrays, choices, trial.case.seed)
        if not set(choices) <= MIXABLE and not _helps_at(verdict.wrong[:1], trial, expected):
            continue  # the others explain every element or nothing
        other = judge(replace(trial, expected=expected))
        if other.kind is Kind.AGREES:
            return choices, verdict
        if other.kind is Kind.VALUE and set(choices) <= MIXABLE:
            mixable.append((choices, expected))
            if left - set(other.wrong):
                # Which kernel computes an element decides it, as where a block of samples ends.
                used |= dict.fromkeys(choices, "mixed")
                left &= set(other.wrong)
    if used and not left:
        return used, verdict
    message = verdict.message
    told = _told_of(trial, trial.expected, left)
    # A sample that is taken for 0 may make NaN of an infinite weight, which is then cut.
    if told == LARGEST and (cut := _cut_by(trial, mixable, left)):
        used, told = used | cut, LARGEST + NOT_FINITE
    if used and told:
        message += f", but for what {', '.join(used)} explains{told}"
    elif not used and (nans := _nan_beside_ties(trial, arrays, verdict)):
        left = nans
        message += f", but for what grad.tie explains{NEEDLESS_NAN}"
    wrong = tuple(sorted(verdict.wrong, key=lambda place: place not in left))
    return {}, replace(verdict, wrong=wrong, message=message)


def idle_points(trial: Trial, arrays: Arrays) -> set[str]:
    """Return variant points at which every choice expects the same of these numbers."""
    problem, idle = trial.case.problem, set()
    if problem.padding != "same":
        idle.add("padding.same_side")
    if all(np.isfinite(one).all() for one in arrays.values()):
        idle.add("padding.product")  # zero times a finite number is zero, or is left out
    if not _has_subnormals(trial, arrays):
        idle.add("value.subnormal")
    return idle


def _has_subnormals(trial: Trial, arrays: Arrays) -> bool:
    """Whether there is a number that "flush" takes for zero: given, expected or answered."""
    if isinstance(trial.expected, InvalidProblem):
        return False
    names = trial.case.problem.dtype, trial.expected.operation.dtype
    forms = [FORMATS[one] for name in names if (one := PARTS.get(name, name)) in FORMATS]
    normal = max((float(one.normal) for one in forms), default=0.0)
    numbers = [*arrays.values(), trial.expected.y, *trial.outcome.arrays.values()]
    parts = [
        part.astype(np.float64)
        for one in numbers
        for part in ((one.real, one.imag) if one.dtype.kind == "c" else (one,))
    ]
    return any(any_between(one, 0.0, normal) for one in parts)


def _nan_beside_ties(trial: Trial, arrays: Arrays, verdict: Verdict) -> set[Place]:
    """Return what is left to explain where one choice about ties explains all but needless NaN.

    A maximum's gradient that is multiplied by a mask is NaN beside an infinite or NaN dy, and the
    same mask may share what ties get: that is a choice and a fault in one answer.
    """
    if "grad.tie" not in value_points(trial.case.problem):
        return set()
    for name, _ in VARIANTS["grad.tie"].choices[1:]:
        choices = {"grad.tie": name}
        expected = expectation(trial.case.problem, arrays, choices, trial.case.seed)
        beside = replace(trial, expected=expected)
        left = set(judge(beside).wrong)
        if left and left < set(verdict.wrong) and needless_nan(beside, left):
            return left
    return set()


def _helps_at(places: Collection[Place], trial: Trial, expected: Expectation) -> bool:
    """Whether the outcome is what is expected at these places, asked there alone."""
    there = replace(expected, positions=tuple(position for _, position in places))
    return judge(replace(trial, expected=there)).kind is Kind.AGREES


def _cut_by(
    trial: Trial, tried: Iterable[tuple[dict[str, str], Expectation]], left: Collection[Place]
) -> dict[str, str]:
    """Return choices by which NaN or infinity is due wherever the largest number was given."""
    told = LARGEST + NOT_FINITE
    found = (choices for choices, expected in tried if _told_of(trial, expected, left) == told)
    return next(found, {})


def _told_of(trial: Trial, expected: Expectation, left: Collection[Place]) -> str:
    if needless_nan(trial, left):
        return NEEDLESS_NAN
    return in_common(expected, trial.outcome.arrays, left)


def refusal_choice(case: Case, message: str, try_out: TryOut) -> dict[str, str] | None:
    """Return the variant points at which a backend refuses, proven by a neighbour.

    The neighbour lacks what one point is about, or what the fewest of them are about, and is
    answered, or refused for another reason.
    """
    points = dict(repairs(case.problem))
    for many in range(1, len(points) + 1):
        for labels in combinations(points, many):
            problem = case.problem
            for label in labels:
                problem = points[label](problem)
            other = case.on(problem)
            if problem != case.problem and _overcome(other, message, try_out):
                return {one: _refused_at(one, case, message, try_out) for one in labels}
    return None


def _refused_at(label: str, case: Case, message: str, try_out: TryOut) -> str:
    """Return the choice by which a point is refused; padding has two limits to tell apart."""
    if label in ("transpose.output_padding", "transpose.valid"):
        return "stride"
    if label == "transpose.same_odd":
        return "half"  # the caller's dy has another size, or there is no such size at all
    if label != "padding.limit":
        return "refuse"
    within = case.on(with_less_padding(case.problem, lambda k: k - 1))
    return "kernel" if _overcome(within, message, try_out) else "half"


def _overcome(case: Case, message: str, try_out: TryOut) -> bool:
    """Whether the refusal with that message is gone; what is not supported tells nothing."""
    if broken_clause(case.problem) is not None:
        return False
    return _is_gone(try_out(case), Verdict(Kind.REFUSES, message=message))


def _same_trouble(one: Verdict, other: Verdict) -> bool:
    """Whether two verdicts are of one kind and, for a refusal, of one reason."""
    if one.kind is not other.kind:
        return False
    return one.kind is not Kind.REFUSES or template(one.message) == template(other.message)


def template(message: str) -> str:
    """Return the message without its numbers, cut: what refusals for one reason share."""
    return re.sub(r"-?\d+", "#", spoken(message))[:TEMPLATE]


def spoken(message: str) -> str:
    """Return the message without what is another in each run."""
    message = re.sub(r"\{\{.*?\}\} *", "", message)  # TensorFlow's name of the node
    return re.sub(r"\(signal \d+\).*", "", message, flags=re.DOTALL)  # a death has one reason


def clause_of(trial: Trial, verdict: Verdict, try_out: TryOut) -> str:
    """Return the clause that a discrepancy contradicts."""
    case = trial.case
    if verdict.kind not in (Kind.VALUE, Kind.SHAPE, Kind.REFUSES):
        return verdict.clause
    if verdict.kind is Kind.VALUE and case.fill != "integers":
        plain = replace(case, fill="integers")
        if try_out(plain).kind is Kind.VALUE:
            case = plain
        elif (label := _content_clause(trial, verdict)) is not None:
            return label
    same_is_told = True
    simpler_ones = [*sized(case.problem, verdict), *simpler_problems(case.problem, verdict)]
    for label, simpler in [*simpler_ones, *plainer(case.problem, verdict)]:
        if not comparable(case.problem, simpler):
            continue
        other = try_out(case.on(simpler))
        if label == "padding.same" and other.kind is Kind.UNSUPPORTED:
            same_is_told = False  # no explicit padding to compare with: all padding stands for it
        if _is_gone(other, verdict):
            padding = label.startswith("padding.") or label == PADDED.get(case.problem.op)
            return label if same_is_told or not padding else "padding.same"
    if verdict.kind is Kind.SHAPE:
        return verdict.clause
    return "backend.refusal" if verdict.kind is Kind.REFUSES else core(case.problem)


def _is_gone(other: Verdict, verdict: Verdict) -> bool:
    """Whether a simpler problem's verdict lacks the trouble; what is not answered tells nothing."""
    if verdict.kind is Kind.REFUSES:
        return other.kind is not Kind.UNSUPPORTED and not _same_trouble(other, verdict)
    if verdict.kind is Kind.SHAPE:
        return other.kind in (Kind.AGREES, Kind.VALUE, Kind.BOUND, Kind.DTYPE)
    return other.kind is Kind.AGREES


def _content_clause(  # noqa: PLR0911  one return for each kind of content
    trial: Trial, verdict: Verdict
) -> str | None:
    """Name the clause by what stands under the window of the first differing element."""
    problem = trial.case.problem
    if isinstance(trial.expected, InvalidProblem) or not verdict.wrong:
        return None
    output, position = verdict.wrong[0]
    if not problem.is_float:
        return whole_number_clause(problem)
    terms = np.array(as_floats(trial.expected.operation.terms(position)))
    if output == "indices":
        return "max.nan_index" if np.isnan(terms).any() else "max.tie"
    if np.isnan(terms).any():
        return "max.nan" if is_maximum(problem) else "value.nan"
    if np.isinf(terms).any():
        return "max.value" if is_maximum(problem) else "value.infinity"
    sizes = np.abs(terms[terms != 0])
    if sizes.size and sizes.min() < float(FORMATS[trial.expected.operation.dtype].normal):
        return "value.subnormal"
    if sizes.size and sizes.max() >= float(FORMATS[trial.expected.operation.dtype].largest):
        return "value.overflow"
    return None
