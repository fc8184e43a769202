"""An op on given inputs, defined element by element."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from convoracle.clauses import VARIANTS
from convoracle.exact import Number, exact_sum, flushed, operand, rounded, size
from convoracle.tensor import Position, Tensor, positions

Choices = Mapping[str, str]


def chosen(choices: Choices, label: str) -> str:
    """Return the choice at a variant point: the given one, else the standard."""
    return choices.get(label, VARIANTS[label].standard)


def checked(choices: Choices | None) -> Choices:
    """Return the choices, none for None; raise ValueError for one that no variant point has."""
    for label, name in (choices or {}).items():
        if label not in VARIANTS:
            raise ValueError(f"{label!r} is no variant point: {', '.join(VARIANTS)}")
        names = [known for known, _ in VARIANTS[label].choices]
        if name not in names:
            raise ValueError(f"[{label}] has no choice {name!r}: {', '.join(names)}")
    return choices or {}


def identity(_position: Position, total: Number) -> Number:
    """Return the total: a sum that is not divided."""
    return total


@dataclass(frozen=True)
class Operation:
    """What stands under each window, and what is made of it.

    `terms(position)` are the numbers under the window of an output element, `combine` their
    exact sum or maximum, `finish(position, total)` divides it or takes its root.
    `index(position)` is the argmax where the op has one. For error bounds, `gain(position)` is by
    how much an error of intermediate results may grow, and `weights(position)` are the numbers
    whose magnitudes count, where those are not the terms.
    """

    shape: tuple[int, ...]
    dtype: str
    terms: Callable[[Position], list[Number]]
    combine: Callable[[Sequence[Number]], Number] = exact_sum
    finish: Callable[[Position, Number], Number] = identity
    index: Callable[[Position], int] | None = None
    gain: Callable[[Position], Number] | None = None
    weights: Callable[[Position], list[Number]] | None = None
    choices: Choices = field(default_factory=dict)

    def exact(self, position: Position) -> Number:
        """Return the element before it is rounded."""
        return self.finish(position, self.combine(self.terms(position)))

    def magnitude(self, position: Position) -> Number:
        """Return the element that the terms' absolute values would give, for error bounds."""
        counted = self.terms(position) if self.weights is None else self.weights(position)
        total = exact_sum([size(term) for term in counted])
        return size(self.finish(position, total))

    def value(self, position: Position) -> Number:
        """Return the element, rounded once to the dtype."""
        return self.finished(self.exact(position))

    def finished(self, exact: Number) -> Number:
        """Return an exact element rounded once to the dtype."""
        value = rounded(exact, self.dtype)
        return flushed(value, self.dtype) if flushes(self.choices) else value

    def result(self) -> Tensor:
        """Return every element."""
        return Tensor(self.shape, [self.value(position) for position in positions(self.shape)])

    def indices(self) -> Tensor:
        """Return every index; only for an op that has them."""
        if self.index is None:
            raise ValueError("this op has no indices")
        return Tensor(self.shape, [self.index(position) for position in positions(self.shape)])


def flushes(choices: Choices) -> bool:
    """Whether subnormal numbers are taken for zero."""
    return chosen(choices, "value.subnormal") == "flush"


def operands(tensor: Tensor, dtype: str, choices: Choices) -> Tensor:
    """Return the tensor with its numbers ready for exact products."""
    values = tensor.values
    if flushes(choices):
        values = [flushed(value, dtype) for value in values]
    elif dtype != "float64":
        return tensor  # a product of two of its elements is exact in a float
    return Tensor(tensor.shape, [operand(value, dtype) for value in values])
