"""Problems written as calls of tinygrad's Tensor, by its documentation; nothing here is measured.

`Unsupported` where there is none. What `Tensor` calls a function of two axes works, as it says
itself, for any number of them. Same padding is a word of the layers in `tinygrad.nn` alone.
https://docs.tinygrad.org/tensor/ops has a paragraph on each function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convformance.backend import Unsupported
from convformance.backends.source import call, full_in_numbers
from convformance.problem import Problem, default_of

LACKING = {
    "input_dilation": "holes in the input",
    "batch_groups": "batch groups",
    "padding_mode": "padding modes",
    "flip": "a kernel that is turned around",
}
LAYERS = {1: "nn.Conv1d", 2: "nn.Conv2d"}
POOLS = ("max_pool", "avg_pool")  # of the last axes of a tensor, whatever lies before them


@dataclass(frozen=True)
class Call:
    """Source lines that set the answers' names, and what is to be said about them."""

    lines: tuple[str, ...]
    note: str = ""
    recipe: bool = False


def written(problem: Problem) -> Call:
    """Write the call that says the problem; raise `Unsupported` where there is none."""
    _check_sayable(problem)
    full = full_in_numbers(problem)
    *before, last = _CALLS[problem.op](full)
    if problem.grad:
        leaf = problem.grad
        last = f"y = {last}"
        lines = (*before, last, f"d{leaf}, = y.gradient({leaf}, gradient=dy)")
    else:
        lines = (*before, f"{', '.join(problem.answers)} = {last}")
    return Call(lines, _note(problem), problem.op == "separable_conv")


def _check_sayable(problem: Problem) -> None:
    op = problem.op
    if op not in _CALLS:
        raise Unsupported(f"tinygrad's Tensor has no {op}")
    if problem.is_complex:
        raise Unsupported("tinygrad has no complex elements")
    if problem.rank < 1:
        raise Unsupported("with no spatial axis these are products of matrices, not layers")
    if problem.layout != "channels_first":
        raise Unsupported("tinygrad's functions take channels second, and have no other layout")
    if problem.unbatched and op not in POOLS:
        raise Unsupported(f"tinygrad documents {op} for (N, C, *spatial) alone")
    for name, words in LACKING.items():
        if getattr(problem, name) != default_of(name, problem.rank):
            raise Unsupported(f"tinygrad's convolutions lack {words}")


def _note(problem: Problem) -> str:
    """Return what is to be said of the way the problem was put."""
    notes = {
        "full padding as extent - 1 on both sides": problem.padding == "full",
        "causal padding as extent - 1 before": problem.padding == "causal",
        "a layer of nn with our weight": _is_same(problem),
        "gradient by Tensor.gradient": bool(problem.grad),
        "a kernel of one tap": problem.op == "conv1x1",
        "groups=C, the weight seen as (C * multiplier, 1, ...)": problem.op == "depthwise_conv",
        "two convolutions": problem.op == "separable_conv",
        "Tensor.max over the spatial axes": problem.op == "global_max_pool",
        "Tensor.mean over the spatial axes": problem.op == "global_avg_pool",
    }
    return "; ".join(note for note, is_so in notes.items() if is_so)


def _conv(problem: Problem) -> list[str]:
    return _windowed(problem, "x", "w", problem.groups, (problem.x[1], problem.w[0]))


def _windowed(
    problem: Problem, x: str, w: str, groups: int, channels: tuple[int, int]
) -> list[str]:
    if _is_same(problem):
        return _layer(problem, w, groups, channels)
    widened = {"dtype": problem.output_dtype} if problem.output_dtype else {}
    return [
        call(
            f"{x}.conv2d",
            w,
            _bias(problem),
            groups=groups,
            stride=problem.stride,
            dilation=problem.dilation,
            padding=_padding(problem),
            **widened,
        )
    ]


def _is_same(problem: Problem) -> bool:
    return isinstance(problem.padding, str) and problem.padding.startswith("same")


def _layer(problem: Problem, w: str, groups: int, channels: tuple[int, int]) -> list[str]:
    """A layer, whose own weight is never made: it is replaced before anything asks for it."""
    if problem.rank not in LAYERS:
        raise Unsupported("tinygrad's layers, which have same padding, have one or two axes")
    if problem.padding == "same_lower":
        raise Unsupported("padding='same' has no side: the extra sample comes after")
    if problem.output_dtype:
        raise Unsupported("tinygrad's layers, which have same padding, have no dtype")
    layer = call(
        LAYERS[problem.rank],
        *map(str, channels),
        kernel_size=_plain(problem.kernel_size),
        stride=_plain(problem.stride),
        padding="same",
        dilation=_plain(problem.dilation),
        groups=groups,
        bias=problem.bias,
    )
    bias = ["layer.bias = bias"] * problem.bias
    return [f"layer = {layer}", f"layer.weight = {w}", *bias, "layer(x)"]


def _plain(numbers: tuple[int, ...]) -> int | tuple[int, ...]:
    """One number for all axes where they are equal: only that is a stride of 1 to a layer."""
    return numbers[0] if len(set(numbers)) == 1 else numbers


def _conv1x1(problem: Problem) -> list[str]:
    return [call("x.conv2d", _pointwise("w", problem.w, problem.rank), _bias(problem))]


def _pointwise(name: str, shape: tuple[int, ...], rank: int) -> str:
    return f"{name}.reshape({(*shape, *(1,) * rank)})"


def _conv_transpose(problem: Problem) -> list[str]:
    return [
        call(
            "x.conv_transpose2d",
            "w",
            _bias(problem),
            groups=problem.groups,
            stride=problem.stride,
            dilation=problem.dilation,
            padding=_padding(problem),
            output_padding=problem.output_padding,
        )
    ]


def _depthwise_conv(problem: Problem) -> list[str]:
    C, multiplier, *kernel = problem.w
    weight = f"w.reshape({(C * multiplier, 1, *kernel)})"
    return _windowed(problem, "x", weight, C, (problem.x[1], C * multiplier))


def _separable_conv(problem: Problem) -> list[str]:
    *before, depthwise = _depthwise_conv(problem)
    pointwise = _pointwise("pointwise", problem.pointwise, problem.rank)
    return [*before, f"middle = {depthwise}", call("middle.conv2d", pointwise)]


def _bias(problem: Problem) -> str:
    return "bias" if problem.bias else "None"


def _max_pool(problem: Problem) -> list[str]:
    return [_pooled("x.max_pool2d", problem, return_indices=problem.indices)]


def _avg_pool(problem: Problem) -> list[str]:
    return [_pooled("x.avg_pool2d", problem, count_include_pad=problem.count_include_pad)]


def _pooled(function: str, problem: Problem, **options: object) -> str:
    return call(
        function,
        kernel_size=problem.kernel,
        stride=problem.stride,
        dilation=problem.dilation,
        padding=_padding(problem),
        ceil_mode=problem.ceil_mode,
        **options,
    )


def _max_unpool(problem: Problem) -> list[str]:
    options = {"output_size": problem.output} if problem.output else {}
    return [
        call(
            "x.max_unpool2d",
            "indices",
            kernel_size=problem.kernel,
            stride=problem.stride,
            padding=_padding(problem),
            **options,
        )
    ]


def _over_axes(function: str) -> Callable[[Problem], list[str]]:
    return lambda problem: [
        call(f"x.{function}", axis=tuple(range(2, 2 + problem.rank)), keepdim=True)
    ]


def _padding(problem: Problem) -> int | tuple[int, ...]:
    """Padding in numbers: one for each axis, or the sides of each axis, the last axis first."""
    pairs = problem.padding
    if pairs == "valid":
        return 0
    if pairs == "causal":
        axes = zip(problem.dilation, problem.kernel_size, strict=False)
        pairs = tuple((step * (k - 1), 0) for step, k in axes)
    if isinstance(pairs, str):
        raise Unsupported(f"the padding of {problem.op} is in numbers, never {pairs!r}")
    if len(pairs) == problem.rank and all(before == after for before, after in pairs):
        return tuple(before for before, _ in pairs)
    return tuple(side for pair in reversed(pairs) for side in pair)


_CALLS: dict[str, Callable[[Problem], list[str]]] = {
    "conv": _conv,
    "conv1x1": _conv1x1,
    "conv_transpose": _conv_transpose,
    "depthwise_conv": _depthwise_conv,
    "separable_conv": _separable_conv,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "max_unpool": _max_unpool,
    "global_max_pool": _over_axes("max"),
    "global_avg_pool": _over_axes("mean"),
}
