"""In which axes each framework has its arrays, and what brings the ones to the others."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from convformance.backend import Array, Arrays
from convformance.backends.layouts_index import in_plane, of_framework
from convformance.backends.layouts_patches import PATCHES, columns_of, patches_of
from convformance.backends.tensorflow_backend import moved
from convformance.handing import BATCHED
from convformance.problem import Problem

FRAMEWORKS = ("torch", "tensorflow", "keras", "jax", "onnx")
LAST = ("tensorflow", "keras")  # the channels stand last
FREE = ("jax",)  # dimension_numbers say it: the source's own layout is kept
PLANAR = (*PATCHES, "max_unpool")  # JAX has no layout to choose in these
INPUTS = ("x", "w", "pointwise", "bias", "dy", "indices")


def is_last(framework: str) -> bool:
    """Whether the framework's arrays have their channels last."""
    return framework in LAST


def is_last_in(target: str, source: str, problem: Problem) -> bool:
    """Whether the code for the target has its channels last."""
    if target in FREE:
        return is_last(source) and problem.op not in PLANAR and not problem.indices
    return is_last(target)


def inputs(problem: Problem) -> list[str]:
    """Return the names of the input arrays."""
    asked = {
        "x": True,
        "w": bool(problem.w),
        "pointwise": bool(problem.pointwise),
        "bias": problem.bias,
        "dy": bool(problem.grad),
        "indices": problem.op == "max_unpool",
    }
    return [name for name in INPUTS if asked[name]]


def described(problem: Problem, framework: str) -> list[str]:
    """Say in which axes the framework has each array."""
    return [f"{name} {_axes(problem, framework, name)}" for name in inputs(problem)] + [
        f"{name} {_axes(problem, framework, name)}" for name in problem.answers
    ]


def _axes(problem: Problem, framework: str, name: str) -> str:
    last, axes = is_last(framework), "D, H, W"[-3 * problem.rank + 2 :]
    if name in ("w", "dw"):
        return _weight_axes(problem.op, last)
    if name in ("bias", "dbias"):
        return "(M,)"
    if name == "pointwise":
        return "(*ones, C * multiplier, M)" if last else "(M, C * multiplier, *ones)"
    if (problem.op, name) in (("unfold", "y"), ("fold", "x")):
        return "(N, *windows, taps * C)" if last else "(N, C * taps, windows)"
    channels = "M" if problem.w and name in ("y", "dy") else "C"
    text = f"{axes}, {channels}" if last else f"{channels}, {axes}"
    if name == "indices":
        return f"({'' if problem.unbatched else 'N, '}{text}) as {_kind_of_index(framework)}"
    return f"({'' if problem.unbatched else 'N, '}{text})"


def _kind_of_index(framework: str) -> str:
    return {
        "tensorflow": "max_pool_with_argmax gives them with the batch",
        "onnx": "positions in the whole of the larger array",
    }.get(framework, "positions in a plane")


def _weight_axes(op: str, last: bool) -> str:
    if op in ("depthwise_conv", "separable_conv"):
        return "(*kernel, C, multiplier)" if last else "(C * multiplier, 1, *kernel)"
    if op == "conv_transpose":
        return "(*kernel, M, C)" if last else "(C, M/groups, *kernel)"
    return "(*kernel, C/groups, M)" if last else "(M, C/groups, *kernel)"


def given(problem: Problem, framework: str, arrays: Arrays) -> dict[str, Array]:
    """Return the arrays of a problem as the framework has them."""
    found = dict(moved(problem, arrays)) if is_last(framework) else _first(problem, arrays)
    if problem.op == "fold" and is_last(framework):
        found["x"] = patches_of(problem, arrays["x"])
    if "indices" in found:
        found["indices"] = of_framework(problem, framework, arrays["indices"])
    if problem.unbatched:
        found |= {name: found[name][0] for name in BATCHED if name in found}
    return {name: np.ascontiguousarray(one) for name, one in found.items()}


def _first(problem: Problem, arrays: Arrays) -> dict[str, Array]:
    """Return the arrays with their channels first, a weight for each channel as one of groups."""
    found = dict(arrays)
    if problem.op in ("depthwise_conv", "separable_conv"):
        w = arrays["w"]
        found["w"] = w.reshape(math.prod(w.shape[:2]), 1, *w.shape[2:])
    if problem.pointwise:
        found["pointwise"] = arrays["pointwise"].reshape(*problem.pointwise, *(1,) * problem.rank)
    return found


def standard(problem: Problem, framework: str, answers: Mapping[str, Array]) -> dict[str, Array]:
    """Return answers in the axes of the framework as the specification has them."""
    found = dict(answers)
    for name, given_one in answers.items():
        one = given_one[None] if problem.unbatched and name in BATCHED else given_one
        one = in_plane(problem, framework, one) if name == "indices" else one
        if not is_last(framework) or name == "dbias":
            found[name] = one
        elif problem.op == "unfold":
            found[name] = columns_of(problem, one)
        else:
            axes = ((-1, -2), (0, 1)) if name == "dw" else (-1, 1)
            found[name] = np.moveaxis(one, *axes)
    return found
