"""What the strategies of all ops share: an axis, sizes around the limits, dtypes.

Geometry is drawn, data is not: a case carries a seed, which costs nothing to draw or shrink.
"""

from __future__ import annotations

from functools import cache, lru_cache
from math import prod
from typing import Any

from hypothesis import strategies as st

FLOATS = ("float32", "float64", "float16", "bfloat16")
INTEGERS = ("int8", "int32", "int64")
UNSIGNED = ("uint8",)
COMPLEX = ("complex64", "complex128")
FLOAT_OPS = ("lp_pool", "distance_pool")
MEANING_FILLS = ("integers", "integers", "integers+special", "special")
BUDGET = 3_000  # terms of a small case: the oracle loops over all of them in milliseconds
CHANNELS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33)

Draw = Any  # Hypothesis's draw function
ONE_IN_16 = st.integers(0, 15).map(lambda number: number == 9)
ONE_IN_32 = st.integers(0, 31).map(lambda number: number == 17)  # not an end: ends are drawn often


@cache  # Hypothesis looks a strategy over when it is first drawn from
def small(low: int, high: int) -> st.SearchStrategy[int]:
    """Return whole numbers that shrink to `low`."""
    return st.integers(low, high)


@lru_cache(maxsize=4096, typed=True)  # 1 and True are two
def among(*values: Any) -> st.SearchStrategy[Any]:
    """Return one of the values; those before shrink better."""
    return st.sampled_from(values)


@st.composite
def axis(draw: Draw, padding: str, pool: bool) -> dict[str, Any]:
    """Draw one axis: its size is drawn last, around what the window needs."""
    kernel = draw(among(1, 2, 3, 2, 4, 5, 3, 2, 7))
    dilation = draw(among(1, 1, 1, 2, 3))
    stride = draw(among(1, 1, 2, 3, kernel, kernel + 1))
    extent = dilation * (kernel - 1) + 1
    before = after = 0
    if padding == "symmetric":
        # mostly within half the kernel, where every framework can follow
        before = after = draw(small(0, max(kernel // 2, draw(among(0, 0, 0, extent)))))
    elif padding == "asymmetric":
        before, after = draw(small(0, extent)), draw(small(0, extent))
    # Extents that only just fit, strides that leave 0, 1 or stride - 1 samples over, and more.
    spare = draw(among(0, 1, stride, stride - 1, stride + 1, 2 * stride, 5, 3, 2, 4, 6, 7))
    size = extent + spare - before - after
    if size < 1:
        size = 1 + draw(small(0, 2))
    elif draw(ONE_IN_32):
        size = draw(among(0, max(0, size - spare - 1)))  # no sample, or one too few
    return {
        "kernel": kernel,
        "dilation": dilation,
        "stride": stride,
        "pad": (before, after),
        "size": size,
    }


PAD_KINDS = (
    "valid", "symmetric", "same", "asymmetric", "valid", "same_upper", "same_lower", "symmetric",
)  # fmt: skip


def shortened(sizes: list[int], kernel: tuple[int, ...]) -> tuple[int, ...]:
    """Cut the longest axis until a loop over all taps of all samples stays small."""
    while prod(sizes) * prod(kernel) > BUDGET and max(sizes) > 1:
        longest = sizes.index(max(sizes))
        sizes[longest] = sizes[longest] * 2 // 3
    return tuple(sizes)


def batch(draw: Draw) -> int:
    """Draw N, now and then 0."""
    return int(draw(among(1, 2, 1, 3, 1, 2, 2, 1, 1, 2, 1, 4, 2, 1, 3, 0)))


def channels(draw: Draw, most: int) -> int:
    """Draw C or M, around the widths of vectors and blocks."""
    return int(draw(among(*(C for C in CHANNELS if max(1, most) >= C))))
