"""Complex convolution as four real ones: each part of an element is an exact sum of its own."""

from __future__ import annotations

from collections.abc import Callable

from convoracle.exact import PARTS, Number, size
from convoracle.operation import Choices, Operation
from convoracle.tensor import Position, Tensor

Real = Callable[[Tensor, Tensor, Tensor | None], Operation]


def in_parts(
    op: Real,
    x: Tensor,
    w: Tensor,
    bias: Tensor | None,
    *,
    dtype: str,
    choices: Choices | None = None,
) -> Operation:
    """[value.complex] Return the op on complex numbers, from the op on real ones.

    The inputs have a last axis of 2, real and imaginary part, and so has the output. `op` takes
    (x, w, bias) and is linear in x and in w.
    """
    (xr, xi), (wr, wi) = _parts(x), _parts(w)
    br, bi = _parts(bias) if bias else (None, None)
    real, minus = op(xr, wr, br), op(xi, wi, None)
    imaginary, plus = op(xr, wi, bi), op(xi, wr, None)

    def terms(position: Position) -> list[Number]:
        *place, part = position
        at = tuple(place)
        if part:
            return [*imaginary.terms(at), *plus.terms(at)]
        return [*real.terms(at), *(-term for term in minus.terms(at))]

    def weights(position: Position) -> list[Number]:
        """All terms of both parts: a product of complex numbers may be made of three real ones."""
        at = tuple(position[:-1])
        found = [term for one in (real, minus, imaginary, plus) for term in one.terms(at)]
        return [size(term) for term in found]

    return Operation((*real.shape, 2), PARTS[dtype], terms, weights=weights, choices=choices or {})


def _parts(tensor: Tensor) -> tuple[Tensor, Tensor]:
    shape = tensor.shape[:-1]
    return Tensor(shape, tensor.values[0::2]), Tensor(shape, tensor.values[1::2])
