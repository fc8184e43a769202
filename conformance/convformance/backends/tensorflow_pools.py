"""Pools, unpooling and unfolding as calls of tf.nn, tf.image and of Keras's layers."""

from __future__ import annotations

from math import prod
from zlib import crc32

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


def batch_in_index(problem: Problem) -> bool:
    """Ask a fixed quarter of the problems for indices that count the batch too."""
    return problem.indices and _sampled(problem)


def _sampled(problem: Problem) -> bool:
    """Draw a quarter of the problems, always the same ones."""
    return crc32(problem.line.encode()) % 4 == 0


def unpooled(problem: Problem) -> tuple[int, ...]:
    """Return the sizes that maximum unpooling fills; by default the least that pool to x."""
    if problem.output:
        return problem.output
    sides = [(0, 0)] * problem.rank if isinstance(problem.padding, str) else problem.padding
    return tuple(
        max(0, (count - 1) * stride + taps - sum(pair))
        for count, stride, taps, pair in by_axis(
            problem.x[2:], problem.stride, problem.kernel, sides
        )
    )


def pool(problem: Problem) -> list[str]:
    """Write a maximum or average pool."""
    if problem.ceil_mode:
        raise Unsupported("the pools of tf.nn have no ceil_mode")
    if problem.count_include_pad:
        raise Unsupported("tf.nn.avg_pool has no count_include_pad: it never counts padding")
    if problem.indices:
        return [_pool_with_argmax(problem)]
    return [_dilated_pool(problem) if dilated(problem) else _plain_pool(problem)]


def _plain_pool(problem: Problem) -> str:
    if problem.op == "avg_pool" and explicit(problem):
        raise Unsupported("tf.nn.avg_pool documents padding 'SAME' and 'VALID' only")
    # The gradient of tf.nn.max_pool fails on 3 spatial axes, that of tf.nn.max_pool3d does not.
    own = problem.grad and problem.rank == 3 and not explicit(problem) and not _sampled(problem)
    function = f"tf.nn.{problem.op}3d" if own else f"tf.nn.{problem.op}"
    return "y = " + call(function, "x", **_sliding(problem))


def _pool_with_argmax(problem: Problem) -> str:
    if problem.rank != 2 or dilated(problem) or explicit(problem):
        raise Unsupported(
            "tf.nn.max_pool_with_argmax has 2 spatial axes, padding 'SAME' or 'VALID', "
            "and no dilations"
        )
    options = _sliding(problem)
    if batch_in_index(problem):
        options["include_batch_in_index"] = True
    return "y, indices = " + call("tf.nn.max_pool_with_argmax", "x", **options)


def _sliding(problem: Problem) -> dict[str, object]:
    return {
        "ksize": full(problem.kernel),
        "strides": full(problem.stride),
        "padding": the_padding(problem),
    }


def _dilated_pool(problem: Problem) -> str:
    if explicit(problem):
        raise Unsupported("tf.nn.pool, the pool with dilations, documents 'SAME', 'VALID' only")
    return "y = " + call(
        "tf.nn.pool",
        "x",
        window_shape=list(problem.kernel),
        pooling_type=problem.op.removesuffix("_pool").upper(),
        strides=list(problem.stride),
        padding=the_padding(problem),
        dilations=list(problem.dilation),
    )


def global_pool(problem: Problem) -> list[str]:
    """Write the layer that pools all of the input."""
    kind = "Max" if problem.op == "global_max_pool" else "Average"
    layer = call(
        f"tf.keras.layers.Global{kind}Pooling{problem.rank}D",
        data_format="channels_last",
        keepdims=True,
        dtype=problem.dtype,
    )
    return [f"layer = {layer}", "y = layer(x)"]


def adaptive_pool(problem: Problem) -> list[str]:
    """Write the layer of Keras that is told the size of its output."""
    if problem.indices:
        raise Unsupported("the adaptive pools of Keras give no indices")
    kind = "Max" if problem.op == "adaptive_max_pool" else "Average"
    layer = call(
        f"tf.keras.layers.Adaptive{kind}Pooling{problem.rank}D",
        output_size=problem.output,
        data_format="channels_last",
        dtype=problem.dtype,
    )
    return [f"layer = {layer}", "y = layer(x)"]


def max_unpool(problem: Problem) -> list[str]:
    """Write a scatter into zeros, which adds up.

    The indices arrive as max_pool_with_argmax gives them with the batch in the index.
    """
    N, C, *_ = problem.x
    shape = (N, *unpooled(problem), C)
    scattered = call(
        "tf.scatter_nd", "tf.reshape(indices, [-1, 1])", "tf.reshape(x, [-1])", shape=[prod(shape)]
    )
    return [f"flat = {scattered}", f"y = tf.reshape(flat, {list(shape)})"]


def unfold(problem: Problem) -> list[str]:
    """Write the patches of an image."""
    if problem.layout == "channels_last":
        raise Unsupported("the columns of an unfolding have no channels to come last")
    if problem.rank != 2:
        raise Unsupported(f"tf.image.extract_patches has 2 spatial axes, not {problem.rank}")
    if explicit(problem):
        raise Unsupported("tf.image.extract_patches has padding 'SAME' and 'VALID' only")
    patches = call(
        "tf.image.extract_patches",
        "x",
        sizes=full(problem.kernel),
        strides=full(problem.stride),
        rates=full(problem.dilation),
        padding=the_padding(problem),
    )
    return [f"y = {patches}"]
