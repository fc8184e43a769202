"""Depthwise convolution with a channel multiplier, and what a 1x1 convolution makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod

from convoracle.axis import Axis, Padding, slide
from convoracle.conv import zero_of
from convoracle.errors import InvalidProblem
from convoracle.exact import Number, lift, size
from convoracle.operation import Choices, Operation, checked, chosen, operands
from convoracle.tensor import Position, Tensor
from convoracle.window import windows


def depthwise_conv(
    x: Tensor,
    w: Tensor,
    *,
    stride: Sequence[int],
    padding: Padding = "valid",
    dilation: Sequence[int],
    dtype: str = "float32",
    choices: Choices | None = None,
) -> Operation:
    """[depthwise.sum] Convolve each channel of x (N, C, *spatial) with its own kernels of w.

    w is (C, multiplier, *kernel), the output (N, C * multiplier, *output): channel
    c * multiplier + q comes from kernel q of channel c. Raises `InvalidProblem`.
    Source: Howard et al., MobileNets, 2017, section 3.1; Chollet, Xception, 2017.
    """
    choices = checked(choices)
    axes = _axes(x, w, stride, padding, dilation)
    multiplier = w.shape[1]
    x, w = operands(x, dtype, choices), operands(w, dtype, choices)
    window, zero = windows(axes), zero_of(dtype)
    skips = chosen(choices, "padding.product") == "skip"

    def terms(position: Position) -> list[Number]:
        n, m, *o = position
        c, q = divmod(m, multiplier)
        plane, weights, under = x.block(n, c), w.block(c, q), window(tuple(o))
        products = [plane[i] * weights[k] for k, i in under.samples]
        padded = () if skips else under.padding  # [padding.product]
        return products + [zero * weights[k] for k in padded]  # [padding.zero]

    shape = (x.shape[0], x.shape[1] * multiplier, *(axis.count for axis in axes))
    return Operation(shape, dtype, terms, choices=choices)


def separable_conv(
    x: Tensor,
    w: Tensor,
    pointwise: Tensor,
    *,
    stride: Sequence[int],
    padding: Padding = "valid",
    dilation: Sequence[int],
    dtype: str = "float32",
    choices: Choices | None = None,
) -> Operation:
    """[separable.sum] A depthwise convolution, then a 1x1 convolution -> (N, M, *output).

    w is (C, multiplier, *kernel), pointwise (M, C * multiplier). Nothing is rounded between
    the two. Raises `InvalidProblem`. Source: Howard et al., MobileNets, 2017, section 3.1.
    """
    choices = checked(choices)
    inner = depthwise_conv(
        x, w, stride=stride, padding=padding, dilation=dilation, dtype=dtype, choices=choices
    )
    N, channels, *output = inner.shape
    if len(pointwise.shape) != 2 or pointwise.shape[1] != channels:
        text = f"pointwise weight {pointwise.shape} is not (M, C * multiplier) with {channels}"
        raise InvalidProblem("separable.weight", text)
    rows = Tensor(
        pointwise.shape, [lift(value) for value in operands(pointwise, dtype, choices).values]
    )

    @lru_cache(maxsize=4096)
    def under(n: int, c: int, o: Position) -> list[Number]:
        return [lift(term) for term in inner.terms((n, c, *o))]

    def terms(position: Position) -> list[Number]:
        n, m, *o = position
        row = rows.block(m)
        return [row[c] * term for c in range(channels) for term in under(n, c, tuple(o))]

    def gain(position: Position) -> Number:
        """Return how much an error of every depthwise element may grow."""
        return sum(size(weight) for weight in rows.block(position[1]))

    shape = (N, pointwise.shape[0], *output)
    return Operation(shape, dtype, terms, gain=gain, choices=choices)


def multiply_adds(
    output: Sequence[int], kernel_size: Sequence[int], C: int, M: int, multiplier: int = 1
) -> tuple[int, int]:
    """[separable.cost] Return the products of one sample: (separable, one full convolution).

    `output` are the spatial sizes. With a multiplier of 1 their ratio is 1/M + 1/prod(kernel).
    """
    places, taps = prod(output), prod(kernel_size)
    depthwise = places * C * multiplier * taps
    return depthwise + places * C * multiplier * M, places * C * taps * M


def _axes(
    x: Tensor, w: Tensor, stride: Sequence[int], padding: Padding, dilation: Sequence[int]
) -> tuple[Axis, ...]:
    if len(x.shape) < 3:
        raise InvalidProblem("problem.rank", f"the input {x.shape} is not (N, C, *spatial)")
    if len(w.shape) != len(x.shape) or w.shape[0] != x.shape[1]:
        text = f"weight {w.shape} is not (C, multiplier, *kernel) with C={x.shape[1]}"
        raise InvalidProblem("depthwise.weight", text)
    return slide(x.shape[2:], w.shape[2:], stride=stride, padding=padding, dilation=dilation)
