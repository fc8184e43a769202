"""Transposed convolution, per output element: the (window, tap) pairs that touch it.

It is the adjoint of the convolution from an input of the output's size: each input element is
a window of that convolution, and gives its number to the samples under the window's taps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from convoracle.axis import Axis, Padding, bare_axes, check_padding, same_padding, shared
from convoracle.conv import check_bias
from convoracle.errors import InvalidProblem
from convoracle.exact import Number
from convoracle.operation import Choices, Operation, checked, chosen, operands
from convoracle.tensor import Position, Tensor
from convoracle.window import readers


def conv_transpose(
    x: Tensor,
    w: Tensor,
    bias: Tensor | None = None,
    *,
    stride: Sequence[int],
    padding: Padding = "valid",
    output_padding: Sequence[int] | None = None,
    dilation: Sequence[int],
    groups: int = 1,
    dtype: str = "float32",
    choices: Choices | None = None,
) -> Operation:
    """[transpose.sum] Spread x (N, C, *spatial) by w (C, M/groups, *kernel) -> (N, M, *output).

    Raises `InvalidProblem`. Source: Dumoulin & Visin, A guide to convolution arithmetic for deep
    learning, 2016, section 4; Zeiler, Krishnan, Taylor & Fergus, Deconvolutional networks, 2010.
    """
    choices = checked(choices)
    check_transposed_weight(x, w, groups)
    depth, width = x.shape[1] // groups, w.shape[1]  # channels of a group, read and given
    check_bias(bias, width * groups)
    axes = spread_axes(
        x.shape[2:],
        w.shape[2:],
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation,
        choices=choices,
    )
    x, w = operands(x, dtype, choices), operands(w, dtype, choices)
    added = operands(bias, dtype, choices).values if bias else None
    touching = readers(axes, x.shape[2:])

    def terms(position: Position) -> list[Number]:
        n, m, *j = position
        group, own = divmod(m, width)  # [conv.groups]
        pairs = touching(tuple(j))
        products = []
        for c in range(group * depth, (group + 1) * depth):
            weights = w.block(c, own)
            products += [x.block(n, c, *o)[0] * weights[k] for o, k in pairs]
        return [*products, added[m]] if added else products  # [conv.bias]

    shape = (x.shape[0], width * groups, *(axis.size for axis in axes))
    return Operation(shape, dtype, terms, choices=choices)


def spread_axes(
    spatial: Sequence[int],
    kernel_size: Sequence[int],
    *,
    stride: Sequence[int],
    padding: Padding = "valid",
    output_padding: Sequence[int] | None = None,
    dilation: Sequence[int],
    choices: Choices | None = None,
) -> tuple[Axis, ...]:
    """Return the axes of the convolution that is transposed: their sizes are the output's.

    `spatial` are the numbers of its windows. Raises `InvalidProblem`.
    """
    rank = len(spatial)
    more = (0,) * rank if output_padding is None else output_padding
    bare = bare_axes(spatial, kernel_size, stride, dilation)
    check_padding(rank, padding)
    if len(more) != rank:
        text = f"output_padding has {len(more)} entries for {rank} spatial axes"
        raise InvalidProblem("problem.axes", text)
    found = []
    for a, axis in enumerate(bare):
        _check_output_padding(axis, more[a], a)
        if isinstance(padding, str) and padding.startswith("same"):
            half = any(more) and chosen(choices or {}, "transpose.same_odd") == "half"
            size, before, after = _same_size(axis, padding, more[a], half=half)
        else:
            size, before, after = spread_size(axis, padding, more[a], a, choices or {})
        found.append(replace(axis, size=size, before=before, after=after))
    return tuple(found)


def spread_size(
    axis: Axis, padding: Padding, more: int, a: int, choices: Choices
) -> tuple[int, int, int]:
    """[transpose.count] Return (output size, before, after) from `axis.size` windows."""
    touched = axis.stride * (axis.size - 1) + axis.extent if axis.size else 0
    if isinstance(padding, str):
        if padding == "valid":  # [transpose.valid]
            wide = chosen(choices, "transpose.valid") == "stride" and axis.size
            size = max(touched, axis.stride * axis.size) if wide else touched
            return size + more, 0, 0
        before, after = axis.extent - 1, axis.extent - 1 if padding == "full" else 0
    else:
        before, after = padding[a]
    return max(0, touched - before - after + more), before, after


def _same_size(axis: Axis, padding: str, more: int, *, half: bool) -> tuple[int, int, int]:
    """[transpose.same] Return (output size, before, after) from `axis.size` windows.

    `half` is the choice of [transpose.same_odd] where any axis has output padding.
    """
    room = axis.stride * axis.size  # what as many windows of stride samples take
    if not half:
        return room + more, *same_padding(room, axis.extent, axis.stride, padding)
    if not axis.size:
        return 0, 0, 0
    size = room - axis.stride + axis.extent % 2 + more
    return size, *shared(max(0, room - axis.stride + axis.extent - size), padding)


def _check_output_padding(axis: Axis, more: int, a: int) -> None:
    if more < 0 or more >= max(axis.stride, axis.dilation):
        text = f"output padding {more} on spatial axis {a} is not in 0 ... "
        text += f"{max(axis.stride, axis.dilation) - 1} (stride {axis.stride}, "
        raise InvalidProblem("transpose.output_padding", f"{text}dilation {axis.dilation})")


def check_transposed_weight(x: Tensor, w: Tensor, groups: int) -> None:
    """Raise `InvalidProblem` unless w is (C, M/groups, *kernel)."""
    if len(x.shape) < 3:
        raise InvalidProblem("problem.rank", f"the input {x.shape} is not (N, C, *spatial)")
    C = x.shape[1]
    if len(w.shape) != len(x.shape):
        text = f"weight {w.shape} has {len(w.shape)} axes for an input of {len(x.shape)}"
        raise InvalidProblem("transpose.weight", text)
    if groups < 1 or C % groups:
        text = f"{C} input channels cannot be split into {groups} groups"
        raise InvalidProblem("conv.groups", text)
    if w.shape[0] != C:
        text = f"weight {w.shape} is for {w.shape[0]} input channels, there are {C}"
        raise InvalidProblem("transpose.weight", text)


def relationship(axis: Axis, spatial: int, more: int) -> str:
    """Return the label of Dumoulin & Visin's relationship (8 to 14) that gives the output size.

    `spatial` is the input size along the axis. Nothing where none of the seven applies: they
    have equal padding on both sides and no dilation.
    """
    k, p, stride = axis.kernel_size, axis.before, axis.stride
    if axis.dilation != 1 or axis.before != axis.after or not spatial:
        return ""
    if stride == 1:
        if k % 2 and 0 < p == k // 2:
            same = "transpose.half"  # 10
        else:
            same = {k - 1: "transpose.full", 0: "transpose.unit"}.get(p, "transpose.unit_padded")
        return "" if more else same
    if more:
        return "transpose.odd"  # 14
    return "transpose.strided_padded" if p else "transpose.strided"  # 13, 12
