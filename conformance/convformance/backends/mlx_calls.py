"""Problems written as functions of mlx.core and layers of mlx.nn, and arrays in their axes.

By MLX's documentation; nothing here is measured. x is (N, *spatial, C), w (M, *kernel, C/groups).
https://ml-explore.github.io/mlx has a page on each function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from convformance.backend import Array, Arrays, Unsupported
from convformance.backends.mlx_convs import conv, conv_transpose, depthwise_conv, separable_conv
from convformance.backends.mlx_parameters import Body
from convformance.backends.mlx_pools import avg_pool, global_avg_pool, global_max_pool, max_pool
from convformance.problem import Problem

GLOBAL = ("global_max_pool", "global_avg_pool")
BY_CHANNEL = ("depthwise_conv", "separable_conv")


def body(problem: Problem) -> Body:
    """Return the forward computation; raise `Unsupported` where nothing says the problem."""
    if problem.op not in _BODIES:
        raise Unsupported(f"MLX has no {problem.op}")
    if problem.dtype == "complex128":
        raise Unsupported("MLX has no complex128")
    if problem.rank < 1:
        raise Unsupported("with no spatial axis these are products of matrices, not layers")
    if problem.unbatched and problem.op not in GLOBAL:
        raise Unsupported(f"MLX documents {problem.op} for (N, *spatial, C) alone")
    if problem.memory == "reversed":
        raise Unsupported("mx.array takes no negative strides")
    if problem.memory == "byteswapped":
        raise Unsupported("mx.array takes the machine's byte order alone")
    return _BODIES[problem.op](problem)


def source(problem: Problem, said: Body, operands: Sequence[str], *, compiled: bool) -> str:
    """Write what sets the answer: a function of the operands, and its call or gradient."""
    inputs = [name for name in operands if name != "dy"]
    lines = "".join(f"    {line}\n" for line in said.lines)
    text = f"def forward({', '.join(inputs)}):\n{lines}"
    by = problem.grad
    if by:
        others = ", ".join(inputs)
        text += f"def call({', '.join(operands)}):\n"
        text += f"    _, found = mx.vjp(lambda {by}: forward({others}), [{by}], [dy])\n"
        text += "    return found[0]\n"
    function = "call" if by else "forward"
    made = f"mx.compile({function})" if compiled else function
    return text + f"{problem.answers[0]} = {made}({', '.join(operands)})\n"


def moved(problem: Problem, arrays: Arrays) -> dict[str, Array]:
    """Return the arrays in MLX's axes."""
    return {name: _moved(problem, name, one) for name, one in arrays.items()}


def _moved(problem: Problem, name: str, array: Array) -> Array:
    if name in ("x", "dy"):
        given_last = problem.layout == "channels_last"
        return array if given_last else np.moveaxis(array, 1 - problem.unbatched, -1)
    if name == "pointwise" or (name == "w" and problem.op == "conv1x1"):
        array = array.reshape(array.shape + (1,) * problem.rank)
    elif name == "w" and problem.op in BY_CHANNEL:
        array = array.reshape(math.prod(array.shape[:2]), 1, *array.shape[2:])
    elif name == "w" and problem.op == "conv_transpose":
        return _transposed(problem, array)
    return np.moveaxis(array, 1, -1) if name in ("w", "pointwise") else array


def _transposed(problem: Problem, w: Array) -> Array:
    """Return (C, M/groups, *kernel) as (M, *kernel, C/groups)."""
    C, each, *kernel = w.shape
    groups = problem.groups
    if groups < 1 or C % groups:
        raise Unsupported("a weight of MLX (M, *kernel, C/groups) has no such groups")
    apart = w.reshape(groups, C // groups, each, *kernel)
    return np.moveaxis(apart, 1, -1).reshape(groups * each, *kernel, C // groups)


def moved_back(problem: Problem, answer: Array) -> Array:
    """Return an answer of MLX in the problem's axes."""
    name = problem.answers[0]
    if name == "dbias":
        return answer
    if name == "dw" and problem.op == "conv_transpose":
        M, *kernel, each = answer.shape
        groups = problem.groups
        apart = answer.reshape(groups, M // groups, *kernel, each)
        return np.moveaxis(apart, -1, 1).reshape(groups * each, M // groups, *kernel)
    if name == "dw":
        return np.moveaxis(answer, -1, 1)
    if problem.layout == "channels_last":
        return answer
    return np.moveaxis(answer, -1, 1 - problem.unbatched)


_BODIES: dict[str, Callable[[Problem], Body]] = {
    "conv": conv,
    "conv1x1": conv,
    "conv_transpose": conv_transpose,
    "depthwise_conv": depthwise_conv,
    "separable_conv": separable_conv,
    "max_pool": max_pool,
    "avg_pool": avg_pool,
    "global_max_pool": global_max_pool,
    "global_avg_pool": global_avg_pool,
}
