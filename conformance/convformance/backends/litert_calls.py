"""Problems written as operators of LiteRT's schema, by its text; nothing here is measured.

`Unsupported` where no operator says the problem. tfl_ops.td in the sources of LiteRT
(github.com/google-ai-edge/LiteRT, tflite/converter/ir) names the operators, their options, and the
element types of each; what it calls quantized is no number of the suite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from convformance.backend import Unsupported
from convformance.backends.litert_model import Operator
from convformance.problem import Problem, default_of

LACKING = {
    "input_dilation": "holes in the input",
    "batch_groups": "batch groups",
    "output_dtype": "an output dtype of its own",
    "padding_mode": "a padding mode: a MIRROR_PAD stands before it",
    "flip": "a kernel that is turned around",
    "grad": "a gradient",
    "ceil_mode": "ceil_mode",
    "count_include_pad": "count_include_pad: padding is never counted",
    "indices": "indices",
}
DTYPES = {
    "FULLY_CONNECTED": ("float32", "float16"),
    "MEAN": ("float32", "float16", "int32", "int64", "uint8"),
    "REDUCE_MAX": ("float32", "float16", "int32", "int64"),
}
# A bias where the problem has none, as a converter writes it: the kernels need one.
ZEROS = frozenset({"zeros", "zeros_of_pointwise"})
AXES = {2: "HW", 3: "DHW"}
# Versions of operators: groups, dilation, a bias and kept axes are newer than they.
GROUPED, SPACED, BIASED, KEPT = 6, 2, 3, 5


@dataclass(frozen=True)
class Call:
    """The operators of a model, and what is to be said about them."""

    operators: tuple[Operator, ...]

    @property
    def recipe(self) -> bool:
        """Whether more operators than one say the problem."""
        return len(self.operators) > 1

    @property
    def needs_zeros(self) -> bool:
        """Whether the problem has no bias and an operator needs one: as a converter writes it."""
        return any(ZEROS & set(one.inputs) for one in self.operators)

    @property
    def note(self) -> str:
        """The operators' names, and what they were given beside the problem."""
        names = " then ".join(one.name for one in self.operators)
        return f"{names}, whose bias is zeros" if self.needs_zeros else names


def written(problem: Problem, *, no_bias: bool = False) -> Call:
    """Write the operators that say the problem; raise `Unsupported` where there are none.

    With `no_bias` an operator is given no bias of zeros, which its text does not ask for.
    """
    if problem.op not in _CALLS:
        raise Unsupported(f"LiteRT has no operator for {problem.op}")
    if problem.unbatched:
        raise Unsupported("operators of LiteRT take (N, *spatial, C), the batch with it")
    for name, words in LACKING.items():
        if getattr(problem, name) != default_of(name, problem.rank):
            raise Unsupported(f"operators of LiteRT lack {words}")
    operators = _CALLS[problem.op](problem)
    for one in operators:
        if problem.dtype not in DTYPES.get(one.name, ("float32",)):
            raise Unsupported(f"{one.name} takes no {problem.dtype}, or as quantized numbers alone")
    return Call(tuple(map(_without_zeros, operators)) if no_bias else operators)


def _without_zeros(one: Operator) -> Operator:
    return one._replace(inputs=tuple(name for name in one.inputs if name not in ZEROS))


def _padding(problem: Problem) -> str:
    """Return the option `padding`, which is one of two words."""
    if problem.padding in ("same", "same_upper"):
        return "SAME"
    if problem.padding in ("valid", ((0, 0),) * problem.rank):
        return "VALID"
    raise Unsupported("padding is SAME, its odd sample behind, or VALID: there are no numbers")


def _along(problem: Problem, words: str, values: tuple[int, ...]) -> dict[str, int]:
    """Return an option for each axis, named after it."""
    letters = AXES[problem.rank]
    if len(values) != len(letters):
        raise Unsupported(f"there is an option for each of the axes {letters}, and no other")
    return {words.format(one): value for one, value in zip(letters, values, strict=True)}


def _sliding(problem: Problem) -> dict[str, Any]:
    return {"padding": _padding(problem), **_along(problem, "stride{}", problem.stride)}


def _dilated(problem: Problem) -> dict[str, Any]:
    return _sliding(problem) | _along(problem, "dilation{}Factor", problem.dilation)


def _bias(problem: Problem) -> tuple[str, ...]:
    return ("bias",) if problem.bias else ()


def _conv(problem: Problem) -> tuple[Operator, ...]:
    _check_rank(problem, 2, 3)
    _check_groups(problem)
    if problem.rank == 3:
        inputs = ("x", "w", *_bias(problem))
        return (Operator("CONV_3D", "Conv3DOptions", _dilated(problem), inputs),)
    inputs = ("x", "w", *(_bias(problem) or ("zeros",)))
    version = GROUPED if problem.groups > 1 else 1
    return (Operator("CONV_2D", "Conv2DOptions", _dilated(problem), inputs, version=version),)


def _check_rank(problem: Problem, *ranks: int) -> None:
    if problem.rank not in ranks:
        words = " or ".join(map(str, ranks))
        raise Unsupported(f"{problem.op} has {words} spatial axes, not {problem.rank}")


def _check_groups(problem: Problem) -> None:
    """Raise `Unsupported` for groups that are not what the filter's depth says."""
    if problem.rank == 3:
        if problem.groups != 1:
            raise Unsupported("CONV_3D has no groups: its filter is as deep as the input")
        return
    channels, depth = problem.x[1], (*problem.w, 0, 0)[1]
    if channels and depth and channels % depth == 0 and channels // depth != problem.groups:
        raise Unsupported(
            f"CONV_2D takes its groups from the filter's depth: {channels} channels over depth "
            f"{depth} always means groups={channels // depth}, never {problem.groups}"
        )


def _conv1x1(problem: Problem) -> tuple[Operator, ...]:
    """Write a convolution of one tap, or what it is on any axes: the layer over the last axis."""
    if problem.rank in AXES and problem.dtype == "float32":
        return _conv(problem)
    if not problem.rank:
        raise Unsupported("FULLY_CONNECTED of (N, C) is a dense layer, not a convolution")
    inputs = ("x", "w", *_bias(problem))
    options = {"keepNumDims": True}
    return (Operator("FULLY_CONNECTED", "FullyConnectedOptions", options, inputs, version=KEPT),)


def _depthwise(problem: Problem) -> tuple[Operator, ...]:
    _check_rank(problem, 2)
    options = {**_dilated(problem), "depthMultiplier": (*problem.w, 0, 0)[1]}
    version = SPACED if max(problem.dilation) > 1 else 1
    table, inputs = "DepthwiseConv2DOptions", ("x", "w", "zeros")
    return (Operator("DEPTHWISE_CONV_2D", table, options, inputs, version=version),)


def _separable(problem: Problem) -> tuple[Operator, ...]:
    (first,) = _depthwise(problem)
    depth = (*problem.pointwise, 0, 0)[1]
    first = first._replace(output="between", channels=depth)
    ones = dict.fromkeys(("strideH", "strideW", "dilationHFactor", "dilationWFactor"), 1)
    inputs = ("between", "pointwise", "zeros_of_pointwise")
    return (first, Operator("CONV_2D", "Conv2DOptions", {"padding": "VALID", **ones}, inputs))


def _conv_transpose(problem: Problem) -> tuple[Operator, ...]:
    _check_rank(problem, 2, 3)
    if problem.groups != 1:
        raise Unsupported("transposed convolutions of LiteRT have no groups")
    if len(problem.output_padding) != problem.rank:
        raise Unsupported("the output's shape has one size for each axis")
    if _padding(problem) == "SAME" and any(problem.output_padding):
        raise Unsupported("with SAME the output's shape says how much is cut, and nothing more")
    inputs = ("output_shape", "w", "x", *_bias(problem))
    if problem.rank == 3:
        return (Operator("CONV_3D_TRANSPOSE", "Conv3DOptions", _dilated(problem), inputs),)
    if any(step != 1 for step in problem.dilation):
        raise Unsupported("TRANSPOSE_CONV has no dilation")
    version = BIASED if problem.bias else 1
    options = _sliding(problem)
    return (Operator("TRANSPOSE_CONV", "TransposeConvOptions", options, inputs, version=version),)


def output_shape(problem: Problem) -> tuple[int, ...]:
    """Return the shape that a transposed convolution is asked for: (N, *sizes, M)."""
    N, _, *sizes = problem.x
    by_axis = zip(
        sizes, problem.kernel_size, problem.stride, problem.dilation, problem.output_padding,
        strict=False,
    )  # fmt: skip
    is_same = _padding(problem) == "SAME"
    spread = [
        size * stride if is_same else (size - 1) * stride + step * (taps - 1) + 1 + more
        for size, taps, stride, step, more in by_axis
    ]
    return (N, *spread, (*problem.w, 0, 0)[1])


def _pool(name: str, problem: Problem) -> tuple[Operator, ...]:
    _check_rank(problem, 2)
    if any(step != 1 for step in problem.dilation):
        raise Unsupported("pools of LiteRT have no dilation")
    options = _sliding(problem) | _along(problem, "filter{}", problem.kernel)
    words = {"filterH": "filterHeight", "filterW": "filterWidth"}
    options = {words.get(one, one): value for one, value in options.items()}
    return (Operator(name, "Pool2DOptions", options, ("x",)),)


def _lp_pool(problem: Problem) -> tuple[Operator, ...]:
    if problem.p != 2 or prod(problem.kernel) != 1:
        raise Unsupported(
            "L2_POOL_2D is the root of the mean of squares, which of one tap alone is their sum"
        )
    return _pool("L2_POOL_2D", problem)


def _global(name: str, problem: Problem) -> tuple[Operator, ...]:
    if not problem.rank:
        raise Unsupported(f"{name} over no axis is no pool")
    return (Operator(name, "ReducerOptions", {"keepDims": True}, ("x", "axes")),)


_CALLS: dict[str, Callable[[Problem], tuple[Operator, ...]]] = {
    "conv": _conv,
    "conv1x1": _conv1x1,
    "depthwise_conv": _depthwise,
    "separable_conv": _separable,
    "conv_transpose": _conv_transpose,
    "max_pool": lambda problem: _pool("MAX_POOL_2D", problem),
    "avg_pool": lambda problem: _pool("AVERAGE_POOL_2D", problem),
    "lp_pool": _lp_pool,
    "global_max_pool": lambda problem: _global("REDUCE_MAX", problem),
    "global_avg_pool": lambda problem: _global("MEAN", problem),
}
