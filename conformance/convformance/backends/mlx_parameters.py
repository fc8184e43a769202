"""What the functions of MLX call a problem's attributes, and a call as lines of ours."""

from __future__ import annotations

from dataclasses import dataclass

from convformance.backend import Unsupported
from convformance.problem import Problem

RANKS = (1, 2, 3)  # functions and layers of MLX have a name for each
Sides = tuple[list[int], list[int]]  # before every axis, and after


@dataclass(frozen=True)
class Body:
    """The lines of a function of the operands, and what is to be said about them."""

    lines: tuple[str, ...]
    notes: tuple[str, ...] = ()
    recipe: bool = False


def plain(numbers: tuple[int, ...]) -> int | tuple[int, ...]:
    """One number of one axis: what MLX calls 1d takes nothing else."""
    return numbers[0] if len(numbers) == 1 else numbers


def in_numbers(problem: Problem) -> tuple[tuple[int, int], ...]:
    """Return the padding as pairs; MLX has no word for any, beside mode= of mx.convolve."""
    pairs = problem.padding
    if not isinstance(pairs, str):
        return pairs
    if pairs == "valid":
        return ((0, 0),) * problem.rank
    if pairs not in ("causal", "full"):
        raise Unsupported(f"padding of MLX is in numbers, never {pairs!r}")
    axes = zip(problem.dilation, problem.kernel_size, strict=False)  # MLX is to see a misfit
    reaches = [step * (k - 1) for step, k in axes]
    return tuple((one, one if pairs == "full" else 0) for one in reaches)


def is_even(pairs: tuple[tuple[int, int], ...]) -> bool:
    """Whether every axis has as much padding before it as after."""
    return all(before == after for before, after in pairs)


def sides(pairs: tuple[tuple[int, int], ...]) -> Sides:
    """Return the padding as mx.conv_general takes it."""
    return [before for before, _ in pairs], [after for _, after in pairs]


def padding_notes(problem: Problem) -> tuple[str, ...]:
    """Return what is to be said of padding that MLX has no word for."""
    if problem.padding in ("causal", "full"):
        return (f"{problem.padding} padding given in numbers",)
    return ()


def whole_pads(pairs: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """Return the pads of every axis, batch and channels among them."""
    return [(0, 0), *pairs, (0, 0)]
