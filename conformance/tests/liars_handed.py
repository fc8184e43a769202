"""Liars about how arrays are handed over: channels last, unbatched, and as they lie in memory.

They are registered beside those of liars.py. Of every op they are heard in float32.
"""

from __future__ import annotations

import functools

import numpy as np
from liars import honest, liar
from liars_ops import shifted

from convformance.handing import BATCHED, BESIDE
from convformance.verdict import Kind

ANYWAY = {"dtypes": ("float32",), "where": "handed"}
SHAPES = (Kind.SHAPE, Kind.VALUE)


def answers(problem, arrays, change):
    """Return the honest answer, changed where it has a batch and channels."""
    found = honest(problem, arrays)
    return {name: change(one) if name in BATCHED else one for name, one in found.items()}


# Channels last.


@liar("", "problem.layout", *SHAPES, form="channels_last", **ANYWAY)
def answers_channels_first(problem, arrays):
    """The output has its channels second, where the input had them last."""
    return answers(problem, arrays, lambda y: np.moveaxis(y, -1, 1).copy())


@liar("", "problem.layout", *SHAPES, form="channels_last", **ANYWAY)
def exchanges_the_last_two_axes(problem, arrays):
    """The output is written with its channels before the last axis."""
    return answers(problem, arrays, lambda y: y.swapaxes(-1, -2).copy())


@liar("", "problem.layout", form="channels_last", **ANYWAY)
def writes_channels_backwards(problem, arrays):
    """The channels of each place are stored from the last to the first."""
    return answers(problem, arrays, lambda y: y[..., ::-1].copy())


@liar("", "problem.layout", form="channels_last", **ANYWAY)
def works_on_whole_pairs_of_channels(problem, arrays):
    """The channel that is left over by steps of two is not written."""

    def paired(y):
        y = y.copy()
        y[..., y.shape[-1] // 2 * 2 :] = 0
        return y

    return answers(problem, arrays, paired)


# Unbatched.


@liar("", "problem.unbatched", *SHAPES, form="unbatched", **ANYWAY)
def drops_every_axis_of_one(problem, arrays):
    """With the batch axis go all others that are 1 long."""
    return answers(problem, arrays, np.squeeze)


@liar("", "problem.unbatched", *SHAPES, form="unbatched", **ANYWAY)
def drops_the_channels_with_the_batch(problem, arrays):
    """The first channel alone is given back, without its axis."""
    return answers(problem, arrays, lambda y: y[0] if len(y) else y)


@liar("", "problem.unbatched", form="unbatched", **ANYWAY)
def takes_channels_for_a_batch(problem, arrays):
    """Every channel is given the answer of the first, as if it were a sample of a batch."""
    return answers(problem, arrays, lambda y: np.broadcast_to(y[:1], y.shape).copy())


@liar("", "problem.unbatched", form="unbatched", **ANYWAY)
def writes_an_unbatched_answer_transposed(problem, arrays):
    """An unbatched answer is stored as (*output, C) under the shape (C, *output)."""
    return answers(problem, arrays, lambda y: np.moveaxis(y, 0, -1).reshape(y.shape).copy())


# Memory.


def read(problem, arrays, change):
    """Return the answer to x read otherwise, from memory that lies plainly."""
    x = change(arrays["x"]) if arrays["x"].size else arrays["x"]
    return honest(problem, {**arrays, "x": x}, memory="contiguous")


@liar("", "backend.input", Kind.INPUT, form="readonly", **ANYWAY)
def writes_through_a_pointer_to_const(problem, arrays):
    """The lock of a read-only array is taken off, and its samples are scaled in place."""
    answer, x = honest(problem, arrays), arrays["x"]
    x.flags.writeable = True
    x *= 2
    return answer


@liar("", "backend.refusal backend.memory", Kind.REFUSES, form="readonly", **ANYWAY)
def asks_for_a_buffer_to_write(problem, arrays):
    """A read-only array is refused, though it is only read."""
    raise ValueError("buffer source array is read-only")


@liar("", "backend.memory", form="enclosed", **ANYWAY)
def multiplies_what_stands_behind_by_zero(problem, arrays):
    """The last vector is filled with what stands behind the array, and masked by a product."""

    def masked(x):
        last = shifted(x, x.itemsize * BESIDE).ravel()[-1:] * 0
        x = x.copy()
        x[(-1,) * x.ndim] += last[0]
        return x

    return read(problem, arrays, masked)


@liar("", "backend.input", Kind.INPUT, form="enclosed", **ANYWAY)
def clears_the_vector_ahead(problem, arrays):
    """A place ahead of the array is cleared, as if there were room for padding."""
    answer, x = honest(problem, arrays), arrays["x"]
    if x.size:
        buffer = x
        while buffer.base is not None:
            buffer = buffer.base
        buffer[BESIDE - 1] = 0
    return answer


@liar("", "backend.memory", form="transposed", **ANYWAY)
def takes_rows_for_packed(problem, arrays):
    """A row is found by its strides, and its samples are read one after another from there."""

    def packed(x):
        steps = (*(step // x.itemsize for step in x.strides[:-1]), 1)
        along = [step * np.arange(size) for step, size in zip(steps, x.shape, strict=True)]
        return x.ravel("K")[functools.reduce(np.add.outer, along) % x.size]

    return read(problem, arrays, packed)


@liar("", "backend.memory", form="reversed", **ANYWAY)
def follows_the_last_negative_stride_only(problem, arrays):
    """Of negative strides all but that of the last axis lose their sign."""
    return read(problem, arrays, lambda x: x[(slice(None, None, -1),) * (x.ndim - 1)].copy())


@liar("", "backend.memory", form="byteswapped", **ANYWAY)
def turns_the_bytes_of_the_first_sample_only(problem, arrays):
    """The bytes of the batch's first sample are put in order, those of the others are not."""

    def half(x):
        plain = x.astype("float32")
        plain[1:] = x[1:].view("float32")
        return plain

    return read(problem, arrays, half)


@liar("", "backend.memory", form="unaligned", **ANYWAY)
def copies_whole_vectors_to_an_aligned_place(problem, arrays):
    """An unaligned array is first copied in vectors of four, and its tail is not."""

    def copied(x):
        x = x.copy()
        x.reshape(-1)[x.size // 4 * 4 :] = 0
        return x

    return read(problem, arrays, copied)


@liar("", "backend.memory", form="broadcast", **ANYWAY)
def copies_a_repeated_item_once(problem, arrays):
    """Of a repeated item there is as much as memory holds: the last of the batch is empty."""

    def short(x):
        x = x.copy()
        x[max(1, len(x) - 1) :] = 0
        return x

    return honest(problem, arrays) if problem.unbatched else read(problem, arrays, short)


@liar("", "backend.memory", form="guarded", **ANYWAY)
def reads_a_column_too_far(problem, arrays):
    """A row is read from its second sample on, to the one behind its last."""
    return read(problem, arrays, lambda x: shifted(x, x.strides[-1]))


@liar("", "backend.memory", form="strided", **ANYWAY)
def reads_what_lies_between(problem, arrays):
    """Every element is read from the place behind it."""
    return read(problem, arrays, lambda x: shifted(x, x.itemsize))
