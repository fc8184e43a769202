"""Turning a problem into one that a law speaks of; each leaves a fitting problem as it is."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from convformance.problem import Problem
from convformance.sizes import axes_of

BATCH = 3  # samples, where a law compares them


def handed_plainly(problem: Problem) -> Problem:
    """Return the forward problem of one answer, batched, in the default layout and memory."""
    return replace(
        problem,
        indices=False,
        grad="",
        unbatched=False,
        layout="channels_first",
        memory="contiguous",
        output_dtype="",
        # [padding.same_side] plain same leaves the side open; a law must know where windows lie
        padding="same_upper" if problem.padding == "same" else problem.padding,
        # a root is rounded, and by a power whose exponent is: its laws are not exact
        p=problem.p if problem.op != "lp_pool" or problem.p in (1, inf) else 1,
    )


def linear(problem: Problem) -> Problem:
    """Return the problem without what is added: the bias."""
    return replace(handed_plainly(problem), bias=False)


def windowed(problem: Problem) -> Problem:
    """Return the problem with every sample of the batch on its own."""
    return replace(linear(problem), batch_groups=1)


def roomy(problem: Problem) -> Problem:
    """Return the problem with windows that stay inside when the input is moved by a stride."""
    plain = replace(windowed(problem), input_dilation=())
    wanted = tuple(
        max(axis.size, axis.extent + 2 * axis.stride - min(0, axis.before) - min(0, axis.after))
        for axis in axes_of(plain)
    )
    return replace(plain, x=(*plain.x[:2], *wanted))


def several(problem: Problem) -> Problem:
    """Return the problem with at least three samples in the batch."""
    plain = replace(problem, batch_groups=1, unbatched=False)
    return replace(plain, x=(max(BATCH, plain.x[0]), *plain.x[1:]))


def several_whole(problem: Problem) -> Problem:
    """Return the forward problem with at least three samples in the batch."""
    return several(handed_plainly(problem))


def deep(problem: Problem) -> Problem:
    """Return the problem with at least two input channels to each group."""
    plain = linear(problem)
    depth = plain.x[1] // max(1, plain.groups)
    if depth >= 2 or plain.groups < 1:
        return plain
    N, _, *spatial = plain.x
    C = 2 * plain.groups
    by_input = plain.op in ("conv_transpose", "separable_conv")
    w = (C, *plain.w[1:]) if by_input else (plain.w[0], 2, *plain.w[2:])
    points = (plain.pointwise[0], C * plain.w[1]) if plain.pointwise else ()
    return replace(plain, x=(N, C, *spatial), w=w, pointwise=points)
