"""Unfold (im2col) and fold (col2im): the windows of an input as columns, and back."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from convoracle.axis import Padding, slide
from convoracle.conv import zero_of
from convoracle.errors import InvalidProblem
from convoracle.exact import Number
from convoracle.operation import Choices, Operation, checked, operands
from convoracle.tensor import Position, Tensor, flat_index, positions
from convoracle.window import readers, windows


def unfold(
    x: Tensor,
    kernel_size: Sequence[int],
    *,
    stride: Sequence[int],
    padding: Padding = "valid",
    dilation: Sequence[int],
    dtype: str = "float32",
    choices: Choices | None = None,
) -> Operation:
    """[unfold.order] Lay the windows of x (N, C, *spatial) out: columns (N, C * taps, windows).

    Row c * taps + k is what tap k reads in channel c; windows and taps count in row-major
    order. Raises `InvalidProblem`. Source: Chellapilla, Puri & Simard, High performance
    convolutional neural networks for document processing, 2006; PyTorch documentation, Unfold.
    """
    choices = checked(choices)
    if len(x.shape) < 3:
        raise InvalidProblem("problem.rank", f"the input {x.shape} is not (N, C, *spatial)")
    axes = slide(x.shape[2:], kernel_size, stride=stride, padding=padding, dilation=dilation)
    taps, places = prod(kernel_size), list(positions([axis.count for axis in axes]))
    x, window = operands(x, dtype, choices), windows(axes)

    def terms(position: Position) -> list[Number]:
        n, row, column = position
        c, k = divmod(row, taps)
        i = dict(window(places[column]).samples).get(k)
        return [zero_of(dtype) if i is None else x.block(n, c)[i]]  # [padding.zero]

    return Operation((x.shape[0], x.shape[1] * taps, len(places)), dtype, terms, choices=choices)


def fold(
    x: Tensor,
    output: Sequence[int],
    kernel_size: Sequence[int],
    *,
    stride: Sequence[int],
    padding: Padding = "valid",
    dilation: Sequence[int],
    dtype: str = "float32",
    choices: Choices | None = None,
) -> Operation:
    """[fold.sum] Add columns (N, C * taps, windows) up where they came from -> (N, C, *output).

    The adjoint of `unfold`. Raises `InvalidProblem`. Source: PyTorch documentation, Fold.
    """
    choices = checked(choices)
    if any(size < 0 for size in output):
        raise InvalidProblem("fold.columns", f"the output {tuple(output)} has a negative size")
    axes = slide(output, kernel_size, stride=stride, padding=padding, dilation=dilation)
    counts, taps = [axis.count for axis in axes], prod(kernel_size)
    if len(x.shape) != 3 or x.shape[1] % taps or x.shape[2] != prod(counts):
        text = f"the input {x.shape} is not (N, C * {taps} taps, {prod(counts)} windows)"
        raise InvalidProblem("fold.columns", text)
    x, reading = operands(x, dtype, choices), readers(axes)

    def terms(position: Position) -> list[Number]:
        n, c, *j = position
        pairs = reading(tuple(j))
        return [x.block(n, c * taps + k, flat_index(o, counts))[0] for o, k in pairs]

    return Operation((x.shape[0], x.shape[1] // taps, *output), dtype, terms, choices=choices)
