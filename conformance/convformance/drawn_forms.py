"""Other forms of a problem: its gradient, what a convolution may ask for, how arrays lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from convformance.drawing import FLOATS, Draw, among, batch, small
from convformance.problem import MEMORIES, OPS, PADDING_MODES, Case, Problem
from convformance.strategies import large_problems, problems

GRADIENT_FILLS = ("integers", "integers", "integers+special")
WITH_GRADIENT = tuple(op for op in OPS if "grad" in OPS[op])
LINEAR = ("conv", "conv_transpose")
FORMS = (
    *("mode",) * 4, "flip", "causal", "full", "negative", "input_dilation", "batch_groups",
)  # fmt: skip


@st.composite
def gradient_cases(
    draw: Draw,
    op: str,
    dtypes: Sequence[str] = FLOATS,
    fills: Sequence[str] = GRADIENT_FILLS,
) -> Case:
    """Draw a case of an op's gradient."""
    problem = draw(problems(op, dtypes))
    if draw(st.integers(0, 15).map(lambda number: number == 9)) and op != "conv_transpose":
        problem = draw(large_problems(op, [dtype for dtype in dtypes if dtype in FLOATS]))
    problem = replace(problem, indices=False)
    by = "x"
    if op in LINEAR:
        by = draw(st.sampled_from(("x", "w", "bias") if problem.bias else ("x", "w")))
    fill = draw(st.sampled_from(fills))
    if by != "x" and "+" in fill:
        fill = "special"  # it adds up the batch
    if op == "lp_pool" and fill != "real":
        fill = "integers"  # a root of what is not finite has no gradient
    return Case(replace(problem, grad=by), fill, draw(small(0, 999)))


@st.composite
def form_cases(
    draw: Draw,
    dtypes: Sequence[str] = FLOATS,
    fills: Sequence[str] = ("integers", "special"),
    gradient: bool = False,
) -> Case:
    """Draw a convolution with a padding mode, a flipped kernel, holes, batch groups ...

    With `gradient`, one by its input, its weight or its bias.
    """
    form = draw(st.sampled_from([one for one in FORMS if one != "batch_groups" or not gradient]))
    rank = draw(among(2, 1, 1, 3))
    kernel = tuple(draw(small(1, 4)) for _ in range(rank))
    dilation = tuple(draw(among(1, 1, 2)) for _ in range(rank))
    spatial = tuple(d * (k - 1) + draw(small(1, 4)) for d, k in zip(dilation, kernel, strict=True))
    alone = draw(st.booleans()) and form == "flip"  # what a function for signals can say
    groups = 1 if alone else draw(among(1, 1, 2))
    depth, width = (1, 1) if alone else (draw(small(1, 3)), draw(small(1, 3)))
    N = 1 if alone else max(1, batch(draw))
    x, w = (N, depth * groups, *spatial), (width * groups, depth, *kernel)
    options: dict[str, Any] = {
        "stride": (1,) * rank if alone else tuple(draw(small(1, 3)) for _ in range(rank)),
        "dilation": (1,) * rank if alone else dilation,
        "groups": groups,
        "bias": not alone and draw(st.booleans()),
        "dtype": draw(st.sampled_from(tuple(dtypes))),
    }
    problem = _formed(draw, form, Problem("conv", x, w, **options))
    if gradient:
        by = ("x", "w", "x", "bias") if problem.bias else ("x", "w")
        problem = replace(problem, grad=draw(st.sampled_from(by)))
    fitting = [fill for fill in fills if fill == "integers" or not problem.is_complex]
    return Case(problem, draw(st.sampled_from(fitting)), draw(small(0, 999)))


def _formed(draw: Draw, form: str, problem: Problem) -> Problem:
    rank = problem.rank
    if form in ("causal", "full"):
        modes = st.sampled_from(("zeros", *PADDING_MODES))
        return replace(problem, padding=form, padding_mode=draw(modes))
    if form == "flip":
        return replace(problem, flip=True, padding=draw(among("full", "valid", "same")))
    if form == "mode":
        return _continued(draw, problem)
    if form == "negative":
        return replace(problem, padding=cropped(draw, rank))
    if form == "input_dilation":
        holes = tuple(draw(small(1, 3)) for _ in range(rank))
        pads = [(draw(small(0, 2)), draw(small(0, 2))) for _ in range(rank)]
        return replace(problem, input_dilation=holes, padding=tuple(pads))
    parts = draw(small(2, 3))
    x = (problem.x[0] * parts, problem.x[1] // problem.groups, *problem.x[2:])
    w = (problem.w[0] * parts, *problem.w[1:])
    return replace(problem, x=x, w=w, groups=1, batch_groups=parts)


def _continued(draw: Draw, problem: Problem) -> Problem:
    """Draw a padding mode and what it pads; a fifth of them say "same"."""
    mode = draw(st.sampled_from(PADDING_MODES[1:]))
    if draw(small(0, 4)) == 3:
        named = draw(among("same", "same_upper", "same_lower"))
        step = (1,) * problem.rank if draw(st.booleans()) else problem.stride
        return replace(problem, padding_mode=mode, padding=named, stride=step)
    most = [size - 1 + draw(among(0, 3, 0, 2)) for size in problem.x[2:]]
    sides = [st.sampled_from(sorted({0, min(1, one), min(8, one)})) for one in most]
    pads = [(draw(side), draw(side)) for side in sides]
    if draw(st.booleans()):
        pads = [(before, before) for before, _ in pads]
    return replace(problem, padding_mode=mode, padding=tuple(pads))


def cropped(draw: Draw, rank: int) -> tuple[tuple[int, int], ...]:
    """Draw padding of which sides may be negative; half of it alike on both sides."""
    pads = [(draw(small(-2, 1)), draw(small(-2, 1))) for _ in range(rank)]
    if draw(st.booleans()):
        pads = [(before, before) for before, _ in pads]
    return tuple(pads)


@st.composite
def continued_problems(draw: Draw, dtypes: Sequence[str] = ("float32",)) -> Problem:
    """Draw a convolution with a padding mode; every second one goes round a torus."""
    rank = draw(among(2, 1))
    kernel = tuple(draw(small(1, 4)) for _ in range(rank))
    dilation = tuple(draw(among(1, 1, 2)) for _ in range(rank))
    extents = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    stride = tuple(draw(small(1, min(3, extent))) for extent in extents)
    groups = draw(among(1, 1, 2))
    depth, width = draw(small(1, 2)), draw(small(1, 2))
    # As many windows as strides, each with a sample of its own at its start.
    spatial = [s * (-(-e // s) + draw(small(2, 4))) for s, e in zip(stride, extents, strict=True)]
    before = [draw(small(0, e - s)) for s, e in zip(stride, extents, strict=True)]
    torus = tuple((one, e - s - one) for one, s, e in zip(before, stride, extents, strict=True))
    whole = Problem(
        "conv", (draw(small(1, 2)), depth * groups, *spatial), (width * groups, depth, *kernel),
        stride=stride, dilation=dilation, groups=groups, padding=torus, padding_mode="circular",
        dtype=draw(st.sampled_from(tuple(dtypes))),
    )  # fmt: skip
    return whole if draw(st.booleans()) else _continued(draw, whole)


@st.composite
def widening_cases(draw: Draw, dtype: str, wider: str) -> Case:
    """Draw a convolution whose output has a wider dtype than its inputs."""
    problem = replace(draw(problems("conv", (dtype,))), output_dtype=wider)
    fills = {"float16": ("integers", "overflow"), "bfloat16": ("integers",)}
    fill = draw(st.sampled_from(fills.get(dtype, ("integers", "special"))))
    return Case(problem, fill, draw(small(0, 999)))


@st.composite
def handed_cases(draw: Draw, op: str, dtypes: Sequence[str] = ("float32",)) -> Case:
    """Draw a case of the op whose arrays come unbatched, channels last, or lie oddly in memory."""
    problem = draw(problems(op, dtypes))
    how = draw(among("memory", "layout", "memory", "unbatched", "memory"))
    if how == "unbatched":
        problem = replace(problem, x=(1, *problem.x[1:]), unbatched=True)
    elif how == "layout" and op not in ("unfold", "fold"):
        problem = replace(problem, layout="channels_last")
    else:
        problem = replace(problem, memory=draw(st.sampled_from(MEMORIES[1:])))
    if op in WITH_GRADIENT and draw(st.booleans()) and problem.dtype in FLOATS:
        problem = replace(problem, indices=False, grad="x")
    return Case(problem, "integers", draw(small(0, 999)))
