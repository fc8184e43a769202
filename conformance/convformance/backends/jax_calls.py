"""Problems written as the body of a JAX function; `Unsupported` where nothing says them."""

from __future__ import annotations

import math
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from convformance.backend import Unsupported
from convformance.backends.source import call
from convformance.problem import Problem

AVERAGE = "average pooling is a quotient of two lax.reduce_window sums"
LP = "Lp pooling is lax.reduce_window over powers, then a root"
PADS = {"reflect": "reflect", "symmetric": "symmetric", "replicate": "edge", "circular": "wrap"}
# Ops whose recipe counts positions in planes, or gives columns: always channels first.
FIRST = ("max_unpool", "unfold", "fold")


@dataclass(frozen=True)
class Body:
    """The lines of a function of the operands, and what is to be said about them."""

    lines: tuple[str, ...]
    note: str = ""
    recipe: bool = False


class Name(str):
    """An option that is written as it stands."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def body(problem: Problem, last: bool) -> Body:
    """Return the forward computation; `last` says whether channels are the last axis."""
    if problem.op not in BODIES:
        raise Unsupported(f"JAX has no {problem.op}")
    if problem.unbatched and not problem.op.endswith("_pool"):
        raise Unsupported("JAX's convolutions need a batch axis; jax.vmap takes one away")
    if problem.op in FIRST and problem.layout == "channels_last":
        raise Unsupported(f"the recipe for {problem.op} has its channels second")
    return BODIES[problem.op](problem, last)


# Convolutions.


def conv(problem: Problem, last: bool) -> Body:
    """Write a convolution, with its bias added after."""
    notes = ["lax.conv_general_dilated with a 1x1 filter"] * (problem.op == "conv1x1")
    if problem.flip and _is_signal(problem):
        return _signal(problem, last)
    lines, recipe = [], False
    if problem.flip:
        lines.append(f"w = jnp.flip(w, {_taps(problem, last)})")
        notes.append("the kernel is turned around by jnp.flip")
        recipe = True
    padding = _padding(problem)
    if problem.padding_mode != "zeros":
        lines.append(_padded(problem, last))
        notes.append("padded by jnp.pad")
        padding, recipe = "VALID", True
    if problem.padding in ("causal", "full"):
        notes.append(f"{problem.padding} padding given in numbers")
    lines.append(f"y = {_convolved(problem, last, padding)}")
    if problem.bias:
        lines.append("y = y + bias")
        notes.append("the bias is added after the convolution")
    return Body((*lines, "return y"), "; ".join(notes), recipe)


def _convolved(problem: Problem, last: bool, padding: object, **more: object) -> str:
    options: dict[str, Any] = {
        "window_strides": problem.stride,
        "padding": padding,
        "rhs_dilation": problem.dilation,
        "feature_group_count": problem.groups,
    }
    if max(problem.input_dilation, default=1) > 1:
        options["lhs_dilation"] = problem.input_dilation
    if problem.batch_groups != 1:
        options["batch_group_count"] = problem.batch_groups
    if problem.output_dtype:
        options["preferred_element_type"] = Name(f"jnp.{problem.output_dtype}")
    if last:
        options["dimension_numbers"] = _numbers(problem.rank)
    return call("lax.conv_general_dilated", "x", "w", **(options | more))


def _numbers(rank: int) -> tuple[str, str, str]:
    """Return the dimension numbers of channels-last operands."""
    axes = "DHW"[-rank:] if rank <= 3 else string.ascii_lowercase[:rank]
    return f"N{axes}C", f"{axes}IO", f"N{axes}C"


def _taps(problem: Problem, last: bool) -> tuple[int, ...]:
    first = 0 if last else 2
    return tuple(range(first, first + problem.rank))


def _padded(problem: Problem, last: bool) -> str:
    if isinstance(problem.padding, str):
        raise Unsupported("jnp.pad takes its padding in numbers")
    if min(map(min, problem.padding)) < 0:
        raise Unsupported("jnp.pad does not crop")
    pads, mode = _full(problem, last, problem.padding, (0, 0)), PADS[problem.padding_mode]
    return f"x = jnp.pad(x, {pads}, {mode!r})"


def _is_signal(problem: Problem) -> bool:
    """Whether a function for signals can say it: one channel, one sample, no steps."""
    ones = {*problem.x[:2], *problem.w[:2], *problem.stride, *problem.dilation}
    fits = problem.padding in ("full", "same", "same_lower") or (
        problem.padding == "valid"
        and all(k <= size for k, size in zip(problem.w[2:], problem.x[2:], strict=True))
    )
    return (
        ones == {1} and fits and problem.is_float and not problem.bias and not problem.output_dtype
        and problem.padding_mode == "zeros" and set(problem.input_dilation) <= {1}
    )  # fmt: skip


def _signal(problem: Problem, last: bool) -> Body:
    mode = str(problem.padding).partition("_")[0]
    places = ("0, ..., 0", "..., 0, 0") if last else ("0, 0", "0, 0")
    back = "y[None, ..., None]" if last else "y[None, None]"
    lines = (
        f"y = jax.scipy.signal.convolve(x[{places[0]}], w[{places[1]}], mode={mode!r})",
        f"return {back}",
    )
    return Body(lines, "jax.scipy.signal.convolve of one channel")


def conv_transpose(problem: Problem, last: bool) -> Body:
    """Write a transposed convolution; lax.conv_transpose has no groups."""
    added = ["y = y + bias"] * problem.bias
    notes = ["the bias is added after the convolution"] * problem.bias
    if problem.groups != 1:
        lines = _spread_by_groups(problem, last)
        notes.append("lax.conv_general_dilated with lhs_dilation, for the groups")
        return Body((*lines, *added, "return y"), "; ".join(notes), True)
    options: dict[str, Any] = {
        "strides": problem.stride,
        "padding": _spread_padding(problem),
        "rhs_dilation": problem.dilation,
        "dimension_numbers": _numbers(problem.rank) if last else _first_numbers(problem.rank),
        "transpose_kernel": True,
    }
    y = f"y = {call('lax.conv_transpose', 'x', 'w', **options)}"
    return Body((y, *added, "return y"), "; ".join(notes))


def _first_numbers(rank: int) -> tuple[str, str, str]:
    axes = "DHW"[-rank:] if rank <= 3 else string.ascii_lowercase[:rank]
    return f"NC{axes}", f"OI{axes}", f"NC{axes}"


def _spread_padding(problem: Problem) -> str | tuple[tuple[int, int], ...]:
    """Return "VALID", "SAME", or the pads of the convolution on spread samples, as documented."""
    more = max(problem.output_padding, default=0) > 0
    if problem.padding == "valid" and not more:
        return "VALID"
    if isinstance(problem.padding, str) and problem.padding.startswith("same"):
        if problem.padding == "same_lower":
            raise Unsupported("lax.conv_transpose has no SAME_LOWER")
        if more:
            raise Unsupported("SAME of lax.conv_transpose has no output padding")
        return "SAME"
    return _spread_pairs(problem)


def _spread_pairs(problem: Problem) -> tuple[tuple[int, int], ...]:
    reach = [d * (k - 1) for d, k in zip(problem.dilation, problem.kernel_size, strict=True)]
    if problem.padding == "valid":
        pairs = [(0, 0)] * problem.rank
    elif problem.padding == "full":
        pairs = [(one, one) for one in reach]
    elif isinstance(problem.padding, str):
        raise Unsupported(f"no padding {problem.padding!r} of a transposed convolution")
    else:
        pairs = list(problem.padding)
    return tuple(
        (one - before, one - after + more)
        for one, (before, after), more in zip(reach, pairs, problem.output_padding, strict=True)
    )


def _spread_by_groups(problem: Problem, last: bool) -> tuple[str, ...]:
    if isinstance(problem.padding, str) and problem.padding.startswith("same"):
        raise Unsupported("lax.conv_transpose has no groups, and its recipe no 'SAME'")
    groups, (C, width, *kernel) = problem.groups, problem.w
    if C % max(1, groups) or groups < 1 or problem.x[1] != C:
        raise Unsupported("the recipe for groups splits the channels evenly")
    back = f"w = w.transpose({(problem.rank + 1, problem.rank, *range(problem.rank))})"
    shapes = (groups, C // groups, width, *kernel), (groups * width, C // groups, *kernel)
    spread = {
        "window_strides": (1,) * problem.rank,
        "lhs_dilation": problem.stride,
        "rhs_dilation": problem.dilation,
        "feature_group_count": groups,
        "padding": _spread_pairs(problem),
    }
    if last:
        spread["dimension_numbers"] = (
            _numbers(problem.rank)[0], _first_numbers(problem.rank)[1], _numbers(problem.rank)[2],
        )  # fmt: skip
    return (
        *([back] if last else []),
        f"w = w.reshape({shapes[0]}).swapaxes(1, 2).reshape({shapes[1]})",
        f"w = jnp.flip(w, {tuple(range(2, 2 + problem.rank))})",
        f"y = {call('lax.conv_general_dilated', 'x', 'w', **spread)}",
    )


def depthwise_conv(problem: Problem, last: bool) -> Body:
    """Write a depthwise convolution: as many groups as channels."""
    y = _convolved(problem, last, _padding(problem), feature_group_count=problem.x[1])
    return Body((f"return {y}",), "feature_group_count=C")


def separable_conv(problem: Problem, last: bool) -> Body:
    """Write a depthwise and a 1x1 convolution."""
    y = _convolved(problem, last, _padding(problem), feature_group_count=problem.x[1])
    ones: dict[str, Any] = {"window_strides": (1,) * problem.rank, "padding": "VALID"}
    if last:
        ones["dimension_numbers"] = _numbers(problem.rank)
    second = call("lax.conv_general_dilated", "y", "pointwise", **ones)
    return Body((f"y = {y}", f"return {second}"), "two convolutions", True)


# Pools.


def pool(problem: Problem, last: bool) -> Body:
    """Write a pool by lax.reduce_window."""
    if problem.ceil_mode:
        raise Unsupported("lax.reduce_window has no ceil_mode")
    if problem.indices:
        raise Unsupported("a maximum by lax.reduce_window gives no indices")
    if problem.op == "max_pool":
        lowest = "np.array(jnp.iinfo(x.dtype).min, x.dtype)"
        init = "-jnp.inf" if problem.is_float else lowest
        return Body((f"return {_window(problem, last, 'x', init, 'max')}",))
    if problem.op == "lp_pool":
        return Body(tuple(_lp(problem, last)), LP, True)
    if not problem.is_float:
        raise Unsupported("JAX has no average pooling, and in a recipe an integer sum may wrap")
    total = _window(problem, last, "x", "0.0", "add")
    if problem.count_include_pad or problem.padding == "valid":  # every tap counts
        taps = math.prod(problem.kernel)
        return Body((f"return lax.div({total}, x.dtype.type({taps}))",), AVERAGE, True)
    count = _window(problem, last, "jnp.ones(x.shape, jnp.float32)", "0.0", "add")
    lines = (f"count = {count}", f"return lax.div({total}, count.astype(x.dtype))")
    return Body(lines, AVERAGE, True)


def _lp(problem: Problem, last: bool) -> list[str]:
    p = problem.p
    if not problem.is_float or p < 1:
        raise Unsupported("JAX has no Lp pooling; the recipe takes floating-point numbers, p >= 1")
    if p == math.inf:
        return [f"return {_window(problem, last, 'lax.abs(x)', 'x.dtype.type(0)', 'max')}"]
    total = _window(problem, last, f"lax.abs(x) ** {p}", "0.0", "add")
    roots = {1: "total", 2: "lax.sqrt(total)", 3: "lax.cbrt(total)"}
    return [f"total = {total}", f"return {roots.get(int(p), f'total ** (1 / {p})')}"]


def _window(problem: Problem, last: bool, operand: str, init: str, reduction: str) -> str:
    padding = _padding(problem)
    return call(
        "lax.reduce_window",
        operand,
        init,
        f"lax.{reduction}",
        window_dimensions=_full(problem, last, problem.kernel, 1),
        window_strides=_full(problem, last, problem.stride, 1),
        padding=padding if isinstance(padding, str) else _full(problem, last, padding, (0, 0)),
        window_dilation=_full(problem, last, problem.dilation, 1),
    )


def _full(problem: Problem, last: bool, entries: tuple[Any, ...], one: Any) -> tuple[Any, ...]:
    """Return entries for every axis of x, the batch and the channels among them."""
    whole = (one, *entries, one) if last else (one, one, *entries)
    return whole[1:] if problem.unbatched else whole


def whole_pool(problem: Problem, last: bool) -> Body:
    """Write a global pool as a reduction over the spatial axes."""
    if problem.op == "global_avg_pool" and not problem.is_float:
        raise Unsupported("jnp.mean of integers is a float")
    first = (1 if last else 2) - problem.unbatched
    axes = tuple(range(first, first + problem.rank))
    name = "max" if problem.op == "global_max_pool" else "mean"
    return Body((f"return jnp.{name}(x, axis={axes}, keepdims=True)",), f"jnp.{name}")


# Planes and columns.


def max_unpool(problem: Problem, last: bool) -> Body:
    """Write an unpooling as a scatter of values into zeros."""
    del last  # always channels first
    sides = [(0, 0)] * problem.rank if isinstance(problem.padding, str) else problem.padding
    if isinstance(problem.padding, str) and problem.padding != "valid":
        raise Unsupported("the recipe needs the size of the output, not 'same'")
    least = tuple(
        (size - 1) * step + k - sum(pair)
        for size, step, k, pair in zip(
            problem.x[2:], problem.stride, problem.kernel, sides, strict=True
        )
    )
    N, C = problem.x[:2]
    size = problem.output or least
    lines = (
        f"y = jnp.zeros(({N}, {C}, {math.prod(size)}), x.dtype)",
        f"places = indices.reshape({N}, {C}, {math.prod(problem.x[2:])})",
        f"n, c = jnp.arange({N})[:, None, None], jnp.arange({C})[:, None]",
        "y = y.at[n, c, places].set(x.reshape(places.shape))",
        f"return y.reshape({(N, C, *size)})",
    )
    return Body(lines, "values scattered by .at[].set", True)


def unfold(problem: Problem, last: bool) -> Body:
    """Write an unfolding, whose channels JAX orders as PyTorch does."""
    del last
    return Body(
        (f"y = {_patches(problem, 'x')}", "return y.reshape(*y.shape[:2], -1)"),
        "lax.conv_general_dilated_patches",
    )


def fold(problem: Problem, last: bool) -> Body:
    """Write a folding as the transpose of the unfolding."""
    del last
    if not problem.is_float:
        raise Unsupported("the recipe is a derivative, and integers have none")
    taps = math.prod(problem.kernel)
    shape = (problem.x[0], problem.x[1] // max(1, taps), *problem.output)
    lines = (
        f"def unfold(image):\n        y = {_patches(problem, 'image')}\n"
        "        return y.reshape(*y.shape[:2], -1)",
        f"return jax.vjp(unfold, jnp.zeros({shape}, x.dtype))[1](x)[0]",
    )
    return Body(lines, "the transpose of lax.conv_general_dilated_patches", True)


def _patches(problem: Problem, operand: str) -> str:
    return call(
        "lax.conv_general_dilated_patches",
        operand,
        repr(problem.kernel),
        repr(problem.stride),
        repr(_padding(problem)),
        rhs_dilation=problem.dilation,
    )


def _padding(problem: Problem) -> str | tuple[tuple[int, int], ...]:
    if not isinstance(problem.padding, str):
        return problem.padding
    if problem.padding in ("causal", "full"):
        reach = [d * (k - 1) for d, k in zip(problem.dilation, problem.kernel_size, strict=True)]
        return tuple((one, one if problem.padding == "full" else 0) for one in reach)
    return {"valid": "VALID", "same_lower": "SAME_LOWER"}.get(problem.padding, "SAME")


BODIES: dict[str, Callable[[Problem, bool], Body]] = {
    "conv": conv,
    "conv1x1": conv,
    "conv_transpose": conv_transpose,
    "depthwise_conv": depthwise_conv,
    "separable_conv": separable_conv,
    "max_pool": pool,
    "avg_pool": pool,
    "lp_pool": pool,
    "global_max_pool": whole_pool,
    "global_avg_pool": whole_pool,
    "max_unpool": max_unpool,
    "unfold": unfold,
    "fold": fold,
}
