"""Problems written as calls of openvino.opset16, by its documentation; nothing here is measured.

`Unsupported` where the opset has no way to say the problem. In a call `x` is a parameter of the
model, and what else is given a constant; it sets `node`, whose outputs are the answers.
https://docs.openvino.ai has a page for each operation of the opset.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convformance.backend import Unsupported
from convformance.backends.source import call, full_in_numbers
from convformance.problem import Problem, default_of
from convformance.sizes import axes_of
from convoracle import InvalidProblem

LACKING = {
    "input_dilation": "holes in the input",
    "batch_groups": "batch groups",
    "output_dtype": "an output dtype of its own",
    "padding_mode": "a padding mode: a Pad stands before it",
    "flip": "a kernel that is turned around",
    "grad": "a gradient",
}
# Not among the precisions that the CPU documents: such a model is converted before it runs.
LACKING_KERNELS = {
    "float64": "f64: it converts them to f32, and the answer back",
    "int64": "i64: it converts them to i32, and the answer back",
}
PLANES = ("unfold", "fold")  # ExtractImagePatches and Col2Im: images alone


@dataclass(frozen=True)
class Call:
    """Source text that sets `node`, and what is to be said about it."""

    lines: tuple[str, ...]
    note: str = ""

    @property
    def recipe(self) -> bool:
        """Whether more operations than one say the problem."""
        return len(self.lines) > 1


def written(problem: Problem) -> Call:
    """Write the operations that say the problem; raise `Unsupported` where there are none."""
    op = problem.op
    if op not in _CALLS:
        raise Unsupported(f"the opset has no {op}")
    if problem.is_complex:
        raise Unsupported("OpenVINO has no complex elements")
    if problem.dtype in LACKING_KERNELS:
        raise Unsupported(f"the CPU has no kernels of {LACKING_KERNELS[problem.dtype]}")
    if problem.rank > 3 or (op in PLANES and problem.rank != 2):
        axes = "2 spatial axes" if op in PLANES else "1 to 3 spatial axes"
        raise Unsupported(f"the opset documents {op} for {axes}, not {problem.rank}")
    if problem.unbatched or problem.layout != "channels_first":
        raise Unsupported("operations of the opset take (N, C, *spatial) and nothing else")
    for name, words in LACKING.items():
        if getattr(problem, name) != default_of(name, problem.rank):
            raise Unsupported(f"operations of the opset lack {words}")
    lines = _CALLS[op](full_in_numbers(problem))
    if problem.bias:
        lines = (*lines, "node = ops.add(node, bias)")
    return Call(lines, _NOTES.get(op, ""))


def _node(function: str, *arguments: str, **options: object) -> tuple[str, ...]:
    return (f"node = {call(f'ops.{function}', *arguments, **options)}",)


def _pads(problem: Problem) -> dict[str, object]:
    """Return padding as the operation's own pads, or as its own word for same padding."""
    padding = problem.padding
    if padding in ("same", "same_upper", "same_lower"):
        word = "same_lower" if padding == "same_lower" else "same_upper"
        return {"pads_begin": [], "pads_end": [], "auto_pad": word}
    if padding == "causal":
        axes = zip(problem.dilation, problem.kernel_size, strict=False)
        pairs = tuple((step * (k - 1), 0) for step, k in axes)
    else:
        pairs = ((0, 0),) * problem.rank if isinstance(padding, str) else padding
    if any(side < 0 for pair in pairs for side in pair):
        raise Unsupported("pads of the opset are documented as at least 0")
    return {
        "pads_begin": [before for before, _ in pairs],
        "pads_end": [after for _, after in pairs],
        "auto_pad": "explicit",
    }


def _sliding(problem: Problem) -> dict[str, object]:
    return {
        "strides": list(problem.stride),
        **_pads(problem),
        "dilations": list(problem.dilation),
    }


def _check_groups(problem: Problem, channels: int) -> None:
    if problem.groups < 1 or channels % problem.groups:
        raise Unsupported("groups are an axis of the weights, which they must divide")


def _conv(problem: Problem) -> tuple[str, ...]:
    if problem.groups == 1:
        return _node("convolution", "x", "w", **_sliding(problem))
    _check_groups(problem, problem.w[0])
    return _node("group_convolution", "x", "w", **_sliding(problem))


def _depthwise(problem: Problem) -> tuple[str, ...]:
    return _node("group_convolution", "x", "w", **_sliding(problem))


def _separable(problem: Problem) -> tuple[str, ...]:
    one, none = [1] * problem.rank, [0] * problem.rank
    second = _node(
        "convolution",
        "node",
        "pointwise",
        strides=one,
        pads_begin=none,
        pads_end=none,
        dilations=one,
    )
    return (*_depthwise(problem), *second)


def _conv_transpose(problem: Problem) -> tuple[str, ...]:
    options = _sliding(problem) | {"output_padding": list(problem.output_padding)}
    if options["auto_pad"] != "explicit" and (sizes := _spread_sizes(problem)):
        options["output_shape"] = sizes  # same padding means nothing without it
    if problem.groups == 1:
        return _node("convolution_backprop_data", "x", "w", **options)
    _check_groups(problem, problem.w[0])
    return _node("group_convolution_backprop_data", "x", "w", **options)


def _spread_sizes(problem: Problem) -> list[int]:
    """Return the output's sizes, or none where the problem is invalid."""
    try:
        return [axis.size for axis in axes_of(problem)]
    except InvalidProblem:
        return []


def _pool(problem: Problem) -> dict[str, object]:
    # "ceil" would keep a last window that starts in the padding behind the samples.
    rounding = "ceil_torch" if problem.ceil_mode else "floor"
    return _sliding(problem) | {"kernel_shape": list(problem.kernel), "rounding_type": rounding}


def _max_pool(problem: Problem) -> tuple[str, ...]:
    # Indices are positions in what lies from the axis on: a plane.
    return _node("max_pool", "x", **_pool(problem), index_element_type="i64", axis=2)


def _avg_pool(problem: Problem) -> tuple[str, ...]:
    return _node("avg_pool", "x", **_pool(problem), exclude_pad=not problem.count_include_pad)


def _adaptive(kind: str, **options: object) -> Callable[[Problem], tuple[str, ...]]:
    return lambda problem: _node(kind, "x", output_shape=list(problem.output), **options)


def _global(kind: str) -> Callable[[Problem], tuple[str, ...]]:
    return lambda problem: _node(
        kind, "x", reduction_axes=list(range(2, 2 + problem.rank)), keep_dims=True
    )


def _unfold(problem: Problem) -> tuple[str, ...]:
    pads = _pads(problem)
    is_valid = not any([*pads["pads_begin"], *pads["pads_end"]])  # type: ignore[misc]  # lists
    if not is_valid:
        raise Unsupported("ExtractImagePatches has auto_pad, and no pads in numbers")
    auto_pad = "valid" if pads["auto_pad"] == "explicit" else pads["auto_pad"]
    return _node(
        "extract_image_patches",
        "x",
        sizes=list(problem.kernel),
        strides=list(problem.stride),
        rates=list(problem.dilation),
        auto_pad=auto_pad,
    )


def _fold(problem: Problem) -> tuple[str, ...]:
    options = _sliding(problem)
    if options.pop("auto_pad") != "explicit":
        raise Unsupported("Col2Im has pads in numbers alone")
    sizes = {"output_size": list(problem.output), "kernel_size": list(problem.kernel)}
    return _node("col2im", "x", **sizes, **options)


_NOTES = {
    "depthwise_conv": "GroupConvolution, the weight seen as (C, multiplier, 1, ...)",
    "separable_conv": "GroupConvolution, then Convolution",
    "adaptive_max_pool": "indices as i32: the CPU takes no i64 there",
    "global_max_pool": "ReduceMax over the spatial axes",
    "global_avg_pool": "ReduceMean over the spatial axes",
    "unfold": "ExtractImagePatches, whose channels come behind the taps",
}
_CALLS: dict[str, Callable[[Problem], tuple[str, ...]]] = {
    "conv": _conv,
    "conv1x1": _conv,
    "conv_transpose": _conv_transpose,
    "depthwise_conv": _depthwise,
    "separable_conv": _separable,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "adaptive_max_pool": _adaptive("adaptive_max_pool", index_element_type="i32"),
    "adaptive_avg_pool": _adaptive("adaptive_avg_pool"),
    "global_max_pool": _global("reduce_max"),
    "global_avg_pool": _global("reduce_mean"),
    "unfold": _unfold,
    "fold": _fold,
}
