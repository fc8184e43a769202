"""The taps of one window, split by what lies under them: samples, padding, or neither."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from convoracle.axis import Axis
from convoracle.tensor import Position, flat_index, positions


@dataclass(frozen=True)
class Window:
    """Taps are flat kernel positions, samples flat positions in an input plane."""

    samples: tuple[tuple[int, int], ...]  # (tap, sample), row-major
    padding: tuple[int, ...]  # taps over padding
    overrun: tuple[int, ...]  # taps past the padded input, which only ceil_mode makes

    @property
    def padded(self) -> int:
        """How many taps lie in the padded input."""
        return len(self.samples) + len(self.padding)


def windows(axes: Sequence[Axis]) -> Callable[[Position], Window]:
    """Return a function from an output position to its window."""
    spatial = [axis.size for axis in axes]

    @lru_cache(maxsize=4096)
    def along(a: int, o: int) -> list[tuple[int | None, bool]]:
        """Return the sample under each tap of window o of one axis, and whether the tap is in."""
        axis = axes[a]
        found = [axis.position(o, k) for k in range(axis.kernel_size)]
        return [(axis.sample(i), axis.pads(i)) for i in found]

    @lru_cache(maxsize=4096)
    def at(o: Position) -> Window:
        samples, padding, overrun = [], [], []
        for tap, under in enumerate(product(*(along(a, j) for a, j in enumerate(o)))):
            found = [sample for sample, _ in under if sample is not None]
            if len(found) == len(axes):
                samples.append((tap, flat_index(found, spatial)))
            elif all(is_in for _, is_in in under):
                padding.append(tap)
            else:
                overrun.append(tap)
        return Window(tuple(samples), tuple(padding), tuple(overrun))

    return at


def readers(
    axes: Sequence[Axis], counts: Sequence[int] | None = None
) -> Callable[[Position], tuple[tuple[Position, int], ...]]:
    """Return a function from a sample's position to the (window, tap) pairs that read it.

    `counts` are the numbers of windows, where they are not those that fit.
    """
    counts = [axis.count for axis in axes] if counts is None else counts
    kernel = [axis.kernel_size for axis in axes]

    @lru_cache(maxsize=4096)
    def along(a: int, i: int) -> tuple[tuple[int, int], ...]:
        axis = axes[a]
        pairs = positions((counts[a], axis.kernel_size))
        return tuple((o, k) for o, k in pairs if axis.sample(axis.position(o, k)) == i)

    @lru_cache(maxsize=4096)
    def at(i: Position) -> tuple[tuple[Position, int], ...]:
        found = product(*(along(a, j) for a, j in enumerate(i)))
        return tuple(
            (tuple(o for o, _ in pairs), flat_index([k for _, k in pairs], kernel))
            for pairs in found
        )

    return at
