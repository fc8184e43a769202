"""Correct implementations that sum in other orders: nothing they answer may be a discrepancy.

They share neither the oracle's code nor that of our NumPy kernel; every order runs with the
accumulators that frameworks have: float32 for halves, and as wide as float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import honest_ops
import honest_pools
import numpy as np
from honest_fma import rounded_once
from honest_ops import Work
from honest_sums import Summation, backwards, blocked, lanes, pairwise, sequential

from convformance.backend import Array, Arrays, Unsupported
from convformance.problem import EXTRAS, Problem

NARROW = {
    "float16": "float32", "bfloat16": "float32", "float32": "float32", "float64": "float64",
}  # fmt: skip
WIDE = dict.fromkeys(NARROW, "float64")
BATCHED = ("x", "dy", "indices")
POOLS = ("adaptive_max_pool", "global_max_pool", "adaptive_avg_pool", "global_avg_pool")


@dataclass(frozen=True)
class Honest:
    """A correct backend: an order of summation and the width of its sums."""

    name: str
    summation: Summation
    accumulators: Mapping[str, str]
    reciprocal: bool = False
    kept_in: Mapping[str, str] = field(default_factory=dict)  # where it is not as declared: a lie
    version = "1"
    knows = frozenset((*EXTRAS, "padding"))

    def run(self, problem: Problem, arrays: Arrays) -> Mapping[str, Array]:
        """Return the answers of a valid problem; raise `Unsupported` for what cannot be said."""
        if problem.is_complex and self.summation.fused:
            raise Unsupported("a fused multiply-add takes real numbers")
        if problem.grad and problem.batch_groups > 1:
            raise Unsupported("gradients of batch groups are not written here")
        with np.errstate(all="ignore"):
            found = _function(problem)(self._work(problem, arrays))
            answers = found if isinstance(found, tuple) else (found,)
            return dict(zip(problem.answers, self._finished(problem, answers), strict=True))

    def _work(self, problem: Problem, arrays: Arrays) -> Work:
        dtype = self._dtype(problem)
        given = {name: _first(problem, name, array) for name, array in arrays.items()}
        wide = {
            name: array if name == "indices" else array.astype(dtype)
            for name, array in given.items()
        }
        between = partial(rounded_once, dtype=problem.dtype)
        return Work(problem, wide, self.summation, dtype, between, self.reciprocal)

    def _dtype(self, problem: Problem) -> np.dtype[np.generic]:
        if problem.is_complex:
            part = self.accumulators[{"complex64": "float32"}.get(problem.dtype, "float64")]
            return np.dtype({"float32": "complex64"}.get(part, "complex128"))
        if not problem.is_float:
            return np.dtype(np.int64)  # modulo 2^64, so right modulo fewer bits too
        return np.dtype({**self.accumulators, **self.kept_in}[problem.dtype])

    def _finished(self, problem: Problem, answers: tuple[Array, ...]) -> list[Array]:
        found = [rounded_once(answers[0], problem.answer_dtype), *answers[1:]]
        return [_last(problem, name, one) for name, one in zip(problem.answers, found, strict=True)]


def _function(problem: Problem) -> Callable[[Work], Array | tuple[Array, ...]]:
    name = problem.op.split("_", 1)[1] if problem.op in POOLS else problem.op
    name += "_gradient" if problem.grad else ""
    return getattr(honest_ops, name, None) or getattr(honest_pools, name)


def _first(problem: Problem, name: str, array: Array) -> Array:
    """Return the array as (N, C, *spatial), in the machine's byte order."""
    if name in BATCHED:
        if problem.unbatched:
            array = array[None]
        if problem.layout == "channels_last" and array.ndim > 2:
            array = np.moveaxis(array, -1, 1)
    return array.astype(array.dtype.newbyteorder("="))


def _last(problem: Problem, name: str, array: Array) -> Array:
    """Return the answer in the problem's layout."""
    if name in ("dw", "dbias"):
        return array
    if problem.layout == "channels_last" and array.ndim > 2:
        array = np.moveaxis(array, 1, -1)
    return array[0] if problem.unbatched else array


ORDERS = {
    "sequential": Summation(sequential),
    "reversed": Summation(backwards),
    "pairwise": Summation(pairwise),
    "blocked by 8": Summation(blocked(8)),
    "blocked by 16": Summation(blocked(16)),
    "8 lanes": Summation(lanes(8)),
    "fused": Summation(sequential, fused=True),
    "fused pairwise": Summation(pairwise, fused=True),
    "2 threads": Summation(sequential, threads=2),
}
RECIPROCALS = ("reversed", "blocked by 8", "fused")  # these divide by a rounded reciprocal
HONEST = [
    Honest(f"{name}, {width}", summation, accumulators, name in RECIPROCALS)
    for name, summation in ORDERS.items()
    for width, accumulators in (("narrow", NARROW), ("wide", WIDE))
]
