"""Convolution, per output element: [conv.sum] the terms under its window.

Letters: N batch, C input channels, M output channels; n, c, m, o, k, i are positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from operator import mul

from convoracle.axis import Padding, slide
from convoracle.errors import InvalidProblem
from convoracle.exact import FORMATS, Number
from convoracle.operation import Choices, Operation, checked, chosen, operands
from convoracle.tensor import Position, Tensor, flat_index
from convoracle.window import windows


def conv(
    x: Tensor,
    w: Tensor,
    bias: Tensor | None = None,
    *,
    stride: Sequence[int],
    padding: Padding = "valid",
    dilation: Sequence[int],
    groups: int = 1,
    padding_mode: str = "zeros",
    input_dilation: Sequence[int] | None = None,
    batch_groups: int = 1,
    flip: bool = False,
    dtype: str = "float32",
    choices: Choices | None = None,
) -> Operation:
    """Convolve x (N, C, *spatial) with w (M, C/groups, *kernel) -> (N/batch_groups, M, *output).

    Cross-correlation: [conv.kernel] tap k meets weight k, or with `flip` [conv.flip] the weight
    on the other side. `dtype` is that of the output. Raises `InvalidProblem`.
    Source: Dumoulin & Visin, A guide to convolution arithmetic for deep learning, 2016.
    """
    choices = checked(choices)
    check_weight(x, w, groups)
    check_bias(bias, w.shape[0])
    _check_batch_groups(x, w, batch_groups)
    kernel_size = w.shape[2:]
    axes = slide(
        x.shape[2:],
        kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        input_dilation=input_dilation,
        mode=padding_mode,
    )
    M, depth = w.shape[:2]
    N = x.shape[0] // batch_groups
    x, w = operands(x, dtype, choices), operands(w, dtype, choices)
    added = operands(bias, dtype, choices).values if bias else None
    window = windows(axes)
    # [padding.zero] a tap over padding reads the number zero, unless padded taps are skipped
    skips = chosen(choices, "padding.product") == "skip"
    padding_zero: list[Number | None] = [None if skips else zero_of(dtype)]
    taps = prod(kernel_size)
    if flip:
        w = flipped(w, taps)

    @lru_cache(maxsize=4096)
    def patch(n: int, first: int, o: Position) -> list[Number | None]:
        samples: list[Number | None] = []
        for c in range(first, first + depth):
            plane = x.block(n, c)
            under = padding_zero * taps
            for k, i in window(o).samples:
                under[k] = plane[i]
            samples += under
        return samples

    def terms(position: Position) -> list[Number]:
        n, m, *o = position
        first = m // (M // groups) * depth  # [conv.groups] m reads `depth` channels from here
        n += m // (M // batch_groups) * N  # [conv.batch_groups] and N samples from here
        samples, weights = patch(n, first, tuple(o)), w.block(m)
        products = _products(samples, weights) if skips else list(map(mul, samples, weights))
        return [*products, added[m]] if added else products  # [conv.bias]

    shape = (N, M, *(axis.count for axis in axes))
    return Operation(shape, dtype, terms, choices=choices)


def flipped(w: Tensor, taps: int) -> Tensor:
    """[conv.flip] Return the weight with each kernel turned around on every axis."""
    values = list(w.values)
    for start in range(0, len(values), taps):
        values[start : start + taps] = reversed(values[start : start + taps])
    return Tensor(w.shape, values)


def zero_of(dtype: str) -> Number:
    """Return the zero that stands in the padding."""
    return 0.0 if dtype in FORMATS else 0


def _products(samples: Sequence[Number | None], weights: Sequence[Number]) -> list[Number]:
    """[padding.product] The choice "skip": only taps over samples are multiplied."""
    pairs = zip(samples, weights, strict=True)
    return [sample * weight for sample, weight in pairs if sample is not None]


def conv1x1(
    x: Tensor,
    w: Tensor,
    bias: Tensor | None = None,
    *,
    dtype: str = "float32",
    choices: Choices | None = None,
) -> Operation:
    """[conv1x1.product] Multiply w (M, C) with x[n, :, i] at every position i -> (N, M, *spatial).

    Defined on its own, not through `conv`. Raises `InvalidProblem`.
    Source: Lin, Chen & Yan, Network in Network, 2013.
    """
    choices = checked(choices)
    C, spatial = x.shape[1], x.shape[2:]
    if not spatial:
        raise InvalidProblem("problem.rank", f"the input {x.shape} has no spatial axis")
    if len(w.shape) != 2 or w.shape[1] != C:
        text = f"weight {w.shape} is not (M, C) with C={C}"
        raise InvalidProblem("conv1x1.weight", text)
    check_bias(bias, w.shape[0])
    x, w = operands(x, dtype, choices), operands(w, dtype, choices)
    added = operands(bias, dtype, choices).values if bias else None

    def terms(position: Position) -> list[Number]:
        n, m, *o = position
        i = flat_index(o, spatial)
        row = w.block(m)
        products = [row[c] * x.block(n, c)[i] for c in range(C)]
        return [*products, added[m]] if added else products

    return Operation((x.shape[0], w.shape[0], *spatial), dtype, terms, choices=choices)


def check_weight(x: Tensor, w: Tensor, groups: int) -> None:
    """Raise `InvalidProblem` unless w is (M, C/groups, *kernel)."""
    if len(x.shape) < 3:
        raise InvalidProblem("problem.rank", f"the input {x.shape} is not (N, C, *spatial)")
    C = x.shape[1]
    if len(w.shape) != len(x.shape):
        text = f"weight {w.shape} has {len(w.shape)} axes for an input of {len(x.shape)}"
        raise InvalidProblem("conv.weight", text)
    if groups < 1:
        raise InvalidProblem("conv.groups", f"groups={groups} is less than 1")
    if C % groups:
        text = f"{C} input channels cannot be split into {groups} groups{_fit(x, w)}"
        raise InvalidProblem("conv.groups", text)
    if w.shape[0] % groups:
        text = f"{w.shape[0]} output channels cannot be split into {groups} groups"
        raise InvalidProblem("conv.groups", text)
    if w.shape[1] != C // groups:
        text = f"weight {w.shape} reads {w.shape[1]} channels, each group has {C // groups}"
        raise InvalidProblem("conv.weight", text + _fit(x, w))


def _check_batch_groups(x: Tensor, w: Tensor, batch_groups: int) -> None:
    if batch_groups < 1 or x.shape[0] % batch_groups or w.shape[0] % batch_groups:
        text = f"{batch_groups=} does not divide the batch {x.shape[0]} and the output channels"
        raise InvalidProblem("conv.batch_groups", f"{text} {w.shape[0]}")


def _fit(x: Tensor, w: Tensor) -> str:
    """Name the number of groups that this weight would fit, if there is one."""
    C, (M, depth) = x.shape[1], w.shape[:2]
    groups = C // depth if depth and C % depth == 0 else 0
    fits = groups > 0 and M % groups == 0
    return f"; a weight that reads {depth} channels fits groups={groups}" if fits else ""


def check_bias(bias: Tensor | None, M: int) -> None:
    """Raise `InvalidProblem` unless the bias is (M,)."""
    if bias is not None and bias.shape != (M,):
        raise InvalidProblem("conv.bias", f"bias {bias.shape} is not ({M},)")
