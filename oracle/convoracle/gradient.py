"""Gradients of convolution and transposed convolution: the terms that an element stands in.

An output is a sum of products, so the gradient by one factor is the sum, over the terms it
stands in, of the gradient of the output times the other factor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from convoracle.axis import Axis, Padding, slide
from convoracle.conv import check_weight, flipped, zero_of
from convoracle.errors import InvalidProblem
from convoracle.exact import Number
from convoracle.operation import Choices, Operation, checked, chosen, operands
from convoracle.tensor import Position, Tensor, positions
from convoracle.transpose import check_transposed_weight, spread_axes
from convoracle.window import Window, readers, windows


def conv_gradient(
    by: str,
    x: Tensor,
    w: Tensor,
    dy: Tensor,
    *,
    stride: Sequence[int],
    padding: Padding = "valid",
    dilation: Sequence[int],
    groups: int = 1,
    padding_mode: str = "zeros",
    input_dilation: Sequence[int] | None = None,
    flip: bool = False,
    dtype: str = "float32",
    choices: Choices | None = None,
) -> Operation:
    """Return the gradient of a convolution by "x", "w" or "bias", given that of its output.

    dy is (N, M, *output); the gradient has the shape of x, of w, or (M,). Raises
    `InvalidProblem`. Source: Goodfellow, Bengio & Courville, Deep Learning, 2016, section 9.5.
    """
    choices = checked(choices)
    check_weight(x, w, groups)
    axes = slide(
        x.shape[2:],
        w.shape[2:],
        stride=stride,
        padding=padding,
        dilation=dilation,
        input_dilation=input_dilation,
        mode=padding_mode,
    )
    M, depth = w.shape[:2]
    check_dy(dy, (x.shape[0], M, *(axis.count for axis in axes)))
    x, w, dy = (operands(one, dtype, choices) for one in (x, w, dy))
    if by == "bias":
        return _by_bias(dy, dtype, choices)
    taps, width = prod(w.shape[2:]), M // groups
    if by == "w":
        return _by_w(
            x, dy, w.shape, axes, width=width, flip=flip, dtype=dtype, choices=choices
        )  # fmt: skip
    kernels, reading = flipped(w, taps) if flip else w, readers(axes)

    def terms(position: Position) -> list[Number]:
        n, c, *i = position
        group, own = divmod(c, depth) if depth else (0, 0)  # [conv.groups]
        pairs = reading(tuple(i))
        products = []
        for m in range(group * width, (group + 1) * width):
            weights = kernels.block(m, own)
            products += [dy.block(n, m, *o)[0] * weights[k] for o, k in pairs]
        return products  # [grad.x]

    return Operation(x.shape, dtype, terms, choices=choices)


def _by_w(
    x: Tensor,
    dy: Tensor,
    shape: tuple[int, ...],
    axes: Sequence[Axis],
    *,
    width: int,
    flip: bool,
    dtype: str,
    choices: Choices,
) -> Operation:
    depth, kernel = shape[1], shape[2:]
    window = windows(axes)
    skips = chosen(choices, "padding.product") == "skip"
    zero = None if skips else zero_of(dtype)

    def samples(n: int, c: int, k: int) -> list[Number | None]:
        plane = x.block(n, c)
        under = (dict(window(o).samples).get(k) for o in places)
        return [zero if i is None else plane[i] for i in under]

    places = list(positions([axis.count for axis in axes]))

    def terms(position: Position) -> list[Number]:
        m, own, *k = position
        c = m // width * depth + own  # [conv.groups]
        at = [length - 1 - tap for length, tap in zip(kernel, k, strict=True)] if flip else k
        tap = list(positions(kernel)).index(tuple(at))
        products = []
        for n in range(x.shape[0]):
            pairs = zip(samples(n, c, tap), dy.block(n, m), strict=True)
            products += [sample * given for sample, given in pairs if sample is not None]
        return products  # [grad.w] [padding.product] a zero of the padding is a factor too

    return Operation(shape, dtype, terms, choices=choices)


def _by_bias(dy: Tensor, dtype: str, choices: Choices) -> Operation:
    def terms(position: Position) -> list[Number]:
        """[grad.bias] The bias of channel m stands in every element of the channel."""
        return [given for n in range(dy.shape[0]) for given in dy.block(n, position[0])]

    return Operation(dy.shape[1:2], dtype, terms, choices=choices)


def conv_transpose_gradient(
    by: str,
    x: Tensor,
    w: Tensor,
    dy: Tensor,
    *,
    stride: Sequence[int],
    padding: Padding = "valid",
    output_padding: Sequence[int] | None = None,
    dilation: Sequence[int],
    groups: int = 1,
    dtype: str = "float32",
    choices: Choices | None = None,
) -> Operation:
    """Return the gradient of a transposed convolution by "x", "w" or "bias".

    dy is (N, M, *output); the gradient has the shape of x, of w, or (M,). The gradient by x is a
    convolution again. Raises `InvalidProblem`.
    """
    choices = checked(choices)
    check_transposed_weight(x, w, groups)
    axes = spread_axes(
        x.shape[2:],
        w.shape[2:],
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation,
        choices=choices,
    )
    depth, width = x.shape[1] // groups, w.shape[1]
    check_dy(dy, (x.shape[0], width * groups, *(axis.size for axis in axes)))
    x, w, dy = (operands(one, dtype, choices) for one in (x, w, dy))
    if by == "bias":
        return _by_bias(dy, dtype, choices)
    under = windows(axes)
    if by == "x":

        def terms(position: Position) -> list[Number]:
            n, c, *o = position
            group = c // depth if depth else 0
            pairs = under(tuple(o)).samples
            products = []
            for own in range(width):
                given, weights = dy.block(n, group * width + own), w.block(c, own)
                products += [given[j] * weights[k] for k, j in pairs]
            return products  # [grad.x]

        return Operation(x.shape, dtype, terms, choices=choices)
    return Operation(w.shape, dtype, _touched(x, dy, w.shape, under, depth), choices=choices)


def _touched(
    x: Tensor,
    dy: Tensor,
    shape: tuple[int, ...],
    under: Callable[[Position], Window],
    depth: int,
) -> Callable[[Position], list[Number]]:
    width, kernel = shape[1], shape[2:]

    def terms(position: Position) -> list[Number]:
        c, own, *k = position
        m = c // depth * width + own if depth else own  # [conv.groups]
        tap = list(positions(kernel)).index(tuple(k))
        products = []
        for n in range(x.shape[0]):
            given = dy.block(n, m)
            for o in positions(x.shape[2:]):
                j = dict(under(o).samples).get(tap)
                if j is not None:
                    products.append(x.block(n, c, *o)[0] * given[j])
        return products  # [grad.w]

    return terms


def check_dy(dy: Tensor, shape: tuple[int, ...]) -> None:
    """Raise `InvalidProblem` unless dy has the shape of the output."""
    if dy.shape != shape:
        text = f"the output's gradient is {dy.shape}, the output {shape}"
        raise InvalidProblem("grad.shape", text)
