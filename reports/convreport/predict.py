"""What a framework will do with a problem, from its profile alone: no framework is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from convformance.backend import Unsupported
from convformance.backends import (
    jax_calls,
    keras_calls,
    onnx_calls,
    tensorflow_calls,
    torch_calls,
)
from convformance.meaning import define, input_shapes
from convformance.problem import Problem
from convformance.sizes import UNWINDOWED, axes_of
from convoracle import Axis, Tensor
from convoracle.transpose import spread_axes
from convreport.limits import EMPTY, LIMITS
from convreport.profiles import REFUSES, Limit, Profile

COMPUTES, UNSAYABLE = "computes", "cannot say it"
UNFORETOLD = "is not foretold"
# Where an op was not asked at a variant point, the one that stands for it.
STANDS_FOR = {
    "conv1x1": "conv",
    "conv_transpose": "conv",
    "depthwise_conv": "conv",
    "separable_conv": "conv",
    "unfold": "conv",
    "fold": "conv",
    "lp_pool": "avg_pool",
    "distance_pool": "avg_pool",
    "adaptive_max_pool": "max_pool",
    "adaptive_avg_pool": "avg_pool",
    "global_max_pool": "max_pool",
    "global_avg_pool": "avg_pool",
}
SIZE_POINTS = ("padding.same_side", "transpose.valid", "transpose.same_odd")


ERRATIC = (
    "an input without an element is refused, answered in another shape or fatal here, by rules "
    "that were not measured"
)


@dataclass(frozen=True)
class Prediction:
    """What a framework does: `pads` are (before, after) of each axis where it has windows.

    `does` is "computes", "cannot say it", "is not foretold", or a fate of a limit; `reason` is the
    framework's own message or why its API has no way, `line` the case that measured it.
    """

    framework: str
    version: str
    how: str
    does: str
    problem: str
    call: str = ""
    recipe: bool = False
    shape: tuple[int, ...] = ()
    pads: tuple[tuple[int, int], ...] = ()
    reason: str = ""
    limit: str = ""
    line: str = ""


def predict(profile: Profile, problem: Problem) -> Prediction:
    """Say what the framework does with a valid problem."""
    known: dict[str, Any] = {
        "framework": profile.framework,
        "version": profile.version,
        "how": profile.how,
        "problem": problem.line,
    }
    try:
        known["call"], known["recipe"] = WRITTEN[profile.framework](problem)
    except Unsupported as reason:
        return Prediction(does=UNSAYABLE, reason=str(reason), **known)
    if 0 in problem.x and any(_is_erratic(one, problem) for one in profile.limits):
        return Prediction(does=UNFORETOLD, reason=ERRATIC, **known)
    limit = met_limit(profile, problem)
    if limit:
        known |= {"reason": limit.message, "limit": limit.limit, "line": limit.line}
        return Prediction(does=limit.does, **known)
    untaken = [one for one in profile.dtypes if _is_of(one, problem)]
    if untaken:
        known |= {"reason": untaken[0].message, "limit": problem.dtype}
        return Prediction(does=REFUSES, **known)
    choices = choices_for(profile, problem.op)
    # The choice is that of the word alone: pads in numbers and output padding are exact.
    if "valid" not in known["call"].lower() or any(problem.output_padding):
        choices.pop("transpose.valid", None)
    shape, axes = shape_under(problem, choices), axes_under(problem, choices)
    pads = tuple((axis.before, axis.after) for axis in axes)
    return Prediction(does=COMPUTES, shape=shape, pads=pads, **known)


def _is_erratic(limit: Limit, problem: Problem) -> bool:
    """Whether the limit shows that the framework does not take every empty input of the op."""
    return limit.op == problem.op and limit.limit in EMPTY


def met_limit(profile: Profile, problem: Problem) -> Limit | None:
    """Return the limit of the framework that the problem passes: of several the narrowest."""
    found = {
        one.limit: one
        for one in profile.limits
        if one.op == problem.op and one.rank == problem.rank
    }
    met = [name for name, passes in LIMITS.items() if name in found and passes(problem)]
    return found[met[-1]] if met else None


def _is_of(one: Any, problem: Problem) -> bool:
    return (one.op, one.rank, one.dtype) == (problem.op, problem.rank, problem.dtype)


def choices_for(profile: Profile, op: str) -> dict[str, str]:
    """Return the named choices that the framework follows for an op at the points of sizes."""
    found = {}
    for point in SIZE_POINTS:
        at = {one.op: one.choice for one in profile.choices if one.point == point}
        choice = at.get(op) or at.get(STANDS_FOR.get(op, ""))
        if choice and " " not in choice and choice != "unsupported":
            found[point] = choice
    return found


def shape_under(problem: Problem, choices: Mapping[str, str]) -> tuple[int, ...]:
    """Return the output's shape under the choices; raise `InvalidProblem`."""
    shapes = input_shapes(problem)
    if problem.is_complex:
        shapes = {name: (*shape, 2) for name, shape in shapes.items()}
    hollow = {name: Tensor(shape, range(prod(shape))) for name, shape in shapes.items()}
    shape = define(problem, hollow, choices).shape
    return shape[:-1] if problem.is_complex else shape


def axes_under(problem: Problem, choices: Mapping[str, str]) -> tuple[Axis, ...]:
    """Return the axes under the choices; those of conv_transpose slide over the output."""
    if problem.op in UNWINDOWED:
        return ()
    if problem.padding == "same" and choices.get("padding.same_side") == "before":
        problem = replace(problem, padding="same_lower")
    if problem.op != "conv_transpose":
        return axes_of(problem)
    return spread_axes(
        problem.x[2:],
        problem.kernel_size,
        stride=problem.stride,
        padding=problem.padding,
        output_padding=problem.output_padding,
        dilation=problem.dilation,
        choices=choices,
    )


def _torch(problem: Problem) -> tuple[str, bool]:
    said = torch_calls.written(problem)
    return said.source.strip(), said.recipe


def _tensorflow(problem: Problem) -> tuple[str, bool]:
    said = tensorflow_calls.written(problem)
    return "\n".join(said.lines), said.recipe


def _keras(problem: Problem) -> tuple[str, bool]:
    return f"y = {keras_calls.written(problem).layer}(x)", False


def _jax(problem: Problem) -> tuple[str, bool]:
    said = jax_calls.body(problem, last=problem.layout == "channels_last")
    return "\n".join(said.lines), said.recipe


def _onnx(problem: Problem) -> tuple[str, bool]:
    said = onnx_calls.written(problem)
    return "\n".join(said.lines), said.recipe


WRITTEN: dict[str, Callable[[Problem], tuple[str, bool]]] = {
    "torch": _torch,
    "tensorflow": _tensorflow,
    "keras": _keras,
    "jax": _jax,
    "onnx": _onnx,
}
