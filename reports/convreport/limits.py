"""Limits: what a valid problem may have that a framework does not take, one name each.

`LIMITS` says whether a problem passes one; `probes` gives a problem for each op and rank that
passes it and, where that can be, no other. A limit that is made of others stands behind them, and
of two that a framework has the one behind decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import prod
from typing import Any

from convformance.expect import broken_clause
from convformance.problem import OPS, Problem
from convformance.repairs import OVER_OUTPUT
from convformance.sizes import axes_of, with_its_columns

RANKS = (1, 2, 3)
Passes = Callable[[Problem], bool]


def _same(problem: Problem) -> bool:
    return isinstance(problem.padding, str) and problem.padding.startswith("same")


def _strided(problem: Problem) -> bool:
    return max(problem.stride, default=1) > 1


def _dilated(problem: Problem) -> bool:
    return max(problem.dilation, default=1) > 1


def _in_numbers(problem: Problem) -> bool:
    return not isinstance(problem.padding, str) or problem.padding == "full"


def _any_axis(wanted: Callable[[Any], bool]) -> Passes:
    return lambda problem: any(map(wanted, axes_of(problem)))


def _slides(problem: Problem) -> bool:
    return problem.op not in OVER_OUTPUT


def _past(part: float) -> Passes:
    def passes(problem: Problem) -> bool:
        return _in_numbers(problem) and any(
            max(axis.before, axis.after) > part * axis.kernel_size for axis in axes_of(problem)
        )

    return passes


def _cropped_away(problem: Problem) -> bool:
    """Whether the padding of a transposed convolution crops more elements than it gives."""
    return _in_numbers(problem) and any(
        (size - 1) * axis.stride + axis.extent - axis.before - axis.after + more < 0
        for size, axis, more in zip(
            problem.x[2:], axes_of(problem), problem.output_padding, strict=True
        )
    )


LIMITS: dict[str, Passes] = {
    "an empty batch": lambda problem: problem.x[0] == 0,
    "an empty batch and indices": lambda problem: problem.x[0] == 0 and problem.indices,
    "no input channels": lambda problem: problem.x[1] == 0,
    "no output channels": lambda problem: (
        problem.x[1] > 0 and 0 in (*problem.w[:2], *problem.pointwise[:1])
    ),
    "an axis without a sample": lambda problem: problem.op != "fold" and 0 in problem.x[2:],
    "an axis without a sample beside padding": lambda problem: (
        problem.op != "fold" and 0 in problem.x[2:] and problem.padding != "valid"
    ),
    "an axis without a sample under valid padding": lambda problem: (
        problem.op != "fold" and 0 in problem.x[2:] and problem.padding == "valid"
    ),
    "an axis without a sample under same padding": lambda problem: (
        problem.op != "fold" and 0 in problem.x[2:] and _same(problem)
    ),
    "groups": lambda problem: problem.groups > 1,
    "a stride": _strided,
    "strides that differ between axes": lambda problem: len(set(problem.stride)) > 1,
    "a dilation": _dilated,
    "a stride and a dilation": lambda problem: _strided(problem) and _dilated(problem),
    "a stride and a dilation on one axis": lambda problem: any(
        step > 1 and apart > 1
        for step, apart in zip(problem.stride, problem.dilation, strict=False)
    ),
    "same padding": _same,
    "same padding and a stride": lambda problem: _same(problem) and _strided(problem),
    "same padding and a dilation": lambda problem: _same(problem) and _dilated(problem),
    "padding in numbers": lambda problem: not isinstance(problem.padding, str),
    "padding in numbers and a dilation": lambda problem: _in_numbers(problem) and _dilated(problem),
    "negative padding": _any_axis(lambda axis: min(axis.before, axis.after) < 0),
    "padding past half the kernel": _past(0.5),
    "padding of the kernel's size or more": _past(0.999999),
    "an output padding": lambda problem: max(problem.output_padding, default=0) > 0,
    "an output padding of the stride or more": lambda problem: any(
        more >= step for more, step in zip(problem.output_padding, problem.stride, strict=True)
    ),
    "ceil_mode": lambda problem: problem.ceil_mode,
    "same padding and an output padding": lambda problem: (
        _same(problem) and max(problem.output_padding, default=0) > 0
    ),
    "no window along an axis": lambda problem: (
        _slides(problem) and any(axis.size and axis.count == 0 for axis in axes_of(problem))
    ),
    "a formula below no window along an axis": lambda problem: (
        _slides(problem) and any(axis.room // axis.stride < -1 for axis in axes_of(problem))
    ),
    "an extent past the input without its padding": lambda problem: (
        _slides(problem) and any(axis.extent > axis.size for axis in axes_of(problem))
    ),
    "one sample or one window along the last axis": lambda problem: (
        problem.op == "adaptive_max_pool" and 1 in (problem.x[-1], problem.output[-1])
    ),
    "more cropped than there is": lambda problem: (
        problem.op == "conv_transpose" and _cropped_away(problem)
    ),
    "no column to fold": lambda problem: problem.op == "fold" and problem.x[2] == 0,
    "no element along an axis": lambda problem: (
        problem.op == "conv_transpose" and any(axis.size == 0 for axis in axes_of(problem))
    ),
}


# Those of inputs without an element, at which frameworks are at odds with themselves.
EMPTY = tuple(
    name for name in LIMITS if name.startswith(("an empty", "no input", "an axis without"))
)


def passed(problem: Problem) -> tuple[str, ...]:
    """Return the names of the limits that a valid problem passes."""
    return tuple(name for name, passes in LIMITS.items() if passes(problem))


def plain(op: str, rank: int) -> Problem | None:
    """Return the problem of an op that passes no limit, or None where no line says one."""
    spatial, kernel = (7, 8, 9)[:rank], (3, 3, 3)[:rank]
    values: dict[str, Any] = {"x": (1, 2, *spatial), "kernel": kernel, "output": (3,) * rank}
    values["w"] = {
        "conv1x1": (3, 2),
        "conv_transpose": (2, 3, *kernel),
        "depthwise_conv": (2, 2, *kernel),
        "separable_conv": (2, 1, *kernel),
    }.get(op, (3, 2, *kernel))
    values["pointwise"] = (3, 2)
    if op == "max_unpool":
        values |= {"kernel": (2,) * rank, "stride": (2,) * rank}
        values["output"] = tuple(2 * size for size in spatial)
    if op == "fold":
        values |= {"output": spatial, "x": (1, 2 * prod(kernel), 1)}
    problem = Problem(op, **{name: value for name, value in values.items() if name in OPS[op]})
    return with_its_columns(problem) if op == "fold" else problem


def _changes(problem: Problem) -> Iterator[dict[str, Any]]:
    """Yield attributes that pass the limits, simplest first."""
    rank, N, C = problem.rank, *problem.x[:2]
    spatial, w = problem.x[2:], problem.w
    twos, ones = (2,) * rank, ((1, 1),) * rank
    yield {"x": (0, C, *spatial)}
    yield {"x": (0, C, *spatial), "indices": True}
    yield {"x": (N, 0, *spatial)} | (
        {"w": (w[0], 0, *w[2:])}
        if problem.op == "conv"
        else {"w": (w[0], 0)}
        if problem.op == "conv1x1"
        else {}
    )
    yield {"x": (N, 0, *spatial), "w": (0, *w[1:])}
    yield {"w": (0, *w[1:])} if problem.op in ("conv", "conv1x1") else {"w": (*w[:1], 0, *w[2:])}
    yield {"x": (N, C, *spatial[:-1], 0)}
    yield {"x": (N, C, *spatial[:-1], 0), "padding": tuple((2, 2) for _ in spatial)}
    yield {"x": (N, C, *spatial[:-1], 0), "padding": "same"}
    yield {"x": (N, 4, *spatial), "w": (4, 2, *w[2:]), "groups": 2}
    yield {"stride": twos}
    yield {"stride": (1,) * (rank - 1) + (2,)}
    yield {"stride": (2,) + (3,) * (rank - 1)}
    yield {"dilation": twos}
    yield {"dilation": twos, "stride": twos}
    yield {"dilation": (2,) + (1,) * (rank - 1), "stride": (2,) + (1,) * (rank - 1)}
    yield {"dilation": (2,) + (1,) * (rank - 1), "stride": (1,) * (rank - 1) + (2,)}
    for padding in ("same", "same_upper"):
        yield {"padding": padding}
        yield {"padding": padding, "stride": twos}
        yield {"padding": padding, "dilation": twos}
    yield {"padding": ones}
    yield {"padding": ones, "dilation": twos}
    yield {"padding": ones, "stride": twos}
    yield {"padding": ((-1, -1),) * rank}
    yield {"padding": ((2, 2),) * rank}
    yield {"padding": ((3, 3),) * rank}
    yield {"output_padding": (1,) * rank, "stride": twos}
    yield {"output_padding": (1,) * rank, "dilation": twos}
    yield {"output_padding": (1,) * rank, "stride": twos, "padding": ones}
    yield {"output_padding": (1,) * rank, "stride": twos, "padding": "same"}
    yield {"ceil_mode": True}
    yield {"ceil_mode": True, "stride": twos}
    if problem.op.startswith("adaptive") or problem.op == "fold":
        yield {"output": (1,) * rank}
    yield {"x": (N, C, *spatial[:-1], 1)}
    small = (*spatial[:-1], 2)
    yield {"x": (N, C, *small)}
    yield {"x": (N, C, *small), "padding": ones}
    yield {"x": (N, C, *small), "padding": "same"}
    yield {"x": (N, C, *((1,) * rank)), "padding": ((2, 2),) * rank}


def probes(op: str, rank: int) -> Iterator[Problem]:
    """Yield the valid problems of the op that pass limits, the plain one first."""
    problem = plain(op, rank)
    if problem is None or broken_clause(problem):
        return
    yield problem
    met = {problem}
    for change in _changes(problem):
        if not set(change) <= set(OPS[op]):
            continue
        try:
            changed = replace(problem, **change)
            changed = with_its_columns(changed) if op == "fold" else changed
        except ValueError:  # a rank at which a change is none, or no line says it
            continue
        if changed not in met and not broken_clause(changed):
            met.add(changed)
            yield changed
