"""Hypothesis strategies over the whole space of problems, biased to where bugs live.

Geometry is drawn, data is not: a case carries a seed, which costs nothing to draw or shrink.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

from hypothesis import strategies as st

from convformance.expect import broken_clause
from convformance.problem import OPS, Case, Problem

FLOATS = ("float32", "float64", "float16", "bfloat16")
INTEGERS = ("int8", "int32", "int64")
FLOAT_OPS = ("lp_pool", "distance_pool")
MEANING_FILLS = ("integers", "integers", "integers+special", "special")
BUDGET = 3_000  # terms of a small case: the oracle loops over all of them in milliseconds
CHANNELS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33)

Draw = Any  # Hypothesis's draw function
ONE_IN_16 = st.integers(0, 15).map(lambda number: number == 9)
ONE_IN_32 = st.integers(0, 31).map(lambda number: number == 17)  # not an end: ends are drawn often


def small(low: int, high: int) -> st.SearchStrategy[int]:
    """Return whole numbers that shrink to `low`."""
    return st.integers(low, high)


@st.composite
def axis(draw: Draw, padding: str, pool: bool) -> dict[str, Any]:
    """Draw one axis: its size is drawn last, around what the window needs."""
    kernel = draw(st.sampled_from((1, 2, 3, 2, 4, 5, 3, 2, 7)))
    dilation = draw(st.sampled_from((1, 1, 1, 2, 3)))
    stride = draw(st.sampled_from((1, 1, 2, 3, kernel, kernel + 1)))
    extent = dilation * (kernel - 1) + 1
    before = after = 0
    if padding == "symmetric":
        # mostly within half the kernel, where every framework can follow
        before = after = draw(small(0, max(kernel // 2, draw(st.sampled_from((0, 0, 0, extent))))))
    elif padding == "asymmetric":
        before, after = draw(small(0, extent)), draw(small(0, extent))
    # Extents that only just fit, strides that leave 0, 1 or stride - 1 samples over, and more.
    spare = draw(
        st.sampled_from((0, 1, stride, stride - 1, stride + 1, 2 * stride, 5, 3, 2, 4, 6, 7))
    )
    size = extent + spare - before - after
    if size < 1:
        size = 1 + draw(small(0, 2))
    elif draw(ONE_IN_32):
        size = draw(st.sampled_from((0, max(0, size - spare - 1))))  # no sample, or one too few
    return {
        "kernel": kernel,
        "dilation": dilation,
        "stride": stride,
        "pad": (before, after),
        "size": size,
    }


PAD_KINDS = (
    "valid", "symmetric", "same", "asymmetric", "valid", "same_upper", "same_lower", "symmetric",
)  # fmt: skip


@st.composite
def problems(draw: Draw, op: str, dtypes: Sequence[str] = FLOATS + INTEGERS) -> Problem:
    """Draw a valid problem of the op, small enough for the oracle to loop over whole."""
    allowed = [dtype for dtype in dtypes if dtype in FLOATS or op not in FLOAT_OPS]
    dtype = draw(st.sampled_from(allowed))
    rank = draw(st.sampled_from((2, 1, 2, 3)))
    if op == "conv1x1":
        return _conv1x1(draw, rank, dtype)
    kind = draw(st.sampled_from(PAD_KINDS))
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
    spatial = _shortened([one["size"] for one in axes], kernel)
    if op == "conv":
        return _conv(draw, spatial, kernel, common)
    return _pool(draw, op, spatial, kernel, common)


def _shortened(sizes: list[int], kernel: tuple[int, ...]) -> tuple[int, ...]:
    """Cut the longest axis until a loop over all taps of all samples stays small."""
    while prod(sizes) * prod(kernel) > BUDGET and max(sizes) > 1:
        longest = sizes.index(max(sizes))
        sizes[longest] = sizes[longest] * 2 // 3
    return tuple(sizes)


def _batch(draw: Draw) -> int:
    return int(draw(st.sampled_from((1, 2, 1, 3, 1, 2, 2, 1, 1, 2, 1, 4, 2, 1, 3, 0))))


def _channels(draw: Draw, most: int) -> int:
    return int(draw(st.sampled_from([C for C in CHANNELS if max(1, most) >= C])))


def _conv(
    draw: Draw, spatial: tuple[int, ...], kernel: tuple[int, ...], common: dict[str, Any]
) -> Problem:
    most = max(1, BUDGET // max(1, prod(spatial) * prod(kernel)))
    kind = draw(st.sampled_from(("one", "one", "depthwise", "groups", "multiplier")))
    if kind == "one":
        groups, depth = 1, _channels(draw, most)
        M = _channels(draw, max(2, most // depth))
    elif kind == "groups":
        groups, depth = draw(small(2, 4)), draw(small(1, 4))
        M = groups * draw(small(1, 3))
    else:
        groups, depth = _channels(draw, most), 1
        M = groups * (1 if kind == "depthwise" else draw(small(2, 3)))
    if draw(ONE_IN_32):
        depth, groups = (0, 1) if draw(st.booleans()) else (depth, groups)
        M = M if depth == 0 else 0
    return Problem(
        "conv",
        (_batch(draw), depth * groups, *spatial),
        (M, depth, *kernel),
        groups=groups,
        bias=draw(st.booleans()),
        **common,
    )


def _conv1x1(draw: Draw, rank: int, dtype: str) -> Problem:
    spatial = tuple(draw(small(1, 6)) for _ in range(rank))
    most = max(2, BUDGET // prod(spatial))
    C = _channels(draw, most // 2)
    M = _channels(draw, most // C)
    x = (_batch(draw), C, *spatial)
    return Problem("conv1x1", x, (M, C), bias=draw(st.booleans()), dtype=dtype)


def _pool(
    draw: Draw, op: str, spatial: tuple[int, ...], kernel: tuple[int, ...], common: dict[str, Any]
) -> Problem:
    most = max(1, BUDGET // max(1, prod(spatial) * prod(kernel)))
    C = 0 if draw(ONE_IN_32) else draw(st.sampled_from((1, 2, 3, _channels(draw, most))))
    extra: dict[str, Any] = {"ceil_mode": draw(st.booleans())}
    if op == "max_pool":
        extra["indices"] = draw(st.booleans())
    if op in ("avg_pool", "distance_pool"):
        extra["count_include_pad"] = draw(st.booleans())
    if op == "lp_pool":
        extra["p"] = draw(st.sampled_from((2, 1, 3, float("inf"))))
    return Problem(op, (_batch(draw), C, *spatial), kernel=kernel, **extra, **common)


@st.composite
def large_problems(
    draw: Draw, op: str, dtypes: Sequence[str] = ("float32", "float16", "bfloat16")
) -> Problem:
    """Draw a problem past the oracle's budget: wide, or of hundreds of channels; it is sampled."""
    dtype = draw(st.sampled_from(dtypes))
    wide = draw(st.booleans())
    spatial = (draw(small(3, 9)), draw(small(65, 140))) if wide else (draw(small(3, 8)),) * 2
    C = (
        draw(small(1, 12))
        if wide
        else draw(st.sampled_from((63, 64, 65, 96, 127, 128, 129, 200, 256)))
    )
    kernel = (draw(small(1, 3)), draw(st.sampled_from((1, 2, 3, 5))))
    common: dict[str, Any] = {
        "stride": (draw(small(1, 2)), draw(small(1, 3))),
        "padding": draw(st.sampled_from(("valid", "same", ((0, 0), (kernel[1] // 2,) * 2)))),
        "dtype": dtype,
    }
    x = (draw(small(1, 2)), C, *spatial)
    if op == "conv":
        M = draw(st.sampled_from((1, 3, 8, 33, 64)))
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
    if draw(ONE_IN_16):  # drawn on top, so that a small problem is the simpler one to shrink to
        floats = [dtype for dtype in dtypes if dtype in FLOATS] or FLOATS
        problem = draw(large_problems(op, floats))
    return Case(problem, draw(st.sampled_from(fills)), draw(small(0, 999)))


@st.composite
def invalid_cases(draw: Draw, op: str) -> Case:
    """Draw a case whose problem breaks a clause: a valid problem with one thing spoilt."""
    problem = draw(problems(op, FLOATS[:2]))
    spoilt = draw(st.sampled_from(_spoilt(problem)))
    return Case(spoilt, "integers", draw(small(0, 99)))


def _spoilt(problem: Problem) -> list[Problem]:
    """Return invalid neighbours of a valid problem, at least one for each clause that fits."""
    found = [_without_axes(problem)]
    ones = (1,) * (problem.rank - 1)
    if problem.op != "conv1x1":
        for value in (0, -1):
            found += [
                replace(problem, stride=(*ones, value)),
                replace(problem, dilation=(value, *ones)),
            ]
        padding = ((-1, 0), *((0, 0),) * (problem.rank - 1))
        found += [
            replace(problem, padding=padding),
            replace(problem, padding=((1, -1),) * problem.rank),
        ]
        found += [replace(problem, stride=(1,) * (problem.rank + 1))]
        found += [replace(problem, padding=((0, 0),) * (problem.rank + 1))]
    if problem.op == "conv":
        found += _spoilt_weights(problem)
    elif problem.op == "conv1x1":
        found += [replace(problem, w=(problem.w[0], problem.w[1] + 1))]
    else:
        found += [replace(problem, kernel=(0, *problem.kernel[1:]))]
        found += [replace(problem, kernel=(*problem.kernel, 1))]
    if problem.op == "lp_pool":
        found += [replace(problem, p=0), replace(problem, p=-1)]
    if problem.op in FLOAT_OPS:
        found += [replace(problem, dtype="int32")]
    return [one for one in found if broken_clause(one)]


def _without_axes(problem: Problem) -> Problem:
    """Return the problem on an input without spatial axes."""
    return replace(problem, x=problem.x[:2], stride=(), dilation=(), padding="valid")


def _spoilt_weights(problem: Problem) -> list[Problem]:
    M, depth, *kernel = problem.w
    C = problem.x[1]
    return [
        replace(problem, w=(M, depth + 1, *kernel)),
        replace(problem, w=(M, depth, *kernel, 1)),
        replace(problem, w=(M, depth, 0, *kernel[1:])),
        replace(problem, groups=0),
        replace(problem, groups=-1),
        replace(problem, groups=C + 1),
        replace(problem, groups=2, x=(problem.x[0], 4, *problem.x[2:]), w=(3, 2, *kernel)),
        replace(problem, groups=2, x=(problem.x[0], 3, *problem.x[2:]), w=(2, 1, *kernel)),
    ]


ALL_OPS = tuple(OPS)
