"""Convolutions of every kind as calls of tf.nn and of Keras's layers."""

from __future__ import annotations

from convformance.backend import Unsupported
from convformance.backends.source import call
from convformance.backends.tensorflow_parameters import (
    by_axis,
    dilated,
    explicit,
    full,
    the_padding,
)
from convformance.problem import Problem

RECIPE_MODES = {"reflect": "REFLECT", "symmetric": "SYMMETRIC"}


def _keras_padding(problem: Problem) -> str:
    return "same" if problem.padding == "same_upper" else str(problem.padding)


def _plus_bias(problem: Problem, lines: list[str]) -> list[str]:
    """No convolution of tf.nn has a bias."""
    return [*lines, "y = tf.nn.bias_add(y, bias)"] if problem.bias else lines


def _bias(problem: Problem) -> list[str]:
    return ["bias"] if problem.bias else []


def conv(problem: Problem) -> list[str]:
    """Write a convolution, its bias, and where there is no parameter what comes before it."""
    function = f"tf.nn.conv{problem.rank}d"
    _check_groups(problem, function)
    if problem.padding == "causal":
        return _causal(problem)
    before, x, padding = _flipped(problem), "x", the_padding(problem)
    if problem.padding_mode != "zeros":
        before, x, padding = [*before, _padded(problem)], "padded", "VALID"
    elif explicit(problem) and problem.rank != 2:
        raise Unsupported(f"{function} documents padding 'SAME' and 'VALID' only")
    convolved = call(
        function,
        x,
        _weight(problem),
        **{"stride" if problem.rank == 1 else "strides": full(problem.stride)},
        padding=padding,
        dilations=full(problem.dilation),
    )
    return _plus_bias(problem, [*before, f"y = {convolved}"])


def _weight(problem: Problem) -> str:
    return "turned" if problem.flip else "w"


def _flipped(problem: Problem) -> list[str]:
    return [f"turned = tf.reverse(w, axis={list(range(problem.rank))})"] if problem.flip else []


def _check_groups(problem: Problem, function: str) -> None:
    channels, depth = problem.x[1], (*problem.w, 0, 0)[1]
    if channels and depth and channels % depth == 0 and channels // depth != problem.groups:
        raise Unsupported(
            f"{function} takes its groups from the filter's depth: {channels} channels over "
            f"depth {depth} always means groups={channels // depth}, never {problem.groups}"
        )


def _padded(problem: Problem) -> str:
    if problem.padding_mode not in RECIPE_MODES:
        raise Unsupported(f"tf.pad has no mode {problem.padding_mode}")
    if problem.padding != "valid" and not explicit(problem):
        raise Unsupported(f"tf.pad takes numbers, never {problem.padding!r}")
    pairs = [[0, 0]] * (problem.rank + 2) if problem.padding == "valid" else the_padding(problem)
    return "padded = " + call(
        "tf.pad", "x", paddings=pairs, mode=RECIPE_MODES[problem.padding_mode]
    )


def _causal(problem: Problem) -> list[str]:
    if problem.padding_mode != "zeros":
        raise Unsupported("tf.keras.layers.Conv1D pads with zeros alone")
    layer = call(
        "tf.keras.layers.Conv1D", filters=problem.w[0], groups=problem.groups, **_layer(problem)
    )
    return [*_flipped(problem), *_called(layer, _weight(problem), *_bias(problem))]


def _layer(problem: Problem) -> dict[str, object]:
    """The options that the convolution layers of Keras share."""
    return {
        "kernel_size": problem.kernel_size,
        "strides": problem.stride,
        "padding": _keras_padding(problem),
        "data_format": "channels_last",
        "dilation_rate": problem.dilation,
        "use_bias": problem.bias,
        "kernel_initializer": "zeros",  # its own weight is never read
        "dtype": problem.dtype,
    }


def _called(layer: str, *weights: str) -> list[str]:
    """Call a layer with our weights in the place of its own."""
    return [
        f"layer = {layer}",
        "layer.build(x.shape)",
        f"y, _ = layer.stateless_call([{', '.join(weights)}], [], x)",
    ]


def conv_transpose(problem: Problem) -> list[str]:
    """Write a transposed convolution: of tf.nn, or of Keras where it decides more."""
    if problem.groups != 1:
        raise Unsupported("the transposed convolutions of tf.nn and Keras have no groups")
    if problem.padding in ("valid", "same", "same_upper") and _keras_decides(problem):
        layer = call(
            f"tf.keras.layers.Conv{problem.rank}DTranspose",
            filters=(*problem.w, 0, 0)[1],
            output_padding=problem.output_padding if any(problem.output_padding) else None,
            **_layer(problem),
        )
        return _called(layer, "w", *_bias(problem))
    function = f"tf.nn.conv{problem.rank}d_transpose"
    if explicit(problem) and problem.rank != 2:
        raise Unsupported(f"{function} documents padding 'SAME' and 'VALID' only")
    spread = call(
        function,
        "x",
        "w",
        output_shape=[problem.x[0], *_spread_sizes(problem), (*problem.w, 0, 0)[1]],
        strides=full(problem.stride),
        padding=the_padding(problem),
        dilations=full(problem.dilation),
    )
    return _plus_bias(problem, [f"y = {spread}"])


def _keras_decides(problem: Problem) -> bool:
    """Whether the layer has a parameter that tf.nn has not, or a size of its own.

    tf.nn takes the output's shape from its caller; so there is no size that it would choose.
    """
    own_size = problem.padding == "valid" and not problem.grad
    between = own_size and any(
        stride > taps for stride, taps in by_axis(problem.stride, problem.kernel_size)
    )
    return between or any(problem.output_padding) or dilated(problem)


def _spread_sizes(problem: Problem) -> list[int]:
    """Return the output sizes that the caller of tf.nn has to know."""
    if problem.padding != "valid" and not explicit(problem):
        return [size * step for size, step in by_axis(problem.x[2:], problem.stride)]
    pairs = [(0, 0)] * problem.rank if isinstance(problem.padding, str) else problem.padding
    return [
        _spread(size, stride, dilation * (taps - 1) + 1, more - sum(pair)) if size else 0
        for size, taps, stride, dilation, pair, more in by_axis(
            problem.x[2:], problem.kernel_size, problem.stride, problem.dilation, pairs,
            problem.output_padding,
        )
    ]  # fmt: skip


def _spread(size: int, stride: int, extent: int, longer: int) -> int:
    """Return how many elements are left, at least 0; a stride below 1 is TensorFlow's to refuse.

    A number below 0 is no size: in a graph -1 says that the size is not known.
    """
    elements = (size - 1) * stride + extent + longer
    return max(0, elements) if stride > 0 else elements


def depthwise_conv(problem: Problem) -> list[str]:
    """Write a depthwise convolution."""
    if problem.rank == 1:
        return _depthwise_layer(problem)
    return [f"y = {_by_channel(problem, 'depthwise_conv2d', 'x', 'w')}"]


def separable_conv(problem: Problem) -> list[str]:
    """Write a depthwise and a pointwise convolution, which are one function here."""
    if problem.rank == 1:
        return _separable_layer(problem)
    return [f"y = {_by_channel(problem, 'separable_conv2d', 'x', 'w', 'pointwise')}"]


def _by_channel(problem: Problem, name: str, *arguments: str) -> str:
    if problem.rank != 2:
        raise Unsupported(f"tf.nn.{name} has 2 spatial axes, not {problem.rank}")
    return call(
        f"tf.nn.{name}",
        *arguments,
        strides=full(problem.stride),
        padding=the_padding(problem),
        dilations=list(problem.dilation),
    )


def _depthwise_layer(problem: Problem) -> list[str]:
    options = _channelwise(problem, "DepthwiseConv1D")
    return _called(call("tf.keras.layers.DepthwiseConv1D", **options), "w")


def _separable_layer(problem: Problem) -> list[str]:
    options = _channelwise(problem, "SeparableConv1D")
    options |= {"filters": problem.pointwise[0], "pointwise_initializer": "zeros"}
    return _called(call("tf.keras.layers.SeparableConv1D", **options), "w", "pointwise")


def _channelwise(problem: Problem, name: str) -> dict[str, object]:
    """The options of a layer whose filters see one channel each."""
    if explicit(problem):
        raise Unsupported(f"tf.keras.layers.{name} has padding 'valid' and 'same' only")
    options = _layer(problem)
    zeros = options.pop("kernel_initializer")
    multiplier = (*problem.w, 0, 0)[1]
    return {"depth_multiplier": multiplier, **options, "depthwise_initializer": zeros}
