"""What the functions of JAX call a problem's attributes, and the body of a function of ours."""

from __future__ import annotations

import string
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from convformance.problem import Problem

ONE: dict[str, Any] = {"unbatched": False, "layout": "channels_first", "memory": "contiguous"}
Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Body:
    """The lines of a function of the operands, and what is to be said about them."""

    lines: tuple[str, ...]
    notes: tuple[str, ...] = ()
    recipe: bool = False


def number_of(problem: Problem) -> int:
    """Return a number that decides what the problem leaves open, always the same one.

    The size of the batch and how the arrays are handed over have no part in it: answers that
    differ in these alone are then JAX's doing, not the adapter's.
    """
    alike = replace(problem, x=(1, *problem.x[1:]), **ONE)
    return zlib.crc32(alike.line.encode())


def spatial_axes(problem: Problem, last: bool) -> tuple[int, ...]:
    """Return the spatial axes of x; with `last` its channels come after them."""
    first = (1 if last else 2) - problem.unbatched
    return tuple(range(first, first + problem.rank))


def full(problem: Problem, last: bool, entries: Sequence[Any], one: Any) -> tuple[Any, ...]:
    """Return entries for every axis of x, the batch and the channels among them."""
    whole = (one, *entries, one) if last else (one, one, *entries)
    return whole[1:] if problem.unbatched else whole


def dimension_numbers(rank: int, last: bool) -> tuple[str, str, str]:
    """Return the order of the axes of x, w and y."""
    axes = "DHW"[-rank:] if 0 < rank <= 3 else string.ascii_lowercase[:rank]
    if last:
        return f"N{axes}C", f"{axes}IO", f"N{axes}C"
    return f"NC{axes}", f"OI{axes}", f"NC{axes}"


def padding(problem: Problem) -> str | Pairs:
    """Return the value of the parameter `padding`, which has words for three of ours."""
    if not isinstance(problem.padding, str):
        return problem.padding
    if problem.padding in ("causal", "full"):
        return in_numbers(problem)
    return {"valid": "VALID", "same_lower": "SAME_LOWER"}.get(problem.padding, "SAME")


def padding_notes(problem: Problem) -> tuple[str, ...]:
    """Return what is to be said of padding that JAX has no word for."""
    if problem.padding in ("causal", "full"):
        return (f"{problem.padding} padding given in numbers",)
    return ()


def in_numbers(problem: Problem) -> Pairs:
    """Return valid, causal, full or explicit padding as pairs."""
    if not isinstance(problem.padding, str):
        return problem.padding
    if problem.padding == "valid":
        return ((0, 0),) * problem.rank
    return tuple((one, one if problem.padding == "full" else 0) for one in reaches(problem))


def reaches(problem: Problem) -> list[int]:
    """Return extent - 1 of each axis."""
    pairs = zip(problem.dilation, problem.kernel_size, strict=False)  # JAX is to see a misfit
    return [step * (k - 1) for step, k in pairs]
