"""Problems written as layers of Keras 3; `Unsupported` where no layer says them.

Weights are in Keras's own axes: w (*kernel, C / groups, M), x (N, *spatial, C).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convformance.backend import Unsupported
from convformance.backends.source import call
from convformance.problem import Problem, default_of

RANKS = (1, 2, 3)
# What no layer of Keras has a parameter for.
LACKING = {
    "input_dilation": "holes in the input",
    "batch_groups": "batch groups",
    "output_dtype": "an output dtype of its own",
    "padding_mode": "a padding mode",
    "flip": "a kernel that is turned around",
    "grad": "a gradient: that is its backend's",
    "ceil_mode": "ceil_mode",
    "count_include_pad": "count_include_pad: its averages never count padding",
    "indices": "indices",
}


@dataclass(frozen=True)
class Call:
    """Source lines that set y from x and the weights; `layer` is the layer's own call."""

    lines: tuple[str, ...]
    layer: str


def written(problem: Problem) -> Call:
    """Write the layer that says the problem; raise `Unsupported` where there is none."""
    _check_sayable(problem)
    layer = _LAYERS[problem.op](problem)
    weights = [name for name in ("w", "pointwise", "bias") if _has(problem, name)]
    lines = (
        f"layer = {layer}",
        "layer.build(x.shape)",
        f"y, _ = layer.stateless_call([{', '.join(weights)}], [], x)",
    )
    return Call(lines, layer)


def _has(problem: Problem, name: str) -> bool:
    return bool(getattr(problem, name))


def _check_sayable(problem: Problem) -> None:
    op, rank = problem.op, problem.rank
    if op not in _LAYERS:
        raise Unsupported(f"Keras has no layer for {op}")
    if rank not in RANKS:
        raise Unsupported(f"Keras has layers for 1 to 3 spatial axes, not {rank}")
    if problem.unbatched:
        raise Unsupported("a layer of Keras takes an input with a batch axis")
    for name, words in LACKING.items():
        if getattr(problem, name) != default_of(name, rank):
            raise Unsupported(f"a layer of Keras lacks {words}")


def _padding(problem: Problem, layer: str, causal: bool = False) -> str:
    words = ("valid", "same", "same_upper", *["causal"] * causal)
    if problem.padding not in words:
        given = problem.padding if isinstance(problem.padding, str) else "numbers"
        known = " and ".join(word for word in words if word != "same_upper")
        raise Unsupported(f"{layer} has padding {known} only, never {given}")
    return "same" if problem.padding == "same_upper" else str(problem.padding)


def _name(kind: str, problem: Problem) -> str:
    return kind.format(rank=problem.rank)


def _convolving(kind: str, problem: Problem, **own: object) -> str:
    """Write a layer with a kernel; one axis alone knows causal padding."""
    name = _name(kind, problem)
    options: dict[str, object] = {
        **own,
        "kernel_size": problem.kernel_size,
        "strides": problem.stride,
        "padding": _padding(problem, name, causal=kind == "Conv{rank}D" and problem.rank == 1),
        "dilation_rate": problem.dilation,
        "use_bias": problem.bias,
        **_common(problem),
        **_initializers(kind, problem),
    }
    return call(f"keras.layers.{name}", **options)


def _initializers(kind: str, problem: Problem) -> dict[str, object]:
    """Whole and complex weights are not drawn on every backend; these are not read, ours are."""
    if problem.is_float and not problem.is_complex:
        return {}
    names = {
        "DepthwiseConv{rank}D": ["depthwise"],
        "SeparableConv{rank}D": ["depthwise", "pointwise"],
    }.get(kind, ["kernel"])
    return {f"{name}_initializer": "zeros" for name in names}


def _common(problem: Problem) -> dict[str, object]:
    return {"data_format": "channels_last", "dtype": problem.dtype}


def _conv(problem: Problem) -> str:
    M = (*problem.w, 0)[0]
    return _convolving("Conv{rank}D", problem, filters=M, groups=problem.groups)


def _conv_transpose(problem: Problem) -> str:
    if problem.groups != 1:
        raise Unsupported("the transposed convolutions of Keras have no groups")
    more = problem.output_padding if any(problem.output_padding) else None
    M = (*problem.w, 0, 0)[1]
    return _convolving("Conv{rank}DTranspose", problem, filters=M, output_padding=more)


def _by_channel(kind: str) -> Callable[[Problem], str]:
    def written_layer(problem: Problem) -> str:
        if problem.rank == 3:
            raise Unsupported(f"Keras has {kind} for 1 and 2 spatial axes, not 3")
        own: dict[str, object] = {"depth_multiplier": (*problem.w, 0, 0)[1]}
        if problem.pointwise:
            own["filters"] = problem.pointwise[0]
        return _convolving(f"{kind}{{rank}}D", problem, **own)

    return written_layer


def _pool(kind: str) -> Callable[[Problem], str]:
    def written_layer(problem: Problem) -> str:
        name = _name(f"{kind}Pooling{{rank}}D", problem)
        if any(step != 1 for step in problem.dilation):
            raise Unsupported(f"{name} has no dilation")
        return call(
            f"keras.layers.{name}",
            pool_size=problem.kernel,
            strides=problem.stride,
            padding=_padding(problem, name),
            **_common(problem),
        )

    return written_layer


def _adaptive(kind: str) -> Callable[[Problem], str]:
    def written_layer(problem: Problem) -> str:
        name = _name(f"Adaptive{kind}Pooling{{rank}}D", problem)
        return call(f"keras.layers.{name}", output_size=problem.output, **_common(problem))

    return written_layer


def _global(kind: str) -> Callable[[Problem], str]:
    def written_layer(problem: Problem) -> str:
        name = _name(f"Global{kind}Pooling{{rank}}D", problem)
        return call(f"keras.layers.{name}", keepdims=True, **_common(problem))

    return written_layer


_LAYERS: dict[str, Callable[[Problem], str]] = {
    "conv": _conv,
    "conv1x1": _conv,
    "conv_transpose": _conv_transpose,
    "depthwise_conv": _by_channel("DepthwiseConv"),
    "separable_conv": _by_channel("SeparableConv"),
    "max_pool": _pool("Max"),
    "avg_pool": _pool("Average"),
    "adaptive_max_pool": _adaptive("Max"),
    "adaptive_avg_pool": _adaptive("Average"),
    "global_max_pool": _global("Max"),
    "global_avg_pool": _global("Average"),
}
