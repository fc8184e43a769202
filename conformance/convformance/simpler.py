"""Problems that lack one feature, each with the clause that the feature is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from math import prod

from convformance.expect import broken_clause
from convformance.facts import EMPTY, MAXIMA, PADDED, whole_number_clause
from convformance.meaning import output_shape
from convformance.problem import Problem
from convformance.repairs import OVER_OUTPUT, repairs, with_room, with_samples_everywhere
from convformance.sizes import UNWINDOWED, axes_of
from convformance.verdict import Kind, Verdict

Simpler = tuple[str, Problem]
ODD_SIZES = ("size.batch", "size.channels", "size.spatial", "window.none")


def sized(problem: Problem, verdict: Verdict) -> Iterator[Simpler]:
    """Yield (clause, the problem without the odd size that the clause is about).

    Where several sizes are odd, the first of the fewest that must go together is named.
    """
    telling = ODD_SIZES if verdict.kind is Kind.SHAPE else tuple(EMPTY.values())
    found = [(label, repair) for label, repair in repairs(problem) if label in telling]
    for many in range(1, len(found) + 1):
        for chosen in combinations(found, many):
            simpler = problem
            for _, repair in chosen:
                simpler = repair(simpler)
            yield chosen[0][0], simpler


def comparable(problem: Problem, simpler: Problem) -> bool:
    """Whether the simpler problem is another, valid, and not empty where this one is not."""
    if simpler == problem or broken_clause(simpler):
        return False
    return prod(output_shape(simpler)) > 0 or prod(output_shape(problem)) == 0


def simpler_problems(problem: Problem, verdict: Verdict) -> Iterator[Simpler]:
    """Yield (clause, the problem without the feature that the clause is about)."""
    yield from _handed_plainly(problem)
    if problem.indices:
        yield "max.index", replace(problem, indices=False)
    if problem.bias and problem.grad != "bias":
        yield "conv.bias", replace(problem, bias=False)
    yield from _without_groups(problem)
    if problem.ceil_mode:
        yield "window.ceil", replace(problem, ceil_mode=False)
    if problem.count_include_pad:
        label = "avg.divisor" if problem.op == "avg_pool" else "distance.divisor"
        yield label, replace(problem, count_include_pad=False)
    if problem.op == "lp_pool" and problem.p != 2:
        yield "lp.value", replace(problem, p=2)
    if problem.flip:
        yield "conv.flip", replace(problem, flip=False)
    if problem.output_dtype:
        yield "conv.output_dtype", replace(problem, output_dtype="")
    yield from _simpler_windows(problem, verdict)


def _handed_plainly(problem: Problem) -> Iterator[Simpler]:
    if problem.unbatched:
        yield "problem.unbatched", replace(problem, unbatched=False)
    if problem.layout != "channels_first":
        yield "problem.layout", replace(problem, layout="channels_first")
    if problem.memory != "contiguous":
        yield "backend.memory", replace(problem, memory="contiguous")


def _without_groups(problem: Problem) -> Iterator[Simpler]:
    N, C, *spatial = (*problem.x, 0, 0)[: max(2, len(problem.x))]
    if problem.groups > 1:
        M = (*problem.w, 0)[0]
        w = problem.w if problem.op == "conv_transpose" else (M, C, *problem.w[2:])
        yield "conv.groups", replace(problem, groups=1, w=w)
    if problem.batch_groups > 1:
        fewer = (N // problem.batch_groups, C, *spatial)
        yield "conv.batch_groups", replace(problem, batch_groups=1, x=fewer)
    if problem.op == "depthwise_conv" and problem.w[1] > 1:
        yield "depthwise.weight", replace(problem, w=(problem.w[0], 1, *problem.w[2:]))


def plainer(problem: Problem, verdict: Verdict) -> Iterator[Simpler]:
    """Yield the float32 problem, where that a dtype is to blame names a clause.

    It lies in memory plainly: of one byte a dtype has no byte order, float32 has one that a backend
    may not take.
    """
    plain = replace(problem, dtype="float32", output_dtype="", memory="contiguous")
    if verdict.kind is Kind.REFUSES:
        yield "value.dtype", plain
    elif problem.is_complex:
        yield "value.complex", plain
    elif not problem.is_float:
        yield whole_number_clause(problem), plain


def _simpler_windows(problem: Problem, verdict: Verdict) -> Iterator[Simpler]:
    if problem.op == "conv1x1" or problem.op in UNWINDOWED:
        return
    ones = (1,) * problem.rank
    if max(problem.output_padding, default=0) > 0:
        yield "transpose.odd", replace(problem, output_padding=(0,) * problem.rank)
    if problem.padding_mode != "zeros":
        yield f"padding.{problem.padding_mode}", replace(problem, padding_mode="zeros")
    if problem.op in OVER_OUTPUT:
        yield from _spread_windows(problem)
    elif problem.padding != "valid":
        yield from _less_padded(problem, verdict)
    if problem.op == "fold":
        return  # its sizes hang together
    yield "window.input_dilation", replace(problem, input_dilation=ones)
    yield "window.dilation", _undilated(problem)
    yield "window.stride", _unstrided(problem)


def _undilated(problem: Problem) -> Problem:
    pairs = zip(problem.output_padding, problem.stride, strict=True)
    less = tuple(min(more, step - 1) for more, step in pairs)
    return replace(problem, dilation=(1,) * problem.rank, output_padding=less)


def _unstrided(problem: Problem) -> Problem:
    pairs = zip(problem.output_padding, problem.dilation, strict=True)
    less = tuple(min(more, step - 1) for more, step in pairs)
    return replace(problem, stride=(1,) * problem.rank, output_padding=less)


def _spread_windows(problem: Problem) -> Iterator[Simpler]:
    """Yield problems whose padding crops less, or nothing."""
    if problem.op == "max_unpool" and problem.output:
        yield "unpool.output", replace(problem, output=())
    if problem.op != "conv_transpose" or problem.padding == "valid":
        return
    found = tuple((axis.before, axis.after) for axis in axes_of(problem))
    if problem.padding in ("same", "same_upper", "same_lower"):
        yield "transpose.same", replace(problem, padding=found)
    alike = tuple((min(pair), min(pair)) for pair in found)
    yield "padding.explicit", replace(problem, padding=alike)
    yield "transpose.count", replace(problem, padding="valid")


def _less_padded(problem: Problem, verdict: Verdict) -> Iterator[Simpler]:
    found = tuple((axis.before, axis.after) for axis in axes_of(problem))
    named = problem.padding if problem.padding in ("causal", "full") else "same"
    yield f"padding.{named}", replace(problem, padding=found)
    if min(map(min, found), default=0) < 0:
        whole = tuple((max(0, one), max(0, other)) for one, other in found)
        yield "padding.negative", replace(problem, padding=whole)
    # An answer shows whether both sides alike help; for a refusal more padding may be worse.
    alike = min if verdict.kind is Kind.REFUSES else max
    even = tuple((alike(pair), alike(pair)) for pair in found)
    yield "padding.explicit", with_room(replace(problem, padding=even))
    label = PADDED[problem.op] if verdict.kind is Kind.VALUE else "padding.explicit"
    yield label, with_samples_everywhere(problem)


def is_maximum(problem: Problem) -> bool:
    """Whether the answer is one of the samples, and NaN if one of them is."""
    return problem.op in MAXIMA and not problem.grad
