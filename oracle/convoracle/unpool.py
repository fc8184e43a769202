"""Maximum unpooling: each pooled value goes back to where its switch says it came from."""

from __future__ import annotations

from collections.abc import Sequence

from convoracle.axis import Padding, bare_axes, check_padding, slide
from convoracle.errors import InvalidProblem
from convoracle.exact import Number, exact_sum
from convoracle.operation import Choices, Operation, checked, chosen
from convoracle.tensor import Position, Tensor, flat_index


def max_unpool(
    x: Tensor,
    indices: Tensor,
    kernel_size: Sequence[int],
    *,
    stride: Sequence[int],
    padding: Padding = "valid",
    output: Sequence[int] = (),
    dtype: str = "float32",
    choices: Choices | None = None,
) -> Operation:
    """[unpool.value] Put x (N, C, *pooled) at its indices in zeros -> (N, C, *output).

    indices are those of [max.index]. Without `output` it is the least size that pools to x.
    Raises `InvalidProblem`. Source: Zeiler & Fergus, Visualizing and understanding
    convolutional networks, 2014, section 2.1; Zeiler, Taylor & Fergus, Adaptive deconvolutional
    networks, 2011.
    """
    choices = checked(choices)
    size = unpooled_size(x.shape, kernel_size, stride=stride, padding=padding, output=output)

    def terms(position: Position) -> list[Number]:
        n, c, *j = position
        wanted = flat_index(j, size)
        pairs = zip(x.block(n, c), indices.block(n, c), strict=True)
        return [value for value, index in pairs if index == wanted]

    def combine(found: Sequence[Number]) -> Number:
        """[unpool.overlap] Return one of the values that share a switch, or their sum."""
        how = chosen(choices, "unpool.overlap")
        if how == "sum" or not found:
            return exact_sum(found)
        return found[-1 if how == "last" else 0]

    return Operation((*x.shape[:2], *size), dtype, terms, combine, choices=choices)


def unpooled_size(
    shape: Sequence[int],
    kernel_size: Sequence[int],
    *,
    stride: Sequence[int],
    padding: Padding = "valid",
    output: Sequence[int] = (),
) -> tuple[int, ...]:
    """[unpool.output] Return the spatial sizes of the output; raise `InvalidProblem`."""
    if len(shape) < 3:
        raise InvalidProblem("problem.rank", f"the input {tuple(shape)} is not (N, C, *spatial)")
    pooled, ones = tuple(shape[2:]), (1,) * (len(shape) - 2)
    bare = bare_axes(pooled, kernel_size, stride, ones)
    if not output:
        check_padding(len(bare), padding)
        sides = [(0, 0)] * len(bare) if isinstance(padding, str) else padding
        output = [
            max(0, (axis.size - 1) * axis.stride + axis.kernel_size - sum(pair))
            for axis, pair in zip(bare, sides, strict=True)
        ]
    if any(size < 0 for size in output):
        text = f"the output {tuple(output)} has a negative size"
        raise InvalidProblem("unpool.output", text)
    axes = slide(output, kernel_size, stride=stride, padding=padding, dilation=ones)
    counts = tuple(axis.count for axis in axes)
    if counts != pooled:
        text = f"pooling an output of {tuple(output)} gives {counts}, the input is {pooled}"
        raise InvalidProblem("unpool.output", text)
    return tuple(output)
