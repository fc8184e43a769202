"""Problems written as layers of ncnn, by its page of operators; nothing here is measured.

`Unsupported` where no layer has a parameter for it. Parameters are numbers with a number for a
name; of two axes and three the innermost comes first.
https://github.com/Tencent/ncnn/blob/master/docs/developer-guide/operators.md
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from convformance.backend import Unsupported
from convformance.backends.source import full_in_numbers
from convformance.problem import Problem, default_of
from convformance.sizes import axes_of
from convoracle import InvalidProblem

LACKING = {
    "input_dilation": "holes in the input",
    "batch_groups": "batch groups",
    "output_dtype": "an output dtype of its own",
    "padding_mode": "a padding mode: a Padding stands before it",
    "flip": "a kernel that is turned around",
    "grad": "a gradient",
    "indices": "indices",
}
PLANES = ("unfold", "fold")  # of two axes alone
# What a layer's numbers are called, the innermost axis first.
KERNEL, DILATION, STRIDE = (1, 11, 21), (2, 12, 22), (3, 13, 23)
PADS = ((4, 15), (14, 16), (24, 17))  # before and after
POOL_STRIDE, POOL_PADS, POOL_OUT = (2, 12, 22), ((3, 14), (13, 15), (23, 16)), (8, 18, 28)
OUTPUT_PADDING = (18, 19, 20)
OUTPUT = {1: (20,), 2: (20, 21), 3: (25, 26, 27)}
SAME_UPPER, SAME_LOWER = -233, -234  # what stands for a word in the place of pads
FULL, VALID, POOL_UPPER, POOL_LOWER = range(4)  # pad_mode; full is what others call ceil_mode
SUFFIX = {1: "1D", 2: "", 3: "3D"}

Numbers = dict[int, int]


@dataclass(frozen=True)
class Layer:
    """A layer: its kind, its parameters by number, and the names of the arrays that it loads."""

    kind: str
    numbers: Numbers
    weights: tuple[str, ...] = ()

    def said(self, number: int, x: str, y: str, given: tuple[str, ...] = ()) -> str:
        """Return its line in a network; `given` are the names of blobs behind `x`."""
        words = " ".join(f"{key}={value}" for key, value in self.numbers.items())
        blobs = " ".join((x, *given, y))
        return f"{self.kind} layer{number} {1 + len(given)} 1 {blobs} {words}"


def written(problem: Problem) -> tuple[Layer, ...]:
    """Write the layers that say the problem; raise `Unsupported` where there are none."""
    op = problem.op
    if op not in _LAYERS:
        raise Unsupported(f"ncnn has no layer for {op}")
    if problem.dtype != "float32":
        raise Unsupported("blobs are float32; others are ways to store and multiply them")
    if problem.rank not in SUFFIX or (op in PLANES and problem.rank != 2):
        axes = "2 spatial axes" if op in PLANES else "1 to 3 spatial axes"
        raise Unsupported(f"ncnn has a layer for {op} of {axes}, not {problem.rank}")
    if problem.layout != "channels_first":
        raise Unsupported("blobs have their channels outermost, and no other layout")
    for name, words in LACKING.items():
        if getattr(problem, name) != default_of(name, problem.rank):
            raise Unsupported(f"layers of ncnn lack {words}")
    return _LAYERS[op](full_in_numbers(problem))


def text(layers: Iterable[Layer], inputs: tuple[str, ...] = ()) -> str:
    """Return the network as a file of ncnn's has it: x, then the layers in a row, the last y.

    `inputs` are the weights of the one layer that are blobs.
    """
    every = tuple(layers)
    names = ["x", *(f"middle{number}" for number in range(1, len(every))), "y"]
    lines = [f"Input {name} 0 1 {name}" for name in ("x", *inputs)]
    lines += [one.said(n, names[n], names[n + 1], inputs) for n, one in enumerate(every)]
    return "\n".join(["7767517", f"{len(lines)} {len(lines)}", *lines]) + "\n"


def _each(keys: Iterable[int], values: tuple[int, ...], problem: Problem) -> Numbers:
    """Give each axis its number; `values` come with the outermost axis first."""
    if len(values) != problem.rank:
        raise Unsupported("a layer has one number for each of its axes, neither more nor fewer")
    return dict(zip(keys, reversed(values), strict=False))


def _sides(keys: tuple[tuple[int, int], ...], problem: Problem) -> Numbers:
    """Give each side of each axis its number; raise `Unsupported` for those below 0."""
    pairs = problem.padding
    if pairs == "causal":
        axes = zip(problem.dilation, problem.kernel_size, strict=False)
        pairs = tuple((step * (k - 1), 0) for step, k in axes)
    elif isinstance(pairs, str):
        pairs = ((0, 0),) * problem.rank
    if any(side < 0 for pair in pairs for side in pair):
        raise Unsupported("pads below 0 are words: -233 and -234 stand for same padding")
    before = _each((one for one, _ in keys), tuple(one for one, _ in pairs), problem)
    return before | _each((one for _, one in keys), tuple(one for _, one in pairs), problem)


def _pads(problem: Problem) -> Numbers:
    """Return padding in numbers, or the number that stands for the layer's own same padding."""
    padding = problem.padding
    if padding not in ("same", "same_upper", "same_lower"):
        return _sides(PADS, problem)
    word = SAME_LOWER if padding == "same_lower" else SAME_UPPER
    return dict.fromkeys((key for pair in PADS[: problem.rank] for key in pair), word)


def _sliding(problem: Problem) -> Numbers:
    return {
        **_each(KERNEL, problem.kernel_size, problem),
        **_each(DILATION, problem.dilation, problem),
        **_each(STRIDE, problem.stride, problem),
        **_pads(problem),
    }


def _weighted(
    kind: str, problem: Problem, outputs: int, groups: int | None, more: Numbers
) -> Layer:
    """A layer with weights; one that has groups is another kind."""
    grouped = "" if groups is None else "DepthWise"
    numbers = {0: outputs, **_sliding(problem), 5: int(problem.bias), 6: math.prod(problem.w)}
    numbers |= {} if groups is None else {7: groups}
    weights = ("w", *["bias"] * problem.bias)
    return Layer(f"{kind}{grouped}{SUFFIX[problem.rank]}", numbers | more, weights)


def _groups(problem: Problem) -> int | None:
    return None if problem.groups == 1 else problem.groups


def _conv1x1(problem: Problem) -> tuple[Layer, ...]:
    _check_product(problem.w)
    return _conv(problem)


def _check_product(shape: tuple[int, ...]) -> None:
    if len(shape) != 2:
        raise Unsupported("weights are loaded in a row: that they have other axes cannot be said")


def _conv(problem: Problem) -> tuple[Layer, ...]:
    return (_weighted("Convolution", problem, problem.w[0], _groups(problem), {}),)


def _depthwise(problem: Problem) -> tuple[Layer, ...]:
    C, multiplier, *_ = problem.w
    return (_weighted("Convolution", problem, C * multiplier, C, {}),)


def _separable(problem: Problem) -> tuple[Layer, ...]:
    _check_product(problem.pointwise)
    M = problem.pointwise[0]
    numbers = {0: M, **dict.fromkeys(KERNEL[: problem.rank], 1), 6: math.prod(problem.pointwise)}
    return *_depthwise(problem), Layer(
        f"Convolution{SUFFIX[problem.rank]}", numbers, ("pointwise",)
    )


def _conv_transpose(problem: Problem) -> tuple[Layer, ...]:
    if problem.groups < 1 or problem.w[0] % problem.groups:
        raise Unsupported("groups are an axis of these weights, which they must divide")
    more = _each(OUTPUT_PADDING, problem.output_padding, problem)
    if isinstance(problem.padding, str) and problem.padding.startswith("same"):
        # Same padding means nothing without the size: see Deconvolution::cut_padding.
        more |= _each(OUTPUT[problem.rank], _spread_sizes(problem), problem)
    outputs = problem.w[1] * problem.groups
    return (_weighted("Deconvolution", problem, outputs, _groups(problem), more),)


def _spread_sizes(problem: Problem) -> tuple[int, ...]:
    """Return the output's sizes, or zeros, as if none were said, where the problem is invalid."""
    try:
        return tuple(axis.size for axis in axes_of(problem))
    except InvalidProblem:
        return (0,) * problem.rank


def _pool(kind: int, problem: Problem) -> tuple[Layer, ...]:
    if set(problem.dilation) - {1}:
        raise Unsupported("pools of ncnn have no dilation")
    numbers = {
        0: kind,
        **_each(KERNEL, problem.kernel, problem),
        **_each(POOL_STRIDE, problem.stride, problem),
        **_pool_padding(problem),
    }
    if kind:
        numbers[6] = int(problem.count_include_pad)
    return (Layer(f"Pooling{SUFFIX[problem.rank]}", numbers),)


def _pool_padding(problem: Problem) -> Numbers:
    padding = problem.padding
    if padding not in ("same", "same_upper", "same_lower"):
        return {**_sides(POOL_PADS, problem), 5: FULL if problem.ceil_mode else VALID}
    if problem.ceil_mode:
        raise Unsupported("pad_mode is same or full, which is what ceil_mode asks for, not both")
    return {5: POOL_LOWER if padding == "same_lower" else POOL_UPPER}


def _adaptive(kind: int, problem: Problem) -> tuple[Layer, ...]:
    numbers = {0: kind, 7: 1, **_each(POOL_OUT, problem.output, problem)}
    return (Layer(f"Pooling{SUFFIX[problem.rank]}", numbers),)


def _global(kind: int, problem: Problem) -> tuple[Layer, ...]:
    return (Layer(f"Pooling{SUFFIX[problem.rank]}", {0: kind, 4: 1}),)


def _unfold(problem: Problem) -> tuple[Layer, ...]:
    return (Layer("Unfold", _sliding(problem)),)


def _fold(problem: Problem) -> tuple[Layer, ...]:
    numbers = _sliding(problem)
    if set(numbers.values()) & {SAME_UPPER, SAME_LOWER}:
        raise Unsupported("Fold has pads in numbers alone")
    return (Layer("Fold", numbers | _each(OUTPUT[2], problem.output, problem)),)


_LAYERS: dict[str, Callable[[Problem], tuple[Layer, ...]]] = {
    "conv": _conv,
    "conv1x1": _conv1x1,
    "conv_transpose": _conv_transpose,
    "depthwise_conv": _depthwise,
    "separable_conv": _separable,
    "max_pool": lambda problem: _pool(0, problem),
    "avg_pool": lambda problem: _pool(1, problem),
    "adaptive_max_pool": lambda problem: _adaptive(0, problem),
    "adaptive_avg_pool": lambda problem: _adaptive(1, problem),
    "global_max_pool": lambda problem: _global(0, problem),
    "global_avg_pool": lambda problem: _global(1, problem),
    "unfold": _unfold,
    "fold": _fold,
}
