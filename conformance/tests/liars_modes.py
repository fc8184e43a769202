"""Liars about the modes of padding: reflect, symmetric, replicate and circular.

They are registered beside those of liars.py. What a mode puts into padding is laid out here by
hand: a function (positions, size) -> samples, in which -1 stands for zero.
"""

from __future__ import annotations

import functools
from math import prod

import numpy as np
from liars import FLOATS, honest, liar

from convformance.sizes import axes_of

ANYWAY = {"dtypes": FLOATS, "where": "forms"}


# Ways to lay out what padding reads.


def positions(problem):
    """Yield the positions of each padded axis, which count from its first sample, and its size."""
    for axis in axes_of(problem):
        yield np.arange(-axis.before, axis.size + axis.after), axis.size


def answered(problem, arrays, x):
    """Return the answer to an input that is padded already."""
    x = np.ascontiguousarray(x)
    return honest(problem, {**arrays, "x": x}, padding="valid", padding_mode="zeros", x=x.shape)


def laid(problem, arrays, *sources):
    """Return the input padded by one function for each axis, the last one for those that follow."""
    x = arrays["x"]
    for a, (i, size) in enumerate(positions(problem)):
        source = sources[min(a, len(sources) - 1)]
        zero = np.zeros_like(x.take([0], 2 + a))
        x = np.concatenate([x, zero], 2 + a).take(source(i, size), 2 + a)
    return x


def padded_by(problem, arrays, *sources):
    """Return the answer to an input so padded."""
    return answered(problem, arrays, laid(problem, arrays, *sources))


def without_corners(problem, arrays, source):
    """Return the answer to an input padded along each axis alone: corners are zero."""
    beyond = [((i < 0) | (i >= size)).astype(int) for i, size in positions(problem)]
    once = functools.reduce(np.add.outer, beyond) <= 1
    x = laid(problem, arrays, source)
    return answered(problem, arrays, np.where(once, x, np.zeros((), x.dtype)))


def flat(problem, arrays, of):
    """Return the answer to an input whose padding is found by an address in the whole plane."""
    x = arrays["x"]
    address = np.zeros((), int)
    for i, size in positions(problem):
        address = np.add.outer(address * size, i)
    plane = x.reshape(*x.shape[:2], prod(x.shape[2:]))
    return answered(problem, arrays, plane[:, :, of(address, plane.shape[2])])


def zeros(i, size):
    return np.where((i < 0) | (i >= size), -1, i)


def mirrored(i, size):
    """Mirror at the edge samples."""
    i = i % max(1, 2 * size - 2)
    return np.minimum(i, (2 * size - 2) - i) if size > 1 else i


def doubled(i, size):
    """Mirror beyond the edge samples."""
    i = i % (2 * size)
    return np.minimum(i, 2 * size - 1 - i)


def clamped(i, size):
    return np.clip(i, 0, size - 1)


def swapped(problem):
    return tuple((axis.after, axis.before) for axis in axes_of(problem))


# Reflect.


@liar("conv", "padding.reflect", form="reflect", **ANYWAY)
def stops_after_one_reflection(problem, arrays):
    """What one reflection does not bring inside reads the edge sample."""

    def source(i, size):
        i = np.abs(i)
        return clamped(np.where(i >= size, 2 * size - 2 - i, i), size)

    return padded_by(problem, arrays, source)


@liar("conv", "padding.reflect", form="reflect", **ANYWAY)
def repeats_only_the_last_edge(problem, arrays):
    """A reflection repeats the edge sample after the input, though not before it."""
    return padded_by(
        problem, arrays, lambda i, size: np.where(i < 0, mirrored(i, size), doubled(i, size))
    )


@liar("conv", "padding.reflect", form="reflect", **ANYWAY)
def reflects_along_the_last_axis_only(problem, arrays):
    """Only the last axis is mirrored; the others are padded with zeros."""
    others = (zeros,) * (problem.rank - 1)
    return padded_by(problem, arrays, *others, mirrored)


@liar("conv", "padding.reflect", form="reflect", **ANYWAY)
def exchanges_the_sides_of_a_reflection(problem, arrays):
    """As many samples are mirrored before as are asked for after, and the other way round."""
    return honest(problem, arrays, padding=swapped(problem))


# Symmetric.


@liar("conv", "padding.symmetric", form="symmetric", **ANYWAY)
def mirrors_once(problem, arrays):
    """What lies further outside than the input is long reads the sample at its far edge."""

    def source(i, size):
        i = np.where(i < 0, -1 - i, i)
        return clamped(np.where(i >= size, 2 * size - 1 - i, i), size)

    return padded_by(problem, arrays, source)


@liar("conv", "padding.symmetric", form="symmetric", **ANYWAY)
def repeats_only_the_first_edge(problem, arrays):
    """A mirror after the input leaves the edge sample out."""
    return padded_by(
        problem, arrays, lambda i, size: np.where(i < 0, doubled(i, size), mirrored(i, size))
    )


@liar("conv", "padding.symmetric", form="symmetric", **ANYWAY)
def leaves_symmetric_corners_empty(problem, arrays):
    """Each axis is mirrored by itself: a corner, outside along two axes, is zero."""
    return without_corners(problem, arrays, doubled)


@liar("conv", "padding.symmetric", form="symmetric", **ANYWAY)
def moves_the_input_along_instead_of_mirroring(problem, arrays):
    """The block beside the input is a copy of it, not its mirror image."""
    return padded_by(problem, arrays, lambda i, size: i % size)


# Replicate.


@liar("conv", "padding.replicate", form="replicate", **ANYWAY)
def repeats_the_first_sample_on_both_sides(problem, arrays):
    """The padding after an axis repeats the sample at its start."""
    return padded_by(problem, arrays, lambda i, size: np.where(i >= size, 0, clamped(i, size)))


@liar("conv", "padding.replicate", form="replicate", **ANYWAY)
def repeats_the_sample_beside_the_edge(problem, arrays):
    """What is repeated is the sample before the last one."""

    def source(i, size):
        return np.where(i >= size, max(0, size - 2), clamped(i, size))

    return padded_by(problem, arrays, source)


@liar("conv", "padding.replicate", form="replicate", **ANYWAY)
def clamps_the_flat_address(problem, arrays):
    """An address is kept inside the plane, not inside the row."""
    return flat(problem, arrays, clamped)


@liar("conv", "padding.replicate", form="replicate", **ANYWAY)
def replicates_into_a_halo_of_one(problem, arrays):
    """Only the first sample of padding repeats the edge; zeros lie beyond it."""

    def source(i, size):
        return np.where((i < -1) | (i > size), -1, clamped(i, size))

    return padded_by(problem, arrays, source)


# Circular.


@liar("conv", "padding.circular", form="circular", **ANYWAY)
def wraps_at_the_padded_size(problem, arrays):
    """A position is taken modulo the size with its padding."""
    return padded_by(problem, arrays, lambda i, size: zeros(i % len(i), size))


@liar("conv", "padding.circular", form="circular", **ANYWAY)
def wraps_once(problem, arrays):
    """What one round does not bring inside reads the edge sample."""

    def source(i, size):
        return clamped(np.where(i < 0, i + size, np.where(i >= size, i - size, i)), size)

    return padded_by(problem, arrays, source)


@liar("conv", "padding.circular", form="circular", **ANYWAY)
def skips_the_sample_at_the_seam(problem, arrays):
    """The last sample counts as the first one again: a round is a sample too short."""

    def source(i, size):
        return np.where((i < 0) | (i >= size), i % max(1, size - 1), i)

    return padded_by(problem, arrays, source)


@liar("conv", "padding.circular", form="circular", **ANYWAY)
def wraps_the_flat_address(problem, arrays):
    """Ahead of a row stands the end of the row before it."""
    return flat(problem, arrays, lambda address, size: address % size)


@liar("conv", "padding.circular", form="circular", **ANYWAY)
def wraps_ahead_only(problem, arrays):
    """After the input there are zeros, not its start."""
    return padded_by(problem, arrays, lambda i, size: np.where(i >= size, -1, i % size))
