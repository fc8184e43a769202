"""What each framework calls the few things that a recipe is made of: its call, a pad, a sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from convformance.backend import Unsupported
from convformance.backends import (
    jax_calls,
    keras_calls,
    onnx_calls,
    onnx_graph,
    tensorflow_calls,
    torch_calls,
)
from convformance.backends.source import call
from convformance.backends.wording_arrays import PADS, cropped, onnx_padded, whole_pads
from convformance.problem import Problem

Pairs = Sequence[tuple[int, int]]
IMPORTS = {
    "torch": ("import torch", "import torch.nn.functional as F"),
    "tensorflow": ("import tensorflow as tf",),
    "keras": ("import keras",),
    "jax": ("import jax", "import jax.numpy as jnp", "from jax import lax"),
    "onnx": (
        "from onnx import TensorProto, helper, numpy_helper",
        "from onnx.reference import ReferenceEvaluator",
    ),
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
        lines = _layered(problem, list(tensorflow_calls.written(problem).lines))
        return [_with_batch(line) for line in lines]
    if framework == "keras":
        return _layered(problem, list(keras_calls.written(problem).lines))
    if framework == "jax":
        return _returned(jax_calls.body(problem, last).lines)
    return [line.replace("onnx.helper.", "helper.") for line in _onnx(problem)]


def _onnx(problem: Problem) -> Sequence[str]:
    if problem.op in ("max_unpool", "fold"):
        raise Unsupported(f"{problem.op} of ONNX takes its sizes as inputs: see its own way")
    if problem.op in ("adaptive_max_pool", "adaptive_avg_pool"):
        raise Unsupported("ONNX has no adaptive pool")
    return onnx_calls.written(problem).lines


def _with_batch(line: str) -> str:
    """Indices count the batch too, as an unpooling needs them; an adapter asks for both kinds."""
    if "max_pool_with_argmax" not in line or "include_batch_in_index" in line:
        return line
    return f"{line[:-1]}, include_batch_in_index=True)"


def _without_reshape(problem: Problem, line: str) -> str:
    """Weights have torch's own shape already when they come to the call."""
    if problem.op not in ("depthwise_conv", "separable_conv"):
        return line
    C, multiplier, *kernel = problem.w
    line = line.replace(f"w.reshape({(C * multiplier, 1, *kernel)})", "w")
    return line.replace(f"pointwise[..., {', '.join(['None'] * problem.rank)}]", "pointwise")


def _layered(problem: Problem, lines: list[str]) -> list[str]:
    """Call a layer as people do, with our weights in the place of its own."""
    if len(lines) != 3 or not lines[1].startswith("layer.build"):
        return lines
    own = [name for name in ("w", "pointwise", "bias") if getattr(problem, name)]
    weights = [f"layer.set_weights([{', '.join(own)}])"] if own else []
    return [lines[0], "layer.build(x.shape)", *weights, "y = layer(x)"]


def _returned(lines: Sequence[str]) -> list[str]:
    """Turn the body of a function into lines that set y."""
    *body, last = lines
    value = last.removeprefix("return ")
    return body if value == "y" else [*body, f"y = {value}"]


def padded(
    framework: str, name: str, pairs: Pairs, *, dtype: str, value: str = "0", last: bool = False
) -> list[str]:
    """Write a pad by a number; `last` is asked by JAX alone."""
    if framework == "torch":
        flat = tuple(side for pair in reversed(pairs) for side in pair)  # the last axis first
        return [f"{name} = F.pad({name}, {flat}{'' if value == '0' else f', value={value}'})"]
    if framework == "onnx":
        return onnx_padded(name, pairs, "" if value == "0" else f"np.array({value}, {dtype!r})")
    last = last or framework != "jax"
    crop = cropped(name, pairs, last)  # a pad takes no negative number
    pairs = [(max(0, before), max(0, after)) for before, after in pairs]
    if not any(map(any, pairs)):
        return crop
    more = "" if value == "0" else f", constant_values={value}"
    return [*crop, f"{name} = {PADS[framework]}({name}, {whole_pads(pairs, last)}{more})"]


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
    raise Unsupported("ONNX sums no windows in an expression")


def summed_nodes(problem: Problem, channels: int) -> list[str]:
    """Write the sums of the windows of x as nodes of ONNX that give y."""
    ones = f"np.ones({(channels, 1, *problem.kernel)}, {problem.dtype!r})"
    options = {
        "strides": str(list(problem.stride)),
        "dilations": str(list(problem.dilation)),
        "group": str(channels),
    }
    summed = onnx_graph.node("Conv", ["x", "ones"], ["y"], **options)
    return [onnx_graph.array("ones", ones), summed]


def divided(framework: str, total: str, count: str) -> list[str]:
    """Write a quotient of every window's sum and count."""
    if framework != "jax":
        return [f"y = {total} / {count}"]
    # XLA multiplies by the reciprocal of what it broadcasts itself: another rounding
    lines = [f"total = {total}", f"count = jnp.broadcast_to({count}, total.shape)"]
    return [*lines, "y = lax.div(total, count)"]


def norm_words(framework: str, p: float) -> tuple[str, str]:
    """Return the powers of x, and the root of a sum with braces for the sum."""
    module = {"torch": "torch", "tensorflow": "tf", "keras": "keras.ops"}.get(framework, "jnp")
    if p == 2:
        return "x * x", f"{module}.sqrt({{}})"
    if p == 1:
        return f"{module}.abs(x)", "{}"
    return f"{module}.abs(x) ** {p}", f"{{}} ** (1 / {p})"


def power_nodes(problem: Problem) -> tuple[list[str], list[str]]:
    """Write the powers of x, and the root of y, as nodes of ONNX."""
    p, node = problem.p, onnx_graph.node
    if p == 2:
        return [node("Mul", ["x", "x"], ["x"])], [node("Sqrt", ["y"], ["y"])]
    before = [node("Abs", ["x"], ["x"])]
    if p == 1:
        return before, []
    dtype = repr(problem.dtype)
    before += [onnx_graph.array("p", f"np.array({p}, {dtype})"), node("Pow", ["x", "p"], ["x"])]
    root = onnx_graph.array("root", f"np.array(1 / {p}, {dtype})")
    return before, [root, node("Pow", ["y", "root"], ["y"])]


def ones_like(framework: str, problem: Problem, last: bool) -> str:
    """Write one plane of ones, of the size of x."""
    behind = last or framework in ("tensorflow", "keras")
    shape = (1, *problem.x[2:], 1) if behind else (1, 1, *problem.x[2:])
    ones = {"torch": "torch.ones", "tensorflow": "tf.ones", "keras": "keras.ops.ones"}
    dtype = "dtype=x.dtype" if framework == "torch" else "x.dtype"
    return f"{ones.get(framework, 'jnp.ones')}({shape}, {dtype})"


def joined(framework: str, last: bool) -> tuple[str, str]:
    """Return the function that joins arrays along their channels, and its axis."""
    return {
        "torch": ("torch.cat", "1"),
        "tensorflow": ("tf.concat", "-1"),
        "keras": ("keras.ops.concatenate", "-1"),
    }.get(framework, ("jnp.concatenate", "-1" if last else "1"))


def stacked_largest(framework: str, parts: str) -> str:
    """Write the largest of equal arrays, place by place."""
    return {
        "torch": f"torch.stack({parts}).amax(0)",
        "tensorflow": f"tf.reduce_max(tf.stack({parts}), axis=0)",
        "keras": f"keras.ops.max(keras.ops.stack({parts}), axis=0)",
    }.get(framework, f"jnp.stack({parts}).max(0)")
