"""Gradients of pools: what each window hands back to the samples that it read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

from convoracle.axis import Padding
from convoracle.exact import (
    Number,
    exact_sum,
    is_finite,
    is_nan,
    largest,
    lift,
    lowest,
    quotient,
    root,
    size,
)
from convoracle.gradient import check_dy
from convoracle.operation import Choices, Operation, checked, chosen, operands
from convoracle.pool import Pool, check_exponent
from convoracle.tensor import Position, Tensor
from convoracle.window import readers

Share = Callable[[Position, int], Number]  # (n, c, *o), tap -> what the tap's sample gets


def max_pool_gradient(
    x: Tensor,
    dy: Tensor,
    kernel_size: Sequence[int],
    *,
    stride: Sequence[int],
    padding: Padding = "valid",
    dilation: Sequence[int],
    ceil_mode: bool = False,
    dtype: str = "float32",
    choices: Choices | None = None,
) -> Operation:
    """[grad.max] Hand each element of dy (N, C, *output) to the maximum of its window.

    The gradient has the shape of x. Raises `InvalidProblem`. Source: Zeiler & Fergus,
    Visualizing and understanding convolutional networks, 2014, section 2.1 (switches).
    """
    choices = checked(choices)
    pool = Pool(
        operands(x, dtype, choices), kernel_size, stride=stride, padding=padding,
        dilation=dilation, ceil_mode=ceil_mode,
    )  # fmt: skip
    return _handed_back(pool, dy, _to_winners(pool, dtype, choices, identity), dtype, choices)


def identity(sample: Number) -> Number:
    """Return the sample: a maximum compares it as it is."""
    return sample


def _to_winners(
    pool: Pool, dtype: str, choices: Choices, compared: Callable[[Number], Number]
) -> Share:
    """[grad.tie] Return the part of each tap: of equal maxima one, or all, get it."""
    how = chosen(choices, "grad.tie")

    @lru_cache(maxsize=4096)
    def winners(window: Position) -> list[int]:
        plane, under = pool.x.block(*window[:2]), pool.window(window).samples
        terms = {tap: compared(plane[i]) for tap, i in under}
        best = largest(terms.values(), lowest(dtype))
        return [tap for tap, term in terms.items() if term == best or is_nan(term)]

    def share(window: Position, tap: int) -> Number:
        found = winners(window)
        if how in ("first", "last"):
            return int(bool(found) and tap == found[0 if how == "first" else -1])
        whole = 1 if how == "all" else len(found)
        return quotient(1, whole) if tap in found else 0

    return share


def _handed_back(
    pool: Pool,
    dy: Tensor,
    share: Share,
    dtype: str,
    choices: Choices,
) -> Operation:
    """Return the operation whose terms are dy times the share, for the taps that have one."""
    check_dy(dy, pool.shape)
    given = operands(dy, dtype, choices)
    reading = readers(pool.axes)

    def terms(position: Position) -> list[Number]:
        n, c, *i = position
        found = []
        for o, tap in reading(tuple(i)):
            part = share((n, c, *o), tap)
            if is_nan(part) or part != 0:  # a tap without a share hands nothing back, not zero
                found.append(_times(given.block(n, c, *o)[0], part))
        return found

    return Operation(pool.x.shape, dtype, terms, choices=choices)


def _times(given: Number, part: Number) -> Number:
    """Return the product; of an infinity a share has the sign only, however small it is."""
    if is_nan(part):
        return part
    if not is_finite(given):
        return given if part > 0 else -given
    return lift(given) * lift(part)


def avg_pool_gradient(
    x: Tensor,
    dy: Tensor,
    kernel_size: Sequence[int],
    *,
    stride: Sequence[int],
    padding: Padding = "valid",
    dilation: Sequence[int],
    ceil_mode: bool = False,
    count_include_pad: bool = False,
    dtype: str = "float32",
    choices: Choices | None = None,
) -> Operation:
    """[grad.avg] Hand dy over its window's divisor to every sample of the window.

    The gradient has the shape of x. Raises `InvalidProblem`.
    """
    choices = checked(choices)
    pool = Pool(
        x, kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )

    def share(window: Position, _: int) -> Number:
        under = pool.window(window)
        divisor = under.padded if count_include_pad else len(under.samples)  # [avg.divisor]
        return quotient(1, divisor)

    return _handed_back(pool, dy, share, dtype, choices)


def lp_pool_gradient(
    x: Tensor,
    dy: Tensor,
    kernel_size: Sequence[int],
    *,
    p: float = 2,
    stride: Sequence[int],
    padding: Padding = "valid",
    dilation: Sequence[int],
    ceil_mode: bool = False,
    dtype: str = "float32",
    choices: Choices | None = None,
) -> Operation:
    """[grad.lp] Hand dy * sign(sample) * (|sample| / norm)^(p - 1) to every sample of a window.

    For p = inf the largest |sample| gets it all. The gradient has the shape of x. Raises
    `InvalidProblem`.
    """
    choices = checked(choices)
    check_exponent(p)
    pool = Pool(
        operands(x, dtype, choices), kernel_size, stride=stride, padding=padding,
        dilation=dilation, ceil_mode=ceil_mode,
    )  # fmt: skip
    if p == math.inf:
        winner = _to_winners(pool, dtype, choices, size)

        def largest_share(window: Position, tap: int) -> Number:
            return winner(window, tap) * _sign(_sample(pool, window, tap), choices)

        return _handed_back(pool, dy, largest_share, dtype, choices)

    @lru_cache(maxsize=4096)
    def norm(window: Position) -> Number:
        return root(exact_sum([size(lift(one)) ** int(p) for one in pool.samples(window)]), int(p))

    def share(window: Position, tap: int) -> Number:
        sample, length = _sample(pool, window, tap), norm(window)
        if p == 1:
            return _sign(sample, choices)
        if length == 0:  # [grad.lp_zero]
            return 0 if chosen(choices, "grad.lp_zero") == "zero" else math.nan
        return _sign(sample, choices) * quotient(size(lift(sample)), length) ** int(p - 1)

    return _handed_back(pool, dy, share, dtype, choices)


def _sample(pool: Pool, window: Position, tap: int) -> Number:
    return pool.x.block(*window[:2])[dict(pool.window(window).samples)[tap]]


def _sign(number: Number, choices: Choices) -> Number:
    if number == 0 and chosen(choices, "grad.absolute") == "one":
        return 1  # [grad.absolute]
    return (number > 0) - (number < 0)
