"""Pools, unpooling and patches as functions of JAX."""

from __future__ import annotations

import math

from convformance.backend import Unsupported
from convformance.backends.jax_parameters import (
    Body,
    full,
    in_numbers,
    padding,
    padding_notes,
    spatial_axes,
)
from convformance.backends.source import call
from convformance.problem import Problem

AVERAGE = "average pooling is a quotient of two lax.reduce_window sums"
LP = "Lp pooling is lax.reduce_window over powers, then a root"


def max_pool(problem: Problem, last: bool) -> Body:
    """Write a maximum by lax.reduce_window."""
    _check_sayable(problem)
    return Body((f"return {_largest(problem, last, 'x')}",), padding_notes(problem))


def _largest(problem: Problem, last: bool, operand: str) -> str:
    lowest = "np.array(jnp.iinfo(x.dtype).min, x.dtype)"
    return _window(problem, last, operand, "-jnp.inf" if problem.is_float else lowest, "max")


def avg_pool(problem: Problem, last: bool) -> Body:
    """Write an average as a quotient of two sums."""
    _check_sayable(problem)
    if not problem.is_float:
        raise Unsupported("JAX has no average pooling, and in a recipe an integer sum may wrap")
    total = _window(problem, last, "x", "0.0", "add")
    if problem.count_include_pad or problem.padding == "valid":  # every tap counts
        taps = math.prod(problem.kernel)
        lines: tuple[str, ...] = (f"return lax.div({total}, x.dtype.type({taps}))",)
    else:
        count = _window(problem, last, "jnp.ones(x.shape, jnp.float32)", "0.0", "add")
        lines = (f"count = {count}", f"return lax.div({total}, count.astype(x.dtype))")
    return Body(lines, (AVERAGE, *padding_notes(problem)), recipe=True)


def lp_pool(problem: Problem, last: bool) -> Body:
    """Write a norm as the root of a sum of powers."""
    _check_sayable(problem)
    return Body(tuple(_lp(problem, last)), (LP, *padding_notes(problem)), recipe=True)


def _check_sayable(problem: Problem) -> None:
    if problem.ceil_mode:
        raise Unsupported("lax.reduce_window has no ceil_mode")
    if problem.indices:
        raise Unsupported("a maximum by lax.reduce_window gives no indices")


def _lp(problem: Problem, last: bool) -> list[str]:
    p = problem.p
    if not problem.is_float or p < 1:
        raise Unsupported("JAX has no Lp pooling; the recipe takes floating-point numbers, p >= 1")
    if p == math.inf:  # from -inf: JAX knows the gradient of no other maximum
        largest = _window(problem, last, "lax.abs(x)", "-jnp.inf", "max")
        return [f"y = {largest}", "return jnp.where(y < 0, 0, y)  # no sample: the norm is 0"]
    total = _window(problem, last, f"lax.abs(x) ** {p}", "0.0", "add")
    roots = {1: "total", 2: "lax.sqrt(total)", 3: "lax.cbrt(total)"}
    return [f"total = {total}", f"return {roots.get(int(p), f'total ** (1 / {p})')}"]


def _window(problem: Problem, last: bool, operand: str, init: str, reduction: str) -> str:
    pads = padding(problem)
    return call(
        "lax.reduce_window",
        operand,
        init,
        f"lax.{reduction}",
        window_dimensions=full(problem, last, problem.kernel, 1),
        window_strides=full(problem, last, problem.stride, 1),
        padding=pads if isinstance(pads, str) else full(problem, last, pads, (0, 0)),
        window_dilation=full(problem, last, problem.dilation, 1),
    )


def global_max_pool(problem: Problem, last: bool) -> Body:
    """Write a maximum over the spatial axes."""
    return Body((_reduced(problem, last, "jnp.max"),))


def global_avg_pool(problem: Problem, last: bool) -> Body:
    """Write a mean over the spatial axes."""
    if not problem.is_float:
        raise Unsupported("jnp.mean of integers is a floating-point number")
    return Body((_reduced(problem, last, "jnp.mean"),))


def _reduced(problem: Problem, last: bool, function: str) -> str:
    axes = spatial_axes(problem, last)
    return f"return {call(function, 'x', axis=axes, keepdims=True)}"


def max_unpool(problem: Problem, last: bool) -> Body:
    """Write an unpooling as a scatter of values into zeros."""
    if last:
        raise Unsupported("JAX has no unpooling, and the recipe has the spatial axes last")
    planes = problem.x[1:2] if problem.unbatched else problem.x[:2]
    size = _unpooled(problem)
    flat = (math.prod(planes), math.prod(problem.x[2:]))
    values, dropped = f"x.reshape({flat})", {"mode": "drop", "wrap_negative_indices": False}
    lines = (
        f"y = jax.ShapeDtypeStruct({(*planes, *size)}, x.dtype)",
        f"pooled = jax.eval_shape(lambda y: {_largest(problem, last, 'y')}, y).shape",
        "if pooled != x.shape:",
        '    raise ValueError(f"y {y.shape} is pooled to {pooled}, not to {x.shape}")',
        f"y = jnp.zeros({(flat[0], math.prod(size))}, x.dtype)",
        f"plane, place = jnp.arange({flat[0]})[:, None], indices.reshape({flat})",
        f"y = {call('y.at[plane, place].set', values, **dropped)}",  # a -1 names no sample
        f"return y.reshape({(*planes, *size)})",
    )
    return Body(lines, ("the values are put into zeros by .at[].set",), recipe=True)


def _unpooled(problem: Problem) -> tuple[int, ...]:
    if problem.output:
        return problem.output
    if isinstance(problem.padding, str) and problem.padding != "valid":
        raise Unsupported("the recipe cannot tell what size was pooled")
    each = zip(problem.x[2:], problem.stride, problem.kernel, in_numbers(problem), strict=False)
    return tuple(max(0, (size - 1) * step + k - sum(pair)) for size, step, k, pair in each)


def unfold(problem: Problem, last: bool) -> Body:
    """Write an unfolding; JAX, too, has the taps of a channel side by side."""
    if last:
        raise Unsupported("the columns of an unfolding have no channels to come last")
    lines = (
        f"y = {_patches(problem, 'x')}",
        "return y.reshape(*y.shape[:2], np.prod(y.shape[2:]))",
    )
    return Body(lines, padding_notes(problem))


def fold(problem: Problem, last: bool) -> Body:
    """Write a folding as the transpose of the unfolding."""
    if last:
        raise Unsupported("the columns of a folding have no channels to come last")
    if not problem.is_float:
        raise Unsupported("the recipe is a jax.linear_transpose, which gives integers no answer")
    taps = max(1, math.prod(problem.kernel))
    shape = (problem.x[0], problem.x[1] // taps, *problem.output)
    lines = (
        "def unfold(image):",
        f"    y = {_patches(problem, 'image')}",
        "    return y.reshape(*y.shape[:2], np.prod(y.shape[2:]))",
        f"image = jax.ShapeDtypeStruct({shape}, x.dtype)",
        "return jax.linear_transpose(unfold, image)(x)[0]",
    )
    notes = ("the transpose of lax.conv_general_dilated_patches", *padding_notes(problem))
    return Body(lines, notes, recipe=True)


def _patches(problem: Problem, operand: str) -> str:
    return call(
        "lax.conv_general_dilated_patches",
        operand,
        filter_shape=problem.kernel,
        window_strides=problem.stride,
        padding=padding(problem),
        rhs_dilation=problem.dilation,
    )
