"""Pools whose windows follow from the output's size: adaptive and global."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product

from convoracle.errors import InvalidProblem
from convoracle.exact import Number, is_nan, largest, lowest
from convoracle.operation import Choices, Operation, checked, chosen, operands
from convoracle.pool import average
from convoracle.tensor import Position, Tensor, flat_index


def adaptive_window(size: int, output: int, o: int) -> range:
    """[adaptive.window] Return the positions of window o of `output` windows over `size`."""
    return range(o * size // output, -(-(o + 1) * size // output))


def adaptive_max_pool(
    x: Tensor,
    output: Sequence[int],
    *,
    dtype: str = "float32",
    choices: Choices | None = None,
) -> Operation:
    """Take the maximum over each of `output` windows of x (N, C, *spatial) -> (N, C, *output).

    Raises `InvalidProblem`. Source: PyTorch documentation, AdaptiveMaxPool2d.
    """
    choices = checked(choices)
    x = operands(x, dtype, choices)
    under = _samples(x.shape, output)

    def terms(position: Position) -> list[Number]:
        plane = x.block(*position[:2])
        return [plane[i] for i in under(position)]

    def index(position: Position) -> int:
        """[max.index] Return the flat position of the maximum in the input plane."""
        found, plane = under(position), x.block(*position[:2])
        best = largest([plane[i] for i in found], lowest(dtype))
        nan = is_nan(best)
        hits = [i for i in found if (is_nan(plane[i]) if nan else plane[i] == best)]
        which = chosen(choices, "max.nan_index" if nan else "max.tie")
        return hits[0 if which == "first" else -1] if hits else -1

    combine = partial(largest, lowest=lowest(dtype))  # [max.value] [max.nan] [max.empty]
    shape = (*x.shape[:2], *output)
    return Operation(shape, dtype, terms, combine, index=index, choices=choices)


def adaptive_avg_pool(
    x: Tensor,
    output: Sequence[int],
    *,
    dtype: str = "float32",
    choices: Choices | None = None,
) -> Operation:
    """Average each of `output` windows of x (N, C, *spatial) -> (N, C, *output).

    Raises `InvalidProblem`. Source: He et al., Spatial pyramid pooling, 2014, section 2.2;
    PyTorch documentation, AdaptiveAvgPool2d.
    """
    choices = checked(choices)
    x = operands(x, dtype, choices)
    under = _samples(x.shape, output)

    def terms(position: Position) -> list[Number]:
        plane = x.block(*position[:2])
        return [plane[i] for i in under(position)]

    def finish(position: Position, total: Number) -> Number:
        return average(total, len(under(position)), dtype, choices)  # [avg.value]

    return Operation((*x.shape[:2], *output), dtype, terms, finish=finish, choices=choices)


def global_max_pool(
    x: Tensor, *, dtype: str = "float32", choices: Choices | None = None
) -> Operation:
    """[global.window] Take the maximum of each plane of x (N, C, *spatial) -> (N, C, 1, ...)."""
    return adaptive_max_pool(x, (1,) * (len(x.shape) - 2), dtype=dtype, choices=choices)


def global_avg_pool(
    x: Tensor, *, dtype: str = "float32", choices: Choices | None = None
) -> Operation:
    """[global.window] Average each plane of x (N, C, *spatial) -> (N, C, 1, ...).

    Source: Lin, Chen & Yan, Network in network, 2013, section 3.2.
    """
    return adaptive_avg_pool(x, (1,) * (len(x.shape) - 2), dtype=dtype, choices=choices)


def _samples(shape: Sequence[int], output: Sequence[int]) -> Callable[[Position], list[int]]:
    """Return a function from an output position to the flat positions of its window."""
    spatial = shape[2:]
    if not spatial:
        raise InvalidProblem("problem.rank", f"the input {tuple(shape)} is not (N, C, *spatial)")
    if len(output) != len(spatial):
        text = f"output has {len(output)} entries for {len(spatial)} spatial axes"
        raise InvalidProblem("problem.axes", text)
    for a, size in enumerate(output):
        if size < 1:
            text = f"output size {size} on spatial axis {a} is less than 1"
            raise InvalidProblem("adaptive.output", text)

    def under(position: Position) -> list[int]:
        ranges = map(adaptive_window, spatial, output, position[2:])
        return [flat_index(i, spatial) for i in product(*ranges)]

    return under
