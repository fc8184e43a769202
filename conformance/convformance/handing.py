"""How arrays are handed to a backend and taken back: batch axis, layout, memory.

The rest of the suite knows one form: (N, C, *spatial), contiguous, in the machine's byte order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from convformance.backend import Array, Arrays
from convformance.problem import Problem

BATCHED = ("x", "dy", "indices", "y", "dx")  # arrays of (N, C, *spatial)
MARGIN = 2  # elements of poison on each side of every axis of a guarded array
BESIDE = 64  # elements of poison ahead of an enclosed array, and behind it
POISONED = ("guarded", "enclosed")
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
    # [backend.memory] Only a batch is repeated: weights, and an unbatched item, lie plainly.
    if problem.memory == "broadcast" and (name not in BATCHED or problem.unbatched):
        return in_memory(array, "contiguous")
    return in_memory(array, problem.memory)


def in_memory(array: Array, memory: str) -> Array:  # noqa: PLR0911  one return for each form
    """[backend.memory] Return a copy with equal elements that lies in memory as named.

    What is broadcast has equal elements along its first axis: see `repeated`.
    """
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
    if memory in POISONED:
        return _amid_poison(array, memory)[1]
    if memory == "broadcast":
        first = array[:1] if array.ndim else array
        return np.broadcast_to(first.copy(order="C"), array.shape)
    if memory == "unaligned":
        room = np.zeros(array.nbytes + 1, np.uint8)
        odd = room[1:].view(array.dtype).reshape(array.shape)
        odd[...] = array
        return odd
    copy = array.copy(order="C")
    copy.flags.writeable = memory != "readonly"
    return copy


def repeated(arrays: Arrays) -> dict[str, Array]:
    """Return the arrays with the first item of the batch in place of every one."""
    return {
        name: np.repeat(array[:1], len(array), 0) if name in BATCHED and array.size else array
        for name, array in arrays.items()
    }


def _amid_poison(array: Array, memory: str) -> tuple[Array, Array]:
    """Return a larger buffer of poison, and a view of it that holds the array.

    Guarded, there is poison on both sides of every axis; enclosed, the array is contiguous and
    there is poison ahead of it and behind it.
    """
    if memory == "guarded":
        buffer = np.full([size + 2 * MARGIN for size in array.shape], poison(array), array.dtype)
        within: tuple[Any, ...] = tuple(slice(MARGIN, MARGIN + size) for size in array.shape)
        inside = buffer[(..., *within)]
    else:
        buffer = np.full(array.size + 2 * BESIDE, poison(array), array.dtype)
        inside = buffer[BESIDE : BESIDE + array.size].reshape(array.shape)
    inside[...] = array
    return buffer, inside


def poison(array: Array) -> Any:
    """Return what stands around a guarded array: NaN, or the largest integer."""
    if array.dtype.kind in "iu":
        return np.iinfo(array.dtype).max
    return np.nan


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
    """[backend.input] Return the names of the handed arrays that do not hold the same bits.

    A write beside an array is told as one to the poison around it.
    """
    back = taken_back(problem, after)
    inside = [name for name, array in before.items() if not _same_bits(array, back[name])]
    if problem.memory not in POISONED:
        return tuple(inside)
    around = [name for name in before if not _is_intact(after[name], problem.memory)]
    return (*inside, *(f"the poison around {name}" for name in around))


def _is_intact(array: Array, memory: str) -> bool:
    """Whether the buffer around the array still holds the bits of the poison."""
    buffer = array.base
    if buffer is None:
        return True  # without axes or room there is no poison
    return buffer.tobytes() == _amid_poison(array, memory)[0].tobytes()


def _same_bits(before: Array, after: Array) -> bool:
    native = after.astype(before.dtype) if after.dtype != before.dtype else after
    return before.shape == native.shape and before.tobytes() == native.tobytes()
