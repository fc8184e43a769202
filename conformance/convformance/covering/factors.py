"""What a covering list varies: the factors, their classes, and the classes of a case.

A class says how sizes lie to each other, not which they are: a kernel that is wider than its
stride, channels past a block of eight and no multiple of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

from convformance.meaning import output_channels
from convformance.problem import DTYPES, FILLS, LAYOUTS, MEMORIES, OPS, Case, Problem
from convformance.sizes import UNWINDOWED, axes_of

BLOCK, WIDE = 8, 64  # channels that a vector holds, and past which a kernel is often another
FEW = 4  # items of a batch
PLAIN_FIELDS = ("op", "dtype", "layout", "memory")

FACTORS: dict[str, tuple[str, ...]] = {
    "op": tuple(OPS),
    "rank": ("1", "2", "3"),
    "dtype": DTYPES,
    "layout": LAYOUTS,
    "padding": (
        "valid", "symmetric", "asymmetric", "negative", "same", "same_upper", "same_lower",
        "causal", "full",
    ),
    "kernel against stride": ("narrower", "equal", "wider"),
    "kernel against input": ("one tap", "inside", "equal", "past it"),
    "dilation": ("1", "2", "3 or more"),
    "groups": ("one", "some", "depthwise", "multiplier"),
    "channels": ("1", "below a block", "whole blocks", "past a block", "64 or more"),
    "output channels": ("1", "below a block", "whole blocks", "past a block", "64 or more"),
    "batch": ("1", "2 to 4", "5 or more"),
    "ceil": ("off", "on"),
    "divisor": ("samples", "padding too"),
    "bias": ("without", "with"),
    "fill": FILLS,
    "memory": MEMORIES,
}  # fmt: skip


def classes_of(case: Case) -> dict[str, str]:
    """Return {factor: class} of a valid case; a factor that it lacks, or mixes, is left out."""
    problem = case.problem
    found = {name: getattr(problem, name) for name in PLAIN_FIELDS}
    found |= {"rank": str(problem.rank), "fill": case.fill}
    found["batch"] = _amount(problem.x[0], FEW)
    found |= _of_channels(problem) | _of_windows(problem)
    if "ceil_mode" in OPS[problem.op]:
        found["ceil"] = FACTORS["ceil"][problem.ceil_mode]
    if "count_include_pad" in OPS[problem.op]:
        found["divisor"] = FACTORS["divisor"][problem.count_include_pad]
    if "bias" in OPS[problem.op]:
        found["bias"] = FACTORS["bias"][problem.bias]
    return {name: one for name, one in found.items() if one in FACTORS[name]}


def _amount(number: int, few: int) -> str:
    return "1" if number == 1 else f"2 to {few}" if 1 < number <= few else f"{few + 1} or more"


def channels_class(number: int) -> str:
    """Return how a number of channels lies to a block."""
    if number <= 1:
        return str(number)
    if number < BLOCK:
        return "below a block"
    if number >= WIDE:
        return f"{WIDE} or more"
    return "past a block" if number % BLOCK else "whole blocks"


def channels_of(problem: Problem) -> tuple[int, int]:
    """Return (channels in, channels out); an op without weights has none out (0)."""
    op, C = problem.op, problem.x[1]
    if op == "fold":
        return C // prod(problem.kernel_size), 0
    if op == "separable_conv":
        return C, problem.pointwise[0]
    if op == "depthwise_conv":
        return C, C * problem.w[1]
    return C, output_channels(problem)


def groups_class(C: int, M: int, groups: int) -> str:
    """Return which kind of grouping it is."""
    if groups == 1:
        return "one"
    if groups < C:
        return "some"
    return "depthwise" if M == C else "multiplier"


def _of_channels(problem: Problem) -> dict[str, str]:
    C, M = channels_of(problem)
    found = {"channels": channels_class(C), "output channels": channels_class(M)}
    if "groups" in OPS[problem.op]:
        found["groups"] = groups_class(C, M, problem.groups)
    return found


def _of_windows(problem: Problem) -> dict[str, str]:
    if problem.op in UNWINDOWED or problem.op == "conv1x1":
        return {}
    axes = axes_of(problem)
    found = {
        "padding": padding_class(problem.padding),
        "kernel against stride": _common(_to_stride(axis) for axis in axes),
        "kernel against input": _common(_to_input(axis) for axis in axes),
    }
    if "dilation" in OPS[problem.op]:
        found["dilation"] = _common(_dilation(axis) for axis in axes)
    return found


def _common(classes: Iterable[str]) -> str:
    """Return the class that all axes have, or nothing where they differ."""
    met = set(classes)
    return met.pop() if len(met) == 1 else ""


def padding_class(padding: Any) -> str:
    """Return the kind of a problem's padding."""
    if isinstance(padding, str):
        return padding
    sides = [side for pair in padding for side in pair]
    if any(side < 0 for side in sides):
        return "negative"
    if any(before != after for before, after in padding):
        return "asymmetric"
    return "symmetric" if any(sides) else "valid"


def _to_stride(axis: Any) -> str:
    if axis.kernel_size == axis.stride:
        return "equal"
    return "wider" if axis.kernel_size > axis.stride else "narrower"


def _to_input(axis: Any) -> str:
    if axis.kernel_size == 1:
        return "one tap"
    if axis.extent == axis.size:
        return "equal"
    return "inside" if axis.extent < axis.size else "past it"


def _dilation(axis: Any) -> str:
    return str(axis.dilation) if axis.dilation < 3 else "3 or more"
