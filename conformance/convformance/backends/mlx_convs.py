"""Convolutions as functions of mlx.core; what mlx.nn has of them are layers that call these."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from convformance.backend import Unsupported
from convformance.backends.mlx_parameters import (
    RANKS,
    Body,
    in_numbers,
    is_even,
    padding_notes,
    plain,
    sides,
    whole_pads,
)
from convformance.backends.source import call
from convformance.problem import Problem, default_of

LACKING = {"batch_groups": "batch groups", "output_dtype": "an output dtype of their own"}
PADS = {"reflect": "reflect", "symmetric": "symmetric", "replicate": "edge"}  # of mx.pad
BIASED = "the bias is added after, as the layers of mlx.nn add theirs"


def conv(problem: Problem) -> Body:
    """Write a convolution."""
    _check_sayable(problem)
    if _is_signal(problem):
        return _signal(problem)
    lines, notes = [], [*padding_notes(problem)]
    pairs = in_numbers(problem)
    if problem.padding_mode != "zeros" and problem.padding != "valid":
        lines.append(f"x = {_padded(problem)}")
        notes.append("padded by mx.pad")
        pairs = ((0, 0),) * problem.rank
    if problem.op == "conv1x1":
        notes.append("a kernel of one tap")
    recipe = bool(lines)
    lines.append(f"y = {_convolved(problem, pairs, problem.groups)}")
    return Body((*lines, *_biased(problem, notes), "return y"), tuple(notes), recipe)


def _check_sayable(problem: Problem) -> None:
    for name, words in LACKING.items():
        if getattr(problem, name) != default_of(name, problem.rank):
            raise Unsupported(f"convolutions of MLX lack {words}")


def _convolved(problem: Problem, pairs: tuple[tuple[int, int], ...], groups: int) -> str:
    """Write mx.conv1d, 2d or 3d where it can say the problem, and mx.conv_general elsewhere."""
    whole = not any(step != 1 for step in problem.input_dilation) and not problem.flip
    if whole and problem.rank in RANKS and is_even(pairs):
        return call(
            f"mx.conv{problem.rank}d",
            "x",
            "w",
            stride=plain(problem.stride),
            padding=plain(tuple(before for before, _ in pairs)),
            dilation=plain(problem.dilation),
            groups=groups,
        )
    return call(
        "mx.conv_general",
        "x",
        "w",
        stride=[*problem.stride],
        padding=sides(pairs),
        kernel_dilation=[*problem.dilation],
        input_dilation=[*problem.input_dilation],
        groups=groups,
        flip=problem.flip,
    )


def _padded(problem: Problem) -> str:
    if any(step != 1 for step in problem.input_dilation):
        raise Unsupported("mx.pad comes before input_dilation: it cannot continue the holes")
    if problem.padding_mode not in PADS:
        raise Unsupported(f"mx.pad has no mode {problem.padding_mode}")
    mode = PADS[problem.padding_mode]
    return call("mx.pad", "x", repr(whole_pads(in_numbers(problem))), mode=mode)


def _biased(problem: Problem, notes: list[str]) -> list[str]:
    if not problem.bias:
        return []
    notes.append(BIASED)
    return ["y = y + bias"]


def _is_signal(problem: Problem) -> bool:
    """Whether mx.convolve is asked: one axis, one sample, one channel, the kernel turned around.

    It is the one function with a word for same padding. What mx.conv_general can say as well is
    shared by the two, always in the same way.
    """
    if problem.rank != 1 or not problem.flip or len(problem.w) != len(problem.x):
        return False
    ones = {
        *problem.x[:2], *problem.w[:2], *problem.stride, *problem.dilation,
        *problem.input_dilation, problem.groups,
    }  # fmt: skip
    if ones != {1} or problem.bias or problem.padding_mode != "zeros":
        return False
    if problem.w[2] > problem.x[2]:  # the longer one is the signal, by its documentation
        return False
    if isinstance(problem.padding, str) and problem.padding.startswith("same"):
        # Of an even kernel the odd sample comes before.
        return problem.padding != "same_upper" or problem.w[2] % 2 == 1
    return problem.padding in ("valid", "full") and zlib.crc32(problem.line.encode()) % 2 == 0


def _signal(problem: Problem) -> Body:
    mode = str(problem.padding).partition("_")[0]
    y = call("mx.convolve", "x[0, :, 0]", "w[0, :, 0]", mode=mode)
    return Body((f"y = {y}", "return y[None, :, None]"), ("one channel of one sample",))


def depthwise_conv(problem: Problem) -> Body:
    """Write a depthwise convolution: its weight is seen as (C * multiplier, *kernel, 1)."""
    y = _convolved(problem, in_numbers(problem), problem.w[0])
    return Body((f"return {y}",), ("as many groups as channels", *padding_notes(problem)))


def separable_conv(problem: Problem) -> Body:
    """Write a depthwise and a 1x1 convolution."""
    y = _convolved(problem, in_numbers(problem), problem.w[0])
    second = "mx.conv_general(y, pointwise)"
    notes = ("two convolutions", *padding_notes(problem))
    return Body((f"y = {y}", f"return {second}"), notes, recipe=True)


def conv_transpose(problem: Problem) -> Body:
    """Write a transposed convolution; mx.conv_general has no word for its padding."""
    if problem.rank not in RANKS:
        raise Unsupported("MLX has mx.conv_transpose1d, 2d and 3d")
    pairs = in_numbers(problem)
    if not is_even(pairs):
        raise Unsupported("mx.conv_transpose crops as much before an axis as after it")
    options: Mapping[str, Any] = {
        "stride": plain(problem.stride),
        "padding": plain(tuple(before for before, _ in pairs)),
        "dilation": plain(problem.dilation),
        "output_padding": plain(problem.output_padding),
        "groups": problem.groups,
    }
    notes = [*padding_notes(problem)]
    lines = [f"y = {call(f'mx.conv_transpose{problem.rank}d', 'x', 'w', **options)}"]
    return Body((*lines, *_biased(problem, notes), "return y"), tuple(notes))
