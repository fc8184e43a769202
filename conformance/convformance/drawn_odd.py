"""Problems at the rim of what frameworks take: cropping, four spatial axes, nothing at all."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from convformance.drawing import Draw, small
from convformance.drawn_forms import WITH_GRADIENT, cropped
from convformance.problem import Case, Problem
from convformance.sizes import with_its_columns
from convformance.strategies import problems


@st.composite
def cropped_cases(draw: Draw, op: str) -> Case:
    """Draw a case of an op other than conv with padding that may be negative, or its gradient."""
    problem = draw(problems(op, ("float32",)))
    pads = cropped(draw, problem.rank)
    if op == "max_unpool":
        problem = replace(problem, padding=tuple((min(0, one),) * 2 for one, _ in pads), output=())
    else:
        problem = _with_room(replace(problem, padding=pads), pads)
    if op in WITH_GRADIENT and draw(st.booleans()):
        by = ("x", "w", "bias") if problem.bias else ("x", "w") if problem.w else ("x",)
        problem = replace(problem, indices=False, grad=draw(st.sampled_from(by)))
    return Case(problem, "integers", draw(small(0, 999)))


def _with_room(problem: Problem, pads: tuple[tuple[int, int], ...]) -> Problem:
    """Return the problem with as many samples more as the padding takes away."""
    sizes = problem.output if problem.op == "fold" else problem.x[2:]
    wide = tuple(size + max(0, -sum(pair)) for size, pair in zip(sizes, pads, strict=True))
    if problem.op == "fold":
        return with_its_columns(replace(problem, output=wide))
    return replace(problem, x=(*problem.x[:2], *wide))


@st.composite
def high_rank_cases(draw: Draw, op: str) -> Case:
    """Draw a case of four spatial axes."""
    problem = draw(problems(op, ("float32",), ranks=(4,)))
    if op in WITH_GRADIENT and draw(small(0, 3)) == 2:
        problem = replace(problem, indices=False, grad="x")
    return Case(problem, "integers", draw(small(0, 999)))


@st.composite
def empty_cases(draw: Draw, op: str) -> Case:
    """Draw a case of which the batch, the channels, those of the output or an axis is zero."""
    problem = draw(problems(op, ("float32",)))
    what = draw(st.sampled_from(("batch", "channels", "axis", "output channels")))
    emptied = _EMPTIED[what](problem, draw(small(0, problem.rank - 1)))
    if op in WITH_GRADIENT and draw(small(0, 2)) == 1:
        emptied = replace(emptied, indices=False, grad="x")
    return Case(emptied, "integers", draw(small(0, 999)))


def _without_batch(problem: Problem, _: int) -> Problem:
    return replace(problem, x=(0, *problem.x[1:]))


def _without_channels(problem: Problem, _: int) -> Problem:
    x = (problem.x[0], 0, *problem.x[2:])
    if problem.op in ("depthwise_conv", "separable_conv", "conv_transpose"):
        points = (problem.pointwise[0], 0) if problem.pointwise else ()
        return replace(problem, x=x, w=(0, *problem.w[1:]), pointwise=points)
    return replace(problem, x=x, w=(problem.w[0], 0, *problem.w[2:]) if problem.w else ())


def _without_samples(problem: Problem, axis: int) -> Problem:
    # A folding has columns, not axes; and few sizes unpool from nothing.
    if problem.op in ("fold", "max_unpool"):
        return problem
    sizes = tuple(0 if a == axis else size for a, size in enumerate(problem.x[2:]))
    return replace(problem, x=(*problem.x[:2], *sizes))


def _without_output_channels(problem: Problem, _: int) -> Problem:
    if problem.pointwise:
        return replace(problem, pointwise=(0, problem.pointwise[1]))
    if problem.op in ("depthwise_conv", "conv_transpose"):
        return replace(problem, w=(problem.w[0], 0, *problem.w[2:]))
    return replace(problem, w=(0, *problem.w[1:])) if problem.w else problem


_EMPTIED = {
    "batch": _without_batch,
    "channels": _without_channels,
    "axis": _without_samples,
    "output channels": _without_output_channels,
}
