"""How arrays are handed to a backend and taken back: batch axis, layout, memory.

The rest of the suite knows one form: (N, C, *spatial), contiguous, in the machine's byte order.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from convformance.backend import Array, Arrays
from convformance.problem import Problem

BATCHED = ("x", "dy", "indices", "y", "dx")  # arrays of (N, C, *spatial)
BETWEEN = 77  # stands between the elements of a strided array


def handed(problem: Problem, arrays: Arrays) -> dict[str, Array]:
    """Return copies of the arrays as the problem wants them handed over."""
    return {name: _handed(problem, name, array) for name, array in arrays.items()}


def _handed(problem: Problem, name: str, array: Array) -> Array:
    if name in BATCHED:
        if problem.layout == "channels_last" and array.ndim > 2:
            array = np.moveaxis(array, 1, -1)  # [problem.layout]
        if problem.unbatched:
            array = array[0]  # [problem.unbatched]
    return in_memory(array, problem.memory)


def in_memory(array: Array, memory: str) -> Array:
    """[backend.memory] Return a copy with equal elements that lies in memory as named."""
    if memory == "transposed":
        return array.copy(order="F")
    if memory == "strided":
        wide = np.full((*array.shape, 2), BETWEEN, array.dtype)
        wide[..., 0] = array
        return wide[..., 0]
    if memory == "reversed":
        every = (slice(None, None, -1),) * array.ndim
        return array[every].copy(order="C")[every]
    # Not bfloat16, which has no other order. (`isbuiltin` tells nothing of an unpickled dtype.)
    if memory == "byteswapped" and array.dtype.kind in "iufc":
        return array.astype(array.dtype.newbyteorder(), order="C")
    copy = array.copy(order="C")
    copy.flags.writeable = memory != "readonly"
    return copy


def taken_back(problem: Problem, answers: Mapping[str, Array]) -> dict[str, Array]:
    """Return the answers as (N, C, *spatial), as far as their shapes allow."""
    return {name: _taken(problem, name, array) for name, array in answers.items()}


def _taken(problem: Problem, name: str, array: Array) -> Array:
    if name not in BATCHED:
        return array
    if problem.unbatched:
        array = array[None]
    if problem.layout == "channels_last" and array.ndim > 2:
        array = np.ascontiguousarray(np.moveaxis(array, -1, 1))
    return array


def changed(problem: Problem, before: Arrays, after: Arrays) -> tuple[str, ...]:
    """[backend.input] Return the names of the handed arrays that do not hold the same bits."""
    back = taken_back(problem, after)
    return tuple(name for name, array in before.items() if not _same_bits(array, back[name]))


def _same_bits(before: Array, after: Array) -> bool:
    native = after.astype(before.dtype) if after.dtype != before.dtype else after
    return before.shape == native.shape and before.tobytes() == native.tobytes()
