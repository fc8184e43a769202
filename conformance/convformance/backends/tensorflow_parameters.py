"""What the functions of TensorFlow call a problem's attributes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from convformance.problem import Problem


def explicit(problem: Problem) -> bool:
    """Whether the padding is given in numbers."""
    return not isinstance(problem.padding, str)


def dilated(problem: Problem) -> bool:
    """Whether taps lie apart on some axis."""
    return any(step != 1 for step in problem.dilation)


def the_padding(problem: Problem) -> str | list[list[int]]:
    """Return the value of the parameter `padding`."""
    if isinstance(problem.padding, str):
        return "VALID" if problem.padding == "valid" else "SAME"
    return [[0, 0], *map(list, problem.padding), [0, 0]]


def full(sizes: tuple[int, ...]) -> list[int]:
    """Add the batch and channel axes."""
    return [1, *sizes, 1]


def by_axis(*values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Go through the axes; where an invalid problem lacks an entry, TensorFlow is to say so."""
    return zip(*values, strict=False)
