"""In which axes each framework has its arrays, and the lines that bring them to another's."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from convformance.backend import Array, Arrays, Unsupported
from convformance.backends.tensorflow_backend import moved
from convformance.problem import Problem

FRAMEWORKS = ("torch", "tensorflow", "keras", "jax", "onnx")
LAST = ("tensorflow", "keras")  # the channels stand last
FREE = ("jax",)  # dimension_numbers say it: the source's own layout is kept


def is_last(framework: str) -> bool:
    """Whether the framework's arrays have their channels last."""
    return framework in LAST


def described(problem: Problem, framework: str) -> list[str]:
    """Say in which axes the framework has each array, with their sizes."""
    last = is_last(framework)
    axes = "D, H, W"[-3 * problem.rank + 2 :]
    found = [f"x (N, {axes}, C)" if last else f"x (N, C, {axes})"]
    if problem.w:
        found.append("w " + _weight_axes(problem.op, last))
    if problem.bias:
        found.append("bias (M,)")
    return [*found, f"y {_axes_of_y(problem, last)}"]


def axes_of_node(problem: Problem) -> str:
    """Say in which axes a node of ONNX gives its answer."""
    return f"y {_axes_of_y(problem, last=False)}"


def _axes_of_y(problem: Problem, last: bool) -> str:
    axes = "D, H, W"[-3 * problem.rank + 2 :]
    channels = "M" if problem.w else "C"
    return f"(N, {axes}, {channels})" if last else f"(N, {channels}, {axes})"


def _weight_axes(op: str, last: bool) -> str:
    if op == "depthwise_conv":
        return "(*kernel, C, multiplier)" if last else "(C * multiplier, 1, *kernel)"
    if op == "conv_transpose":
        return "(*kernel, M, C)" if last else "(C, M/groups, *kernel)"
    return "(*kernel, C/groups, M)" if last else "(M, C/groups, *kernel)"


def given(problem: Problem, framework: str, arrays: Arrays) -> dict[str, Array]:
    """Return the arrays of a problem as the framework has them; the adapter moves them."""
    if is_last(framework):
        found = moved(problem, arrays)
    else:
        found = dict(arrays)
        if problem.op == "depthwise_conv":
            w = arrays["w"]
            found["w"] = w.reshape(math.prod(w.shape[:2]), 1, *w.shape[2:])
    return {name: np.ascontiguousarray(one) for name, one in found.items()}


def brought(problem: Problem, source: str, target: str) -> Iterator[str]:
    """Yield the lines that bring x, w and bias from the axes of one framework to another's."""
    if target == "torch":
        yield from _to_torch(problem, is_last(source))
    elif is_last(target) != is_last(source) and target not in FREE:
        yield from _moved_numpy(problem, is_last(target))
    elif target in FREE and is_last(source) and problem.op == "depthwise_conv":
        C, multiplier, *kernel = problem.w
        yield f"w = w.reshape({(*kernel, 1, C * multiplier)})"
    if target == "tensorflow":  # of an array of NumPy tf.nn.max_pool makes one of float32
        yield "x = tf.constant(x)"


def back(source: str, target: str) -> Iterator[str]:
    """Yield the line that gives y in the axes of the source."""
    if target in FREE or is_last(source) == is_last(target):
        return
    if target == "onnx":
        raise Unsupported("a node gives (N, M, *spatial)")
    axes = (1, -1) if is_last(source) else (-1, 1)
    yield (
        f"y = y.movedim{axes}" if target == "torch" else f"y = np.moveaxis(y, {axes[0]}, {axes[1]})"
    )


def _to_torch(problem: Problem, last: bool) -> Iterator[str]:
    yield "x = torch.from_numpy(x)" + (".movedim(-1, 1)" if last else "")
    if problem.w:
        first = "(-2, -1)" if problem.op == "depthwise_conv" else "(-1, -2)"
        move = f".movedim({first}, (0, 1))" if last else ""
        if problem.op == "depthwise_conv" and last:
            C, multiplier, *kernel = problem.w
            move += f".reshape({(C * multiplier, 1, *kernel)})"
        yield "w = torch.from_numpy(w)" + move
    if problem.bias:
        yield "bias = torch.from_numpy(bias)"


def _moved_numpy(problem: Problem, to_last: bool) -> Iterator[str]:
    a, b = ("1, -1", "(0, 1), (-1, -2)") if to_last else ("-1, 1", "(-1, -2), (0, 1)")
    yield f"x = np.moveaxis(x, {a})"
    if not problem.w:
        return
    if problem.op != "depthwise_conv":
        yield f"w = np.moveaxis(w, {b})"
        return
    C, multiplier, *kernel = problem.w
    if to_last:
        yield f"w = np.moveaxis(w.reshape({(C, multiplier, *kernel)}), (0, 1), (-2, -1))"
    else:
        yield f"w = np.moveaxis(w, (-2, -1), (0, 1)).reshape({(C * multiplier, 1, *kernel)})"
