"""Pooling, per output element: what is made of the samples under its window."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial

from convoracle.axis import Axis, Padding, slide
from convoracle.errors import InvalidProblem
from convoracle.exact import (
    FORMATS,
    Number,
    exact_sum,
    is_nan,
    largest,
    lift,
    lowest,
    quotient,
    root,
    size,
)
from convoracle.operation import Choices, Operation, checked, chosen, identity, operands
from convoracle.tensor import Position, Tensor
from convoracle.window import Window, windows


class Pool:
    """What every pool shares: the axes, the windows and the samples under them."""

    def __init__(
        self,
        x: Tensor,
        kernel_size: Sequence[int],
        *,
        stride: Sequence[int],
        padding: Padding,
        dilation: Sequence[int],
        ceil_mode: bool,
    ) -> None:
        if len(x.shape) < 3:
            raise InvalidProblem("problem.rank", f"the input {x.shape} is not (N, C, *spatial)")
        self.x = x
        self.axes: tuple[Axis, ...] = slide(
            x.shape[2:],
            kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            ceil_mode=ceil_mode,
        )
        self.shape = (*x.shape[:2], *(axis.count for axis in self.axes))
        self._windows = windows(self.axes)

    def window(self, position: Position) -> Window:
        """Return the taps of an output element."""
        return self._windows(position[2:])

    def samples(self, position: Position) -> list[Number]:
        """[max.padding] [lp.padding] The samples under the window; padding gives none."""
        plane = self.x.block(*position[:2])
        return [plane[i] for _, i in self.window(position).samples]


def max_pool(
    x: Tensor,
    kernel_size: Sequence[int],
    *,
    stride: Sequence[int],
    padding: Padding = "valid",
    dilation: Sequence[int],
    ceil_mode: bool = False,
    dtype: str = "float32",
    choices: Choices | None = None,
) -> Operation:
    """Take the maximum over each window of x (N, C, *spatial) -> (N, C, *output), with its index.

    Raises `InvalidProblem`. Source: Dumoulin & Visin 2016, section 3; IEEE 754-2019 maximum
    for NaN.
    """
    choices = checked(choices)
    pool = Pool(
        operands(x, dtype, choices),
        kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
    )

    def index(position: Position) -> int:
        """[max.index] Return the flat position in the input plane; -1 where there is no sample."""
        terms = pool.samples(position)
        best = largest(terms, lowest(dtype))
        nan = is_nan(best)
        hits = [tap for tap, term in enumerate(terms) if (is_nan(term) if nan else term == best)]
        # [max.nan_index] [max.tie] the first of them, or the last
        which = chosen(choices, "max.nan_index" if nan else "max.tie")
        taps = pool.window(position).samples
        return taps[hits[0 if which == "first" else -1]][1] if hits else -1

    combine = partial(largest, lowest=lowest(dtype))  # [max.empty]
    return Operation(pool.shape, dtype, pool.samples, combine, index=index, choices=choices)


def avg_pool(
    x: Tensor,
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
    """[avg.value] Average each window of x (N, C, *spatial) -> (N, C, *output).

    Raises `InvalidProblem`. Source: Dumoulin & Visin 2016, section 3 (relationship 7).
    """
    choices = checked(choices)
    pool = Pool(
        operands(x, dtype, choices),
        kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
    )

    def finish(position: Position, total: Number) -> Number:
        window = pool.window(position)
        # [avg.divisor] never what ceil_mode lets overrun
        divisor = window.padded if count_include_pad else len(window.samples)
        return average(total, divisor, dtype, choices)

    return Operation(pool.shape, dtype, pool.samples, finish=finish, choices=choices)


def average(total: Number, divisor: int, dtype: str, choices: Choices) -> Number:
    """Return total / divisor as [avg.empty] and [avg.integer] say."""
    if divisor == 0:
        zero = dtype not in FORMATS or chosen(choices, "avg.empty") == "zero"
        return 0 if zero else math.nan
    exact = quotient(total, divisor)
    if dtype in FORMATS:
        return exact
    how: dict[str, Callable[[Number], int]] = {
        "truncate": math.trunc,
        "floor": math.floor,
        "nearest": round,
    }
    return how[chosen(choices, "avg.integer")](exact)


def lp_pool(
    x: Tensor,
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
    """[lp.value] Take the Lp norm of each window of x (N, C, *spatial) -> (N, C, *output).

    p is 1, 2, 3, ... or inf. Raises `InvalidProblem`. Source: Sermanet, Chintala & LeCun,
    Convolutional neural networks applied to house numbers digit classification, 2012.
    """
    choices = checked(choices)
    _check_float("lp_pool", dtype)
    check_exponent(p)
    pool = Pool(
        operands(x, dtype, choices),
        kernel_size,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
    )
    if p == math.inf:
        terms = partial(_powers, pool, 1)
        return Operation(
            pool.shape, dtype, terms, partial(largest, lowest=0.0), identity, choices=choices
        )

    def finish(_position: Position, total: Number) -> Number:
        return root(total, int(p))

    return Operation(
        pool.shape, dtype, partial(_powers, pool, int(p)), exact_sum, finish, choices=choices
    )


def _powers(pool: Pool, p: int, position: Position) -> list[Number]:
    """Return |sample|^p, exact: lifted, since a float's cube has more bits than a float."""
    return [size(lift(sample)) ** p for sample in pool.samples(position)]


def distance_pool(
    x: Tensor,
    w: Tensor,
    *,
    stride: Sequence[int],
    padding: Padding = "valid",
    dilation: Sequence[int],
    ceil_mode: bool = False,
    count_include_pad: bool = False,
    dtype: str = "float32",
    choices: Choices | None = None,
) -> Operation:
    """[distance.value] Average each window of x (N, C, *spatial) with the weights w (*kernel).

    [distance.weight] One weight for each tap, for every channel; the sum is divided by the
    weights of the taps that count. Raises `InvalidProblem`. Source: Goodfellow, Bengio &
    Courville, Deep Learning, 2016, section 9.3 (an average weighted by the distance from the
    central pixel).
    """
    choices = checked(choices)
    _check_float("distance_pool", dtype)
    pool = Pool(
        operands(x, dtype, choices),
        w.shape,
        stride=stride,
        padding=padding,
        dilation=dilation,
        ceil_mode=ceil_mode,
    )
    weights = operands(w, dtype, choices).values
    zero = Fraction(0) if dtype == "float64" else 0.0

    def terms(position: Position) -> list[Number]:
        plane, window = pool.x.block(*position[:2]), pool.window(position)
        found = [weights[tap] * plane[i] for tap, i in window.samples]
        return found + [weights[tap] * zero for tap in window.padding if count_include_pad]

    def finish(position: Position, total: Number) -> Number:
        window = pool.window(position)
        taps = [tap for tap, _ in window.samples]
        if count_include_pad:
            taps += window.padding  # [distance.divisor] as zeros, and never what overruns
        return quotient(total, exact_sum([weights[tap] for tap in taps]))

    return Operation(pool.shape, dtype, terms, finish=finish, choices=choices)


def _check_float(op: str, dtype: str) -> None:
    if dtype not in FORMATS:
        raise InvalidProblem("problem.float", f"{op} has no meaning for {dtype} elements")


def check_exponent(p: float) -> None:
    """[lp.p] Raise `InvalidProblem` unless p is 1, 2, 3, ... or inf."""
    if not (p == math.inf or (p >= 1 and p == int(p))):
        raise InvalidProblem("lp.p", f"p={p} is neither a whole number of at least 1 nor inf")
