"""How a backend computes: crafted vectors that tell its sums, its inputs and its products apart.

Each vector is chosen so that the ways to compute give different answers, whatever the order of
the sum: nothing here is judged, it is told.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from convformance.backend import Array, Backend
from convformance.expect import numpy_dtype
from convformance.perform import perform
from convformance.problem import Problem
from convformance.runfile import Arithmetic
from convoracle.exact import FORMATS

# A name for each width of a significand, and from how many right bits on it is told.
WIDTHS = (
    (44, "float64 or wider"), (20, "float32"), (9.5, "float16 (11 bits)"), (0, "bfloat16 (8 bits)"),
)  # fmt: skip
TERMS = 64  # of a sum that measures the accumulator
TRIED = 32  # sums of other numbers
ROWS = 16  # output channels, so that the usual kernel is chosen and not that of one row


@dataclass(frozen=True)
class Layer:
    """A layer of one op on which a vector can be laid: the terms of one output element."""

    op: str
    terms: int
    problem: Problem

    def arrays(self, x: Array, w: Array) -> dict[str, Array]:
        """Return the arrays whose first output element is sum x * w; pools take x alone."""
        dtype = numpy_dtype(self.problem.dtype)
        found = np.zeros(self.problem.x, dtype)
        if self.op == "conv1x1":
            found[0, :, 0, 0] = x
            weight = np.zeros(self.problem.w, dtype)
            weight[:] = w
            return {"x": found, "w": weight}
        side = math.isqrt(self.terms)
        found[0, 0, :side, :side] = np.reshape(x, (side, side))
        if self.op != "conv":
            return {"x": found}
        weight = np.zeros(self.problem.w, dtype)
        weight[:, 0] = np.reshape(w, (side, side))
        return {"x": found, "w": weight}


def layers(dtype: str) -> tuple[Layer, ...]:
    """Return the layers that are asked: a matrix product, a spatial convolution, an average."""
    side = math.isqrt(TERMS)
    wide = side + 3
    lines = {
        "conv1x1": f"conv1x1 x=1x{TERMS}x4x4 w={ROWS}x{TERMS}",
        "conv": f"conv x=1x1x{wide}x{wide} w={ROWS}x1x{side}x{side}",
        "avg_pool": f"avg_pool x=1x1x{wide}x{wide} kernel={side}",
    }
    return tuple(Layer(op, TERMS, Problem.parse(f"{line} {dtype}")) for op, line in lines.items())


def measured(
    backend: Backend, dtypes: tuple[str, ...], asks: Callable[[Problem], bool] = lambda _: True
) -> Iterator[Arithmetic]:
    """Yield what is measured of each op and dtype that the backend is asked and answers."""
    for dtype in dtypes:
        for layer in filter(lambda one: asks(one.problem), layers(dtype)):
            accumulator = accumulator_of(backend, layer)
            if not accumulator:
                continue
            if layer.op == "avg_pool":
                yield Arithmetic(layer.op, dtype, accumulator)
                continue
            yield Arithmetic(
                layer.op, dtype, accumulator, inputs_of(backend, layer), products_of(backend, layer)
            )


def first(backend: Backend, layer: Layer, x: Array, w: Array) -> float | None:
    """Return the first element of the answer, or None if there is none."""
    outcome = perform(backend, layer.problem, layer.arrays(x, w))
    y = outcome.arrays.get("y")
    if outcome.kind != "arrays" or y is None or y.size == 0:
        return None
    return float(np.ravel(y)[0])


def accumulator_of(backend: Backend, layer: Layer) -> str:
    """Return the width in which a sum is kept, by the error of sums that cancel to zero.

    The numbers and their opposites stand in a random order, so that every partial sum has to be
    rounded, and the exact sum is 0: what is left is the accumulator's error and no other.
    """
    random = np.random.Generator(np.random.PCG64(1))
    bits = FORMATS[layer.problem.dtype].precision
    worst = 0.0
    for _ in range(TRIED):
        # Of sizes so different that an aligned sum has more bits than a float32 holds.
        half = random.integers(2 ** (bits - 1), 2**bits, layer.terms // 2).astype(np.float64)
        low, high = (-24, -2) if layer.problem.dtype == "float16" else (-bits - 16, -bits + 16)
        half = np.ldexp(half, random.integers(low, high, half.size))
        x = random.permutation(np.concatenate([half, -half]))
        got = first(backend, layer, x, np.ones(x.size))
        if got is None or not math.isfinite(got):
            return ""
        if layer.op == "avg_pool":
            got *= layer.terms
        worst = max(worst, abs(got) / float(np.abs(x).sum()))
    right = math.inf if worst == 0 else -math.log2(worst)
    return next(name for least, name in WIDTHS if right >= least)


def inputs_of(backend: Backend, layer: Layer) -> str:
    """Return how many bits of the inputs count: the last k for which 1 + 2^-k comes back."""
    bits = FORMATS[layer.problem.dtype].precision
    kept = 0
    for k in range(1, bits):
        x, w = np.zeros(layer.terms), np.zeros(layer.terms)
        x[0], w[0] = 1 + 2.0**-k, 1
        if first(backend, layer, x, w) != x[0]:
            break
        kept = k
    names = {7: "cut to bfloat16", 10: "cut to TF32", 23: "cut to float32"}
    if kept == bits - 1:
        return "whole"
    return names.get(kept, f"cut to {kept + 1} bits")


def products_of(backend: Backend, layer: Layer) -> str:
    """Return whether a product is rounded before it is added.

    (1 + e)^2 - (1 + 2e) is e^2, which is less than half an ulp of 1: a product that is rounded to
    the accumulator gives 0. Only for a dtype that is its own accumulator.
    """
    if layer.problem.dtype not in ("float32", "float64"):
        return ""
    e = 2.0 ** -(FORMATS[layer.problem.dtype].precision // 2 + 1)
    found = []
    for order in (1, -1):
        x, w = np.zeros(layer.terms), np.zeros(layer.terms)
        ends = (0, -1)[::order]
        x[ends[0]], w[ends[0]] = -(1 + 2 * e), 1
        x[ends[1]], w[ends[1]] = 1 + e, 1 + e
        found.append(first(backend, layer, x, w) == e * e)
    if all(found):
        return "exact"
    return "fused with the sum" if any(found) else "rounded"
