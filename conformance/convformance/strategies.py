"""Hypothesis strategies over the whole space of problems, biased to where bugs live.

Geometry is drawn, data is not: a case carries a seed, which costs nothing to draw or shrink.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from hypothesis import strategies as st

from convformance.drawing import (
    BUDGET,
    FLOAT_OPS,
    FLOATS,
    INTEGERS,
    MEANING_FILLS,
    ONE_IN_16,
    ONE_IN_32,
    PAD_KINDS,
    Draw,
    among,
    axis,
    batch,
    channels,
    shortened,
    small,
)
from convformance.drawn_ops import DRAWN, large_problem
from convformance.problem import OPS, Case, Problem
from convformance.refusals import invalid, wrongs


@st.composite
def problems(
    draw: Draw,
    op: str,
    dtypes: Sequence[str] = FLOATS + INTEGERS,
    ranks: Sequence[int] = (2, 1, 2, 3),
) -> Problem:
    """Draw a valid problem of the op, small enough for the oracle to loop over whole."""
    allowed = [dtype for dtype in dtypes if dtype in FLOATS or op not in FLOAT_OPS]
    dtype = draw(among(*allowed))
    rank = draw(among(*ranks))
    if op == "conv1x1":
        return _conv1x1(draw, rank, dtype)
    if op in DRAWN:
        return DRAWN[op](draw, rank, dtype)
    kind = draw(among(*PAD_KINDS))
    axes = [draw(axis(kind, op != "conv")) for _ in range(rank)]
    if op != "conv" and draw(st.booleans()):  # most frameworks' pools have no dilation
        axes = [{**one, "dilation": 1, "size": max(1, one["size"])} for one in axes]
    common: dict[str, Any] = {
        "stride": tuple(one["stride"] for one in axes),
        "dilation": tuple(one["dilation"] for one in axes),
        "padding": kind
        if kind.startswith(("valid", "same"))
        else tuple(one["pad"] for one in axes),
        "dtype": dtype,
    }
    kernel = tuple(one["kernel"] for one in axes)
    spatial = shortened([one["size"] for one in axes], kernel)
    if op == "conv":
        return _conv(draw, spatial, kernel, common)
    return _pool(draw, op, spatial, kernel, common)


def _conv(
    draw: Draw, spatial: tuple[int, ...], kernel: tuple[int, ...], common: dict[str, Any]
) -> Problem:
    most = max(1, BUDGET // max(1, prod(spatial) * prod(kernel)))
    kind = draw(among("one", "one", "depthwise", "groups", "multiplier"))
    if kind == "one":
        groups, depth = 1, channels(draw, most)
        M = channels(draw, max(2, most // depth))
    elif kind == "groups":
        groups, depth = draw(small(2, 4)), draw(small(1, 4))
        M = groups * draw(small(1, 3))
    else:
        groups, depth = channels(draw, most), 1
        M = groups * (1 if kind == "depthwise" else draw(small(2, 3)))
    if draw(ONE_IN_32):
        depth, groups = (0, 1) if draw(st.booleans()) else (depth, groups)
        M = M if depth == 0 else 0
    return Problem(
        "conv",
        (batch(draw), depth * groups, *spatial),
        (M, depth, *kernel),
        groups=groups,
        bias=draw(st.booleans()),
        **common,
    )


def _conv1x1(draw: Draw, rank: int, dtype: str) -> Problem:
    spatial = tuple(draw(small(1, 6)) for _ in range(rank))
    most = max(2, BUDGET // prod(spatial))
    C = channels(draw, most // 2)
    M = channels(draw, most // C)
    x = (batch(draw), C, *spatial)
    return Problem("conv1x1", x, (M, C), bias=draw(st.booleans()), dtype=dtype)


def _pool(
    draw: Draw, op: str, spatial: tuple[int, ...], kernel: tuple[int, ...], common: dict[str, Any]
) -> Problem:
    most = max(1, BUDGET // max(1, prod(spatial) * prod(kernel)))
    C = 0 if draw(ONE_IN_32) else draw(among(1, 2, 3, channels(draw, most)))
    extra: dict[str, Any] = {"ceil_mode": draw(st.booleans())}
    if op == "max_pool":
        extra["indices"] = draw(st.booleans())
    if op in ("avg_pool", "distance_pool"):
        extra["count_include_pad"] = draw(st.booleans())
    if op == "lp_pool":
        extra["p"] = draw(among(2, 1, 3, float("inf")))
    return Problem(op, (batch(draw), C, *spatial), kernel=kernel, **extra, **common)


@st.composite
def large_problems(
    draw: Draw, op: str, dtypes: Sequence[str] = ("float32", "float16", "bfloat16")
) -> Problem:
    """Draw a problem past the oracle's budget: wide, or of hundreds of channels; it is sampled."""
    dtype = draw(among(*dtypes))
    if op in DRAWN:
        return large_problem(draw, op, dtype) or draw(problems(op, (dtype,)))
    wide = draw(st.booleans())
    spatial = (draw(small(3, 9)), draw(small(65, 140))) if wide else (draw(small(3, 8)),) * 2
    C = draw(small(1, 12)) if wide else draw(among(63, 64, 65, 96, 127, 128, 129, 200, 256))
    kernel = (draw(small(1, 3)), draw(among(1, 2, 3, 5)))
    common: dict[str, Any] = {
        "stride": (draw(small(1, 2)), draw(small(1, 3))),
        "padding": draw(st.sampled_from(("valid", "same", ((0, 0), (kernel[1] // 2,) * 2)))),
        "dtype": dtype,
    }
    x = (draw(small(1, 2)), C, *spatial)
    if op == "conv":
        M = draw(among(1, 3, 8, 33, 64))
        return Problem("conv", x, (M, C, *kernel), bias=draw(st.booleans()), **common)
    if op == "conv1x1":
        return Problem("conv1x1", x, (draw(small(1, 70)), C), bias=draw(st.booleans()), dtype=dtype)
    return Problem(op, x, kernel=kernel, **common)


@st.composite
def cases(
    draw: Draw,
    op: str,
    dtypes: Sequence[str] = FLOATS + INTEGERS,
    fills: Sequence[str] = MEANING_FILLS,
) -> Case:
    """Draw a case of a valid problem; about one in sixteen is large."""
    problem = draw(problems(op, dtypes))
    # A large one is drawn on top, so that a small problem is the simpler one to shrink to.
    if draw(ONE_IN_16) and not problem.is_complex:
        floats = [dtype for dtype in dtypes if dtype in FLOATS] or FLOATS
        problem = draw(large_problems(op, floats))
    if problem.is_complex:
        fills = [fill for fill in fills if "special" not in fill]
    return Case(problem, draw(among(*fills)), draw(small(0, 999)))


@st.composite
def invalid_cases(draw: Draw, op: str) -> Case:
    """Draw a case whose problem breaks a clause: a valid problem with one thing wrong."""
    problem = draw(problems(op, FLOATS[:2]))
    neighbours = [found for one in wrongs(problem) if (found := invalid(problem, one))]
    return Case(draw(st.sampled_from(neighbours)), "integers", draw(small(0, 99)))


ALL_OPS = tuple(OPS)
