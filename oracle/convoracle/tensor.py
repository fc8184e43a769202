"""A dense array as a shape and a flat list: enough for loops, and it keeps zero sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from convoracle.exact import Number

Position = tuple[int, ...]


@dataclass(frozen=True)
class Tensor:
    """Row-major values and their shape."""

    shape: tuple[int, ...]
    values: Sequence[Number]

    def __post_init__(self) -> None:
        if prod(self.shape) != len(self.values):
            raise ValueError(f"{len(self.values)} values do not fill the shape {self.shape}")

    @classmethod
    def of(cls, nested: Any) -> Tensor:
        """Return the tensor of nested lists: Tensor.of([[1, 2], [3, 4]])."""
        shape: list[int] = []
        level = nested
        while isinstance(level, list):
            shape.append(len(level))
            level = level[0] if level else None
        return cls(tuple(shape), list(_flat(nested)))

    def block(self, *lead: int) -> Sequence[Number]:
        """Return the flat values under the leading positions, such as one plane x[n, c]."""
        start, size = 0, len(self.values)
        for position, length in zip(lead, self.shape, strict=False):
            size //= length
            start += position * size
        return self.values[start : start + size]

    def nested(self) -> Any:
        """Return nested lists."""
        values = iter(self.values)

        def level(a: int) -> Any:
            if a == len(self.shape):
                return next(values)
            return [level(a + 1) for _ in range(self.shape[a])]

        return level(0)


def positions(shape: Sequence[int]) -> Iterator[Position]:
    """Yield every position of a shape in row-major order."""
    return product(*map(range, shape))


def flat_index(position: Sequence[int], shape: Sequence[int]) -> int:
    """Return the row-major index of a position."""
    index = 0
    for i, length in zip(position, shape, strict=True):
        index = index * length + i
    return index


def _flat(nested: Any) -> Iterator[Number]:
    if isinstance(nested, list):
        for part in nested:
            yield from _flat(part)
    else:
        yield nested
