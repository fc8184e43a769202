"""Arrays as small labelled grids, with the differing elements marked."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from convformance.runfile import ArrayText
from convreport.text import sizes

Position = tuple[int, ...]
NAMED = {"x": "nc", "y": "nc", "indices": "nc", "w": "mc"}  # their leading axes


@dataclass(frozen=True)
class Element:
    """One element's word, and whether it differs from its partner."""

    text: str
    differs: bool


@dataclass(frozen=True)
class Block:
    """The last one or two axes at one place of the leading axes; `label` names the place."""

    label: str
    rows: tuple[tuple[Element, ...], ...]

    @property
    def width(self) -> range:
        """The positions along the last axis."""
        return range(max(map(len, self.rows), default=0))


@dataclass(frozen=True)
class Grid:
    """An array for the page; `note` says why there are no blocks."""

    name: str
    shape: str
    dtype: str
    blocks: tuple[Block, ...]
    note: str = ""

    @property
    def is_flat(self) -> bool:
        """Whether there are several blocks of one row each, which make one table."""
        return len(self.blocks) > 1 and all(len(block.rows) == 1 for block in self.blocks)


def grid(name: str, array: ArrayText, op: str, wrong: Collection[Position] = ()) -> Grid:
    """Return the array as blocks, the elements at `wrong` marked."""
    shape = sizes(array.shape)
    if array.values is None:
        return Grid(name, shape, array.dtype, (), "too large to print here")
    if 0 in array.shape:
        return Grid(name, shape, array.dtype, (), "no elements")
    leading = _leading(name, op, len(array.shape))
    blocks = tuple(
        Block(_label(leading, at), _rows(values, at, frozenset(wrong)))
        for at, values in _places(array.values, len(leading))
    )
    return Grid(name, shape, array.dtype, blocks)


def _leading(name: str, op: str, rank: int) -> str:
    """Return a letter for each axis that labels a block; the last one or two make the grid."""
    if rank <= 2 or (name == "w" and op == "distance_pool"):
        return "k" * max(0, rank - 2)
    letters = "nm" if name == "y" and op.startswith("conv") else NAMED.get(name, "")
    inner = "k" if name == "w" else "o" if name in ("y", "indices") else "i"
    return letters + inner * max(0, rank - len(letters) - 2)


def _label(leading: str, at: Position) -> str:
    return ", ".join(f"{letter}={i}" for letter, i in zip(leading, at, strict=True))


def _places(values: Any, depth: int, at: Position = ()) -> Iterator[tuple[Position, Any]]:
    if depth == 0 or not isinstance(values, list | tuple):
        yield at + (0,) * depth, values
        return
    for i, part in enumerate(values):
        yield from _places(part, depth - 1, (*at, i))


def _rows(
    values: Any, at: Position, wrong: Collection[Position]
) -> tuple[tuple[Element, ...], ...]:
    if not isinstance(values, list | tuple):
        return ((Element(str(values), at in wrong),),)
    if not any(isinstance(part, list | tuple) for part in values):
        return (_row(values, at, wrong),)
    return tuple(
        _row(part if isinstance(part, list | tuple) else [part], (*at, i), wrong)
        for i, part in enumerate(values)
    )


def _row(values: Any, at: Position, wrong: Collection[Position]) -> tuple[Element, ...]:
    return tuple(Element(str(word), (*at, i) in wrong) for i, word in enumerate(values))
