"""Convolutions as functions of JAX: `lax.conv_general_dilated` and `lax.conv_transpose`."""

from __future__ import annotations

from typing import Any

from convformance.backend import Unsupported
from convformance.backends.jax_parameters import (
    Body,
    dimension_numbers,
    full,
    in_numbers,
    number_of,
    padding,
    padding_notes,
    reaches,
    spatial_axes,
)
from convformance.backends.source import call
from convformance.problem import Problem

PADS = {"reflect": "reflect", "symmetric": "symmetric", "replicate": "edge", "circular": "wrap"}


def conv(problem: Problem, last: bool) -> Body:
    """Write a convolution; JAX has its bias added after."""
    _check_holes(problem)
    if problem.flip and _is_signal(problem):
        return _signal(problem, last)
    lines, notes, pads = [], [*padding_notes(problem)], {}
    if problem.op == "conv1x1":
        notes.append("lax.conv_general_dilated with a 1x1 filter")
    if problem.flip:
        axes = tuple(range(problem.rank)) if last else spatial_axes(problem, last)
        lines.append(f"w = jnp.flip(w, {axes})")
        notes.append("the kernel turned around by jnp.flip")
    if problem.padding_mode != "zeros" and problem.padding != "valid":
        lines.append(_padded(problem, last))
        notes.append("padded by jnp.pad")
        pads = {"padding": "VALID"}
    recipe = bool(lines)
    lines.append(f"y = {_convolved(problem, last, **pads)}")
    lines += _biased(problem, last, notes)
    return Body((*lines, "return y"), tuple(notes), recipe)


def _check_holes(problem: Problem) -> None:
    holes = any(step != 1 for step in problem.input_dilation)
    if holes and isinstance(problem.padding, str) and problem.padding.startswith("same"):
        raise Unsupported("lax.conv_general_dilated has no 'SAME' beside lhs_dilation, but numbers")


def _convolved(problem: Problem, last: bool, **others: Any) -> str:
    options: dict[str, Any] = {
        "window_strides": problem.stride,
        "padding": padding(problem),
        "rhs_dilation": problem.dilation,
        "feature_group_count": problem.groups,
    }
    if any(step != 1 for step in problem.input_dilation):
        options["lhs_dilation"] = problem.input_dilation
        if problem.padding == "valid":  # beside lhs_dilation JAX takes no word
            options["padding"] = in_numbers(problem)
    if problem.batch_groups != 1:
        options["batch_group_count"] = problem.batch_groups
    if problem.output_dtype:
        options["preferred_element_type"] = problem.output_dtype
    if last:
        options["dimension_numbers"] = dimension_numbers(problem.rank, last)
    return call("lax.conv_general_dilated", "x", "w", **(options | others))


def _biased(problem: Problem, last: bool, notes: list[str]) -> list[str]:
    if not problem.bias:
        return []
    notes.append("the bias is added after the convolution")
    axes = "" if last else f"[:{', None' * problem.rank}]"
    return [f"y = y + bias{axes}"]


def _padded(problem: Problem, last: bool) -> str:
    if any(step != 1 for step in problem.input_dilation):
        raise Unsupported("jnp.pad comes before lhs_dilation: it cannot continue the holes")
    if isinstance(problem.padding, str) and problem.padding.startswith("same"):
        raise Unsupported("jnp.pad takes its padding in numbers")
    pads = full(problem, last, in_numbers(problem), (0, 0))
    return f"x = {call('jnp.pad', 'x', repr(pads), mode=PADS[problem.padding_mode])}"


def _is_signal(problem: Problem) -> bool:
    """Whether jax.scipy.signal.convolve can say it: one sample, one channel, no steps."""
    ones = {
        *problem.x[:2], *problem.w[:2], *problem.stride, *problem.dilation,
        *problem.input_dilation, problem.groups, problem.batch_groups,
    }  # fmt: skip
    plain = not problem.bias and not problem.output_dtype and problem.padding_mode == "zeros"
    if ones != {1} or not plain or not problem.is_float or len(problem.w) != len(problem.x):
        return False
    if problem.padding in ("same", "same_upper"):
        return all(k % 2 for k in problem.w[2:])  # of an even kernel its odd sample is before
    if problem.padding == "valid":  # it would slide a shorter input over the kernel
        return all(k <= size for k, size in zip(problem.w[2:], problem.x[2:], strict=True))
    return problem.padding in ("full", "same_lower")


def _is_numpy(problem: Problem) -> bool:
    """Whether jnp.convolve is asked: of what it can say, every second problem.

    It has one axis, and of two inputs the longer one is the signal, for the size of 'same'.
    """
    if problem.rank != 1 or problem.w[2] > problem.x[2]:
        return False
    return number_of(problem) // 8 % 2 == 0  # what is left of the choice of options


def _signal(problem: Problem, last: bool) -> Body:
    x, w, y = (
        ("0, ..., 0", "..., 0, 0", "None, ..., None") if last else ("0, 0",) * 2 + ("None, None",)
    )
    mode = str(problem.padding).partition("_")[0]
    function = "jnp.convolve" if _is_numpy(problem) else "jax.scipy.signal.convolve"
    line = f"y = {call(function, f'x[{x}]', f'w[{w}]', mode=mode)}"
    return Body((line, f"return y[{y}]"), ("one channel of one sample",))


def depthwise_conv(problem: Problem, last: bool) -> Body:
    """Write a depthwise convolution: its weight is seen as (C * multiplier, 1, *kernel)."""
    y = _convolved(problem, last, feature_group_count=problem.w[0])
    return Body((f"return {y}",), ("as many groups as channels", *padding_notes(problem)))


def separable_conv(problem: Problem, last: bool) -> Body:
    """Write a depthwise and a 1x1 convolution."""
    y = _convolved(problem, last, feature_group_count=problem.w[0])
    ones: dict[str, Any] = {"window_strides": (1,) * problem.rank, "padding": "VALID"}
    if last:
        ones["dimension_numbers"] = dimension_numbers(problem.rank, last)
    second = call("lax.conv_general_dilated", "y", "pointwise", **ones)
    notes = ("two convolutions", *padding_notes(problem))
    return Body((f"y = {y}", f"return {second}"), notes, recipe=True)


def conv_transpose(problem: Problem, last: bool) -> Body:
    """Write a transposed convolution; JAX has its bias added after."""
    if problem.groups != 1:
        return _spread_by_groups(problem, last)
    pads, notes = _spread_padding(problem)
    options: dict[str, Any] = {
        "strides": problem.stride,
        **pads,
        "rhs_dilation": problem.dilation,
        "dimension_numbers": dimension_numbers(problem.rank, last),
        "transpose_kernel": True,
    }
    lines = [f"y = {call('lax.conv_transpose', 'x', 'w', **options)}"]
    lines += _biased(problem, last, notes)
    return Body((*lines, "return y"), tuple(notes))


def _spread_padding(problem: Problem) -> tuple[dict[str, Any], list[str]]:
    """Return the parameters that say the padding, and what is to be said about them."""
    more = any(problem.output_padding)
    if isinstance(problem.padding, str) and problem.padding.startswith("same"):
        if problem.padding == "same_lower":
            raise Unsupported("lax.conv_transpose has no 'SAME_LOWER'")
        if more:
            raise Unsupported("lax.conv_transpose has no output padding beside 'SAME'")
        return {"padding": "SAME"}, []
    if more:
        return {"padding": _spread_pairs(problem)}, ["padding of the spread samples, in numbers"]
    if problem.padding == "valid":
        return {"padding": "VALID"}, []
    consistent = {"padding": in_numbers(problem), "use_consistent_padding": True}
    return consistent, [*padding_notes(problem)]


def _spread_pairs(problem: Problem) -> tuple[tuple[int, int], ...]:
    """Return what lies around the spread samples: extent - 1, less what is cropped."""
    each = zip(reaches(problem), in_numbers(problem), problem.output_padding, strict=False)
    return tuple((one - before, one - after + more) for one, (before, after), more in each)


def _spread_by_groups(problem: Problem, last: bool) -> Body:
    """lax.conv_transpose has no groups; the convolution of the spread samples has."""
    groups, C, rank = problem.groups, problem.x[1], problem.rank
    if isinstance(problem.padding, str) and problem.padding.startswith("same"):
        raise Unsupported("lax.conv_transpose has no groups, and its recipe no 'SAME'")
    if groups < 1 or C % groups or problem.w[0] != C or len(problem.w) != len(problem.x):
        raise Unsupported("lax.conv_transpose has no groups, and its recipe splits C evenly")
    M, kernel = groups * problem.w[1], problem.w[2:]
    split = (*kernel, problem.w[1], groups, C // groups)
    merged = (*kernel, C // groups, M)
    if last:  # w is (*kernel, M / groups, C)
        order = (*range(rank), rank + 2, rank + 1, rank)
    else:  # w is (C, M / groups, *kernel)
        split = (groups, C // groups, problem.w[1], *kernel)
        merged = (M, C // groups, *kernel)
        order = (0, 2, 1, *range(3, 3 + rank))
    axes = tuple(range(rank)) if last else spatial_axes(problem, last)
    y = call(
        "lax.conv_general_dilated",
        "x",
        "w",
        window_strides=(1,) * rank,
        padding=_spread_pairs(problem),
        lhs_dilation=problem.stride,
        rhs_dilation=problem.dilation,
        dimension_numbers=dimension_numbers(rank, last),
        feature_group_count=groups,
    )
    notes = ["lax.conv_general_dilated of spread samples, for the groups"]
    lines = [
        f"w = w.reshape({split}).transpose({order}).reshape({merged})",
        f"w = jnp.flip(w, {axes})",
        f"y = {y}",
        *_biased(problem, last, notes),
    ]
    return Body((*lines, "return y"), tuple(notes), recipe=True)
