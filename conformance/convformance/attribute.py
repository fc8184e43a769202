"""Which clause a discrepancy contradicts, and which variant point explains an outcome.

A feature of the case (a dtype, groups, a dilation ...) is taken away, one at a time; the
first without which the discrepancy is gone names the clause.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from math import prod

import numpy as np

from convformance.backend import Arrays
from convformance.evidence import axes_of
from convformance.expect import broken_clause, expectation, output_shape
from convformance.judge import Trial, judge
from convformance.problem import Case, Problem
from convformance.verdict import Kind, Verdict
from convoracle import VARIANTS, Axis, InvalidProblem
from convoracle.exact import FORMATS

TEMPLATE = 60  # characters of a refusal that tell its reason from another
# Points that a backend may follow element by element, as its blocks and vectors fall.
MIXABLE = {"padding.product", "value.subnormal"}
Place = tuple[str, tuple[int, ...]]
TryOut = Callable[[Case], Verdict]  # runs a case and judges it by the standard meaning

CORE = {
    "conv": "conv.sum",
    "conv1x1": "conv1x1.product",
    "max_pool": "max.value",
    "avg_pool": "avg.value",
    "lp_pool": "lp.value",
    "distance_pool": "distance.value",
}
PADDED = {  # what padding means to the values
    "conv": "padding.zero",
    "max_pool": "max.padding",
    "avg_pool": "avg.divisor",
    "lp_pool": "lp.padding",
    "distance_pool": "distance.divisor",
}
# The variant points whose choice changes the elements, by op.
VALUE_POINTS = {
    "conv": ("padding.same_side", "padding.product", "value.subnormal"),
    "conv1x1": ("value.subnormal",),
    "max_pool": ("padding.same_side", "max.tie", "max.nan_index", "value.subnormal"),
    "avg_pool": ("padding.same_side", "avg.empty", "avg.integer", "value.subnormal"),
    "lp_pool": ("padding.same_side", "value.subnormal"),
    "distance_pool": ("padding.same_side", "value.subnormal"),
}


def alternatives(problem: Problem) -> Iterator[dict[str, str]]:
    """Yield the non-standard choices at one variant point, then at two, that may change values."""
    others = [
        (label, name)
        for label in VALUE_POINTS[problem.op]
        for name, _ in VARIANTS[label].choices[1:]
        if name != "refuse"
    ]
    for many in (1, 2):
        for chosen in combinations(others, many):
            if len(dict(chosen)) == many:
                yield dict(chosen)


def explain(
    trial: Trial, arrays: Arrays, verdict: Verdict
) -> tuple[dict[str, str] | None, tuple[Place, ...]]:
    """Return the choices under which the outcome is what the oracle expects, if there are any.

    Else return the differing places too, those first that no choice explains.
    """
    if trial.case.fill == "real" or isinstance(trial.expected, InvalidProblem):
        return None, verdict.wrong
    used: dict[str, str] = {}
    left = set(verdict.wrong)
    for choices in alternatives(trial.case.problem):
        expected = expectation(trial.case.problem, arrays, choices, trial.case.seed)
        other = judge(replace(trial, expected=expected))
        if other.kind is Kind.AGREES:
            return choices, ()
        if other.kind is Kind.VALUE and set(choices) <= MIXABLE and left - set(other.wrong):
            # Which kernel computes an element decides it, as where a block of samples ends.
            used |= dict.fromkeys(choices, "mixed")
            left &= set(other.wrong)
    if used and not left:
        return used, ()
    return None, tuple(sorted(verdict.wrong, key=lambda place: place not in left))


def refusal_choice(case: Case, message: str, try_out: TryOut) -> dict[str, str] | None:
    """Return the variant points at which a backend refuses, proven by a neighbour.

    The neighbour lacks what one point is about, or what the fewest of them are about, and is
    answered, or refused for another reason.
    """
    repairs = dict(_repairs(case.problem))
    for many in range(1, len(repairs) + 1):
        for labels in combinations(repairs, many):
            problem = case.problem
            for label in labels:
                problem = repairs[label](problem)
            other = replace(case, problem=problem)
            if problem != case.problem and _overcome(other, message, try_out):
                return {one: _refused_at(one, case, message, try_out) for one in labels}
    return None


def _refused_at(label: str, case: Case, message: str, try_out: TryOut) -> str:
    """Return the choice by which a point is refused; padding has two limits to tell apart."""
    if label != "padding.limit":
        return "refuse"
    within = replace(case, problem=_with_less_padding(case.problem, lambda k: k - 1))
    return "kernel" if _overcome(within, message, try_out) else "half"


def _overcome(case: Case, message: str, try_out: TryOut) -> bool:
    """Whether the refusal with that message is gone."""
    if broken_clause(case.problem) is not None:
        return False
    return not _same_trouble(try_out(case), Verdict(Kind.REFUSES, message=message))


def _same_trouble(one: Verdict, other: Verdict) -> bool:
    """Whether two verdicts are of one kind and, for a refusal, of one reason."""
    if one.kind is not other.kind:
        return False
    return one.kind is not Kind.REFUSES or template(one.message) == template(other.message)


def template(message: str) -> str:
    """Return the message without its numbers, cut: what refusals for one reason share."""
    message = re.sub(r"\{\{.*?\}\} *", "", message)  # TensorFlow's name of the node
    message = re.sub(r"\(signal \d+\).*", "", message, flags=re.DOTALL)  # a death has one reason
    return re.sub(r"-?\d+", "#", message)[:TEMPLATE]


def _repairs(problem: Problem) -> list[tuple[str, Callable[[Problem], Problem]]]:
    """Return (variant point, how to take away what it is about) for the points that apply."""
    axes = axes_of(problem)
    found: list[tuple[str, Callable[[Problem], Problem]]] = []
    if problem.x[0] == 0:
        found.append(("size.batch", _with_batch))
    if problem.x[1] == 0 or problem.w[:1] == (0,):
        found.append(("size.channels", _with_channels))
    if 0 in problem.x[2:]:
        found.append(("size.spatial", _with_room))
    if any(axis.count == 0 for axis in axes):
        found.append(("window.none", _with_room))
    if any(2 * max(axis.before, axis.after) > axis.kernel_size for axis in axes):
        found.append(("padding.limit", _with_less_padding))
    if problem.op in ("max_pool", "avg_pool") and sees_only_padding(axes):
        label = "max.empty" if problem.op == "max_pool" else "avg.empty"
        found.append((label, _with_samples_everywhere))
    return found


def _with_channels(problem: Problem) -> Problem:
    groups = problem.groups
    x = (problem.x[0], problem.x[1] or groups, *problem.x[2:])
    if not problem.w:
        return replace(problem, x=x)
    depth = x[1] // groups
    return replace(problem, x=x, w=(problem.w[0] or groups, depth, *problem.w[2:]))


def _with_batch(problem: Problem) -> Problem:
    return replace(problem, x=(1, *problem.x[1:]))


def _with_room(problem: Problem) -> Problem:
    sizes = (max(axis.size, axis.extent) for axis in axes_of(problem))
    return replace(problem, x=(*problem.x[:2], *sizes))


def _with_less_padding(problem: Problem, most: Callable[[int], int] = lambda k: k // 2) -> Problem:
    """Return the problem with at most half the kernel, or `most(kernel_size)`, of padding."""
    if isinstance(problem.padding, str):
        return _with_room(problem)
    less = tuple(
        (min(axis.before, most(axis.kernel_size)), min(axis.after, most(axis.kernel_size)))
        for axis in axes_of(problem)
    )
    return replace(_with_room(problem), padding=less)


def _with_samples_everywhere(problem: Problem) -> Problem:
    return replace(_with_room(problem), padding="valid")


def sees_only_padding(axes: tuple[Axis, ...]) -> bool:
    """Whether some window has no sample: it is so if that holds along one axis."""
    return any(
        not any(axis.holds(axis.position(o, k)) for k in range(axis.kernel_size))
        for axis in axes
        for o in range(axis.count)
    )


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
    simpler_ones = [*_sized(case.problem, verdict), *_simpler(case.problem, verdict)]
    for label, simpler in [*simpler_ones, *_plainer(case.problem, verdict)]:
        if not _comparable(case.problem, simpler):
            continue
        other = try_out(replace(case, problem=simpler))
        if label == "padding.same" and other.kind is Kind.UNSUPPORTED:
            same_is_told = False  # no explicit padding to compare with: all padding stands for it
        if _is_gone(other, verdict):
            padding = label.startswith("padding.") or label == PADDED.get(case.problem.op)
            return label if same_is_told or not padding else "padding.same"
    if verdict.kind is Kind.SHAPE:
        return "window.count"
    return "backend.refusal" if verdict.kind is Kind.REFUSES else CORE[case.problem.op]


def _is_gone(other: Verdict, verdict: Verdict) -> bool:
    """Whether a simpler problem's verdict lacks the trouble; what is not answered tells nothing."""
    if verdict.kind is Kind.REFUSES:
        return other.kind is not Kind.UNSUPPORTED and not _same_trouble(other, verdict)
    if verdict.kind is Kind.SHAPE:
        return other.kind in (Kind.AGREES, Kind.VALUE, Kind.BOUND, Kind.DTYPE)
    return other.kind is Kind.AGREES


def _sized(problem: Problem, verdict: Verdict) -> Iterator[tuple[str, Problem]]:
    """Yield (clause, the problem without the odd size that the clause is about).

    Where several sizes are odd, the first of the fewest that must go together is named.
    """
    telling = {"max.empty", "avg.empty"}
    if verdict.kind is Kind.SHAPE:
        telling = {"size.batch", "size.channels", "size.spatial", "window.none"}
    repairs = [(label, repair) for label, repair in _repairs(problem) if label in telling]
    for many in range(1, len(repairs) + 1):
        for chosen in combinations(repairs, many):
            simpler = problem
            for _, repair in chosen:
                simpler = repair(simpler)
            yield chosen[0][0], simpler


def _comparable(problem: Problem, simpler: Problem) -> bool:
    """Whether the simpler problem is another, valid, and not empty where this one is not."""
    if simpler == problem or broken_clause(simpler):
        return False
    return prod(output_shape(simpler)) > 0 or prod(output_shape(problem)) == 0


def _simpler(problem: Problem, verdict: Verdict) -> Iterator[tuple[str, Problem]]:
    """Yield (clause, the problem without the feature that the clause is about)."""
    if problem.indices:
        yield "max.index", replace(problem, indices=False)
    if problem.bias:
        yield "conv.bias", replace(problem, bias=False)
    if problem.groups > 1:
        yield (
            "conv.groups",
            replace(problem, groups=1, w=(problem.w[0], problem.x[1], *problem.w[2:])),
        )
    if problem.ceil_mode:
        yield "window.ceil", replace(problem, ceil_mode=False)
    if problem.count_include_pad:
        label = "avg.divisor" if problem.op == "avg_pool" else "distance.divisor"
        yield label, replace(problem, count_include_pad=False)
    if problem.op == "lp_pool" and problem.p != 2:
        yield "lp.value", replace(problem, p=2)
    yield from _simpler_windows(problem, verdict)


def _plainer(problem: Problem, verdict: Verdict) -> Iterator[tuple[str, Problem]]:
    """Yield the float32 problem, where that a dtype is to blame names a clause."""
    if verdict.kind is Kind.REFUSES:
        yield "value.dtype", replace(problem, dtype="float32")
    elif not problem.is_float:
        label = {"avg_pool": "avg.integer", "max_pool": "max.value"}.get(problem.op, "value.wrap")
        yield label, replace(problem, dtype="float32")


def _simpler_windows(problem: Problem, verdict: Verdict) -> Iterator[tuple[str, Problem]]:
    if problem.op == "conv1x1":
        return
    ones = (1,) * problem.rank
    if problem.padding != "valid":
        found = tuple((axis.before, axis.after) for axis in axes_of(problem))
        yield "padding.same", replace(problem, padding=found)
        # An answer shows whether both sides alike help; for a refusal more padding may be worse.
        alike = min if verdict.kind is Kind.REFUSES else max
        even = tuple((alike(pair), alike(pair)) for pair in found)
        yield "padding.explicit", _with_room(replace(problem, padding=even))
        label = PADDED[problem.op] if verdict.kind is Kind.VALUE else "padding.explicit"
        yield label, _with_samples_everywhere(problem)
    yield "window.dilation", replace(problem, dilation=ones)
    yield "window.stride", replace(problem, stride=ones)


def _content_clause(  # noqa: PLR0911  one return for each kind of content
    trial: Trial, verdict: Verdict
) -> str | None:
    """Name the clause by what stands under the window of the first differing element."""
    problem = trial.case.problem
    if isinstance(trial.expected, InvalidProblem) or not verdict.wrong:
        return None
    output, position = verdict.wrong[0]
    if not problem.is_float:
        return {"avg_pool": "avg.integer", "max_pool": "max.value"}.get(problem.op, "value.wrap")
    terms = np.array([float(term) for term in trial.expected.operation.terms(position)])
    if output == "indices":
        return "max.nan_index" if np.isnan(terms).any() else "max.tie"
    if np.isnan(terms).any():
        return "max.nan" if problem.op == "max_pool" else "value.nan"
    if np.isinf(terms).any():
        return "max.value" if problem.op == "max_pool" else "value.infinity"
    sizes = np.abs(terms[terms != 0])
    if sizes.size and sizes.min() < float(FORMATS[problem.dtype].normal):
        return "value.subnormal"
    if sizes.size and sizes.max() >= float(FORMATS[problem.dtype].largest):
        return "value.overflow"
    return None
