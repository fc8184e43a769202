"""What each framework calls the few things that a recipe is made of: its call, a pad, a sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convformance.backend import Unsupported
from convformance.backends import (
    jax_calls,
    keras_calls,
    onnx_calls,
    tensorflow_calls,
    torch_calls,
)
from convformance.backends.source import call
from convformance.problem import Problem

Pairs = Sequence[tuple[int, int]]
IMPORTS = {
    "torch": ("import torch", "import torch.nn.functional as F"),
    "tensorflow": ("import tensorflow as tf",),
    "keras": ("import keras",),
    "jax": ("import jax", "import jax.numpy as jnp", "from jax import lax"),
    "onnx": ("import onnx",),
}
X64 = 'jax.config.update("jax_enable_x64", True)'  # without it JAX cuts what has 64 bits


def native(framework: str, problem: Problem, last: bool) -> list[str]:
    """Write the framework's own call, setting y; raise `Unsupported` where there is none.

    `last` is asked by JAX alone: whether x and w have their channels last.
    """
    if framework == "torch":
        lines = torch_calls.written(problem).source.strip().splitlines()
        return [_without_reshape(problem, line) for line in lines]
    if framework == "tensorflow":
        return _layered(problem, list(tensorflow_calls.written(problem).lines))
    if framework == "keras":
        return _layered(problem, list(keras_calls.written(problem).lines))
    if framework == "jax":
        return _returned(jax_calls.body(problem, last).lines)
    return [f"node = {line}" for line in onnx_calls.written(problem).lines]


def _without_reshape(problem: Problem, line: str) -> str:
    """A depthwise weight has torch's own shape already when it comes to the call."""
    if problem.op != "depthwise_conv":
        return line
    C, multiplier, *kernel = problem.w
    return line.replace(f"w.reshape({(C * multiplier, 1, *kernel)})", "w")


def _layered(problem: Problem, lines: list[str]) -> list[str]:
    """Call a layer as people do, with our weights in the place of its own."""
    if len(lines) != 3 or not lines[1].startswith("layer.build"):
        return lines
    own = [name for name in ("w", "bias") if getattr(problem, name)]
    weights = [f"layer.set_weights([{', '.join(own)}])"] if own else []
    return [lines[0], "layer.build(x.shape)", *weights, "y = layer(x)"]


def _returned(lines: Sequence[str]) -> list[str]:
    """Turn the body of a function into lines that set y."""
    *body, last = lines
    value = last.removeprefix("return ")
    return body if value == "y" else [*body, f"y = {value}"]


def pad(framework: str, name: str, pairs: Pairs, value: str = "0", last: bool = False) -> str:
    """Write the pad as an expression; `last` is asked by JAX alone."""
    if framework == "onnx":
        raise Unsupported("a node Pad before the call is not written here")
    if framework == "torch":
        flat = tuple(side for pair in reversed(pairs) for side in pair)  # the last axis first
        return f"F.pad({name}, {flat}{'' if value == '0' else f', value={value}'})"
    if any(side < 0 for pair in pairs for side in pair):
        raise Unsupported("a pad takes no negative number")
    ends, each = [(0, 0)] * 2, [tuple(pair) for pair in pairs]
    whole = [(0, 0), *each, (0, 0)] if last or framework != "jax" else [*ends, *each]
    function = {"tensorflow": "tf.pad", "keras": "keras.ops.pad", "jax": "jnp.pad"}[framework]
    return f"{function}({name}, {whole}{'' if value == '0' else f', constant_values={value}'})"


def sums(framework: str, name: str, problem: Problem, channels: int, last: bool) -> str:
    """Write the sum of each window: a convolution with a weight of ones for each channel."""
    kernel, rank = problem.kernel, problem.rank
    behind = last or framework in ("tensorflow", "keras")
    shape = (*kernel, 1, channels) if behind else (channels, 1, *kernel)
    steps: dict[str, Any] = {}
    if framework == "torch":
        steps = {"stride": problem.stride, "dilation": problem.dilation, "groups": channels}
        return call(f"F.conv{rank}d", name, f"torch.ones({shape}, dtype=x.dtype)", **steps)
    if framework == "tensorflow":
        steps = {"strides": list(problem.stride), "padding": "VALID"}
        steps["dilations"] = list(problem.dilation)
        return call("tf.nn.convolution", name, f"tf.ones({shape}, x.dtype)", **steps)
    if framework == "keras":
        steps = {"strides": problem.stride, "padding": "valid", "dilation_rate": problem.dilation}
        return call("keras.ops.conv", name, f"keras.ops.ones({shape}, x.dtype)", **steps)
    if framework == "jax":
        steps = {"window_strides": problem.stride, "padding": "VALID"}
        steps |= {"rhs_dilation": problem.dilation, "feature_group_count": channels}
        if last:
            axes = "DHW"[-rank:]
            steps["dimension_numbers"] = (f"N{axes}C", f"{axes}IO", f"N{axes}C")
        return call("lax.conv_general_dilated", name, f"jnp.ones({shape}, x.dtype)", **steps)
    raise Unsupported("ONNX sums no windows in one node")


def divided(framework: str, total: str, count: str) -> list[str]:
    """Write a quotient of every window's sum and count."""
    if framework != "jax":
        return [f"y = {total} / {count}"]
    # XLA multiplies by the reciprocal of what it broadcasts itself: another rounding
    lines = [f"total = {total}", f"count = jnp.broadcast_to({count}, total.shape)"]
    return [*lines, "y = lax.div(total, count)"]


def norm_words(framework: str) -> tuple[str, str]:
    """Return the functions that give a magnitude and a square root."""
    module = {"torch": "torch", "tensorflow": "tf", "keras": "keras.ops"}.get(framework, "jnp")
    return f"{module}.abs", f"{module}.sqrt"


def ones_like(framework: str, problem: Problem, last: bool) -> str:
    """Write one plane of ones, of the size of x."""
    behind = last or framework in ("tensorflow", "keras")
    shape = (1, *problem.x[2:], 1) if behind else (1, 1, *problem.x[2:])
    ones = {"torch": "torch.ones", "tensorflow": "tf.ones", "keras": "keras.ops.ones"}
    dtype = "dtype=x.dtype" if framework == "torch" else "x.dtype"
    return f"{ones.get(framework, 'jnp.ones')}({shape}, {dtype})"


def joined(framework: str) -> tuple[str, str]:
    """Return the function that joins arrays along their channels, and its axis."""
    return {
        "torch": ("torch.cat", "1"),
        "tensorflow": ("tf.concat", "-1"),
        "keras": ("keras.ops.concatenate", "-1"),
    }.get(framework, ("jnp.concatenate", "1"))


def stacked_largest(framework: str, parts: str) -> str:
    """Write the largest of equal arrays, place by place."""
    return {
        "torch": f"torch.stack({parts}).amax(0)",
        "tensorflow": f"tf.reduce_max(tf.stack({parts}), axis=0)",
        "keras": f"keras.ops.max(keras.ops.stack({parts}), axis=0)",
    }.get(framework, f"jnp.stack({parts}).max(0)")
