"""From a problem to the oracle's op: which function, with which attributes, on which arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

import convoracle
from convformance.backend import Array, Arrays
from convformance.problem import Problem
from convoracle import InvalidProblem, Operation, Tensor
from convoracle.exact import BITS, FORMATS, PARTS, UNSIGNED, flushed
from convoracle.operation import flushes

Inputs = Mapping[str, Tensor]
Options = dict[str, Any]
Define = Callable[[Problem, Inputs, Options], Operation]
STANDARD: Mapping[str, str] = {}

# The attributes of each op that the oracle's function takes under the same name.
TAKES: dict[str, tuple[str, ...]] = {
    "conv": (
        "stride", "dilation", "groups", "padding_mode", "input_dilation", "batch_groups", "flip",
    ),
    "conv_transpose": ("stride", "dilation", "groups", "output_padding"),
    "depthwise_conv": ("stride", "dilation"),
    "separable_conv": ("stride", "dilation"),
    "max_pool": ("stride", "dilation", "ceil_mode"),
    "avg_pool": ("stride", "dilation", "ceil_mode", "count_include_pad"),
    "lp_pool": ("stride", "dilation", "ceil_mode", "p"),
    "distance_pool": ("stride", "dilation", "ceil_mode", "count_include_pad"),
    "max_unpool": ("stride", "output"),
    "unfold": ("stride", "dilation"),
    "fold": ("stride", "dilation"),
}  # fmt: skip
PADLESS = ("conv1x1", "adaptive_max_pool", "adaptive_avg_pool", "global_max_pool",
           "global_avg_pool")  # fmt: skip


def tensor(array: Array) -> Tensor:
    """Return the elements as Python numbers; complex ones as pairs on a last axis of 2."""
    if array.dtype.kind == "c":
        array = np.stack([array.real, array.imag], axis=-1)
    if array.dtype.kind not in "iuf":
        array = array.astype(np.float32)  # bfloat16
    return Tensor(array.shape, array.ravel().tolist())


def operation(problem: Problem, arrays: Arrays, choices: Mapping[str, str] = STANDARD) -> Operation:
    """Return the op of the problem on the arrays; raise `InvalidProblem`."""
    return define(problem, {name: tensor(array) for name, array in arrays.items()}, choices)


def define(problem: Problem, inputs: Inputs, choices: Mapping[str, str] = STANDARD) -> Operation:
    """Return the op of the problem on the oracle's own tensors; raise `InvalidProblem`."""
    _check_dtype(problem)
    if problem.output_dtype and flushes(choices):  # the op flushes what its own dtype calls so
        inputs = {name: _flushed(one, problem.dtype) for name, one in inputs.items()}
    options: Options = {"dtype": problem.answer_dtype, "choices": choices}
    options |= {name: getattr(problem, name) for name in TAKES.get(problem.op, ())}
    if problem.op not in PADLESS:
        options["padding"] = _padding(problem, choices)
    if problem.is_complex:
        return _complex(problem, inputs, options)
    if problem.grad:
        return _gradient(problem, inputs, options)
    return _real(problem, inputs, options)


def _flushed(one: Tensor, dtype: str) -> Tensor:
    """[value.subnormal] Return the tensor with what is subnormal in the dtype taken for zero."""
    return Tensor(one.shape, [flushed(value, dtype) for value in one.values])


def _real(problem: Problem, inputs: Inputs, options: Options) -> Operation:
    function = getattr(convoracle, problem.op)
    positional: dict[str, tuple[Any, ...]] = {
        "separable_conv": ("w", "pointwise"),
        "depthwise_conv": ("w",),
        "distance_pool": ("w",),
        "max_unpool": ("indices",),
    }
    arguments: list[Any] = [inputs["x"]]
    if problem.op in ("conv", "conv1x1", "conv_transpose"):
        arguments += [inputs["w"], inputs.get("bias")]
    else:
        arguments += [inputs[name] for name in positional.get(problem.op, ())]
    if problem.op in ("adaptive_max_pool", "adaptive_avg_pool", "fold"):
        arguments.append(problem.output)
    if problem.kernel and problem.op != "distance_pool":
        arguments.append(problem.kernel)
    found: Operation = function(*arguments, **options)
    return found


def _complex(problem: Problem, inputs: Inputs, options: Options) -> Operation:
    dtype = options.pop("dtype")

    def real(x: Tensor, w: Tensor, bias: Tensor | None) -> Operation:
        parts = {"x": x, "w": w} | ({"bias": bias} if bias else {})
        return _real(problem, parts, options | {"dtype": PARTS[dtype]})

    operands = inputs["x"], inputs["w"], inputs.get("bias")
    return convoracle.in_parts(real, *operands, dtype=dtype, choices=options["choices"])


def _gradient(problem: Problem, inputs: Inputs, options: Options) -> Operation:
    function = getattr(convoracle, f"{problem.op}_gradient")
    x, dy = inputs["x"], inputs["dy"]
    found: Operation
    if problem.w:
        options.pop("batch_groups", None)
        found = function(problem.grad, x, inputs["w"], dy, **options)
    else:
        found = function(x, dy, problem.kernel, **options)
    return found


def _check_dtype(problem: Problem) -> None:
    """[problem.float] Raise for an op that has no meaning for the elements."""
    needs_float = problem.grad or problem.op in ("lp_pool", "distance_pool")
    linear = problem.op in ("conv", "conv1x1", "conv_transpose") and not problem.grad
    if (needs_float and problem.dtype not in FORMATS) or (problem.is_complex and not linear):
        what = f"the gradient of {problem.op}" if problem.grad else problem.op
        raise InvalidProblem("problem.float", f"{what} has no meaning for {problem.dtype} elements")
    wider = problem.output_dtype
    if wider and not _holds(problem.dtype, wider):
        text = f"output dtype {wider} does not hold every {problem.dtype}"
        raise InvalidProblem("conv.output_dtype", text)


def _holds(dtype: str, wider: str) -> bool:
    if dtype in FORMATS and wider in FORMATS:
        return all(
            getattr(FORMATS[wider], name) >= getattr(FORMATS[dtype], name)
            for name in ("precision", "largest")
        )
    if wider in BITS:
        needed = BITS | {name: bits + 1 for name, bits in UNSIGNED.items()}
        return dtype in needed and needed[dtype] <= BITS[wider]
    return dtype == wider


def _padding(problem: Problem, choices: Mapping[str, str]) -> Any:
    before = choices.get("padding.same_side") == "before"
    return "same_lower" if before and problem.padding == "same" else problem.padding


def input_shapes(problem: Problem) -> dict[str, tuple[int, ...]]:
    """Return the shape of each input array, also of an invalid problem."""
    shapes = {"x": problem.x}
    if problem.w:
        shapes["w"] = problem.w
    if problem.op == "distance_pool":
        shapes["w"] = tuple(max(0, size) for size in problem.kernel)
    if problem.op == "separable_conv":
        shapes["pointwise"] = problem.pointwise
    if problem.op == "max_unpool":
        shapes["indices"] = problem.x
    if problem.bias:
        shapes["bias"] = (output_channels(problem),)
    if problem.grad:
        shapes["dy"] = dy_shape(problem)
    return shapes


def output_channels(problem: Problem) -> int:
    """Return M, as the weight says it."""
    if problem.op == "conv_transpose":
        return (*problem.w, 0, 0)[1] * max(0, problem.groups)
    return (*problem.w, 0)[0]


@lru_cache(maxsize=256)  # one case asks several times
def dy_shape(problem: Problem) -> tuple[int, ...]:
    """Return the shape of the output; of an invalid problem some shape."""
    try:
        return output_shape(replace(problem, grad=""))
    except InvalidProblem:
        return (1,) * len(problem.x)


@lru_cache(maxsize=256)  # the one that draws a problem asks, and so do those that judge it
def output_shape(problem: Problem) -> tuple[int, ...]:
    """Return the output's shape, from the sizes alone; raise `InvalidProblem`."""
    shapes = input_shapes(problem)
    if problem.is_complex:
        shapes = {name: (*shape, 2) for name, shape in shapes.items()}
    hollow = {name: Tensor(shape, range(prod(shape))) for name, shape in shapes.items()}
    shape = define(problem, hollow).shape
    return shape[:-1] if problem.is_complex else shape
