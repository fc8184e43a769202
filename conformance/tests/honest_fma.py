"""Fused multiply-add for NumPy arrays, rounded once, and the rounding to odd that it rests on.

Source: Boldo & Melquiond 2008, Emulation of a FMA and correctly rounded sums: proved algorithms
using rounding to odd.
"""

from __future__ import annotations

from fractions import Fraction
from math import inf, isfinite

import numpy as np

from convformance.backend import Array
from convformance.expect import numpy_dtype

SPLIT = 2.0**27 + 1  # halves a float64 significand (Dekker)
LEAST, MOST = 2.0**-300, 2.0**300  # between them no step of the emulation leaves the range


def fma(total: Array, a: Array, b: Array) -> Array:
    """Return total + a * b, rounded once for float32 and float64; integers need no rounding."""
    dtype = np.result_type(total, a, b)
    if dtype == np.float32:
        product = a.astype(np.float64) * b  # 48 bits: exact
        return to_odd(*two_sum(product, total.astype(np.float64))).astype(np.float32)
    if dtype != np.float64:
        return total + a * b
    total, a, b = np.broadcast_arrays(total, a, b)
    found = _fma64(total, a, b)
    risky = ~(_calm(total) & _calm(a) & _calm(b))
    if risky.any():
        found = np.array(found)
        values = zip(total[risky], a[risky], b[risky], strict=True)
        found[risky] = [exact_fma(*map(float, one)) for one in values]
    return found


def _calm(x: Array) -> Array:
    size = abs(x)
    return (x == 0) | ((size > LEAST) & (size < MOST))


def _fma64(total: Array, a: Array, b: Array) -> Array:
    high, low = two_product(a, b)
    t_high, t_low = two_sum(total, low)
    v_high, v_low = two_sum(high, t_high)
    return v_high + to_odd(*two_sum(t_low, v_low))


def exact_fma(total: float, a: float, b: float) -> float:
    """Return total + a * b of three floats, rounded once, by fractions."""
    if not (isfinite(a) and isfinite(b)):
        return total + a * b
    if not isfinite(total):
        return total
    exact = Fraction(total) + Fraction(a) * Fraction(b)
    try:
        return float(exact)
    except OverflowError:
        return inf if exact > 0 else -inf


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """Return the rounded sum and its error, which add up exactly (Knuth)."""
    total = np.asarray(a + b)
    other = total - a
    return total, np.asarray((a - (total - other)) + (b - other))


def two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """Return the rounded product and its error, which add up exactly (Dekker)."""
    product = a * b
    a_high, b_high = _high(a), _high(b)
    a_low, b_low = a - a_high, b - b_high
    low = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, low


def _high(x: Array) -> Array:
    wide = SPLIT * x
    return wide - (wide - x)


def to_odd(total: Array, error: Array) -> Array:
    """Return total + error rounded to odd: a later rounding to fewer bits is the only one."""
    off = np.isfinite(total) & np.isfinite(error) & (error != 0)
    bits = np.int64 if total.dtype == np.float64 else np.int32
    even = (total.view(bits) & 1) == 0
    beside = np.nextafter(total, np.where(error > 0, inf, -inf).astype(total.dtype))
    return np.where(off & even, beside, total)


def rounded_once(values: Array, dtype: str) -> Array:
    """Return values in a dtype of the suite; ml_dtypes would round float64 to bfloat16 twice."""
    if dtype == "bfloat16" and values.dtype == np.float64:
        single = values.astype(np.float32)
        values = to_odd(single, np.sign(values - single))  # only the error's sign counts
    return values.astype(numpy_dtype(dtype))
