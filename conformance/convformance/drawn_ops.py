"""Problems of the ops beyond convolution and pooling by given windows."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from hypothesis import strategies as st

from convformance.drawing import (
    BUDGET,
    ONE_IN_32,
    PAD_KINDS,
    Draw,
    among,
    axis,
    batch,
    channels,
    small,
)
from convformance.drawing import shortened as shortened_sizes
from convformance.problem import Problem
from convformance.sizes import axes_of

SPREAD_PADDINGS = (
    "valid", "symmetric", "asymmetric", "same", "valid", "symmetric", "full", "same_upper",
    "same_lower",
)  # fmt: skip


@st.composite
def _spread_axis(draw: Draw, padding: str, rank: int) -> dict[str, Any]:
    """Draw one axis of a transposed convolution; explicit padding crops less than there is."""
    kernel = draw(among(*(1, 2, 3, 2, 4, 5, 3)[: 4 if rank == 3 else 7]))
    dilation = draw(among(*(1, 1, 1, 2, 3)[: 4 if rank == 3 else 5]))
    stride = draw(among(1, 1, 2, 3, 2, kernel, kernel + 1))
    size = draw(small(1, 6))
    extent = dilation * (kernel - 1) + 1
    room = (size - 1) * stride + extent - 1  # what can be cropped and leave an element
    before = min(extent - 1, room // 2, draw(small(0, 3)))
    after = before
    if padding == "asymmetric":
        after = min(extent - 1, room - before, draw(small(0, 3)))
    # Mostly below the stride, where every framework can follow.
    bound = draw(among(1, stride, stride, max(stride, dilation)))
    more = draw(small(0, bound - 1))
    return {"kernel": kernel, "dilation": dilation, "stride": stride, "size": size,
            "pad": (before, after), "more": more}  # fmt: skip


def conv_transpose(draw: Draw, rank: int, dtype: str) -> Problem:
    """Draw a transposed convolution."""
    kind = draw(among(*SPREAD_PADDINGS))
    axes = [draw(_spread_axis(kind, rank)) for _ in range(rank)]
    kernel = tuple(one["kernel"] for one in axes)
    spatial, touched = _shortened_input([one["size"] for one in axes], axes)
    if kind in ("symmetric", "asymmetric") and spatial != tuple(one["size"] for one in axes):
        kind = "valid"  # a shorter input may have less to crop
    groups = draw(among(1, 1, 1, 2, 3))
    most = max(1, 2 * BUDGET // (touched * prod(kernel) * groups))
    depth = 1 if draw(st.booleans()) else channels(draw, most)
    width = channels(draw, max(1, most // depth))
    named = kind in ("valid", "full") or kind.startswith("same")
    return Problem(
        "conv_transpose",
        (batch(draw), depth * groups, *spatial),
        (depth * groups, width, *kernel),
        stride=tuple(one["stride"] for one in axes),
        padding=kind if named else tuple(one["pad"] for one in axes),
        output_padding=tuple(one["more"] for one in axes),
        dilation=tuple(one["dilation"] for one in axes),
        groups=groups,
        bias=draw(st.booleans()),
        dtype=dtype,
    )


def _shortened_input(sizes: list[int], axes: list[dict[str, Any]]) -> tuple[tuple[int, ...], int]:
    """Cut the longest axis until what the taps touch stays small; return it too."""
    while True:
        touched = prod(
            (size - 1) * one["stride"] + one["dilation"] * (one["kernel"] - 1) + 1
            for size, one in zip(sizes, axes, strict=True)
        )
        taps = prod(one["kernel"] for one in axes)
        if touched * taps <= BUDGET or max(sizes) == 1:
            return tuple(sizes), touched
        longest = sizes.index(max(sizes))
        sizes[longest] = sizes[longest] * 2 // 3


def _windows(draw: Draw, rank: int, kinds: tuple[str, ...] = PAD_KINDS) -> dict[str, Any]:
    """Draw what slides: spatial sizes, kernel, stride, padding and dilation."""
    kind = draw(among(*kinds))
    axes = [draw(axis(kind, False)) for _ in range(rank)]
    kernel = tuple(one["kernel"] for one in axes)
    return {
        "spatial": shortened_sizes([one["size"] for one in axes], kernel),
        "kernel": kernel,
        "stride": tuple(one["stride"] for one in axes),
        "dilation": tuple(one["dilation"] for one in axes),
        "padding": kind
        if kind.startswith(("valid", "same"))
        else tuple(one["pad"] for one in axes),
    }


def depthwise_conv(draw: Draw, rank: int, dtype: str) -> Problem:
    """Draw a depthwise convolution."""
    window = _windows(draw, rank)
    spatial, kernel = window.pop("spatial"), window.pop("kernel")
    if draw(st.booleans()):  # tf.nn.depthwise_conv2d knows equal strides only
        window["stride"] = window["stride"][:1] * rank
    most = max(1, BUDGET // max(1, prod(spatial) * prod(kernel)))
    C, multiplier = channels(draw, most), draw(among(1, 2, 1, 3))
    x = (batch(draw), C, *spatial)
    return Problem("depthwise_conv", x, (C, multiplier, *kernel), dtype=dtype, **window)


def separable_conv(draw: Draw, rank: int, dtype: str) -> Problem:
    """Draw a separable convolution: most taps and channels together fill a small significand."""
    window = _windows(draw, rank)
    spatial, kernel = window.pop("spatial"), window.pop("kernel")
    if draw(st.booleans()):
        window["stride"] = window["stride"][:1] * rank
    most = max(1, BUDGET // max(1, prod(spatial) * prod(kernel)))
    C, multiplier = min(channels(draw, most), 9), draw(among(1, 2, 1, 3))
    M = channels(draw, max(2, most // C))
    return Problem(
        "separable_conv",
        (batch(draw), C, *spatial),
        (C, multiplier, *kernel),
        pointwise=(M, C * multiplier),
        dtype=dtype,
        **window,
    )


def max_unpool(draw: Draw, rank: int, dtype: str) -> Problem:
    """Draw an unpooling whose output is a size that pools to its input."""
    kernel = tuple(draw(among(2, 2, 3, 1)) for _ in range(rank))
    stride = tuple(draw(among(k, k, 1, 2)) for k in kernel)
    # Every window sees a sample: less padding than half the kernel.
    pads = tuple(draw(small(0, k // 2)) if draw(st.booleans()) else 0 for k in kernel)
    pooled = tuple(draw(small(1, 4)) for _ in range(rank))
    least = [
        (size - 1) * s + k - 2 * p
        for size, s, k, p in zip(pooled, stride, kernel, pads, strict=True)
    ]
    sizes = tuple(one + draw(small(0, s - 1)) for one, s in zip(least, stride, strict=True))
    if min(sizes) < 1:
        pads, sizes = (
            (0,) * rank,
            tuple((size - 1) * s + k for size, s, k in zip(pooled, stride, kernel, strict=True)),
        )
    return Problem(
        "max_unpool",
        (batch(draw), draw(among(1, 2, 3)), *pooled),
        kernel=kernel,
        stride=stride,
        padding=tuple((p, p) for p in pads) if any(pads) else "valid",
        output=sizes if draw(st.booleans()) or any(pads) else (),
        dtype=dtype,
    )


def _adaptive(draw: Draw, op: str, rank: int, dtype: str) -> Problem:
    spatial = tuple(draw(small(1, (40, 9, 6, 4)[rank - 1])) for _ in range(rank))
    output = tuple(draw(among(1, 2, 3, size, max(1, size - 1), size + 1, 5))
                   for size in spatial)  # fmt: skip
    C = 0 if draw(ONE_IN_32) else draw(among(1, 2, 3, 8, 17))
    indices = op == "adaptive_max_pool" and draw(st.booleans())
    x = (batch(draw), C, *spatial)
    return Problem(op, x, output=output, indices=indices, dtype=dtype)


def adaptive_max_pool(draw: Draw, rank: int, dtype: str) -> Problem:
    """Draw an adaptive maximum pool."""
    return _adaptive(draw, "adaptive_max_pool", rank, dtype)


def adaptive_avg_pool(draw: Draw, rank: int, dtype: str) -> Problem:
    """Draw an adaptive average pool."""
    return _adaptive(draw, "adaptive_avg_pool", rank, dtype)


def _global(draw: Draw, op: str, rank: int, dtype: str) -> Problem:
    spatial = tuple(draw(small(1, (40, 9, 6, 4)[rank - 1])) for _ in range(rank))
    C = 0 if draw(ONE_IN_32) else draw(among(1, 2, 3, 8, 17, 33))
    return Problem(op, (batch(draw), C, *spatial), dtype=dtype)


def global_max_pool(draw: Draw, rank: int, dtype: str) -> Problem:
    """Draw a global maximum pool."""
    return _global(draw, "global_max_pool", rank, dtype)


def global_avg_pool(draw: Draw, rank: int, dtype: str) -> Problem:
    """Draw a global average pool."""
    return _global(draw, "global_avg_pool", rank, dtype)


def unfold(draw: Draw, rank: int, dtype: str) -> Problem:
    """Draw an unfolding."""
    window = _windows(draw, rank)
    spatial = window.pop("spatial")
    x = (batch(draw), draw(among(1, 2, 3, 5)), *spatial)
    return Problem("unfold", x, dtype=dtype, **window)


def fold(draw: Draw, rank: int, dtype: str) -> Problem:
    """Draw a folding: its input has a column for each window on the output."""
    window = _windows(draw, rank, ("valid", "symmetric", "valid", "asymmetric"))
    output = tuple(max(1, size) for size in window.pop("spatial"))
    whole = Problem("unfold", (1, 1, *output), **window)
    columns = prod(axis.count for axis in axes_of(whole))
    C = draw(among(1, 2, 3, 5))
    x = (batch(draw), C * prod(window["kernel"]), columns)
    return Problem("fold", x, output=output, dtype=dtype, **window)


DRAWN: dict[str, Callable[[Draw, int, str], Problem]] = {
    one.__name__: one
    for one in (
        conv_transpose, depthwise_conv, separable_conv, max_unpool, adaptive_max_pool,
        adaptive_avg_pool, global_max_pool, global_avg_pool, unfold, fold,
    )
}  # fmt: skip


def large_problem(draw: Draw, op: str, dtype: str) -> Problem | None:
    """Draw a problem past the oracle's budget, of the ops that have blocks to fall over."""
    C = draw(among(63, 64, 65, 96, 127, 128, 129))
    sizes = (draw(small(3, 8)), draw(small(3, 70)))
    kernel = (draw(small(1, 3)), draw(among(1, 2, 3, 5)))
    x = (draw(small(1, 2)), C, *sizes)
    if op == "conv_transpose":
        M = draw(among(1, 3, 8, 33))
        stride = (draw(small(1, 2)), draw(small(1, 3)))
        return Problem(op, x, (C, M, *kernel), stride=stride, dtype=dtype)
    if op == "depthwise_conv":
        stride = (draw(small(1, 2)),) * 2
        w = (C, draw(small(1, 2)), *kernel)
        return Problem(op, x, w, stride=stride, padding="same", dtype=dtype)
    if op.startswith("adaptive"):
        return Problem(op, x, output=(2, draw(small(1, 9))), dtype=dtype)
    if op.startswith("global"):
        return Problem(op, x, dtype=dtype)
    return None
